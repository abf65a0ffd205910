#!/usr/bin/env python3
"""One language, the field's: words that this project once used for what has a standard name stand nowhere any more.

A word is looked for as a part of identifiers, too: `told` in `told_case`. NEWS.md, which tells of earlier versions, may keep them.
"""
import functools
import pathlib
import re

from support.checks import SOURCE, Checks

FOLDERS = ["src", "include", "perf", "python", "tests", "docs", "package", "examples"]
FILES = ["README.md", "CONTRIBUTING.md", "dev", ".ci/run", "meson.build"]
ENDINGS = {".c", ".h", ".py", ".sh", ".md", ".build", ".in", ""}
# The old word, as a regular expression of whole words: what to say instead.
OLD = {
    r"strands?": "layer-direction",
    r"(?:un)?learnt": "tuned (a plan), learned (weights)",
    r"carv(?:e|es|ed|ing)": "arena, to allocate from the arena",
    r"on paper": "in the sizing pass",
    r"wild": "non-finite",
    r"blam(?:e|es|ed)": "find_nonfinite, the cause of",
    r"afar|far cache|near cache|bring near": "in L3 or DRAM, L1 or L2, prefetch",
    r"told|tells?|telling": "reported, printed; report, print, say",
    r"slabs?": "npy_array",
    r"plant(?:s|ed|ing)?": "seeded race, seeded fault",
    r"deal(?:s|t|ing)?": "partition, to divide",
    r"stumps?": "remainder",
    r"slopes": "gradients, derivatives",
    r"beds?": "fixture",
    r"(?<!\")teams?(?![\"=])": "thread group",  # in quotes or before = it is a field of files and records that users have
    r"crews?|schools?": "thread group; training fixture",
    r"meet(?:s|ing|ings)?|met": "wait at the barrier; satisfy",
    r"borders?": "checkpoint boundary",
    r"mistakes?": "error",
    r"advice": "blis_arch, hint",
    r"befell|befalls?|befallen": "happened to",
    r"(?:each|every|the|a|this|one|first|last|next|many|of|after|per) turns?|(?<!in[ _])turns?(?= ?[\]).+;<=])": "iteration, step in processing order",
    r"ways?(?=->|\.\w|\[|\])|sl_ways?|every_ways?|best_ways?": "execution plan, candidate",
}
# (File, text of the line): innocent uses.
ALLOWED = [
    ("tests/house/test_words.py", ""),
    ("perf/README.md", "| `teams` | cases |"),  # a field of the records
    ("tests/cli/test_cli_plan.py", 'split(" teams")'),
    ("src/io/saved/plan_file.c", '" teams="'),
]


@functools.lru_cache(maxsize=None)
def texts():
    """(path from the top, text) of all that is looked at."""
    paths = [SOURCE / name for name in FILES]
    for folder in FOLDERS:
        paths += sorted(path for path in (SOURCE / folder).rglob("*") if path.is_file() and path.suffix in ENDINGS
                        and not {"golden", "abi_0_4", "__pycache__"} & set(path.parts))
    found = []
    for path in paths:
        try:
            found.append((path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            pass  # a compiled data file without an ending
    return found


def pattern_of(word):
    """The word between anything but letters."""
    return re.compile(rf"(?<![A-Za-z])(?:{word})(?![a-z])", re.IGNORECASE)


def findings(pattern):
    """Where a pattern stands: file, line, the line."""
    for path, text in texts():
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line) and not any(path == name and part in line for name, part in ALLOWED):
                yield f"{path}:{number}: {line.strip()[:120]}"


def main():
    checks = Checks()
    for word, instead in OLD.items():
        checks.check_none(findings(pattern_of(word)), f"nothing says {word}; say: {instead}")
    checks.check(pattern_of("told").search("TOLD_CASE") and not pattern_of("bed").search("embed"), "a word would be found in a name")
    checks.check(len(texts()) > 300, f"the search sees the project's files in {pathlib.Path(SOURCE).name}")
    checks.finish()


if __name__ == "__main__":
    main()
