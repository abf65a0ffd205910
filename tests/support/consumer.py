"""A program that uses the library, and ways to build it: every build of the library has to give it the same answer."""
import pathlib
import re
import shutil

from support.checks import run

# In the language that C99 and C++11 share. Prints the version and a hash of what two threads compute.
PROGRAM = r"""
#include <sluice_train.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 7, ROWS = 5, INPUTS = 3, HIDDEN = 21, LAYERS = 2, DIRECTIONS = 2, CLASSES = 4 };
static float x[ROWS * STEPS * INPUTS], hn[LAYERS * DIRECTIONS * ROWS * HIDDEN], logits[ROWS * CLASSES];

static unsigned long hash(unsigned long value, const void *data, size_t count)
{
    const unsigned char *const bytes = (const unsigned char *)data;
    for (size_t k = 0; k < count; k++)
        value = ((value ^ bytes[k]) * 16777619UL) & 0xffffffffUL;
    return value;
}

static int compute(void)
{
    sluice_shape shape;
    sluice_engine_options options;
    sluice_batch batch;
    sluice_model *model = NULL;
    sluice_engine *engine = NULL;
    memset(&shape, 0, sizeof shape);
    memset(&options, 0, sizeof options);
    memset(&batch, 0, sizeof batch);
    shape.struct_size = sizeof shape;
    shape.layers = LAYERS, shape.directions = DIRECTIONS, shape.inputs = INPUTS, shape.hidden = HIDDEN;
    shape.classes = CLASSES, shape.has_bias = 1;
    options.struct_size = sizeof options, options.threads = 2;
    batch.struct_size = sizeof batch, batch.steps = STEPS, batch.rows = ROWS;
    batch.x = x, batch.hn = hn, batch.logits = logits;
    const int failed = sluice_model_create_initial(&shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model, NULL) ||
                       sluice_engine_create(model, &options, &engine, NULL) || sluice_forward(engine, NULL, &batch, NULL);
    sluice_engine_destroy(engine);
    sluice_model_destroy(model);
    return failed;
}

int main(void)
{
    for (int k = 0; k < ROWS * STEPS * INPUTS; k++)
        x[k] = (float)(k * 7 % 31 - 15) / 15;
    memset(hn, 0xff, sizeof hn);
    memset(logits, 0xff, sizeof logits);
    if (compute())
        return 1;
    printf("%s %08lx\n", sluice_version_get(), hash(hash(2166136261UL, hn, sizeof hn), logits, sizeof logits));
    return 0;
}
"""
WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
PROJECT = r"""
cmake_minimum_required(VERSION 3.13)
project(consumer C)
foreach(version @versions@)
  find_package(sluice ${version} CONFIG QUIET)
  message(STATUS "asked ${version}: ${sluice_FOUND}")
endforeach()
find_package(sluice @version@ CONFIG REQUIRED)
find_package(sluice CONFIG REQUIRED) # the targets are made once
add_executable(default program.c)
target_link_libraries(default PRIVATE sluice::sluice)
if(TARGET sluice::static)
  add_executable(static program.c)
  target_link_libraries(static PRIVATE sluice::static)
endif()
"""


def answer(checks, words, binary, environment=None):
    """What a built program prints, "" after a failure, which is a failed check."""
    result = run([binary], env=environment)
    holds = checks.check(result.returncode == 0, f"the program built {words} runs; status {result.returncode}, {result.stdout!r}")
    return result.stdout if holds else ""


def compiled_answer(checks, words, command, directory, flags, environment=None):
    """Build the program under `directory` without a warning, with a compiler's words and flags after them; what it prints, or ""."""
    cxx = "++" in command[0]
    source, binary = pathlib.Path(directory, "program.cc" if cxx else "program.c"), pathlib.Path(directory, "program")
    source.write_text(PROGRAM)
    result = run([*command, *WARNINGS, source, "-o", binary, *flags])
    built = checks.check(result.returncode == 0, f"a program builds {words}:\n{result.stdout}")
    return answer(checks, words, binary, environment) if built else ""


def asked_versions(version):
    """What find_package may be asked for: whether this version of the library will do."""
    major, minor, patch = map(int, version.split("."))
    same, later = f"{major}.{minor}", f"{major}.{minor + 1}"
    return {same: True, version: True, f"{same}.{patch + 1}": False, later: False, f"{major + 1}": False, "99.1": False,
            f"{same}...{later}": True, f"{same}...{version}": True, f"{same}...<{later}": True, f"{later}...<99": False,
            **({f"{major}.{minor - 1}": major > 0, f"{major}.{minor - 1}...<{version}": False} if minor else {})}


def cmake_answers(checks, words, directory, prefix, version, sanitizer="none"):
    """
    Configure and build a CMake project against the library under `prefix`, which was built with `sanitizer`, and run its programs:
    {target's name: what it prints}. None where there is no CMake, which is reported.
    """
    if not shutil.which("cmake"):
        print(f"skipped: find_package, {words}: no cmake here")
        return None
    project, build = pathlib.Path(directory, "project"), pathlib.Path(directory, "project-build")
    project.mkdir()
    (project / "program.c").write_text(PROGRAM)
    asked = asked_versions(version)
    (project / "CMakeLists.txt").write_text(PROJECT.replace("@versions@", " ".join(asked)).replace("@version@", version))
    flags = [] if sanitizer == "none" else [f"-DCMAKE_C_FLAGS=-fsanitize={sanitizer}"]
    result = run(["cmake", "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", *flags])
    found = dict(re.findall(r"asked (\S+): (\S*)", result.stdout))
    wrong = [f"{name}: {found.get(name)}" for name, holds in asked.items() if found.get(name) != str(int(holds))]
    checks.check_none(wrong, f"find_package of {version} takes just the versions it should, {words}:\n{result.stdout}")
    if not checks.check(result.returncode == 0, f"CMake finds the library, {words}:\n{result.stdout}"):
        return {}
    result = run(["cmake", "--build", build])
    if not checks.check(result.returncode == 0, f"a CMake project builds, {words}:\n{result.stdout}"):
        return {}
    programs = [build / name for name in ("default", "static") if (build / name).exists()]
    return {path.name: answer(checks, f"by CMake, {words}", path) for path in programs}
