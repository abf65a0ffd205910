#!/usr/bin/env python3
"""sluice run with .npy files: the equations' results, the same bytes however the rows stream, and what it says to wrong files."""
import array
import json
import math
import signal
import subprocess
import time

from support.cli import (DATA, INTERRUPTED, IO, NO_INPUT, OK, USAGE, Network, best_isa, flat, is_writing, keeps_memory_small,
                         npy_bytes, parse_npy, peak_memory, read_npy, run_parts, send, sluice, start, transpose, wait_until,
                         write_npy)

ROWS, STEPS = 13, 6
# A float32 result of a few dozen operations of size about 1, against double: a few ULP each.
TOLERANCE = 4e-6


class Case:
    """A network with inputs in files, and the results of the equations."""

    def __init__(self, cli, name, seed, **shape):
        self.network = Network(seed, 3, 5, **shape)
        self.model = self.network.write(cli.path(f"{name}.safetensors"))
        source = self.network.random
        self.lengths = [source.randrange(STEPS + 1) for _ in range(ROWS)]
        self.lengths[3], self.lengths[7] = 0, STEPS
        vocabulary = self.network.vocabulary
        self.x_shape = (ROWS, STEPS) if vocabulary else (ROWS, STEPS, 3)
        count = math.prod(self.x_shape)
        self.x = [source.randrange(vocabulary) for _ in range(count)] if vocabulary else as_f4(source.uniform(-2, 2)
                                                                                               for _ in range(count))
        self.x_type = "<i4" if vocabulary else "<f4"
        planes = self.network.layers * self.network.directions
        self.state_shape = (planes, ROWS, 5)
        self.h0 = as_f4(source.uniform(-1, 1) for _ in range(math.prod(self.state_shape)))
        self.c0 = as_f4(source.uniform(-1, 1) for _ in range(math.prod(self.state_shape)))
        self.files = {"-i": cli.npy(f"{name}-x.npy", self.x_shape, self.x, self.x_type),
                      "--lengths": cli.npy(f"{name}-n.npy", (ROWS,), self.lengths, "<i8"),
                      "--h0": cli.npy(f"{name}-h0.npy", self.state_shape, self.h0),
                      "--c0": cli.npy(f"{name}-c0.npy", self.state_shape, self.c0)}

    def row(self, n, ragged):
        """Row n's input."""
        length = self.lengths[n] if ragged else STEPS
        width = 1 if self.network.vocabulary else 3
        steps = [self.x[(n * STEPS + t) * width:(n * STEPS + t + 1) * width] for t in range(length)]
        return [step[0] for step in steps] if self.network.vocabulary else steps

    def expected(self, ragged, states):
        """Option: (shape, values) of every output."""
        planes, features = self.state_shape[0], self.network.directions * 5
        y, head = [], []
        hn, cn = [[] for _ in range(planes)], [[] for _ in range(planes)]
        for n in range(ROWS):
            start_states = [[list(flat[(k * ROWS + n) * 5:(k * ROWS + n + 1) * 5]) for k in range(planes)]
                            for flat in (self.h0, self.c0)]
            outputs, h, c, logits = self.network.run(self.row(n, ragged), start_states if states else None)
            y += sum(outputs, []) + [0.0] * features * (STEPS - len(outputs))
            head += logits
            for k in range(planes):
                hn[k] += h[k]
                cn[k] += c[k]
        results = {"-o": ((ROWS, STEPS, features), y), "--hn": (self.state_shape, sum(hn, [])),
                   "--cn": (self.state_shape, sum(cn, []))}
        if self.network.classes:
            results["--head"] = ((ROWS, self.network.classes), head)
        return results


def as_f4(values):
    """Values as float32 has them."""
    return list(array.array("f", values))


def outputs_of(cli, case, *extra, inputs=("-i", "--lengths", "--h0", "--c0"), wanted=None, files=None):
    """Option: bytes of every output of a run that must do well, with `files` in place of the case's."""
    wanted = wanted or ["-o", "--hn", "--cn"] + (["--head"] if case.network.classes else [])
    paths = {option: cli.path(f"out{option}.npy") for option in wanted}
    for path in paths.values():
        path.unlink(missing_ok=True)
    files = {**case.files, **(files or {})}
    words = flat((option, files[option]) for option in inputs)
    cli.answers("run", case.model, *words, *flat(paths), *extra)
    return {option: path.read_bytes() if path.exists() else b"" for option, path in paths.items()}


def is_near(found, expected):
    """Whether an array is the expected one to the tolerance."""
    return (found[0] == expected[0] and len(found[1]) == len(expected[1]) and
            all(abs(a - b) <= TOLERANCE * max(1, abs(b)) for a, b in zip(found[1], expected[1])))


def make_cases(cli):
    return [Case(cli, "plain", 21), Case(cli, "deep", 22, layers=2, directions=2, classes=3),
            Case(cli, "tokens", 23, directions=2, vocabulary=40, classes=2)]


def check_results(cli):
    for case in make_cases(cli):
        for inputs, ragged, states in ((("-i",), False, False), (("-i", "--lengths"), True, False),
                                       (("-i", "--lengths", "--h0", "--c0"), True, True)):
            for option, expected in case.expected(ragged, states).items():
                found = parse_npy(outputs_of(cli, case, inputs=inputs)[option])
                cli.check(is_near(found, expected), f"{case.model.name} {inputs} {option}: expected {expected}, found {found}")


def check_same_bytes(cli):
    for case in make_cases(cli):
        expected = outputs_of(cli, case)
        settings = [["--rows", rows] for rows in ("1", "4", "13", "100")] + [["--threads", n] for n in ("1", "2", "3")]
        settings += [["--isa", isa] for isa in best_isa()] + [["--schedule", schedule] for schedule in ("rows", "hoist")]
        for extra in settings:
            cli.check(outputs_of(cli, case, *extra) == expected, f"{case.model.name}: the same bytes with {extra}")
        for option, data in expected.items():
            alone = outputs_of(cli, case, wanted=[option])
            cli.check(alone[option] == data, f"{case.model.name}: {option} alone is the same")
        blis = outputs_of(cli, case, "--gemm", "blis")
        cli.check(all(is_near(parse_npy(blis[option]), parse_npy(data)) for option, data in expected.items()), "BLIS comes near")
        turned = cli.npy("steps-first.npy", *transpose(case.x_shape, case.x), case.x_type)
        for rows in ("1", "5", "13"):
            found = outputs_of(cli, case, "--layout", "tnc", "--rows", rows, files={"-i": turned})
            y = transpose(*parse_npy(found["-o"]))
            cli.check(y == parse_npy(expected["-o"]) and
                      all(found[option] == expected[option] for option in expected if option != "-o"),
                      f"{case.model.name}: steps first, {rows} rows at a time")


def check_token_types(cli):
    case = make_cases(cli)[2]
    expected = outputs_of(cli, case)
    for dtype in ("|u1", "<i4", "<i8"):
        files = {"-i": cli.npy("typed.npy", case.x_shape, case.x, dtype)}
        cli.check(outputs_of(cli, case, "--rows", "5", files=files) == expected, f"tokens of type {dtype} give the same bytes")
    padded = list(case.x)
    for n in range(ROWS):
        padded[n * STEPS + case.lengths[n]:(n + 1) * STEPS] = [-1 if n % 2 else 1 << 40] * (STEPS - case.lengths[n])
    files = {"-i": cli.npy("padded.npy", case.x_shape, padded, "<i8"),
             "--lengths": cli.npy("lengths4.npy", (ROWS,), case.lengths, "<i4")}
    found = outputs_of(cli, case, "--rows", "5", files=files)
    cli.check(found == expected, "what stands past a row's end is not looked at; lengths may be i4")
    for value in (-1, 40, (1 << 32) + 1, 1 << 40):
        bad = list(case.x)
        bad[7 * STEPS + 2] = value
        path = cli.npy("bad.npy", case.x_shape, bad, "<i8")
        for layout, file in (("ntc", path), ("tnc", cli.npy("bad-tnc.npy", *transpose(case.x_shape, bad), "<i8"))):
            cli.refused(DATA, [str(file), "row 7", "step 2", "0 to 39", str(value)], "run", case.model, "-i", file, "--layout",
                        layout, "--rows", "3", "--hn", cli.path("never.npy"))
    cli.check(not cli.path("never.npy").exists() and not cli.leftovers(), "nothing is written for a token that is none")


def check_streams(cli):
    case = make_cases(cli)[1]
    expected = outputs_of(cli, case, inputs=("-i",))
    data = case.files["-i"].read_bytes()
    for rows in ("2", "13"):
        output = cli.answers("run", case.model, "-i", "-", "-o", "-", "--rows", rows, "--hn", cli.path("hn.npy"), stdin=data)
        cli.check(output == expected["-o"] and cli.path("hn.npy").read_bytes() == expected["--hn"],
                  f"through pipes, {rows} rows at a time")
        cli.check(cli.answers("run", case.model, "--head", "-", "--rows", rows, stdin=data) == expected["--head"],
                  "--input is - by default")
    with open(case.files["-i"], "rb") as file:
        cli.check(cli.answers("run", case.model, "--head", "-", "--rows", "2", stdin=file) == expected["--head"],
                  "a redirected file")
    cli.check(cli.answers("run", case.model, "--hn", "-", stdin=data) == expected["--hn"], "states in one chunk go through a pipe")
    cli.refused(USAGE, ["standard output", "--hn", "--rows 13"], "run", case.model, "--hn", "-", "--rows", "2", stdin=data)
    cli.refused(USAGE, ["standard input", "--input", "ntc", "--rows 13"], "run", case.model, "--layout", "tnc", "--rows", "2",
                "--cn", cli.path("never.npy"), stdin=npy_bytes(*transpose(case.x_shape, case.x)))
    cli.refused(USAGE, ["standard output", "--output", "ntc"], "run", case.model, "-i",
                cli.npy("t.npy", *transpose(case.x_shape, case.x)), "--layout", "tnc", "--rows", "2", "-o", "-")
    cli.refused(USAGE, ["--input", "--h0", "standard input"], "run", case.model, "--h0", "-", "--head", "x", stdin=data)
    cli.refused(DATA, ["standard input"], "run", case.model, "-o", cli.path("never.npy"), "--rows", "2", stdin=data[:-40])
    cli.check(not cli.path("never.npy").exists() and not cli.leftovers(), "what fails writes nothing")


def check_wrong_files(cli):
    plain, deep, tokens = make_cases(cli)
    x, out = plain.files["-i"], cli.path("never.npy")

    def shaped(name, shape, dtype="<f4"):
        return write_npy(cli.path(name), shape, [0] * math.prod(shape), dtype)

    cases = [
        (plain, {"-i": shaped("a.npy", (13, 6, 4))}, ["--input", "a.npy", "numbers [N][T][3]", "f4 [13][6][4]"]),
        (plain, {"-i": shaped("b.npy", (13, 18))}, ["--input", "numbers [N][T][3]", "f4 [13][18]"]),
        (plain, {"-i": shaped("c.npy", (13, 6, 4), "<i4")}, ["--input", "numbers [N][T][3]", "i4 [13][6][4]"]),
        (plain, {"-i": tokens.files["-i"]}, ["--input", "numbers [N][T][3]", "i4 [13][6]"]),
        (tokens, {"-i": x}, ["--input", "tokens [N][T]", "f4 [13][6][3]"]),
        (tokens, {"-i": shaped("d.npy", (78,))}, ["--input", "tokens [N][T]", "f4 [78]"]),
        (plain, {"--lengths": shaped("e.npy", (12,), "<i4")}, ["--lengths", "e.npy", "whole numbers [13]", "i4 [12]"]),
        (plain, {"--lengths": shaped("f.npy", (13, 2))}, ["--lengths", "whole numbers [13]", "f4 [13][2]"]),
        (plain, {"--lengths": shaped("g.npy", (12, 1), "<i8")}, ["--lengths", "whole numbers [13]", "i8 [12][1]"]),
        (deep, {"--h0": shaped("h.npy", (2, 13, 5))}, ["--h0", "numbers [4][13][5]", "f4 [2][13][5]"]),
        (deep, {"--c0": shaped("i.npy", (4, 13, 6))}, ["--c0", "numbers [4][13][5]", "f4 [4][13][6]"]),
        (deep, {"--c0": shaped("j.npy", (4, 12, 5))}, ["--c0", "numbers [4][13][5]", "f4 [4][12][5]"]),
    ]
    for value, words in ((-1, ["0 to 6", "-1"]), (7, ["0 to 6", "7"]), (1 << 33, ["8589934592"])):
        lengths = list(plain.lengths)
        lengths[9] = value
        path = cli.npy(f"l{value}.npy", (13,), lengths, "<i8")
        cases.append((plain, {"--lengths": path}, [str(path), "row 9", *words]))
    for case, files, words in cases:
        cli.refused(DATA, words, "run", case.model, *flat({"-i": case.files["-i"], **files}), "-o", out, "--rows", "4")
    for option in ("-i", "--lengths", "--h0", "--c0"):
        cli.refused(NO_INPUT, ["absent.npy"], "run", plain.model, *flat({"-i": x, option: cli.path("absent.npy")}), "-o", out)
    cli.refused(DATA, ["no-array", "byte"], "run", plain.model, "-i", cli.write("no-array", b"words\n" * 20), "-o", out)
    cli.refused(DATA, ["short.npy"], "run", plain.model, "-i", cli.write("short.npy", x.read_bytes()[:-4]), "-o", out)
    cli.refused(DATA, ["--head", "--head-name"], "run", plain.model, "-i", x, "--head", out)
    cli.refused(IO, ["/dev/full"], "run", plain.model, "-i", x, "-o", "/dev/full", "--hn", out)
    cli.refused(IO, ["/no/such"], "run", plain.model, "-i", x, "--hn", "/no/such/place")
    cli.check(not out.exists() and not cli.leftovers(), f"nothing is written: {cli.leftovers()}")


def check_same_place(cli):
    case = make_cases(cli)[1]
    x, model, inside = case.files["-i"], case.model, f"{cli.directory}/./new.npy"
    before = x.read_bytes(), model.read_bytes()
    for arguments in (["-o", "new.npy", "--hn", inside], ["--hn", "-", "--cn", "-"], ["-o", x], ["-o", model],
                      ["--cn", inside, "--head", "new.npy"], ["--h0", case.files["--h0"], "--hn", case.files["--h0"]]):
        cli.refused(USAGE, ["same file"], "run", model, "-i", x, *arguments, cwd=cli.directory)
    cli.check((x.read_bytes(), model.read_bytes()) == before, "the inputs are as they were")
    cli.answers("run", model, "-i", x, "-o", "/dev/null", "--hn", "/dev/null")


def check_empty(cli):
    """No rows have no results; without steps the final states are the initial ones."""
    for case in make_cases(cli)[:2]:
        width, y, hn = case.network.directions * 5, cli.path("y.npy"), cli.path("hn.npy")
        for rows, steps, words, states in ((0, 6, [], ((case.state_shape[0], 0, 5), [])),
                                           (13, 0, ["--h0", case.files["--h0"], "--rows", "5"], (case.state_shape, case.h0))):
            for layout, axes in (("ntc", (rows, steps)), ("tnc", (steps, rows))):
                x = cli.npy("empty.npy", (*axes, 3), [])
                cli.answers("run", case.model, "-i", x, "--layout", layout, "-o", y, "--hn", hn, *words)
                cli.check(read_npy(y) == ((*axes, width), []) and read_npy(hn) == states, f"{rows} rows of {steps} steps, {layout}")


def check_nan(cli):
    case = make_cases(cli)[0]
    poisoned = list(case.x)
    poisoned[5 * STEPS * 3] = math.nan
    clean = parse_npy(outputs_of(cli, case, inputs=("-i",))["-o"])[1]
    case.files["-i"] = cli.npy("nan.npy", case.x_shape, poisoned)
    found = parse_npy(outputs_of(cli, case, inputs=("-i",))["-o"])[1]
    row = STEPS * 5
    cli.check(all(math.isnan(value) for value in found[5 * row:6 * row]), "NaN in x spreads over its row")
    cli.check(found[:5 * row] == clean[:5 * row] and found[6 * row:] == clean[6 * row:], "and no further")


def check_stats(cli):
    case = make_cases(cli)[1]
    result = sluice("run", case.model, "-i", case.files["-i"], "--lengths", case.files["--lengths"], "-o", cli.path("y.npy"),
                    "--stats", "--json", "--rows", "4")
    stats = json.loads(result.stderr)
    flop = sum(case.lengths) * 2 * 2 * 20 * ((3 + 5) + (10 + 5))
    cli.check(stats["rows"] == ROWS and stats["steps"] == sum(case.lengths), f"real steps are counted: {stats}")
    cli.check(abs(stats["gflops"] * stats["seconds"] * 1e9 - flop) <= 1e-6 * flop, "useful work counts inputs without a table")
    bar = sluice("run", case.model, "-i", case.files["-i"], "-o", cli.path("y.npy"), "--progress", "always", "--rows", "1")
    cli.check(b"rows/s" in bar.stderr and b"ETA" in bar.stderr and bar.returncode == OK, "a bar of rows")


def check_signal(cli):
    case = make_cases(cli)[0]
    target = cli.write("y.npy", b"old")
    run = start("run", case.model, "-o", target, "--rows", "1")
    send(run, case.files["-i"].read_bytes()[:500])
    cli.check(wait_until(lambda: is_writing(run, cli.directory)), "the output grows beside its name")
    time.sleep(0.3)
    run.send_signal(signal.SIGTERM)
    run.wait(60)
    errors = run.stderr.read()
    run.stdin.close()
    cli.check(run.returncode == INTERRUPTED and b"interrupted" in errors,
              f"a signal ends a run that waits: {run.returncode} {errors!r}")
    cli.check(target.read_bytes() == b"old" and not cli.leftovers(), "and leaves nothing behind")
    run.stdout.close()
    run.stderr.close()


def check_unwanted_output(cli):
    """No output is asked for that would not fit; with rows of no steps the input's header alone makes a file."""
    model = Network(1, 1, 8, layers=8).write(cli.path("deep.safetensors"))
    x = cli.npy("endless.npy", (1 << 57, 0, 1), [])
    cli.refused(DATA, ["--hn", "address space"], "run", model, "-i", x, "--hn", cli.path("hn.npy"))
    run = start("run", model, "-i", x, "-o", cli.path("y.npy"), stdin=subprocess.DEVNULL)
    wait_until(lambda: is_writing(run, cli.directory) or run.poll() is not None)
    run.send_signal(signal.SIGTERM)
    errors = run.communicate(timeout=60)[1]
    cli.check(run.returncode == INTERRUPTED and b"interrupted" in errors,
              f"states that are not asked for refuse no run: {run.returncode} {errors!r}")


def check_memory(cli):
    if not keeps_memory_small():
        return
    case = make_cases(cli)[0]
    sizes = []
    for rows in (20000, 1000000):
        data = npy_bytes((rows, 2, 3), [])
        path = cli.path("large.npy")
        with open(path, "wb") as file:
            file.write(data)
            file.truncate(len(data) + rows * 24)
        sizes.append(peak_memory("run", case.model, "-o", "-", path=path))
        path.unlink()
    cli.same_memory(sizes, "fifty times the rows")


if __name__ == "__main__":
    run_parts()
