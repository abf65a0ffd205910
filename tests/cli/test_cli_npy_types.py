#!/usr/bin/env python3
"""Arrays as programs other than numpy.save write them, for every option that reads one: the same results, and a note of each
conversion; what cannot be read is refused with a remedy that is sound."""
import ast
import gzip
import json
import math
import pathlib
import random
import re
import struct
import subprocess
import zipfile

from support.cli import (DATA, QUIET, Network, flat, keeps_memory_small, npy_bytes, peak_memory, run_parts, send, sluice,
                         start, zipped)

ROWS, STEPS, INPUTS, HIDDEN = 7, 5, 3, 4
FORMATS = {"f4": "f", "u1": "B", "i4": "i", "i8": "q", "f2": "e", "f8": "d", "b1": "?", "i1": "b", "i2": "h", "u2": "H", "u4": "I",
           "u8": "Q"}
NUMBERS = ["<f8", ">f8", "<f2", ">f2", "|i1", "<i2", ">i2", "<i4", ">i4", "=i8", ">i8"]
WHOLE = ["|u1", "<u1", "|i1", "<i2", ">u2", "u2", "i4", "=i4", ">i4", "<u4", "<i8", ">i8", "<u8", ">u8"]
REALS = ["<f8", ">f8", "<f4", ">f4", "<f2"]


def encode(shape, values, descr="<f4", fortran=False, version=1):
    """The bytes of a .npy file; values are in C order."""
    if fortran:
        strides = [math.prod(shape[k + 1:]) for k in range(len(shape))]
        order = [0]
        for size, stride in zip(shape, strides):
            order = [stride * k + rest for k in range(size) for rest in order]
        values = [values[k] for k in order]
    header = repr({"descr": descr, "fortran_order": fortran, "shape": tuple(shape)}).encode() + b"\n"
    data = struct.pack((">" if descr[0] == ">" else "<") + str(len(values)) + FORMATS[descr.lstrip("<>=|")], *values)
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + data


def is_silent(descr, whole):
    """Whether an array of this type is read without a note."""
    return (descr.lstrip("<>=|")[0] in "iu") if whole else descr.lstrip("<>=|") == "f4"


class Case:
    """A network, and arrays of small whole numbers, which every type has."""

    def __init__(self, cli, name, seed, **shape):
        self.cli = cli
        self.network = Network(seed, INPUTS, HIDDEN, **shape)
        self.model = self.network.write(cli.path(f"{name}.safetensors"))
        source = random.Random(seed)
        vocabulary = self.network.vocabulary
        planes = self.network.layers * self.network.directions
        self.arrays = {"-i": ((ROWS, STEPS) if vocabulary else (ROWS, STEPS, INPUTS), lambda: source.randrange(vocabulary or 100)),
                       "--lengths": ((ROWS,), lambda: source.randrange(1, STEPS + 1)),
                       "--h0": ((planes, ROWS, HIDDEN), lambda: source.randrange(-3, 4)),
                       "--c0": ((planes, ROWS, HIDDEN), lambda: source.randrange(-3, 4))}
        self.arrays = {option: (shape, [draw() for _ in range(math.prod(shape))]) for option, (shape, draw) in self.arrays.items()}
        self.whole = {"--lengths"} | ({"-i"} if vocabulary else set())
        self.files = {option: cli.path(f"{name}{option}.npy") for option in self.arrays}
        for option, (shape, values) in self.arrays.items():
            self.files[option].write_bytes(encode(shape, values, "<i4" if option in self.whole else "<f4"))
        self.expected = self.run()

    def run(self, *extra, replaced=None, notes=0, stdin=b""):
        """The final states and outputs of a run that must do well, with as many notes as stated."""
        files = {**self.files, **(replaced or {})}
        outputs = {option: self.cli.path(f"types{option}.npy") for option in ("-o", "--hn")}
        for path in outputs.values():
            path.unlink(missing_ok=True)
        words = flat(files) + flat(outputs)
        self.cli.answers("run", self.model, *words, *extra, notes=int(notes), stdin=stdin)
        return {option: path.read_bytes() if path.exists() else b"" for option, path in outputs.items()}

    def check_reads(self, option, data, notes, *extra):
        """An option's array, as these bytes, gives the same results."""
        path = self.cli.write(f"typed{option}.npy", data)
        self.cli.check(self.run(*extra, replaced={option: path}, notes=notes) == self.expected,
                       f"{self.model.name} {option} {extra} {data[:90]}: the same results")


def make_cases(cli):
    return [Case(cli, "deep", 31, layers=2), Case(cli, "tokens", 32, vocabulary=100)]


def check_types(cli):
    for case in make_cases(cli):
        for option, (shape, values) in case.arrays.items():
            whole = option in case.whole
            for descr in (WHOLE + REALS if whole else NUMBERS + [">f4", "=f4", "f4"]):
                for fortran in (False, True):
                    case.check_reads(option, encode(shape, values, descr, fortran), not is_silent(descr, whole), "--rows",
                                     random.Random(descr).choice((1, 3, ROWS)))
        for version in (1, 2, 3):
            case.check_reads("--lengths", encode(*case.arrays["--lengths"], "<i8", True, version), 0)


def check_layouts_and_pipes(cli):
    """Steps first, and through a pipe: in C order a few rows at a time, in Fortran order as a whole, as a note says."""
    for case in make_cases(cli):
        shape, values = case.arrays["-i"]
        width = math.prod(shape[2:])
        turned = (STEPS, ROWS, *shape[2:]), [value for t in range(STEPS) for n in range(ROWS)
                                             for value in values[(n * STEPS + t) * width:(n * STEPS + t + 1) * width]]
        for descr in (">f4", "<f8", "<i2"):
            note = not is_silent(descr, "-i" in case.whole)
            for fortran in (False, True):
                path = cli.write("turned.npy", encode(*turned, descr, fortran))
                for rows in (1, 3, ROWS):
                    found = case.run("--layout", "tnc", "--rows", rows, replaced={"-i": path}, notes=note)
                    cli.check(found["--hn"] == case.expected["--hn"], f"steps first, {descr}, Fortran order {fortran}, {rows} rows")
                    found = case.run("--rows", rows, replaced={"-i": "-"}, notes=note + fortran,
                                     stdin=encode(shape, values, descr, fortran))
                    cli.check(found == case.expected, f"a pipe, {descr}, Fortran order {fortran}, {rows} rows")
                found = case.run("--layout", "tnc", "--rows", 3, replaced={"-i": "-"}, notes=note + 1, stdin=encode(*turned, descr, True))
                cli.check(found["--hn"] == case.expected["--hn"], f"steps first through a pipe, {descr}, is held in memory")


def check_streams(cli):
    """A pipe of a type that is converted is answered row by row: nothing waits for the end of the input."""
    case = make_cases(cli)[0]
    run = start("run", case.model, "-o", "-", "--rows", "1", stderr=subprocess.DEVNULL)
    data = encode(*case.arrays["-i"], ">f8")
    row = STEPS * INPUTS * 8
    head = len(data) - ROWS * row
    send(run, data[:head + row])
    answer = run.stdout.read(128 + STEPS * HIDDEN * 4)
    cli.check(len(answer) == 128 + STEPS * HIDDEN * 4 and run.poll() is None, "the first row is answered while the second is awaited")
    rest = run.communicate(data[head + row:], timeout=60)[0]
    cli.check(len(rest) == (ROWS - 1) * STEPS * HIDDEN * 4 and run.returncode == 0, "and then the others")


def check_vectors(cli):
    """Lengths [N][1] and [1][N], in run and in info; other shapes are refused."""
    case = make_cases(cli)[0]
    values = case.arrays["--lengths"][1]
    explain = ["info", case.model, "--explain", "--batch", ROWS, "--steps", STEPS, "--json"]
    expected = json.loads(cli.answers(*explain, "--lengths", case.files["--lengths"]))["total_steps"]
    for shape in ((ROWS, 1), (1, ROWS), (ROWS,)):
        for descr, fortran in (("<f8", True), (">u2", False), ("=i4", True)):
            case.check_reads("--lengths", encode(shape, values, descr, fortran), descr == "<f8")
            result = sluice(*explain, "--lengths", cli.path("typed--lengths.npy"))
            cli.check(json.loads(result.stdout)["total_steps"] == expected == sum(values) and (result.stderr == b"") == (descr != "<f8"),
                      f"info --lengths {shape} {descr}: {result.stderr}")
    path = cli.path("wrong.npy")
    for shape in ((ROWS, 2), (ROWS + 1, 1), (1, 1, ROWS), ()):
        path.write_bytes(encode(shape, [1] * math.prod(shape), "<i4"))
        for words in (["run", case.model, "-i", case.files["-i"], "--hn", cli.path("never.npy")], explain):
            cli.refused(DATA, ["--lengths", f"whole numbers [{ROWS}]", "save one length for each row"], *words, "--lengths", path)


def train(cli, output, notes, **arrays):
    """Bytes of the model of a short training that must do well, with as many notes as stated."""
    output.unlink(missing_ok=True)
    words = flat((f"--{name.replace('_', '-')}", path) for name, path in arrays.items())
    cli.answers("train", *words, "-o", output, "--hidden", 4, "--epochs", 2, *QUIET, notes=notes)
    return output.read_bytes() if output.exists() else b""


def check_train(cli):
    """Inputs, tokens, lengths, labels and values of training and of validation."""
    output, path = cli.path("trained.safetensors"), cli.path("typed.npy")
    plain = {}

    def write(name, shape, values, descr):
        plain[name] = cli.write(f"plain-{name}.npy", encode(shape, values, descr)), shape, values
        return plain[name][0]

    source = random.Random(5)
    x = write("x", (ROWS, STEPS, INPUTS), [source.randrange(-9, 10) for _ in range(ROWS * STEPS * INPUTS)], "<f4")
    tokens = write("tokens", (ROWS, STEPS), [source.randrange(20) for _ in range(ROWS * STEPS)], "<i4")
    lengths = write("lengths", (ROWS,), [source.randrange(1, STEPS + 1) for _ in range(ROWS)], "<i8")
    labels = write("labels", (ROWS,), [n % 2 for n in range(ROWS)], "<i4")
    every = write("every", (ROWS, STEPS), [n % 3 for n in range(ROWS * STEPS)], "<i4")
    targets = write("values", (ROWS, 2), [source.randrange(-9, 10) for _ in range(ROWS * 2)], "<f4")
    single = write("single", (ROWS, 1), [source.randrange(-9, 10) for _ in range(ROWS)], "<f4")
    signed, whole = NUMBERS + [">f4"], ["|b1", "<f8", ">f4", "|u1", ">i2", "<u8"]
    for name, option, given, shapes, types, kind in (
            ("x", "input", {"labels": labels}, [], signed, False),
            ("tokens", "input", {"labels": labels}, [], ["<f8", ">f8", ">i2", "|u1"], True),
            ("lengths", "lengths", {"input": x, "labels": labels}, [(ROWS, 1), (1, ROWS)], ["<f8", ">u4"], True),
            ("labels", "labels", {"input": x}, [(ROWS, 1), (1, ROWS)], whole, True),
            ("every", "labels", {"input": tokens}, [(ROWS, STEPS, 1)], ["<f8", "|i1"], True),
            ("values", "values", {"input": x, "lengths": lengths}, [], signed, False),
            ("single", "values", {"input": x, "lengths": lengths}, [(ROWS,), (1, ROWS)], ["<f4", ">f8"], False),
            ("single", "validate_values", {"input": x, "values": single, "validate": x}, [(ROWS,)], ["<f4"], False),
            ("x", "validate", {"input": x, "labels": labels, "validate_labels": labels}, [], ["<f8"], False),
            ("lengths", "validate_lengths", {"input": x, "labels": labels, "validate": x, "validate_labels": labels},
             [(ROWS, 1)], ["<f8"], True),
            ("labels", "validate_labels", {"input": x, "labels": labels, "validate": x}, [(1, ROWS)], ["<f8", "|b1"], True),
            ("values", "validate_values", {"input": x, "values": targets, "validate": x}, [], ["<f8"], False)):
        file, shape, values = plain[name]
        expected = train(cli, output, 0, **given, **{option: file})
        for descr in types:
            for form in [shape, *shapes]:
                for fortran in (False, True):
                    path.write_bytes(encode(form, values, descr, fortran))
                    notes = 0 if is_silent(descr, kind) else 2 if name == "tokens" else 1
                    cli.check(train(cli, output, notes, **given, **{option: path}) == expected,
                              f"train --{option} {descr} {form}, Fortran order {fortran}: the same model")


def check_refused_values(cli):
    """What is not whole is refused with its row, and only where it counts; a note of the type stands before it."""
    deep, tokens = make_cases(cli)
    output, path = cli.path("never.npy"), cli.path("bad.npy")
    labels = cli.write("labels.npy", encode((ROWS,), [n % 2 for n in range(ROWS)], "<i4"))

    def refused(parts, shape, values, descr, *words):
        path.write_bytes(encode(shape, values, descr))
        result = sluice(*words)
        message = result.stderr.decode().splitlines()
        cli.check(result.returncode == DATA and not output.exists() and all(part in message[-1] for part in ["bad.npy", *parts]) and
                  all("note: " in line for line in message[:-1]), f"{parts}: exit {result.returncode} and {message}")

    run = ["run", deep.model, "-i", deep.files["-i"], "--hn", output, "--lengths", path]
    read = ["run", tokens.model, "--hn", output, "--rows", "2", "-i", path]
    learn = ["train", "-i", deep.files["-i"], "-o", output, "--labels", path]
    for value, descr, found in ((2.5, "<f8", "2.5"), (math.nan, "<f4", "nan"), (-1.0, ">f8", "-1"), (1e300, "<f8", "1e+300"),
                                (math.inf, "<f2", "inf"), (2 ** 64 - 1, ">u8", "18446744073709551615")):
        whole = descr == ">u8"
        lengths, words, classes = [1] * ROWS, [1] * ROWS * STEPS, [k % 2 for k in range(ROWS)]
        lengths[4] = words[4 * STEPS + 3] = classes[4] = value
        refused(["row 4", f"found {found}"], (ROWS,), lengths, descr, *run)
        refused(["row 4, step 3", f"found {found}"], (ROWS, STEPS), words, descr, *read)
        refused(["row 4, step 3", f"found {found}; if these are not tokens but one number per step, save a[:, :, None]"], (ROWS, STEPS),
                words, descr, "train", "-i", path, "--labels", labels, "-o", output)
        if value != -1:
            refused(["row 4", f"found {found}; for numbers to predict give --values"], (ROWS,), classes, descr, *learn)
        counted = cli.write("counted.npy", encode((ROWS,), [1, 1, 1, 1, 3, 1, 1], "<i4"))
        path.write_bytes(encode((ROWS, STEPS), words, descr))
        result = sluice(*read[:3], cli.path("hn.npy"), *read[4:], "--lengths", counted)
        cli.check(result.returncode == 0 and result.stderr.count(b"\n") == (not whole), f"{found} past a row's end: {result.stderr}")


def check_losses(cli):
    """A note, once, of the first element that float32 does not have; what does not fit is infinite, which training refuses."""
    case = make_cases(cli)[0]
    path, output = cli.path("lossy.npy"), cli.path("hn.npy")
    values = [0] * ROWS * STEPS * INPUTS
    place = (3 * STEPS + 2) * INPUTS + 1
    for value, later, descr, became in ((2 ** 24 + 1, 2 ** 25 + 1, "<i4", "16777216"), (1e300, -1e300, ">f8", "inf")):
        for fortran in (False, True):
            path.write_bytes(encode((ROWS, STEPS, INPUTS), values[:place] + [value, later] + values[place + 2:], descr, fortran))
            result = sluice("run", case.model, "-i", path, "--hn", output, "--rows", "2")
            lines = result.stderr.decode().splitlines()
            text = str(value) if isinstance(value, int) else "1e+300"
            cli.check(result.returncode == 0 and len(lines) == 2 and f"a[3, 2, 1] is {text}, which float32 rounds to {became}" in lines[1],
                      f"{descr}, Fortran order {fortran}: {lines}")
    path.write_bytes(encode((ROWS, STEPS, INPUTS), values[:place] + [1e300] + values[place + 1:], "<f8"))
    result = sluice("train", "-i", path, "--values", path, "-o", output)
    cli.check(result.returncode == DATA and b"row 3, step 2, input 1: expected a finite number, found inf" in result.stderr,
              f"what became infinite is not learned: {result.stderr}")
    data = encode((ROWS, STEPS, INPUTS), [1.5] * len(values))
    path.write_bytes(data + data)
    result = sluice("run", case.model, "-i", path, "--hn", output)
    cli.check(result.returncode == 0 and b"another array follows in the file; only the first is read\n" in result.stderr,
              f"two arrays: {result.stderr}")


def check_strangers(cli):
    """Files that are not .npy, for every option that reads one."""
    case = make_cases(cli)[0]
    data = npy_bytes((ROWS,), [1] * ROWS, "<i4")
    path, output = cli.path("stranger"), cli.path("never.npy")
    x = case.files["-i"]
    run, learn = ["run", case.model, "--hn", output, "-i"], ["train", "-o", output]
    commands = [run + [path], run + [x, "--lengths", path], run + [x, "--h0", path], run + [x, "--c0", path],
                learn + ["--labels", x, "-i", path], learn + ["-i", x, "--labels", path], learn + ["-i", x, "--values", path],
                ["info", case.model, "--explain", "--batch", ROWS, "--steps", STEPS, "--lengths", path]]
    for content, word in ((gzip.compress(gzip.compress(data)), "gzip data in gzip data; unpack it first"), (zipped(data, "arr_0.npy"), "a zip archive"), (b"", "empty; save"),
                          (b"a,b\n1,2\n", "text, such as CSV"), (b"\x89HDF\r\n\x1a\n", "HDF5"), (bytes(range(7, 90)), "something else")):
        path.write_bytes(content)
        for words in commands:
            cli.refused(DATA, ["stranger", "byte 0", word], *words)
    path.write_bytes(gzip.compress(gzip.compress(data)))
    message = sluice(*commands[1]).stderr.decode()
    command = message[message.index("gunzip"):].strip().replace("FILE", str(path)).replace("x.npy.gz", str(cli.path("plain.npy.gz")))
    cli.check(subprocess.run(command, shell=True, check=False).returncode == 0
              and gzip.decompress(cli.path("plain.npy.gz").read_bytes()) == data,
              f"the command makes the file: {command}")


def check_members(cli):
    """Arrays of .npz archives, FILE.npz:NAME, stored, deflated and with the sizes of zip64, and .npy files in gzip."""
    for case in make_cases(cli)[:2]:
        path, expected = cli.path("x.npz"), cli.path("expected.npy")
        x = pathlib.Path(case.files["-i"]).read_bytes()
        cli.answers("run", case.model, "-i", case.files["-i"], "--hn", expected)
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for wide in (False, True):
                with zipfile.ZipFile(path, "w", method) as archive, archive.open("a b.npy", "w", force_zip64=wide) as member:
                    member.write(x)
                output = cli.path("got.npy")
                cli.answers("run", case.model, "-i", f"{path}:a b", "--hn", output)
                cli.check(output.read_bytes() == expected.read_bytes(), f"a member, method {method}, zip64 {wide}")
        packed = cli.write("x.npy.gz", gzip.compress(x))
        cli.answers("run", case.model, "-i", packed, "--hn", cli.path("got.npy"))
        cli.check(cli.path("got.npy").read_bytes() == expected.read_bytes(), "a .npy file in gzip")
        never = cli.path("never.npy")
        cli.refused(DATA, ["x.npz: ", 'no member "c.npy"', '"a b"'], "run", case.model, "-i", f"{path}:c", "--hn", never)
        cli.refused(DATA, ["x.npz", "name an array of it, FILE.npz:NAME"], "run", case.model, "-i", path, "--hn", never)
        short = cli.write("short.npy.gz", gzip.compress(x)[:-9])
        cli.refused(DATA, ["short.npy.gz", "truncated"], "run", case.model, "-i", short, "--hn", never)
        cli.check(not never.exists(), "nothing is written")


def expressions(message):
    """The pieces of Python in a message: what begins with a or numpy, and the longest of it that Python reads as a call or an
    index; "" where there is none."""
    at = 0
    while match := re.compile(r"(?<![\w.'(])(?:numpy\.\w+\(|a\.|a\[)").search(message, at):
        ends = [end + 1 for end in range(match.start(), len(message)) if message[end] in ")]"]
        end = max((end for end in ends if reads(message[match.start():end])), default=match.start())
        yield message[match.start():end]
        at = max(end, match.end())


def reads(text):
    """Whether Python reads it as an expression."""
    try:
        return isinstance(ast.parse(text, mode="eval").body, (ast.Call, ast.Subscript))
    except SyntaxError:
        return False


def check_remedies(cli):
    """Every piece of Python in a message is Python. What it does was tried with numpy by hand."""
    case = make_cases(cli)[0]
    path, output = cli.path("remedy.npy"), cli.path("never.npy")
    files = [b"1,2\n3,4\n", b"1 2\n3 4\n", b"\x89HDF\r\n\x1a\n", b"MATLAB 5.0 MAT-file", b"\x80\x04\x95\x00\x00\x00\x00\x00",
             b"\x00" * 64, encode((ROWS, STEPS, INPUTS), [0] * ROWS * STEPS * INPUTS) + b"junk",
             encode((1, 1, 1, 1, 1), [0]), encode((STEPS, INPUTS), [0] * STEPS * INPUTS), encode((2, INPUTS, 5), [0] * 10 * INPUTS)]
    for descr in ("|O", "<c8", "<M8[s]", "<U4", "|V8", "<f16"):
        files.append(npy_bytes((1,), [1], "<i8").replace(b"'<i8'", f"'{descr}'".encode()).replace(b" \n", b"\n", 1))
    for content in files:
        path.write_bytes(content)
        message = sluice("run", case.model, "-i", path, "--hn", output).stderr.decode().strip()
        found = list(expressions(message.split(": ", 2)[2]))
        cli.check(found and all(found), f"Python in {message!r}: {found}")


def check_memory(cli):
    """Fortran order and a converted type from a file: memory does not grow with the rows."""
    if not keeps_memory_small():
        return
    case, path, sizes = make_cases(cli)[0], cli.path("large.npy"), []
    text = repr({"descr": "<f4", "fortran_order": True, "shape": (1 << 40, 1 << 16, INPUTS)}).encode()
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    result = sluice("run", case.model, "--hn", cli.path("never.npy"), "--rows", 1, stdin=data)
    cli.check(result.returncode == DATA and b"the data end here, expected them up to byte 864691128455135" in result.stderr
              and not cli.path("never.npy").exists(), f"a pipe that promises more than any memory holds: {result}")
    for rows in (20000, 500000):
        head = encode((0, 0, 0), [], "<f8", True).replace(b"(0, 0, 0)", f"({rows}, 2, {INPUTS})".encode())
        length = struct.unpack("<H", head[8:10])[0] + len(head) - len(encode((0, 0, 0), [], "<f8", True))
        with open(path, "wb") as file:
            file.write(head[:8] + struct.pack("<H", length) + head[10:])
            file.truncate(len(head) + rows * 2 * INPUTS * 8)
        sizes.append(peak_memory("run", case.model, "-o", "-", path=path))
        path.unlink()
    cli.same_memory(sizes, "25 times the rows")


if __name__ == "__main__":
    run_parts()
