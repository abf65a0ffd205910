#!/usr/bin/env python3
"""Threads under a CPU quota that the kernel enforces, where a control group can be made: rounded up, and no more than the CPUs."""
import json
import os
import subprocess

from support.checks import SOURCE
from support.cli import BENCH, OK, PROGRAM, environment, finish, run_parts

IN_QUOTA = SOURCE / "tests" / "support" / "in_quota"
NOT_HERE = 77


def in_quota(cpus, *command):
    """The finished process of a command in a group that has so many CPUs."""
    settings = environment()
    settings.pop("OMP_NUM_THREADS", None)
    return finish(IN_QUOTA, cpus, *command, text=True, timeout=60, env=settings, stdin=subprocess.DEVNULL)


def check_quota(cli):
    probe = in_quota(1, "true")
    if probe.returncode == NOT_HERE:
        cli.check(probe.stderr.startswith("in_quota: "), f"why there is no quota is reported: {probe.stderr!r}")
        print(f"skipped: quotas by the kernel: {probe.stderr.strip()}")
        return
    allowed = len(os.sched_getaffinity(0))
    for cpus, threads in ((0.5, 1), (1, 1), (1.001, 2), (1.5, 2), (2, 2), (2.5, 3)):
        result = in_quota(cpus, PROGRAM, "info", "--env", "--json")
        found = json.loads(result.stdout or "{}")
        cli.check(result.returncode == OK and found["threads"] <= min(threads, allowed)
                  and f"cgroup quota {threads})" in found["threads_reason"], f"a quota of {cpus}: {found}, {result.stderr!r}")
    reads = in_quota(1, BENCH, "--kernels", "--isa", "scalar", "--repetitions", "1", "--min-time", "0.0001", "--format", "json")
    found = {row["threads"] for row in json.loads(reads.stdout or "[]") if row["kernel"] == "read"}
    cli.check(reads.returncode == OK and found == {1}, f"memory is read by one thread: {found}, {reads.stderr!r}")
    cli.check(in_quota(1, "sh", "-c", "exit 5").returncode == 5, "the status is the command's")


if __name__ == "__main__":
    run_parts()
