#!/usr/bin/python3
"""Make training.h: what torch's losses, optimisers, clipping and schedules give in float64, and a few steps of training.

Needs torch (Debian: apt-get install python3-torch). Run it in this directory; it writes training.h. Inputs are float32 numbers, so
that the C side has the same; torch computes with them in float64.
"""
import math
import re

import torch

SEED = 20261124


def literal(value):
    """A number as C has it, to the bit."""
    return str(value) if isinstance(value, int) else re.sub(r"\.?0*p", "p", float(value).hex())


def braces(values):
    """Nested lists as a C initialiser."""
    if isinstance(values, torch.Tensor):
        values = values.tolist()
    if isinstance(values, str):
        return f'"{values}"'
    if isinstance(values, (list, tuple)):
        return "{" + ", ".join(braces(value) for value in values) + "}"
    return literal(values)


def wrap(text, indent, width=128):
    """Break a line at ", "."""
    lines, line = [], ""
    for word in text.split(", "):
        if len(indent) + len(line) + len(word) + 3 > width:
            lines.append(indent + line.rstrip())
            line = ""
        line += word + ", "
    return "\n".join(lines + [indent + line[:-2]])


def table(declaration, rows):
    return declaration + " = {\n" + "".join(wrap(braces(row), "    ") + ",\n" for row in rows) + "};\n"


def flat(declaration, values):
    return declaration + " = {\n" + wrap(braces(values)[1:-1], "    ") + ",\n};\n"


def losses():
    """Targets, width, smoothing, labels, outputs; the loss and its gradient."""
    rows = []
    for targets, width, smoothing, ignored, scale in [(1, 2, 0, 0, 1), (3, 5, 0, 0, 3), (4, 7, 0.125, 1, 2), (6, 3, 0.5, 2, 20),
                                                      (2, 9, 0.25, 0, 40), (2, 1, 0.125, 0, 1)]:
        outputs = (torch.randn(targets, width) * scale).double().requires_grad_()
        labels = torch.randint(width, (targets,))
        labels[:ignored] = -100
        loss = torch.nn.functional.cross_entropy(outputs, labels, label_smoothing=smoothing)
        gradient, = torch.autograd.grad(loss, outputs)
        rows.append((targets, width, smoothing, labels, outputs.detach().flatten(), float(loss), gradient.flatten()))
    return rows


def weighted_losses():
    """As losses, with a weight for each class, the second of them 0 where there are more than two."""
    rows = []
    for targets, width, smoothing, ignored, scale in [(1, 2, 0, 0, 1), (5, 3, 0, 1, 3), (4, 7, 0.125, 1, 2), (6, 4, 0.5, 2, 20),
                                                      (2, 9, 0.25, 0, 40)]:
        outputs = (torch.randn(targets, width) * scale).double().requires_grad_()
        labels, weights = torch.randint(width, (targets,)), torch.rand(width) * 4
        weights[1] *= width == 2
        labels[:ignored] = -100
        labels[-1] = 0
        loss = torch.nn.CrossEntropyLoss(weight=weights.double(), label_smoothing=smoothing)(outputs, labels)
        gradient, = torch.autograd.grad(loss, outputs)
        rows.append((targets, width, smoothing, labels, weights, outputs.detach().flatten(), float(loss), gradient.flatten()))
    return rows


OPTIMIZERS = {
    "adam": (0, dict(rate=0.01), 0),
    "adam with decay": (0, dict(rate=0.02, beta1=0.8, beta2=0.95, epsilon=0.125, weight_decay=0.1), 0),
    "adam clipped": (0, dict(rate=0.01), 0.5),
    "adamw": (1, dict(rate=0.02, weight_decay=0.25), 0),
    "sgd": (2, dict(rate=0.125), 0),
    "sgd with momentum": (2, dict(rate=0.0625, momentum=0.75, weight_decay=0.03125), 0),
    "sgd clipped": (2, dict(rate=0.125, momentum=0.5), 1.5),
}
STEPS, WEIGHTS = 6, 7


def optimise(kind, rate, clip, weights, gradients, momentum=0, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0):
    weights = torch.nn.Parameter(weights.double())
    if kind == 2:
        optimizer = torch.optim.SGD([weights], rate, momentum=momentum, weight_decay=weight_decay)
    else:
        make = torch.optim.AdamW if kind else torch.optim.Adam
        optimizer = make([weights], rate, (beta1, beta2), epsilon, weight_decay)
    found = []
    for gradient in gradients:
        weights.grad = gradient.double()
        if clip:
            torch.nn.utils.clip_grad_norm_([weights], clip)
        optimizer.step()
        found.append(weights.detach().tolist())
    return found


def optimizers():
    rows = []
    for name, (kind, options, clip) in OPTIMIZERS.items():
        weights, gradients = torch.randn(WEIGHTS), torch.randn(STEPS, WEIGHTS) * torch.rand(STEPS, 1) * 2
        gradients[:, 0] = 0
        every = {key: options.get(key, 0) for key in ("rate", "momentum", "beta1", "beta2", "epsilon", "weight_decay")}
        rows.append((name, kind, *[float(value) for value in every.values()], float(clip), weights, gradients,
                     optimise(kind, clip=clip, weights=weights, gradients=gradients, **options)))
    return rows


RATES = 40


def schedules():
    """Kind (0 one-cycle, 1 cosine), the steps, and the rate of each step of up to 40."""
    rows = []
    for kind, total in [(0, 1), (0, 2), (0, 4), (0, 10), (0, 37), (0, 40), (1, 1), (1, 8), (1, 39)]:
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], 0.5)
        if kind:
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
        else:
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total)
        rates = []
        for _ in range(total):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            if len(rates) < total:
                schedule.step()
        if kind:  # its recurrence gathers errors; the closed form does not
            rates = [0.25 * (1 + math.cos(math.pi * step / total)) for step in range(total)]
        rows.append((kind, total, rates))
    return rows


LAYERS, INPUTS, HIDDEN, CLASSES, VOCABULARY, ROWS, TIME, UPDATES = 2, 3, 4, 3, 5, 4, 6, 8


class Network(torch.nn.Module):
    """Embedding, LSTM of two layers, head. One bias is trained, as ours is one."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, INPUTS)
        self.lstm = torch.nn.LSTM(INPUTS, HIDDEN, LAYERS, batch_first=True)
        self.head = torch.nn.Linear(HIDDEN, CLASSES)
        for layer in range(LAYERS):
            bias = getattr(self.lstm, f"bias_hh_l{layer}")
            bias.data.zero_()
            bias.requires_grad_(False)

    def canonical(self):
        """Weights in the order of the arrays of tests/support/network.h, bias_hh being zeros."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        tensors = [getattr(self.lstm, f"{name}_l{layer}") for layer in range(LAYERS) for name in names]
        tensors += [self.embedding.weight, self.head.weight, self.head.bias]
        return torch.cat([tensor.detach().flatten() for tensor in tensors])


def train(network, tokens, lengths, labels):
    """Losses of UPDATES steps of clipped AdamW on a one-cycle rate, label by the last step of each row."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, 0.05, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, UPDATES, cycle_momentum=False)
    found = []
    for update in range(UPDATES):
        optimizer.zero_grad()
        packed = torch.nn.utils.rnn.pack_padded_sequence(network.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = network.lstm(packed)
        loss = torch.nn.functional.cross_entropy(network.head(hidden[-1]), labels)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, 0.5)
        optimizer.step()
        if update + 1 < UPDATES:
            schedule.step()
        found.append((float(loss), float(norm)))
    return found


def training():
    network = Network()
    weights = network.canonical()
    tokens, labels = torch.randint(VOCABULARY, (ROWS, TIME)), torch.randint(CLASSES, (ROWS,))
    lengths = torch.tensor([6, 1, 4, 5])
    double = Network().double()
    double.load_state_dict(network.state_dict())
    exact, single = train(double, tokens, lengths, labels), train(network, tokens, lengths, labels)
    worst = [max(abs(a[k] - b[k]) for a, b in zip(exact, single)) for k in range(2)]
    worst_final = float((network.canonical() - double.canonical()).abs().max())
    return weights, tokens, lengths, labels, exact, worst, double.canonical(), worst_final


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    weights, tokens, lengths, labels, exact, worst, final, worst_final = training()
    parts = [
        "/* Made by make_training.py: results of torch in float64. */\n/* clang-format off */\n#ifndef SLUICE_TESTS_TRAINING_H\n"
        "#define SLUICE_TESTS_TRAINING_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n",
        "/** Cross-entropy: targets, width, smoothing, labels, outputs, the loss and its gradient. */\n",
        table("static const struct {\n    size_t targets, width;\n    float smoothing;\n    int32_t labels[6];\n    float outputs[28];\n"
              "    double loss, gradient[28];\n} training_losses[]", losses()),
        f"\n/** Weights after each of {STEPS} updates by these gradients; a zero is the default. */\n",
        table(f"enum {{ TRAINING_STEPS = {STEPS}, TRAINING_WEIGHTS = {WEIGHTS} }};\nstatic const struct {{\n    const char *name;\n"
              "    int optimizer;\n    double rate, momentum, beta1, beta2, epsilon, weight_decay, clip;\n"
              "    float weights[TRAINING_WEIGHTS], gradients[TRAINING_STEPS][TRAINING_WEIGHTS];\n"
              "    double results[TRAINING_STEPS][TRAINING_WEIGHTS];\n} training_optimizers[]", optimizers()),
        "\n/** The rate of each update of a one-cycle schedule, or of a cosine one, whose highest is 0.5. */\n",
        table(f"static const struct {{\n    int is_cosine;\n    uint64_t total;\n    double rates[{RATES}];\n}} training_rates[]",
              schedules()),
        "\n/** A network as its arrays stand in a test_network, a batch, and loss and norm before each of some updates: clipped AdamW\n"
        " *  by a one-cycle rate. worst: how far torch's float32 goes from these, and from the final weights. */\n",
        "enum {\n" + "".join(f"    TRAINING_{name} = {value},\n" for name, value in
                             [("LAYERS", LAYERS), ("INPUTS", INPUTS), ("HIDDEN", HIDDEN), ("CLASSES", CLASSES),
                              ("VOCABULARY", VOCABULARY), ("ROWS", ROWS), ("TIME", TIME), ("UPDATES", UPDATES)]) + "};\n",
        flat("static const float training_initial[]", weights),
        table("static const int32_t training_tokens[TRAINING_ROWS][TRAINING_TIME]", tokens.tolist()),
        f"static const int64_t training_lengths[TRAINING_ROWS] = {braces(lengths)};\n",
        f"static const int32_t training_labels[TRAINING_ROWS] = {braces(labels)};\n",
        table("static const double training_found[TRAINING_UPDATES][2]", exact),
        f"static const double training_worst[2] = {braces(worst)}, training_worst_final = {literal(worst_final)};\n",
        flat("static const double training_final[]", final),
        "\n/** Cross-entropy with class weights: targets, width, smoothing, labels, weights, outputs, the loss and its gradient. */\n",
        table("static const struct {\n    size_t targets, width;\n    float smoothing;\n    int32_t labels[6];\n    float weights[9];\n"
              "    float outputs[28];\n    double loss, gradient[28];\n} training_weighted_losses[]", weighted_losses()),
        "\n#endif\n",
    ]
    with open("training.h", "w", encoding="ascii") as file:
        file.write("".join(parts))


if __name__ == "__main__":
    main()
