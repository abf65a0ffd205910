#!/usr/bin/env python3
"""A model that was trained on windows of a table forecasts and is evaluated on tables by its file alone: sluice run against the same
windows as an array, to the bit; sluice evaluate and the naive forecasts against the formulas; memory; what is refused."""
import csv
import json
import math
import random
import struct

from support.cli import (DATA, USAGE, Network, keeps_memory_small, npy_bytes, peak_memory, read_npy, run_parts, sluice)

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
        cli.answers("run", table.model, "-i", x, "-o", cli.path("y.npy"))
        expected = read_npy(cli.path("y.npy"))[1]
        words = [*table.words, "--hop", hop, "--window", window, "--keep", "time,words"]
        cli.answers("run", table.model, "-i", table.file, *words, "-o", cli.path("f.csv"), notes=note)
        header, rows = read_table(cli.path("f.csv").read_bytes())
        cli.check(header == ["series", "step", "time", "words", "load+1", "load+2", "load+3"], f"columns: {header}")
        cli.check([(row[0], int(row[1]) - window + 1) for row in rows] == windows, f"a line for each window, hop {hop}, window {window}")
        cli.check([row[2:4] for row in rows] == [[table.series[name][first + window - 1][0], "a, b"] for name, first in windows],
                  "the time of the last step")
        cli.check([as_float(text) for row in rows for text in row[4:]] == expected, f"the same bits, hop {hop}, window {window}")
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
    text = cli.answers("evaluate", model, "-i", table.file, *table.words, notes=notes).decode()
    cli.check("mean quantile loss" in text and "below" in text and "heat+2 q0.9" in text, f"the table: {text}")


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
    cli.refused(USAGE, ["--window", "series"], "run", *words, "-o", cli.path("f.npy"))
    cli.refused(USAGE, ["--shard", "overlap", ".npy"], "run", *words, "-o", out, "--shard", "1/2")
    plain = Network(SEED, 2, 3, classes=1).write(cli.path("plain.safetensors"))
    cli.refused(USAGE, ["--keep", "sluice train --window"], "run", plain, "-i", table.file, "-o", out, "--keep", "time")
    cli.refused(USAGE, ["--labels", "--values", "--window"], "evaluate", plain, "-i", table.file)
    cli.refused(USAGE, ["--loss", "--values"], "evaluate", *words, "--loss", "absolute")
    wide = cli.npy("wide.npy", (20, 3), [0.5] * 60)
    table_of_names = cli.npy("names.npy", (20, 2), [0.5] * 40)
    cli.refused(DATA, ["wide.npy", "2 columns", "found 3"], "run", table.model, "-i", wide, "-o", out)
    cli.answers("run", table.model, "-i", table_of_names, "-o", out)


def check_memory(cli):
    """The same memory for any number of steps, and whatever the window."""
    if not keeps_memory_small():
        return
    table, sizes = Table(cli), []
    for steps in (4000, 120000):
        path = cli.write("long.npy", npy_bytes((steps, 2), []) + struct.pack("<f", 0.25) * (2 * steps))
        sizes.append(peak_memory("run", table.model, "-o", "-", "--format", "csv", "--rows", 500, path=path))
    cli.same_memory(sizes, "4000 and 120000 steps")


if __name__ == "__main__":
    run_parts()
