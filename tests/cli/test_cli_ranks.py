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
import struct
import subprocess
import sys
import time
import zipfile

from support.checks import BUILD, SOURCE
from support.cli import (DATA, FAILURE, INTERRUPTED, IO, LETTERS, NO_INPUT, Network, OK, QUIET, RANK_SETTINGS, STARTED, USAGE, environment, npy_bytes, read_npy,
                         run_parts, sluice, spell_lines, wait_until)

RANKS = BUILD / "src" / "mpi" / "sluice-mpi"
DEEP = os.environ.get("SLUICE_TEST_DEPTH") == "all"
SEED = int(os.environ.get("SLUICE_TEST_SEED", "16"))
SOON = 60  # seconds, by which one knows ranks that wait for ever; on a machine that does nothing else all end within ten


def begin(ranks, *words, directory, program=(RANKS,), **settings):
    """mpirun running; `words` may have a list for each rank in its place."""
    parts = [[word[rank] if isinstance(word, list) else word for word in words] for rank in range(ranks)]
    if any(isinstance(word, list) for word in words):
        line = [word for part in parts for word in [":", "-n", 1, *program, *part]][1:]
    else:
        line = ["-n", ranks, *program, *words]
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


def content_of(directory):
    """{name: bytes} of all files in a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


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
                                 ("pieces", 16, (8,)), ("tokens", 4, (3, 4)), ("precision", 6, (4,)), ("losses", 5, (3,)), ("series", 4, (3,))):
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


def check_pieces(cli):
    """Messages of more bytes than MPI can count at a time, here by a program that counts up to 512."""
    for kind, shards, ranks in (("text", 8, 3), ("pieces", 5, 2)):
        directory = fresh(cli)
        code, said = end(begin(ranks, *options(kinds(cli)[kind], shards), directory=directory, program=[RANKS.with_name("sluice-mpi-pieces")]))
        cli.check(code == OK and not said and read_all(directory) == one_process(cli, kind, shards)[0], f"{kind} in pieces: {code} {said}")


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
        cli.check(time.monotonic() - started < SOON, f"{kind}: all end")
        go_on(cli, kind, shards, directory, f"{kind} after a signal")
    cli.check(stopped > 0, "runs were interrupted")


def check_signal_in_batch(cli):
    """A signal to one rank between two parts of a batch: all stop before the same part, for the checkpoint needs the states of all."""
    source = random.Random(SEED + 4)
    cli.npy("long.npy", (9, 600, 2), [source.uniform(-1, 1) for _ in range(9 * 1200)])
    cli.npy("long-values.npy", (9, 600, 1), [source.uniform(-1, 1) for _ in range(9 * 600)])
    words = ["train", "-i", cli.path("long.npy"), "--values", cli.path("long-values.npy"), "--truncate", 2, "--hidden", 4, "--batch", 9,
             "--shards", 3, "--epochs", 3, "-o", "m.st", "--checkpoint", "c.st", "--checkpoint-every", 20, *QUIET]
    directory = fresh(cli)
    cli.check(sluice(*words, cwd=directory).returncode == OK, "one process")
    whole = read_all(directory)
    for rank in (0, 1, 2):
        directory = fresh(cli)
        process = begin(3, *words, directory=directory)
        wait_until((directory / "c.st").exists)
        os.kill(pids_of(process)[rank], signal.SIGTERM)
        code, said = end(process)
        piece = re.search(rb'"piece":(\d+)', (directory / "c.st").read_bytes())
        cli.check(code == INTERRUPTED and len(said) == 1 and "--resume c.st" in said[0] and int(piece[1]) > 0, f"{code} {said} {piece}")
        code, said = end(begin(2, "train", "--resume", "c.st", *QUIET, directory=directory))
        cli.check(code == OK and not said and read_all(directory) == whole, f"the bytes of an unbroken run: {code} {said}")


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
        cli.check(time.monotonic() - started < SOON, "all end after an early signal")


def check_files(cli):
    """Data that are held in memory, converted, or of another name on another rank."""
    write_data(cli)
    words, numbers = cli.path("words.tsv").read_bytes(), cli.path("x.npy").read_bytes()
    packed, copy = cli.write("words.gz", gzip.compress(words)), cli.write("copy.tsv", words)
    columns = cli.write("columns.npy", numbers.replace(b"False", b"True ", 1))
    wide = cli.npy("wide.npy", (60, 12, 3), read_npy(cli.path("x.npy"))[1], "<f8")
    packed_numbers, archive = cli.write("x.npy.gz", gzip.compress(numbers)), cli.path("x.npz")
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("stored.npy", numbers)
        made.writestr("deflated.npy", numbers, zipfile.ZIP_DEFLATED)
    values = ["--values", cli.path("v.npy"), "--hidden", 8, "--epochs", 1, "--batch", 16]
    ends = cli.npy("ends.npy", (60,), [0] * 59 + [12], "<i8")  # ranks that have empty rows alone
    empty = [["-i", cli.path("x.npy"), *values, "--lengths", ends], ["-i", cli.path("t.npy"), "--labels", cli.path("l.npy"), "--lengths", ends]]
    same = [["-i", name, *values] for name in (columns, wide, packed_numbers, f"{archive}:stored", f"{archive}:deflated")]
    for one, line in ((["--text", packed], ["--text", packed]), *((line, line) for line in empty + same), (["--text", cli.path("words.tsv")], ["--text", [cli.path("words.tsv"), copy]])):
        directory = fresh(cli)
        result = sluice(*options([*one, "--epochs", 1], 2), cwd=directory)
        whole = read_all(directory)
        directory = fresh(cli)
        code, said = end(begin(2, *options([*line, "--epochs", 1], 2), directory=directory))
        notes = result.stderr.decode().count("note:")
        cli.check(code == result.returncode == OK and len(said) == notes and read_all(directory) == whole, f"{line}: {code} {said} {result.stderr}")


def spoil(cli, name, rows, change):
    """Copies of a file for three ranks, each with its own third of the rows; of the others it has change(row)."""
    content = cli.path(name).read_bytes()
    if name.endswith(".npy"):
        begin = content.index(b"\n") + 1
        each = (len(content) - begin) // rows
        head, lines = content[:begin], [content[begin + n * each : begin + (n + 1) * each] for n in range(rows)]
    else:
        head, lines = b"", content.splitlines(True)
    own = lambda rank, n: rows * rank // 3 <= n < rows * (rank + 1) // 3
    return [cli.write(f"{rank}-{name}", head + b"".join(line if own(rank, n) else change(line) for n, line in enumerate(lines)))
            for rank in range(3)]


def check_shares(cli):
    """At the start each rank reads its own third of the rows: in the copy that it has, all others are spoilt."""
    write_data(cli)
    numbers = lambda bits: lambda row: bits * (len(row) // len(bits))
    letters = lambda line: line[:4] + b"?" * (len(line) - 5) + b"\n"
    nan, huge, none = struct.pack("<f", float("nan")), struct.pack("<f", 3e38), struct.pack("<q", -1)
    cases = [([["-i", "x.npy", 60, numbers(nan)], ["--values", "v.npy", 60, numbers(nan)]], numbers(huge)),
             ([["-i", "t.npy", 60, numbers(none)], ["--labels", "l.npy"]], numbers(struct.pack("<q", 8))),
             ([["--text", "words.tsv", 240, letters]], letters)]
    for files, change in cases:
        whole = [word for option, name, *_ in files for word in (option, cli.path(name))]
        shares = [word for option, name, *how in files for word in (option, spoil(cli, name, *how) if how else cli.path(name))]
        directory = fresh(cli)
        settings = ["--hidden", 4, "--epochs", 2, "--batch", 24, "--shards", 3, "-o", "m.st", "--checkpoint", "c.st", *QUIET]
        cli.check(sluice("train", *whole, *settings, cwd=directory).returncode == OK, "one process")
        before = read_all(directory)
        code, said = end(begin(3, "train", "--resume", "c.st", *shares, *QUIET, directory=directory))
        cli.check(code == OK and not said and read_all(directory) == before, f"{shares}: nothing else is read: {code} {said}")
        other = spoil(cli, files[0][1], files[0][2], change)
        code, said = end(begin(3, "train", "--resume", "c.st", *whole[:1], other[1:] + other[:1], *whole[2:], *QUIET, directory=directory))
        cli.check(code == DATA and len(said) == 1 and "c.st: the data differ" in said[0], f"other data of the run: {code} {said}")
        directory = fresh(cli)
        code, said = end(begin(3, "train", *whole[:1], other, *whole[2:], *settings, directory=directory))
        cli.check(code == DATA and len(said) == 1 and re.search(r"-.*: (row|line) \d+, or its target, is not that of rank \d;", said[0]),
                  f"rows of another rank: {code} {said}")


def check_bytes_read(cli):
    """Each rank reads about its share: less than half of the file at the start, and less than all of it with an epoch."""
    rows, steps, width = 64, 1536, 64
    path, directory = cli.path("large.npy"), fresh(cli)
    with path.open("wb") as file:
        file.write(npy_bytes((rows, steps, width), []))
        for row in range(rows):
            file.write(struct.pack("<f", row / rows) * (steps * width))
    values, size = cli.npy("large-values.npy", (rows, 1), [k % 3 for k in range(rows)]), path.stat().st_size
    counted = cli.write("counted", '"$@"; code=$?; cat /proc/$$/io > io-${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; exit $code\n')
    words = ["train", "-i", path, "--values", values, "-o", "m.st", "--checkpoint", "c.st", "--hidden", 1, "--batch", 16, "--shards", 4, "--epochs", 1]
    for more, most in (([], size), (["--resume", "c.st"], size / 2)):
        code, said = end(begin(4, *words, *more, *QUIET, directory=directory, program=["sh", counted, RANKS]))
        read = [int(re.search(r"rchar: (\d+)", file.read_text())[1]) for file in sorted(directory.glob("io-*"))]
        cli.check(code == OK and len(read) == 4 and sum(read) >= size and max(read) < most, f"{code} {said}: {read} of {size} bytes")


def check_old_format(cli):
    """A checkpoint of the format "sluice train 1", whose digest is of all rows in one chain: --text old.tsv --validate old_validate.tsv
    --hidden 2 --embedding 2 --batch 8 --shards 3 --seed 5 --epochs 1."""
    lines = ("tre gggh tre gh tre fgegeeg tre hfgg tre hhefhe tre hehehehe due dfe tre e due efcdecc due dc tre eeehfgf due cdd uno ab "
             "due ffcff uno dcaaabdc uno abadaca due fdfdddff uno dbcd uno dbd uno d due eccef tre hfhf tre eegehehe due dcefef",
             "due cecf due d due decd due fedfdcdc due ee due dc")
    found = []
    for ranks, change in ((1, ""), (3, ""), (2, "x")):
        directory = fresh(cli)
        for name, text in zip(("old.tsv", "old_validate.tsv"), lines):
            words = text.split()
            (directory / name).write_text("".join(f"{label}\t{word}\n" for label, word in zip(words[::2], words[1::2])).replace("dcefef", "dcefef" + change))
        shutil.copy(SOURCE / "tests" / "golden" / "checkpoint_train_1.safetensors", directory / "c.st")
        words = ["train", "--resume", "c.st", "--epochs", 3, *QUIET]
        code, said = end(begin(ranks, *words, directory=directory))
        found.append(read_all(directory))
        cli.check((code == DATA and "the data differ" in said[0]) if change else (code == OK and not said), f"{ranks} ranks go on: {code} {said}")
    cli.check(found[0] == found[1] and b'"format":"sluice train 2"' in found[0]["c.st"], "the same bytes, and the new format")
    cli.check(b'"format":"sluice train 1"' in found[2]["c.st"], "a run that is refused leaves the checkpoint")


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
        cli.check(time.monotonic() - started < SOON, f"{kind}: all end after a kill")
        cli.check(wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), 10), f"{kind}: no rank is left")
        go_on(cli, kind, shards, directory, f"{kind} after a kill")


def check_no_memory(cli):
    """An allocation of one rank fails, the first ones and some of all the others: no rank waits for it, and all end as it does."""
    source, refused = random.Random(SEED + 5), 0
    for number in range(150 if DEEP else 14):
        rank, count = number % 3, number // 3 if DEEP or number < 9 else source.randrange(3, 90)
        fault, directory = f"{rank}:{count}", fresh(cli)
        process = begin(3, *options(kinds(cli)["pieces"], 5, "--epochs", 1), directory=directory, SLUICE_TEST_FAULT=fault,
                        program=[RANKS.with_name("sluice-mpi-faults")])
        code, said = end(process, SOON)
        refused += code == FAILURE
        aborts = code == FAILURE and count == 0 and not said  # before ranks can agree, MPI ends them
        is_said = code == FAILURE and len(said) == 1 and f"rank {rank}: " in said[0] and "memory" in said[0]
        cli.check(code == OK or aborts or is_said, f"no memory for {fault}: {code} {said}")
    cli.check(refused > 8, f"{refused} runs were refused")


def runs(cli):
    """The command lines of a run of numbers and of one of text."""
    write_data(cli)
    model = Network(SEED, 3, 9, classes=4).write(cli.path("numbers.st"))
    words = Network(SEED, 3, 9, vocabulary=256, classes=3, names=sorted(LETTERS)).write(cli.path("words.st"))
    numbers = ["run", model, "-i", cli.path("x.npy"), "--lengths", cli.path("n.npy"), "-o", "y.npy", "--hn", "h.npy", "--head", "g.npy"]
    text = ["run", words, "--text", "-i", cli.path("words.tsv"), "-o", "answers.tsv"]
    return numbers, text


def check_run(cli):
    """Rank r runs part r + 1, and the outputs are those of one process."""
    numbers, text = runs(cli)
    for line in (numbers, text, [*numbers, "--in-place"]):
        directory = fresh(cli)
        cli.check(sluice(*[word for word in line if word != "--in-place"], cwd=directory).returncode == OK, "one process")
        whole = content_of(directory)
        for ranks in (2, 3, 8):
            directory = fresh(cli)
            left = {f"{name}.record-0001-of-0005": b"of a run that was killed" for name in whole}
            for name, content in left.items():
                (directory / name).write_bytes(content)
            code, said = end(begin(ranks, *line, directory=directory))
            found = content_of(directory)
            cli.check(code == OK and not said and found == {**whole, **left}, f"{line[2:]} on {ranks} ranks: {code} {said} {sorted(found)}")


def check_run_of_series(cli):
    """Forecasts of one table, of the windows of each rank."""
    series = ["run", cli.path("one-series-4/m.st"), "-i", cli.path("x.npy"), "-o", "forecast.csv"]
    one_process(cli, "series", 4)
    directory = fresh(cli)
    cli.check(sluice(*series, cwd=directory).returncode == OK, "one process")
    whole = content_of(directory)
    for ranks in (2, 3):
        directory = fresh(cli)
        code, said = end(begin(ranks, *series, directory=directory))
        found = content_of(directory)
        cli.check(code == OK and not said and found == whole, f"series on {ranks} ranks: {code} {said} {sorted(found)}")


def check_run_refused(cli):
    """What one rank cannot run, or has otherwise than the others, ends all, and nothing is written."""
    numbers, text = runs(cli)
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
    for line, found in ((["run", [numbers[1], other], *numbers[2:]], "another model"),
                        ([*text[:4], [text[4], cli.path("x.npy")], *text[5:]], "another input"), ([*text, "--top", [1, 2]], "other options"), ([*text[:-1], ["a.tsv", "b.tsv"]], "other outputs")):
        code, said = end(begin(2, *line, directory=directory))
        cli.check(code == USAGE and len(said) == 1 and "rank 1: " in said[0] and found in said[0], f"{found}: {code} {said}")
    cli.check(not any(directory.iterdir()), f"nothing is written: {os.listdir(directory)}")
    for rank in range(2):
        cli.check(sluice(*numbers, "--shard", f"{rank + 1}/2", cwd=directory).returncode == OK, "a part that another run has made")
    before = content_of(directory)
    code, said = end(begin(2, "run", "nowhere.st", *numbers[2:], directory=directory))
    found = content_of(directory)
    cli.check(code == NO_INPUT and found == before, f"it stays where a run fails before it begins: {code} {said} {sorted(found)}")


def check_threads(cli):
    """Ranks share the CPUs, unless they are given a number of threads."""
    write_data(cli)
    directory, cpus = fresh(cli), len(os.sched_getaffinity(0))
    words = ["train", "--text", cli.path("words.tsv"), "-o", "m.st", "--epochs", 1, "--shards", 2, "--stats", "--json", *QUIET]
    for more, settings, expected in (([], {"OMP_NUM_THREADS": ""}, None), (["--threads", 2], {}, 2), ([], {"OMP_NUM_THREADS": "1"}, 1)):
        process = begin(2, *words, *more, directory=directory, **settings)
        said = process.communicate(timeout=120)[1].decode(errors="replace")
        ranks = json.JSONDecoder().raw_decode(said[said.index("{"):])[0]["ranks"]  # mpirun may write behind it
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
    values = [0.5] * (60 * 24)
    values[20 * 24 + 7] = values[40 * 24] = float("inf")
    nan_values = cli.npy("nan_values.npy", (60, 12, 2), values)
    huge = cli.npy("huge.npy", (60, 12, 2), [0.5] * (57 * 24) + [3e38] * 72)
    labels = read_npy(cli.path("l.npy"))[1]
    other_labels = cli.npy("other_labels.npy", (60,), [*labels[:-1], (labels[-1] + 1) % 4], "<i8")
    lines = words.read_bytes().splitlines(True)
    other_line = (b"due" if lines[-1][:3] == b"uno" else b"uno") + lines[-1][3:]
    other_text = cli.write("other_text.tsv", b"".join([*lines[:-1], other_line]))
    tokens = ["train", "-i", cli.path("t.npy"), "--labels", cli.path("l.npy"), "-o", "m.st", *QUIET]
    text, numbers = ["train", "--text", words, "-o", "m.st", *QUIET], ["train", "-i", x, "--values", cli.path("v.npy"), "-o", "m.st", *QUIET]
    put = lambda base, at, word: [*base[:at], word, *base[at + 1:]]
    cases = [
        (USAGE, "rank 1: --batch is 32, and 64 on rank 0", [*text, "--batch", [64, 32, 64]]),
        (USAGE, "rank 2: --epochs is 2, and 1 on rank 0", [*text, "--epochs", [1, 1, 2]]),
        (USAGE, "rank 0: --output MODEL is missing", ["train", "--text", words, ["--keep-cr", "-om.st", "-om.st"]]),
        (DATA, f"rank 2: {other}: the data differ from those of rank 0", put(text, 2, [words, words, other])),
        (DATA, f"rank 1: {other_text}: the data differ from those of rank 0", put(text, 2, [words, other_text, words])),
        (DATA, "t.npy: the data differ from those of rank 0", put(tokens, 4, [other_labels, *tokens[4:5] * 2])),
        (DATA, f"rank 1: {bad}: line 241: expected LABEL<TAB>TEXT", put(text, 2, [words, bad, bad])),
        (DATA, f"sluice-mpi: {bad}: line 241: expected LABEL<TAB>TEXT", put(text, 2, bad)),
        (DATA, f"sluice-mpi: rank 2: {nan}: row 57, step 1, input 2: expected a finite number", put(numbers, 2, nan)),
        (DATA, f"sluice-mpi: rank 1: {nan_values}: row 20, step 3, value 1: expected a finite number", put(put(numbers, 2, nan), 4, nan_values)),
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
