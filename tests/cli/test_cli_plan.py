#!/usr/bin/env python3
"""What the program sluice reports of schedules, and what it learns by measuring: info --explain, --schedule measure, --plans."""
import json

from support.cli import DATA, IO, NO_INPUT, OK, USAGE, Network, best_isa, run_parts, sluice

WAYS = ("rows", "hoist", "units")
ROWS, STEPS, INPUTS = 6, 5, 3


def make_model(cli, name="model", **shape):
    """The path of a small model's file."""
    return Network(7, INPUTS, 8, **shape).write(cli.path(f"{name}.safetensors"))


def make_input(cli, rows=ROWS, steps=STEPS):
    """The path of a .npy file for it."""
    return cli.npy(f"x-{rows}-{steps}.npy", (rows, steps, INPUTS), [k % 7 / 8 for k in range(rows * steps * INPUTS)])


def explain(cli, model, *words, rows=ROWS, steps=STEPS):
    """What --explain --json says; it must succeed."""
    return json.loads(cli.answers("info", model, "--explain", "--batch", rows, "--steps", steps, "--json", *words))


def lines_of(path):
    """The lines of a file of plans behind its head."""
    return path.read_text(encoding="utf-8").splitlines()[3:]


def check_facts(cli):
    isa = best_isa()[-1]
    for model in (make_model(cli), make_model(cli, "deep", layers=2), make_model(cli, "both", layers=2, directions=2)):
        facts = explain(cli, model, "--threads", "2", "--isa", isa)
        expected = {"model": str(model), "rows": ROWS, "steps": STEPS, "total_steps": ROWS * STEPS, "isa": isa, "gemm": "fused",
                    "schedule": "auto", "threads": 2}
        cli.check({name: facts[name] for name in expected} == expected, f"what is explained: expected {expected}, found {facts}")
        candidates = facts["candidates"]
        cli.check(candidates and facts["reason"] and facts["workspace_bytes"] > 0, f"candidates, reason and bytes: {facts}")
        cli.check([k for k, one in enumerate(candidates) if one["chosen"]] == [facts["chosen"]], f"one is chosen: {facts}")
        for one in candidates:
            cli.check(one["schedule"] in WAYS and one["teams"] >= 1 and one["members"] >= 1 and one["teams"] * one["members"] <= 2
                      and isinstance(one["hoists"], bool) and isinstance(one["wavefront"], bool) and one["cycles"] > 0
                      and one["measured_seconds"] is None, f"a candidate's fields: {one}")
            known = isa != "scalar"
            cli.check((one["seconds"] is not None) == known and (one["fraction_of_peak"] is not None) == known,
                      f"seconds and share are reported where the peak's cycles are known: {one}")
            if known:
                cli.check(abs(one["seconds"] * facts["cycles_per_second"] / one["cycles"] - 1) < 1e-6, f"seconds of cycles: {one}")
    scalar = explain(cli, make_model(cli), "--isa", "scalar")
    cli.check(scalar["cycles_per_second"] is None and all(one["seconds"] is None for one in scalar["candidates"]),
              f"the scalar kernels have cycles only: {scalar}")


def check_table(cli):
    model = make_model(cli)
    table = cli.answers("info", model, "--explain", "--batch", 1234, "--steps", 50, "--threads", "2").decode()
    lines = table.splitlines()
    for word in ("N = 1,234, T = 50: 61,700 steps in all", "2 threads", "bytes", "schedule groups threads hoists wave",
                 "measured is in ms", "* chosen: "):
        cli.check(word in table, f"--explain reports {word!r}: {table}")
    head = next(k for k, line in enumerate(lines) if line.startswith("  schedule "))
    end = lines.index("", head)
    facts = explain(cli, model, "--threads", "2", rows=1234, steps=50)
    cli.check([k for k, line in enumerate(lines[head + 1:end]) if line.startswith("* ")] == [facts["chosen"]],
              f"the chosen one is marked: {table}")
    cli.check(len(facts["candidates"]) == end - head - 1, f"a line for each candidate: {table}")
    cli.check(max(map(len, lines[:end])) <= 80, f"the table fits 80 columns: {table}")
    fixed = explain(cli, model, "--schedule", "hoist", "--threads", "1")
    cli.check(fixed["schedule"] == "hoist" and fixed["candidates"][fixed["chosen"]]["hoists"], f"a schedule asked for: {fixed}")


def check_lengths(cli):
    model, lengths = make_model(cli), [5, 0, 1, 2, 3, 4]
    for dtype in ("<i4", "<i8"):
        path = cli.npy("lengths.npy", (ROWS,), lengths, dtype)
        facts = explain(cli, model, "--lengths", path)
        cli.check(facts["total_steps"] == sum(lengths), f"the steps of rows of {lengths}: {facts}")
    whole, short = (explain(cli, model, *words, steps=50) for words in
                    ([], ["--lengths", cli.npy("short.npy", (ROWS,), [1] * ROWS, "<i4")]))
    cycles = [facts["candidates"][facts["chosen"]]["cycles"] for facts in (whole, short)]
    cli.check(cycles[1] < cycles[0], f"rows of 1 step are estimated at less than rows of 50: {cycles}")
    words = ["info", model, "--explain", "--batch", ROWS, "--steps", STEPS, "--lengths"]
    table = cli.answers(*words, cli.path("lengths.npy")).decode()
    cli.check("N = 6, lengths up to T = 5: 15 steps in all" in table, f"rows of several lengths in the table: {table}")
    cli.refused(NO_INPUT, ["absent.npy"], *words, cli.path("absent.npy"))
    for shape, values, dtype, parts in (((5,), lengths[1:], "<i4", ["[6] (the rows of --batch)", "[5]"]),
                                        ((6, 2), lengths * 2, "<i4", ["[6][2]"]), ((7,), lengths + [0], "<i4", ["whole numbers", "i4 [7]"]),
                                        ((6,), [6] + lengths[1:], "<i8", ["row 0", "0 to 5", "--steps", "found 6"]),
                                        ((6,), lengths[:5] + [-1], "<i8", ["row 5", "found -1"])):
        cli.refused(DATA, ["--lengths" if "row" not in parts[0] else "bad.npy", *parts], *words,
                    cli.npy("bad.npy", shape, values, dtype))


def check_usage(cli):
    model = make_model(cli)
    x = make_input(cli)
    plans = cli.path("usage.plans")
    whole = ["info", model, "--explain", "--batch", "4", "--steps", "5"]
    cases = [
        (["info", model, "--explain"], ["--batch N", "--steps T"]),
        (["info", model, "--explain", "--batch", "4"], ["--steps"]),
        (["info", model, "--explain", "--steps", "4"], ["--batch"]),
        (["info", "--explain", "--batch", "4", "--steps", "5"], ["MODEL"]),
        (["info", "--env", "--explain", "--batch", "4", "--steps", "5"], ["--explain", "--env"]),
        (["info", model, "--batch", "4"], ["--batch", "--explain"]),
        (["info", model, "--steps", "4"], ["--steps", "--explain"]),
        (["info", model, "--lengths", x], ["--lengths", "--explain"]),
        (["info", model, "--plans", plans], ["--plans", "--explain"]),
        (["info", model, "--schedule", "measure"], ["--schedule", "--explain"]),
        (["info", "--env", "--schedule", "rows"], ["--schedule", "--explain"]),
        ([*whole, "--batch", "0"], ["--batch", "'0'"]),
        ([*whole, "--steps", "4.5"], ["--steps", "'4.5'"]),
        ([*whole, "--batch", "18446744073709551615", "--steps", "2"], ["--batch", "--steps"]),
        ([*whole, "--schedule", "best"], ["--schedule", "auto, rows, hoist, units, measure"]),
        ([*whole, "--plans", "-"], ["--plans", "standard"]),
        ([*whole, "--plans", ""], ["--plans", "name of a file"]),
        ([*whole, "--plans", plans, "--schedule", "rows"], ["--plans", "rows"]),
        (["run", model, "-i", x, "--hn", cli.path("hn.npy"), "--plans", plans, "--schedule", "units"], ["--plans", "units"]),
        (["run", model, "-i", x, "--hn", plans, "--plans", plans, "--schedule", "measure"], ["same file", "--hn", "--plans"]),
        (["run", model, "-i", x, "--hn", cli.path("hn.npy"), "--plans", model, "--schedule", "measure"], ["same file", "MODEL"]),
        (["run", model, "--text", "--schedule", "measure"], ["--schedule measure", "equal length", ".npy"]),
        ([*whole, "--lengths", x, "--schedule", "measure"], ["--schedule measure", "equal length", "--lengths"]),
    ]
    for arguments, words in cases:
        cli.refused(USAGE, words, *arguments)
    cli.check(not plans.exists() and not cli.path("hn.npy").exists(), "an error writes nothing")


def check_measured(cli):
    """What info measures it reports, saves, and finds again."""
    model, plans = make_model(cli), cli.path("info.plans")
    facts = explain(cli, model, "--threads", "2", "--schedule", "measure")
    best = facts["candidates"][facts["chosen"]]
    cli.check(facts["schedule"] == "measure" and best["measured_seconds"] > 0, f"measuring needs no file: {facts}")
    cli.refused(NO_INPUT, ["info.plans"], "info", model, "--explain", "--batch", "6", "--steps", "5", "--plans", plans)
    cli.check(not plans.exists(), "a file that is not there is not made unless something is measured")
    first = explain(cli, model, "--threads", "2", "--schedule", "measure", "--plans", plans)
    again = explain(cli, model, "--threads", "2", "--plans", plans)
    plans_found = [[one[name] for name in ("teams", "members", "hoists", "wavefront")]
            for one in (facts["candidates"][facts["chosen"]] for facts in (first, again))]
    cli.check(plans_found[0] == plans_found[1] and again["schedule"] == "auto", f"what was measured is chosen again: {plans_found}")
    seconds = again["candidates"][again["chosen"]]["measured_seconds"]
    cli.check(seconds is not None and seconds > 0, f"with its time: {again}")
    [line] = lines_of(plans)
    cli.check(line.startswith(f"rows={ROWS} steps={STEPS} teams={plans_found[0][0]} members={plans_found[0][1]} "), f"in the file: {line}")
    table = cli.answers("info", model, "--explain", "--batch", ROWS, "--steps", STEPS, "--threads", "2", "--plans", plans).decode()
    cli.check("* chosen: " in table, f"the table with it: {table}")
    explain(cli, model, "--threads", "2", "--schedule", "measure", "--plans", plans)
    cli.check(len(lines_of(plans)) == 1, "measured again, it is still one line")
    explain(cli, model, "--threads", "2", "--schedule", "measure", "--plans", plans, rows=2)
    cli.check(len(lines_of(plans)) == 2 and not cli.leftovers(), "another batch size adds its own")


def check_refused_plans(cli):
    """A file that is not this engine's is refused as it is, and not written over."""
    model, plans, x = make_model(cli), cli.path("refused.plans"), make_input(cli)
    explain(cli, model, "--threads", "2", "--schedule", "measure", "--plans", plans)
    good = plans.read_bytes()
    whole = ["info", model, "--explain", "--batch", ROWS, "--steps", STEPS, "--threads", "2", "--plans", plans]
    runs = ["run", model, "-i", x, "--hn", cli.path("refused.npy"), "--threads", "2", "--plans", plans]
    for text, part in ((good.replace(b"members=", b"members=9"), "line 4"), (good.replace(b"hidden=8", b"hidden=9"), "line 2"),
                       (good[:-1], "line 4"), (b"", "line 1"), (b"\x93NUMPY", "line 1"),
                       (good.replace(b"isa=", b"isa=x"), "line 3")):
        plans.write_bytes(text)
        for command in (whole, runs):
            cli.refused(DATA, [str(plans), part, "expected", "found"], *command)
            cli.refused(DATA, [str(plans), part, "another file"], *command, "--schedule", "measure")
        cli.check(plans.read_bytes() == text and not cli.path("refused.npy").exists(), f"{part}: nothing is written")
    plans.write_bytes(good)
    cli.refused(DATA, ["line 3", "threads=1"], *whole, "--threads", "1")
    cli.refused(DATA, ["line 2", "layers=2"], "info", make_model(cli, "other", layers=2), *whole[2:])
    cli.refused(IO, ["nowhere"], *whole[:-1], cli.path("nowhere/plans"), "--schedule", "measure")


def check_run(cli):
    model, plans, x, out = make_model(cli, classes=2), cli.path("run.plans"), make_input(cli), cli.path("out.npy")
    command = ["run", model, "-i", x, "-o", out, "--threads", "2"]
    cli.answers(*command)
    expected = out.read_bytes()

    def same(*words):
        out.unlink()
        cli.answers(*command, *words)
        cli.check(out.read_bytes() == expected, f"the same bytes with {words}")
    cli.refused(NO_INPUT, ["run.plans"], *command, "--plans", plans)
    same("--schedule", "measure")
    cli.check(not plans.exists(), "without --plans nothing is kept")
    same("--schedule", "measure", "--plans", plans)
    cli.check([line.split(" teams")[0] for line in lines_of(plans)] == [f"rows={ROWS} steps={STEPS}"],
              f"the batch of the run is what was measured: {lines_of(plans)}")
    same("--plans", plans)
    same("--schedule", "measure", "--plans", plans, "--rows", "4")
    cli.check(sorted(line.split(" teams")[0] for line in lines_of(plans)) == ["rows=4 steps=5", "rows=6 steps=5"],
              f"rows at once is what counts: {lines_of(plans)}")
    facts = explain(cli, model, "--threads", "2", "--plans", plans, rows=4)
    cli.check(facts["candidates"][facts["chosen"]]["measured_seconds"] is not None, f"info knows what run measured: {facts}")
    timed = sluice(*command, "--schedule", "measure", "--stats", "--json")
    cli.check(timed.returncode == OK and json.loads(timed.stderr)["rows"] == ROWS, f"--stats after measuring: {timed}")
    for name, rows, steps in (("no rows", 0, STEPS), ("no steps", ROWS, 0)):
        empty = cli.path("empty.plans")
        cli.answers("run", model, "-i", make_input(cli, rows, steps), "-o", cli.path("empty.npy"), "--schedule", "measure",
                    "--plans", empty)
        cli.check(not empty.exists(), f"{name}: there is nothing to measure")


def check_text(cli):
    words = Network(4, 3, 4, vocabulary=256, classes=3).write(cli.path("words.safetensors"))
    plans = cli.path("words.plans")
    expected = cli.answers("run", words, "--text", stdin=b"some\nwords\n")
    explain(cli, words, "--schedule", "measure", "--plans", plans, rows=2, steps=5)
    cli.check(cli.answers("run", words, "--text", "--plans", plans, stdin=b"some\nwords\n") == expected,
              "lines are answered the same with what was learned")


if __name__ == "__main__":
    run_parts()
