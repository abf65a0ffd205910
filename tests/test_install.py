#!/usr/bin/env python3
"""What `meson install` leaves behind, in a staging directory: the files, the symbols, and that programs build against it."""
import pathlib
import re
import tempfile

from support.checks import SOURCE, Checks, run, stage, staged_environment, staged_flags

PROGRAM = r"""
#include <sluice.h>
#include <stdio.h>
int main(void)
{
    sluice_model *model = NULL;
    const sluice_shape shape = {.layers = 1, .directions = 1, .inputs = 3, .hidden = 5};
    if (sluice_model_create_random(&shape, 1, &model, NULL))
        return 1;
    sluice_model_destroy(model);
    printf("%s\n", sluice_version_get());
    return 0;
}
"""
HEADERS = ["sluice.h", "sluice_train.h"]
PROGRAMS = ["sluice", "sluice-bench"]
PAGES = [*PROGRAMS, "sluice-run", "sluice-train", "sluice-info"]


def header_version(text):
    """MAJOR.MINOR.PATCH as the header's macros have it."""
    return ".".join(re.search(rf"#define SLUICE_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH"))


def check_files(checks, directory, prefix, version):
    """Header, both libraries with their links, the pkg-config file, the programs, their pages and completions; nothing else."""
    found = {path.name for path in prefix.rglob("*") if path.is_file() or path.is_symlink()}
    major = version.split(".")[0]
    expected = {*HEADERS, "libsluice.a", "libsluice.so", f"libsluice.so.{major}", f"libsluice.so.{version}", "sluice.pc", "sluice",
                "sluice-bench", "_sluice", "_sluice-bench", *(f"{page}.1" for page in PAGES)}
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
    declared = set(re.findall(r"\b(sluice_\w+)\(", re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)))
    shown = symbols(next(prefix.rglob("libsluice.so")), "--dynamic")
    checks.check(shown == declared, f"declared but not exported: {sorted(declared - shown)}; exported but not declared: "
                                    f"{sorted(shown - declared)}")
    foreign = [name for name in symbols(next(prefix.rglob("libsluice.a"))) if not name.startswith(("sluice_", "sl_"))]
    checks.check_none(sorted(foreign), "every external symbol of libsluice.a begins with sluice_ or sl_")


def check_program(checks, directory, version, words, link):
    """PROGRAM builds with pkg-config's flags and `link`, without a warning, and prints the version."""
    source, binary = pathlib.Path(directory, "program.c"), pathlib.Path(directory, "program")
    source.write_text(PROGRAM)
    compiled = run(["cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, "-o", binary, *link])
    if checks.check(compiled.returncode == 0, f"a program builds {words}:\n{compiled.stdout}"):
        result = run([binary], env=staged_environment(directory))
        checks.check(result.returncode == 0 and result.stdout == version + "\n",
                     f"the program built {words} prints {version}; status {result.returncode}, output {result.stdout!r}")


def check_cxx(checks, directory):
    """The header is C++ as well, where there is a C++ compiler."""
    if run(["sh", "-c", "command -v c++"]).returncode == 0:
        source = pathlib.Path(directory, "header.cc")
        source.write_text("#include <sluice.h>\nint main() { return sluice_version_get() == nullptr; }\n")
        flags = ["-std=c++11", "-Wall", "-Wextra", "-Werror", *staged_flags(directory, "--cflags")]
        compiled = run(["c++", *flags, "-fsyntax-only", source])
        checks.check(compiled.returncode == 0, f"the header compiles as C++:\n{compiled.stdout}")


def main():
    checks = Checks()
    header = "".join((SOURCE / "include" / name).read_text() for name in HEADERS)
    version = header_version(header)
    with tempfile.TemporaryDirectory() as directory:
        prefix = stage(directory)
        check_files(checks, directory, prefix, version)
        check_symbols(checks, prefix, header)
        check_program(checks, directory, version, "shared", staged_flags(directory, "--cflags", "--libs"))
        archive = staged_flags(directory, "--static", "--cflags", "--libs")
        archive = [str(next(prefix.rglob("libsluice.a"))) if word == "-lsluice" else word for word in archive]
        check_program(checks, directory, version, "with the static library", archive)
        check_cxx(checks, directory)
    checks.finish()


if __name__ == "__main__":
    main()
