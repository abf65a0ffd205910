"""What the package's tests share. They import the package of the build folder (PYTHONPATH); each run ends with `N passed, N failed`."""
import concurrent.futures
import os
import queue
import subprocess
import sys

import numpy as np
import pytest

import sluice
from support.checks import BUILD, SOURCE

GOLDEN = SOURCE / "tests" / "golden"
LANGID = SOURCE / "perf" / "langid" / "langid.safetensors"


def pytest_sessionfinish(session, exitstatus):
    """A file that is skipped as a whole, for want of a package, is no failure: Meson knows it by this status."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and reporter and reporter.stats.get("skipped"):
        session.exitstatus = 77


def pytest_unconfigure(config):
    """The closing line that tests/support/tally.py reads."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        counts = {name: len(reporter.stats.get(name, [])) for name in ("passed", "failed", "error")}
        print(f"{counts['passed']} passed, {counts['failed'] + counts['error']} failed")


@pytest.fixture
def rng(request):
    """Random numbers by a seed, printed where the test fails; SLUICE_TEST_SEED sets it."""
    seed = int(os.environ.get("SLUICE_TEST_SEED", sum(request.node.name.encode())))
    print("seed", seed)
    return np.random.default_rng(seed)


@pytest.fixture
def floats(rng):
    """Make float32 arrays of a shape."""
    return lambda *shape: rng.standard_normal(shape, np.float32)


def same_bits(one, other):
    """Whether two arrays are of one shape and type and the same bits."""
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def run_ranks(count, work, **options):
    """[what work(exchange) returns or raises] of ranks that are threads of this process, whose transport are queues."""
    queues = {(source, to): queue.Queue() for source in range(count) for to in range(count)}

    def exchange_of(rank):
        def send_receive(to, sent, source, received):
            if sent:
                queues[rank, to].put(bytes(sent))
            if received:
                received[:] = queues[source, rank].get(timeout=60)
        return sluice.ranks.Exchange(rank, count, send_receive, **options)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(work, exchange_of(rank)) for rank in range(count)]
        return [future.exception() or future.result() for future in futures]


def run_program(*words):
    """What `sluice` prints, and its status."""
    result = subprocess.run([BUILD / "src" / "cli" / "sluice", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    return result.stdout, result.returncode


def run_script(script, *words, **variables):
    """What a Python script prints, in a process of its own; its failure is the test's."""
    result = subprocess.run([sys.executable, "-c", script, *map(str, words)], env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout
    return result.stdout
