#!/usr/bin/env python3
"""Which share of the library's lines the tests execute: coverage.py BUILD builds there, runs the tests, and prints it for each room.

The tests are those in C: scripts test the programs, what is installed, and what they print, for which this build is another.
The library is src without its programs' part (program, cli). A line counts once, however often it is compiled (static and shared,
each instruction set); it is covered if any of these was executed. A vocabulary of an instruction set that this CPU lacks counts
nothing. The status is 1 if a test failed, or the share is below LEAST.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.checks import SOURCE
from support.tree import ROOMS, room_of

LEAST = 95.0
PROGRAMS = ("program", "cli")
SETUP = ["--buildtype=debugoptimized", "-Db_coverage=true", "-Ddefault_library=static", "-Dprograms=true", "-Dtests=true", "-Dpython=false"]


def run_tests(build):
    """Build and test, with the counts of an earlier run forgotten; whether all passed."""
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", build, *SETUP], check=True)
    subprocess.run(["ninja", "-C", build], check=True)
    for counts in build.rglob("*.gcda"):
        counts.unlink()
    test = ["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", "--no-suite", "exhaustive", "--no-suite", "script"]
    return subprocess.run(test, check=False, env={"SLUICE_TEST_DEPTH": "light", **os.environ}).returncode == 0


def lines_of(build):
    """{file of the library, from the top: {line: whether it was executed}}."""
    lines = collections.defaultdict(dict)
    has_avx512 = re.search(r"\bavx512f\b", pathlib.Path("/proc/cpuinfo").read_text())
    for notes in sorted(build.rglob("src/**/*.gcno")):
        result = subprocess.run(["gcov", "--json-format", "--stdout", notes], check=True, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, cwd=build)
        for document in result.stdout.splitlines():
            for file in json.loads(document)["files"]:
                path = os.path.relpath(build / file["file"], SOURCE)
                room = room_of(path.removeprefix("src/"))
                if not path.startswith("src/") or room is None or room.split("/")[0] in PROGRAMS:
                    continue
                if "avx512" in path and not has_avx512:
                    continue
                for line in file["lines"]:
                    number = line["line_number"]
                    lines[path][number] = lines[path].get(number, False) or line["count"] > 0
    return lines


def ranges(numbers):
    """Line numbers as text: 3-5, 9."""
    parts = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    passed = run_tests(build)
    lines = lines_of(build)
    rooms = collections.defaultdict(lambda: [0, 0])
    for path, of_file in sorted(lines.items()):
        missed = [number for number, executed in of_file.items() if not executed]
        if missed:
            print(f"{path}: {ranges(missed)}")
        for total in (rooms[room_of(path.removeprefix("src/"))], rooms["all"]):
            total[0] += len(of_file) - len(missed)
            total[1] += len(of_file)
    for room in [*ROOMS, "all"]:
        if rooms[room][1]:
            executed, total = rooms[room]
            print(f"{room:16} {executed:5} of {total:5} lines  {100 * executed / total:5.1f} %")
    share = 100 * rooms["all"][0] / max(rooms["all"][1], 1)
    print(f"{share:.1f} % of the library's lines are executed; expected: at least {LEAST} %")
    return 0 if passed and share >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
