#!/usr/bin/env python3
"""sluice evaluate against the formulas, computed here in plain Python from what sluice run writes; its table, picture, memory, and what
it refuses."""
import json
import math
import random
import struct
import xml.dom.minidom

from support.cases.chain import Chain, write_chains
from support.cli import (DATA, LANGID, NO_INPUT, USAGE, Network, keeps_memory_small, npy_bytes, parse_npy, peak_memory, run_parts, sluice)

SEED = 97
ROWS, STEPS, INPUTS, HIDDEN = 41, 6, 3, 4
NAMES = ["no", "yes", "never said", "perhaps"]
IGNORED = -1
ROUNDING = 2e-8  # of JSON, which has nine digits, and of a square of such a number; of sums of doubles in another order
LOSS_ROUNDING = 1e-6  # of probabilities: exp and log of floats, over a row of four


def close(found, expected, bound=ROUNDING):
    """Whether two figures are equal but for rounding; None is NaN."""
    if expected is None or found is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=bound, abs_tol=bound)


class Data:
    """Rows with ragged lengths, and the words that name them."""

    def __init__(self, cli):
        self.source = random.Random(SEED)
        self.lengths = [self.source.randint(1, STEPS) for _ in range(ROWS)]
        x = [self.source.uniform(-2, 2) for _ in range(ROWS * STEPS * INPUTS)]
        self.words = ["-i", cli.npy("x.npy", (ROWS, STEPS, INPUTS), x),
                      "--lengths", cli.npy("n.npy", (ROWS,), self.lengths, "<i8")]

    def places(self, every_step):
        """Indices of the targets that count, in order."""
        if not every_step:
            return list(range(ROWS))
        return [n * STEPS + t for n, length in enumerate(self.lengths) for t in range(length)]


def softmax(outputs):
    powers = [math.exp(value - max(outputs)) for value in outputs]
    return [power / sum(powers) for power in powers]


def rates(labels, answers, k):
    """(precision, recall, f1) of class k, as sklearn has them with zero_division=0."""
    right = sum(label == answer == k for label, answer in zip(labels, answers))
    share = lambda whole: right / whole if whole else 0.0
    precision, recall = share(answers.count(k)), share(labels.count(k))
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0


def check_class_figures(cli, found, pairs, shares, what):
    """JSON's figures against those of (label, answer) and the probabilities of the label."""
    labels, answers = [label for label, _ in pairs], [answer for _, answer in pairs]
    right = sum(label == answer for label, answer in pairs)
    cli.check(found["counted"] == len(pairs) and found["right"] == right and close(found["accuracy"], right / len(pairs)), f"{what}: accuracy")
    cli.check(close(found["loss"], sum(-math.log(share) for share in shares) / len(shares), LOSS_ROUNDING), f"{what}: loss {found['loss']}")
    table = [[sum(pair == (label, answer) for pair in pairs) for answer in range(len(NAMES))] for label in range(len(NAMES))]
    cli.check(found["confusion"] == table, f"{what}: the confusion table: {found['confusion']}, {table}")
    expected = [rates(labels, answers, k) for k in range(len(NAMES))]
    for k, row in enumerate(found["classes"]):
        cli.check(row["class"] == NAMES[k] and (row["targets"], row["answers"], row["right"]) ==
                  (labels.count(k), answers.count(k), table[k][k]), f"{what}: counts of {row}")
        cli.check(all(close(row[name], value) for name, value in zip(("precision", "recall", "f1"), expected[k])),
                  f"{what}: rates of {row}, {expected[k]}")
    seen = sorted({*labels, *answers})
    mean = [sum(expected[k][i] for k in seen) / len(seen) for i in range(3)]
    cli.check(all(close(found["macro"][name], value) for name, value in zip(("precision", "recall", "f1"), mean)),
              f"{what}: means over the classes that occur: {found['macro']}, {mean}")


def make_classifier(cli):
    return Network(SEED, INPUTS, HIDDEN, classes=len(NAMES), names=NAMES).write(cli.path("classes.safetensors"))


def check_classes(cli):
    print(f"seed {SEED}")
    data, model = Data(cli), make_classifier(cli)
    logits = parse_npy(cli.answers("run", model, *data.words, "--head", "-"))[1]
    labels = [data.source.choice([IGNORED, 0, 1, 3]) for _ in range(ROWS)]
    file = cli.npy("labels.npy", (ROWS,), labels, "<i4")
    rows = [logits[n * len(NAMES):(n + 1) * len(NAMES)] for n in range(ROWS)]
    kept = [n for n in range(ROWS) if labels[n] >= 0]
    pairs = [(labels[n], rows[n].index(max(rows[n]))) for n in kept]
    words = ["evaluate", model, *data.words, "--labels", file]
    found = json.loads(cli.answers(*words, "--json"))
    check_class_figures(cli, found, pairs, [softmax(rows[n])[labels[n]] for n in kept], "classes of rows")
    cli.check(found["ignored"] == ROWS - len(kept) and found["rows"] == ROWS and found["steps"] == sum(data.lengths), "what was counted")
    for more in (["--rows", "1"], ["--rows", "7"], ["--threads", "1"]):
        other = json.loads(cli.answers(*words, "--json", *more))
        cli.check(close(other.pop("loss"), found["loss"]) and other == {k: v for k, v in found.items() if k != "loss"}, f"the same with {more}")
    table = cli.answers(*words).decode()
    cli.check(f"{100 * found['accuracy']:.2f} % ({found['right']} of {found['counted']})" in table, f"the table's accuracy: {table}")
    cli.check(all(f"{row['f1']:.4f}" in table and row["class"] in table for row in found["classes"]), "the table's classes")
    cli.check([line.split()[-len(NAMES):] for line in table.splitlines()[-len(NAMES):]] ==
              [list(map(str, row)) for row in found["confusion"]], "the table of answers")
    columns = cli.npy("column.npy", (ROWS, 1), labels, "<i8")
    cli.check(json.loads(cli.answers("evaluate", model, *data.words, "--labels", columns, "--json")) == found, "labels [N][1]")


def check_step_classes(cli):
    """Labels of each step: of a shape's head, and of a network that ends with a softmax."""
    data = Data(cli)
    labels = [data.source.choice([IGNORED, 0, 1, 3]) for _ in range(ROWS * STEPS)]
    file = cli.npy("labels.npy", (ROWS, STEPS), labels, "<i8")
    layers = [{"kind": "lstm", "name": "lower", "units": HIDDEN}, {"kind": "dense", "name": "end", "units": len(NAMES)}]
    soft = [layers[0], {**layers[1], "activation": {"function": "softmax"}}]
    kept = [at for at in data.places(True) if labels[at] >= 0]
    for what, chain, is_soft in (("logits", layers, False), ("softmax", soft, True)):
        model = write_chains(cli.path(f"{what}.safetensors"), Chain(SEED, chain, INPUTS, classes=NAMES))
        outputs = parse_npy(cli.answers("run", model, *data.words, "-o", "-"))[1]
        at = lambda k, outputs=outputs: outputs[k * len(NAMES):(k + 1) * len(NAMES)]
        shares = [(at(k) if is_soft else softmax(at(k)))[labels[k]] for k in kept]
        found = json.loads(cli.answers("evaluate", model, *data.words, "--labels", file, "--json"))
        check_class_figures(cli, found, [(labels[k], at(k).index(max(at(k)))) for k in kept], shares, what)
    shape = make_classifier(cli)
    found = json.loads(cli.answers("evaluate", shape, *data.words, "--labels", file, "--json"))
    # Row n is cut after step t: then the head's last outputs are those of step t.
    pairs = []
    for t in range(STEPS):
        cut = cli.npy("cut.npy", (ROWS,), [min(length, t + 1) for length in data.lengths], "<i8")
        logits = parse_npy(cli.answers("run", shape, *data.words[:2], "--lengths", cut, "--head", "-"))[1]
        for n in range(ROWS):
            if t < data.lengths[n] and labels[n * STEPS + t] >= 0:
                row = logits[n * len(NAMES):(n + 1) * len(NAMES)]
                pairs.append(((labels[n * STEPS + t], row.index(max(row))), softmax(row)[labels[n * STEPS + t]]))
    check_class_figures(cli, found, [pair for pair, _ in pairs], [share for _, share in pairs], "the head of each step")


def check_order(cli):
    """Arrays with steps first, and a row's target at each step, have the figures of arrays that have them otherwise."""
    data = Data(cli)
    x, source = parse_npy(cli.path("x.npy").read_bytes())[1], data.source
    transpose = lambda values, width: [values[(n * STEPS + t) * width + k] for t in range(STEPS) for n in range(ROWS) for k in range(width)]
    turned = ["-i", cli.npy("turned.npy", (STEPS, ROWS, INPUTS), transpose(x, INPUTS)), *data.words[2:], "--layout", "tnc"]
    labels = [source.choice([IGNORED, 0, 1, 3]) for _ in range(ROWS * STEPS)]
    values = [source.uniform(-1, 1) for _ in range(ROWS * STEPS * len(NAMES))]
    mask = [source.randrange(4) > 0 for _ in range(ROWS * STEPS)]
    model = make_classifier(cli)
    for option, width, numbers, dtype in (("--labels", 1, labels, "<i4"), ("--values", len(NAMES), values, "<f4")):
        tail = (width,) if width > 1 else ()
        steps, rows = numbers, numbers[:ROWS * width]
        repeated = [value for n in range(ROWS) for _ in range(STEPS) for value in rows[n * width:(n + 1) * width]]
        masks = [["--mask", cli.npy(f"{name}.npy", shape, flags, "|u1")] for name, shape, flags in
                 (("mask", (ROWS, STEPS), mask), ("turned_mask", (STEPS, ROWS), transpose(mask, 1)))]
        cases = [(data.words + masks[0], "steps", (ROWS, STEPS), steps, []),
                 (turned + masks[1], "turned_steps", (STEPS, ROWS), transpose(steps, width), []),
                 (data.words, "repeated", (ROWS, STEPS), repeated, []),
                 (data.words, "rows", (ROWS,), rows, ["--every-step"]), (turned, "rows", (ROWS,), rows, ["--every-step"]),
                 (data.words, "rows", (ROWS,), rows, []), (turned, "rows", (ROWS,), rows, [])]
        found = [json.loads(cli.answers("evaluate", model, *words, option, cli.npy(f"{name}.npy", (*shape, *tail), content, dtype), *more,
                                        "--json", "--rows", 5)) for words, name, shape, content, more in cases]
        found = [{name: value for name, value in figures.items() if name != "input"} for figures in found]
        cli.check(found[0] == found[1], f"{option}: the order of axes: {found[0]}, {found[1]}")
        cli.check(found[2] == found[3] == found[4] != found[5] == found[6], f"{option}: every step: {found[2:]}")
    file = cli.npy("steps.npy", (ROWS, STEPS), labels, "<i4")
    cli.refused(DATA, ["steps.npy", f"[{STEPS}][{ROWS}]", "T and N"], "evaluate", model, *turned, "--labels", file)
    for option in (["--every-step"], ["--layout", "tnc"]):
        cli.refused(USAGE, [option[0], "--labels or --values"], "evaluate", model, "--text", "-", *option)


def errors(pairs):
    """The figures of (output, value) pairs."""
    count = len(pairs)
    off = [abs(output - value) for output, value in pairs]
    shares = [abs(output - value) / abs(value) for output, value in pairs if value]
    return {"counted": count, "mae": sum(off) / count, "rmse": math.sqrt(sum(error * error for error in off) / count),
            "mape": 100 * sum(shares) / len(shares) if shares else None, "zeros": count - len(shares)}


def as_float(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def check_values(cli):
    """Values of rows, of steps, and of a layer's h, where targets that are 0 are no part of the MAPE."""
    data = Data(cli)
    width = 2
    layers = [{"kind": "lstm", "name": "lower", "units": HIDDEN, "steps": "final"}, {"kind": "dense", "name": "end", "units": width}]
    steps = [{**layers[0], "steps": "all"}, layers[1]]
    del steps[0]["steps"]
    h = Network(SEED, INPUTS, width).write(cli.path("h.safetensors"))
    cases = [("rows", write_chains(cli.path("r.safetensors"), Chain(SEED, layers, INPUTS)), (ROWS, width)),
             ("steps", write_chains(cli.path("s.safetensors"), Chain(SEED, steps, INPUTS)), (ROWS, STEPS, width)),
             ("h", h, (ROWS, STEPS, width))]
    for what, model, shape in cases:
        outputs = parse_npy(cli.answers("run", model, *data.words, "-o", "-"))[1]
        values = [as_float(data.source.choice([0, data.source.uniform(-1, 1), data.source.uniform(1, 3)])) for _ in range(math.prod(shape))]
        file = cli.npy("values.npy", shape, values)
        found = json.loads(cli.answers("evaluate", model, *data.words, "--values", file, "--json"))
        places = data.places(len(shape) == 3)
        each = [[(outputs[at * width + k], values[at * width + k]) for at in places] for k in range(width)]
        for k, row in enumerate(found["outputs"]):
            expected = {**errors(each[k]), "output": k}
            cli.check(row.keys() == expected.keys() and all(close(row[name], expected[name]) for name in row), f"{what}: {row}, {expected}")
        expected = errors(sum(each, []))
        cli.check(all(close(found["all"][name], expected[name]) for name in expected), f"{what}: all: {found['all']}, {expected}")
        cli.check(close(found["loss"], expected["rmse"] ** 2), f"{what}: the loss is the mean of the squares")
        table = cli.answers("evaluate", model, *data.words, "--values", file).decode()
        cli.check(f"{expected['mae']:.6g}" in table and f"{expected['mape']:.2f} %" in table and
                  f"without {expected['zeros']} that are 0" in table, f"{what}: the table: {table}")
    outputs = parse_npy(cli.answers("run", cases[0][1], *data.words, "-o", "-"))[1]
    values = [as_float(data.source.uniform(-1, 1)) for _ in range(ROWS)]
    words = [*data.words, "--values", cli.npy("one.npy", (ROWS,), values), "--json"]
    found = json.loads(cli.answers("evaluate", cases[0][1], *words, "--loss", "quantile:0.25,0.5"))
    for k, q in enumerate((0.25, 0.5)):
        pairs = [(outputs[at * width + k], values[at]) for at in range(ROWS)]
        losses = [max(q * (target - output), (q - 1) * (target - output)) for output, target in pairs]
        expected = {**errors(pairs), "loss": sum(losses) / ROWS, "below": sum(target < output for output, target in pairs) / ROWS, "quantile": q}
        row = found["outputs"][k]
        cli.check(all(close(row[name], expected[name]) for name in expected), f"quantile {q}: {row}, {expected}")
    cli.refused(DATA, ["one.npy", "found 1", "--loss quantile"], "evaluate", cases[0][1], *words)
    zeros = cli.npy("zeros.npy", (ROWS, width), [0] * ROWS * width)
    found = json.loads(cli.answers("evaluate", cases[0][1], *data.words, "--values", zeros, "--json"))
    cli.check(found["all"]["mape"] is None and found["all"]["zeros"] == ROWS * width, "nothing but zeros: no MAPE")


def check_text(cli):
    """Lines with labels, against the answers of sluice run --text."""
    source = random.Random(SEED)
    names = json.loads(cli.answers("info", LANGID, "--json"))["class_names"]
    words = [line for line in (b"wort", b"heureusement", b"lucciola", b"thoughtfulness", b"perro", b"the", b"und", b"el")]
    lines = [(source.choice(names), source.choice(words) * source.randint(1, 4)) for _ in range(300)]
    text = b"".join(name.encode() + b"\t" + word + b"\n" for name, word in lines)
    plain = b"".join(word + b"\n" for _, word in lines)
    answers = [line.split("\t")[0] for line in cli.answers("run", LANGID, "--text", stdin=plain).decode().splitlines()]
    right = sum(answer == name for answer, (name, _) in zip(answers, lines))
    found = json.loads(cli.answers("evaluate", LANGID, "--text", cli.write("t.tsv", text), "--json"))
    cli.check(found["right"] == right and found["counted"] == 300, f"as often right as run says: {found['right']}, {right}")
    for label, row in zip(names, found["confusion"]):
        counts = [sum(answer == to and name == label for answer, (name, _) in zip(answers, lines)) for to in names]
        cli.check(row == counts, f"answers for {label}: {row}, {counts}")
    cli.check(json.loads(cli.answers("evaluate", LANGID, "--text", "-", "--json", "--rows", "7", stdin=text))["right"] == right,
              "from standard input, seven lines at a time")
    for line, words in ((b"english the\n", ["line 301", "no tab"]), (b"\n", ["line 301", "empty"]), (b"klingon\tthe\n", ["line 301", "'klingon'"]),
                        (b"english\t\n", ["line 301", "after the tab"]), (b" english\tthe\n", ["line 301", "'english' is known"])):
        cli.refused(DATA, words, "evaluate", LANGID, "--text", "-", stdin=text + line)


def check_trained(cli):
    """What sluice train says of its validation rows is what evaluate finds."""
    lines = "".join(f"{label}\t{text * k}\n" for k in range(1, 9) for label, text in (("short", "ab"), ("long", "ba")))
    file, model = cli.write("train.tsv", lines), cli.path("trained.safetensors")
    result = sluice("train", "--text", file, "--validate", file, "-o", model, "--epochs", 2, "--hidden", 5, "--json")
    said = json.loads(result.stdout)["validation"]
    found = json.loads(cli.answers("evaluate", model, "--text", file, "--json"))
    cli.check(close(found["loss"], said["loss"], LOSS_ROUNDING) and found["right"] == said["right"], f"{said}, {found['loss']}")


def check_pictures(cli):
    data, model = Data(cli), make_classifier(cli)
    labels = cli.npy("labels.npy", (ROWS,), [n % len(NAMES) for n in range(ROWS)], "<i4")
    picture = cli.path("classes.svg")
    found = json.loads(cli.answers("evaluate", model, *data.words, "--labels", labels, "--json", "--picture", picture))
    svg = xml.dom.minidom.parse(str(picture))
    boxes = [float(box.getAttribute("fill-opacity")) for box in svg.getElementsByTagName("rect") if box.getAttribute("fill-opacity")]
    shares = [count / sum(row) for row in found["confusion"] for count in row]
    cli.check(len(boxes) == len(shares) and all(abs(box - 0.8 * share) <= 0.0005 for box, share in zip(boxes, shares)), f"boxes: {boxes}")
    texts = [node.firstChild.data for node in svg.getElementsByTagName("text") if node.firstChild]
    cli.check(all(name in texts for name in NAMES), f"names: {texts}")
    layers = [{"kind": "lstm", "name": "lower", "units": HIDDEN}, {"kind": "dense", "name": "end", "units": 2}]
    values = write_chains(cli.path("v.safetensors"), Chain(SEED, layers, INPUTS))
    targets = cli.npy("values.npy", (ROWS, STEPS, 2), [math.sin(k) for k in range(ROWS * STEPS * 2)])
    cli.answers("evaluate", values, *data.words, "--values", targets, "--json", "--picture", picture)
    svg = xml.dom.minidom.parse(str(picture))
    curves = [path for path in svg.getElementsByTagName("path") if path.getAttribute("class").endswith(" curve")]
    cli.check([path.getAttribute("d").count("L") + 1 for path in curves] == [sum(data.lengths)] * 4 + [2, 2],
              "two curves for each output, of all targets, and the legend's")


def check_refused(cli):
    data, model = Data(cli), make_classifier(cli)
    labels = cli.npy("labels.npy", (ROWS,), [0] * ROWS, "<i4")
    words = [model, *data.words]
    twins = Network(SEED, 4, 5, vocabulary=256, classes=3, names=["uno", "due", "uno"]).write(cli.path("twins.safetensors"))
    cli.refused(DATA, ["twins.safetensors", "names that differ", "'uno' twice"], "evaluate", twins, "--text", "-", stdin=b"uno\tx\n")
    cli.refused(USAGE, ["MODEL"], "evaluate")
    cli.refused(USAGE, ["no data are named", "--text"], "evaluate", model)
    cli.refused(USAGE, ["--labels", "--values"], "evaluate", *words)
    cli.refused(USAGE, ["--labels", "--values", "leave one"], "evaluate", *words, "--labels", labels, "--values", labels)
    cli.refused(USAGE, ["--text", "leave out --labels"], "evaluate", model, "--text", "-", "--labels", labels)
    cli.refused(USAGE, ["--text", "--input", "leave one"], "evaluate", *words, "--text", "-")
    cli.refused(NO_INPUT, ["nowhere.npy"], "evaluate", *words, "--labels", cli.path("nowhere.npy"))
    short = cli.npy("short.npy", (ROWS - 1,), [0] * (ROWS - 1), "<i4")
    cli.refused(DATA, ["short.npy", f"[{ROWS}]", "--input"], "evaluate", *words, "--labels", short)
    high = cli.npy("high.npy", (ROWS,), [0] * (ROWS - 1) + [4], "<i4")
    cli.refused(DATA, ["high.npy", f"row {ROWS - 1}", "below 4", "found 4"], "evaluate", *words, "--labels", high)
    half = cli.npy("half.npy", (ROWS,), [0.5] * ROWS)
    cli.refused(DATA, ["half.npy", "row 0", "label", "0.5"], "evaluate", *words, "--labels", half, noted="--labels is f4")
    wide = cli.npy("wide.npy", (ROWS, 2), [0.5] * (2 * ROWS))
    cli.refused(DATA, ["wide.npy", "4 values", "found 2"], "evaluate", *words, "--values", wide)
    bad = cli.npy("bad.npy", (ROWS, 4), [0.5] * (4 * ROWS - 1) + [math.nan])
    cli.refused(DATA, ["bad.npy", f"row {ROWS - 1}", "value 3", "NaN"], "evaluate", *words, "--values", bad)
    x = cli.npy("nan.npy", (ROWS, STEPS, INPUTS), [0.5] * (ROWS * STEPS * INPUTS - STEPS * INPUTS) + [math.nan] * (STEPS * INPUTS))
    cli.refused(DATA, ["nan.npy", f"row {ROWS - 1}", "output 0", "NaN"], "evaluate", model, "-i", x, "--labels", labels)
    steps = write_chains(cli.path("s.safetensors"), Chain(SEED, [{"kind": "lstm", "name": "a", "units": 4},
                                                                 {"kind": "dense", "name": "b", "units": 4}], INPUTS))
    cli.refused(DATA, ["labels.npy", "each step", "found targets for each row"], "evaluate", steps, *data.words, "--labels", labels)
    one = Network(SEED, INPUTS, HIDDEN, classes=1).write(cli.path("one.safetensors"))
    cli.refused(DATA, ["two outputs", "found 1", "--values"], "evaluate", one, *data.words, "--labels", labels)


def check_memory(cli):
    """The same memory for any number of rows."""
    if not keeps_memory_small():
        return
    model, sizes = make_classifier(cli), []
    for rows in (2000, 20000):
        labels = cli.write("many.npy", npy_bytes((rows,), [], "|u1") + b"\1" * rows)
        path = cli.write("x.npy", npy_bytes((rows, STEPS, INPUTS), []) + struct.pack("<f", 0.25) * (rows * STEPS * INPUTS))
        sizes.append(peak_memory("evaluate", model, "-i", "-", "--labels", labels, "--rows", 500, path=path))
    cli.same_memory(sizes, "2000 and 20000 rows")


if __name__ == "__main__":
    run_parts()
