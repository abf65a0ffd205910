"""Documents that the tests hold to be true: their fenced blocks, and the commands in them run with the build installed."""
import os
import pathlib
import re

from support.checks import SOURCE, run, stage, staged_environment

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text, language):
    """The fenced blocks of a language."""
    return [body for name, body in BLOCK.findall(text) if name == language]


def console(body):
    """[(command, what it prints)] of a console block."""
    parts = re.split(r"^\$ (.*)\n", body, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


def matches(expected, found):
    """Whether `found` is what a document says, in which '...' stands for anything."""
    return re.fullmatch(".*?".join(map(re.escape, expected.split("..."))), found, re.DOTALL) is not None


def check_examples(checks, name, text, directory):
    """Run every console command of document `name` in `directory`, with the build installed, perf/ and examples/ at hand; return the commands."""
    stage(directory)
    environment = staged_environment(directory)
    for folder in ("perf", "examples"):
        if not pathlib.Path(directory, folder).exists():
            os.symlink(SOURCE / folder, pathlib.Path(directory, folder))
    examples = [example for body in blocks(text, "console") for example in console(body)]
    for command, expected in examples:
        result = run(["bash", "-c", command], cwd=directory, env=environment)
        checks.check(result.returncode == 0 and matches(expected, result.stdout),
                     f"{name}'s line\n    {command}\nprints\n{expected}"
                     f"it ended with status {result.returncode} and\n{result.stdout}")
    return [command for command, _ in examples]


def check_strict(checks, name, program, directory, *flags):
    """A C program of a document is no worse than the project's own code."""
    path = pathlib.Path(directory, "strict.c")
    path.write_text(program)
    result = run(["cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *flags, "-I", SOURCE / "include", "-fsyntax-only", path])
    checks.check(result.returncode == 0, f"{name}'s C program compiles without a warning:\n{result.stdout}")
    path.unlink()


def missing_links(text, folder):
    """Relative links, and files of the tree named in backquotes, that do not exist; links are relative to `folder`."""
    links = [(folder, link.split("#")[0]) for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith(("http", "#"))]
    named = [(SOURCE, path) for path in re.findall(r"`((?:src|tests|perf|include|docs)/[\w./-]+)`", text)]
    return [path for base, path in links + named if not (base / path).exists()]
