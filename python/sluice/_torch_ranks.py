"""Gradients over ranks for torch: an Exchange over torch.distributed, and the sum of a module's gradients in the fixed tree."""
from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed

from sluice._errors import ArgumentError, DataError
from sluice.ranks import ALONE, Exchange

_Shard = TypeVar("_Shard")


def _as_tensor(view):
    """The bytes of a memoryview as a tensor; torch takes what is read-only with a warning, so this goes by its address."""
    address = np.frombuffer(view, np.uint8).ctypes.data
    return torch.frombuffer((ctypes.c_uint8 * len(view)).from_address(address), dtype=torch.uint8)


def exchange(group: Any = None) -> Exchange:
    """The exchange of a group of torch.distributed, whose backend sends tensors of the CPU, as gloo; None: the default group."""
    group = torch.distributed.group.WORLD if group is None else group
    if group is None:
        raise ArgumentError("exchange: torch.distributed has no default group yet; call torch.distributed.init_process_group(\"gloo\") first")

    def send_receive(to, sent, source, received):
        work = [group.send([_as_tensor(sent)], to, 0)] if sent else []
        work += [group.recv([_as_tensor(received)], source, 0)] if received else []
        for each in work:
            each.wait()
    return Exchange(group.rank(), group.size(), send_receive, from_thread=True)


def _agree(exchange, is_done, parameters, shards):
    """Have all ranks fail where one does, or where they are about to add different things."""
    sizes = repr((shards, [tuple(p.shape) for p in parameters])).encode()
    blocks = exchange.gather(bytes([is_done]) + hashlib.blake2b(sizes, digest_size=15).digest())
    failed = [rank for rank, block in enumerate(blocks) if not block[0]]
    if failed and is_done:
        raise DataError(f"rank {failed[0]}: the loss of a shard raised an exception there; no gradient was set on any rank")
    if not failed and len(set(blocks)) > 1:
        raise DataError("sum_gradients: ranks have different numbers of shards or shapes of parameters; the same are expected on all")


def sum_gradients(module: torch.nn.Module, shards: Sequence[_Shard], loss_of: Callable[[_Shard], torch.Tensor],
                  exchange: Exchange | None = None) -> float:
    """
    Set the gradients of a module's parameters to those of the sum of all shards' losses, added over the ranks in the fixed tree: the same
    bits on every rank and on any number of ranks, as far as each shard's own gradient has them. Return that sum.

    shards: of the whole batch, the same on all ranks, as ``sluice.ranks.cut(rows, count)`` gives them; their number decides the last bits.
    loss_of: called with each of this rank's shards; its loss, divided by what the whole batch has of rows or targets. torch's random
        numbers are those of the shard's number, whichever rank computes it, and go on alike on all ranks, if they were alike before.
    exchange: as ``sluice.torch.exchange()`` gives it; None: one rank.

    Parameters are float32 on the CPU, and the same on all ranks: made from one seed, and changed alike since. One that a shard's loss does
    not depend on has a gradient of zeros from it. Where an exception leaves loss_of on one rank, all raise one.
    """
    exchange = exchange or ALONE
    parameters = [p for p in module.parameters() if p.requires_grad]
    for p in parameters:
        if p.dtype != torch.float32 or p.device.type != "cpu":
            raise ArgumentError(f"sum_gradients: a parameter is {p.dtype} on {p.device}; expected torch.float32 on the CPU")
    sizes = [p.numel() for p in parameters]
    own, seed = exchange.shards(len(shards)), int(torch.randint(2**62, (), device="cpu"))
    vectors = torch.zeros(len(own), 1 + sum(sizes))
    try:
        with torch.random.fork_rng(devices=[]):
            for vector, k in zip(vectors, own):
                torch.manual_seed(seed + k)
                loss = loss_of(shards[k])
                gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
                vector[0] = loss.detach()
                for part, gradient in zip(vector[1:].split(sizes), gradients):
                    if gradient is not None:
                        part.copy_(gradient.reshape(-1))
    except BaseException:
        _agree(exchange, False, parameters, len(shards))
        raise
    _agree(exchange, True, parameters, len(shards))
    total = torch.from_numpy(exchange.sum(vectors.numpy(), len(shards)))
    for p, part in zip(parameters, total[1:].split(sizes)):
        p.grad = part.view_as(p)
    return float(total[0])
