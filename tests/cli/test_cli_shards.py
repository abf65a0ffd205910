#!/usr/bin/env python3
"""sluice run --shard and sluice merge: the parts of any number of shards are the bytes of an unsharded run; which part auto is; what
is done already; and what is refused."""
import gzip
import json
import os
import pathlib
import random
import shutil
import zipfile

from support.cases.chain import Chain, write_chains
from support.cli import (DATA, IO, LANGID, NO_INPUT, OK, USAGE, Network, flat, keeps_memory_small, npy_bytes, peak_memory, run_parts, sluice,
                         transpose, zipped)

SEED = 67
ROWS, STEPS, INPUTS = 11, 6, 3
BLOCK, BLOCKS = 4096, 64  # of an input's bytes, those that are sampled (docs/files.md)
OUTPUTS = ("-o", "--hn", "--cn", "--head")
TEXTS = {
    "plain": b"lucciola\nthoughtfulness\n\nheureusement\nwort\nciao\n\nzwei\nthe\nund\nel\n",
    "no newline at the end": b"lucciola\nwort\nthe",
    "cr lf": b"lucciola\r\n\r\nwort\r\nthe\r\nund\r\nciao",
    "a long line": b"a\n" + b"heureusement" * 90 + b"\nb\n\n\nc\n",
    "one long line": b"heureusement" * 50,
    "empty lines": b"\n" * 13,
    "a mark": b"\xef\xbb\xbfab\ncd\n",
    "a mark alone": b"\xef\xbb\xbf",
    "like gzip inside": b"ab\n\x1f\x8b\x08cd\n\xff\xfeef\nPK\x03\x04\n",
    "nothing": b"",
}


def part(out, k, parts, kind="part"):
    """The path of a file of part k of OUT."""
    return pathlib.Path(f"{out}.{kind}-{k:04}-of-{parts:04}")


def run_parts_of(cli, parts, *words):
    """Run every part, each of which must do well. In an order that is not theirs."""
    order = random.Random(SEED + parts).sample(range(1, parts + 1), parts)
    for k in order:
        result = sluice("run", *words, "--shard", f"{k}/{parts}")
        cli.check(result.returncode == OK, f"part {k} of {parts} of {words}: {result.stderr!r}")


def clear(cli):
    """Remove all parts and records."""
    for path in cli.directory.glob("*-of-*"):
        path.unlink()


def begin_parts(text, parts):
    """Where parts begin: at the first line that does at or after the part's share of the bytes."""
    lines = [0, *(at + 1 for at, byte in enumerate(text) if byte == 10), len(text)]
    return [next(line for line in lines if line >= len(text) * k // parts) for k in range(parts)]


def check_text(cli):
    print(f"seed {SEED}")
    out, whole = cli.path("out.tsv"), cli.path("whole.tsv")
    model = Network(4, 3, 4, vocabulary=256, classes=3).write(cli.path("bytes.safetensors"))
    for name, text in TEXTS.items():
        for extra in ([], ["--keep-cr", "--top", "2"])[:1 + (name == "cr lf")]:
            words = [model, "--text", "-i", cli.write("lines.txt", text), *extra, "-o"]
            cli.check(sluice("run", *words, whole).returncode == OK, f"{name}: unsharded")
            for parts in range(1, 18):
                run_parts_of(cli, parts, *words, out)
                firsts = [json.loads(part(out, k, parts, "record").read_text())["first"] for k in range(1, parts + 1)]
                cli.check(firsts == begin_parts(text, parts), f"{name}: {parts} parts begin where a line does: {firsts}")
                joined = b"".join(part(out, k, parts).read_bytes() for k in range(1, parts + 1))
                cli.check(joined == whole.read_bytes(), f"{name} {extra}: {parts} parts one after the other are the unsharded answer")
                cli.answers("merge", out, "--remove")
                cli.check(out.read_bytes() == whole.read_bytes(), f"{name} {extra}: {parts} parts merged")
                cli.check(not list(cli.directory.glob("*-of-*")) and not cli.leftovers(), f"{name}: the parts are removed")


class Arrays:
    """A network with inputs, and runs of it."""

    def __init__(self, cli, name, model, vocabulary=0, last=OUTPUTS):
        self.cli, self.name, self.model, self.last = cli, name, model, last
        source = random.Random(SEED)
        shape = (ROWS, STEPS) if vocabulary else (ROWS, STEPS, INPUTS)
        size = ROWS * STEPS * (1 if vocabulary else INPUTS)
        values = [source.randrange(vocabulary) if vocabulary else source.uniform(-2, 2) for _ in range(size)]
        code = "<i8" if vocabulary else "<f8"
        mask = [source.randrange(2) for _ in range(ROWS * STEPS)]
        self.x = cli.npy("x.npy", shape, values, code), cli.npy("xt.npy", *transpose(shape, values), code)
        self.mask = cli.npy("m.npy", (ROWS, STEPS), mask, "|u1"), cli.npy("mt.npy", *transpose((ROWS, STEPS), mask), "|u1")
        self.lengths = cli.npy("n.npy", (ROWS,), [source.randrange(STEPS + 1) for _ in range(ROWS)], "<i8")

    def names(self, kind):
        """Option: path of all outputs."""
        return {option: self.cli.path(f"{kind}{option}") for option in self.last}

    def check(self, counts, *words, notes=0, merged=()):
        """Every number of parts gives the bytes of the whole."""
        plain = [word for word in words if word != "--in-place"]
        whole, outs = self.names("whole"), self.names("parts")
        self.cli.answers("run", self.model, *plain, *flat(whole), notes=notes)
        for parts in counts:
            run_parts_of(self.cli, parts, self.model, *words, *flat(outs))
            self.cli.answers("merge", *outs.values(), *merged)
            for option, path in outs.items():
                same = path.read_bytes() == whole[option].read_bytes()
                self.cli.check(same, f"{self.name} {words}: {option} of {parts} parts")
                path.unlink()
            clear(self.cli)


def check_arrays(cli):
    every, some = range(1, 18), (1, 4, 17)
    model = Network(SEED, INPUTS, 5, layers=2, directions=2, classes=3).write(cli.path("m.safetensors"))
    case = Arrays(cli, "numbers", model)
    states = ["--hn", cli.path("h0.npy"), "--cn", cli.path("c0.npy")]
    cli.answers("run", model, "-i", case.x[0], *states, notes=1)
    case.check(every, "-i", case.x[0], notes=1)
    case.check(every, "-i", case.x[0], "--lengths", case.lengths, notes=1)
    case.check(every, "-i", case.x[1], "--layout", "tnc", "--lengths", case.lengths, "--rows", "2", notes=1)
    case.check(some, "-i", case.x[0], "--mask", case.mask[0], "--h0", states[1], "--c0", states[3], "--rows", "1", notes=1)
    case.check(some, "-i", case.x[1], "--mask", case.mask[1], "--layout", "tnc", notes=1)
    case.check(every, "-i", case.x[0], "--in-place", "--lengths", case.lengths, "--rows", "2", notes=1)
    case.check(some, "-i", cli.npy("none.npy", (0, STEPS, INPUTS), []))
    case.check(some, "-i", cli.npy("none.npy", (0, STEPS, INPUTS), []), "--in-place")
    case.check(some, "-i", cli.npy("short.npy", (ROWS, 0, INPUTS), []))
    model = Network(SEED, INPUTS, 5, vocabulary=40, classes=2).write(cli.path("t.safetensors"))
    case = Arrays(cli, "tokens", model, 40)
    case.check(some, "-i", case.x[0], "--lengths", case.lengths, merged=["--remove"])
    case.check(some, "-i", case.x[1], "--layout", "tnc")


def check_columns(cli):
    """An input in Fortran order is read by seeking too."""
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    case = Arrays(cli, "columns", model)
    data = case.x[0].read_bytes().replace(b"'fortran_order': False", b"'fortran_order': True ")
    case.check((1, 3, 17), "-i", cli.write("fortran.npy", data), notes=1)


def check_archives(cli):
    """Arrays that are stored in .npz archives are read by seeking; compressed ones cannot be."""
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    case = Arrays(cli, "archives", model)
    files = {"x": case.x[0], "n": case.lengths, "m": case.mask[0]}
    paths = {}
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        paths[name] = cli.path(f"{name}.npz")
        with zipfile.ZipFile(paths[name], "w", method) as archive:
            for member, path in files.items():
                archive.write(path, f"{member}.npy")
    words = [f"{paths['stored']}:{name}" for name in "xnm"]
    case.check((1, 3, 17), "-i", words[0], "--lengths", words[1], notes=1)
    case.check((1, 3), "-i", words[0], "--mask", words[2], "--in-place", notes=1)
    out, part = cli.path("y.npy"), ["--shard", "1/2"]
    packed = cli.write("x.npy.gz", gzip.compress(case.x[0].read_bytes()))
    for inputs, place in ((["-i", packed], "x.npy.gz"), (["-i", f"{paths['deflated']}:x"], "deflated.npz:x"),
                          (["-i", case.x[0], "--lengths", f"{paths['deflated']}:n"], "deflated.npz:n")):
        cli.refused(USAGE, [place, "seeking", "gzip -dc", "numpy.savez"], "run", model, *inputs, "-o", out, *part, noted="f8")
    both = cli.path("both.npz")
    with zipfile.ZipFile(both, "w") as archive:
        for member, value in (("a", 1), ("b", 2)):
            archive.writestr(f"{member}.npy", npy_bytes((4, STEPS, INPUTS), [value] * 4 * STEPS * INPUTS))
    for k, member in ((1, "a"), (2, "b")):
        cli.answers("run", model, "-i", f"{both}:{member}", "-o", out, "--shard", f"{k}/2")
    cli.refused(DATA, ["part 2 of 2", "another input"], "merge", out)
    clear(cli)


def check_layers(cli):
    """States of layers that differ in size are archives; --layer writes another layer's outputs."""
    lower = {"kind": "lstm", "name": "lower", "units": 5, "direction": "both", "merge": "sum"}
    upper = {"kind": "lstm", "name": "upper", "units": 4, "projection": 2}
    end = {"kind": "dense", "name": "end", "units": 2}
    model = write_chains(cli.path("net.safetensors"), Chain(SEED, [lower, upper, end], INPUTS))
    case = Arrays(cli, "layers", model)
    case.check(range(1, 18), "-i", case.x[0], "--lengths", case.lengths, "--layer", "lower", notes=1)
    case.check((3,), "-i", case.x[1], "--layout", "tnc", notes=1)
    states = cli.path("h0.npz"), cli.path("c0.npz")
    cli.answers("run", model, "-i", case.x[0], "--hn", states[0], "--cn", states[1], notes=1)
    case.check((1, 5), "-i", case.x[0], "--h0", states[0], "--c0", states[1], notes=1)
    cli.refused(USAGE, ["--in-place", "--hn", ".npz"], "run", model, "-i", case.x[0], "--hn", cli.path("h.npz"), "--in-place", "--shard",
                "1/2", noted="f8")
    clear(cli)


def check_balance(cli):
    """Rows are cut by their steps."""
    model = Network(SEED, INPUTS, 5).write(cli.path("m.safetensors"))
    x = cli.npy("x.npy", (8, 70, INPUTS), [0.5] * 8 * 70 * INPUTS)
    lengths = cli.npy("n.npy", (8,), [10, 10, 10, 10, 10, 10, 10, 70], "<i8")
    out = cli.path("y.npy")
    run_parts_of(cli, 2, model, "-i", x, "--lengths", lengths, "-o", out)
    records = [json.loads(part(out, k, 2, "record").read_text()) for k in (1, 2)]
    cli.check([(record["first"], record["count"]) for record in records] == [(0, 7), (7, 1)],
              f"seven rows of 10 steps are as much as one of 70: {records}")
    clear(cli)


# ---- What is done already --------------------------------------------------------------------------------------------------------

def stats(*words):
    """(rows that were run, standard error) of a run."""
    result = sluice("run", *words, "--stats", "--json")
    text = result.stderr.decode()
    return (json.loads(text[text.index("{"):])["rows"] if result.returncode == OK else None), text


def check_done(cli):
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    other = Network(SEED + 1, INPUTS, 5, classes=3).write(cli.path("other.safetensors"))
    rows = 12000
    values = [0.25 * k for k in range(rows * STEPS * INPUTS)]
    x = cli.npy("x.npy", (rows, STEPS, INPUTS), values)
    last = (x.stat().st_size - 1) // BLOCK
    sampled = {k * last // (BLOCKS - 1) for k in range(BLOCKS)}
    hidden = next(block for block in range(last // 2, last) if block not in sampled) * BLOCK // 4  # an element that is not sampled
    out, states = cli.path("y.npy"), cli.path("hn.npy")
    for place in ([], ["--in-place"]):
        words = ["-i", x, "-o", out, "--hn", states, "--shard", "2/3", "--skip-done", *place]
        cli.check(stats(model, *words)[0] == rows // 3, "the part is run")
        file = cli.path("y.npy.parts-of-0003") if place else part(out, 2, 3)
        before = file.stat().st_mtime_ns, file.stat().st_ino
        done, text = stats(model, *words)
        cli.check(done == 0 and "note: part 2 of 3 is done already" in text, f"it is skipped: {done} rows, {text}")
        cli.check(before == (file.stat().st_mtime_ns, file.stat().st_ino), "and not written")
        cli.refused(DATA, ["part 2 of 3 is there already", "another model", "leave out --skip-done"],
                    "run", other, *words)
        cli.refused(DATA, ["other options", "precision f32"], "run", model, *words, "--precision", "bf16")
        cli.npy("x.npy", (rows, STEPS, INPUTS), [*values[:-1], 7])
        cli.refused(DATA, ["another input"], "run", model, *words)
        cli.npy("x.npy", (rows, STEPS, INPUTS), values)
        # A value in the part that is in none of the sampled blocks.
        changed = list(values)
        changed[hidden] += 1
        cli.npy("x.npy", (rows, STEPS, INPUTS), changed)
        cli.refused(DATA, ["another input"], "run", model, *words)
        cli.npy("x.npy", (rows, STEPS, INPUTS), values)
        part(states, 2, 3, "record").unlink()
        cli.check(stats(model, *words)[0] > 0, "an output without its record is no part: it is run again")
        if not place:
            file.write_bytes(file.read_bytes()[:-4])
            cli.check(stats(model, *words)[0] > 0, "nor is a file that was cut short")
        cli.check(stats(other, *words[:-1 - len(place)], *place)[0] > 0, "without --skip-done another model's part replaces it")
        cli.check(stats(other, *words)[0] == 0, "as its record says")
        clear(cli)
    text = cli.write("words.txt", "uno\ndue\ntre\n" * 50000)
    words = [LANGID, "--text", "-i", text, "-o", cli.path("answers.tsv"), "--shard", "2/50", "--skip-done"]
    cli.check(stats(*words)[0] == 3000 and stats(*words)[0] == 0, "a part of text likewise")
    text.write_bytes(text.read_bytes()[:13000] + b"UNO" + text.read_bytes()[13003:])
    cli.refused(DATA, ["another input"], "run", *words)
    clear(cli)


# ---- Merging -------------------------------------------------------------------------------------------------------------------

def check_merge(cli):
    """Parts that do not make a whole are named, and OUT stays as it was."""
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    other = Network(SEED + 1, INPUTS, 5, classes=3).write(cli.path("other.safetensors"))
    case = Arrays(cli, "merge", model)
    out = cli.write("y.npy", b"old")
    words = ["-i", case.x[0], "-o", out]

    def again(k, *changed):
        sluice("run", *(changed or (model, *words)), "--shard", f"{k}/4")

    def refused(code, *expected):
        cli.refused(code, [out.name, *expected], "merge", out)
        cli.check(out.read_bytes() == b"old" and not cli.leftovers(), f"{expected}: the output stays")

    refused(NO_INPUT, "found none", "sluice run --shard")
    run_parts_of(cli, 4, model, *words)
    for k in (1, 3):
        part(out, k, 4, "record").unlink()
    refused(NO_INPUT, "2 of 4 parts are missing or not finished: 1 (has no record), 3", "--shard 1/4 and so on")
    again(1)
    part(out, 3, 4).unlink()
    refused(NO_INPUT, "1 of 4 parts is missing", ": 3;", "--shard 3/4")
    again(3)
    again(2, other, *words)
    refused(DATA, "part 2 of 4", "another model than part 1")
    again(2, model, *words, "--precision", "bf16")
    refused(DATA, "part 2 of 4", "other options", "bf16", "f32")
    again(2, model, "-i", cli.npy("x2.npy", (ROWS, STEPS, INPUTS), [0.5] * ROWS * STEPS * INPUTS, "<f8"), "-o", out)
    refused(DATA, "part 2 of 4", "another input")
    again(2, model, *words, "--lengths", case.lengths)
    refused(DATA, "part 2 of 4", "other options", "lengths")
    again(2)
    shutil.copy(part(out, 1, 4, "record"), part(out, 2, 4, "record"))
    refused(DATA, part(out, 2, 4, "record").name, "is the record of part 1 of 4", "--shard 2/4 again")
    again(2)
    sluice("run", model, *words, "--shard", "5/5")
    refused(DATA, "have all rows twice", "remove")
    for kind in ("part", "record"):
        part(out, 5, 5, kind).unlink()
    data = part(out, 2, 4).read_bytes()
    part(out, 2, 4).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused(DATA, part(out, 2, 4).name, "record of part 2", "--shard 2/4 again, without --skip-done")
    part(out, 2, 4).write_bytes(data + b"1234")
    refused(DATA, part(out, 2, 4).name, "record of part 2")
    again(2)
    record = part(out, 2, 4, "record")
    for content in (b"", b"{}", record.read_bytes().replace(b'"count": ', b'"count": 9'), record.read_bytes()[:-20]):
        record.write_bytes(content)
        refused(DATA, record.name, "no record", "--shard 2/4 again")
    again(2)
    for k, key, change, found in ((4, "count", -1, "up to 10 of 11"), (3, "first", 1, "end at 5")):
        record = part(out, k, 4, "record")
        fields = json.loads(record.read_text())
        record.write_text(json.dumps({**fields, key: fields[key] + change}))
        refused(DATA, f"part {k} of 4", found, "another")
        again(k)
    cli.answers("merge", out)
    cli.answers("run", model, "-i", case.x[0], "-o", cli.path("whole.npy"), notes=1)
    cli.check(out.read_bytes() == cli.path("whole.npy").read_bytes(), "mended, they make the whole")
    clear(cli)


def check_merge_arguments(cli):
    cli.refused(USAGE, ["OUT is missing"], "merge")
    cli.refused(USAGE, ["standard output", "file"], "merge", "-")
    cli.refused(IO, ["nowhere", "No such file"], "merge", cli.path("nowhere/y.npy"))
    os.mkdir(cli.path("a-folder"))
    cli.refused(IO, ["directory"], "merge", cli.path("a-folder"))


def check_own_files(cli):
    """No input is an output at the same time, under whatever name; nor is OUT a file of its parts."""
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    values = [0.5] * ROWS * STEPS * INPUTS
    x, out = cli.npy("x.npy", (ROWS, STEPS, INPUTS), values), cli.path("own.npy")
    mask = cli.npy("m.npy", (ROWS, STEPS), [1] * ROWS * STEPS, "|u1")
    before = x.read_bytes(), mask.read_bytes()
    cli.refused(USAGE, ["--output", "--mask", "same file"], "run", model, "-i", x, "--mask", mask, "-o", mask)
    cli.refused(USAGE, ["--output", "--input", "same file"], "run", model, "-i", x, "-o", x, "--shard", "1/2")
    archive = cli.path("x.npz")
    with zipfile.ZipFile(archive, "w") as file:
        file.write(x, "x.npy")
    cli.refused(USAGE, ["--output", "--input", "same file"], "run", model, "-i", f"{archive}:x", "-o", archive)
    for place, file in (([], part(out, 1, 2)), (["--in-place"], pathlib.Path(f"{out}.parts-of-0002"))):
        file.symlink_to(x)
        cli.refused(USAGE, ["--output", file.name, "--input", "same file"], "run", model, "-i", x, "-o", out, "--shard", "1/2", *place)
        cli.check((x.read_bytes(), mask.read_bytes()) == before, "the inputs stay")
        clear(cli)
    cli.answers("run", model, "-i", x, "-o", cli.path("whole.npy"))
    for place in ([], ["--in-place"]):
        run_parts_of(cli, 2, model, "-i", x, "-o", out, *place)
        for file in (part(out, 2, 2), part(out, 1, 2, "record"), pathlib.Path(f"{out}.parts-of-0002")):
            out.symlink_to(file.name)
            cli.refused(USAGE, [out.name, "link", file.name, "remove the link"], "merge", out, "--remove")
            out.unlink()
        cli.answers("merge", out, "--remove")
        cli.check(out.read_bytes() == cli.path("whole.npy").read_bytes(), "without the link they are merged")
        out.unlink()


def check_no_files(cli):
    """What stands in the place of a part's files and is none: refused before the run, and never waited for."""
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    x, out = cli.npy("x.npy", (ROWS, STEPS, INPUTS), [0.5] * ROWS * STEPS * INPUTS), cli.path("none.npy")
    words = ["run", model, "-i", x, "-o", out, "--shard", "2/2"]
    for place, file in (([], part(out, 2, 2)), ([], part(out, 2, 2, "record")), (["--in-place"], pathlib.Path(f"{out}.parts-of-0002"))):
        os.mkfifo(file)
        cli.refused(USAGE, [file.name, "FIFO", "name a file"], *words, *place, timeout=20)
        file.unlink()
        file.mkdir()
        cli.refused(IO, [file.name, "directory"], *words, *place)
        file.rmdir()
    cli.answers(*words[:-1], "1/2")
    os.mkfifo(part(out, 2, 2, "record"))
    cli.refused(DATA, ["record-0002-of-0002", "no record", "--shard 2/2 again"], "merge", out, timeout=20)
    clear(cli)


def check_other_disk(cli):
    """A file that was filled in place does not get a name on another disk; it stays, and with it all that is known of it."""
    other = pathlib.Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == cli.directory.stat().st_dev:
        return
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    x, out = cli.npy("x.npy", (ROWS, STEPS, INPUTS), [0.5] * ROWS * STEPS * INPUTS), cli.path("far.npy")
    run_parts_of(cli, 2, model, "-i", x, "-o", out, "--in-place")
    out.symlink_to(other / f"sluice-{os.getpid()}.npy")
    cli.refused(IO, [out.name, "far.npy.parts-of-0002 is whole", "move it yourself"], "merge", out)
    out.unlink()
    cli.answers("merge", out)
    cli.answers("run", model, "-i", x, "-o", cli.path("whole.npy"))
    cli.check(out.read_bytes() == cli.path("whole.npy").read_bytes(), "it gets one on its own")


def check_in_place(cli):
    """One file that all parts fill; it gets its name when all have."""
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    other = Network(SEED + 1, INPUTS, 5, classes=3).write(cli.path("other.safetensors"))
    case = Arrays(cli, "in place", model)
    out, joined = cli.path("z.npy"), cli.path("z.npy.parts-of-0003")
    words = ["-i", case.x[0], "-o", out, "--in-place"]
    cli.answers("run", model, "-i", case.x[0], "-o", cli.path("whole.npy"), notes=1)
    for k in (3, 1):
        cli.answers("run", model, *words, "--shard", f"{k}/3", notes=1)
    cli.check(joined.exists() and not out.exists(), "an unfinished output is not seen under its name")
    cli.refused(NO_INPUT, ["1 of 3 parts is missing", ": 2;"], "merge", out)
    cli.answers("run", other, *words, "--shard", "2/3", notes=1)
    cli.refused(DATA, ["part 2 of 3", "another model"], "merge", out)
    cli.answers("run", model, *words, "--shard", "2/3", notes=1)
    data = joined.read_bytes()
    joined.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    cli.refused(DATA, [joined.name, "part 3 of 3"], "merge", out)
    joined.write_bytes(data)
    cli.answers("merge", out)
    cli.check(out.read_bytes() == cli.path("whole.npy").read_bytes(), "the file becomes the output")
    cli.check(not list(cli.directory.glob("*-of-*")), "and nothing else is left")
    joined.write_bytes(b"something else")
    cli.refused(DATA, [joined.name, "remove it"], "run", model, *words, "--shard", "2/3", noted="f8")
    cli.check(joined.read_bytes() == b"something else", "a file of others is not written")
    clear(cli)


# ---- Which part -----------------------------------------------------------------------------------------------------------------

def slurm(task, least, most, step, count):
    return {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": least, "SLURM_ARRAY_TASK_MAX": most, "SLURM_ARRAY_TASK_STEP": step,
            "SLURM_ARRAY_TASK_COUNT": count}


def mpi(rank, size, name="OMPI_COMM_WORLD"):
    return {f"{name}_RANK": rank, f"{name}_SIZE": size}


def check_auto(cli):
    model = Network(SEED, INPUTS, 5, classes=3).write(cli.path("m.safetensors"))
    case = Arrays(cli, "auto", model)
    out = cli.path("y.npy")

    def run(text, settings):
        return sluice("run", model, "-i", case.x[0], "-o", out, "--shard", text,
                      settings={name: str(value) for name, value in settings.items()})

    for text, settings, k, parts in (
            ("auto", mpi(0, 3), 1, 3), ("auto", mpi(2, 3), 3, 3), ("auto", mpi(1, 2, "PMI"), 2, 2),
            ("auto", {**mpi(1, 2), **mpi(1, 2, "PMI")}, 2, 2), ("auto", slurm(0, 0, 15, 1, 16), 1, 16),
            ("auto", slurm(7, 1, 10, 3, 4), 3, 4), ("auto", {**slurm(5, 5, 8, 1, 4), **mpi(0, 1, "PMI")}, 1, 4),
            ("auto", {**mpi(0, 1), **slurm(8, 5, 8, 1, 4)}, 4, 4), ("auto", mpi(0, 1), 1, 1),
            ("auto/5", {"JOB_COMPLETION_INDEX": 0}, 1, 5), ("auto/5", {"JOB_COMPLETION_INDEX": 4, **mpi(0, 2)}, 5, 5)):
        result = run(text, settings)
        cli.check(result.returncode == OK and part(out, k, parts).exists() and part(out, k, parts, "record").exists(),
                  f"{text} with {settings} is {k} of {parts}: {result.stderr!r}")
        clear(cli)
    for text, settings, *words in (
            ("auto", {}, "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_ARRAY_TASK_ID", "--shard K/N"),
            ("auto", {"JOB_COMPLETION_INDEX": 0}, "--shard auto/N"),
            ("auto/3", mpi(0, 2), "JOB_COMPLETION_INDEX", "not set"),
            ("auto/3", {"JOB_COMPLETION_INDEX": 3}, "from 0 to 2", "'3'"),
            ("auto/3", {"JOB_COMPLETION_INDEX": "x"}, "from 0 to 2", "'x'"),
            ("auto", {"OMPI_COMM_WORLD_RANK": 0}, "OMPI_COMM_WORLD_SIZE is not set"),
            ("auto", mpi(3, 3), "OMPI_COMM_WORLD_RANK is 3"), ("auto", mpi(0, 0), "OMPI_COMM_WORLD_SIZE", "found 0"),
            ("auto", mpi(0, 70000), "65536"), ("auto", mpi("-1", 3), "OMPI_COMM_WORLD_RANK", "'-1'"),
            ("auto", {**mpi(0, 2), **mpi(1, 2, "PMI")}, "part 1 of 2", "PMI_RANK part 2 of 2"),
            ("auto", {**mpi(0, 2), **slurm(0, 0, 3, 1, 4)}, "part 1 of 2", "part 1 of 4"),
            ("auto", slurm(5, 0, 7, 1, 3), "MIN-MAX:STEP"), ("auto", slurm(5, 1, 7, 3, 3), "SLURM_ARRAY_TASK_ID is 5"),
            ("auto", slurm(0, 0, 7, 0, 8), "MIN-MAX:STEP")):
        message = run(text, settings)
        cli.check(message.returncode == USAGE and all(word in message.stderr.decode() for word in words),
                  f"{text} with {settings}: expected {words}, found {message.stderr!r}")


def check_refused(cli):
    model = Network(SEED, INPUTS, 5, vocabulary=256, classes=3).write(cli.path("b.safetensors"))
    text, out = cli.write("lines.txt", "a\nb\n"), cli.path("out.tsv")
    for wrong in ("0/3", "4/3", "1/0", "1/65537", "1", "1/", "/3", "-1/3", "1/3x", "x", "", "auto/", "auto/0", "auto/65537", "auto3", "1.5/3",
                  "99999999999999999999/3", "1/99999999999999999999"):
        cli.refused(USAGE, ["--shard", f"'{wrong}'", "K/N"], "run", model, "--text", "-i", text, "-o", out, "--shard", wrong)
    words = ["run", model, "--text", "-o", out, "--shard", "1/2"]
    cli.refused(USAGE, ["standard input", "seeking", "name a file"], *words)
    cli.refused(USAGE, ["/dev/stdin", "name a file"], *words, "-i", "/dev/stdin")
    os.mkfifo(cli.path("fifo"))
    cli.refused(USAGE, ["fifo", "name a file"], *words, "-i", cli.path("fifo"))
    cli.refused(USAGE, ["words.gz", "gzip -dc"], *words, "-i", cli.write("words.gz", gzip.compress(b"a\nb\n")), noted="gzip")
    cli.refused(DATA, ["zip archive"], *words, "-i", cli.write("words.zip", zipped(b"a\n")))
    cli.refused(NO_INPUT, ["nowhere"], *words, "-i", cli.path("nowhere"))
    cli.refused(USAGE, ["standard output", "name a file"], "run", model, "--text", "-i", text, "--shard", "1/2")
    cli.refused(USAGE, ["/dev/null", "name a file"], "run", model, "--text", "-i", text, "-o", "/dev/null", "--shard", "1/2")
    cli.refused(USAGE, ["--in-place", "--text"], *words, "-i", text, "--in-place")
    cli.refused(USAGE, ["--skip-done", "--shard"], "run", model, "--text", "-i", text, "-o", out, "--skip-done")
    cli.refused(USAGE, ["--in-place", "--shard"], "run", model, "--text", "-i", text, "-o", out, "--in-place")
    x = cli.npy("x.npy", (STEPS, ROWS), [1] * ROWS * STEPS, "<i4")
    cli.refused(USAGE, ["--in-place", "tnc"], "run", model, "-i", x, "--layout", "tnc", "-o", out, "--in-place", "--shard", "1/2")
    cli.refused(USAGE, ["--state", "--shard"], "run", model, "-i", x, "--state", cli.path("s.safetensors"), "--shard", "1/2")
    cli.refused(DATA, [text.name, "from byte 2 on", "line 1", "byte 1"], "run",
                Network(1, 3, 4, vocabulary=98, classes=2).write(cli.path("few.safetensors")), "--text", "-i", text, "-o", out,
                "--shard", "2/2")
    cli.check(not list(cli.directory.glob("*-of-*")), "nothing is written")


def check_memory(cli):
    """A part takes the memory of any other, however large the input; so does merging."""
    if not keeps_memory_small():
        return
    model = Network(4, 3, 4, vocabulary=256, classes=3).write(cli.path("small.safetensors"))
    empty, out = cli.write("empty", b""), cli.path("memory.tsv")
    sizes, merged = [], []
    for copies in (20000, 400000):
        with open(cli.path("words.txt"), "wb") as file:  # in pieces: the memory of this process counts as a child's until it starts
            for _ in range(copies // 100):
                file.write(b"lucciola\nwort\nthe\n" * 100)
        words = ["run", model, "--text", "-i", cli.path("words.txt"), "-o", out, "--threads", "1"]
        sizes.append(peak_memory(*words, "--shard", "1/2", path=empty))
        sluice(*words, "--shard", "2/2")
        merged.append(peak_memory("merge", out, path=empty))
        clear(cli)
    cli.same_memory(sizes, "20 times the text")
    cli.same_memory(merged, "merging 20 times the text")
    plain = Network(4, 3, 4, classes=3).write(cli.path("plain.safetensors"))
    sizes, merged = [], []
    for rows in (4096, 32768):
        x = cli.write("many.npy", npy_bytes((rows, 64, 3), []))
        os.truncate(x, x.stat().st_size + rows * 192 * 4)
        words = ["run", plain, "-i", x, "-o", out, "--rows", "256", "--threads", "1"]
        sizes.append(peak_memory(*words, "--shard", "1/2", path=empty))
        sluice(*words, "--shard", "2/2")
        merged.append(peak_memory("merge", out, path=empty))
        clear(cli)
    cli.same_memory(sizes, "eight times the rows")
    cli.same_memory(merged, "merging eight times the rows")


if __name__ == "__main__":
    run_parts()
