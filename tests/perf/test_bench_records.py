"""sluice-bench's records as a user sees them: the fields and types of a row, sets and sweeps, comparisons and their exit codes, and
pictures that are well-formed XML."""
import csv
import gzip
import json
import os
import pathlib
import re
import xml.etree.ElementTree

from support.checks import BUILD, SOURCE
from support.cli import BENCH, DATA, FAILURE, IO, NO_INPUT, OK, USAGE, bench, environment, finish, limit, run_parts

QUICK = ["--repetitions", "2", "--min-time", "0.0001"]
NUMBER = (int, float)
CONTEXT = dict.fromkeys(("version", "git", "cpu", "cpu_id", "caches", "cpus", "affinity", "governor", "system", "compiler", "flags",
                         "blis", "blis_config", "openmp", "environment", "date", "command"), str)
CASE = {**dict.fromkeys(("steps", "batch", "input", "hidden", "layers", "directions", "threads", "teams", "members", "workspace_bytes",
                         "total_steps", "repetitions", "calls", "seed"), int),
        **dict.fromkeys(("ragged", "isa", "gemm", "precision", "schedule", "way", "scaling", "peer", "peer_version"), str),
        **dict.fromkeys(("train", "hoists", "wavefront"), bool),
        **dict.fromkeys(("seconds_min", "seconds_median", "spread", "sequences_per_second", "steps_per_second", "gflops", "peak_gflops",
                         "peak_spread", "fraction_of_peak", "efficiency", "flop_per_byte", "setup_seconds"), NUMBER),
        **dict.fromkeys(("vs_best", "network", "pass", "tape_bytes", "error", "error_rms", "dependence"), type(None)), **CONTEXT}
OF_TRAINING = {"pass": str, "tape_bytes": int}
OR_NULL = NUMBER + (type(None),)
MICRO = {**dict.fromkeys(("kernel", "by", "shape"), str), "isa": (str, type(None)),
         **dict.fromkeys(("threads", "repetitions", "calls"), int),
         **dict.fromkeys(("seconds_min", "seconds_median", "spread", "clock_ghz", "clock_spread"), NUMBER),
         **dict.fromkeys(("array_bytes", "ns_per_element", "cycles_per_element", "gflops", "gbytes_per_second", "bytes_per_cycle"),
                         OR_NULL), **CONTEXT}


def record(cli, name, *words):
    """The path and the rows of a record that a run writes."""
    path = cli.path(name)
    result = bench(*words, *QUICK, "--format", "json", "-o", path)
    cli.check(result.returncode == OK, f"{words}: exit {result.returncode}, {result.stderr!r}")
    return path, json.loads(path.read_text())


def check_types(cli, row, types):
    """Each field is there and of its type, and there is no other."""
    wrong = [f"{key} is {row.get(key)!r}" for key, kind in types.items()
             if key not in row or not isinstance(row[key], kind) or (isinstance(row[key], bool) and kind is not bool)]
    cli.check_none(wrong, "fields have their types")
    cli.check_none(set(row) - set(types), "no field is without a meaning")


def check_schema(cli):
    _, rows = record(cli, "schema.json", "4,4,8", "--threads", "1")
    check_types(cli, rows[0], CASE)
    _, trained = record(cli, "trained.json", "4,4,8", "--threads", "1", "--train=forward,both")
    for row, name in zip(trained, ("forward", "both")):
        check_types(cli, row, CASE | OF_TRAINING)
        cli.check(row["train"] and row["pass"] == name and row["tape_bytes"] > 0, f"what trains says so: {row}")
    cli.check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[0]["date"]), f"a date in UTC: {rows[0]['date']}")
    command = rows[0]["command"]
    cli.check(command.startswith("sluice-bench ") and "4,4,8" in command, f"the command: {command}")
    cli.check(re.match(r"\d+ by ", rows[0]["cpus"]), f"cpus are how many and why: {rows[0]['cpus']}")
    cli.check("-ffp-contract=off" in rows[0]["flags"], f"flags: {rows[0]['flags']}")
    settings = {"SLUICE_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OMP_PROC_BIND": "false"}
    said = bench("4,4,8", *QUICK, "--format", "json", settings=settings)
    [row] = json.loads(said.stdout)
    cli.check(row["cpus"] == rows[0]["cpus"] and row["threads"] == 1, f"cpus are reported whatever is set: {row['cpus']}")
    cli.check(all(f"{name}={value}" in row["environment"] for name, value in settings.items()), f"what is set is recorded: {row}")


def check_micro(cli):
    _, rows = record(cli, "micro.json", "--kernels", "--isa", "scalar,auto", "--threads", "1,2")
    for row in rows:
        check_types(cli, row, MICRO)
    kinds = {(row["kernel"], row["by"]) for row in rows}
    wanted = {("peak", "sluice"), ("product", "sluice"), ("gemm", "sluice"), ("gemm", "blis"), ("read", "memory"),
              *((name, by) for name in ("sigmoid", "tanh") for by in ("sluice", "libm"))}
    cli.check_none(wanted - kinds, "every part is timed")
    tiles = [row["shape"] for row in rows if row["kernel"] == "product" and row["isa"] == "scalar"]
    cli.check(tiles == ["1x1", "1x2", "2x1"], f"a row for each size of a tile: {tiles}")
    reads = [(row["shape"], row["threads"]) for row in rows if row["kernel"] == "read"]
    cli.check(("DRAM", 1) in reads and len(set(reads)) == len(reads), f"each level at each number of threads: {reads}")


def check_thread_limit(cli):
    """Threads that cannot be had do not give the same row again."""
    limit = {"OMP_THREAD_LIMIT": "2"}
    for asked, wanted in (("1,2,3,8", [1, 2]), ("8,3", [2]), ("3,1", [2, 1]), ("2,1", [2, 1])):
        result = bench("4,4,8", *QUICK, "--threads", asked, "--format", "json", settings=limit)
        found = [row["threads"] for row in json.loads(result.stdout)]
        cli.check(found == wanted, f"--threads {asked} under a limit of 2: {found}")
        cli.check(("skipped: more than 2 threads" in result.stderr) == (asked != "2,1"), f"what is left out is reported: {result.stderr!r}")
    for words, settings in ((["--threads", "1,2,4"], {"OMP_THREAD_LIMIT": "1"}), (["--threads", "3"], {"OMP_THREAD_LIMIT": "1"}),
                            ([], {"OMP_THREAD_LIMIT": "1"}), ([], {"OMP_NUM_THREADS": "9"}), (["--threads", "98,99"], {})):
        result = bench("--kernels", "--isa", "scalar", *QUICK, *words, "--format", "json", settings=settings)
        reads = [(row["shape"], row["threads"]) for row in json.loads(result.stdout) if row["kernel"] == "read"]
        cli.check(reads and len(set(reads)) == len(reads), f"{words} with {settings}: each level once at each number: {reads}")


def check_sets(cli):
    _, rows = record(cli, "small.json", "--set", "small", "--threads", "1")
    cli.check(len(rows) >= 4 and all(row["hidden"] <= 128 and row["ragged"] == "none" for row in rows), "small shapes are small")
    result = bench("--set", "large")
    cli.check(result.returncode == USAGE and "small, ragged, threads, train, precision, networks, all" in result.stderr,
              f"names of sets: {result.stderr!r}")
    _, rows = record(cli, "train.json", "--set", "train", "--threads", "1", "--train=forward", "--warmup", "0")
    cli.check(len(rows) == 5 and {row["pass"] for row in rows} == {"forward"}, f"the set of training: {rows}")


def check_scaling(cli):
    for scaling in ("strong", "weak"):
        _, rows = record(cli, f"{scaling}.json", "4,4,8", "--scaling", scaling, "--threads", "3,2")
        cli.check([row["threads"] for row in rows] == [1, 2, 3], f"one thread comes first: {[row['threads'] for row in rows]}")
        cli.check([row["batch"] for row in rows] == ([4, 4, 4] if scaling == "strong" else [4, 8, 12]),
                  f"{scaling}: batches {[row['batch'] for row in rows]}")
        for row in rows:
            wanted = row["gflops"] / (row["threads"] * rows[0]["gflops"])
            cli.check(row["scaling"] == scaling and abs(row["efficiency"] / wanted - 1) < 1e-6, f"efficiency {row['efficiency']}")
    _, rows = record(cli, "no-base.json", "4,4,8", "--threads", "2")
    cli.check(rows[0]["efficiency"] is None and rows[0]["scaling"] == "none", "no efficiency without one thread to hold it against")
    _, rows = record(cli, "default.json", "4,4,8", "--scaling", "strong")
    threads, cpus = [row["threads"] for row in rows], len(os.sched_getaffinity(0))
    cli.check(threads[0] == 1 and threads == sorted(set(threads)) and 2 <= threads[-1] <= 2 * cpus, f"to twice the cores: {threads}")


def quieten(rows, factor=1.0):
    """The rows as an undisturbed run `factor` times as fast had them."""
    return [{**row, "spread": 0.0, "peak_spread": 0.0, "fraction_of_peak": row["fraction_of_peak"] * factor} for row in rows]


def check_compare(cli):
    path, rows = record(cli, "new.json", "4,4,8", "8,4,8", "--threads", "1")
    for name, factor, code, verdict in (("same", 1, OK, "same"), ("faster", 2, FAILURE, "slower"), ("slower", 0.5, OK, "faster")):
        old = cli.write(f"{name}.json", json.dumps(quieten(rows, factor)))
        path.write_text(json.dumps(quieten(rows)))
        result = bench("--compare", old, "--from", path)
        found = [line.split()[-1] for line in result.stdout.splitlines()[1:]]
        cli.check((result.returncode, found) == (code, [verdict] * 2), f"old is {name}: {result}")
    result = bench("--compare", cli.path("faster.json"), "--from", path, "--threshold", "0.9")
    cli.check(result.returncode == OK and result.stdout.count("same") == 2, f"a threshold that lets half the speed pass: {result}")
    noisy = cli.write("noisy.json", json.dumps([{**row, "spread": 0.8} for row in quieten(rows, 2)]))
    result = bench("--compare", noisy, "--from", path)
    cli.check(result.returncode == OK and result.stdout.count("unsure") == 2, f"noise explains it: {result}")
    # With a run: its rows go to the file that is named, the comparison to standard output.
    fast = cli.write("fast.json", json.dumps([{**row, "fraction_of_peak": 1.0} for row in quieten(rows, 1)]))
    result = bench("4,4,8", "--threads", "1", *QUICK, "--repetitions", "1", "--compare", fast, "--format", "json", "-o", path)
    cli.check(result.returncode == FAILURE and result.stdout.count("slower") == 1 and len(json.loads(path.read_text())) == 1
              and "1 rows of the old record" in result.stderr, f"a run is compared: {result}")
    other = cli.write("other.json", json.dumps([{**row, "compiler": "another"} for row in rows]))
    result = bench("--compare", other, "--from", cli.path("same.json"))
    cli.check("note: compiler was 'another'" in result.stderr, f"another compiler is reported: {result.stderr!r}")


def check_marked(cli):
    """A byte order mark, and CR LF, as editors write them, are no part of a record."""
    path, rows = record(cli, "marked.json", "4,4,8", "--threads", "1")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    result = bench("--from", path, "--format", "json")
    cli.check(result.returncode == OK and json.loads(result.stdout) == rows, f"--from reads it: {result}")
    result = bench("--compare", path, "--from", path)
    cli.check(result.returncode == OK and result.stdout.splitlines()[1:], f"--compare reads it: {result}")
    path.write_bytes(b"\xef\xbb\xbf")
    result = bench("--from", path)
    cli.check(result.returncode == DATA and "the record has no row" in result.stderr, f"a mark alone is no record: {result}")


def check_refusals(cli):
    path, rows = record(cli, "good.json", "4,4,8", "--threads", "1")
    bad = cli.write("bad.json", '[{"steps": 4}]')
    strange = cli.path("strange.json")
    record(cli, "strange.json", "5,4,8", "--threads", "1")
    both = cli.write("both.json", json.dumps([rows[0], {**rows[0], "kernel": "tanh"}]))
    table = cli.write("rows.csv", "steps,batch\n4,4\n")
    packed, half = cli.path("packed.json"), cli.path("half.json")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    half.write_bytes(b"\xef\xbb" + path.read_bytes())
    for words, code, part in (
            (["--compare", bad, "--from", path], DATA, "row 1"),
            (["--compare", table, "--from", path], DATA, "rows.csv: line 1"),
            (["--compare", path, "--from", bad], DATA, "bad.json"),
            (["--compare", packed, "--from", path], DATA, "packed.json: expected JSON, found gzip data; gunzip -c"),
            (["--from", packed], DATA, "packed.json: expected JSON, found gzip data; gunzip -c"),
            (["--from", half], DATA, "half.json: byte 0"),
            (["--compare", cli.path("none.json")], NO_INPUT, "cannot be opened"),
            (["--from", cli.path("none.json")], NO_INPUT, "cannot be opened"),
            (["--compare", strange, "--from", path], DATA, "nothing to compare"),
            (["--compare", path, "--threshold", "2"], USAGE, "below 1"),
            (["--compare", ""], USAGE, "name of a file"),
            (["--plot", cli.path("no.svg"), "--kernels"], USAGE, "need cases"),
            (["--plot", cli.path("no.svg"), "--batch", "1-8"], USAGE, "peers make 8"),
            (["--plot", cli.path("no.svg"), "--batch", "1-4", "--peer", "sluice,plain"], USAGE, "peers make 8"),
            (["--roofline", cli.directory / "no" / "no.svg", "--set", "all"], USAGE, "peers make"),
            (["--plot", cli.directory / "no" / "no.svg", "8000,8000,8000"], IO, "no.svg"),
            (["--from", both], DATA, "row 2 is of --kernels"),
            (["--from", path, "--roofline", cli.path("no.svg")], USAGE, "run with --roofline"),
            (["--from", path, "--plot", cli.directory / "no" / "no.svg"], IO, "no.svg")):
        result = bench(*words)
        cli.check(result.returncode == code and part in result.stderr, f"{words}: expected {code} and {part!r}, found {result}")
    cli.check(not cli.path("no.svg").exists() and not cli.leftovers(), "nothing is left of what failed")


def check_columns(cli):
    """Each cell of a record stands under its own key, whatever order and keys its row has."""
    path, [row] = record(cli, "columns.json", "4,4,8", "--threads", "1")
    turned = {"more": 1, **dict(reversed(row.items()))}
    del turned["gflops"]
    path.write_text(json.dumps([row, turned]))
    lines = list(csv.DictReader(bench("--from", path, "--format", "csv").stdout.splitlines()))
    cli.check(len(lines) == 2 and lines[1] == {**lines[0], "gflops": ""}, f"cells stand under their keys: {lines}")
    path.write_text(json.dumps([{**row, "isa": "\x1b[2J\n"}]))
    result = bench("--from", path)
    cli.check(result.returncode == OK and "\x1b" not in result.stdout and "?[2J?" in result.stdout, f"no orders to a terminal: {result}")


def check_pictures(cli):
    plot, roofline = cli.path("plot.svg"), cli.path("roofline.svg")
    path, rows = record(cli, "pictures.json", "4,4,8", "6,4,8", "--scaling", "strong", "--threads", "1,2", "--plot", plot, "--roofline",
                        roofline)
    cli.check(rows[0]["read_threads"] >= 1 and rows[0]["dram_gbytes_per_second"] > 0, "bandwidths are part of the record")
    space = "{http://www.w3.org/2000/svg}"
    for picture, words in ((plot, ("threads", "useful GFLOP/s", "4,4,8")), (roofline, ("FMA peak", "GB/s", "FLOP per byte"))):
        root = xml.etree.ElementTree.parse(picture).getroot()
        texts = [text.text or "" for text in root.iter(f"{space}text")]
        cli.check(root.tag == f"{space}svg" and all(any(word in text for text in texts) for word in words), f"{picture}: {texts}")
        cli.check(any(rows[0]["cpu"] in text for text in texts) and any(rows[0]["date"][:10] in text for text in texts),
                  f"the caption reports machine and date: {texts}")
        marks = [mark for mark in root.iter(f"{space}path") if (mark.get("class") or "").startswith("f")]
        cli.check(len(marks) >= 4 and "prefers-color-scheme: dark" in picture.read_text(), f"{picture} has marks: {len(marks)}")
    # Peers, whose bytes are not known, are no part of a roofline.
    record(cli, "peers.json", "4,4,8", "--peer", "sluice,plain", "--threads", "1,2", "--roofline", roofline)
    xml.etree.ElementTree.parse(roofline)
    # Whatever a record says is text.
    hostile = cli.path("hostile.json")
    hostile.write_text(json.dumps([{**row, "cpu": "<a & 'b' \"c\">\u00e9\x01", "command": "</text>" * 99} for row in rows]))
    result = bench("--from", hostile, "--plot", plot, "--roofline", roofline)
    cli.check(result.returncode == OK, f"{result}")
    for picture in (plot, roofline):
        xml.etree.ElementTree.parse(picture)
    result = bench("--from", path, "--format", "jsonl")
    cli.check([json.loads(line) for line in result.stdout.splitlines()] == rows, "rows of a record are written as they are")


def svg_texts(path):
    """What a picture says."""
    root = xml.etree.ElementTree.parse(path).getroot()
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


def check_above_peak(cli):
    """A share of the peak above 1 cannot be: tables, pictures and comparisons say so, of a record too."""
    plot, roofline = cli.path("above.svg"), cli.path("above-roof.svg")
    path, rows = record(cli, "above.json", "4,4,8", "--scaling", "strong", "--threads", "1,2", "--roofline", roofline)
    words = ["--from", path, "--plot", plot, "--roofline", roofline]
    for share, is_above in ((1.0, False), (1.25, True)):
        path.write_text(json.dumps([rows[0], {**rows[1], "fraction_of_peak": share}]))
        result = bench(*words)
        last = result.stdout.splitlines()[-1].split()
        cli.check(result.returncode == OK and f"{share:.3f}{'!' * is_above}" in last, f"the table marks a share of {share}: {last}")
        cli.check(("1 of 2 rows the share of the peak is above 1" in result.stderr) == is_above, f"and warns: {result.stderr!r}")
        cli.check((f"| {share:.3f}! |" in bench(*words, "--format", "md").stdout) == is_above, "so does md")
        for picture, marks in ((plot, 2), (roofline, 1)):
            texts = svg_texts(picture)
            cli.check((texts.count("!"), any("not reliable" in text for text in texts)) == (marks * is_above, is_above),
                      f"{picture} marks it once in each panel: {texts}")
        verdicts = [line.split()[-1] for line in bench("--compare", path, "--from", path).stdout.splitlines()[1:]]
        cli.check(not is_above or verdicts[1] == "unsure", f"and its comparison is unsure: {verdicts}")


def check_labels(cli):
    """Every mark of a roofline has its number of threads, however close the marks are."""
    roofline = cli.path("crowd.svg")
    path, [row] = record(cli, "crowd.json", "4,4,8", "--threads", "1", "--roofline", roofline)
    threads = range(11, 23)
    path.write_text(json.dumps([{**row, "threads": number, "gflops": row["gflops"] * (1 + number / 1000)} for number in threads]))
    result = bench("--from", path, "--roofline", roofline)
    root = xml.etree.ElementTree.parse(roofline).getroot()
    space = "{http://www.w3.org/2000/svg}"
    places = {text.text: (float(text.get("x")), float(text.get("y"))) for text in root.iter(f"{space}text")
              if text.text in map(str, threads) and "small" in text.get("class")}
    cli.check(result.returncode == OK and sorted(places) == sorted(map(str, threads)), f"each mark has its number: {places}")
    apart = [(a, b) for a in places for b in places if a < b
             and abs(places[a][0] - places[b][0]) < 10 and abs(places[a][1] - places[b][1]) < 9]
    cli.check_none(apart, "and no number covers another")


def check_looks(cli):
    """Only SVG is drawn; the ideal has a look of its own; the picture of the README is of this version."""
    for option in ("--plot", "--roofline"):
        for name in ("x.png", "x", "x.svg.gz", "/tmp"):
            result = bench(option, name, "4,4,8")
            cli.check(result.returncode == USAGE and "ends in .svg" in result.stderr and repr(name) in result.stderr,
                      f"{option} {name}: refused: {result}")
    cli.check(not pathlib.Path("x.png").exists(), "and not written")
    folder = cli.path("folder.svg")
    folder.mkdir()
    result = bench("--plot", folder, "4,4,8")
    cli.check(result.returncode == IO and "directory" in result.stderr and not result.stdout, f"a folder: refused first: {result}")
    plot = cli.path("seven.svg")
    record(cli, "seven.json", *(f"4,{rows},8" for rows in range(1, 8)), "--scaling", "strong", "--threads", "1,2", "--plot", plot)
    text = plot.read_text()
    dashes = dict(re.findall(r'class="(s\d) curve" stroke-dasharray="([^"]*)"', text))
    ideal = re.search(r"\.ideal \{[^}]*stroke-dasharray: ([^ }]+ [^ }]+)", text).group(1)
    cli.check(len(dashes) == 7 and text.count('class="ideal"') == 8, f"seven series, their ideals, and that of efficiency: {dashes}")
    longest = {style: max(map(float, dash.split()[::2])) for style, dash in dashes.items() if dash != "none"}
    cli.check(float(ideal.split()[0]) < 2 and min(longest.values()) >= 4, f"dots for the ideal, dashes for series: {ideal}, {dashes}")
    version = ".".join(re.findall(r"#define SLUICE_VERSION_\w+ (\d+)", (SOURCE / "include" / "sluice.h").read_text()))
    caption = next(text for text in svg_texts(SOURCE / "perf" / "threads.svg") if text.startswith("sluice "))
    cli.check(caption.startswith(f"sluice {version} "), f"perf/threads.svg is of {version}: {caption}")


def check_bind(cli):
    prefix = cli.path("bound")
    result = finish(SOURCE / "perf" / "bind", prefix, "4,4,8", "--threads", "2", *QUICK, text=True,
                    env=environment(SLUICE_BENCH=str(BENCH), OMP_PROC_BIND="false"))
    cli.check(result.returncode == OK, f"{result}")
    rows = [json.loads(line) for line in pathlib.Path(f"{prefix}.jsonl").read_text().splitlines()]
    found = sorted({row["environment"] for row in rows})
    cli.check(len(rows) == 8 and len(found) == 4 and any("OMP_PROC_BIND=spread" in text for text in found),
              f"a run for each setting: {found}")
    text = pathlib.Path(f"{prefix}.svg").read_text()
    cli.check(not list(cli.directory.glob("bound.??????")), "no temporary name is left")
    result = finish(SOURCE / "perf" / "bind", prefix, "4,4,8", "5,4,8", text=True, env=environment(SLUICE_BENCH=str(BENCH)))
    cli.check(result.returncode == USAGE and "2 with 4 bindings" in result.stderr, f"too many lines are reported first: {result}")
    cli.check("bind spread, places cores" in text and "bind unset, places unset" in text, "settings are distinguished in the picture")


def check_windows(cli):
    result = finish(SOURCE / "perf" / "windows", "--steps", "300", "--memory-steps", "400", "--repetitions", "1", text=True,
                    env=environment(SLUICE_BUILD=str(BUILD)))
    lines = [line.split()[0] + " " + line.split()[2] for line in result.stdout.splitlines()]
    cli.check(result.returncode == OK and lines == ["train windows/s", "run windows/s", "train MB", "run MB"],
              f"two figures of each command: {result}")
    result = finish(SOURCE / "perf" / "windows", "--steps", "60", text=True, env=environment(SLUICE_BUILD=str(BUILD)))
    cli.check(result.returncode == USAGE and "--steps: expected more than 60" in result.stderr, f"no window: {result}")


if __name__ == "__main__":
    run_parts()
