#!/usr/bin/env python3
"""README.md is true: its C program builds and runs, its console lines print what it says, what it names exists."""
import os
import pathlib
import re
import tempfile

from support.checks import BUILD, SOURCE, Checks, run, stage, staged_environment

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text, language):
    """The fenced blocks of a language."""
    return [body for name, body in BLOCK.findall(text) if name == language]


def console(body):
    """[(command, what it prints)] of a console block."""
    parts = re.split(r"^\$ (.*)\n", body, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


def check_console(checks, text, directory):
    """The commands after a dollar sign, run with the build installed and perf/ at hand, print what follows them."""
    stage(directory)
    environment = staged_environment(directory)
    programs = blocks(text, "c")
    checks.check(len(programs) == 1, f"README has one C program; {len(programs)} found")
    pathlib.Path(directory, "demo.c").write_text(programs[0])
    os.symlink(SOURCE / "perf", pathlib.Path(directory, "perf"))
    examples = [example for body in blocks(text, "console") for example in console(body)]
    checks.check(any("cc demo.c" in command for command, _ in examples), "README compiles its C program")
    checks.check(any("sluice run" in command for command, _ in examples), "README runs sluice")
    for command, expected in examples:
        result = run(["sh", "-c", command], cwd=directory, env=environment)
        checks.check(result.returncode == 0 and result.stdout == expected,
                     f"README's line\n    {command}\nprints\n{expected}"
                     f"it ended with status {result.returncode} and\n{result.stdout}")


def check_program_warnings(checks, text, directory):
    """The C program is no worse than the project's own code."""
    pathlib.Path(directory, "strict.c").write_text(blocks(text, "c")[0])
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", SOURCE / "include"]
    result = run(["cc", *flags, "-fsyntax-only", "strict.c"], cwd=directory)
    checks.check(result.returncode == 0, f"README's C program compiles without a warning:\n{result.stdout}")


def check_verbs(checks, text):
    """Every verb that README and CONTRIBUTING give to ./dev is one that it lists; ./dev refuses others."""
    listed = re.findall(r"^  ([\w-]+)\b", run([SOURCE / "dev"]).stdout, flags=re.MULTILINE)
    named = set(re.findall(r"\./dev ([\w-]+)", text))
    checks.check({"demo", "test"} <= named, f"README names the two commands; it names {sorted(named)}")
    checks.check(named <= set(listed), f"./dev has every verb that README names: {sorted(named)}; it lists {listed}")
    checks.check(run([SOURCE / "dev", "nonsense"]).returncode == 2, "./dev refuses a verb that it does not have")


def check_names(checks, text):
    """Files, variables and links that README names are there."""
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    paths = links + re.findall(r"`((?:src|tests|perf|include)/[\w./-]+)`", text)
    checks.check_none([path for path in paths if not (SOURCE / path).exists()], "every file that README names exists")
    code = "".join(path.read_text() for folder in ("src", "include") for path in sorted((SOURCE / folder).rglob("*.[ch]")))
    variables = re.findall(r"`((?:SLUICE|BLIS)_[A-Z_]+)`", text)
    checks.check(len(variables) >= 4, f"README has the table of the environment's settings; it names {variables}")
    unknown = [name for name in variables if f'"{name}"' not in code]
    checks.check_none(unknown, "every variable that README names is read by the code")


def check_requirements(checks, text):
    """Where the programs lie, the versions that are needed and the packages' targets are what the build says."""
    programs = re.findall(r"`build/([\w./-]*\w)`", text)
    checks.check(len(programs) >= 2, f"README says where the programs lie before they are installed: {programs}")
    checks.check_none([name for name in programs if not os.access(BUILD / name, os.X_OK)], "and there they lie, in the build directory")
    builds = "".join((SOURCE / name).read_text() for name in ("meson.build", "tests/meson.build"))
    needed = {name.capitalize(): version for name, version in re.findall(r"dependency\('(\w+)', version: '>=([\d.]+)'\)", builds)}
    needed["Meson"] = re.search(r"meson_version: '>=([\d.]+)'", builds).group(1)
    checks.check(len(needed) == 3, f"Meson, Jansson and Check are asked for in some version: {needed}")
    checks.check_none([f"{name} {version}" for name, version in needed.items() if f"{name} {version}" not in " ".join(text.split())],
                      "README has the versions that the build asks for")
    package = (SOURCE / "package" / "meson.build").read_text()
    targets = set(re.findall(r"sluice::(\w+)", text))
    checks.check(targets == set(re.findall(r"(\w+)=(?:SHARED|STATIC)", package)), f"README names the CMake package's targets: {targets}")
    checks.check("SLUICE_DECLARATIONS_ONLY" in text and all("SLUICE_DECLARATIONS_ONLY" in path.read_text()
                                                            for path in (SOURCE / "include").glob("*.h")),
                 "README and the headers name the same macro for declarations alone")


def main():
    checks = Checks()
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as directory:
        check_program_warnings(checks, text, directory)
        check_console(checks, text, directory)
    check_verbs(checks, text + (SOURCE / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    check_names(checks, text)
    check_requirements(checks, text)
    checks.finish()


if __name__ == "__main__":
    main()
