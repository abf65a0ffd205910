#!/usr/bin/env python3
"""sluice run --state: sequences fed over several runs give the bytes of one run, the file that carries them, and what is refused."""
import array
import json
import math
import os
import pathlib

from support.cli import (DATA, FAILURE, IO, NO_INPUT, USAGE, Network, flat, join_safetensors, lay_out, parse_npy, run_parts,
                         split_safetensors, transpose, write_npy)

ROWS, STEPS = 11, 7
OUTPUTS = ("-o", "--hn", "--cn", "--head")


class Case:
    """A network of one direction, with sequences of their own lengths."""

    def __init__(self, cli, name, seed, **shape):
        self.cli, self.name = cli, name
        self.network = Network(seed, 3, 5, classes=3, **shape)
        self.model = self.network.write(cli.path(f"{name}.safetensors"))
        source, vocabulary = self.network.random, self.network.vocabulary
        self.width = 1 if vocabulary else 3
        self.x = [[source.randrange(vocabulary) if vocabulary else source.uniform(-2, 2) for _ in range(STEPS * self.width)]
                  for _ in range(ROWS)]
        self.lengths = [source.randrange(STEPS + 1) for _ in range(ROWS)]
        self.lengths[2], self.lengths[5] = 0, STEPS

    def inputs(self, begin, end, ragged, tnc=False):
        """Options that feed steps begin..end-1, from files made now; of a ragged batch the rows that have not ended."""
        values = sum((row[begin * self.width:end * self.width] for row in self.x), [])
        shape = (ROWS, end - begin) if self.network.vocabulary else (ROWS, end - begin, 3)
        shape, values = transpose(shape, values) if tnc else (shape, values)
        x = write_npy(self.cli.path("x.npy"), shape, values, "<i4" if self.network.vocabulary else "<f4")
        words = ["-i", x] + (["--layout", "tnc"] if tnc else [])
        if ragged:
            lengths = [min(max(length - begin, 0), end - begin) for length in self.lengths]
            words += ["--lengths", write_npy(self.cli.path("n.npy"), (ROWS,), lengths, "<i8")]
        return words

    def run(self, *words):
        """Option: (shape, values' bytes) of every output of a run that must do well."""
        paths = {option: self.cli.path(f"out{option}.npy") for option in OUTPUTS}
        for path in paths.values():
            path.unlink(missing_ok=True)
        self.cli.answers("run", self.model, *words, *flat(paths))
        arrays = {option: parse_npy(path.read_bytes()) for option, path in paths.items()}
        return {option: (shape, array.array("f", values).tobytes()) for option, (shape, values) in arrays.items()}


def make_cases(cli):
    return [Case(cli, "plain", 31), Case(cli, "deep", 32, layers=3), Case(cli, "tokens", 33, layers=2, vocabulary=40)]


def rows_of(output, tnc):
    """Bytes of each row's steps of y, a list over rows."""
    shape, data = output
    values = list(array.array("f", data))
    shape, values = transpose(shape, values) if tnc else (shape, values)
    size = math.prod(shape[1:])
    return [array.array("f", values[n * size:(n + 1) * size]).tobytes() for n in range(shape[0])]


def read_states(path):
    """(h's shape, c's shape, h's bytes, c's bytes, metadata) of a state file, read by hand."""
    text, body = split_safetensors(path.read_bytes())
    header = json.loads(text)
    parts = [header["h"], header["c"]]
    if any(part["dtype"] != "F32" for part in parts) or set(header) != {"h", "c", "__metadata__"} or len(text) % 8:
        raise ValueError(f"header {header} of {len(text)} bytes")
    slices = [body[slice(*part["data_offsets"])] for part in parts]
    if sum(map(len, slices)) != len(body):
        raise ValueError("bytes of no tensor")
    return (*(tuple(part["shape"]) for part in parts), *slices, header["__metadata__"])


def write_states(path, shape, h, c):
    """Write a state file as another program would, c first and without metadata; return its path."""
    path.write_bytes(join_safetensors(*lay_out((name, "F32", shape, array.array("f", values).tobytes())
                                               for name, values in (("c", c), ("h", h)))))
    return path


def check_pieces(cli):
    state = cli.path("carried.safetensors")
    for case in make_cases(cli):
        for ragged in (False, True):
            whole = case.run(*case.inputs(0, STEPS, ragged))
            for cuts, extra, tnc in (((3,), [], False), ((3,), ["--rows", "1"], False), ((1, 5), ["--rows", "4"], False),
                                     ((0, 6), ["--threads", "1"], False), ((2, 2, 5), ["--rows", "3"], True)):
                state.unlink(missing_ok=True)
                rows = [b""] * ROWS
                for begin, end in zip((0, *cuts), (*cuts, STEPS)):
                    last = case.run(*case.inputs(begin, end, ragged, tnc), "--state", state, *extra)
                    rows = [row + more for row, more in zip(rows, rows_of(last["-o"], tnc))]
                name = f"{case.name}, cut at {cuts}, ragged {ragged}, {extra}"
                cli.check(rows == rows_of(whole["-o"], False), f"{name}: the same steps")
                for option in ("--hn", "--cn", "--head"):
                    cli.check(last[option] == whole[option], f"{name}: the same {option}")
                h_shape, c_shape, h, c, metadata = read_states(state)
                cli.check((h_shape, h) == last["--hn"] and (c_shape, c) == last["--cn"], f"{name}: the file holds the states")
                cli.check(metadata == {"format": "sluice-streams"}, f"{name}: the file says what it is: {metadata}")
    cli.check(not cli.leftovers(), "no temporary file is left")


def check_foreign_file(cli):
    case = make_cases(cli)[1]
    shape = (3, ROWS, 5)
    h, c = ([case.network.random.uniform(-1, 1) for _ in range(math.prod(shape))] for _ in range(2))
    inputs = case.inputs(0, STEPS, True)
    expected = case.run(*inputs, "--h0", cli.npy("h0.npy", shape, h), "--c0", cli.npy("c0.npy", shape, c))
    state = write_states(cli.path("made.safetensors"), shape, h, c)
    cli.check(case.run(*inputs, "--state", state, "--rows", "4") == expected, "states written by another program are gone on from")
    cli.check(read_states(state)[2:4] == (expected["--hn"][1], expected["--cn"][1]), "and replaced")


def check_alone(cli):
    """The state may be all that is asked for; no rows and no steps are states too."""
    case = make_cases(cli)[0]
    state = cli.path("alone.safetensors")
    whole = case.run(*case.inputs(0, STEPS, False))
    cli.answers("run", case.model, *case.inputs(0, STEPS, False), "--state", state)
    cli.check(read_states(state)[2:4] == (whole["--hn"][1], whole["--cn"][1]), "--state alone is an output")
    before = state.read_bytes()
    cli.answers("run", case.model, *case.inputs(2, 2, False), "--state", state)
    cli.check(state.read_bytes() == before, "no steps leave the states as they are")
    empty = cli.path("empty.safetensors")
    for _ in range(2):
        cli.answers("run", case.model, "-i", cli.npy("none.npy", (0, 4, 3), []), "--state", empty)
        cli.check(read_states(empty)[:2] == ((1, 0, 5), (1, 0, 5)), "no rows, no states")
    link = cli.path("link")
    link.symlink_to(state)
    cli.answers("run", case.model, *case.inputs(0, 1, False), "--state", link)
    cli.check(link.is_symlink() and state.read_bytes() != before, "a link stays a link")


def check_usage(cli):
    case = make_cases(cli)[0]
    inputs, state, out = case.inputs(0, STEPS, False), cli.path("never.safetensors"), cli.path("never.npy")
    h0 = cli.npy("h0.npy", (1, ROWS, 5), [0.0] * ROWS * 5)
    words = ["run", case.model, *inputs, "--state", state, "-o", out]
    cli.refused(USAGE, ["--state", "--text", "complete sequence"], "run", case.model, "--text", "--state", state)
    for option in ("--h0", "--c0"):
        cli.refused(USAGE, ["--state", "--h0", "--c0"], *words, option, h0)
    cli.refused(USAGE, ["--state", "standard"], "run", case.model, *inputs, "--state", "-")
    cli.refused(USAGE, ["--state", "--output", "same file"], "run", case.model, *inputs, "--state", out, "-o", out)
    cli.refused(USAGE, ["--state", "MODEL", "same file"], "run", case.model, *inputs, "--state", case.model)
    cli.refused(USAGE, ["--state", "''"], "run", case.model, *inputs, "--state", "")
    cli.refused(USAGE, ["no output", "--state"], "run", case.model, *inputs)
    cli.refused(FAILURE, ["one direction", "found 2"], "run",
                Network(1, 3, 5, directions=2).write(cli.path("both.safetensors")), *inputs, "--state", state, "-o", out)
    cli.check(not state.exists() and not out.exists() and not cli.leftovers(), "nothing is written")


def check_wrong_files(cli):
    case, deep = make_cases(cli)[:2]
    inputs, out = case.inputs(0, STEPS, False), cli.path("never.npy")

    def states(name, shape):
        return write_states(cli.path(name), shape, [0.0] * math.prod(shape), [0.0] * math.prod(shape))

    good = states("good", (1, ROWS, 5))
    cases = [
        (DATA, states("fewer", (1, ROWS - 1, 5)), ["--state", "11 rows", "--input", "found 10"]),
        (DATA, states("layers", (2, ROWS, 5)), ["[1][slots][5]", "[2][11][5]"]),
        (DATA, states("hidden", (1, ROWS, 6)), ["[1][slots][5]", "[1][11][6]"]),
        (DATA, deep.model, ["no tensor", "\"h\""]),
        (DATA, cli.write("short", good.read_bytes()[:-1]), ["byte", "cut short"]),
        (DATA, cli.write("garbage", b"words\n" * 20), ["byte"]),
        (DATA, cli.write("nothing", b""), ["byte 0"]),
        (IO, cli.directory, ["directory"]),
        (NO_INPUT, pathlib.Path("/dev/null"), ["/dev/null", "regular file"]),
        (IO, cli.path("absent/state"), ["absent/state", "--state", "No such"]),
    ]
    for code, path, words in cases:
        before = path.read_bytes() if path.is_file() else None
        cli.refused(code, [str(path), *words], "run", case.model, *inputs, "--state", path, "-o", out)
        cli.check((path.read_bytes() if path.is_file() else None) == before, f"{path} is as it was")
    cli.check(not out.exists() and not cli.leftovers(), f"nothing is written: {cli.leftovers()}")


def check_failing_runs(cli):
    """A run that fails leaves the states where they were, whether there was a file or none."""
    case = make_cases(cli)[2]
    state, absent, out = cli.path("kept.safetensors"), cli.path("new.safetensors"), cli.path("never.npy")
    cli.answers("run", case.model, *case.inputs(0, 3, False), "--state", state)
    before = state.read_bytes()
    case.x[ROWS - 1][5] = 40
    for path in (state, absent):
        cli.refused(DATA, ["row 10", "found 40"], "run", case.model, *case.inputs(3, STEPS, False), "--state", path, "-o", out,
                    "--rows", "2")
    case.x[ROWS - 1][5] = 39
    for path in (state, absent):
        cli.refused(IO, ["/dev/full"], "run", case.model, *case.inputs(3, STEPS, False), "--state", path, "-o", "/dev/full")
    cli.check(state.read_bytes() == before and not absent.exists() and not out.exists() and not cli.leftovers(),
              "a run that fails leaves the states as they were")
    if os.geteuid():
        state.chmod(0o400)
        cli.refused(IO, ["--state", "Permission denied"], "run", case.model, *case.inputs(3, STEPS, False), "--state", state)


if __name__ == "__main__":
    run_parts()
