"""Exceptions: the library's statuses as classes, each also what Python itself has for such a failure."""


class Error(Exception):
    """A failure of the library, with its message: the place, what was expected and found, and the remedy.

    ``status``: the library's name of the kind of failure. ``row``, ``step``: of the batch, that the failure is about; ``byte``: offset
    in the file that was read; None: not about one.
    """

    status = ""
    row: int | None = None
    step: int | None = None
    byte: int | None = None


class ArgumentError(Error, ValueError):
    """The call itself is wrong: a size out of range, an option that is not known, arrays that do not fit each other."""

    status = "bad argument"


class DataError(Error, ValueError):
    """What a file or an array holds is wrong: a shape, a length, a token, a NaN weight."""

    status = "bad data"


class NoInputError(Error, FileNotFoundError):
    """A file does not exist or cannot be opened."""

    status = "no input"


class FileError(Error, OSError):
    """Reading or writing failed."""

    status = "i/o error"


class NoMemoryError(Error, MemoryError):
    """An allocation failed; every object is as it was before the call."""

    status = "out of memory"


class TooLargeError(Error, OverflowError):
    """A size does not fit the machine's addresses."""

    status = "too large"


class UnsupportedError(Error, NotImplementedError):
    """Well-formed, but not something this library or this machine does."""

    status = "unsupported"


class CancelledError(Error):
    """The caller asked for the end of the call."""

    status = "cancelled"


class NotFittedError(Error, ValueError, AttributeError):
    """A classifier was asked for what it has not learned yet."""

    status = "bad argument"


# By sluice_status, for sluice._core.
BY_STATUS = (None, ArgumentError, DataError, NoInputError, FileError, NoMemoryError, TooLargeError, UnsupportedError, CancelledError)
