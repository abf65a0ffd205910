"""Sluice: LSTM networks over batches of sequences on CPUs. Throughput first, the same answer always."""

from sluice._errors import (ArgumentError, CancelledError, DataError, Error, FileError, NoInputError, NoMemoryError, TooLargeError,
                            UnsupportedError)

__all__ = ["ArgumentError", "CancelledError", "DataError", "Error", "FileError", "NoInputError", "NoMemoryError", "TooLargeError",
           "UnsupportedError"]
