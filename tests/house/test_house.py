#!/usr/bin/env python3
"""The house rules that a machine can check: reserved headers, sizes, flags, calls that no library makes. See test_rooms, test_words."""
import json
import pathlib
import re

from support.checks import BUILD, SOURCE, Checks
from support.tree import INCLUDE, definitions, sources, without_comments

LIBRARY_ROOMS = ["base", "kernel", "model", "engine", "train", "io"]
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 80
MAX_ISA_LINES = 15
FAST_MATH = re.compile(r"-ffast-math|-Ofast|-funsafe-math-optimizations|-ffp-contract=(?:fast|on)|fast-math")
# Header: the files, relative to the top, that may include it.
ONLY = {
    r"(imm|x86|xmm|emm|avx\w*|fma)intrin\.h": r"src/kernel/isa/[^/]+",
    r"omp\.h": r"src/base/system/(?:openmp|thread_count|threads)\.c",
    r"(blis/)?blis\.h": r"src/engine/blis_gemm\.c",
    r"jansson\.h": r"src/(?:cli|program)/.+|perf/.+",
    r"mpi\.h": r"src/mpi/.+|perf/scale/mpi_exchange\.c",
    r"zlib\.h": r"src/io/zip/(?:crc32|inflate_input|zip_inflate)\.c|tests/support/formats/keras_cases\.h",
}
PRINTS = re.compile(r"\b(?:printf|vprintf|puts|putchar|perror|exit|_exit|abort|quick_exit)\s*\(|\b(?:stdout|stderr)\b")


def check_reserved_headers(checks):
    """Some headers are seen by one room, or one file, only."""
    for header, allowed in ONLY.items():
        found = []
        for path, text in sources("src", "include", "perf", "python"):
            for name in INCLUDE.findall(text):
                if re.fullmatch(header, name) and not re.fullmatch(allowed, path):
                    found.append(f"{path} includes {name}")
        checks.check_none(found, f"{header} is included only by {allowed}")
    pragmas = [path for path, text in sources("src", "perf") if re.search(r"#\s*pragma\s+omp|_Pragma\(\s*\"omp", text)
               and path != "src/base/system/threads.c"]
    checks.check_none(pragmas, "OpenMP directives stand only in src/base/system/threads.c")


def functions(text):
    """(first line, lines) of each function body of clang-formatted C: from a brace alone at the margin to its partner."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start + 1
            start = None


def check_sizes(checks):
    """Files, functions and the per-ISA files stay small."""
    scripts = [("dev", (SOURCE / "dev").read_text()), (".ci/run", (SOURCE / ".ci" / "run").read_text())]
    every = list(sources("src", "include", "tests", "perf", "python", "package", endings=(".c", ".h", ".py", ".pyi", ".sh"))) + scripts
    long_files = [f"{path}: {len(text.splitlines())} lines" for path, text in every if len(text.splitlines()) > MAX_FILE_LINES]
    checks.check_none(long_files, f"no file is longer than {MAX_FILE_LINES} lines")
    bodies = [(path, first, lines) for path, text in sources("src", "tests", "perf", "python") for first, lines in functions(text)]
    checks.check(len(bodies) > 50, f"the function count sees the project's functions; it found {len(bodies)}")
    checks.check_none([f"{path}:{first}: {lines} lines" for path, first, lines in bodies if lines > MAX_FUNCTION_LINES],
                      f"no function is longer than {MAX_FUNCTION_LINES} lines")
    isa_files = [(path, text) for path, text in sources("src/kernel") if pathlib.Path(path).name.startswith("isa_")]
    checks.check(len(isa_files) >= 3, f"one file per instruction set: {len(isa_files)} found, 3 expected")
    long_isa = [f"{path}: {len(text.splitlines())} lines" for path, text in isa_files if len(text.splitlines()) > MAX_ISA_LINES]
    checks.check_none(long_isa, f"an instruction set's file has at most {MAX_ISA_LINES} lines")


def check_calls(checks):
    """The library neither prints nor ends the process; nothing is left open; no flag bends arithmetic."""
    printing = [f"{path}: {match.group()}" for path, text in sources(*(f"src/{room}" for room in LIBRARY_ROOMS))
            for match in PRINTS.finditer(without_comments(text))]
    checks.check_none(printing, "the library prints nothing and never exits")
    open_ends = [path for path, text in sources("src", "include", "perf", "python", endings=(".c", ".h", ".py")) if re.search(r"\b(?:TODO|FIXME|XXX)\b", text)]
    checks.check_none(open_ends, "no TODO in the sources")
    tuned = [(path, text) for path, text in sources("src", "perf", "tests", "python", endings=(".c", ".h", ".build"))]
    tuned += [(name, (SOURCE / name).read_text()) for name in ("meson.build", "dev", ".ci/run")]
    comment = re.compile(r"\s*(?:#(?!\s*pragma)|\*|//|/\*)")
    bent = [f"{path}: {line.strip()}" for path, text in tuned for line in text.splitlines()
            if (FAST_MATH.search(line) or "optimize(" in line) and not comment.match(line)]
    checks.check_none(bent, "no flag, pragma or attribute asks for unsafe arithmetic")


def check_names(checks):
    """A name is defined once, so that the library and the programs link in every combination, also as archives."""
    defined = definitions()
    checks.check(len(defined) > 100, f"the search sees the project's functions; it found {len(defined)}")
    checks.check_none([f"{name}: {', '.join(sorted(paths))}" for name, paths in defined.items() if len(paths) > 1 and name != "main"],
                      "no two files define a function of one name")


def compile_commands():
    """Path from the top: list of the arguments of each compilation of a C file."""
    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.is_relative_to(SOURCE.resolve()):
            commands.setdefault(path.relative_to(SOURCE.resolve()).as_posix(), []).append(entry["command"].split())
    return commands


def check_flags(checks):
    """Every file is compiled with the contract's flags, and only the per-ISA files with instruction-set flags."""
    commands = compile_commands()
    missing = [path for path, _ in sources("src", endings=(".c",)) if path not in commands]
    checks.check_none(missing, "every source file is compiled")
    library = {path: lists for path, lists in commands.items() if path.startswith("src/")}
    checks.check_none([path for path, lists in library.items() for words in lists
                       if "-ffp-contract=off" not in words or "-fvisibility=hidden" not in words or "-std=c11" not in words],
                      "every source file is compiled as C11 with -ffp-contract=off and -fvisibility=hidden")
    checks.check_none([path for path, lists in commands.items() for words in lists if FAST_MATH.search(" ".join(words))],
                      "no file is compiled with unsafe arithmetic")
    machine = {path: {word for words in lists for word in words if re.match(r"-m(?!64$|32$)", word)}
               for path, lists in library.items()}
    avx2, avx512 = {"-mavx2", "-mfma", "-mf16c"}, {"-mavx512f"}
    expected = {"isa_avx2": avx2, "formats_avx2": avx2, "dot_avx2_vnni": avx2 | {"-mavxvnni"}, "isa_avx512": avx512,
                "formats_avx512": avx512, "dot_avx512_vnni": avx512 | {"-mavx512vnni"}, "dot_avx512_bf16": avx512 | {"-mavx512bf16"}}
    expected = {f"src/kernel/isa/{name}.c": flags for name, flags in expected.items()}
    checks.check_none([f"{path}: {' '.join(sorted(flags))}" for path, flags in machine.items() if flags and path not in expected],
                      "only an instruction set's own file is compiled with its flags")
    for path, flags in expected.items():
        if path in machine:
            checks.check(flags <= machine[path], f"{path} is compiled with {' '.join(sorted(flags))}")


def main():
    checks = Checks()
    for part in (check_reserved_headers, check_sizes, check_calls, check_names, check_flags):
        part(checks)
    checks.finish()


if __name__ == "__main__":
    main()
