#!/usr/bin/env python3
"""The demo over small stand-in lists made of the golden words: what it reads, what it holds out, and how it scores."""
import csv
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile

from support.checks import BUILD, SOURCE, Checks, run

LANGID = SOURCE / "perf" / "langid"
sys.dont_write_bytecode = True
sys.path.insert(0, str(LANGID))
import score  # noqa: E402  (found by the path above)
import watch  # noqa: E402


def golden_words():
    """(word as bytes, language of its largest logit) of each golden word."""
    with open(LANGID / "golden.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            logits = {name.removeprefix("logit_"): float(value) for name, value in row.items() if name != "word"}
            yield row["word"].encode(), max(logits, key=logits.get)


def write_lists(directory, golden, wrong):
    """One list a language: its golden words, and what does not count; `wrong` golden words stand in the next language's list."""
    lists = {language.name: [b"", b"x" * 41] for language in score.LANGUAGES}
    names = list(lists)
    for number, (word, name) in enumerate(golden):
        lists[names[(names.index(name) + (number < wrong)) % len(names)]].append(word)
    for language in score.LANGUAGES:
        words = lists[language.name] + [next(b"w%d" % k for k in range(100) if not score.is_held_out(b"w%d" % k))]
        pathlib.Path(directory, language.file).write_bytes(b"\n".join(words) + b"\n")


def check_hash(checks, golden):
    """FNV-1a's own test vectors decide which words are held out, and the golden words are."""
    vectors = {b"": 0x811C9DC5, b"a": 0xE40C292C, b"foobar": 0xBF9CF968}
    for word, value in vectors.items():
        checks.check(score.is_held_out(word) == (value % 10 == 0), f"{word!r} hashes to {value:#x}")
    held = [word for word, _ in golden if score.is_held_out(word)]
    shares = [score.format_share(share) for share in (0.5, 1, 1.004)]
    checks.check(shares == ["0.50", "1.00", "1.00!"], f"a share of the peak that cannot be is marked: {shares}")
    checks.check(len(golden) == 40 and len(held) == 40, f"40 golden words, all held out; {len(golden)} found, {len(held)} held out")


def check_scores(checks, golden, wrong):
    """The demo's table over the stand-in lists: all golden words and no other are scored, the wrong ones as wrong."""
    with tempfile.TemporaryDirectory() as directory:
        write_lists(directory, golden, wrong)
        result = run([LANGID / "demo", "--build", BUILD, "--lists", directory, "--output", directory])
        if not checks.check(result.returncode == 0, f"the demo ends well:\n{result.stdout}"):
            return
        rows = {words[0]: [int(words[1]), int(words[2])] for words in map(str.split, result.stdout.splitlines())
                if len(words) > 2 and words[0] in (*(language.name for language in score.LANGUAGES), "all") and words[1].isdigit()}
        checks.check(rows.get("all") == [40 - wrong, 40],
                     f"right {40 - wrong} of 40; the demo says {rows.get('all')}:\n{result.stdout}")
        checks.check(len(rows) == 9, f"a line for each language and for all: {sorted(rows)}")
        checks.check("48 words of 8 languages" in result.stdout, f"48 words are read, the others left out:\n{result.stdout}")
        checks.check("not those of the reference" in result.stdout, "it says that the lists are not the reference's")
        table = re.findall(r"^ *(\d+) +[\d.]+ +[\d,]+ +[\d.]+ +[\d.]+ +[\d.]+$", result.stdout, flags=re.MULTILINE)
        checks.check(table and table[0] == "1", f"the table of threads begins with one: {table}")


def standard_error(command, terminal):
    """(status, standard output, standard error) of a command whose standard error is a terminal, or a pipe."""
    reader, writer = pty.openpty() if terminal else os.pipe()
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=writer, text=True) as process:
        os.close(writer)
        output, said = process.stdout.read(), b""
        try:
            while chunk := os.read(reader, 65536):
                said += chunk
        except OSError:  # how a terminal ends
            pass
    os.close(reader)
    return process.returncode, output, said.decode()


def check_progress(checks, golden):
    """Standard error has a line before each long step and, on a terminal, sluice's bar; standard output has neither."""
    with tempfile.TemporaryDirectory() as directory:
        write_lists(directory, golden, 0)
        for terminal in (False, True):
            words = "on a terminal" if terminal else "in a pipe"
            command = [LANGID / "demo", "--build", BUILD, "--lists", directory, "--output", directory]
            status, output, said = standard_error(command, terminal)
            steps = re.findall(r"(?:^|[\r\n])demo: (reading|classifying all words|comparing|classifying \d)", said)
            checks.check(status == 0 and steps[:4] == ["reading", "classifying all words", "comparing", "classifying 6"],
                         f"the demo reports each long step {words}: {steps}\n{said}")
            checks.check(("ETA" in said) == terminal, f"the demo shows a bar on a terminal only; {words}: {said!r}")
            checks.check("demo: " not in output and "ETA" not in output and output.startswith("48 words"),
                         f"standard output holds the results alone, {words}:\n{output}")


def check_bar(checks):
    """What sluice writes is taken apart into lines and the bar, wherever a read ends."""
    written = "note: a\n\r 10 % [#  ]\r 50 % [## ]\r           \repoch 1 of 2: loss 1\n\r 90 %\r     \r{\"a\": 1}\n"
    drawings = re.findall(r"\r[^\r\n]*(?=\r)|\r?[^\r\n]*\n", written)  # each of them written, and so read, as a whole
    for parts in (drawings, [written]):
        lines, bar, pending = [], "", ""
        for part in parts:
            found, drawn, pending = watch.split_bar(pending + part)
            lines += found
            bar += drawn
        checks.check(lines == ["note: a", "epoch 1 of 2: loss 1", '{"a": 1}'] and not pending, f"the lines are found: {lines}, {pending!r}")
        checks.check("50 % [## ]" in bar and "epoch" not in bar and "\n" not in bar, f"the bar is found: {bar!r}")


def check_precisions(checks, lists):
    """On the words held out, bf16 and int8 are as right as f32 within 0.05 points, and change fewer than 0.2 % of the answers."""
    missing = [language.file for language in score.LANGUAGES if not pathlib.Path(lists, language.file).exists()]
    if missing:
        print(f"skipped: the accuracy of precisions, for there is no {missing[0]} in {lists}; ./dev setup demo installs it")
        return
    held_out = [[word for word in words if score.is_held_out(word)] for words in score.read_lists(lists)]
    words = [word for words in held_out for word in words]
    with tempfile.TemporaryDirectory() as name:
        source, target = pathlib.Path(name, "words.txt"), pathlib.Path(name, "answers.tsv")
        answers, right = {}, {}
        for precision in ("f32", "bf16", "int8"):
            answers[precision], _ = watch.classify(BUILD / "src" / "cli" / "sluice", LANGID / "langid.safetensors", words, source, target,
                                                   "--precision", precision)
            right[precision] = sum(r for r, _ in score.score(held_out, answers[precision])) / len(words)
    for precision in ("bf16", "int8"):
        labels = [[line.split(b"\t")[0] for line in answers[name]] for name in (precision, "f32")]
        changed = sum(a != b for a, b in zip(*labels)) / len(words)
        checks.check(abs(right[precision] - right["f32"]) <= 0.0005, f"{precision} is right in {right[precision]:.4%}, f32 in {right['f32']:.4%}")
        checks.check(0 < changed < 0.002, f"{precision} changes {changed:.3%} of the answers")


def main():
    checks = Checks()
    check_precisions(checks, pathlib.Path("/usr/share/dict"))
    golden = list(golden_words())
    check_hash(checks, golden)
    check_scores(checks, golden, wrong=0)
    check_scores(checks, golden, wrong=7)
    check_progress(checks, golden)
    check_bar(checks)
    checks.finish()


if __name__ == "__main__":
    main()
