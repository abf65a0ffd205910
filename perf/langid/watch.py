"""What the demos print while they work: a line before each step that may take long and, on a terminal, sluice's own progress bar."""
import json
import os
import pathlib
import subprocess
import sys


def report(text):
    """Say on standard error what is done next."""
    print(f"{pathlib.Path(sys.argv[0]).name}: {text}", file=sys.stderr, flush=True)


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
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: sluice ended with status {process.returncode}:\n{text}")
    return json.loads(text[text.index("{"):])
