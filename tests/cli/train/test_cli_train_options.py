#!/usr/bin/env python3
"""sluice train --resume takes what the command line leaves out from the checkpoint; and options that may be a slip are noted."""
import os
import pathlib
import random
import re
import shutil

from support.checks import SOURCE
from support.cli import (DATA, LETTERS, NO_INPUT, OK, QUIET, USAGE, join_safetensors, read_safetensors, run_parts, sluice,
                         spell_lines, split_safetensors, start, write_npy)

SEED = 71


def write_lines(cli, name, seed, count):
    """Labelled lines of three classes; return the path."""
    source = random.Random(seed)
    return cli.write(name, spell_lines(source, source.choices(sorted(LETTERS), k=count), range(1, 9)))


def write_arrays(cli, seed, rows=30):
    """Paths of x, lengths, labels a row, labels a step, values a step of a network without a head."""
    source = random.Random(seed)
    return (cli.npy(f"x{seed}.npy", (rows, 5, 2), [source.uniform(-1, 1) for _ in range(rows * 10)]),
            cli.npy(f"n{seed}.npy", (rows,), [source.randrange(1, 6) for _ in range(rows)], "<i8"),
            cli.npy(f"l{seed}.npy", (rows,), [source.randrange(3) for _ in range(rows)], "<i4"),
            cli.npy(f"s{seed}.npy", (rows, 5), [source.randrange(3) for _ in range(rows * 5)], "<i4"),
            cli.npy(f"v{seed}.npy", (rows, 5, 6), [source.uniform(-1, 1) for _ in range(rows * 30)]))


def make_cases(cli):
    """Command lines that use every option which a run goes on with."""
    text, held = write_lines(cli, "text.tsv", SEED, 90), write_lines(cli, "held.tsv", SEED + 1, 30)
    x, lengths, labels, step_labels, values = map(str, write_arrays(cli, SEED))
    held_x, held_lengths, held_labels, held_step_labels, _ = map(str, write_arrays(cli, SEED + 2, 12))
    first = cli.path("first.safetensors")
    cli.answers("train", "--text", text, "-o", first, "--hidden", 5, "--epochs", 1, "--prefix", "a.", "--head-name", "b",
                "--embedding-name", "c", *QUIET)
    return {
        "defaults": ["--text", text],
        "network": ["--text", text, "--hidden", 6, "--layers", 2, "--bidirectional", "--embedding", 5, "--no-bias", "--init",
                    "keras", "--dropout", 0.25, "--seed", 2 ** 64 - 1, "--prefix", "net.", "--head-name", "out",
                    "--recompute", 2],
        "training": ["--text", text, "--hidden", 6, "--optimizer", "adamw", "--rate", 0.0123, "--weight-decay", 0.01, "--clip",
                     0.7, "--warmup", 3, "--label-smoothing", 0.1, "--batch", 7, "--validate-share", 0.3, "--patience", 5,
                     "--class-weights", "balanced"],
        "sgd": ["--text", text, "--hidden", 6, "--optimizer", "sgd", "--momentum", 0.875, "--rate", 1 / 3, "--validate", held],
        "from": ["--text", text, "--from", first, "--prefix", "a.", "--head-name", "b", "--embedding-name", "c"],
        "arrays": ["-i", x, "--lengths", lengths, "--labels", labels, "--every-step", "--truncate", 2, "--hidden", 6, "--validate",
                   held_x, "--validate-lengths", held_lengths, "--validate-labels", held_labels, "--classes", 4],
        "steps": ["-i", x, "--labels", step_labels, "--hidden", 6, "--validate", held_x, "--validate-labels", held_step_labels],
        "values": ["-i", x, "--values", values, "--hidden", 6, "--no-head"],
    }


def check_taken(cli):
    """One epoch, and then, with the checkpoint alone, a second: as of two epochs at once."""
    print(f"seed {SEED}")
    for name, words in make_cases(cli).items():
        whole, broken, checkpoint = (cli.path(f"{name}.{end}") for end in ("whole", "broken", "checkpoint"))
        curves = [cli.path(f"{name}.{end}") for end in ("csv", "svg")]
        expected = cli.answers("train", *words, "-o", whole, "--epochs", 2, *QUIET)
        drawn = [word for path in curves for word in ("--curve", path)]
        cli.answers("train", *words, "-o", broken, "--epochs", 1, "--checkpoint", checkpoint, "--checkpoint-every", 3, *drawn, *QUIET)
        seen = [path.read_bytes() for path in curves]
        said = cli.answers("train", "--resume", checkpoint, "--epochs", 2, *QUIET)
        cli.check(broken.read_bytes() == whole.read_bytes(), f"{name}: the model is that of a run that never stopped")
        cli.check(said.replace(b"broken", b"whole") == expected, f"{name}: so is what is said: {said} {expected}")
        cli.check(all(path.read_bytes() != before for path, before in zip(curves, seen)), f"{name}: the curves go on")
        kept = checkpoint.read_bytes()
        cli.answers("train", "--resume", checkpoint, *QUIET)
        cli.check(kept == checkpoint.read_bytes(), f"{name}: --epochs is now that of the second run")
        cli.answers("train", *words, "-o", broken, "--epochs", 2, "--resume", checkpoint, *QUIET)
    metadata = read_safetensors(cli.path("network.broken"))[1]
    cli.check("net.weight_ih_l1_reverse" in metadata and "out.weight" in metadata, f"names are taken: {sorted(metadata)}")


def check_every(cli):
    """The interval of checkpoints is taken, and may be given anew."""
    text, checkpoint = write_lines(cli, "every.tsv", SEED, 40), cli.path("every.checkpoint")
    words = ["train", "--text", text, "-o", cli.path("every.safetensors"), "--hidden", 4, "--epochs", 1, "--checkpoint", checkpoint]
    for given, expected in ((["--checkpoint-every", 5], b'["--checkpoint-every","5"]'),
                            (["--checkpoint-every", "7m"], b'["--checkpoint-every","7m"]'), ([], b"")):
        cli.answers(*words, *given, *QUIET)
        cli.answers("train", "--resume", checkpoint, "--epochs", 2, *QUIET)
        cli.check(expected in checkpoint.read_bytes() and (expected or b"--checkpoint-every" not in checkpoint.read_bytes()),
                  f"{given} goes from checkpoint to checkpoint")
        cli.answers("train", "--resume", checkpoint, "--checkpoint-every", 9, *QUIET, "--epochs", 3)
        cli.check(b'["--checkpoint-every","9"]' in checkpoint.read_bytes(), "another interval may be given")


def check_given(cli):
    """What changes no bit may be given anew."""
    text, checkpoint = write_lines(cli, "given.tsv", SEED, 60), cli.path("given.checkpoint")
    cli.answers("train", "--text", text, "-o", cli.path("given.a"), "--hidden", 5, "--epochs", 3, *QUIET)
    cli.answers("train", "--text", text, "-o", cli.path("given.b"), "--hidden", 5, "--epochs", 2, "--checkpoint", checkpoint, *QUIET)
    kept = checkpoint.read_bytes()
    said = sluice("train", "--resume", checkpoint).stderr.decode()
    cli.check(said == f"continues after step 2, --text {text}, --output {cli.path('given.b')}, --checkpoint {checkpoint}\n",
              f"it reports where the run stands, and its files: {said!r}")
    moved = cli.path("moved.tsv")
    shutil.move(text, moved)
    other, curve = cli.path("other.checkpoint"), cli.path("given.svg")
    cli.answers("train", "--resume", checkpoint, "--text", moved, "--epochs", 3, "-o", cli.path("given.c"), "--checkpoint", other,
                "--curve", curve, "--threads", 1, *QUIET)
    cli.check(cli.path("given.c").read_bytes() == cli.path("given.a").read_bytes() and curve.exists(), "with other names")
    cli.check(checkpoint.read_bytes() == kept and other.exists(), "the checkpoint goes where --checkpoint says")
    cli.answers("train", "--resume", other, "--epochs", 4, *QUIET)
    cli.check(other.read_bytes().count(str(moved).encode()) == 1, "new names are recorded")


def check_folders(cli):
    """Names are as they were given: relative to the folder of the run."""
    folder = cli.path("folder")
    folder.mkdir()
    write_lines(cli, "folder/in.tsv", SEED, 40)
    words = ["--text", "in.tsv", "--hidden", 4, *QUIET]
    cli.answers("train", *words, "-o", "whole.safetensors", "--epochs", 2, cwd=folder)
    cli.answers("train", *words, "-o", "m.safetensors", "--epochs", 1, "--checkpoint", "c", cwd=folder)
    cli.refused(NO_INPUT, ["in.tsv: --text", "give --text FILE", "folder"], "train", "--resume", "folder/c", cwd=cli.directory)
    cli.answers("train", "--resume", "c", "--epochs", 2, *QUIET, cwd=folder)
    cli.check((folder / "m.safetensors").read_bytes() == (folder / "whole.safetensors").read_bytes(), "in the same folder it goes on")
    # Names need not be UTF-8.
    odd = os.fsencode(folder) + b"/\xff\xfe.tsv"
    shutil.copy(folder / "in.tsv", odd)
    model, start = os.fsencode(folder) + b"/\xe9.safetensors", os.fsencode(folder) + b"/\xe8.safetensors"
    shutil.copy(folder / "whole.safetensors", start)
    program = [os.fsdecode(name) for name in (odd, model, start)]
    cli.answers("train", "--text", program[0], "-o", program[1], "--from", program[2], "--epochs", 1, "--checkpoint", "odd", *QUIET,
                cwd=folder)
    before = pathlib.Path(program[1]).read_bytes()
    cli.answers("train", "--resume", "odd", "--epochs", 2, *QUIET, cwd=folder)
    cli.check(pathlib.Path(program[1]).read_bytes() != before, "a run with names that are no UTF-8 goes on")


def check_input(cli):
    """Standard input is gone when a run goes on."""
    text, checkpoint, output = write_lines(cli, "input.tsv", SEED, 40), cli.path("input.checkpoint"), cli.path("input.safetensors")
    data = text.read_bytes()
    words = ["train", "--text", "-", "-o", output, "--hidden", 4, "--epochs", 1, "--checkpoint", checkpoint, *QUIET]
    cli.answers(*words, stdin=data)
    cli.refused(USAGE, ["input.checkpoint", "--text was standard input", "give --text again"], "train", "--resume", checkpoint, stdin=data)
    cli.answers("train", "--resume", checkpoint, "--text", "-", "--epochs", 2, *QUIET, stdin=data)
    cli.answers("train", "--resume", checkpoint, "--text", text, "--epochs", 3, *QUIET)
    for name in ("-", "/dev/stdin", "/proc/self/fd/0"):
        cli.refused(USAGE, ["--resume", "standard input"], "train", "--resume", name)


def check_passing_input(cli):
    """So is standard input by another name, and whatever else is read once: a run that goes on says so, and does not wait."""
    text, output = write_lines(cli, "passing.tsv", SEED, 40), cli.path("passing.safetensors")
    data, fifo, link = text.read_bytes(), cli.path("passing.fifo"), cli.path("passing.link")
    os.mkfifo(fifo)
    link.symlink_to("/dev/stdin")
    for name in ("/dev/stdin", "/proc/self/fd/0", link):
        checkpoint = cli.path("passing.checkpoint")
        cli.answers("train", "--text", name, "-o", output, "--hidden", 4, "--epochs", 1, "--checkpoint", checkpoint, *QUIET, stdin=data)
        cli.refused(USAGE, ["passing.checkpoint", "--text was standard input", "give --text again"], "train", "--resume", checkpoint,
                    stdin=data)
        cli.answers("train", "--resume", checkpoint, "--text", name, "--epochs", 2, *QUIET, stdin=data)
    cli.answers("train", "--text", text, "--validate", text, "-o", output, "--hidden", 4, "--epochs", 1, "--checkpoint", checkpoint,
                *QUIET)
    kept = checkpoint.read_bytes()
    for option, name, found in (("--text", str(fifo), "was a FIFO"), ("--validate", str(fifo), "was a FIFO"),
                                ("--text", "/dev/fd/63", "was a descriptor"), ("--text", "/dev/null", "was a device")):
        checkpoint.write_bytes(rewrite_note(kept, lambda note: note.replace(f'["{option}","{text}"]', f'["{option}","{name}"]')))
        cli.refused(USAGE, ["passing.checkpoint", f"{option} {found}", f"give {option} again"], "train", "--resume", checkpoint,
                    timeout=20)


def check_other(cli):
    """Other data, and other validation, than the run began with."""
    text, held = write_lines(cli, "a.tsv", SEED, 40), write_lines(cli, "b.tsv", SEED + 1, 40)
    x, _, labels, _, _ = write_arrays(cli, SEED)
    first, second, third = (cli.path(name) for name in ("share.checkpoint", "held.checkpoint", "arrays.checkpoint"))
    words = ["train", "--hidden", 4, "--epochs", 1, "-o", cli.path("o.safetensors"), *QUIET]
    cli.answers(*words, "--text", text, "--checkpoint", first, "--validate-share", 0.25)
    cli.answers(*words, "--text", text, "--checkpoint", second, "--validate", held)
    cli.answers(*words, "-i", x, "--labels", labels, "--checkpoint", third)
    for checkpoint, given, code, expected in (
            (first, ["--validate", held], USAGE, ["--validate-share was 0.25", "is not given now", "leave out --validate"]),
            (second, ["--validate-share", 0.25], USAGE, ["--validate-share was not given", "is 0.25 now"]),
            (second, ["--validate-share", 0.25, "--validate", held], USAGE, ["--validate-share was not given"]),
            (first, ["--text", held], DATA, ["the data differ"]), (second, ["--validate", text], DATA, ["the data differ"]),
            (third, ["--text", text], DATA, ["a.tsv", "the model has no embedding"]), (first, ["-i", x], USAGE, ["--labels", "--values"]),
            (first, ["-i", x, "--labels", labels], DATA, ["x71.npy"]), (first, ["--labels", labels], USAGE, ["--text already"]),
            (first, ["--hidden", 5], USAGE, ["--hidden was 4", "is 5 now", "leave out --hidden"]),
            (first, ["--from", "m"], USAGE, ["--from was not given"]),
            (first, ["--class-weights", "balanced"], USAGE, ["--class-weights was not given"])):
        cli.refused(code, expected, "train", "--resume", checkpoint, *given)


def rewrite_note(data, change):
    """A checkpoint's bytes, its note changed; the note is the last tensor."""
    header, body = split_safetensors(data)
    begin, end = map(int, re.search(r'"note":\{"dtype":"U8","shape":\[\d+\],"data_offsets":\[(\d+),(\d+)\]', header).groups())
    note = change(body[begin:end].decode())
    header = re.sub(r'("note":\{"dtype":"U8","shape":)\[\d+\](,"data_offsets":\[\d+),\d+\]',
                    rf"\1[{len(note)}]\2,{begin + len(note)}]", header)
    header = header.rstrip().ljust(-(-len(header.rstrip()) // 8) * 8)
    return join_safetensors(header, body[:begin] + note.encode())


def check_old(cli):
    """Checkpoints of release 0.3: without the names and what may change, and without a loss's weight."""
    text, checkpoint, output = write_lines(cli, "old.tsv", SEED, 90), cli.path("old.checkpoint"), cli.path("old.safetensors")
    options = ["--hidden", 6, "--rate", 0.01, "--batch", 8, "--bidirectional", "--seed", 3]
    cli.answers("train", "--text", text, "-o", output, *options, "--epochs", 3, *QUIET)
    expected = output.read_bytes()
    cli.answers("train", "--text", text, "-o", output, *options, "--epochs", 1, "--checkpoint", checkpoint, *QUIET)
    kept = rewrite_note(checkpoint.read_bytes(), lambda note: re.sub(r',"weight":[0-9.e+-]+|,"arguments":\[.*?\]\]', "", note))
    for words in (options, []):
        checkpoint.write_bytes(kept)
        result = sluice("train", "--text", text, "-o", output, *words, "--epochs", 3, "--resume", checkpoint, *QUIET)
        said = result.stderr.decode()
        cli.check(result.returncode == OK and output.read_bytes() == expected, f"it goes on, with {words}: {said}")
        cli.check(said.startswith("sluice: note: ") and "earlier release" in said and "--epochs" in said and said.count("\n") == 1,
                  f"and says what it does not have: {said}")
        cli.answers("train", "--resume", checkpoint, "--epochs", 4, *QUIET)
    checkpoint.write_bytes(kept)
    cli.refused(USAGE, ["--output"], "train", "--text", text, "--resume", checkpoint, noted="earlier release")
    cli.refused(USAGE, ["--text"], "train", "-o", output, "--resume", checkpoint, noted="earlier release")
    cli.refused(USAGE, ["--seed was"], "train", "--text", text, "-o", output, "--seed", 4, "--resume", checkpoint,
                noted="earlier release")


def check_release(cli):
    """A checkpoint that release 0.3 wrote: --no-head --every-step --hidden 2 --optimizer sgd --rate 0.1 --batch 2 --seed 5
    --epochs 2."""
    checkpoint, x, v = cli.path("03.checkpoint"), cli.path("03x.npy"), cli.path("03v.npy")
    shutil.copy(SOURCE / "tests" / "golden" / "checkpoint_0_3.safetensors", checkpoint)
    write_npy(x, (8, 3, 1), [(k % 7 - 3) / 4 for k in range(24)])
    write_npy(v, (8, 3, 2), [(k % 5 - 2) / 2 for k in range(48)])
    output = cli.path("03.safetensors")
    result = sluice("train", "--resume", checkpoint, "-i", x, "--values", v, "-o", output, "--epochs", 4, *QUIET)
    cli.check(result.returncode == OK and output.exists() and b"earlier release" in result.stderr, f"0.3's goes on: {result.stderr}")
    metadata = read_safetensors(checkpoint)[0]
    cli.check(metadata["step"] == "16" and metadata["optimizer"] == "sgd", f"with its own options: {metadata}")


def check_damaged(cli):
    text, checkpoint, output = write_lines(cli, "bad.tsv", SEED, 40), cli.path("bad.checkpoint"), cli.path("bad.safetensors")
    cli.answers("train", "--text", text, "-o", output, "--hidden", 4, "--epochs", 1, "--checkpoint", checkpoint, *QUIET)
    kept = checkpoint.read_bytes()
    for old, new in (('["--output"', '["--oatput"'), ('["--output"', '["output"'), ('["--output"', "[7"),
                     ('["--patience",0]', '["--patience",-4]'), ('["--patience",0]', '["--patience"]'),
                     ('["--patience",0]', '["--patience",[]]'), ('["--patience",0]', '["--output",[256]]'),
                     ('["--patience",0]', '["--output",[0]]'), ('["--patience",0]', "3"), ('"--hidden":4', '"--hidden":-4'),
                     ('"--hidden":4', '"--hidden":[]'), ('"--hidden":4', '"hidden":4'), ('"--rate":0.001', '"--rate":-0.001'),
                     ('"--seed":"0"', '"--seed":"x"'), ('"arguments":[', '"arguments":3,"more":['),
                     ('["--patience",0]', '["--checkpoint","/nowhere"]'), ('"--hidden":4', '"--hidden":4,"--checkpoint":"/nowhere"'),
                     ('"weight":0.0', '"weight":"x"')):
        changed = rewrite_note(kept, lambda note: note.replace(old, new, 1))
        cli.check(changed != kept, f"{old} is there")
        checkpoint.write_bytes(changed)
        result = sluice("train", "--resume", checkpoint)
        cli.check(result.returncode == DATA and b"bad.checkpoint: " in result.stderr and result.stderr.count(b"\n") <= 2,
                  f"{new}: {result.returncode} {result.stderr}")


def check_warnings(cli):
    text, output = write_lines(cli, "warn.tsv", SEED, 48), cli.path("warn.safetensors")
    base = ["train", "--text", text, "-o", output, "--hidden", 4, "--epochs", 1, *QUIET]
    for words, expected in ((["--rate", 1e10], "--rate 1e+10 is high for adam"), (["--rate", 0.11], "0.0001 to 0.01"),
                            (["--rate", 0.2, "--optimizer", "adamw"], "adamw"),
                            (["--rate", 11, "--optimizer", "sgd"], "0.001 to 1"),
                            (["--rate", 1.5, "--optimizer", "sgd", "--momentum", 0.9], "with this --momentum"),
                            (["--rate", 1e-9], "--rate 1e-09 is so low"), (["--weight-decay", 1.5], "--weight-decay 1.5"),
                            (["--weight-decay", 0.5, "--optimizer", "sgd", "--rate", 5], "--weight-decay 0.5"),
                            (["--clip", 1e-4], "--clip 0.0001"), (["--dropout", 0.95, "--layers", 2], "--dropout 0.95"),
                            (["--label-smoothing", 0.6], "--label-smoothing 0.6"), (["--batch", 49], "49 is more than the 48 training rows"),
                            (["--optimizer", "sgd", "--momentum", 0.9995], "--momentum 0.9995"),
                            (["--warmup", 3, "--batch", 16], "--warmup 3 is no less than the 3 updates"),
                            (["--warmup", 8, "--every-step", "--truncate", 3, "--batch", 48], "--warmup 8"),
                            (["--validate-share", 0.75], "--validate-share 0.75")):
        result = sluice(*base, *words)
        said = result.stderr.decode()
        notes = [line for line in said.splitlines() if line.startswith("sluice: note: ")]
        cli.check(result.returncode == OK and len(notes) == 1 == said.count("\n") and expected in said and "usual " in said,
                  f"{words} are noted: {said!r}")
    for words in ([], ["--rate", 0.1], ["--rate", 0.9, "--optimizer", "sgd", "--momentum", 0.9],
                  ["--rate", 30, "--clip", 0.25, "--optimizer", "sgd"], ["--weight-decay", 0.1, "--optimizer", "adamw"],
                  ["--batch", 48], ["--warmup", 2, "--batch", 16], ["--validate-share", 0.5], ["--label-smoothing", 0.5],
                  ["--clip", 0.01], ["--dropout", 0.9, "--layers", 2], ["--optimizer", "sgd", "--momentum", 0.99]):
        cli.answers(*base, *words)
    checkpoint = cli.path("warn.checkpoint")
    sluice(*base, "--rate", 0.5, "--checkpoint", checkpoint)
    cli.answers("train", "--resume", checkpoint, "--epochs", 2, *QUIET)  # it was noted when the run began


if __name__ == "__main__":
    run_parts()
