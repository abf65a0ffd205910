"""Arrays of users as C takes them: an ndarray of the type, in the machine's byte order, aligned, with strides that C can say.

What is so already is used where it lies; all else is copied. Floats are taken from any real type (float64 is rounded), integers from any
integer type, and nothing else is guessed: complex numbers, text and objects are refused.
"""

import operator

import numpy as np

from sluice._errors import ArgumentError, DataError

F32 = np.dtype(np.float32)
I32 = np.dtype(np.int32)
U8 = np.dtype(np.uint8)
I64 = np.dtype(np.int64)
U64 = np.dtype(np.uint64)


def as_array(given, name):
    """An ndarray of anything that NumPy, the buffer protocol or DLPack knows, without a copy where there is memory."""
    if isinstance(given, np.ndarray):
        return given
    try:
        if hasattr(given, "__dlpack__"):
            try:
                return np.from_dlpack(given)
            except (BufferError, RuntimeError):
                if not hasattr(given, "__array__"):  # which serves where DLPack does not, as of booleans before its version 1.0
                    raise
        return np.asarray(given)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise ArgumentError(f"{name}: no array can be made of a {type(given).__name__}: {error}") from error


def with_dims(given, name, dims):
    """as_array, of so many dimensions."""
    array = as_array(given, name)
    if array.ndim != dims:
        raise ArgumentError(f"{name}: an array of {dims} dimensions is expected; its shape is {array.shape}")
    return array


def as_integer(given, name, limit):
    """An int from 0 to below a limit, of any integer, NumPy's too."""
    try:
        number = operator.index(given)
    except TypeError:
        number = -1
    if not 0 <= number < limit:
        raise ArgumentError(f"{name}: {given!r}; expected an integer from 0 to {limit - 1}")
    return number


def is_strided(array):
    """Whether the elements of a last axis are side by side, and all other strides positive and whole."""
    size = array.itemsize
    return (array.flags.aligned and (array.shape[-1] <= 1 or array.strides[-1] == size)
            and all(count <= 1 or (stride > 0 and stride % size == 0) for count, stride in zip(array.shape[:-1], array.strides[:-1])))


def as_floats(given, name, dims, strided=False):
    """A float32 array of so many dimensions, contiguous; with `strided` each vector of the last axis by itself."""
    array = with_dims(given, name, dims)
    if array.dtype != F32:
        if not np.can_cast(array.dtype, F32, "same_kind"):
            raise ArgumentError(f"{name}: real numbers are expected; its type is {array.dtype}")
        array = array.astype(F32, order="C")
    if (is_strided(array) if strided else array.flags.c_contiguous and array.flags.aligned) and array.dtype.isnative:
        return array
    return array.astype(F32, order="C")


def as_integers(given, name, dtype, dims):
    """A contiguous array of so many dimensions of an integer type that holds all its values."""
    array = with_dims(given, name, dims)
    if array.size == 0:
        return np.zeros(array.shape, dtype)
    if array.dtype.kind not in "iu":
        raise ArgumentError(f"{name}: integers are expected; its type is {array.dtype}")
    if not np.can_cast(array.dtype, dtype, "safe"):
        limits = np.iinfo(dtype)
        for extreme in (array.min(), array.max()):
            if not limits.min <= int(extreme) <= limits.max:
                raise DataError(f"{name}: {extreme} is not within {limits.min} to {limits.max}")
    return np.require(array, dtype, ["C", "A"])


def as_tokens(given, name, dims):
    """An array of int32 or uint8 whose strides C can say; of other integer types a copy."""
    array = as_array(given, name)
    if array.ndim == dims and array.dtype in (I32, U8) and is_strided(array[..., np.newaxis]):
        return array
    return as_integers(array, name, U8 if array.dtype == U8 else I32, dims)


def as_mask(given, name):
    """An array [N][T] of bytes, 0: masked, whose strides C can say."""
    array = as_array(given, name)
    if array.ndim != 2 or array.dtype.kind not in "biu":
        raise ArgumentError(f"{name}: booleans or integers [N][T] are expected; its type is {array.dtype}, its shape {array.shape}")
    if array.dtype.itemsize != 1:
        array = array != 0
    return array if is_strided(array[..., np.newaxis]) else np.ascontiguousarray(array)


def strides_of(array, width):
    """Strides of the first two axes in elements; of an axis of one element, where NumPy leaves it open, what it is of a contiguous array
    of vectors of `width`."""
    contiguous = (max(array.shape[1], 1) * width, width)
    return tuple(array.strides[axis] // array.itemsize if array.shape[axis] > 1 else contiguous[axis] for axis in (0, 1))
