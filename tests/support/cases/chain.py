"""Networks as chains of layers, in files with a description (docs/files.md) and random weights."""
import array
import json
import math
import pathlib
import random

from support.cli import join_safetensors, lay_out

GATES = 4


def lstm_tensors(layer, inputs):
    """((name, shape) of the tensors, outputs of a step) of an LSTM layer."""
    hidden = layer["units"]
    outputs = layer.get("projection", hidden)
    shapes = []
    ends = {"both": ["", "_reverse"], "reverse": ["_reverse"]}.get(layer.get("direction"), [""])
    for end in ends:
        shapes += [(f"weight_ih_l0{end}", (GATES * hidden, inputs)), (f"weight_hh_l0{end}", (GATES * hidden, outputs)),
                   (f"bias_ih_l0{end}", (GATES * hidden,)), (f"bias_hh_l0{end}", (GATES * hidden,))]
        if "projection" in layer:
            shapes.append((f"weight_hr_l0{end}", (outputs, hidden)))
        if layer.get("cells", [{}])[0].get("peepholes"):
            shapes.append((f"peepholes_l0{end}", (3, hidden)))
    return shapes, outputs * (len(ends) if layer.get("merge", "concat") == "concat" else 1)


def layer_tensors(layer, inputs):
    """((name, shape) of the tensors, outputs of a step) of a layer."""
    if layer["kind"] == "lstm":
        return lstm_tensors(layer, inputs)
    if layer["kind"] == "embedding":
        return [("weight", (layer["vocabulary"], layer["units"]))], layer["units"]
    if layer["kind"] == "dense":
        return [("weight", (layer["units"], inputs)), ("bias", (layer["units"],))], layer["units"]
    return [], inputs


class Chain:
    """A network; its weights depend on its seed and its layers' names alone, so that the first layers of two chains are alike."""

    def __init__(self, seed, layers, inputs=0, name=None, classes=()):
        self.network = {"inputs": inputs, "layers": layers}
        if name:
            self.network["name"] = name
        if classes:
            self.network["classes"] = list(classes)
        self.tensors = {}
        for layer in layers:
            shapes, inputs = layer_tensors(layer, inputs)
            source = random.Random(f"{seed} {layer['name']}")
            for end, shape in shapes:
                values = array.array("f", (source.uniform(-0.6, 0.6) for _ in range(math.prod(shape))))
                self.tensors[f"{name + '.' if name else ''}{layer['name']}.{end}"] = (shape, values)


def write_chains(path, *chains):
    """Write a file of some networks; return its path."""
    tensors = [(name, "F32", shape, values.tobytes()) for chain in chains for name, (shape, values) in chain.tensors.items()]
    header, data = lay_out(tensors)
    description = {"version": 1, "networks": [chain.network for chain in chains]}
    text = json.dumps({"__metadata__": {"sluice": json.dumps(description)}, **header})
    pathlib.Path(path).write_bytes(join_safetensors(text + " " * (-len(text) % 8), data))
    return path
