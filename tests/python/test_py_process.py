"""The package in a process with others: one OpenMP runtime in either order of imports, forks in both, NumPy's BLAS, onnxruntime."""
import importlib.util

import pytest

from conftest import run_script

USE = """
import os, sys
def use(name):
    if name == "sluice":
        import sluice
        model = sluice.random_model(inputs=16, hidden=64, layers=2, threads=2, schedule="units")
        import numpy
        return lambda: model(numpy.ones((8, 12, 16), numpy.float32)).tobytes()
    if name == "torch":
        import torch
        torch.set_num_threads(2)
        return lambda: torch.ones(4_000_000).exp().sum().item()
    if name == "numpy":
        import numpy
        return lambda: (numpy.ones((600, 600)) @ numpy.ones((600, 600))).tobytes()
    import onnxruntime
    return lambda: len(onnxruntime.get_available_providers())
calls = {name: use(name) for name in sys.argv[1:]}
expected = {name: call() for name, call in calls.items()}
"""
RUNTIMES = """
runtimes = {line.split()[-1] for line in open("/proc/self/maps") if "gomp" in line or "libomp" in line or "libiomp" in line}
assert len(runtimes) == 1, runtimes
"""
AGAIN = """
for _ in range(3):
    for name, call in reversed(calls.items()):
        assert call() == expected[name], name
"""
# A child of a fork in the middle of all uses them again, and so does its parent after it.
FORK = """
import threading
for _ in range(3):
    child = os.fork()
    if child == 0:
        for name in sys.argv[1:]:
            if calls[name]() != expected[name]:
                os._exit(1)
        os._exit(0)
    waiting = threading.Timer(60, lambda: os.kill(child, 9))
    waiting.start()
    _, status = os.waitpid(child, 0)
    waiting.cancel()
    assert status == 0, f"the child of a fork ended with status {status}"
"""


def have(*names):
    """Skip where one of these is not installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"there is no {name} here")


@pytest.mark.parametrize("names", [("sluice", "torch"), ("torch", "sluice")], ids=" first, then ".join)
def test_one_runtime_with_torch(names):
    """Whichever is imported first, both compute with one OpenMP runtime, and go on to."""
    have("torch")
    run_script(USE + AGAIN + RUNTIMES, *names)


@pytest.mark.parametrize("names", [("sluice", "torch"), ("torch", "sluice"), ("sluice",), ("numpy", "sluice"), ("sluice", "numpy")],
                         ids=" first, then ".join)
def test_forks(names):
    """A child of a fork computes with what its parent has used, and the parent goes on."""
    have(*names)
    run_script(USE + FORK + AGAIN, *names)


@pytest.mark.parametrize("names", [("sluice", "numpy"), ("numpy", "sluice"), ("sluice", "onnxruntime"), ("onnxruntime", "sluice"),
                                   ("numpy", "torch", "sluice", "onnxruntime"), ("sluice", "onnxruntime", "torch", "numpy")],
                         ids=" first, then ".join)
def test_beside_others(names):
    """The results of each do not depend on the others in the process."""
    have(*names)
    run_script(USE + AGAIN, *names)


def test_a_fork_in_the_middle_of_a_call():
    """In the child, the call of the parent's other thread does not keep the engine from taking other weights."""
    run_script("""
import os, threading, numpy
import sluice
from sluice import _core
model = _core.Model.initial(0, 1, None, layers=1, directions=1, inputs=128, hidden=256, has_bias=1)
engine = _core.Engine(model, threads=1)
x, y = numpy.ones((64, 400, 128), numpy.float32), numpy.empty((64, 400, 256), numpy.float32)
for _ in range(3):
    thread = threading.Thread(target=lambda: engine.forward(rows=64, steps=400, x=x, y=y))
    thread.start()
    while thread.is_alive():
        try:
            engine.set_model(model)
        except sluice.ArgumentError:
            break
    child = os.fork()
    if child == 0:
        engine.set_model(model)
        engine.forward(rows=1, steps=400, x=x[:1], y=y[:1])
        engine.set_model(model)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
engine.set_model(model)
""")


def test_a_thread_of_its_own_at_exit():
    """A daemon thread in a call does not keep the process from ending, or crash it."""
    run_script(USE + "import threading, time; threading.Thread(target=lambda: [calls['sluice']() for _ in range(10**6)], daemon=True).start(); "
               "time.sleep(0.2)", "sluice")


def test_two_interpreters_state():
    """Modules that are made anew have state of their own: nothing of the first is freed with it."""
    run_script("""
import gc, sys
import sluice, numpy
first = sluice.random_model(inputs=2, hidden=3)
for name in [name for name in sys.modules if name.startswith("sluice")]:
    del sys.modules[name]
import sluice as again
second = again.random_model(inputs=2, hidden=3)
x = numpy.ones((1, 2, 2), numpy.float32)
assert first(x).tobytes() == second(x).tobytes()
del again, second
gc.collect()
first(x)
""")
