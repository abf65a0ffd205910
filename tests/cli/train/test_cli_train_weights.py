#!/usr/bin/env python3
"""sluice train --class-weights: by rarity or from a file, for labels of lines, rows and steps; reported, kept by checkpoints."""
import json
import math
import random
import signal

from support.cli import (DATA, NO_INPUT, OK, QUIET, USAGE, Network, read_safetensors, run_parts, sluice, spell_lines, start,
                         wait_for_line)

SEED = 81
COUNTS = {"uno": 60, "due": 20, "tre": 10}  # in the order in which they first appear


def write_lines(cli, name, counts=None, seed=SEED):
    """Lines of rare and frequent classes, one of each first."""
    source = random.Random(seed)
    names = [name for name, count in (counts or COUNTS).items() for _ in range(count)]
    first = list(dict.fromkeys(names))
    for label in first:
        names.remove(label)
    source.shuffle(names)
    return cli.write(name, spell_lines(source, first + names, range(1, 9)))


def learn(cli, *words):
    """The summary of a run that says nothing else."""
    return json.loads(cli.answers("train", *words, "--json", *QUIET))


def weights_of(cli, checkpoint):
    """The class weights in a checkpoint, None if it has none."""
    tensors = read_safetensors(checkpoint)[1]
    return memoryview(tensors["class_weights"][1]).cast("f").tolist() if "class_weights" in tensors else None


def is_close(got, wanted):
    """Floats of the same numbers."""
    return got is not None and len(got) == len(wanted) and all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(got, wanted))


def check_balanced(cli):
    """N / (C n), of the targets that are learned."""
    print(f"seed {SEED}")
    text, output, checkpoint = write_lines(cli, "lines.tsv"), cli.path("o.safetensors"), cli.path("o.checkpoint")
    base = ["--text", text, "-o", output, "--hidden", 6, "--epochs", 1, "--checkpoint", checkpoint]
    wanted = [90 / (3 * count) for count in COUNTS.values()]
    summary = learn(cli, *base, "--class-weights", "balanced")
    cli.check(is_close(summary["class_weights"], wanted) and is_close(weights_of(cli, checkpoint), wanted), f"{summary}")
    weighted = output.read_bytes()
    plain = learn(cli, *base)
    cli.check("class_weights" not in plain and weights_of(cli, checkpoint) is None and output.read_bytes() != weighted,
              "they are heard, and there are none without")
    # With a label for each step, a long line counts as often as it has steps.
    steps = dict.fromkeys(COUNTS, 0)
    for line in text.read_text().splitlines():
        label, word = line.split("\t")
        steps[label] += len(word)
    wanted = [sum(steps.values()) / (3 * count) for count in steps.values()]
    cli.check(is_close(learn(cli, *base, "--class-weights", "balanced", "--every-step")["class_weights"], wanted), "for every step")
    held = learn(cli, *base, "--class-weights", "balanced", "--validate-share", 0.3)
    cli.check(len(set(held["class_weights"])) == 3 and not is_close(held["class_weights"], wanted), "without the rows held out")


def check_arrays(cli):
    """Labels of rows and steps; ignored ones and steps past a row's end do not count."""
    source = random.Random(SEED)
    x = cli.npy("x.npy", (12, 4, 2), [source.uniform(-1, 1) for _ in range(96)])
    lengths = [source.randrange(1, 5) for _ in range(12)]
    rows = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, -1, -100]
    steps = [source.choice([0, 0, 0, 1, 2, -100]) for _ in range(48)]
    files = {"n": cli.npy("n.npy", (12,), lengths, "<i8"), "l": cli.npy("l.npy", (12,), rows, "<i4"),
             "s": cli.npy("s.npy", (12, 4), steps, "<i4")}
    base = ["-i", x, "--lengths", files["n"], "-o", cli.path("a.safetensors"), "--hidden", 4, "--epochs", 2, "--class-weights"]
    found = learn(cli, *base, "balanced", "--labels", files["l"])["class_weights"]
    cli.check(is_close(found, [10 / 18, 10 / 9, 10 / 3]), f"rows: {found}")
    found = learn(cli, *base, "balanced", "--labels", files["s"])["class_weights"]
    real = [label for k, label in enumerate(steps) if label >= 0 and k % 4 < lengths[k // 4]]
    cli.check(is_close(found, [len(real) / (3 * real.count(k)) for k in range(3)]), f"steps: {found}")
    result = sluice("train", *base, "balanced", "--labels", files["l"], "--classes", 5, "--json", *QUIET)
    cli.check(result.returncode == OK and is_close(json.loads(result.stdout)["class_weights"], [10 / 18, 10 / 9, 10 / 3, 0, 0])
              and b"2 of 5 classes, the first of them class 3," in result.stderr and result.stderr.count(b"\n") == 1, f"absent: {result.stderr}")
    given = cli.write("numbers.tsv", "2\t0.5\n0\t.25\n1\t3e0\n")
    found = learn(cli, *base, given, "--labels", files["l"])["class_weights"]
    cli.check(found == [0.25, 3, 0.5], f"by numbers: {found}")
    for content, expected in (("0\t1\n1\t1\n3\t1\n", "line 3: class '3'"), ("0\t1\n1\t1\n-1\t1\n", "line 3: class '-1'"),
                              ("0\t1\n1\t1\n2x\t1\n", "by its number"), ("0\t1\n1\t1\n", "class 2"),
                              ("0\t0\n1\t0\n2\t0\n", "above 0, found 0 for every class")):
        given.write_text(content)
        cli.refused(DATA, ["numbers.tsv", expected], "train", *base, given, "--labels", files["l"])
    values = cli.npy("v.npy", (12, 3), [source.uniform(-1, 1) for _ in range(36)])
    cli.refused(USAGE, ["--class-weights", "--values"], "train", *base, "balanced", "--values", values)


def check_file(cli):
    """A file of weights: every class once."""
    text, output, given = write_lines(cli, "words.tsv"), cli.path("f.safetensors"), cli.path("weights.tsv")
    base = ["--text", text, "-o", output, "--hidden", 6, "--epochs", 1]
    given.write_text("tre\t3\nuno\t0.25\ndue\t1")
    cli.check(learn(cli, *base, "--class-weights", given)["class_weights"] == [0.25, 1, 3], "by names, in any order")
    expected = output.read_bytes()
    said = cli.answers("train", *base, "--class-weights", "-", "--json", *QUIET, stdin=given.read_bytes())
    cli.check(json.loads(said)["class_weights"] == [0.25, 1, 3] and output.read_bytes() == expected, "from standard input")
    given.write_bytes(b"tre\t3\r\nuno\t0.25\r\ndue\t1\r\n")
    cli.check(learn(cli, *base, "--class-weights", given)["class_weights"] == [0.25, 1, 3], "CR LF, of which no model knows")
    array = cli.npy("weights.npy", (3,), [1, 2, 3])
    cli.refused(DATA, ["weights.npy", "a NumPy array; write lines CLASS<TAB>WEIGHT"], "train", *base, "--class-weights", array)
    given.write_text("uno\t1\ndue\t1\ntre\t1\n")
    learn(cli, *base, "--class-weights", given)
    even = output.read_bytes()
    learn(cli, *base)
    cli.check(output.read_bytes() == even, "weights of 1 are none, to the bit")
    for content, words in (("uno\t1\ndue\n", ["line 2", "no tab"]), ("uno\t1\nsei\t1\n", ["line 2", "'sei'", "3 classes", "name"]),
                           ("uno\t1\ndue\t1\nuno\t2\n", ["line 3", "'uno'", "already has a weight in line 1"]), ("uno\t-1\n", ["line 1", "'-1'"]),
                           ("uno\tnan\n", ["line 1", "'nan'"]), ("uno\tinf\n", ["'inf'"]), ("uno\t1e39\n", ["'1e39'"]),
                           ("uno\t1 \n", ["'1 '"]), ("uno\t\n", ["''"]), ("uno\t1\ndue\t2\n", ["3 classes", "'tre'"]), ("", ["'uno'"]),
                           ("uno\t0\ndue\t0\ntre\t0\n", ["above 0"]), ("\n", ["line 1", "no tab"]), ("\tuno\n", ["line 1"])):
        given.write_text(content)
        cli.refused(DATA, ["weights.tsv", *words], "train", *base, "--class-weights", given)
    cli.refused(NO_INPUT, ["absent.tsv"], "train", *base, "--class-weights", cli.path("absent.tsv"))
    cli.refused(NO_INPUT, ["a directory"], "train", *base, "--class-weights", cli.directory)
    cli.refused(USAGE, ["--text", "--class-weights", "standard input"], "train", "--text", "-", *base[2:], "--class-weights", "-")
    cli.refused(USAGE, ["same file"], "train", *base[:3], given, "--class-weights", given)
    # Of a model that training goes on from, all classes have a weight, and those of the rows one above 0.
    network = Network(SEED, 4, 5, vocabulary=256, classes=4, names=["sei", "uno", "due", "tre"]).write(cli.path("from.safetensors"))
    base = ["--text", text, "-o", output, "--from", network, "--epochs", 1]
    given.write_text("sei\t1\nuno\t0\ndue\t0\ntre\t0\n")
    cli.refused(DATA, ["weights.tsv", "training targets", "0 for all"], "train", *base, "--class-weights", given)
    given.write_text("sei\t5\nuno\t1\ndue\t0\ntre\t2\n")
    cli.check(learn(cli, *base, "--class-weights", given)["class_weights"] == [5, 1, 0, 2], "in the order of the model")


def check_report(cli):
    """The weights stand before the first epoch; of many classes the range; a ratio that is hardly meant is noted."""
    text, output, given = write_lines(cli, "report.tsv"), cli.path("r.safetensors"), cli.path("ratio.tsv")
    base = ["train", "--text", text, "-o", output, "--hidden", 4, "--epochs", 1]
    said = sluice(*base, "--class-weights", "balanced").stderr.decode()
    cli.check(said.startswith("class weights: 'uno' 0.5, 'due' 1.5, 'tre' 3\nepoch 1 "), f"{said!r}")
    given.write_text("uno\t0.001\ndue\t0\ntre\t1.5\n")
    said = sluice(*base, "--class-weights", given).stderr.decode()
    cli.check(said.startswith("sluice: note: --class-weights: the largest is 1500 times the smallest"), f"{said!r}")
    many = cli.write("many.tsv", "".join(f"c{k}\tabc\n" * (1 + k) for k in reversed(range(20))))
    said = sluice("train", "--text", many, *base[3:], "--class-weights", "balanced").stderr.decode()
    cli.check(said.startswith("class weights: of 20 classes, from 'c19' 0.525 to 'c0' 10.5\n"), f"{said!r}")


def check_effect(cli):
    """The rare class is found where it counts; validation's loss has the weights, its accuracy does not."""
    source = random.Random(SEED)
    text, held, output = cli.path("skew.tsv"), cli.path("skew-held.tsv"), cli.path("s.safetensors")

    def write(path, counts):
        labels = [label for label, count in counts.items() for _ in range(count)]
        source.shuffle(labels)
        path.write_text("".join(f"{label}\t{''.join(source.choices('abc' if label == 'often' else 'bcd', k=3))}\n" for label in labels))

    write(text, {"often": 570, "rare": 30})
    write(held, {"often": 60, "rare": 60})
    base = ["--text", text, "--validate", held, "-o", output, "--hidden", 8, "--epochs", 4, "--rate", 0.01]
    plain, weighted = learn(cli, *base), learn(cli, *base, "--class-weights", "balanced")

    def recall(summary):
        return {entry["class"]: entry["accuracy"] for entry in summary["classes"]}["rare"]

    cli.check(recall(weighted) > recall(plain) + 0.2, f"more of the rare class is found: {weighted} {plain}")
    cli.check(weighted["validation"]["counted"] == 120
              and weighted["validation"]["right"] == sum(entry["right"] for entry in weighted["classes"]), "accuracy is of targets")
    # The loss of validation by hand: one class of weight 0 leaves that of the other.
    given = cli.write("zero.tsv", "often\t2\nrare\t0\n")
    still = [*base[:2], "-o", output, "--hidden", 8, "--epochs", 1, "--rate", 1e-8, "--class-weights", given]
    often = cli.write("often.tsv", "".join(line for line in held.read_text().splitlines(True) if line.startswith("often")))
    both, one = learn(cli, *still, "--validate", held), learn(cli, *still, "--validate", often)
    cli.check(math.isclose(both["validation"]["loss"], one["validation"]["loss"], rel_tol=1e-6)
              and both["validation"]["counted"] == 120, f"a class of weight 0 is not in the loss: {both} {one}")


def check_resume(cli):
    """A run that goes on has the weights that it began with, at any number of threads, and reports it if it is given others."""
    text, given = write_lines(cli, "go.tsv"), cli.path("go-weights.tsv")
    given.write_text("uno\t0.3\ndue\t1.1\ntre\t2.7\n")
    for name, words in (("file", ["--class-weights", given]), ("balanced", ["--class-weights", "balanced", "--validate-share", 0.2]),
                        ("steps", ["--class-weights", "balanced", "--every-step", "--truncate", 3])):
        whole, broken, checkpoint = (cli.path(f"{name}.{end}") for end in ("whole", "broken", "checkpoint"))
        base = ["--text", text, "--hidden", 8, "--batch", 8, "--epochs", 3, "--label-smoothing", 0.1, *words]
        expected = learn(cli, *base, "-o", whole, "--threads", 2)
        process = start("train", *base, "-o", broken, "--checkpoint", checkpoint, "--checkpoint-every", 4, "--threads", 1)
        wait_for_line(process, b"epoch ")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        found = learn(cli, "--resume", checkpoint)
        cli.check(broken.read_bytes() == whole.read_bytes() and {**found, "model": ""} == {**expected, "model": ""},
                  f"{name}: {found} {expected}")
        kept = checkpoint.read_bytes()
        learn(cli, "--resume", checkpoint, *words[:2])
        cli.check(checkpoint.read_bytes() == kept, f"{name}: the same may be given")
    given.write_text("uno\t0.3\ndue\t1.2\ntre\t2.7\n")
    cli.refused(USAGE, ["file.checkpoint", "class 'due' was 1.1", "is 1.2", "leave out --class-weights"], "train", "--resume",
                cli.path("file.checkpoint"), "--class-weights", given)
    given.unlink()
    learn(cli, "--resume", cli.path("file.checkpoint"))
    cli.refused(USAGE, ["file.checkpoint", "--class-weights"], "train", "--resume", cli.path("file.checkpoint"), "--class-weights",
                "balanced")


if __name__ == "__main__":
    run_parts()
