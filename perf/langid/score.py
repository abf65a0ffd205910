"""The data of the langid model: which words, which of them were held out of training, and how a file of answers scores."""
import pathlib
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
