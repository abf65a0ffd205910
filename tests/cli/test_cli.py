#!/usr/bin/env python3
"""The program sluice as a user drives it: options, exit codes, messages, pipes, signals, the same bytes whatever the settings."""
import json
import math
import os
import pathlib
import pty
import random
import re
import select
import signal
import time

from support.checks import SOURCE
from support.cli import (DATA, FAILURE, INTERRUPTED, IO, LANGID, NO_INPUT, OK, USAGE, Network, best_isa, is_writing,
                         keeps_memory_small, peak_memory, run_parts, send, sluice, start, wait_until)

GOLDEN = SOURCE / "perf" / "langid" / "golden.tsv"
BUFFER_BYTES = 1 << 20


def make_words(seed, count):
    """Lines of random bytes of 0 to 20, '\\n' and NUL apart, and no '\\r' before it: both would be noted."""
    source = random.Random(seed)
    kinds = [bytes(range(97, 123)), bytes(byte for byte in range(1, 256) if byte != 10)]
    return b"".join(bytes(source.choices(kinds[k % 2], k=source.randrange(21))).rstrip(b"\r") + b"\n" for k in range(count))


def write_small(cli):
    """A model that costs next to nothing, for what depends on the text alone."""
    return Network(4, 3, 4, vocabulary=256, classes=3).write(cli.path("small.safetensors"))


def check_version(cli):
    version = cli.answers("--version").decode()
    for word in ("sluice 0.", "BLIS", "configuration", "OpenMP", "ISA"):
        cli.check(word in version, f"--version names {word}: {version!r}")
    for command in ("run", "info"):
        cli.check(cli.answers(command, "--version").decode() == version, f"--version is heard behind {command}")


def check_usage(cli):
    nothing = sluice()
    cli.check(nothing.returncode == USAGE and b"Usage:" in nothing.stderr and not nothing.stdout, "no command: usage on standard error")
    cases = [
        (["frobnicate"], ["frobnicate", "run, train, evaluate, merge, info"]),
        (["run"], ["MODEL"]),
        (["run", LANGID], ["--output", "--text"]),
        (["run", LANGID, "--text", "--frob"], ["--frob", "not known", "--help"]),
        (["run", LANGID, "--text", "--od\nd\x1b"], ["'--od?d?'"]),
        (["run", LANGID, "--text", "-z"], ["-z", "not known"]),
        (["run", LANGID, "--text", "--h"], ["'--h'", "not unique"]),
        (["run", LANGID, "--text", "--rows"], ["--rows", "needs a value"]),
        (["run", LANGID, "--text=1"], ["--text=1", "takes no value"]),
        (["run", LANGID, "--text", "-o", ""], ["--output", "name of a file", "''"]),
        (["run", LANGID, "--hn="], ["--hn", "name of a file"]),
        (["run", "", "--text"], ["MODEL", "name of a file"]),
        (["run", LANGID, "more", "--text"], ["more"]),
        (["run", "-", "--text"], ["MODEL"]),
        (["run", LANGID, "--text", "--rows", "0"], ["--rows", "'0'"]),
        (["run", LANGID, "--text", "--rows", "-3"], ["--rows", "'-3'"]),
        (["run", LANGID, "--text", "--threads", "2x"], ["--threads", "'2x'"]),
        (["run", LANGID, "--text", "--threads", "1025"], ["--threads", "1 to 1024"]),
        (["run", LANGID, "--text", "--threads", "99999999999999999999"], ["--threads"]),
        (["run", LANGID, "--text", "--isa", "mmx"], ["--isa", "'mmx'", "scalar, avx2, avx512"]),
        (["run", LANGID, "--text", "--gemm", "mkl"], ["--gemm", "fused, blis"]),
        (["run", LANGID, "--text", "--schedule", "best"], ["--schedule", "rows, hoist"]),
        (["run", LANGID, "--text", "--progress", "no"], ["--progress", "auto, always, never"]),
        (["run", LANGID, "--text", "--layout", "cnt"], ["--layout", "ntc, tnc"]),
        (["run", LANGID, "--text", "--hn", "x"], ["--text", "--hn"]),
        (["run", LANGID, "--text", "--layout", "tnc"], ["--text", "--layout"]),
        (["run", LANGID, "--text", "--json"], ["--json", "--stats"]),
        (["run", LANGID, "--text", "-o", LANGID], ["same file", "MODEL"]),
        (["info"], ["MODEL", "--env"]),
        (["info", LANGID, "--env"], ["MODEL", "--env"]),
        (["info", LANGID, "--threads", "2"], ["--threads"]),
        (["info", "--env", "--prefix", "x"], ["--prefix"]),
        (["info", LANGID, "--text"], ["--text"]),
    ]
    for arguments, words in cases:
        cli.refused(USAGE, words, *arguments)
    for name, value in (("SLUICE_NUM_THREADS", "many"), ("SLUICE_ISA", "mmx"), ("SLUICE_GEMM", "mkl")):
        cli.refused(USAGE, [name, value], "run", LANGID, "--text", settings={name: value})
    cli.refused(USAGE, ["--schedule", "go with --explain"], "info", "--env", "--schedule", "rows")
    blis = json.loads(cli.answers("info", "--env", "--json"))
    if blis["blis_version"].startswith("0."):  # these take numbers, read any name as 0 (AVX-512), and abort on others
        for value in ("zen3", "99", "-1", ""):
            cli.refused(USAGE, ["BLIS_ARCH_TYPE", "takes a number"], "info", "--env", settings={"BLIS_ARCH_TYPE": value})
        refusal = sluice("info", "--env", settings={"BLIS_ARCH_TYPE": "zen3"}).stderr.decode()
        generic = re.search(r"(\d+) \(generic\)", refusal).group(1)
        slow = json.loads(cli.answers("info", "--env", "--json", settings={"BLIS_ARCH_TYPE": generic}))
        cli.check(slow["blis_config"] == "generic" and "unset it" in slow["warning"] and not slow["blis_arch_type_set_by_sluice"],
                  f"portable kernels that the user asked for are warned of: {slow}")
        if "avx512" not in best_isa():
            cli.refused(USAGE, ["BLIS_ARCH_TYPE", "AVX-512"], "run", LANGID, "--text", settings={"BLIS_ARCH_TYPE": "0"})
    cli.refused(NO_INPUT, ["absent.safetensors"], "run", cli.path("absent.safetensors"), "--text")
    cli.refused(NO_INPUT, ["absent.safetensors"], "info", cli.path("absent.safetensors"))
    cli.refused(DATA, ["golden.tsv"], "info", GOLDEN)
    if "avx512" not in best_isa():
        cli.refused(FAILURE, ["avx512"], "run", LANGID, "--text", "--isa", "avx512")
    words = cli.write("odd\nname", b"")
    cli.refused(DATA, ["odd?name"], "info", words)


def check_info(cli):
    facts = json.loads(cli.answers("info", LANGID, "--json"))
    expected = {"layers": 1, "directions": 2, "inputs": 32, "hidden": 128, "vocabulary": 256, "classes": 8, "has_bias": True,
                "parameters": 176136, "bytes": 704544, "flop_per_step": 2 * 2 * 4 * 128 * (32 + 128)}
    cli.check({name: facts[name] for name in expected} == expected, f"info --json: {facts}")
    cli.check(facts["class_names"] == "english dutch french german italian portuguese spanish swedish".split(), "the class names")
    table = cli.answers("info", LANGID).decode()
    for word in ("176,136", "704,544", "327,680", "[256][32]", "[8][256]", "lstm.", "english, dutch"):
        cli.check(word in table, f"info reports {word}: {table}")
    stacked = Network(1, 3, 5, layers=2, directions=2)
    stacked.add("other.tensor", 7)
    path = stacked.write(cli.path("stacked.safetensors"))
    facts = json.loads(cli.answers("info", path, "--json"))
    cli.check(facts["parameters"] == 2 * 20 * (3 + 5 + 2) + 2 * 20 * (10 + 5 + 2) and
              facts["flop_per_step"] == 2 * 2 * 20 * (3 + 5) + 2 * 2 * 20 * (10 + 5) and facts["classes"] == 0,
              f"two layers: {facts}")
    cli.check(any("other.tensor" in note for note in facts["notes"]) and b"other.tensor" in cli.answers("info", path),
              "a tensor that is ignored is reported")
    full = sluice("info", LANGID, stdout=open("/dev/full", "wb"))
    cli.check(full.returncode == IO and b"standard output" in full.stderr, "a full disk under info is exit 74")


def check_golden(cli):
    words, expected = [], []
    header, *rows = GOLDEN.read_text(encoding="utf-8").splitlines()
    names = [name.removeprefix("logit_") for name in header.split("\t")[1:]]
    for row in rows:
        word, *logits = row.split("\t")
        logits = list(map(float, logits))
        words.append(word)
        expected.append((names[logits.index(max(logits))], 1 / sum(math.exp(logit - max(logits)) for logit in logits)))
    for arguments in ([], ["--gemm", "blis"], ["--isa", "scalar"], ["--schedule", "hoist"]):
        text = "".join(word + "\n" for word in words).encode()
        lines = cli.answers("run", LANGID, "--text", *arguments, stdin=text).decode().splitlines()
        found = [(label, float(share)) for label, share in (line.split("\t") for line in lines)]
        cli.check(len(found) == len(expected) and all(a == b and abs(p - q) <= 1e-5 for (a, p), (b, q) in zip(found, expected)),
                  f"the golden words with {arguments}: {found}")
        cli.check(all(len(line.split("\t")[1]) == 8 for line in lines), "a probability has six decimals")


def check_same_bytes(cli):
    text = make_words(5, 1200)
    path = cli.write("words", text)
    expected = cli.answers("run", LANGID, "--text", stdin=text)
    cli.check(expected.count(b"\n") == 1200, "an answer for each line")
    settings = [["--rows", rows] for rows in ("1", "7", "8192", "99999999999")] + [["--threads", n] for n in ("1", "2", "3")]
    settings += [["--isa", isa] for isa in best_isa()] + [["--schedule", schedule] for schedule in ("auto", "rows", "hoist")]
    for arguments in settings:
        cli.check(cli.answers("run", LANGID, "--text", *arguments, stdin=text) == expected, f"the same bytes with {arguments}")
    cli.check(cli.answers("run", LANGID, "--text", "-i", path) == expected, "the same bytes from a named file")
    redirected = cli.answers("run", "--text", LANGID, "-i", "-", "-o", "-", stdin=open(path, "rb"))
    cli.check(redirected == expected, "the same from a redirected one")
    cli.answers("run", LANGID, "--text", "-i", path, "-o", cli.path("out"))
    cli.check(cli.path("out").read_bytes() == expected, "the same bytes into a named file")
    mask = os.umask(0)
    os.umask(mask)
    cli.check(cli.path("out").stat().st_mode & 0o777 == 0o666 & ~mask, "a new file has the mode that the umask leaves")
    run = start("run", LANGID, "--text")
    source = random.Random(6)
    send(run, text, lambda at: source.randrange(1, 4000))
    output, errors = run.communicate()
    cli.check(run.returncode == OK and output == expected and not errors, "the same bytes from a pipe fed in odd pieces")


def check_lines(cli):
    small = write_small(cli)

    def run(text, *arguments, model=LANGID):
        return cli.answers("run", model, "--text", *arguments, stdin=text).splitlines()

    cli.check(run(b"") == [], "no input, no answers")
    empty, word = run(b"\nwort\n")
    cli.check(run(b"\n") == [empty] and run(b"\n\n\n") == [empty] * 3, "an empty line is a row of length 0 and is answered")
    cli.check(run(b"wort") == [word] and run(b"wort\n") == [word], "a last line without its end counts")
    cli.check(run(b"\nwort") == [empty, word] and run(b"wort\n\n") == [word, empty], "empty lines first and last")
    cli.check(len(run(b"a\rb\x01c\x0bd\xff\xfe\xe2\x80\xa8\n")) == 1, "only '\\n' ends a line")
    empty, word = run(b"\nwort\n", model=small)
    long = b"ab" * (3 << 19)
    answers = run(b"wort\n" + long + b"\n\nwort", "--rows", "3", model=small)
    cli.check(len(answers) == 4 and answers[0] == answers[3] == word and answers[2] == empty, "a line longer than the buffer")
    cli.check(run(long, model=small) == [answers[1]], "a long line alone")
    cli.check(run(long + b"\n" + long, "--rows", "1", model=small) == [answers[1]] * 2, "two long lines")
    block = b"x" * (BUFFER_BYTES // 4 - 1) + b"\n"
    cli.check(run(block * 9, model=small) == run(block, model=small) * 9, "lines that end where the buffer ends")


def check_text_models(cli):
    for name in ("a\tb", "c\nd", "\x1b[31m"):
        odd = Network(2, 3, 4, vocabulary=256, classes=2, names=["plain", name]).write(cli.path("odd.safetensors"))
        result = sluice("run", odd, "--text", stdin=b"AB\n")
        cli.check(result.returncode == OK and result.stdout.decode().split("\t")[0] in ("0", "1") and result.stderr.count(b"\n") == 1 and
                  all(word in result.stderr.decode() for word in ("note: ", "odd.safetensors: classes: none", "class 1")) and
                  b"\x1b" not in result.stderr, f"a name of control characters is noted, and indices are printed: {result}")
    tiny = Network(2, 3, 4, vocabulary=100, classes=2, names=["sí", "no"]).write(cli.path("tiny.safetensors"))
    lines = cli.answers("run", tiny, "--text", stdin=b"AB\n\nCD\n").decode().splitlines()
    cli.check([line.split("\t")[0] in ("sí", "no") for line in lines] == [True] * 3, f"the classes' names are the labels: {lines}")
    target = cli.write("kept", b"old")
    cli.refused(DATA, ["standard input", "line 3", "byte 2", "100", "0 to 99"], "run", tiny, "--text", "-o", target, stdin=b"AB\nC\nAd\n")
    cli.refused(DATA, ["line 6", "byte 1", "200"], "run", tiny, "--text", "--rows", "2", "-o", target, stdin=b"A\n" * 5 + b"\xc8")
    cli.check(target.read_bytes() == b"old" and not cli.leftovers(), "bad input leaves the named output as it was")
    nameless = Network(2, 3, 4, vocabulary=256, classes=12).write(cli.path("nameless.safetensors"))
    lines = cli.answers("run", nameless, "--text", stdin=make_words(3, 400)).decode().splitlines()
    labels = {line.split("\t")[0] for line in lines}
    cli.check(labels <= {str(k) for k in range(12)} and len(labels) > 1, f"classes without names are numbered: {labels}")
    headless = Network(2, 3, 4, vocabulary=256).write(cli.path("headless.safetensors"))
    cli.refused(DATA, [str(headless), "head", "--head-name"], "run", headless, "--text", stdin=b"a\n")
    cli.refused(DATA, ["head"], "run", LANGID, "--text", "--head-name", "", stdin=b"a\n")
    blind = Network(2, 3, 4, classes=2).write(cli.path("blind.safetensors"))
    cli.refused(DATA, [str(blind), "embedding", "--embedding-name"], "run", blind, "--text", stdin=b"a\n")


def check_files(cli):
    words = cli.write("words", make_words(7, 200))
    expected = cli.answers("run", LANGID, "--text", stdin=words.read_bytes())
    cli.refused(NO_INPUT, ["absent"], "run", LANGID, "--text", "-i", cli.path("absent"))
    cli.refused(NO_INPUT, [str(cli.directory), "directory"], "run", LANGID, "--text", "-i", cli.directory)
    cli.refused(IO, ["/no/such/"], "run", LANGID, "--text", "-o", "/no/such/place", stdin=b"a\n")
    cli.refused(IO, [str(cli.directory)], "run", LANGID, "--text", "-o", cli.directory, stdin=b"a\n")
    cli.refused(IO, ["/dev/full", "No space"], "run", LANGID, "--text", "-o", "/dev/full", stdin=b"a\n")
    cli.refused(USAGE, ["same file"], "run", LANGID, "--text", "-i", words, "-o", words)
    cli.refused(USAGE, ["same file"], "run", LANGID, "--text", "-i", words, "-o", f"{cli.directory}/../{cli.directory.name}/words")
    cli.check(words.read_bytes() == make_words(7, 200), "an input named as output is left alone")
    full = sluice("run", LANGID, "--text", stdin=words.read_bytes(), stdout=open("/dev/full", "wb"))
    cli.check(full.returncode == IO and b"standard output" in full.stderr, f"a full disk is exit 74: {full.stderr!r}")
    link, kept = cli.path("link"), cli.path("linked")
    kept.write_bytes(b"old")
    link.symlink_to(kept)
    cli.answers("run", LANGID, "--text", "-i", words, "-o", link)
    cli.check(link.is_symlink() and kept.read_bytes() == expected, "an output that is a link is written where it leads")
    cli.answers("run", LANGID, "--text", "-i", words, "-o", "/dev/null")
    cli.check(pathlib.Path("/dev/null").is_char_device(), "a device is written, not replaced")
    run = start("run", write_small(cli), "--text", "--rows", "10")
    run.stdout.close()
    errors = feed(run, make_words(8, 30000))
    cli.check(run.returncode == IO and not errors, f"a reader that leaves ends the run without a word: {run.returncode} {errors!r}")
    cli.check(not cli.leftovers(), f"no temporary files are left: {cli.leftovers()}")


def feed(run, text):
    """Write to a process that may leave early; return what it said on standard error."""
    try:
        run.stdin.write(text)
        run.stdin.close()
    except BrokenPipeError:
        pass
    errors = run.stderr.read()
    run.wait(60)
    return errors


def check_signals(cli):
    for number in (signal.SIGINT, signal.SIGTERM):
        target = cli.write("answers", b"old")
        run = start("run", LANGID, "--text", "--rows", "10", "-o", target)
        send(run, make_words(9, 5000))
        cli.check(wait_until(lambda: is_writing(run, cli.directory)), "the output grows beside its name")
        time.sleep(0.3)
        run.send_signal(number)
        run.wait(60)
        errors = run.stderr.read()
        run.stdin.close()
        cli.check(run.returncode == INTERRUPTED and b"interrupted" in errors and errors.count(b"\n") == 1,
                  f"signal {number} ends a run that waits for input: exit {run.returncode}, {errors!r}")
        cli.check(target.read_bytes() == b"old" and not cli.leftovers(), "and leaves nothing behind")
    words = cli.write("words", make_words(10, 40000))
    run = start("run", write_small(cli), "--text", stdin=open(words, "rb"))
    time.sleep(1)
    run.send_signal(signal.SIGINT)
    run.wait(60)
    cli.check(run.returncode == INTERRUPTED, f"a signal ends a run whose reader waits: {run.returncode}")
    run.communicate()


def check_progress(cli):
    small = write_small(cli)
    text = make_words(11, 5000)
    path = cli.write("words", text)
    result = sluice("run", small, "--text", "--rows", "100", "--progress", "always", "-i", path, "-o", "/dev/null")
    said = result.stderr
    cli.check(result.returncode == OK and all(part in said for part in (b"rows/s", b"ETA", b"%")), f"a bar with rate and ETA: {said[-200:]!r}")
    cli.check(said.endswith(b"\r") and b"\x1b" not in said and b"\n" not in said, "the bar is erased at the end")
    piped = sluice("run", small, "--text", "--rows", "100", "--progress", "always", "-o", "/dev/null", stdin=text)
    cli.check(b"rows/s" in piped.stderr and b"ETA" not in piped.stderr, "from a pipe the rate alone is known")
    for mode, shown in (("auto", True), ("never", False)):
        master, terminal = pty.openpty()
        run = start("run", small, "--text", "--rows", "100", "--progress", mode, "-i", path, "-o", "/dev/null", stderr=terminal)
        os.close(terminal)
        seen = b""
        try:
            while chunk := os.read(master, 65536):
                seen += chunk
        except OSError:
            pass
        os.close(master)
        cli.check(run.wait(60) == OK and (b"rows/s" in seen) == shown, f"--progress {mode} on a terminal: {seen[:100]!r}")
        run.communicate()


def check_stats(cli):
    text = b"wort\n\nlanges wort\n"
    result = sluice("run", LANGID, "--text", "--stats", "--json", "--threads", "1", stdin=text)
    stats = json.loads(result.stderr)
    cli.check(stats["rows"] == 3 and stats["steps"] == 15 and stats["threads"] == 1, f"what was done is counted: {stats}")
    flop = stats["steps"] * 2 * 2 * 4 * 128 * 128
    cli.check(abs(stats["gflops"] * stats["seconds"] * 1e9 - flop) <= 1e-6 * flop, "GFLOP/s counts h x U, the rest being a table")
    cli.check(abs(stats["gflops"] / stats["peak_gflops"] - stats["fraction_of_peak"]) <= 1e-6, "the share is that of the peak")
    cli.check(abs(stats["rows_per_second"] * stats["seconds"] - 3) <= 1e-5, "rows per second")
    table = sluice("run", LANGID, "--text", "--stats", stdin=text)
    for word in ("rows", "steps", "seconds", "rows/s", "steps/s", "GFLOP/s", "share of peak"):
        cli.check(word in table.stderr.decode(), f"--stats reports {word}")
    cli.check(table.stdout == result.stdout and table.stdout.count(b"\n") == 3, "--stats leaves the answers as they are")


def check_terminal(cli):
    master, terminal = pty.openpty()
    run = start("run", LANGID, "--text", "--progress", "never", stdin=terminal)
    os.write(master, b"hineintretend\n")
    answered = select.select([run.stdout], [], [], 60)[0]
    line = run.stdout.readline() if answered else b""
    os.write(master, b"\x04")
    cli.check(line.startswith(b"german\t"), f"a line typed is answered before the next: {line!r}")
    cli.check(run.wait(60) == OK, "and the terminal's end of input ends the run")
    run.communicate()
    os.close(master)
    os.close(terminal)


def check_memory(cli):
    if not keeps_memory_small():
        return
    small = write_small(cli)
    text = make_words(13, 120000)
    paths = {copies: cli.write(f"words{copies}", text * copies) for copies in (1, 4, 48)}
    # Where the buffer bounds the batches they differ in rows, and the workspace grows a few times before it has seen the largest.
    for rows, few, many in (([], 1, 48), (["--rows", "1000000"], 4, 48)):
        sizes = [peak_memory("run", small, "--text", *rows, path=paths[copies]) for copies in (few, many)]
        cli.same_memory(sizes, f"{many // few} times the input, {rows},")
    for path in paths.values():
        path.unlink()


if __name__ == "__main__":
    run_parts()
