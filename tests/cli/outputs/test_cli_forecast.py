#!/usr/bin/env python3
"""A model that was trained on windows of a table forecasts and is evaluated on tables by its file alone: sluice run against the same
windows as an array, to the bit; sluice evaluate and the naive forecasts against the formulas; memory; what is refused."""
import csv
import gzip
import json
import math
import random
import struct
import xml.dom.minidom
import zipfile

from support.cli import (DATA, USAGE, Network, keeps_memory_small, npy_bytes, parse_npy, peak_memory, read_npy, run_parts, sluice, zipped)

SEED = 61
WINDOW, HORIZONS = 7, (1, 3)
LENGTHS = {"north": 40, "short": WINDOW - 1, "south": 23}  # steps of each series
ROUNDING = 2e-8  # of JSON's nine digits
QUIET = ["--progress", "never"]


class Table:
    """Series in a table with a time, two inputs and a word that is none; and a model that was trained on it."""

    def __init__(self, cli):
        source = random.Random(SEED)
        self.series = {name: [(f"2024-{t:03}", round(5 + math.sin(t / 3) + source.uniform(-.1, .1), 4) if t % 11 else 0,
                               round(source.uniform(-1, 1), 4)) for t in range(length)] for name, length in LENGTHS.items()}
        rows = [f"{time},{place},{load},\"a, b\",{heat}\n" for place, steps in self.series.items() for time, load, heat in steps]
        self.file = cli.write("table.csv", "time,place,load,words,heat\n" + "".join(rows))
        self.model = cli.path("forecast.safetensors")
        self.words = ["--sequence-column", "place"]
        result = sluice("train", "-i", self.file, *self.words, "--window", WINDOW, "--target", "load", "--columns", "heat,load", "--horizon",
                        f"{HORIZONS[0]}-{HORIZONS[1]}", "--standardize", "--epochs", 2, "--hidden", 5, "-o", self.model, *QUIET)
        cli.check(result.returncode == 0, f"training: {result.stderr!r}")

    def windows(self, hop=1, behind=0, window=WINDOW):
        """(series, first step) of all windows that have `behind` steps behind them."""
        return [(name, first) for name, steps in self.series.items() for first in range(0, len(steps) - window - behind + 1, hop)]

    def inputs(self, windows, window=WINDOW):
        """The windows' numbers, heat before load, flat."""
        return [number for name, first in windows for _, load, heat in self.series[name][first:first + window] for number in (heat, load)]


def read_table(data):
    rows = list(csv.reader(data.decode().splitlines()))
    return rows[0], rows[1:]


def as_float(text):
    return struct.unpack("<f", struct.pack("<f", float(text)))[0]


def check_run(cli):
    """Each line is what the window gives as a row of an array."""
    print(f"seed {SEED}")
    table = Table(cli)
    notes = [["1 of 3 series is too short", f"{WINDOW} steps"]]
    for hop, window in ((1, WINDOW), (4, WINDOW), (9, WINDOW), (2, 5)):
        note = [] if window <= LENGTHS["short"] else notes
        windows = table.windows(hop, window=window)
        x = cli.npy("x.npy", (len(windows), window, 2), table.inputs(windows, window))
        cli.answers("run", table.model, "-i", x, "--head", cli.path("y.npy")) # an option of rows: these are no series
        expected = read_npy(cli.path("y.npy"))[1]
        words = [*table.words, "--hop", hop, "--window", window, "--keep", "time,words"]
        cli.answers("run", table.model, "-i", table.file, *words, "-o", cli.path("f.csv"), notes=note)
        header, rows = read_table(cli.path("f.csv").read_bytes())
        cli.check(header == ["series", "step", "time", "words", "load+1", "load+2", "load+3"], f"columns: {header}")
        cli.check([(row[0], int(row[1]) - window + 1) for row in rows] == windows, f"a line for each window, hop {hop}, window {window}")
        cli.check([row[2:4] for row in rows] == [[table.series[name][first + window - 1][0], "a, b"] for name, first in windows],
                  "the time of the last step")
        cli.check([as_float(text) for row in rows for text in row[4:]] == expected, f"the same bits, hop {hop}, window {window}")
        words_of_array = [word for word in words if word not in ("--keep", "time,words")]
        for rows_at_once in (1, 100):
            cli.answers("run", table.model, "-i", table.file, *words_of_array, "-o", cli.path("f.npy"), "--rows", rows_at_once, notes=note)
            cli.check(read_npy(cli.path("f.npy")) == ((len(windows), 3), expected), f"the same array, hop {hop}, window {window}")
        for more in ([], ["--rows", "1"], ["--rows", "6"]):
            found = cli.answers("run", table.model, *words, "-o", "-", "--format", "csv", *more, stdin=table.file.read_bytes(), notes=note)
            cli.check(found == cli.path("f.csv").read_bytes(), f"the same of standard input, {more}")
    lines = cli.answers("run", table.model, "-i", table.file, *table.words, "-o", "-", "--format", "jsonl", notes=notes).splitlines()
    first = json.loads(lines[0])
    cli.check(list(first) == ["series", "step", "load+1", "load+2", "load+3"] and first["series"] == "north", f"JSON lines: {first}")
    array = cli.npy("series.npy", (LENGTHS["north"], 2), [n for _, load, heat in table.series["north"] for n in (heat, load)])
    found = read_table(cli.answers("run", table.model, "-i", array, "-o", "-", "--format", "csv"))[1]
    numbers = [[row[2:] for row in rows] for rows in (found, read_table(cli.answers(
        "run", table.model, "-i", table.file, *table.words, "-o", "-", "--format", "csv", notes=notes))[1])]
    found_array = cli.answers("run", table.model, "-o", "-", stdin=array.read_bytes())
    cli.check(parse_npy(found_array) == ((len(found), 3), [as_float(text) for row in found for text in row[2:]]), "an array through pipes")
    cli.check(numbers[0] == numbers[1][:len(numbers[0])] and [row[0] for row in found] == ["0"] * len(found), "an array [T][I] is a series")


def errors(pairs):
    """The figures of (output, value) pairs."""
    off = [abs(output - value) for output, value in pairs]
    shares = [abs(output - value) / abs(value) for output, value in pairs if value]
    return {"counted": len(pairs), "mae": sum(off) / len(pairs), "rmse": math.sqrt(sum(error * error for error in off) / len(pairs)),
            "mape": 100 * sum(shares) / len(shares), "zeros": len(pairs) - len(shares)}


def close(found, expected):
    return all(math.isclose(found[name], value, rel_tol=ROUNDING) for name, value in expected.items())


def check_evaluate(cli):
    table = Table(cli)
    notes = [["1 of 3 series is too short", "targets"]]
    forecasts = {(row[0], int(row[1])): [as_float(text) for text in row[2:]] for row in read_table(cli.answers(
        "run", table.model, "-i", table.file, *table.words, "-o", "-", "--format", "csv", notes=1))[1]}
    value = lambda name, step: as_float(table.series[name][step][1])
    ends = [(name, first + WINDOW - 1) for name, first in table.windows(behind=HORIZONS[1])]
    for season in (1, 2, 3, WINDOW):
        found = json.loads(cli.answers("evaluate", table.model, "-i", table.file, *table.words, "--season", season, "--json", notes=notes))
        cli.check(found["rows"] == len(ends) and found["season"] == season, f"windows: {found['rows']}, {len(ends)}")
        pairs, naive = [], []
        for k, horizon in enumerate(range(HORIZONS[0], HORIZONS[1] + 1)):
            pairs.append([(forecasts[name, end][k], value(name, end + horizon)) for name, end in ends])
            naive.append([(value(name, end + horizon - season * math.ceil(horizon / season)), value(name, end + horizon)) for name, end in ends])
            row = found["outputs"][k]
            cli.check(row["name"] == f"load+{horizon}" and close(row, errors(pairs[k])), f"horizon {horizon}: {row}, {errors(pairs[k])}")
            cli.check(close(row["naive"], errors(naive[k])), f"naive, season {season}, horizon {horizon}: {row}, {errors(naive[k])}")
        cli.check(close(found["all"], errors(sum(pairs, []))) and close(found["naive"], errors(sum(naive, []))), "all of them")
        other = cli.answers("evaluate", table.model, "-i", "-", *table.words, "--season", season, "--json", "--rows", 5, notes=notes,
                            stdin=table.file.read_bytes())
        other = json.loads(other)
        cli.check(other["outputs"] == found["outputs"], "of standard input, five rows at a time")
    text = cli.answers("evaluate", table.model, "-i", table.file, *table.words, "--picture", cli.path("p.svg"), notes=notes).decode()
    cli.check("load+3" in text and text.count("  naive") == 4, f"the table: {text}")
    cli.check("load+2" in cli.path("p.svg").read_text(), "the picture names its outputs")


def check_quantiles(cli):
    """Each quantile of a value against the value's target: its loss, and the share of the targets that is less."""
    table, model = Table(cli), cli.path("quantiles.safetensors")
    notes, quantiles = [["1 of 3 series is too short"]], [as_float(.2), as_float(.9)]
    result = sluice("train", "-i", table.file, *table.words, "--window", WINDOW, "--target", "load,heat", "--columns", "heat,load", "--horizon",
                    "1-2", "--standardize", "--loss", "quantile:0.2,0.9", "--epochs", 3, "--hidden", 5, "-o", model, *QUIET)
    cli.check(result.returncode == 0, f"training: {result.stderr!r}")
    rows = read_table(cli.answers("run", model, "-i", table.file, *table.words, "-o", "-", "--format", "csv", notes=1))[1]
    forecasts = {(row[0], int(row[1])): [as_float(text) for text in row[2:]] for row in rows}
    found = json.loads(cli.answers("evaluate", model, "-i", table.file, *table.words, "--season", 3, "--json", "--picture",
                                   cli.path("q.svg"), notes=notes))
    ends = [(name, first + WINDOW - 1) for name, first in table.windows(behind=2)]
    places = [(horizon, column, q) for horizon in (1, 2) for column in (1, 2) for q in quantiles]
    cli.check(len(found["outputs"]) == len(places), "an output for each horizon, target and quantile")
    losses = []
    for k, (horizon, column, q) in enumerate(places):
        value = lambda name, step: as_float(table.series[name][step][column])
        for row, pairs in ((found["outputs"][k], [(forecasts[name, end][k], value(name, end + horizon)) for name, end in ends]),
                           (found["outputs"][k]["naive"], [(value(name, end + horizon - 3), value(name, end + horizon)) for name, end in ends])):
            each = [q * (target - output) if output < target else (1 - q) * (output - target) for output, target in pairs]
            expected = {**errors(pairs), "loss": sum(each) / len(each), "below": sum(target < output for output, target in pairs) / len(pairs)}
            cli.check(close(row, expected), f"output {k}: {row}, {expected}")
            losses += each if row is found["outputs"][k] else []
        cli.check(close(found["outputs"][k], {"quantile": q}), f"output {k}: {found['outputs'][k]['quantile']}")
    cli.check(close(found, {"loss": sum(losses) / len(losses)}), f"the loss: {found['loss']}")
    lower, upper = ([forecasts[end][k] for end in ends] for k in (0, 1))
    check_band(cli, lower, upper, [as_float(table.series[name][end + 1][1]) for name, end in ends])
    text = cli.answers("evaluate", model, "-i", table.file, *table.words, notes=notes).decode()
    cli.check("mean quantile loss" in text and "below" in text and "heat+2 q0.9" in text, f"the table: {text}")


def check_band(cli, lower, upper, targets):
    """Of q.svg: a panel for each of four values, the first with its targets, its outer quantiles as a band, and the one nearest 0.5 as a line."""
    paths = xml.dom.minidom.parse(str(cli.path("q.svg"))).getElementsByTagName("path")
    points = [[tuple(map(float, point.split())) for point in path.getAttribute("d")[1:].split("L")] for path in paths]
    bands = [found for path, found in zip(paths, points) if path.getAttribute("fill-opacity")]
    curves = [found for path, found in zip(paths, points) if path.getAttribute("class").endswith(" curve")]
    count = len(targets)
    cli.check([len(found) for found in bands] == [2 * count] * 4 + [4] and len(curves) == 2 * 4 + 2, "a band and two curves for each value")
    values = lower + upper + targets
    place = lambda value: 220 - 180 * (value - min(values)) / (max(values) - min(values))  # a panel is 180 high, 40 below the top
    drawn = [(bands[0], upper + lower[::-1]), (curves[0], targets), (curves[1], lower)]  # 0.2 is nearer 0.5 than 0.9 is
    worst = max(abs(y - place(value)) for found, expected in drawn for (_, y), value in zip(found, expected))
    cli.check(worst <= .0501, f"off by {worst} of a picture written with one digit behind the point")


def check_compare(cli):
    """info --compare of a table is that of the same windows as rows."""
    table = Table(cli)
    windows = table.windows()
    x = cli.npy("x.npy", (len(windows), WINDOW, 2), table.inputs(windows))
    steps = cli.npy("n.npy", (len(windows),), [WINDOW] * len(windows), "<i4")
    base = ["info", table.model, "--precision", "int8", "--json", "--compare"]
    rows = json.loads(cli.answers(*base, x, "--lengths", steps))
    notes = [["1 of 3 series is too short"]]
    for more in ([], ["--rows", 4]):
        found = json.loads(cli.answers(*base, table.file, *table.words, *more, notes=notes))
        same = [name for name in ("largest_difference", "rms_difference", "elements") for k, output in enumerate(found["outputs"])
                if output[name] != rows["outputs"][k][name] and not math.isclose(output[name], rows["outputs"][k][name], rel_tol=ROUNDING)]
        cli.check(not same and found["rows"] == len(windows) and found["steps"] == WINDOW * len(windows) and found["classes"] is None,
                  f"{found}, {rows}")
    cli.check(found["outputs"][0]["largest_difference"] > 0, f"something is compared: {found}")
    cli.refused(DATA, ["table.csv", "heat"], *base, table.file, "--delimiter", ";")
    cli.refused(USAGE, ["--missing", "--lengths"], *base, x, "--lengths", steps, "--missing", "zero")
    cli.refused(USAGE, ["--delimiter", "--compare"], "info", table.model, "--delimiter", ";")


def check_refused(cli):
    table = Table(cli)
    out = cli.path("refused.csv")
    words = [table.model, "-i", table.file, *table.words]
    cli.refused(USAGE, ["--season 8", "7 at most"], "evaluate", *words, "--season", WINDOW + 1)
    cli.refused(DATA, ["table.csv", "place"], "run", table.model, "-i", table.file, "-o", out, "--sequence-column", "pla ce")
    cli.refused(DATA, ["table.csv", "heaviness"], "run", *words, "-o", out, "--keep", "heaviness")
    other = cli.write("other.csv", "time,load\n1,2\n")
    cli.refused(DATA, ["other.csv", "heat"], "run", table.model, "-i", other, "-o", out)
    bad = cli.write("bad.csv", "heat,load\n" + "1,2\n" * 8 + "1,abc\n")
    cli.refused(DATA, ["bad.csv", "abc"], "run", table.model, "-i", bad, "-o", out)
    cli.check(not out.exists() and not cli.leftovers(), "nothing is written")
    cli.refused(USAGE, ["--keep", "--format csv"], "run", *words, "-o", cli.path("f.npy"), "--keep", "time")
    cli.refused(USAGE, ["standard input", "--format csv"], "run", table.model, *table.words, "-o", "-", stdin=table.file.read_bytes())
    cli.refused(USAGE, ["--window", "series"], "run", *words, "--head", cli.path("f.npy"))
    plain = Network(SEED, 2, 3, classes=1).write(cli.path("plain.safetensors"))
    cli.refused(USAGE, ["--keep", "sluice train --target"], "run", plain, "-i", table.file, "-o", out, "--keep", "time")
    cli.refused(USAGE, ["--labels", "--values", "--target"], "evaluate", plain, "-i", table.file)
    cli.refused(USAGE, ["--loss", "--values"], "evaluate", *words, "--loss", "absolute")
    wide = cli.npy("wide.npy", (20, 3), [0.5] * 60)
    table_of_names = cli.npy("names.npy", (20, 2), [0.5] * 40)
    cli.refused(DATA, ["wide.npy", "2 columns", "found 3"], "run", table.model, "-i", wide, "-o", out)
    cli.answers("run", table.model, "-i", table_of_names, "-o", out)


def check_parts(cli):
    """Parts of the windows of all series, one behind the other, are the unsharded table: of tables and arrays, at any place or not."""
    table = Table(cli)
    steps = [n for _, load, heat in table.series["north"] for n in (heat, load)]
    two = cli.npy("two.npy", (2, LENGTHS["north"] // 2, 2), steps)
    columns = cli.write("columns.npy", two.read_bytes().replace(b"'fortran_order': False", b"'fortran_order': True "))
    archive = lambda name, method: cli.write(name, zipped(two.read_bytes(), "a.npy", method))
    csv_words = [*table.words, "--keep", "time,words"]
    cases = [(table.file, csv_words), (table.file, [*table.words, "--window", 5]), (table.file, [*csv_words, "--hop", 9]),
             (cli.write("table.csv.gz", gzip.compress(table.file.read_bytes())), csv_words), (two, []), (two, ["--hop", 3]), (two, ["--hop", 9]),
             (columns, []), (f"{archive('s.npz', zipfile.ZIP_STORED)}:a", []), (f"{archive('d.npz', zipfile.ZIP_DEFLATED)}:a", []),
             (cli.write("two.npy.gz", gzip.compress(two.read_bytes())), []), (cli.npy("few.npy", (3, WINDOW - 1, 2), steps[:36]), [])]
    for number, (path, words) in enumerate(cases):
        for suffix in ("csv", "jsonl")[:1 + (number in (0, 4))]:
            whole, out = cli.path(f"whole.{suffix}"), cli.path(f"parts.{suffix}")
            result = sluice("run", table.model, "-i", path, *words, "-o", whole)
            cli.check(result.returncode == 0, f"unsharded: {result.stderr!r}")
            windows = whole.read_bytes().count(b"\n") - (suffix == "csv")
            for parts in range(1, 6) if number < 2 else (1, 3, windows + 2 if windows < 12 else 5):
                for k in range(parts, 0, -1):
                    result_of_part = sluice("run", table.model, "-i", path, *words, "-o", out, "--shard", f"{k}/{parts}", "--rows", 1 + k % 5)
                    cli.check(result_of_part.returncode == 0 and result_of_part.stderr == result.stderr, f"{result_of_part.stderr!r}")
                    record = json.loads(cli.path(f"parts.{suffix}.record-{k:04}-of-{parts:04}").read_text())
                    place = [windows * k // parts for k in (k - 1, k)]
                    cli.check([record["first"], record["count"], record["total"]] == [place[0], place[1] - place[0], windows], f"{record}")
                cli.answers("merge", out, "--remove")
                cli.check(out.read_bytes() == whole.read_bytes(), f"{path} {words}: {parts} parts of {windows} windows")


def check_parts_of_arrays(cli):
    """Likewise where the output is an array, its parts beside it or at their places in it."""
    table = Table(cli)
    two = cli.npy("two.npy", (2, LENGTHS["north"] // 2, 2), [n for _, load, heat in table.series["north"] for n in (heat, load)])
    for path, words, notes in ((table.file, table.words, 1), (two, ["--hop", 3], 0)):
        whole, out = cli.path("whole.npy"), cli.path("parts.npy")
        cli.answers("run", table.model, "-i", path, *words, "-o", whole, notes=notes)
        for parts in (1, 3, 50):
            for more in ([], ["--in-place"]):
                for k in range(parts, 0, -1):
                    part = ["run", table.model, "-i", path, *words, "-o", out, "--shard", f"{k}/{parts}", *more]
                    cli.answers(*part, "--rows", 1 + k % 5, notes=notes)
                cli.answers(*part, "--skip-done", notes=notes + 1)
                cli.answers("merge", out, "--remove")
                cli.check(out.read_bytes() == whole.read_bytes(), f"{path} {words} {more}: {parts} parts")
                out.unlink()
        cli.check(not cli.leftovers(), "nothing else is left")


def check_done(cli):
    """A part that is done is known by its share of the input: its numbers, names and texts."""
    table = Table(cli)
    lines = ["place,time,load,heat", *(f"{'ab'[t > 20000]},{t:09},{t % 7 + 0.5},{t % 9 + 0.5}" for t in range(40000))]
    path, out = cli.path("long.csv"), cli.path("done.csv")
    array = cli.npy("long.npy", (2, 20000, 2), [t % 11 for t in range(80000)])
    words = ["run", table.model, *table.words, "--keep", "time", "--hop", 50, "-i", path, "-o", out]
    of_array = ["run", table.model, "--hop", 50, "-i", array, "-o", cli.path("array.csv")]
    last = ["--shard", "3/3", "--skip-done"]
    done = [["part 3 of 3 is done already"]]
    change = lambda at, *pair: cli.write("long.csv", "\n".join([*lines[:at], lines[at].replace(*pair), *lines[at + 1:]]) + "\n")
    change(1, "x", "x")
    apart = (path.stat().st_size // 4096) / 63 # blocks that are sampled, of 4096 bytes each
    at = int(55.5 * apart) * 4096 // (path.stat().st_size // 40000)
    at += (20001 + WINDOW - at) % 50 # the line of the last step of a window of series b
    for line in (words, of_array):
        cli.answers(*line, *last)
        cli.answers(*line, *last, "--rows", 3, notes=done)
    for pair in ((".5,", ".6,"), ("0000", "1000"), ("b,", "c,")):
        change(at, *pair)
        cli.refused(DATA, ["another input", "part 3 of 3"], *words, *last, noted="too short" * (pair[0] == "b,"))
    change(1, ".5,", ".7,")
    change(1, "x", "x")
    cli.answers(*words, *last, notes=done)
    data = bytearray(array.read_bytes())
    data[-(3 * 4096)] ^= 1
    cli.write("long.npy", bytes(data))
    cli.refused(DATA, ["another input", "part 3 of 3"], *of_array, *last)
    cli.refused(DATA, ["other options", "hop 50"], *words, *last, "--window", 5)
    cli.refused(DATA, ["another input"], *words, *last, "--keep", "heat")
    cli.refused(USAGE, ["--in-place", "--output", ".npy"], *words, "--in-place", "--shard", "1/3")
    for kind in ("part", "record"):
        cli.path(f"done.csv.{kind}-0003-of-0003").unlink()
    for k, hop, keep in ((1, 50, "time"), (2, 60, "time"), (2, 50, "heat")):
        cli.answers(*words, "--hop", hop, "--keep", keep, "--shard", f"{k}/2")
        if k == 2:
            cli.refused(DATA, ["part 2 of 2", "other options" if hop == 60 else "another input"], "merge", out)


def check_memory(cli):
    """The same memory for any number of steps, and whatever the window."""
    if not keeps_memory_small():
        return
    table, sizes, parts = Table(cli), [], []
    for steps in (4000, 120000):
        path = cli.write("long.npy", npy_bytes((steps, 2), []) + struct.pack("<f", 0.25) * (2 * steps))
        sizes.append(peak_memory("run", table.model, "-o", "-", "--format", "csv", "--rows", 500, path=path))
        parts.append(peak_memory("run", table.model, "-i", path, "-o", cli.path("part.csv"), "--shard", "2/2", "--rows", 500, path=path))
    cli.same_memory(sizes, "4000 and 120000 steps")
    cli.same_memory(parts, "parts of these")


if __name__ == "__main__":
    run_parts()
