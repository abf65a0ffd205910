#!/usr/bin/env python3
"""A program that was compiled against the headers of 0.4 runs with this tree's library: declarations stay and structs only grow."""
import pathlib
import re
import shutil
import tempfile

from support.checks import BUILD, SOURCE, Checks, build_options, run

FROZEN = SOURCE / "tests" / "contract" / "abi_0_4"
HEADERS = ["sluice_train.h", "sluice_tools.h"]
STRUCT = re.compile(r"typedef (struct|enum) (\w+) \{([^}]*)\}")


def declarations(folder):
    """The public declarations of the headers in a folder, blanks made one."""
    include = [option for name in HEADERS for option in ("-include", folder / name)]
    return " ".join(run(["cc", "-E", "-P", "-DSLUICE_DECLARATIONS_ONLY", *include, "-x", "c", "/dev/null"]).stdout.split())


def members(text):
    """{type: its fields, or its enumerators, in order}"""
    return {name: [part.strip() for part in re.split("[;,]" if kind == "enum" else ";", body) if part.strip()]
            for kind, name, body in STRUCT.findall(text)}


def sizes(folder, names, directory):
    """{type: bytes} as the compiler has them."""
    source, binary = pathlib.Path(directory, "sizes.c"), pathlib.Path(directory, "sizes")
    lines = "".join(f'    printf("{name} %zu\\n", sizeof({name}));\n' for name in names)
    includes = "".join(f"#include <{name}>\n" for name in HEADERS)
    source.write_text(f"{includes}#include <stdio.h>\nint main(void)\n{{\n{lines}    return 0;\n}}\n")
    run(["cc", "-I", folder, source, "-o", binary])
    return {name: int(size) for name, size in map(str.split, run([binary]).stdout.splitlines())}


def check_declarations(checks, directory):
    """What the frozen headers declare is declared alike; structs and enumerations have the same beginnings."""
    old, new = declarations(FROZEN), declarations(SOURCE / "include")
    functions = [set(re.findall(r"[^;{}]*\bsluice_\w+\([^;{}]*\)(?=;)", re.sub(r"\{[^}]*\}", "", text))) for text in (old, new)]
    gone = [words.strip() for words in functions[0] - functions[1]]
    checks.check(len(functions[0]) > 50, f"the frozen headers declare functions; {len(functions[0])} found")
    checks.check_none(sorted(gone), "every function of the frozen headers is declared as it was")
    before, now = members(old), members(new)
    checks.check(len(before) > 20, f"the frozen headers declare structs and enumerations; {len(before)} found")
    checks.check_none([name for name in before if now.get(name, [])[:len(before[name])] != before[name]],
                      "structs and enumerations begin with what they had")
    bytes_before, bytes_now = (sizes(folder, before, directory) for folder in (FROZEN, SOURCE / "include"))
    grown = [name for name in before if len(now.get(name, [])) > len(before[name]) and before[name][0] == "size_t struct_size"]
    checks.check_none([name for name in grown if bytes_now[name] <= bytes_before[name]],
                      "a new field makes its struct larger: it does not stand in padding that older programs leave unset")
    checks.check(bytes_now["sluice_error"] == bytes_before["sluice_error"], "sluice_error, which has no struct_size, keeps its size")


def grow(directory):
    """Copies of the tree's headers as a later release may have them: every struct that can grow has a field more."""
    for path in (SOURCE / "include").glob("*.h"):
        text = re.sub(r"(typedef struct (\w+) \{\n    size_t struct_size;[^}]*)\} \2;", r"\1    size_t later[2];\n} \2;", path.read_text())
        pathlib.Path(directory, path.name).write_text(text)


def answer(checks, words, directory, flags):
    """What the program prints, compiled with these flags and run with the tree's library."""
    binary, files = pathlib.Path(directory, "program"), pathlib.Path(directory, "files")
    files.mkdir(exist_ok=True)
    library = BUILD / "src"
    built = run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", *flags, FROZEN / "abi_program.c",
                 "-L", library, f"-Wl,-rpath,{library}", "-lsluice", "-o", binary])
    if not checks.check(built.returncode == 0, f"the program builds {words}:\n{built.stdout}"):
        return ""
    result = run([binary, files])
    checks.check(result.returncode == 0, f"the program runs {words}: {result.stdout}")
    shutil.rmtree(files)
    return result.stdout


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        check_declarations(checks, directory)
        if build_options()["b_sanitize"] != "none" or not (BUILD / "src" / "libsluice.so").exists():
            print("skipped: the program, for there is no shared library here, or it has sanitizers")
        else:
            later = pathlib.Path(directory, "later")
            later.mkdir()
            grow(later)
            expected = answer(checks, "with the tree's headers", directory, ["-I", SOURCE / "include"])
            checks.check(expected.endswith("of version 1\n"), f"the program computes: {expected!r}")
            for words, flags in (("with the frozen headers", ["-I", FROZEN]), ("with later headers", ["-I", later, "-DGROWN"])):
                found = answer(checks, words, directory, flags)
                checks.check(found == expected, f"{words} it computes the same: {found!r}")
    checks.finish()


if __name__ == "__main__":
    main()
