#!/usr/bin/env python3
"""The project inside another Meson project: what is built, how, and that the parent's own options rule; and a static-only install."""
import json
import os
import pathlib
import re
import tempfile

from support.checks import SOURCE, Checks, run, stage, staged_environment, staged_flags
from support.consumer import PROGRAM, answer, cmake_answers, compiled_answer

PARENT = """
project('parent', 'c', version: '7', default_options: ['c_std=c99', 'buildtype=debug', 'default_library=static'])
sluice = dependency('sluice', version: '>=0.3', fallback: 'sluice')
executable('consumer', 'program.c', dependencies: sluice, install: true)
"""
OPTIMISED = ("src/kernel/", "src/model/", "src/engine/", "src/train/")
# A parent's build must not take what the tests' environment says for its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("CFLAGS", "LDFLAGS", "PKG_CONFIG_PATH")}


class Parent:
    """A project with this one as its subproject, configured with `options`; prefix/ beside it is its prefix."""

    def __init__(self, checks, folder, words, *options):
        self.words, self.build, self.prefix = words, folder / "build", folder / "prefix"
        (folder / "subprojects").mkdir(parents=True)
        (folder / "subprojects" / "sluice").symlink_to(SOURCE)
        (folder / "meson.build").write_text(PARENT)
        (folder / "program.c").write_text(PROGRAM)
        result = run(["meson", "setup", self.build, folder, f"--prefix={self.prefix}", "--force-fallback-for=sluice", *options],
                     env=ENVIRONMENT)
        self.configured = checks.check(result.returncode == 0, f"{words}: the parent is configured:\n{result.stdout}")

    def introspect(self, name):
        """What Meson says of the build directory."""
        return json.loads((self.build / "meson-info" / f"intro-{name}.json").read_text())

    def targets(self):
        """{(name, kind)} of all targets."""
        return {(target["name"], target["type"]) for target in self.introspect("targets")}

    def commands(self):
        """(file of the source tree, or the parent's program.c, words) of each compilation of C."""
        for entry in json.loads((self.build / "compile_commands.json").read_text()):
            yield re.sub(r"^.*subprojects/sluice/", "", entry["file"]), entry["command"].split()

    def levels(self):
        """{optimisation levels} of the loops, of the rest of the library, of the parent."""
        found = {"loops": set(), "library": set(), "parent": set()}
        for path, words in self.commands():
            part = "loops" if path.startswith(OPTIMISED) else "parent" if path.endswith("program.c") else "library"
            if not path.startswith("perf/"):
                found[part].add(next(word for word in words if re.fullmatch(r"-O\w+", word)))
        return found


def check_options(checks, parent, kinds, loops, programs):
    """The library's kinds, its loops' optimisation, and whether the programs are there."""
    targets = parent.targets()
    found = {kind for name, kind in targets if name == "sluice" and kind.endswith("library")}
    checks.check(found == kinds, f"{parent.words}: the parent's default_library makes {kinds}; found {found}")
    levels = parent.levels()
    checks.check(levels == {"loops": {loops}, "library": {"-O0"}, "parent": {"-O0"}},
                 f"{parent.words}: the loops are compiled with {loops}, all else with -O0; found {levels}")
    made = {name for name, kind in targets if kind == "executable"} - {"consumer"}
    checks.check(bool(made) == programs, f"{parent.words}: programs {'are' if programs else 'and tests are not'} built; found {made}")
    checks.check(not any(name.startswith("test_") for name in made), f"{parent.words}: no test is built: {made}")


def check_arguments(checks, parent):
    """The contract's flag is the last of its kind in every compilation of loops; the parent gets none of the library's arguments."""
    loose, leaked = [], []
    for path, words in parent.commands():
        if path.startswith(OPTIMISED) and [word for word in words if word.startswith("-ffp-contract=")][-1:] != ["-ffp-contract=off"]:
            loose.append(f"{path}: {' '.join(words)}")
        if path.endswith("program.c"):
            ours = ("-ffp-contract=off", "-fvisibility", "-D_GNU_SOURCE", "-Wshadow", "-fopenmp", "-std=c11")
            leaked += [word for word in words if word.startswith(ours)]
    checks.check_none(loose, f"{parent.words}: the loops are compiled with -ffp-contract=off")
    checks.check_none(leaked, f"{parent.words}: none of the library's own arguments is used for the parent's program")


def check_installed(checks, parent, folder, expected):
    """A static library alone, installed: found by pkg-config without --static, and by CMake."""
    result = run(["meson", "install", "-C", parent.build, "--no-rebuild"], env=ENVIRONMENT)
    checks.check(result.returncode == 0, f"the parent is installed:\n{result.stdout}")
    libraries = [path.name for path in parent.prefix.rglob("libsluice*")]
    checks.check(libraries == ["libsluice.a"], f"the static library alone is installed: {libraries}")
    flags = staged_flags(parent.prefix, "--cflags", "--libs")
    found = compiled_answer(checks, "static-only, by pkg-config", ["cc", "-std=c11"], folder, flags)
    checks.check(found == expected, f"plain pkg-config links the static library: {expected!r} expected, {found!r} found")
    version = expected.split()[0]
    answers = cmake_answers(checks, "of a static-only prefix", folder, parent.prefix, version, "none")
    if answers is not None:
        checks.check(answers == {"default": expected, "static": expected},
                     f"CMake's programs, both static, print {expected!r}; found {answers}")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        stage(folder / "stage")
        flags = staged_flags(folder / "stage", "--cflags", "--libs")
        expected = compiled_answer(checks, "against this build", ["cc", "-std=c11"], folder, flags, staged_environment(folder / "stage"))

        static = Parent(checks, folder / "static", "a parent in debug with static libraries")
        if static.configured:
            check_options(checks, static, {"static library"}, "-O3", False)
            check_arguments(checks, static)
            result = run(["ninja", "-C", static.build], env=ENVIRONMENT)
            if checks.check(result.returncode == 0, f"the parent is built:\n{result.stdout}"):
                found = answer(checks, "as a subproject", static.build / "consumer")
                checks.check(found == expected, f"the subproject computes the same bits: {expected!r} expected, {found!r} found")
                check_installed(checks, static, folder, expected)

        shared = Parent(checks, folder / "shared", "a parent with shared libraries", "-Ddefault_library=shared",
                        "-Dsluice:programs=true", "-Dsluice:debug_loops=true", "-Dc_args=-ffp-contract=fast")
        if shared.configured:
            check_options(checks, shared, {"shared library"}, "-O0", True)
            check_arguments(checks, shared)
    checks.finish()


if __name__ == "__main__":
    main()
