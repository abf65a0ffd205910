"""What the peers' scripts share: the command line, the comparison with the expected result, timing as sluice-bench times, rows.

A script has `name`, `version`, and `variants(case, threads, precision)`, which yields (label, call, collect): call() runs the batch once,
collect() brings what it computed as {"y": [N][T][D*H], "hn": [L*D][N][H]} and, of a case that trains both passes, the gradients
{"dx": [N][T][I], "dh0": [L*D][N][H], "dc0": likewise} and those of the weights under their names; what the peer does not have is
left out. Of a network y is its last layer's alone. It raises cases.Unsupported for what the peer does not compute, precisions among it.
"""
import argparse
import json
import statistics
import sys
import time

import cases


def measure(call, min_seconds, repetitions, warmup):
    """Seconds of one call: as many calls make a repetition as last min_seconds; the least and the median of them."""
    for _ in range(warmup):
        call()
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        if time.perf_counter() - start >= min_seconds:
            break
        calls *= 2
    samples = []
    for _ in range(repetitions):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        samples.append((time.perf_counter() - start) / calls)
    least, median = min(samples), statistics.median(samples)
    return {"seconds_min": least, "seconds_median": median, "spread": median / least - 1, "repetitions": repetitions, "calls": calls}


def find_expected(case, precision):
    """{name: (the right result, how far one may be off)} of all that a case has; the right one is that of f32."""
    import numpy
    bound = {"f32": case.bound, "bf16": case.bf16_bound, "int8": case.int8_bound}[precision]
    wanted = {name: (case.load(name), bound) for name in (("y",) if case.network else ("hn", "y"))}
    if case.train == "both":
        gradients = {name: (case.load(name), case.gradient_bound) for name in ("dh0", "dc0", "dx")}
        gradients |= {name: (array, case.weight_gradient_bound) for name, array in case.weights("gradients").items()}
        wanted |= {name: (array, bound * max(1, numpy.abs(array).max())) for name, (array, bound) in gradients.items()}
    return wanted


def find_steps(case, array):
    """Which elements of y or dx, [N][T][...] or, of some networks, [N][...], are no padding."""
    import numpy
    if array.ndim < 3:
        return numpy.ones(array.shape, bool)
    return numpy.broadcast_to((numpy.arange(case.steps) < case.load("lengths")[:, None])[:, :, None], array.shape)


def find_difference(case, found, precision="f32"):
    """A message on the first array that differs from the expected one by more than is permitted, or has a NaN; None: there is none.
    Elements behind a row's end are not compared: a peer that pads computes something there."""
    import numpy
    for name, (wanted, bound) in find_expected(case, precision).items():
        if name not in found:
            continue
        if found[name].shape != wanted.shape:
            return f"{name} has shape {found[name].shape}, expected {wanted.shape}"
        wrong = ~(numpy.abs(found[name] - wanted) <= bound)
        if name in ("y", "dx"):
            wrong &= find_steps(case, wanted)
        if wrong.any():
            place = tuple(int(index) for index in numpy.argwhere(wrong)[0])
            return f"{name}{list(place)} is {found[name][place]!r}, expected {wanted[place]!r} within {bound:.3g}"
    return None


def check(case, label, collect, precision="f32"):
    """End the run where a result is wrong."""
    found = find_difference(case, collect(), precision)
    if found:
        sys.exit(f"{label}: wrong result: {case.path.name}, {precision}: {found}")


def measure_accuracy(case, y, changed):
    """What sluice-bench has in its rows: `error` and `error_rms` of y, and `dependence` of even rows on the odd ones, from the y with
    other neighbours; of one row None."""
    import numpy
    steps = find_steps(case, y)
    off = numpy.abs(y.astype(float) - case.load("y"))[steps]
    moved = numpy.abs(changed.astype(float) - y)[::2][steps[::2]]
    return {"error": float(off.max()), "error_rms": float(numpy.sqrt((off ** 2).mean())),
            "dependence": float(moved.max()) if case.batch > 1 else None}


def run_with_other_neighbours(variants, case, threads, precision, label):
    """The y of the variant of that label."""
    for other, call, collect in variants(cases.OtherNeighbours(**vars(case)), threads, precision):
        if other == label:
            call()
            return collect()["y"]
    raise ValueError(label)


def positive(text):
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 1 on")
    return number


def read_precisions(text):
    """The names of a list."""
    names = text.split(",")
    if set(names) - {"f32", "bf16", "int8"}:
        raise argparse.ArgumentTypeError(f"{text}: expected some of f32, bf16, int8")
    return names


def serve_case(options, version, variants, case, precision):
    """Print the rows of a case in a precision."""
    if case.train != "none" and precision != "f32":
        raise cases.Unsupported("trains in f32 alone")
    for threads in map(int, options.threads.split(",")):
        for label, call, collect in variants(case, threads, precision):
            call()
            check(case, label, collect, precision)
            timing = measure(call, options.min_time, options.repetitions, options.warmup)
            check(case, label, collect, precision)
            accuracy = None
            if case.train == "none" and options.precision != ["f32"]:
                y = collect()["y"].copy()
                accuracy = measure_accuracy(case, y, run_with_other_neighbours(variants, case, threads, precision, label))
            print(json.dumps(cases.row_of(case, label, version, threads, timing, precision, accuracy)), flush=True)


def serve(name, version, variants, trains=False, lacks=None):
    """Run the command line: every case of a directory, each precision, each number of threads, each variant; a JSON row a line. What
    does not train passes over the cases that do, with a note; `lacks` has the precisions that it lacks, and why."""
    parser = argparse.ArgumentParser(description=f"Time {name} on cases that sluice-bench --export wrote.")
    parser.add_argument("directory", help="of the cases")
    parser.add_argument("--threads", default="1", help="numbers of threads, as 1,2 (1)")
    parser.add_argument("--precision", type=read_precisions, default=["f32"],
                        help="precisions, as f32,bf16,int8; with one below f32 all rows have their accuracy (f32)")
    parser.add_argument("--min-time", type=float, default=0.005, help="seconds that each repetition lasts at least (0.005)")
    parser.add_argument("--repetitions", type=positive, default=10, help="the least of so many is quoted (10)")
    parser.add_argument("--warmup", type=int, default=2, help="calls before anything is timed (2)")
    options = parser.parse_args()
    found = cases.find_cases(options.directory)
    wanted = [case for case in found if trains or case.train == "none"]
    if len(wanted) < len(found):
        print(f"skipped: {name} does not train", file=sys.stderr)
    lacks = lacks or {}
    for precision in options.precision:
        if precision in lacks:
            print(f"skipped: {name} in {precision}: {lacks[precision]}", file=sys.stderr)
    for case in wanted:
        for precision in (each for each in options.precision if each not in lacks):
            try:
                serve_case(options, version, variants, case, precision)
            except cases.Unsupported as reason:
                print(f"skipped: {name}: {case.path.name}: {reason}", file=sys.stderr)
