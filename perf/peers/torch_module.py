#!/usr/bin/env python3
"""Time sluice.torch.LSTM beside torch.nn.LSTM: runs of both in turn, medians of their times, and torch's time over ours.

Inference in eval mode under inference_mode; training forward and backward with the gradients of weights and inputs, weights packed
anew in each call. Rows of different lengths run as a packed sequence. "engine" is the library's own call with all arrays prepared, for
what Python adds; not of training. A wrong result ends the run.
"""
import argparse
import os
import pathlib
import subprocess
import sys

import numpy
import torch
from torch.nn.utils.rnn import pack_sequence

import sluice.torch
import table
from sluice import _torch_calls
from sluice.bench import time_in_turn

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python" / "train_ragged.py"
# Steps (a tuple: lengths from the one to the other), rows, inputs and hidden; and what the ratio has to be, inference and training.
CASES = (((50, 64, 256), 1.08, 1.2), ((100, 32, 128), 1.4, 1.2), ((100, 8, 256), 1.3, 1.13), ((100, 1, 256), 1.9, 1.3),
         (((1, 200), 256, 256), 2.1, 15.0))
HEAD = ["pass", "T", "N", "H", "torch ms", "sluice ms", "engine ms", "torch / sluice", "wanted"]


def draw_input(steps, rows, width):
    """[T][N][width], or a packed sequence."""
    generator = torch.Generator().manual_seed(1)
    if isinstance(steps, int):
        return torch.randn(steps, rows, width, generator=generator)
    lengths = torch.randint(steps[0], steps[1] + 1, (rows,), generator=generator)
    return pack_sequence([torch.randn(int(n), width, generator=generator) for n in lengths], enforce_sorted=False)


def data_of(sequence):
    return sequence.data if isinstance(sequence, torch.nn.utils.rnn.PackedSequence) else sequence


def make_modules(width):
    torch.manual_seed(1)
    module, twin = sluice.torch.LSTM(width, width), torch.nn.LSTM(width, width)
    twin.load_state_dict(module.state_dict())
    return {"sluice": module, "torch": twin}


def inference_of(module, x):
    module.eval()

    def run():
        with torch.inference_mode():
            return data_of(module(x)[0])
    return run


def training_of(module, x):
    module.train()
    data = data_of(x).requires_grad_()
    coming = torch.randn(data.shape[:-1] + (module.hidden_size,), generator=torch.Generator().manual_seed(2))

    def run():
        module.zero_grad(set_to_none=True)
        data.grad = None
        data_of(module(x)[0]).backward(coming)
        return torch.cat([data.grad.flatten(), module.weight_hh_l0.grad.flatten()])
    return run


def engine_of(module, x):
    """The library's call alone."""
    inputs = module._suit(x, None, False)
    call, _, weights = module._plan(inputs)
    layout = _torch_calls._layout(inputs, call.batch_first)
    packed = module._engines.take(call.shape, weights, training=False, renew=False, precision=call.precision)
    y, hn, cn = _torch_calls._forward(packed.engine, call, inputs)
    fields = {**layout.fields, **layout.place("x", inputs.x), **layout.place("y", y), "hn": hn.data_ptr(), "cn": cn.data_ptr()}
    kept = inputs, layout, y, hn, cn

    def run():
        packed.engine.forward(**fields)
        return kept[2]
    return run


def check_alike(runs):
    found = {name: run() for name, run in runs.items()}
    for name, value in found.items():
        error = (value - found["torch"]).abs().max() / found["torch"].abs().max()
        if not error < 1e-4:
            sys.exit(f"torch_module: {name} differs from torch by {error:.1e} of the largest value")


def time_case(which, case, wanted, options):
    steps, rows, width = case
    make = {"inference": inference_of, "training": training_of}[which]
    runs = {name: make(module, draw_input(*case)) for name, module in make_modules(width).items()}
    if which == "inference":
        runs["engine"] = engine_of(make_modules(width)["sluice"].eval(), draw_input(*case))
    check_alike(runs)
    found = time_in_turn(runs, options.repetitions)
    return [which, steps if isinstance(steps, int) else f"{steps[0]}..{steps[1]}", rows, width,
            *(f"{found[name] * 1e3:.3f}" if name in found else "-" for name in ("torch", "sluice", "engine")),
            f"{found['torch'] / found['sluice']:.2f}", wanted]


def time_numpy(options):
    """{name: seconds} of a model's call at 1, 1, 16, and of the library's alone."""
    model, x, y = sluice.random_model(inputs=16, hidden=16, threads=options.threads), *numpy.ones((2, 1, 1, 16), numpy.float32)
    fields = {"steps": 1, "rows": 1, "x": x.ctypes.data, "y": y.ctypes.data}
    return time_in_turn({"numpy": lambda: model(x), "engine": lambda: model._engine.forward(**fields)}, options.repetitions)


def time_small(options):
    """Lines: calls at 1, 1, 16, and what new weights add to one."""
    runs = {name: inference_of(module, torch.randn(1, 1, 16)) for name, module in make_modules(16).items()}
    small = time_in_turn(runs, options.repetitions)
    module, x = make_modules(256)["sluice"], torch.randn(1, 1, 256)

    def call(training):
        def run():
            module.train(training)
            with torch.no_grad():
                module(x)
        return run
    update = time_in_turn({"packed": call(True), "kept": call(False)}, options.repetitions)
    arrays = time_numpy(options)
    return [f"a call at 1, 1, 16: {small['sluice'] * 1e6:.1f} us, torch's {small['torch'] * 1e6:.1f} us (wanted: under 25 us)",
            f"a call with NumPy's arrays at 1, 1, 16: {arrays['numpy'] * 1e6:.1f} us, of which Python adds "
            f"{(arrays['numpy'] - arrays['engine']) * 1e6:.1f} us (wanted: under 3 us)",
            f"new weights at H = 256: {(update['packed'] - update['kept']) * 1e3:.3f} ms (wanted: at most 0.3 ms)"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--quick", action="store_true", help="few repetitions, few rows of different lengths, a short training script")
    parser.add_argument("--format", choices=("text", "md"), default="text", help="of the table (text)")
    options = parser.parse_args()
    options.repetitions = 3 if options.quick else 21
    torch.set_num_threads(options.threads)
    lines = []
    for which in ("inference", "training"):
        for (steps, rows, width), *wanted in CASES:
            if options.quick and not isinstance(steps, int):
                rows //= 16  # of which torch's gradient takes seconds
            lines.append(list(map(str, time_case(which, (steps, rows, width), wanted[which == "training"], options))))
    write = table.format_md if options.format == "md" else table.format_text
    print(f"torch {torch.__version__}, {options.threads} threads\n\n{write(HEAD, lines)}")
    for line in time_small(options):
        print(line)
    words = ["--sequences", "256", "--epochs", "2"] if options.quick else []
    print("\nexamples/python/train_ragged.py --compare (wanted: at least 3 times)", flush=True)
    subprocess.run([sys.executable, EXAMPLE, "--compare", *words], check=True, env={**os.environ, "OMP_NUM_THREADS": str(options.threads)})


if __name__ == "__main__":
    main()
