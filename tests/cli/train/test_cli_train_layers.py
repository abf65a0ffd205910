#!/usr/bin/env python3
"""sluice train --layers LIST: what lists mean, what is wrong with them, and that such networks learn."""
import array
import json
import random
import signal

from support.cli import (DATA, INTERRUPTED, LETTERS, QUIET, USAGE, read_npy, read_safetensors, run_parts, spell_lines, start,
                         wait_until)

SEED = 97
ROWS, STEPS, INPUTS = 24, 4, 3


def write_lines(cli, name="lines.tsv", count=120):
    source = random.Random(SEED)
    return cli.write(name, spell_lines(source, source.choices(sorted(LETTERS), k=count), range(1, 9)))


def write_arrays(cli):
    """x, a label a row, a label a step, two values a row, four values a step."""
    source = random.Random(SEED)
    return [cli.npy("x.npy", (ROWS, STEPS, INPUTS), [source.uniform(-1, 1) for _ in range(ROWS * STEPS * INPUTS)]),
            cli.npy("l.npy", (ROWS,), [source.randrange(2) for _ in range(ROWS)], "<i4"),
            cli.npy("s.npy", (ROWS, STEPS), [source.randrange(2) for _ in range(ROWS * STEPS)], "<i4"),
            cli.npy("v.npy", (ROWS, 2), [source.uniform(-1, 1) for _ in range(ROWS * 2)]),
            cli.npy("w.npy", (ROWS, STEPS, 4), [source.uniform(-1, 1) for _ in range(ROWS * STEPS * 4)])]


def chain(cli, path):
    """(kind, outputs, gives, options) of each layer of a file."""
    rows = json.loads(cli.answers("info", path, "--json"))["chain"]
    return [(row["kind"], row["outputs"], row["gives"], row["options"]) for row in rows]


def train(cli, *words, output="m.safetensors"):
    path = cli.path(output)
    cli.answers("train", "-o", path, "--epochs", 1, *words, *QUIET)
    return path


def check_meaning(cli):
    """Every word of a list, and what the data add."""
    x, labels, step_labels, values, step_values = write_arrays(cli)
    head = ("dense", 2, "row", [])
    cases = {
        "lstm:5": [("lstm", 5, "row", ["final states"]), head],
        "lstm:5:both,lstm:4:both:sum": [("lstm", 10, "steps", ["both directions"]),
                                        ("lstm", 4, "row", ["sum of both directions", "final states"]), head],
        "lstm:5:both:product,lstm:4:both:mean:last": [("lstm", 5, "steps", ["product of both directions"]),
                                                      ("lstm", 4, "row", ["mean of both directions", "last step"]), head],
        "lstm:5:final:reverse": [("lstm", 5, "row", ["reverse", "final states"]), head],
        "lstm:5:proj=2": [("lstm", 2, "row", ["final states", "5 units, projection to 2"]), head],
        "dense:4:tanh,lstm:5,activation:relu,reduce:mean": [
            ("dense", 4, "steps", ["tanh"]), ("lstm", 5, "steps", []), ("activation", 5, "steps", ["relu"]),
            ("reduce", 5, "row", ["mean of the steps"]), head],
        "lstm:5,reduce:max,dense:4:leaky_relu,dense:3:elu=0.5,dense:3": [
            ("lstm", 5, "steps", []), ("reduce", 5, "row", ["maximum of the steps"]), ("dense", 4, "row", ["leaky_relu(0.01)"]),
            ("dense", 3, "row", ["elu(0.5)"]), ("dense", 3, "row", []), head],
        "lstm:5,reduce:last": [("lstm", 5, "steps", []), ("reduce", 5, "row", ["last step"]), head],
    }
    for words, expected in cases.items():
        found = chain(cli, train(cli, "-i", x, "--labels", labels, "--layers", words))
        cli.check(found == expected, f"{words}: expected {expected}, found {found}")
    every = [("lstm", 5, "steps", []), ("dense", 4, "steps", ["gelu"]), ("dense", 2, "steps", [])]
    words = ["-i", x, "--layers", "lstm:5,dense:4:gelu"]
    for more in (["--labels", step_labels], ["--labels", labels, "--every-step"]):
        found = chain(cli, train(cli, *words, *more))
        cli.check(found == every, f"targets for every step: {found}")
    cli.check(chain(cli, train(cli, *words, "--values", values))[-1] == head, "two values a row: a head of two outputs")
    found = chain(cli, train(cli, "-i", x, "--values", step_values, "--no-head", "--layers", "lstm:6,dense:4:tanh"))
    cli.check(found == [("lstm", 6, "steps", []), ("dense", 4, "steps", ["tanh"])], f"without a head: {found}")
    found = chain(cli, train(cli, "-i", x, "--values", values, "--no-head", "--layers", "lstm:6,dense:2"))
    cli.check(found == [("lstm", 6, "row", ["final states"]), head], f"without a head, a row: {found}")
    metadata, tensors = read_safetensors(train(cli, "-i", x, "--labels", labels, "--layers", 2, "--hidden", 5))
    cli.check("sluice" not in metadata and "lstm.weight_ih_l1" in tensors, f"a number is what it was: {sorted(tensors)}")
    found = chain(cli, train(cli, "-i", x, "--labels", labels, "--layers", 2, "--layers", "lstm:5"))
    cli.check(found == cases["lstm:5"], "the last of two is used")


def check_forget_bias(cli):
    """Forget gates begin with it, in a chain and in equal layers; a rate that moves nothing shows it."""
    x, labels = write_arrays(cli)[:2]
    for words, name in ((["--layers", "lstm:4:both"], "lstm_1.bias_ih_l0_reverse"), (["--hidden", 4], "lstm.bias_ih_l0")):
        result = cli.path("bias.safetensors")
        cli.answers("train", "-i", x, "--labels", labels, "-o", result, "--epochs", 1, *words, "--forget-bias", 1.5, "--rate", 1e-30,
                    *QUIET, notes=1)
        values = array.array("f", read_safetensors(result)[1][name][1])
        cli.check(list(values[4:8]) == [1.5] * 4 and all(value != 1.5 for value in values[:4]), f"{name}: {list(values)}")


def check_learns(cli):
    """A chain learns, the same at any number of threads; what it wrote runs, and is trained further."""
    text = write_lines(cli)
    words = ["train", "--text", text, "--layers", "lstm:12:both:sum,lstm:8,dense:6:relu", "--embedding", 6, "--epochs", 12, "--rate", 0.02,
             "--batch", 16, "--dropout", 0.1, "--json", *QUIET]
    paths = [cli.path(f"learned{threads}.safetensors") for threads in (1, 2)]
    summaries = [json.loads(cli.answers(*words, "-o", path, "--threads", threads)) for threads, path in enumerate(paths, 1)]
    cli.check(paths[0].read_bytes() == paths[1].read_bytes(), "the same bytes with one thread and with two")
    lines = text.read_text().splitlines()
    answers = cli.answers("run", paths[0], "--text", stdin="".join(line.split("\t")[1] + "\n" for line in lines).encode()).decode()
    right = sum(line.split("\t")[0] == answer.split("\t")[0] for line, answer in zip(lines, answers.splitlines()))
    cli.check(right > 0.8 * len(lines), f"it has learned: {right} of {len(lines)}; {summaries[0]}")
    more = cli.path("more.safetensors")
    cli.answers("train", "--text", text, "--from", paths[0], "-o", more, "--epochs", 1, *QUIET)
    cli.check(chain(cli, more) == chain(cli, paths[0]) and more.read_bytes() != paths[0].read_bytes(), "it is trained further")
    cli.refused(USAGE, ["--from", "--layers"], "train", "--text", text, "--from", paths[0], "-o", more, "--layers", "lstm:3")


def check_validation(cli):
    """Scores of validation rows are those that sluice run gives."""
    x, _, _, values, _ = write_arrays(cli)
    path, head = cli.path("scored.safetensors"), cli.path("head.npy")
    summary = json.loads(cli.answers("train", "-i", x, "--values", values, "--validate", x, "--validate-values", values, "--layers",
                                     "lstm:5,reduce:mean,dense:4:softplus", "-o", path, "--epochs", 1, "--json", *QUIET))
    cli.answers("run", path, "-i", x, "--head", head)
    squares = [(a - b) ** 2 for a, b in zip(read_npy(head)[1], read_npy(values)[1])]
    loss = sum(squares) / len(squares)
    found = summary["validation"]["loss"]
    cli.check(abs(found - loss) < 1e-6, f"the loss of validation: {found}, and by the outputs of run {loss}")


def check_resumed(cli):
    """A run that stops goes on with the list and the bytes of one that did not; another list is refused."""
    text, checkpoint = write_lines(cli, "resumed.tsv", 60), cli.path("chain.checkpoint")
    words = ["train", "--text", text, "--layers", "lstm:6:both:sum,dense:5:tanh,lstm:4:proj=3", "--forget-bias", 1, "--embedding", 5, *QUIET]
    whole, broken = cli.path("whole.safetensors"), cli.path("broken.safetensors")
    cli.answers(*words, "-o", whole, "--epochs", 3)
    cli.answers(*words, "-o", broken, "--epochs", 1, "--checkpoint", checkpoint)
    cli.answers("train", "--resume", checkpoint, "--epochs", 3, *QUIET)
    cli.check(broken.read_bytes() == whole.read_bytes(), "the model is that of a run that never stopped")
    for layers in ("lstm:6", 2):
        cli.refused(USAGE, ["--layers was \"lstm:6:both:sum,dense", "leave out --layers"], "train", "--resume", checkpoint, "--layers",
                    layers)


def check_interrupted(cli):
    """States of different sizes that are carried from part to part of a batch are in the checkpoint of a run that is interrupted."""
    source = random.Random(SEED)
    rows, steps = 4, 2000
    x = cli.npy("long.npy", (rows, steps, 2), [source.uniform(-1, 1) for _ in range(rows * steps * 2)])
    labels = cli.npy("long_labels.npy", (rows, steps), [source.randrange(2) for _ in range(rows * steps)], "<i4")
    words = ["train", "-i", x, "--labels", labels, "--layers", "lstm:9:proj=4,dense:5:tanh,lstm:6", "--truncate", 4, "--epochs", 1, *QUIET]
    whole, broken, checkpoint = (cli.path(f"long.{name}") for name in ("whole", "broken", "checkpoint"))
    cli.answers(*words, "-o", whole)
    process = start(*words, "-o", broken, "--checkpoint", checkpoint, "--checkpoint-every", 20)
    wait_until(checkpoint.exists)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1].decode()
    cli.check(process.returncode == INTERRUPTED and "in epoch 1," in said, f"a signal within the batch: {process.returncode} {said!r}")
    tensors = read_safetensors(checkpoint)[1]
    cli.check([tensors[f"note.streams.{name}"][0] for name in ("h_l0", "c_l0", "h_l1", "c_l1")] ==
              [[rows, 4], [rows, 9], [rows, 6], [rows, 6]], f"states of each layer: {sorted(tensors)}")
    cli.answers("train", "--resume", checkpoint, *QUIET)
    cli.check(broken.read_bytes() == whole.read_bytes(), "it goes on to the bytes of a run that never stopped")


def check_refused(cli):
    """A list that is wrong: the layer, the character, what was expected and found; nothing is read or written."""
    out = cli.path("never.safetensors")
    cases = {
        "lstm": ["layer 1 'lstm', character 5", "number of units", "end of the layer"],
        "lstm:x": ["layer 1 'lstm:x', character 6", "found 'x'"],
        "lstm:0": ["layer 1 'lstm:0', character 6", "found '0'"],
        "lstm:99999999999": ["character 6", "found '99999999999'"],
        "lstm:4:bot": ["character 8", "reverse, both", "found 'bot'"],
        "lstm:4:sum": ["layer 1 'lstm:4:sum'", "add both"],
        "lstm:4:both:reverse": ["character 13", "once", "found 'reverse'"],
        "lstm:4:proj=5": ["character 8", "at most 4", "found 5"],
        "lstm:4:proj=": ["character 8", "found 'proj='"],
        "lstm:4,dens:3": ["layer 2 'dens:3', character 8", "lstm, dense, activation or reduce", "found 'dens'"],
        "lstm:4,,dense:3": ["layer 2 '', character 8"],
        "lstm:4,": ["layer 2 '', character 8"],
        "lstm:4,dense:3:rely": ["layer 2", "character 16", "leaky_relu", "found 'rely'"],
        "lstm:4,dense:3:affine": ["found 'affine'"],
        "lstm:4,dense:3:relu=1": ["character 20", "no parameter"],
        "lstm:4,dense:3:elu=x": ["character 20", "found 'x'"],
        "lstm:4,dense:3:relu:tanh": ["character 21", "end of the layer", "found 'tanh'"],
        "lstm:4,activation": ["character 18", "a function"],
        "lstm:4,reduce": ["character 14", "last, mean or max"],
        "lstm:4,reduce:sum": ["character 15", "found 'sum'"],
        "lstm:4:last,lstm:3": ["layer 2 'lstm:3'", "needs steps", "layer 1"],
        "lstm:4,reduce:max,reduce:max": ["layer 3", "needs steps", "layer 2"],
        "reduce:mean,lstm:3": ["layer 1", "LSTM layer before it"],
        "dense:4": ["an lstm layer", "none"],
        ",".join(["lstm:1"] * 127): ["at most 126 layers"],
    }
    for words, expected in cases.items():
        cli.refused(USAGE, ["--layers", *expected], "train", "--text", "absent.tsv", "-o", out, "--layers", words)
    text = write_lines(cli)
    base = ["train", "--text", text, "-o", out, *QUIET, "--layers"]
    for more, expected in ((["lstm:4", "--hidden", 4], ["--layers LIST", "--hidden"]), (["lstm:4", "--bidirectional"], ["--bidirectional"]),
                           (["lstm:4", "--no-bias"], ["--no-bias"]), ([2, "--no-bias", "--forget-bias", 1], ["--forget-bias", "--no-bias"]),
                           (["lstm:4,dense:3:softmax"], ["softmax", "leave the layer out"]),
                           (["lstm:4:last", "--every-step"], ["every step", "layer 1"]),
                           (["lstm:4", "--dropout", 0.5], ["--dropout", "one layer"])):
        cli.refused(USAGE, expected, *base, *more)
    x, _, _, values, _ = write_arrays(cli)
    cli.refused(DATA, ["expected 5 values", "found 2"], "train", "-i", x, "--values", values, "--no-head", "-o", out, "--layers",
                "lstm:4,dense:5", *QUIET)
    cli.check(not out.exists() and not cli.leftovers(), "nothing is written")


if __name__ == "__main__":
    run_parts()
