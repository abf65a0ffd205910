#!/usr/bin/env python3
"""sluice train: what it refuses, small tasks that it learns, options that reach the library, the same bytes at any thread count."""
import array
import csv
import json
import math
import random
import resource
import xml.etree.ElementTree

from support.cli import (DATA, FAILURE, IO, NO_INPUT, OK, QUIET, USAGE, Network, best_isa, flat, keeps_memory_small, limit,
                         parse_npy, read_safetensors, run_parts, sluice, spell_lines, write_npy)

NAMES = ["zwei", "eins", "drei"]
DISTINCT = {"zwei": "abcde", "eins": "defgh", "drei": "ghijk"}
SMALL = ["--hidden", "12", "--embedding", "8", "--batch", "16", "--rate", "0.02"]


def make_lines(seed, count):
    """Labelled lines that a small network learns to distinguish. The first shows the classes in an order that is not sorted."""
    source = random.Random(seed)
    labels = NAMES[:count] + source.choices(NAMES, k=max(count - len(NAMES), 0))
    return spell_lines(source, labels, range(4, 12), DISTINCT).encode()


def write_lines(cli, name, seed, count):
    return cli.write(name, make_lines(seed, count))


def read_real(text):
    """A number of a checkpoint: a whole hexadecimal number times a power of two."""
    digits, exponent = text.split("p")
    return math.ldexp(int(digits, 16), int(exponent))


def train(cli, *words):
    """The JSON summary of a training that must do well and say nothing else."""
    return json.loads(cli.answers("train", *words, *QUIET, "--json") or b"{}")


def check_version(cli):
    cli.check(cli.answers("train", "--version") == cli.answers("--version"), "--version is heard behind train")


def check_usage(cli):
    text, output = write_lines(cli, "usage.tsv", 1, 9), cli.path("usage.safetensors")
    base, npy = ["--text", text, "-o", output], ["-i", "x.npy", "-o", output]
    cases = [
        (["--text", text], ["--output", "missing"]),
        (["-o", output], ["--text", "--input"]),
        (base + ["-i", "x.npy"], ["--text", "--input"]),
        (base + ["more"], ["'more'", "--text"]),
        (base + ["--labels", "y.npy"], ["--text", "--labels"]),
        (base + ["--lengths", "n.npy"], ["--text", "--lengths"]),
        (base + ["--classes", "3"], ["--text", "--classes"]),
        (base + ["--vocabulary", "256"], ["--text", "--vocabulary"]),
        (base + ["--no-head"], ["--text", "--no-head"]),
        (npy, ["--labels", "--values"]),
        (npy + ["--labels", "y", "--values", "y"], ["--labels", "--values"]),
        (npy + ["--labels", "y", "--no-head"], ["--no-head"]),
        (npy + ["--labels", "y", "--validate", "v"], ["--validate-labels"]),
        (npy + ["--values", "y", "--validate", "v", "--validate-labels", "w"], ["--validate-values"]),
        (npy + ["--labels", "y", "--validate-labels", "v"], ["--validate"]),
        (npy + ["--values", "y", "--label-smoothing", "0.1"], ["--label-smoothing"]),
        (base + ["--validate", "v", "--validate-share", "0.1"], ["--validate", "--validate-share"]),
        (base + ["--validate-share", "1"], ["--validate-share", "less than 1", "'1'"]),
        (base + ["--patience", "3"], ["--patience", "--validate"]),
        (base + ["--momentum", "0.9"], ["--momentum", "sgd"]),
        (base + ["--warmup", "5", "--rate-schedule", "one-cycle"], ["--warmup", "one-cycle"]),
        (base + ["--warmup", "9", "--rate-schedule", "cosine", "--epochs", "9"], ["--warmup 9", "9 updates", "--epochs 9"]),
        (base + ["--epochs", str(2 ** 63), "--rate-schedule", "cosine"], ["--epochs", "1000000", str(2 ** 63)]),
        (base + ["--rate", "1e39"], ["--rate", "3e38", "'1e39'"]),
        (base + ["--label-smoothing", "0.99999999999"], ["--label-smoothing", "less than 1", "'0.99999999999'"]),
        (base + ["--prefix", "p" * 300], ["tensor name", "ppp"]),
        (base + ["--prefix", "a\nb."], ["tensor name", "control characters"]),
        (base + ["--rate-schedule", "linear"], ["constant, cosine, one-cycle"]),
        (base + ["--optimizer", "lion"], ["adam, adamw, sgd"]),
        (base + ["--init", "zeros"], ["torch, keras"]),
        (base + ["--rate", "0"], ["--rate", "above 0", "'0'"]),
        (base + ["--rate", "-1"], ["--rate", "'-1'"]),
        (base + ["--rate", "nan"], ["--rate", "'nan'"]),
        (base + ["--rate", "1e999"], ["--rate", "'1e999'"]),
        (base + ["--rate", "0.1x"], ["--rate", "'0.1x'"]),
        (base + ["--weight-decay", "-0.1"], ["--weight-decay"]),
        (base + ["--clip", "0"], ["--clip"]),
        (base + ["--dropout", "1"], ["--dropout", "less than 1"]),
        (base + ["--dropout", "0.5"], ["--dropout", "--layers 2"]),
        (base + ["--label-smoothing", "1.5"], ["--label-smoothing"]),
        (base + ["--seed", "-1"], ["--seed", "18446744073709551615"]),
        (base + ["--batch", "0"], ["--batch", "'0'"]),
        (base + ["--epochs", "x"], ["--epochs", "'x'"]),
        (base + ["--truncate", "4"], ["--truncate", "every step"]),
        (base + ["--truncate", "4", "--every-step", "--bidirectional"], ["--truncate", "one direction"]),
        (base + ["--checkpoint-every", "5"], ["--checkpoint-every", "--checkpoint"]),
        (base + ["--checkpoint", cli.path("c"), "--checkpoint-every", "5h"], ["--checkpoint-every", "5h"]),
        (base + ["--checkpoint", cli.path("c"), "--checkpoint-every", "m"], ["--checkpoint-every"]),
        (base + ["--checkpoint", cli.path("c"), "--checkpoint-every", "4294967296"], ["--checkpoint-every", "1 to 4294967295"]),
        (base + ["--curve", "curve.png"], ["--curve", ".svg or .csv"]),
        (base + ["--from", "m", "--hidden", "3"], ["--from", "--hidden"]),
        (base + ["--from", "m", "--init", "torch"], ["--from", "--init"]),
        (base + ["--from", "-"], ["--from", "standard input"]),
        (base + ["--checkpoint", output], ["same file"]),
        (base + ["--curve", cli.path("usage.tsv/../usage.csv"), "--checkpoint", text], ["same file", "--text"]),
        (["--text", text, "-o", "-"], ["--output", "standard output"]),
        (["--text", "-", "--validate", "-", "-o", output], ["--text", "--validate", "standard input"]),
        (base + ["--gemm", "mkl"], ["--gemm", "fused, blis"]),
    ]
    for words, expected in cases:
        cli.refused(USAGE, expected, "train", *words)
    cli.refused(IO, ["--output", "Not a directory"], "train", "--text", text, "-o", f"{text}/m.safetensors")
    cli.refused(IO, ["nowhere", "--output"], "train", "--text", text, "-o", cli.path("nowhere/m.safetensors"))
    cli.refused(IO, ["nowhere", "--curve"], "train", *base, "--curve", cli.path("nowhere/c.csv"))
    cli.refused(NO_INPUT, ["absent.tsv"], "train", "--text", cli.path("absent.tsv"), "-o", output)
    cli.refused(NO_INPUT, ["absent.npy"], "train", "-i", cli.path("absent.npy"), "--labels", "y.npy", "-o", output)
    cli.refused(NO_INPUT, ["absent.st"], "train", *base, "--resume", cli.path("absent.st"))
    cli.refused(NO_INPUT, ["absent.st"], "train", *base, "--from", cli.path("absent.st"))
    cli.refused(DATA, ["usage.tsv"], "train", *base[:2], "-o", output, "--from", cli.path("usage.tsv"))
    if "avx512" not in best_isa():
        cli.refused(FAILURE, ["avx512"], "train", *base, "--isa", "avx512")
    cli.check(not output.exists() and not cli.leftovers(), "nothing was written")


def check_text_refused(cli):
    output = cli.path("refused.safetensors")
    good = make_lines(2, 6)
    cases = [
        (good + b"no tab here\n", ["line 7", "LABEL<TAB>TEXT", "no tab"]),
        (good + b"\n" + good, ["line 7", "empty line"]),
        (good + b"eins\t\n", ["line 7", "text after the tab"]),
        (b"\tabc\n" + good, ["line 1", "cannot name a class"]),
        (good + b"a,b\tabc\n", ["line 7", "'a,b'", "commas"]),
        (good + b"a\xff\tabc\n", ["line 7", "UTF-8"]),
        (good + b"a\x01b\tabc\n", ["line 7", "cannot name"]),
        (good + b"a\x1bb\tabc", ["line 7", "control"]),
        (good + b"a\xc2\x85b\tabc", ["line 7", "control"]),
        (b"eins\tabc\neins\tabd\n", ["two classes", "found 1"]),
        (b"", ["refused.tsv"]),
    ]
    for content, words in cases:
        cli.refused(DATA, ["refused.tsv", *words], "train", "--text", cli.write("refused.tsv", content), "-o", output)
    path = write_lines(cli, "refused.tsv", 2, 20)
    held = cli.write("held.tsv", make_lines(3, 4) + b"vier\tabc\n")
    cli.refused(DATA, ["held.tsv", "line 5", "'vier'", "not known"], "train", "--text", path, "--validate", held, "-o", output)
    held.write_bytes(b"")
    cli.refused(DATA, ["held.tsv", "at least one line"], "train", "--text", path, "--validate", held, "-o", output)
    cli.refused(DATA, ["held.tsv", "at least one line"], "train", "--text", held, "-o", output)
    path.write_bytes(b"eins\tabc\n")
    cli.refused(DATA, ["refused.tsv", "two rows"], "train", "--text", path, "--validate-share", "0.5", "-o", output)
    cli.check(not output.exists() and not cli.leftovers(), "nothing was written")


def check_slips(cli, path, output):
    """A number far too large, as a slip makes it, is named where no memory is left for what it asks for."""
    if not keeps_memory_small():  # a sanitizer needs all addresses there are
        return
    few = limit(resource.RLIMIT_AS, 2 ** 32)
    many = cli.npy("many.npy", (4,), [0, 1, 0, 2 ** 31 - 2], "<i4")
    cli.refused(DATA, ["many.npy", "row 3", "largest label, 2147483646", "too large"], "train", "-i", path["x"],
                "--labels", many, "-o", output, preexec_fn=few)
    cli.refused(FAILURE, ["out of memory"], "train", "-i", path["x"], "--labels", path["labels"], "--hidden", 10 ** 6,
                "-o", output, preexec_fn=few)
    write_npy(many, (4, 3), [0, 1, 0, 2 ** 31 - 2] * 3, "<i4")
    cli.refused(DATA, ["many.npy", "row 1", "largest token, 2147483646", "too large"], "train", "-i", many, "--labels", path["labels"],
                "-o", output, preexec_fn=few)


def check_npy_refused(cli):
    output = cli.path("refused.safetensors")
    x = [0.25] * (4 * 3 * 2)
    path = {name: cli.npy(f"{name}.npy", *content) for name, content in (
        ("x", ((4, 3, 2), x)), ("tokens", ((4, 3), [1] * 12, "<i4")), ("lengths", ((4,), [3, 2, 3, 1], "<i8")),
        ("labels", ((4,), [0, 1, 0, 1], "<i4")), ("values", ((4, 3, 2), x)))}
    bad = cli.path("bad.npy")

    def refuse(words, shape, content, dtype, **arrays):
        write_npy(bad, shape, content, dtype)
        arrays = {"input": path["x"], "labels": path["labels"], **arrays}
        cli.refused(DATA, words, "train", *flat((f"--{name}", file) for name, file in arrays.items() if file), "-o", output, *SMALL[:2])

    refuse(["bad.npy", "--input", "[N][T][I]", "f4 [12]"], (12,), [0.0] * 12, "<f4", input=bad)
    refuse(["bad.npy", "--input", "i4 [4]"], (4,), [0] * 4, "<i4", input=bad)
    refuse(["bad.npy", "at least one input"], (4, 3, 0), [], "<f4", input=bad)
    refuse(["bad.npy", "at least one row"], (0, 3, 2), [], "<f4", input=bad, labels=cli.npy("no.npy", (0,), [], "<i4"), classes=2)
    refuse(["bad.npy", "row 1, step 2", "-3"], (4, 3), [1, 1, 1, 1, 1, -3] + [1] * 6, "<i8", input=bad)
    refuse(["bad.npy", "--lengths", "[4]"], (3,), [1, 2, 3], "<i8", lengths=bad)
    refuse(["bad.npy", "row 2", "0 to 3", "found 4"], (4,), [1, 2, 4, 3], "<i8", lengths=bad)
    refuse(["bad.npy", "--labels", "[4] or [4][3]"], (4, 2), [0] * 8, "<i4", labels=bad)
    refuse(["bad.npy", "--labels"], (5,), [0.0] * 5, "<f4", labels=bad)
    refuse(["bad.npy", "row 2", "0 to 1", "found 5"], (4,), [0, 1, 5, 1], "<i4", labels=bad, classes=2)
    refuse(["bad.npy", "row 3", "9999999999"], (4,), [0, 1, 0, 9999999999], "<i8", labels=bad)
    refuse(["bad.npy", "4 rows for training", "target"], (4,), [-1] * 4, "<i4", labels=bad, classes=2)
    refuse(["bad.npy", "4 rows for validation", "target"], (4,), [-1] * 4, "<i4", **{"validate": path["x"], "validate-labels": bad})
    refuse(["bad.npy", "two classes", "found 1"], (4,), [0, 0, -1, 0], "<i4", labels=bad)
    refuse(["bad.npy", "--values", "[width]"], (5,), [0.0] * 5, "<f4", values=bad, labels=None)
    for value, name in ((math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")):
        values = x[:15] + [value] + x[16:]
        refuse(["bad.npy", "row 2, step 1, input 1", f"found {name};"], (4, 3, 2), values, "<f4", input=bad)
        refuse(["bad.npy", "row 2, step 1, value 1", f"found {name};"], (4, 3, 2), values, "<f4", values=bad, labels=None)
        held = {"validate": bad, "validate-labels": path["labels"]}
        refuse(["bad.npy", "row 2, step 1, input 1", f"found {name};"], (4, 3, 2), values, "<f4", **held)
    check_slips(cli, path, output)
    # What stands past a row's end is not looked at.
    write_npy(bad, (4, 3, 2), x[:22] + [math.nan] + x[23:])
    cli.answers("train", "-i", bad, "--lengths", path["lengths"], "--labels", path["labels"], "-o", output, "--epochs", 1, *QUIET)
    output.unlink()
    model = Network(5, 3, 4, classes=2).write(cli.path("three.safetensors"))
    x, labels, values, no_head = ["-i", path["x"]], ["--labels", path["labels"]], ["--values", path["values"]], ["--no-head", *SMALL[:2]]
    for code, words, given in ((DATA, ["x.npy", "3 inputs", "found 2"], [*x, *labels, "--from", model]),
                               (DATA, ["tokens.npy", "no embedding"], ["-i", path["tokens"], *labels, "--from", model]),
                               (USAGE, ["--embedding", "x.npy"], [*x, *labels, "--embedding", 4]),
                               (USAGE, ["--classes", "--values"], [*x, *values, "--classes", 4]),
                               (DATA, ["values.npy", "D*H", "found 2"], [*x, *values, *no_head]),
                               (USAGE, ["without a head"], [*x, "--values", write_npy(bad, (4, 12), [0.5] * 48), *no_head])):
        cli.refused(code, words, "train", *given, "-o", output)
    cli.check(not output.exists() and not cli.leftovers(), "nothing was written")


def check_text_learned(cli):
    text, held, output = write_lines(cli, "learn.tsv", 4, 300), write_lines(cli, "held.tsv", 5, 60), cli.path("learn.safetensors")
    summary = train(cli, "--text", text, "--validate", held, "-o", output, "--epochs", 15, *SMALL)
    cli.check(summary["training"]["accuracy"] > 0.99 and summary["validation"]["accuracy"] > 0.95,
              f"a small task is learned: {summary}")
    cli.check([entry["class"] for entry in summary["classes"]] == NAMES and
              sum(entry["counted"] for entry in summary["classes"]) == 60 and
              sum(entry["right"] for entry in summary["classes"]) == summary["validation"]["right"],
              f"classes are numbered as they first appear, and counted: {summary['classes']}")
    answers = [line.split("\t") for line in held.read_text().splitlines()]
    found = cli.answers("run", output, "--text", stdin="".join(f"{words}\n" for _, words in answers).encode()).decode().splitlines()
    right = sum(line.split("\t")[0] == label for line, (label, _) in zip(found, answers))
    cli.check(len(found) == 60 and right == summary["validation"]["right"],
              f"sluice run with the model is right as often as was reported: {right}, {summary['validation']['right']}")
    facts = json.loads(cli.answers("info", output, "--json"))
    cli.check(facts["class_names"] == NAMES and facts["vocabulary"] == 256 and facts["inputs"] == 8 and facts["hidden"] == 12,
              f"info of what was learned: {facts}")
    piped = cli.path("piped.safetensors")
    result = sluice("train", "--text", "-", "--validate", held, "-o", piped, "--epochs", 15, *SMALL, *QUIET,
                    stdin=text.read_bytes())
    cli.check(result.returncode == 0 and piped.read_bytes() == output.read_bytes(), f"a pipe gives the same model: {result.stderr}")
    shown = result.stdout.decode()
    cli.check(all(word in shown for word in ("model ", "validation", "accuracy", "zwei", "eins", "drei")), f"the table: {shown}")


def make_arrays(cli, seed, rows, steps):
    """x [rows][steps][2], lengths, and whether the sum of input 0 so far is above 0, after each step."""
    source = random.Random(seed)
    x, labels, lengths, values = [], [], [], []
    for _ in range(rows):
        total = 0.0
        lengths.append(source.randrange(1, steps + 1))
        for _ in range(steps):
            pair = [source.uniform(-1, 1), source.uniform(-1, 1)]
            total += pair[0]
            x += pair
            labels.append(int(total > 0))
            values += [pair[0] * 0.5, -pair[1] * 0.5]
    cli.npy("x.npy", (rows, steps, 2), x)
    cli.npy("n.npy", (rows,), lengths, "<i4")
    cli.npy("each.npy", (rows, steps), labels, "|u1")
    cli.npy("last.npy", (rows,), [labels[n * steps + length - 1] for n, length in enumerate(lengths)], "<i8")
    cli.npy("values.npy", (rows, steps, 2), values)
    return x, lengths, labels, values


def check_npy_learned(cli):
    rows, steps = 200, 9
    x, lengths, labels, values = make_arrays(cli, 6, rows, steps)
    output = cli.path("npy.safetensors")
    inputs = ["-i", cli.path("x.npy"), "--lengths", cli.path("n.npy"), "-o", output, "--batch", 10, "--rate", 0.03, "--hidden", 10]
    held = ["--validate", cli.path("x.npy"), "--validate-lengths", cli.path("n.npy"), "--validate-labels"]
    summary = train(cli, *inputs, "--labels", cli.path("last.npy"), *held, cli.path("last.npy"), "--epochs", 15)
    cli.check(summary["validation"]["accuracy"] > 0.97 and summary["validation"]["counted"] == rows, f"a label a row: {summary}")
    logits = parse_npy(cli.answers("run", output, "-i", cli.path("x.npy"), "--lengths", cli.path("n.npy"), "--head", "-"))[1]
    right = sum((logits[2 * n + 1] > logits[2 * n]) == labels[n * steps + lengths[n] - 1] for n in range(rows))
    cli.check(right == summary["validation"]["right"], f"sluice run agrees: {right}, {summary['validation']['right']}")

    summary = train(cli, *inputs, "--labels", cli.path("each.npy"), *held, cli.path("each.npy"), "--epochs", 8)
    cli.check(summary["validation"]["accuracy"] > 0.95 and summary["validation"]["counted"] == sum(lengths),
              f"a label a step: {summary}")
    pieces = train(cli, *inputs, "--labels", cli.path("each.npy"), *held, cli.path("each.npy"), "--epochs", 8, "--truncate", 4)
    cli.check(pieces["validation"]["accuracy"] > 0.95 and pieces["steps"] > summary["steps"], f"in pieces: {pieces}")

    late = [label if n % steps >= 4 else -1 for n, label in enumerate(labels)]
    cli.npy("late.npy", (rows, steps), late, "<i4")
    summary = train(cli, *inputs, "--labels", cli.path("late.npy"), *held, cli.path("late.npy"), "--epochs", 12, "--truncate", 4)
    cli.check(summary["validation"]["accuracy"] > 0.9, f"later pieces have their own inputs, targets and states: {summary}")

    ignored = [label if n % 3 else -5 for n, label in enumerate(labels)]
    cli.npy("ignored.npy", (rows, steps), ignored, "<i4")
    summary = train(cli, *inputs, "--labels", cli.path("ignored.npy"), "--epochs", 1)
    counted = sum(ignored[n * steps + t] >= 0 for n in range(rows) for t in range(lengths[n]))
    cli.check(summary["training"]["counted"] == counted and "validation" not in summary, f"negative labels do not count: {summary}")
    spread = train(cli, *inputs, "--labels", cli.path("last.npy"), "--every-step", "--epochs", 1)
    cli.check(spread["training"]["counted"] == sum(lengths), f"--every-step has a row's label count at its steps: {spread}")

    squares = ["--validate", cli.path("x.npy"), "--validate-lengths", cli.path("n.npy"), "--validate-values",
               cli.path("values.npy")]
    summary = train(cli, *inputs, "--values", cli.path("values.npy"), *squares, "--epochs", 15)
    found = [entry["mean_squared_error"] for entry in summary["outputs"]]
    cli.check(summary["validation"]["loss"] < 0.01 and abs(sum(found) / 2 - summary["validation"]["loss"]) < 1e-6 and
              "accuracy" not in summary["training"], f"values a step: {summary}")
    summary = train(cli, *inputs[:-2], "--values", cli.path("values.npy"), *squares, "--hidden", 2, "--no-head", "--epochs", 15)
    y = parse_npy(cli.answers("run", output, "-i", cli.path("x.npy"), "--lengths", cli.path("n.npy"), "-o", "-"))[1]
    found = [(y[k] - array.array("f", [values[k]])[0]) ** 2 for n in range(rows)
             for k in range(n * steps * 2, n * steps * 2 + lengths[n] * 2)]
    cli.check(abs(sum(found) / len(found) - summary["validation"]["loss"]) < 1e-7 and summary["validation"]["loss"] < 0.04,
              f"without a head h learns the values, and run agrees: {summary['validation']}, {sum(found) / len(found)}")
    cli.check("fc.weight" not in read_safetensors(output)[1], "and no head is written")


def check_tokens(cli):
    source = random.Random(7)
    tokens = [source.randrange(5) for _ in range(120 * 6)]
    cli.npy("t.npy", (120, 6), tokens, "|u1")
    cli.npy("seen.npy", (120,), [int(3 in tokens[n * 6:n * 6 + 6]) for n in range(120)], "<i4")
    output = cli.path("tokens.safetensors")
    summary = train(cli, "-i", cli.path("t.npy"), "--labels", cli.path("seen.npy"), "-o", output, "--epochs", 15, *SMALL,
                    "--bidirectional", "--vocabulary", 9, "--classes", 4)
    facts = json.loads(cli.answers("info", output, "--json"))
    cli.check(summary["training"]["accuracy"] > 0.97 and (facts["vocabulary"], facts["classes"], facts["directions"]) == (9, 4, 2),
              f"tokens: {summary} {facts}")
    train(cli, "-i", cli.path("t.npy"), "--labels", cli.path("seen.npy"), "-o", output, "--epochs", 1, *SMALL)
    facts = json.loads(cli.answers("info", output, "--json"))
    cli.check((facts["vocabulary"], facts["classes"]) == (5, 2), f"sizes that nobody gives are the data's: {facts}")


def check_options(cli):
    """Every option has its say: on the model's shape, in the checkpoint's options, on the bytes."""
    text, output, checkpoint = write_lines(cli, "options.tsv", 8, 90), cli.path("o.safetensors"), cli.path("o.checkpoint")
    base = ["--text", text, "-o", output, "--checkpoint", checkpoint, "--layers", 2, "--epochs", 2, "--hidden", 8, "--embedding", 5]

    def learn(*words):
        train(cli, *base, *words)
        return output.read_bytes(), read_safetensors(checkpoint)[0]

    plain, stated = learn()
    cli.check(learn()[0] == plain, "the same command writes the same bytes")
    cli.check(stated["optimizer"] == "adam" and read_real(stated["rate"]) == 1e-3 and stated["step"] == "4" and stated["dropout"] ==
              "0x0p0" and stated["schedule"] == "constant", f"defaults: {stated}")
    numbers = [("rate", "rate", 0.004), ("weight-decay", "weight_decay", 0.25), ("clip", "clip", 0.03125),
               ("dropout", "dropout", 0.25),
               ("label-smoothing", "label_smoothing", 0.125)]
    for option, key, value in numbers:
        found, facts = learn(f"--{option}", value)
        cli.check(found != plain and read_real(facts[key]) == value, f"--{option} is heard: {facts}")
    words = [(["--optimizer", "adamw", "--weight-decay", 0.1], {"optimizer": "adamw"}),
             (["--optimizer", "sgd"], {"optimizer": "sgd"}),
             (["--optimizer", "sgd", "--momentum", 0.5], {"momentum": "0x1p-1"}),
             (["--rate-schedule", "cosine"], {"schedule": "cosine", "total_steps": "4"}),
             (["--rate-schedule", "cosine", "--warmup", 2], {"schedule": "cosine", "warmup_steps": "2"}),
             (["--rate-schedule", "one-cycle"], {"schedule": "one-cycle", "total_steps": "4"}),
             (["--warmup", 3], {"warmup_steps": "3"}), (["--seed", 5], {"seed": "5"}), (["--every-step"], {"every_step": "1"}),
             (["--every-step", "--truncate", 3], {"every_step": "1"}), (["--batch", 20], {"step": "10"}),
             (["--epochs", 3], {"step": "6"}),
             (["--init", "keras"], {}), (["--init", "keras", "--seed", 18446744073709551615], {"seed": str(2 ** 64 - 1)})]
    seen = {plain}
    for option, expected in words:
        found, facts = learn(*option)
        cli.check(found not in seen and all(facts[key] == value for key, value in expected.items()),
                  f"{option} is heard, expected {expected}: {facts}")
        seen.add(found)
    still = ["--rate", 1e-8]  # weights nearly as they are made
    beginnings = {learn(*still, *more)[0] for more in ([], ["--seed", 1], ["--init", "keras"], ["--init", "keras", "--seed", 1])}
    cli.check(len(beginnings) == 4, "weights begin by --init and by --seed")
    facts = learn("--every-step", "--truncate", 3, "--rate-schedule", "cosine")[1]
    cli.check(facts["total_steps"] == facts["step"] != "4", f"a schedule knows the steps of pieces: {facts}")
    found, facts = learn("--recompute", 2)
    cli.check(found == plain and facts["recompute"] == "2", f"--recompute changes no bit: {facts}")
    for option, expected in ((["--bidirectional"], {"directions": 2}), (["--no-bias"], {"has_bias": False}),
                             (["--hidden", 9], {"hidden": 9}), (["--layers", 3], {"layers": 3}),
                             (["--embedding", 7], {"inputs": 7})):
        train(cli, *base, *option)
        facts = json.loads(cli.answers("info", output, "--json"))
        cli.check(all(facts[key] == value for key, value in expected.items()), f"{option} is heard: {facts}")
    share = train(cli, *base, "--validate-share", 0.2)
    cli.check(share["validation"]["counted"] == 18 and share["training"]["counted"] == 72,
              f"a fifth of 90 rows is held out: {share}")
    cli.check(train(cli, *base, "--validate-share", 0.2, "--seed", 9)["validation"] != share["validation"],
              "others by another seed")


def check_same_bytes(cli):
    text, output = write_lines(cli, "same.tsv", 9, 200), cli.path("same.safetensors")
    for words in (["--bidirectional", "--layers", 2, "--dropout", 0.3], ["--every-step", "--truncate", 5, "--init", "keras"]):
        base = ["--text", text, "-o", output, "--epochs", 2, "--hidden", 20, "--embedding", 6, "--batch", 48, *words]
        train(cli, *base)
        expected = output.read_bytes()
        output.unlink()
        cli.answers("train", *base, *QUIET, settings={"BLIS_ARCH_TYPE": "3", "SLUICE_NUM_THREADS": "3"})
        cli.check(output.read_bytes() == expected, "whatever BLIS's kernels are")
        for settings in [["--threads", n] for n in (1, 2, 3, 5, 8)] + [["--isa", isa] for isa in best_isa()] + [["--recompute", 3]]:
            output.unlink()
            train(cli, *base, *settings)
            cli.check(output.read_bytes() == expected, f"{words}, {settings}: the same bytes")


def check_blis(cli):
    """BLIS rounds otherwise, so that a short training comes near, and is the same by option and by variable."""
    text, output = write_lines(cli, "blis.tsv", 9, 300), cli.path("blis.safetensors")
    base = ["--text", text, "-o", output, "--epochs", 2, "--hidden", 40, "--embedding", 20, "--batch", 64, "--threads", 1]
    fused = train(cli, *base)
    expected = output.read_bytes()
    blis = train(cli, *base, "--gemm", "blis", "--recompute", 3)
    loss, near = blis["training"]["loss"], fused["training"]["loss"]
    cli.check(abs(loss - near) < 1e-3 * near, f"trained by BLIS: {loss}, fused {near}")
    train(cli, *base, "--gemm", "blis")
    by_option = output.read_bytes()
    cli.check(len(by_option) == len(expected) and by_option != expected, "BLIS's bits are others")
    cli.answers("train", *base, *QUIET, settings={"SLUICE_GEMM": "blis"})
    cli.check(output.read_bytes() == by_option, "SLUICE_GEMM=blis is heard")
    cli.answers("train", *base, "--gemm", "fused", *QUIET, settings={"SLUICE_GEMM": "blis"})
    cli.check(output.read_bytes() == expected, "--gemm takes precedence over SLUICE_GEMM")


def check_from(cli):
    text, first, second = write_lines(cli, "from.tsv", 10, 200), cli.path("first.safetensors"), cli.path("second.safetensors")
    begun = train(cli, "--text", text, "-o", first, "--epochs", 3, *SMALL)
    # Lines of some of the classes, in another order: numbers and names stay the model's.
    some = cli.path("some.tsv")
    some.write_bytes(b"".join(sorted(line for line in text.read_bytes().splitlines(True) if not line.startswith(b"zwei"))))
    went_on = train(cli, "--text", some, "--from", first, "-o", second, "--epochs", 2, "--rate", 0.01)
    cli.check(went_on["training"]["loss"] < begun["training"]["loss"], f"training goes on: {begun}, {went_on}")
    cli.check(json.loads(cli.answers("info", second, "--json"))["class_names"] == NAMES, "class names stay")
    bytes_of = {}
    for seed in (0, 1):
        train(cli, "--text", text, "--from", first, "-o", second, "--epochs", 1, "--seed", seed)
        bytes_of[seed] = second.read_bytes()
    cli.check(bytes_of[0] != bytes_of[1], "where weights are given, --seed still orders the rows")
    some.write_bytes(b"vier\tabc\n")
    cli.refused(DATA, ["some.tsv", "line 1", "'vier'"], "train", "--text", some, "--from", first, "-o", second)
    network = Network(11, 4, 5, vocabulary=256, classes=3)
    network.tensors = {name.replace("lstm.", "rnn."): tensor for name, tensor in network.tensors.items()}
    network.add("other.weight_ih_l0", 20, 4)
    unnamed = network.write(cli.path("unnamed.safetensors"))
    some.write_bytes(b"0\tabc\n2\tdef\n")
    result = sluice("train", "--text", some, "--from", unnamed, "-o", second, "--prefix", "rnn.", "--epochs", 1, "--progress", "never")
    cli.check(result.returncode == OK and b'"other."' in result.stderr, f"what is not trained on is noted: {result.stderr!r}")
    cli.check("rnn.weight_ih_l0" in read_safetensors(second)[1], "--prefix names the tensors that are read and written")
    some.write_bytes(b"0\tabc\n3\tdef\n")
    cli.refused(DATA, ["some.tsv", "line 2", "'3'", "one of the 3"], "train", "--text", some, "--from", unnamed, "-o", second,
                "--prefix", "rnn.")
    headless = Network(12, 4, 5, vocabulary=256).write(cli.path("headless.safetensors"))
    cli.refused(DATA, ["headless.safetensors", "head"], "train", "--text", text, "--from", headless, "-o", second)
    narrow = Network(13, 4, 5, vocabulary=100, classes=3, names=NAMES).write(cli.path("narrow.safetensors"))
    cli.refused(DATA, ["from.tsv", "line 1", "0 to 99"], "train", "--text", text, "--from", narrow, "-o", second)


def check_divergence(cli):
    text, output = write_lines(cli, "diverging.tsv", 14, 60), cli.path("diverging.safetensors")
    cli.refused(FAILURE, ["diverging.tsv: line ", "epoch 1, step", "diverged", "--rate"], "train", "--text", text, "-o", output,
                "--optimizer", "sgd", "--rate", "1e38", "--batch", 4, *QUIET, noted="--rate 1e+38 is high")
    cli.check(not output.exists(), "and no model is written")
    # The only update of the epoch overflows, and nobody looks at the model before it is saved.
    inputs = cli.npy("diverging-x.npy", (2, 1, 1), [1, 2]), cli.npy("diverging-v.npy", (2, 1), [1, 1e25])
    for words in (["--optimizer", "sgd", "--rate", "1e20"], []):
        cli.refused(FAILURE, ["diverging-x.npy: ", "epoch 1, step 1", "diverged"], "train", "-i", inputs[0], "--values", inputs[1],
                    "--hidden", 4, "-o", output, "--checkpoint", cli.path("diverging.st"), *words, *QUIET,
                    noted="--rate 1e+20 is high" if words else "")
        cli.check(not output.exists() and not cli.path("diverging.st").exists(), "and neither model nor checkpoint is written")


def check_patience(cli):
    text, output, curve = write_lines(cli, "noise.tsv", 15, 60), cli.path("noise.safetensors"), cli.path("noise.csv")
    held = cli.path("noise-held.tsv")
    held.write_bytes(b"".join(f"{name}\t{letters}\n".encode() for name, letters in (("zwei", "ghijk"), ("eins", "abc"),
                                                                                              ("drei", "abc"))))
    summary = train(cli, "--text", text, "--validate", held, "-o", output, "--epochs", 60, "--patience", 3, "--curve", curve,
                    *SMALL)
    cli.check(summary["epochs"] == summary["best_epoch"] + 3 < 60, f"--patience stops three epochs after the best: {summary}")
    cli.check(sum(entry["right"] for entry in summary["classes"]) == summary["validation"]["right"] < 3 and
              all(entry["counted"] == 1 for entry in summary["classes"]), f"what is wrong is not right: {summary}")
    rows = list(csv.DictReader(curve.read_text().splitlines()))
    best = max(rows, key=lambda row: (float(row["validation_accuracy"]), -float(row["validation_loss"]), -int(row["epoch"])))
    cli.check(int(best["epoch"]) == summary["best_epoch"] and math.isclose(float(best["validation_loss"]),
                                                                           summary["validation"]["loss"], rel_tol=1e-8),
              f"the best epoch has most right, and of those the least loss: {best}, {summary}")
    short = cli.path("short.safetensors")
    train(cli, "--text", text, "--validate", held, "-o", short, "--epochs", summary["best_epoch"], *SMALL)
    cli.check(short.read_bytes() == output.read_bytes(), "what is written is the best epoch's model")


def check_curves(cli):
    text, output = write_lines(cli, "curve.tsv", 16, 90), cli.path("curve.safetensors")
    table, picture = cli.path("curve.csv"), cli.path("curve.svg")
    space = "{http://www.w3.org/2000/svg}"
    for words, epochs, validation in (([], 3, False), (["--validate-share", 0.2], 4, True), (["--validate-share", 0.2], 1, True)):
        summary = train(cli, "--text", text, "-o", output, "--epochs", epochs, "--curve", table, "--curve", picture, *SMALL, *words)
        rows = list(csv.DictReader(table.read_text().splitlines()))
        cli.check([row["epoch"] for row in rows] == [str(k + 1) for k in range(epochs)] and
                  int(rows[-1]["step"]) == summary["steps"] and all(float(row["rate"]) == 0.02 for row in rows) and
                  all(float(row["training_loss"]) > 0 and 0 <= float(row["training_accuracy"]) <= 1 for row in rows) and
                  all((row["validation_loss"] != "") == validation for row in rows) and
                  {line.count(",") for line in table.read_text().splitlines()} == {6}, f"the table: {rows}")
        root = xml.etree.ElementTree.parse(picture).getroot()
        texts = [element.text for element in root.iter(f"{space}text")]
        wanted = ["Loss", "Accuracy", "epoch", "training"] + (["validation"] if validation else [])
        cli.check(root.tag == f"{space}svg" and all(word in texts for word in wanted) and ("validation" in texts) == validation,
                  f"the picture: {texts}")
        curves = [element for element in root.iter(f"{space}path") if "curve" in element.get("class", "")]
        points = [len(element.get("d").split("L")) for element in curves]
        cli.check(points.count(epochs) >= (2 + 2 * validation if epochs > 2 else 0), f"a point an epoch: {points}")
    rows, steps = 20, 4
    make_arrays(cli, 17, rows, steps)
    train(cli, "-i", cli.path("x.npy"), "--values", cli.path("values.npy"), "-o", output, "--epochs", 2, "--curve", table,
          "--curve", picture, *SMALL[:2])
    found = list(csv.DictReader(table.read_text().splitlines()))
    texts = [element.text for element in xml.etree.ElementTree.parse(picture).getroot().iter(f"{space}text")]
    cli.check(all(row["training_accuracy"] == "" for row in found) and "Accuracy" not in texts, f"values have no accuracy: {found}")


def check_stats(cli):
    text, output = write_lines(cli, "stats.tsv", 18, 90), cli.path("stats.safetensors")
    letters = sum(len(line.split(b"\t")[1]) for line in text.read_bytes().splitlines())
    words = ["--text", text, "-o", output, "--epochs", 2, "--hidden", 24, "--stats", "--threads", 2, *QUIET]
    result = sluice("train", *words, "--json")
    facts = json.loads(result.stderr)
    json.loads(result.stdout)
    cli.check(facts["rows"] == 180 and facts["steps"] == 2 * letters and facts["threads"] == 2 and facts["seconds"] > 0 and
              facts["evaluate_seconds"] == 0 and 0 < facts["fraction_of_peak"] < 1, f"--stats --json: {facts}")
    operations = facts["steps"] * 3 * 2 * 4 * 24 * 24  # the embedding's product is a table
    cli.check(math.isclose(facts["gflops"], 1e-9 * operations / facts["run_seconds"], rel_tol=1e-3), f"GFLOP/s: {facts}")
    said = sluice("train", *words).stderr.decode()
    cli.check(all(word in said for word in ("rows", "training", "GFLOP/s", "share of peak")), f"--stats: {said}")


def check_progress(cli):
    text, output = write_lines(cli, "bar.tsv", 19, 90), cli.path("bar.safetensors")
    words = ["--text", text, "-o", output, "--epochs", 2, "--validate-share", 0.1, *SMALL]
    said = sluice("train", *words).stderr.decode().splitlines()
    cli.check(len(said) == 2 and said[0].startswith("epoch 1 of 2: loss ") and "rows/s" in said[1] and "\r" not in said[0] and
              all("accuracy" in line and "; validation loss" in line for line in said), f"a line an epoch: {said}")
    said = sluice("train", *words, "--progress", "always").stderr.decode()
    drawn = [part for line in said.split("\n") for part in line.split("\r")]
    cli.check(any("ETA" in part and "loss" in part and "rate" in part and "epoch 1/2" in part for part in drawn) and
              max(map(len, drawn)) < 160, f"a bar with loss, rate and ETA: {drawn}")
    cli.check(all(len(part) <= 79 for part in drawn if "ETA" in part), "on one line")
    cli.check(not sluice("train", *words, *QUIET).stderr, "--progress never is silent")


if __name__ == "__main__":
    run_parts()
