"""Sequences of a classifier: what a user gives as X, laid out one after the other as batches without padding read it."""

from itertools import chain, repeat

import numpy as np

from sluice._arrays import F32, I32, I64, U64, as_array, as_floats
from sluice._errors import ArgumentError, DataError

BYTES = 256


class Sequences:
    """Values of all rows, float32 [sum][I] or tokens int32 [sum], and the length of each."""

    __slots__ = ("values", "lengths", "starts")

    def __init__(self, values, lengths):
        self.values = values
        self.lengths = np.asarray(lengths, I64)
        self.starts = np.cumsum(self.lengths) - self.lengths

    def __len__(self):
        return len(self.lengths)

    @property
    def inputs(self):
        """Inputs of a step; 0: tokens."""
        return self.values.shape[1] if self.values.ndim == 2 else 0

    def batch(self, rows, own=slice(None)):
        """Fields of a sluice_batch of some rows, where they lie; own: those of them that this rank computes."""
        lengths = self.lengths[rows]
        width = max(self.inputs, 1)
        return {"x" if self.inputs else "tokens": self.values, "x_offsets": (self.starts[rows[own]] * width).astype(U64), "x_step_stride": width,
                "lengths": lengths, "rows": len(rows), "steps": int(lengths.max())}


class LabelledSequences:
    """Sequences as a trainer's rows: the number of each one's class, int32 [N], and its weight, float32 [N], or None."""

    __slots__ = ("sequences", "numbers", "weights")

    def __init__(self, sequences, numbers, weights):
        self.sequences = sequences
        self.numbers = numbers
        self.weights = weights

    @property
    def lengths(self):
        """int64 [N]."""
        return self.sequences.lengths

    def targets(self, rows):
        """Labels, and no values."""
        return self.numbers[rows], None

    def batch(self, rows, own):
        """As of Sequences, with the weights."""
        weighed = {} if self.weights is None else {"sample_weights": self.weights[rows[own]]}
        return self.sequences.batch(rows, own) | weighed


def rows_of(X):
    """An array of numbers [N][T] or [N][T][I], or a list of rows."""
    if hasattr(X, "toarray"):
        raise TypeError("X: a sparse matrix is given; expected an array or a list of rows, as X.toarray() gives")
    if isinstance(X, (str, bytes)):
        raise ArgumentError("X: one string is given; expected several rows: [X] has one")
    if isinstance(X, (list, tuple)):
        return list(X)
    array = as_array(X, "X")
    if array.ndim == 0:
        raise ArgumentError(f"X: a {type(X).__name__} is given; expected an array or a list of rows")
    if array.dtype.kind in "OU" or array.ndim == 1:
        return list(array)
    return array


def are_strings(rows):
    """Whether rows are strings, or sequences of strings, by the first that has an element."""
    for n, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, (str, bytes)):
            return True
        array = as_array(row, f"X: row {n}")
        if array.size:
            return array.dtype.kind in "OSU" and isinstance(array.flat[0], (str, bytes))
    return False


def check_tokens(rows):
    """All different tokens of rows: the characters of strings, or the strings of sequences."""
    for n, row in enumerate(rows):
        if isinstance(row, bytes):
            raise ArgumentError(f"X: row {n} is bytes; expected a string: row.decode() makes one")
        if not hasattr(row, "__len__"):
            raise ArgumentError(f"X: row {n} is a {type(row).__name__}; expected a string, or a sequence of strings")
    tokens = set(chain.from_iterable(rows))
    for token in tokens:
        if not isinstance(token, str):
            raise ArgumentError(f"X: a token is a {type(token).__name__}; expected strings, or sequences of strings, as others in X or in fit")
    return tokens


def vocabulary_of(rows):
    """{token: number} of all tokens: ASCII characters by their code, as ``sluice run --text`` numbers bytes, others in their order."""
    tokens = sorted(check_tokens(rows))
    if are_bytes(tokens):
        return {token: ord(token) for token in tokens}
    return {token: number for number, token in enumerate(tokens)}


def are_bytes(tokens):
    """Whether tokens are ASCII characters alone, each a byte of a text."""
    return all(len(token) == 1 and token.isascii() for token in tokens)


def rows_of_embedding(vocabulary):
    """How many vectors an embedding has of a vocabulary: of ASCII one for each byte that a text may have."""
    return BYTES if are_bytes(vocabulary) else len(vocabulary)


def read_tokens(rows, vocabulary):
    """Sequences of the tokens that the vocabulary has; others are left out."""
    check_tokens(rows)
    lengths = np.fromiter(map(len, rows), I64, len(rows))
    numbers = np.fromiter(map(vocabulary.get, chain.from_iterable(rows), repeat(-1)), I32, int(lengths.sum()))
    is_known = numbers >= 0
    if not is_known.all():
        lengths = np.bincount(np.repeat(np.arange(len(rows)), lengths)[is_known], minlength=len(rows))
        numbers = numbers[is_known]
    return Sequences(numbers, lengths)


def read_row(row, name, inputs):
    """float32 [T][I] of a row: [T][I], or [T] of one input."""
    if isinstance(row, (str, bytes)):
        raise ArgumentError(f"{name}: a string is given; expected numbers, as others in X or in fit")
    array = as_array(row, name)
    if array.dtype.kind == "O":
        array = array.astype(np.float64)
    if array.size == 0 and array.ndim <= 2:
        return np.empty((0, inputs or (array.shape[1] if array.ndim == 2 else 1)), F32)
    if array.ndim not in (1, 2):
        raise ArgumentError(f"{name}: expected an array [T] or [T][I] of numbers; its shape is {array.shape}")
    return as_floats(array, name, array.ndim).reshape(len(array), -1)


def read_numbers(rows, inputs):
    """Sequences of numbers, of so many inputs a step; None: as many as they have."""
    if isinstance(rows, list):
        parts = [read_row(row, f"X: row {n}", inputs) for n, row in enumerate(rows)]
        filled = [part.shape[1] for part in parts if len(part)]
        width = inputs or (filled[0] if filled else 1)
        for n, part in enumerate(parts):
            if len(part) and part.shape[1] != width:
                raise ArgumentError(f"X: row {n} has {part.shape[1]} inputs a step; expected {width}, as others in X or in fit")
        lengths = [len(part) for part in parts]
        values = np.concatenate([part for part in parts if len(part)] or [np.empty((0, width), F32)])
    else:
        if rows.ndim not in (2, 3):
            raise ArgumentError(f"X: expected an array [N][T] or [N][T][I]; its shape is {rows.shape}")
        count, steps, width = rows.shape if rows.ndim == 3 else (*rows.shape, 1)
        if width == 0 or (inputs or width) != width:
            raise ArgumentError(f"X: its steps have {width} inputs; expected {inputs or 'at least one'}")
        lengths = np.full(count, steps)
        values = as_floats(rows, "X", rows.ndim).reshape(count * steps, width)
    sequences = Sequences(values, lengths)
    check_finite(sequences)
    return sequences


def check_finite(sequences):
    """Refuse NaN and infinity, of float64 too that float32 cannot hold."""
    is_finite = np.isfinite(sequences.values).all(axis=1)
    if not is_finite.all():
        place = np.argmin(is_finite)
        row = int(np.searchsorted(np.cumsum(sequences.lengths), place, side="right"))
        step = int(place - sequences.starts[row])
        error = DataError(f"X: row {row}, step {step}: NaN or infinity in float32; expected finite numbers")
        error.row, error.step = row, step
        raise error


def read_sequences(X, vocabulary, inputs):
    """Sequences of a user's X: of tokens where there is a vocabulary, else of numbers."""
    rows = rows_of(X)
    if len(rows) == 0:
        raise DataError("X: 0 sample(s): no row; at least one is expected")
    if vocabulary is None:
        return read_numbers(rows, inputs)
    if not isinstance(rows, list):
        raise ArgumentError(f"X: an array of {rows.dtype} is given; expected strings, or sequences of strings, as in fit")
    return read_tokens(rows, vocabulary)
