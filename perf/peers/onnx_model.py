"""A case's network as an ONNX model: an LSTM node a layer. Gates are reordered from torch's i, f, g, o to i, o, f, c."""
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ORDER = (0, 3, 1, 2)
OPSET = 17


def reorder(array, hidden):
    """The gates of [4H] or [4H][n] in ONNX's order."""
    return numpy.concatenate([array[gate * hidden:(gate + 1) * hidden] for gate in ORDER])


def layer_constants(case, weights, layer):
    """W [D][4H][in], R [D][4H][H] and B [D][8H] of a layer."""
    w, r, b = [], [], []
    for names in case.tensor_names()[layer]:
        weight_ih, weight_hh, bias_ih, bias_hh = (reorder(weights[name], case.hidden) for name in names)
        w.append(weight_ih)
        r.append(weight_hh)
        b.append(numpy.concatenate([bias_ih, bias_hh]))
    return numpy.stack(w), numpy.stack(r), numpy.stack(b)


def layer_nodes(case, layer, source, lengths):
    """Nodes of a layer that reads `source`, and the name of what the next one reads, [T][N][D*H]."""
    names = [f"W{layer}", f"R{layer}", f"B{layer}"]
    outputs = [f"Y{layer}", f"Y_h{layer}", f"Y_c{layer}"]
    nodes = [helper.make_node("LSTM", [source, *names, lengths], outputs, hidden_size=case.hidden,
                              direction="bidirectional" if case.directions == 2 else "forward")]
    if case.directions == 2:
        nodes.append(helper.make_node("Transpose", [outputs[0]], [f"turned{layer}"], perm=[0, 2, 1, 3]))
        nodes.append(helper.make_node("Reshape", [f"turned{layer}", "flat"], [f"out{layer}"]))
    else:
        nodes.append(helper.make_node("Squeeze", [outputs[0], "axis"], [f"out{layer}"]))
    return nodes, f"out{layer}"


def build(case):
    """The serialised model. Inputs: x [T][N][I] and, for rows of different lengths, lengths [N] of int32. Outputs: the last
    layer's y [T][N][D*H], Y_h and Y_c [D][N][H]."""
    weights, nodes, constants = case.weights(), [], []
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [case.steps, case.batch, case.input])]
    if case.ragged != "none":
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [case.batch]))
    source, lengths = "x", "lengths" if case.ragged != "none" else ""
    for layer in range(case.layers):
        arrays = layer_constants(case, weights, layer)
        constants += [numpy_helper.from_array(array, name + str(layer)) for name, array in zip("WRB", arrays)]
        made, source = layer_nodes(case, layer, source, lengths)
        nodes += made
    if case.directions == 2:
        constants.append(numpy_helper.from_array(numpy.array([0, 0, -1], numpy.int64), "flat"))
    else:
        constants.append(numpy_helper.from_array(numpy.array([1], numpy.int64), "axis"))
    last, state = case.layers - 1, [case.directions, case.batch, case.hidden]
    outputs = [helper.make_tensor_value_info(source, TensorProto.FLOAT,
                                             [case.steps, case.batch, case.directions * case.hidden]),
               helper.make_tensor_value_info(f"Y_h{last}", TensorProto.FLOAT, state),
               helper.make_tensor_value_info(f"Y_c{last}", TensorProto.FLOAT, state)]
    graph = helper.make_graph(nodes, "lstm", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def make_inputs(case):
    """Name: array of the model's inputs."""
    made = {"x": numpy.ascontiguousarray(case.load("x").transpose(1, 0, 2))}
    if case.ragged != "none":
        made["lengths"] = case.load("lengths").astype(numpy.int32)
    return made
