"""Ranks: processes that train one model together, with the bits of one process: docs/python.md.

A batch is cut into shards by its rows' lengths alone, and what the shards add up to, as their gradients, is added in a fixed tree: so
the number of shards decides the last bits, and the number of ranks does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice import _core
from sluice._arrays import F32, I64, as_integer, as_integers
from sluice._errors import ArgumentError

SendReceive = Callable[[int, memoryview, int, memoryview], Any]


def cut(rows: int, shards: int, lengths: ArrayLike | None = None) -> list[slice]:
    """Cut a batch into shards of nearly equal sums of steps, in the order of its rows.

    :param lengths: [N] steps of the rows; None: all alike. :returns: the rows of each shard, of which some may be none.
    """
    rows, shards = as_integer(rows, "rows", 2**63), as_integer(shards, "shards", 2**31)
    given = None if lengths is None else as_integers(lengths, "lengths", I64, 1)
    if given is not None and len(given) != rows:
        raise ArgumentError(f"lengths: {len(given)} elements for {rows} rows")
    bounds = _core.shards_cut(rows, 1 if given is None else int(given.max(initial=0)), given, shards)
    return [slice(*pair) for pair in zip(bounds, bounds[1:])]


class Exchange:
    """How this process, one of the ranks, exchanges data with the others. All ranks make the same calls in the same order.

    :param rank: of this process, from 0. :param ranks: how many there are.
    :param send_receive: called as ``send_receive(to, sent, source, received)``: send the bytes ``sent`` to the rank ``to``, fill
        ``received`` with as many as rank ``source`` sends, which may be another, and return when both are done. Where one of them is
        empty, nothing is to be sent or received. Messages between two ranks have to stay in order. Both are memory that may be used
        during the call alone. What the function raises ends the call that needed it. Of one rank it may be None.
    :param from_thread: whether the function may be called from threads other than the caller's, one at a time: then a layer's
        gradients are exchanged while those of the layers before it are computed.
    """

    def __init__(self, rank: int, ranks: int, send_receive: SendReceive | None, *, from_thread: bool = False) -> None:
        self.ranks = as_integer(ranks, "ranks", 2**31)
        self.rank = as_integer(rank, "rank", max(self.ranks, 1))
        if self.ranks == 0 or (self.ranks > 1 and not callable(send_receive)):
            raise ArgumentError("exchange: one rank at least is expected, and of several a function that sends and receives")
        self._core: _core.Exchange = (self.rank, self.ranks, send_receive, from_thread)

    def __repr__(self) -> str:
        return f"<sluice.ranks.Exchange: rank {self.rank} of {self.ranks}>"

    def shards(self, shards: int) -> range:
        """Those of so many shards that are this rank's."""
        return range(*_core.shards_of_rank(as_integer(shards, "shards", 2**31), self.rank, self.ranks))

    def rows(self, shards: Sequence[slice]) -> slice:
        """The rows of this rank's shards, as :func:`cut` gives them."""
        own = self.shards(len(shards))
        return slice(shards[own.start].start, shards[own.stop - 1].stop) if own else slice(0, 0)

    def gather(self, block: bytes) -> list[bytes]:
        """The block of each rank, by rank; all have to be of one size."""
        found = _core.exchange_gather(self._core, block)
        return [found[k * len(block):(k + 1) * len(block)] for k in range(self.ranks)]

    def sum(self, vectors: NDArray[np.float32], shards: int) -> NDArray[np.float32]:
        """Add vectors, one for each of the shards, in the fixed tree: the same bits on every rank, and on any number of ranks.

        :param vectors: float32 [this rank's shards][count], contiguous; what they hold is used up.
        """
        own = self.shards(shards)
        if vectors.ndim != 2 or len(vectors) != len(own) or vectors.dtype != F32 or not vectors.flags.c_contiguous or not vectors.flags.writeable:
            raise ArgumentError(f"vectors: float32 [{len(own)}][count], contiguous and not read-only, are expected; "
                                f"given are {vectors.dtype} {list(vectors.shape)}")
        total = np.empty(vectors.shape[1], F32)
        addresses = [vectors.ctypes.data + k * vectors.strides[0] for k in range(len(own))]
        _core.exchange_sum(self._core, shards, addresses, len(total), total)
        return total


ALONE = Exchange(0, 1, None)  # one rank, which has nothing to exchange
