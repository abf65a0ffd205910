"""The program sluice-bench as a user drives it: errors in one line, the command line before the environment, the baseline's row."""
import json

from support.checks import SOURCE
from support.cli import FAILURE, OK, USAGE, bench, run_parts

QUICK = ["--repetitions", "2", "--min-time", "0.0001", "--format", "json"]


def check_version(cli):
    version = bench("--version").stdout
    cli.check(all(word in version for word in ("sluice-bench 0.", "BLIS", "configuration", "OpenMP", "ISA")),
              f"--version says what is used: {version!r}")


def check_fields(cli):
    """--fields explains every field of a row, and the README has its table."""
    listed = json.loads(bench("--fields", "--format", "json").stdout)
    of_cases = {entry["field"].strip("`") for entry in listed if entry["rows"] in ("cases", "all")}
    row = json.loads(bench("1,1,8", *QUICK).stdout)[0]
    unlisted = set(row) ^ {name for name in of_cases if not name.endswith(("_per_second_all", "read_threads"))
                           and name.partition("_")[0] not in ("l2", "l3", "dram")}
    cli.check(not unlisted, f"the fields of a row are those that --fields explains; the difference: {unlisted}")
    cli.check(all(entry["meaning"] for entry in listed), "each with its meaning")
    table = bench("--fields", "--format", "md").stdout
    cli.check(table.count("\n") == len(listed) + 2 and table in (SOURCE / "perf" / "README.md").read_text(encoding="utf-8"),
              "perf/README.md has what `sluice-bench --fields --format md` writes")


def check_load(cli):
    """--load times a model file beside a plain read of it, and reports what cannot be loaded."""
    model = SOURCE / "perf" / "langid" / "langid.safetensors"
    rows = json.loads(bench("--load", model, *QUICK).stdout)
    cli.check([row["by"] for row in rows] == ["sluice", "read"] and all(row["kernel"] == "load" and row["seconds_min"] > 0 for row in rows)
              and len({row["shape"] for row in rows}) == 1, f"two rows of one file: {rows}")
    other = bench("--load", SOURCE / "README.md", *QUICK)
    cli.check(other.returncode == FAILURE and "README.md" in other.stderr and not other.stdout, f"what is no model is reported: {other}")


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
        (["--expect", "--isa", "scalar"], ["--expect", "--isa"]),
        (["--expect", "--gemm", "fused"], ["--expect", "--gemm"]),
        (["--expect", "--schedule", "rows"], ["--expect", "--schedule"]),
        (["--expect", "--precision", "int8"], ["--expect", "--precision"]),
        (["--precision", "int4"], ["--precision", "f32, bf16, int8"]),
        (["--expect", "--peer", "plain"], ["--expect", "--peer"]),
        (["--expect", "--scaling", "weak"], ["--expect", "--scaling weak"]),
        (["--expect", "4,4,8", "--ragged", "uniform"], ["--expect", "uniform"]),
        (["--expect", "4,4,8", "--train"], ["--expect", "training", "--train both"]),
        (["--expect", "--set", "networks"], ["--expect", "network 128-64-dense-plain"]),
        (["--expect", "--set", "train"], ["--expect", "training", "--train both"]),
        (["--train=back"], ["--train", "none, forward, both"]),
    ]
    for words, parts in cases:
        result = bench(*words)
        cli.check(result.returncode == USAGE and not result.stdout and result.stderr.startswith("sluice-bench: ")
                  and result.stderr.count("\n") == 1 and all(part in result.stderr for part in parts),
                  f"{words}: expected exit {USAGE} and {parts} in one line, found {result.returncode} and {result.stderr!r}")
    for name, value in (("SLUICE_NUM_THREADS", "many"), ("SLUICE_ISA", "mmx"), ("SLUICE_GEMM", "mkl"), ("SLUICE_PRECISION", "int4")):
        result = bench("1,1,1", *QUICK, settings={name: value})
        cli.check(result.returncode == USAGE and name in result.stderr and result.stderr.count("\n") == 1,
                  f"{name}={value} is refused: {result.returncode} {result.stderr!r}")


def check_large(cli):
    """A shape that this machine's memory cannot hold is refused at once, and before those in front of it have run."""
    for words in (["1073741824,1073741824,1"], ["1,1,1073741824"], ["4,4,8", "1,1073741824,1073741824"],
                  ["--batch", "4,1073741824", "--steps", "1073741824"], ["--scaling", "weak", "--threads", "1024", "1000000,1000000,1"],
                  ["--expect", "1,1,1073741824"], ["--export", cli.path("large"), "1073741824,1073741824,1"],
                  ["--train", "1073741824,1073741824,1"], ["--ragged", "tail", "1073741824,1073741824,1"]):
        result = bench(*words)
        cli.check(result.returncode == FAILURE and "GB of memory; use" in result.stderr and "GFLOP" not in result.stdout,
                  f"{words}: refused for its memory: {result}")


def rows_of(cli, *words, **settings):
    """The rows of a run that does well."""
    result = bench("4,4,8", *QUICK, *words, settings=settings)
    cli.check(result.returncode == OK, f"{words} with {settings}: exit {result.returncode}, {result.stderr!r}")
    return json.loads(result.stdout)


def check_precedence(cli):
    settings = {"SLUICE_NUM_THREADS": "2", "SLUICE_ISA": "scalar", "SLUICE_GEMM": "blis"}
    [row] = rows_of(cli, **settings)
    cli.check((row["threads"], row["isa"], row["gemm"]) == (2, "scalar", "blis"), f"the environment is heard: {row}")
    best = rows_of(cli)[0]["isa"]
    [row] = rows_of(cli, "--threads", "1", "--isa", best, "--gemm", "fused", **settings)
    cli.check((row["threads"], row["isa"], row["gemm"]) == (1, best, "fused"), f"the command line goes before it: {row}")


def head_of(text):
    """The words of a table's headings."""
    return next(line for line in text.splitlines() if not line.startswith("#")).split()


def check_precision(cli):
    """A list like the others, before the environment; rows below f32 and those beside them have their accuracy."""
    rows = rows_of(cli, "--precision", "f32,bf16,int8", "--threads", "1,2", SLUICE_PRECISION="int8")
    cli.check([(row["precision"], row["threads"]) for row in rows]
              == [(name, threads) for name in ("f32", "bf16", "int8") for threads in (1, 2)], f"all combinations: {rows}")
    for row in rows:
        cli.check(row["dependence"] == 0 and row["error"] >= row["error_rms"] >= 0 and (row["precision"] != "f32" or row["error"] == 0),
                  f"neighbours change no bit: {row}")
    [row] = rows_of(cli)
    cli.check((row["precision"], row["error"], row["error_rms"], row["dependence"]) == ("f32", None, None, None), f"f32 alone: {row}")
    [row] = rows_of(cli, SLUICE_PRECISION="int8")
    cli.check(row["precision"] == "int8" and row["error"] is not None, f"the environment is heard: {row}")
    [row] = json.loads(bench("4,1,8", *QUICK, "--precision", "bf16").stdout)
    cli.check(row["error"] is not None and row["dependence"] is None, f"one row has no neighbours: {row}")
    for words, settings, shown in ((["--precision", "bf16"], {}, True), ([], {"SLUICE_PRECISION": "bf16"}, True), ([], {}, False)):
        head = head_of(bench("4,4,8", *QUICK[:-2], *words, settings=settings).stdout)
        cli.check({"prec", "error", "rms", "depends"} <= set(head) if shown else "prec" not in head, f"{words}: {head}")
    for words, note, names in ((["--peer", "sluice,plain,blis"], "plain computes in f32 alone", ["blis", "plain", "sluice", "sluice"]),
                               (["--train"], "sluice trains in f32 alone", ["sluice"]), (["--gemm", "blis"], "the BLIS path", ["sluice"])):
        result = bench("4,4,8", "5,4,8", *QUICK, "--precision", "f32,int8", "--threads", "1", *words)
        found = sorted(row["peer"] for row in json.loads(result.stdout) if row["steps"] == 4)
        cli.check(result.returncode == OK and found == names and result.stderr.count(note) == 1,
                  f"{words}: passed over once: {found} {result.stderr!r}")


def check_precision_records(cli):
    """A precision is part of what is compared; records of before are of f32."""
    path, old = cli.path("precisions.json"), cli.path("before.json")
    bench("4,4,8", *QUICK, "--precision", "f32,int8", "--threads", "1", "-o", path)
    result = bench("--compare", path, "--from", path)
    cli.check(result.returncode == OK and len(result.stdout.splitlines()) == 3
              and sum(" int8 " in line for line in result.stdout.splitlines()) == 1, f"each row has its own: {result.stdout!r}")
    rows = json.loads(path.read_text())
    rows[1]["fraction_of_peak"] = 3.0
    path.write_text(json.dumps(rows))
    result = bench("--from", path)
    cli.check({"prec", "depends"} <= set(head_of(result.stdout)) and "3.000 " in result.stdout and "!" not in result.stdout
              and "impossible" not in result.stderr, f"int8 may exceed the peak of f32: {result}")
    old.write_text(json.dumps([{key: value for key, value in rows[0].items()
                                if key not in ("precision", "error", "error_rms", "dependence")}]))
    result = bench("--compare", old, "--from", path)
    cli.check(len(result.stdout.splitlines()) == 2 and "int8" not in result.stdout, f"a record of before is of f32: {result}")


def check_expect(cli):
    """Without --threads: as many as an engine takes."""
    for settings in ({}, {"SLUICE_NUM_THREADS": "3"}):
        [row] = rows_of(cli, "--expect", **settings)
        [run] = rows_of(cli, **settings)
        cli.check(row["threads"] == run["threads"] and row["cycles"] > 0, f"{settings}: {row}")
    cli.check([row["threads"] for row in rows_of(cli, "--expect", "--threads", "1,64")] == [1, 64], "and as many as are asked for")


def check_scaling(cli):
    """The numbers of threads that a sweep makes up go before the environment, as --threads does."""
    threads = [row["threads"] for row in rows_of(cli, "--scaling", "strong", SLUICE_NUM_THREADS="1")]
    cli.check(len(threads) > 1 and len(set(threads)) == len(threads), f"1 to 2x cores: {threads}")


def check_schedule(cli):
    rows = rows_of(cli, "--gemm", "fused,blis", "--schedule", "rows,hoist")
    found = [(row["gemm"], row["schedule"]) for row in rows]
    plans = [(row["teams"], row["members"], row["hoists"], row["way"]) for row in rows[:2]]
    cli.check(plans[0][1:] == (1, False, "rows") and plans[1][1:] == (1, True, "hoist"), f"the plan is reported: {plans}")
    cli.check(found == [("fused", "rows"), ("fused", "hoist"), ("blis", "hoist"), ("blis", "hoist")],
              f"BLIS has the products of x first whatever is asked for: {found}")


def check_measure(cli):
    rows = rows_of(cli, "--schedule", "units,measure", "--threads", "2")
    found = [row["schedule"] for row in rows]
    cli.check(found == ["units", "measure"], f"measuring is a schedule of its own: {found}")
    for row in rows:
        cli.check(1 <= row["teams"] * row["members"] <= 2 and isinstance(row["wavefront"], bool),
                  f"the way fits the threads: {row}")
    result = bench("4,4,8", "--schedule", "fastest")
    cli.check(result.returncode == USAGE and "auto, rows, hoist, units, measure" in result.stderr, f"{result.stderr!r}")


def check_tail(cli):
    for words in ([], ["--bidirectional", "--layers", "2"], ["--gemm", "blis"]):
        [row] = rows_of(cli, "--case", "1000,5,8", "--ragged", "tail", *words)[:1]
        cli.check((row["ragged"], row["total_steps"]) == ("tail", 1000 + 4 * 4), f"one long row among short ones: {row}")
        flop = 2 * 4 * 8 * ((8 + 8) + (16 + 8) * (row["layers"] - 1)) * row["directions"] * row["total_steps"]
        cli.check(abs(row["gflops"] * row["seconds_min"] * 1e9 / flop - 1) < 1e-6, f"useful work is the sum of the lengths': {row}")


def check_train(cli):
    """Forward and backward beside inference: each a row of its own, of the work that it has."""
    rows = rows_of(cli, "--train=none,forward,both", "--threads", "1", "--isa", "scalar")
    found = [(row["train"], row["pass"], row["tape_bytes"] is not None) for row in rows]
    cli.check(found == [(False, None, False), (True, "forward", True), (True, "both", True)], f"three kinds of rows: {found}")
    work = [row["gflops"] * row["seconds_min"] * 1e9 for row in rows]
    cli.check(all(abs(of / (times * 2 * 4 * 8 * 16 * 16) - 1) < 1e-6 for of, times in zip(work, (1, 1, 3))),
              f"a gradient is twice a forward pass's work besides: {work}")
    bytes_of = [of / row["flop_per_byte"] for of, row in zip(work, rows)]
    cli.check(bytes_of == sorted(bytes_of) and bytes_of[0] < bytes_of[1] < bytes_of[2], f"and the tape's bytes come in: {bytes_of}")
    for words in (["--ragged", "uniform", "--bidirectional"], ["--case", "300,3,4", "--ragged", "tail"], ["--scaling", "weak"],
                  ["--schedule", "units,measure", "--threads", "2"]):
        rows = rows_of(cli, "--train", *words)
        cli.check(rows and all(row["pass"] == "both" and row["gflops"] > 0 for row in rows), f"{words} trains: {rows}")
    result = bench("4,4,8", "4,4,9", *QUICK, "--train=forward,both", "--threads", "1,2", "--peer", "sluice,plain,blis")
    notes = [line for line in result.stderr.splitlines() if "skipped" in line]
    cli.check(result.returncode == OK and {row["peer"] for row in json.loads(result.stdout)} == {"sluice", "blis"}
              and sum("plain does not train" in line for line in notes) == 1, f"what does not train says so once: {result.stderr!r}")
    cli.check([row["gemm"] for row in rows_of(cli, "--train", "--gemm", "fused,blis")] == ["fused", "blis"], "BLIS trains too")


def check_networks(cli):
    """Each behind its plain equal, whatever the shapes' options are, and counted on its own work; tables show their names."""
    record = cli.path("networks.json")
    words = ["--set", "networks", "--threads", "1", *QUICK]
    result = bench(*words, "--layers", "3", "--bidirectional", "--train", "-o", record)
    cli.check(result.returncode == OK, f"{result.stderr!r}")
    rows = json.loads(record.read_text())
    for plain, row in zip(rows[::2], rows[1::2]):
        work = [each["gflops"] * each["seconds_min"] for each in (plain, row)]
        cli.check(plain["network"] == row["network"] + "-plain" and 0.99 < work[0] / work[1] < 1.01,
                  f"a plain equal of the same work: {plain['network']}, {row['network']}: {work}")
        cli.check((row["train"], row["flop_per_byte"]) == (False, None), f"inference, and bytes are not known: {row}")
    [wide] = [row for row in rows if row["network"] == "projection-512-128"]
    cli.check(abs(wide["gflops"] * wide["seconds_min"] * 1e9 / (2 * (4 * 512 * 256 + 128 * 512) * 50 * 64) - 1) < 1e-6,
              f"the projection counts: {wide}")
    for options, shown in ((["--from", record], True), (["4,4,8", *QUICK[:-2]], False)):
        head = next(line for line in bench(*options).stdout.splitlines() if not line.startswith("#"))
        cli.check((" network " in head) == shown, f"a column for names where there are some: {head}")
    result = bench("--compare", record, "--from", record)
    cli.check(result.returncode == OK and len(result.stdout.splitlines()) == 1 + len(rows)
              and result.stdout.count("100,1,128-64-dense ") == 1, f"each row has its own: {result.stdout!r}")
    # Records of before have no such field.
    old, new = (cli.path(f"{name}.json") for name in ("old", "new"))
    bench("4,4,8", "--threads", "1", *QUICK, "-o", new)
    [row] = json.loads(new.read_text())
    cli.check(row.pop("network", "") is None, f"null for a shape: {row}")
    old.write_text(json.dumps([row]))
    result = bench("--compare", old, "--from", new)
    cli.check(result.returncode == OK and len(result.stdout.splitlines()) == 2 and "not compared" not in result.stderr,
              f"an old record compares: {result}")
    result = bench("--from", old)
    cli.check(result.returncode == OK and " network " not in result.stdout, f"and is shown: {result}")


def check_train_outcome(cli):
    """A record, a comparison and pictures of rows that train."""
    record, plot, roofline = (cli.path(name) for name in ("train.json", "threads.svg", "roofline.svg"))
    words = ["4,4,8", *QUICK, "--train=none,both", "--threads", "1,2"]
    result = bench(*words, "-o", record, "--scaling", "strong", "--plot", plot, "--roofline", roofline)
    cli.check(result.returncode == OK, f"pictures: {result.stderr!r}")
    for picture in (plot, roofline):
        text = picture.read_text() if picture.exists() else ""
        cli.check("4,4,8 train" in text, f"{picture.name} names what trains")
    result = bench("--compare", record, "--from", record)
    lines = [line.split()[1:3] for line in result.stdout.splitlines()[1:]]
    cli.check(result.returncode == OK and len(lines) == 4 and sum(line[0] == "train" for line in lines) == 2,
              f"each row has its own: {result.stdout!r}")


if __name__ == "__main__":
    run_parts()
