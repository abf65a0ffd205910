#!/usr/bin/env python3
"""sluice info of a file with several LSTMs or networks, or with a graph that is no chain: what there is to choose from."""
import io
import json
import pickle
import sys
import types
import zipfile

from support.checks import SOURCE
from support.cli import DATA, NO_INPUT, USAGE, Network, join_safetensors, lay_out, run_parts

SEED = 5
SILERO = SOURCE / "tests" / "golden" / "onnx" / "silero.onnx"


def several():
    """Tensors of an LSTM of two layers and both directions, of a plain one, of a cell, and of a GRU, which is none."""
    deep, plain = Network(SEED, 3, 4, layers=2, directions=2), Network(SEED + 1, 4, 6)
    tensors = {f"enc.{name}": tensor for name, tensor in deep.tensors.items()}
    tensors.update({f"dec.{name}": tensor for name, tensor in plain.tensors.items()})
    tensors.update({f"cell.{name.split('.')[-1].removesuffix('_l0')}": tensor for name, tensor in plain.tensors.items()})
    tensors["gru.weight_ih_l0"] = ((6, 3), plain.tensors["lstm.weight_ih_l0"][1][:18])
    tensors["gru.weight_hh_l0"] = ((6, 2), plain.tensors["lstm.weight_ih_l0"][1][:12])
    return tensors


EXPECTED = [["cell.", "--prefix", 4, 6, 1, 1], ["dec.lstm.", "--prefix", 4, 6, 1, 1], ["enc.lstm.", "--prefix", 3, 4, 2, 2]]


def write_safetensors(cli, name, tensors, metadata=None):
    entries = [(tensor, "F32", shape, values.tobytes()) for tensor, (shape, values) in tensors.items()]
    header, body = lay_out(entries)
    return cli.write(name, join_safetensors(json.dumps({**header, **({"__metadata__": metadata} if metadata else {})}), body))


def rebuild(*_):
    """Stands for torch's function, of which a pickle has only the name."""


class FloatStorage:
    """Stands for torch's class."""


def write_torch(cli, name, tensors):
    """A file of torch.save: a zip archive of a pickle and the storages that it names."""
    class Storage:
        """What persistent_id takes for a storage."""

        def __init__(self, key, count):
            self.key, self.count = key, count

    class Tensor:
        """A tensor of matrices at most."""

        def __init__(self, storage, shape):
            self.storage, self.shape = storage, shape

        def __reduce__(self):
            return rebuild, (self.storage, 0, self.shape, (self.shape[-1], 1) if len(self.shape) == 2 else (1,), False, {})

    class Saver(pickle.Pickler):
        """torch's: storages are outside."""

        def persistent_id(self, obj):
            return ("storage", FloatStorage, obj.key, "cpu", obj.count) if isinstance(obj, Storage) else None

    rebuild.__module__, rebuild.__qualname__, FloatStorage.__module__ = "torch._utils", "_rebuild_tensor_v2", "torch"
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, torch._utils, utils._rebuild_tensor_v2 = FloatStorage, utils, rebuild
    sys.modules.update({"torch": torch, "torch._utils": utils})
    states = {tensor: Tensor(Storage(str(k), len(values)), tuple(shape)) for k, (tensor, (shape, values)) in enumerate(tensors.items())}
    text, file = io.BytesIO(), io.BytesIO()
    Saver(text, protocol=2).dump(states)
    del sys.modules["torch"], sys.modules["torch._utils"]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", text.getvalue())
        for k, (_, values) in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{k}", values.tobytes())
        archive.writestr("archive/version", "3\n")
    return cli.write(name, file.getvalue())


def check_list(cli, path, form, expected, remedy, reason):
    """What info prints of it, with and without --json."""
    facts = json.loads(cli.answers("info", path, "--json"))
    found = [[row[key] for key in ("name", "option", "inputs", "hidden", "layers", "directions")] for row in facts["candidates"]]
    cli.check(found == expected and sorted(facts) == ["candidates", "format", "model", "reason"] and facts["format"] == form and
              reason in facts["reason"], f"{path}: {facts}")
    lines = cli.answers("info", path).decode().splitlines()
    cli.check(lines[1].split() == ["format", form] and len(lines) == 4 + len(expected) and
              all(f'"{row[0]}": ' in line for row, line in zip(expected, lines[2:])) and
              remedy in lines[-2] and reason in lines[-1], f"{path}: {lines}")
    return lines


def check_tensors(cli):
    """LSTMs by their prefixes; with a choice, or one LSTM, a file is shown as any other, or refused."""
    for path, form in ((write_safetensors(cli, "a.safetensors", several()), "safetensors"),
                       (write_torch(cli, "a.pt", several()), "PyTorch")):
        lines = check_list(cli, path, form, EXPECTED, "--prefix NAME", "expected one LSTM, found 3")
        cli.check(lines[4].endswith('"enc.lstm.": 3 inputs, 4 units, 2 layers, both directions') and
                  lines[2].endswith('"cell.": 4 inputs, 6 units, 1 layer'), f"{lines}")
        facts = json.loads(cli.answers("info", path, "--prefix", "dec.lstm.", "--json"))
        cli.check(facts["hidden"] == 6 and "candidates" not in facts, f"chosen: {facts}")
        cli.refused(DATA, ["dec.lstm.", "found 4"], "info", path, "--lstm", "enc.lstm,dec.lstm")
        cli.refused(DATA, ["expected one LSTM, found 3"], "run", path, "--text")
        cli.refused(DATA, ["none."], "info", path, "--prefix", "none.")
    alone = {name: tensor for name, tensor in several().items() if name.startswith("dec.")}
    cli.answers("info", write_safetensors(cli, "b.safetensors", alone), "--json")
    del alone["dec.lstm.bias_hh_l0"]
    cli.refused(DATA, ["dec.lstm.bias_hh_l0", "missing"], "info", write_safetensors(cli, "b.safetensors", alone))
    cli.refused(NO_INPUT, ["absent"], "info", cli.path("absent"))
    odd = {name.replace("dec.", "d\x1b[2Jé."): tensor for name, tensor in several().items()}
    text = cli.answers("info", write_safetensors(cli, "c.safetensors", odd))
    cli.check(b"\x1b" not in text and "é.".encode() in text, f"names are printed without control characters: {text!r}")


def check_networks(cli):
    """Those of a description, by their names."""
    tensors = {name: ((4 * 2, 3) if "_ih" in name else (4 * 2, 2), Network(SEED, 3, 2).tensors["lstm." + name.split(".")[-1]][1])
               for name in ("one.a.weight_ih_l0", "one.a.weight_hh_l0", "two.a.weight_ih_l0", "two.a.weight_hh_l0")}
    layers = [{"kind": "lstm", "name": "a", "units": 2, "cells": [{"bias": False}]}]
    networks = [{"name": "one", "inputs": 3, "layers": layers},
                {"name": "two", "inputs": 3, "layers": [*layers, {"kind": "activation", "name": "b", "activation": {"function": "relu"}}]}]
    path = write_safetensors(cli, "n.safetensors", tensors, {"sluice": json.dumps({"version": 1, "networks": networks})})
    check_list(cli, path, "safetensors", [["one", "--network", 3, None, 1, None], ["two", "--network", 3, None, 2, None]],
               "--network NAME", "2 networks")
    cli.check(json.loads(cli.answers("info", path, "--network", "two", "--json"))["layers"] == 1, "one of them")
    path = write_safetensors(cli, "n.safetensors", tensors, {"sluice": json.dumps({"version": 1, "networks": [{**networks[0], "x": 1}]})})
    cli.refused(DATA, ["networks[0]", "x"], "info", path)


def check_graph(cli):
    """A graph that is no chain has LSTM nodes, of which one can be run alone."""
    check_list(cli, SILERO, "ONNX", [["/recurrent/LSTM", "--lstm", 128, 128, 1, 1]], "--lstm NAME", "/stft/padding/Pad")
    cli.check(json.loads(cli.answers("info", SILERO, "--lstm", "/recurrent/LSTM", "--json"))["hidden"] == 128, "the one alone")
    cli.refused(USAGE, ["silero", "none"], "info", SILERO, "--to", "none")
    cut = cli.write("cut.onnx", SILERO.read_bytes()[:100000])
    cli.refused(DATA, ["cut.onnx"], "info", cut)


run_parts()
