#!/usr/bin/env python3
"""Text as people have it: line ends, byte order marks and gzip in run and train alike; labels that look alike; answers when the input
pauses; the K most probable classes."""
import bz2
import gzip
import lzma
import math
import os
import random
import re
import select
import shutil
import signal
import subprocess
import zipfile
import zlib

from support.cli import (DATA, INTERRUPTED, LANGID, OK, USAGE, Network, keeps_memory_small, npy_bytes, parse_npy, peak_memory,
                         run_parts, send, sluice, start, zipped)

BUFFER_BYTES = 1 << 20
MARK = b"\xef\xbb\xbf"
LINES = b"lucciola\nthoughtfulness\n\nheureusement\nwort\n"
TRAINING = b"".join(b"%s\t%s\n" % (label, text * k) for k in range(1, 7) for label, text in ((b"short", b"ab"), (b"long", b"ba")))


def run_text(cli, text, *words, notes=()):
    """The demo's model's answers to lines, printed with these notes alone."""
    return cli.answers("run", LANGID, "--text", *words, notes=notes, stdin=text)


def shares_of(cli, token_rows):
    """The softmax of LANGID's logits for rows of bytes of one length, by way of --head."""
    array = npy_bytes((len(token_rows), len(token_rows[0])), b"".join(token_rows), "|u1")
    (rows, classes), logits = parse_npy(cli.answers("run", LANGID, "--head", "-", stdin=array))
    result = []
    for n in range(rows):
        row = logits[n * classes:(n + 1) * classes]
        powers = [math.exp(logit - max(row)) for logit in row]
        result.append([power / sum(powers) for power in powers])
    return result


def check_line_ends(cli):
    expected = run_text(cli, LINES)
    crlf = LINES.replace(b"\n", b"\r\n")
    file = cli.write("words.txt", crlf)
    note = ["the carriage return at the end of 5 lines", "--keep-cr"]
    for rows in ([], ["--rows", "1"], ["--rows", "2"], ["--rows", "5"]):
        cli.check(run_text(cli, crlf, *rows, notes=[["standard input", *note]]) == expected, f"CR LF ends a line as LF does, {rows}")
    cli.check(run_text(cli, b"", "-i", file, notes=[[str(file), *note]]) == expected, "in a named file too")
    for text, count in ((crlf[:-1], "5 lines"), (crlf[:-2], "4 lines"), (LINES[:-1] + b"\r", "1 line "),
                        (LINES.replace(b"\n\n", b"\n\r\r\r\n"), "1 line ")):
        cli.check(run_text(cli, text, notes=[[count]]) == expected, f"the same answers to {text!r}")
    cli.check(run_text(cli, LINES[:-1]) == expected, "a last line without its end is a line")
    kept = run_text(cli, b"wort\r\nwo\rt\r\n", "--keep-cr")
    share = max(shares_of(cli, [b"wort\r", b"wo\rt\r"])[0])
    cli.check(abs(float(kept.split(b"\n")[0].split(b"\t")[1]) - share) < 2e-6, f"--keep-cr makes the CR a token: {kept}, {share}")
    middle = run_text(cli, b"wo\rt\r\nwort\r\n", notes=[["2 lines"]])
    share = max(shares_of(cli, [b"wo\rt"])[0])
    cli.check(abs(float(middle.split(b"\n")[0].split(b"\t")[1]) - share) < 2e-6, "a CR within a line is a token")
    for text in (b"wort\rlucciola\r", b"wort\rlucciola"):
        run_text(cli, text, notes=[["1 line "]] * text.endswith(b"\r") + [["a single line", "tr '\\r' '\\n' < FILE > NEW"]])
    run_text(cli, b"wo\rt\nwort\n")
    array = cli.npy("x.npy", (1, 2), b"ab", "|u1")
    cli.refused(USAGE, ["--keep-cr", "--text"], "run", LANGID, "-i", array, "--head", "-", "--keep-cr")
    cli.refused(USAGE, ["--keep-cr", "--text"], "train", "-i", array, "--labels", array, "-o", cli.path("m"), "--keep-cr")


def check_odd_pieces(cli):
    """CR and LF, and the signatures' bytes, in different reads and at the buffer's end."""
    seed = 17
    print(f"seed {seed}")
    source = random.Random(seed)
    small = Network(4, 3, 4, vocabulary=256, classes=3).write(cli.path("small.safetensors"))
    lines = [bytes(source.choices(b"abc\r", k=source.randrange(9))).rstrip(b"\r") for _ in range(300)]
    lines.insert(100, b"x" * (BUFFER_BYTES - 700))
    lines += [b"y" * (BUFFER_BYTES - 3 + k) for k in range(3)]
    expected = cli.answers("run", small, "--text", stdin=b"\n".join(lines) + b"\n")
    text = MARK + b"\r\n".join(lines) + b"\r\n"
    for form, notes in ((text, 2), (gzip.compress(text, 1), 3)):
        run = start("run", small, "--text")
        send(run, form, lambda at: 1 if at < 40 else source.choice((1, 2, 50000, 200000)))
        output, errors = run.communicate()
        cli.check(run.returncode == OK and output == expected and errors.count(b"note:") == errors.count(b"\n") == notes,
                  f"the same answers in odd pieces: exit {run.returncode}, {errors!r}")


def remedy_of(message):
    """The command that a message gives, which makes NEW of FILE."""
    found = re.search(r"(?:[;,]|with) ((?:iconv|gzip|xz|bzip2|unzip|sed|tr) (?:'[^']*'|[^';])*? FILE > NEW)", message)
    return found and found.group(1)


def check_remedy(cli, message, content, expected, words):
    """Count one check: the command in a message turns `content` into `expected`; where it is not installed nothing is checked."""
    command = remedy_of(message)
    if command and not shutil.which(command.split()[0]):
        return
    old, new = cli.path("remedy.old"), cli.path("remedy.new")
    old.write_bytes(content)
    new.unlink(missing_ok=True)
    if command:
        subprocess.run(["sh", "-c", command.replace("FILE", str(old)).replace("NEW", str(new))], check=False)
    cli.check(new.exists() and new.read_bytes() == expected, f"{words}: the message's remedy works: {message!r}")


def check_marks(cli):
    expected = run_text(cli, LINES)
    note = ["UTF-8 byte order mark", "skipped"]
    file = cli.write("marked.txt", MARK + LINES)
    cli.check(run_text(cli, b"", "-i", file, notes=[[str(file), *note]]) == expected, "a byte order mark is skipped")
    cli.check(run_text(cli, MARK + LINES, "--keep-cr", notes=[note]) == expected, "from a pipe too")
    cli.check(run_text(cli, MARK, notes=[note]) == b"", "a mark alone is an empty text")
    for part in (b"\xef", b"\xef\xbb", b"\xef\xbb\n", b"B", b"BZh\n", b"PK\n"):
        cli.check(len(run_text(cli, part).splitlines()) == 1, f"{part!r} is a line as any other")
    cli.check(run_text(cli, b"wort\n" + MARK + b"wort\n").count(b"\n") == 2, "within a text it stays")
    codes = [("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32-le", "UTF-32"), ("utf-32-be", "UTF-32")]
    forms = [(("\ufeff" + LINES.decode()).encode(code), name, LINES) for code, name in codes]
    forms += [(lzma.compress(LINES), "xz", LINES), (bz2.compress(LINES), "bzip2", LINES), (zipped(LINES, compression=zipfile.ZIP_DEFLATED), "zip", LINES),
              (gzip.compress(gzip.compress(LINES, mtime=0)), "gzip data in gzip data", gzip.compress(LINES, mtime=0)),
              (b"\x28\xb5\x2f\xfd" + LINES, "Zstandard", None), (npy_bytes((1, 2), b"ab", "|u1"), "NumPy", None)]
    for content, name, contained in forms:
        file.write_bytes(content)
        for arguments in (["run", LANGID, "--text", "-i", file], ["train", "--text", file, "-o", cli.path("m"), "--epochs", "1"]):
            result = sluice(*arguments)
            message = result.stderr.decode().splitlines()[-1]
            cli.check(result.returncode == DATA and not result.stdout and str(file) in message and f"found {name}" in
                      message.replace("found a ", "found "), f"{name} as text is refused: {result.returncode} {message!r}")
        if contained:
            check_remedy(cli, message, content, contained, name)


def check_nul(cli):
    """A NUL byte, as in UTF-16 without a mark, is noted once with its line; the command that it names makes the text of it."""
    for code, text in (("LE", LINES), ("BE", LINES), ("LE", b"\xc5\x9d\n" + LINES)):
        wide = text.decode().encode(f"utf-16-{code.lower()}")
        line = 1 if text == LINES else 2
        run_text(cli, wide, notes=[["standard input", f"line {line}: found a NUL byte", f"-f UTF-16{code} -t UTF-8"]])
    many = b"wort\n" * 3000
    for rows in ("1", "100", "100000"):
        said = run_text(cli, many + b"a\0b\n" * 2000, "--rows", rows, notes=[["line 3001: found a NUL byte"]])
        cli.check(len(said.splitlines()) == 5000, "it is a token all the same")
    file = cli.write("wide.tsv", "eins\tabc\nzwei\tbcd\n".encode("utf-16-le"))
    cli.refused(DATA, ["wide.tsv", "line 1", "cannot name"], "train", "--text", file, "-o", cli.path("m"),
                noted="line 1: found a NUL byte; if this is UTF-16, convert with iconv -f UTF-16LE -t UTF-8")


def check_arrays(cli):
    """Where an array is given for text, the remedy works for --validate as well as for --text."""
    array, lines = cli.path("array.npy"), cli.path("lines.tsv")
    array.write_bytes(npy_bytes((1, 2), b"ab", "|u1"))
    lines.write_bytes(b"eins\tabc\nzwei\tbcd\n")
    for arguments in (["run", LANGID, "--text", "-i", array], ["train", "--text", array, "-o", cli.path("m")],
                      ["train", "--text", lines, "--validate", array, "-o", cli.path("m")]):
        cli.refused(DATA, ["array.npy", "a NumPy array; to read an array, give --input without --text"], *arguments)


def check_compressed(cli):
    expected = run_text(cli, LINES)
    first, second = LINES[:12], LINES[12:]
    note = ["gzip data", "decompressed"]
    forms = {"one member": gzip.compress(LINES), "two members": gzip.compress(first) + gzip.compress(second),
             "empty members": gzip.compress(b"") + gzip.compress(LINES) + gzip.compress(b""),
             "zeros behind": gzip.compress(LINES) + bytes(512), "stored blocks": gzip.compress(LINES, 0)}
    for name, form in forms.items():
        file = cli.write("words.gz", form)
        cli.check(run_text(cli, b"", "-i", file, notes=[[str(file), *note]]) == expected, f"a gzip file: {name}")
        cli.check(run_text(cli, form, "--rows", "1", notes=[note]) == expected, f"a pipe of it: {name}")
    cli.check(run_text(cli, gzip.compress(b""), notes=[note]) == b"", "an empty text in gzip")
    text = gzip.compress(MARK + LINES.replace(b"\n", b"\r\n"))
    found = run_text(cli, text, notes=[note, ["byte order mark"], ["5 lines"]])
    cli.check(found == expected, "marks and line ends within gzip data are seen")
    whole = forms["two members"]
    target = cli.write("target", b"old")
    damaged = [(whole[:end], "truncated") for end in range(2, len(whole), 7) if end != len(gzip.compress(first))]
    damaged += [(whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:], "incorrect data check"),
                (whole[:-1] + bytes([whole[-1] ^ 1]), "incorrect length check"), (whole + b"more", "neither the end of the file nor another"),
                (whole + bytes(9) + whole, "neither the end of the file nor another"), (b"\x1f\x8b\x07" + whole[3:], "compression method")]
    for form, words in damaged:
        result = sluice("run", LANGID, "--text", "-o", target, stdin=form)
        message = result.stderr.decode().splitlines()[-1]
        place = re.search(r"standard input: byte (\d+): expected gzip data, found ", message)
        cli.check(result.returncode == DATA and place and int(place.group(1)) <= len(form) and words in message and
                  "gzip -t" in message, f"gzip data that are damaged are refused: expected {words!r}, found {message!r}")
    cli.check(target.read_bytes() == b"old" and not cli.leftovers(), "and leave the named output as it was")
    if keeps_memory_small():
        small = Network(4, 3, 4, vocabulary=256, classes=3).write(cli.path("small.safetensors"))
        member = gzip.compress(LINES * 12000, 1)
        sizes = [peak_memory("run", small, "--text", path=cli.write("words.gz", member * copies)) for copies in (4, 96)]
        cli.same_memory(sizes, "24 times the text")


def check_training(cli):
    def train(form, *arguments, notes=0):
        path, model = cli.write("lines.tsv", form), cli.path("model.safetensors")
        model.unlink(missing_ok=True)
        result = sluice("train", "--text", path, "-o", model, "--hidden", "4", "--epochs", "2", *arguments)
        found = [line for line in result.stderr.decode().splitlines() if "note:" in line]
        cli.check(result.returncode == OK and len(found) == notes and all(str(path) in line for line in found),
                  f"train {form[:20]!r}... {arguments}: exit {result.returncode}, expected {notes} notes, found {result.stderr!r}")
        return model.read_bytes() if model.exists() else None

    expected = train(TRAINING)
    crlf = TRAINING.replace(b"\n", b"\r\n")
    forms = [(TRAINING[:-1], 0), (crlf, 1), (crlf[:-2], 1), (MARK + TRAINING, 1), (gzip.compress(TRAINING), 1),
             (gzip.compress(MARK + crlf), 3)]
    for form, notes in forms:
        cli.check(train(form, notes=notes) == expected, f"the same model from {form[:20]!r}...")
    cli.check(train(crlf, "--keep-cr") not in (None, expected), "--keep-cr learns the CR")
    labelled = TRAINING[:TRAINING.index(b"long\tbabababa")]
    expected = train(TRAINING, "--validate", cli.write("tried.tsv", labelled))
    tried = cli.write("tried.tsv", gzip.compress(MARK + labelled.replace(b"\n", b"\r\n")))
    path, model = cli.path("lines.tsv"), cli.path("model.safetensors")
    result = sluice("train", "--text", path, "-o", model, "--hidden", "4", "--epochs", "2", "--validate", tried)
    cli.check(result.returncode == OK and result.stderr.count(b"note: " + str(tried).encode()) == 3 and
              model.read_bytes() == expected, f"--validate is read in the same way: {result.stderr!r}")


def check_resume(cli):
    model, checkpoint = cli.path("model.st"), cli.path("checkpoint.st")
    crlf = TRAINING.replace(b"\n", b"\r\n")

    def train(form, *arguments):
        return sluice("train", "--text", cli.write("lines.tsv", form), "-o", model, "--hidden", "4", *arguments)

    train(TRAINING, "--epochs", "4")
    expected = model.read_bytes()
    train(TRAINING, "--epochs", "2", "--checkpoint", checkpoint)
    saved = checkpoint.read_bytes()
    for form in (TRAINING, gzip.compress(TRAINING), MARK + crlf):
        checkpoint.write_bytes(saved)
        result = train(form, "--epochs", "4", "--resume", checkpoint)
        cli.check(result.returncode == OK and model.read_bytes() == expected,
                  f"the same text in another form is the same data to --resume: {result.stderr!r}")
    checkpoint.write_bytes(saved)
    result = train(crlf, "--epochs", "4", "--resume", checkpoint, "--keep-cr")
    cli.check(result.returncode == DATA and b"--keep-cr as before" in result.stderr,
              f"with --keep-cr they are others, and the message names it: {result.stderr!r}")
    train(crlf, "--epochs", "4", "--keep-cr")
    expected = model.read_bytes()
    train(crlf, "--epochs", "2", "--keep-cr", "--checkpoint", checkpoint)
    result = sluice("train", "--resume", checkpoint, "--epochs", "4")
    cli.check(result.returncode == OK and model.read_bytes() == expected, f"--resume remembers --keep-cr: {result.stderr!r}")


def check_labels(cli):
    def train(text, *arguments):
        path = cli.write("labels.tsv", text)
        result = sluice("train", "--text", path, "-o", cli.path("model.st"), "--hidden", "4", "--epochs", "1", *arguments)
        return result.returncode, [line for line in result.stderr.decode(errors="replace").splitlines() if not line.startswith("epoch")]

    animals = b"cat\tmiau\ndog\twuff\n" * 3
    for other in (b"cat ", b" cat", b'"cat"', b"cat\xc2\xa0", MARK + b"cat", b"\xe2\x80\x8bdog "):
        code, lines = train(animals + other + b"\tmiau\n")
        twin = "dog" if b"dog" in other else "cat"
        cli.check(code == OK and len(lines) == 1 and all(word in lines[0] for word in ("note:", f"'{twin}'", f"'{other.decode()}'")),
                  f"labels that look alike are noted: {other} {code} {lines}")
        code, lines = train(animals, "--validate", cli.write("tried.tsv", b"dog\twuff\n" + other + b"\tmiau\n"))
        cli.check(code == DATA and f"; '{twin}' is" in lines[0], f"and named where they are not known: {code} {lines}")
    code, lines = train(animals + b"cat \tmiau\ndog \twuff\n")
    cli.check(code == OK and len(lines) == 1 and "more pairs" in lines[0], f"with one note for all: {lines}")
    code, lines = train(animals + b"cat-\tmiau\nCat\tmiau\n")
    cli.check(code == OK and not lines, f"labels that differ visibly are not: {lines}")
    code, lines = train(b"label\ttext\n" + animals)
    cli.check(code == OK and len(lines) == 1 and "line 1" in lines[0] and "'label'" in lines[0] and "header" in lines[0],
              f"a first line that may be a header is noted: {lines}")
    for text in (b"bird\ttweet\n" * 2 + animals, b"bird\ttweet\n" + animals + b"cow\tmoo\n", b"cat\tmiau\ndog\twuff\n"):
        cli.check(train(text) == (OK, []), f"and no other: {text[:20]}")
    refused = [(animals + b"\n" + animals, ["line 7", "empty line", "remove it"]),
               (animals + b"\tmiau\n", ["line 7", "''", "at least one byte"]), (animals + b"cat\t\n", ["line 7", "remove the line"]),
               (animals + b"cat\n", ["line 7", "no tab", "put the label and a tab"]), (b"a\xfft\tmiau\n" + animals, ["line 1", "UTF-8"]),
               (animals + b"cat, big\tmiau\n", ["line 7", "commas", "rename"])]
    for text, words in refused:
        code, lines = train(text)
        cli.check(code == DATA and all(word in lines[-1] for word in words), f"expected {words}, found {code} {lines}")
    code, lines = train(animals + b"\r\n")
    cli.check(code == DATA and "empty line" in lines[-1], f"CR LF alone is an empty line: {lines}")
    for mark in (b" ", b",", b";"):
        marked = animals.replace(b"\t", mark)
        code, lines = train(marked)
        cli.check(code == DATA and "line 1" in lines[0] and "no tab" in lines[0], f"no tab but {mark}: {lines}")
        check_remedy(cli, lines[0], marked, animals, f"{mark} for a tab")


def check_pauses(cli):
    expected = run_text(cli, LINES).splitlines(keepends=True)
    lines = LINES.splitlines(keepends=True)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(line) + packer.flush(zlib.Z_SYNC_FLUSH) for line in lines]
    packed[-1] += packer.flush()
    members = [gzip.compress(line) for line in lines]
    forms = {"lines": lines, "CR LF": [line.replace(b"\n", b"\r\n") for line in lines], "gzip": packed, "gzip members": members}
    for rows in ([], ["--rows", "1"], ["--rows", "3"]):
        for name, parts in forms.items():
            run = start("run", LANGID, "--text", *rows)
            found = []
            for part in parts:
                send(run, part)
                if not select.select([run.stdout], [], [], 60)[0]:
                    break
                found.append(run.stdout.readline())
            run.stdin.close()
            run.stdin = None
            cli.check(found == expected and run.wait(60) == OK, f"each line is answered before the next, {name} {rows}: {found}")
            run.communicate()
    run = start("run", LANGID, "--text")
    send(run, lines[0] + lines[1] + lines[2] + b"heureu")
    found = [run.stdout.readline() for _ in range(3)] if select.select([run.stdout], [], [], 60)[0] else []
    send(run, b"sement\nwort")
    found.append(run.stdout.readline() if select.select([run.stdout], [], [], 60)[0] else b"")
    cli.check(found == expected[:4], f"whole lines are answered, and part of one waits: {found}")
    cli.check(not select.select([run.stdout], [], [], 0.2)[0], "the rest of the last line may come yet")
    run.send_signal(signal.SIGINT)
    cli.check(run.wait(60) == INTERRUPTED, f"a signal ends the wait for it: {run.returncode}")
    run.communicate()


def check_pause_in_gzip(cli):
    """A few bytes of gzip data may hold more text than the buffer has room for, the last of it inside the decompressor alone: all is
    answered before the input goes on."""
    small = Network(4, 3, 4, vocabulary=256, classes=3).write(cli.path("small.safetensors"))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b"abcdefghijklmnopqrs\n" * (BUFFER_BYTES // 20 + 5)) + packer.flush(zlib.Z_SYNC_FLUSH)
    begin, rest = packed[:-5], packed[-5:]
    count = zlib.decompressobj(31).decompress(begin).count(b"\n")
    run = start("run", small, "--text")
    send(run, begin)
    found = 0
    while found < count and select.select([run.stdout], [], [], 60)[0]:
        answers = os.read(run.stdout.fileno(), 1 << 16)
        if not answers:
            break
        found += answers.count(b"\n")
    cli.check(count > BUFFER_BYTES // 20 and found == count, f"{found} of {count} lines are answered")
    output, errors = run.communicate(rest + packer.flush())
    cli.check(run.returncode == OK and not output and errors.count(b"\n") == 1, f"and there are no more: {output[:50]} {errors!r}")


def check_top(cli):
    words = [b"lucciola", b"heureuse", b"wortlang"]
    labels = ["english", "dutch", "french", "german", "italian", "portuguese", "spanish", "swedish"]
    shares = shares_of(cli, words)
    text = b"\n".join(words)
    cli.check(run_text(cli, text, "--top", "1") == run_text(cli, text), "--top 1 is what is answered without it")
    for top in (2, 3, 8):
        lines = run_text(cli, text, "--top", top).decode().splitlines()
        cli.check(len(lines) == len(words), f"a line for each, --top {top}")
        for line, row in zip(lines, shares):
            fields = line.split("\t")
            order = sorted(range(8), key=lambda k: -row[k])[:top]
            cli.check(fields[::2] == [labels[k] for k in order] and all(re.fullmatch(r"[01]\.\d{6}", share) for share in fields[1::2])
                      and all(abs(float(share) - row[k]) < 2e-6 for k, share in zip(order, fields[1::2])),
                      f"the {top} most probable, in falling order: {line!r}")
    network = Network(5, 3, 4, vocabulary=256, classes=5)
    weights, bias = network.tensors["fc.weight"][1], network.tensors["fc.bias"][1]
    for k, value in enumerate((0.0, 1.0, 0.0, 1.0, 0.5)):
        weights[4 * k:4 * k + 4] = weights[:4]
        bias[k] = value
    even = network.write(cli.path("even.safetensors"))
    for top, order in ((1, "1"), (3, "134"), (5, "13402")):
        fields = cli.answers("run", even, "--text", "--top", top, stdin=b"ab\n").decode().split()
        cli.check(fields[::2] == list(order), f"equal classes stand in order of their numbers: {fields}")
    single = Network(6, 3, 4, vocabulary=256, classes=1).write(cli.path("single.safetensors"))
    cli.check(cli.answers("run", single, "--text", "--top", "1", stdin=b"ab\n\n") == b"0\t1.000000\n" * 2, "a head with one class")
    many = Network(7, 3, 4, vocabulary=256, classes=3000).write(cli.path("many.safetensors"))
    fields = cli.answers("run", many, "--text", "--top", "3000", stdin=b"ab\n").decode().split()
    cli.check(sorted(map(int, fields[::2])) == list(range(3000)) and fields[1::2] == sorted(fields[1::2], reverse=True),
              "all of three thousand classes, each once")
    cli.refused(USAGE, ["--top 9", "8", str(LANGID)], "run", LANGID, "--text", "--top", "9", stdin=text)
    cli.refused(USAGE, ["--top", "'0'"], "run", LANGID, "--text", "--top", "0")
    array = cli.npy("x.npy", (1, 2), b"ab", "|u1")
    cli.refused(USAGE, ["--top", "--output"], "run", LANGID, "-i", array, "--head", "-", "--top", "2")


def check_help(cli):
    """The rule stands where users look for it."""
    for command in ("run", "train"):
        text = " ".join(cli.answers(command, "--help").decode().split())
        for word in ("gzip", "CR LF", "--keep-cr", "byte order mark"):
            cli.check(word in text, f"{command} --help mentions {word}")
    cli.check("--top K" in cli.answers("run", "--help").decode(), "run --help mentions --top")


if __name__ == "__main__":
    run_parts()
