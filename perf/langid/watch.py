"""What both demos do: their options, sluice run over words, and what they print while they work: a line before each step that may
take long and, on a terminal, sluice's own progress bar."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

import score

NAME = pathlib.Path(sys.argv[0]).name


def make_parser(description, files, folder):
    """The options that both have; `folder`, in the build directory, is where `files` go by default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build directory")
    parser.add_argument("--lists", type=pathlib.Path, default=pathlib.Path("/usr/share/dict"), help="where the word lists are")
    parser.add_argument("--output", type=pathlib.Path, help=f"where {files} go; default: {folder} in the build directory")
    return parser


def begin(arguments, folder):
    """(sluice, the folder for files, the word lists) of the options of make_parser."""
    folder = arguments.output or arguments.build / folder
    folder.mkdir(exist_ok=True)
    report(f"reading the word lists in {arguments.lists}")
    return arguments.build / "src" / "cli" / "sluice", folder, score.read_lists(arguments.lists)


def report(text):
    """Say on standard error what is done next."""
    print(f"{NAME}: {text}", file=sys.stderr, flush=True)


def fail(message):
    sys.exit(f"{NAME}: {message}")


def split_bar(pending):
    """
    (lines, bar, rest) of what a program has written to standard error so far: whole lines without what the bar left on them, the
    bar as it was drawn, and the beginning of a line. The bar begins with a carriage return and is never followed by a newline.
    """
    lines, bar = [], ""
    while "\n" in pending:
        line, pending = pending.split("\n", 1)
        drawn, returned, line = line.rpartition("\r")
        bar += drawn + returned
        lines.append(line)
    return (lines, bar + pending, "") if "\r" in pending else (lines, bar, pending)


def run_sluice(command, handle_line=lambda line: False):
    """
    Run sluice with --stats --json besides, its bar shown on standard error if that is a terminal. `handle_line` is called with each
    line of its standard error, and returns whether it was handled. Returns the statistics; ends the script if sluice failed,
    with what it said.
    """
    shown, printed, pending = sys.stderr.isatty(), [], ""
    command = [*command, "--stats", "--json", "--progress", "always" if shown else "auto"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while chunk := os.read(process.stderr.fileno(), 65536):
            lines, bar, pending = split_bar(pending + chunk.decode(errors="replace"))
            if shown:
                sys.stderr.write(bar)
                sys.stderr.flush()
            printed += [line for line in lines if not handle_line(line)]
    text = "\n".join([*printed, pending])
    if process.returncode:
        fail(f"sluice ended with status {process.returncode}:\n{text}")
    return json.loads(text[text.index("{"):])


def classify(sluice, model, words, source, target, *options):
    """(the model's answers, a line for each word; the statistics), by way of the files source and target."""
    score.write_words(source, words)
    stats = run_sluice([sluice, "run", model, "--text", "--input", source, "--output", target, *options])
    answers = target.read_bytes().splitlines()
    if len(answers) != len(words):
        fail(f"{target} has {len(answers)} lines for {len(words)} words")
    return answers, stats
