"""Programs that have torch beside Sluice, in small. examples/python/train_ragged.py runs, learns, and has torch's losses; the modules that
perf/peers/torch_module.py times give what torch gives, and so does the library's call alone."""
import importlib.util
import sys
import types

import pytest

from support.checks import SOURCE

torch = pytest.importorskip("torch")

# Losses of some 20 updates: what float32 leaves of a gradient, some 1e-6 of it, goes into the weights by the rate and comes back the
# larger the longer training goes on; a wrong gradient shows in the second loss.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("train_ragged", SOURCE / "examples" / "python" / "train_ragged.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("workers", [0, 1])
def test_losses_are_torch_s(example, workers, capsys):
    options = types.SimpleNamespace(hidden=24, sequences=160, longest=40, batch=32, epochs=4, workers=workers, seed=1, rate=5e-3)
    losses, _ = example.train(options, with_sluice=True)
    expected, _ = example.train(options, with_sluice=False)
    assert len(losses) == 20 and sum(losses[-5:]) < sum(losses[:5])
    assert max(abs(a - b) for a, b in zip(losses, expected)) < TOLERANCE
    assert capsys.readouterr().out.count("epoch 4") == 2


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE / "perf" / "peers"))
    import torch_module
    yield torch_module
    del sys.modules["torch_module"]


@pytest.mark.parametrize("case", [(5, 3, 16), ((1, 7), 4, 16)], ids=["dense", "packed"])
def test_what_is_timed(benchmark, case):
    for make in (benchmark.inference_of, benchmark.training_of):
        runs = {name: make(module, benchmark.draw_input(*case)) for name, module in benchmark.make_modules(case[2]).items()}
        if make is benchmark.inference_of:
            runs["engine"] = benchmark.engine_of(benchmark.make_modules(case[2])["sluice"].eval(), benchmark.draw_input(*case))
            runs["engine"]().zero_()  # so that what is compared is of the next call
        benchmark.check_alike(runs)
