"""Peers beside the library: sluice-bench --peer and --export as a user drives them, and what the scripts of perf/peers do without any
peer: they read cases, time, and put rows together in one table."""
import json
import pathlib
import sys

from support.checks import SOURCE
from support.cli import BENCH, OK, USAGE, bench, finish, run_parts, start

sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "perf" / "peers"))
import cases  # noqa: E402
import serve  # noqa: E402
import table  # noqa: E402

QUICK = ["--repetitions", "2", "--min-time", "0.0001"]


def python(*words, **options):
    """The finished process of Python in the folder of the scripts."""
    return finish(sys.executable, "-B", *words, text=True, cwd=SOURCE / "perf" / "peers", **options)


def check_peers(cli):
    result = bench("4,4,8", "4,4,9", *QUICK, "--peer", "sluice,blis,plain", "--threads", "1,2", "--schedule", "rows,hoist",
                   "--format", "json")
    if not cli.check(result.returncode == OK, f"peers run: {result.stderr!r}"):
        return
    rows = json.loads(result.stdout)
    names = [row["peer"] for row in rows if row["hidden"] == 8]
    cli.check(sorted(names) == ["blis"] * 2 + ["plain"] * 2 + ["sluice"] * 4,
              f"the library has each setting, another peer each number of threads: {names}")
    for row in rows:
        others = [other["gflops"] for other in rows if other["peer"] != row["peer"]
                  and (other["hidden"], other["threads"]) == (row["hidden"], row["threads"])]
        if row["vs_best"] is None:
            cli.check(row["threads"] > 1, f"one thread has a CPU, so that there is something to be held against: {row}")
        else:
            cli.check(abs(row["vs_best"] * max(others) / row["gflops"] - 1) < 1e-6, f"vs_best is over the best other: {row}")
    [row] = json.loads(bench("4,4,8", *QUICK, "--format", "json").stdout)
    cli.check((row["peer"], row["vs_best"]) == ("sluice", None), f"alone there is nothing to be held against: {row}")
    heads = [next(line for line in bench("4,4,8", *QUICK, *words).stdout.splitlines() if not line.startswith("#"))
             for words in ([], ["--peer", "sluice,plain"])]
    cli.check("peer" not in heads[0] and heads[1].split()[-3:] == ["peer", "vs", "best"], f"columns for several peers: {heads}")
    result = bench("4,4,8", "--peer", "sluice,nobody")
    cli.check(result.returncode == USAGE and "sluice, blis, plain, onednn" in result.stderr, f"a mistyped peer: {result.stderr!r}")


def check_onednn(cli):
    """Where oneDNN is not built in, it is passed over with a note."""
    result = bench("4,4,8", *QUICK, "--peer", "plain,onednn", "--ragged", "uniform", "--format", "json")
    names = [row["peer"] for row in json.loads(result.stdout or "[]")]
    cli.check(result.returncode == OK and (names == ["plain", "onednn-padded"]
                                           or (names == ["plain"] and "skipped: onednn" in result.stderr)),
              f"onednn runs padded or is skipped: {names} {result.stderr!r}")


def check_export(cli):
    folder = cli.directory
    for words in (["5,3,8"], ["5,3,8", "--layers", "2", "--bidirectional", "--ragged", "uniform"]):
        result = bench(*words, "--export", folder)
        cli.check((result.returncode, result.stdout, result.stderr) == (OK, "", ""), f"{words}: {result.stderr!r}")
    plain, ragged = cases.find_cases(folder)
    cli.check((plain.steps, plain.batch, plain.input, plain.hidden, plain.layers, plain.directions, plain.ragged)
              == (5, 3, 8, 8, 1, 1, "none"), f"a case is what was asked for: {plain}")
    cli.check(plain.flop == 2 * 4 * 8 * 16 * 15 and plain.total_steps == 15, f"its work: {plain.flop}")
    cli.check(abs(plain.bound / ((16 / 16 + 8) * 2 ** -23) - 1) < 1e-6, f"its bound: {plain.bound}")
    tensors, start = cases.read_header(ragged.path / "weights.safetensors")
    names = [name for layer in ragged.tensor_names() for direction in layer for name in direction]
    cli.check(list(tensors) == names and len(names) == 16, f"torch's names: {list(tensors)}")
    cli.check(tensors["weight_ih_l1_reverse"][0] == [32, 16] and tensors["bias_hh_l0"][0] == [32], "their shapes")
    end = max(stop for _, _, stop in tensors.values())
    size = (ragged.path / "weights.safetensors").stat().st_size
    cli.check(size == start + end, f"data fill the file: {start} + {end}, {size}")
    result = bench("5,3,8", "--export", f"{folder}/5,3,8,8,1,1,none/case.json")
    cli.check(result.returncode == 74 and "case.json" in result.stderr, f"no directory can be made there: {result.stderr!r}")
    result = bench("--case", "500,3,4", "--ragged", "tail", "--export", f"{folder}/tail")
    cli.check(result.returncode == OK and "skipped" in result.stderr, f"a case that is not for files: {result.stderr!r}")
    cli.check(plain.train == "none" and not list(plain.path.glob("d*.npy")), "without --train there is no gradient")
    (plain.path / "case.json").write_text('{"steps": 5}')
    try:
        cases.read_case(plain.path)
        cli.check(False, "a case without its fields is refused")
    except ValueError as error:
        cli.check("hidden" in str(error) and "case.json" in str(error), f"the message says what lacks: {error}")


def check_comparison(cli):
    """What a script makes of a wrong result; of arrays, so where numpy is."""
    try:
        import numpy
    except ImportError:
        print("no numpy here: the scripts' comparison is not looked at")
        return
    folder = cli.path("compared")
    bench("5,3,8", "--ragged", "uniform", "--layers", "2", "--export", folder)
    [case] = cases.find_cases(folder)
    y, hn, lengths = (case.load(name) for name in ("y", "hn", "lengths"))
    cli.check(all(serve.find_difference(case, found) is None for found in ({"y": y, "hn": hn}, {"y": y})), "equal is no difference")
    place = (2, int(lengths[2]) - 1, 7)
    for wrong in (y[place] + 2 * case.bound, float("nan")):
        changed = y.copy()
        changed[place] = wrong
        found = serve.find_difference(case, {"y": changed, "hn": hn})
        cli.check(found and found.startswith(f"y{list(place)} "), f"{wrong} at {place} is found: {found}")
    padded = numpy.where(numpy.arange(case.steps)[None, :, None] < lengths[:, None, None], y, 1).astype(y.dtype)
    cli.check((padded != y).any() and serve.find_difference(case, {"y": padded}) is None, "padding may hold anything")
    cli.check("hn[1, 0, 0]" in serve.find_difference(case, {"hn": hn + numpy.arange(2)[:, None, None]}), "hn is compared too")
    cli.check("shape" in serve.find_difference(case, {"y": y[:2]}), "and shapes are")
    try:
        serve.check(case, "torch", lambda: {"y": -y})
        cli.check(False, "a wrong result ends a script")
    except SystemExit as end:
        cli.check("torch: wrong result" in str(end), f"the end of a script says why: {end}")


def check_train_export(cli):
    """A case that trains has what comes in and the right gradients beside."""
    folder = cli.path("train")
    shape = ["5,3,8", "--layers", "2", "--bidirectional", "--ragged", "uniform"]
    result = bench(*shape, "--train=none,forward,both", "--export", folder)
    cli.check(result.returncode == OK, f"{result.stderr!r}")
    both, forward, none = sorted(cases.find_cases(folder), key=lambda case: case.train)
    cli.check([both.train, forward.train, none.train] == ["both", "forward", "none"], "three cases")
    cli.check(both.flop == 3 * forward.flop == 3 * none.flop, f"a gradient is twice the forward pass's work: {both.flop}")
    cli.check(not list(forward.path.glob("d*.npy")) and len(list(both.path.glob("d*.npy"))) == 6, "gradients of one of them")
    cli.check(abs(both.gradient_bound * 2 ** 23 / ((16 + 4 * 8 + 5) / 16 + 16) - 1) < 1e-6
              and abs((both.weight_gradient_bound - both.gradient_bound) * 2 ** 23 * 16 / both.total_steps - 1) < 1e-6,
              f"bounds: {both.gradient_bound}, {both.weight_gradient_bound}")
    weights, gradients = (cases.read_header(both.path / f"{name}.safetensors")[0] for name in ("weights", "gradients"))
    cli.check(weights == gradients, f"a gradient for each weight: {list(gradients)}")
    row = cases.row_of(both, "torch", "2.0", 1, {"seconds_min": 0.002})
    cli.check((row["train"], row["pass"]) == (True, "both") and cases.row_of(none, "torch", "2.0", 1, {"seconds_min": 1})["pass"]
              is None, f"rows say what trains: {row}")
    run = python("-c", "import serve; serve.serve('x', '1', lambda case, threads, precision: [])", folder)
    cli.check((run.returncode, run.stdout, run.stderr) == (OK, "", "skipped: x does not train\n"), f"said once: {run.stderr!r}")


def check_network_export(cli):
    """A network is exported with its description, and what is not computed is passed over with a note."""
    folder = cli.path("networks")
    result = bench("--set", "networks", "--export", folder)
    cli.check((result.returncode, result.stdout, result.stderr) == (OK, "", ""), f"{result.stderr!r}")
    found = {(case.network, case.steps): case for case in cases.find_cases(folder)}
    cli.check(len(found) == 10, f"all are there: {list(found)}")
    case = found["128-64-dense", 50]
    kinds = [(layer["kind"], layer["units"], layer.get("steps", "all")) for layer in case.layers_of_network()]
    cli.check(kinds == [("lstm", 128, "all"), ("lstm", 64, "last"), ("dense", 10, "all")], f"its layers: {kinds}")
    cli.check(case.flop == 2 * 4 * (128 * 192 + 64 * 192) * 50 * 64 + 2 * 640 * 64, f"its work: {case.flop}")
    tensors, _ = cases.read_header(case.path / "weights.safetensors")
    cli.check(tensors["lstm_1.weight_ih_l0"][0] == [512, 64] and tensors["dense_1.weight"][0] == [10, 64], f"{list(tensors)}")
    tensors, _ = cases.read_header(found["projection-512-128", 50].path / "weights.safetensors")
    cli.check(tensors["lstm_1.weight_hr_l0"][0] == [128, 512], f"torch's names: {list(tensors)}")
    row = cases.row_of(case, "torch", "2.0", 1, {"seconds_min": 0.002})
    cli.check((row["network"], row["hidden"], row["layers"]) == ("128-64-dense", 128, 2), f"a row has the name: {row}")
    run = python("-c", "import cases, serve\ndef variants(case, threads, precision):\n    raise cases.Unsupported('no cell')\n    yield\n"
                 "serve.serve('x', '1', variants)", folder)
    cli.check((run.returncode, run.stdout, run.stderr.count("skipped: x: "), run.stderr.count(": no cell\n")) == (OK, "", 10, 10),
              f"what is not computed is passed over: {run.stderr!r}")
    check_network_results(cli, case, found["hard-sigmoid-256", 50])


def check_network_results(cli, reduced, stepwise):
    """What a script makes of a wrong result of a network; of arrays, so where numpy is."""
    try:
        import numpy
    except ImportError:
        print("no numpy here: the scripts' comparison of networks is not looked at")
        return
    for case, shape in ((reduced, (64, 10)), (stepwise, (64, 50, 256))):
        y = case.load("y")
        cli.check(y.shape == shape and serve.find_difference(case, {"y": y}) is None, f"{case.network}: {y.shape}")
        for off, is_wrong in ((0.9 * case.bound, False), (1.1 * case.bound, True), (float("nan"), True)):
            changed = y.astype(float)
            changed[(-1,) * y.ndim] += off
            found = serve.find_difference(case, {"y": changed})
            cli.check((found is not None) == is_wrong, f"{case.network}, off by {off}: {found}")
    cli.check(numpy.allclose(reduced.load("y").sum(1), 1, atol=1e-6), "softmax")


def check_gradients(cli):
    """What a script makes of a wrong gradient; of arrays, so where numpy is."""
    try:
        import numpy
    except ImportError:
        print("no numpy here: the scripts' comparison of gradients is not looked at")
        return
    folder = cli.path("gradients")
    bench("5,3,8", "--ragged", "uniform", "--train", "--export", folder)
    [case] = cases.find_cases(folder)
    right = {name: case.load(name) for name in ("y", "hn", "dx", "dh0", "dc0")} | case.weights("gradients")
    cli.check(len(right) == 9 and serve.find_difference(case, right) is None, f"equal is no difference: {list(right)}")
    for name, array in right.items():
        bound = (case.bound if name in ("y", "hn") else case.weight_gradient_bound if "_l0" in name else case.gradient_bound)
        bound *= 1 if name in ("y", "hn") else max(1, numpy.abs(array).max())
        for off, is_wrong in ((0.9 * bound, False), (1.1 * bound, True), (float("nan"), True)):
            changed = array.astype(float)
            changed[(0,) * array.ndim] += off
            found = serve.find_difference(case, right | {name: changed})
            cli.check((found or "").startswith(f"{name}[0") if is_wrong else found is None, f"{name} off by {off}: {found}")


def check_timing(cli):
    calls = []
    serve.measure(lambda: calls.append(1), 0, 3, 2)
    cli.check(len(calls) == 2 + 1 + 3, f"two to warm up, one that lasts long enough, three repetitions: {len(calls)}")
    calls.clear()
    timing = serve.measure(lambda: calls.append(1), 1e-4, 3, 2)
    cli.check(timing["repetitions"] == 3 and timing["calls"] >= 1 and len(calls) >= 2 + 4 * timing["calls"],
              f"warm-up, a search for the number of calls, then repetitions: {len(calls)} calls, {timing}")
    cli.check(0 < timing["seconds_min"] <= timing["seconds_median"] and timing["spread"] >= 0, f"least and median: {timing}")
    for words in (["--repetitions", "0"], ["--repetitions", "-1"]):
        result = python("-c", "import serve; serve.serve('x', '1', None)", "nowhere", *words)
        cli.check(result.returncode == USAGE and "from 1 on" in result.stderr, f"{words}: {result.stderr!r}")
    case = cases.Case(pathlib.Path("x"), 5, 4, 8, 8, 1, 1, None, "none", "none", 1, 20, 4e6, 1e-6, 1e-6, 1e-6, 0.1, 0.2, 4, "0.1.0")
    row = cases.row_of(case, "torch", "2.0", 2, {"seconds_min": 0.002, "seconds_median": 0.003, "spread": 0.5})
    cli.check((row["gflops"], row["sequences_per_second"], row["steps_per_second"]) == (4e6 / 0.002 * 1e-9, 2000, 10000),
              f"a row's speeds: {row}")
    cli.check((row["peer"], row["peer_version"], row["threads"], row["hidden"]) == ("torch", "2.0", 2, 8), f"its keys: {row}")
    cli.check((row["precision"], row["error"], row["dependence"]) == ("f32", None, None), f"usually of f32: {row}")
    row = cases.row_of(case, "torch", "2.0", 2, {"seconds_min": 1}, "int8", {"error": 1e-3, "error_rms": 1e-4, "dependence": 0.0})
    cli.check((row["precision"], row["error"], row["dependence"]) == ("int8", 1e-3, 0.0), f"or of int8: {row}")


def sample(peer, gflops, threads=1, steps=50, precision="f32", accuracy=(None, None, None)):
    shape = {"steps": steps, "batch": 64, "input": 256, "hidden": 256, "layers": 1, "directions": 1, "network": None, "ragged": "none",
             "pass": None}
    return {**shape, "threads": threads, "peer": peer, "peer_version": "1", "gflops": gflops, "precision": precision,
            **dict(zip(("error", "error_rms", "dependence"), accuracy))}


def check_table(cli):
    rows = [sample("plain", 10.0), sample("sluice", 60.0), sample("sluice", 50.0), sample("torch", 40.0),
            sample("sluice", 90.0, threads=2), sample("torch", 100.0, threads=2), sample("plain", 7.0, steps=3)]
    head, body = table.cells(rows)
    cli.check(head[11:] == ["sluice", "plain", "torch", "best other", "sluice / best other"], f"the library first: {head}")
    cli.check([line[11:] for line in body] == [["60.0", "10.0", "40.0", "torch", "1.50"], ["90.0", "-", "100.0", "torch", "0.90"],
                                              ["-", "7.0", "-", "plain", "-"]], f"best rows and ratios: {body}")
    cli.check(table.ratio({"a": 3.0, "b": 4.0}, "b") == 4 / 3 and table.ratio({"b": 4.0}, "b") is None, "a ratio needs two")
    text, md = table.format_text(head, body).splitlines(), table.format_md(head, body).splitlines()
    cli.check([title for title, _, _ in table.tables(rows)] == ["GFLOP/s"], "no accuracy where none was measured")
    cli.check(len(text) == 4 and len(set(map(len, text))) == 1, f"columns are even: {text}")
    cli.check(len(md) == 5 and {line.count("|") for line in md} == {len(head) + 1}, f"as Markdown: {md}")
    cli.check(table.versions(rows) == "plain 1, sluice 1, torch 1", f"each version once: {table.versions(rows)}")


def check_accuracy_tables(cli):
    """A line for each precision, in which its peers are compared; a table for each figure of accuracy."""
    rows = [sample("plain", 10.0, accuracy=(2e-7, 1e-8, 0.0)), sample("sluice", 60.0, accuracy=(0.0, 0.0, 0.0)),
            sample("sluice", 90.0, precision="int8", accuracy=(6e-4, 5e-5, 0.0)),
            sample("torch", 80.0, precision="int8", accuracy=(5e-3, 9e-4, 2e-2)), sample("blis", 9.0, precision="int8")]
    found = {title: [line[9:] for line in [head, *body]] for title, head, body in table.tables(rows)}
    cli.check(found["GFLOP/s"][1:] == [["f32", "1", "60.0", "10.0", "-", "-", "plain", "6.00"],
                                       ["int8", "1", "90.0", "-", "80.0", "9.0", "torch", "1.12"]], f"each against its own: {found}")
    cli.check([lines for title, lines in found.items() if "largest difference" in title]
              == [[["prec", "thr", "sluice", "plain", "torch"], ["f32", "1", "0", "2.0e-07", "-"], ["int8", "1", "6.0e-04", "-", "5.0e-03"]]]
              and len(found) == 4, f"errors: {found}")
    cli.check([lines[2] for title, lines in found.items() if "neighbours" in title] == [["int8", "1", "0", "-", "2.0e-02"]],
              f"dependence: {found}")


SCRIPT = """
import serve

def variants(case, threads, precision):
    x, y = case.load("x"), case.load("y")

    def collect():
        return {"y": y + (precision == "int8") * abs(x).max() / 512}

    yield "x", lambda: None, collect

serve.serve("x", "1", variants, lacks={"bf16": "no loops"})
"""


def check_precisions(cli):
    """A script's rows of each precision; what it lacks is said once, and accuracy is measured. Of arrays, so where numpy is."""
    folder = cli.path("precisions")
    bench("5,3,8", "5,1,8", "--ragged", "uniform", "--export", folder)
    one, three = cases.find_cases(folder)
    cli.check(abs(three.int8_bound / (6 / 127 * 2 ** 0.5) - 1) < 1e-9 and abs(three.int8_bound * 127 / (three.bf16_bound * 256) - 1) < 1e-9
              and three.neighbour_scale == 4, f"bounds: {three}")
    for words in (["--precision", "int4"], ["--precision", ""]):
        result = python("-c", "import serve; serve.serve('x', '1', None)", folder, *words)
        cli.check(result.returncode == USAGE and "f32, bf16, int8" in result.stderr, f"{words}: {result.stderr!r}")
    try:
        import numpy
    except ImportError:
        print("no numpy here: the accuracy of scripts is not looked at")
        return
    run = python("-c", SCRIPT, folder, "--precision", "f32,bf16,int8", *QUICK)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    cli.check((run.returncode, run.stderr) == (OK, "skipped: x in bf16: no loops\n"), f"said once: {run.stderr!r}")
    cli.check([(row["batch"], row["precision"]) for row in rows] == [(1, "f32"), (1, "int8"), (3, "f32"), (3, "int8")], f"rows: {rows}")
    for case, row in ((one, rows[1]), (three, rows[3])):
        off = numpy.abs(case.load("x")).max() / 512
        cli.check(abs(row["error"] / off - 1) < 1e-3 and abs(row["error_rms"] / off - 1) < 1e-3, f"off by {off}: {row}")
    x = three.load("x")
    off = max(numpy.abs(x[::2]).max(), 4 * numpy.abs(x[1]).max()) / 512 - numpy.abs(x).max() / 512
    cli.check(rows[1]["dependence"] is None and abs(rows[3]["dependence"] / off - 1) < 1e-3 and rows[2]["dependence"] == 0,
              f"the middle row is four times as large: {off}, {rows}")
    changed = cases.OtherNeighbours(**vars(three)).load("x")
    cli.check((changed[1] == 4 * x[1]).all() and (changed[::2] == x[::2]).all(), "and the others are as they were")
    y = three.load("y")
    for off, is_wrong in ((0.9 * three.int8_bound, False), (1.1 * three.int8_bound, True), (float("nan"), True)):
        found = serve.find_difference(three, {"y": y + off}, "int8")
        cli.check((found is not None) == is_wrong, f"off by {off}: {found}")


def check_run(cli):
    """The whole run with the peers that every build has; a peer that cannot be imported is passed over."""
    command = ["run", "4,4,8", "--threads", "1,2", *QUICK, "--bench", BENCH, "--venv", "/nowhere"]
    result = python(*command, "--peers", "sluice,plain")
    lines = result.stdout.splitlines()
    cli.check(result.returncode == OK and len(lines) == 7 and "plain" in lines[4] and "sluice 0." in lines[0],
              f"one table: {result.stdout!r} {result.stderr!r}")
    result = python(*command, "--peers", "numpypy")
    cli.check(result.returncode == USAGE and "numpypy" in result.stderr, f"a peer that nobody knows: {result.stderr!r}")
    (cli.directory / "kept").mkdir()
    (cli.directory / "kept" / "old").touch()
    for words in (["-o", "x"], ["--output=x"], ["--out", "x"], ["--kernels"], ["--expect"], ["--from", "x"], ["--compare", "x"],
                  ["--scaling", "weak"], ["--keep", cli.directory / "kept"]):
        result = python(*command, *words, "--peers", "sluice")
        cli.check(result.returncode == USAGE and not result.stdout and words[0] in result.stderr, f"{words}: {result.stderr!r}")
    inside = finish(SOURCE / "perf" / "peers" / "setup", SOURCE / "venv", text=True)
    cli.check(inside.returncode == USAGE and not (SOURCE / "venv").exists(), f"no environment in the tree: {inside.stderr!r}")


if __name__ == "__main__":
    run_parts()
