#!/usr/bin/env python3
"""perf/count.sh over made-up figures: stand-ins for ninja, valgrind and the program print them, in a tree of their own."""
import os
import pathlib
import shutil
import tempfile

from support.checks import SOURCE, Checks, run

COMPILER = "gcc 1.2.3 (release)"
FIGURES = {"lone": 10000, "many-rows": 1234567}
FUNCTIONS = ["sluice_forward", "sluice_backward", "sl_tape_fit"]
SKIPPED = 77

# What callgrind writes, as far as it is read; FIGURES_NOW holds lines of a case and its instructions.
VALGRIND = """#!/bin/sh
for word; do
    case "$word" in --callgrind-out-file=*) out=${word#*=} ;; esac
    name=$word
done
grep "^$name " "${0%/*}/now" >/dev/null || { echo "count: this machine has no AVX2"; exit 77; }
printf 'version: 1\\nevents: Ir\\nsummary: %s\\n\\nfn=(1) x\\n1 5\\ntotals: 7\\n' "$(sed -n "s/^$name //p" "${0%/*}/now")" >"$out"
"""


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def lines(figures):
    return "".join(f"{name} {count}\n" for name, count in figures.items())


class Tree:
    """A checkout with count.sh, committed figures, and a build whose program has the figures `now`."""

    def __init__(self, folder):
        self.folder = folder
        self.figures = folder / "perf" / "counts.txt"
        self.tools = folder / "tools"
        (folder / "perf").mkdir()
        shutil.copy(SOURCE / "perf" / "count.sh", folder / "perf" / "count.sh")
        write(self.tools / "ninja", "#!/bin/sh\n", 0o755)
        write(self.tools / "valgrind", VALGRIND, 0o755)
        self.set_functions(FUNCTIONS)
        write(folder / "build" / "build.ninja", "")
        write(self.figures, f"# Made up.\ncompiler {COMPILER}\n{lines(FIGURES)}")
        self.set_now(FIGURES)

    def set_functions(self, names):
        """The functions that nm lists."""
        write(self.tools / "nm", "#!/bin/sh\n" + "".join(f"echo '0000000000001000 T {name}'\n" for name in names), 0o755)

    def set_now(self, figures, compiler=COMPILER, counted=None):
        """What is counted from now on; `counted` if that is less than what the program lists."""
        listing = "".join(f"echo {name} 100 T=1 N=1\n" for name in figures)
        write(self.folder / "build" / "perf" / "count", f"#!/bin/sh\necho 'compiler {compiler}'\n{listing}", 0o755)
        write(self.tools / "now", lines(figures if counted is None else counted))

    def count(self, *words, path=None):
        path = path or f"{self.tools}{os.pathsep}{os.environ['PATH']}"
        return run([self.folder / "perf" / "count.sh", *words], env=dict(os.environ, PATH=path))


def scaled(factor):
    return dict(FIGURES, **{"many-rows": int(FIGURES["many-rows"] * factor)})


def check_comparison(checks, tree):
    """Growth by more than 1 % fails and names the case and the remedy; less passes; a fall is reported."""
    cases = [(1, 0, "2 passed, 0 failed", []), (1.005, 0, "2 passed, 0 failed", []), (1.0099, 0, "2 passed, 0 failed", []),
             (1.0101, 1, "1 passed, 1 failed", ["FAILED: many-rows", "+1.01 %", "perf/count.sh --renew"]),
             (1.03, 1, "1 passed, 1 failed", ["FAILED: many-rows", "+3.00 %", "perf/count.sh --renew"]),
             (0.97, 0, "2 passed, 0 failed", ["note: many-rows", "-3.00 %", "perf/count.sh --renew"])]
    for factor, status, last, parts in cases:
        tree.set_now(scaled(factor))
        result = tree.count("--check")
        found = result.stdout.splitlines()
        checks.check(result.returncode == status and found[-1] == last and all(part in result.stdout for part in parts),
                     f"{factor} times the instructions: expected status {status}, {last!r} and {parts}, "
                     f"found {result.returncode}:\n{result.stdout}")
        checks.check(status or parts or not any(word in result.stdout for word in ("FAILED", "note", "renew")),
                     f"{factor} times the instructions are no news: {result.stdout}")
    tree.set_now(FIGURES)
    table = tree.count().stdout.splitlines()
    checks.check([line.split() for line in table[1:]] == [["lone", "T=1", "N=1", "100", "100", "10000"],
                                                          ["many-rows", "T=1", "N=1", "100", "12345", "1234567"]],
                 f"the table has steps, instructions of each and of the call: {table}")


def check_names(checks, tree):
    """A case on one side only fails."""
    tree.set_now(dict(FIGURES, new=5))
    result = tree.count("--check")
    checks.check(result.returncode == 1 and "new is not in perf/counts.txt" in result.stdout
                 and result.stdout.endswith("2 passed, 1 failed\n"), f"a case without a figure: {result.stdout}")
    tree.set_now({"lone": FIGURES["lone"]})
    result = tree.count("--check")
    checks.check(result.returncode == 1 and "many-rows of perf/counts.txt is not counted" in result.stdout
                 and result.stdout.endswith("1 passed, 1 failed\n"), f"a figure without a case: {result.stdout}")


def check_skips(checks, tree):
    """Without valgrind, without AVX2 and with another compiler nothing is said about the figures."""
    bare = tree.folder / "bare"
    bare.mkdir()
    for tool in ("bash", "env", "readlink", "dirname", "cat", "sed", "grep", "mktemp", "rm"):
        (bare / tool).symlink_to(shutil.which(tool))
    tree.set_now(FIGURES)
    found = tree.count("--check", path=str(bare))
    checks.check(found.returncode == SKIPPED and "no valgrind" in found.stdout, f"no valgrind: {found.returncode} {found.stdout}")
    tree.set_now(FIGURES, counted={})
    found = tree.count("--check")
    checks.check(found.returncode == SKIPPED and "no AVX2" in found.stdout, f"no AVX2: {found.returncode} {found.stdout}")
    tree.set_now(scaled(2), compiler="gcc 12.2.0 (release)")
    found = tree.count("--check")
    checks.check(found.returncode == SKIPPED and COMPILER in found.stdout and "gcc 12.2.0" in found.stdout,
                 f"another compiler: {found.returncode} {found.stdout}")


def check_renewal(checks, tree):
    """--renew writes what --check then holds against, the compiler with it; not from a build for debugging."""
    tree.set_now(FIGURES, compiler="gcc 12.2.0 (debug)")
    found = tree.count("--renew")
    checks.check(found.returncode == 2 and COMPILER in tree.figures.read_text(), f"a debug build: {found.stdout}")
    tree.set_now(dict(scaled(1.5), new=5), compiler="gcc 12.2.0 (release)")
    found = tree.count("--renew")
    text = tree.figures.read_text()
    checks.check(found.returncode == 0 and "compiler gcc 12.2.0 (release)\n" in text and text.count("compiler") == 1
                 and text.endswith(lines(dict(scaled(1.5), new=5))), f"renewed figures: {found.stdout}\n{text}")
    found = tree.count("--check")
    checks.check(found.returncode == 0 and found.stdout.endswith("3 passed, 0 failed\n"), f"after renewal: {found.stdout}")
    tree.figures.unlink()
    found = tree.count("--check")
    checks.check(found.returncode == 1 and "perf/count.sh --renew" in found.stdout, f"without figures: {found.stdout}")


def check_functions(checks, tree):
    """A function that was renamed, at which callgrind would not turn counting on or off, fails by its name."""
    for name in FUNCTIONS:
        tree.set_functions([other if other != name else f"{name}_new" for other in FUNCTIONS])
        found = tree.count("--check")
        checks.check(found.returncode == 1 and f"no function {name};" in found.stdout, f"without {name}: {found.stdout}")


def check_errors(checks, tree):
    tree.set_now({"lone": ""})
    found = tree.count()
    checks.check(found.returncode == 1 and "lone was not counted" in found.stdout, f"no figure from callgrind: {found.stdout}")
    for words in (["--frob"], ["--build"], ["--build", "nowhere"]):
        found = tree.count(*words)
        checks.check(found.returncode == 2 and "count.sh: " in found.stdout, f"{words}: {found.returncode} {found.stdout}")


def main():
    checks = Checks()
    for part in (check_comparison, check_names, check_skips, check_renewal, check_functions, check_errors):
        with tempfile.TemporaryDirectory() as folder:
            part(checks, Tree(pathlib.Path(folder)))
    checks.finish()


if __name__ == "__main__":
    main()
