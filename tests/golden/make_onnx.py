#!/usr/bin/env python3
"""Make the golden ONNX graphs: chains of nodes around LSTMs as exporters write them, with what onnx.reference gives for them.

    python3 make_onnx.py

with numpy and onnx 1.23, in this directory. Each graph is onnx/NAME.onnx; onnx/chains.networks has inputs and outputs of all, in the
format of make_zoo.py, without layers: these are what the reader of the files has to find.
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

T, N, I, H, V, C = 7, 3, 4, 5, 9, 2
RANDOM = np.random.default_rng(17)


def number(value):
    mantissa, exponent = float(value).hex().split("p")
    return f"{mantissa.rstrip('0')}p{exponent}"


class Graph:
    """A graph in the making."""

    def __init__(self, name, opset=17):
        self.name, self.opset = name, opset
        self.nodes, self.weights, self.inputs = [], [], []

    def node(self, op, inputs, output=None, domain=None, count=1, **attributes):
        output = output or f"{op.lower()}_{len(self.nodes)}"
        outputs = [output] + [f"{output}_{k}" for k in range(1, count)]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=f"/{output}", domain=domain, **attributes))
        return output

    def weight(self, name, *shape, scale=0.4):
        values = (RANDOM.standard_normal(shape) * scale).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def integers(self, *values, scalar=False):
        name = f"ints_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values[0] if scalar else values, np.int64), name))
        return name

    def x(self, *shape, name="x"):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def lstm(self, x, inputs=I, directions=1, output=None, states=(), **attributes):
        name = output or f"lstm_{len(self.nodes)}"
        names = [self.weight(f"{name}.W", directions, 4 * H, inputs), self.weight(f"{name}.R", directions, 4 * H, H),
                 self.weight(f"{name}.B", directions, 8 * H)]
        return self.node("LSTM", [x, *names, *states], name, count=3, hidden_size=H,
                         direction={1: "forward", 2: "bidirectional"}[directions], **attributes) if "direction" not in attributes \
            else self.node("LSTM", [x, *names, *states], name, count=3, hidden_size=H, **attributes)

    def model(self, output):
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, self.name, self.inputs, outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)],
                                 ir_version=8)


LINES = []


def save(graph, output, x, order, result_order=None, reference=None, model=None, **tokens):
    """Write a graph and its golden: `order` makes [N][T][I] of x (of one row it is [T][I]), `result_order` [N][...] of the output."""
    model = model or graph.model(output)
    onnx.save(model, f"onnx/{graph.name}.onnx")
    wanted = ReferenceEvaluator(reference or model).run(None, {model.graph.input[0].name: x, **tokens})[0]
    ours = x[None] if x.ndim == 2 and x.dtype == np.float32 else x.transpose(order) if order else x
    wanted = wanted.transpose(result_order) if result_order else wanted
    rows, steps = ours.shape[:2]
    kind = "tokens" if ours.dtype == np.int64 else "x"
    LINES.append(f"case {graph.name} rows {rows} steps {steps} inputs {ours.shape[2] if kind == 'x' else 0} layers 0 rounded 0")
    LINES.append(f"input {kind} {ours.size} " + " ".join(number(v) for v in ours.ravel()))
    LINES.append(f"output end 0 {wanted.size} " + " ".join(number(v) for v in wanted.ravel()))
    LINES.append("end")


def values(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def cell_weights(g, graph_nodes, x, order=(0, 3, 1, 2)):
    """nn.LSTMCell as torch exports it: gates i, f, g, o cut out of its weights, put in ONNX's order and given a first dimension."""
    for name, shape in (("weight_ih", (4 * H, I)), ("weight_hh", (4 * H, H)), ("bias_ih", (4 * H,)), ("bias_hh", (4 * H,))):
        g.weight(name, *shape)

    def add(op, inputs, output, **attributes):
        graph_nodes.append(helper.make_node(op, inputs, [output], name=f"/{output}", **attributes))
        return output

    def constant(*numbers):
        name = f"constant_{len(graph_nodes)}"
        graph_nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(numbers, np.int64))))
        return name

    def permuted(name):
        parts = [add("Slice", [name, constant(k * H), constant((k + 1) * H), constant(0)], f"{name}.{k}") for k in order]
        return add("Concat", parts, f"{name}.all", axis=0)

    w, r = (add("Unsqueeze", [permuted(name), constant(0)], f"{name}.cell") for name in ("weight_ih", "weight_hh"))
    b = add("Unsqueeze", [add("Concat", [permuted("bias_ih"), permuted("bias_hh")], "bias", axis=0), constant(0)], "bias.cell")
    graph_nodes.append(helper.make_node("LSTM", [x, w, r, b], ["cell.Y", "cell.Y_h"], name="/cell/LSTM", hidden_size=H))
    return add("Squeeze", ["cell.Y", constant(1)], "cell.out")


def cell_in_if():
    """Two If around it, whose other branches have no LSTM."""
    g = Graph("cell_in_if")
    g.x(None, None, I)
    nodes = []
    out = cell_weights(g, nodes, "x")

    def port(name):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]

    with_lstm = helper.make_graph(nodes, "inner", [], port(out))
    without = helper.make_graph([helper.make_node("Identity", ["x"], ["inner.other"])], "other", [], port("inner.other"))
    yes = numpy_helper.from_array(np.array(True), "yes")
    g.weights.append(yes)
    middle = helper.make_graph([helper.make_node("If", ["yes"], ["inner.out"], then_branch=with_lstm, else_branch=without)], "middle", [],
                               port("inner.out"))
    outer = helper.make_graph([helper.make_node("Identity", ["x"], ["outer.other"])], "outer", [], port("outer.other"))
    g.nodes.append(helper.make_node("If", ["yes"], ["out"], name="/If", then_branch=middle, else_branch=outer))
    save(g, g.node("Relu", ["out"]), values(T, N, I), (1, 0, 2), (1, 0, 2))


def final_states_joined():
    """torch.cat((h[-2], h[-1]), 1), two dense layers, and softmax."""
    g = Graph("final_states_joined")
    x = g.node("Transpose", [g.x("batch", "time", I)], perm=[1, 0, 2])
    g.lstm(x, directions=2, output="lstm")
    parts = [g.node("Gather", ["lstm_1", g.integers(k, scalar=True)], axis=0) for k in (-2, -1)]
    h = g.node("Dropout", [g.node("Concat", parts, axis=1)])
    h = g.node("Add", [g.node("MatMul", [h, g.weight("fc1", 2 * H, H)]), g.weight("fc1.bias", H)])
    h = g.node("Gemm", [g.node("LeakyRelu", [h], alpha=0.2), g.weight("fc2", H, C), g.weight("fc2.bias", C)], alpha=0.5, beta=2.0)
    save(g, g.node("Softmax", [h], axis=-1), values(N, T, I), None)


def final_states_split():
    g = Graph("final_states_split", opset=11)
    g.lstm(g.x("time", "batch", I), directions=2, output="lstm")
    g.nodes.append(helper.make_node("Split", ["lstm_1"], ["f", "r"], axis=0))
    parts = [g.node("Squeeze", [k], axes=[0]) for k in ("f", "r")]
    h = g.node("Concat", parts, axis=-1)
    save(g, g.node("Softmax", [g.node("MatMul", [h, g.weight("fc", 2 * H, C)])]), values(T, N, I), (1, 0, 2))


def features_first():
    """x [N][I][T], as behind a convolution; one bias for all."""
    g = Graph("features_first")
    g.lstm(g.node("Transpose", [g.x("batch", I, T)], perm=[2, 0, 1]), output="lstm")
    y = g.node("Transpose", [g.node("Squeeze", ["lstm", g.integers(1)])], perm=[1, 2, 0])
    y = g.node("Tanh", [g.node("Transpose", [y], perm=[0, 2, 1])])
    g.weights.append(numpy_helper.from_array(np.array([0.25], np.float32), "one"))
    save(g, g.node("Add", ["one", g.node("MatMul", [y, g.weight("fc", H, C)])]), values(N, I, T), (0, 2, 1))


def last_step_sliced():
    g = Graph("last_step_sliced", opset=9)
    y = g.node("Squeeze", [g.lstm(g.x("time", "batch", I))], axes=[1])
    y = g.node("Squeeze", [g.node("Slice", [y], axes=[0], starts=[-1], ends=[2**63 - 1])], axes=[0])
    save(g, g.node("Sigmoid", [g.node("Add", [g.weight("b", C), g.node("MatMul", [y, g.weight("fc", H, C)])])]), values(T, N, I), (1, 0, 2))


def tokens_largest():
    """The largest of all steps, of tokens [N][T]."""
    g = Graph("tokens_largest")
    g.inputs.append(helper.make_tensor_value_info("t", TensorProto.INT64, ["batch", "time"]))
    x = g.node("Gather", [g.weight("table", V, I), "t"])
    y = g.node("Squeeze", [g.lstm(g.node("Transpose", [x], perm=[1, 0, 2])), g.integers(1)])
    y = g.node("ReduceMax", [g.node("Transpose", [y], perm=[1, 0, 2])], axes=[1], keepdims=0)
    save(g, g.node("Gemm", [y, g.weight("fc", C, H), g.weight("b", C)], transB=1), RANDOM.integers(0, V, (N, T)), None)


def mean_of_steps():
    g = Graph("mean_of_steps", opset=18)
    y = g.node("Squeeze", [g.lstm(g.x("time", "batch", I)), g.integers(1)])
    y = g.node("ReduceMean", [y, g.integers(0)], keepdims=1)
    y = g.node("Squeeze", [y, g.integers(0)])
    save(g, g.node("Elu", [g.node("MatMul", [y, g.weight("fc", H, C)])], alpha=0.7), values(T, N, I), (1, 0, 2))


def flattened_steps():
    """Steps and rows joined for a Gemm, and parted again; two LSTMs with a computed shape between them."""
    g = Graph("flattened_steps")
    y = g.node("Transpose", [g.lstm(g.x("time", "batch", I), directions=2)], perm=[0, 2, 1, 3])
    shape = g.node("Shape", ["x"])
    sizes = [g.node("Unsqueeze", [g.node("Gather", [shape, g.integers(k, scalar=True)]), g.integers(0)]) for k in (0, 1)]
    y = g.node("Reshape", [y, g.node("Concat", [*sizes, g.integers(2 * H)], axis=0)])
    y = g.node("Squeeze", [g.lstm(y, inputs=2 * H), g.integers(1)])
    y = g.node("Gemm", [g.node("Reshape", [y, g.integers(-1, H)]), g.weight("fc", C, H), g.weight("b", C)], transB=1)
    y = g.node("Reshape", [y, g.node("Concat", [*sizes, g.integers(C)], axis=0)])
    save(g, g.node("Softplus", [y]), values(T, N, I), (1, 0, 2), (1, 0, 2))


def learned_states():
    """Learned states, repeated for each row; a normalised input; a batch norm behind."""
    g = Graph("learned_states")
    x = g.node("Div", [g.node("Sub", [g.x("time", "batch", I), g.weight("mean", I)]), g.weight("deviation", I, scale=1.0)])
    g.weights.append(numpy_helper.from_array(np.array([1, N, H], np.int64), "states"))
    h, c = (g.node("Expand", [g.weight(name, 1, 1, H), "states"]) for name in ("h0", "c0"))
    g.lstm(x, output="lstm", states=("", h, c))
    y = g.node("Gather", ["lstm_1", g.integers(0, scalar=True)])
    for name in ("scale", "shift", "average"):
        g.weight(name, H)
    g.weights.append(numpy_helper.from_array(np.abs(values(H)) + np.float32(0.1), "variance"))
    y = g.node("BatchNormalization", [y, "scale", "shift", "average", "variance"], epsilon=0.01)
    y = g.node("Mul", [g.node("Gemm", [y, g.weight("fc", C, H)], transB=1), g.weight("factor", 1, C)])
    save(g, y, values(T, N, I), (1, 0, 2))


def reverse_first_step():
    g = Graph("reverse_first_step")
    y = g.lstm(g.x("time", "batch", I), direction="reverse")
    y = g.node("Squeeze", [g.node("Gather", [y, g.integers(0, scalar=True)], axis=0), g.integers(0)])
    save(g, g.node("HardSigmoid", [g.node("MatMul", [y, g.weight("fc", H, C)])]), values(T, N, I), (1, 0, 2))


def directions_added():
    g = Graph("directions_added", opset=13)
    y = g.node("ReduceSum", [g.lstm(g.x("time", "batch", I), directions=2), g.integers(1)], keepdims=0)
    save(g, g.node("Softsign", [y]), values(T, N, I), (1, 0, 2), (1, 0, 2))


def one_direction():
    """h[-1] of a bidirectional LSTM: the reverse direction alone."""
    g = Graph("one_direction")
    g.lstm(g.x("time", "batch", I), directions=2, output="lstm")
    h = g.node("Gather", ["lstm_1", g.integers(-1, scalar=True)])
    save(g, g.node("ThresholdedRelu", [g.node("MatMul", [h, g.weight("fc", H, C)])], alpha=0.05), values(T, N, I), (1, 0, 2))


def one_row():
    """x [T][I] without rows, and one step at the end."""
    g = Graph("one_row")
    x = g.node("Unsqueeze", [g.x("time", I), g.integers(1)])
    y = g.node("Squeeze", [g.lstm(x), g.integers(1, 2)])
    save(g, g.node("Relu", [g.node("MatMul", [y, g.weight("fc", H, C)])]), values(T, I), None)


def element_types():
    """float16 as int32_data, doubles, and floats each by itself."""
    g = Graph("element_types")
    y = g.node("Squeeze", [g.lstm(g.x("time", "batch", I), output="lstm"), g.integers(1)])
    save_as = g.model(g.node("MatMul", [y, g.weight("fc", H, C)]))
    for tensor in save_as.graph.initializer:
        if tensor.name == "lstm.W":
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half.astype(np.float32), tensor.name))
            cast = half
        elif tensor.name == "lstm.B":
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.FLOAT, tensor.dims, numpy_helper.to_array(tensor).ravel()))
    plain = onnx.ModelProto()
    plain.CopyFrom(save_as)
    for tensor in save_as.graph.initializer:
        if tensor.name == "lstm.W":
            tensor.ClearField("raw_data")
            tensor.data_type = TensorProto.FLOAT16
            tensor.int32_data.extend(int(v) for v in cast.view(np.uint16).ravel())
        elif tensor.name == "lstm.R":
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.DOUBLE, tensor.dims, numpy_helper.to_array(tensor).astype(float).ravel()))
    save(g, "", values(T, N, I), (1, 0, 2), (1, 0, 2), reference=plain, model=save_as)


def quantized(name, by_column):
    """com.microsoft's DynamicQuantizeLSTM, against the LSTM of the weights that its integers stand for."""
    g, plain = Graph(name), Graph(name)
    g.x("time", "batch", I)
    plain.x("time", "batch", I)
    names, more, exact = [], [], []
    for key, rows, kind in (("W", I, np.int8), ("R", H, np.uint8)):
        integers = RANDOM.integers(-100 if kind == np.int8 else 0, 100, (2, rows, 4 * H)).astype(kind)
        shape = (2, 4 * H) if by_column else (2,)
        scale = RANDOM.uniform(0.005, 0.01, shape).astype(np.float32)
        zero = RANDOM.integers(0, 50, shape).astype(kind)
        for suffix, array in (("", integers), ("_scale", scale), ("_zero", zero)):
            g.weights.append(numpy_helper.from_array(array, key + suffix))
        names.append(key)
        more += [key + "_scale", key + "_zero"]
        wide = [a.reshape(2, 1, -1) for a in (scale, zero)]
        floats = ((integers.astype(np.float32) - wide[1].astype(np.float32)) * wide[0]).transpose(0, 2, 1)
        plain.weights.append(numpy_helper.from_array(np.ascontiguousarray(floats), key))
        exact.append(key)
    bias = values(2, 8 * H)
    for one in (g, plain):
        one.weights.append(numpy_helper.from_array(bias, "B"))
    g.node("DynamicQuantizeLSTM", ["x", *names, "B", "", "", "", "", *more], "lstm", domain="com.microsoft", count=3, hidden_size=H,
           direction="bidirectional")
    plain.node("LSTM", ["x", *exact, "B"], "lstm", count=3, hidden_size=H, direction="bidirectional")
    for one in (g, plain):
        one.y = one.node("Reshape", [one.node("Transpose", ["lstm"], perm=[0, 2, 1, 3]), one.integers(0, 0, -1)])
        one.y = one.node("Relu", [one.y])
    save(g, g.y, values(T, N, I), (1, 0, 2), (1, 0, 2), reference=plain.model(plain.y))


def main():
    for make in (cell_in_if, final_states_joined, final_states_split, features_first, last_step_sliced, tokens_largest, mean_of_steps,
                 flattened_steps, learned_states, reverse_first_step, directions_added, one_direction, one_row, element_types):
        make()
    quantized("quantized", False)
    quantized("quantized_by_column", True)
    head = ("# Inputs and outputs of the graphs of make_onnx.py, by onnx.reference in float32. The format is make_zoo.py's.\n"
            "# SPDX-License-Identifier: MIT\n")
    pathlib.Path("onnx/chains.networks").write_text(head + "\n".join(LINES) + "\n")


if __name__ == "__main__":
    main()
