"""What the peers' scripts share: the command line, the comparison with the expected result, timing as sluice-bench times, rows.

A script has `name`, `version`, and `variants(case, threads)`, which yields (label, call, collect): call() runs the batch once,
collect() brings what it computed as {"y": [N][T][D*H], "hn": [L*D][N][H]} and, of a case that trains both passes, the gradients
{"dx": [N][T][I], "dh0": [L*D][N][H], "dc0": likewise} and those of the weights under their names; what the peer does not have is
left out. Of a network y is its last layer's alone. It raises cases.Unsupported for what the peer does not compute.
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


def find_expected(case):
    """{name: (the right result, how far one may be off)} of all that a case has."""
    import numpy
    wanted = {name: (case.load(name), case.bound) for name in (("y",) if case.network else ("hn", "y"))}
    if case.train == "both":
        gradients = {name: (case.load(name), case.gradient_bound) for name in ("dh0", "dc0", "dx")}
        gradients |= {name: (array, case.weight_gradient_bound) for name, array in case.weights("gradients").items()}
        wanted |= {name: (array, bound * max(1, numpy.abs(array).max())) for name, (array, bound) in gradients.items()}
    return wanted


def find_difference(case, found):
    """A message on the first array that differs from the expected one by more than is permitted, or has a NaN; None: there is none.
    Elements behind a row's end are not compared: a peer that pads computes something there."""
    import numpy
    for name, (wanted, bound) in find_expected(case).items():
        if name not in found:
            continue
        if found[name].shape != wanted.shape:
            return f"{name} has shape {found[name].shape}, expected {wanted.shape}"
        wrong = ~(numpy.abs(found[name] - wanted) <= bound)
        if name in ("y", "dx") and wanted.ndim == 3:
            wrong &= (numpy.arange(case.steps) < case.load("lengths")[:, None])[:, :, None]
        if wrong.any():
            place = tuple(int(index) for index in numpy.argwhere(wrong)[0])
            return f"{name}{list(place)} is {found[name][place]!r}, expected {wanted[place]!r} within {bound:.3g}"
    return None


def check(case, label, collect):
    """End the run where a result is wrong."""
    found = find_difference(case, collect())
    if found:
        sys.exit(f"{label}: wrong result: {case.path.name}: {found}")


def positive(text):
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 1 on")
    return number


def serve(name, version, variants, trains=False):
    """Run the command line: every case of a directory, each number of threads, each variant; a JSON row a line. What does not
    train passes over the cases that do, with a note."""
    parser = argparse.ArgumentParser(description=f"Time {name} on cases that sluice-bench --export wrote.")
    parser.add_argument("directory", help="of the cases")
    parser.add_argument("--threads", default="1", help="numbers of threads, as 1,2 (1)")
    parser.add_argument("--min-time", type=float, default=0.005, help="seconds that each repetition lasts at least (0.005)")
    parser.add_argument("--repetitions", type=positive, default=10, help="the least of so many is quoted (10)")
    parser.add_argument("--warmup", type=int, default=2, help="calls before anything is timed (2)")
    options = parser.parse_args()
    found = cases.find_cases(options.directory)
    wanted = [case for case in found if trains or case.train == "none"]
    if len(wanted) < len(found):
        print(f"skipped: {name} does not train", file=sys.stderr)
    for case in wanted:
        try:
            for threads in map(int, options.threads.split(",")):
                for label, call, collect in variants(case, threads):
                    call()
                    check(case, label, collect)
                    timing = measure(call, options.min_time, options.repetitions, options.warmup)
                    check(case, label, collect)
                    print(json.dumps(cases.row_of(case, label, version, threads, timing)), flush=True)
        except cases.Unsupported as reason:
            print(f"skipped: {name}: {case.path.name}: {reason}", file=sys.stderr)
