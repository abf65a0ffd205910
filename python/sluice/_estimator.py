"""What the estimators have in common: parameters, their checks, random numbers, what they say before fit; scikit-learn's conventions."""

import functools
import inspect
import math
import sys
from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from sluice._arrays import F32, as_array, as_integer
from sluice._errors import ArgumentError, DataError, NotFittedError

COUNTS = ("window", "hop", "hidden", "layers", "embedding", "epochs", "batch_size", "shards", "patience")  # integers from 1
LIMITS = {"dropout": 1, "weight_decay": math.inf, "label_smoothing": 1, "validation_fraction": 1}  # from 0 to below
ABOVE_ZERO = {"rate": "", "delta": "", "clip": ", or None: no clipping", "threads": ", or None: the library's default"}


class Estimator:
    """Parameters are attributes by the names that the constructor has; what fit learns is in ``model_`` and others that end in ``_``."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in parameter_defaults(type(self))}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, for the next fit."""
        for name, value in params.items():
            if name not in parameter_defaults(type(self)):
                raise ArgumentError(f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {list(parameter_defaults(type(self)))}.")
            setattr(self, name, value)
        return self

    def _check_is_fitted(self):
        if not self.__sklearn_is_fitted__():
            raise not_fitted(f"this {type(self).__name__} is not fitted yet: call fit first")

    def __repr__(self):
        changed = [f"{name}={value!r}" for name, value in self.get_params().items() if not is_default(value, parameter_defaults(type(self))[name])]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model_")


def parameter_defaults(kind):
    """{name: default} of the parameters of an estimator's class."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.name != "self"}


def is_default(value, default):
    """Whether a value is a parameter's default."""
    return value is default or (type(value) is type(default) and value == default)


@functools.cache
def joined_type(theirs):
    """NotFittedError and scikit-learn's own; pickled as not_fitted, as a process that reads it may lack scikit-learn."""
    return type("NotFittedError", (NotFittedError, theirs), {"__reduce__": lambda error: (not_fitted, error.args)})


def not_fitted(message):
    """A NotFittedError that, in a process that has scikit-learn, is its own as well."""
    theirs = sys.modules.get("sklearn.exceptions")
    return (joined_type(theirs.NotFittedError) if theirs else NotFittedError)(message)


def check_options(options):
    """Refuse parameters out of range, of those that an estimator has."""
    for name in filter(options.__contains__, COUNTS):
        if not isinstance(options[name], Integral) or options[name] < 1:
            raise ArgumentError(f"{name}: {options[name]!r}; expected an integer, 1 at least")
    for name, limit in LIMITS.items():
        if name in options and not (isinstance(options[name], Real) and 0 <= options[name] < limit):
            raise ArgumentError(f"{name}: {options[name]!r}; expected a number from 0 to below {limit}")
    for name in filter(options.__contains__, ABOVE_ZERO):
        value, alternative = options[name], ABOVE_ZERO[name]
        if not (value is None and alternative) and (not isinstance(value, Real) or not 0 < value < math.inf):
            raise ArgumentError(f"{name}: {value!r}; expected a number above 0{alternative}")


def random_of(random_state):
    """A numpy.random.RandomState, whose numbers are the same in all versions of NumPy."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if random_state is not None and not isinstance(random_state, Integral):
        raise ArgumentError(f"random_state: {random_state!r}; expected an int, a numpy.random.RandomState, or None")
    return np.random.RandomState(np.random.randint(2**32, dtype=np.uint32) if random_state is None else
                                 as_integer(random_state, "random_state", 2**32))


def weights_of(sample_weight, count, kind, name="sample_weight"):
    """float32 [count], a weight of each row or step, as kind says."""
    weights = as_array(sample_weight, name)
    try:
        weights = weights.astype(F32)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name}: expected numbers: {error}") from error
    if weights.shape != (count,):
        raise ArgumentError(f"{name}: expected a weight for each of {count} {kind}s, [{count}]; its shape is {weights.shape}")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise DataError(f"{name}: {kind} {bad[0]}: {weights[bad[0]]:g}; expected a finite number, 0 or more")
    return weights
