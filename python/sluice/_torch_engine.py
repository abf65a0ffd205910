"""Engines of an LSTM module: which weights each has, when they are packed anew, and the tapes that calls have filled."""
import array
import collections
import itertools
import os
import threading
import weakref
from typing import NamedTuple

import torch

from sluice import _core

_LSTM_LAYER, _BOTH = 2, 2  # SLUICE_LAYER_LSTM, SLUICE_DIRECTION_BOTH
_TENSORS = {"weight_ih": 0, "weight_hh": 1, "bias": 2, "projection": 7}  # sluice_tensor
_BIAS_PART = 1  # SLUICE_PART_BIAS
_INT8 = _core.PRECISIONS.index("int8")


class Unsuited(Exception):
    """The library does not compute this call; its text says why."""


class Shape(NamedTuple):
    """What an LSTM's weights have the shapes of, in torch's words; outputs: of a direction, the projection's or hidden."""

    layers: int
    directions: int
    inputs: int
    hidden: int
    outputs: int
    has_bias: bool

    @property
    def names(self):
        """Of a layer-direction's weights, in torch's order."""
        names = ("weight_ih", "weight_hh") + (("bias_ih", "bias_hh") if self.has_bias else ())
        return names + (("projection",) if self.outputs != self.hidden else ())


def by_name(shape, weights):
    """{name: [one of each layer-direction]} of a flat list as torch has it."""
    names = shape.names
    return {name: weights[k::len(names)] for k, name in enumerate(names)}


def address_or_none(tensor):
    return None if tensor is None else tensor.data_ptr()


def parameters(shape, tensors, name):
    """One tensor of each layer-direction, None where there is none, as the library's parameters of a network."""
    return [(k // shape.directions, k % shape.directions, _TENSORS[name], t.numel(), t.data_ptr())
            for k, t in enumerate(tensors) if t is not None]


def _weight_fields(shape, arrays):
    """Fields of sluice_weights for arrays by name."""
    return {"layers": shape.layers, "directions": shape.directions, "inputs": shape.inputs, "hidden": shape.hidden,
            "has_bias": shape.has_bias, **{name: [t.data_ptr() for t in tensors] for name, tensors in arrays.items()}}


def _make_network(shape, arrays):
    """A model of LSTM layers with a projection, which sluice_weights cannot say."""
    arrays = dict(arrays)
    if shape.has_bias:
        arrays["bias"] = [torch.add(a, b) for a, b in zip(arrays.pop("bias_ih"), arrays.pop("bias_hh"))]
    layer = {"kind": _LSTM_LAYER, "units": shape.hidden, "projection": shape.outputs,
             "direction": _BOTH if shape.directions == 2 else 0,
             "cells": [{"parts": _BIAS_PART if shape.has_bias else 0}] * shape.directions}
    given = [each for name, tensors in arrays.items() for each in parameters(shape, tensors, name)]
    return _core.Model.of_network([layer] * shape.layers, given, inputs=shape.inputs)


def _suited(tensor):
    """The tensor's values where the library reads them."""
    if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or tensor.layout != torch.strided:
        raise Unsuited(f"its weights are {tensor.dtype} on {tensor.device}, not torch.float32 on the CPU")
    return tensor.detach().resolve_neg().contiguous()


def _bits(tensor):
    return tensor.detach().contiguous().view(torch.int32)


class Packed:
    """An engine and the weights that it has packed."""

    def __init__(self, threads):
        self.threads = threads
        self.engine = None
        self._is_int8 = False
        self.key = None
        self.users = 0       # calls in progress, and calls whose gradient may yet be asked for: until then nothing is packed
        self.spare = {False: [], True: []}  # tapes by whether they are kept by a gradient
        self._aliases = None  # of the weights' memory, whose addresses are in the key: so nothing else can come to lie there
        self._copies = None

    def pack(self, shape, weights, key, training, precision, keep_copies):
        self.key = None  # should it fail
        arrays = by_name(shape, [_suited(w) for w in weights])
        projects = shape.outputs != shape.hidden
        if self.engine is None or projects:
            model = _make_network(shape, arrays) if projects else _core.Model.of_weights(**_weight_fields(shape, arrays))
        if self.engine is None:
            self.engine = _core.Engine(model, threads=self.threads, training=training,
                                       precision=_core.PRECISIONS.index("f32" if training else precision))
            self._is_int8 = self.engine.info()["precision"] == _INT8  # which has no NaN; "auto" is what SLUICE_PRECISION says
        elif projects:
            self.engine.set_model(model)
        else:
            self.engine.set_weights(unchecked=not self._is_int8, **_weight_fields(shape, arrays))
        self._aliases = [w.detach() for w in weights]
        self._copies = [w.detach().clone() for w in weights] if keep_copies else None
        self.key = key

    def spare_tape(self, keep):
        """A tape to be filled; keep: one that a gradient does not use up."""
        try:
            return self.spare[keep].pop()
        except IndexError:
            return _core.Tape(self.engine, keep)

    def has_bits_of(self, weights):
        """Whether the weights are known to be those that were packed, to the bit, whatever changed them."""
        return self._copies is not None and all(torch.equal(_bits(a), _bits(b)) for a, b in zip(self._copies, weights))


class Ticket(array.array):
    """A filled tape, as the memory of a tensor of int64, which has the key of its dropout. So the tape lives as long as autograd keeps
    that tensor, checkpoints and hooks of saved tensors included, and then goes back to be filled again."""

    is_used_up = False

    def replace_tape(self, tape, x):
        """By one that was filled again and is kept."""
        self.packed.spare[self.keeps].append(self.tape)
        self.tape, self.x, self.keeps, self.is_used_up = tape, x.data_ptr(), True, False

    def __del__(self):
        self.packed.spare[self.keeps].append(self.tape)
        self.engines.give_back(self.packed)


_engines_of = weakref.WeakValueDictionary()  # handle: Engines
_tickets = weakref.WeakValueDictionary()     # address: Ticket
_handles = itertools.count(1)


class Engines:
    """The engines of one module. Any number of threads may use them at once."""

    _MOST_IDLE = 2

    def __init__(self):
        self.handle = next(_handles)
        self.lock = threading.Lock()
        self.returned = collections.deque()  # whose uses have ended; appended to without the lock
        self.retains = False                 # whether a graph was differentiated more than once
        self._packed = {}
        _engines_of[self.handle] = self

    def take(self, shape, weights, *, training, renew, precision=""):
        """A Packed that has these weights, to be given back. renew: whether they may have changed unseen, by Tensor.data."""
        threads = torch.get_num_threads()
        try:
            key = [(w.data_ptr(), w._version) for w in weights]
        except RuntimeError:  # of a tensor made in inference mode, which counts no versions
            key, renew = None, True
        with self.lock:
            self._collect()
            every = self._packed.setdefault((shape, training, precision), [])
            found = next((packed for packed in every if packed.key == key and packed.threads == threads
                          and (not renew or packed.users and packed.has_bits_of(weights))), None)
            if found is None:
                found = self._pack(every, threads, shape, weights, key, training, precision, renew)
            found.users += 1
            return found

    def _pack(self, every, threads, shape, weights, key, training, precision, renew):
        """One of them that is idle, or another, given these weights."""
        idle = [packed for packed in every if not packed.users and packed.threads == threads]
        found = idle.pop() if idle else Packed(threads)
        every[:] = [packed for packed in every if packed.users] + idle[:self._MOST_IDLE - 1]
        # Where a tape already waits for its gradient the next calls are likely to be of the same weights.
        found.pack(shape, weights, key, training, precision, keep_copies=renew and bool(every))
        every.append(found)
        return found

    def _collect(self):
        while self.returned:
            self.returned.popleft().users -= 1

    def give_back(self, packed):
        """End a use. May be called at any time, by a destructor too."""
        self.returned.append(packed)

    def issue(self, packed, tape, keep, x, dropout_key):
        """A tensor that stands for a use which goes on for as long as there is the tensor."""
        ticket = Ticket("q", (dropout_key,))
        ticket.engines, ticket.packed, ticket.tape, ticket.x, ticket.keeps = self, packed, tape, x.data_ptr(), keep
        _tickets[ticket.buffer_info()[0]] = ticket
        return torch.frombuffer(ticket, dtype=torch.int64)

    def forget(self):
        """Let go of all that is packed, but for calls whose gradient may yet be asked for."""
        with self.lock:
            self._packed.clear()


def find_engines(handle):
    """The engines of a handle; new ones if those are gone, as for a program that was exported."""
    return _engines_of.get(handle) or Engines()


def find_ticket(tensor):
    """The ticket that is a tensor's memory; None of a copy, whose tape may be in other use."""
    return _tickets.get(tensor.data_ptr())


def _renew_locks():
    """In a forked child a thread that is not there may hold a lock."""
    for engines in list(_engines_of.values()):
        engines.lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_locks)
