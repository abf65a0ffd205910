#!/usr/bin/env python3
"""Hosts that load the library, use it on several threads and unload it again: plugins, interpreters. They go on unharmed, with GNU's
OpenMP runtime and LLVM's, and whether the library is the shared one or the static one inside a plugin of the host's."""
import pathlib
import shutil
import sys
import tempfile

from support.checks import Checks, build_options, run, stage, staged_environment, staged_flags

ROUNDS = 12

# Load, compute, train (which uses BLIS), unload, fork, and again; then wait, so that threads that sleep in what was unloaded wake.
HOST = r"""
#include <sluice_train.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 9, ROWS = 5, INPUTS = 8, CLASSES = 3 };
#define CALL(name) ((__typeof__(&name))dlsym(library, #name))

static int use(void *library)
{
    static float x[ROWS * STEPS * INPUTS], logits[ROWS * CLASSES];
    const sluice_shape shape = {.struct_size = sizeof shape, .layers = 2, .directions = 1, .inputs = INPUTS, .hidden = 24,
                                .classes = CLASSES, .has_bias = 1};
    const sluice_engine_options options = {.struct_size = sizeof options, .threads = 3, .schedule = SLUICE_SCHEDULE_UNITS};
    const int32_t labels[ROWS] = {0, 1, 2, 0, 1};
    sluice_batch batch = {.struct_size = sizeof batch, .steps = STEPS, .rows = ROWS, .x = x, .logits = logits};
    sluice_model *model;
    sluice_engine *engine;
    sluice_trainer *trainer;
    if (CALL(sluice_model_create_initial)(&shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model, NULL) ||
        CALL(sluice_engine_create)(model, &options, &engine, NULL) || CALL(sluice_forward)(engine, NULL, &batch, NULL) ||
        CALL(sluice_trainer_create)(model, &options, NULL, &trainer, NULL))
        return 1;
    batch.logits = NULL;
    if (CALL(sluice_trainer_step)(trainer, &batch, labels, NULL, NULL, NULL))
        return 1;
    CALL(sluice_trainer_destroy)(trainer);
    CALL(sluice_engine_destroy)(engine);
    CALL(sluice_model_destroy)(model);
    return 0;
}

static int fork_once(void)
{
    int status = 1;
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    return waitpid(child, &status, 0) != child || status;
}

static int count_threads(void)
{
    char line[256];
    int threads = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Threads: %d", &threads) != 1)
        ;
    if (file)
        fclose(file);
    return threads;
}

/* A thread that is ending counts until it has ended, which a busy machine may put off: more than three are counted again. */
static int count_settled(void)
{
    int threads = count_threads();
    for (int k = 0; k < 200 && threads > 3; k++) {
        usleep(10000);
        threads = count_threads();
    }
    return threads;
}

int main(int argc, char **argv)
{
    int most = 0;
    for (int round = 0; round < atoi(argv[argc - 1]); round++) {
        void *library = dlopen(argv[1], round % 2 ? RTLD_NOW | RTLD_LOCAL : RTLD_LAZY | RTLD_GLOBAL);
        if (!library) {
            puts(dlerror());
            return 2;
        }
        if (use(library))
            return 3;
        const int threads = count_settled();
        most = threads > most ? threads : most;
        if (dlclose(library) || fork_once())
            return 4;
    }
    sleep(1);
    printf("%s, %d threads at most\n", dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) ? "loaded" : "gone", most);
    return 0;
}
"""

# What ctypes does for a program in Python; dlclose is ctypes' own.
PYTHON_HOST = """
import _ctypes, ctypes, sys, time

class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("isa", ctypes.c_int), ("gemm", ctypes.c_int), ("schedule", ctypes.c_int),
                ("threads", ctypes.c_uint), ("flush_to_zero", ctypes.c_int), ("training", ctypes.c_int)]

class Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("struct_size", "layers", "directions", "inputs", "hidden", "vocabulary", "classes")] + [
        ("has_bias", ctypes.c_int)]

for turn in range(3):
    library = ctypes.CDLL(sys.argv[1])
    model, engine = ctypes.c_void_p(), ctypes.c_void_p()
    # A training engine packs its weights on all its threads; a schedule is asked for, so that two are used on one CPU too.
    options = Options(ctypes.sizeof(Options), schedule=1, threads=2, training=1)
    shape = Shape(ctypes.sizeof(Shape), 1, 1, 16, 64, has_bias=1)
    assert library.sluice_model_create_initial(ctypes.byref(shape), 0, ctypes.c_uint64(1), None, ctypes.byref(model), None) == 0
    assert library.sluice_engine_create(model, ctypes.byref(options), ctypes.byref(engine), None) == 0
    library.sluice_engine_destroy(engine)
    library.sluice_model_destroy(model)
    threads = sum(line.startswith("Threads:") and int(line.split()[1]) for line in open("/proc/self/status"))
    assert threads > 1, threads
    _ctypes.dlclose(library._handle)
time.sleep(1)
print("loaded")
"""


def check_host(checks, directory, words, command):
    """The command ends well, and still has the library."""
    result = run(["timeout", "100", *command], env=staged_environment(directory))
    checks.check(result.returncode == 0 and result.stdout.startswith("loaded"),
                 f"{words} survives unloading; status {result.returncode}, output {result.stdout!r}")
    return result.stdout


def build(checks, directory, words, name, source, command):
    """Compile `source`, and give the path of what it became, or None."""
    path = pathlib.Path(directory, name)
    path.with_suffix(".c").write_text(source)
    compiled = run([*command, path.with_suffix(".c"), "-o", path])
    return path if checks.check(compiled.returncode == 0, f"{words} builds:\n{compiled.stdout}") else None


def link_plugin(checks, directory, compiler, prefix):
    """A plugin of the host's own that holds the static library whole, linked as pkg-config says."""
    path = pathlib.Path(directory, f"plugin-{compiler}.so")
    words = staged_flags(directory, "--static", "--libs")
    words.remove("-lsluice")
    result = run([compiler, "-shared", "-o", path, "-Wl,--whole-archive", next(prefix.rglob("libsluice.a")), "-Wl,--no-whole-archive",
                  *words])
    return path if checks.check(result.returncode == 0, f"a plugin links with {compiler}:\n{result.stdout}") else None


def check_compiler(checks, directory, compiler, prefix):
    """Hosts without OpenMP and with the compiler's, and a plugin that uses the compiler's runtime."""
    headers = staged_flags(directory, "--cflags")
    library = next(prefix.rglob("libsluice.so"))
    for flags in ([], ["-fopenmp", "-Wl,--no-as-needed"]):
        words = f"a host of {compiler} {' '.join(flags)}"
        command = [compiler, "-std=gnu11", "-O1", *flags, *headers, "-ldl"]
        host = build(checks, directory, words, f"host-{compiler}-{len(flags)}", HOST, command)
        if not host:
            continue
        said = check_host(checks, directory, words, [host, library, ROUNDS])
        checks.check(said.endswith(" 3 threads at most\n"), f"{words}: three threads, however often it loads: {said!r}")
        plugin = link_plugin(checks, directory, compiler, prefix)
        if plugin:
            check_host(checks, directory, f"{words} with a plugin", [host, plugin, ROUNDS])


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        prefix = stage(directory)
        library = next(prefix.rglob("libsluice.so"))
        check_compiler(checks, directory, "gcc", prefix)
        works = shutil.which("clang") and run(["sh", "-c", "echo 'int main(void){return 0;}' | clang -fopenmp -x c - -o /dev/null"])
        if build_options()["b_sanitize"] != "none":
            print("skipped: LLVM's OpenMP and Python, which do not go together with a library under a sanitizer")
        else:
            if works and works.returncode == 0:
                check_compiler(checks, directory, "clang", prefix)
            else:
                print("skipped: LLVM's OpenMP, for there is no clang here that links it")
            check_host(checks, directory, "Python", [sys.executable, "-c", PYTHON_HOST, library])
    checks.finish()


if __name__ == "__main__":
    main()
