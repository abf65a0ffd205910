#!/usr/bin/env python3
"""Parts of a run whose processes are killed at any point, run again, and run twice at once: the bytes of an undisturbed run. And the
words of eight languages in 16 parts by two workers, one of which is killed twice; with SLUICE_TEST_DEPTH=all two million of them."""
import ctypes
import os
import pathlib
import random
import signal
import struct
import subprocess
import threading
import time

from support.checks import build_options
from support.cli import LANGID, OK, QUIET, Network, environment, finish, is_writing, run_parts, sluice, start, wait_until

SEED = 71
LISTS = pathlib.Path("/usr/share/dict")
DEEP = os.environ.get("SLUICE_TEST_DEPTH") == "all"
SLOW = build_options()["b_sanitize"] != "none"


def part(out, k, parts, kind="part"):
    """The path of a file of part k of OUT."""
    return pathlib.Path(f"{out}.{kind}-{k:04}-of-{parts:04}")


def make_words(source, count):
    """Lines of the languages' lists where they are installed, and else of random letters; `count` of them."""
    lines = []
    for name in ("american-english", "french", "italian", "ngerman", "portuguese", "spanish", "swedish", "dutch"):
        if (LISTS / name).exists():
            lines += (LISTS / name).read_bytes().splitlines()
    lines = lines or ["".join(source.choices("abcdefghijklmnop", k=source.randrange(1, 16))).encode() for _ in range(20000)]
    return [lines[source.randrange(len(lines))] for _ in range(count)]


def kill(process):
    """Kill a process that may have ended; whether it had not."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


class Job:
    """A run in parts: its words, its outputs, and what they have to be."""

    def __init__(self, cli, parts, words, outs):
        self.cli, self.parts, self.words, self.outs = cli, parts, words, outs
        self.wholes = [cli.path(f"whole-{out.name}") for _, out in outs]
        options = [word for (option, _), whole in zip(outs, self.wholes) for word in (option, whole)]
        self.seconds = time.monotonic()
        plain = [word for word in words if word != "--in-place"]
        cli.check(sluice("run", *plain, *options).returncode == OK, "the undisturbed run")
        self.seconds = time.monotonic() - self.seconds

    def start(self, k, *more):
        options = [word for pair in self.outs for word in pair]
        return start("run", *self.words, *options, "--shard", f"{k}/{self.parts}", *more, stdin=subprocess.DEVNULL)

    def finish(self, k, *more):
        process = self.start(k, *more)
        error = process.communicate()[1]
        return self.cli.check(process.returncode == OK, f"part {k} of {self.parts} ends well: {error!r}")

    def check(self, name):
        """The parts merged are the whole, and nothing else is left."""
        self.cli.answers("merge", *(out for _, out in self.outs), "--remove")
        for (option, out), whole in zip(self.outs, self.wholes):
            self.cli.check(out.read_bytes() == whole.read_bytes(), f"{name}: {option} has the bytes of the undisturbed run")
            out.unlink()
        self.cli.check(not list(self.cli.directory.glob("*-of-*")), f"{name}: the parts are removed")


def make_jobs(cli):
    """(name, Job) of all kinds of outputs."""
    source = random.Random(SEED)
    print(f"seed {SEED}")
    text = cli.write("words.txt", b"\n".join(make_words(source, 4000 if SLOW else 12000)))
    yield "text", Job(cli, 3, [LANGID, "--text", "-i", text, "--rows", "512", *QUIET], [("-o", cli.path("out.tsv"))])
    model = Network(SEED, 3, 5, layers=2, classes=3).write(cli.path("m.safetensors"))
    rows, steps = 3000, 30
    x = cli.npy("x.npy", (rows, steps, 3), [source.uniform(-2, 2) for _ in range(rows * steps * 3)])
    words = [model, "-i", x, "--rows", "16", *QUIET]
    outs = [(option, cli.path(f"y{option}")) for option in ("-o", "--hn", "--head")]
    yield "arrays", Job(cli, 3, words, outs)
    yield "arrays in place", Job(cli, 3, [*words, "--in-place"], outs)


JOBS = []


def jobs(cli):
    """The same jobs for each check."""
    JOBS.extend([] if JOBS else make_jobs(cli))
    return JOBS


def check_killed(cli):
    """Killed at random points and run again: a record only stands beside a whole part."""
    source = random.Random(SEED)
    for name, job in jobs(cli):
        killed = 0
        for k in (2, 3, 1):
            for number in range(8 if DEEP else 4):
                process = job.start(k, "--skip-done")
                if number:  # the first one dies at once, however fast the machine is
                    time.sleep(source.uniform(0, 1.2 * job.seconds / job.parts + 0.02))
                killed += kill(process)
            job.finish(k, "--skip-done")
        cli.check(killed, f"{name}: {killed} processes were killed before they ended")
        job.check(f"{name}, {killed} processes killed")


class Removals:
    """The names that are removed from a folder, as Linux reports them (inotify)."""

    IN_DELETE, EVENT_BYTES = 0x200, 16

    def __init__(self, folder):
        library = ctypes.CDLL(None, use_errno=True)
        self.fd = library.inotify_init1(os.O_NONBLOCK)
        library.inotify_add_watch(self.fd, os.fsencode(folder), self.IN_DELETE)

    def names(self):
        """Those since the last call."""
        found = []
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return found
        while data:
            end = self.EVENT_BYTES + struct.unpack_from("=iIII", data)[3]
            found.append(data[self.EVENT_BYTES:end].rstrip(b"\0").decode())
            data = data[end:]
        return found


def check_record_stays(cli):
    """A part that is run anew has a record at every moment; of another input it has none while its file is replaced."""
    removals = Removals(cli.directory)
    for name, job in jobs(cli):
        record = part(job.outs[0][1], 2, job.parts, "record")
        job.finish(2)
        job.finish(2)
        cli.check(record.name not in removals.names(), f"{name}: the record of the same part stays")
        record.write_text("{}")
        job.finish(2)
        cli.check(record.name in removals.names(), f"{name}: what is no record of it is removed first")
        for path in cli.directory.glob("*-of-*"):
            path.unlink()
        removals.names()
    os.close(removals.fd)


def check_killed_again(cli):
    """A part that is there and is run anew, without --skip-done, and killed: it is still there."""
    source = random.Random(SEED)
    for name, job in jobs(cli):
        for k in (1, 2, 3):
            job.finish(k)
        for _ in range(6):
            process = job.start(2)
            time.sleep(source.uniform(0, 1.2 * job.seconds / job.parts + 0.02))
            kill(process)
        job.check(f"{name}, run anew")


def check_twice(cli):
    """The same part by two processes at once, one of which may be killed."""
    source = random.Random(SEED)
    for name, job in jobs(cli):
        for k in (1, 2, 3):
            both = [job.start(k) for _ in range(2)]
            if k == 2:
                time.sleep(source.uniform(0, job.seconds / job.parts))
                kill(both[1])
            for process in both[:1 + (k != 2)]:
                error = process.communicate()[1]
                cli.check(process.returncode == OK, f"{name}: two processes for part {k}: {error!r}")
        job.check(f"{name}, each part by two processes")


def check_stopped(cli):
    """SIGTERM ends a part in words, without its file."""
    for name, job in jobs(cli):
        killed = set(cli.leftovers())  # of processes that were killed outright just before a rename
        process = job.start(1)
        out = job.outs[0][1]
        begun = wait_until(lambda: is_writing(process, cli.directory) or process.poll() is not None or
                           out.with_name(out.name + ".parts-of-0003").exists())
        process.send_signal(signal.SIGTERM)
        error = process.communicate()[1]
        cli.check(begun and process.returncode in (OK, 130), f"{name}: {process.returncode}, {error!r}")
        record = part(out, 1, job.parts, "record").exists()
        cli.check(record == (process.returncode == OK) and set(cli.leftovers()) <= killed, f"{name}: the part is there if it was ended")
        for path in cli.directory.glob("*-of-*"):
            path.unlink()


def work(job, queue, lock, kills, problems):
    """A worker: takes parts until there are none; kills its process `kills` times, and puts the part back."""
    while True:
        with lock:
            if not queue:
                return
            k = queue.pop(0)
        process = job.start(k, "--skip-done", "--threads", "1")
        if kills:
            time.sleep(job.seconds / job.parts / 2)
            if kill(process):
                kills -= 1
                with lock:
                    queue.append(k)
                continue
        error = process.communicate()[1]
        if process.returncode != OK:
            problems.append(error)


def check_words(cli):
    """The demo's words in 16 parts by two workers, one killed twice."""
    source = random.Random(SEED)
    count = 2000000 if DEEP and not SLOW else 4000 if SLOW else 60000
    text = cli.write("many.txt", b"\n".join(make_words(source, count)) + b"\n")
    job = Job(cli, 16, [LANGID, "--text", "-i", text, *QUIET], [("-o", cli.path("answers.tsv"))])
    queue, lock, problems = list(range(1, 17)), threading.Lock(), []
    workers = [threading.Thread(target=work, args=(job, queue, lock, kills, problems)) for kills in (0, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    cli.check(not problems, f"the workers' parts end well: {problems}")
    parts = [str(part(job.outs[0][1], k, 16)) for k in range(1, 17)]
    joined = finish("cat", *parts, env=environment()).stdout
    cli.check(joined == job.wholes[0].read_bytes() and joined.count(b"\n") == count, "the parts one after the other are the answer")
    job.check(f"{count} words in 16 parts")


if __name__ == "__main__":
    run_parts()
