#!/usr/bin/env python3
"""The order of rooms and files: nothing needs a room above its own, no files need each other in a circle, and folders stay small."""
import collections
import pathlib
import re

from support.checks import SOURCE, Checks
from support.tree import INCLUDE, ROOMS, needs, room_of, sources

MAX_FILES = 22  # of a folder: the most that one sees at a glance
ENDINGS = (".c", ".h", ".py", ".sh")
PAGE = SOURCE / "docs" / "architecture.md"


def place_of(path):
    """Where a file of src or perf stands in the order of the rooms; perf is above all of them, beside cli."""
    return ROOMS.index(room_of(path.removeprefix("src/"))) if path.startswith("src/") and room_of(path.removeprefix("src/")) else None


def check_arrow(checks, uses):
    """A room needs itself and the rooms before it; src does not need perf."""
    for place, room in enumerate(ROOMS):
        found = [f"{path} {why}, of {target}" for path, target, why in uses
                 if place_of(path) == place and (place_of(target) is None or place_of(target) > place)]
        found += [f"{path} includes {name}" for path, text in sources(f"src/{room}") if place_of(path) == place
                  for name in INCLUDE.findall(text) if name.startswith(("..", "tests/", "perf/"))]
        checks.check_none(found, f"src/{room} needs nothing of the rooms above it")
    shared = [f"{path} {why}, of {target}" for path, target, why in uses if path.startswith("src/program/") and why.startswith("incl")
              and ROOMS[1] <= (room_of(target.removeprefix("src/")) or "") and 0 < (place_of(target) or 0) < ROOMS.index("io")]
    checks.check_none(shared, "src/program sees base, io and the public header only")
    perf = [f"{path} {why}, of {target}" for path, target, why in uses if path.startswith("perf/") and target.startswith("src/cli/")]
    checks.check_none(perf, "perf needs nothing of the program sluice: both share src/program")
    mpi = [f"{path} includes {name}" for path, text in sources("src/mpi") for name in INCLUDE.findall(text)
           if not re.fullmatch(r"cli/cli_main\.h|mpi\.h|sluice\w*\.h|std\w+\.h|string\.h|limits\.h|sched\.h", name)]
    checks.check_none(mpi, "src/mpi includes MPI, the public headers and the commands' one entry only")
    python = [f"{path} includes {name}" for path, text in sources("python") for name in INCLUDE.findall(text)
              if not (re.fullmatch(r"(?:sluice\w*|Python|py_core|std\w+|string|limits)\.h", name))]
    checks.check_none(python, "the Python extension includes the public headers only")
    public = [f"{path} includes {name}" for path, text in sources("include") for name in INCLUDE.findall(text)
              if name not in ("stddef.h", "stdint.h") and not name.startswith("sluice")]
    checks.check_none(public, "the public headers include stddef.h, stdint.h and each other only")


def circles(edges):
    """The strongly connected components of more than one node (Tarjan), each sorted."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in edges[node]:
            if target not in index:
                visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in list(edges):
        if node not in index:
            visit(node)
    return found


def check_circles(checks, uses):
    """x.c and x.h are one node; no nodes need each other, directly or through others."""
    edges, reasons = collections.defaultdict(set), collections.defaultdict(list)
    for path, target, why in uses:
        nodes = tuple(str(pathlib.PurePath(name).with_suffix("")) for name in (path, target))
        if nodes[0] != nodes[1]:
            edges[nodes[0]].add(nodes[1])
            edges[nodes[1]]  # pylint: disable=pointless-statement
            reasons[nodes].append(f"{pathlib.PurePath(path).name} {why}")
    checks.check(len(edges) > 100, f"the search sees the project's files; it found {len(edges)}")
    for circle in circles(edges):
        inner = [f"{one} -> {other}: {'; '.join(sorted(reasons[one, other])[:3])}" for one in circle for other in sorted(edges[one])
                 if other in circle]
        checks.check_none(inner, f"{len(circle)} files need each other")
    checks.check(not circles(edges), "no circle of files")
    checks.check(circles({"a": ["b"], "b": ["c"], "c": ["b"]}) == [["b", "c"]], "a circle would be found")


def check_folders(checks):
    """A file's name says which it is, and a folder can be read at a glance."""
    names, folders = collections.defaultdict(list), collections.Counter()
    for path, _ in sources("src", "include", "perf", "tests", "python", "docs", "package", endings=ENDINGS):
        if not path.startswith("tests/contract/abi_"): # copies of a release's headers
            names[pathlib.PurePath(path).name].append(path)
        if not path.startswith(("docs/", "package/", "tests/golden/")):
            folders[path.rpartition("/")[0]] += 1
    checks.check_none([", ".join(paths) for paths in names.values() if len(paths) > 1], "every file name is used once")
    checks.check_none([f"{folder}: {count}" for folder, count in folders.items() if count > MAX_FILES],
                      f"no folder has more than {MAX_FILES} source files")


def check_page(checks):
    """docs/architecture.md speaks of files that exist, and of every room."""
    text = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(r"(?<![\w/.])((?:src|include|perf|python|tests|docs|package)/[\w./*-]*[\w*])")
    missing = [name for name in set(pattern.findall(text)) if not list(SOURCE.glob(name.removesuffix("/")))]
    checks.check_none(sorted(missing), "docs/architecture.md names paths of the tree")
    unnamed = [room for room in ROOMS if not re.search(rf"\b{room}\b", text)]
    checks.check_none(unnamed, "docs/architecture.md names every room")


def main():
    checks = Checks()
    uses = sorted(set(needs()))
    check_arrow(checks, uses)
    check_circles(checks, uses)
    check_folders(checks)
    check_page(checks)
    checks.finish()


if __name__ == "__main__":
    main()
