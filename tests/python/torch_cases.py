"""Random LSTMs and batches for the tests of sluice.torch, and torch.nn.LSTM in float64 as their oracle."""
import random
from typing import NamedTuple

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

EPSILON = 2.0**-24  # half a unit in the last place of 1 in float32
ROUNDINGS = 8       # of a step of a layer, in units of the largest value: see bound()


class Case(NamedTuple):
    """A module's arguments and a batch's sizes; kind: dense, packed, sorted (packed with enforce_sorted) or single (no batch)."""

    seed: int
    options: dict
    kind: str
    rows: int
    steps: int
    has_states: bool
    is_strided: bool  # x is a view that is not contiguous

    @property
    def directions(self):
        return 2 if self.options["bidirectional"] else 1


def random_case(seed):
    draw = random.Random(seed)
    hidden = draw.choice([1, 2, 7, 8, 16, 33])
    options = {"input_size": draw.choice([1, 3, 5, 24]), "hidden_size": hidden, "num_layers": draw.choice([1, 1, 2, 3]),
               "bias": draw.random() < 0.7, "batch_first": draw.random() < 0.5, "bidirectional": draw.random() < 0.5,
               "proj_size": draw.randrange(1, hidden) if hidden > 1 and draw.random() < 0.3 else 0}
    return Case(seed, options, draw.choice(["dense", "packed", "sorted", "single"]), draw.randint(1, 9), draw.randint(1, 12),
                draw.random() < 0.5, draw.random() < 0.3)


def draw_batch(case):
    """x, its lengths (None but of packed batches) and states (None, or h0 and c0), in float32."""
    generator = torch.Generator().manual_seed(case.seed)
    options, rows, steps = case.options, case.rows, case.steps
    width = options["input_size"]
    outer = [steps] if case.kind == "single" else [rows, steps] if options["batch_first"] else [steps, rows]
    x = torch.randn(*outer, 2 * width if case.is_strided else width, generator=generator)[..., -width:]
    lengths = None
    if case.kind in ("packed", "sorted"):
        lengths = torch.randint(1, steps + 1, (rows,), generator=generator)
        lengths[torch.randint(rows, (), generator=generator)] = steps
        if case.kind == "sorted":
            lengths = lengths.sort(descending=True)[0]
    count, middle = options["num_layers"] * case.directions, [] if case.kind == "single" else [rows]
    states = None
    if case.has_states:
        states = tuple(torch.randn(count, *middle, size, generator=generator)
                       for size in (options["proj_size"] or options["hidden_size"], options["hidden_size"]))
    return x, lengths, states


def as_input(case, x, lengths):
    if lengths is None:
        return x
    return pack_padded_sequence(x, lengths, batch_first=case.options["batch_first"], enforce_sorted=case.kind == "sorted")


def data_of(output):
    return output.data if isinstance(output, PackedSequence) else output


def results(module, case, batch, dtype=torch.float32):
    """{name: tensor} of outputs, states and the gradients of a random linear loss with respect to everything."""
    x, lengths, states = batch
    x = x.to(dtype).requires_grad_() if dtype != x.dtype else x.detach().requires_grad_()
    states = None if states is None else tuple(s.to(dtype).detach().clone().requires_grad_() for s in states)
    output, (hn, cn) = module(as_input(case, x, lengths), states)
    found = {"y": data_of(output), "hn": hn, "cn": cn}
    generator = torch.Generator().manual_seed(case.seed + 1)
    loss = sum((t * torch.randn(t.shape, generator=generator).to(dtype)).sum() for t in found.values())
    module.zero_grad()
    loss.backward()
    found["dx"] = x.grad
    if states is not None:
        found |= {"dh0": states[0].grad, "dc0": states[1].grad}
    return found | {f"d{name}": p.grad for name, p in module.named_parameters()}


def bound(case, expected):
    """How far float32 may be from the exact result: every step of every layer and direction adds its roundings, and those before it go
    on through the recurrence, which with weights of at most 1/sqrt(H) does not amplify them; sums over rows and steps, of gradients of
    weights, have as many terms."""
    depth = case.steps * case.options["num_layers"] * case.directions
    return ROUNDINGS * depth * EPSILON * max(1.0, expected.abs().max().item())


def same_bits(a, b):
    return a.shape == b.shape and torch.equal(a.detach().contiguous().view(torch.int32), b.detach().contiguous().view(torch.int32))
