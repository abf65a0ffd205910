#!/usr/bin/env python3
"""The guide's examples of series and text do what they are for: the forecast of a day beats the day before, anomalies are flagged while the
stream goes on, all of them and nothing else, and lines that training has not seen are classified."""
import gzip
import json
import subprocess
import sys
import threading

from support.checks import SOURCE
from support.cli import finish, run_parts, start, wait_until

EXAMPLES = SOURCE / "examples"
HOURS, STREAMED = 3000, 1000
WORDS = ["--window", 48, "--columns", "load,temperature", "--target", "load", "--standardize", "--hidden", 32, "--rate", 0.01, "--epochs", 5,
         "--progress", "never"]
LIMIT = 5
EARLY_LINES = 170  # of the stream, the header among them; the first fault is in hour 150


def make(cli, script, *words):
    """What a script of the examples writes."""
    result = finish(sys.executable, EXAMPLES / script, *words)
    cli.check(result.returncode == 0 and not result.stderr, f"{script}: {result.stderr!r}")
    return result.stdout


def train(cli, *words):
    """Train on the load of the town, but for its last fifth; the model's path and the table's."""
    table = cli.write("town.csv", make(cli, "forecast/make_load.py", HOURS))
    model = cli.path("town.safetensors")
    cli.answers("train", "-i", table, *WORDS, "--validate-last", "20%", "-o", model, *words)
    return model, table


def check_a_day_ahead(cli):
    """On hours that training has not seen; the same seed makes the same hours."""
    model, table = train(cli, "--horizon", "1-24")
    cli.check(make(cli, "forecast/make_load.py", HOURS) == table.read_bytes(), "the data are the same each time")
    lines = table.read_bytes().splitlines(keepends=True)
    unseen = cli.write("unseen.csv", b"".join(lines[:1] + lines[-HOURS // 5:]))
    found = json.loads(cli.answers("evaluate", model, "-i", unseen, "--season", 24, "--json"))
    cli.check(len(found["outputs"]) == 24 and found["all"]["mae"] < 0.75 * found["naive"]["mae"], f"better than the day before: {found['all']}")


def check_anomalies(cli):
    """A flag is there while the stream is still open."""
    model, _ = train(cli)
    stream = make(cli, "forecast/make_load.py", STREAMED, "--seed", 2, "--faults").splitlines(keepends=True)
    run = start("run", model, "-i", "-", "--keep", "hour,load", "-o", "-", "--format", "csv", stderr=None)
    command = [sys.executable, "-E", EXAMPLES / "forecast/flag_anomalies.py", "load", str(LIMIT)]  # -E: whatever PYTHONUNBUFFERED says
    flagging = subprocess.Popen(command, stdin=run.stdout, stdout=subprocess.PIPE)
    run.stdout.close()
    flags = []
    reader = threading.Thread(target=lambda: flags.extend(flagging.stdout))
    reader.start()
    run.stdin.write(b"".join(stream[:EARLY_LINES]))
    run.stdin.flush()
    cli.check(wait_until(lambda: flags), "the first fault is flagged before the end of the stream")
    run.stdin.write(b"".join(stream[EARLY_LINES:]))
    run.stdin.close()
    cli.check((run.wait(), flagging.wait()) == (0, 0), "both end")
    reader.join()
    flagging.stdout.close()
    cli.check([int(flag.split()[0].partition(b"=")[2]) for flag in flags] == list(range(150, STREAMED, 200)), f"the faults: {flags}")


def check_lines_of_text(cli):
    lines = cli.write("log.tsv.gz", gzip.compress(make(cli, "text/make_log.py", 1000)))
    model = cli.path("log.safetensors")
    cli.answers("train", "--text", lines, "-o", model, "--bidirectional", "--hidden", 32, "--rate", 0.01, "--epochs", 8, "--progress", "never",
                notes=[["gzip"]])
    kinds, texts = zip(*(line.split(b"\t") for line in make(cli, "text/make_log.py", 200, 2).splitlines()))
    answers = cli.answers("run", model, "--text", "-i", cli.write("new.gz", gzip.compress(b"\n".join(texts) + b"\n")), notes=[["gzip"]])
    right = [answer.split(b"\t")[0] == kind for answer, kind in zip(answers.splitlines(), kinds, strict=True)]
    cli.check(sum(right) > 0.95 * len(right), f"{sum(right)} of {len(right)} lines are classified rightly")


if __name__ == "__main__":
    run_parts()
