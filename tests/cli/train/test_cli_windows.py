#!/usr/bin/env python3
"""sluice train --window: windows of series are the same rows as arrays of them, see nothing of the future, and scale exactly."""
import array
import csv
import gzip
import io
import json
import math
import random

from support.cli import (DATA, NO_INPUT, QUIET, USAGE, keeps_memory_small, npy_bytes, peak_memory, read_npy, read_safetensors, run_parts,
                         zipped)

SEED = 31
STEPS, WINDOW, HOP = 97, 12, 3
LENGTHS = (STEPS, 40, 11, 58)  # of four series, of which the third is too short
COLUMNS = ("load", "wind", "price")
TRAIN = ["--epochs", 1, "--hidden", 5, "--batch", 16, *QUIET]


def as_float(values):
    return list(array.array("f", values))


def make_series(lengths=LENGTHS, seed=SEED):
    """[series][step][column], each a float32."""
    source = random.Random(seed)
    return [[as_float((math.sin(t / 5) + source.gauss(0, .2), 1e3 + 50 * source.random(), source.gauss(-3, 1))) for t in range(length)]
            for length in lengths]


def write_table(cli, name, series, columns=COLUMNS):
    """A table with a column of dates, which is not read, and one that names the series."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["date", "place", *columns])
    for n, steps in enumerate(series):
        for t, step in enumerate(steps):
            table.writerow([f"day {t}", f"place, {n}", *map(repr, step)])
    return cli.write(name, text.getvalue())


def windows_of(series, inputs, targets, horizons, window=WINDOW, hop=HOP):
    """[(inputs [W][I], targets)] as arrays have them, and of each window (series, its steps)."""
    rows, places = [], []
    for n, steps in enumerate(series):
        for begin in range(0, len(steps) - window - horizons[-1] + 1, hop):
            last = begin + window - 1
            rows.append(([[step[k] for k in inputs] for step in steps[begin:last + 1]],
                         [steps[last + h][k] for h in horizons for k in targets]))
            places.append((n, begin, last))
    return rows, places


def write_arrays(cli, rows, name="rows"):
    x = [value for inputs, _ in rows for step in inputs for value in step]
    y = [value for _, targets in rows for value in targets]
    inputs, targets = rows[0]
    return [cli.npy(f"{name}_x.npy", (len(rows), len(inputs), len(inputs[0])), x), cli.npy(f"{name}_y.npy", (len(rows), len(targets)), y)]


def tensors_of(path):
    return {name: content for name, (_, content) in read_safetensors(path)[1].items()}


def train(cli, *words, output="m.safetensors", notes=1):
    path = cli.path(output)
    summary = cli.answers("train", *words, "-o", path, "--json", *TRAIN, notes=notes)
    return path, json.loads(summary)


def table_words(table, *more):
    return ["-i", table, "--window", WINDOW, "--hop", HOP, "--sequence-column", "place", *more]


def check_same_as_arrays(cli):
    """The model is that of arrays of the same windows, to the bit, with one shard and with three, whatever the columns' order."""
    series = make_series()
    table = write_table(cli, "series.csv", series)
    for case, (inputs, targets, horizons, text) in enumerate(((("load", "wind", "price"), ("price",), (1,), "1"),
                                                              (("price", "load"), ("wind", "load"), (2, 3, 4), "2-4"),
                                                              (("wind",), ("price",), (0,), "0"))):
        indices = [[COLUMNS.index(name) for name in names] for names in (inputs, targets)]
        rows, _ = windows_of(series, *indices, horizons)
        x, y = write_arrays(cli, rows, f"rows{case}")
        for shards in (1, 3):
            more = ["--epochs", 2, "--shards", shards, "--seed", 5]
            ours, summary = train(cli, *table_words(table, "--columns", ",".join(inputs), "--target", ",".join(targets), "--horizon",
                                                    text, *more))
            theirs, expected = train(cli, "-i", x, "--values", y, *more, output="arrays.safetensors", notes=0)
            cli.check(tensors_of(ours) == tensors_of(theirs), f"{inputs} to {targets}: the same weights as of arrays")
            cli.check(summary["training"] == expected["training"], f"and the same loss: {summary}, {expected}")
        said = json.loads(read_safetensors(ours)[0]["sluice_series"])
        cli.check(said == {"version": 1, "window": WINDOW, "hop": HOP, "horizons": [horizons[0], horizons[-1]],
                           "inputs": list(inputs), "targets": list(targets), "quantiles": [], "scaling": "none"}, f"the file says: {said}")


def check_formats(cli):
    """Each format of a file gives the same model; an array's columns have numbers, and those of a table too."""
    series = make_series(lengths=(60, 60))
    table = write_table(cli, "series.csv", series)
    content = npy_bytes((2, 60, 3), [value for steps in series for step in steps for value in step])
    base = ["--window", WINDOW, "--horizon", 2, "--normalize"]
    expected, _ = train(cli, "-i", table, "--sequence-column", "place", *base, "--columns", "load,wind,price", "--target", "wind", notes=0)
    named = ["--columns", "3,4,5", "--target", "4", "--sequence-column", "2"]
    plain = write_table(cli, "plain.csv", series).read_text().split("\n", 1)[1].replace(",", ";").replace('"place; ', '"place ')
    files = {cli.write("series.csv.gz", gzip.compress(table.read_bytes())): (named, 0),
             cli.write("semicolons.csv", plain): ([*named, "--header", "no", "--delimiter", ";"], 0),
             cli.write("series.npy", content): (["--target", "2"], 0),
             cli.write("series.npy.gz", gzip.compress(content)): (["--target", "2"], 0),
             f"{cli.write('series.npz', zipped(content, 'all.npy'))}:all": (["--columns", "1,2,3", "--target", "2"], 0)}
    for path, (words, notes) in files.items():
        found, _ = train(cli, "-i", path, *base, *words, output="other.safetensors", notes=notes)
        cli.check(tensors_of(found) == tensors_of(expected), f"{path}: the same model as of the table")
    words = ["-o", cli.path("npz.safetensors"), "--checkpoint", cli.path("npz.checkpoint"), "--window", WINDOW, "--target", 2]
    cli.answers("train", "-i", f"{cli.path('series.npz')}:all", *words, *TRAIN)
    cli.answers("train", "--resume", cli.path("npz.checkpoint"), "--epochs", 2, *QUIET)
    table_of_one = write_table(cli, "one.csv", series[:1])
    single = cli.npy("single.npy", (60,), [step[1] for step in series[0]])
    one, _ = train(cli, "-i", single, *base, "--target", 1, output="single.safetensors", notes=0)
    other, _ = train(cli, "-i", table_of_one, *base, "--columns", "wind", "--target", "wind", output="other.safetensors", notes=0)
    cli.check(tensors_of(one) == tensors_of(other), "[T] is one series of one column")


def check_future(cli):
    """What is held out changes neither weights nor scaling, and all targets of validation are in it."""
    share, horizons = 0.3, (2, 3)
    series = make_series()
    changed = [[step if t < len(steps) - round(share * len(steps)) else [9 * value + 1 for value in step] for t, step in enumerate(steps)]
               for steps in series]
    words = ["--columns", "load,price", "--target", "price,wind", "--horizon", "2-3", "--standardize", "--validate-last", "30%"]
    models, summaries = zip(*[train(cli, *table_words(write_table(cli, f"future{k}.csv", content), *words), output=f"future{k}.safetensors")
                              for k, content in enumerate((series, changed))])
    cli.check(models[0].read_bytes() == models[1].read_bytes(), "the model is the same whatever the future is")
    cli.check(summaries[0]["validation"]["loss"] != summaries[1]["validation"]["loss"], "and its score is of the future")
    past = [steps[:len(steps) - round(share * len(steps))] for steps in series]
    trained, _ = windows_of(past, (0, 2), (2, 1), horizons)
    _, places = windows_of(series, (0, 2), (2, 1), horizons)
    validated = sum(last + horizons[0] >= len(past[n]) for n, _, last in places)
    found = [summaries[0][part]["counted"] for part in ("training", "validation")]
    cli.check(found == [len(trained), validated], f"windows: {found}, expected {len(trained)} and {validated}")
    cli.check([row["name"] for row in summaries[0]["outputs"]] == ["price+2", "wind+2", "price+3", "wind+3"], "names of outputs")
    cut, _ = train(cli, *table_words(write_table(cli, "past.csv", past), *words[:-2]), output="past.safetensors")
    cli.check(cut.read_bytes() == models[0].read_bytes(), "it is the model of the past alone")


def check_validation_file(cli):
    """--validate has other series of the same columns, in any order, scaled as those for training."""
    table = write_table(cli, "fit.csv", make_series())
    held = make_series(lengths=(35, 20), seed=SEED + 7)
    orders = [write_table(cli, "held.csv", held),
              write_table(cli, "turned.csv", [[step[::-1] for step in steps] for steps in held], COLUMNS[::-1])]
    words = table_words(table, "--columns", "wind,load", "--target", "price", "--standardize")
    found = [train(cli, *words, "--validate", path, output=path.with_suffix(".st").name)[1]["validation"] for path in orders]
    expected, _ = windows_of(held, (1, 0), (2,), (1,))
    cli.check(found[0] == found[1] and found[0]["counted"] == len(expected), f"{found}, {len(expected)} windows")
    rows = [["place", "wind", "load"], *(["p", 1, 2] for _ in range(30))]
    cli.refused(DATA, ["lacking.csv", "price", "which the model takes"], "train", *words, "--validate",
                cli.write("lacking.csv", "\n".join(",".join(map(str, row)) for row in rows)), "-o", cli.path("l.st"), *TRAIN, noted="skipped")


def floats(content):
    return list(array.array("f", content))


def rounded(value):
    return as_float([value])[0]


def check_scaling(cli):
    """Scale and shift are those of the data, in double, rounded once; a constant column has scale 1."""
    series = [[[*step, 0.1] for step in steps] for steps in make_series()]
    table = write_table(cli, "scaled.csv", series, (*COLUMNS, "constant"))
    words = table_words(table, "--columns", "load,wind,constant", "--target", "price,wind", "--horizon", "1-2")
    columns = [[step[k] for steps in series for step in steps] for k in (0, 1, 3)]
    columns[2] = as_float(columns[2])
    means = []
    for column in columns:
        total = 0.0
        for value in column:
            total += value
        means.append(total / len(column))
    spreads = []
    for column, mean in zip(columns, means):
        total = 0.0
        for value in column:
            total += (value - mean) * (value - mean)
        spreads.append(math.sqrt(total / len(column)))
    expected = {"standardize": [(1 / spread, mean) for spread, mean in zip(spreads[:2], means)] + [(1, columns[2][0])],
                "normalize": [(1 / (max(column) - min(column)), min(column)) for column in columns[:2]] + [(1, columns[2][0])]}
    for option, pairs in expected.items():
        path, _ = train(cli, *words, f"--{option}")
        tensors = tensors_of(path)
        scales = as_float([scale for scale, _ in pairs])
        shifts = as_float([-origin * scale for scale, (_, origin) in zip(scales, pairs)])
        cli.check(floats(tensors["scale_inputs.scale"]) == scales, f"{option}: scales {floats(tensors['scale_inputs.scale'])}, {scales}")
        cli.check(floats(tensors["scale_inputs.shift"]) == shifts, f"{option}: shifts {floats(tensors['scale_inputs.shift'])}, {shifts}")
        back = floats(tensors["scale_outputs.scale"])
        cli.check(back[1] == back[3] == rounded(1 / scales[1]), f"{option}: outputs are scaled back: {back}")
        cli.check(back[0] == back[2], f"{option}: each horizon of a target alike")
        info = cli.answers("info", path).decode()
        cli.check(all(word in info for word in ("12 steps, hop 3", "load, wind, constant", "price, wind, each from 1 to 2", option)), info)


def check_units(cli):
    """The file gives, of raw windows, what the network that was trained gives of scaled ones, in the units of the data."""
    series = make_series(lengths=(STEPS,))
    table = write_table(cli, "units.csv", series)
    words = ["-i", table, "--window", WINDOW, "--columns", "load,wind", "--target", "wind", "--horizon", "1-2", "--epochs", 3]
    scaled, _ = train(cli, *words, "--standardize", notes=0)
    whole = cli.npy("whole.npy", (1, STEPS, 2), [value for step in series[0] for value in step[:2]])
    run = ["run", scaled, "-i", whole, "--layer", "scale_inputs", "-o", cli.path("whole_scaled.npy"), *QUIET]
    cli.answers(*run)
    _, values = read_npy(cli.path("whole_scaled.npy"))
    steps = [list(values[2 * t:2 * t + 2]) for t in range(STEPS)]
    x, y = write_arrays(cli, windows_of([steps], (0, 1), (1,), (1, 2), hop=1)[0], "scaled")
    bare, _ = train(cli, "-i", x, "--values", y, "--epochs", 3, output="bare.safetensors", notes=0)
    ours, theirs = tensors_of(scaled), tensors_of(bare)
    pairs = {"lstm_1.weight_ih_l0": "lstm.weight_ih_l0", "lstm_1.weight_hh_l0": "lstm.weight_hh_l0", "lstm_1.bias_ih_l0": "lstm.bias_ih_l0",
             "dense_1.weight": "fc.weight", "dense_1.bias": "fc.bias"}
    cli.check(all(ours[a] == theirs[b] for a, b in pairs.items()), "series are scaled as the first layer does, to the bit")
    raw, _ = write_arrays(cli, windows_of(series, (0, 1), (1,), (1, 2), hop=1)[0], "raw")
    cli.answers("run", scaled, "-i", raw, "--head", cli.path("units.npy"), *QUIET)
    cli.answers("run", bare, "-i", x, "--head", cli.path("plain.npy"), *QUIET)
    _, found = read_npy(cli.path("units.npy"))
    _, plain = read_npy(cli.path("plain.npy"))
    scale, shift = (floats(ours[f"scale_outputs.{name}"]) for name in ("scale", "shift"))
    worst = max(abs(value - (scale[k % 2] * plain[k] + shift[k % 2])) / abs(value) for k, value in enumerate(found))
    # The network's outputs are the same bits; one fused multiply-add follows, rounded to 2^-24 of its result, and the sum in double
    # here to 2^-53.
    cli.check(len(found) == len(plain) > 0 and worst <= 2**-24 * (1 + 2**-20), f"in the units of the data: off by {worst}")


def check_quantiles(cli):
    """Each quantile of a value has the value's scaling, and its loss is in the value's units."""
    series = make_series(lengths=(STEPS,))
    words = ["-i", write_table(cli, "quantiles.csv", series), "--window", WINDOW, "--columns", "load", "--target", "wind,load", "--horizon",
             "1-2", "--loss", "quantile:0.1,0.9", "--validate-last", "25%"]
    path, summary = train(cli, *words, "--standardize", notes=0)
    names = [row["name"] for row in summary["outputs"]]
    cli.check(names == [f"{target}+{h} q{q}" for h in (1, 2) for target in ("wind", "load") for q in (0.1, 0.9)], f"names: {names}")
    scale = floats(tensors_of(path)["scale_outputs.scale"])
    cli.check(len(scale) == 8 and scale[:2] == scale[4:6] == [scale[0]] * 2 and scale[2:4] == scale[6:] == [scale[2]] * 2, f"{scale}")
    mean = sum(row["mean_quantile_loss"] / factor for row, factor in zip(summary["outputs"], scale)) / 8
    cli.check(math.isclose(mean, summary["validation"]["loss"], rel_tol=1e-6), f"losses in units: {mean}, {summary['validation']}")


def check_weights(cli):
    """A window has the weight of the step of its first target, of a column or of a file: the model of arrays with these weights."""
    source = random.Random(SEED + 9)
    series = [[[*step, source.choice((0, 0.5, 1, 3))] for step in steps] for steps in make_series()]
    table = write_table(cli, "weights.csv", series, (*COLUMNS, "weight"))
    rows, places = windows_of(series, (0, 1), (2,), (2, 3))
    weights = [series[n][last + 2][3] for n, _, last in places]
    x, y = write_arrays(cli, rows, "weighted")
    expected, summary = train(cli, "-i", x, "--values", y, "--sample-weights", cli.npy("w.npy", (len(rows),), weights),
                              output="arrays.safetensors", notes=0)
    steps = [step[3] for steps in series for step in steps]
    words = table_words(table, "--columns", "load,wind", "--target", "price", "--horizon", "2-3")
    for more in (["--weight-column", "weight"], ["--weight-column", "6"], ["--sample-weights", cli.npy("steps.npy", (len(steps),), steps)]):
        found, said = train(cli, *words, *more)
        cli.check(tensors_of(found) == tensors_of(expected), f"{more}: the weights of arrays")
        cli.check(said["training"] == summary["training"], f"{more}: the same loss: {said['training']}, {summary['training']}")
    three = write_table(cli, "three.csv", [[step[:2] + step[3:] for step in steps] for steps in series], ("load", "wind", "weight"))
    scaled = table_words(three, "--target", "wind", "--standardize", "--validate-last", .2)
    named = [train(cli, *words_, output="named.safetensors")[0].read_bytes() for words_ in
             ([*scaled, "--columns", "load,wind", "--weight-column", "weight"],
              [*scaled, "--columns", "load,wind", "--sample-weights", cli.path("steps.npy")])]
    cli.check(named[0] == named[1], "of scaled columns too")
    array_ = cli.npy("array.npy", (STEPS, 3), [value for step in series[0] for value in (*step[:2], step[3])])
    found, _ = train(cli, "-i", array_, "--window", WINDOW, "--target", 2, "--weight-column", 3, notes=0)
    said = json.loads(read_safetensors(found)[0]["sluice_series"])
    cli.check(said["inputs"] == ["1", "2"], f"by default it is no input: {said}")
    base = ["train", "-o", cli.path("bad.safetensors"), *QUIET, *words]
    bad = write_table(cli, "negative.csv", [[[*step[:3], -1 if t == 5 else 1] for t, step in enumerate(steps)] for steps in series],
                      (*COLUMNS, "weight"))
    cli.refused(DATA, ["negative.csv", "series 0, step 5", "'weight'", "-1"], *base[:-len(words)], *table_words(bad, *words[8:]),
                "--weight-column", "weight")
    cli.refused(DATA, ["steps.npy", "[206]", "--weight-column", "[205]"], *base, "--sample-weights",
                cli.npy("fewer_steps.npy", (len(steps) - 1,), steps[1:]), noted="skipped")
    cli.refused(DATA, ["negative.npy", "step 3 of all series", "-2"], *base, "--sample-weights",
                cli.npy("negative.npy", (len(steps),), [1, 1, 1, -2, *steps[4:]]), noted="skipped")
    cli.refused(USAGE, ["--sample-weights", "--weight-column", "exclude"], *base, "--sample-weights", table, "--weight-column", "weight")
    cli.refused(USAGE, ["load", "twice"], *base, "--weight-column", "load")
    cli.refused(DATA, ["no column", "heavy"], *base, "--weight-column", "heavy")
    zeros = cli.npy("zeros.npy", (len(steps),), [0] * len(steps))
    cli.refused(DATA, ["none of the", "weight 0"], *base, "--sample-weights", zeros, noted="skipped")


def check_continued(cli):
    """--resume and --from keep the scaling; an interrupted run gives the bytes of one that was not."""
    series = make_series()
    table = write_table(cli, "continued.csv", series)
    words = table_words(table, "--columns", "load,wind", "--target", "wind", "--standardize", "--validate-last", 0.2)
    whole, _ = train(cli, *words, "--epochs", 4, output="whole.safetensors")
    part = cli.path("part.safetensors")
    checkpoint = cli.path("checkpoint")
    cli.answers("train", *words, "-o", part, "--checkpoint", checkpoint, *TRAIN, "--epochs", 2, notes=1)
    cli.answers("train", "--resume", checkpoint, "--epochs", 4, *QUIET, notes=1)
    cli.check(part.read_bytes() == whole.read_bytes(), "resumed, the same file")
    cli.refused(USAGE, ["--window", "was 12", "13"], "train", "--resume", checkpoint, "--window", 13, *QUIET)
    other = table_words(write_table(cli, "other.csv", make_series(seed=SEED + 1)), "--columns", "load,wind", "--target", "wind")
    more, again = cli.path("more.safetensors"), cli.path("again.safetensors")
    from_checkpoint = cli.path("from_checkpoint")
    base = ["train", *other, "--from", whole, "--batch", 16, *QUIET]
    cli.answers(*base, "-o", more, "--epochs", 2, notes=1)
    first, second = tensors_of(whole), tensors_of(more)
    cli.check(all(first[name] == second[name] for name in first if name.startswith("scale")), "--from keeps the model's scaling")
    cli.check(first["lstm_1.weight_hh_l0"] != second["lstm_1.weight_hh_l0"], "and trains on")
    cli.answers(*base, "-o", again, "--epochs", 1, "--checkpoint", from_checkpoint, notes=1)
    moved = whole.rename(cli.path("moved.safetensors"))
    cli.answers("train", "--resume", from_checkpoint, "--epochs", 2, *QUIET, notes=1)
    cli.check(again.read_bytes() == more.read_bytes(), "resumed without the model of --from, the same file")
    base = ["train", "--from", moved, "-o", again, *QUIET]
    cli.refused(USAGE, ["scaling of its own", "--standardize"], *base, *other, "--standardize")
    cli.refused(DATA, ["'load'", "'price'"], *base, *table_words(table, "--columns", "price,wind", "--target", "wind"), noted="series")
    check_other_outputs(cli, table)


def check_memory(cli):
    """Windows that overlap take no memory of their own: 300 steps of each of 20,000 would be 23 MiB."""
    if not keeps_memory_small():
        return
    path = cli.npy("long.npy", (20000,), [math.sin(t / 7) for t in range(20000)])
    sizes = [peak_memory("train", "-i", "-", "--window", window, "--target", 1, "-o", cli.path("long.safetensors"), "--epochs", 1,
                         "--hidden", 1, "--batch", 64, "--threads", 1, *QUIET, path=path) for window in (3, 300)]
    cli.same_memory(sizes, "windows of 3 and of 300 steps")


def check_bad_options(cli):
    table = write_table(cli, "bad.csv", make_series())
    out = cli.path("bad.safetensors")
    base = ["train", "-o", out, *QUIET]
    words = [*base, *table_words(table)]
    for expected, more in ((["--window needs", "--target"], []), (["--standardize", "--normalize"], ["--target", 3, "--standardize", "--normalize"]),
                           (["--validate-share", "--validate-last"], ["--target", 3, "--validate-share", 0.2]),
                           (["--truncate", "leave out --window"], ["--target", 3, "--truncate", 4]),
                           (["--validate", "--validate-last"], ["--target", 3, "--validate", table, "--validate-last", 0.2]),
                           (["--horizon", "1-24", "'3-1'"], ["--target", 3, "--horizon", "3-1"]),
                           (["--delimiter", "'ab'"], ["--target", 3, "--delimiter", "ab"]),
                           (["--columns", "','"], ["--target", 3, "--columns", ","]),
                           (["--validate-last", "20%", "'100%'"], ["--target", 3, "--validate-last", "100%"])):
        cli.refused(USAGE, expected, *words, *more)
    cli.refused(USAGE, ["go with series", "--target"], *base, "-i", table, "--values", table, "--validate-last", .2)
    cli.refused(NO_INPUT, ["absent.csv"], *base, "-i", cli.path("absent.csv"), "--window", 3, "--target", 1)
    cli.check(not out.exists() and not cli.leftovers(), "nothing is written")


def check_other_outputs(cli, table):
    """A model without scaling that has one output does not learn two, and the remedy is one that goes with windows."""
    words = ["-i", table, "--columns", "load,wind", "--target", "load", "--window", WINDOW, *QUIET]
    plain, more = cli.path("plain.safetensors"), cli.path("more.safetensors")
    cli.answers("train", *words, "--hidden", 4, "--epochs", 1, "-o", plain)
    cli.refused(DATA, ["found 2", "--horizon as in its training"], "train", "--from", plain, *words, "--horizon", "1-2", "-o", more)


def check_bad_data(cli):
    """Columns that are not there or no numbers, ragged lines, short series: placed, and nothing is written."""
    table = write_table(cli, "bad.csv", make_series())
    out = cli.path("bad.safetensors")
    base = ["train", "-o", out, "--window", WINDOW, *QUIET]
    content = table.read_text().splitlines()
    one = ["--columns", "load", "--target", "load"]
    cases = ((["no column", '"solar"', "price"], content, ["--columns", "load,solar", "--target", "load"]),
             (["line 2, column 1", "date", "number"], content, ["--target", "load"]),
             (["line 4", "6"], [*content[:3], content[3] + ",7", *content[4:]], one),
             (["line 3, column 3", "load", "missing", "--missing zero"], [*content[:2], 'day,"place, 0",,1,2', *content[3:]], one),
             (["none of the 4 series", "1012 steps"], content, [*one, "--sequence-column", "place", "--horizon", 1000]),
             (["--validate-last", "training"], content, [*one, "--validate-last", "95%"]),
             (["none"], content[:1], one))
    for expected, lines, more in cases:
        path = cli.write("case.csv", "\n".join(lines) + "\n")
        cli.refused(DATA, expected, *base, "-i", path, *more)
    cli.refused(DATA, ["byte 0", "not a .npy file", "CSV", "--target", "--window"], "train", "-i", table, "--values", table, "-o", out, *QUIET)
    for content in ("5", "5\n", "\ufeff5"):
        path = cli.write("tiny.csv", content)
        for words in (["-i", path], ["-i", cli.write("tiny.csv.gz", gzip.compress(path.read_bytes()))], ["-i", "-"]):
            cli.refused(DATA, ["none of the 1 series"], *base, *words, "--target", 1, stdin=path.read_bytes())
    steps = [1.0, 2.0, math.nan] * 20
    cli.refused(USAGE, ["asked for twice"], *base, "-i", table, "--columns", "load,3", "--target", "load")
    cli.refused(USAGE, ["'load'", "asked for twice"], *base, "-i", table, "--target", "load,load")
    twins = cli.write("twins.csv", "a,b,a\n" + "1,2,3\n" * 9)
    cli.refused(DATA, ["several columns", "'a'", "rename", "--columns"], *base, "-i", twins, "--target", "b")
    array_ = cli.npy("nan.npy", (60, 1), steps)
    cli.refused(DATA, ["series 0, step 2", "'1'", "nan", "--missing"], *base, "-i", array_, "--target", 1)
    cli.refused(DATA, ["no column '2'", "number from 1 to 1"], *base, "-i", array_, "--target", 2)
    packed = gzip.compress(table.read_bytes())
    cli.refused(DATA, ["truncated"], *base, "-i", cli.write("cut.csv.gz", packed[:len(packed) // 2]), *one)
    cli.check(not out.exists() and not cli.leftovers(), "nothing is written")
    zero, previous = (train(cli, "-i", array_, "--window", WINDOW, "--target", 1, "--missing", word, output=f"{word}.safetensors", notes=0)[0]
                      for word in ("zero", "previous"))
    for name, filler, path in (("zeros", 0.0, zero), ("held", 2.0, previous)):
        filled = cli.npy(f"{name}.npy", (60, 1), [filler if math.isnan(value) else value for value in steps])
        same, _ = train(cli, "-i", filled, "--window", WINDOW, "--target", 1, output="filled.safetensors", notes=0)
        cli.check(same.read_bytes() == path.read_bytes(), f"--missing: {name}")
    noted = cli.answers("train", *one, "--horizon", 0, "-i", table, "-o", out, "--window", WINDOW, *TRAIN, notes=1)
    cli.check(out.exists(), f"a target that is known is only noted: {noted}")


if __name__ == "__main__":
    run_parts()
