#!/usr/bin/env python3
"""Files as the two programs open, wait for, write and replace them: descriptors by all their names, FIFOs, modes, links, signals and
closed pipes."""
import functools
import os
import pathlib
import resource
import signal
import stat
import subprocess
import time

from support.cli import (BENCH, INTERRUPTED, IO, LANGID, NO_INPUT, OK, PROGRAM, USAGE, Network, environment, finish, is_writing,
                         limit, run_parts, sluice, wait_until)

QUICK = ["4,4,8", "--threads", "1", "--repetitions", "1", "--warmup", "0", "--min-time", "1e-6"]
ANSWER = b"italian\t0.930484\n"
NOT_ASKED = [signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF]
ASKED = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGXCPU]


def begin(*words, **options):
    """A program of either kind, running, with pipes; it leaves no core."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(),
               "preexec_fn": limit(resource.RLIMIT_CORE, 0), **options}
    return subprocess.Popen([str(word) for word in words], **options)


bench = functools.partial(finish, BENCH)


def write_lines(cli):
    return cli.write("lines.tsv", b"short\tab\nlong\tabababab\nshort\tba\nlong\tbabababa\n")


def training(cli, *words):
    return ["train", "--text", write_lines(cli), "--hidden", "4", "--epochs", "3", "--progress", "never", *words]


def write_arrays(cli):
    model = Network(1, 3, 5, classes=2).write(cli.path("small.safetensors"))
    return model, cli.npy("x.npy", (4, 6, 3), [k / 100 for k in range(72)])


# ---- Descriptors -----------------------------------------------------------------------------------------------------------------


def check_appended(cli, name, words, option, expected):
    """What a program writes to a descriptor stands behind what was there, and before what follows."""
    log = cli.path("log")
    for path in ("/dev/fd/{}", "/proc/self/fd/{}", "link"):
        log.write_bytes(b"kept\n")
        with open(log, "ab") as file:
            number = file.fileno()
            if path == "link":
                cli.path("link").unlink(missing_ok=True)
                cli.path("link").symlink_to(f"/dev/fd/{number}")
                path = str(cli.path("link"))
            result = finish(*words, option, path.format(number), input=b"lucciola\n", pass_fds=[number])
            file.write(b"after\n")
        data = log.read_bytes()
        cli.check(result.returncode == OK and data.startswith(b"kept\n") and data.endswith(b"after\n") and expected in data,
                  f"{name} {option} {path}: {result.returncode} {result.stderr!r} {data[:80]!r}")


def check_descriptors(cli):
    model, x = write_arrays(cli)
    check_appended(cli, "run", [PROGRAM, "run", LANGID, "--text"], "-o", ANSWER)
    for option in ("-o", "--hn", "--cn", "--head"):
        check_appended(cli, "run", [PROGRAM, "run", model, "-i", x], option, b"NUMPY")
    check_appended(cli, "sluice-bench", [BENCH, *QUICK, "--format", "csv"], "-o", b"steps,")
    check_appended(cli, "sluice-bench", [BENCH, *QUICK], "--plot", b"<svg")
    log = cli.path("log")
    for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        log.write_bytes(b"kept\n")
        with open(log, "ab") as file:
            result = sluice("run", LANGID, "--text", "-o", name, stdin=b"lucciola\n", stdout=file)
            os.write(file.fileno(), b"after\n")
        cli.check(result.returncode == OK and log.read_bytes() == b"kept\n" + ANSWER + b"after\n", f"-o {name}: {log.read_bytes()}")


def check_input_descriptors(cli):
    """Read from where they stand."""
    words = cli.write("words", b"skipped\nlucciola\n")
    for name in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
        with open(words, "rb", buffering=0) as file:
            file.seek(8)
            cli.check(sluice("run", LANGID, "--text", "-i", name, stdin=file).stdout == ANSWER, f"-i {name} at its position")
    record = cli.write("record.json", b"skipped\n" + bench(*QUICK, "--format", "json").stdout)
    with open(record, "rb", buffering=0) as file:
        file.seek(8)
        result = bench("--from", "/dev/stdin", "--format", "csv", stdin=file)
        cli.check(result.returncode == OK and result.stdout.startswith(b"steps,"), f"--from /dev/stdin: {result}")


def check_same_descriptor(cli):
    model, x = write_arrays(cli)
    run = ["run", model, "-i", x]
    for second in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        cli.refused(USAGE, ["same file", "--output", "--hn"], *run, "-o", "/dev/stdout", "--hn", second)
        result = bench(*QUICK, "-o", "-", "--plot", second)
        cli.check(result.returncode == USAGE and b"same file" in result.stderr and not result.stdout, f"bench, {second}: {result}")
    result = bench(*QUICK, "--plot", cli.path("p.svg"), "--roofline", cli.path("p.svg"))
    cli.check(result.returncode == USAGE and b"same file" in result.stderr, f"two pictures in one file: {result}")
    cli.refused(USAGE, ["both be standard input"], "run", model, "-i", "-", "--lengths", "/dev/stdin", "-o", cli.path("y.npy"))
    cli.path("dangling").symlink_to("nowhere")
    cli.refused(USAGE, ["same file"], *run, "-o", cli.path("nowhere"), "--hn", cli.path("dangling"))
    cli.refused(IO, ["descriptor 77", "not open for writing"], *run, "-o", "/dev/fd/77")
    cli.refused(IO, ["descriptor 0", "not open for writing"], *run, "-o", "/dev/fd/0", stdin=open(write_lines(cli), "rb"))
    cli.refused(NO_INPUT, ["descriptor 77", "not open for reading"], "run", model, "-i", "/dev/fd/77", "-o", cli.path("y.npy"))
    cli.check(not cli.path("y.npy").exists() and not cli.path("nowhere").exists(), "nothing is written")


def check_closed_descriptors(cli):
    """No file gets the number of a closed standard stream, and with it the messages."""
    model, x = write_arrays(cli)
    for script, code in (('exec "$@" -o y.npy --stats 2>&-', OK), ('exec "$@" -o y.npy --stats >&- 2>&- <&-', OK),
                         ('exec "$@" -o - >&-', IO)):
        result = finish("sh", "-c", script, "sh", PROGRAM, "run", model, "-i", x, cwd=cli.directory)
        cli.check(result.returncode == code, f"{script}: {result}")
        if code == OK:
            data = cli.path("y.npy").read_bytes()
            cli.check(len(data) == 128 + 4 * 6 * 5 * 4, f"{script}: nothing but the array is in the file, found {len(data)} bytes")
            cli.path("y.npy").unlink()


# ---- Files that are written more than once ------------------------------------------------------------------------------------------


def check_repeated(cli):
    fifo, model = cli.path("fifo"), cli.path("m.safetensors")
    os.mkfifo(fifo)
    ends = os.pipe()
    places = ["-", "/dev/stdout", "/dev/stderr", "/dev/fd/1", f"/dev/fd/{ends[1]}", f"/proc/self/fd/{ends[1]}", fifo, "/dev/full"]
    for place in places:
        for words in (["-o", place], ["-o", model, "--checkpoint", place]):
            began = time.monotonic()
            cli.refused(USAGE, [words[-2] if "--" in words[-2] else "--output", str(place), "more than once", "name a file"],
                        *training(cli, *words), pass_fds=[ends[1]], timeout=60)
            cli.check(time.monotonic() - began < 60, "and at once")
    curve = cli.path("fifo.csv")
    os.mkfifo(curve)
    cli.refused(USAGE, ["--curve", "FIFO"], *training(cli, "-o", model, "--curve", curve))
    arrays = ["run", *(word for pair in zip(("", "-i"), write_arrays(cli)) for word in pair if word)]
    for place in ("-", "/dev/stdout", fifo):
        cli.refused(USAGE, ["--state", "both read and written"], *arrays, "-o", cli.path("y.npy"), "--state", place)
    cli.refused(USAGE, ["--plans", "FIFO"], "info", LANGID, "--explain", "--batch", 4, "--steps", 4, "--schedule", "measure", "--plans",
                fifo)
    cli.check(not model.exists(), "nothing is written")
    os.close(ends[0])
    os.close(ends[1])
    dry = sluice(*training(cli, "-o", "/dev/null"))
    cli.check(dry.returncode == OK and pathlib.Path("/dev/null").is_char_device(), f"/dev/null is for trying: {dry.stderr!r}")


# ---- Files that are replaced -------------------------------------------------------------------------------------------------------


def check_replaced(cli):
    """Every output keeps the mode of the file it replaces, and is made where a dangling link leads."""
    model, x = write_arrays(cli)
    plans = ["info", model, "--explain", "--batch", "4", "--steps", "4", "--schedule", "measure"]
    outputs = [([PROGRAM, "run", model, "-i", x, "-o", cli.path("y.npy")], option) for option in ("--hn", "--cn", "--head", "--state")]
    outputs += [([PROGRAM, "run", model, "-i", x], "-o"), ([PROGRAM, *plans], "--plans"),
                ([BENCH, *QUICK], "-o"), ([BENCH, *QUICK], "--plot", ".svg"), ([BENCH, *QUICK], "--roofline", ".svg"),
                ([PROGRAM, *training(cli)], "-o"), ([PROGRAM, *training(cli, "-o", cli.path("m.st"))], "--checkpoint")]
    curves = [([PROGRAM, *training(cli, "-o", cli.path("m.st"))], "--curve", ending) for ending in (".svg", ".csv")]
    for number, (words, option, *ending) in enumerate([*outputs, *curves]):
        target, link = cli.path(f"target{number}{''.join(ending)}"), cli.path(f"link{number}{''.join(ending)}")
        link.symlink_to(target.name)
        for mode in (None, 0o600, 0o664):
            if mode:
                target.chmod(mode)
            done = finish(*words, option, link)
            what = f"{words[0].name} {words[1]} {option}"
            found = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
            cli.check(done.returncode == OK and link.is_symlink() and found is not None and mode in (None, found),
                      f"{what}: expected mode {mode}, found {found}: {done.returncode} {done.stderr!r}")
    cli.check(not cli.leftovers(), f"{cli.leftovers()}")
    loop = cli.path("loop")
    loop.symlink_to("loop")
    cli.refused(IO, ["loop", "symbolic links"], "run", model, "-i", x, "-o", loop)


def check_size_limit(cli):
    """A limit of a file's size is an error, not a signal."""
    model, x = write_arrays(cli)

    target, small = cli.write("y.npy", b"old"), limit(resource.RLIMIT_FSIZE, 100)
    cli.refused(IO, ["y.npy", "File too large"], "run", model, "-i", x, "-o", target, preexec_fn=small)
    cli.refused(IO, ["limited", "File too large"], *training(cli, "-o", cli.path("limited")), preexec_fn=small)
    result = bench(*QUICK, "-o", target, preexec_fn=small)
    cli.check(result.returncode == IO and b"File too large" in result.stderr, f"sluice-bench: {result}")
    cli.check(target.read_bytes() == b"old" and not cli.path("limited").exists() and not cli.leftovers(), "and leaves nothing")


# ---- Signals -----------------------------------------------------------------------------------------------------------------------


def stop(cli, name, words, number, ready, **options):
    """Send a signal to a program once ready(process) holds; it must end by it, or with 130, and leave nothing."""
    process = begin(*words, **options)
    cli.check(wait_until(lambda: ready(process) or process.poll() is not None), f"{name} gets ready")
    process.send_signal(number)
    try:
        said = process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        said = b"(it went on)"
    expected = INTERRUPTED if number in ASKED else -number
    lines = [line for line in said.splitlines() if b": warning: " not in line]  # sluice-bench's, of a machine that is busy
    cli.check(process.returncode == expected and len(lines) == 1 and b"interrupted" in lines[0],
              f"{name}, {signal.Signals(number).name}: expected {expected}, found {process.returncode} {said!r}")
    cli.check(not cli.leftovers(), f"{name}, {signal.Signals(number).name} leaves {cli.leftovers()}")


def is_waiting():
    """Whether a process has slept in one and the same system call for half a second, as the kernel reports it; where that
    it does not, whether it has been given three."""
    began, last, since = time.monotonic(), "", 0

    def holds(process):
        nonlocal last, since
        try:
            call = pathlib.Path(f"/proc/{process.pid}/syscall").read_text()
        except OSError:
            return time.monotonic() - began > 3
        if call != last or call.startswith("running"):
            last, since = call, time.monotonic()
        return time.monotonic() - since > 0.5
    return holds


def check_waiting(cli):
    """A signal while a FIFO is waited for, whoever opens it."""
    fifo, (model, x) = cli.path("partner"), write_arrays(cli)
    os.mkfifo(fifo)
    explain = [PROGRAM, "info", LANGID, "--explain", "--batch", "4", "--steps", "4"]
    for words in (["info", fifo], ["run", fifo, "--text"], ["train", "--text", x, "--from", fifo, "-o", cli.path("m")]):
        cli.refused(NO_INPUT, ["partner", "regular file"], *words)
    commands = [[*explain, "--plans", fifo], [*explain, "--lengths", fifo], [PROGRAM, "run", LANGID, "--text", "-i", fifo],
                [PROGRAM, "run", LANGID, "--text", "-i", x, "-o", fifo], [PROGRAM, "run", model, "-i", fifo, "-o", cli.path("y")],
                [PROGRAM, "run", model, "-i", x, "--hn", fifo], [PROGRAM, "train", "--text", fifo, "-o", cli.path("m")],
                [PROGRAM, "train", "-i", x, "--labels", fifo, "-o", cli.path("m")], [BENCH, *QUICK, "-o", fifo],
                [BENCH, *QUICK, "--plot", fifo, "-o", "/dev/null"], [BENCH, "--from", fifo], [BENCH, *QUICK, "--compare", fifo],
                [PROGRAM, "info", LANGID, "--text", "--compare", fifo], [PROGRAM, "info", model, "--compare", fifo]]
    for words in commands:
        name = f"{words[0].name} {' '.join(str(word) for word in words[1:] if word in ('info', 'run', 'train'))} of a FIFO"
        stop(cli, name, words, signal.SIGINT, is_waiting())
    keeper = os.open(fifo, os.O_RDWR)
    for words in commands[:2] + commands[4:5] + commands[-2:]:
        stop(cli, f"{words[1]}, reading from a FIFO", words, signal.SIGINT, is_waiting())
    os.close(keeper)


def check_measuring(cli):
    """Measuring a plan does not look for signals: it ends, and so does the command; another signal a second later ends it at once."""
    wide = Network(3, 64, 64).write(cli.path("measured.safetensors"))
    words = [PROGRAM, "info", wide, "--explain", "--batch", "300", "--schedule", "measure", "--threads", "1", "--steps"]
    for steps, repeats in (("1000", 1), ("30000", 2)):
        process = begin(*words, steps)
        time.sleep(0.5)
        for _ in range(repeats):
            process.send_signal(signal.SIGINT)
            time.sleep(1.5 if repeats > 1 else 0)
        output = process.communicate(timeout=300)[0]
        wanted = -signal.SIGINT if repeats > 1 else INTERRUPTED
        cli.check(process.returncode == wanted and not output, f"{steps} steps: expected {wanted}, found {process.returncode} {output!r}")


def check_every_signal(cli):
    """Nothing is left, and the file that was there stays, whatever ends a run."""
    target = cli.path("answers")
    for number in ASKED + NOT_ASKED:
        target.write_bytes(b"old")
        stop(cli, "run", [PROGRAM, "run", LANGID, "--text", "-o", target], number, lambda run: is_writing(run, cli.directory))
        stop(cli, "sluice-bench", [BENCH, "50,64,128", "--threads", "1", "--min-time", "5", "-o", target], number,
             lambda run: is_writing(run, cli.directory))
        cli.check(target.read_bytes() == b"old", "the target is left alone")
    for number in (signal.SIGHUP, signal.SIGXCPU, signal.SIGUSR1):
        checkpoint = cli.path(f"c{int(number)}")
        process = begin(PROGRAM, *training(cli, "-o", cli.path("m"), "--checkpoint", checkpoint, "--epochs", "1000000"))
        wait_until(checkpoint.exists)
        process.send_signal(number)
        said = process.communicate(timeout=120)[1]
        cli.check(process.returncode == (INTERRUPTED if number in ASKED else -number) and b"--resume" in said,
                  f"train stops with a checkpoint: {process.returncode} {said[-200:]!r}")
    cli.check(not cli.leftovers(), f"{cli.leftovers()}")


def check_ignored(cli):
    """What is ignored at the start, as under nohup or in the background, stays ignored."""
    def ignore():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    run = begin(PROGRAM, "run", LANGID, "--text", "-o", cli.path("answers"), preexec_fn=ignore)
    slow = begin(BENCH, "50,64,128", "--threads", "1", "--min-time", "0.3", "--repetitions", "3", "-o", cli.path("row"), preexec_fn=ignore)
    for process in (run, slow):
        wait_until(lambda which=process: is_writing(which, cli.directory))
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
            process.send_signal(number)
    run.communicate(b"lucciola\n", timeout=120)
    slow.communicate(timeout=120)
    cli.check(run.returncode == OK and cli.path("answers").read_bytes() == ANSWER, f"run goes on: {run.returncode}")
    cli.check(slow.returncode == OK, f"sluice-bench goes on: {slow.returncode}")


# ---- Closed pipes ------------------------------------------------------------------------------------------------------------------


def check_closed_pipes(cli):
    """A reader that has left ends every command without a word, with the same status."""
    model, x = write_arrays(cli)
    words = cli.write("words", b"lucciola\n")
    record = cli.write("rows.json", bench(*QUICK, "--format", "json").stdout)
    wide = Network(2, 3, 5)
    for k in range(2000):
        wide.add(f"another.tensor.{k}", 1)
    wide = wide.write(cli.path("wide.safetensors"))
    commands = [[PROGRAM, "--help"], [PROGRAM, "--version"], [PROGRAM, "run", "--help"], [PROGRAM, "info", LANGID],
                [PROGRAM, "info", LANGID, "--json"], [PROGRAM, "info", "--env"], [PROGRAM, "info", wide], [PROGRAM, "info", wide, "--json"],
                [PROGRAM, "info", LANGID, "--explain", "--batch", "4", "--steps", "4"],
                [PROGRAM, "run", LANGID, "--text", "-i", words], [PROGRAM, "run", LANGID, "--text", "-i", words, "-o", "/dev/stdout"],
                [PROGRAM, "run", model, "-i", x, "-o", "-"], [PROGRAM, "run", model, "-i", x, "--hn", "/dev/fd/1"],
                [PROGRAM, *training(cli, "-o", cli.path("m"))][:-4] + ["--epochs", "1", "-o", cli.path("m"), "--json"],
                [BENCH, "--help"], [BENCH, "--version"], [BENCH, "--expect", "4,4,8"],
                [BENCH, "--kernels", "--isa", "scalar", "--repetitions", "1", "--min-time", "1e-6"],
                [BENCH, "--from", record, "--compare", record], [BENCH, "--from", record, "--plot", "/dev/stdout", "-o", "/dev/null"]]
    commands += [[BENCH, *QUICK, "--format", form] for form in ("table", "csv", "json", "jsonl", "md")]
    for command in commands:
        reader, writer = os.pipe()
        os.close(reader)
        result = finish(*command, stdin=subprocess.DEVNULL, stdout=writer)
        os.close(writer)
        said = b"".join(line for line in result.stderr.splitlines(True) if b"machine was busy" not in line and b"compared" not in line
                        and not line.startswith(b"epoch "))
        cli.check(result.returncode == IO and not said,
                  f"{command[0].name} {' '.join(map(str, command[1:3]))}: expected {IO} and silence, found {result.returncode} {said!r}")


if __name__ == "__main__":
    run_parts()
