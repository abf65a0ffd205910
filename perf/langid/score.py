"""The data of the langid model: which words, which of them were held out of training, and how a file of answers scores; and the
figures that both demos print."""
import pathlib
import sys
from typing import NamedTuple

LONGEST = 40  # bytes of the longest word that is taken


class Language(NamedTuple):
    """One class: its name, its Debian word list, and what the weights reach in float64 on its held-out words."""
    name: str
    file: str
    right: int
    total: int


# In the order of the model's classes.
LANGUAGES = (
    Language("english", "american-english", 9006, 10403),
    Language("dutch", "dutch", 35155, 41054),
    Language("french", "french", 30943, 34678),
    Language("german", "ngerman", 33488, 35800),
    Language("italian", "italian", 10875, 11837),
    Language("portuguese", "portuguese", 36283, 43283),
    Language("spanish", "spanish", 7680, 8449),
    Language("swedish", "swedish", 11084, 12232),
)


def read_words(directory, language):
    """The words of a language's list, as bytes, in the list's order."""
    lines = pathlib.Path(directory, language.file).read_bytes().split(b"\n")
    return [word for word in lines if 1 <= len(word) <= LONGEST]


def read_lists(directory):
    """The words of every language. Ends the script if a list is missing, in words that say how to have it."""
    missing = [language.file for language in LANGUAGES if not pathlib.Path(directory, language.file).exists()]
    if missing:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: no {', '.join(missing)} in {directory}; "
                 "install the word lists with: ./dev setup demo")
    return [read_words(directory, language) for language in LANGUAGES]


def write_words(path, words):
    path.write_bytes(b"".join(word + b"\n" for word in words))


def is_held_out(word):
    """Whether the word was kept from training: its 32-bit FNV-1a hash is a multiple of ten."""
    value = 2166136261
    for byte in word:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value % 10 == 0


def score(lists, answers):
    """
    [(right, total)] of each language's held-out words.

    lists: the words of each language. answers: one line (bytes) for each word of all lists in order, the label up to a tab.
    """
    counts = []
    first = 0
    for language, words in zip(LANGUAGES, lists):
        label = language.name.encode() + b"\t"
        right = [answer.startswith(label) for word, answer in zip(words, answers[first:first + len(words)]) if is_held_out(word)]
        counts.append((sum(right), len(right)))
        first += len(words)
    return counts


def print_accuracy(counts):
    """Table of the held-out words beside the reference; a word of warning where the lists are not the reference's."""
    print(f"\n{'held-out words':<14} {'right':>7} {'of':>7} {'accuracy':>9} {'float64 reference':>18}")
    references = [(language.name, language.right, language.total) for language in LANGUAGES]
    rows = [(*reference, *count) for reference, count in zip(references, counts)]
    rows.append(("all", *(sum(row[k] for row in rows) for k in (1, 2, 3, 4))))
    for name, reference_right, reference_total, right, total in rows:
        print(f"{name:<14} {right:>7} {total:>7} {right / max(total, 1):>8.2%}  {reference_right:>8} of {reference_total:>6}")
    if [row[4] for row in rows] != [row[2] for row in rows]:
        print("These word lists are not those of the reference; the numbers are not to be compared.")


def format_share(share):
    """A share of the peak as text. Above 1, which cannot be as the machine was busy while the peak was measured, it has '!' behind it."""
    return f"{share:.2f}" + ("!" if share > 1 else "")
