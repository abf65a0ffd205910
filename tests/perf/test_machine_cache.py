#!/usr/bin/env python3
"""--machine and SLUICE_MACHINE: the cache of what was measured, when it is made, used and made anew, and that nothing fails without."""
import json
import os
import pathlib
import tempfile

from support.cli import DATA, LANGID, NO_INPUT, OK, USAGE, bench, run_parts, sluice

PLAN = ["--explain", "--batch", "8", "--steps", "9"]


def settings_of(folder, **more):
    """An environment in which the cache is in a folder."""
    return {"SLUICE_MACHINE": "auto", "XDG_CACHE_HOME": str(folder), **more}


def machine_of(cli, *arguments, settings):
    """What info --env says of the machine."""
    result = sluice("info", "--env", "--json", *arguments, settings=settings)
    cli.check(result.returncode == OK and not result.stderr, f"info --env {arguments} with {settings}: {result}")
    return json.loads(result.stdout or "{}").get("machine", {})


def files_in(folder):
    return sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())


def change(path, **fields):
    """Write the cache with other values of some fields."""
    text = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps(text))


def check_cache(cli):
    """It is made once, by a command that says how fast something is, and used by all; what no longer fits is made anew."""
    with tempfile.TemporaryDirectory(prefix="sluice-machine-") as folder:
        settings = settings_of(folder)
        text = ["run", LANGID, "--text"]
        cli.check(sluice(*text, stdin=b"lucciola\n", settings=settings).returncode == OK and not files_in(folder),
                  "sluice run measures nothing and makes no cache")
        first = machine_of(cli, settings=settings)
        cli.check("measured" in first["source"] and first["measured_threads"] >= 1, f"info --env measures: {first}")
        caches = files_in(folder)
        if not cli.check([path.parent for path in caches] == [pathlib.Path(folder, "sluice")] and caches[0].name.startswith("machine-")
                         and caches[0].name.endswith(".json"), f"one cache is made, and no other file: {caches}"):
            return
        cache, kept = caches[0], caches[0].read_bytes()
        again = machine_of(cli, settings=settings)
        figures = json.loads(kept)
        cli.check(cache.read_bytes() == kept and str(cache) in again["source"], f"the second time it is read: {again}")
        cli.check(set(figures) - set(again) == {"format", "version", "cpu", "isa", "threads"}
                  and all(again[name] == figures[name] for name in figures if name in again), f"{again} are the figures of {figures}")
        result = bench("4,4,8", "--expect", settings=settings)
        cli.check(result.returncode == OK and cache.read_bytes() == kept, f"sluice-bench takes them, too: {result}")
        for name, value in (("cpu", "Another CPU"), ("version", "0.0.1"), ("threads", 0), ("l2_bytes", 0), ("isa", "scalar")):
            change(cache, **{name: value})
            stale = cache.read_bytes()
            cli.check(sluice(*text, stdin=b"lucciola\n", settings=settings).returncode == OK and cache.read_bytes() == stale,
                      f"with another {name} sluice run goes on, and leaves the cache")
            machine_of(cli, settings=settings)
            renewed = json.loads(cache.read_text())
            cli.check(all(renewed[key] == figures[key] for key in ("cpu", "version", "isa", "threads")), f"{name}: renewed: {renewed}")
        cli.check(files_in(folder) == [cache], "nothing is left beside it")
        cycles = []
        for activation in (1, 1000):
            change(cache, activation_cycles=activation)
            plan = json.loads(sluice("info", LANGID, *PLAN, "--json", settings=settings).stdout)
            cycles.append(plan["candidates"][0]["cycles"])
        cli.check(cycles[0] < cycles[1], f"estimates are made by the cache's figures: {cycles}")
        cli.check(sluice(*text, stdin=b"lucciola\n", settings=settings).stdout
                  == sluice(*text, "--machine", "table", stdin=b"lucciola\n").stdout, "no bit depends on them")


def check_words(cli):
    """table and FILE, by option and by variable; the option goes first."""
    with tempfile.TemporaryDirectory(prefix="sluice-machine-") as folder:
        settings = settings_of(folder)
        for words, more in ((["--machine", "table"], {}), ([], {"SLUICE_MACHINE": "table"}), ([], {"SLUICE_MACHINE": " table "})):
            found = machine_of(cli, *words, settings={**settings, **more})
            cli.check("table" in found["source"] and found["measured_threads"] == 0 and not files_in(folder), f"{words} {more}: {found}")
        path = pathlib.Path(folder, "figures")
        figures = {name: value for name, value in machine_of(cli, "--machine", "table", settings=settings).items()
                   if name not in ("source", "measured_threads")}
        isa = json.loads(sluice("info", "--env", "--json").stdout)["isa"]
        path.write_text(json.dumps({"format": "sluice-machine 1", "version": "9.9.9", "cpu": "Theirs", "isa": isa, "threads": 2, **figures,
                                    "l3_bytes": 1.25}))
        for words, more in ((["--machine", path], {}), ([], {"SLUICE_MACHINE": str(path)}),
                            (["--machine", path], {"SLUICE_MACHINE": "table"})):
            found = machine_of(cli, *words, settings={**settings, **more})
            cli.check(found["l3_bytes"] == 1.25 and str(path) in found["source"], f"{words} {more}: {found}")
        table = sluice("info", "--env", "--machine", path, settings=settings).stdout.decode()
        cli.check("l3_bytes" in table and "1.25" in table and str(path) in table, f"the table reports the same: {table}")
        change(path, l3_bytes=-1)
        for words, code, part in (([path], DATA, "byte "), ([f"{path}-absent"], NO_INPUT, "absent"), ([""], USAGE, "expected")):
            result = sluice("info", "--env", "--machine", *words, settings=settings)
            cli.check(result.returncode == code and part in result.stderr.decode() and not result.stdout, f"{words}: {result}")
        change(path, l3_bytes=1, isa="scalar")
        result = sluice("info", "--env", "--machine", path, settings=settings)
        cli.check(isa == "scalar" or (result.returncode == DATA and b"figures of scalar" in result.stderr), f"of another ISA: {result}")
        result = sluice("info", LANGID, "--machine", "table")
        cli.check(result.returncode == USAGE and b"--machine" in result.stderr, f"MODEL alone uses none: {result}")


def check_other_variables(cli):
    """A variable whose option is given is not read for the figures either, with and without a cache."""
    with tempfile.TemporaryDirectory(prefix="sluice-machine-") as folder:
        settings = settings_of(folder)
        for cached in (False, True):
            for option, value, name in (("--threads", "1", "SLUICE_NUM_THREADS"), ("--gemm", "fused", "SLUICE_GEMM"),
                                        ("--precision", "f32", "SLUICE_PRECISION")):
                result = sluice("run", LANGID, "--text", option, value, stdin=b"lucciola\n", settings={**settings, name: "wrong"})
                cli.check(result.returncode == 0 and not result.stderr, f"{option} and a wrong {name}, cached {cached}: {result}")
            machine_of(cli, settings=settings)


def check_no_cache(cli):
    """Where it cannot be kept nothing is measured, and nothing is said."""
    with tempfile.TemporaryDirectory(prefix="sluice-machine-") as folder:
        blocked = pathlib.Path(folder, "file")
        blocked.write_text("")
        for name, value in (("XDG_CACHE_HOME", str(blocked)), ("XDG_CACHE_HOME", "/proc/none"), ("HOME", str(blocked)), ("HOME", "")):
            settings = {"SLUICE_MACHINE": "auto", "XDG_CACHE_HOME": "", name: value}
            found = machine_of(cli, settings=settings)
            cli.check("table" in found["source"], f"{name}={value!r}: {found}")
        home = machine_of(cli, settings={"SLUICE_MACHINE": "auto", "XDG_CACHE_HOME": "relative", "HOME": str(folder)})
        cli.check([path.parent for path in files_in(folder) if path != blocked] == [pathlib.Path(folder, ".cache", "sluice")],
                  f"a relative XDG_CACHE_HOME is none, and ~/.cache is the cache: {home}, {files_in(folder)}")
    cli.check(os.path.exists("/proc/none") is False, "nothing was made")


if __name__ == "__main__":
    run_parts()
