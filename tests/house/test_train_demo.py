#!/usr/bin/env python3
"""The training demo over made-up words, each language spelt with letters of its own: what is learned, held out and said."""
import os
import pathlib
import random
import re
import sys
import tempfile

from support.checks import BUILD, SOURCE, Checks, run

LANGID = SOURCE / "perf" / "langid"
sys.dont_write_bytecode = True
sys.path.insert(0, str(LANGID))
import score  # noqa: E402  (found by the path above)

EPOCHS, WORDS = 3, 300
SHORT, LONG = 60, 400  # words of the lists that are repeated, or of which some are left out


def make_lists(directory):
    """Write a list for each language, of words of two letters of its own, among them what does not count; return the words."""
    lists = []
    for number, language in enumerate(score.LANGUAGES):
        dice = random.Random(number)
        letters = bytes([ord("a") + 2 * number, ord("b") + 2 * number])
        words = set()
        while len(words) < (SHORT if number % 2 else LONG):
            words.add(bytes(dice.choice(letters) for _ in range(dice.randint(8, 14))))
        lists.append(sorted(words))
        pathlib.Path(directory, language.file).write_bytes(b"\n".join([*lists[-1], b"", b"x" * 41]) + b"\n")
    return lists


def train(lists, output, *options):
    command = [LANGID / "train", "--build", BUILD, "--lists", lists, "--output", output, "--epochs", EPOCHS, "--words", WORDS]
    return run([*command, *options], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})


def check_lines(checks, output, lists):
    """Of each language so many words, in the order of the classes, none of them held out, each as often as others or once more."""
    lines = [line.split(b"\t") for line in (output / "train.tsv").read_bytes().splitlines()]
    labels = [label.decode() for label, _ in lines]
    checks.check(labels == [language.name for language in score.LANGUAGES for _ in range(WORDS)],
                 f"{WORDS} lines of each language, one behind the other")
    for number, (language, words) in enumerate(zip(score.LANGUAGES, lists)):
        learned = {word for word in words if not score.is_held_out(word)}
        taken = [word for _, word in lines[number * WORDS:(number + 1) * WORDS]]
        counts = [taken.count(word) for word in learned]
        checks.check(set(taken) <= learned, f"{language.name}: words of its list that are not held out are learned, no other")
        checks.check(max(counts) - min(counts) <= 1, f"{language.name}: each word {min(counts)} to {max(counts)} times")


def check_said(checks, said, lists):
    """The tables have every held-out word, and the made-up languages are distinguished."""
    held_out = [sum(map(score.is_held_out, words)) for words in lists]
    rows = {words[0]: (int(words[1]), int(words[2])) for words in map(str.split, said.splitlines())
            if len(words) > 4 and words[1].isdigit() and words[2].isdigit()}
    expected = {language.name: (count, count) for language, count in zip(score.LANGUAGES, held_out)}
    expected["all"] = (sum(held_out), sum(held_out))
    checks.check(rows == expected, f"all held-out words are right: {expected}; the demo says {rows}:\n{said}")
    checks.check(len(re.findall(rf"^epoch \d of {EPOCHS}: loss ", said, flags=re.MULTILINE)) == EPOCHS, f"a line an epoch:\n{said}")
    checks.check(re.search(r"^ +\d+ +[\d.]+ +[\d,]+ +[\d.]+ +[\d.]+$", said, flags=re.MULTILINE), f"a line of speed:\n{said}")
    checks.check("not those of the reference" in said, "it says that the lists are not the reference's")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        lists = make_lists(folder)
        first, second = folder / "first", folder / "second"
        result = train(folder, first)
        if checks.check(result.returncode == 0, f"the demo ends well:\n{result.stdout}"):
            check_lines(checks, first, lists)
            check_said(checks, result.stdout, lists)
            again = train(folder, second, "--threads", 1)
            checks.check(again.returncode == 0, f"it ends well on one thread:\n{again.stdout}")
            checks.check((second / "langid.safetensors").read_bytes() == (first / "langid.safetensors").read_bytes(),
                         "the model is the same at any number of threads")
        (folder / "dutch").unlink()
        result = train(folder, first)
        checks.check(result.returncode == 1 and "./dev setup demo" in result.stdout, f"a missing list is reported:\n{result.stdout}")
    checks.finish()


if __name__ == "__main__":
    main()
