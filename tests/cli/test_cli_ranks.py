#!/usr/bin/env python3
"""sluice-mpi: whatever the number of ranks, the bytes of one process; and whatever happens to a rank, all end, and say the same."""
import functools
import gzip
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from support.checks import BUILD
from support.cli import (DATA, FAILURE, INTERRUPTED, IO, LETTERS, NO_INPUT, Network, OK, QUIET, RANK_SETTINGS, STARTED, USAGE, environment, read_npy,
                         run_parts, sluice, spell_lines, wait_until)

RANKS = BUILD / "src" / "mpi" / "sluice-mpi"
DEEP = os.environ.get("SLUICE_TEST_DEPTH") == "all"
SEED = int(os.environ.get("SLUICE_TEST_SEED", "16"))


def begin(ranks, *words, directory, **settings):
    """mpirun running; `words` may have a list for each rank in its place."""
    parts = [[word[rank] if isinstance(word, list) else word for word in words] for rank in range(ranks)]
    if any(isinstance(word, list) for word in words):
        line = [word for part in parts for word in [":", "-n", 1, RANKS, *part]][1:]
    else:
        line = ["-n", ranks, RANKS, *words]
    process = subprocess.Popen(["mpirun", *map(str, line)], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(**RANK_SETTINGS, **{"OMP_NUM_THREADS": "1", **settings}))
    STARTED.append(process)
    return process


def end(process, timeout=120):
    """The exit code, and the lines that ranks, not mpirun, wrote to standard error."""
    said = process.communicate(timeout=timeout)[1].decode(errors="replace")
    return process.returncode, [line for line in said.splitlines() if line.startswith("sluice")]


def pids_of(process):
    """{rank: pid} of mpirun's children; those that there are."""
    found = {}
    try:
        for pid in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            settings = dict(line.partition(b"=")[::2] for line in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
            rank = settings.get(b"OMPI_COMM_WORLD_RANK", settings.get(b"PMI_RANK"))
            if rank is not None:
                found[int(rank)] = int(pid)
    except OSError:
        pass
    return found


@functools.lru_cache(maxsize=None)
def write_data(cli):
    """Words of three classes, and sequences of numbers with a value for each step; some rows are short, some empty."""
    source = random.Random(SEED)
    print(f"seed {SEED}")
    cli.write("words.tsv", spell_lines(source, source.choices(sorted(LETTERS), k=240), range(1, 30)))
    cli.npy("x.npy", (60, 12, 3), [source.uniform(-1, 1) for _ in range(60 * 36)])
    cli.npy("v.npy", (60, 12, 2), [source.uniform(-1, 1) for _ in range(60 * 24)])
    cli.npy("w.npy", (60, 12), [source.randrange(3) / 2 for _ in range(60 * 12)])
    cli.npy("n.npy", (60,), [source.randrange(13) for _ in range(60)], "<i8")
    cli.npy("t.npy", (60, 12), [source.randrange(9) for _ in range(60 * 12)], "<i8")
    cli.npy("l.npy", (60,), [source.randrange(4) for _ in range(60)], "<i8")


def kinds(cli):
    """Name: options of trainings that have, together, all that is added up or drawn by chance."""
    write_data(cli)
    text = ["--text", cli.path("words.tsv"), "--hidden", 12, "--embedding", 4, "--batch", 48, "--rate", 0.02, "--epochs", 3]
    arrays = ["-i", cli.path("x.npy"), "--values", cli.path("v.npy"), "--lengths", cli.path("n.npy"), "--hidden", 10, "--batch", 18,
              "--epochs", 3, "--validate-share", 0.3]
    return {"text": [*text, "--layers", 2, "--dropout", 0.3, "--clip", 0.1, "--class-weights", "balanced", "--validate-share", 0.2,
                     "--patience", 1, "--checkpoint-every", 1],
            "pieces": [*arrays, "--truncate", 5, "--layers", 2, "--dropout", 0.2, "--checkpoint-every", 1, "--rate-schedule", "cosine"],
            "tokens": ["-i", cli.path("t.npy"), "--labels", cli.path("l.npy"), "--lengths", cli.path("n.npy"), "--hidden", 8,
                       "--epochs", 2, "--bidirectional", "--optimizer", "sgd", "--momentum", 0.9, "--validate", cli.path("t.npy"),
                       "--validate-labels", cli.path("l.npy")],
            "precision": [*arrays, "--precision", "bf16"],
            "losses": [*arrays, "--loss", "quantile:0.2,0.7", "--sample-weights", cli.path("w.npy"), "--rate-schedule", "plateau:0.5,0",
                       "--precision", "int8", "--checkpoint-every", 1],
            "series": ["-i", cli.path("x.npy"), "--window", 5, "--hop", 2, "--target", "1,3", "--horizon", "1-2", "--standardize",
                       "--validate-last", "30%", "--hidden", 6, "--batch", 20, "--epochs", 2]}


def options(words, shards, *more):
    return ["train", *words, "--shards", shards, "-o", "m.st", "--checkpoint", "c.st", "--curve", "k.csv", *QUIET, *more]


def read_all(directory):
    return {name: (directory / name).read_bytes() if (directory / name).exists() else None for name in ("m.st", "c.st", "k.csv")}


@functools.lru_cache(maxsize=None)
def one_process(cli, kind, shards):
    """The files of `sluice train`."""
    directory = cli.path(f"one-{kind}-{shards}")
    directory.mkdir()
    result = sluice(*options(kinds(cli)[kind], shards), cwd=directory)
    cli.check(result.returncode == OK, f"{kind}: {result.stderr}")
    return read_all(directory), result.stdout


def fresh(cli):
    """An empty directory, in which every run has files of the same names."""
    directory = cli.path("ranks")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def check_shards_alone(cli):
    """Without ranks: one shard is no shard, and threads change nothing."""
    directory, words = fresh(cli), kinds(cli)["text"]
    whole = one_process(cli, "text", 1)[0]
    plain = options(words, 1)
    at = plain.index("--shards")
    cli.check(sluice(*plain[:at], *plain[at + 2:], cwd=directory).returncode == OK
              and read_all(directory) == whole, "--shards 1 is what is done without it")
    for threads in (1, 2):
        cli.check(sluice(*options(words, 5, "--threads", threads), cwd=directory).returncode == OK
                  and read_all(directory) == one_process(cli, "text", 5)[0], f"{threads} threads, 5 shards")
    cli.check(one_process(cli, "text", 5)[0]["m.st"] != whole["m.st"], "shards show in the last bits")
    cli.check(sluice("train", "--resume", "c.st", "--shards", 4, cwd=directory).returncode == USAGE, "shards of a run stay")
    for shards in (0, 65537):
        cli.refused(USAGE, ["--shards"], "train", "--text", cli.path("words.tsv"), "-o", cli.path("m"), "--shards", shards)


def check_same_bytes(cli):
    for kind, shards, counts in (("text", 8, range(1, 9)), ("text", 1, (2,)), ("text", 16, (3, 5)), ("text", 3, (2, 3)), ("pieces", 5, (2, 3, 4)),
                                 ("pieces", 16, (8,)), ("tokens", 4, (3, 4)), ("precision", 6, (4,)), ("series", 4, (3,))):
        for ranks in range(1, 9) if DEEP else counts:
            for threads in (1, 2) if ranks == 2 or (DEEP and ranks == 5) else (1,):
                directory = fresh(cli)
                process = begin(ranks, *options(kinds(cli)[kind], shards, "--threads", threads), directory=directory)
                output = process.stdout.read()
                code, said = end(process)
                files, printed = one_process(cli, kind, shards)
                idle = ranks > shards
                cli.check(code == OK and len(said) == idle and all("--shards" in line for line in said) and output == printed,
                          f"{kind}, {shards} shards, {ranks} ranks: {code} {said} {output}")
                for name, content in read_all(directory).items():
                    cli.check(content == files[name], f"{kind}, {shards} shards, {ranks} ranks of {threads}: {name} of one process")


def go_on(cli, kind, shards, directory, what):
    """Resume on another number of ranks and compare."""
    code, said = end(begin(3, "train", "--resume", "c.st", *QUIET, directory=directory))
    cli.check(code == OK and not said, f"{what}: {code} {said}")
    files = read_all(directory)
    cli.check(all(files[name] == one_process(cli, kind, shards)[0][name] for name in files), f"{what}: the bytes of an unbroken run")


def send_later(process, directory, source, number):
    """Send a signal to a rank soon after the first checkpoint is there; return the ranks' pids."""
    wait_until((directory / "c.st").exists)
    pids = list(pids_of(process).values())
    time.sleep(source.uniform(0, 0.05))
    try:
        os.kill(source.choice(pids), number)
    except (IndexError, ProcessLookupError):
        pass # it has ended
    return pids


def check_signals(cli):
    """A signal to any rank, at any time: all stop, the checkpoint has the states of all rows."""
    source, stopped = random.Random(SEED + 1), 0
    for turn in range(12 if DEEP else 4):
        kind, shards = (("pieces", 5), ("text", 8))[turn % 2]
        directory, ranks = fresh(cli), source.choice([2, 3, 4])
        process = begin(ranks, *options(kinds(cli)[kind], shards), directory=directory)
        send_later(process, directory, source, source.choice([signal.SIGINT, signal.SIGTERM]))
        started = time.monotonic()
        code, said = end(process)
        stopped += code == INTERRUPTED
        cli.check(code == OK or (code == INTERRUPTED and len(said) == 1 and "--resume c.st" in said[0]), f"{kind}: {code} {said}")
        cli.check(time.monotonic() - started < 10, f"{kind}: all end soon")
        go_on(cli, kind, shards, directory, f"{kind} after a signal")
    cli.check(stopped > 0, "runs were interrupted")


def catches(pid, number):
    """Whether a process has a handler for a signal."""
    try:
        caught = re.search(r"^SigCgt:\s*(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return False
    return bool(caught and int(caught[1], 16) >> (number - 1) & 1)


def check_early_signals(cli):
    """A signal to one rank while MPI starts or data are read: the others do not wait for it."""
    source = random.Random(SEED + 3)
    words = Network(SEED, 3, 9, vocabulary=256, classes=3, names=sorted(LETTERS)).write(cli.path("words.st"))
    run = ["run", words, "--text", "-i", cli.path("words.tsv"), "-o", "answers.tsv"]
    for turn in range(8 if DEEP else 4):
        directory, number = fresh(cli), source.choice([signal.SIGINT, signal.SIGTERM])
        process = begin(3, *(run if turn % 2 else options(kinds(cli)["text"], 3)), directory=directory)
        wait_until(lambda: 1 in pids_of(process) and catches(pids_of(process)[1], number))
        time.sleep(source.uniform(0, 0.3))
        os.kill(pids_of(process)[1], number)
        started = time.monotonic()
        code, said = end(process)
        cli.check(code in (OK, INTERRUPTED) and len(said) == (code == INTERRUPTED), f"an early signal: {code} {said}")
        cli.check(time.monotonic() - started < 10, "all end within 10 s of an early signal")


def check_files(cli):
    """Data that are held in memory, converted, or of another name on another rank."""
    write_data(cli)
    words, numbers = cli.path("words.tsv").read_bytes(), cli.path("x.npy").read_bytes()
    packed, copy = cli.write("words.gz", gzip.compress(words)), cli.write("copy.tsv", words)
    columns = cli.write("columns.npy", numbers.replace(b"False", b"True ", 1))
    wide = cli.npy("wide.npy", (60, 12, 3), read_npy(cli.path("x.npy"))[1], "<f8")
    values = ["--values", cli.path("v.npy"), "--hidden", 8, "--epochs", 1, "--batch", 16]
    for one, line in ((["--text", packed], ["--text", packed]), (["--text", cli.path("words.tsv")], ["--text", [cli.path("words.tsv"), copy]]),
                      (["-i", columns, *values], ["-i", columns, *values]), (["-i", wide, *values], ["-i", wide, *values])):
        directory = fresh(cli)
        result = sluice(*options([*one, "--epochs", 1], 2), cwd=directory)
        whole = read_all(directory)
        directory = fresh(cli)
        code, said = end(begin(2, *options([*line, "--epochs", 1], 2), directory=directory))
        notes = result.stderr.decode().count("note:")
        cli.check(code == result.returncode == OK and len(said) == notes and read_all(directory) == whole, f"{line}: {code} {said} {result.stderr}")


def check_killed(cli):
    """A rank that is killed: mpirun ends all, and the last checkpoint is whole."""
    source = random.Random(SEED + 2)
    for turn in range(8 if DEEP else 3):
        kind, shards = (("pieces", 5), ("text", 8))[turn % 2]
        directory, ranks = fresh(cli), source.choice([2, 3])
        process = begin(ranks, *options(kinds(cli)[kind], shards), directory=directory)
        pids = send_later(process, directory, source, signal.SIGKILL)
        started = time.monotonic()
        end(process)
        cli.check(time.monotonic() - started < 10, f"{kind}: all end within 10 s of a kill")
        cli.check(wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), 10), f"{kind}: no rank is left")
        go_on(cli, kind, shards, directory, f"{kind} after a kill")


def check_run(cli):
    """Rank r runs part r + 1, and the outputs are those of one process; or there are none."""
    write_data(cli)
    model = Network(SEED, 3, 9, classes=4).write(cli.path("numbers.st"))
    words = Network(SEED, 3, 9, vocabulary=256, classes=3, names=sorted(LETTERS)).write(cli.path("words.st"))
    numbers = ["run", model, "-i", cli.path("x.npy"), "--lengths", cli.path("n.npy"), "-o", "y.npy", "--hn", "h.npy", "--head", "g.npy"]
    text = ["run", words, "--text", "-i", cli.path("words.tsv"), "-o", "answers.tsv"]
    for line in (numbers, text, [*numbers, "--in-place"]):
        directory = fresh(cli)
        cli.check(sluice(*[word for word in line if word != "--in-place"], cwd=directory).returncode == OK, "one process")
        whole = {path.name: path.read_bytes() for path in directory.iterdir()}
        for ranks in (2, 3, 8):
            directory = fresh(cli)
            left = {f"{name}.record-0001-of-0005": b"of a run that was killed" for name in whole}
            for name, content in left.items():
                (directory / name).write_bytes(content)
            code, said = end(begin(ranks, *line, directory=directory))
            found = {path.name: path.read_bytes() for path in directory.iterdir()}
            cli.check(code == OK and not said and found == {**whole, **left}, f"{line[2:]} on {ranks} ranks: {code} {said} {sorted(found)}")
    series = ["run", cli.path("one-series-4/m.st"), "-i", cli.path("x.npy"), "-o", "forecast.csv"]
    one_process(cli, "series", 4)
    directory = fresh(cli)
    cli.check(sluice(*series, cwd=directory).returncode == OK, "one process")
    whole = (directory / "forecast.csv").read_bytes()
    for ranks in (2, 3):
        directory = fresh(cli)
        code, said = end(begin(ranks, *series, directory=directory))
        found = {path.name: path.read_bytes() for path in directory.iterdir()}
        cli.check(code == OK and not said and found == {"forecast.csv": whole}, f"series on {ranks} ranks: {code} {said} {sorted(found)}")
    tokens = Network(SEED, 3, 9, vocabulary=9).write(cli.path("tokens.st"))
    bad = cli.npy("bad.npy", (60, 12), [8] * (57 * 12) + [9] * 36, "<i8")
    for more in ([], ["--in-place"]):
        directory = fresh(cli)
        code, said = end(begin(3, "run", tokens, "-i", bad, "-o", "y.npy", *more, directory=directory))
        cli.check(code == DATA and len(said) == 1 and "rank 2: " in said[0] and "row 57" in said[0], f"bad data of one rank: {code} {said}")
        cli.check(not any(directory.iterdir()), f"nothing is written: {os.listdir(directory)}")
    shown = subprocess.run([RANKS, "help", "run"], capture_output=True, check=True, env=environment(**RANK_SETTINGS)).stdout
    cli.check(shown.startswith(b"Usage: sluice-mpi run MODEL"), f"the help names the program: {shown[:60]}")
    cli.check(end(begin(2, *numbers, "--shard", "1/2", directory=directory))[0] == USAGE, "--shard is the ranks' own")
    other = Network(SEED + 1, 3, 9, classes=4).write(cli.path("other.st"))
    for line, found in ((["run", [model, other], *numbers[2:]], "another model"), ([*text[:4], [text[4], cli.path("x.npy")], *text[5:]], "another input"),
                        ([*text, "--top", [1, 2]], "other options"), ([*text[:-1], ["a.tsv", "b.tsv"]], "other outputs")):
        code, said = end(begin(2, *line, directory=directory))
        cli.check(code == USAGE and len(said) == 1 and "rank 1: " in said[0] and found in said[0], f"{found}: {code} {said}")
    cli.check(not any(directory.iterdir()), f"nothing is written: {os.listdir(directory)}")
    for rank in range(2):
        cli.check(sluice(*numbers, "--shard", f"{rank + 1}/2", cwd=directory).returncode == OK, "a part that another run has made")
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    code, said = end(begin(2, "run", "nowhere.st", *numbers[2:], directory=directory))
    found = {path.name: path.read_bytes() for path in directory.iterdir()}
    cli.check(code == NO_INPUT and found == before, f"it stays where a run fails before it begins: {code} {said} {sorted(found)}")


def check_threads(cli):
    """Ranks share the CPUs, unless they are given a number of threads."""
    write_data(cli)
    directory, cpus = fresh(cli), len(os.sched_getaffinity(0))
    words = ["train", "--text", cli.path("words.tsv"), "-o", "m.st", "--epochs", 1, "--shards", 2, "--stats", "--json", *QUIET]
    for more, settings, expected in (([], {"OMP_NUM_THREADS": ""}, None), (["--threads", 2], {}, 2), ([], {"OMP_NUM_THREADS": "1"}, 1)):
        process = begin(2, *words, *more, directory=directory, **settings)
        said = process.communicate(timeout=120)[1]
        ranks = json.loads(said[said.index(b"{"):])["ranks"]
        threads = [rank["threads"] for rank in ranks]
        cli.check(len(threads) == 2 and (threads == [expected] * 2 if expected else sum(threads) <= max(2, cpus)), f"{more} {settings}: {threads}")
        cli.check(all(rank[name] >= 0 for rank in ranks for name in ("compute_seconds", "exchange_seconds", "wait_seconds")), f"{ranks}")


def check_full_disk(cli):
    """Rank 0 alone writes; if it cannot, all end."""
    directory = fresh(cli)
    process = begin(3, *options(kinds(cli)["precision"], 3), "--epochs", 1000, "--checkpoint-every", 1, directory=directory)
    wait_until((directory / "c.st").exists)
    resource.prlimit(pids_of(process)[0], resource.RLIMIT_FSIZE, (64, 64))
    code, said = end(process)
    cli.check(code == IO and len(said) == 1 and "rank 0: " in said[0] and "cannot be written" in said[0], f"a full disk: {code} {said}")
    cli.check(not [name for name in os.listdir(directory) if "tmp" in name or name.startswith(".")], "no temporary file is left")
    code, said = end(begin(2, "train", "--resume", "c.st", "--epochs", 3, *QUIET, directory=directory))
    cli.check(code == OK and not said, f"the checkpoint before is whole: {code} {said}")


def check_refused(cli):
    """One message, whoever fails, and the same status."""
    write_data(cli)
    words = cli.path("words.tsv")
    other = cli.write("other.tsv", words.read_bytes() + b"uno\tabc\n")
    bad = cli.write("bad.tsv", words.read_bytes() + b"no tab\n")
    x = cli.path("x.npy")
    values = [0.5] * (60 * 36)
    values[57 * 36 + 5] = float("nan")
    nan = cli.npy("nan.npy", (60, 12, 3), values)
    huge = cli.npy("huge.npy", (60, 12, 2), [0.5] * (57 * 24) + [3e38] * 72)
    text, numbers = ["train", "--text", words, "-o", "m.st", *QUIET], ["train", "-i", x, "--values", cli.path("v.npy"), "-o", "m.st", *QUIET]
    put = lambda base, at, word: [*base[:at], word, *base[at + 1:]]
    cases = [
        (USAGE, "rank 1: --batch is 32, and 64 on rank 0", [*text, "--batch", [64, 32, 64]]),
        (USAGE, "rank 2: --epochs is 2, and 1 on rank 0", [*text, "--epochs", [1, 1, 2]]),
        (USAGE, "rank 0: --output MODEL is missing", ["train", "--text", words, ["--keep-cr", "-om.st", "-om.st"]]),
        (DATA, f"rank 2: {other}: the data differ from those of rank 0", put(text, 2, [words, words, other])),
        (DATA, f"rank 1: {bad}: line 241: expected LABEL<TAB>TEXT", put(text, 2, [words, bad, bad])),
        (DATA, f"sluice-mpi: {bad}: line 241: expected LABEL<TAB>TEXT", put(text, 2, bad)),
        (DATA, f"sluice-mpi: {nan}: row 57, step 1, input 2: expected a finite number", put(numbers, 2, nan)),
        (NO_INPUT, "rank 1: nothing.tsv: cannot be opened", put(text, 2, [words, "nothing.tsv", words])),
        (USAGE, "sluice-mpi: --text cannot be standard input", put(text, 2, "-")),
        (USAGE, "the command lines of the ranks differ", [*text[:-2], "--progress", ["never"] * 3, ["-h", "--json", "--json"]]),
        (FAILURE, f"sluice-mpi: {x}: epoch 1, step 1: training has diverged", put([*numbers, "--shards", 3, "--epochs", 2], 4, huge)),
        (USAGE, "the command lines of the ranks differ", [["train", "run", "train"], *text[1:]]),
        (USAGE, "sluice-mpi: info is for one process", ["info", words]),
    ]
    for status, message, line in cases:
        directory = fresh(cli)
        code, said = end(begin(3, *line, directory=directory))
        cli.check(code == status and len(said) == 1 and message in said[0], f"expected {status} and {message}, found {code} {said}")
        cli.check(not any(directory.iterdir()), f"{message}: nothing is written, found {os.listdir(directory)}")


def main():
    if not shutil.which("mpirun") or not RANKS.exists():
        print("skipped: no mpirun, or built without MPI", file=sys.stderr)
        sys.exit(77)
    run_parts()


if __name__ == "__main__":
    main()
