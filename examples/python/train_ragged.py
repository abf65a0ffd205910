#!/usr/bin/env python3
"""Train a classifier of sequences of different lengths with torch's own tools, its LSTM computed by this library.

    python3 train_ragged.py              trains, and prints the loss and the time of each epoch
    python3 train_ragged.py --compare    does it with torch's LSTM too, and prints how the two losses and times compare

The one line that it takes is sluice.torch.replace(model). The data are noisy sines, the classes their periods.
"""
import argparse
import math
import time

import torch
from torch.nn.utils.rnn import pack_sequence

import sluice.torch

PERIODS = (4, 6, 9, 13)
CHANNELS = 16


def draw_sequences(count, longest, seed):
    """[(sequence [T][CHANNELS], class)], T from 8 to longest."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(2, CHANNELS, generator=generator)
    drawn = []
    for k in range(count):
        steps, label = int(torch.randint(8, longest + 1, (), generator=generator)), k % len(PERIODS)
        phase = 2 * math.pi * (torch.arange(steps) / PERIODS[label] + torch.rand((), generator=generator))
        signal = torch.stack([phase.sin(), phase.cos()], 1) @ mixing
        drawn.append((signal + torch.randn(steps, CHANNELS, generator=generator), label))
    return drawn


def collate(rows):
    """A batch: nothing is padded, rows keep their order."""
    sequences, labels = zip(*rows)
    return pack_sequence(sequences, enforce_sorted=False), torch.tensor(labels)


class Classifier(torch.nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lstm = torch.nn.LSTM(CHANNELS, hidden, num_layers=2, bidirectional=True)
        self.head = torch.nn.Linear(2 * hidden, len(PERIODS))

    def forward(self, packed):
        _, (hn, _) = self.lstm(packed)
        return self.head(torch.cat([hn[-2], hn[-1]], 1))  # both directions of the last layer


def train(options, with_sluice):
    """(losses of all updates, seconds of all epochs but what the first takes to start)"""
    torch.manual_seed(options.seed)
    model = Classifier(options.hidden)
    if with_sluice:
        sluice.torch.replace(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.rate)
    loader = torch.utils.data.DataLoader(draw_sequences(options.sequences, options.longest, options.seed), options.batch, shuffle=True,
                                         collate_fn=collate, num_workers=options.workers, persistent_workers=options.workers > 0,
                                         generator=torch.Generator().manual_seed(options.seed))
    losses, seconds = [], 0.0
    for epoch in range(options.epochs):
        right, begin = 0, time.perf_counter()
        for packed, labels in loader:
            optimizer.zero_grad()
            outputs = model(packed)
            loss = torch.nn.functional.cross_entropy(outputs, labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            right += (outputs.argmax(1) == labels).sum().item()
        took = time.perf_counter() - begin
        seconds += took
        mean = sum(losses[-len(loader):]) / len(loader)
        print(f"{'sluice' if with_sluice else 'torch':6} epoch {epoch + 1}: loss {mean:.6f}, accuracy {right / options.sequences:7.2%}, "
              f"{took:.2f} s", flush=True)
    return losses, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("hidden", 128), ("sequences", 2048), ("longest", 200), ("batch", 128), ("epochs", 5), ("workers", 1), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value, help="(%(default)s)")
    parser.add_argument("--rate", type=float, default=2e-3, help="(%(default)s)")
    parser.add_argument("--compare", action="store_true", help="with torch's LSTM too")
    options = parser.parse_args()
    losses, seconds = train(options, with_sluice=True)
    if options.compare:
        expected, by_torch = train(options, with_sluice=False)
        difference = max(abs(a - b) for a, b in zip(losses, expected))
        print(f"losses differ by {difference:.1e} at most; torch takes {by_torch / seconds:.2f} times as long")


if __name__ == "__main__":
    main()
