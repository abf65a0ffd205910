"""Streams: sequences that arrive in pieces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sluice._arrays import F32, as_floats, as_integer
from sluice._call import run, slots_of
from sluice._errors import ArgumentError

if TYPE_CHECKING:
    from sluice import _core
    from sluice._model import Model


class Streams:
    """The states of a number of slots, each a sequence of its own: fed in pieces, it has the bits that it has fed whole.

    Made by :meth:`sluice.Model.streams`. Any number of threads may feed different slots at once.
    """

    __slots__ = ("_model", "_streams", "__weakref__")

    def __init__(self, model: Model, streams: _core.Streams) -> None:
        self._model = model
        self._streams = streams

    def __len__(self) -> int:
        return self._streams.slots

    def feed(self, slots: ArrayLike | None, x: Any, lengths: ArrayLike | None = None, *, offsets: ArrayLike | None = None,
             mask: ArrayLike | None = None, outputs: str | int | Sequence[str | int] | None = None, layout: str = "ntc") -> Any:
        """Run the next piece of some sequences: row n of x goes on with the state of ``slots[n]``, and leaves it where the row ends.

        :param slots: [N] integers, no two alike, or one; None: row n has slot n. All else as of a call of the model.
        """
        model = self._model
        return run(model._engine, model._network, x, lengths, offsets, None, mask, outputs, layout, more=slots_of(slots, self._streams))

    def get(self, slot: int) -> tuple[Any, Any]:
        """A copy of a slot's state, ``(h, c)``, each [L][H], or where the layers' sizes differ a list of [H] for each LSTM layer."""
        h, c = (np.empty(sum(sizes), F32) for sizes in self._sizes())
        self._streams.get(self._check(slot), h, c)
        return tuple(self._by_layers(array, sizes) for array, sizes in zip((h, c), self._sizes()))

    def set(self, slot: int, h: Any = None, c: Any = None) -> None:
        """Set a slot's state, as :meth:`get` gives it; None: as in new streams, both: begin a new sequence."""
        arrays = [None if given is None else self._join(given, name, sizes) for given, name, sizes in zip((h, c), "hc", self._sizes())]
        self._streams.set(self._check(slot), *arrays)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all slots to a safetensors file, which :meth:`sluice.Model.load_streams` and ``sluice run --state`` read."""
        self._streams.save(os.fspath(path))

    def _check(self, slot):
        return as_integer(slot, "slot", len(self))

    def _sizes(self):
        """Elements of h, and of c, of each LSTM layer."""
        states = self._model._network.states
        return [layer[1] for layer in states], [layer[2] for layer in states]

    @staticmethod
    def _by_layers(array, sizes):
        return array.reshape(len(sizes), -1) if len(set(sizes)) == 1 else np.split(array, np.cumsum(sizes)[:-1])

    @staticmethod
    def _join(given, name, sizes):
        parts = [as_floats(part, name, 1) for part in given]
        if [len(part) for part in parts] != sizes:
            raise ArgumentError(f"{name}: {sizes} elements of the LSTM layers are expected; given {[len(part) for part in parts]}")
        return np.concatenate(parts)
