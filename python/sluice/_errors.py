"""Exceptions: the library's statuses as classes, each also what Python itself has for such a failure."""


class Error(Exception):
    """A failure of the library, with its message: the place, what was expected and found, and the remedy.

    ``row``, ``step``: of the batch, that the failure is about; ``byte``: offset in the file that was read; None: not about one.
    """

    row: int | None = None
    step: int | None = None
    byte: int | None = None


class ArgumentError(Error, ValueError):
    """The call itself is wrong: a size out of range, an option that is not known, arrays that do not fit each other."""


class DataError(Error, ValueError):
    """What a file or an array holds is wrong: a shape, a length, a token, a NaN weight."""


class NoInputError(Error, FileNotFoundError):
    """A file does not exist or cannot be opened."""


class FileError(Error, OSError):
    """Reading or writing failed."""


class NoMemoryError(Error, MemoryError):
    """An allocation failed; every object is as it was before the call."""


class TooLargeError(Error, OverflowError):
    """A size does not fit the machine's addresses."""


class UnsupportedError(Error, NotImplementedError):
    """Well-formed, but not something this library or this machine does."""


class CancelledError(Error):
    """The caller asked for the end of the call."""


# By sluice_status, for sluice._core.
BY_STATUS = (None, ArgumentError, DataError, NoInputError, FileError, NoMemoryError, TooLargeError, UnsupportedError, CancelledError)
