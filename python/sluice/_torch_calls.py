"""An LSTM's forward and backward passes over torch's tensors: where they lie, said as the library wants it."""
import ctypes
from typing import NamedTuple

import torch

from sluice._torch_engine import Shape, address_or_none, by_name, find_ticket, parameters


class Call(NamedTuple):
    """How a batch is computed, beside its tensors."""

    shape: Shape
    batch_first: bool
    renew: bool     # whether weights may have changed unseen
    dropout: float  # with a tape
    precision: str  # without


class Inputs(NamedTuple):
    """x [T][N][I], [N][T][I] with batch_first, or a packed sequence's data with batch_sizes and, where rows were sorted, the place of
    each row among them. h0 [L*D][N][P] and c0 [L*D][N][H], or None for zeros, are in the rows' own order."""

    x: torch.Tensor
    batch_sizes: torch.Tensor | None
    places: torch.Tensor | None
    h0: torch.Tensor | None
    c0: torch.Tensor | None

    def differentiable(self):
        return self.x, self.h0, self.c0

    def arranged(self):
        """The same values, where the library reads them as they lie."""
        return Inputs(_readable(self.x), self.batch_sizes, self.places, _contiguous(self.h0), _contiguous(self.c0))


class _Dense:
    """Rows that lie by strides."""

    def __init__(self, inputs, batch_first):
        self._row, self._step = (0, 1) if batch_first else (1, 0)
        self.rows, self.steps = inputs.x.shape[self._row], inputs.x.shape[self._step]
        self.fields = {"steps": self.steps, "rows": self.rows}

    def place(self, name, tensor):
        return {name: tensor.data_ptr(), name + "_row_stride": tensor.stride(self._row), name + "_step_stride": tensor.stride(self._step)}


class _Packed:
    """Rows of a packed sequence: step t has those that are longer than t, the longest first."""

    def __init__(self, inputs):
        sizes = inputs.batch_sizes
        self.rows, self.steps = int(sizes[0]), len(sizes)
        self._places = torch.arange(self.rows, device="cpu") if inputs.places is None else inputs.places
        self._starts = sizes.cumsum(0) - sizes
        self._lengths = self.steps - torch.searchsorted(sizes.flip(0), self._places, right=True)
        self._kept = []
        self.fields = {"steps": self.steps, "rows": self.rows, "lengths": self._lengths.data_ptr()}

    def place(self, name, tensor):
        width = tensor.stride(0)
        offsets, step_offsets = self._places * width, self._starts * width
        self._kept += offsets, step_offsets
        return {name: tensor.data_ptr(), name + "_offsets": offsets.data_ptr(), name + "_step_offsets": step_offsets.data_ptr()}


def _layout(inputs, batch_first):
    return _Dense(inputs, batch_first) if inputs.batch_sizes is None else _Packed(inputs)


def _readable(tensor):
    """The tensor as the library reads an array of rows and steps: each step's values follow each other, and rows go forward."""
    if tensor.is_neg():
        tensor = tensor.resolve_neg()
    strides = tensor.stride()
    return tensor if strides[-1] == 1 and min(strides) > 0 else tensor.contiguous()


def _contiguous(tensor):
    return None if tensor is None else tensor.resolve_neg().contiguous()


def _forward(engine, call, inputs, **fields):
    shape, x, layout = call.shape, inputs.x, _layout(inputs, call.batch_first)
    states = shape.layers * shape.directions, layout.rows
    y = x.new_empty(*x.shape[:-1], shape.directions * shape.outputs)
    hn, cn = x.new_empty(*states, shape.outputs), x.new_empty(*states, shape.hidden)
    engine.forward(**layout.fields, **layout.place("x", x), **layout.place("y", y), h0=address_or_none(inputs.h0),
                   c0=address_or_none(inputs.c0), hn=hn.data_ptr(), cn=cn.data_ptr(), **fields)
    return y, hn, cn


def infer(engines, call, inputs, weights):
    """y, hn and cn."""
    packed = engines.take(call.shape, weights, training=False, renew=call.renew, precision=call.precision)
    try:
        return _forward(packed.engine, call, inputs)
    finally:
        engines.give_back(packed)


def record(engines, call, inputs, weights, dropout_key=None):
    """y, hn, cn and a tensor for backward(). dropout_key: of a pass that is repeated."""
    if dropout_key is None:
        dropout_key = int(torch.randint(2**62, (), device="cpu")) if call.dropout else 0
    packed = engines.take(call.shape, weights, training=True, renew=call.renew)
    keep = engines.retains
    try:
        tape = packed.spare_tape(keep)
        results = _forward(packed.engine, call, inputs, tape=tape, dropout=call.dropout, dropout_key=dropout_key)
    except BaseException:
        engines.give_back(packed)
        raise
    return *results, engines.issue(packed, tape, keep, inputs.x, dropout_key)


def _find_filled(engines, call, inputs, weights, tensor):
    """(tensor, ticket) of a tape to take a gradient of: that of the tensor, if autograd has not kept copies only of tensors; its tape
    is filled again if it was used up, by a graph that is retained, or if x has moved: with the weights that its engine has for it, so
    with the same bits. From then on tapes are kept, which costs memory."""
    filled = find_ticket(tensor)
    if filled is None:
        tensor = record(engines, call, inputs, weights, dropout_key=int(tensor))[-1]
        return tensor, find_ticket(tensor)
    if filled.is_used_up or filled.x != inputs.x.data_ptr():
        engines.retains |= filled.is_used_up
        tape = filled.packed.spare_tape(keep=True)
        _forward(filled.packed.engine, call, inputs, tape=tape, dropout=call.dropout, dropout_key=int(tensor))
        filled.replace_tape(tape, inputs.x)
    return tensor, filled


def backward(engines, call, inputs, weights, tensor, coming, needed):
    """
    Gradients of x, h0, c0 and the weights, each None unless needed. tensor: what record() gave for its tape; coming: the gradients of
    y, hn and cn, each a tensor or None.
    """
    shape, layout = call.shape, _layout(inputs, call.batch_first)
    tensor, filled = _find_filled(engines, call, inputs, weights, tensor)
    dy, dhn, dcn = coming
    wanted = [torch.empty_like(t, memory_format=torch.contiguous_format) if is_needed else None
              for t, is_needed in zip((*inputs.differentiable(), *weights), needed)]
    dx, dh0, dc0, *gradients = wanted
    arrays = by_name(shape, gradients)
    fields = {"dhn": _contiguous(dhn), "dcn": _contiguous(dcn), "dh0": dh0, "dc0": dc0}
    places = {name: address_or_none(tensor) for name, tensor in fields.items()}
    if dy is not None:
        dy = _readable(dy)
        places |= layout.place("dy", dy)
    if dx is not None:
        places |= layout.place("dx", dx)
    for name in ("weight_ih", "weight_hh"):
        places[name] = [address_or_none(t) for t in arrays[name]]
    if shape.has_bias:  # one gradient for both
        arrays["bias"] = [a if b is None else b for a, b in zip(arrays["bias_ih"], arrays["bias_hh"])]
        places["bias"] = [address_or_none(t) for t in arrays["bias"]]
    if "projection" in arrays:
        places["parameters"] = parameters(shape, arrays["projection"], "projection")
    filled.tape.backward(**places)
    filled.is_used_up = not filled.keeps
    if shape.has_bias:
        for a, b in zip(arrays["bias_ih"], arrays["bias_hh"]):
            if a is not None and b is not None:
                ctypes.memmove(a.data_ptr(), b.data_ptr(), 4 * b.numel())  # copy_ takes longer to begin than these few bytes
    return wanted
