"""torch.nn.LSTM on this library's engines: ``sluice.torch.LSTM``, and ``sluice.torch.replace`` for models that there are;
``sluice.torch.sum_gradients`` for training on several ranks.

In float32 on the CPU the library computes; everything else goes to torch itself, with a warning once. Needs torch 1.13 or later.
"""
from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from sluice import _core
from sluice._errors import DataError
from sluice._torch_autograd import Recorded
from sluice._torch_calls import Call, Inputs, infer, record
from sluice._torch_engine import Engines, Shape, Unsuited
from sluice._torch_ranks import exchange, sum_gradients

if hasattr(torch.library, "custom_op"):
    from sluice import _torch_compile
else:  # torch before 2.4
    _torch_compile = None

__all__ = ["LSTM", "exchange", "replace", "sum_gradients"]

Precision = Literal["auto", "f32", "bf16", "int8"]
_Sequence = TypeVar("_Sequence", Tensor, PackedSequence)
_Module = TypeVar("_Module", bound=torch.nn.Module)

_log = logging.getLogger(__name__)


_warned = set()  # kinds of reasons


def _warn_once(kind, reason):
    """Of each kind, with the line that called torch or this library."""
    if kind in _warned:
        return
    _warned.add(kind)
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("sluice", "torch"):
        frame, level = frame.f_back, level + 1
    warnings.warn(f"sluice.torch.LSTM: torch computes where {reason}", stacklevel=level)


if hasattr(torch, "get_autocast_dtype"):
    def _is_autocast():
        return torch.is_autocast_enabled("cpu")
else:
    _is_autocast = torch.is_autocast_cpu_enabled

_peek_transform = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", lambda: None)
_count_modes = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)
_forward_ad = torch.autograd.forward_ad
_is_compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)


def _is_seen():
    """Whether a compiler or a dispatch mode sees operators only."""
    return _torch_compile is not None and (_is_compiling() or _count_modes() > 0)


def _find_reason(x):
    """Why torch has to compute this call; None: it has not."""
    if x.dtype != torch.float32:
        return f"the input is {x.dtype}: only torch.float32 is done here"
    if not x.is_cpu:
        return f"the input is on {x.device}: only the CPU's is done here"
    if x.layout != torch.strided:
        return f"the input is {x.layout}: only torch.strided is done here"
    if _is_autocast():
        return "autocast is on"
    return None


def _find_transform():
    """Likewise of what would not see the library compute."""
    if torch._C._is_tracing():
        return "torch.jit traces the module, or torch.onnx exports it"
    if _peek_transform() is not None or _forward_ad._current_level >= 0:
        return "torch.func transforms the call, or differentiates it forward"
    return None


def _check_precision(precision):
    if precision not in _core.PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(_core.PRECISIONS)}, got {precision!r}")


class LSTM(torch.nn.LSTM):
    """
    torch.nn.LSTM with its constructor, parameters, state dict, inputs and results, computed by this library.

    Inputs are [T][N][I], [N][T][I] with ``batch_first``, [T][I] without a batch, or a PackedSequence, which is read where it lies; with
    or without states. A row's float32 results are the same bits whatever batch it is in, and at any number of threads, which is
    ``torch.get_num_threads()``. Gradients are those of autograd, once: a second derivative is refused. With ``dropout`` in training the
    mask follows ``torch.manual_seed`` but is not torch's.

    Weights are packed anew before each call while ``self.training``; in eval mode when torch knows that they have changed. An update
    through ``Tensor.data`` it does not see: call ``refresh()`` after one in eval mode.

    precision: of eval mode where no gradient is wanted: "f32", "bf16" or "int8"; "auto": f32, unless the environment's SLUICE_PRECISION
        says otherwise.

    torch computes, after a warning, in other types than float32 and on other devices, under autocast, torch.jit.trace, torch.func and
    forward-mode differentiation, and with weights that are NaN or infinite.
    """

    if TYPE_CHECKING:
        def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                     dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: torch.device | str | None = None,
                     dtype: torch.dtype | None = None, *, precision: Precision = "auto") -> None: ...
    else:  # torch's own, which says what is wrong
        def __init__(self, *args, precision="auto", **kwargs):
            super().__init__(*args, **kwargs)
            self._begin(precision)

    def _begin(self, precision):
        self._set_up()
        self.precision = precision

    @property
    def precision(self) -> Precision:
        """Of eval mode where no gradient is wanted; it may be set at any time."""
        return self._precision

    @precision.setter
    def precision(self, precision: Precision) -> None:
        _check_precision(precision)
        self._precision = precision
        self.refresh()

    def _set_up(self):
        self._shape = Shape(self.num_layers, 2 if self.bidirectional else 1, self.input_size, self.hidden_size,
                            self.proj_size or self.hidden_size, self.bias)
        self._engines = Engines()

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "_engines"}

    def __setstate__(self, state):
        super().__setstate__(state)
        self._set_up()

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.precision == "auto" else f", precision={self.precision}")

    def refresh(self) -> None:
        """Forget the packed weights, after an update that torch does not see (Tensor.data) in eval mode; frees their memory too."""
        self._engines.forget()

    def _current_weights(self):
        """In torch's order; as torch.func.functional_call and reparametrisations have them now."""
        try:
            return [self._parameters[name] for name in self._flat_weights_names]
        except KeyError:
            if hasattr(self, "_update_flat_weights"):
                self._update_flat_weights()
            return self._flat_weights

    def _suit_states(self, hx, rows, is_batched):
        """h0 and c0, batched; None where they are not as torch wants them, who then says so. rows: None: those of h0."""
        if not (isinstance(hx, (tuple, list)) and len(hx) == 2 and all(isinstance(each, torch.Tensor) for each in hx)):
            return None
        shape = self._shape
        count = shape.layers * shape.directions
        h0, c0 = hx
        middle = ((h0.shape[1] if rows is None else rows),) if is_batched else ()
        if h0.shape != (count, *middle, shape.outputs) or c0.shape != (count, *middle, shape.hidden):
            return None
        if h0.dtype != torch.float32 or c0.dtype != torch.float32 or h0.device.type != "cpu" or c0.device.type != "cpu":
            return None
        return (h0, c0) if is_batched else (h0.unsqueeze(1), c0.unsqueeze(1))

    def _suit(self, input, hx, is_seen):
        """The call's Inputs; None where there is nothing to compute or an argument is wrong, which torch then says. is_seen: by a
        compiler, which has no values."""
        batch_sizes = places = None
        if isinstance(input, PackedSequence):
            x, batch_sizes, _, places = input
            is_batched, dimensions = True, 2
            rows = None if is_seen or hx is None else int(batch_sizes[0])
        else:
            is_batched, dimensions = input.dim() != 2, 3
            x = input if is_batched else input.unsqueeze(0 if self.batch_first else 1)
            rows = x.shape[0 if self.batch_first else 1] if x.dim() == 3 else 0
        if x.dim() != dimensions or x.shape[-1] != self.input_size or x.numel() == 0:
            return None
        states = (None, None) if hx is None else self._suit_states(hx, rows, is_batched)
        return None if states is None else Inputs(x, batch_sizes, places, *states)

    def _plan(self, inputs):
        """The Call, whether it has a tape, and the weights."""
        weights = self._current_weights()
        dropout = float(self.dropout) if self.training and self.num_layers > 1 else 0.0
        learns = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (*inputs.differentiable(), *weights))
        precision = "f32" if self.training else self.precision
        return Call(self._shape, self.batch_first, self.training, dropout, precision), learns or dropout > 0, weights

    def _run(self, inputs):
        """y, hn and cn, for autograd where it wants them."""
        call, has_tape, weights = self._plan(inputs)
        inputs = inputs.arranged()
        if has_tape and torch.is_grad_enabled():
            return Recorded.apply(self._engines, call, inputs.batch_sizes, inputs.places, *inputs.differentiable(), *weights)
        if has_tape:
            return record(self._engines, call, inputs, weights)[:3]
        return infer(self._engines, call, inputs, weights)

    def _compute(self, input, hx):
        """y, hn and cn; None: torch has to, with a warning where its arguments are right."""
        x = input.data if isinstance(input, PackedSequence) else input
        is_seen = _is_seen()
        reason = _find_reason(x) or (None if is_seen else _find_transform()) or ("dropout is 1" if self.dropout == 1 else None)
        if reason is not None:
            if not _is_compiling():
                _warn_once(reason, reason)
            return None
        inputs = self._suit(input, hx, is_seen)
        if inputs is None:
            return None
        try:
            return _torch_compile.run(self, inputs) if is_seen else self._run(inputs)
        except (Unsuited, DataError) as error:
            _warn_once(type(error), error)
            return None

    def forward(self, input: _Sequence, hx: tuple[Tensor, Tensor] | None = None) -> tuple[_Sequence, tuple[Tensor, Tensor]]:
        """
        Output and (h_n, c_n), as torch.nn.LSTM. T steps, N rows (sequences), L layers, D directions, H = hidden_size, P = proj_size, or H.

        input: [T][N][I], [N][T][I] with batch_first, [T][I] of one row, or a PackedSequence of data [sum of lengths][I].
        hx: h_0 [L*D][N][P] and c_0 [L*D][N][H], of one row without N; None: zeros. h_n and c_n have the same shapes.
        Output: as the input, with D*P in place of I: the last layer's h, forward and then backward.
        """
        results = self._compute(input, hx)
        if results is None:
            return torch.nn.LSTM.forward(self, input, hx)  # not of super(): torch 2.15's Dynamo fails at it behind a break
        y, hn, cn = results
        if isinstance(input, PackedSequence):
            return PackedSequence(y, input.batch_sizes, input.sorted_indices, input.unsorted_indices), (hn, cn)
        if input.dim() == 2:
            return y.squeeze(0 if self.batch_first else 1), (hn.squeeze(1), cn.squeeze(1))
        return y, (hn, cn)


def replace(module: _Module, precision: Precision | None = None) -> _Module:
    """
    Make every torch.nn.LSTM in a model, in place, one of this library's; return the model.

    Parameters stay the same objects, so that an optimiser goes on, and hooks, mode and all else stay as well; each is logged as
    "sluice.torch", at level INFO, with its hooks. Left as they are, with a warning: subclasses of torch.nn.LSTM and modules whose
    ``forward`` was replaced, for those compute what only they know.

    precision: as of ``LSTM``, of the model's LSTMs that were of this library before too; None: those keep theirs, and others have "auto".
    """
    if precision is not None:
        _check_precision(precision)
    for name, child in module.named_modules():
        label = name or type(module).__name__
        if type(child) is torch.nn.LSTM and "forward" not in child.__dict__:
            child.__class__ = LSTM
            child._begin(precision or "auto")
            hooks = sum(len(value) for key, value in child.__dict__.items() if key.endswith("_hooks"))
            _log.info("%s: replaced%s", label, f", with its {hooks} hooks" if hooks else "")
        elif isinstance(child, LSTM):
            if precision is not None:
                child.precision = precision
        elif isinstance(child, torch.nn.LSTM):
            warnings.warn(f"sluice.torch.replace: {label} is left as it is: {type(child).__name__} has a forward of its own")
    return module
