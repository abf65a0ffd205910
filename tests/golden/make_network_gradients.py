#!/usr/bin/python3
"""Make the golden gradients of networks: those of torch in float64, of layers besides plain LSTM stacks.

Needs torch (Debian: apt-get install python3-torch). Run it in this directory; it writes gradients.networks, whose cases are as
make_zoo.py describes them, without `rounded` constants, and before `end` have

    incoming NAME COUNT values      the gradient of the loss with respect to an output: dy [N][T][W] of the last LSTM layer, dhn, dcn,
                                    dend [N][T][W] or [N][W] of the network's end
    gradient LAYER DIRECTION TENSOR COUNT values      float64, of a parameter
    gradient_of NAME COUNT values                     float64, of x, h0 or c0

golden_networks.h reads them.
"""
import torch
from torch import nn

LSTM, DENSE, REDUCE = 2, 3, 6
ALL, FINAL, LAST, MEAN, MAX = range(5)
WEIGHT_IH, WEIGHT_HH, BIAS, PROJECTION, WEIGHT = 0, 1, 2, 7, 13
FUNCTIONS = {"linear": (1, lambda x: x), "relu": (5, nn.functional.relu), "softplus": (10, nn.functional.softplus),
             "gelu": (13, nn.functional.gelu), "softmax": (17, lambda x: x.softmax(-1))}

# name: layers, each ("lstm", units, projection, both directions, steps), ("dense", units, function) or ("reduce", steps)
CASES = {
    "projection": [("lstm", 9, 4, 0, ALL)],
    "projection_both": [("lstm", 7, 3, 1, ALL), ("lstm", 6, 2, 1, ALL)],
    "dense_stack": [("dense", 6, "softplus"), ("lstm", 8, 0, 0, LAST), ("dense", 7, "relu"), ("dense", 5, "gelu"),
                    ("dense", 3, "linear")],
    "both_dense": [("lstm", 5, 0, 1, ALL), ("dense", 6, "gelu"), ("lstm", 4, 0, 0, ALL), ("dense", 3, "softmax")],
    "last_step": [("lstm", 6, 0, 1, LAST), ("dense", 4, "softplus")],
    "final_states": [("lstm", 6, 3, 1, FINAL), ("dense", 4, "linear")],
    "most": [("lstm", 6, 0, 0, ALL), ("reduce", MAX), ("dense", 4, "relu")],
}
ROWS, STEPS, INPUTS = 3, 5, 4


def numbers(values):
    return " ".join(float(value).hex() for value in values.detach().flatten())


def make(name, layers, out):
    """One case: a loss that is the sum of all results, each times a random gradient."""
    modules, outputs, width = [], [], INPUTS
    lines = [f"case {name} rows {ROWS} steps {STEPS} inputs {INPUTS} layers {len(layers)} rounded 0"]
    for kind, *of in layers:
        if kind == "lstm":
            units, projection, both, steps = of
            modules.append(nn.LSTM(width, units, proj_size=projection, bidirectional=bool(both), batch_first=True))
            lines.append(f"layer {LSTM} {units} 0 0 0 0 0 {steps} {2 * both} 0 {projection} 0 0")
            width = (projection or units) * (1 + both)
        elif kind == "dense":
            modules.append(nn.Linear(width, of[0]))
            lines.append(f"layer {DENSE} {of[0]} 0 {FUNCTIONS[of[1]][0]} 0 0 1 0 0 0 0 0 0")
            width = of[0]
        else:
            modules.append(None)
            lines.append(f"layer {REDUCE} 0 0 0 0 0 0 {of[0]} 0 0 0 0 0")
    for module in filter(None, modules):
        module.double()
        for parameter in module.parameters():  # float32 values
            parameter.data = parameter.data.float().double()
    x = torch.randn(ROWS, STEPS, INPUTS).double().requires_grad_()
    at, states, hn, cn, y = x, [], [], [], None
    for (kind, *of), module in zip(layers, modules):
        if kind == "lstm":
            count = 1 + of[2]
            h0, c0 = (((torch.rand(count, ROWS, size) * 2 - 1).double()).requires_grad_() for size in (of[1] or of[0], of[0]))
            y, (h, c) = module(at, (h0, c0))
            states.append((h0, c0))
            hn.append(h)
            cn.append(c)
            at = y if of[3] == ALL else y[:, -1] if of[3] == LAST else torch.cat(list(h), 1)
        elif kind == "dense":
            at = FUNCTIONS[of[1]][1](module(at))
        else:
            at = at.amax(1)
    results = {"dy": [y], "dhn": hn, "dcn": cn, "dend": [at] if at is not y else []}
    loss = 0
    for result, pieces in results.items():
        weights = [(torch.rand(piece.shape) * 2 - 1).double() for piece in pieces]
        loss = loss + sum((weight * piece).sum() for weight, piece in zip(weights, pieces))
        if pieces:
            outputs.append(f"incoming {result} {sum(w.numel() for w in weights)} "
                           + " ".join(numbers(weight) for weight in weights))
    loss.backward()
    inputs = {"x": [x], "h0": [h for h, _ in states], "c0": [c for _, c in states]}
    for index, ((kind, *of), module) in enumerate(zip(layers, modules)):
        for direction in range(1 + of[2] if kind == "lstm" else 1 if module else 0):
            end = "_l0" + "_reverse" * direction
            names = {WEIGHT_IH: "weight_ih" + end, WEIGHT_HH: "weight_hh" + end, BIAS: "bias_ih" + end} if kind == "lstm" else {
                WEIGHT: "weight", BIAS: "bias"}
            if kind == "lstm" and of[1]:
                names[PROJECTION] = "weight_hr" + end
            for tensor, parameter in names.items():
                value = getattr(module, parameter)
                lines.append(f"parameter {index} {direction} {tensor} {value.numel()} {numbers(value)}")
                if parameter.startswith("bias_ih"):
                    other = getattr(module, "bias_hh" + end)
                    lines.append(f"parameter {index} {direction} {tensor} {other.numel()} {numbers(other)}")
                outputs.append(f"gradient {index} {direction} {tensor} {value.numel()} {numbers(value.grad)}")
    for key, pieces in inputs.items():
        count = sum(piece.numel() for piece in pieces)
        lines.append(f"input {key} {count} " + " ".join(numbers(piece) for piece in pieces))
        outputs.append(f"gradient_of {key} {count} " + " ".join(numbers(piece.grad) for piece in pieces))
    out.write("\n".join(lines + outputs + ["end"]) + "\n")


def main():
    torch.set_num_threads(1)
    with open("gradients.networks", "w", encoding="ascii") as out:
        out.write("# Gradients of networks of torch in float64, made by make_network_gradients.py, which has the format.\n")
        for number, (name, layers) in enumerate(CASES.items()):
            torch.manual_seed(number + 301)
            make(name, layers, out)


if __name__ == "__main__":
    main()
