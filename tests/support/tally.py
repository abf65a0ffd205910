#!/usr/bin/env python3
"""Sum the checks of finished `meson test` runs: tally.py BUILD... prints one line, `N passed, N failed`, and fails if any did.

Read from each build directory's log: Check's closing lines and the scripts' own. A test that ended badly without counting a
failure (a crash, a timeout, a leak found at exit) counts as one; so does a run that has no log or counted nothing.
"""
import json
import pathlib
import re
import sys

CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
PLAIN_LINE = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)


def count_test(record):
    """(passed, failed) of one test of the log."""
    text = record.get("stdout", "")
    passed = failed = 0
    for total, failures, errors in CHECK_LINE.findall(text):
        bad = int(failures) + int(errors)
        passed += int(total) - bad
        failed += bad
    for good, bad in PLAIN_LINE.findall(text):
        passed += int(good)
        failed += int(bad)
    if record["result"] not in ("OK", "EXPECTEDFAIL", "SKIP") and failed == 0:
        failed = 1
    return passed, failed


def count_build(build):
    """(passed, failed) of all tests of a build directory."""
    log = pathlib.Path(build, "meson-logs", "testlog.json")
    try:
        records = [json.loads(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError as error:
        print(f"tally: {error}", file=sys.stderr)
        return 0, 1
    counts = [count_test(record) for record in records]
    passed, failed = sum(good for good, _ in counts), sum(bad for _, bad in counts)
    return (passed, failed) if passed + failed else (0, 1)


def main(builds):
    counts = [count_build(build) for build in builds] or [(0, 1)]
    passed, failed = sum(good for good, _ in counts), sum(bad for _, bad in counts)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
