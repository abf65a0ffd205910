"""What the script tests share: counting checks, running commands, and what the build directory says of itself.

A script names its checks in words, goes on after one that fails, and ends with the plain line that tests/support/tally.py reads.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("SLUICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", SOURCE / "build"))


class Checks:
    """Checks made so far; check() counts one."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, holds, words):
        """Count one check; print `words`, which say what should hold and what was found, if it does not. Return whether it holds."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {words}")
        return bool(holds)

    def check_none(self, findings, words):
        """Count one check that `findings` is empty; print each of them otherwise."""
        findings = list(findings)
        return self.check(not findings, words + "".join(f"\n    {finding}" for finding in findings))

    def finish(self):
        """Print the closing line and leave; a script that checked nothing fails."""
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(0 if self.passed and not self.failed else 1)


def run(command, **options):
    """The finished process of `command`, its output as text and its standard error with it unless asked otherwise."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **options}
    return subprocess.run([str(word) for word in command], check=False, **options)


def build_options():
    """Name: value of every Meson option of the build directory."""
    listing = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())
    return {option["name"]: option["value"] for option in listing}


def stage(directory):
    """
    Install the build under `directory` as `meson install` would under /, with a sluice.pc that says so (and passes on the build's
    sanitizers, without which nothing links with it). Return the staged prefix.
    """
    result = run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", directory])
    if result.returncode:
        raise RuntimeError(f"meson install failed:\n{result.stdout}")
    options = build_options()
    prefix = pathlib.Path(directory, *pathlib.Path(options["prefix"]).parts[1:])
    for pc in prefix.rglob("sluice.pc"):
        text = re.sub(r"^prefix=.*", f"prefix={prefix}", pc.read_text(), flags=re.MULTILINE)
        if options["b_sanitize"] != "none":
            text = re.sub(r"^(Cflags|Libs):", rf"\1: -fsanitize={options['b_sanitize']}", text, flags=re.MULTILINE)
        pc.write_text(text)
    return prefix


def staged_environment(directory):
    """An environment in which compilers, the loader and the shell find what stage() put under `directory`."""
    def folder_of(name):
        return next((str(path.parent) for path in sorted(pathlib.Path(directory).rglob(name)) if path.is_file()), "")
    path = os.pathsep.join([folder_of("sluice"), os.environ["PATH"]])
    return dict(os.environ, PKG_CONFIG_PATH=folder_of("sluice.pc"), LD_LIBRARY_PATH=folder_of("libsluice.so"), PATH=path)


def staged_flags(directory, *wanted):
    """pkg-config's answer for the sluice under `directory`, as a list of words."""
    result = run(["pkg-config", *wanted, "sluice"], env=staged_environment(directory))
    if result.returncode:
        raise RuntimeError(f"pkg-config failed:\n{result.stdout}")
    return result.stdout.split()
