#!/usr/bin/env python3
"""What `meson install` leaves behind, in a staging directory: the files, the symbols, and that programs build against it."""
import os
import pathlib
import re
import shutil
import tempfile

from support.checks import BUILD, SOURCE, Checks, build_options, run, stage, staged_environment, staged_flags
from support.consumer import cmake_answers, compiled_answer

FILES = ["sluice.pc", "sluice-config.cmake", "sluice-config-version.cmake"]
HEADERS = ["sluice.h", "sluice_network.h", "sluice_tools.h", "sluice_train.h"]
PROGRAMS = ["sluice", "sluice-bench"]
PAGES = [*PROGRAMS, "sluice-run", "sluice-train", "sluice-evaluate", "sluice-merge", "sluice-info", "sluice-convert"]


def header_version(text):
    """MAJOR.MINOR.PATCH as the header's macros have it."""
    return ".".join(re.search(rf"#define SLUICE_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH"))


def check_files(checks, directory, prefix, version):
    """Headers, both libraries with their links, what finds them, the programs, their pages and completions; nothing else."""
    found = {path.name for path in prefix.rglob("*") if not path.is_dir()}
    major, minor, _ = version.split(".")
    soversion = f"{major}.{minor}" if major == "0" else major
    expected = {*HEADERS, *FILES, *PROGRAMS, "libsluice.a", "libsluice.so", f"libsluice.so.{soversion}", f"libsluice.so.{version}",
                *(f"_{program}" for program in PROGRAMS), *(f"{page}.1" for page in PAGES)}
    if (BUILD / "src" / "mpi" / "sluice-mpi").exists():
        expected |= {"sluice-mpi", "sluice-mpi.1"}
    checks.check(found == expected, f"the installed files are {sorted(expected)}; found {sorted(found)}")
    for name in HEADERS:
        same = (prefix / "include" / name).read_bytes() == (SOURCE / "include" / name).read_bytes()
        checks.check(same, f"the installed {name} is include/{name}")
    places = [*(f"share/man/man1/{page}.1" for page in PAGES), *(f"bin/{program}" for program in PROGRAMS),
              *(f"share/bash-completion/completions/{program}" for program in PROGRAMS),
              *(f"share/zsh/site-functions/_{program}" for program in PROGRAMS)]
    checks.check_none([place for place in places if not (prefix / place).is_file()],
                      "programs, pages and completions are where they are looked for")
    checks.check(staged_flags(directory, "--modversion") == [version], f"sluice.pc has the version {version}")


def symbols(path, *options):
    """Names of the external symbols that a library defines, but for those that tools add."""
    lines = run(["nm", "--defined-only", "--extern-only", "--format=posix", *options, path]).stdout.splitlines()
    names = {line.split()[0] for line in lines if len(line.split()) > 1}
    return {name for name in names if not name.startswith(("__", "_init", "_fini", "_edata", "_end"))}


def check_symbols(checks, prefix, header):
    """The shared library shows the header's functions, all and only; the static one hides nothing under a foreign name."""
    header = re.sub(r"/\*.*?\*/|\btypedef void sluice_\w+\(", "", header, flags=re.DOTALL)  # comments, and types of functions
    declared = set(re.findall(r"\b(sluice_\w+)\(", header))
    shown = symbols(next(prefix.rglob("libsluice.so")), "--dynamic")
    checks.check(declared <= shown <= declared, f"declared but not exported: {sorted(declared - shown)}; exported but not declared: "
                                    f"{sorted(shown - declared)}")
    foreign = [name for name in symbols(next(prefix.rglob("libsluice.a"))) if not name.startswith(("sluice_", "sl_"))]
    checks.check_none(sorted(foreign), "every external symbol of libsluice.a begins with sluice_ or sl_")


def check_flags(checks, directory):
    """pkg-config's words for the linker: each once, and what the library itself needs only for a static link."""
    shared, static = (staged_flags(directory, *options, "--libs-only-l", "--libs-only-other") for options in ([], ["--static"]))
    added = [word for word in shared if "sanitize" in word]
    checks.check(shared == ["-lsluice", *added] or shared == [*added, "-lsluice"], f"pkg-config --libs has -lsluice alone: {shared}")
    needed = sorted(["-lsluice", *added, "-lblis", "-lz", "-lm", "-fopenmp", "-pthread", "-Wl,-z,nodelete"])
    checks.check(sorted(static) == needed, f"pkg-config --static --libs has {needed}: {static}")


def check_programs_run(checks, prefix):
    """The installed programs run where they are, and sluice with the library beside it, though no variable says where that is."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    for program in ("sluice", "sluice-bench"):
        result = run([prefix / "bin" / program, "--version"], env=environment)
        checks.check(result.returncode == 0, f"{program} --version runs from its prefix:\n{result.stdout}")
    if build_options()["prefix"] == "/usr":
        print("skipped: the path to the library, for the prefix is /usr")
        return
    listed = re.search(r"libsluice\.so\S* => (\S+)", run(["ldd", prefix / "bin" / "sluice"], env=environment).stdout)
    found = pathlib.Path(listed.group(1)).resolve() if listed else None
    checks.check(found and found.is_relative_to(prefix.resolve()), f"bin/sluice runs with the library under {prefix}, not {found}")


def check_compilers(checks, directory, expected):
    """Programs in C99 and C++11 build with each compiler that is here, without a warning, and compute the same."""
    flags, environment = staged_flags(directory, "--cflags", "--libs"), staged_environment(directory)
    sanitized = build_options()["b_sanitize"] != "none"
    compilers = [name for name in (["cc"] if sanitized else ["cc", "clang"]) if shutil.which(name)]
    cxx = [name for name in (["c++"] if sanitized else ["g++", "clang++"]) if shutil.which(name)]
    if not cxx:
        print("skipped: C++: no compiler here")
    for compiler in compilers + cxx:
        standard = "-std=c++11" if compiler in cxx else "-std=c99"
        found = compiled_answer(checks, f"by {compiler} {standard}", [compiler, standard], directory, flags, environment)
        checks.check(found == expected, f"the program built by {compiler} {standard} prints {expected!r}; found {found!r}")


def check_static(checks, directory, prefix, expected):
    """The static library links with the words of pkg-config --static, and so does a program that has no shared library at all."""
    flags = staged_flags(directory, "--static", "--cflags", "--libs")
    archive = [str(next(prefix.rglob("libsluice.a"))) if word == "-lsluice" else word for word in flags]
    links = {"with the static library": archive}
    if build_options()["b_sanitize"] == "none":
        links["wholly static"] = ["-static", *flags]
    for words, link in links.items():
        found = compiled_answer(checks, words, ["cc", "-std=c11"], directory, link)
        checks.check(found == expected, f"the program built {words} prints {expected!r}; found {found!r}")


def main():
    checks = Checks()
    header = "".join((SOURCE / "include" / name).read_text() for name in HEADERS)
    version = header_version(header)
    with tempfile.TemporaryDirectory() as directory:
        prefix = stage(directory)
        check_files(checks, directory, prefix, version)
        check_symbols(checks, prefix, header)
        check_flags(checks, directory)
        check_programs_run(checks, prefix)
        link = staged_flags(directory, "--cflags", "--libs")
        expected = compiled_answer(checks, "shared", ["cc", "-std=c11"], directory, link, staged_environment(directory))
        checks.check(expected.startswith(version + " "), f"the program prints the version {version}: {expected!r}")
        check_compilers(checks, directory, expected)
        check_static(checks, directory, prefix, expected)
        answers = cmake_answers(checks, "of the staged build", directory, prefix, version, build_options()["b_sanitize"])
        if answers is not None:
            checks.check(answers == {"default": expected, "static": expected},
                         f"CMake's programs, shared and static, print {expected!r}; found {answers}")
    checks.finish()


if __name__ == "__main__":
    main()
