"""sluice.Classifier: what it learns, from every kind of rows; the same bits always; early stopping; what it refuses, and how."""
import copy
import pickle
import sys
import types

import numpy as np
import pytest

import sluice
from conftest import run_program, same_bits
from sluice._sequences import read_sequences
from sluice._training import batches_of, split_rows

STRINGS = [letters * count for count in range(1, 21) for letters in ("ab", "ba")]
LABELS = ["first", "second"] * 20


def small(**changes):
    """A classifier that learns fast."""
    return sluice.Classifier(**{"hidden": 16, "epochs": 30, "rate": 0.02, "random_state": 0} | changes)


@pytest.fixture(scope="module")
def fitted():
    """A classifier that has learned STRINGS."""
    return small().fit(STRINGS, LABELS)


@pytest.fixture
def ragged(rng):
    """40 series of 3 inputs and 1 to 8 steps; their classes are the sign of their first input's sum."""
    X = [rng.standard_normal((length, 3), np.float32) for length in rng.integers(1, 9, 40)]
    return X, np.array([x[:, 0].sum() > 0 for x in X])


# What it learns


def test_strings(fitted):
    assert fitted.score(STRINGS, LABELS) == 1
    assert fitted.predict(["ab", "ba"]).tolist() == ["first", "second"]
    assert fitted.vocabulary_ == {"a": 97, "b": 98} and fitted.n_iter_ == len(fitted.history_) == 30
    assert fitted.history_[-1].loss < fitted.history_[0].loss and fitted.history_[-1].accuracy == 1


def test_a_rule_that_held_out_rows_follow(rng):
    """Whether a series' sum is positive, of rows that fit did not see. Guesses are right in 150 of 200 with a probability below
    exp(-2 * 200 * 0.25**2), 2e-11 (Hoeffding)."""
    X = [rng.standard_normal((length, 2)) for length in rng.integers(1, 20, 600)]
    y = [x[:, 0].sum() > 0 for x in X]
    assert small().fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.75


@pytest.mark.parametrize("labels", [["no", "yes"], [-5, 7], [0.0, 3.0], [False, True], ["a,b", ""], ["é", "\n"]], ids=str)
def test_labels_of_any_type(labels):
    y = np.array(labels * 20)
    found = small().fit(STRINGS, y)
    assert found.classes_.tolist() == sorted(labels) and found.classes_.dtype == y.dtype
    assert np.array_equal(found.predict(STRINGS), y)


def test_probabilities_are_the_softmax_of_the_network(ragged):
    X, y = ragged
    found = small().fit(X, y)
    proba = found.predict_proba(X)
    assert proba.shape == (40, 2) and proba.dtype == np.float64 and abs(proba.sum(axis=1) - 1).max() <= 2**-51
    for x, row in zip(X, proba):
        logits = found.model_(x[np.newaxis])[0].astype(np.float64)
        assert abs(np.exp(logits) / np.exp(logits).sum() - row).max() <= 2**-50


# Rows


def test_kinds_of_rows_have_the_same_bits(rng):
    x = rng.standard_normal((24, 5, 1), np.float32)
    y = np.arange(24) % 3
    wanted = small(epochs=3).fit(x, y).predict_proba(x)
    for rows in (x[..., 0], x.astype(np.float64), list(x), list(x[..., 0]), x.tolist(), x[..., 0].tolist(), np.asfortranarray(x)):
        assert same_bits(small(epochs=3).fit(rows, y).predict_proba(rows), wanted)


def test_words_are_tokens():
    X = [["the", "cat"], ["the", "dog", "ran"], ["cat"], ["dog"]] * 5
    found = small().fit(X, [0, 1] * 10)
    assert found.vocabulary_ == {"cat": 0, "dog": 1, "ran": 2, "the": 3} and found.score(X, [0, 1] * 10) == 1


def test_characters_beyond_ascii_are_tokens():
    found = small().fit(["äß", "ßä", "日本"] * 10, [0, 1, 2] * 10)
    assert found.vocabulary_ == {character: n for n, character in enumerate(sorted("äß日本"))}
    assert found.predict(["äß", "ßä", "日本"]).tolist() == [0, 1, 2]


def test_unknown_characters_are_left_out(fitted):
    assert same_bits(fitted.predict_proba(["zaZb", "é", "bax"]), fitted.predict_proba(["ab", "", "ba"]))


def test_rows_without_a_step():
    """In batches of their own too, in fit and in predict."""
    X = ["", "a", "", "b"] * 5
    found = small(batch_size=1).fit(X, [0, 1, 0, 2] * 5)
    assert found.score(X, [0, 1, 0, 2] * 5) == 1 and found.predict([""]).tolist() == found.predict(["é", ""]).tolist()[:1] == [0]
    x = [np.ones((2, 3)), [], np.ones((0, 3)), np.ones((1, 3))]
    assert same_bits(*small(epochs=1).fit(x, [0, 1, 0, 1]).predict_proba(x)[1:3])


def test_a_row_does_not_depend_on_its_neighbours(ragged):
    X, y = ragged
    found = small(epochs=2, layers=2, bidirectional=True).fit(X, y)
    proba = found.predict_proba([*X, X[0][:0]])
    for n, x in enumerate(X):
        assert same_bits(found.predict_proba([x])[0], proba[n])


def test_more_rows_than_a_batch_of_prediction(fitted):
    X = STRINGS * 60
    assert same_bits(fitted.predict_proba(X), np.tile(fitted.predict_proba(STRINGS), (60, 1)))


# The same bits


def test_bits_by_seed_at_any_number_of_threads(ragged):
    X, y = ragged
    options = {"layers": 2, "bidirectional": True, "dropout": 0.3, "epochs": 4, "early_stopping": True, "validation_fraction": 0.3}
    one, two, three = (small(threads=threads, **options).fit(X, y) for threads in (1, 2, 3))
    assert same_bits(one.predict_proba(X), two.predict_proba(X)) and same_bits(one.predict_proba(X), three.predict_proba(X))
    assert one.history_ == two.history_ == three.history_
    assert not same_bits(one.predict_proba(X), small(**options | {"random_state": 1}).fit(X, y).predict_proba(X))
    again = small(**options | {"random_state": np.random.RandomState(0)}).fit(X, y)
    assert same_bits(one.predict_proba(X), again.predict_proba(X))


def test_the_global_seed_serves_without_a_random_state():
    found = []
    for _ in range(2):
        np.random.seed(4)
        found.append(small(random_state=None, epochs=1).fit(STRINGS, LABELS).predict_proba(STRINGS))
    assert same_bits(*found)


def test_copies(fitted):
    for twin in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert same_bits(twin.predict_proba(STRINGS), fitted.predict_proba(STRINGS)) and twin.get_params() == fitted.get_params()


def test_a_saved_file(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    model = sluice.load(path)
    assert model.info.class_names == ["first", "second"]
    x = np.frombuffer(b"abab", np.uint8)[np.newaxis]
    assert same_bits(model(x), fitted.model_(x))
    (tmp_path / "lines").write_text("ab\nbaba\né\n")
    printed, status = run_program("run", path, "--text", "-i", tmp_path / "lines")
    assert status == 0 and [line.split()[0] for line in printed.decode().splitlines()][:2] == ["first", "second"]


# How it trains


def test_the_epoch_of_the_least_validation_loss_is_kept(ragged):
    """Its model is that of a fit which ends there: what comes later changes nothing before."""
    X, y = ragged
    options = {"early_stopping": True, "validation_fraction": 0.3, "patience": 3, "rate": 0.05}
    found = small(epochs=200, **options).fit(X, y)
    losses = [report.validation_loss for report in found.history_]
    best = int(np.argmin(losses)) + 1
    assert found.n_iter_ == best + 3 < 200
    assert same_bits(small(epochs=best, **options).fit(X, y).predict_proba(X), found.predict_proba(X))


def test_rows_are_held_out_by_class():
    numbers = np.repeat(np.arange(4), [50, 30, 10, 1])
    kept, held = split_rows(numbers, 0.2, np.random.RandomState(1))
    assert np.bincount(numbers[held], minlength=4).tolist() == [10, 6, 2, 0]
    assert np.array_equal(np.sort(np.concatenate([kept, held])), np.arange(91))


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 1000])
def test_batches_have_each_row_once_and_like_lengths(rows, rng):
    lengths = rng.integers(0, 100, rows)
    batches = batches_of(lengths, 32, np.random.RandomState(3))
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(rows)) and max(map(len, batches)) <= 32
    if rows == 1000:
        padded = sum(len(batch) * lengths[batch].max() for batch in batches)
        assert padded < 1.2 * lengths.sum()  # 2 without sorting; of 512 uniform rows each batch spans a 16th: 1 + 1/16, and its spread
        assert [batch.tolist() for batch in batches_of(lengths, 32, np.random.RandomState(4))] != [batch.tolist() for batch in batches]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_sample_weight(early_stopping):
    """Rows of weight 0 are left out, all of one weight are all 1, and others matter."""
    y = np.array(list("abbb") * 10)
    options = {"epochs": 2, "early_stopping": early_stopping, "class_weight": "balanced"}

    def fit(rows, labels, weight=None):
        return small(**options).fit(rows, labels, weight).predict_proba(STRINGS)

    weight = np.tile([1.0, 0, 1, 1, 1], 8)
    kept = np.flatnonzero(weight)
    assert same_bits(fit(STRINGS, y, weight), fit([STRINGS[n] for n in kept], y[kept]))
    assert same_bits(fit(STRINGS, y, np.ones(40)), fit(STRINGS, y))
    assert not same_bits(fit(STRINGS, y, np.where(y == "a", 5, 1)), fit(STRINGS, y))


@pytest.mark.parametrize("weight, part", [
    (np.full(40, np.nan), "row 0: nan"), ([1] * 39 + [-1], "row 39: -1"), ([1] * 39, r"\(39,\)"), (["x"] * 40, "expected numbers"),
    ([0, 1, 1, 1] * 10, "class"), (np.zeros(40), "class"),
])
def test_sample_weight_refused(weight, part):
    with pytest.raises(ValueError, match=f"sample_weight: .*{part}"):
        small().fit(STRINGS, list("abbb") * 10, weight)


def test_class_weights():
    y = ["a"] * 30 + ["b"] * 10
    wanted = small(epochs=2, class_weight={"a": 40 / 60, "b": 2}).fit(STRINGS, y).predict_proba(STRINGS)
    assert same_bits(small(epochs=2, class_weight="balanced").fit(STRINGS, y).predict_proba(STRINGS), wanted)
    assert not same_bits(small(epochs=2).fit(STRINGS, y).predict_proba(STRINGS), wanted)


@pytest.mark.parametrize("change", [{"clip": None}, {"weight_decay": 0.1}, {"label_smoothing": 0.2}, {"batch_size": 7},
                                    {"rate": 0.1}, {"embedding": 5}, {"hidden": 5}, {"layers": 2}, {"layers": 2, "dropout": 0.5}], ids=str)
def test_each_parameter_changes_what_is_learned(change):
    base = {"epochs": 2, "rate": 0.5, "clip": 0.01} | ({"layers": 2} if "dropout" in change else {})
    found, wanted = (small(**options).fit(STRINGS, LABELS).predict_proba(STRINGS) for options in (base, base | change))
    assert not same_bits(found, wanted)


def test_a_callback_sees_each_epoch_and_ends_training():
    seen = []
    found = small(callback=lambda report: seen.append(report) or report.epoch == 3).fit(STRINGS, LABELS)
    assert found.n_iter_ == 3 and seen == found.history_ and list(seen[0]) == ["epoch", "loss", "accuracy"]


def test_progress_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    small(epochs=2, verbose=True).fit(STRINGS, LABELS)
    captured = capsys.readouterr()
    assert [line.split(":")[0] for line in captured.err.splitlines()] == ["epoch 1", "epoch 2"] and captured.out == ""
    small(epochs=2).fit(STRINGS, LABELS)
    assert capsys.readouterr().err == ""


def test_progress_with_tqdm(capsys, monkeypatch):
    calls = []

    class Bar:
        def __init__(self, **words):
            calls.append(words)

        def set_postfix(self, figures, refresh):
            calls.append(list(figures))

        def update(self):
            calls.append("update")

        def close(self):
            calls.append("close")
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    small(epochs=2, verbose=True).fit(STRINGS, LABELS)
    assert calls == [{"total": 2, "unit": "epoch"}, ["loss", "accuracy"], "update", ["loss", "accuracy"], "update", "close"]
    assert capsys.readouterr().err == ""


# Parameters, and what is refused


def test_parameters():
    found = small()
    assert found.set_params(hidden=3, clip=None) is found and found.get_params()["hidden"] == 3
    assert repr(found) == "Classifier(hidden=3, epochs=30, rate=0.02, clip=None, random_state=0)"
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        found.set_params(units=3)


@pytest.mark.parametrize("change", [
    {"hidden": 0}, {"layers": 1.5}, {"embedding": "2"}, {"epochs": 0}, {"batch_size": -1}, {"patience": 0}, {"dropout": 1.0},
    {"rate": 0}, {"rate": np.inf}, {"rate": None}, {"dropout": "0"}, {"clip": "1"}, {"weight_decay": -1}, {"clip": 0}, {"label_smoothing": np.nan}, {"validation_fraction": 1},
    {"class_weight": "even"}, {"class_weight": {"first": 0}}, {"class_weight": {"first": "x"}}, {"threads": -1},
    {"random_state": -1}, {"random_state": 2**32}, {"random_state": np.random.default_rng(0)}, {"random_state": "0"}], ids=str)
def test_parameters_out_of_range(change):
    with pytest.raises(sluice.ArgumentError, match=next(iter(change))):
        small(**change).fit(STRINGS, LABELS)


def test_parameters_of_numpy():
    """Its integers and floats, as a search over np.arange and np.logspace sets them, are the numbers that they are."""
    plain = small(hidden=4, batch_size=8, epochs=2, threads=1).fit(STRINGS, LABELS)
    found = small(hidden=np.int64(4), batch_size=np.uint8(8), epochs=np.int32(2), threads=np.int64(1), layers=np.int64(1), rate=np.float64(0.02),
                  random_state=np.int64(0)).fit(STRINGS, LABELS)
    assert same_bits(found.predict_proba(STRINGS), plain.predict_proba(STRINGS))


@pytest.mark.parametrize("X, words", [
    ("ab", "one string"), ([], "no row"), (["", ""], "no row has a step"), ([b"ab", b"c"], "row 0 is bytes"), (["ab", [1.0]], "a token is a float"),
    ([[1.0], "ab"], "row 1: a string"), ([1.0, 2.0], "row 0: expected an array"), ([np.ones((2, 3)), np.ones((2, 4))], "row 1 has 4 inputs"),
    (np.ones((2, 3, 0)), "0 inputs"), (np.ones((2, 2, 2, 2)), r"expected an array \[N\]"), (np.ones((2, 2), complex), "real numbers"),
    ([["ab"], 3], "row 1 is a int"), ([["ab"], [3]], "a token is a int"), ([[[1.0], [2.0, 3.0]]], "row 0: no array"), (5, "a int is given"), ([[1.0], [2.0, np.nan]], "row 1, step 1"), ([[1e39], [0.0]], "row 0, step 0")], ids=str)
def test_rows_that_are_refused(X, words):
    with pytest.raises(ValueError, match=words) as raised, np.errstate(over="ignore"):
        small().fit(X, ["a", "b"])
    assert isinstance(raised.value, sluice.Error)


@pytest.mark.parametrize("y, words", [
    (None, "None"), (["a"], "each of 2 rows"), ([["a"], ["b"]], "its shape"), (["a", "a"], "one class"), ([0.5, 1.0], "continuous"),
    (np.array(["a", 1], object), "different types")], ids=str)
def test_labels_that_are_refused(y, words):
    with pytest.raises(sluice.Error, match=words):
        small().fit(["ab", "ba"], y)


def test_rows_of_another_kind_than_those_of_fit(fitted, ragged):
    with pytest.raises(sluice.ArgumentError, match="expected strings"):
        fitted.predict(np.ones((2, 3)))
    with pytest.raises(sluice.ArgumentError, match="a token is a"):
        fitted.predict([[1.0, 2.0]])
    numbers = small(epochs=1).fit(*ragged)
    with pytest.raises(sluice.ArgumentError, match="a string is given"):
        numbers.predict(["ab"])
    with pytest.raises(sluice.ArgumentError, match="2 inputs a step; expected 3"):
        numbers.predict([np.ones((4, 2))])
    with pytest.raises(sluice.ArgumentError, match="2 inputs; expected 3"):
        numbers.predict(np.ones((4, 2, 2)))


def test_place_of_a_value_that_is_not_finite():
    with pytest.raises(sluice.DataError) as raised:
        read_sequences([[1.0], [], [2.0, 3.0, np.inf]], None, None)
    assert (raised.value.row, raised.value.step) == (2, 2)


@pytest.mark.parametrize("call", [lambda c: c.predict(["a"]), lambda c: c.predict_proba(["a"]), lambda c: c.score(["a"], [0]),
                                  lambda c: c.save("x")])
def test_before_fit(call):
    with pytest.raises(sluice.NotFittedError, match="call fit") as raised:
        call(small())
    assert isinstance(raised.value, (ValueError, AttributeError))


def test_score_refuses_labels_that_do_not_fit(fitted):
    with pytest.raises(sluice.ArgumentError, match="each of 40 rows"):
        fitted.score(STRINGS, np.array(LABELS)[:, np.newaxis])
    assert fitted.score(["ab", "ab"], ["first", "second"], sample_weight=[3, 1]) == 0.75


def test_too_few_rows_to_hold_out():
    with pytest.raises(sluice.ArgumentError, match="early_stopping=False"):
        small(early_stopping=True).fit(["ab", "ba"], [0, 1])


def test_a_fit_that_fails_leaves_what_was_learned():
    found = small(epochs=1).fit(STRINGS, LABELS)
    wanted = found.predict_proba(STRINGS)

    def fail(_):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        found.set_params(callback=fail).fit(["xy", "yx", "z"], [0, 1, 2])
    assert same_bits(found.predict_proba(STRINGS), wanted)
