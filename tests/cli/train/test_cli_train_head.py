#!/usr/bin/env python3
"""sluice train --from MODEL --new-head: the last dense layer is made anew, and all else is kept."""
import json
import random

from support.cli import DATA, OK, QUIET, USAGE, read_safetensors, run_parts, sluice, spell_lines

SEED = 131
ROWS, STEPS, INPUTS = 18, 4, 3
STILL = ["--optimizer", "sgd", "--rate", "1e-30", "--epochs", 1]  # no weight of usual size changes
LAYERS = ["--layers", "lstm:5,reduce:max,dense:4:relu"]


def train(cli, *words, notes=(), output="m.safetensors"):
    path = cli.path(output)
    cli.answers("train", *words, "-o", path, *QUIET, notes=[*notes, *[["--rate"]] * ("1e-30" in words)])
    return path


def tensors_of(path):
    return read_safetensors(path)[1]


def write_arrays(cli):
    """x, and labels of a number of classes."""
    source = random.Random(SEED)
    x = cli.npy("x.npy", (ROWS, STEPS, INPUTS), [source.uniform(-1, 1) for _ in range(ROWS * STEPS * INPUTS)])
    return ["-i", x], {count: ["--labels", cli.npy(f"l{count}.npy", (ROWS,), [k % count for k in range(ROWS)], "<i4")]
                       for count in (2, 3, 5)}


def write_values(cli, width):
    return ["--values", cli.npy(f"v{width}.npy", (ROWS, width), [k % 7 / 7 for k in range(ROWS * width)])]


def write_lines(cli, name, labels):
    source = random.Random(SEED)
    return ["--text", cli.write(name, spell_lines(source, [labels[k % len(labels)] for k in range(60)], range(1, 9),
                                                {label: "abcd" for label in labels}))]


def check_kept(cli, before, after, new, head):
    """All tensors but the head's are those of `before`, and the head's are those of `new`, a new model of that seed."""
    before, after, new = tensors_of(before), tensors_of(after), tensors_of(new)
    wrong = [name for name in after if after[name] != (new if name.startswith(head) else before).get(name)]
    cli.check(not wrong and set(before) == set(after) and any(name.startswith(head) for name in after), f"{sorted(after)}: {wrong}")


def check_shape(cli):
    x, labels = write_arrays(cli)
    first = train(cli, *x, *labels[2], "--hidden", 6, "--epochs", 1, output="first")
    for more, init in (([], []), (["--classes", 7], []), ([], ["--init", "keras"])):
        after = train(cli, *x, *labels[5], "--from", first, "--new-head", "--seed", 9, *more, *init, *STILL, output="after")
        new = train(cli, *x, *labels[5], "--hidden", 6, "--seed", 9, *more, *init, *STILL, output="new")
        if not init:  # Keras's biases begin with 0, which any rate changes
            check_kept(cli, first, after, new, "fc.")
        cli.check(tensors_of(after)["fc.weight"] == tensors_of(new)["fc.weight"], f"{init}: the head of a new model")
        found = json.loads(cli.answers("info", after, "--json"))
        cli.check(found["classes"] == (7 if more else 5) and not read_safetensors(after)[0].get("sluice"), f"{found}")
    after = train(cli, *x, *write_values(cli, 4), "--from", first, "--new-head", *STILL, output="after")
    cli.check(tensors_of(after)["fc.weight"][0] == [4, 6], "as many outputs as there are values")


def check_chain(cli):
    x, labels = write_arrays(cli)
    first = train(cli, *x, *labels[5], *LAYERS, "--epochs", 1, output="first")
    after = train(cli, *x, *labels[3], "--from", first, "--new-head", "--seed", 9, *STILL, output="after")
    new = train(cli, *x, *labels[3], *LAYERS, "--seed", 9, *STILL, output="new")
    check_kept(cli, first, after, new, "dense_2.")


def check_function(cli):
    """Cross-entropy applies the softmax: one at the end is left out, also where the head stays."""
    x, labels = write_arrays(cli)
    for end in ("dense:3:softmax", "dense:3:tanh,activation:softmax"):
        first = train(cli, *x, *write_values(cli, 3), "--no-head", "--layers", "lstm:6," + end, "--epochs", 1, output="first")
        after = train(cli, *x, *labels[3], "--from", first, *STILL, notes=[["first", "softmax"]], output="after")
        cli.check(tensors_of(first) == tensors_of(after), f"{end}: the weights stay")
        rows = json.loads(cli.answers("info", after, "--json"))["chain"]
        expected = [] if end.endswith("3:softmax") else ["tanh"]
        cli.check([row["kind"] for row in rows] == ["lstm", "dense"] and rows[-1]["options"] == expected, f"{end}: {rows}")
        after = train(cli, *x, *labels[5], "--from", first, "--new-head", *STILL, output="after")
        rows = json.loads(cli.answers("info", after, "--json"))["chain"]
        cli.check([(row["kind"], row["outputs"], row["options"][-1:]) for row in rows][-1] == ("dense", 5, []), f"{end}: {rows}")
    after = train(cli, *x, *write_values(cli, 2), "--from", first, "--new-head", *STILL, output="after")
    kinds = [row["kind"] for row in json.loads(cli.answers("info", after, "--json"))["chain"]]
    cli.check(kinds == ["lstm", "dense", "activation"], f"with --values the functions stay: {kinds}")


def check_text(cli):
    first = train(cli, *write_lines(cli, "two.tsv", ["eins", "zwei"]), "--hidden", 6, "--epochs", 1, output="first")
    lines = write_lines(cli, "three.tsv", ["zwei", "drei", "vier"])
    cli.refused(DATA, ["line 2", "'drei'", "one of the 2", "--new-head"], "train", *lines, "--from", first, "-o", cli.path("no"))
    after = train(cli, *lines, "--from", first, "--new-head", *STILL, output="after")
    check_kept(cli, first, after, train(cli, *lines, "--hidden", 6, *STILL, output="new"), "fc.")
    found = json.loads(cli.answers("info", after, "--json"))
    cli.check(found["class_names"] == ["zwei", "drei", "vier"], f"the labels of the data: {found['class_names']}")


def check_resumed(cli):
    """A checkpoint goes on with the new head, whether or not the option is given again."""
    lines = write_lines(cli, "three.tsv", ["zwei", "drei", "vier"])
    first = train(cli, *write_lines(cli, "two.tsv", ["eins", "zwei"]), "--hidden", 6, "--epochs", 1, output="first")
    words = [*lines, "--from", first, "--new-head", "--batch", 16]
    whole = train(cli, *words, "--epochs", 3, output="whole")
    for again in ([], ["--new-head"]):
        checkpoint = cli.path("checkpoint")
        out = train(cli, *words, "--epochs", 1, "--checkpoint", checkpoint, output="part")
        result = sluice("train", "--resume", checkpoint, "--epochs", 3, *again)
        cli.check(result.returncode == OK and out.read_bytes() == whole.read_bytes(), f"{again}: {result.stderr.decode()}")
    train(cli, *lines, "--from", first, "--new-head", "--epochs", 1, "--checkpoint", checkpoint, output="part")
    plain = cli.path("plain")
    train(cli, *lines, "--epochs", 1, "--hidden", 6, "--checkpoint", plain, output="part")
    cli.refused(USAGE, ["--new-head"], "train", "--resume", plain, "--new-head")


def check_refusals(cli):
    x, labels = write_arrays(cli)
    first, out = train(cli, *x, *labels[2], "--hidden", 6, "--epochs", 1, output="first"), cli.path("no")
    ended = train(cli, *x, *write_values(cli, 6), "--no-head", "--layers", "lstm:6", "--epochs", 1, output="ended")
    base = ["-o", out, "--from", first]
    cases = [
        (DATA, ["l5.npy", "from 0 to 1", "found", "--new-head"], [*x, *labels[5], *base]),
        (DATA, ["v4.npy", "expected 2 values", "found 4", "--new-head"], [*x, *write_values(cli, 4), *base]),
        (DATA, ["l5.npy", "from 0 to 2"], [*x, *labels[5], *base, "--new-head", "--classes", 3]),
        (USAGE, ["--classes", "--labels"], [*x, *write_values(cli, 4), *base, "--new-head", "--classes", 3]),
        (USAGE, ["--from", "--new-head"], [*x, *labels[5], "-o", out, "--new-head"]),
        (USAGE, ["--classes", "--new-head"], [*x, *labels[5], *base, "--classes", 5]),
        (USAGE, ["--from", "--hidden"], [*x, *labels[5], *base, "--new-head", "--hidden", 5]),
        (DATA, ["ended", "dense layer"], [*x, *labels[5], "-o", out, "--from", ended, "--new-head"]),
        (DATA, ["ended", "dense layer"], [*x, *write_values(cli, 4), "-o", out, "--from", ended, "--new-head"]),
    ]
    for code, words, arguments in cases:
        cli.refused(code, words, "train", *arguments)
    cli.check(not out.exists(), "nothing is written where something is refused")
    result = sluice("train", *x, *write_values(cli, 4), "-o", out, "--from", ended)
    cli.check(result.returncode == DATA and b"--new-head" not in result.stderr, f"no remedy that fails: {result.stderr!r}")


run_parts()
