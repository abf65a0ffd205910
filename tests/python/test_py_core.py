"""sluice._core by itself: what it checks of its arguments, gradients through it, its stubs, and what the module shows."""
import ast
import inspect
import pickle

import numpy as np
import pytest

import sluice
from conftest import same_bits
from sluice import _core, _errors
from support.checks import SOURCE


@pytest.fixture(name="model")
def make_model():
    return _core.Model.initial(0, 1, None, layers=1, directions=1, inputs=3, hidden=4, has_bias=1)


def test_arguments(model, floats):
    """Types, byte orders, alignment and writability are checked; addresses are taken as they are."""
    engine, x, y = _core.Engine(model), floats(2, 5, 3), np.empty((2, 5, 4), np.float32)
    engine.forward(rows=2, steps=5, x=x, y=y)
    other = np.empty_like(y)
    engine.forward(rows=2, steps=5, x=x.ctypes.data, y=other.ctypes.data, hn=None, **{"c" + "0": None})
    assert same_bits(y, other)
    read_only = y.copy()
    read_only.flags.writeable = False
    moved = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    for wrong in ({"x": x.astype(np.float64)}, {"x": x.astype(">f4")}, {"x": moved}, {"lengths": np.zeros(2, np.int32)}, {"x": "text"},
                  {"rows": 1.5}, {"rows": None}, {"nonsense": 1}, {"tape": model}, {"streams": 3}, {"outputs": [(1, 2)]}, {"dropout": "x"},
                  {"outputs": 3}):
        with pytest.raises(TypeError):
            engine.forward(**({"rows": 2, "steps": 5, "x": x, "y": y} | wrong))
    for wrong in ({"hn": np.asfortranarray(np.zeros((2, 3), np.float32))}, {"y": read_only}):
        with pytest.raises((ValueError, BufferError)):
            engine.forward(**({"rows": 2, "steps": 5, "x": x} | wrong))
    for wrong in ({"rows": -1}, {"rows": 2**64}, {"max_threads": 2**32}):
        with pytest.raises(OverflowError):
            engine.forward(**({"rows": 2, "steps": 5, "x": x} | wrong))
    for call in (lambda: engine.forward(1), lambda: _core.Engine(1), lambda: _core.Engine(model, nonsense=1), lambda: _core.Tape(engine, x=1),
                 lambda: _core.Streams(engine, slots=1), lambda: _core.Streams(model, 1), _core.Model, lambda: engine.set_model(engine)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(sluice.ArgumentError, match="training"):
        _core.Tape(engine)
    with pytest.raises(sluice.ArgumentError):
        engine.plan(-1, 4)


def test_numbers(model, floats):
    """NumPy's integers are integers; what is none, or out of range, is refused by the field's name."""
    engine, x = _core.Engine(model, threads=np.int64(1)), floats(2, 5, 3)
    engine.forward(rows=np.int64(2), steps=np.uint8(5), x=x, y=np.empty((2, 5, 4), np.float32), max_threads=np.int32(1), dropout_key=np.uint64(3))
    for kind, wrong, words in ((TypeError, {"rows": 1.5}, "rows: <class 'float'>; expected an integer from 0"),
                               (TypeError, {"dropout": "x"}, "dropout: <class 'str'>; expected a number"),
                               (OverflowError, {"steps": -1}, "steps: -1; expected an integer from 0"),
                               (OverflowError, {"max_threads": 2**32}, "max_threads: 4294967296; expected an integer from 0")):
        with pytest.raises(kind, match=words):
            engine.forward(**({"rows": 2, "steps": 5, "x": x} | wrong))
    with pytest.raises(OverflowError, match=r"training: -2147483649; expected an integer from -2\*\*31"):
        _core.Engine(model, training=-2**31 - 1)


def test_gradients_of_finite_differences(model, floats):
    """backward() is the derivative of forward(), to what float32 differences can show: with step e, e^2 + eps/e of the largest value."""
    engine, x, dy = _core.Engine(model, training=1), floats(2, 4, 3), floats(2, 4, 4)
    tape, dx, weight = _core.Tape(engine), np.full((2, 4, 3), np.nan, np.float32), np.full((16, 3), np.nan, np.float32)

    def loss(at):
        y = np.empty((2, 4, 4), np.float32)
        engine.forward(rows=2, steps=4, x=at, y=y, tape=tape)
        return (y.astype(float) * dy).sum()

    loss(x)
    tape.backward(dy=dy, dx=dx, weight_ih=[weight.ctypes.data], bias=[None])
    assert np.isfinite(weight).all()
    step = 2.0**-7
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        assert abs((loss(up) - loss(down)) / (2 * step) - dx[place]) < 1e-3 * max(1, np.abs(dx).max())


def test_weights_from_addresses(model, floats):
    """An engine that is given weights has the bits of one made of them; others of another shape are refused, and it goes on."""
    parts = [floats(16, 3), floats(16, 4), floats(16), floats(16)]
    fields = dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), ([part.ctypes.data] for part in parts)), layers=1, directions=1,
                  inputs=3, hidden=4, has_bias=1)
    made, given = _core.Engine(_core.Model.of_weights(**fields)), _core.Engine(model)
    given.set_weights(**fields)
    x, ys = floats(2, 5, 3), [np.empty((2, 5, 4), np.float32) for _ in range(3)]
    made.forward(rows=2, steps=5, x=x, y=ys[0])
    given.forward(rows=2, steps=5, x=x, y=ys[1])
    assert same_bits(ys[0], ys[1])
    given.set_model(model)  # no call is counted as going on that has ended
    given.set_weights(**fields)
    with pytest.raises(sluice.ArgumentError):
        given.set_weights(**(fields | {"inputs": 2}))
    with pytest.raises(TypeError):
        given.set_weights(1)
    with pytest.raises(TypeError):
        given.set_weights(**(fields | {"weight_ih": ["x"]}))
    given.forward(rows=2, steps=5, x=x, y=ys[2])
    assert same_bits(ys[0], ys[2])


def test_networks(floats):
    """A chain of layers by dicts: with a projection the state is P wide."""
    arrays = {(0, 0, 0): floats(24, 5), (0, 0, 1): floats(24, 2), (0, 0, 2): floats(24), (0, 0, 7): floats(2, 6), (1, 0, 13): floats(3, 2)}
    parameters = [(*place, array.size, array.ctypes.data) for place, array in arrays.items()]
    layers = [{"kind": 2, "name": "cells", "units": 6, "projection": 2}, {"kind": 3, "units": 3, "activation": (3, 0, 0)}]
    model = _core.Model.of_network(layers, parameters, inputs=5)
    described = model.describe()
    assert [layer["name"] for layer in described["layers"]] == ["cells", "dense_1"] and described["layers"][1]["activation"] == (3, 0.0, 0.0)
    assert {place[:3]: values for *place, values in model.tensors() for place in [tuple(place)]} == {k: a.tobytes() for k, a in arrays.items()}
    y = np.full((2, 4, 2), np.nan, np.float32)
    _core.Engine(model).forward(rows=2, steps=4, x=floats(2, 4, 5), y=y)
    assert np.isfinite(y).all()
    cells = [{"parts": 1 | 2, "gate": (2, 0, 0), "cell_clip": 3.0}]
    with pytest.raises(sluice.ArgumentError, match="peephole"):
        _core.Model.of_network([layers[0] | {"cells": cells}], parameters[:4], inputs=5)
    for wrong in ([layers[0] | {"cells": cells * 2}], [{"kind": 2, "nonsense": 1}], [3]):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            _core.Model.of_network(wrong, [], inputs=5)


def test_networks_of_many_layers(floats):
    """Each layer's cells are held for the call, however many there are."""
    layers = [{"kind": 2, "units": 3, "cells": [{"cell_clip": 3.0}]}] * 100
    values = floats(12, 3)
    places = [(layer, 0, tensor, count) for layer in range(100) for tensor, count in ((0, 36), (1, 36))]
    model = _core.Model.of_network(layers, [(*place, values.ctypes.data) for place in places], inputs=3)
    assert [layer["cells"][0]["cell_clip"] for layer in model.describe()["layers"]] == [3.0] * 100


def test_exceptions():
    """Each failure is also Python's own; places survive pickling."""
    for kind, base in ((sluice.ArgumentError, ValueError), (sluice.DataError, ValueError), (sluice.NoInputError, FileNotFoundError),
                       (sluice.FileError, OSError), (sluice.NoMemoryError, MemoryError), (sluice.TooLargeError, OverflowError),
                       (sluice.UnsupportedError, NotImplementedError), (sluice.CancelledError, sluice.Error)):
        assert issubclass(kind, base) and issubclass(kind, sluice.Error) and kind.status and kind in _errors.BY_STATUS
    with pytest.raises(sluice.DataError) as caught:
        sluice.random_model(inputs=2, hidden=2)(np.zeros((2, 3, 2), np.float32), [3, 4])
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.row, again.step) == (sluice.DataError, str(caught.value), 1, None)
    with pytest.raises(sluice.TooLargeError):
        sluice.random_model(inputs=2**40, hidden=2**40)


def test_memory_that_is_not_there():
    with pytest.raises(MemoryError):
        sluice.random_model(inputs=2, hidden=2).streams(2**48)


def test_stubs():
    """_core.pyi has what the module has: names, methods, and of each struct the fields that a wrong one's message could not list."""
    tree = ast.parse((SOURCE / "python" / "sluice" / "_core.pyi").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name in ("Model", "Engine", "Tape", "Streams", "Trainer"):
        stated = {part.name for part in classes[name].body if isinstance(part, ast.FunctionDef)} - {"__new__"}
        assert stated == {part for part in vars(getattr(_core, name)) if not part.startswith("_")}, name
    model = _core.Model.initial(0, 1, None, layers=1, directions=1, inputs=3, hidden=4, has_bias=1)
    tape = _core.Tape(_core.Engine(model, training=1))
    calls = {"Batch": _core.Engine(model).forward, "Gradient": tape.backward, "EngineOptions": _core.environment,
             "Training": lambda **field: _core.Trainer(model, **field),
             "Weights": _core.Model.of_weights, "Names": lambda **field: _core.Model.load("/", **field)}
    for name, call in calls.items():
        fields = [part.target.id for part in classes[name].body if isinstance(part, ast.AnnAssign)]
        fields += [part.target.id for part in classes["Shape"].body if isinstance(part, ast.AnnAssign)] if name == "Weights" else []
        for field in fields:
            with pytest.raises(Exception) as caught:
                call(**{field: object()})
            assert "unexpected keyword" not in str(caught.value), (name, field)


def test_all_that_is_public_has_a_docstring():
    for name in sluice.__all__:
        one = getattr(sluice, name)
        assert inspect.getdoc(one), name
        if inspect.isclass(one) and one.__module__.startswith("sluice") and not issubclass(one, (Exception, dict)):
            for part, value in vars(one).items():
                assert part.startswith("_") or inspect.getdoc(value), f"{name}.{part}"
    assert sluice.__version__ == _core.VERSION


def test_tapes_that_are_kept(model, floats):
    """With keep a second gradient of the same batch has the same bits; without, the tape is used up."""
    engine, x, dy, y = _core.Engine(model, training=1), floats(2, 4, 3), floats(2, 4, 4), np.empty((2, 4, 4), np.float32)
    for keep in (False, True):
        tape, dxs = _core.Tape(engine, keep), [np.full((2, 4, 3), np.nan, np.float32) for _ in range(2)]
        engine.forward(rows=2, steps=4, x=x, y=y, tape=tape)
        tape.backward(dy=dy, dx=dxs[0])
        if keep:
            tape.backward(dy=dy, dx=dxs[1])
            assert same_bits(*dxs)
        else:
            with pytest.raises(sluice.ArgumentError):
                tape.backward(dy=dy, dx=dxs[1])


def test_trainer(tmp_path, floats, rng):
    """Training lowers the loss; the model that it saves is the one that it evaluates."""
    model = _core.Model.initial(0, 1, None, layers=1, directions=1, inputs=3, hidden=8, has_bias=1, classes=2)
    x, labels = floats(16, 6, 3), rng.integers(0, 2, 16, np.int32)
    batch, options = {"rows": 16, "steps": 6, "x": x}, {"rate": 0.05, "dropout": 0.0, "seed": 3, "threads": 1}
    trainer = _core.Trainer(model, **options)
    first = trainer.step(labels, None, **batch)
    assert first["step"] == 1 and first["counted"] == 16 and first["rate"] == 0.05
    for _ in range(40):
        last = trainer.step(labels, None, **batch)
    assert last["loss"] < 0.7 * first["loss"]
    trainer.save_model(str(tmp_path / "model"))
    logits = sluice.load(tmp_path / "model")(x).astype(float)
    loss = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(16), labels])
    assert abs(trainer.evaluate(labels, None, **batch)["loss"] - loss) < 1e-6 * max(1, loss)
    for wrong in ((labels.astype(np.int64), None), (None, labels)):
        with pytest.raises(TypeError):
            trainer.step(*wrong, **batch)
    with pytest.raises(sluice.DataError, match="row 3"):
        trainer.step(np.where(np.arange(16) == 3, 2, labels).astype(np.int32), None, **batch)
    with pytest.raises(sluice.ArgumentError):
        _core.Trainer(model, rate=-1)
