#!/usr/bin/env python3
"""What `sluice info --env` says, and how both programs take the environment: their own variables, and those of OpenMP's runtime."""
import functools
import json
import os
import pathlib
import re
import subprocess

from support.cli import BENCH, FAILURE, OK, USAGE, environment, finish, run_parts, sluice

QUICK = ["--repetitions", "1", "--min-time", "0.0001"]
RUNTIME = re.compile(r"(OMP|GOMP|KMP|BLIS)_")


def reported(cli, *arguments, **settings):
    """The object that info --env prints. What the runtime says of its variables is not the program's."""
    result = sluice("info", "--env", "--json", *arguments, settings=settings)
    cli.check(result.returncode == OK and b"sluice: " not in result.stderr, f"info --env with {settings}: {result}")
    return json.loads(result.stdout or "{}")


def bench(*words, **settings):
    """The finished process of sluice-bench with these arguments."""
    return finish(BENCH, *words, *QUICK, stdin=subprocess.DEVNULL, env=environment(**settings))


def check_choices(cli):
    env = functools.partial(reported, cli)
    plain = env()
    for name in ("version", "cpu", "isa", "isa_reason", "gemm", "gemm_reason", "precision", "precision_reason", "threads",
                 "threads_reason", "blis_version", "blis_config", "openmp"):
        cli.check(plain[name], f"info --env has {name}")
    cli.check(plain["isa"] == plain["best_isa"] and plain["gemm"] == "fused" and plain["precision"] == "f32",
              "the best ISA, fused kernels and f32 are chosen")
    for name, field, value, option, other in (("SLUICE_NUM_THREADS", "threads", "3", "--threads", 2),
                                              ("SLUICE_ISA", "isa", "scalar", "--isa", plain["best_isa"]),
                                              ("SLUICE_GEMM", "gemm", "blis", "--gemm", "fused"),
                                              ("SLUICE_PRECISION", "precision", "int8", "--precision", "bf16")):
        cli.check(str(env(**{name: value})[field]) == value, f"{name} is heard")
        cli.check(env(option, other, **{name: value})[field] == other, f"{option} goes before {name}")
    cli.check(env("--gemm", "auto", SLUICE_GEMM="blis")["gemm"] == "blis", "--gemm auto leaves the choice to SLUICE_GEMM")
    blis = env("--gemm", "blis", SLUICE_PRECISION="int8")
    cli.check(blis["precision"] == "f32" and "BLIS" in blis["precision_reason"], f"the BLIS path has f32 only: {blis}")
    cli.refused(FAILURE, ["BLIS", "int8", "leave precision open"], "info", "--env", "--gemm", "blis", "--precision", "int8")
    cli.check("generic" not in plain["blis_config"] and "warning" not in plain, f"BLIS has kernels for this CPU: {plain}")
    if plain["blis_version"].startswith("0.9") and plain["best_isa"] != "scalar":
        chosen = env(BLIS_ARCH_TYPE="3")
        cli.check((chosen.get("blis_arch_type"), chosen.get("blis_config")) == ("3", "haswell"),
                  "BLIS_ARCH_TYPE is the user's where he sets it")
    table = cli.answers("info", "--env").decode()
    cli.check(all(plain[name] in table for name in ("cpu", "isa_reason", "precision", "precision_reason",
                                                       "threads_reason", "blis_config")), "the table reports the same")


def check_own_variables(cli):
    """Unset, blank and auto ask for nothing, blanks around a value are no part of it, and a message lists what is right."""
    plain = reported(cli)
    for name, field, value, wrong in (("SLUICE_NUM_THREADS", "threads", "3", "many"), ("SLUICE_ISA", "isa", "scalar", "AVX2"),
                                      ("SLUICE_GEMM", "gemm", "blis", "mkl"), ("SLUICE_PRECISION", "precision", "int8", "fp8")):
        for text in ("", " ", "auto", " auto "):
            cli.check(reported(cli, **{name: text}) == plain, f"{name}={text!r} asks for nothing")
            cli.check(bench("4,4,8", **{name: text}).returncode == OK, f"sluice-bench with {name}={text!r}")
        cli.check(str(reported(cli, **{name: f" {value} "})[field]) == value, f"{name} with blanks around {value}")
        for result in (sluice("info", "--env", settings={name: wrong}), bench("4,4,8", **{name: wrong})):
            cli.check(result.returncode == USAGE and result.stderr.count(b"\n") == 1
                      and all(word in result.stderr.decode() for word in (name, wrong, "expected auto")),
                      f"{name}={wrong} is refused, and auto listed: {result}")


def check_thread_counts(cli):
    """OMP_NUM_THREADS is credited where the runtime has taken it, and else is said to be ignored."""
    plain = reported(cli)
    if "libgomp" not in plain["openmp"]:
        print("skipped: values of OMP_NUM_THREADS that are none, at which LLVM's runtime breaks off")
        return
    for text in ("4", " 4 ", "4,2", "4 , 2", "+4"):
        found = reported(cli, OMP_NUM_THREADS=text)
        cli.check((found["threads"], found["threads_reason"]) == (4, "OMP_NUM_THREADS"), f"OMP_NUM_THREADS={text!r}: {found}")
    for text in ("0", "-3", "abc", "4abc", "0x4", "4,", ",4", "4,0", "4,two", " ", "99999999999999999999", "\x1b[1m\n"):
        found = reported(cli, OMP_NUM_THREADS=text)
        shown = "".join(c if c.isprintable() else "?" for c in text[:20])
        cli.check(found["threads"] == plain["threads"] and found["threads_reason"].startswith(plain["threads_reason"] + "; ")
                  and f'OMP_NUM_THREADS="{shown}"' in found["threads_reason"] and "ignored" in found["threads_reason"],
                  f"OMP_NUM_THREADS={text!r} is ignored: {found}")
        cli.check("ignored" not in reported(cli, "--threads", "2", OMP_NUM_THREADS=text)["threads_reason"], "where it counts at all")
    cli.check(reported(cli, OMP_NUM_THREADS="") == plain, "an empty OMP_NUM_THREADS is none")
    found = reported(cli, OMP_NUM_THREADS="abc", OMP_THREAD_LIMIT="1")["threads_reason"]
    cli.check(plain["threads"] == 1 or found.startswith("OMP_THREAD_LIMIT; "), f"a limit is the reason: {found!r}")


def check_places(cli):
    """CPUs that GOMP_CPU_AFFINITY names and the machine lacks: the runtime would end the process as it makes a thread there."""
    real = sorted(os.sched_getaffinity(0))
    first, last = real[0], real[-1]
    missing = 1 + int(re.findall(r"\d+", pathlib.Path("/sys/devices/system/cpu/possible").read_text())[-1])
    for cpus in (f"{first}-{missing + 7}", f"{missing}", f"{first} {missing} {last}", f"{missing} {first} {last}",
                 f"{first} {last} {missing}", f"{first} {last}"):
        for bind in (None, "close", "spread", "master", "false"):
            settings = {"GOMP_CPU_AFFINITY": cpus, **({"OMP_PROC_BIND": bind} if bind else {})}
            found = reported(cli, **settings)
            cli.check(1 <= found["threads"] <= os.cpu_count(), f"{settings}: no more threads than CPUs: {found}")
            result = bench("8,64,32", "--schedule", "rows,units", "--threads", "2,3,5", **settings)
            cli.check(result.returncode == OK and b"libgomp" not in result.stderr, f"{settings}: {result}")
    kernels = bench("--kernels", "--isa", "scalar", GOMP_CPU_AFFINITY=f"{first}-{missing + 7}", OMP_NUM_THREADS="9")
    cli.check(kernels.returncode == OK, f"memory is read by threads that can be made: {kernels}")


def check_runtime(cli):
    """Binding, places, waiting, dynamic, limit: as the runtime has them; and what has no effect says so."""
    plain, cpu = reported(cli), sorted(os.sched_getaffinity(0))[0]
    cli.check(plain["openmp_binding"] == "false" and plain["openmp_dynamic"] is False and plain["openmp_thread_limit"] is None
              and "omp_wait_policy" not in plain and "blis_num_threads_note" not in plain, f"nothing is set: {plain}")
    cli.check(b"OMP_WAIT_POLICY is not set" in sluice("info", "--env").stdout, "the table says who chooses how threads wait")
    settings = {"OMP_PROC_BIND": "spread", "OMP_PLACES": f"{{{cpu}}}", "OMP_WAIT_POLICY": "passive", "OMP_DYNAMIC": "true",
                "OMP_THREAD_LIMIT": "5", "GOMP_SPINCOUNT": "7", "BLIS_NUM_THREADS": "4"}
    found = reported(cli, **settings)
    wanted = {"openmp_binding": "spread", "openmp_places": f"1: {{{cpu}}}", "openmp_dynamic": True, "openmp_thread_limit": 5,
              "omp_wait_policy": "passive", "gomp_spincount": "7", "blis_num_threads": "4"}
    cli.check(wanted.items() <= found.items() and "no effect" in found["blis_num_threads_note"], f"all are reported: {found}")
    table = sluice("info", "--env", settings=settings).stdout.decode()
    cli.check(all(text in table for text in ("spread", f"1: {{{cpu}}}", "true", "OMP_WAIT_POLICY=passive", "GOMP_SPINCOUNT=7",
                                             "BLIS_NUM_THREADS=4: no effect")), f"the table reports the same: {table}")
    steered = sluice("info", "--env", settings={"OMP_WAIT_POLICY": "\x1b[1m"}).stdout
    cli.check(b"OMP_WAIT_POLICY=?[1m" in steered, "a variable does not steer the terminal")


if __name__ == "__main__":
    for variable in [name for name in os.environ if RUNTIME.match(name)]:
        del os.environ[variable] # the tests' own are the ones to look at
    run_parts()
