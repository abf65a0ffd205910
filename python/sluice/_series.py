"""Long series: their columns, windows of them, which share steps in memory, and what a model's file says of those it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice._arrays import F32, I64, U64, as_array, as_floats, as_integer, as_tokens
from sluice._errors import ArgumentError, DataError
from sluice._network import Info

SCALINGS = ("none", "standardize", "normalize")


def windows(series: ArrayLike, window: int, hop: int = 1) -> NDArray[Any]:
    """The windows of a long series, as a model is called with them, without a copy of any.

    :param series: [T][I], or [T] of tokens. What a call would convert is converted here, once: the series and not its windows.
    :param window: W, steps of a window. :param hop: steps from the beginning of a window to that of the next.
    :returns: a read-only view [N][W][I], or [N][W], of the series: window n has its steps from n * hop on.
    """
    array = as_array(series, "series")
    if array.ndim not in (1, 2):
        raise ArgumentError(f"series: expected an array [T][I], or [T] of tokens; its shape is {array.shape}")
    array = as_tokens(array, "series", 1) if array.ndim == 1 and array.dtype.kind in "iu" else as_floats(array, "series", array.ndim, strided=True)
    steps, hop = (as_count(given, name) for given, name in ((window, "window"), (hop, "hop")))
    if len(array) < steps:
        raise DataError(f"series: it has {len(array)} steps, a window {steps}; give a longer series, or a smaller window")
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(array, steps, axis=0)[::hop], -1, 1)


def as_count(given, name):
    """An int from 1 on."""
    count = as_integer(given, name, 2**31)
    if count == 0:
        raise ArgumentError(f"{name}: 0; expected an integer, 1 at least")
    return count


# Columns


def names_of(series):
    """The names of the columns of a table; None: an array, which has none."""
    if isinstance(series, Mapping):
        return list(series)
    if isinstance(series, np.ndarray):
        return None if series.dtype.names is None else list(series.dtype.names)
    columns = getattr(series, "columns", None)
    return None if columns is None else list(columns)


def array_of(series, name):
    """float32 [T][I] of a series that is an array, [T] of one column."""
    array = as_array(series, name)
    return as_floats(array[:, np.newaxis] if array.ndim == 1 else array, name, 2, strided=True)


def take_columns(series, columns, name):
    """float32 [T][K] of columns of a series, all finite: of a table by their names, of an array by their numbers, from 0 on."""
    names = names_of(series)
    if names is not None:
        check_columns(columns, names, name)
        values = np.stack([as_floats(as_array(series[column], f"{name}, column {column!r}"), f"{name}, column {column!r}", 1)
                           for column in columns], axis=1)
    else:
        values = array_of(series, name)
        check_columns(columns, range(values.shape[1]), name)
        if list(columns) != list(range(values.shape[1])):
            values = np.take(values, columns, axis=1)
    check_finite(values, columns, name)
    return values


def check_columns(columns, known, name):
    """Refuse columns that a series does not have."""
    for column in columns:
        if column not in known:
            has = f"the numbers from 0 to {len(known) - 1}" if isinstance(known, range) else ", ".join(map(str, known))
            raise DataError(f"{name}: no column {column!r}; its columns are {has}")


def check_finite(values, columns, name):
    """Refuse NaN and infinity, of float64 too that float32 cannot hold."""
    is_finite = np.isfinite(values).all(axis=1)
    if not is_finite.all():
        step = int(np.argmin(is_finite))
        column = columns[int(np.argmin(np.isfinite(values[step])))]
        error = DataError(f"{name}: step {step}, column {column!r}: NaN or infinity in float32; expected finite numbers")
        error.step = step
        raise error


# What a model's file says


def read_series(described):
    """What a model says of the series that it was trained on; None: nothing."""
    if described["series"] is None:
        return None
    try:
        series = Info(json.loads(described["series"]))
        first, last = series.horizons
        outputs = (last - first + 1) * len(series.targets) * max(len(series.quantiles), 1)
        fits = (series.version == 1 and series.window >= 0 and series.hop >= 1 and 0 <= first <= last
                and series.scaling in SCALINGS and (len(series.inputs), outputs) == (described["inputs"], described["classes"]))
    except (AttributeError, TypeError, ValueError):
        fits = False
    if not fits:
        raise DataError('metadata "sluice_series" is damaged, of a newer release, or of another model; train the model again')
    del series["version"]
    return series


def series_text(window, hop, horizons, inputs, targets, quantiles, scaling):
    """What read_series reads, as the program writes it."""
    said = {"version": 1, "window": window, "hop": hop, "horizons": horizons, "inputs": inputs, "targets": targets, "quantiles": quantiles,
            "scaling": scaling}
    return json.dumps(said, separators=(",", ":"))


def inputs_of(series, said):
    """float32 [T][I] of a series, of a model's inputs: an array has these in their order, a table by their names."""
    if names_of(series) is not None:
        return take_columns(series, said.inputs, "series")
    values = array_of(series, "series")
    if values.shape[1] != len(said.inputs):
        raise ArgumentError(f"series: {values.shape[1]} columns; the model has {len(said.inputs)} inputs, {', '.join(said.inputs)}")
    check_finite(values, said.inputs, "series")
    return values


# Rows of a trainer


class SeriesWindows:
    """Windows of series, one behind the other in memory, as a trainer's rows, with their targets.

    values: float32 [S][width], the numbers of a step side by side; a model reads the first columns of each. starts: the first step of each series,
    and S behind them. targets: the columns whose values `horizons`, first and last, steps behind a window's last one are its targets.
    weights: float32 [S] of steps, or None; that of a window is the mean of those of its targets' steps.
    """

    def __init__(self, values, starts, window, hop, horizons, targets, weights=None):
        self.values = values
        self.starts = starts
        self.window = window
        self.hop = hop
        self.horizons = horizons
        self.target_columns = np.asarray(targets)
        counts = [self.count(length) for length in np.diff(starts)]
        self.firsts = np.concatenate([[0], np.cumsum(counts)])
        self.begins = np.concatenate([start + hop * np.arange(count) for start, count in zip(starts, counts)]).astype(I64)
        self.lengths = np.broadcast_to(I64.type(window), len(self.begins))
        self.weights = None if weights is None else self.mean_weights(weights)

    def __len__(self):
        return len(self.begins)

    def count(self, length):
        """Windows of the first steps of a series that have their inputs and targets in these."""
        return max(0, int(length) - self.window - self.horizons[1] + self.hop) // self.hop

    def mean_weights(self, weights):
        """float32 [N], of each window the mean of weights [S] over the steps of its targets."""
        total = np.zeros(len(self))
        for horizon in range(self.horizons[0], self.horizons[1] + 1):
            total += weights[self.begins + self.window - 1 + horizon]
        return (total / (self.horizons[1] - self.horizons[0] + 1)).astype(F32)

    def weighted(self, rows, purpose):
        """Those of some rows, if there are any, that have a weight above 0."""
        if self.weights is None or len(rows) == 0:
            return rows
        counted = rows[self.weights[rows] > 0]
        if len(counted) == 0:
            raise DataError(f"sample_weight: 0 for the targets of all windows to {purpose} with; expected one above 0 at least")
        return counted

    def targets(self, rows):
        """No labels, and values [n][horizons * targets]."""
        steps = self.begins[rows, np.newaxis] + self.window - 1 + np.arange(self.horizons[0], self.horizons[1] + 1)
        return None, self.values[steps[..., np.newaxis], self.target_columns].reshape(len(steps), steps.shape[1] * len(self.target_columns))

    def batch(self, rows, own):
        """Fields of a sluice_batch of some rows, where they lie; own: those of them that this rank computes."""
        between = self.values.strides[0] // F32.itemsize
        weighed = {} if self.weights is None else {"sample_weights": self.weights[rows[own]]}
        return weighed | {"x": self.values, "x_offsets": self.begins[rows[own]].astype(U64) * U64.type(between), "x_step_stride": between,
                "lengths": self.lengths[rows], "rows": len(rows), "steps": self.window}

    def split(self, lengths):
        """(rows all of whose steps lie in the first `lengths` steps of each series, rows all of whose targets lie behind these)."""
        kept, held = [], []
        for first, end, length in zip(self.firsts, self.firsts[1:], lengths):
            kept.append(np.arange(first, first + self.count(length)))
            behind = max(0, length - self.window - self.horizons[0] + self.hop) // self.hop
            held.append(np.arange(min(first + behind, end), end))
        return np.concatenate(kept), np.concatenate(held)
