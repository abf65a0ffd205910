#!/usr/bin/env python3
"""Make tests/golden/models/expected.safetensors: inputs and outputs of published models, for tests/models/test_real_models.c.

    python3 make_real_models.py FOLDER

with numpy, in this directory. FOLDER has a folder for each model, with .npy files of the LSTM's input and of outputs in float64, which
torch and, of elmo, TensorFlow gave within some 1e-6; elmo_lstmp_hdf5/weights.npz has the weights of the four LSTMs, the forget gate's
bias with the 1 that TensorFlow adds. Outputs are rounded to float32."""
import json
import pathlib
import struct
import sys

import numpy as np


def of_elmo(folder):
    """Two stacks of two LSTMs with a projection; golden is of the upper ones, with the lower one's output added."""
    yield "elmo/x", np.load(folder / "input.npy")
    yield "elmo/lower", np.load(folder / "golden_l0.npy")
    yield "elmo/upper", np.load(folder / "golden.npy")
    for name, values in np.load(folder / "weights.npz").items():
        yield f"elmo/{name}", values


def of_noaa(folder):
    """The LSTM and the linear head behind each step."""
    for name, file in (("x", "input"), ("y", "golden"), ("h", "h"), ("c", "c"), ("head", "output")):
        yield f"noaa/{name}", np.load(folder / f"{file}.npy")


def of_resemblyzer(folder):
    """Of y every fourth step."""
    for name, file in (("x", "input"), ("h", "h"), ("c", "c")):
        yield f"resemblyzer/{name}", np.load(folder / f"{file}.npy")
    yield "resemblyzer/y", np.load(folder / "golden.npy")[3::4]


def main():
    zoo = pathlib.Path(sys.argv[1])
    tensors = [*of_elmo(zoo / "elmo_lstmp_hdf5"), *of_noaa(zoo / "noaa_sugar_creek_torchscript"),
               *of_resemblyzer(zoo / "resemblyzer_torch_legacy")]
    header, body = {}, b""
    for name, values in tensors:
        data = np.ascontiguousarray(values, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder = pathlib.Path(__file__).resolve().parent / "models"
    folder.mkdir(exist_ok=True)
    (folder / "expected.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


main()
