#!/usr/bin/env python3
"""Networks of layers of their own sizes in the programs: what info draws, and what run reads and writes of them."""
import array
import io
import json
import math
import random
import struct
import zipfile

from support.cases.chain import Chain, write_chains
from support.cli import DATA, USAGE, Network, npy_bytes, parse_npy, read_npy, run_parts, sluice

SEED = 83
ROWS, STEPS, INPUTS = 7, 6, 3
LENGTHS = [6, 1, 4, 6, 0, 3, 5]
RELU, SOFTMAX = {"function": "relu"}, {"function": "softmax"}
FIRST = {"kind": "lstm", "name": "lower", "units": 5, "direction": "both", "merge": "sum"}
SECOND = {"kind": "lstm", "name": "upper", "units": 4}
HIDDEN = {"kind": "dense", "name": "hidden", "units": 6, "activation": RELU}
END = {"kind": "dense", "name": "end", "units": 2}


def final(layer):
    """The layer that gives its final states."""
    return {**layer, "steps": "final"}


def inputs(cli):
    source = random.Random(SEED)
    x = [source.uniform(-2, 2) for _ in range(ROWS * STEPS * INPUTS)]
    return cli.npy("x.npy", (ROWS, STEPS, INPUTS), x), cli.npy("n.npy", (ROWS,), LENGTHS, "<i8"), x


def model(cli, name, layers, **words):
    return write_chains(cli.path(name), Chain(SEED, layers, INPUTS, **words))


def at(array_, *index):
    """The last axis of an array (shape, values) at an index."""
    shape, values = array_
    place = 0
    for size, k in zip(shape, index):
        place = place * size + k
    width = math.prod(shape[len(index):])
    return values[place * width:(place + 1) * width]


def read_npz(path):
    """{name: (shape, values)} of an archive, whose CRCs are checked."""
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): parse_npy(archive.read(name)) for name in archive.namelist()}


# ---- info ------------------------------------------------------------------------------------------------------------------------

def check_table(cli):
    layers = [FIRST, {"kind": "affine", "name": "norm"},
              {**SECOND, "projection": 2, "steps": "last",
               "cells": [{"peepholes": True, "forget_bias": 1, "cell_clip": 3,
                          "gate": {"function": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}}]}, HIDDEN, {**END, "activation": SOFTMAX}]
    chain = Chain(SEED, layers, INPUTS, classes=["no", "yes"])
    chain.tensors["norm.scale"] = chain.tensors["norm.shift"] = ((5,), array.array("f", [1] * 5))
    path = write_chains(cli.path("table.safetensors"), chain)
    facts = json.loads(cli.answers("info", path, "--json"))
    rows = facts["chain"]
    cli.check([row["name"] for row in rows] == ["lower", "norm", "upper", "hidden", "end"], f"names in order: {rows}")
    cli.check([(row["inputs"], row["outputs"], row["gives"]) for row in rows] ==
              [(3, 5, "steps"), (5, 5, "steps"), (5, 2, "row"), (2, 6, "row"), (6, 2, "row")], f"sizes: {rows}")
    flop = [2 * 2 * 4 * 5 * (3 + 5), 2 * 5, 2 * 4 * 4 * (5 + 2) + 2 * 2 * 4 + 2 * 3 * 4, 2 * 2 * 6, 2 * 6 * 2]
    cli.check([row.get("flop_per_step", row.get("flop_per_row")) for row in rows] == flop and "flop_per_row" in rows[3] and
              "flop_per_step" in rows[2], f"operations: {rows}")
    counts = [2 * 4 * 5 * (3 + 5 + 2), 10, 4 * 4 * (5 + 2 + 2) + 2 * 4 + 3 * 4, 6 * 2 + 6, 2 * 6 + 2]
    cli.check([row["parameters"] for row in rows] == counts, f"parameters: {rows}")
    cli.check((facts["flop_per_step"], facts["flop_per_row"], facts["parameters"], facts["bytes"], facts["classes"]) ==
              (sum(flop[:3]), sum(flop[3:]), sum(counts), 4 * sum(counts), 2), f"sums: {facts}")
    cli.check(rows[2]["options"] == ["4 units, projection to 2", "peepholes", "forget bias 1", "gates hard_sigmoid(0.2, 0.5)",
                                     "c clipped at 3", "last step"] and rows[0]["options"] == ["sum of both directions"] and
              rows[3]["options"] == ["relu"] and rows[4]["options"] == ["softmax"], f"options: {rows}")
    table = cli.answers("info", path).decode()
    for words in ("lower   lstm    [T][3]  [T][5]", "640 a step  sum of both directions", "[T][5]  [2]", "hidden  dense",
                  "24 a row  relu", "class names   no, yes", "FLOP per row  48", "outputs       2"):
        cli.check(words in table, f"info draws {words!r}: {table}")


def check_words(cli):
    """Options in words: of cells that differ by direction, and of each kind of layer."""
    cells = [{"forget_bias": 0.5, "candidate": {"function": "elu", "alpha": 0.1}, "output": {"function": "relu"}},
             {"bias": False, "coupled": True, "gate_clip": 3, "output_unclipped": True}]
    layers = [{**FIRST, "merge": "product", "cells": cells, "masked_outputs_zero": True},
              {**SECOND, "direction": "reverse", "processing_order": True}, {"kind": "activation", "name": "act", "activation": RELU},
              {"kind": "reduce", "name": "mean", "steps": "mean"}]
    chain = Chain(SEED, layers, INPUTS)
    chain.tensors = {name: tensor for name, tensor in chain.tensors.items() if not name.startswith("lower.bias") or "reverse" not in name}
    rows = json.loads(cli.answers("info", write_chains(cli.path("words.safetensors"), chain), "--json"))["chain"]
    expected = [["product of both directions", "outputs of masked steps 0", "forward: forget bias 0.5", "forward: candidate elu(0.1)",
                 "forward: output relu", "reverse: no bias", "reverse: f = 1 - i",
                 "reverse: inputs of gates and candidate clipped at 3"],
                ["reverse, outputs in processing order"], ["relu"], ["mean of the steps"]]
    cli.check([row["options"] for row in rows] == expected, f"options: {rows}")
    cli.check(rows[0]["parameters"] == 2 * 20 * (3 + 5) + 20 * 2, f"biases of one direction: {rows[0]}")


def check_shape(cli):
    """A model of torch's names has its old lines, and the chain."""
    path = Network(SEED, 3, 4, layers=2, directions=2, vocabulary=9, classes=2).write(cli.path("shape.safetensors"))
    facts = json.loads(cli.answers("info", path, "--json"))
    cli.check([(row["kind"], row["inputs"], row["outputs"], row["gives"]) for row in facts["chain"]] ==
              [("embedding", 0, 3, "steps"), ("lstm", 3, 8, "steps"), ("lstm", 8, 8, "steps"), ("dense", 8, 2, "row")] and
              facts["flop_per_row"] == 2 * 8 * 2 and sum(row["parameters"] for row in facts["chain"]) == facts["parameters"],
              f"the chain of a shape: {facts}")
    table = cli.answers("info", path).decode()
    cli.check(table.startswith("model         ") and "\nlayers        2\ndirections    2\n" in table and
              "head of the final states\n" in table and "9 tokens" in table, f"its table: {table}")


def check_explain(cli):
    path = model(cli, "explain.safetensors", [FIRST, final(SECOND), END])
    words = ["info", path, "--explain", "--batch", 4, "--steps", 5]
    plan = json.loads(cli.answers(*words, "--json", "--threads", 1))
    cli.check(plan["candidates"] and plan["workspace_bytes"] > 0, f"a plan for a chain: {plan}")
    cli.check(b"chosen" in cli.answers(*words), "and in words")


# ---- run -------------------------------------------------------------------------------------------------------------------------

def run(cli, path, *words, **options):
    """Run over the inputs; the arrays of the options: {option: array}."""
    names = {option: cli.path(f"out{option}.npy") for option in options}
    cli.answers("run", path, "-i", cli.path("x.npy"), *words, *(word for option in options for word in (f"--{option}", names[option])))
    return {option: read_npy(name) for option, name in names.items()}


def check_layers(cli):
    """Outputs of any layer: those of the chain that ends there; in any layout, and in chunks."""
    _, lengths, _ = inputs(cli)
    path = model(cli, "layers.safetensors", [FIRST, SECOND, HIDDEN, END])
    words = ["--lengths", lengths]
    whole = run(cli, path, *words, output=1, head=1)
    cli.check(whole["output"] == whole["head"] and whole["head"][0] == (ROWS, STEPS, 2),
              f"without --layer --output is of the network's end: {whole['output'][0]}")
    upper = run(cli, path, *words, "--layer", "upper", output=1)["output"]
    ends = run(cli, model(cli, "upper.safetensors", [FIRST, SECOND]), *words, output=1)["output"]
    cli.check(upper == ends and upper[0] == (ROWS, STEPS, 4), "where nothing is behind the last LSTM layer, of that")
    lower = run(cli, path, *words, "--layer", "lower", output=1, head=1)
    alone = run(cli, model(cli, "lower.safetensors", [FIRST]), *words, output=1)
    cli.check(lower["output"] == alone["output"], "the lower layer's outputs are those of a network that ends there")
    cli.check(lower["head"] == whole["head"], "--head is of the end, whatever --layer is")
    cli.check(run(cli, path, *words, "--layer", "end", output=1, head=1)["output"] == whole["head"], "the last layer's are --head")
    hidden = run(cli, path, *words, "--layer", "hidden", output=1)["output"]
    weights, biases = (Chain(SEED, [FIRST, SECOND, HIDDEN], INPUTS).tensors[f"hidden.{name}"][1] for name in ("weight", "bias"))
    worst = 0
    for n, length in enumerate(LENGTHS):
        for t in range(STEPS):
            y = at(upper, n, t)
            expected = [max(0, sum(a * b for a, b in zip(weights[4 * k:], y)) + biases[k]) if t < length else 0 for k in range(6)]
            worst = max([worst, *(abs(a - b) for a, b in zip(expected, at(hidden, n, t)))])
    cli.check(worst < 8 * 2 ** -24 * 4, f"the dense layer's are W y + b through relu: off by {worst}")  # 5 roundings of sums below 4
    for chunk in (["--rows", 2], ["--rows", 3, "--threads", 2]):
        cli.check(run(cli, path, *words, *chunk, output=1, head=1) == whole, f"{chunk}: the same")
    turned = cli.npy("turned.npy", (STEPS, ROWS, INPUTS), [value for t in range(STEPS) for n in range(ROWS)
                                                           for value in at(read_npy(cli.path("x.npy")), n, t)])
    head, layer = cli.path("head.npy"), cli.path("layer.npy")
    cli.answers("run", path, "-i", turned, "--layout", "tnc", *words, "--head", head, "-o", layer, "--layer", "hidden", "--rows", 3)
    cli.check(all(at(read_npy(head), t, n) == at(whole["head"], n, t) and at(read_npy(layer), t, n) == at(hidden, n, t)
                  for n in range(ROWS) for t in range(STEPS)), "steps first")
    by_row = run(cli, model(cli, "row.safetensors", [FIRST, final(SECOND), HIDDEN, END]), *words, output=1, head=1)
    cli.check(by_row["head"][0] == (ROWS, 2) and by_row["output"] == by_row["head"], "an end behind the final states: [N][C]")
    cli.check(all(at(by_row["head"], n) == at(whole["head"], n, length - 1) for n, length in enumerate(LENGTHS) if length),
              "which is that of the last step")


def check_states(cli):
    """Final states of layers of one size as ever, else an archive of an array a layer."""
    _, lengths, _ = inputs(cli)
    path = model(cli, "states.safetensors", [FIRST, {**SECOND, "name": "upper \u00e9"}])
    names = [cli.path(name) for name in ("y.npy", "hn.npz", "cn.npz")]
    words = ["run", path, "-i", cli.path("x.npy"), "--lengths", lengths, "-o", names[0], "--hn", names[1]]
    cli.answers(*words, "--cn", names[2])
    y, hn, cn = read_npy(names[0]), read_npz(names[1]), read_npz(names[2])
    cli.check({name: shape for name, (shape, _) in hn.items()} == {"lower": (2, ROWS, 5), "upper \u00e9": (1, ROWS, 4)} and
              list(hn) == list(cn) and cn["lower"][0] == (2, ROWS, 5), f"an array a layer: {[(name, hn[name][0]) for name in hn]}")
    cli.check(all(at(hn["upper \u00e9"], 0, n) == (at(y, n, length - 1) if length else [0] * 4) for n, length in enumerate(LENGTHS)),
              "h of the last steps")
    whole = names[1].read_bytes()
    for chunk in (1, 3, ROWS):
        cli.answers(*words, "--rows", chunk)
        cli.check(names[1].read_bytes() == whole, f"{chunk} rows at a time: the same bytes")
    single = ["run", path, "-i", cli.path("x.npy"), "--lengths", lengths, "--hn", "-"]
    cli.check(cli.answers(*single) == whole, "and through a pipe")
    cli.refused(USAGE, ["--hn", "pipe", f"--rows {ROWS}"], *single, "--rows", 2)
    cli.refused(DATA, ["h0.npy", "expected a .npz file"], *words, "--h0", cli.npy("h0.npy", (3, ROWS, 5), [0] * 3 * ROWS * 5))
    alike = model(cli, "alike.safetensors", [FIRST, {**SECOND, "units": 5}])
    found = run(cli, alike, "--lengths", lengths, hn=1, cn=1)
    cli.check(found["hn"][0] == (3, ROWS, 5), "one array where sizes are alike")
    cut = [max(length - 2, 0) for length in LENGTHS]
    projected = model(cli, "projected.safetensors", [{**SECOND, "name": "a", "units": 4}, {**SECOND, "name": "b", "units": 6}])
    cli.answers("run", projected, "-i", cli.path("x.npy"), "--lengths", cli.npy("cut.npy", (ROWS,), cut, "<i8"), "--cn", names[2])
    cli.check([shape for shape, _ in read_npz(names[2]).values()] == [(1, ROWS, 4), (1, ROWS, 6)], "cells of their own sizes")
    empty = cli.npy("none.npy", (0, STEPS, INPUTS), [])
    cli.answers("run", path, "-i", empty, "--hn", names[1])
    cli.check([shape for shape, _ in read_npz(names[1]).values()] == [(2, 0, 5), (1, 0, 4)], "no rows")


def check_pieces(cli):
    """--state carries states of any sizes from run to run."""
    x = (ROWS, STEPS, INPUTS), inputs(cli)[2]
    path = model(cli, "pieces.safetensors", [{**SECOND, "name": "a"}, {**SECOND, "name": "b", "units": 6, "projection": 3}])
    whole = run(cli, path, output=1)["output"]
    state = cli.path("state.safetensors")
    for begin, end in ((0, 2), (2, 3), (3, STEPS)):
        piece = cli.npy("piece.npy", (ROWS, end - begin, INPUTS), [value for n in range(ROWS) for t in range(begin, end)
                                                                   for value in at(x, n, t)])
        y = cli.path("piece_y.npy")
        cli.answers("run", path, "-i", piece, "--state", state, "-o", y, "--rows", 3)
        cli.check(all(at(read_npy(y), n, t - begin) == at(whole, n, t) for n in range(ROWS) for t in range(begin, end)),
                  f"steps {begin} to {end} as of the whole sequences")
    cli.refused(DATA, ["state.safetensors", "h_l1", "[slots][7]"], "run", model(cli, "other.safetensors", [SECOND, {**END, "units": 9},
                                                                                             {**SECOND, "name": "c", "units": 7}]),
                "-i", cli.path("x.npy"), "--state", state)


class NoSeek:
    """A file that zipfile cannot go back in: sizes and CRC are 0 in its local headers, and follow the data."""

    def __init__(self, to):
        self.write, self.flush = to.write, to.flush


def check_initial_states(cli):
    """--h0 and --c0 read what --hn and --cn wrote: two pieces give the bits of one."""
    x = (ROWS, STEPS, INPUTS), inputs(cli)[2]
    path = model(cli, "initial.safetensors", [{**SECOND, "name": "a"}, {**SECOND, "name": "b \u00e9", "units": 6, "projection": 3}])
    whole = run(cli, path, output=1)["output"]
    names = cli.path("h.npz"), cli.path("c.npz")
    pieces = []
    for begin, end in ((0, 2), (2, STEPS)):
        piece = cli.npy("piece.npy", (ROWS, end - begin, INPUTS), [value for n in range(ROWS) for t in range(begin, end)
                                                                   for value in at(x, n, t)])
        pieces.append(piece)
        first = [] if begin == 0 else ["--h0", names[0], "--c0", names[1]]
        for rows in ((ROWS,) if begin == 0 else (1, 3, ROWS)):
            y = cli.path("piece_y.npy")
            states = ["--hn", names[0], "--cn", names[1]] if begin == 0 else []
            cli.answers("run", path, "-i", piece, *first, *states, "-o", y, "--rows", rows)
            cli.check(all(at(read_npy(y), n, t - begin) == at(whole, n, t) for n in range(ROWS) for t in range(begin, end)),
                      f"steps {begin} to {end} as of the whole sequences, {rows} rows at a time")
    words = ["run", path, "-i", pieces[1], "-o", cli.path("refused.npy")]
    good = {name: npy_bytes(shape, values) for name, (shape, values) in read_npz(names[0]).items()}

    def archive(members, method=zipfile.ZIP_STORED):
        target = cli.path("bad.npz")
        with zipfile.ZipFile(target, "w", method) as made:
            for name, data in members.items():
                made.writestr(name, data)
        return target

    members = {f"{name}.npy": data for name, data in good.items()}
    cli.answers(*words, "--h0", archive(members))
    cli.answers(*words, "--h0", archive(members, zipfile.ZIP_DEFLATED))
    cli.refused(DATA, ["bad.npz", "a.npy", "compressed", "method 12", "zip -0"], *words, "--h0", archive(members, zipfile.ZIP_BZIP2))
    cli.refused(DATA, ["bad.npz", "no member", "a.npy"], *words, "--h0", archive({k: v for k, v in members.items() if k != "a.npy"}))
    cli.refused(DATA, ["bad.npz", "--h0", "other", "no LSTM layer"], *words, "--h0", archive({**members, "other.npy": b""}))
    cli.refused(DATA, ["bad.npz: byte", '"a" beside "a.npy"'], *words, "--h0", archive({**members, "a": members["a.npy"]}))
    cli.refused(DATA, ["bad.npz: a", "[1][7][4]", "[2][7][4]"], *words, "--h0",
                archive({**members, "a.npy": npy_bytes((2, ROWS, 4), [0] * 8 * ROWS)}))
    cli.refused(DATA, ["bad.npz: a.npy", "not a .npy"], *words, "--h0", archive({**members, "a.npy": b"text"}))
    streamed = io.BytesIO()
    with zipfile.ZipFile(NoSeek(streamed), "w") as made:
        for name, data in members.items():
            made.writestr(name, data)
    cli.answers(*words, "--h0", cli.write("streamed.npz", streamed.getvalue()))
    damaged = bytearray(names[0].read_bytes())
    damaged[200] ^= 1
    cli.refused(DATA, ["damaged.npz", "a.npy", "CRC"], *words, "--h0", cli.write("damaged.npz", bytes(damaged)))
    cli.refused(DATA, ["damaged.npz", "cut short"], *words, "--h0", cli.write("damaged.npz", bytes(damaged[:-30])))


def check_mask(cli):
    """A masked step leaves the states alone: as if it were not there."""
    x = inputs(cli)[2]
    path = model(cli, "mask.safetensors", [SECOND, {**SECOND, "name": "second"}])
    source = random.Random(SEED + 1)
    mask = [source.randrange(3) > 0 for _ in range(ROWS * STEPS)]
    short, lengths = [], []
    for n in range(ROWS):
        kept = [t for t in range(STEPS) if mask[n * STEPS + t]]
        lengths.append(len(kept))
        for t in kept + [0] * (STEPS - len(kept)):
            short += x[(n * STEPS + t) * INPUTS:(n * STEPS + t + 1) * INPUTS]
    cli.npy("mask.npy", (ROWS, STEPS), [3 * kept for kept in mask], "|u1")
    masked = run(cli, path, "--mask", cli.path("mask.npy"), hn=1, cn=1)
    kept = cli.path("kept.npy")
    cli.answers("run", path, "-i", cli.npy("short.npy", (ROWS, STEPS, INPUTS), short), "--lengths",
                cli.npy("kept_lengths.npy", (ROWS,), lengths, "<i8"), "--hn", kept)
    cli.check(masked["hn"] == read_npy(kept), "the final states are those without the masked steps")
    cli.check(run(cli, path, "--mask", cli.path("mask.npy"), "--rows", 2, hn=1, cn=1) == masked, "in chunks")
    flags = bytearray(npy_bytes((ROWS, STEPS), [bool(kept) for kept in mask], "|u1"))
    cli.write("flags.npy", bytes(flags).replace(b"'|u1'", b"'|b1'"))
    cli.check(run(cli, path, "--mask", cli.path("flags.npy"), hn=1, cn=1) == masked, "a mask of bool")
    turned = cli.npy("turned_mask.npy", (STEPS, ROWS), [mask[n * STEPS + t] for t in range(STEPS) for n in range(ROWS)], "|u1")
    turned_x = cli.npy("turned.npy", (STEPS, ROWS, INPUTS), [value for t in range(STEPS) for n in range(ROWS)
                                                             for value in at(((ROWS, STEPS, INPUTS), x), n, t)])
    cli.answers("run", path, "-i", turned_x, "--layout", "tnc", "--mask", turned, "--hn", kept, "--rows", 3)
    cli.check(read_npy(kept) == masked["hn"], "steps first")
    base = ["run", path, "-i", cli.path("x.npy"), "--hn", kept, "--mask"]
    cli.refused(DATA, ["--mask", f"[{ROWS}][{STEPS}]", "found"], *base, cli.npy("bad.npy", (STEPS, ROWS), [1] * ROWS * STEPS, "|u1"))
    cli.refused(DATA, ["--mask", "b1 or u1", "f4"], *base, cli.npy("bad.npy", (ROWS, STEPS), [1] * ROWS * STEPS))
    backwards = model(cli, "backwards.safetensors", [{**SECOND, "direction": "reverse", "processing_order": True}])
    words = ["run", backwards, "-o", kept, "-i"]
    cli.answers(*words, cli.path("short.npy"), "--lengths", cli.path("kept_lengths.npy"))
    iterations = read_npy(kept)
    cli.answers(*words, cli.path("x.npy"), "--mask", cli.path("mask.npy"))
    made = [sum(mask[(n + 1) * STEPS - 1 - t:(n + 1) * STEPS]) for n in range(ROWS) for t in range(STEPS)]
    want = [at(iterations, k // STEPS, count - 1) if count else [0] * SECOND["units"] for k, count in enumerate(made)]
    cli.check([at(read_npy(kept), n, t) for n in range(ROWS) for t in range(STEPS)] == want,
              "in processing order, a step has what came out of the iterations made so far")


def check_text(cli):
    """Classes of a network that ends with softmax are its outputs; of one with steps there are none."""
    embedding = {"kind": "embedding", "name": "embedding", "units": 3, "vocabulary": 256}
    plain, soft = (write_chains(cli.path(f"{name}.safetensors"), Chain(SEED, [embedding, final(SECOND), end], classes=["no", "yes"]))
                   for name, end in (("plain", END), ("soft", {**END, "activation": SOFTMAX})))
    lines = b"abc\n\nsome words\n"
    answers = [cli.answers("run", path, "--text", "--top", 2, stdin=lines) for path in (plain, soft)]
    cli.check(answers[0] == answers[1] and answers[0].count(b"\n") == 3 and b"yes\t" in answers[0],
              f"softmax by the program and by the network: {answers}")
    steps = write_chains(cli.path("steps.safetensors"), Chain(SEED, [embedding, SECOND, END]))
    cli.refused(DATA, ["--text", "every step"], "run", steps, "--text", stdin=lines)
    bare = write_chains(cli.path("bare.safetensors"), Chain(SEED, [embedding, SECOND]))
    cli.refused(DATA, ["--text", "has none"], "run", bare, "--text", stdin=lines)


def check_choice(cli):
    """One of several networks in a file, by its name."""
    one, two = Chain(SEED, [SECOND], INPUTS, name="one"), Chain(SEED + 1, [FIRST, END], INPUTS, name="two")
    both = write_chains(cli.path("both.safetensors"), one, two)
    inputs(cli)
    cli.refused(DATA, ["one", "two"], "run", both, "-i", cli.path("x.npy"), "--hn", cli.path("never.npy"))
    cli.refused(DATA, ["three", "one"], "info", both, "--network", "three")
    facts = json.loads(cli.answers("info", both, "--network", "two", "--json"))
    cli.check([row["name"] for row in facts["chain"]] == ["lower", "end"], f"info of the second: {facts['chain']}")
    alone = write_chains(cli.path("alone.safetensors"), Chain(SEED, [SECOND], INPUTS))
    cli.check(run(cli, both, "--network", "one", output=1) == run(cli, alone, output=1), "the first runs as it does alone")
    cli.refused(USAGE, ["--network", "--env"], "info", "--env", "--network", "one")


def check_refused(cli):
    inputs(cli)
    path = model(cli, "refused.safetensors", [FIRST, SECOND])
    out = cli.path("never.npy")
    base = ["run", path, "-i", cli.path("x.npy")]
    cli.refused(USAGE, ["--layer 'middle'", "lower, upper"], *base, "-o", out, "--layer", "middle")
    cli.refused(USAGE, ["--layer", "--output"], *base, "--hn", out, "--layer", "lower")
    cli.refused(DATA, ["--head", "has none", "--output"], *base, "--head", out)
    cli.refused(USAGE, ["--text", "--mask"], "run", path, "--text", "--mask", out)
    shape = Network(SEED, INPUTS, 4, classes=2).write(cli.path("shape.safetensors"))
    cli.refused(USAGE, ["'dense_1' is the head", "--head"], "run", shape, *base[2:], "-o", out, "--layer", "dense_1")
    tokens = Network(SEED, INPUTS, 4, vocabulary=5).write(cli.path("tokens.safetensors"))
    ids = cli.npy("ids.npy", (2, 3), [0, 1, 2, 3, 4, 0], "<i4")
    cli.refused(USAGE, ["'embedding_1' is an embedding", "lstm_1"], "run", tokens, "-i", ids, "-o", out, "--layer", "embedding_1")
    cli.check(not out.exists() and not cli.leftovers(), "nothing is written")


if __name__ == "__main__":
    run_parts()
