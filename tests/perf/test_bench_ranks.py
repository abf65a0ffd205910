"""sluice-bench --ranks: options refused in words, the fields of its rows, the same digests on any number of ranks, and runs that end
whatever becomes of a rank."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from support.checks import BUILD, SOURCE
from support.cli import BENCH, FAILURE, INTERRUPTED, IO, OK, USAGE, bench, environment, finish, run_parts, wait_until

QUICK = ["--repetitions", "2", "--min-time", "0.0001", "--warmup", "0", "--format", "json"]
LONG = ["--ranks", "2", "8,8,16", "--train", "--repetitions", "1000", "--min-time", "1"]


def check_usage(cli):
    cases = [
        (["--shards", "2"], ["--shards needs --ranks"]),
        (["--exchange", "8"], ["--exchange needs --ranks"]),
        (["--hosts", "127.0.0.1:1"], ["--hosts needs --ranks"]),
        (["--rank", "1"], ["--rank needs --ranks"]),
        (["--ranks", "0"], ["--ranks", "least is 1"]),
        (["--ranks", "65"], ["--ranks", "64"]),
        (["--ranks", "2", "--isa", "scalar"], ["--ranks", "--isa"]),
        (["--ranks", "2", "--gemm", "blis"], ["--ranks", "--gemm"]),
        (["--ranks", "2", "--precision", "int8"], ["--ranks", "--precision"]),
        (["--ranks", "2", "--schedule", "rows"], ["--ranks", "--schedule"]),
        (["--ranks", "2", "--peer", "plain"], ["--ranks", "--peer"]),
        (["--ranks", "2", "--machine", "table"], ["--ranks", "--machine"]),
        (["--ranks", "2", "--plot", "a.svg"], ["--ranks", "--plot"]),
        (["--ranks", "2", "--roofline", "a.svg"], ["--ranks", "--roofline"]),
        (["--ranks", "2", "--from", "a.json"], ["--ranks", "--from"]),
        (["--ranks", "2", "--compare", "a.json"], ["--ranks", "--compare"]),
        (["--ranks", "2", "--rank", "1"], ["--rank", "--hosts"]),
        (["--ranks", "2", "--hosts", "127.0.0.1:1"], ["--hosts has 1 addresses", "2 ranks"]),
        (["--ranks", "2", "--hosts", "127.0.0.1:0,127.0.0.1:0", "--rank", "2"], ["--rank is 2", "2 of --ranks"]),
        (["--ranks", "2", "--hosts", "one,two"], ["HOST:PORT", "'one'"]),
        (["--ranks", "2", "--hosts", "127.0.0.1:65536,two:2"], ["HOST:PORT", "'127.0.0.1:65536'"]),
        (["--ranks", "2", "--hosts", "nowhere.invalid:1,two:2"], ["nowhere.invalid:1", "no address"]),
        (["--ranks", "1,2", "4,4,8", "--train=forward"], ["--ranks", "--train forward", "both"]),
        (["--ranks", "2", "--set", "networks"], ["--ranks needs a shape", "128-64-dense-plain"]),
    ]
    for words, parts in cases:
        result = bench(*words, *QUICK)
        cli.check(result.returncode == USAGE and not result.stdout and result.stderr.startswith("sluice-bench: ")
                  and result.stderr.count("\n") == 1 and all(part in result.stderr for part in parts),
                  f"{words}: expected exit {USAGE} and {parts} in one line, found {result.returncode} and {result.stderr!r}")


def check_model(cli):
    """docs/scale.md has the tables and the picture that perf/scale/model.py computes."""
    model, drawn = SOURCE / "perf" / "scale" / "model.py", cli.path("nodes.svg")
    tables = finish(sys.executable, model, text=True).stdout
    page = (SOURCE / "docs" / "scale.md").read_text(encoding="utf-8")
    cli.check(tables and all(part in page for part in tables.split("\n\n")), "docs/scale.md has the tables of perf/scale/model.py")
    finish(sys.executable, model, "--picture", drawn)
    cli.check(drawn.read_bytes() == model.with_name("nodes.svg").read_bytes(), "and perf/scale/nodes.svg is what --picture draws")


def check_large(cli):
    """What does not fit into memory is refused before anything runs; so is an address of another machine."""
    result = bench("--ranks", "1,2", "4,4,8", "1,1,1073741824")
    cli.check(result.returncode == FAILURE and "GB of memory" in result.stderr and "inference" not in result.stdout, f"refused: {result}")
    result = bench("--ranks", "2", "4,4,8", "--hosts", "192.0.2.1:7000,192.0.2.2:7000")
    cli.check(result.returncode == IO and "cannot listen at 192.0.2.1:7000" in result.stderr, f"not here: {result}")


def rows_of(cli, *words):
    """The rows of a run that does well."""
    result = bench(*words, *QUICK)
    cli.check(result.returncode == OK, f"{words}: exit {result.returncode}, {result.stderr!r}")
    return json.loads(result.stdout) if result.returncode == OK else []


def check_rows(cli):
    """A row for each number of ranks and threads, with what it is compared with; the table has the columns."""
    rows = rows_of(cli, "--ranks", "1,2", "6,8,16", "--threads", "1", "--train=none,both", "--exchange", "1000")
    cli.check([(row["work"], row["ranks"], row["shards"]) for row in rows]
              == [("inference", 1, 2), ("inference", 2, 2), ("training", 1, 2), ("training", 2, 2), ("exchange", 2, 2)], f"all of them: {rows}")
    for row in rows[:4]:
        cli.check((row["steps"], row["batch"], row["hidden"], row["floats"], row["gbytes_per_second"]) == (6, 8, 16, None, None)
                  and row["seconds_median"] >= row["seconds_min"] > 0 and row["repetitions"] == 2, f"of a shape: {row}")
        cli.check(abs(row["steps_per_second"] * row["seconds_min"] - 48) < 1e-6, f"the steps of all ranks: {row}")
    if len(rows) == 5:
        ratio = rows[1]["steps_per_second"] / rows[0]["steps_per_second"]
        cli.check(abs(rows[1]["efficiency"] - ratio / 2) < 1e-6 and rows[1]["vs_one"] is None, f"beside one rank of one thread: {rows[1]}")
        cli.check(rows[4]["floats"] == 1000 and rows[4]["steps"] is None and rows[4]["gbytes_per_second"] > 0, f"of a sum: {rows[4]}")
    weak = rows_of(cli, "--ranks", "1,3", "6,4,16", "--threads", "1", "--scaling", "weak")
    cli.check([row["batch"] for row in weak] == [4, 12], f"so many rows for each: {weak}")
    alone = rows_of(cli, "--ranks", "3", "--exchange", "1,77")
    cli.check([(row["work"], row["floats"]) for row in alone] == [("exchange", 1), ("exchange", 77)], f"without a shape sums alone: {alone}")


def check_digests(cli):
    """The same bits on any number of ranks, idle ones and empty shards among them."""
    for words in (["7,13,24", "--ragged", "uniform", "--train=none,both"], ["5,3,16", "--layers", "2", "--bidirectional", "--train"],
                  ["--exchange", "1,2,1000,65537"]):
        rows = rows_of(cli, "--ranks", "1-5", "--shards", "1,3,4,5", "--threads", "1", "--seed", "3", *words)
        digests = {}
        for row in rows:
            digests.setdefault((row["work"], row["shards"], row["steps"], row["floats"]), set()).add(row["digest"])
        cli.check(digests and all(len(found) == 1 for found in digests.values()), f"{words}: one digest each: {digests}")
        kinds = {(row["work"], row["floats"]): row["digest"] for row in rows}
        cli.check(len(set(kinds.values())) == len(kinds), f"{words}: and not of nothing: {kinds}")
    [one, other] = [rows_of(cli, "--ranks", "1", "6,8,16", "--train", "--seed", seed)[0]["digest"] for seed in "12"]
    cli.check(one != other, "another seed has another")


def free_ports(count):
    """Ports that nobody listens at now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_rank(hosts, rank, *words):
    command = [BENCH, *words, "--hosts", ",".join(f"127.0.0.1:{port}" for port in hosts), "--rank", str(rank)]
    return subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=environment())


def check_hosts(cli):
    """Ranks that are started one by one, the last one first, and two with the relay between them."""
    words = ["--ranks", "2", "--shards", "2", "6,8,16", "--train", "--threads", "1", *QUICK]
    [expected] = rows_of(cli, "--ranks", "1", "--shards", "2", "6,8,16", "--train", "--threads", "1")
    first, second, third = free_ports(3)
    for hosts_of_one, relayed in (((first, second), False), ((first, third), True)):
        relay = subprocess.Popen([str(BUILD / "perf" / "relay"), "127.0.0.1", str(second), "127.0.0.1", str(third), "1"]) if relayed else None
        ranks = [start_rank(hosts_of_one, 1, *words), start_rank((first, second), 0, *words)]
        results = [rank.communicate(timeout=60) for rank in ranks]
        cli.check(all(rank.returncode == OK for rank in ranks), f"both ranks end well, with a relay: {relayed}: {results}")
        for output, _ in results:
            cli.check([row["digest"] for row in json.loads(output or "[]")] == [expected["digest"]], f"and have the bits of one: {output}")
        cli.check(not relay or relay.wait(timeout=60) == OK, "the relay ends with the connection")


def check_namespaces(cli):
    """Over a slow wire between two namespaces, where this process may make them; nothing of them is left."""
    probe = f"sluice-{os.getpid()}"
    if not shutil.which("tc") or not shutil.which("ip") or finish("ip", "netns", "add", probe).returncode:
        print("skipped: no network namespaces can be made here")
        return
    finish("ip", "netns", "delete", probe)
    words = ["--ranks", "1,2", "6,8,16", "--train", "--threads", "1", *QUICK]
    result = finish(SOURCE / "perf" / "scale" / "namespaces", "1", "0.5", *words, text=True, env=environment(SLUICE_BUILD=str(BUILD)))
    rows = json.loads(result.stdout or "[]")
    cli.check(result.returncode == OK and len(rows) == 2 and rows[0]["digest"] == rows[1]["digest"], f"the bits of one: {result}")
    cli.check("1 Gb/s" in result.stderr and "0.5 ms" in result.stderr, f"it says over what, and by what means: {result.stderr!r}")
    cli.check("sluice-" not in finish("ip", "netns", "list", text=True).stdout, "no namespace is left")


def check_lost(cli):
    """A rank that is killed ends the others, with a message."""
    hosts = free_ports(2)
    ranks = [start_rank(hosts, rank, *LONG) for rank in range(2)]
    time.sleep(1)
    ranks[1].kill()
    output, error = ranks[0].communicate(timeout=10)
    ranks[1].communicate()
    cli.check(ranks[0].returncode == IO and error.startswith("sluice-bench: ") and "rank" in error and "training" not in output,
              f"rank 0 ends: {ranks[0].returncode}, {error!r}")


def children_of(process):
    return pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()


def check_interrupted(cli):
    """Ctrl-C, which all processes receive, or a signal to one of them; a child that is killed."""
    for signalled, expected in (("group", INTERRUPTED), ("first", INTERRUPTED), ("child", IO)):
        process = subprocess.Popen([str(BENCH), *LONG], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment(), start_new_session=True)
        cli.check(wait_until(lambda process=process: children_of(process)), f"{signalled}: a rank besides")
        [child] = map(int, children_of(process))
        time.sleep(0.5)
        if signalled == "group":
            os.killpg(process.pid, signal.SIGINT)
        elif signalled == "first":
            process.send_signal(signal.SIGINT)
        else:
            os.kill(child, signal.SIGKILL)
        _, error = process.communicate(timeout=30)
        cli.check(process.returncode == expected and error.count("\n") == 1, f"{signalled}: {process.returncode}, {error!r}")
        cli.check(not pathlib.Path(f"/proc/{child}").exists(), f"{signalled}: no process is left")


if __name__ == "__main__":
    run_parts()
