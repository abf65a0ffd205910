#!/usr/bin/env python3
"""--precision: what the commands say of it, and how far info --compare says that outputs are from those of f32. What is compared is
taken from sluice run and summed here, so that it holds however exact a mode is."""
import functools
import gzip
import json
import math
import random

from support.cli import (DATA, FAILURE, LANGID, NO_INPUT, OK, QUIET, USAGE, Network, keeps_memory_small, npy_bytes, peak_memory,
                         read_npy, run_parts, sluice, spell_lines, transpose)

MODES = ("f32", "bf16", "int8")
ROWS, STEPS, INPUTS, HIDDEN, CLASSES = 37, 9, 3, 8, 5
BOUND = 0.1  # of outputs in +-1, generous: for weights in +-0.6 the modes are meant to stay two orders below it
ROUNDING = 1e-6  # of printed figures and of sums in another order


def make_model(cli, name="model", **shape):
    """The path of a small model's file."""
    return Network(5, INPUTS, HIDDEN, **shape).write(cli.path(f"{name}.safetensors"))


def make_inputs(cli):
    """(x, lengths): the paths of inputs [N][T][I] and of ragged lengths, among them 0 and T; a seed that is printed."""
    seed = 31
    print("seed", seed)
    source = random.Random(seed)
    lengths = [0, STEPS] + [source.randint(0, STEPS) for _ in range(ROWS - 2)]
    x = [source.uniform(-2, 2) for _ in range(ROWS * STEPS * INPUTS)]
    return cli.npy("x.npy", (ROWS, STEPS, INPUTS), x), cli.npy("n.npy", (ROWS,), lengths, "<i8")


def compare(cli, model, path, *words, mode="int8", notes=()):
    """What info --compare --json says; it must do well."""
    return json.loads(cli.answers("info", model, "--precision", mode, "--compare", path, "--json", *words, notes=notes) or "{}")


def run(cli, model, mode, path, *words, outputs):
    """{option: values} of sluice run with this precision, for each of `outputs`."""
    files = {name: cli.path(f"{mode}-{name.strip('-')}.npy") for name in outputs}
    result = sluice("run", model, "--precision", mode, "-i", path, *[word for pair in files.items() for word in pair], *words)
    cli.check(result.returncode == OK, f"run {words} in {mode}: {result.stderr}")
    return {name: read_npy(file)[1] for name, file in files.items()}


def summed(pairs):
    """The figures of --compare of (value, in f32), as it names them."""
    pairs = list(pairs)
    rms = lambda values: math.sqrt(sum(value * value for value in values) / len(pairs)) if pairs else 0
    differences, reference = [a - b for a, b in pairs], [b for _, b in pairs]
    return {"elements": len(pairs), "largest_difference": max(map(abs, differences), default=0), "rms_difference": rms(differences),
            "largest_f32": max(map(abs, reference), default=0), "rms_f32": rms(reference), "nonfinite": 0, "nonfinite_f32": 0}


def close(found, expected):
    """Whether two objects of figures are equal, but for rounding."""
    return found.keys() == expected.keys() and all(
        math.isclose(value, expected[name], rel_tol=ROUNDING) if isinstance(value, float) else value == expected[name]
        for name, value in found.items())


def before_ends(values, lengths):
    """The elements of outputs [N][T][W] before the rows' ends."""
    width = len(values) // (ROWS * STEPS)
    return [values[k] for n, length in enumerate(lengths) for k in range(n * STEPS * width, (n * STEPS + length) * width)]


def check_rows(cli, facts, taken, mode, what):
    """The rows of `facts`, which are exactly those of `taken`, {name: (values, in f32)}."""
    found = {row.pop("name"): row for row in facts.get("outputs", [])}
    cli.check(list(found) == list(taken), f"{what} in {mode} compares {list(taken)}: {list(found)}")
    for name, row in found.items():
        expected = summed(zip(*taken[name]))
        cli.check(close(row, expected), f"{name} of {what} in {mode}: expected {expected}, found {row}")
        cli.check(row["largest_difference"] < BOUND and row["rms_difference"] <= row["largest_difference"],
                  f"{name} of {what} in {mode} is near f32: {row}")
        cli.check(mode != "f32" or row["largest_difference"] == row["rms_difference"] == 0, f"{what}: f32 is f32: {row}")
        cli.check(row["elements"] == 0 or row["rms_f32"] > 0, f"{name} of {what} is something: {row}")


def count_changed(logits, reference, classes):
    """How many vectors have their largest element elsewhere."""
    best = lambda values, n: max(range(classes), key=lambda k: (values[n * classes + k], -k))
    return sum(best(logits, n) != best(reference, n) for n in range(len(logits) // classes))


def check_shapes(cli):
    """y, hn and logits of models of one shape, with lengths and without, in chunks and whole."""
    x, lengths_path = make_inputs(cli)
    lengths = read_npy(lengths_path)[1]
    for name, shape in (("plain", {}), ("head", {"classes": CLASSES}),
                        ("deep", {"layers": 2, "directions": 2, "classes": CLASSES})):
        model = make_model(cli, name, **shape)
        outputs = ["-o", "--hn"] + (["--head"] if "classes" in shape else [])
        for words, ends in (([], [STEPS] * ROWS), (["--lengths", lengths_path], lengths)):
            reference = run(cli, model, "f32", x, *words, outputs=outputs)
            for mode in MODES:
                values = run(cli, model, mode, x, *words, outputs=outputs)
                taken = {"y": (before_ends(values["-o"], ends), before_ends(reference["-o"], ends)),
                         "hn": (values["--hn"], reference["--hn"])}
                if "classes" in shape:
                    taken["logits"] = values["--head"], reference["--head"]
                changed = count_changed(*taken["logits"], CLASSES) if "classes" in shape else 0
                expected = {"of": "rows", "counted": ROWS, "changed": changed, "fraction_changed": changed / ROWS}
                for more in ([], ["--rows", "5", "--threads", "1"], ["--rows", "1"]):
                    facts = compare(cli, model, x, *words, *more, mode=mode)
                    check_rows(cli, facts, taken, mode, f"{name} {words} {more}")
                    read = facts["rows"], facts["steps"], facts["precision"]
                    cli.check(read == (ROWS, sum(ends), mode), f"what was read: {facts}")
                    classes = facts["classes"]
                    cli.check(close(classes, expected) if "classes" in shape else classes is None, f"classes of {name}: {classes}")


def check_inputs(cli):
    """Steps first, a mask, tokens and a pipe are read as by run, to the same figures."""
    model = make_model(cli, "read", classes=CLASSES)
    x, lengths = make_inputs(cli)
    source = random.Random(7)
    flags = [source.randint(0, 1) for _ in range(ROWS * STEPS)]
    mask = cli.npy("mask.npy", (ROWS, STEPS), flags, "|u1")
    same = lambda facts: {**facts, "input": None}
    plain, masked = compare(cli, model, x), compare(cli, model, x, "--mask", mask)
    cli.check(plain["outputs"] != masked["outputs"], "a mask changes what is compared")
    turned = cli.npy("xt.npy", *transpose(*read_npy(x)))
    turned_mask = cli.npy("mask-t.npy", *transpose((ROWS, STEPS), flags), "|u1")
    cli.check(same(compare(cli, model, turned, "--layout", "tnc")) == same(plain), "steps first")
    both = compare(cli, model, turned, "--layout", "tnc", "--mask", turned_mask)
    cli.check(same(both) == same(masked), "steps first with a mask")
    piped = cli.answers("info", model, "--precision", "int8", "--compare", "-", "--lengths", lengths, "--json",
                        stdin=x.read_bytes())
    cli.check(same(json.loads(piped)) == same(compare(cli, model, x, "--lengths", lengths)), "standard input")
    words = make_model(cli, "tokens", vocabulary=11, classes=CLASSES)
    tokens = cli.npy("tokens.npy", (ROWS, STEPS), [source.randrange(11) for _ in range(ROWS * STEPS)], "<i4")
    options = {"y": "-o", "hn": "--hn", "logits": "--head"}
    for mode in MODES:
        reference, values = (run(cli, words, which, tokens, outputs=options.values()) for which in ("f32", mode))
        taken = {name: (values[option], reference[option]) for name, option in options.items()}
        check_rows(cli, compare(cli, words, tokens, mode=mode), taken, mode, "tokens")
    empty = compare(cli, model, cli.npy("none.npy", (0, STEPS, INPUTS), []))
    figures = [row[name] for row in empty["outputs"] for name in ("elements", "largest_difference", "rms_f32")]
    cli.check(empty["rows"] == 0 and not any(figures) and empty["classes"]["fraction_changed"] == 0, f"no rows: {empty}")


def check_nonfinite(cli):
    """A row with NaN is left out of the figures, and counted; the others' figures are those that they have without it."""
    model = make_model(cli, "nonfinite", classes=CLASSES)
    source = random.Random(3)
    good = [source.uniform(-1, 1) for _ in range(4 * STEPS * INPUTS)]
    bad = [math.nan] + [0.5] * (STEPS * INPUTS - 1)
    for mode in MODES:
        alone = compare(cli, model, cli.npy("good.npy", (4, STEPS, INPUTS), good), mode=mode)
        both = compare(cli, model, cli.npy("bad.npy", (5, STEPS, INPUTS), good + bad), mode=mode)
        for one, other in zip(alone["outputs"], both["outputs"]):
            added = other["elements"] - one["elements"]
            cli.check(added > 0 and other["nonfinite"] == other["nonfinite_f32"] == added and one["nonfinite"] == 0
                      and close({**other, "elements": one["elements"], "nonfinite": 0, "nonfinite_f32": 0}, one),
                      f"a row with NaN in {mode}: {one}, {other}")
    table = cli.answers("info", model, "--compare", cli.path("bad.npy")).decode()
    cli.check(f"logits        {CLASSES} elements are NaN or infinite, in f32 {CLASSES}; " in table, f"the table says so: {table}")


def check_networks(cli):
    """A network's end is compared in place of y; one with outputs at every step counts steps."""
    rows = cli.npy("rows.npy", (ROWS, STEPS, INPUTS), [k % 13 / 7 - 1 for k in range(ROWS * STEPS * INPUTS)])
    labels = {"steps": cli.npy("by-step.npy", (ROWS, STEPS), [k % 3 for k in range(ROWS * STEPS)], "<i4"),
              "rows": cli.npy("by-row.npy", (ROWS,), [k % 3 for k in range(ROWS)], "<i4")}
    for of, path in labels.items():
        model = cli.path(f"network-{of}.safetensors")
        layers = "lstm:6:both:sum,lstm:4,dense:5:relu"
        cli.answers("train", "-i", rows, "--labels", path, "-o", model, "--layers", layers, "--epochs", "1", *QUIET)
        reference = run(cli, model, "f32", rows, outputs=["-o"])["-o"]
        for mode in MODES:
            values = run(cli, model, mode, rows, outputs=["-o"])["-o"]
            facts = compare(cli, model, rows, mode=mode)
            hn = facts["outputs"].pop()
            check_rows(cli, facts, {"end": (values, reference)}, mode, f"a network with classes of {of}")
            cli.check(hn["name"] == "hn" and hn["elements"] == ROWS * (2 * 6 + 4) and hn["largest_difference"] < BOUND,
                      f"its states: {hn}")
            cli.check({"of": of, "counted": len(values) // 3, "changed": count_changed(values, reference, 3)}.items()
                      <= facts["classes"].items(), f"classes of {of}: {facts['classes']}")


def check_text(cli):
    """Lines of text, as run --text reads them: final states and classes."""
    words = "".join(f"{word}\n" for word in ("thoughtfulness", "heureusement", "", "lucciola", "zweifellos", "ontwikkeling") * 50)
    path, packed = cli.write("words.txt", words), cli.write("words.gz", gzip.compress(words.encode()))
    for mode in MODES:
        facts = compare(cli, LANGID, path, "--text", mode=mode)
        answers = [cli.answers("run", LANGID, "--text", "-i", path, "--precision", which).decode().splitlines()
                   for which in ("f32", mode)]
        changed = sum(one.split("\t")[0] != other.split("\t")[0] for one, other in zip(*answers))
        read = facts["rows"], facts["steps"], [row["name"] for row in facts["outputs"]]
        cli.check(read == (300, len(words) - 300, ["hn", "logits"]) and facts["classes"]["counted"] == 300
                  and facts["classes"]["changed"] == changed, f"lines in {mode}: {facts}")
        logits = facts["outputs"][1]
        cli.check(logits["largest_difference"] < logits["largest_f32"] and (mode != "f32" or logits["largest_difference"] == 0),
                  f"logits of lines in {mode}: {logits}")
        for more in (["--rows", "7"], ["--rows", "1", "--threads", "1"]):
            again = compare(cli, LANGID, path, "--text", *more, mode=mode)
            same = all(close(one, other) for one, other in zip(again["outputs"], facts["outputs"]))
            cli.check(same and again["classes"] == facts["classes"], f"lines in batches of {more}: {again}")
        cli.check(compare(cli, LANGID, packed, "--text", mode=mode, notes=1)["outputs"] == facts["outputs"], "gzip data")
    cr = cli.write("cr.txt", words.replace("\n", "\r\n"))
    cli.check(compare(cli, LANGID, cr, "--text", notes=1)["steps"] == len(words) - 300, "CR LF")
    cli.check(compare(cli, LANGID, cr, "--text", "--keep-cr")["steps"] == len(words), "--keep-cr")


def check_table(cli):
    """The table for people has the same figures, in 80 columns."""
    model = make_model(cli, "table", classes=CLASSES)
    x, lengths = make_inputs(cli)
    table = cli.answers("info", model, "--precision", "bf16", "--compare", x, "--lengths", lengths, "--threads", "2").decode()
    facts = compare(cli, model, x, "--lengths", lengths, mode="bf16")
    lines = table.splitlines()
    head = [f"model         {model}", f"input         {x}: {ROWS} rows, {facts['steps']} steps"]
    cli.check(max(map(len, lines[2:])) <= 80 and lines[:2] == head and " bf16, 2 threads" in lines[2], f"the table: {table}")
    rows = [line.split() for line in lines if line.startswith(("y ", "hn ", "logits "))]
    names = ("largest_difference", "rms_difference", "largest_f32", "rms_f32")
    expected = [[row["name"], f"{row['elements']:,}", *(f"{row[name]:.4g}" for name in names)] for row in facts["outputs"]]
    cli.check(rows == expected, f"figures of the table: {rows}, {expected}")
    cli.check(f"classes       {facts['classes']['changed']} of {ROWS} rows change (" in table, f"classes in the table: {table}")
    cli.check("classes" not in cli.answers("info", make_model(cli, "none"), "--compare", x).decode(), "no classes, no line")


def check_named(cli):
    """The precision in use is named wherever gemm is."""
    x, _ = make_inputs(cli)
    model = make_model(cli)
    for mode in MODES:
        for words, settings in ((["--precision", mode], {}), ([], {"SLUICE_PRECISION": mode}),
                                (["--precision", "auto"], {"SLUICE_PRECISION": mode}),
                                (["--precision", mode], {"SLUICE_PRECISION": "bf16"})):
            result = sluice("run", model, "-i", x, "--hn", cli.path("hn.npy"), "--stats", "--json", *words, settings=settings)
            cli.check(json.loads(result.stderr)["precision"] == mode, f"--stats with {words} and {settings}: {result.stderr}")
            explained = cli.answers("info", model, "--explain", "--batch", 4, "--steps", 5, "--json", *words, settings=settings)
            cli.check(json.loads(explained)["precision"] == mode, f"--explain with {words} and {settings}: {explained}")
        text = sluice("run", model, "-i", x, "--hn", cli.path("hn.npy"), "--stats", "--precision", mode).stderr.decode()
        cli.check(f", {mode})" in text, f"the table of --stats: {text}")
        text = cli.answers("info", model, "--explain", "--batch", 4, "--steps", 5, "--precision", mode).decode()
        cli.check(f", {mode}, " in text, f"the table of --explain: {text}")


def check_refused(cli):
    model, tokens = make_model(cli), make_model(cli, "few", vocabulary=5)
    x, lengths = make_inputs(cli)
    text = cli.write("text.txt", "abc\n")
    whole = ["info", model, "--precision", "int8", "--compare", x]
    for arguments, words in (
            (["info", model, "--precision", "int8"], ["--precision", "--compare", "MODEL alone"]),
            (["info", model, "--precision", "fp8", "--compare", x], ["--precision", "fp8", "auto, f32, bf16, int8"]),
            (["info", "--compare", x], ["MODEL"]),
            (["info", "--env", "--compare", x], ["--compare", "--env"]),
            ([*whole, "--explain", "--batch", "4", "--steps", "5"], ["--compare", "--explain"]),
            ([*whole, "--schedule", "rows"], ["--schedule", "--explain"]),
            ([*whole, "--keep-cr"], ["--keep-cr", "--text"]),
            ([*whole, "--compare", ""], ["--compare", "name of a file"]),
            ([*whole, "--text", "--lengths", lengths], ["--text", "--lengths"]),
            (["info", model, "--text"], ["--text", "--compare"]),
            (["info", model, "--mask", x], ["--mask", "--compare"]),
            (["info", model, "--layout", "tnc"], ["--layout", "--compare"]),
            (["info", model, "--rows", "4"], ["--rows", "--compare"]),
            (["info", model, "--lengths", lengths], ["--lengths", "--explain", "--compare"]),
            (["info", model, "--compare", "-", "--lengths", "-"], ["--compare", "--lengths", "standard input"]),
            (["train", "--text", text, "-o", cli.path("no.st"), "--precision", "int8"],
             ["--precision int8", "--validate", "leave it out"])):
        cli.refused(USAGE, words, *arguments)
    for arguments, words in (
            ([*whole, "--text"], ["--text", "embedding"]),
            ([*whole, "--lengths", x], [str(x), "--lengths expected whole numbers [37] (the rows of --compare)"]),
            ([*whole, "--mask", x], ["--mask expected b1 or u1 [37][9] (N and T of --compare)"]),
            ([*whole[:-1], lengths], [str(lengths), "--compare expected numbers [N][T][3]"]),
            ([*whole[:-1], text], [str(text)]),
            (["info", tokens, "--compare", text, "--text"], ["text.txt", "line 1, byte 1", "0 to 4", "found 97"]),
            (["info", tokens, "--compare", cli.npy("big.npy", (1, 2), [4, 5], "<i4")],
             ["big.npy", "row 0, step 1", "0 to 4", "found 5"]),
            (["info", LANGID, "--compare", x, "--text"], [str(x), "without --text"])):
        cli.refused(DATA, words, *arguments)
    cli.refused(NO_INPUT, ["absent.npy"], *whole[:-1], cli.path("absent.npy"))
    for arguments in (whole, ["run", model, "-i", x, "--hn", cli.path("no.npy"), "--precision", "bf16"]):
        cli.refused(FAILURE, ["BLIS", "f32 only"], *arguments, "--gemm", "blis")
    cli.refused(USAGE, ["SLUICE_PRECISION", "fp8", "expected auto"], *whole[:2], *whole[4:], settings={"SLUICE_PRECISION": "fp8"})
    cli.check(not cli.path("no.npy").exists() and not cli.path("no.st").exists(), "an error writes nothing")


def evaluate(cli, model, mode, path, targets):
    """(cross-entropy, how many are right) of the rows of a file by sluice run."""
    logits = run(cli, model, mode, path, outputs=["--head"])["--head"]
    loss, right = 0, 0
    for n, target in enumerate(targets):
        row = logits[n * 3:n * 3 + 3]
        loss += math.log(sum(math.exp(value - max(row)) for value in row)) + max(row) - row[target]
        right += row.index(max(row)) == target
    return loss / len(targets), right


def check_training(cli):
    """Training is f32, to the same bytes; its validation is what sluice run sees in the precision that is asked for."""
    source = random.Random(11)
    count = 60
    targets = [k % 3 for k in range(count)]
    x = cli.npy("train.npy", (count, STEPS, INPUTS),
                [source.gauss(target - 1, 1) for target in targets for _ in range(STEPS * INPUTS)])
    y = cli.npy("labels.npy", (count,), targets, "<i4")
    model = cli.path("trained.safetensors")
    words = ["train", "-i", x, "--labels", y, "--validate", x, "--validate-labels", y, "-o", model, "--epochs", "1",
             "--hidden", "8", *QUIET]
    bytes_of = {}
    for mode in ("auto", *MODES):
        summary = json.loads(cli.answers(*words, "--precision", mode, "--json", "--checkpoint", cli.path(f"{mode}.ckpt")))
        bytes_of[mode] = model.read_bytes()
        found, used = summary["validation"], mode if mode != "auto" else "f32"
        loss, right = evaluate(cli, model, used, x, targets)
        cli.check(found["precision"] == used and math.isclose(found["loss"], loss, rel_tol=ROUNDING)
                  and (found["counted"], found["right"]) == (count, right),
                  f"validation in {mode}: {found}, run sees {loss}, {right}")
        text = cli.answers(*words, "--precision", mode).decode()
        cli.check((f"precision     {mode}, of validation" in text) == (mode in ("bf16", "int8")), f"the summary in {mode}: {text}")
    cli.check(len(set(bytes_of.values())) == 1, "training is the same in any precision of its validation")
    cli.answers(*words, settings={"SLUICE_PRECISION": "int8"})
    cli.check(model.read_bytes() == bytes_of["auto"], "SLUICE_PRECISION leaves training as it is")
    resume = functools.partial(cli.answers, "train", "--resume", cli.path("int8.ckpt"), "--epochs", "2", "--json", *QUIET)
    went_on = json.loads(resume())["validation"]
    cli.check(went_on["precision"] == "int8", f"--resume goes on with the precision: {went_on}")
    cli.check(json.loads(resume("--precision", "bf16"))["validation"]["precision"] == "bf16", "which may be given anew")


def check_training_targets(cli):
    """Targets of steps, values, class weights and smoothing are evaluated as by the trainer, within what modes differ from f32."""
    x = cli.npy("steps.npy", (20, STEPS, INPUTS), [k % 11 / 8 - 0.6 for k in range(20 * STEPS * INPUTS)])
    n = cli.npy("steps-n.npy", (20,), [k % (STEPS + 1) for k in range(20)], "<i4")
    by_step = cli.npy("step-labels.npy", (20, STEPS), [k % 3 - (k % 7 == 0) * 200 for k in range(20 * STEPS)], "<i4")
    values = cli.npy("values.npy", (20, STEPS, 2), [k % 5 / 5 for k in range(20 * STEPS * 2)])
    hidden = cli.npy("hidden.npy", (20, STEPS, 8), [k % 5 / 5 - 0.4 for k in range(20 * STEPS * 8)])
    lines = cli.write("lines.tsv", spell_lines(random.Random(2), ["uno", "due", "tre"] * 20, range(1, 9)))
    share = ["--validate-share", "0.3", "--epochs", "2", "--hidden", "8", "-o", cli.path("targets.safetensors"), "--json", *QUIET]
    arrays = ["-i", x, "--lengths", n]
    for what in (["--text", lines], ["--text", lines, "--every-step", "--label-smoothing", "0.1"],
                 ["--text", lines, "--class-weights", "balanced", "--bidirectional"],
                 [*arrays, "--labels", by_step], [*arrays, "--labels", by_step, "--layers", "lstm:8:both:sum"],
                 [*arrays, "--values", values], [*arrays, "--values", hidden, "--no-head"],
                 [*arrays, "--labels", by_step, "--truncate", "4"]):
        words = [word for word in share if "--layers" not in what or word not in ("--hidden", "8")]
        by_mode = {mode: json.loads(cli.answers("train", *what, *words, "--precision", mode)) for mode in MODES}
        exact = by_mode["f32"]["validation"]
        for mode in ("bf16", "int8"):
            found = by_mode[mode]["validation"]
            cli.check(found["precision"] == mode and found["counted"] == exact["counted"] > 0
                      and abs(found["loss"] - exact["loss"]) < BOUND * max(1, exact["loss"]),
                      f"{what} in {mode}: {found}, f32 {exact}")


def check_memory(cli):
    """Any number of rows is compared in the same memory."""
    if not keeps_memory_small():
        print("skipped: peak memory under a sanitizer")
        return
    model = make_model(cli, "long", classes=CLASSES)
    paths = [cli.write(f"{rows}.npy", npy_bytes((rows, 40, INPUTS), [0.25] * (rows * 40 * INPUTS))) for rows in (2000, 40000)]
    peaks = [peak_memory("info", model, "--precision", "int8", "--compare", "-", "--rows", "500", path=path) for path in paths]
    cli.same_memory(peaks, "2,000 and 40,000 rows")


if __name__ == "__main__":
    run_parts()
