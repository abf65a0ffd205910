"""A forecaster of series, as scikit-learn has its estimators, without needing scikit-learn: docs/python.md."""

import warnings
from collections.abc import Callable, Sequence
from numbers import Integral
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sluice import _core
from sluice._arrays import F32, I64
from sluice._errors import ArgumentError, DataError
from sluice._estimator import Estimator, check_options, random_of, weights_of
from sluice._model import Model, engine_options
from sluice._network import Info
from sluice._scaling import add_layers, find_scaling, invert, scale
from sluice._series import SCALINGS, SeriesWindows, array_of, names_of, series_text, take_columns
from sluice._training import ALONE, check_ranks, make_trainer, train
from sluice.ranks import Exchange

LOSSES = {"squared": 1, "absolute": 2, "huber": 3, "quantile": 4}  # sluice_loss_kind
MAX_QUANTILES = 64  # SLUICE_MAX_QUANTILES

Columns = str | int | Sequence[str | int]


class Forecaster(Estimator):
    """An LSTM network that forecasts series from windows of them, as ``sluice train --window`` makes it.

    :param window: steps of a window. :param horizon: forecast so many steps behind a window's last one; a pair (first, last): each from
        first to last.
    :param target: the columns to forecast, of a table by name, of an array by number, from 0 on; None: those of the inputs.
    :param columns: the columns that are inputs; None: all. :param hop: steps from the beginning of a window to that of the next.
    :param scaling: "standardize", each column to mean 0 and deviation 1, "normalize", to least 0 and most 1, or "none". The model has it
        as layers, and takes and gives numbers in the units of the data.
    :param loss: "squared", of forecasts of the mean; "absolute", of the median; "huber", squared up to an error of ``delta`` and linear beyond,
        which outliers move less; "quantile", with a forecast for each of ``quantiles``, numbers above 0 and below 1. Of scaled numbers.
    :param delta: of the loss "huber". :param quantiles: of the loss "quantile".
    :param hidden: units of each layer. :param layers: LSTM layers. :param dropout: probability with which outputs between layers are set
        to zero in training. :param epochs: passes over the windows, at most. :param batch_size: windows of an update.
        :param shards: parts into which these are cut, which decide the last bits of what is learned, and how many ranks can share the work of
        :meth:`fit`. :param rate: learning rate of Adam. :param weight_decay: L2 penalty. :param clip: the norm to which a larger gradient is scaled down; None: none.
    :param early_stopping: hold out the last ``validation_fraction`` of each series, no step of which training then sees, keep the epoch of
        the least loss of the forecasts of it, and end when ``patience`` epochs have not lowered that.
    :param threads: of training and prediction; None: the library's default. No result depends on it.
    :param random_state: an int, with which fit gives the same bits anywhere; a numpy.random.RandomState; None: NumPy's global one.
    :param callback: called with each epoch's report, as ``history_`` has it; ends training by returning True.
    :param verbose: show progress, by tqdm where it is installed, else a line for each epoch on standard error.

    After fit: ``model_``, the :class:`sluice.Model`, whose ``forecast`` needs nothing else; ``n_iter_``, the epochs that were run;
    ``history_``, their reports: epoch, loss and, with early stopping, validation_loss, of scaled numbers.
    """

    def __init__(self, window: int = 24, horizon: int | tuple[int, int] = 1, *, target: Columns | None = None, columns: Columns | None = None,
                 hop: int = 1, scaling: Literal["standardize", "normalize", "none"] = "standardize",
                 loss: Literal["squared", "absolute", "huber", "quantile"] = "squared", delta: float = 1.0,
                 quantiles: Sequence[float] = (0.1, 0.5, 0.9), hidden: int = 64, layers: int = 1, dropout: float = 0.0,
                 epochs: int = 20, batch_size: int = 32, shards: int = 1, rate: float = 1e-3, weight_decay: float = 0.0, clip: float | None = 1.0,
                 early_stopping: bool = False, validation_fraction: float = 0.1, patience: int = 5, threads: int | None = None,
                 random_state: int | np.random.RandomState | None = None, callback: Callable[[Info], Any] | None = None,
                 verbose: bool = False) -> None:
        self.window = window
        self.horizon = horizon
        self.target = target
        self.columns = columns
        self.hop = hop
        self.scaling = scaling
        self.loss = loss
        self.delta = delta
        self.quantiles = quantiles
        self.hidden = hidden
        self.layers = layers
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.shards = shards
        self.rate = rate
        self.weight_decay = weight_decay
        self.clip = clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.threads = threads
        self.random_state = random_state
        self.callback = callback
        self.verbose = verbose

    def fit(self, X: Any, y: None = None, sample_weight: ArrayLike | Sequence[ArrayLike] | None = None, *, exchange: Exchange | None = None) -> Self:
        """Learn to forecast series, anew.

        :param X: a series: an array [T][I], or [T] of one column; or a table, that is a mapping, a structured array or a DataFrame, of
            which the columns are taken that are inputs or targets. Or several series, none of whose windows reaches into another: a list
            of such, or an array [N][T][I].
        :param y: None: the targets are columns of X.
        :param sample_weight: [T] a weight of each step, 0 or more; of several series one such for each. That of a window is the mean of those of
            its targets' steps; the loss is the weighted mean, and a window of weight 0 is left out. The scaling does not depend on them. None:
            all 1.
        :param exchange: with the other ranks, as of :meth:`sluice.Classifier.fit`.
        :returns: the forecaster.
        """
        options = self.get_params()
        if y is not None:
            raise ArgumentError("y: expected None, as the targets are columns of X; name them by the parameter target")
        horizons = check_parameters(options)
        random = random_of(options["random_state"])
        quantiles = quantiles_of(options)
        inputs, targets, data = read_data(X, sample_weight, options, horizons)
        if exchange is not None:
            check_ranks(exchange, options | {"inputs": inputs, "targets": targets}, [data.values, data.starts, data.weights])
        exchange = exchange or ALONE
        lengths = np.diff(data.starts)
        kept, held = np.arange(len(data)), np.arange(0)
        if options["early_stopping"]:
            lengths = lengths - np.floor(options["validation_fraction"] * lengths + 0.5).astype(I64)
            kept, held = data.split(lengths)
            if not (len(kept) and len(held)):
                purpose, remedy = ("validate", "larger") if len(kept) else ("train", "smaller")
                raise DataError(f"validation_fraction: {options['validation_fraction']} leaves no windows to {purpose} with; give a {remedy} one, or "
                                "a smaller window or horizon")
        kept, held = data.weighted(kept, "train"), data.weighted(held, "validate")
        each = max(len(quantiles), 1)
        scalings = None if options["scaling"] == "none" else scale_data(options["scaling"], data, lengths, len(inputs), each)
        shape = {"inputs": len(inputs), "directions": 1, "classes": (horizons[1] - horizons[0] + 1) * len(targets) * each}
        loss = {"loss": LOSSES[options["loss"]], "delta": options["delta"], "quantiles": quantiles if len(quantiles) else None,
                "quantile_count": len(quantiles)}
        content, reports = train(make_trainer(options, shape, loss, random, exchange), data, kept, held, options, random, exchange)
        model = _core.Model.load(content)
        if scalings is not None:
            model = add_layers(model, *scalings)
        model.set_series(series_text(data.window, data.hop, horizons, list(map(name_of, inputs)), list(map(name_of, targets)), quantiles.tolist(),
                                     options["scaling"]))
        self.model_ = Model(model, engine_options(threads=options["threads"]))
        self.columns_ = inputs
        self.target_ = targets
        self.n_iter_ = len(reports)
        self.history_ = reports
        return self

    def predict(self, X: Any) -> Any:
        """Forecast from each window of a series, every ``hop`` steps: float32 [N][horizons][targets], of the quantile loss
        [N][horizons][targets][quantiles]; of several series a list.

        :param X: as of fit; a table needs the columns of the inputs only.
        """
        self._check_is_fitted()
        series, are_several = list_series(X)
        forecasts = [self.model_.forecast(take_columns(each, self.columns_, name)) for name, each in series]
        return forecasts if are_several else forecasts[0]

    def score(self, X: Any, y: None = None, sample_weight: ArrayLike | Sequence[ArrayLike] | None = None) -> float:
        """The coefficient of determination R² of the forecasts of a series, or of several together, the mean of those of each output: 1 where
        all are right, 0 where they are as good as the mean of what came. Of quantiles D², which compares the quantile loss with that of the
        quantiles of what came.

        :param X: as of fit. :param y: None. :param sample_weight: as of fit.
        """
        self._check_is_fitted()
        said = self.model_.info.series
        data = join_series(X, sample_weight, self.columns_, self.target_, said.window, said.hop, said.horizons)
        counted = data.weighted(np.arange(len(data)), "score")
        found = [self.model_.forecast(data.values[start:end, :len(self.columns_)])[:count]
                 for start, end, count in zip(data.starts, data.starts[1:], np.diff(data.firsts)) if count]
        return score_of(data.targets(counted)[1].astype(np.float64), np.concatenate(found)[counted].astype(np.float64),
                        np.ones(len(counted)) if data.weights is None else data.weights[counted].astype(np.float64), np.array(said.quantiles))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a file, with which ``sluice run`` and ``sluice evaluate`` forecast from tables, as :func:`sluice.load` and
        ``forecast`` do."""
        self._check_is_fitted()
        self.model_.save(path)

    def __sklearn_tags__(self):
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=InputTags(three_d_array=True))


def check_parameters(options):
    """Refuse parameters out of range; the first and the last horizon."""
    check_options(options)
    for name, words in (("scaling", SCALINGS), ("loss", tuple(LOSSES))):
        if options[name] not in words:
            raise ArgumentError(f"{name}: {options[name]!r} is none of {', '.join(words)}")
    horizon = options["horizon"]
    pair = (horizon, horizon) if isinstance(horizon, Integral) else tuple(horizon) if isinstance(horizon, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(each, Integral) for each in pair) or not 1 <= pair[0] <= pair[1] <= 10**6:
        raise ArgumentError(f"horizon: {horizon!r}; expected a number of steps from 1 to 1000000, or a pair, the first and the last of several")
    return int(pair[0]), int(pair[1])


def quantiles_of(options):
    """float32 [Q], of another loss than of quantiles [0]."""
    if options["loss"] != "quantile":
        return np.empty(0, F32)
    try:
        quantiles = np.array(options["quantiles"], F32)
    except (TypeError, ValueError):
        quantiles = np.empty(0, F32)
    if quantiles.ndim != 1 or not 1 <= len(quantiles) <= MAX_QUANTILES or not ((quantiles > 0) & (quantiles < 1)).all():
        raise ArgumentError(f"quantiles: {options['quantiles']!r}; expected 1 to {MAX_QUANTILES} numbers above 0 and below 1")
    return quantiles


def score_of(truth, found, weights, quantiles):
    """The mean over all outputs of how much less their loss is than that of the best constant, squared error or of quantiles [Q]; truth is [N][K],
    found has Q numbers, or one, for each of it, weights are [N]."""
    truth = truth[..., np.newaxis]
    found = found.reshape(*truth.shape[:2], -1)
    if len(quantiles):
        constant = np.stack([weighted_quantiles(column, weights, quantiles) for column in truth[..., 0].T])
    else:
        constant = np.average(truth, axis=0, weights=weights)
    losses, most = (np.tensordot(weights, np.maximum(quantiles * errors, (quantiles - 1) * errors) if len(quantiles) else errors * errors, 1)
                    for errors in (truth - found, truth - constant))
    return float(np.where(most > 0, 1 - losses / np.where(most > 0, most, 1), losses == 0).mean())


def weighted_quantiles(values, weights, quantiles):
    """Those of values [N] at or below which lies a share `quantiles` of the weights at least: no other constants have a smaller quantile loss."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order])
    return values[order[np.searchsorted(shares, quantiles * shares[-1])]]


def list_series(X):
    """[(name, series)], and whether there are several."""
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.ndim == 3):
        if len(X) == 0:
            raise DataError("X: 0 series; expected one at least")
        return [(f"X: series {n}", each) for n, each in enumerate(X)], True
    return [("X", X)], False


def list_columns(given, others):
    """Columns as a list; None: the others."""
    if given is None:
        return list(others)
    return [given] if isinstance(given, (str, Integral)) else list(given)


def name_of(column):
    """A column's name in a model's file, which numbers those of an array from 1 on."""
    return str(column + 1) if isinstance(column, Integral) else str(column)


def join_weights(sample_weight, parts, are_several):
    """float32 [S], the weights of the steps of parts of series, one behind the other; None: all 1."""
    if sample_weight is None:
        return None
    if not are_several:
        return weights_of(sample_weight, len(parts[0]), "step")
    if len(sample_weight) != len(parts):
        raise ArgumentError(f"sample_weight: {len(sample_weight)} elements for {len(parts)} series; expected weights of the steps of each")
    return np.concatenate([weights_of(each, len(part), "step", f"sample_weight: series {n}")
                           for n, (each, part) in enumerate(zip(sample_weight, parts))])


def join_series(X, sample_weight, inputs, targets, window, hop, horizons):
    """SeriesWindows of series, whose columns are those of the inputs and then those of the targets that are not among them."""
    series, are_several = list_series(X)
    columns = [*inputs, *(target for target in dict.fromkeys(targets) if target not in inputs)]
    parts = [take_columns(each, columns, name) for name, each in series]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    values = np.concatenate(parts) if len(parts) > 1 else parts[0]
    weights = join_weights(sample_weight, parts, are_several)
    data = SeriesWindows(values, starts, window, hop, horizons, [columns.index(target) for target in targets], weights)
    skipped = int((np.diff(data.firsts) == 0).sum())
    if skipped == len(parts):
        raise DataError(f"X: a window and its targets take {window + horizons[1]} steps, which none of {skipped} series has; give longer ones, or "
                        "a smaller window or horizon")
    if skipped:
        warnings.warn(f"X: {skipped} of {len(parts)} series are left out, as a window and its targets take {window + horizons[1]} steps",
                      stacklevel=3)
    return data


def read_data(X, sample_weight, options, horizons):
    """The columns that are inputs, those that are targets, and SeriesWindows of X."""
    series, _ = list_series(X)
    name, first = series[0]
    names = names_of(first)
    inputs = list_columns(options["columns"], range(array_of(first, name).shape[1]) if names is None else names)
    targets = list_columns(options["target"], inputs)
    for parameter, columns in (("columns", inputs), ("target", targets)):
        if not columns or len(set(columns)) < len(columns):
            raise ArgumentError(f"{parameter}: {columns}; expected one column at least, and none twice")
    return inputs, targets, join_series(X, sample_weight, inputs, targets, options["window"], options["hop"], horizons)


def scale_data(kind, data, lengths, inputs, each):
    """Scale data by what is found in the first `lengths` steps of each series; the scalings of the model's inputs and of its outputs, of which
    each target has `each`."""
    forward = find_scaling(kind, [data.values[start:start + length] for start, length in zip(data.starts, lengths)])
    outputs = np.tile(np.repeat(data.target_columns, each), data.horizons[1] - data.horizons[0] + 1)
    back = invert(*(array[outputs] for array in forward))
    # A column that is no input is scaled by the inverse of what the model does behind.
    others = invert(*invert(*(array[inputs:] for array in forward)))
    both = tuple(np.concatenate([array[:inputs], other]) for array, other in zip(forward, others))
    data.values = scale(data.values, both)
    return tuple(array[:inputs].copy() for array in forward), back
