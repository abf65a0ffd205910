#!/usr/bin/python3
"""Make the golden gradients: those of torch.nn.LSTM in float64 for a few small networks, and how far its own float32 is from that.

Needs torch and is run as make_golden.py is, whose networks these are; it writes one gradient_NAME.golden per case. gradients.h
reads the files. Each is a golden file (the error in its first line being that of all gradients), and then:

    float32: gradients of the loss with respect to y, hn, cn; and with a head to logits and to the head of y at every step
    float64: gradients with respect to x, unless there is an embedding; h0, c0; weight_ih of each layer and direction, weight_hh
        of each, bias_ih of each; embedding; head weight, head bias
"""
import sys

import torch
from make_golden import Network

# name: layers, directions, inputs, hidden, vocabulary, classes, bias, rows, steps, ragged, states
CASES = {
    "one": (1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0),
    "plain": (1, 1, 5, 9, 0, 0, 1, 4, 7, 0, 1),
    "no_bias": (1, 1, 3, 8, 0, 0, 0, 3, 6, 0, 1),
    "both_ways": (1, 2, 4, 6, 0, 0, 1, 3, 6, 0, 0),
    "two_layers": (2, 1, 4, 7, 0, 3, 1, 3, 6, 0, 1),
    "three_layers": (3, 2, 3, 4, 0, 0, 1, 3, 5, 0, 1),
    "ragged": (1, 1, 4, 9, 0, 0, 1, 6, 9, 1, 1),
    "ragged_both": (2, 2, 3, 5, 0, 0, 1, 5, 7, 1, 1),
    "ragged_deep": (3, 2, 3, 4, 0, 2, 0, 4, 6, 1, 0),
    "head": (1, 1, 4, 6, 0, 5, 1, 3, 5, 1, 0),
    "head_both": (1, 2, 4, 5, 0, 4, 1, 3, 5, 1, 1),
    "tokens": (1, 1, 5, 8, 11, 3, 1, 4, 8, 1, 0),
    "tokens_both": (2, 2, 4, 5, 7, 3, 0, 3, 6, 1, 1),
    "long": (1, 1, 2, 5, 0, 0, 1, 2, 60, 0, 0),
}


def gradients(network, x, lengths, states, incoming):
    """([y, hn, cn, logits], gradients in the file's order), in the network's own precision."""
    kind = next(network.parameters()).dtype
    x = x if network.embedding else x.to(kind).requires_grad_()
    states = tuple(state.to(kind).requires_grad_() for state in states)
    results = network(x, lengths, states)
    judged = results + ([network.head(results[0])] if network.head else [])
    loss = sum((weight.to(kind) * result).sum() for weight, result in zip(incoming, judged))
    weights = network.canonical()
    cells = network.shape[0] * network.shape[1]
    kinds = 4 if network.lstm.bias else 2
    # canonical() has weight_ih, weight_hh, bias_ih, bias_hh of each cell; bias_hh's gradient is bias_ih's
    ordered = [weights[k * kinds + kind] for kind in range(3 if kinds == 4 else 2) for k in range(cells)] + weights[cells * kinds:]
    inputs = ([] if network.embedding else [x]) + list(states) + ordered
    return results, torch.autograd.grad(loss, inputs)


def make(name, case, seed):
    layers, directions, inputs, hidden, vocabulary, classes, _, rows, steps, ragged, has_states = case
    torch.manual_seed(seed)
    network = Network(*case[:7])
    x = torch.randint(vocabulary, (rows, steps)) if vocabulary else torch.randn(rows, steps, inputs)
    lengths = torch.randint(1, steps + 1, (rows,)) if ragged else None
    shape = layers * directions, rows, hidden
    states = tuple(torch.rand(shape) * 2 - 1 if has_states else torch.zeros(shape) for _ in range(2))
    shapes = [(rows, steps, directions * hidden), shape, shape] + ([(rows, classes), (rows, steps, classes)] if classes else [])
    incoming = [torch.rand(size) * 2 - 1 for size in shapes]
    if ragged and classes:  # the head of what stands past a row's end is nobody's
        incoming[4] *= (torch.arange(steps)[None, :] < lengths[:, None])[:, :, None]

    weights = [weight.detach().clone() for weight in network.canonical()]
    _, single = gradients(network, x, lengths, states, incoming)
    network.double()
    results, double = gradients(network, x, lengths, states, incoming)
    error = torch.cat([(s.double() - d).flatten() for s, d in zip(single, double)])
    worst, rms = float(error.abs().max()), float(error.square().mean().sqrt())

    with open(f"gradient_{name}.golden", "wb") as out:
        fields = ["sluice-golden", 1, *case, float.hex(worst), float.hex(rms)]
        out.write((" ".join(map(str, fields)) + "\n").encode())
        pieces = weights + ([lengths.int()] if ragged else [])
        pieces += [x.int() if vocabulary else x]
        pieces += list(states) if has_states else []
        for piece in [*pieces, *results, *incoming, *double]:
            out.write(piece.detach().contiguous().numpy().tobytes())
    print(f"{name:14} largest {worst:.3g}  rms {rms:.3g}")


def main():
    torch.set_num_threads(1)
    for number, (name, case) in enumerate(CASES.items()):
        make(name, case, number + 101)


if __name__ == "__main__":
    sys.exit(main())
