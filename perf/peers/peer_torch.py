"""PyTorch: torch.nn.LSTM under inference_mode; where a case trains, its forward pass with autograd's graph, and its backward
pass with the gradients of weights, input and states. Rows of different lengths run packed, packed beforehand, and, in one
direction and under inference_mode, padded as well. Networks are torch.nn.LSTM and torch.nn.Linear, one after the other. bf16 is all of
the network, with x, in bfloat16, int8 torch.ao.quantization.quantize_dynamic of the LSTMs."""
import warnings

import cases
import serve
import torch


def lower(network, precision):
    """The network in a precision."""
    if precision == "bf16":
        return network.to(torch.bfloat16)
    if precision == "int8":
        with warnings.catch_warnings():  # that the module will move to another package
            warnings.simplefilter("ignore")
            holder = torch.nn.ModuleList([network])  # of which a module that is itself an LSTM can be replaced
            return torch.ao.quantization.quantize_dynamic(holder, {torch.nn.LSTM}, dtype=torch.qint8)[0]
    return network


def make_network(case):
    network = torch.nn.LSTM(case.input, case.hidden, case.layers, bidirectional=case.directions == 2)
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in case.weights().items()})
    return network.train(case.train != "none")


class Chain(torch.nn.Module):
    """A case's network, which gives the last layer's outputs, step first as x."""

    def __init__(self, case):
        super().__init__()
        self.described = case.layers_of_network()
        weights, inputs = case.weights(), case.input
        self.layers = torch.nn.ModuleList()
        for layer in self.described:
            made, inputs = (make_lstm if layer["kind"] == "lstm" else make_dense)(layer, inputs)
            start = layer["name"] + "."
            made.load_state_dict({name.removeprefix(start): torch.from_numpy(array.copy())
                                  for name, array in weights.items() if name.startswith(start)})
            self.layers.append(made)

    def forward(self, x):
        for described, layer in zip(self.described, self.layers):
            if described["kind"] == "dense":
                x = layer(x)
                x = x.softmax(-1) if described.get("activation") else x
                continue
            y, (hn, _) = layer(x)
            steps = described.get("steps", "all")
            x = torch.cat(tuple(hn), -1) if steps == "final" else y[-1] if steps == "last" else y
        return x


def make_lstm(layer, inputs):
    """The module of a layer, and the outputs that it gives."""
    unknown = set(layer) - {"kind", "name", "units", "steps", "direction", "projection"}
    if unknown:
        raise cases.Unsupported(f"torch.nn.LSTM does not take: {', '.join(sorted(unknown))}")
    directions, size = (2 if layer.get("direction") == "both" else 1), layer.get("projection", 0)
    made = torch.nn.LSTM(inputs, layer["units"], bidirectional=directions == 2, proj_size=size)
    return made, directions * (size or layer["units"])


def make_dense(layer, inputs):
    if layer.get("activation", {}).get("function", "softmax") != "softmax":
        raise cases.Unsupported(f"no activation {layer['activation']}")
    return torch.nn.Linear(inputs, layer["units"]), layer["units"]


class Rows:
    """How a case's arrays [N][T] are laid out for torch."""

    def __init__(self, case, packs, precision="f32"):
        self.case, self.type = case, torch.bfloat16 if precision == "bf16" else torch.float32
        self.lengths = torch.from_numpy(case.load("lengths")) if packs else None

    def bring(self, name):
        """The array of that name, a tensor or a packed sequence."""
        array = torch.from_numpy(self.case.load(name)).transpose(0, 1).contiguous().to(self.type)
        if self.lengths is None:
            return array
        return torch.nn.utils.rnn.pack_padded_sequence(array, self.lengths, enforce_sorted=False)

    def take(self, tensor):
        """Such a tensor as an array [N][T]."""
        if self.lengths is not None:
            tensor = torch.nn.utils.rnn.pad_packed_sequence(tensor, total_length=self.case.steps)[0]
        return tensor.detach().float().numpy().transpose(1, 0, 2)


def data_of(sequence):
    """The tensor that autograd knows."""
    return sequence.data if isinstance(sequence, torch.nn.utils.rnn.PackedSequence) else sequence


def infer(network, label, rows):
    """Inference, with padded or packed rows."""
    x, result = rows.bring("x"), []

    def call():
        with torch.inference_mode():
            result[:] = network(x)

    def collect():
        y, (hn, _) = result
        return {"y": rows.take(y)} | ({} if label.endswith("padded") else {"hn": hn.float().numpy()})

    return label, call, collect


def infer_network(case, precision):
    """Inference of a network, of which rows are equal."""
    if precision == "int8" and any(layer.get("projection") for layer in case.layers_of_network()):
        raise cases.Unsupported("no projection in int8")
    network, x, result = lower(Chain(case), precision), Rows(case, False, precision).bring("x"), []

    def call():
        with torch.inference_mode():
            result[:] = [network(x)]

    def collect():
        y = result[0].float().numpy()
        return {"y": y.transpose(1, 0, 2) if y.ndim == 3 else y}

    return "torch", call, collect


def train(network, label, rows):
    """One training step without an optimiser's, or its forward pass alone."""
    case, x, result = rows.case, rows.bring("x"), []
    states = [torch.zeros(case.layers * case.directions, case.batch, case.hidden, requires_grad=True) for _ in range(2)]
    leaves = [data_of(x), *states, *network.parameters()]
    data_of(x).requires_grad_()
    incoming = []
    if case.train == "both":
        incoming = [data_of(rows.bring("dy")), *(torch.from_numpy(case.load(name)) for name in ("dhn", "dcn"))]

    def call():
        for leaf in leaves:
            leaf.grad = None
        y, (hn, cn) = result[:] = network(x, tuple(states))
        if incoming:
            torch.autograd.backward([data_of(y), hn, cn], incoming)

    def collect():
        y, (hn, _) = result
        found = {"y": rows.take(y), "hn": hn.detach().numpy()}
        if incoming:
            dx = data_of(x).grad
            found |= {"dx": rows.take(x._replace(data=dx) if rows.lengths is not None else dx)}
            found |= {name: state.grad.numpy() for name, state in zip(("dh0", "dc0"), states)}
            found |= {name: parameter.grad.numpy() for name, parameter in network.named_parameters()}
        return found

    return label, call, collect


def variants(case, threads, precision):
    torch.set_num_threads(threads)
    if case.network:
        yield infer_network(case, precision)
        return
    network, run = lower(make_network(case), precision), infer if case.train == "none" else train
    if case.ragged == "none":
        yield run(network, "torch", Rows(case, False, precision))
        return
    yield run(network, "torch-packed", Rows(case, True, precision))
    if case.directions == 1 and case.train == "none":
        yield run(network, "torch-padded", Rows(case, False, precision))


if __name__ == "__main__":
    # Without oneDNN's kernels a bf16 LSTM runs in loops, at 2 GFLOP/s.
    lacks = {} if torch.ops.mkldnn._is_mkldnn_bf16_supported() else {"bf16": "oneDNN has no bf16 for this CPU"}
    serve.serve("PyTorch", torch.__version__, variants, trains=True, lacks=lacks)
