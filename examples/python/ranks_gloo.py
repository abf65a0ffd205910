#!/usr/bin/env python3
"""Train a classifier of sequences on 1, 2 and 3 processes, and compare the weights that they end with, by two ways to add gradients:

    ddp     torch's DistributedDataParallel: each process computes its part of the batch, and gloo adds what the processes have. How
            many there are decides which sums are rounded, so that each number of them ends with other weights.
    shards  sluice.torch.sum_gradients over the same gloo: the batch is cut into shards by a rule of its own, whichever process computes
            them, and these are added in a fixed tree. Every number of processes ends with the same weights, to the bit.

The processes run on this machine; those of a cluster are started by torchrun, and call train() likewise.
"""
import argparse
import hashlib
import os
import tempfile

import torch
import torch.distributed
from torch.nn.parallel import DistributedDataParallel

import sluice.ranks
import sluice.torch

CHANNELS, STEPS, CLASSES = 8, 30, 3


class Classifier(torch.nn.Module):
    def __init__(self, hidden, dropout):
        super().__init__()
        self.lstm = sluice.torch.LSTM(CHANNELS, hidden, num_layers=2, dropout=dropout, batch_first=True)
        self.head = torch.nn.Linear(hidden, CLASSES)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def draw_batch(rows, generator):
    """Random walks, and which of their channels ends highest."""
    steps = torch.randn(rows, STEPS, CHANNELS, generator=generator)
    return steps.cumsum(1), steps.sum(1)[:, :CLASSES].argmax(1)


def train(options, way):
    """The digest of the weights that this process ends with, and their loss of another batch."""
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    model = Classifier(options.hidden, options.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    ranks, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
    parallel = DistributedDataParallel(model) if way == "ddp" else None
    exchange = sluice.torch.exchange()
    for _ in range(options.updates):
        x, y = draw_batch(options.rows, generator)  # the same on all ranks

        def loss_of(rows):
            return torch.nn.functional.cross_entropy((parallel or model)(x[rows]), y[rows], reduction="sum") / options.rows

        if way == "ddp":
            optimizer.zero_grad()
            loss_of(sluice.ranks.cut(options.rows, ranks)[rank]).mul(ranks).backward()  # it divides by the number of ranks
        else:
            sluice.torch.sum_gradients(model, sluice.ranks.cut(options.rows, options.shards), loss_of, exchange)
        optimizer.step()
    x, y = draw_batch(options.rows, generator)
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(model.eval()(x), y)
    return hashlib.blake2b(b"".join(p.detach().numpy().tobytes() for p in model.parameters()), digest_size=8).hexdigest(), float(loss)


def run_rank(rank, ranks, options, folder, results):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store{ranks}", rank=rank, world_size=ranks)
    for way in ("ddp", "shards"):
        results.put((way, *train(options, way)))
    torch.distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("hidden", 32), ("rows", 96), ("shards", 8), ("updates", 100), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value, help="(%(default)s)")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 3], help="numbers of processes (1 2 3)")
    parser.add_argument("--dropout", type=float, default=0.0, help="between the layers, of which ddp draws other masks on each rank (%(default)s)")
    options = parser.parse_args()
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    print("way     ranks  digest of the weights  loss")
    for ranks in options.ranks:
        with tempfile.TemporaryDirectory() as folder:
            results = torch.multiprocessing.get_context("fork").SimpleQueue()
            torch.multiprocessing.start_processes(run_rank, (ranks, options, folder, results), nprocs=ranks, start_method="fork")
            found = [results.get() for _ in range(2 * ranks)]
        for way in ("ddp", "shards"):
            digests = {digest for name, digest, _ in found if name == way}
            loss = next(loss for name, _, loss in found if name == way)
            print(f"{way:7} {ranks:5}  {' '.join(sorted(digests)):21}  {loss:.6f}", flush=True)


if __name__ == "__main__":
    main()
