"""An LSTM's gradient for torch's autograd."""
import torch

from sluice._torch_calls import Inputs, backward, record

SECOND_DERIVATIVE = ("sluice.torch.LSTM has no second derivative: the gradient was taken with create_graph=True and differentiated "
                     "again. Use torch.nn.LSTM where you need that")


class _Refuse(torch.autograd.Function):
    """Stands between a gradient and whoever would differentiate it."""

    @staticmethod
    def forward(ctx, anchor, *gradients):
        return tuple(None if g is None else g.view_as(g) for g in gradients)

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(SECOND_DERIVATIVE)


class Recorded(torch.autograd.Function):
    """record() and backward() as one function of x, h0, c0 and the weights."""

    @staticmethod
    def forward(ctx, engines, call, batch_sizes, places, x, h0, c0, *weights):
        ctx.set_materialize_grads(False)
        inputs = Inputs(x, batch_sizes, places, h0, c0)
        *results, ticket = record(engines, call, inputs, weights)
        ctx.engines, ctx.call = engines, call
        ctx.save_for_backward(ticket, batch_sizes, places, x, h0, c0, *weights)
        return tuple(results)

    @staticmethod
    def backward(ctx, *coming):
        ticket, batch_sizes, places, x, h0, c0, *weights = ctx.saved_tensors
        needed = ctx.needs_input_grad[4:]
        given = ctx.engines, ctx.call, Inputs(x, batch_sizes, places, h0, c0), weights, ticket, coming, needed
        if not torch.is_grad_enabled():
            return None, None, None, None, *backward(*given)
        with torch.no_grad():  # create_graph=True
            gradients = backward(*given)
        anchor = next(t for t, is_needed in zip((x, h0, c0, *weights), needed) if is_needed)
        return None, None, None, None, *_Refuse.apply(anchor, *gradients)
