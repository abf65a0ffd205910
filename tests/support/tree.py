"""The sources as the house's checks see them: text files of folders, C without comments, nodes of files and what they need."""
import functools
import re

from support.checks import SOURCE

# The rooms in their order: a file needs its own room and those before it. A folder belongs to its nearest room.
ROOMS = ["base", "base/system", "kernel", "model", "engine", "engine/schedule", "engine/tape", "engine/forward", "engine/backward", "engine/api", "train", "train/ranks",
         "io", "program", "cli", "mpi"]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)
DEFINITION = re.compile(r"^(?!static\b)[a-z][\w ,*]*?\b(\w+)\([^;{]*\)\n\{", re.MULTILINE)
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


@functools.lru_cache(maxsize=None)
def read(path):
    """The text of a file of the tree."""
    return path.read_text(encoding="utf-8")


def sources(*folders, endings=(".c", ".h")):
    """The text files of folders of the tree, as (path from the top, text)."""
    for folder in folders:
        for path in sorted((SOURCE / folder).rglob("*")):
            if path.suffix in endings and path.is_file():
                yield path.relative_to(SOURCE).as_posix(), read(path)


def without_comments(text):
    """C text with comments and string literals blanked, lines kept. The name of an included file is a string literal."""
    return TOKEN.sub(lambda match: "\n" * match.group().count("\n") or '""', text)


def room_of(path):
    """The room of a file or an include, by its path from src/; None: outside of src/."""
    folders = path.split("/")[:-1]
    while folders and "/".join(folders) not in ROOMS:
        folders.pop()
    return "/".join(folders) or None


def definitions():
    """{name of an external function: {files that define it}} of src and perf."""
    defined = {}
    for path, text in sources("src", "perf", endings=(".c",)):
        for name in DEFINITION.findall(without_comments(text)):
            defined.setdefault(name, set()).add(path)
    return defined


def bodies(text):
    """The function bodies of clang-formatted C, as one text: a header's declarations are no use of what they declare."""
    return "\n".join(re.findall(r"^\{$.*?^\}", text, re.DOTALL | re.MULTILINE))


def needs():
    """[(file, file that it needs, why)] within src and perf, by its includes and by the functions whose names it uses."""
    files = dict(sources("src", "perf"))
    owner = {name: next(iter(paths)) for name, paths in definitions().items() if len(paths) == 1}
    for path, text in files.items():
        for name in INCLUDE.findall(text):
            for target in (f"src/{name}", name, f"{path.rpartition('/')[0]}/{name}"):
                if target in files:
                    yield path, target, f"includes {name}"
        code = without_comments(text)
        for name in set(re.findall(r"\b[a-z]\w+\b", code if path.endswith(".c") else bodies(code))):
            if name in owner and owner[name] != path:
                yield path, owner[name], f"uses {name}()"
