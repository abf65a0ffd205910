#!/usr/bin/env python3
"""sluice train --checkpoint and --resume: however often a run is broken off, it ends with the bytes of one that was not."""
import array
import fcntl
import json
import random
import resource
import signal
import termios
import time

from support.cli import (DATA, INTERRUPTED, IO, LETTERS, OK, QUIET, USAGE, flat, join_safetensors, lay_out, limit, read_safetensors,
                         run_parts, send, sluice, spell_lines, split_safetensors, start, wait_for_line, wait_until)



def write_data(cli, name, seed, count):
    """Labelled lines of three classes that overlap, so that every epoch finds something else; return the path."""
    source = random.Random(seed)
    return cli.write(name, spell_lines(source, source.choices(sorted(LETTERS), k=count), range(1, 12)))


class Run:
    """One training, done at once and in pieces; the files of both."""

    def __init__(self, cli, name, *words):
        self.cli, self.name, self.words = cli, name, words
        self.whole = self.paths("intact")  # as long as "broken", for checkpoints hold the names
        self.broken = self.paths("broken")
        result = sluice("train", *self.options(self.whole), *QUIET)
        cli.check(result.returncode == OK, f"{name}: {result.stderr}")
        self.summary = result.stdout.replace(str(self.whole["-o"]).encode(), b"")

    def paths(self, which):
        names = {"-o": "safetensors", "--curve": "csv", "--checkpoint": "checkpoint"}
        return {option: self.cli.path(f"{self.name}-{which}.{ending}") for option, ending in names.items()}

    def options(self, paths):
        return [*self.words, "--json", *(word for option, path in paths.items() for word in (option, path))]

    def begin(self, *words):
        return start("train", *self.options(self.broken), *words)

    def go_on(self, *words):
        """With what the checkpoint knows of the run."""
        return start("train", "--resume", self.broken["--checkpoint"], *words)

    def finish(self, *words):
        """Go on to the end; compare all that is written and said."""
        result = sluice("train", "--json", "--resume", self.broken["--checkpoint"], *QUIET, *words)
        said = result.stdout.replace(str(self.broken["-o"]).encode(), b"")
        self.cli.check(result.returncode == OK and said == self.summary, f"{self.name}: {result.stderr} {said} {self.summary}")
        for option, path in self.broken.items():
            self.cli.check(path.read_bytes() == self.whole[option].read_bytes().replace(b"-intact.", b"-broken."),
                           f"{self.name}: {option} has the unbroken run's bytes")
        self.cli.check(not self.cli.leftovers(), f"no temporary file is left: {self.cli.leftovers()}")


def make_runs(cli, *more):
    data = write_data(cli, "data.tsv", 31, 400)
    text = ["--text", data, "--hidden", 24, "--embedding", 6, "--batch", 16, "--epochs", 4, *more]
    source = random.Random(32)
    cli.npy("x.npy", (150, 10, 3), [source.uniform(-1, 1) for _ in range(4500)])
    cli.npy("v.npy", (150, 10, 2), [source.uniform(-1, 1) for _ in range(3000)])
    cli.npy("n.npy", (150,), [source.randrange(11) for _ in range(150)], "<i8")
    return [Run(cli, "plain", *text, "--rate", 0.01, "--validate-share", 0.1),
            Run(cli, "schedule", *text, "--rate-schedule", "one-cycle", "--rate", 0.02, "--dropout", 0.2, "--layers", 2,
                "--clip", 1, "--class-weights", "balanced"),
            Run(cli, "sgd", *text, "--optimizer", "sgd", "--momentum", 0.9, "--rate", 0.1, "--validate-share", 0.2, "--seed", 7),
            Run(cli, "pieces", "-i", cli.path("x.npy"), "--lengths", cli.path("n.npy"), "--values", cli.path("v.npy"),
                "--truncate", 4, "--hidden", 16, "--epochs", 4, "--batch", 8, "--rate-schedule", "cosine", *more)]


def feed(process, data):
    """Write to standard input, and wait until all of it has been read."""
    def is_read():
        left = array.array("i", [0])
        fcntl.ioctl(process.stdin, termios.FIONREAD, left)
        return not left[0]

    send(process, data)
    wait_until(is_read)


def check_signals(cli):
    for run in make_runs(cli):
        for number in (signal.SIGTERM, signal.SIGINT) if run.name == "plain" else (signal.SIGTERM,):
            for path in run.broken.values():
                path.unlink(missing_ok=True)
            stops = 0
            process = run.begin("--threads", 1)
            for _ in range(8):
                wait_for_line(process, b"epoch ")
                time.sleep(0.002 * stops)
                process.send_signal(number)
                said = process.communicate(timeout=120)[1].decode()
                if process.returncode == OK:
                    break
                stops += 1
                cli.check(process.returncode == INTERRUPTED and "--resume" in said and "step" in said and said.count("\n") <= 3,
                          f"{run.name}: a signal ends the run and says how to go on: {process.returncode} {said!r}")
                process = run.go_on("--threads", 1 + stops % 2)
            cli.check(stops > 0, f"{run.name}: was interrupted")
            run.finish()


def make_old(path):
    """Move the states of streams into the note, as hexadecimal digits of their bits, where releases up to 0.3 kept them."""
    text, body = split_safetensors(path.read_bytes())
    header = json.loads(text)
    take = lambda name: body[slice(*header[name]["data_offsets"])]
    layers, rows, hidden = header["note.streams.h"]["shape"]
    states = [array.array("I", take(name)) for name in ("note.streams.h", "note.streams.c")]
    places = [(state, (layer * rows + row) * hidden) for row in range(rows) for state in states for layer in range(layers)]
    note = json.loads(take("note"))
    note["states"] = "".join(f"{bits:08x}" for state, first in places for bits in state[first : first + hidden])
    kept = [(name, entry["dtype"], entry["shape"], take(name)) for name, entry in header.items() if not name.startswith(("note", "__"))]
    text = json.dumps(note).encode()
    made, body = lay_out([*kept, ("note", "U8", (len(text),), text)])
    path.write_bytes(join_safetensors({"__metadata__": header["__metadata__"], **made}, body))


def check_long_batch(cli):
    """With --truncate a single batch is many updates: a run stops, and goes on, between any two of them."""
    source = random.Random(33)
    cli.npy("long-x.npy", (6, 2400, 2), [source.uniform(-1, 1) for _ in range(28800)])
    cli.npy("long-l.npy", (6, 2400), [source.randrange(3) for _ in range(14400)], "<i4")
    run = Run(cli, "long", "-i", cli.path("long-x.npy"), "--labels", cli.path("long-l.npy"), "--every-step", "--truncate", 4,
              "--hidden", 20, "--layers", 2, "--epochs", 1, "--batch", 6, "--dropout", 0.1, "--checkpoint-every", 20)
    process = run.begin(*QUIET)
    wait_until(run.broken["--checkpoint"].exists)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1].decode()
    cli.check(process.returncode == INTERRUPTED and "in epoch 1," in said, f"within the only batch: {process.returncode} {said!r}")
    cli.check(not run.broken["-o"].exists(), "before its end")
    # Again and again, from before the signal's handler is there until after the batch is taken up.
    for delay in range(16):
        process = run.go_on(*QUIET)
        time.sleep(0.001 * delay)
        process.terminate()
        said = process.communicate(timeout=120)[1].decode()
        cli.check(process.returncode in (OK, INTERRUPTED, -signal.SIGTERM), f"after {delay} ms: {process.returncode} {said!r}")
    checkpoint = run.broken["--checkpoint"]
    make_old(checkpoint)
    cli.check(b'"states": "' in checkpoint.read_bytes() and b"note.streams.h" not in checkpoint.read_bytes(), "an earlier release's note")
    run.finish("--threads", 2)


def remove_leftovers(cli):
    """Of runs that were killed."""
    for name in cli.leftovers():
        cli.path(name).unlink()


def check_killed(cli):
    """A run that is killed outright goes on from its last checkpoint."""
    for run in make_runs(cli, "--checkpoint-every", 7):
        for path in run.broken.values():
            path.unlink(missing_ok=True)
        process = run.begin()
        for kills in range(4):
            wait_for_line(process, b"epoch ")
            time.sleep(0.004 * kills)
            process.kill()
            process.communicate()
            cli.check(run.broken["--checkpoint"].exists(), f"{run.name}: a checkpoint is there")
            remove_leftovers(cli)
            process = run.go_on()
        process.kill()
        process.communicate()
        remove_leftovers(cli)
        run.finish()


def check_every(cli):
    """--checkpoint-every writes between the epochs' ends."""
    data, checkpoint = write_data(cli, "every.tsv", 33, 4000), cli.path("every.checkpoint")
    words = ["--text", data, "-o", cli.path("every.safetensors"), "--epochs", 1, "--batch", 4, "--checkpoint", checkpoint]
    process = start("train", *words, "--checkpoint-every", 10)
    wait_until(checkpoint.exists)
    process.kill()
    said = process.communicate()[1]
    cli.check(checkpoint.exists() and b"epoch 1" not in said, f"a checkpoint is written before the first epoch's end: {said}")
    metadata = read_safetensors(checkpoint)[0]
    cli.check(int(metadata["step"]) % 10 == 0, f"after every ten steps: {metadata}")
    remove_leftovers(cli)


def check_nothing_kept(cli):
    data, output = write_data(cli, "kept.tsv", 34, 3000), cli.path("kept.safetensors")
    words = ["--text", data, "-o", output, "--epochs", 100, "--batch", 8]
    process = start("train", *words)
    wait_for_line(process, b"epoch 1 ")
    process.terminate()
    said = process.communicate(timeout=60)[1].decode()
    cli.check(process.returncode == INTERRUPTED and "kept.safetensors holds the model of epoch" in said and "--checkpoint" in said,
              f"without a checkpoint: {said!r}")
    cli.check(output.exists() and not cli.leftovers(), "the best model so far is there")
    process = start("train", "--text", "-", "-o", output)
    feed(process, b"uno\tabc\n")
    process.terminate()
    process.wait(60)  # with standard input still open
    said = process.communicate()[1].decode()
    cli.check(process.returncode == INTERRUPTED and "nothing was written" in said, f"while it waits for lines: {said!r}")
    for option in ("-i", "--labels"):
        arrays = {"-i": cli.npy("a.npy", (2, 1, 1), [0.5, 1]), "--labels": cli.npy("b.npy", (2,), [0, 1], "<i4"), option: "-"}
        process = start("train", "-o", output, *flat(arrays))
        feed(process, cli.path("a.npy" if option == "-i" else "b.npy").read_bytes()[:-1])
        process.terminate()
        process.wait(60)
        said = process.communicate()[1].decode()
        cli.check(process.returncode == INTERRUPTED and "nothing was written" in said, f"while it waits for {option}: {said!r}")


def check_zeros(cli, words):
    """A zero that is given is not what the run began with, and is said to be given."""
    checkpoint = cli.path("zeros.checkpoint")
    begun = {"--layers": 2, "--dropout": 0.2, "--label-smoothing": 0.1, "--weight-decay": 0.1, "--validate-share": 0.3,
             "--optimizer": "sgd", "--momentum": 0.5}
    cli.answers(*words, *flat(begun), "--checkpoint", checkpoint)
    for option in ("--dropout", "--label-smoothing", "--weight-decay", "--validate-share", "--momentum"):
        cli.refused(USAGE, [f"{option} was {begun[option]} when", "and is 0", f"leave out {option}"], "train", "--resume", checkpoint,
                    option, 0)
    cli.refused(USAGE, ["--validate-share was 0.3", "is not given now", "leave out --validate"], "train", "--resume", checkpoint,
                "--validate", words[2])


def check_refused(cli):
    data, output, checkpoint = write_data(cli, "other.tsv", 35, 80), cli.path("other.safetensors"), cli.path("other.checkpoint")
    held = write_data(cli, "other-held.tsv", 36, 20)
    base = {"--text": data, "-o": output, "--hidden": 8, "--epochs": 2, "--batch": 16, "--validate": held}

    def words(**changes):
        options = {**base, **{f"--{name.replace('_', '-')}": value for name, value in changes.items()}}
        return ["train", *(word for option, value in options.items() for word in ([option] if value is True else [option, value])),
                "--resume", checkpoint]

    cli.answers("train", *flat(base), "--checkpoint", checkpoint, *QUIET)
    for changes, expected in (
            ({"batch": 9}, ["--batch was 16", "is 9 now"]), ({"seed": 3}, ["--seed", '"0"', '"3"']),
            ({"rate": 0.1}, ["--rate", "0.1"]),
            ({"hidden": 9}, ["--hidden"]), ({"layers": 2}, ["--layers"]), ({"bidirectional": True}, ["--bidirectional"]),
            ({"every_step": True}, ["--every-step", "not given", "true"]), ({"init": "keras"}, ["--init", "torch", "keras"]),
            ({"optimizer": "sgd"}, ["--optimizer"]), ({"rate_schedule": "cosine"}, ["--rate-schedule", "cosine"]),
            ({"clip": 1}, ["--clip"]),
            ({"label_smoothing": 0.1}, ["--label-smoothing"]), ({"weight_decay": 0.1}, ["--weight-decay"]),
            ({"warmup": 4}, ["--warmup was not given", "is 4 now"]),
            ({"recompute": 2}, ["--recompute"]), ({"no_bias": True}, ["--no-bias"]), ({"embedding": 3}, ["--embedding"])):
        cli.refused(USAGE, ["other.checkpoint", *expected, "leave out --"], *words(**changes))
    check_zeros(cli, ["train", "--text", data, "-o", output, "--hidden", 8, "--epochs", 2, *QUIET])
    text = data.read_bytes()
    for content in (text + b"uno\tabc\n", text[:-2] + b"x\n", text.replace(b"uno\t", b"due\t", 1)):
        data.write_bytes(content)
        cli.refused(DATA, ["other.checkpoint", "the data differ"], *words())
    data.write_bytes(text)
    original = held.read_bytes()
    held.write_bytes(original[:-2] + b"x\n")
    cli.refused(DATA, ["other.checkpoint", "the data differ"], *words())
    held.write_bytes(original)
    # What changes no bit may change, and more epochs go on.
    cli.check(sluice(*words(threads=1, patience=9), *QUIET).returncode == OK, "threads and patience may change")
    defaults = {"layers": 1, "embedding": 32, "init": "torch", "rate": 0.001, "optimizer": "adam", "seed": 0}
    cli.check(sluice(*words(**defaults), *QUIET).returncode == OK, "defaults may be spelled out")
    longer = sluice(*words(epochs=4), *QUIET)
    other = cli.path("longer.safetensors")
    cli.answers("train", "--text", data, "-o", other, "--hidden", 8, "--epochs", 4, "--batch", 16, "--validate", held, *QUIET)
    cli.check(longer.returncode == OK and other.read_bytes() == output.read_bytes(), f"more epochs go on: {longer.stderr}")
    cut = checkpoint.read_bytes()
    checkpoint.write_bytes(cut[:-5])
    cli.refused(DATA, ["other.checkpoint"], *words(epochs=4))
    checkpoint.write_bytes(output.read_bytes())
    cli.refused(DATA, ["other.checkpoint"], *words(epochs=4))
    for broken in (b'"epoch":4', b'"format":"sluice train 2"', b'"piece":0,"step"'):
        checkpoint.write_bytes(cut.replace(broken, broken.replace(b"4", b"5").replace(b"n 2", b"n 9").replace(b"step", b"stop"), 1))
        cli.refused(DATA, ["other.checkpoint", "sluice train"], *words(epochs=4))
    checkpoint.write_bytes(cut.replace(b'"batch":0', b'"batch":9', 1))  # of five
    cli.refused(DATA, ["other.checkpoint", "the data differ"], *words(epochs=4))
    checkpoint.write_bytes(cut)


def check_best(cli):
    """The best model so far outlives a break: it is the output's, or the checkpoint's own."""
    data, held = write_data(cli, "best.tsv", 37, 60), cli.path("best-held.tsv")
    # Tried on lines with the wrong labels, the model gets worse as it learns.
    wrong = {"uno": "due", "due": "tre", "tre": "uno"}
    held.write_text("".join(f"{wrong[line[:3]]}{line[3:]}" for line in data.read_text().splitlines(True)))
    output, checkpoint = cli.path("best.safetensors"), cli.path("best.checkpoint")
    words = ["train", "--text", data, "--validate", held, "-o", output, "--checkpoint", checkpoint, "--hidden", 12, "--batch", 8,
             "--rate", 0.03, "--json", *QUIET]
    first = json.loads(cli.answers(*words, "--epochs", 12))
    cli.check(first["best_epoch"] < 12, f"the best epoch is not the last: {first['best_epoch']}")
    best = output.read_bytes()
    again = json.loads(cli.answers(*words, "--epochs", 12, "--resume", checkpoint))
    cli.check(again == first and output.read_bytes() == best, "a run that is over has nothing left to do")
    output.unlink()
    cli.refused(DATA, ["best.safetensors", f"epoch {first['best_epoch']}", "best.checkpoint"], *words, "--epochs", 12, "--resume",
                checkpoint)
    output.write_bytes(checkpoint.read_bytes())
    cli.refused(DATA, ["best.safetensors", "another"], *words, "--epochs", 12, "--resume", checkpoint)
    # Broken off between the checkpoint of the best epoch and the writing of its model.
    checkpoint.unlink()
    output.unlink()
    cli.answers(*words, "--epochs", first["best_epoch"])
    output.unlink()
    curve = cli.path("best.csv")
    cli.answers(*words, "--epochs", first["best_epoch"], "--resume", checkpoint, "--curve", curve)
    cli.check(output.read_bytes() == best, "the model is had from the checkpoint")
    cli.check(len(curve.read_text().splitlines()) == 1 + first["best_epoch"], "and so is the curve")
    stopped = json.loads(cli.answers(*words, "--epochs", 12, "--patience", 2, "--resume", checkpoint))
    cli.check(stopped["epochs"] == first["best_epoch"] + 2 and output.read_bytes() == best, f"patience counts on: {stopped}")
    whole = checkpoint.read_bytes()
    cli.answers(*words, "--epochs", 12, "--patience", 2, "--resume", checkpoint)
    cli.check(whole == checkpoint.read_bytes(), "and a run that has run out of it stays so")


def check_path(cli):
    """A run by BLIS goes on by BLIS, whether an option or a variable chose it, unless --gemm says otherwise."""
    data = write_data(cli, "path.tsv", 41, 60)
    words = ["--text", data, "--hidden", 12, "--batch", 8, "--threads", 1, *QUIET]

    def train(gemm, *more, settings=None):
        output = cli.path(f"path-{gemm}.safetensors")
        cli.answers("train", *words, "-o", output, *more, settings=settings)
        return output.read_bytes()

    whole = {gemm: train(gemm, "--epochs", 3, "--gemm", gemm) for gemm in ("fused", "blis")}
    cli.check(whole["fused"] != whole["blis"], "the paths differ in bits, so that the rest shows something")
    for more, settings in ((["--gemm", "blis"], None), ([], {"SLUICE_GEMM": "blis"})):
        checkpoint = cli.path("path.checkpoint")
        train("begun", "--epochs", 2, "--checkpoint", checkpoint, *more, settings=settings)
        kept = checkpoint.read_bytes()
        cli.check(train("begun", "--epochs", 3, "--resume", checkpoint) == whole["blis"], f"begun with {more} {settings}, it goes on so")
        checkpoint.write_bytes(kept)
        cli.check(train("begun", "--epochs", 3, "--resume", checkpoint, "--gemm", "fused") != whole["blis"], "--gemm may be given anew")
        checkpoint.unlink()


def check_full_disk(cli):
    """A limit of a file's size stands for a full disk; /dev/full, as a device, is refused before anything is learned."""
    data = write_data(cli, "full.tsv", 39, 30)
    words = ["train", "--text", data, "--hidden", 4, "--epochs", 1, *QUIET]
    full, full_disk = cli.path("full.safetensors"), limit(resource.RLIMIT_FSIZE, 1000)
    cli.refused(IO, [str(full), "cannot be written"], *words, "-o", full, preexec_fn=full_disk)
    cli.refused(IO, ["full.st", "cannot be written"], *words, "-o", "/dev/null", "--checkpoint", cli.path("full.st"), preexec_fn=full_disk)
    cli.refused(USAGE, ["/dev/full"], *words, "-o", full, "--checkpoint", "/dev/full")
    cli.check(not full.exists() and not cli.leftovers(), "nothing is left")


if __name__ == "__main__":
    run_parts()
