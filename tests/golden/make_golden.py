#!/usr/bin/python3
"""Make the golden results: what torch.nn.LSTM gives in float64 for a few small networks, and how far its own float32 is from that.

Needs torch (Debian: apt-get install python3-torch). Run it in this directory; it writes one NAME.golden per case. Weights and
inputs are float32 values, so that float64 and float32 runs, and ours, start from the same numbers. The float32 error depends on
the BLAS that torch calls; the files here were made with Debian's default one, the reference BLAS:

    LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/blas /usr/bin/python3 make_golden.py

golden.h reads the files:

    one line of text: "sluice-golden 1 L D I H V C bias N T ragged states" and torch float32's error over all outputs: the
        largest, and the root of the mean square
    float32: for each layer and direction weight_ih, weight_hh, bias_ih, bias_hh; embedding; head weight, head bias
    int32 lengths [N] if ragged; int32 tokens [N][T] with an embedding, else float32 x [N][T][I]; float32 h0, c0 if states
    float64 y [N][T][D*H], hn, cn [L*D][N][H], logits [N][C] with a head
"""
import sys

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

# name: layers, directions, inputs, hidden, vocabulary, classes, bias, rows, steps, ragged, states
CASES = {
    "one": (1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0),
    "one_step": (1, 1, 5, 7, 0, 0, 1, 3, 1, 0, 0),
    "one_unit": (1, 2, 3, 1, 0, 0, 1, 4, 9, 0, 1),
    "one_input": (1, 1, 1, 16, 0, 0, 1, 2, 12, 0, 0),
    "odd": (1, 1, 13, 33, 0, 0, 1, 5, 11, 0, 0),
    "no_bias": (1, 1, 7, 20, 0, 0, 0, 4, 10, 0, 1),
    "both_ways": (1, 2, 9, 17, 0, 0, 1, 3, 8, 0, 0),
    "two_layers": (2, 1, 6, 15, 0, 0, 0, 4, 9, 0, 0),
    "three_layers": (3, 2, 5, 11, 0, 0, 1, 3, 7, 0, 1),
    "ragged": (1, 1, 8, 19, 0, 0, 1, 7, 13, 1, 0),
    "ragged_both": (2, 2, 4, 12, 0, 0, 1, 6, 10, 1, 1),
    "tokens": (1, 1, 10, 24, 23, 6, 1, 5, 15, 1, 0),
    "tokens_both": (2, 2, 6, 9, 17, 3, 0, 4, 8, 1, 0),
    "wide": (1, 1, 65, 67, 0, 0, 1, 2, 6, 0, 0),
    "long": (1, 1, 3, 8, 0, 0, 1, 2, 200, 0, 0),
}


class Network(torch.nn.Module):
    def __init__(self, layers, directions, inputs, hidden, vocabulary, classes, bias):
        super().__init__()
        self.shape = layers, directions, hidden
        self.embedding = torch.nn.Embedding(vocabulary, inputs) if vocabulary else None
        self.lstm = torch.nn.LSTM(inputs, hidden, layers, bias=bool(bias), batch_first=True, bidirectional=directions == 2)
        self.head = torch.nn.Linear(directions * hidden, classes) if classes else None

    def forward(self, x, lengths, states):
        if self.embedding:
            x = self.embedding(x)
        steps = x.shape[1]
        if lengths is not None:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, (hn, cn) = self.lstm(x, states)
        if lengths is not None:
            y, _ = pad_packed_sequence(y, batch_first=True, total_length=steps)
        layers, directions, hidden = self.shape
        last = hn.view(layers, directions, -1, hidden)[-1].transpose(0, 1).reshape(-1, directions * hidden)
        return [y, hn, cn] + ([self.head(last)] if self.head else [])

    def canonical(self):
        """All weights in the file's order."""
        names = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if self.lstm.bias else [])
        suffixes = [f"_l{k}{r}" for k in range(self.shape[0]) for r in ["", "_reverse"][: self.shape[1]]]
        arrays = [getattr(self.lstm, name + suffix) for suffix in suffixes for name in names]
        arrays += [self.embedding.weight] if self.embedding else []
        return arrays + ([self.head.weight, self.head.bias] if self.head else [])


def make(name, case, seed):
    layers, directions, inputs, hidden, vocabulary, classes, _, rows, steps, ragged, has_states = case
    torch.manual_seed(seed)
    network = Network(*case[:7])  # torch's own initial weights
    x = torch.randint(vocabulary, (rows, steps)) if vocabulary else torch.randn(rows, steps, inputs)
    lengths = torch.randint(1, steps + 1, (rows,)) if ragged else None
    states = tuple(torch.rand(layers * directions, rows, hidden) * 2 - 1 for _ in range(2)) if has_states else None

    single = network(x, lengths, states)
    network.double()
    double = network(x if vocabulary else x.double(), lengths, tuple(s.double() for s in states) if states else None)
    error = torch.cat([(s.double() - d).flatten() for s, d in zip(single, double)])
    worst, rms = float(error.abs().max()), float(error.square().mean().sqrt())

    with open(name + ".golden", "wb") as out:
        fields = ["sluice-golden", 1, *case, float.hex(worst), float.hex(rms)]
        out.write((" ".join(map(str, fields)) + "\n").encode())
        pieces = [w.float() for w in network.canonical()]
        pieces += [lengths.int()] if ragged else []
        pieces += [x.int() if vocabulary else x]
        pieces += list(states) if states else []
        for piece in pieces + double:
            out.write(piece.detach().contiguous().numpy().tobytes())
    print(f"{name:14} largest {worst:.3g}  rms {rms:.3g}")


def main():
    torch.set_num_threads(1)
    with torch.no_grad():
        for number, (name, case) in enumerate(CASES.items()):
            make(name, case, number + 1)


if __name__ == "__main__":
    sys.exit(main())
