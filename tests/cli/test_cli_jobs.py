#!/usr/bin/env python3
"""The examples of Slurm, Kubernetes and MPI: their files are complete, and their commands, run here as those would with tasks killed and
begun again, write the bytes of one process. Slurm and Kubernetes themselves are not needed."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import subprocess
import time

from support.checks import BUILD, SOURCE
from support.documents import missing_links
from support.cli import LANGID, OK, PROGRAM, RANK_SETTINGS, USAGE, environment, finish, run_parts, spell_lines, wait_until

try:
    import yaml
except ImportError:
    yaml = None

SEED = 41
LINES = 20000
KILLED = (3, 3, 7)  # parts, the third twice
EXAMPLES = SOURCE / "examples"
SBATCH = """#!/bin/sh
printf '%s\\0' "$@" >> "$SBATCH_LOG"; printf '\\n' >> "$SBATCH_LOG"
echo '77;cluster'
"""


def write_lines(cli):
    """A model's input, and what one process answers."""
    source = random.Random(SEED)
    lines = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randrange(41))) for _ in range(LINES)]
    path = cli.write("lines.txt", "\n".join(lines) + "\n")
    cli.answers("run", LANGID, "--text", "-i", path, "-o", cli.path("whole.tsv"))
    return path, cli.path("whole.tsv").read_bytes()


def run_tasks(cli, name, parts, command, settings_of):
    """Run a command once for each part, some of them killed before, and again in their order when all are done."""
    killed = 0
    for part in [*KILLED, *range(parts, 0, -1)]:
        process = subprocess.Popen(list(map(str, command)), env=environment(**settings_of(part)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if part in KILLED and killed < len(KILLED):
            time.sleep(0.02)
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
        else:
            said = process.communicate()[0]
            cli.check(process.returncode == OK, f"{name}: part {part}: {said!r}")
    cli.check(killed == len(KILLED), f"{name}: {killed} tasks were killed while they ran, {len(KILLED)} expected")
    result = finish(*command, env=environment(**settings_of(1)))
    cli.check(result.returncode == OK and b"done" in result.stderr, f"{name}: a part that is there is recognised: {result}")


def with_programs(cli, **settings):
    """Settings by which scripts find sluice, and the stand-in of sbatch."""
    tools = cli.path("tools")
    tools.mkdir(exist_ok=True)
    (tools / "sbatch").write_text(SBATCH)
    (tools / "sbatch").chmod(stat.S_IRWXU)
    path = os.pathsep.join(map(str, [tools, PROGRAM.parent, BUILD / "src" / "mpi", os.environ["PATH"]]))
    return {"PATH": path, "SBATCH_LOG": str(cli.path("sbatch.log")), "SLURM_JOB_ID": "78", **settings}


def check_scripts(cli):
    folders = [folder for folder in sorted(EXAMPLES.iterdir()) if folder.is_dir() and folder.name not in ("python", "__pycache__")]
    cli.check_none([folder / "README.md" for folder in folders if not (folder / "README.md").exists()], "each example says how it is used")
    cli.check_none([path for page in EXAMPLES.glob("*/README.md") for path in missing_links(page.read_text(), page.parent)],
                   "what these pages name exists")
    for path in sorted(EXAMPLES.rglob("*")):
        if path.suffix in (".sh", ".sbatch"):
            result = finish("bash", "-n", path)
            cli.check(result.returncode == OK and os.access(path, os.X_OK), f"{path.name} is a script: {result.stderr!r}")
    for name in ("slurm/submit.sh", "mpi/ranks.sh"):
        result = finish(EXAMPLES / name)
        cli.check(result.returncode == USAGE and b"MODEL INPUT OUTPUT" in result.stderr, f"{name} alone says how it is used: {result}")


def check_slurm(cli):
    lines, whole = write_lines(cli)
    out = cli.path("slurm answers.tsv")  # a name with a space is passed on whole
    result = finish(EXAMPLES / "slurm" / "submit.sh", LANGID, lines, out, "--top", "1", env=environment(**with_programs(cli)))
    cli.check(result.returncode == OK, f"submit.sh: {result}")
    calls = [call.split("\0")[:-1] for call in cli.path("sbatch.log").read_text().splitlines()]
    cli.check(len(calls) == 2 and {"--parsable"} < set(calls[0]) and "--dependency=afterok:77" in calls[1],
              f"an array, and a job that waits for it: {calls}")
    script, *words = calls[0][1:]
    directives = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", open(script, encoding="utf-8").read(), re.MULTILINE))
    first, last = map(int, directives["array"].split("-"))
    cli.check("requeue" in directives and first == 1, f"a task is queued again: {directives}")

    def settings_of(part):
        return with_programs(cli, OMP_NUM_THREADS="1", SLURM_CPUS_PER_TASK=directives["cpus-per-task"], SLURM_ARRAY_JOB_ID="77",
                             SLURM_ARRAY_TASK_ID=str(part), SLURM_ARRAY_TASK_MIN=str(first), SLURM_ARRAY_TASK_MAX=str(last),
                             SLURM_ARRAY_TASK_STEP="1", SLURM_ARRAY_TASK_COUNT=str(last))
    run_tasks(cli, "Slurm", last, ["bash", script, *words], settings_of)
    wrapped = next(word.removeprefix("--wrap=") for word in calls[1] if word.startswith("--wrap="))
    result = finish("sh", "-c", wrapped, env=environment(**with_programs(cli)))
    cli.check(result.returncode == OK and out.read_bytes() == whole, f"Slurm: the answers of one process, after '{wrapped}': {result}")


def job_of(cli, name):
    """The specification of a Kubernetes Job and its only container, whose volume becomes this test's folder."""
    job = yaml.safe_load((EXAMPLES / "kubernetes" / name).read_text())
    spec = job["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    cli.check((job["apiVersion"], job["kind"]) == ("batch/v1", "Job") and job["metadata"]["name"] and container["image"]
              and pod["restartPolicy"] == "Never" and spec["backoffLimit"] > 0, f"{name} is a Job: {json.dumps(job)}")
    cli.check([mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]], f"{name}: volumes")
    cli.check(container["resources"]["limits"] == container["resources"]["requests"], f"{name}: CPUs and memory of its own")
    [mount] = container["volumeMounts"]
    program, *words = container["command"]
    cli.check(program == "sluice" and all(isinstance(word, str) for word in words), f"{name} runs {container['command']}")
    return spec, container, [PROGRAM, *(re.sub(f"^{mount['mountPath']}/", f"{cli.directory}/", word) for word in words)]


def check_kubernetes(cli):
    if not yaml:
        print("without PyYAML: Kubernetes' files are not looked at")
        return
    _, whole = write_lines(cli)
    os.symlink(LANGID, cli.path("model.safetensors"))
    spec, container, command = job_of(cli, "parts.yaml")
    cli.check(spec["completionMode"] == "Indexed" and f"auto/{spec['completions']}" in command and "--skip-done" in command,
              f"each index is a part, and all parts have one: {command}")
    cli.check(command[command.index("--threads") + 1] == container["resources"]["limits"]["cpu"], f"threads for its CPUs: {command}")
    run_tasks(cli, "Kubernetes", spec["completions"], command,
              lambda part: {"JOB_COMPLETION_INDEX": str(part - 1), "OMP_NUM_THREADS": "1"})
    result = finish(*job_of(cli, "merge.yaml")[2])
    cli.check(result.returncode == OK and cli.path("answers.tsv").read_bytes() == whole, f"Kubernetes: the answers of one process: {result}")


def kill_rank(process, count, moment):
    """Kill one of the ranks that mpirun has started, once all are there and `moment` has come; whether it was in time."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    ranks = []

    def are_there():
        ranks[:] = [int(word) for word in children.read_text().split()] if process.poll() is None else []
        return process.poll() is not None or (len(ranks) == count and moment())
    if not wait_until(are_there) or process.poll() is not None:
        return False
    os.kill(ranks[-1], signal.SIGKILL)
    return True


def check_mpi(cli):
    if not (BUILD / "src" / "mpi" / "sluice-mpi").exists() or not shutil.which("mpirun"):
        print("without sluice-mpi: the example of MPI is not run")
        return

    def ranks(count, *words):
        settings = with_programs(cli, RANKS=str(count), OMP_NUM_THREADS="1", **RANK_SETTINGS)
        return subprocess.Popen(list(map(str, [EXAMPLES / "mpi" / "ranks.sh", *words])), env=environment(**settings),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def check_killed(name, words, result, expected, moment):
        process = ranks(2, *words)
        in_time = kill_rank(process, 2, moment)
        said = process.communicate(timeout=300)[0]
        cli.check(in_time and process.returncode != OK, f"MPI, {name}: where a rank is killed all end: {said!r}")
        cli.check(not result.exists() or result.read_bytes() != expected, f"MPI, {name}: it was not done before")
        process = ranks(3, *words)
        said = process.communicate(timeout=300)[0]
        cli.check(process.returncode == OK and result.read_bytes() == expected, f"MPI, {name}: the bytes of one process: {said!r}")
    lines, whole = write_lines(cli)
    check_killed("run", ["run", LANGID, lines, cli.path("ranks.tsv")], cli.path("ranks.tsv"), whole, lambda: True)

    labelled = cli.write("labelled.tsv", spell_lines(random.Random(SEED), ["uno", "due", "tre"] * 300, range(1, 20)))
    options = ["--hidden", "24", "--epochs", "12", "--batch", "64"]
    alone = ranks(1, "train", labelled, cli.path("alone.safetensors"), *options)
    said = alone.communicate(timeout=300)[0]
    cli.check(alone.returncode == OK, f"MPI, one rank trains: {said!r}")
    model, checkpoint = cli.path("ranks.safetensors"), cli.path("ranks.safetensors.checkpoint")
    check_killed("train", ["train", labelled, model, *options], model, cli.path("alone.safetensors").read_bytes(), checkpoint.exists)


if __name__ == "__main__":
    run_parts()
