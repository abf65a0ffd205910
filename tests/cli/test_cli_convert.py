#!/usr/bin/env python3
"""sluice convert, and the options that say how a file of tensors is read: what it writes gives the bits of what it read."""
import json

from support.checks import SOURCE
from support.cli import DATA, FAILURE, NO_INPUT, OK, USAGE, Network, lay_out, join_safetensors, read_npy, run_parts, sluice

SEED = 7


def write(cli, name, tensors):
    entries = [(tensor, "F32", shape, values.tobytes()) for tensor, (shape, values) in tensors.items()]
    return cli.write(name, join_safetensors(json.dumps(lay_out(entries)[0]), lay_out(entries)[1]))


def two_lstms():
    """lstm1 of 3 inputs and 4 units, lstm2 of 6 units, and the layers fc1 of 5 and fc2 of 2 outputs."""
    first, second = Network(SEED, 3, 4), Network(SEED + 1, 4, 6)
    tensors = {f"lstm1.{name.split('.')[-1]}": tensor for name, tensor in first.tensors.items()}
    tensors.update({f"lstm2.{name.split('.')[-1]}": tensor for name, tensor in second.tensors.items()})
    dense = Network(SEED, 5, 5, classes=2).tensors
    tensors["fc1.weight"] = ((5, 6), Network(SEED, 6, 6, classes=5).tensors["fc.weight"][1])
    tensors["fc2.weight"] = dense["fc.weight"]
    tensors["fc2.bias"] = dense["fc.bias"]
    return tensors


def files_of(cli, model, *words):
    """The bytes of all results of a run."""
    paths = [cli.path(f"{name}.npy") for name in ("head", "y", "hn")]
    for path in paths:
        path.unlink(missing_ok=True)
    result = sluice("run", model, "-i", cli.path("x.npy"), "--head", paths[0], "-o", paths[1], *words)
    cli.check(result.returncode == OK, f"run {model.name} {words}: {result.stderr.decode()}")
    return [path.read_bytes() for path in paths if path.exists()]


def check_same_bits(cli):
    cli.npy("x.npy", (3, 5, 3), [k / 45 - 0.5 for k in range(45)])
    model = write(cli, "two.safetensors", two_lstms())
    chain = ["--lstm", "lstm1,lstm2", "--head-name", "fc1,fc2"]
    for words in (["--prefix", "lstm1.", "--head-name", ""], ["--lstm", "lstm1", "--head-name", ""], chain,
                  [*chain, "--head-activation", "relu,softmax", "--head-input", "final"], [*chain, "--head-input", "last"],
                  [*chain, "--head-input", "every"]):
        out = cli.path("out.safetensors")
        out.unlink(missing_ok=True)
        result = sluice("convert", model, out, *words)
        cli.check(result.returncode == OK and not result.stdout and b"two.safetensors: layers: " in result.stderr
                  if words[1] != "lstm1,lstm2" else result.returncode == OK and not result.stderr,
                  f"convert {words}: {result.returncode} {result.stderr.decode()}")
        if "" in words:
            y = [cli.path("a.npy"), cli.path("b.npy")]
            runs = [sluice("run", model, *words, "-i", cli.path("x.npy"), "-o", y[0]), sluice("run", out, "-i", cli.path("x.npy"), "-o", y[1])]
            cli.check([run.returncode for run in runs] == [OK, OK] and y[0].read_bytes() == y[1].read_bytes(), f"the same bits: {words}")
        else:
            cli.check(files_of(cli, model, *words) == files_of(cli, out), f"the same bits: {words}")
    shape = read_npy(cli.path("head.npy"))[0]
    cli.check(tuple(shape) == (3, 5, 2), f"a head of every step: {shape}")


def check_softmax(cli):
    """The last layer's function is applied, and the head reads one vector of a row."""
    cli.npy("x.npy", (3, 5, 3), [k / 45 - 0.5 for k in range(45)])
    model = write(cli, "two.safetensors", two_lstms())
    words = ["--lstm", "lstm1,lstm2", "--head-name", "fc1,fc2", "--head-activation", ",softmax"]
    for steps, size in (("final", (3, 2)), ("last", (3, 2)), ("every", (3, 5, 2))):
        files_of(cli, model, *words, "--head-input", steps)
        shape, values = read_npy(cli.path("head.npy"))
        sums = [values[k] + values[k + 1] for k in range(0, len(values), 2)]
        cli.check(tuple(shape) == size and all(abs(total - 1) < 1e-6 for total in sums), f"{steps}: {shape} {sums[:3]}")


def check_info(cli):
    """The format, and of a file with several LSTMs their names and sizes, and how to choose."""
    model, out = write(cli, "two.safetensors", two_lstms()), cli.path("out.safetensors")
    cli.refused(DATA, ['"lstm1." (3 inputs, 4 units), "lstm2." (4 inputs, 6 units)', "--lstm A,B"], "convert", model, out)
    words = ["--lstm", "lstm1,lstm2", "--head-name", "fc1,fc2"]
    cli.check("\nformat        safetensors\n" in cli.answers("info", model, *words).decode(), "info shows the format")
    facts = json.loads(cli.answers("info", model, *words, "--json"))
    cli.check(facts["format"] == "safetensors" and [layer["name"] for layer in facts["chain"]] == ["lstm1", "lstm2", "fc1", "fc2"],
              f"format and layers: {facts}")
    cli.answers("convert", model, out, *words)
    cli.check(json.loads(cli.answers("info", out, "--json"))["chain"] == facts["chain"], "the same layers")


def check_training(cli):
    """Trained on, the model is written with a description, and a checkpoint of it continues."""
    model, out, checkpoint = write(cli, "two.safetensors", two_lstms()), cli.path("trained"), cli.path("checkpoint")
    cli.npy("x.npy", (3, 5, 3), [k / 45 - 0.5 for k in range(45)])
    cli.npy("labels.npy", (3,), [0, 1, 0], "<i4")
    words = ["--lstm", "lstm1,lstm2", "--head-name", "fc1,fc2", "--head-input", "final"]
    data = ["-i", cli.path("x.npy"), "--labels", cli.path("labels.npy"), "--progress", "never"]
    begin = sluice("train", "--from", model, *words, *data, "-o", out, "--epochs", "1", "--checkpoint", checkpoint)
    cli.check(begin.returncode == OK, begin.stderr.decode())
    again = sluice("train", "--resume", checkpoint, "--epochs", "2")
    cli.check(again.returncode == OK, again.stderr.decode())
    whole = cli.path("whole")
    sluice("train", "--from", model, *words, *data, "-o", whole, "--epochs", "2")
    cli.check(out.read_bytes() == whole.read_bytes(), "resumed, the result is the same")
    cli.refused(USAGE, ["--lstm", "give --from"], "train", *words, *data, "-o", out)


def check_refusals(cli):
    model = write(cli, "two.safetensors", two_lstms())
    out = cli.path("refused.safetensors")
    cases = [
        (USAGE, ["FILE and OUT", "neither"], ["convert"]),
        (USAGE, ["FILE and OUT", "FILE alone"], ["convert", model]),
        (USAGE, ["FILE and OUT", "'c'"], ["convert", "a", "b", "c"]),
        (USAGE, ["same file"], ["convert", model, model]),
        (USAGE, ["standard input"], ["convert", "-", out]),
        (USAGE, ["--threads"], ["convert", model, out, "--threads", "1"]),
        (USAGE, ["--head-input", "every, final, last"], ["convert", model, out, "--head-input", "first"]),
        (USAGE, ["--head-activation", "found 'rel'"], ["run", model, "--head-activation", "relu,rel"]),
        (USAGE, ["--onnx-clip", "onnx, ort"], ["info", model, "--onnx-clip", "tf"]),
        (USAGE, ["--activation", "tanh, sigmoid"], ["info", model, "--activation", "gates"]),
        (NO_INPUT, ["absent"], ["convert", cli.path("absent"), out]),
        (DATA, ["lstm2.", "expected 6 inputs", "found 3"], ["convert", model, out, "--lstm", "lstm2,lstm1"]),
        (DATA, ["fc3.weight", "missing"], ["convert", model, out, "--lstm", "lstm2", "--head-name", "fc1,fc3"]),
    ]
    for code, words, arguments in cases:
        cli.refused(code, words, *arguments)
    cli.check(not out.exists(), "nothing is written where a file is refused")
    cli.refused(USAGE, ["no Keras or ONNX file"], "convert", model, out, "--lstm", "lstm1", "--to", "lstm1")


def check_evil(cli):
    """A pickle that would run `echo pwned` in Python, and one of quantized weights: refused, with nothing on standard output, no other
    process and nothing written."""
    cli.npy("x.npy", (1, 1, 1), [0])
    for name, code, word in (("reduce_os_system", DATA, "posix.system"), ("dynamic_quantized_state_dict", FAILURE, "quantized")):
        model = SOURCE / "tests" / "golden" / "torch" / "evil" / f"{name}.pt"
        for command in (["info", model], ["run", model, "-i", cli.path("x.npy"), "-o", cli.path("y")], ["convert", model, cli.path("out")]):
            cli.refused(code, [word], *command)
    cli.check(not cli.path("y").exists() and not cli.path("out").exists() and not cli.leftovers(), "and leave no trace")


run_parts()
