"""Long series: sluice.windows and Model.forecast against copies of the windows and against the program, to the bit; sluice.Forecaster:
what it scales, trains on, never sees and learns; what they refuse, and how."""
import json
import pickle

import numpy as np
import pytest

import sluice
from conftest import run_program, same_bits
from sluice._series import SeriesWindows

WINDOW, HORIZONS = 7, (1, 3)


LOSSES = {"squared": lambda errors: errors**2, "absolute": abs,
          "huber": lambda errors: np.where(abs(errors) <= 0.25, errors**2 / 2, 0.25 * (abs(errors) - 0.25 / 2)),
          "quantile": lambda errors: np.maximum(QUANTILES * errors, (QUANTILES - 1) * errors)}  # of truth less forecast
QUANTILES = np.float32([0.1, 0.5, 0.75]).astype(np.float64)


def small(**changes):
    """A forecaster that learns fast."""
    return sluice.Forecaster(**{"window": WINDOW, "horizon": HORIZONS, "hidden": 6, "epochs": 2, "rate": 0.01, "random_state": 0} | changes)


def waves(rng, steps, width=3):
    """Columns of sines of different sizes, with noise."""
    t = np.arange(steps)[:, np.newaxis]
    return (10.0**np.arange(width) * (3 + np.sin(t / np.arange(3, 3 + width)) + 0.1 * rng.standard_normal((steps, width)))).astype(np.float32)


def targets_of(series, count):
    """Of the first windows of a series, float64 [count][horizons][columns]."""
    return np.array([series[n + WINDOW - 1 + HORIZONS[0]:n + WINDOW + HORIZONS[1]] for n in range(count)], np.float64)


def copies(series, window, hop):
    """The windows of a series as an array of their own."""
    return np.array([series[first:first + window] for first in range(0, len(series) - window + 1, hop)])


def as_program(tmp_path, model, *words):
    """The forecasts that `sluice run` writes, [N][outputs]."""
    model.save(tmp_path / "model.safetensors")
    printed, status = run_program("run", tmp_path / "model.safetensors", *words, "-o", tmp_path / "forecast.csv")
    assert status == 0, printed
    return np.loadtxt(tmp_path / "forecast.csv", delimiter=",", skiprows=1, usecols=range(2, 5), dtype=np.float32, ndmin=2)


# Windows


@pytest.mark.parametrize("window, hop", [(1, 1), (5, 1), (5, 3), (40, 7), (5, 100)])
def test_windows_are_those_of_copies(rng, window, hop):
    model = sluice.random_model(inputs=3, hidden=4, classes=2, seed=1)
    series = waves(rng, 40)
    found = sluice.windows(series, window, hop)
    assert np.shares_memory(found, series) and not found.flags.writeable
    assert np.array_equal(found, copies(series, window, hop)) and same_bits(model(found), model(copies(series, window, hop)))


def test_what_is_converted_is_the_series_alone(rng):
    """Windows share their steps, 12 bytes each, whatever the array's type and strides were."""
    series = waves(rng, 40)
    for given in (series.astype(np.float64), series.astype(">f4"), np.asfortranarray(series), series[::-1]):
        found = sluice.windows(given, 10)
        assert found.strides == (12, 12, 4) and np.array_equal(found, copies(np.asarray(given, np.float32), 10, 1))


def test_windows_of_tokens(rng):
    model = sluice.random_model(inputs=3, hidden=4, vocabulary=9, classes=2, seed=1)
    tokens = rng.integers(0, 9, 30)
    assert same_bits(model(sluice.windows(tokens, 6, 2)), model(copies(tokens, 6, 2)))


@pytest.mark.parametrize("arguments, words", [(([[1.0]], 2), "1 steps, a window 2"), (([[1.0]], 0), "window: 0"), (([[1.0]], 1, 0), "hop: 0"),
                                              ((1.0, 1), r"shape is \(\)"), (([[1.0]], 1.5), "window: 1.5")], ids=str)
def test_windows_that_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        sluice.windows(*arguments)


# Forecasts by what a file says


@pytest.mark.parametrize("scaling", ["standardize", "normalize", "none"])
def test_forecasts_are_the_program_s(rng, tmp_path, scaling):
    """Of a model of this package, saved; an array and a table of the same numbers."""
    series = waves(rng, 50)
    model = small(scaling=scaling, target=1).fit(series).model_
    np.save(tmp_path / "x.npy", series)
    for hop in (1, 4):
        found = model.forecast(series, hop=hop)
        assert found.shape == ((50 - WINDOW) // hop + 1, 3, 1)
        assert same_bits(found[..., 0], as_program(tmp_path, model, "-i", tmp_path / "x.npy", "--hop", hop))
        assert same_bits(found.reshape(len(found), 3), model(copies(series, WINDOW, hop)))
    assert same_bits(sluice.load(tmp_path / "model.safetensors").forecast(series), model.forecast(series))
    assert same_bits(pickle.loads(pickle.dumps(model)).forecast(series), model.forecast(series))


def test_a_model_of_the_program_takes_tables(rng, tmp_path):
    """By the names of its columns, from all kinds of tables, in the units of the data."""
    series = waves(rng, 60)
    lines = "\n".join(f"{t},{a},{b},{c}" for t, (a, b, c) in enumerate(series.tolist()))
    (tmp_path / "x.csv").write_text("time,heat,load,wind\n" + lines + "\n")
    for more, outputs in ((["--horizon", "2-4", "--hop", 3], (3, 1)), (["--loss", "quantile:0.1,0.5,0.9"], (1, 1, 3))):
        printed, status = run_program("train", "-i", tmp_path / "x.csv", "--window", WINDOW, "--columns", "wind,load", "--target", "load",
                                      "--standardize", "--hidden", 5, "--epochs", 1, "-o", tmp_path / "m.safetensors", *more)
        assert status == 0, printed
        model = sluice.load(tmp_path / "m.safetensors")
        assert model.info.series.inputs == ["wind", "load"] and model.info.series.scaling == "standardize"
        wanted = as_program(tmp_path, model, "-i", tmp_path / "x.csv")
        table = dict(zip(("heat", "load", "wind"), series.T.astype(np.float64)))
        records = np.rec.fromarrays(list(table.values()), names=list(table))
        frame = type("Frame", (), {"columns": list(table), "__getitem__": lambda self, name: table[name]})()
        for given in (table, records, frame, series[:, [2, 1]]):
            found = model.forecast(given)
            assert found.shape == (len(wanted), *outputs) and same_bits(found.reshape(wanted.shape), wanted)


def test_whole_series_are_forecast_at_every_step(rng, tmp_path):
    series = waves(rng, 60, 2)
    np.save(tmp_path / "series.npy", series)
    printed, status = run_program("train", "-i", tmp_path / "series.npy", "--target", 2, "--horizon", "1-3", "--truncate", 20, "--standardize",
                                  "--epochs", 2, "--hidden", 5, "-o", tmp_path / "whole.safetensors")
    assert status == 0, printed
    model = sluice.load(tmp_path / "whole.safetensors")
    found = model.forecast(series)
    assert model.info.series.window == 0 and found.shape == (60, 3, 1)
    assert same_bits(found.reshape(60, 3), as_program(tmp_path, model, "-i", tmp_path / "series.npy"))
    with pytest.raises(sluice.ArgumentError, match="hop: 2; .* whole series"):
        model.forecast(series, hop=2)


def test_forecasts_that_are_refused(rng, tmp_path):
    series = waves(rng, 50)
    model = small().fit(series).model_
    with pytest.raises(sluice.UnsupportedError, match="Forecaster.*--window"):
        sluice.random_model(inputs=3, hidden=4, seed=1).forecast(series)
    with pytest.raises(sluice.ArgumentError, match="2 columns; the model has 3 inputs"):
        model.forecast(series[:, :2])
    with pytest.raises(sluice.DataError, match="no column '1'; its columns are a, b"):
        model.forecast({"a": [1.0], "b": [2.0]})
    with pytest.raises(sluice.DataError, match="6 steps, a window 7"):
        model.forecast(series[:6])
    series[9, 1] = np.nan
    with pytest.raises(sluice.DataError, match="step 9, column '2'") as caught:
        model.forecast(series)
    assert caught.value.step == 9


@pytest.mark.parametrize("change", [{"version": 2}, {"window": -1}, {"horizons": [2, 1]}, {"horizons": 3}, {"inputs": ["1"]}, {"scaling": "x"},
                                    {"targets": []}], ids=str)
def test_a_damaged_description_is_refused(rng, tmp_path, change):
    small().fit(waves(rng, 50)).save(tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + size])
    said = json.loads(header["__metadata__"]["sluice_series"])
    header["__metadata__"]["sluice_series"] = json.dumps(said | change)
    text = json.dumps(header).encode()
    model = sluice.load(len(text).to_bytes(8, "little") + text + content[8 + size:])
    with pytest.raises(sluice.DataError, match="sluice_series.*damaged"):
        model.forecast(np.zeros((50, 3)))


# What the forecaster trains on


@pytest.mark.parametrize("scaling", ["standardize", "normalize"])
def test_scaling_has_the_program_s_bits(rng, tmp_path, scaling):
    """Of the training part alone, with a constant column, and a target that is no input; the file says the same in both."""
    series = waves(rng, 3000, 4)
    series[:, 3] = 0.3
    np.save(tmp_path / "x.npy", series)
    printed, status = run_program("train", "-i", tmp_path / "x.npy", "--window", WINDOW, "--columns", "4,2", "--target", "3,2", f"--{scaling}",
                                  "--validate-last", "25%", "--hidden", 6, "--epochs", 1, "-o", tmp_path / "m.safetensors")
    assert status == 0, printed
    theirs = sluice.load(tmp_path / "m.safetensors")
    ours = small(scaling=scaling, columns=[3, 1], target=[2, 1], horizon=1, epochs=1, early_stopping=True, validation_fraction=0.25).fit(series)
    assert ours.model_.info.series == theirs.info.series
    tensors = ours.model_.tensors()
    for key, values in theirs.tensors().items():
        assert key in tensors and (key[2] not in ("scale", "shift") or same_bits(values, tensors[key]))
    assert tensors[0, 0, "scale"][0] == 1


def test_windows_train_as_copies_do(rng, monkeypatch):
    """The same bits; and what is trained on is, to the bit, what the model's first layer gives of the data."""
    series = [waves(rng, 50), waves(rng, 33)]
    wanted = small().fit(series).model_

    def batch(self, rows, own):
        x = np.array([self.values[begin:begin + WINDOW] for begin in self.begins[rows[own]]])
        seen.append(self)
        return {"x": x, "x_row_stride": x[0].size, "x_step_stride": x.shape[2], "lengths": self.lengths[rows], "rows": len(rows), "steps": WINDOW}

    seen = []
    monkeypatch.setattr(SeriesWindows, "batch", batch)
    found = small().fit(series).model_
    assert [same_bits(values, found.tensors()[key]) for key, values in wanted.tensors().items()] == [True] * len(wanted.tensors())
    scaled = found(np.concatenate(series)[np.newaxis], outputs=0)[0]
    assert same_bits(scaled[0], seen[0].values)
    _, values = seen[0].targets(np.array([5, 44]))
    places = [5 + WINDOW - 1, 50 + 44 - 41 + WINDOW - 1]  # of 41 windows of the first series
    assert np.array_equal(values, [scaled[0][place + 1:place + 4].ravel() for place in places])


def test_a_target_that_is_no_input_is_scaled_too(rng, monkeypatch):
    """To mean 0 and deviation 1: its numbers are below 8, as are scale and shift, and three roundings of 2^-24 leave 24 * 2^-24 of each."""
    seen = []
    targets = SeriesWindows.targets
    monkeypatch.setattr(SeriesWindows, "targets", lambda self, rows: seen.append(self) or targets(self, rows))
    small(columns=[0, 1], target=2, epochs=1).fit(waves(rng, 300))
    assert seen[0].values.shape == (300, 3) and np.abs(seen[0].values).max() < 8
    scaled = seen[0].values[:, 2].astype(np.float64)
    assert abs(scaled.mean()) < 24 * 2**-24 and abs(scaled.std() - 1) < 24 * 2**-24


@pytest.mark.parametrize("hop", [1, 3, 20])
def test_windows_are_split_without_a_look_ahead(rng, hop):
    starts = np.array([0, 40, 49, 80])
    data = SeriesWindows(np.zeros((80, 1), np.float32), starts, WINDOW, hop, HORIZONS, [0])
    lengths = [30, 7, 25]
    spans = [(n, first) for n in range(3) for first in range(0, starts[n + 1] - starts[n], hop)
             if first + WINDOW - 1 + HORIZONS[1] < starts[n + 1] - starts[n]]
    assert [starts[n] + first for n, first in spans] == data.begins.tolist()
    kept, held = data.split(lengths)
    assert kept.tolist() == [k for k, (n, first) in enumerate(spans) if first + WINDOW - 1 + HORIZONS[1] < lengths[n]]
    assert held.tolist() == [k for k, (n, first) in enumerate(spans) if first + WINDOW - 1 + HORIZONS[0] >= lengths[n]]


def test_training_never_sees_what_is_held_out(rng):
    """Scaling and losses of training are the same, whatever the last fifth is; the step before it counts."""
    series = waves(rng, 50)
    seen = []
    for step in (None, 40, 39):
        changed = series.copy()
        if step is not None:
            changed[step:] *= -7
        found = small(early_stopping=True, validation_fraction=0.2).fit(changed)
        seen.append(([report.loss for report in found.history_], found.model_.tensors()[0, 0, "scale"].tolist()))
    assert seen[0] == seen[1] and seen[0][0] != seen[2][0] and seen[0][1] != seen[2][1]


# What it learns


def test_it_learns(rng):
    """A sine of period 25 without noise: R² on what follows is that of its own formula, and near 1."""
    t = np.arange(500)
    series = np.stack([5 * np.sin(t * 2 * np.pi / 25), 100 + t % 2], axis=1)
    found = small(hidden=16, epochs=15, target=0).fit(series[:400])
    truth = targets_of(series[400:, 0].astype(np.float32), 100 - WINDOW - 2)
    errors = ((found.predict(series[400:])[:len(truth), :, 0] - truth) ** 2).sum(axis=0)
    wanted = (1 - errors / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)).mean()
    assert abs(found.score(series[400:]) - wanted) < 1e-12 and wanted > 0.9
    assert len(found.history_) == found.n_iter_ == 15 and found.history_[-1].loss < found.history_[0].loss


def test_the_same_bits_at_any_number_of_threads_and_of_any_kind_of_series(rng):
    series = waves(rng, 60)
    wanted = small(target=[0, 2]).fit(series).predict(series)
    assert wanted.shape == (54, 3, 2)
    table = {name: series[:, k] for k, name in enumerate("abc")}
    for given, changes in ((series, {"threads": 1}), (series.astype(np.float64), {}), ([series], {}), (series[np.newaxis], {}),
                           (table, {"target": ["a", "c"], "columns": ["a", "b", "c"]})):
        found = small(**{"target": [0, 2]} | changes).fit(given)
        assert same_bits(np.asarray(found.predict(given)).reshape(wanted.shape), wanted)
    wide = np.concatenate([series, series], axis=1)
    for scaling in ("none", "standardize"):  # where they lie, and a scaled copy
        wanted = small(scaling=scaling).fit(series).predict(series)
        assert same_bits(small(scaling=scaling).fit(wide[:, :3]).predict(wide[:, :3]), wanted)
    assert same_bits(wide, np.concatenate([series, series], axis=1))
    assert small(target="b").fit(table).model_.info.series.inputs == ["a", "b", "c"]
    assert same_bits(small().fit(series[:, 0]).predict(series[:, 0]), small().fit(series[:, :1]).predict(series[:, :1]))


# Losses and weights


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_their_formulas(rng, loss, weighted):
    """At a rate that changes no weight, of one batch; the sums' orders differ, of 92 x 3 x 2 x 3 numbers in double precision."""
    series = waves(rng, 101)[:, :2] / [1, 10]
    weights = rng.integers(0, 5, 101) if weighted else None
    found = small(loss=loss, delta=0.25, quantiles=[0.1, 0.5, 0.75], scaling="none", epochs=1, rate=1e-30, batch_size=200).fit(series, None, weights)
    forecasts = found.predict(series)[:92]
    assert forecasts.shape == ((92, 3, 2, 3) if loss == "quantile" else (92, 3, 2))
    truth = targets_of(series.astype(np.float32), 92)
    losses = LOSSES[loss]((truth[..., np.newaxis] if loss == "quantile" else truth) - forecasts).reshape(92, -1).mean(axis=1)
    of_windows = np.array([weights[n + WINDOW:n + WINDOW + 3].mean() for n in range(92)]) if weighted else None
    wanted = np.average(losses, weights=None if of_windows is None else of_windows.astype(np.float32))
    assert abs(found.history_[0].loss - wanted) <= 1656 * 2**-53 * wanted


def test_quantiles_are_the_program_s(rng, tmp_path):
    """What the file says, the scaling of each output, and what the program makes of it."""
    series = waves(rng, 100)
    np.save(tmp_path / "x.npy", series)
    printed, status = run_program("train", "-i", tmp_path / "x.npy", "--window", WINDOW, "--horizon", "1-3", "--target", "3,1", "--standardize",
                                  "--loss", "quantile:0.1,0.9", "--hidden", 6, "--epochs", 1, "-o", tmp_path / "m.safetensors")
    assert status == 0, printed
    theirs = sluice.load(tmp_path / "m.safetensors")
    ours = small(loss="quantile", quantiles=(0.1, 0.9), target=[2, 0]).fit(series)
    assert ours.model_.info.series == theirs.info.series and len(theirs.info.series.quantiles) == 2
    assert [same_bits(ours.model_.tensors()[3, 0, kind], theirs.tensors()[3, 0, kind]) for kind in ("scale", "shift")] == [True, True]
    ours.save(tmp_path / "ours.safetensors")
    printed, status = run_program("evaluate", tmp_path / "ours.safetensors", "-i", tmp_path / "x.npy", "--json")
    assert status == 0, printed


def test_quantiles_have_their_shares(rng):
    """Of noise, below that for Q lies a share Q of the values: of 1,000, sqrt(Q (1 - Q) / 1000) <= 0.016 is the deviation; 5 of them for what
    training leaves."""
    series = rng.standard_normal(1500)
    found = small(horizon=1, loss="quantile", quantiles=[0.1, 0.5, 0.9], epochs=8, weight_decay=1e-4, hidden=2).fit(series[:500])
    below = (targets_of(series[500:, np.newaxis], 990)[:, :1, :, np.newaxis] < found.predict(series[500:])[:990]).mean(axis=(0, 1, 2))
    assert abs(below - [0.1, 0.5, 0.9]).max() < 0.08


@pytest.mark.parametrize("loss", ["squared", "quantile"])
def test_the_score_compares_with_the_best_constants(rng, loss):
    """The mean; or of quantiles some of the targets: none of these has a smaller loss. The weights of windows are float32."""
    series = np.round(waves(rng, 60, 2), 1)
    weights = rng.integers(0, 4, 60)
    found = small(loss=loss, quantiles=QUANTILES, epochs=1).fit(series)
    truth = targets_of(series, 51)[..., np.newaxis]
    forecasts = found.predict(series)[:51].reshape(51, 3, 2, -1)
    for given in (None, weights):
        of_windows = np.ones(51) if given is None else np.array([given[n + WINDOW:n + WINDOW + 3].mean() for n in range(51)])
        constants = truth if loss == "quantile" else [np.average(truth, axis=0, weights=of_windows)]
        least = np.min([np.average(LOSSES[loss](truth - constant), axis=0, weights=of_windows) for constant in constants], axis=0)
        wanted = (1 - np.average(LOSSES[loss](truth - forecasts), axis=0, weights=of_windows) / least).mean()
        assert abs(found.score(series, sample_weight=given) - wanted) < 1e-6 * abs(wanted)
    assert found.score(series, sample_weight=np.full(60, 2)) == found.score(series)


def test_weights_of_steps(rng):
    """Windows whose targets have none are left out, all of one weight are all 1, and others matter."""
    series = [waves(rng, 60), waves(rng, 40)]
    weights = [np.ones(60), np.ones(40)]

    def fit(series, weights):
        tensors = small(scaling="none", early_stopping=True, validation_fraction=0.2).fit(series, sample_weight=weights).model_.tensors()
        return b"".join(values.tobytes() for values in tensors.values())

    assert fit(series, weights) == fit(series, None)
    assert fit(series[0], weights[0]) == fit(series[:1], weights[:1])
    weights[1][:] = 0
    assert fit(series, weights) == fit(series[:1], None)
    weights[0][20] = 7
    assert fit(series, weights) != fit(series[:1], None)


@pytest.mark.parametrize("weights, words", [
    (np.ones(49), r"each of 50 steps, \[50\]; its shape is \(49,\)"), ([1] * 49 + [-1], "step 49: -1"), ([np.nan] * 50, "step 0: nan"),
    (np.zeros(50), "all windows to train with"), (["x"] * 50, "expected numbers"), ([1] * 40 + [0] * 10, "all windows to validate with")])
def test_weights_that_are_refused(rng, weights, words):
    with pytest.raises(ValueError, match=f"sample_weight: .*{words}"):
        small(early_stopping=True, validation_fraction=0.2).fit(waves(rng, 50), None, weights)
    with pytest.raises(ValueError, match="sample_weight: 1 elements for 2 series"):
        small().fit([waves(rng, 50)] * 2, None, [weights])
    with pytest.raises(ValueError, match="sample_weight: series 1: "):
        small().fit([waves(rng, 50)] * 2, None, [np.ones(50), np.ones(51)])


def test_series_that_are_too_short_are_left_out(rng):
    series = [waves(rng, 30), waves(rng, 9), waves(rng, 20)]
    with pytest.warns(UserWarning, match="1 of 3 series are left out.* 10 steps"):
        found = small().fit(series)
    assert [len(each) for each in found.predict(series)] == [24, 3, 14]
    with pytest.warns(UserWarning, match="left out"):
        assert np.isfinite(found.score(series))


@pytest.mark.parametrize("changes, words", [
    ({"window": 0}, "window: 0"), ({"hop": 1.5}, "hop: 1.5"), ({"horizon": 0}, "horizon: 0"), ({"horizon": (3, 1)}, r"horizon: \(3, 1\)"),
    ({"scaling": "x"}, "scaling: 'x' is none of none, standardize"), ({"loss": "x"}, "loss: 'x' is none of squared"),
    ({"delta": 0}, "delta: 0"), ({"shards": 0}, "shards: 0"), ({"loss": "quantile", "quantiles": [0.5, 1]}, r"quantiles: \[0.5, 1\]"),
    ({"loss": "quantile", "quantiles": ()}, "quantiles: .*1 to 64"), ({"loss": "quantile", "quantiles": 0.5}, "quantiles: 0.5"),
    ({"loss": "quantile", "quantiles": [0.5] * 65}, "1 to 64 numbers"), ({"loss": "quantile", "quantiles": "x"}, "quantiles: 'x'"),
    ({"target": 3}, "no column 3.*from 0 to 2"),
    ({"target": "load"}, "no column 'load'"), ({"columns": [0, 0]}, "none twice"), ({"target": []}, "one column at least"),
    ({"window": 60}, "take 63 steps"), ({"early_stopping": True, "validation_fraction": 0.01}, "no windows to validate"),
    ({"early_stopping": True, "validation_fraction": 0.9}, "no windows to train")], ids=str)
def test_fits_that_are_refused(rng, changes, words):
    with pytest.raises(ValueError, match=words):
        small(**changes).fit(waves(rng, 50))


def test_data_that_are_refused(rng):
    series = waves(rng, 50)
    with pytest.raises(ValueError, match="targets are columns of X"):
        small().fit(series, series[:, 0])
    with pytest.raises(ValueError, match="0 series"):
        small().fit([])
    with pytest.raises(ValueError, match="series 1: an array of 2 dimensions"):
        small().fit([series, series[np.newaxis]])
    with pytest.raises(sluice.NotFittedError, match="Forecaster is not fitted"):
        small().predict(series)
    series[4, 2] = np.inf
    with pytest.raises(ValueError, match="X: series 0: step 4, column 2: NaN or infinity"):
        small().fit([series])


def test_among_scikit_learn_s_own(rng):
    sklearn = pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    series = waves(rng, 120)
    assert repr(clone(small(hop=2))) == repr(small(hop=2)) and sklearn
    search = GridSearchCV(small(), {"window": [4, 9]}, cv=TimeSeriesSplit(2), error_score="raise").fit(series)
    assert search.predict(series).shape == (120 - search.best_params_["window"] + 1, 3, 3)
    assert make_pipeline(StandardScaler(), small()).fit(series).predict(series).shape == (114, 3, 3)
