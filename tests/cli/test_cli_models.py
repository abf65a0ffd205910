#!/usr/bin/env python3
"""Model files as others write them: what a program ignores does not make them fail, what could be meant is reported and not guessed, and
files of other kinds are called by their names. In every command that loads a model, states or a checkpoint."""
import gzip
import json
import pathlib
import pickle
import random
import re
import struct

from support.cli import DATA, NO_INPUT, OK, QUIET, Network, join_safetensors, lay_out, run_parts, sluice, split_safetensors, zipped

SEED = 41


def small(vocabulary=0):
    """A network that costs nothing, and whose head has two outputs."""
    return Network(SEED, 3, 4, vocabulary=vocabulary, classes=2)


def build(tensors, change=lambda header: header, beside=(), encode=json.dumps):
    """A safetensors file's bytes: `tensors` as of a Network, and `beside` them (name, dtype, shape, bytes)."""
    entries = [(name, "F32", shape, values.tobytes()) for name, (shape, values) in tensors.items()]
    header, data = lay_out([*entries, *beside])
    return join_safetensors(encode(change(header)), data)


def write(cli, name, *words, **options):
    return cli.write(name, build(*words, **options))


def write_inputs(cli):
    source = random.Random(SEED)
    return cli.npy("x.npy", (3, 5, 3), [source.uniform(-2, 2) for _ in range(45)])


def write_labels(cli):
    return cli.npy("labels.npy", (3,), [0, 1, 0], "<i4")


def outputs(cli, model, *words):
    """(status, standard error, bytes of --head) of a run over the same input each time."""
    head = cli.path("head.npy")
    head.unlink(missing_ok=True)
    result = sluice("run", model, "-i", cli.path("x.npy"), "--head", head, *words)
    return result.returncode, result.stderr.decode(), head.read_bytes() if head.exists() else b""


# ---- Odd but sound -------------------------------------------------------------------------------------------------------------

def odd_files(tensors):
    """Name: bytes of files in which the network is sound."""
    def more_keys(header):
        extra = {"stride": [1], "of": {"a": [None, True, -1.5e3, {"b": "\0"}]}}
        return {name: {**extra, **entry} for name, entry in header.items()}
    byte = b"1"
    return {
        "metadata null": build(tensors, lambda header: {"__metadata__": None, **header}),
        "metadata null at the end": build(tensors, lambda header: {**header, "__metadata__": None}),
        "more keys": build(tensors, more_keys),
        "nine dimensions": build(tensors, beside=[("nd", "U8", (1,) * 9, byte)]),
        "sixty dimensions": build(tensors, beside=[("nd", "F32", (1,) * 60, byte * 4)]),
        "empty and large": build(tensors, beside=[("nd", "F32", (0, 2**40, 2**40), b"")]),
        "a long name": build(tensors, beside=[("x" * 300, "F32", (1,), byte * 4)]),
        "a very long name": build(tensors, beside=[("x" * 30000, "F32", (1,), byte * 4)]),
        "no name": build(tensors, beside=[("", "F32", (1,), byte * 4)]),
        "control characters": build(tensors, beside=[("a\tb\n\x1b[2J\x7f\x9b", "F32", (1,), byte * 4)]),
        "NUL in a name": build(tensors, beside=[("a\0b", "F32", (1,), byte * 4), ("a", "F32", (1,), byte * 4)]),
        "narrow types": build(tensors, beside=[("q", "F8_E4M3", (5,), byte * 5), ("s", "F8_E8M0", (4,), byte * 4),
                                               ("p", "F4", (4, 2), byte * 4)]),
        "types to come": build(tensors, beside=[("n", "I4", (4,), byte * 2), ("m", "F128", (3,), byte * 48)]),
        "scalar and empty": build(tensors, beside=[("bn.num_batches_tracked", "I64", (), byte * 8), ("none", "F32", (0, 7), b"")]),
        "many tensors": build(tensors, beside=[(f"t{k}", "U8", (1,), byte) for k in range(20000)]),
        "space before": build(tensors, encode=lambda header: "  " + json.dumps(header)),
    }


def check_odd(cli):
    write_inputs(cli)
    network = small()
    expected = outputs(cli, network.write(cli.path("plain.safetensors")))
    cli.check(expected[0] == OK and not expected[1] and expected[2], f"the plain file runs: {expected}")
    for name, data in odd_files(network.tensors).items():
        path = cli.write("odd.safetensors", data)
        cli.check(outputs(cli, path) == expected, f"{name}: the plain file's answers, and nothing said: {outputs(cli, path)[:2]}")
        notes = json.loads(cli.answers("info", path, "--json"))["notes"]
        cli.check(notes[0] == 'names: torch, prefix "lstm.", head "fc", no embedding' and
                  all(note.startswith("ignored: ") and not re.search(r"[\x00-\x1f\x7f-\x9f]", note) for note in notes[1:]),
                  f"{name}: notes of what was ignored, without control characters: {notes[:3]}")
        table = sluice("info", path).stdout.decode()
        cli.check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", table), f"{name}: a table without control characters")
    path.write_bytes(build(network.tensors, encode=lambda header: json.dumps(header) + "\0\0"))
    cli.refused(DATA, [str(path), "expected spaces behind the header, found NUL bytes", "save"], "info", path)
    path.write_bytes(build(network.tensors) + b"more")
    cli.refused(DATA, [str(path), "4 bytes that belong to no tensor", "appended"], "info", path)
    long = {name.replace("lstm.", "l\t" * 150 + "."): tensor for name, tensor in network.tensors.items()}
    cli.check(outputs(cli, write(cli, "long.safetensors", long)) == expected, "names of 300 bytes, of control characters, are the LSTM's")


# ---- Heads and embeddings -------------------------------------------------------------------------------------------------------

def with_head(network, **heads):
    """The network's tensors with other heads than its own."""
    for name, shape in heads.items():
        network.add(f"{name.replace('_', '.')}.weight", *shape)
        network.add(f"{name.replace('_', '.')}.bias", shape[0])
    return {name: tensor for name, tensor in network.tensors.items() if not name.startswith("fc.")}


def check_heads(cli):
    write_inputs(cli)
    layers = write(cli, "mlp.safetensors", with_head(small(), classifier_0=(8, 4), classifier_2=(2, 8)))
    both = write(cli, "both.safetensors", {**with_head(small(), fc2=(3, 4)), **small().tensors})
    words = {layers: ["classifier.0", "classifier.2", "--head-name"], both: ['"fc"', '"fc2"', "--head-name"]}
    for model, said in words.items():
        facts = json.loads(cli.answers("info", model, "--json"))
        cli.check(facts["classes"] == 0 and all(any(note.startswith("head: none") and word in note for note in facts["notes"])
                                                for word in said), f"info says why there is no head: {facts['notes']}")
        head = cli.path("none.npy")
        cli.refused(DATA, [str(model), "--head writes", *said], "run", model, "-i", cli.path("x.npy"), "--head", head)
        cli.check(not head.exists(), "no head, no file")
        result = sluice("run", model, "-i", cli.path("x.npy"), "--hn", cli.path("hn.npy"))
        note = result.stderr.decode()
        cli.check(result.returncode == OK and note.startswith("sluice: note: ") and note.count("\n") == 1 and
                  all(word in note for word in said), f"run without the head says so once: {note!r}")
        cli.answers("run", model, "-i", cli.path("x.npy"), "--hn", cli.path("hn.npy"), "--head-name", "")
        explained = sluice("info", model, "--explain", "--batch", "2", "--steps", "3")
        cli.check(explained.returncode == OK and explained.stderr.startswith(b"sluice: note: ") and
                  b"note" not in explained.stdout, f"info --explain says so too: {explained.stderr!r}")
    cli.check(outputs(cli, both, "--head-name", "fc") == outputs(cli, small().write(cli.path("plain.safetensors"))),
              "a head that is chosen is the one that was meant")


def check_text(cli):
    """run --text, and train --from, need both matrices, and say which could be meant."""
    lines = cli.write("lines.tsv", b"0\tab\n1\tcd\n")
    heads = write(cli, "heads.safetensors", with_head(small(256), out=(2, 4), aux=(3, 4)))
    two = small(256)
    two.add("type_embed.weight", 256, 3)
    embeddings = two.write(cli.path("embeddings.safetensors"))
    none = write(cli, "none.safetensors", with_head(small(256)))
    cases = {heads: ["head", '"aux" [3][4], "out" [2][4]', "--head-name"],
             embeddings: ["embedding", '"embedding" [256][3], "type_embed" [256][3]', "--embedding-name"],
             none: ["head", "none"]}
    for model, words in cases.items():
        cli.refused(DATA, ["--text", str(model), *words], "run", model, "--text", stdin=b"ab\n")
        cli.refused(DATA, ["--text", str(model), *words], "train", "--text", lines, "--from", model, "-o", cli.path("m"), *QUIET)
    for model, option in ((heads, ["--head-name", "out"]), (embeddings, ["--embedding-name", "embedding"])):
        result = sluice("run", model, "--text", *option, stdin=b"ab\n")
        cli.check(result.returncode == OK and result.stdout.count(b"\t") == 1, f"{option} chooses: {result}")
        cli.check(result.stderr.count(b"\n") == (model == embeddings) and (b'"type_embed" [256][3]' in result.stderr) == (model == embeddings),
                  f"of two embeddings the other is said not to be run: {result.stderr!r}")
    x, labels = write_inputs(cli), write_labels(cli)
    plain = write(cli, "plain.safetensors", with_head(small(), out=(2, 4), aux=(3, 4)))
    cli.refused(DATA, ["--labels", '"aux"', '"out"', "--head-name"], "train", "-i", x, "--labels", labels, "--from", plain, "-o",
                cli.path("m"), *QUIET)


def check_tokens(cli):
    """Tokens for a model whose embedding has a name that is none of an embedding."""
    network = small(20)
    tensors = {name.replace("embedding.", "encoder."): tensor for name, tensor in network.tensors.items()}
    model, tokens = write(cli, "encoder.safetensors", tensors), cli.npy("tokens.npy", (3, 5), range(15), "<i4")
    words = ["run", model, "-i", tokens, "--head", cli.path("h.npy")]
    cli.refused(DATA, ["tokens.npy", "--embedding-name"], *words)
    cli.answers(*words, "--embedding-name", "encoder")
    numbers = cli.npy("numbers.npy", (3, 5), range(15))
    result = sluice("run", model, "-i", numbers, "--head", cli.path("h.npy"))
    cli.check(result.returncode == DATA and b"--embedding-name" not in result.stderr, f"numbers are no tokens: {result.stderr!r}")


def check_notes(cli):
    """What may change the results is said once, on standard error; what does not, is not."""
    write_inputs(cli)
    network = small()
    narrow = [(name, "BF16", shape, b"".join(struct.pack("<f", value)[2:] for value in values))
              for name, (shape, values) in network.tensors.items()]
    cases = [(write(cli, "narrow.safetensors", {}, beside=narrow), ["types: ", "BF16", "widened"])]
    network.add("ln.weight", 4)
    network.add("proj.weight", 3, 9)
    cases.append((network.write(cli.path("norm.safetensors")), ["layers: ", '"ln" [4]', '"proj" [3][9]']))
    cases.append((write(cli, "gru.safetensors", small().tensors, beside=[("g.weight_ih_l0", "F32", (3, 3), bytes(36)),
                                                                         ("g.weight_hh_l0", "F32", (3, 1), bytes(12))]),
                  ["layers: ", 'not run: "g." (GRU)']))
    for model, words in cases:
        status, said, head = outputs(cli, model)
        cli.check(status == OK and head and said.count("\n") == 1 and said.startswith(f"sluice: note: {model}: ") and
                  all(word in said for word in words), f"run says {words}: {said!r}")
    trained = sluice("train", "-i", cli.path("x.npy"), "--labels", write_labels(cli), "--from", cases[1][0], "-o", cli.path("m"),
                     "--epochs", "1", *QUIET)
    cli.check(trained.returncode == OK and trained.stderr.decode().count("sluice: note: ") == 1 and b'"ln" [4]' in trained.stderr,
              f"train --from says it too: {trained.stderr!r}")


# ---- LSTMCell -------------------------------------------------------------------------------------------------------------------

def check_cell(cli):
    write_inputs(cli)
    network = small()
    expected = outputs(cli, network.write(cli.path("plain.safetensors")))
    cells = {name.replace("_l0", "").replace("lstm.", "lstm_cell."): tensor for name, tensor in network.tensors.items()}
    model = write(cli, "cell.safetensors", cells)
    cli.check(outputs(cli, model) == expected, "an LSTMCell gives the bytes of the LSTM of its weights")
    table = cli.answers("info", model).decode()
    cli.check('names: torch LSTMCell, prefix "lstm_cell.", head "fc"' in table, f"info says what it is: {table}")
    second = {name.replace("lstm_cell", "second"): tensor for name, tensor in cells.items() if "lstm" in name}
    two = write(cli, "two.safetensors", {**cells, **second})
    cli.refused(DATA, ['"lstm_cell."', '"second."', "--prefix"], "run", two, "-i", cli.path("x.npy"), "--head", cli.path("h"))
    status, said, head = outputs(cli, two, "--prefix", "second.")
    cli.check((status, head) == (expected[0], expected[2]), "--prefix chooses among cells")
    cli.check(said.count("\n") == 1 and 'not run: "lstm_cell." (LSTM)' in said, f"what is not run is named: {said!r}")
    cli.answers("train", "-i", cli.path("x.npy"), "--labels", write_labels(cli), "--from", model, "-o", cli.path("m.safetensors"),
                "--epochs", "1", *QUIET)
    notes = json.loads(cli.answers("info", cli.path("m.safetensors"), "--json"))["notes"]
    cli.check(notes == ['names: torch, prefix "lstm.", head "fc", no embedding'], f"what was trained has an LSTM's names: {notes}")


# ---- States and checkpoints -----------------------------------------------------------------------------------------------------

def odd_header(data, change):
    """The file with another header."""
    text, body = split_safetensors(data)
    return join_safetensors(change(json.loads(text)), body)


def more_keys(header):
    return {name: entry if name == "__metadata__" else {"stride": [1, {"a": None}], **entry} for name, entry in header.items()}


def check_states(cli):
    x = write_inputs(cli)
    model, state = small().write(cli.path("plain.safetensors")), cli.path("state.safetensors")
    cli.answers("run", model, "-i", x, "--state", state)
    begun = state.read_bytes()
    cli.answers("run", model, "-i", x, "--state", state)
    expected = state.read_bytes()
    for change in (more_keys, lambda header: {**header, "__metadata__": None}):
        state.write_bytes(odd_header(begun, change))
        cli.answers("run", model, "-i", x, "--state", state)
        cli.check(state.read_bytes() == expected, "states of an odd header go on as they would have")
    for name in ("x\x1b\t\x9b", "x" * 3000):
        state.write_bytes(odd_header(begun, lambda header: {**header, name: {"dtype": "I4", "shape": [0] * 9, "data_offsets": [0, 0]}}))
        result = sluice("run", model, "-i", x, "--state", state)
        said = result.stderr.decode()
        cli.check(result.returncode == DATA and "alone, found tensor" in said and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said) and
                  said.count("\n") == 1 and len(said) < 700, f"a tensor that would be lost is refused, its name made plain: {said!r}")


def check_checkpoints(cli):
    x, labels = write_inputs(cli), write_labels(cli)
    model, checkpoint = cli.path("m.safetensors"), cli.path("c.safetensors")
    words = ["train", "-i", x, "--labels", labels, "--hidden", "4", "-o", model, "--checkpoint", checkpoint, *QUIET]
    cli.answers(*words, "--epochs", "2")
    begun = checkpoint.read_bytes()
    cli.answers(*words, "--epochs", "3", "--resume", checkpoint)
    expected = model.read_bytes()
    cli.answers(*words, "--epochs", "2")
    checkpoint.write_bytes(odd_header(begun, more_keys))
    cli.answers(*words, "--epochs", "3", "--resume", checkpoint)
    cli.check(model.read_bytes() == expected, "a checkpoint with more keys goes on as it would have")
    facts = json.loads(cli.answers("info", checkpoint, "--json"))
    cli.check(facts["classes"] == 2 and not [note for note in facts["notes"] if not note.startswith(("names: ", "ignored: "))],
              f"a checkpoint is a model with its head: {facts['notes']}")


# ---- Files of other kinds -------------------------------------------------------------------------------------------------------

READ = {"torch.save": "torch.save", "Keras": "Keras", "HDF5": "h5repack", "ONNX": "field of 128 bytes"}  # words of the readers that these kinds have


def other_kinds(model):
    """Words of the message: bytes."""
    return {
        "gzip file": gzip.compress(model),
        "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0f1e\nsize 1040\n",
        "torch.save": zipped(b"data", "archive/data.pkl"),
        "Keras": zipped(b"data", "metadata.json"),
        ".npz": zipped(b"data", "weights.npy"),
        "zip archive": zipped(b"data", "model.safetensors"),
        "pickle": pickle.dumps({"a": 1}, protocol=2),
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(64),
        "ONNX": b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x80\x01" + bytes(64),
        "TensorFlow Lite": b"\x1c\0\0\0TFL3" + bytes(64),
        "Core ML": b"\x08\x04\x12\x06\x0a\x04\x0a\x02in" + bytes(64),
        ".npy array": b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'" + bytes(64),
        "JSON": b'{"metadata": {"total_size": 1}, "weight_map": {}}',
        "HTML page": b"<!DOCTYPE html><html><body>Not found</body></html>",
    }


def check_kinds(cli):
    x, labels = write_inputs(cli), write_labels(cli)
    model = small().write(cli.path("plain.safetensors"))
    other, out = cli.path("other.safetensors"), cli.path("out")
    commands = [["info", other], ["info", other, "--explain", "--batch", "2", "--steps", "3"], ["run", other, "--text"],
                ["run", other, "-i", x, "--hn", out], ["run", model, "-i", x, "--state", other],
                ["train", "-i", x, "--labels", labels, "--from", other, "-o", out, *QUIET],
                ["train", "-i", x, "--labels", labels, "--resume", other, "-o", out, *QUIET]]
    for words, data in other_kinds(pathlib.Path(model).read_bytes()).items():
        other.write_bytes(data)
        for command in commands:
            is_resumed = bool({"--state", "--resume"} & set(command))
            wanted = "safetensors file" if is_resumed else "model file (Keras, PyTorch, ONNX or safetensors)"
            is_read = words in READ and not is_resumed
            cli.refused(DATA, [str(other), *([READ[words]] if is_read else [f"expected a {wanted}, found", words])], *command)
        cli.check(other.read_bytes() == data and not out.exists(), f"{words}: left as it was, and nothing written")


def check_folder(cli):
    folder = cli.path("saved")
    folder.mkdir()
    cli.refused(NO_INPUT, ["saved", "directory"], "info", folder)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    cli.refused(NO_INPUT, ["saved", "SavedModel", "model.save"], "info", folder)


if __name__ == "__main__":
    run_parts()
