#!/usr/bin/env python3
"""sluice train: losses of --values, --sample-weights, --rate-schedule plateau and --head-only, against formulas; what is refused."""
import array
import csv
import json
import random

from support.cli import DATA, QUIET, USAGE, parse_npy, read_safetensors, run_parts, sluice

SEED = 81
ROWS, STEPS, INPUTS, VALUES = 40, 6, 2, 2


def reals(source, count, low=-1.0, high=1.0):
    return [source.uniform(low, high) for _ in range(count)]


def write(cli, name, shape, values):
    return cli.npy(name, shape, values)


def write_data(cli, name, seed):
    """x, and values that depend on it: of each row, and of each step."""
    source = random.Random(seed)
    x = reals(source, ROWS * STEPS * INPUTS)
    sums = [sum(x[n * STEPS * INPUTS:(n + 1) * STEPS * INPUTS]) for n in range(ROWS)]
    values = [number for total in sums for number in (total / 2, total + source.gauss(0, 1))]
    of_steps = reals(source, ROWS * STEPS * VALUES)
    return (write(cli, f"{name}.x.npy", (ROWS, STEPS, INPUTS), x), write(cli, f"{name}.v.npy", (ROWS, VALUES), values),
            write(cli, f"{name}.s.npy", (ROWS, STEPS, VALUES), of_steps), values)


def train(cli, *words):
    return json.loads(cli.answers("train", *words, *QUIET, "--json") or b"{}")


def outputs_of(cli, model, x):
    head = cli.path("outputs.npy")
    cli.answers("run", model, "-i", x, "--head", head, *QUIET)
    return parse_npy(head.read_bytes())[1]


TERMS = {
    "squared": lambda e, q: e * e,
    "absolute": lambda e, q: abs(e),
    "huber:0.5": lambda e, q: e * e / 2 if abs(e) <= 0.5 else 0.5 * (abs(e) - 0.25),
    "quantile:0.2,0.5,0.9": lambda e, q: max(-q * e, (1 - q) * e),
}
KEYS = {"squared": "mean_squared_error", "absolute": "mean_absolute_error", "huber:0.5": "mean_huber_loss",
        "quantile:0.2,0.5,0.9": "mean_quantile_loss"}
NAMES = {"squared": "squared-error", "absolute": "absolute-error", "huber:0.5": "huber", "quantile:0.2,0.5,0.9": "quantile"}


def mean_losses(outputs, values, loss, weights=None):
    """The weighted mean, and the means of the outputs."""
    quantiles = [float(q) for q in loss.partition(":")[2].split(",")] if loss.startswith("quantile") else [0]
    width = VALUES * len(quantiles)
    weights = weights or [1] * ROWS
    terms = [[TERMS[loss](outputs[n * width + k] - values[n * VALUES + k // len(quantiles)], quantiles[k % len(quantiles)])
              for k in range(width)] for n in range(ROWS)]
    mean = sum(w * sum(row) / width for w, row in zip(weights, terms)) / sum(weights)
    counted = [row for w, row in zip(weights, terms) if w]
    return mean, [sum(row[k] for row in counted) / len(counted) for k in range(width)]


def close(a, b):
    """Outputs are the same floats; the rest is double precision."""
    return abs(a - b) <= 1e-6 * abs(b) + 1e-9


def check_losses(cli):
    """The losses that are reported are those of the model's outputs, and training makes them smaller."""
    x, v, _, values = write_data(cli, "losses", SEED)
    values = list(array.array("f", values))
    for loss in TERMS:
        model = cli.path("losses.safetensors")
        words = ["-i", x, "--values", v, "--validate", x, "--validate-values", v, "-o", model, "--loss", loss, "--hidden", 8,
                 "--batch", 8, "--rate", 0.02]
        first, last = train(cli, *words, "--epochs", 1), train(cli, *words, "--epochs", 12)
        cli.check(last["loss"] == NAMES[loss] and last["validation"]["loss"] < first["validation"]["loss"], f"{loss}: {last}")
        mean, each = mean_losses(outputs_of(cli, model, x), values, loss)
        cli.check(close(last["validation"]["loss"], mean), f"{loss}: {last['validation']['loss']} is {mean}")
        found = [output[KEYS[loss]] for output in last["outputs"]]
        cli.check(len(found) == len(each) and all(map(close, found, each)), f"{loss}: {found} are {each}")
        if loss.startswith("quantile"):
            cli.check([(o["value"], round(o["quantile"], 6)) for o in last["outputs"]] ==
                      [(value, q) for value in range(VALUES) for q in (0.2, 0.5, 0.9)], "quantiles of a value are neighbours")
        said = sluice("train", *words, "--epochs", 1).stdout.decode()
        cli.check(KEYS[loss].replace("_", " ").replace("huber", "Huber") in said, f"{loss}: the table names it: {said}")


def check_weights(cli):
    """Weights of 0 leave rows out; the weighted mean is reported; in int8 too."""
    x, v, s, values = write_data(cli, "weights", SEED + 1)
    source = random.Random(SEED)
    given = [0 if n % 3 == 0 else source.uniform(0.1, 2) for n in range(ROWS)]
    values = list(array.array("f", values))
    weights = write(cli, "weights.npy", (ROWS,), given)
    given = list(array.array("f", given))
    model, checkpoint = cli.path("weights.safetensors"), cli.path("weights.checkpoint")
    words = ["-i", x, "--values", v, "-o", model, "--hidden", 6, "--batch", ROWS, "--loss", "absolute", "--rate", 1e-7]
    found = train(cli, *words, "--sample-weights", weights, "--epochs", 1, "--optimizer", "sgd", "--checkpoint", checkpoint)
    mean, _ = mean_losses(outputs_of(cli, model, x), values, "absolute", given)
    # One step of SGD with this rate moves the loss by 1e-7 times the gradient's square, which is below 1.
    cli.check(abs(found["training"]["loss"] - mean) <= 1e-6 and found["training"]["counted"] == sum(w > 0 for w in given),
              f"{found['training']} is {mean}")
    other = write(cli, "other.npy", (ROWS,), [1.0] * ROWS)
    cli.answers("train", "--resume", checkpoint, "--epochs", 2, *QUIET)
    cli.refused(DATA, ["the data differ"], "train", "--resume", checkpoint, "--sample-weights", other)
    # Of steps, with parts: rows of weight 0 might as well have other values.
    by_step = [0 if (n + t) % 4 == 0 else source.uniform(0.1, 2) for n in range(ROWS) for t in range(STEPS)]
    changed = parse_npy(s.read_bytes())[1]
    for k, weight in enumerate(by_step):
        if not weight:
            changed[k * VALUES:(k + 1) * VALUES] = [9.0] * VALUES
    other, weights = write(cli, "changed.npy", (ROWS, STEPS, VALUES), changed), write(cli, "by_step.npy", (ROWS, STEPS), by_step)
    files = []
    for name, targets, more in (("a", s, []), ("b", other, []), ("c", s, ["--precision", "int8"])):
        files.append(cli.path(f"{name}.safetensors"))
        found = train(cli, "-i", x, "--values", targets, "-o", files[-1], "--hidden", 6, "--epochs", 2, "--truncate", 4, "--batch", 16,
                      "--sample-weights", weights, "--validate-share", 0.25, *more)
        counted = found["training"]["counted"] + found["validation"]["counted"]
        cli.check(counted == sum(w > 0 for w in by_step), f"{name}: {counted} count")
    cli.check(files[0].read_bytes() == files[1].read_bytes(), "values of weight 0 are not read")


def check_plateau(cli):
    """The rate is that of torch's rule for the losses of the curve, and a resumed run has the same bits."""
    x, v, _, _ = write_data(cli, "plateau", SEED + 2)
    held, held_v, _, _ = write_data(cli, "held", SEED + 3)
    for validates in (False, True):
        whole, broken, checkpoint, curve = (cli.path(f"plateau.{end}") for end in ("whole", "broken", "checkpoint", "csv"))
        words = ["-i", x, "--values", v, "--hidden", 6, "--batch", 8, "--rate", 0.1, "--rate-schedule", "plateau:0.5,0"]
        words += ["--validate", held, "--validate-values", held_v] if validates else []
        train(cli, *words, "-o", whole, "--epochs", 14, "--curve", curve)
        rows = list(csv.DictReader(curve.read_text().splitlines()))
        best, waited, rate = float("inf"), 0, 0.1
        lowered = 0
        for row in rows:
            cli.check(abs(float(row["rate"]) - rate) <= 1e-8 * rate, f"epoch {row['epoch']}: rate {row['rate']}, not {rate}")
            loss = float(row["validation_loss" if validates else "training_loss"])
            best, waited = (loss, 0) if loss < best * (1 - 1e-4) else (best, waited + 1)
            if waited > 0:
                rate, waited, lowered = rate * 0.5, 0, lowered + 1
        cli.check(lowered or not validates, f"the rate was lowered {lowered} times")
        train(cli, *words, "-o", broken, "--epochs", 5, "--checkpoint", checkpoint)
        for epochs in (9, 14):
            cli.answers("train", "--resume", checkpoint, "--epochs", epochs, *QUIET)
        cli.check(whole.read_bytes() == broken.read_bytes(), "a run in three parts has the same bits")
    cli.refused(USAGE, ["--rate-schedule was", "plateau:0.5,0"], "train", "--resume", checkpoint, "--rate-schedule", "cosine")
    said = sluice("train", *words, "-o", whole, "--epochs", 3, "--progress", "never", "--rate-schedule", "plateau").stderr.decode()
    cli.check("--rate-schedule plateau waits" in said, f"too few epochs are noted: {said}")


def check_head_only(cli):
    """All weights but the head's are those before, and it goes on from a checkpoint."""
    x, v, _, _ = write_data(cli, "head", SEED + 4)
    start, whole, broken, checkpoint = (cli.path(f"head.{end}") for end in ("start", "whole", "broken", "checkpoint"))
    words = ["-i", x, "--values", v, "--hidden", 6, "--layers", 2, "--head-only", "--rate", 0.01]
    train(cli, *words, "-o", start, "--epochs", 1)
    found = train(cli, *words, "-o", whole, "--epochs", 3)
    cli.check(found["head_only"] is True, f"{found}")
    before, after = read_safetensors(start)[1], read_safetensors(whole)[1]
    for name in before:
        cli.check((before[name] == after[name]) == name.startswith("lstm."), f"{name} is {'kept' if name[0] == 'l' else 'trained'}")
    train(cli, *words, "-o", broken, "--epochs", 1, "--checkpoint", checkpoint)
    cli.answers("train", "--resume", checkpoint, "--epochs", 3, *QUIET)
    cli.check(whole.read_bytes() == broken.read_bytes(), "a run in two parts has the same bits")
    cli.refused(USAGE, ["--head-only", "--no-head"], "train", *words, "-o", whole, "--no-head")


def check_refused(cli):
    x, v, s, _ = write_data(cli, "refused", SEED + 5)
    labels = cli.npy("refused.labels.npy", (ROWS,), [n % 2 for n in range(ROWS)], "<i4")
    out = ["-o", cli.path("refused.safetensors")]
    for loss in ("hinge", "huber:", "huber:0", "huber:x", "huber:1e39", "quantile:", "quantile:0", "quantile:0.5,", "quantile:1",
                 "squared:2", "quantile:" + ",".join(["0.5"] * 65)):
        cli.refused(USAGE, ["--loss", "expected"], "train", "-i", x, "--values", v, *out, "--loss", loss)
    for schedule in ("plateau:", "plateau:0.5", "plateau:1,3", "plateau:0,3", "plateau:0.5,x", "cosine:1", "step"):
        cli.refused(USAGE, ["--rate-schedule", "expected"], "train", "-i", x, "--values", v, *out, "--rate-schedule", schedule)
    cli.refused(USAGE, ["--loss goes with --values"], "train", "-i", x, "--labels", labels, *out, "--loss", "huber")
    for name, shape, numbers, expected in (
            ("nan", (ROWS,), [1.0] * 7 + [float("nan")] + [1.0] * (ROWS - 8), ["row 7, step 0", "weight", "nan"]),
            ("minus", (ROWS,), [1.0] * (ROWS - 1) + [-1.0], [f"row {ROWS - 1}, step 0", "-1"]),
            ("zero", (ROWS,), [0.0] * ROWS, ["none of the 40 rows", "weight 0"]),
            ("short", (ROWS - 1,), [1.0] * (ROWS - 1), ["weights [40]"]),
            ("steps", (ROWS, STEPS), [1.0] * (ROWS * STEPS), ["a weight for each row"])):
        path = write(cli, f"refused.{name}.npy", shape, numbers)
        cli.refused(DATA, expected, "train", "-i", x, "--values", v, *out, "--sample-weights", path)
    model = cli.path("refused.start")
    train(cli, "-i", x, "--values", s, "-o", model, "--epochs", 1, "--hidden", 4)
    cli.refused(DATA, ["2 outputs", "3 quantiles"], "train", "-i", x, "--values", s, *out, "--from", model, "--loss", "quantile")


if __name__ == "__main__":
    run_parts()
