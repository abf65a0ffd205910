#!/usr/bin/env python3
"""What each verb of ./dev installs, configures and compiles: only what it runs. The tools it calls are stand-ins that note it."""
import json
import pathlib
import shutil
import stat
import sys
import tempfile

from support.checks import SOURCE, Checks, run

REAL = ["bash", "env", "readlink", "dirname", "cat", "rm", "mkdir", "mv", "setarch", "uname"]
FAKES = ["meson", "ninja", "dpkg-query", "apt-get", "id", "demo", "train", "suite", "tally.py", "run"]
WORKS = ["perf/langid/demo", "perf/langid/train", "perf/suite", "tests/support/tally.py", "tests/engines/run"]
# Stands for all of FAKES: notes its words in log, keeps what is installed and configured in state.json.
FAKE = """#!{python} -IS
import json, pathlib, sys
name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
home = pathlib.Path({home!r})
state = json.loads((home / "state.json").read_text())
with open(home / "log", "a") as log:
    print(name, *words, file=log)
if name == "id":
    print(state["user"])
elif name == "dpkg-query" and "db:Status-Status" in words[1]:
    print("installed" if words[-1] in state["installed"] else "not-installed")
elif name == "apt-get" and "install" in words:
    state["installed"] += [word for word in words[words.index("install") + 1:] if not word.startswith("-")]
elif name == "meson" and words[0] in ("setup", "configure"):
    state["options"].update(word[2:].split("=") for word in words if word.startswith("-D"))
    pathlib.Path("build").mkdir(exist_ok=True)
    pathlib.Path("build", "build.ninja").touch()
elif name == "meson" and words[0] == "introspect":
    print(json.dumps([dict(name=key, value=value) for key, value in state["options"].items()]))
elif name == "ninja":
    for program in (pathlib.Path(word) for word in words if word == "perf/sluice-bench"):
        pathlib.Path("build", program).parent.mkdir()
        pathlib.Path("build", program).symlink_to(home / "fake")
(home / "state.json").write_text(json.dumps(state))
"""


class Machine:
    """A checkout of ./dev with stand-ins for the programs that it calls, on which `installed` packages are."""

    def __init__(self, directory, installed=(), user="0"):
        self.home = pathlib.Path(directory)
        self.tools = self.home / "tools"
        self.tools.mkdir()
        shutil.copy(SOURCE / "dev", self.home / "dev")
        (self.home / "package").mkdir()
        shutil.copy(SOURCE / "package" / "setup", self.home / "package" / "setup")
        fake = self.home / "fake"
        fake.write_text(FAKE.format(python=sys.executable, home=str(self.home)))
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        for name in FAKES:
            (self.tools / name).symlink_to(fake)
        for name in REAL:
            (self.tools / name).symlink_to(shutil.which(name))
        (self.tools / "python3").symlink_to(sys.executable)
        for path in map(self.home.joinpath, WORKS):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(fake)
        self.state = {"installed": list(installed), "options": {"b_sanitize": "none"}, "user": user}
        (self.home / "state.json").write_text(json.dumps(self.state))

    def dev(self, *words):
        """(status, what it says, what it called) of ./dev."""
        log = self.home / "log"
        log.write_text("")
        result = run([self.home / "dev", *words], env={"PATH": str(self.tools), "HOME": str(self.home)})
        self.state = json.loads((self.home / "state.json").read_text())
        return result.returncode, result.stdout, log.read_text().splitlines()


def check_fresh(checks, verb, packages, target, work, *words):
    """On a bare machine a verb installs what it needs and no more, compiles without the tests what it runs, and says each step."""
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        status, said, called = machine.dev(verb, *words)
        checks.check(status == 0, f"./dev {verb} ends well; status {status}:\n{said}")
        installed = set(machine.state["installed"])
        checks.check("check" not in installed and {"meson", "libblis-dev", *packages} <= installed,
                     f"./dev {verb} installs {packages} and what the programs need, not Check: {sorted(installed)}")
        expected = {"b_sanitize": "none", "buildtype": "release", "programs": "true", "tests": "false", "python": "false"}
        expected |= {"onednn": "auto" if "libdnnl-dev" in installed else "disabled",
                     "sleef": "auto" if "libsleef-dev" in installed else "disabled",
                     "mpi": "auto" if "libopenmpi-dev" in installed else "disabled"}
        checks.check(machine.state["options"] == expected, f"./dev {verb} leaves the tests out: {machine.state['options']}")
        compiled = [line for line in called if line.startswith("ninja")]
        checks.check(compiled == [f"ninja -C build{target}"], f"./dev {verb} compiles just what it runs, '{target}': {compiled}")
        checks.check(any(line.startswith(work) for line in called), f"./dev {verb} does its work, '{work}': {called}")
        steps = [line.split()[1] for line in said.splitlines() if line.startswith("dev: ")]
        checks.check({"installing", "configuring", "compiling"} <= set(steps), f"./dev {verb} says what it is about:\n{said}")


def check_order(checks):
    """A build directory of the demo gets its tests with ./dev test, and keeps them; nothing is installed or configured twice."""
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        machine.dev("demo")
        status, said, called = machine.dev("test")
        checks.check(status == 0 and machine.state["options"]["tests"] == "true" and "check" in machine.state["installed"],
                     f"./dev test after demo has the tests: {machine.state}; status {status}:\n{said}")
        checks.check("ninja -C build" in called and any(line.startswith("meson test") for line in called), f"and runs them: {called}")
        machine.dev("demo")
        checks.check(machine.state["options"]["tests"] == "true", "./dev demo leaves a build with tests as it is")
        called = machine.dev("test")[2]
        again = [line for line in called if line.startswith(("apt-get", "meson setup", "meson configure"))]
        checks.check_none(again, "a second ./dev test installs and configures nothing")
        checks.check(machine.state["options"]["onednn"] == "disabled", f"no oneDNN, not looked for: {machine.state['options']}")
        machine.dev("bench")
        checks.check(machine.state["options"]["onednn"] == machine.state["options"]["sleef"] == "auto",
                     f"./dev bench has the optional libraries that it installed: {machine.state['options']}")
        machine.state["options"].update(buildtype="debug", b_sanitize="address")
        (machine.home / "state.json").write_text(json.dumps(machine.state))
        machine.dev("build")
        checks.check(machine.state["options"]["buildtype"] == "release" and machine.state["options"]["b_sanitize"] == "none",
                     f"build/ is made a release build again: {machine.state['options']}")


def check_no_rights(checks):
    """Without root and without sudo every verb says what to install, and a machine that has all of it goes on."""
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory, user="1000")
        for verb in ("demo", "train-demo", "test", "bench", "build"):
            status, said, called = machine.dev(verb)
            checks.check(status == 1 and "run as root: apt-get install" in said and not any(line.startswith("ninja") for line in called),
                         f"./dev {verb} without sudo says what root has to install; status {status}:\n{said}")
            checks.check("installing" not in said, f"./dev {verb} does not say that it installs what it cannot:\n{said}")
    with tempfile.TemporaryDirectory() as directory:
        complete = Machine(directory)
        complete.dev("setup", "demo")
    with tempfile.TemporaryDirectory() as directory:
        status, said, called = Machine(directory, complete.state["installed"], user="1000").dev("demo")
        checks.check(status == 0 and not any("apt-get" in line for line in called), f"with all there, the demo needs no rights:\n{said}")


def check_engines(checks):
    """The examples of engines are run by the names that were given; Java is for Spark."""
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(directory)
        for words, java in ((["dask"], False), (["dask", "ray"], False), ([], True)):
            status, said, called = machine.dev("engines", *words)
            checks.check(status == 0 and called[-1].split() == ["run", *words] and "ninja -C build python-package" in called,
                         f"./dev engines {words} compiles the package and runs them: {called}; status {status}:\n{said}")
            checks.check(("openjdk-17-jre-headless" in machine.state["installed"]) == java, f"./dev engines {words}: Java {java}: {called}")


def main():
    checks = Checks()
    check_fresh(checks, "demo", {"wamerican"}, " src/cli/sluice", "demo --build build")
    check_fresh(checks, "train-demo", {"wamerican"}, " src/cli/sluice", "train --build build")
    check_fresh(checks, "bench", {"libdnnl-dev"}, " perf/sluice-bench", "suite build/bench")
    check_fresh(checks, "bench", {"libdnnl-dev"}, " perf/sluice-bench", "sluice-bench 1,2,3", "1,2,3")
    check_fresh(checks, "build", set(), "", "ninja -C build")
    check_order(checks)
    check_no_rights(checks)
    check_engines(checks)
    checks.finish()


if __name__ == "__main__":
    main()
