"""An LSTM as operators of torch's dispatcher, sluice::lstm and its gradient: for torch.compile, torch.export and dispatch modes, which
see operators only. Autograd's own function is some microseconds faster where nobody looks. Needs torch 2.4 or later."""
from typing import List, Optional, Tuple  # not list[...]: torch makes the operator's schema of these

import torch
from torch import Tensor

from sluice._torch_calls import Call, Inputs, backward, infer, record
from sluice._torch_engine import Shape, find_engines


def _call(weights, directions, batch_first, renew, dropout, precision):
    hidden, outputs, has_bias = weights[1].shape[0] // 4, weights[1].shape[1], len(weights) > 2 and weights[2].dim() == 1
    each = 2 + 2 * has_bias + (outputs != hidden)
    shape = Shape(len(weights) // each // directions, directions, weights[0].shape[1], hidden, outputs, has_bias)
    return Call(shape, batch_first, renew, dropout, precision)


@torch.library.custom_op("sluice::lstm", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,))
def lstm(x: Tensor, batch_sizes: Optional[Tensor], places: Optional[Tensor], h0: Optional[Tensor], c0: Optional[Tensor],
         weights: List[Tensor], handle: int, directions: int, batch_first: bool, renew: bool, dropout: float, precision: str,
         has_tape: bool) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """y, hn, cn and the tensor that keeps the tape, empty without one. The handle is of engines that may have these weights already."""
    call, engines = _call(weights, directions, batch_first, renew, dropout, precision), find_engines(handle)
    inputs = Inputs(x, batch_sizes, places, h0, c0).arranged()
    if has_tape:
        return record(engines, call, inputs, weights)
    return *infer(engines, call, inputs, weights), torch.empty(0, dtype=torch.int64, device="cpu")


@lstm.register_fake
def _(x, batch_sizes, places, h0, c0, weights, handle, directions, batch_first, renew, dropout, precision, has_tape):
    shape = _call(weights, directions, batch_first, renew, dropout, precision).shape
    if batch_sizes is None:
        rows = x.shape[0 if batch_first else 1]
    elif places is not None:
        rows = places.shape[0]
    else:
        rows = torch.library.get_ctx().new_dynamic_size() if h0 is None else h0.shape[1]
    count = shape.layers * shape.directions
    return (x.new_empty(*x.shape[:-1], shape.directions * shape.outputs), x.new_empty(count, rows, shape.outputs),
            x.new_empty(count, rows, shape.hidden), x.new_empty(int(has_tape), dtype=torch.int64))


@torch.library.custom_op("sluice::lstm_backward", mutates_args=())
def lstm_backward(dy: Optional[Tensor], dhn: Optional[Tensor], dcn: Optional[Tensor], ticket: Tensor, x: Tensor,
                  batch_sizes: Optional[Tensor], places: Optional[Tensor], h0: Optional[Tensor], c0: Optional[Tensor],
                  weights: List[Tensor], handle: int, directions: int, batch_first: bool, renew: bool, dropout: float, precision: str,
                  needed: List[bool]) -> List[Tensor]:
    """Gradients of those of x, h0, c0 and the weights that are needed."""
    call, inputs = _call(weights, directions, batch_first, renew, dropout, precision), Inputs(x, batch_sizes, places, h0, c0).arranged()
    gradients = backward(find_engines(handle), call, inputs, weights, ticket, (dy, dhn, dcn), needed)
    return [gradient for gradient in gradients if gradient is not None]


@lstm_backward.register_fake
def _(dy, dhn, dcn, ticket, x, batch_sizes, places, h0, c0, weights, handle, directions, batch_first, renew, dropout, precision, needed):
    return [torch.empty_like(t, memory_format=torch.contiguous_format)
            for t, is_needed in zip((x, h0, c0, *weights), needed) if is_needed]


def _save(ctx, inputs, output):
    x, batch_sizes, places, h0, c0, weights, *ctx.call, _ = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[3], x, batch_sizes, places, h0, c0, *weights)


def _differentiate(ctx, dy, dhn, dcn, _):
    ticket, x, batch_sizes, places, h0, c0, *weights = ctx.saved_tensors
    need = ctx.needs_input_grad
    needed = [need[0], need[3], need[4], *need[5]]
    found = iter(lstm_backward(dy, dhn, dcn, ticket, x, batch_sizes, places, h0, c0, weights, *ctx.call, needed))
    dx, dh0, dc0, *gradients = (next(found) if is_needed else None for is_needed in needed)
    return dx, None, None, dh0, dc0, gradients, *[None] * 7


lstm.register_autograd(_differentiate, setup_context=_save)


def run(module, inputs):
    """y, hn and cn of a module's call."""
    call, has_tape, weights = module._plan(inputs)
    return lstm(*inputs, weights, module._engines.handle, call.shape.directions, call.batch_first, call.renew, call.dropout,
                call.precision, has_tape)[:3]
