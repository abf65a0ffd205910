"""The program sluice-bench as a user drives it: mistakes in one line, the command line before the environment, the baseline's row."""
import json
import subprocess

from support.checks import BUILD
from support.cli import OK, USAGE, environment, run_parts

PROGRAM = BUILD / "perf" / "sluice-bench"
QUICK = ["--repetitions", "2", "--min-time", "0.0001", "--format", "json"]


def bench(*words, **settings):
    """The finished process of sluice-bench with these arguments."""
    return subprocess.run([PROGRAM, *words], check=False, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                          env=environment(**settings))


def check_help(cli):
    result = bench("--help")
    lines = result.stdout.splitlines()
    cli.check(result.returncode == OK and "Examples:" in lines and len(lines) <= 24 and max(map(len, lines)) <= 80,
              f"--help fits 24 lines of 80 columns and has examples: {len(lines)} lines found")
    version = bench("--version").stdout
    cli.check(all(word in version for word in ("sluice-bench 0.", "BLIS", "configuration", "OpenMP", "ISA")),
              f"--version tells what is used: {version!r}")


def check_usage(cli):
    cases = [
        (["--frob"], ["'--frob'", "not known", "--help"]),
        (["-z"], ["'-z'", "not known"]),
        (["--s"], ["'--s'", "not unique"]),
        (["--kernels=1"], ["'--kernels=1'", "takes no value"]),
        (["--batch"], ["'--batch'", "needs a value"]),
        (["--output", ""], ["--output", "name of a file"]),
        (["--threads", "1025"], ["--threads", "1024"]),
        (["--threads", "0"], ["--threads", "least is 1"]),
        (["1,2"], ["T,N,H"]),
    ]
    for words, parts in cases:
        result = bench(*words)
        cli.check(result.returncode == USAGE and not result.stdout and result.stderr.startswith("sluice-bench: ")
                  and result.stderr.count("\n") == 1 and all(part in result.stderr for part in parts),
                  f"{words}: expected exit {USAGE} and {parts} in one line, found {result.returncode} and {result.stderr!r}")
    for name, value in (("SLUICE_NUM_THREADS", "many"), ("SLUICE_ISA", "mmx"), ("SLUICE_GEMM", "mkl")):
        result = bench("1,1,1", *QUICK, **{name: value})
        cli.check(result.returncode == USAGE and name in result.stderr and result.stderr.count("\n") == 1,
                  f"{name}={value} is refused: {result.returncode} {result.stderr!r}")


def rows_of(cli, *words, **settings):
    """The rows of a run that does well."""
    result = bench("4,4,8", *QUICK, *words, **settings)
    cli.check(result.returncode == OK, f"{words} with {settings}: exit {result.returncode}, {result.stderr!r}")
    return json.loads(result.stdout)


def check_precedence(cli):
    settings = {"SLUICE_NUM_THREADS": "2", "SLUICE_ISA": "scalar", "SLUICE_GEMM": "blis"}
    [row] = rows_of(cli, **settings)
    cli.check((row["threads"], row["isa"], row["gemm"]) == (2, "scalar", "blis"), f"the environment is heard: {row}")
    best = rows_of(cli)[0]["isa"]
    [row] = rows_of(cli, "--threads", "1", "--isa", best, "--gemm", "fused", **settings)
    cli.check((row["threads"], row["isa"], row["gemm"]) == (1, best, "fused"), f"the command line goes before it: {row}")


def check_schedule(cli):
    rows = rows_of(cli, "--gemm", "fused,blis", "--schedule", "rows,hoist")
    found = [(row["gemm"], row["schedule"]) for row in rows]
    cli.check(found == [("fused", "rows"), ("fused", "hoist"), ("blis", "hoist"), ("blis", "hoist")],
              f"BLIS has the products of x first whatever is asked for: {found}")


if __name__ == "__main__":
    run_parts(check_help, check_usage, check_precedence, check_schedule)
