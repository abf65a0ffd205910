"""A case as an ONNX model: an LSTM node a layer; of a network also what stands between and behind them. Gates are reordered from
torch's i, f, g, o to i, o, f, c."""
import functools
import pathlib

import cases
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ORDER = (0, 3, 1, 2)
OPSET = 17


@functools.cache
def find_largest():
    """The largest weight in int8. Before VNNI ONNX Runtime adds two products of u8 and s8 in 16 bits, which saturate unless weights
    use half of their range, as its documentation says: outputs of 20,12,64 were off by 0.15 with all of it, by 0.005 with half."""
    try:
        return 127 if "vnni" in pathlib.Path("/proc/cpuinfo").read_text() else 63
    except OSError:
        return 63


def reorder(array, hidden):
    """The gates of [4H] or [4H][n] in ONNX's order."""
    return numpy.concatenate([array[gate * hidden:(gate + 1) * hidden] for gate in ORDER])


def quantise(array):
    """(int8 weights [n][4H], their scales [4H]) of [4H][n]: each gate of each unit has a scale."""
    scale = numpy.abs(array).max(1, keepdims=True) / numpy.float32(find_largest())
    scale[scale == 0] = 1
    return numpy.ascontiguousarray(numpy.rint(array / scale).T.astype(numpy.int8)), scale[:, 0]


class Graph:
    """The nodes and constants of a model while it is built. `source` is the name of what the next layer reads, [T][N][its inputs],
    or [N][its inputs] behind the last step."""

    def __init__(self, case, precision):
        self.case, self.weights, self.precision = case, case.weights(), precision
        self.nodes, self.constants = [], []
        self.source, self.lengths = "x", "lengths" if case.ragged != "none" else ""

    def add_constant(self, name, array):
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add_node(self, kind, inputs, name, **attributes):
        """A node of one output, of that name, which is what is read next."""
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        self.source = name

    def add_lstm(self, layer, tensors, **attributes):
        """An LSTM node, of whose directions each has the names of its tensors: weight_ih, weight_hh, bias_ih and bias_hh. Returns
        the names of Y [T][D][N][H], Y_h and Y_c [D][N][H]."""
        hidden = self.weights[tensors[0][1]].shape[1]
        turned = [[reorder(self.weights[name], hidden) for name in names] for names in tensors]
        arrays = {"W": [each[0] for each in turned], "R": [each[1] for each in turned],
                  "B": [numpy.concatenate(each[2:]) for each in turned]}
        outputs = [f"Y{layer}", f"Y_h{layer}", f"Y_c{layer}"]
        attributes |= {"hidden_size": hidden, "direction": "bidirectional" if len(tensors) == 2 else "forward"}
        if self.precision == "int8":
            self.add_quantised(layer, arrays, outputs, attributes)
            return outputs
        names = [self.add_constant(f"{name}{layer}", numpy.stack(array)) for name, array in arrays.items()]
        self.nodes.append(helper.make_node("LSTM", [self.source, *names, self.lengths], outputs, **attributes))
        return outputs

    def add_quantised(self, layer, arrays, outputs, attributes):
        """The node that has W and R in int8, and quantises x and h itself, one scale for all rows."""
        names, scales = [], []
        for name in ("W", "R"):
            quantised = [quantise(array) for array in arrays[name]]
            names.append(self.add_constant(f"{name}{layer}", numpy.stack([each[0] for each in quantised])))
            scale = numpy.stack([each[1] for each in quantised])
            scales += [self.add_constant(f"{name}_scale{layer}", scale),
                       self.add_constant(f"{name}_zero{layer}", numpy.zeros(scale.shape, numpy.int8))]
        names.append(self.add_constant(f"B{layer}", numpy.stack(arrays["B"])))
        self.nodes.append(helper.make_node("DynamicQuantizeLSTM", [self.source, *names, self.lengths, "", "", "", *scales], outputs,
                                           domain="com.microsoft", **attributes))

    def join_directions(self, layer, directions, name, axis):
        """The directions, which stand along an axis of Y or Y_h, side by side in the last one."""
        if directions == 1:
            self.add_node("Squeeze", [name, self.add_constant(f"axis{layer}", numpy.array([axis]))], f"out{layer}")
            return
        self.add_node("Transpose", [name], f"turned{layer}", perm=[*range(axis), axis + 1, axis, axis + 2])
        self.add_node("Reshape", [self.source, self.add_constant(f"flat{layer}", numpy.array([0] * (axis + 1) + [-1]))], f"out{layer}")

    def serialise(self, outputs):
        """The model with these outputs: (name, shape)."""
        case = self.case
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [case.steps, case.batch, case.input])]
        if self.lengths:
            inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [case.batch]))
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs]
        graph = helper.make_graph(self.nodes, "lstm", inputs, made, self.constants)
        model = helper.make_model(graph, ir_version=8,
                                  opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)])
        onnx.checker.check_model(model)
        return model.SerializeToString()


def build_stack(case, precision):
    graph = Graph(case, precision)
    for layer, tensors in enumerate(case.tensor_names()):
        y, hn, cn = graph.add_lstm(layer, tensors)
        graph.join_directions(layer, case.directions, y, 1)
    state = [case.directions, case.batch, case.hidden]
    return graph.serialise([(graph.source, [case.steps, case.batch, case.directions * case.hidden]), (hn, state), (cn, state)])


ACTIVATIONS = {"default": None, "sigmoid": "Sigmoid", "tanh": "Tanh", "hard_sigmoid": "HardSigmoid", "softmax": "Softmax"}


def read_activation(layer, key, usual):
    """(the ONNX function, its alpha and beta) of an activation of a description."""
    described = layer.get(key, {})
    function = described.get("function", "default")
    if function not in ACTIVATIONS:
        raise cases.Unsupported(f"no function {function}")
    parameters = [described.get("alpha", 0), described.get("beta", 0)] if function == "hard_sigmoid" else []
    return ACTIVATIONS[function] or usual, parameters


def add_lstm_layer(graph, index, layer):
    known = {"kind", "name", "units", "steps", "direction", "cells"}
    if set(layer) - known:
        raise cases.Unsupported(f"an LSTM node does not take: {', '.join(sorted(set(layer) - known))}")
    directions = 2 if layer.get("direction", "forward") == "both" else 1
    functions, alphas, betas = [], [], []
    for cell in layer.get("cells", [{}] * directions):
        if set(cell) - {"gate", "candidate", "output"}:
            raise cases.Unsupported(f"cells do not take: {', '.join(sorted(cell))}")
        for key, usual in (("gate", "Sigmoid"), ("candidate", "Tanh"), ("output", "Tanh")):
            function, parameters = read_activation(cell, key, usual)
            functions.append(function)
            alphas += parameters[:1]
            betas += parameters[1:]
    attributes = {"activations": functions} | ({"activation_alpha": alphas, "activation_beta": betas} if alphas else {})
    ends = ["", "_reverse"][:directions]
    tensors = [[f"{layer['name']}.{kind}_l0{end}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")] for end in ends]
    y, hn, _ = graph.add_lstm(index, tensors, **attributes)
    steps = layer.get("steps", "all")
    if steps == "final":
        graph.join_directions(index, directions, hn, 0)
        return
    graph.join_directions(index, directions, y, 1)
    if steps == "last":
        graph.add_node("Gather", [graph.source, graph.add_constant(f"last{index}", numpy.array(-1))], f"step{index}", axis=0)


def add_dense_layer(graph, index, layer):
    weight = graph.add_constant(f"D{index}", numpy.ascontiguousarray(graph.weights[f"{layer['name']}.weight"].T))
    graph.add_node("MatMul", [graph.source, weight], f"product{index}")
    bias = graph.add_constant(f"b{index}", graph.weights[f"{layer['name']}.bias"])
    graph.add_node("Add", [graph.source, bias], f"sum{index}")
    function, _ = read_activation(layer, "activation", None)
    if function:
        graph.add_node(function, [graph.source], f"end{index}")


def build_network(case, precision):
    graph = Graph(case, precision)
    for index, layer in enumerate(case.layers_of_network()):
        {"lstm": add_lstm_layer, "dense": add_dense_layer}[layer["kind"]](graph, index, layer)
    y = case.load("y").shape
    return graph.serialise([(graph.source, [y[1], y[0], y[2]] if len(y) == 3 else list(y))])


def build(case, precision="f32"):
    """The serialised model, of which int8 has the LSTM layers quantised. Inputs: x [T][N][I] and, for rows of different lengths, lengths [N] of int32. Outputs: the last
    layer's y [T][N][D*H], Y_h and Y_c [D][N][H]; of a network y [T][N][its outputs], or [N][its outputs], alone."""
    return (build_network if case.network else build_stack)(case, precision)


def bring_y(y):
    """The first output of a model, [N] before [T]."""
    return y.transpose(1, 0, 2) if y.ndim == 3 else y


def make_inputs(case):
    """Name: array of the model's inputs."""
    made = {"x": numpy.ascontiguousarray(case.load("x").transpose(1, 0, 2))}
    if case.ragged != "none":
        made["lengths"] = case.load("lengths").astype(numpy.int32)
    return made
