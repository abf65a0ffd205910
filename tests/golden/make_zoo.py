#!/usr/bin/env python3
"""Make the golden networks: cases that other frameworks were asked, as networks of sluice_network.h with their float64 outputs.

    python3 make_zoo.py FOLDER

with numpy, onnx and h5py, in this directory. FOLDER has the folders onnx_lstm_family, keras_family, torch_family,
torch_onnx_export and silero_onnx_sequence; in each case the framework's own file, its inputs, and float64 outputs with which the framework's float32
ones agree to some 1e-7 (a README in each folder has the differences). One file is written for each framework: onnx.networks,
keras.networks, torch.networks, and onnx/silero.networks of that model's LSTM. golden_networks.h reads them:

    # a comment, to the end of the line
    case NAME rows N steps T inputs I layers COUNT rounded R      R = 1: a constant of the case is no float32 value, but 0.2 or so
    layer KIND units vocabulary FUNCTION ALPHA BETA has_bias STEPS DIRECTION MERGE projection processing_order masked_outputs_zero
    cell PARTS gate candidate output (each FUNCTION ALPHA BETA) coupled output_unclipped forget_bias gate_clip cell_clip
        projection_clip norm_epsilon                              behind an LSTM layer, as many as it has directions; or none
    parameter LAYER DIRECTION TENSOR COUNT values                 a bias twice: the sum of both, as torch and ONNX have it
    input NAME COUNT values                                       lengths [N], x [N][T][I] or tokens [N][T], mask [N][T], h0, c0
    output NAME LAYER COUNT values                                steps [N][T][W], row [N][W] of a layer; hn, cn
    end

Capitals but COUNT are the numbers of the enumerations in sluice.h and sluice_network.h. Floats are hexadecimal: all but outputs are
float32 values exactly.
"""
import collections
import io
import json
import pathlib
import pickle
import sys
import zipfile

import h5py
import numpy as np
import onnx

EMBEDDING, LSTM, DENSE, AFFINE = 1, 2, 3, 4
ALL, FINAL, LAST = 0, 1, 2
FORWARD, REVERSE, BOTH = 0, 1, 2
CONCAT, SUM, PRODUCT, MEAN = 0, 1, 2, 3
BIAS, PEEPHOLES = 1, 2
(WEIGHT_IH, WEIGHT_HH, BIAS_OF, EMBEDDING_OF, _, _, PEEPHOLES_OF, PROJECTION_OF, _, _, _, _, _, WEIGHT, SCALE, SHIFT) = range(16)
FUNCTIONS = {"linear": 1, "sigmoid": 2, "tanh": 3, "hardsigmoid": 4, "relu": 5, "leakyrelu": 6, "thresholdedrelu": 7, "elu": 8,
             "softplus": 10, "softsign": 11, "affine": 15, "scaledtanh": 16, "softmax": 17}
# ONNX's operator: the functions that have alpha or beta, and what they are without.
DEFAULTS = {"hardsigmoid": (0.2, 0.5), "leakyrelu": (0.01, None), "thresholdedrelu": (1.0, None), "elu": (1.0, None),
            "affine": (1.0, 0.0), "scaledtanh": (1.0, 1.0)}
DEFAULT = (0, 0.0, 0.0)


def number(value):
    """A float32 or float64 value, exactly; integers as they are."""
    if float(value).is_integer() and abs(value) < 1 << 31 and not (value == 0 and np.signbit(value)):
        return str(int(value))
    text = float(value).hex()
    mantissa, exponent = text.split("p")
    return f"{mantissa.rstrip('0')}p{exponent}"


class Case:
    """A network in the making."""

    def __init__(self, name, rows, steps, inputs):
        self.name, self.rows, self.steps, self.inputs = name, rows, steps, inputs
        self.layers, self.lines, self.rounded = 0, [], False

    def single(self, value, wanted=None):
        """The float32 value; notes whether it is another than the outputs were made with."""
        wanted = float(f"{value:.7g}") if wanted is None else wanted
        self.rounded |= float(np.float32(wanted)) != wanted
        return float(np.float32(value))

    def layer(self, kind, units=0, vocabulary=0, activation=DEFAULT, bias=0, steps=ALL, direction=FORWARD, merge=CONCAT,
              projection=0, backwards=0, masked_zero=0):
        self.add("layer", kind, units, vocabulary, *activation, bias, steps, direction, merge, projection, backwards, masked_zero)
        self.layers += 1
        return self.layers - 1

    def cell(self, parts, gate=DEFAULT, candidate=DEFAULT, output=DEFAULT, coupled=0, unclipped=0, clip=0.0):
        self.add("cell", parts, *gate, *candidate, *output, coupled, unclipped, 0, clip, 0, 0, 0)

    def parameter(self, layer, direction, tensor, values):
        values = np.asarray(values)
        assert np.array_equal(values, values.astype(np.float32)), "parameters are float32 values"
        self.add("parameter", layer, direction, tensor, values.size, *values.ravel())

    def input(self, name, values):
        self.add("input", name, values.size, *values.ravel())

    def output(self, name, values, layer=0):
        assert values.dtype == np.float64
        self.add("output", name, layer, values.size, *values.ravel())

    def add(self, *words):
        self.lines.append(" ".join(word if isinstance(word, str) else number(word) for word in words))

    def text(self):
        size = f"rows {self.rows} steps {self.steps} inputs {self.inputs} layers {self.layers}"
        return "\n".join([f"case {self.name} {size} rounded {int(self.rounded)}", *self.lines, "end", ""])


def permuted(array, order):
    """Rows of four blocks, in another order."""
    blocks = np.split(np.asarray(array), 4)
    return np.concatenate([blocks[k] for k in order])


# ---- ONNX ----

ONNX_ORDER = (0, 2, 3, 1)  # i, o, f, c to i, f, g, o


def onnx_activations(case, attributes, directions):
    """For each direction three functions with their constants."""
    names = [name.decode().lower() for name in attributes.get("activations", [b"Sigmoid", b"Tanh", b"Tanh"] * directions)]
    constants = [list(attributes.get(key, [])) for key in ("activation_alpha", "activation_beta")]
    found = []
    for name in names:
        defaults = DEFAULTS.get(name, (None, None))
        values = [0.0 if default is None else case.single(left.pop(0) if left else default)
                  for default, left in zip(defaults, constants)]
        found.append((FUNCTIONS[name], *values))
    return [found[3 * d:3 * d + 3] for d in range(directions)]


def onnx_lstm(case, node, weights, steps=ALL, unclipped=0):
    """An LSTM node as a layer."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    names = list(node.input) + [""] * 8
    w, r, b, p = (weights.get(names[k]) for k in (1, 2, 3, 7))
    directions = len(w)
    direction = {b"forward": FORWARD, b"reverse": REVERSE, b"bidirectional": BOTH}[attributes.get("direction", b"forward")]
    layer = case.layer(LSTM, attributes["hidden_size"], steps=steps, direction=direction)
    functions = onnx_activations(case, attributes, directions)
    for d in range(directions):
        case.cell((b is not None) * BIAS + (p is not None) * PEEPHOLES, *functions[d], coupled=attributes.get("input_forget", 0),
                  unclipped=unclipped, clip=case.single(attributes.get("clip", 0.0)))
    for d in range(directions):
        case.parameter(layer, d, WEIGHT_IH, permuted(w[d], ONNX_ORDER))
        case.parameter(layer, d, WEIGHT_HH, permuted(r[d], ONNX_ORDER))
        for half in np.split(b[d], 2) if b is not None else []:
            case.parameter(layer, d, BIAS_OF, permuted(half, ONNX_ORDER))
        if p is not None:
            i, o, f = np.split(p[d], 3)
            case.parameter(layer, d, PEEPHOLES_OF, np.concatenate([i, f, o]))
    return layer


def onnx_load(path):
    graph = onnx.load(path / "model.onnx").graph
    return [n for n in graph.node if n.op_type == "LSTM"], {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}


def onnx_node(path, unclipped):
    """One LSTM node: onnxruntime does not clip before h (unclipped), which the operator's text does."""
    (node,), weights = onnx_load(path)
    batch_first = any(a.name == "layout" and a.i for a in node.attribute)
    x = np.load(path / "input.npy")
    x = x if batch_first else x.swapaxes(0, 1)
    case = Case(path.name + ("_onnxruntime" if unclipped else ""), x.shape[0], x.shape[1], x.shape[2])
    layer = onnx_lstm(case, node, weights, unclipped=unclipped)
    case.input("x", x)
    lengths, h0, c0 = (weights.get((list(node.input) + [""] * 8)[k]) for k in (4, 5, 6))
    for name, values in (("lengths", lengths), ("h0", h0), ("c0", c0)):
        if values is not None:
            case.input(name, values.swapaxes(0, 1) if batch_first and name != "lengths" else values)
    end = "_ort.npy" if unclipped else ".npy"
    for name, key in (("steps", "Y"), ("hn", "Y_h"), ("cn", "Y_c")):
        if (path / (key + end)).exists():
            y = np.load(path / (key + end))
            if name == "steps":  # [T][D][N][H] to [N][T][D*H]
                y = y if batch_first else y.transpose(2, 0, 1, 3)
                y = y.reshape(*y.shape[:2], -1)
            case.output(name, y.swapaxes(0, 1) if batch_first and name != "steps" else y, layer)
    return case


def silero(path):
    """The LSTM of silero-vad, whose weights are in its own file only."""
    x, y, h, c = (np.load(path / name) for name in ("input.npy", "golden.npy", "h.npy", "c.npy"))
    case = Case("silero", 1, len(x), x.shape[2])
    layer = case.layer(LSTM, y.shape[2])
    case.input("x", x.swapaxes(0, 1))
    for name, values in (("steps", y.swapaxes(0, 1)), ("hn", h), ("cn", c)):
        case.output(name, values, layer)
    return case


def dense(case, weight, bias, activation=DEFAULT):
    """A layer of W [units][inputs]."""
    layer = case.layer(DENSE, len(weight), activation=activation, bias=int(bias is not None))
    case.parameter(layer, 0, WEIGHT, weight)
    if bias is not None:
        case.parameter(layer, 0, BIAS_OF, bias)
    return layer


def torch_export(path):
    """What torch.onnx made of an LSTM, maybe behind an embedding, and a linear layer behind it."""
    nodes, weights = onnx_load(path)
    arrays = {name: np.load(path / (name + ".npy")) for name in ("input0", "input1", "input2", "golden0", "golden1", "golden2")
              if (path / (name + ".npy")).exists()}
    if path.name == "embedding_states_io":
        table = weights["emb.weight"]
        tokens = arrays["input0"].T
        case = Case("export_" + path.name, *tokens.shape, 0)
        embedding = case.layer(EMBEDDING, table.shape[1], table.shape[0])
        case.parameter(embedding, 0, EMBEDDING_OF, table)
        onnx_lstm(case, nodes[0], weights)
        (name,) = (name for name in weights if "MatMul" in name)
        last = dense(case, weights[name].T, weights["fc.bias"])
        case.input("tokens", tokens)
        case.input("h0", arrays["input1"])
        case.input("c0", arrays["input2"])
        case.output("steps", arrays["golden0"].swapaxes(0, 1), last)
        case.output("hn", arrays["golden1"])
        case.output("cn", arrays["golden2"])
        return case
    case = Case("export_" + path.name, *arrays["input0"].shape)
    for node in nodes[:-1]:
        onnx_lstm(case, node, weights)
    onnx_lstm(case, nodes[-1], weights, FINAL if path.name == "packed_sequence" else LAST)
    last = dense(case, weights["fc.weight"], weights["fc.bias"])
    case.input("x", arrays["input0"])
    if "input1" in arrays:
        case.input("lengths", arrays["input1"])
    case.output("row", arrays["golden0"], last)
    return case


# ---- torch ----

class TensorsOnly(pickle.Unpickler):
    """The tensors of a state_dict as torch.save writes it, and nothing else."""

    def __init__(self, archive):
        self.archive = archive
        self.folder = next(name for name in archive.namelist() if name.endswith("/data.pkl"))[:-len("data.pkl")]
        super().__init__(io.BytesIO(archive.read(self.folder + "data.pkl")))

    def persistent_load(self, key):
        return np.frombuffer(self.archive.read(f"{self.folder}data/{key[2]}"), np.float32)

    def find_class(self, module, name):
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, *_: storage[offset:offset + int(np.prod(size))].reshape(size)
        return {"OrderedDict": collections.OrderedDict, "FloatStorage": None}[name]


def torch_lstm(path):
    with zipfile.ZipFile(path / "model.pt") as archive:
        weights = TensorsOnly(archive).load()
    x = np.load(path / "input.npy").swapaxes(0, 1)
    case = Case(path.name, *x.shape)
    directions = 1 + ("lstm.weight_ih_l0_reverse" in weights)
    layers = sum(name.startswith("lstm.weight_ih_") for name in weights) // directions
    projection = len(weights["lstm.weight_hr_l0"]) if "lstm.weight_hr_l0" in weights else 0
    for k in range(layers):
        layer = case.layer(LSTM, len(weights[f"lstm.weight_ih_l{k}"]) // 4, direction=BOTH if directions == 2 else FORWARD,
                           projection=projection)
        if "lstm.bias_ih_l0" not in weights:
            for _ in range(directions):
                case.cell(0)
        for d, end in enumerate((f"_l{k}", f"_l{k}_reverse")[:directions]):
            for name, tensor in (("weight_ih", WEIGHT_IH), ("weight_hh", WEIGHT_HH), ("bias_ih", BIAS_OF), ("bias_hh", BIAS_OF),
                                 ("weight_hr", PROJECTION_OF)):
                if f"lstm.{name}{end}" in weights:
                    case.parameter(layer, d, tensor, weights[f"lstm.{name}{end}"])
    case.input("x", x)
    case.output("steps", np.load(path / "golden.npy").swapaxes(0, 1), layers - 1)
    case.output("hn", np.load(path / "h.npy"))
    case.output("cn", np.load(path / "c.npy"))
    return case


# ---- Keras ----

class Keras:
    """A model.keras: its layers in order, as layers of a network."""

    def __init__(self, path):
        with zipfile.ZipFile(path / "model.keras") as archive:
            self.config = json.loads(archive.read("config.json"))["config"]
            self.weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        self.x = np.load(path / "input.npy")
        self.case = Case(path.name, self.x.shape[0], self.x.shape[1], self.x.shape[2] if self.x.ndim == 3 else 0)
        self.mask = None
        self.seen = {}
        for layer in self.config["layers"]:
            self.add(layer["class_name"], layer["config"])
        self.case.input("x" if self.x.ndim == 3 else "tokens", self.x)
        if self.mask is not None:
            self.case.input("mask", self.mask)
        y = np.load(path / "golden.npy")
        self.case.output("steps" if y.ndim == 3 else "row", y, self.case.layers - 1)
        for name, key in (("hn", "golden1"), ("cn", "golden2")):
            if (path / (key + ".npy")).exists():
                self.case.output(name, np.load(path / (key + ".npy")))

    def variables(self, folder):
        group = self.weights[folder]["vars"]
        return [group[str(k)][()] for k in range(len(group))]

    def add(self, kind, config):
        """A layer; its variables stand under its class's name in lower case, numbered from the second on."""
        if kind == "InputLayer":
            return
        stem = {"TimeDistributed": "time_distributed", "BatchNormalization": "batch_normalization"}.get(kind, kind.lower())
        count = self.seen[stem] = self.seen.get(stem, -1) + 1
        folder = f"layers/{stem}" + (f"_{count}" if count else "")
        getattr(self, "add_" + stem)(config, folder)

    def activation(self, name):
        name = name.replace("_", "")
        return (FUNCTIONS[name], *((self.case.single(1 / 6, 1 / 6), 0.5) if name == "hardsigmoid" else (0.0, 0.0)))

    def add_cells(self, configs, folders, **options):
        """An LSTM layer of one or two directions."""
        layer = self.case.layer(LSTM, configs[0]["units"], **options)
        variables = [self.variables(folder) for folder in folders]
        for config, arrays in zip(configs, variables):
            activation = self.activation(config["activation"])
            self.case.cell((len(arrays) == 3) * BIAS, self.activation(config["recurrent_activation"]), activation, activation)
        for d, arrays in enumerate(variables):
            for tensor, array in zip((WEIGHT_IH, WEIGHT_HH, BIAS_OF), arrays):
                self.case.parameter(layer, d, tensor, array.T)  # its gates are in the order i, f, g, o

    def add_lstm(self, config, folder):
        self.add_cells([config], [folder + "/cell"], steps=ALL if config["return_sequences"] else FINAL,
                       direction=REVERSE if config["go_backwards"] else FORWARD, backwards=int(config["go_backwards"]),
                       masked_zero=int(config["zero_output_for_mask"]))

    def add_bidirectional(self, config, folder):
        configs = [config[key]["config"] for key in ("layer", "backward_layer")]
        merge = {"concat": CONCAT, "sum": SUM, "mul": PRODUCT, "ave": MEAN}[config["merge_mode"]]
        self.add_cells(configs, [f"{folder}/{half}_layer/cell" for half in ("forward", "backward")], direction=BOTH, merge=merge,
                       steps=ALL if configs[0]["return_sequences"] else FINAL, masked_zero=1)

    def add_rnn(self, config, folder):
        for k, cell in enumerate(config["cell"]["config"]["cells"]):
            self.add_cells([cell["config"]], [f"{folder}/cell/cells/lstm_cell" + (f"_{k}" if k else "")])

    def add_dense(self, config, folder):
        weight, *bias = self.variables(folder)
        dense(self.case, weight.T, bias[0] if bias else None, self.activation(config["activation"]))

    def add_time_distributed(self, config, folder):
        self.add_dense(config["layer"]["config"], folder + "/layer")

    def add_batch_normalization(self, config, folder):
        gamma, beta, mean, variance = (array.astype(np.float64) for array in self.variables(folder))
        scale = gamma / np.sqrt(variance + config["epsilon"])
        layer = self.case.layer(AFFINE)
        for tensor, values in ((SCALE, scale), (SHIFT, beta - mean * scale)):
            self.case.parameter(layer, 0, tensor, [self.case.single(value, value) for value in values])

    def add_embedding(self, config, folder):
        (table,) = self.variables(folder)
        layer = self.case.layer(EMBEDDING, table.shape[1], table.shape[0])
        self.case.parameter(layer, 0, EMBEDDING_OF, table)
        if config["mask_zero"]:
            self.mask = (self.x != 0).astype(int)

    def add_masking(self, config, _):
        self.mask = (self.x != config["mask_value"]).any(axis=2).astype(int)


# ---- Files ----

def write(name, framework, cases):
    head = (f"# Networks of {framework} with their outputs in float64, made for this project by make_zoo.py, which has the\n"
            "# format. SPDX-License-Identifier: MIT\n")
    text = head + "".join(case.text() for case in cases)
    pathlib.Path(name).write_text(text)
    print(f"{name}: {len(cases)} cases, {len(text)} bytes")


def main():
    folder = pathlib.Path(sys.argv[1])
    nodes = [(path, unclipped) for path in sorted((folder / "onnx_lstm_family").iterdir()) if path.is_dir()
             for unclipped in range(1 + (path / "Y_h_ort.npy").exists())]
    exports = [path for path in sorted((folder / "torch_onnx_export").iterdir()) if path.is_dir()]
    write("onnx.networks", "ONNX's LSTM operator", [onnx_node(*node) for node in nodes] + [torch_export(path) for path in exports])
    write("onnx/silero.networks", "silero-vad's LSTM", [silero(folder / "silero_onnx_sequence")])
    kept = [path for path in sorted((folder / "keras_family").iterdir()) if path.is_dir()]
    write("keras.networks", "Keras 3", [Keras(path).case for path in kept])
    names = ["bidirectional_2_layers", "no_bias", "projection", "projection_bidirectional_2_layers"]
    write("torch.networks", "torch.nn.LSTM", [torch_lstm(folder / "torch_family" / name) for name in names])


if __name__ == "__main__":
    main()
