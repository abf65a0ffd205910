#!/usr/bin/env python3
"""The library from Python, as a user of ctypes or cffi has it: declarations that cffi parses, and the bits of the program."""
import ctypes
import importlib.util
import os
import pathlib
import re
import tempfile

from support.checks import BUILD, SOURCE, Checks, build_options, run
from support.cli import read_npy, sluice, write_npy

MODEL = SOURCE / "perf" / "langid" / "langid.safetensors"
HEADERS = [SOURCE / "include" / name for name in ("sluice.h", "sluice_train.h", "sluice_tools.h", "sluice_network.h")]
WORDS = [b"lucciola", b"heureusement", b"thoughtfulness", b"bo"]
STEPS, CLASSES = max(map(len, WORDS)), 8
# What may be left of the headers, once bodies in braces are gone: types, functions, constants.
STATEMENT = re.compile(r"(?:typedef (?:struct|enum) \w+ (?:\{\} )?\w+|enum \{\}|(?:typedef |const )?\w+ \*?sluice_\w+ ?\([^(){}]*\))")


def padded_tokens():
    """[N][T] bytes of the words, zeros behind."""
    return [token for word in WORDS for token in word.ljust(STEPS, b"\0")]


def program_logits(directory):
    """The logits of the words as `sluice run` writes them, [N][C] flat."""
    tokens = write_npy(pathlib.Path(directory, "tokens.npy"), (len(WORDS), STEPS), padded_tokens(), "|u1")
    lengths = write_npy(pathlib.Path(directory, "lengths.npy"), (len(WORDS),), list(map(len, WORDS)), "<i8")
    logits = pathlib.Path(directory, "logits.npy")
    result = sluice("run", MODEL, "--input", tokens, "--lengths", lengths, "--head", logits)
    if result.returncode:
        raise RuntimeError(f"sluice run failed: {result.stderr.decode()}")
    return read_npy(logits)[1]


def declarations(*headers, language="c"):
    """What the headers' own comment says to do for other languages; without headers, for all of them."""
    include = [option for header in headers or HEADERS for option in ("-include", header)]
    return run(["cc", "-E", "-P", "-x", language, "-DSLUICE_DECLARATIONS_ONLY", *include, os.devnull]).stdout


def check_declarations(checks, text):
    """Nothing but declarations is left, of every function that the headers declare."""
    foreign = re.findall(r"^\s*#.*|\b__\w+|\bextern\b|/\*|//", text, flags=re.MULTILINE)
    checks.check_none(foreign, "the declarations hold no directive, attribute, linkage or comment")
    bare = re.sub(r"\{[^{}]*\}", "{}", text)
    statements = [" ".join(statement.split()) for statement in bare.split(";")]
    checks.check_none([words for words in statements if words and not STATEMENT.fullmatch(words)], "every declaration is a plain one")
    code = re.sub(r"/\*.*?\*/", "", "".join(header.read_text() for header in HEADERS), flags=re.DOTALL)
    declared, left = (set(re.findall(r"\b(sluice_\w+) ?\(", source)) for source in (code, text))
    checks.check(left == declared and len(left) > 40, f"every function is declared: {sorted(left ^ declared)} differ")
    checks.check(declarations(language="c++") == text, "they are the same for a C++ preprocessor")
    core = declarations(HEADERS[0])
    for header in HEADERS[1:]:
        checks.check(declarations(header).startswith(core), f"{header.name} gives the declarations of sluice.h and its own")


class Error(ctypes.Structure):
    """sluice_error"""
    _fields_ = [("status", ctypes.c_int), ("row", ctypes.c_size_t), ("step", ctypes.c_size_t), ("byte", ctypes.c_size_t),
                ("reserved", ctypes.c_size_t * 4), ("message", ctypes.c_char * 960)]


class Batch(ctypes.Structure):
    """sluice_batch"""
    _fields_ = [("struct_size", ctypes.c_size_t), ("steps", ctypes.c_size_t), ("rows", ctypes.c_size_t),
                ("lengths", ctypes.POINTER(ctypes.c_int64)), ("x", ctypes.c_void_p), ("tokens", ctypes.POINTER(ctypes.c_int32)),
                ("x_row_stride", ctypes.c_size_t), ("x_step_stride", ctypes.c_size_t), ("x_offsets", ctypes.c_void_p),
                ("h0", ctypes.c_void_p), ("c0", ctypes.c_void_p), ("y", ctypes.c_void_p), ("y_row_stride", ctypes.c_size_t),
                ("y_step_stride", ctypes.c_size_t), ("hn", ctypes.c_void_p), ("cn", ctypes.c_void_p),
                ("logits", ctypes.POINTER(ctypes.c_float)), ("step_logits", ctypes.c_void_p), ("streams", ctypes.c_void_p),
                ("slots", ctypes.c_void_p), ("tape", ctypes.c_void_p), ("dropout", ctypes.c_float),
                ("dropout_key", ctypes.c_uint64), ("max_threads", ctypes.c_uint)]


def ctypes_logits(path):
    """(version, logits) through ctypes, with structs written out by hand."""
    library = ctypes.CDLL(str(path))
    library.sluice_version_get.restype = ctypes.c_char_p
    for name in ("sluice_model_destroy", "sluice_engine_destroy"):
        getattr(library, name).argtypes, getattr(library, name).restype = [ctypes.c_void_p], None
    error, model, engine = Error(), ctypes.c_void_p(), ctypes.c_void_p()
    logits = (ctypes.c_float * (len(WORDS) * CLASSES))(*[float("nan")] * (len(WORDS) * CLASSES))
    batch = Batch(ctypes.sizeof(Batch), STEPS, len(WORDS), (ctypes.c_int64 * len(WORDS))(*map(len, WORDS)), None,
                  (ctypes.c_int32 * (len(WORDS) * STEPS))(*padded_tokens()))
    batch.logits = ctypes.cast(logits, ctypes.POINTER(ctypes.c_float))
    failed = (library.sluice_model_load(str(MODEL).encode(), None, ctypes.byref(model), ctypes.byref(error))
              or library.sluice_engine_create(model, None, ctypes.byref(engine), ctypes.byref(error))
              or library.sluice_forward(engine, None, ctypes.byref(batch), ctypes.byref(error)))
    library.sluice_engine_destroy(engine)
    library.sluice_model_destroy(model)
    if failed:
        raise RuntimeError(error.message.decode())
    return library.sluice_version_get().decode(), list(logits)


def cffi_logits(ffi, path):
    """(version, logits) through cffi."""
    library = ffi.dlopen(str(path))
    error, model, engine = ffi.new("sluice_error *"), ffi.new("sluice_model **"), ffi.new("sluice_engine **")
    lengths, tokens = ffi.new("int64_t[]", list(map(len, WORDS))), ffi.new("int32_t[]", padded_tokens())
    logits = ffi.new("float[]", [float("nan")] * (len(WORDS) * CLASSES))
    batch = ffi.new("sluice_batch *", {"struct_size": ffi.sizeof("sluice_batch"), "steps": STEPS, "rows": len(WORDS),
                                       "lengths": lengths, "tokens": tokens, "logits": logits})
    failed = (library.sluice_model_load(str(MODEL).encode(), ffi.NULL, model, error)
              or library.sluice_engine_create(model[0], ffi.NULL, engine, error)
              or library.sluice_forward(engine[0], ffi.NULL, batch, error))
    library.sluice_engine_destroy(engine[0])
    library.sluice_model_destroy(model[0])
    if failed != library.SLUICE_STATUS_OK:
        raise RuntimeError(ffi.string(error.message).decode())
    return ffi.string(library.sluice_version_get()).decode(), list(logits)


def compiled_sizes(directory, names):
    """{struct: its size} as the C compiler has it."""
    source, binary = pathlib.Path(directory, "sizes.c"), pathlib.Path(directory, "sizes")
    lines = "".join(f'    printf("{name} %zu\\n", sizeof({name}));\n' for name in names)
    includes = "".join(f"#include <{header.name}>\n" for header in HEADERS)
    source.write_text(f"{includes}#include <stdio.h>\nint main(void)\n{{\n{lines}    return 0;\n}}\n")
    built = run(["cc", "-I", SOURCE / "include", source, "-o", binary])
    return {name: int(size) for name, size in map(str.split, run([binary]).stdout.splitlines())} if built.returncode == 0 else {}


def check_library(checks, words, found, expected):
    """What a binding found: the header's version, and the program's bits."""
    version = ".".join(re.findall(r"#define SLUICE_VERSION_\w+ (\d+)", HEADERS[0].read_text()))
    checks.check(found[0] == version, f"{words} calls the library, version {version}; found {found[0]}")
    checks.check(found[1] == expected, f"{words} finds the logits of sluice run, {expected}; found {found[1]}")


def check_cffi(checks, text, directory, path, expected):
    """cffi takes the declarations as they are, lays the structs out as the compiler does, and calls the library."""
    import cffi  # pylint: disable=import-outside-toplevel
    ffi = cffi.FFI()
    try:
        ffi.cdef(text)
    except Exception as problem:  # pylint: disable=broad-exception-caught  (cffi's and pycparser's own)
        checks.check(False, f"cffi's cdef takes the declarations: {problem!r}")
        return
    sizes = compiled_sizes(directory, re.findall(r"\} (sluice_\w+);", text))
    different = [f"{name}: {ffi.sizeof(name)}, {size} for the compiler" for name, size in sizes.items() if ffi.sizeof(name) != size]
    checks.check(len(sizes) > 15, f"the declarations have the headers' structs and enumerations: {sorted(sizes)}")
    checks.check_none(different, "every type has the same size for cffi and for the compiler")
    if path:
        check_library(checks, "cffi", cffi_logits(ffi, path), expected)


def main():
    checks = Checks()
    text = declarations()
    check_declarations(checks, text)
    path = next((BUILD / "src").glob("libsluice.so"), None)
    if not path or build_options()["b_sanitize"] != "none":
        print("skipped: calls, for Python cannot load a library that is static, or has sanitizers")
        path = None
    with tempfile.TemporaryDirectory() as directory:
        expected = program_logits(directory)
        if path:
            check_library(checks, "ctypes", ctypes_logits(path), expected)
        if importlib.util.find_spec("cffi"):
            check_cffi(checks, text, directory, path, expected)
        else:
            print("skipped: cffi, which this Python does not have")
    checks.finish()


if __name__ == "__main__":
    main()
