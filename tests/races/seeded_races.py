#!/usr/bin/env python3
"""Whether the thread sanitizer would find a race: seed one, build, run, and read its report.

Works on a copy of the sources, configured as the build directory that SLUICE_BUILD names, which has the sanitizer. There
the test programs are run with the library as it is, where nothing may be found, and then with each change of SEEDED, by which a
race has to be found in the engine or the kernels. A change whose text is no longer in the source, exactly once, is a failure: write
the change anew.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.checks import BUILD, SOURCE, Checks, build_options, run

# The end of a phase of the backward pass without the barrier.
NO_BARRIER = ("    if (thread->tasks.index == 0)\n"
              "        atomic_store_explicit(&thread->tasks.queue->taken[(thread->tasks.phase + 1) % 2], 0, memory_order_relaxed);\n"
              "    thread->tasks.phase++;\n")
# A phase of an iteration of the forward pass.
PHASE = "                    sl_recurrence_step(&recurrences[k], phase);\n"
# What is broken, the test program and the case of it in which the race has to appear, the file, the text in it, and its replacement.
SEEDED = [
    ("threads of a group do not wait for each other after an iteration", "races", "threads", "src/engine/forward/forward.c",
     PHASE + "                wait_for_group(t);\n", PHASE),
    ("threads of a group wait after an iteration, but not after each phase of it", "races", "cells", "src/engine/forward/forward.c",
     PHASE + "                wait_for_group(t);\n", PHASE + "                if (phase + 1 == phases)\n                    wait_for_group(t);\n"),
    ("threads of a group do not wait for the layers before an LSTM layer", "races", "layers", "src/engine/forward/forward.c",
     "    sl_steps_run_before(t, layer, &from, &to);\n    wait_for_group(t);\n", "    sl_steps_run_before(t, layer, &from, &to);\n"),
    ("threads of a group do not wait for outputs that are put to other steps", "races", "layers", "src/engine/forward/forward.c",
     "    sl_steps_arrange(t, layer, &outputs);\n    wait_for_group(t);\n", "    sl_steps_arrange(t, layer, &outputs);\n"),
    ("threads of a group do not wait for the layers behind the last LSTM layer", "races", "layers", "src/engine/forward/forward.c",
     "from + t->chunk_steps);\n    wait_for_group(t);\n", "from + t->chunk_steps);\n"),
    ("a thread that waits at a barrier need not see what others wrote", "races", "threads", "src/base/system/barrier.c",
     "atomic_load_explicit(arrived, memory_order_acquire)", "atomic_load_explicit(arrived, memory_order_relaxed)"),
    ("a thread that takes a workspace need not see how it was left", "races", "callers", "src/engine/forward/workspace_pool.c",
     "atomic_exchange_explicit(&pool->idle[k], NULL, memory_order_acquire)",
     "atomic_exchange_explicit(&pool->idle[k], NULL, memory_order_relaxed)"),
    ("a thread that takes a slot need not see how it was left", "races", "streams", "src/engine/streams.c",
     "atomic_exchange_explicit(&streams->in_use[slot], 1, memory_order_acquire)",
     "atomic_exchange_explicit(&streams->in_use[slot], 1, memory_order_relaxed)"),
    ("no barrier between the head's partial sums and their totals", "races_train", "each step", "src/engine/backward/grad_head.c",
     "    sl_task_end_phase(&thread->tasks);\n    for (size_t class;", NO_BARRIER + "    for (size_t class;"),
    ("no barrier after a layer-direction's iterations", "races_train", "groups", "src/engine/backward/grad_steps.c",
     "get_row_block(tape, group), &units);\n    sl_task_end_phase(&thread->tasks);\n",
     "get_row_block(tape, group), &units);\n" + NO_BARRIER),
    ("no barrier after a layer-direction's sums", "races_train", "groups", "src/engine/backward/grad_sums.c",
     "INPUTS_OF_TASK, inputs - from));\n        }\n    }\n    sl_task_end_phase(&thread->tasks);\n",
     "INPUTS_OF_TASK, inputs - from));\n        }\n    }\n" + NO_BARRIER),
    ("a thread group does not wait after an iteration of the backward pass", "races_train", "thread groups", "src/engine/backward/grad_steps.c",
     "        if (running)\n            wait_for_group(thread, units);\n", ""),
    ("a thread group does not wait for the thread that computes gates again", "races_train", "segments of groups",
     "src/engine/backward/grad_steps.c",
     "            recompute(thread, layer_dir, rows);\n        wait_for_group(thread, units);\n",
     "            recompute(thread, layer_dir, rows);\n"),
    ("the counter of tasks is reset while other threads take tasks", "races_train", "groups", "src/engine/backward/task_queue.c",
     "taken[(thread->phase + 1) % 2], 0, ", "taken[thread->phase % 2], 0, "),
    ("two threads may take the same task: one reads the counter while the other adds to it", "races_train", "groups",
     "src/engine/backward/task_queue.c",
     "    return atomic_fetch_add_explicit(&thread->queue->taken[thread->phase % 2], 1, memory_order_relaxed);\n",
     "    atomic_size_t *taken = &thread->queue->taken[thread->phase % 2];\n"
     "    const size_t task = atomic_load_explicit(taken, memory_order_relaxed);\n"
     "    for (volatile int k = 0; k < 10000; k++)\n        ;\n"
     "    atomic_store_explicit(taken, task + 1, memory_order_relaxed);\n    return task;\n"),
    ("backward calls at the same time share their state", "races_train", "callers", "src/engine/backward/backward.c",
     "    backward_call call = {.tape = tape, .gradient = gradient, .watch = watch, .queue = {.flags = tape->phase_flags}};\n",
     "    static backward_call call;\n"
     "    call = (backward_call){.tape = tape, .gradient = gradient, .watch = watch, .queue = {.flags = tape->phase_flags}};\n"),
    ("all threads work in the scratch memory of the first", "races_train", "groups", "src/engine/backward/backward.c",
     ".scratch = &tape->scratch[index]", ".scratch = &tape->scratch[0]"),
    ("a layer's gradients are exchanged before they are complete", "races_train", "ranks", "src/engine/backward/backward.c",
     "        const sl_lstm_layer *lstm = &network->lstm[layer];\n",
     "        const sl_lstm_layer *lstm = &network->lstm[layer];\n        report(call, index, layer);\n"),
    ("the thread that exchanges gradients may not see which layers are complete", "races_train", "ranks",
     "src/train/ranks/gradient_exchange.c", "    pthread_mutex_lock(&exchange->lock);\n    exchange->ready = count;\n",
     "    exchange->ready = count;\n    pthread_mutex_lock(&exchange->lock);\n"),
]
COPIED = ["include", "src", "package", "tests", "meson.build", "meson_options.txt"]
OPTIONS = ["buildtype", "b_sanitize", "b_lundef", "c_args"]
# A report; in it the paragraphs of the two accesses; in these, the project's frame among those that access: #1 where #0 is memcpy or the like.
REPORT = re.compile(r"^WARNING: ThreadSanitizer: data race.*?^SUMMARY:", re.DOTALL | re.MULTILINE)
ACCESS = re.compile(r"^  (?:Previous )?(?:atomic )?(?:read|write) of size.*?^$", re.DOTALL | re.IGNORECASE | re.MULTILINE)
FRAME = re.compile(r"^    #[01] (\S+) \S*/((?:src|tests)/\S+?):\d", re.MULTILINE)
LIBRARY = re.compile(r"src/(?:engine|kernel|train)/")
SECONDS = 120
TRIES = 5
BYTES = 20000


def copy_sources(folder):
    """The sources without what is built of them."""
    for name in COPIED:
        if (SOURCE / name).is_dir():
            shutil.copytree(SOURCE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(SOURCE / name, folder / name)


def must_run(*command, **options):
    """Run a command that has to succeed."""
    result = run(command, **options)
    if result.returncode:
        sys.exit(f"{' '.join(str(word) for word in command)} failed:\n{result.stdout}")


def configure(folder):
    """A build directory in `folder` with the compiler and the options of the one at hand."""
    compiler = json.loads((BUILD / "compile_commands.json").read_text())[0]["command"].split()[0]
    values = {name: build_options()[name] for name in OPTIONS}
    words = [f"-D{name}={','.join(value) if isinstance(value, list) else str(value).lower()}" for name, value in values.items()]
    must_run("meson", "setup", folder / "build", folder, "-Dprograms=false", *words, env={**os.environ, "CC": compiler})


def watch(folder, program, case):
    """Build a test program and run one case of it, up to the first race: what was printed, or the start of it."""
    must_run("ninja", "-C", folder / "build", f"tests/test_{program}")
    environment = {**os.environ, "CK_RUN_CASE": case, "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + ":halt_on_error=1"}
    try:
        return run([folder / "build" / "tests" / f"test_{program}"], env=environment, timeout=SECONDS).stdout[:BYTES]
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"")[:BYTES].decode(errors="replace")


def places_of(report):
    """Where the accesses of a report are, as far as their stacks are known: function and file."""
    frames = [FRAME.search(access) for access in ACCESS.findall(report)]
    return {f"{frame[1]} of {frame[2]}" for frame in frames if frame}


def check_unbroken(checks, folder):
    """As the library is, nothing is found, by a detector that knows OpenMP's fork and join."""
    for program, case in sorted({change[1:3] for change in SEEDED}):
        output = watch(folder, program, case)
        checks.check("100%: Checks:" in output and "ThreadSanitizer" not in output,
                     f"{program}, {case}: the library as it is passes, and the sanitizer is silent; the output is\n{output}")
        checks.check("Archer detected" in output, f"{program}, {case}: Archer watches OpenMP; the output is\n{output}")


def check_seeded(checks, folder, change):
    """With one thing broken a race is found, in the library."""
    words, program, case, name, old, new = change
    path = folder / name
    whole = path.read_text()
    if not checks.check(whole.count(old) == 1, f"{words}: {name} has the text to replace {whole.count(old)} times; expected: once"):
        return
    path.write_text(whole.replace(old, new))
    for _ in range(TRIES):  # by chance the wrong answer of a race may end the test before the sanitizer has seen it
        output = watch(folder, program, case)
        found = REPORT.search(output)
        if found:
            break
    path.write_text(whole)
    places = sorted(places_of(found[0])) if found else []
    if checks.check(places and all(LIBRARY.search(place) for place in places),
                    f"{words}: the sanitizer finds a race in the library; the output is\n{output}"):
        print(f"{words}: a race of {' and '.join(places)}")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="sluice-seeded-") as name:
        folder = pathlib.Path(name)
        copy_sources(folder)
        configure(folder)
        check_unbroken(checks, folder)
        for change in SEEDED:
            check_seeded(checks, folder, change)
    checks.finish()


if __name__ == "__main__":
    main()
