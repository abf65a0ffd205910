#!/usr/bin/env python3
"""README.md is true: its C program builds and runs, its console lines print what it says, what it names exists."""
import json
import os
import pathlib
import re
import shutil
import tempfile
import zipfile

from support.checks import BUILD, SOURCE, Checks, run
from support.documents import blocks, check_examples, check_strict, missing_links

KERAS = SOURCE / "tests" / "golden" / "keras" / "lstm_model.keras"


def check_console(checks, text, directory):
    """The commands after a dollar sign print what follows them."""
    programs = blocks(text, "c")
    checks.check(len(programs) == 1, f"README has one C program; {len(programs)} found")
    check_strict(checks, "README", programs[0], directory)
    pathlib.Path(directory, "demo.c").write_text(programs[0])
    shutil.copy(KERAS, directory)
    commands = check_examples(checks, "README", text, directory)
    checks.check(any("cc demo.c" in command for command in commands), "README compiles its C program")
    checks.check(any("sluice run" in command for command in commands), "README runs sluice")


def check_python(checks, text):
    """The Keras model of the console lines is the one that README makes in three lines of Python."""
    programs = blocks(text, "python")
    checks.check(len(programs) == 1 and len(programs[0].splitlines()) == 3 and KERAS.name in programs[0],
                 f"README makes {KERAS.name} in three lines: {programs}")
    with zipfile.ZipFile(KERAS) as archive:
        config = json.loads(archive.read("config.json"))["config"]["layers"]
    found = [(layer["class_name"], layer["config"].get("input_dim", layer["config"].get("units"))) for layer in config[1:]]
    made = [(name, int(size)) for name, size in re.findall(r"layers\.(\w+)\((\d+)", programs[0])]
    checks.check(found == made, f"README's layers are {made}, those of the file {found}; see tests/golden/keras/make_readme_model.py")


def check_verbs(checks, text):
    """Every verb that README and CONTRIBUTING give to ./dev is one that it lists; ./dev refuses others."""
    listed = re.findall(r"^  ([\w-]+)\b", run([SOURCE / "dev"]).stdout, flags=re.MULTILINE)
    named = set(re.findall(r"\./dev ([\w-]+)", text))
    checks.check({"demo", "test"} <= named, f"README names the two commands; it names {sorted(named)}")
    checks.check(named <= set(listed), f"./dev has every verb that README names: {sorted(named)}; it lists {listed}")
    checks.check(run([SOURCE / "dev", "nonsense"]).returncode == 2, "./dev refuses a verb that it does not have")


def check_names(checks, text):
    """Files, variables and links that README names are there."""
    checks.check_none(missing_links(text, SOURCE), "every file that README names exists")
    code = "".join(path.read_text() for folder in ("src", "include") for path in sorted((SOURCE / folder).rglob("*.[ch]")))
    variables = re.findall(r"`((?:SLUICE|BLIS)_[A-Z_]+)`", text)
    checks.check(len(variables) >= 4, f"README has the table of the environment's settings; it names {variables}")
    isas = run([BUILD / "src" / "cli" / "sluice", "run", "--help"]).stdout
    names = re.search(r"--isa NAME.*?\((.*?); default", isas, re.DOTALL).group(1).replace("\n", " ").split(",")
    named = re.search(r"`SLUICE_ISA` \| (.*?):", text).group(1)
    checks.check(re.findall(r"`(\w+)`", named) == [name.strip() for name in names], f"README names the instruction sets: {named}")
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
        check_console(checks, text, directory)
    check_python(checks, text)
    check_verbs(checks, text + (SOURCE / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    check_names(checks, text)
    check_requirements(checks, text)
    checks.finish()


if __name__ == "__main__":
    main()
