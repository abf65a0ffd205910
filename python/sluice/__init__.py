"""Sluice: LSTM networks over batches of sequences on CPUs. Throughput first, the same answer always.

``model = sluice.load(path)`` and ``y = model(x)``: see docs/python.md. ``sluice.torch`` has a drop-in for torch.nn.LSTM.
"""

import os

from sluice import _core, ranks
from sluice._core import VERSION as __version__
from sluice._errors import (ArgumentError, CancelledError, DataError, Error, FileError, NoInputError, NoMemoryError, NotFittedError,
                            TooLargeError, UnsupportedError)
from sluice._model import Model, from_arrays, load, random_model
from sluice._network import Info, environment
from sluice._series import windows
from sluice._streams import Streams
from sluice.classifier import Classifier
from sluice.forecaster import Forecaster

os.register_at_fork(after_in_child=_core.count_fork)

__all__ = ["ArgumentError", "CancelledError", "Classifier", "DataError", "Error", "FileError", "Forecaster", "Info", "Model", "NoInputError",
           "NoMemoryError", "NotFittedError", "Streams", "TooLargeError", "UnsupportedError", "environment", "from_arrays", "load", "random_model",
           "ranks", "windows"]
