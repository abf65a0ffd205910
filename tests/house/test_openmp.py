#!/usr/bin/env python3
"""Programs with OpenMP of their own around the library: GNU's runtime, LLVM's, and LLVM's beside the library's own GNU one."""
import pathlib
import shutil
import tempfile

from support.checks import Checks, build_options, run, stage, staged_environment, staged_flags

# Eight batches, one after the other and then from a parallel loop; @OPEN@ either links the library or loads it beside.
PROGRAM = r"""
#include <sluice_train.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { BATCHES = 8, STEPS = 20, ROWS = 4, INPUTS = 24, HIDDEN = 48, LAYERS = 2 };
static float x[BATCHES][ROWS * STEPS * INPUTS], want[BATCHES][LAYERS * ROWS * HIDDEN], got[BATCHES][LAYERS * ROWS * HIDDEN];

@OPEN@

static int forward(const sluice_engine *engine, int k, float *hn)
{
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = STEPS, .rows = ROWS, .x = x[k], .hn = hn};
    return CALL(sluice_forward)(engine, NULL, &batch, NULL) != SLUICE_STATUS_OK;
}

int main(int argc, char **argv)
{
    const sluice_shape shape = {.struct_size = sizeof shape, .layers = LAYERS, .directions = 1, .inputs = INPUTS,
                                .hidden = HIDDEN, .has_bias = 1};
    sluice_engine_options options = {.struct_size = sizeof options, .threads = 2};
    sluice_model *model;
    int failed = 0;
    open_library(argv[argc - 1]);
    for (int k = 0; k < BATCHES; k++)
        for (int j = 0; j < ROWS * STEPS * INPUTS; j++)
            x[k][j] = (float)((j * 7 + k * 13) % 31 - 15) / 15;
    if (CALL(sluice_model_create_initial)(&shape, SLUICE_INITIALIZER_UNIFORM, 3, NULL, &model, NULL))
        return 2;
    for (sluice_schedule schedule = SLUICE_SCHEDULE_AUTO; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
        sluice_engine *engine;
        options.schedule = schedule;
        if (CALL(sluice_engine_create)(model, &options, &engine, NULL))
            return 2;
        for (int k = 0; k < BATCHES; k++)
            failed |= forward(engine, k, want[k]);
        for (int round = 0; round < 5; round++) {
            memset(got, 0xff, sizeof got);
#pragma omp parallel for num_threads(4) reduction(| : failed)
            for (int k = 0; k < BATCHES; k++)
                failed |= forward(engine, k, got[k]);
            if (memcmp(got, want, sizeof got))
                failed |= 4;
        }
        CALL(sluice_engine_destroy)(engine);
    }
    CALL(sluice_model_destroy)(model);
    printf("%d\n", failed);
    return failed;
}
"""
LINKED = """
#define CALL(name) name
static void open_library(const char *path) { (void)path; }
"""
LOADED = """
static void *library;
#define CALL(name) ((__typeof__(&name))dlsym(library, #name))
static void open_library(const char *path) { library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND); }
"""


def check(checks, directory, words, compiler, opening, flags, library):
    """PROGRAM built so runs through and finds the same bits."""
    source, binary = pathlib.Path(directory, "program.c"), pathlib.Path(directory, "program")
    source.write_text(PROGRAM.replace("@OPEN@", opening))
    compiled = run([compiler, "-std=gnu11", "-O1", "-fopenmp", source, "-o", binary, *flags, "-ldl"])
    if checks.check(compiled.returncode == 0, f"a program builds with {words}:\n{compiled.stdout}"):
        result = run(["timeout", "60", binary, library], env=staged_environment(directory))
        checks.check(result.returncode == 0, f"with {words}: the same bits from a parallel loop of the caller's; status "
                                             f"{result.returncode}, output {result.stdout!r}")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as directory:
        library = next(stage(directory).rglob("libsluice.so"))
        headers, both = staged_flags(directory, "--cflags"), staged_flags(directory, "--cflags", "--libs")
        check(checks, directory, "GNU's OpenMP", "gcc", LINKED, both, library)
        works = shutil.which("clang") and run(["sh", "-c", "echo 'int main(void){return 0;}' | clang -fopenmp -x c - -o /dev/null"])
        if build_options()["b_sanitize"] != "none":
            print("skipped: LLVM's OpenMP, for the two compilers' sanitizers do not go together")
        elif works and works.returncode == 0:
            check(checks, directory, "LLVM's OpenMP", "clang", LINKED, both, library)
            check(checks, directory, "LLVM's OpenMP beside the library's own", "clang", LOADED, headers, library)
        else:
            print("skipped: LLVM's OpenMP, for there is no clang here that links it")
    checks.finish()


if __name__ == "__main__":
    main()
