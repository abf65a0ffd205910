#!/usr/bin/env python3
"""Outputs of sluice run as tables: CSV and JSON lines have the numbers of the array, the names of the classes, and none of the padding;
the K most probable classes of arrays; parts of tables; what is refused."""
import csv
import io
import json
import math
import random
import struct

from support.cases.chain import Chain, write_chains
from support.cli import (DATA, LANGID, OK, USAGE, Network, finish, keeps_memory_small, npy_bytes, parse_npy, peak_memory, read_npy,
                         run_parts, sluice)

SEED = 41
ROWS, STEPS, INPUTS, HIDDEN = 9, 5, 3, 4
LENGTHS = [5, 0, 3, 1, 5, 2, 4, 5, 1]
NAMES = ["yes", "no", 'a "quoted" one', "über"]


def make_inputs(cli):
    """The words that name inputs and ragged lengths."""
    source = random.Random(SEED)
    x = cli.npy("x.npy", (ROWS, STEPS, INPUTS), [source.uniform(-2, 2) for _ in range(ROWS * STEPS * INPUTS)])
    return ["-i", x, "--lengths", cli.npy("n.npy", (ROWS,), LENGTHS, "<i8")]


def make_model(cli):
    return Network(SEED, INPUTS, HIDDEN, classes=len(NAMES), names=NAMES).write(cli.path("model.safetensors"))


def to_float(text):
    """The float32 that a text of CSV is."""
    return struct.unpack("<f", struct.pack("<f", float(text)))[0]


def read_csv(data):
    """(header, rows of texts) of a table's bytes."""
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    return rows[0], rows[1:]


def read_jsonl(data):
    """The objects; JSON has no NaN, so that what is none breaks off."""
    def reject(word):
        raise ValueError(word)
    return [json.loads(line, parse_constant=reject) for line in data.splitlines()]


def places(lengths=LENGTHS):
    """(row, step) of all steps before the rows' ends."""
    return [(n, t) for n, length in enumerate(lengths) for t in range(length)]


def fields(header, rows):
    """{name: texts} of a table."""
    return {name: [row[k] for row in rows] for k, name in enumerate(header)}


def check_numbers(cli):
    """Each number of a table reads back as that of the array; --layout tnc and --rows change nothing."""
    print(f"seed {SEED}")
    words = [make_model(cli), *make_inputs(cli)]
    y = cli.path("y.npy")
    cli.answers("run", *words, "-o", y, "--head", cli.path("h.npy"))
    values, logits = read_npy(y)[1], read_npy(cli.path("h.npy"))[1]
    table, lines, head = cli.path("y.csv"), cli.path("y.jsonl"), cli.path("h.csv")
    cli.answers("run", *words, "-o", table, "--head", head)
    header, rows = read_csv(table.read_bytes())
    cli.check(header == ["row", "step", *(f"output_{k}" for k in range(HIDDEN))], f"the columns of h: {header}")
    cli.check([(int(row[0]), int(row[1])) for row in rows] == places(), "a line for each step before its row's end")
    at = lambda n, t, k: values[(n * STEPS + t) * HIDDEN + k]
    cli.check(all(to_float(row[2 + k]) == at(int(row[0]), int(row[1]), k) for row in rows for k in range(HIDDEN)),
              "each number is that of the array")
    cli.check(all(len(text.lstrip("-0.").replace(".", "").split("e")[0]) <= 9 for row in rows for text in row[2:]), "nine digits at most")
    cli.answers("run", *words, "-o", lines)
    expected = [{name: json.loads(text) for name, text in zip(header, row)} for row in rows]
    cli.check(read_jsonl(lines.read_bytes()) == expected, "JSON lines have the same")
    header, rows = read_csv(head.read_bytes())
    cli.check(header == ["row", *NAMES], f"the columns of the head are named as the classes: {header}")
    cli.check([to_float(text) for row in rows for text in row[1:]] == logits, "the head's numbers")
    for more in (["--rows", "1"], ["--rows", "4"], ["--format", "csv"]):
        cli.answers("run", *words, "-o", cli.path("again.csv"), *more)
        cli.check(cli.path("again.csv").read_bytes() == table.read_bytes(), f"the same bytes with {more}")
    cli.check(cli.answers("run", *words, "-o", "-", "--format", "csv") == table.read_bytes(), "and on standard output")
    shape, x = read_npy(cli.path("x.npy"))
    turned = [x[(n * STEPS + t) * INPUTS + k] for t in range(STEPS) for n in range(ROWS) for k in range(INPUTS)]
    turned = cli.npy("tnc.npy", (STEPS, ROWS, INPUTS), turned)
    cli.answers("run", words[0], "-i", turned, *words[3:], "--layout", "tnc", "-o", cli.path("again.csv"), "--rows", 4)
    cli.check(cli.path("again.csv").read_bytes() == table.read_bytes(), "rows first, whatever the layout of the input")


def shares_of(logits):
    powers = [math.exp(value - max(logits)) for value in logits]
    return [power / sum(powers) for power in powers]


def check_top(cli):
    """--top K of arrays, against the softmax of --head."""
    words = [make_model(cli), *make_inputs(cli)]
    logits = parse_npy(cli.answers("run", *words, "--head", "-"))[1]
    expected = []
    for n in range(ROWS):
        shares = shares_of(logits[n * len(NAMES):(n + 1) * len(NAMES)])
        order = sorted(range(len(NAMES)), key=lambda k: -shares[k])
        expected.append([(NAMES[k], shares[k]) for k in order])
    close = lambda text, share: abs(float(text) - share) < 1e-6
    for top in (1, 3):
        plain = cli.answers("run", *words, "-o", "-", "--top", top).decode().splitlines()
        parts = [line.split("\t") for line in plain]
        cli.check(len(parts) == ROWS and all(parts[n][2 * k] == expected[n][k][0] and close(parts[n][2 * k + 1], expected[n][k][1])
                                             for n in range(ROWS) for k in range(top)), f"lines, --top {top}")
        cli.answers("run", *words, "-o", cli.path("top.csv"), "--top", top, "--head", cli.path("h.npy"))
        header, rows = read_csv(cli.path("top.csv").read_bytes())
        cli.check(header == ["row", "class", "probability", "class_2", "probability_2", "class_3", "probability_3"][:1 + 2 * top],
                  f"the columns of --top {top}: {header}")
        cli.check([row[1:] for row in rows] == parts and [int(row[0]) for row in rows] == list(range(ROWS)), "the same as a table")
        cli.check(read_npy(cli.path("h.npy"))[1] == logits, "beside --head")
        cli.answers("run", *words, "-o", cli.path("top.jsonl"), "--top", top)
        cli.check(read_jsonl(cli.path("top.jsonl").read_bytes()) ==
                  [{name: text if "class" in name else json.loads(text) for name, text in zip(header, row)} | {"row": n}
                   for n, row in enumerate(rows)], "and as JSON lines")
    cli.refused(USAGE, ["--top 5", "4"], "run", *words, "-o", "-", "--top", 5)
    bare = Network(SEED, INPUTS, HIDDEN).write(cli.path("bare.safetensors"))
    cli.refused(DATA, ["--top writes classes from", "head"], "run", bare, *words[1:], "-o", "-", "--top", 1)


def check_steps(cli):
    """A network that gives classes at every step."""
    layers = [{"kind": "lstm", "name": "lower", "units": 4}, {"kind": "dense", "name": "end", "units": 2}]
    path = write_chains(cli.path("steps.safetensors"), Chain(SEED, layers, INPUTS, classes=["no", "yes"]))
    words = [path, *make_inputs(cli)]
    cli.answers("run", *words, "-o", cli.path("y.csv"))
    header, rows = read_csv(cli.path("y.csv").read_bytes())
    cli.check(header == ["row", "step", "no", "yes"] and len(rows) == sum(LENGTHS), f"named as the classes: {header}")
    cli.answers("run", *words, "-o", cli.path("top.csv"), "--top", 1)
    header, best = read_csv(cli.path("top.csv").read_bytes())
    cli.check(header == ["row", "step", "class", "probability"], f"a class for each step: {header}")
    cli.check([row[2] for row in best] == ["no" if float(row[2]) >= float(row[3]) else "yes" for row in rows], "the largest output")


def check_text(cli):
    """--text as tables: what the lines say."""
    lines = b"wort\n\nheureusement\nthe\n"
    plain = [line.split("\t") for line in cli.answers("run", LANGID, "--text", "--top", 2, stdin=lines).decode().splitlines()]
    for words in (["-o", cli.path("t.csv")], ["-o", cli.path("t.csv"), "--rows", "1"]):
        cli.answers("run", LANGID, "--text", "--top", 2, *words, stdin=lines)
        header, rows = read_csv(cli.path("t.csv").read_bytes())
        cli.check(header == ["class", "probability", "class_2", "probability_2"] and rows == plain, f"a table of {words}: {rows}")
    cli.answers("run", LANGID, "--text", "--top", 2, "-o", cli.path("t.jsonl"), stdin=lines)
    cli.check([[str(value) for value in row.values()][::2] for row in read_jsonl(cli.path("t.jsonl").read_bytes())] ==
              [row[::2] for row in plain], "JSON lines")
    cli.answers("run", LANGID, "--text", "-o", cli.path("t.csv"), stdin=b"")
    cli.check(cli.path("t.csv").read_bytes() == b"class,probability\n", "no lines: the header alone")


def check_nothing_finite(cli):
    """NaN and infinity: words in CSV, null in JSON. An LSTM's outputs are NaN where its inputs are."""
    model = make_model(cli)
    x = [0.5] * (2 * INPUTS)
    x[0] = math.nan
    x = cli.npy("nan.npy", (2, 1, INPUTS), x)
    rows = read_csv(cli.answers("run", model, "-i", x, "-o", "-", "--format", "csv"))[1]
    cli.check(rows[0][2:] == ["nan"] * HIDDEN and "nan" not in rows[1], f"nan in CSV: {rows}")
    found = read_jsonl(cli.answers("run", model, "-i", x, "-o", "-", "--format", "jsonl"))
    cli.check(all(found[0][f"output_{k}"] is None for k in range(HIDDEN)) and None not in found[1].values(), f"null in JSON: {found}")
    found = read_jsonl(cli.answers("run", model, "-i", x, "-o", "-", "--format", "jsonl", "--top", 1))
    cli.check(found[0]["probability"] is None, f"no probability: {found}")


def check_locale(cli):
    """A decimal comma of the locale is in none of the formats."""
    place = cli.path("locales")
    made = finish("localedef", "-i", "de_DE", "-f", "UTF-8", "--no-archive", place / "de_DE.UTF-8") if place.mkdir() is None else None
    if made.returncode != OK:
        print("no locale with a decimal comma can be made here: skipped")
        return
    words = [make_model(cli), *make_inputs(cli), "-o", "-", "--format", "csv"]
    german = {"LOCPATH": str(place), "LC_ALL": "de_DE.UTF-8"}
    cli.check(cli.answers("run", *words, settings=german) == cli.answers("run", *words), "the same in a locale with a decimal comma")


def check_parts(cli):
    """Parts of a table, one behind the other, are the table: the first one has the header."""
    inputs = make_inputs(cli)
    model = make_model(cli)
    lines = cli.write("lines.txt", b"wort\n\nheureusement\nthe\nel\n")
    cases = [([model, *inputs], ["-o", "{}.csv"]), ([model, *inputs], ["-o", "{}.jsonl", "--top", "2"]),
             ([model, *inputs], ["--head", "{}.csv"]), ([LANGID, "--text", "-i", lines], ["-o", "{}.csv"])]
    for number, (words, outputs) in enumerate(cases):
        named = lambda name, number=number, outputs=outputs: [text.format(cli.path(f"{name}{number}")) for text in outputs]
        out, whole = named("part")[1], named("whole")[1]
        cli.answers("run", *words, *named("whole"))
        for parts in (1, 3, 12):
            for k in range(parts, 0, -1):
                cli.answers("run", *words, *named("part"), "--shard", f"{k}/{parts}")
            cli.answers("merge", out, "--remove")
            cli.check(open(out, "rb").read() == open(whole, "rb").read(), f"{parts} parts of {outputs} merged")
        cli.answers("run", *words, *named("part"), "--shard", "2/3")
        notes = [["part 2 of 3", "skipped"]]
        cli.answers("run", *words, *named("part"), "--shard", "2/3", "--skip-done", notes=notes)
    cli.refused(USAGE, ["--in-place", "--output", ".npy"], "run", model, *inputs, "-o", cli.path("z.csv"), "--shard", "1/2", "--in-place")


def check_refused(cli):
    inputs = make_inputs(cli)
    model = make_model(cli)
    out = cli.write("old.csv", b"old")
    cli.refused(USAGE, ["a.npy", "--text", "--format"], "run", LANGID, "--text", "-o", cli.path("a.npy"))
    cli.refused(USAGE, ["a.npy", "--top", "--format"], "run", model, *inputs, "--top", 1, "-o", cli.path("a.npy"))
    cli.refused(USAGE, ["--format lines", "--top K"], "run", model, *inputs, "--format", "lines", "-o", cli.path("a"))
    cli.refused(USAGE, ["--format", "'yaml'", "jsonl"], "run", model, *inputs, "--format", "yaml", "-o", cli.path("a"))
    cli.refused(USAGE, ["--format", "--output"], "run", model, *inputs, "--format", "csv", "--hn", cli.path("a"))
    cli.refused(USAGE, ["a.csv", "--hn", ".npy"], "run", model, *inputs, "--hn", cli.path("a.csv"))
    cli.refused(USAGE, ["--top", "--layer"], "run", model, *inputs, "--top", 1, "--layer", "x", "-o", cli.path("a.csv"))
    lengths = cli.npy("bad.npy", (ROWS,), [*LENGTHS[:-1], STEPS + 1], "<i8")
    cli.refused(DATA, ["bad.npy", "row 8"], "run", model, *inputs[:2], "--lengths", lengths, "-o", out, "--rows", 2)
    cli.check(out.read_bytes() == b"old" and not cli.leftovers(), "a table that fails leaves the file as it was")


def check_memory(cli):
    """A table takes the same memory for any number of rows."""
    if not keeps_memory_small():
        return
    model = make_model(cli)
    sizes = []
    for rows in (2000, 20000):
        path = cli.write("many.npy", npy_bytes((rows, STEPS, INPUTS), []) + struct.pack("<f", 0.25) * (rows * STEPS * INPUTS))
        sizes.append(peak_memory("run", model, "-o", "-", "--format", "csv", "--rows", 500, path=path))
    cli.same_memory(sizes, "2000 and 20000 rows")


if __name__ == "__main__":
    run_parts()
