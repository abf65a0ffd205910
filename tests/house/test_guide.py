#!/usr/bin/env python3
"""docs/guide.md is true: its C programs build without a warning and run, its console lines print what it says, its links lead somewhere."""
import pathlib
import re
import tempfile

from support.checks import SOURCE, Checks
from support.documents import blocks, check_examples, check_strict, missing_links


def check_programs(checks, text, directory):
    """Write each C program under the name in its first line; return the names."""
    names = []
    for program in blocks(text, "c"):
        name = re.match(r"/\* (\w+\.c): ", program).group(1)
        check_strict(checks, name, program, directory, "-fopenmp")
        pathlib.Path(directory, name).write_text(program)
        names.append(name)
    return names


def main():
    checks = Checks()
    text = (SOURCE / "docs" / "guide.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as directory:
        names = check_programs(checks, text, directory)
        commands = check_examples(checks, "the guide", text, directory)
    checks.check_none([name for name in names if not any(name in command for command in commands)], "every program is built and run")
    checks.check_none(missing_links(text, SOURCE / "docs"), "every file that the guide names exists")
    titles = ["#" + re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^## (.*)$", text, re.MULTILINE)]
    anchors = re.findall(r"\]\((#[^)]+)\)", text)
    checks.check_none(set(anchors) - set(titles), "every anchor is a title's")
    checks.check(len(titles) >= 8 and set(titles) == set(anchors), f"the list of recipes has them all: {titles}")
    checks.check("docs/guide.md" in (SOURCE / "README.md").read_text(encoding="utf-8"), "README links the guide")
    checks.finish()


if __name__ == "__main__":
    main()
