"""Time calls of models from Python: ``python -m sluice.bench``, beside PyTorch where it is installed.

The cases are sluice-bench's: steps, rows, and hidden units, with as many inputs; "200r": rows of 1 to 200 steps, of which PyTorch has a
packed sequence. Runs of both alternate, and their medians are printed.
"""

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sluice

CASES = ("50,64,256", "50,64,512", "50,256,256", "100,8,256", "100,1,512", "100,32,128", "100,31,64", "30,16,32", "100,1,128", "1,1,64",
         "1,1,16", "200r,256,256", "200r,32,128", "50r,17,512")
Floats = NDArray[np.float32]
Lengths = NDArray[np.int64]
Call = Callable[[], Any]
SECONDS = 0.02  # of a timing, of several calls if need be


def parse_case(text: str) -> tuple[int, bool, int, int]:
    """(steps, whether they are the most of rows of different lengths, rows, hidden units)."""
    steps, rows, hidden = text.split(",")
    return int(steps.removesuffix("r")), steps.endswith("r"), int(rows), int(hidden)


def sluice_call(model: sluice.Model, x: Floats, lengths: Lengths | None) -> Call:
    """A call of the model, its rows one after the other where they differ in length."""
    if lengths is None:
        return lambda: model(x)
    rows = np.concatenate([row[:length] for row, length in zip(x, lengths)])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return lambda: model(rows, offsets=offsets)


def torch_call(model: sluice.Model, x: Floats, lengths: Lengths | None, threads: int) -> Call:
    """The same by torch.nn.LSTM, with the model's weights."""
    import torch

    torch.set_num_threads(threads)
    width, hidden = x.shape[2], model.info.layers[0].units
    twin = torch.nn.LSTM(width, hidden, batch_first=True).eval()
    weight_ih, weight_hh, bias = map(torch.from_numpy, model.tensors().values())
    twin.load_state_dict({"weight_ih_l0": weight_ih, "weight_hh_l0": weight_hh, "bias_ih_l0": bias, "bias_hh_l0": 0 * bias})
    given = torch.from_numpy(x)
    if lengths is not None:
        given = torch.nn.utils.rnn.pack_padded_sequence(given, torch.from_numpy(lengths), batch_first=True, enforce_sorted=False)

    def call() -> Any:
        with torch.inference_mode():
            y = twin(given)[0]
        return (y.data if lengths is not None else y).numpy()
    return call


def time_in_turn(calls: Mapping[str, Call], repetitions: int) -> dict[str, float]:
    """{name: median seconds a call}."""
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        call()
        begin = time.perf_counter()
        call()
        counts[name] = max(1, round(SECONDS / (time.perf_counter() - begin)))
    for _ in range(repetitions):
        for name, call in calls.items():
            begin = time.perf_counter()
            for _ in range(counts[name]):
                call()
            times[name].append((time.perf_counter() - begin) / counts[name])
    return {name: statistics.median(each) for name, each in times.items()}


def run_case(text: str, options: argparse.Namespace) -> dict[str, Any]:
    """Time one case: a dict of its figures."""
    steps, is_ragged, rows, hidden = parse_case(text)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, steps, hidden), np.float32)
    lengths = rng.integers(1, steps + 1, rows) if is_ragged else None
    model = sluice.random_model(inputs=hidden, hidden=hidden, threads=options.threads, precision=options.precision)
    calls = {"sluice": sluice_call(model, x, lengths)}
    if options.torch:
        calls["torch"] = torch_call(model, x, lengths, model.info.threads)
        if lengths is None and options.precision in (None, "f32") and not np.allclose(calls["sluice"](), calls["torch"](), atol=1e-5):
            sys.exit(f"bench: {text}: sluice and torch differ")
    seconds = time_in_turn(calls, options.repetitions)
    cells = int(lengths.sum()) if is_ragged else rows * steps
    return {"case": text, "gflops": 16e-9 * cells * hidden * hidden / seconds["sluice"], **seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cases and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m sluice.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=CASES, help="STEPS[r],ROWS,HIDDEN")
    parser.add_argument("--threads", type=int, help="of a call (the library's default)")
    parser.add_argument("--precision", choices=("f32", "bf16", "int8"), help="of sluice's (f32)")
    parser.add_argument("--repetitions", type=int, default=15, help="timings of each (%(default)s)")
    parser.add_argument("--no-torch", dest="torch", action="store_false", help="not PyTorch beside")
    options = parser.parse_args(arguments)
    options.torch = options.torch and importlib.util.find_spec("torch") is not None
    print(f"{'case':>14} {'sluice us':>11} {'GFLOP/s':>9}" + (f" {'torch us':>11} {'torch / sluice':>15}" if options.torch else ""))
    for text in options.cases:
        found = run_case(text, options)
        line = f"{text:>14} {found['sluice'] * 1e6:11.1f} {found['gflops']:9.1f}"
        if options.torch:
            line += f" {found['torch'] * 1e6:11.1f} {found['torch'] / found['sluice']:15.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
