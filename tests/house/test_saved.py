#!/usr/bin/env python3
"""Files that the library saves, read in plain Python, which knows the format from its description alone."""
import array
import json
import math
import os
import pathlib
import subprocess
import tempfile

from support.checks import BUILD, Checks
from support.cli import environment, split_safetensors

CLASSES = 'plain,"né\\",two words'
# layers, directions, inputs, hidden, vocabulary and classes of the model that test_model_file.c saves.
LAYERS, DIRECTIONS, INPUTS, HIDDEN, VOCABULARY, COUNT_CLASSES = 2, 2, 3, 2, 5, 3


def read(path):
    """(header, {name: values}) of a safetensors file; its tensors fill it without a gap."""
    text, body = split_safetensors(path.read_bytes())
    header = json.loads(text)
    values, covered = {}, 0
    for name, about in sorted((item for item in header.items() if item[0] != "__metadata__"),
                              key=lambda item: item[1]["data_offsets"]):
        begin, end = about["data_offsets"]
        size = {"F32": 4, "U8": 1}[about["dtype"]]
        if begin != covered or end - begin != size * math.prod(about["shape"]) or len(text.encode()) % 8:
            raise ValueError(f"{path.name}: {name} stands at {begin} to {end} behind {covered}")
        covered = end
        part = array.array("f" if size == 4 else "B")
        part.frombytes(body[begin:end])
        values[name] = part
    if covered != len(body):
        raise ValueError(f"{path.name}: {len(body)} bytes of data, {covered} in tensors")
    return header, values


def keep(test, folder):
    """Have a C test leave the files it keeps in the folder."""
    environment = {**os.environ, "SLUICE_TEST_KEEP": str(folder), "CK_DEFAULT_TIMEOUT": "0"}
    subprocess.run([BUILD / "tests" / f"test_{test}"], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)


def known_model():
    """{name: (shape, values)} of the model that test_model_file.c saves: 0, 1/64, 2/64 ... in the order of torch's parameters."""
    numbers = iter(range(1 << 20))

    def take(*shape):
        return list(shape), [next(numbers) / 64 for _ in range(math.prod(shape))]

    tensors = {}
    for layer in range(LAYERS):
        for direction in range(DIRECTIONS):
            end = f"l{layer}" + ("_reverse" if direction else "")
            tensors[f"lstm.weight_ih_{end}"] = take(4 * HIDDEN, DIRECTIONS * HIDDEN if layer else INPUTS)
            tensors[f"lstm.weight_hh_{end}"] = take(4 * HIDDEN, HIDDEN)
            first, second = take(4 * HIDDEN), take(4 * HIDDEN)
            tensors[f"lstm.bias_ih_{end}"] = first[0], [a + b for a, b in zip(first[1], second[1])]
            tensors[f"lstm.bias_hh_{end}"] = first[0], [0.0] * (4 * HIDDEN)
    tensors["embedding.weight"] = take(VOCABULARY, INPUTS)
    tensors["fc.weight"] = take(COUNT_CLASSES, DIRECTIONS * HIDDEN)
    tensors["fc.bias"] = take(COUNT_CLASSES)
    return tensors


def check_model(checks, folder):
    """The saved model has torch's names, shapes and numbers, and its classes."""
    keep("model_file", folder)
    paths = list(folder.glob("*-model.safetensors"))
    if not checks.check(len(paths) == 1, f"one model is kept, found {len(paths)}"):
        return
    header, values = read(paths[0])
    expected = known_model()
    checks.check(header.pop("__metadata__") == {"format": "pt", "classes": CLASSES}, "metadata: classes, and torch's format")
    checks.check(set(header) == set(expected), f"the tensors of torch's names: {sorted(header)}")
    for name, (shape, numbers) in expected.items():
        checks.check(header[name]["dtype"] == "F32" and header[name]["shape"] == shape, f"{name} is F32 {shape}: {header[name]}")
        checks.check(list(values[name]) == numbers, f"{name} has the model's numbers")


def check_checkpoint(checks, folder):
    """The saved checkpoint holds options, steps, moments and note; numbers are hexadecimal, as float.fromhex reads them."""
    keep("checkpoint", folder)
    paths = list(folder.glob("*-checkpoint.safetensors"))
    if not checks.check(len(paths) == 1, f"one checkpoint is kept, found {len(paths)}"):
        return
    header, values = read(paths[0])
    metadata = header.pop("__metadata__")
    numbers = {key: float.fromhex(metadata[key]) for key in ("rate", "beta1", "beta2", "epsilon", "clip")}
    checks.check(numbers == {"rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "clip": 1.5}, f"options: {numbers}")
    checks.check((metadata["format"], metadata["optimizer"], metadata["step"]) == ("sluice-trainer 1", "adam", "3"),
                 f"metadata: {metadata}")
    weights = {name for name in header if not name.endswith((".first", ".second")) and name != "note"}
    for name in weights:
        for end in (".first", ".second"):
            there = name + end in header
            checks.check(there != ("bias_hh" in name), f"{name}{end} is {'there' if there else 'missing'}")
            if there:
                checks.check(len(values[name + end]) == len(values[name]), f"{name}{end} is as long as {name}")
    checks.check(bytes(values["note"]) == b'line\n"quote" \\ \xff \xc3\xa9\n', f"the note: {bytes(values['note'])}")


def main():
    checks = Checks()
    for part in (check_model, check_checkpoint):
        with tempfile.TemporaryDirectory() as folder:
            part(checks, pathlib.Path(folder))
    checks.finish()


if __name__ == "__main__":
    main()
