#!/usr/bin/env python3
"""sluice train --target without --window: whole series are the same rows as arrays of them, and run with states that go on."""
import array
import csv
import json
import math
import random

from support.cli import (DATA, QUIET, USAGE, keeps_memory_small, peak_memory, read_npy, read_safetensors, run_parts)

SEED = 57
LENGTHS = {"north": 61, "short": 3, "south": 40}  # the second has no target 3 steps ahead
COLUMNS = ("load", "wind")
FIRST, LAST = 2, 3  # --horizon
TRAIN = ["--epochs", 3, "--hidden", 5, "--batch", 2, "--seed", 3, *QUIET]


def as_floats(values):
    return list(array.array("f", values))


def make_series(lengths=LENGTHS):
    source = random.Random(SEED)
    return {name: [as_floats((50 + 20 * math.sin(t / 5) + source.gauss(0, .2), source.uniform(-1, 1))) for t in range(length)]
            for name, length in lengths.items()}


def write_table(cli, name, series):
    """A table with a column of days, which is not read."""
    rows = [f"day {t},{place},{','.join(map(repr, step))}\n" for place, steps in series.items() for t, step in enumerate(steps)]
    return cli.write(name, f"day,place,{','.join(COLUMNS)}\n" + "".join(rows))


def words_of(table, *more):
    return ["-i", table, "--sequence-column", "place", "--columns", "wind,load", "--target", "load", "--horizon", f"{FIRST}-{LAST}", *more]


def write_arrays(cli, parts, name):
    """Arrays of rows, each [(inputs, targets)] by step, zero behind their ends."""
    steps = max(map(len, parts))
    padded = [[*part, *[([0.0] * 2, [0.0] * 2)] * (steps - len(part))] for part in parts]
    x = cli.npy(f"{name}_x.npy", (len(parts), steps, 2), [value for part in padded for inputs, _ in part for value in inputs])
    y = cli.npy(f"{name}_y.npy", (len(parts), steps, 2), [value for part in padded for _, targets in part for value in targets])
    return x, y, cli.npy(f"{name}_n.npy", (len(parts),), [len(part) for part in parts], "<i8")


def rows_of(steps):
    """(inputs, targets) of each step of a series that has all its targets."""
    return [(steps[t][::-1], [steps[t + h][0] for h in range(FIRST, LAST + 1)]) for t in range(len(steps) - LAST)]


def train(cli, *words, output="m.safetensors", notes=1):
    path = cli.path(output)
    return path, json.loads(cli.answers("train", *TRAIN, *words, "-o", path, "--json", notes=notes))


def tensors_of(path):
    return [content for _, (_, content) in sorted(read_safetensors(path)[1].items())]


def check_same_as_arrays(cli):
    """The weights and the losses are those of arrays of the same sequences, in pieces and whole, with one shard and with two."""
    print(f"seed {SEED}")
    series = make_series()
    table = write_table(cli, "series.csv", series)
    parts = [rows_of(steps) for steps in series.values() if len(steps) > LAST]
    x, y, n = write_arrays(cli, parts, "rows")
    for more in ([], ["--truncate", 7], ["--truncate", 7, "--shards", 2], ["--truncate", 1000]):
        ours, summary = train(cli, *words_of(table, *more))
        theirs, expected = train(cli, "-i", x, "--values", y, "--lengths", n, *more, output="arrays.safetensors", notes=0)
        cli.check(tensors_of(ours) == tensors_of(theirs), f"{more}: the same weights as of arrays")
        cli.check(summary["training"] == expected["training"], f"{more}: the same loss: {summary['training']}, {expected['training']}")
    source = random.Random(SEED)
    weights = {name: as_floats(source.choices((0, .5, 3), k=len(steps))) for name, steps in series.items()}
    rows = [weights[name][FIRST:FIRST + len(steps) - LAST] for name, steps in series.items() if len(steps) > LAST]
    given = cli.npy("weights.npy", (sum(map(len, series.values())),), [weight for each in weights.values() for weight in each])
    targets = cli.npy("targets.npy", (len(rows), len(rows[0])), [weight for row in rows for weight in row + [0] * (len(rows[0]) - len(row))])
    weighted, summary = train(cli, *words_of(table, "--truncate", 7, "--sample-weights", given), output="weighted.safetensors")
    theirs, expected = train(cli, "-i", x, "--values", y, "--lengths", n, "--truncate", 7, "--sample-weights", targets,
                             output="arrays.safetensors", notes=0)
    cli.check(tensors_of(weighted) == tensors_of(theirs) != tensors_of(ours) and summary["training"] == expected["training"],
              f"weights of targets: {summary['training']}, {expected['training']}")
    said = json.loads(read_safetensors(ours)[0]["sluice_series"])
    cli.check((said["window"], said["hop"], said["horizons"]) == (0, 1, [FIRST, LAST]), f"the file says: {said}")
    info = cli.answers("info", ours).decode()
    cli.check("whole series" in info, info)
    north = series["north"]
    array_ = cli.npy("north.npy", (len(north), 2), [value for step in north for value in step])
    found, _ = train(cli, "-i", array_, "--columns", "2,1", "--target", 1, "--horizon", "2-3", "--truncate", 7, "--batch", 1, notes=0)
    expected, _ = train(cli, *words_of(write_table(cli, "north.csv", {"north": north}), "--truncate", 7, "--batch", 1), output="n.safetensors", notes=0)
    cli.check(tensors_of(found) == tensors_of(expected), "an array [T][I] is a series")


def check_held_out(cli):
    """What is held out changes neither weights nor scaling, and is scored from zero states on."""
    series, share = make_series(), .3
    kept = {name: len(steps) - round(share * len(steps)) for name, steps in series.items()}
    changed = {name: [step if t < kept[name] else [-7 * value for value in step] for t, step in enumerate(steps)]
               for name, steps in series.items()}
    more = ["--standardize", "--truncate", 9, "--validate-last", "30%", "--epochs", 1]
    found = [train(cli, *words_of(write_table(cli, f"future{k}.csv", content), *more), output=f"future{k}.safetensors")
             for k, content in enumerate((series, changed))]
    cli.check(tensors_of(found[0][0]) == tensors_of(found[1][0]), "the same model, whatever comes")
    validated = {name: rows_of(steps)[max(0, kept[name] - FIRST):] for name, steps in series.items()}
    trained = sum(max(0, count - LAST) for count in kept.values())
    counted = [found[0][1][part]["counted"] for part in ("training", "validation")]
    cli.check(counted == [trained, sum(map(len, validated.values()))], f"steps: {counted}, {trained}, {list(map(len, validated.values()))}")
    plain = ["--truncate", 9, "--validate-last", "30%"]
    rows = [rows_of(steps[:kept[name]]) for name, steps in series.items()]
    arrays = [write_arrays(cli, [part for part in parts if part], name) for parts, name in ((rows, "fit"), (list(validated.values()), "held"))]
    ours, summary = train(cli, *words_of(write_table(cli, "future.csv", series), *plain))
    theirs, expected = train(cli, "-i", arrays[0][0], "--values", arrays[0][1], "--lengths", arrays[0][2], "--validate", arrays[1][0],
                             "--validate-values", arrays[1][1], "--validate-lengths", arrays[1][2], "--truncate", 9,
                             output="arrays.safetensors", notes=0)
    cli.check(tensors_of(ours) == tensors_of(theirs) and summary["validation"] == expected["validation"],
              f"as of arrays: {summary['validation']}, {expected['validation']}")
    other, summary = train(cli, *words_of(cli.path("future.csv"), "--truncate", 9, "--validate", cli.path("future1.csv")), notes=2)
    cli.check(summary["validation"]["counted"] == sum(len(rows_of(steps)) for steps in series.values()), "--validate: whole series too")


def check_run(cli):
    """A line for each step has what the whole series as one row gives, however many steps are read at once; and its scores."""
    series = make_series()
    table = write_table(cli, "series.csv", series)
    for more in ([], ["--standardize"], ["--layers", "lstm:4,lstm:3"], ["--layers", 2]):
        words = [word for word in TRAIN if not more or more[0] != "--layers" or word not in ("--hidden", 5)]
        model = cli.path("run.safetensors")
        cli.answers("train", *words_of(table, "--truncate", 10, *more), *words, "-o", model, notes=1)
        expected = []
        for name, steps in series.items():
            x = cli.npy("x.npy", (1, len(steps), 2), [value for step in steps for value in step[::-1]])
            cli.answers("run", model, "-i", x, "--head", cli.path("y.npy")) # an option of rows: this is no series
            shape, y = read_npy(cli.path("y.npy"))
            cli.check(shape == (1, len(steps), 2), f"outputs of each step: {shape}")
            cli.answers("run", model, "-i", x, "-o", cli.path("steps.npy"))
            cli.check(read_npy(cli.path("steps.npy")) == ((len(steps), 2), y), "as an array, a row for each step")
            expected += [[name, str(t), f"day {t}", y[2 * t], y[2 * t + 1]] for t in range(len(steps))]
        run = ["run", model, "-i", table, "--sequence-column", "place", "--keep", "day", "-o", "-", "--format", "csv"]
        found = cli.answers(*run)
        header, *lines = csv.reader(found.decode().splitlines())
        cli.check(header == ["series", "step", "day", "load+2", "load+3"], f"columns: {header}")
        cli.check([[*line[:3], *as_floats(map(float, line[3:]))] for line in lines] == expected, f"{more}: a line for each step, the same bits")
        for rows in (1, 7):
            cli.check(cli.answers(*run, "--rows", rows) == found, f"{rows} steps at a time, the same")
        evaluate = ["evaluate", model, "-i", table, "--sequence-column", "place", "--json"]
        scores = json.loads(cli.answers(*evaluate, notes=1))
        values = {(line[0], int(line[1])): line[3:] for line in expected}
        off = [[values[name, t][h - FIRST] - steps[t + h][0] for name, steps in series.items() for t in range(len(steps) - LAST)]
               for h in range(FIRST, LAST + 1)]
        for row, errors in zip(scores["outputs"], off):
            mae = sum(map(abs, errors)) / len(errors)
            cli.check(row["counted"] == len(errors) and math.isclose(row["mae"], mae, rel_tol=2e-8), f"{row}, {mae}")
        cli.check(json.loads(cli.answers(*evaluate, "--rows", 4, notes=1)) == scores, "four steps at a time, the same scores")


def check_continued(cli):
    """An interrupted run gives the bytes of one that was not; --from keeps the scaling and the kind of rows."""
    table = write_table(cli, "continued.csv", make_series())
    words = words_of(table, "--standardize", "--truncate", 8, "--validate-last", .2)
    whole, _ = train(cli, *words, "--epochs", 4, output="whole.safetensors")
    part, checkpoint = cli.path("part.safetensors"), cli.path("checkpoint")
    cli.answers("train", *TRAIN, *words, "--epochs", 2, "-o", part, "--checkpoint", checkpoint, notes=1)
    cli.answers("train", "--resume", checkpoint, "--epochs", 4, *QUIET, notes=1)
    cli.check(part.read_bytes() == whole.read_bytes(), "resumed, the same file")
    base = ["train", "--from", whole, "-o", part, *QUIET, *words_of(table)]
    cli.refused(USAGE, ["whole series", "leave out --window"], *base, "--window", 5)
    cli.answers(*base, "--epochs", 1, "--truncate", 8, notes=1)
    scales = [read_safetensors(path)[1]["scale_inputs.scale"][1] for path in (whole, part)]
    cli.check(scales[0] == scales[1] and tensors_of(whole) != tensors_of(part), "--from keeps the scaling and trains on")
    windows, _ = train(cli, *words_of(table, "--window", 5), output="windows.safetensors")
    cli.refused(USAGE, ["windows of series", "give --window"], "train", "--from", windows, "-o", part, *QUIET, *words_of(table))


def check_memory(cli):
    """Pieces take no memory of the series' steps beyond the series."""
    if not keeps_memory_small():
        return
    words = ["train", "-i", "-", "--target", 1, "-o", cli.path("long.safetensors"), "--epochs", 1, "--hidden", 64, "--truncate", 50, "--threads",
             1, *QUIET]
    sizes = [peak_memory(*words, path=cli.npy("long.npy", (steps,), [math.sin(t / 7) for t in range(steps)])) for steps in (2000, 40000)]
    # Of each step that is more: its number, and what reading takes; not its gates and outputs, which would be over 1 KiB.
    cli.check(0 < sizes[1] <= sizes[0] + 38000 * 64 // 1024 + 1024, f"2000 and 40000 steps: {sizes} KiB")


def check_refused(cli):
    table = write_table(cli, "bad.csv", make_series())
    out = cli.path("bad.safetensors")
    base = ["train", "-o", out, *QUIET, *words_of(table)]
    for expected, more in ((["--hop", "--window"], ["--hop", 2]), (["--every-step"], ["--every-step"]),
                           (["--bidirectional", "--window"], ["--bidirectional"]), (["--labels", "in them"], ["--labels", table]),
                           (["--validate-share", "--validate-last"], ["--validate-share", .1])):
        cli.refused(USAGE, expected, *base, *more)
    for layers in ("lstm:3:both", "lstm:3:reverse,lstm:2"):
        cli.refused(USAGE, ["whole series", "forwards"], *base, "--layers", layers, noted="skipped")
    cli.refused(DATA, ["none of the 3 series", "101 steps"], *base, "--horizon", 100)
    cli.refused(DATA, ["--validate-last", "validation"], *base, "--validate-last", ".001", noted="skipped")
    cli.check(not out.exists() and not cli.leftovers(), "nothing is written")
    model, _ = train(cli, *words_of(table))
    run = ["run", model, "-i", table, "-o", cli.path("out.csv")]
    for words, expected in ((["--window", 3], "whole"), (["--hop", 3], "whole"), (["--shard", "1/2"], "windows")):
        cli.refused(USAGE, [words[0], expected], *run, *words)
    windows, _ = train(cli, *words_of(table, "--window", 5, "--standardize"), output="windows.safetensors")
    for name, path, other in (("whole", model, 5), ("windows", windows, 0)):  # outputs that are others than it says
        content = path.read_bytes().replace(b'\\"window\\":' + str(5 - other).encode(), b'\\"window\\":' + str(other).encode())
        damaged = cli.write(f"{name}_damaged.safetensors", content)
        cli.check(content != path.read_bytes(), "the file is another")
        cli.refused(DATA, ["sluice_series", "damaged"], "run", damaged, "-i", table, "-o", cli.path("out.csv"))
    cli.refused(USAGE, ["--season 2", "step at a time"], "evaluate", model, "-i", table, "--season", 2)


if __name__ == "__main__":
    run_parts()
