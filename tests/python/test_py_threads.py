"""Threads, references and memory: calls at once, the GIL, nothing that is kept or lost."""
import gc
import os
import pathlib
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import sluice
from conftest import same_bits
from sluice import _core

PAGE = os.sysconf("SC_PAGESIZE")


def resident():
    """Bytes of this process in memory."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * PAGE


def test_calls_at_once(floats):
    """Threads that share a model, and streams with slots of their own, have the bits of a single one."""
    model = sluice.random_model(inputs=8, hidden=24, layers=2, threads=2, seed=1)
    xs = [floats(3 + k, 10, 8) for k in range(6)]
    expected = [model(x) for x in xs]
    streams, wrong = model.streams(100), []

    def work(k):
        for _ in range(40):
            if not same_bits(model(xs[k]), expected[k]):
                wrong.append(k)
        rows = len(xs[k])
        slots = np.arange(16 * k, 16 * k + rows)
        parts = [streams.feed(slots, xs[k][:, t:t + 1]) for t in range(10)]
        if not same_bits(np.concatenate(parts, 1), expected[k]):
            wrong.append(("streams", k))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_gil_is_released(floats):
    """While one thread is in the middle of a call, another one runs Python."""
    model = sluice.random_model(inputs=128, hidden=256, threads=1)
    x, call, seen = floats(64, 100, 128), [], []

    def work():
        begin = time.perf_counter()
        model(x)
        call.append((begin, time.perf_counter()))

    thread = threading.Thread(target=work)
    thread.start()
    while not call:
        seen.append(time.perf_counter())
        time.sleep(0)
    thread.join()
    begin, end = call[0]
    quarter = (end - begin) / 4
    assert any(begin + quarter < moment < end - quarter for moment in seen)


def test_one_tape_serves_one_thread(floats):
    """A tape, and an engine that is changed, are refused while another thread's call uses them; no call is lost."""
    model = _core.Model.initial(0, 1, None, layers=1, directions=1, inputs=128, hidden=256, has_bias=1)
    engine = _core.Engine(model, training=1, threads=1)
    tape, x, y = _core.Tape(engine), floats(32, 100, 128), np.empty((32, 100, 256), np.float32)
    refused, words, stop = set(), ("given other weights", "the tape is used", "used by another thread's call"), threading.Event()

    def work():
        for _ in range(1000): # some ten suffice: the other thread asks thousands of times in each of these calls
            if stop.is_set():
                break
            try:
                engine.forward(rows=32, steps=100, x=x, y=y, tape=tape)
            except sluice.ArgumentError as error:
                assert words[0] in str(error) or words[1] in str(error)

    def refuses(name, call):
        try:
            call()
        except sluice.ArgumentError as error:
            refused.update({name} if any(word in str(error) for word in words) else ())

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive() and len(refused) < 2:
        refuses("change", lambda: engine.set_model(model))
        refuses("tape", lambda: tape.backward())
    stop.set()
    thread.join()
    assert len(refused) == 2, refused
    engine.forward(rows=32, steps=100, x=x, y=y, tape=tape)
    tape.backward(dy=y)
    engine.set_model(model)


def calls_of(model, streams, tokens, x):
    """One of each kind of call, those that fail too."""
    lengths = np.array([4, 2, 0])
    model(x)
    model(x, lengths, outputs=("y", "hn", "cn", "logits", "step_logits", 0))
    model(x.astype(np.float64), mask=np.ones((3, 4), bool), layout="ntc")
    model(np.concatenate(list(x)), offsets=[0, 4, 8, 12])
    streams.feed([2, 0, 1], x)
    streams.set(1, *streams.get(2))
    tokens([[1, 2, 3]])
    for wrong in (lambda: model(x, [5, 5, 5]), lambda: model(x[:, :, 1:]), lambda: tokens([[300]]), lambda: model(x, outputs="none"),
                  lambda: streams.feed([0, 0, 0], x)):
        with pytest.raises(sluice.Error):
            wrong()


def test_ten_thousand_calls_keep_nothing(floats):
    """No reference and no memory is left by calls that succeed or fail."""
    model = sluice.random_model(inputs=5, hidden=8, layers=2, classes=3, threads=1)
    tokens = sluice.random_model(inputs=5, hidden=8, vocabulary=256, threads=1)
    streams, x = model.streams(4), floats(3, 4, 5)
    objects = (x, model, streams, model._engine, model._network, None, sluice.DataError, np.float32)
    for _ in range(500):
        calls_of(model, streams, tokens, x)
    gc.collect()
    counts, before = list(map(sys.getrefcount, objects)), resident()
    for _ in range(10_000 // 12):
        calls_of(model, streams, tokens, x)
    for _ in range(10_000):
        model(x)
    gc.collect()
    more, after = [now - count for now, count in zip(map(sys.getrefcount, objects), counts)], resident()
    assert all(-100 < one < 100 for one in more), more
    assert more[:5] == [0] * 5
    assert after - before < 2**20, f"{after - before} bytes more"


def test_objects_are_freed(floats, tmp_path):
    """Models, engines, streams and tapes give back their memory, in any order."""
    def make(seed):
        model = sluice.random_model(inputs=64, hidden=128, threads=1, seed=seed)
        streams = model.streams(64)
        streams.save(tmp_path / "states")
        again = model.load_streams(tmp_path / "states")
        engine = _core.Engine(model._model, training=1, threads=1)
        tape = _core.Tape(engine)
        reference = weakref.ref(model)
        del model, engine
        streams.feed([0], floats(1, 2, 64))
        del streams, again, tape
        with pytest.raises(sluice.DataError):
            sluice.from_arrays({"weight_ih": np.ones((8, 3))})
        return reference

    for seed in range(30):
        assert make(seed)() is None
    gc.collect()
    before = resident()
    for seed in range(100):
        make(seed)
    gc.collect()
    assert resident() - before < 2**21
