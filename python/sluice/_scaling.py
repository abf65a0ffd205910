"""The scaling of series: found in a part of them, to the program's bits, and done by layers in front of a network and behind it."""

import numpy as np

from sluice import _core
from sluice._arrays import F32
from sluice._network import KINDS, STEPS, TENSORS

SUMMED_STEPS = 1 << 16  # at once
AFFINE = {"kind": KINDS.index("affine")}


def sum_columns(parts, change):
    """The sums of `change(some steps)`, float64, over all steps of parts, float32 [T][width] each, in their order."""
    total = np.zeros((1, parts[0].shape[1]))
    for part in parts:
        for begin in range(0, len(part), SUMMED_STEPS):
            steps = change(part[begin:begin + SUMMED_STEPS].astype(np.float64))
            total = np.cumsum(np.concatenate([total, steps]), axis=0)[-1:]  # np.sum adds in an order of its own
    return total[0]


def round_affine(scale, origin):
    """float32 scale and shift, that of origin to 0; scale 1 where the range of a float does not allow it."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = scale.astype(F32)
        rounded[~np.isfinite(rounded) | (abs(rounded) < np.finfo(F32).tiny)] = 1
        return rounded, (-origin * rounded.astype(np.float64)).astype(F32)


def find_scaling(kind, parts):
    """Scale and shift of each column of parts of series: "standardize" gives it mean 0 and deviation 1, "normalize" least 0 and most 1; one that is
    constant is only shifted."""
    parts = [part for part in parts if len(part)]
    least = np.min([part.min(axis=0) for part in parts], axis=0).astype(np.float64)
    most = np.max([part.max(axis=0) for part in parts], axis=0).astype(np.float64)
    is_constant = least == most
    if kind == "normalize":
        span, origin = most - least, least
    else:
        count = sum(map(len, parts))
        mean = sum_columns(parts, lambda steps: steps) / count
        span = np.sqrt(sum_columns(parts, lambda steps: (steps - mean) * (steps - mean)) / count)
        origin = np.where(is_constant, least, mean)
    return round_affine(1 / np.where(is_constant, 1, span), origin)


def invert(scale, shift):
    """Scale and shift of the way back."""
    return round_affine(1 / scale.astype(np.float64), shift.astype(np.float64))


def parameters_of(layer, arrays):
    """Parameters of an affine layer; arrays: its scale and its shift, which have to stay where they are."""
    return [(layer, 0, TENSORS.index(name), array.size, array.ctypes.data) for name, array in zip(("scale", "shift"), arrays)]


def scale(values, scaling):
    """float32 values [T][I] as an affine layer gives them, which adds and multiplies at once: by a network of that layer and one unit."""
    steps, width = values.shape
    weights = np.zeros(4 * max(width, 1), F32)
    kinds = {"weight_ih": 4 * width, "weight_hh": 4, "bias": 4}
    lstm = [(1, 0, TENSORS.index(name), count, weights.ctypes.data) for name, count in kinds.items()]
    model = _core.Model.of_network([AFFINE, {"kind": KINDS.index("lstm"), "units": 1}], [*parameters_of(0, scaling), *lstm], inputs=width)
    scaled = np.empty((steps, width), F32)
    _core.Engine(model).forward(rows=steps, steps=1, x=values, x_row_stride=values.strides[0] // F32.itemsize, x_step_stride=width,
                                outputs=[(0, scaled.ctypes.data, width, width)])
    return scaled


def add_layers(model, inputs, outputs):
    """A _core.Model with the scaling `inputs` in front of a model's network and `outputs` behind it, of plain cells, which
    reads final states."""
    described = model.describe()
    layers = [{name: value for name, value in layer.items() if name not in ("width", "cells")} for layer in described["layers"]]
    if described["is_shape"]:
        last = max(k for k, layer in enumerate(layers) if KINDS[layer["kind"]] == "lstm")
        layers[last]["steps"] = STEPS.index("final")
    tensors = [(layer + 1, direction, kind, np.frombuffer(content, F32)) for layer, direction, kind, content in model.tensors()]
    parameters = [(*place, values.size, values.ctypes.data) for *place, values in tensors]
    parameters = [*parameters_of(0, inputs), *parameters, *parameters_of(len(layers) + 1, outputs)]
    layers = [AFFINE | {"name": "scale_inputs"}, *layers, AFFINE | {"name": "scale_outputs"}]
    return _core.Model.of_network(layers, parameters, inputs=described["inputs"])
