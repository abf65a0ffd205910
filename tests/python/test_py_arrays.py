"""Arrays as users have them: strides, orders, types, empty ones, other libraries'; and what is refused, in words."""
import array

import numpy as np
import pytest

import sluice
from conftest import LANGID, same_bits
from sluice._arrays import as_floats


@pytest.fixture(name="model")
def make_model():
    return sluice.random_model(inputs=5, hidden=8, layers=2, directions=2, seed=1)


def views_of(x):
    """Arrays that have x's values in every arrangement, by words."""
    rows, steps, inputs = x.shape
    wide = np.full((2 * rows, steps, 2 * inputs), np.nan, np.float32)
    wide[::2, :, :inputs] = x
    spread = np.full((rows, steps, 2 * inputs), np.nan, np.float32)
    spread[..., ::2] = x
    moved = np.zeros(x.nbytes + 1, np.uint8)
    misaligned = moved[1:].view(np.float32).reshape(x.shape)
    misaligned[...] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    yield "contiguous", x
    yield "Fortran order", np.asfortranarray(x)
    yield "steps first in memory", np.ascontiguousarray(x.transpose(1, 0, 2)).transpose(1, 0, 2)
    yield "every second row, inputs beside others", wide[::2, :, :inputs]
    yield "every second element", spread[..., ::2]
    yield "negative row strides", np.ascontiguousarray(x[::-1])[::-1]
    yield "negative step strides", np.ascontiguousarray(x[:, ::-1])[:, ::-1]
    yield "misaligned", misaligned
    yield "read-only", read_only
    yield "big endian", x.astype(">f4")
    yield "float64 of the same values", x.astype(np.float64)
    yield "a memoryview", memoryview(np.ascontiguousarray(x))
    yield "nested lists", x.tolist()
    yield "a subclass", x.view(np.matrix if x.ndim == 2 else np.recarray)


def test_every_arrangement(model, floats):
    """The same values give the same bits however they lie."""
    x = floats(6, 7, 5)
    y, hn = (model(x, outputs=("y", "hn"))[name] for name in ("y", "hn"))
    assert same_bits(model(x), y)
    for words, view in views_of(x):
        assert same_bits(model(view), y), words
        assert same_bits(model(view, outputs="hn")["hn"], hn), words
        steps_first = np.asarray(view).transpose(1, 0, 2)
        assert same_bits(model(steps_first, layout="tnc"), np.ascontiguousarray(y.transpose(1, 0, 2))), words


def test_strides_are_not_copied(model, floats):
    """What C can say is used where it lies."""
    x = floats(6, 7, 10)
    for view in (x[::2, ::3, 2:7], x.transpose(1, 0, 2)[:, :, :5], x[:1, :, 3:8], x[:, :1, :5]):
        assert np.shares_memory(as_floats(view, "x", 3, strided=True), x)
        assert same_bits(model(view), model(np.ascontiguousarray(view)))


def test_rounded_types(model, floats):
    x = floats(3, 4, 5)
    half = x.astype(np.float16)
    assert same_bits(model(half), model(half.astype(np.float32)))
    assert same_bits(model(np.ones((3, 4, 5), np.int64)), model(np.ones((3, 4, 5), np.float32)))
    assert same_bits(model(np.ones((3, 4, 5), bool)), model(np.ones((3, 4, 5), np.float32)))


@pytest.mark.parametrize("wrong", [np.ones((3, 4, 5), complex), np.full((3, 4, 5), "1"), np.full((3, 4, 5), None), object(), None, [[1], [2, 3]]],
                         ids=["complex", "text", "objects", "an object", "None", "ragged lists"])
def test_refused_types(model, wrong):
    with pytest.raises(sluice.ArgumentError, match="^x: "):
        model(wrong)


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 6), (2, 3, 4, 5), ()])
def test_refused_shapes(model, shape):
    with pytest.raises(sluice.ArgumentError, match="^x: "):
        model(np.zeros(shape, np.float32))


def test_buffers(model, floats):
    """The buffer protocol without NumPy."""
    x = floats(2, 3, 5)
    view = memoryview(array.array("f", x.ravel().tolist())).cast("B").cast("f", x.shape)
    assert same_bits(model(view), model(x))
    lengths = array.array("q", [3, 1])
    assert same_bits(model(x, lengths), model(x, [3, 1]))


def test_dlpack(model, floats):
    x = floats(2, 3, 5)

    class Foreign:
        """Memory that is known by DLPack alone."""

        def __dlpack__(self, **options):
            return x.__dlpack__(**options)

        def __dlpack_device__(self):
            return x.__dlpack_device__()

    assert same_bits(model(Foreign()), model(x))


def test_torch_tensors(model, floats):
    torch = pytest.importorskip("torch")
    x = floats(4, 3, 5)
    assert same_bits(model(torch.from_numpy(x)), model(x))
    assert same_bits(model(torch.from_numpy(x).transpose(0, 1)), model(x.transpose(1, 0, 2)))
    mask = np.arange(12).reshape(4, 3) % 3 > 0
    assert same_bits(model(x, mask=torch.from_numpy(mask)), model(x, mask=mask))
    with pytest.raises(sluice.ArgumentError, match="^x: no array"):
        model(torch.zeros(4, 3, 5, requires_grad=True))


def test_no_rows_or_steps(model):
    for rows, steps in ((0, 4), (4, 0), (0, 0)):
        for layout, shape in (("ntc", (rows, steps)), ("tnc", (steps, rows))):
            found = model(np.zeros((*shape, 5), np.float32), outputs=("y", "hn"), layout=layout)
            assert found["y"].shape == (*shape, 16) and found["hn"].shape == (4, rows, 8) and not found["hn"].any()


def test_one_row_or_step_of_any_stride(model, floats):
    """NumPy leaves the stride of an axis of one element open."""
    x = floats(1, 1, 5)
    odd = np.lib.stride_tricks.as_strided(x, (1, 1, 5), (0, 0, 4))
    assert same_bits(model(odd), model(x))
    one = np.lib.stride_tricks.as_strided(floats(3, 5), (1, 3, 5), (-4, 20, 4))
    assert same_bits(model(one), model(np.ascontiguousarray(one)))
    windows = np.lib.stride_tricks.sliding_window_view(floats(20, 5), 6, axis=0).transpose(0, 2, 1)
    assert same_bits(model(windows), model(np.ascontiguousarray(windows)))
    repeated = np.broadcast_to(x, (4, 3, 5))
    assert same_bits(model(repeated), model(np.ascontiguousarray(repeated)))


def test_lengths(model, floats, rng):
    """A row has the bits that it has alone; past its end there are zeros, and nothing is read."""
    x, lengths = floats(9, 12, 5), rng.integers(0, 13, 9)
    for row, length in enumerate(lengths):
        x[row, length:] = np.nan
    y = model(x, lengths)
    for row, length in enumerate(lengths):
        assert same_bits(y[row, :length], model(x[row:row + 1, :length])[0]) and not y[row, length:].any()
    for kind in (np.uint8, np.int32, ">i8", list):
        assert same_bits(model(x, list(lengths) if kind is list else lengths.astype(kind)), y)
    with pytest.raises(sluice.DataError, match="row 2") as caught:
        model(x, [3, 4, 13, 0, 0, 0, 0, 0, 0])
    assert caught.value.row == 2 and caught.value.step is None
    for wrong in ([1, 2], [[1] * 9], np.ones(9), "abc"):
        with pytest.raises(sluice.ArgumentError, match="^lengths: "):
            model(x, wrong)
    with pytest.raises(sluice.DataError, match="^lengths: 18446744073709551615"):
        model(x, np.full(9, 2**64 - 1, np.uint64))


def test_offsets(floats, rng):
    """Rows one after the other: each has the bits of the padded batch, and so have outputs by step, one after the other too."""
    model = sluice.random_model(inputs=5, hidden=8, layers=2, directions=2, classes=3, seed=1)
    lengths = rng.integers(0, 9, 11)
    offsets = np.concatenate([[2], 2 + np.cumsum(lengths)])
    x = floats(int(offsets[-1]) + 3, 5)
    padded = np.full((11, 8, 5), np.nan, np.float32)
    for row, length in enumerate(lengths):
        padded[row, :length] = x[offsets[row]:offsets[row + 1]]
    wanted = ("y", "hn", "cn", "logits", "step_logits", 0)
    found, expected = model(x, offsets=offsets, outputs=wanted), model(padded, lengths, outputs=wanted)
    inside = np.arange(8) < lengths[:, None]
    for name in wanted:
        one = expected[name] if name in ("hn", "cn", "logits") else expected[name][inside]
        assert same_bits(found[name], one), name
    spread = np.repeat(x, 2, axis=0)[::2]
    assert same_bits(model(spread, offsets=offsets, outputs="y")["y"], found["y"])
    assert model(x[:0], offsets=[0]).shape == (0, 3)
    for wrong in ([], [-1, 3], [0, 5, 4], [0, len(x) + 1]):
        with pytest.raises(sluice.DataError, match="^offsets: "):
            model(x, offsets=wrong)
    with pytest.raises(sluice.ArgumentError, match="^lengths: "):
        model(x, [3], offsets=[0, 3])
    with pytest.raises(sluice.ArgumentError, match="^layout: "):
        model(x, offsets=[0, 3], layout="tnc")
    with pytest.raises(sluice.ArgumentError, match="^mask: "):
        model(x, offsets=[0, 3], mask=np.ones((1, 3), bool))


@pytest.mark.parametrize("layout", ["ntc", "tnc"])
def test_steps(floats, rng, layout):
    """A call of the first steps has the bits of one of an array that has no more."""
    model, wanted = sluice.random_model(inputs=5, hidden=8, layers=2, directions=2, classes=3, seed=1), ("y", "hn", "logits", "step_logits", 0)
    x, mask, lengths = floats(6, 9, 5), rng.random((6, 9)) < 0.7, np.array([9, 0, 4, 5, 2, 7])

    def turn(array):
        return array if layout == "ntc" else array.swapaxes(0, 1)

    for steps in (0, 1, 5, 9):
        for more, cut in (({}, {}), ({"lengths": lengths}, {"lengths": np.minimum(lengths, steps)}),
                          ({"mask": turn(mask)}, {"mask": turn(mask[:, :steps])})):
            found = model(turn(x), outputs=wanted, layout=layout, steps=steps, **more)
            expected = model(turn(x[:, :steps]), outputs=wanted, layout=layout, **cut)
            assert all(same_bits(found[name], expected[name]) for name in wanted), (steps, *more)
    assert same_bits(model(turn(x), layout=layout, steps=np.int64(4)), model(turn(x[:, :4]), layout=layout))
    for wrong in (10, -1, 1.5):
        with pytest.raises(sluice.ArgumentError, match="^steps: .*from 0 to 9"):
            model(turn(x), layout=layout, steps=wrong)
    with pytest.raises(sluice.DataError, match="row 2: length 10"):
        model(turn(x), [1, 1, 10, 1, 1, 1], layout=layout, steps=3)
    with pytest.raises(sluice.ArgumentError, match="^mask: .*9 steps"):
        model(turn(x), mask=turn(mask[:, :5]), layout=layout, steps=5)


def test_steps_of_offsets(floats):
    """Rows that have more are cut, and outputs lie without a gap."""
    model, wanted = sluice.random_model(inputs=5, hidden=8, layers=2, classes=3, seed=1), ("y", "hn", "logits", "step_logits", 0)
    x, offsets = floats(16, 5), np.array([1, 5, 5, 7, 15])
    found = model(x, offsets=offsets, outputs=wanted, steps=3)
    cut = np.concatenate([x[begin:min(end, begin + 3)] for begin, end in zip(offsets, offsets[1:])])
    expected = model(cut, offsets=[0, 3, 3, 5, 8], outputs=wanted)
    assert all(same_bits(found[name], expected[name]) for name in wanted)
    with pytest.raises(sluice.ArgumentError, match="^steps: 9; expected an integer from 0 to 8"):
        model(x, offsets=offsets, steps=9)
    tokens = sluice.random_model(inputs=4, hidden=6, vocabulary=9, seed=1)
    assert same_bits(tokens(np.arange(8), offsets=[0, 5, 8], steps=2), tokens(np.array([0, 1, 5, 6]), offsets=[0, 2, 4]))


def test_tokens(rng):
    model = sluice.load(LANGID)
    tokens = rng.integers(0, 256, (7, 9))
    y = model(tokens)
    for kind in (np.uint8, np.int16, np.int32, ">i4", np.uint64):
        assert same_bits(model(tokens.astype(kind)), y), kind
    assert same_bits(model(np.repeat(tokens.astype(np.int32), 2, axis=1)[:, ::2]), y)
    assert same_bits(model(np.repeat(tokens.astype(np.uint8), 2, axis=1)[:, ::2]), y)
    assert same_bits(model(np.ascontiguousarray(tokens.T), layout="tnc"), y)
    assert same_bits(model(tokens.ravel(), offsets=np.arange(0, 64, 9)), y)
    assert same_bits(model(tokens.ravel().astype(np.uint8), offsets=np.arange(0, 64, 9)), y)
    assert same_bits(model(np.frombuffer(b"thoughtfulness", np.uint8)[None]), model([list(b"thoughtfulness")]))
    tokens[3, 4] = 256
    for kind in (np.int32, np.int64):
        with pytest.raises(sluice.DataError, match="row 3") as caught:
            model(tokens.astype(kind))
        assert (caught.value.row, caught.value.step) == (3, 4)
    with pytest.raises(sluice.DataError, match="4294967296"):
        model(np.full((1, 1), 2**32))
    with pytest.raises(sluice.ArgumentError, match="^x: integers"):
        model(tokens.astype(np.float32))


def test_states(model, floats):
    """A sequence in two calls has the bits that it has in one; states may be half given."""
    one_way = sluice.random_model(inputs=5, hidden=8, layers=2, seed=2)
    x = floats(3, 8, 5)
    whole = one_way(x, outputs=("y", "hn", "cn"))
    first = one_way(x[:, :3], outputs=("y", "hn", "cn"))
    second = one_way(x[:, 3:], states=(first["hn"], first["cn"]), outputs=("y", "hn", "cn"))
    assert same_bits(np.concatenate([first["y"], second["y"]], 1), whole["y"])
    assert same_bits(second["hn"], whole["hn"]) and same_bits(second["cn"], whole["cn"])
    zeros = np.zeros((4, 3, 8))
    assert same_bits(model(x, states=(zeros, None)), model(x))
    assert same_bits(model(x, states=(np.asfortranarray(first["hn"].repeat(2, 0)), zeros.astype(">f8"))),
                     model(x, states=(first["hn"].repeat(2, 0), None)))
    for wrong in ((zeros[:3], None), (zeros,), (zeros[0], None), (zeros + 1j, None)):
        with pytest.raises(sluice.ArgumentError):
            model(x, states=wrong)


def test_mask(model, floats, rng):
    """A masked step keeps the states: a row has the states of its other steps alone."""
    one_way = sluice.random_model(inputs=5, hidden=8, seed=2)
    x, mask = floats(4, 9, 5), rng.integers(0, 2, (4, 9)).astype(bool)
    found = one_way(x, mask=mask, outputs=("y", "hn"))
    for row in range(4):
        assert same_bits(found["hn"][:, row:row + 1], one_way(x[row:row + 1, mask[row]], outputs="hn")["hn"])
    for view in (mask.astype(np.uint8), mask.astype(np.int64) * 256, np.asfortranarray(mask), np.repeat(mask, 2, 1)[:, ::2], mask.tolist()):
        assert same_bits(one_way(x, mask=view), found["y"])
    assert same_bits(one_way(x.transpose(1, 0, 2), mask=mask.T, layout="tnc").transpose(1, 0, 2).copy(), found["y"])
    for wrong in (mask[:3], mask[0], mask.astype(float)):
        with pytest.raises(sluice.ArgumentError, match="^mask: "):
            one_way(x, mask=wrong)


def test_outputs(floats):
    model = sluice.random_model(inputs=5, hidden=8, layers=2, directions=2, classes=3, seed=1)
    x = floats(4, 6, 5)
    found = model(x, outputs=("y", "hn", "cn", "logits", "step_logits", 0, "lstm_2", -2))
    assert list(found) == ["y", "hn", "cn", "logits", "step_logits", 0, "lstm_2", -2]
    assert same_bits(found["lstm_2"], found["y"]) and same_bits(found[-2], found["y"]) and same_bits(model(x), found["logits"])
    first = sluice.random_model(inputs=5, hidden=8, layers=2, directions=2, classes=3, seed=1)
    assert same_bits(first(x, outputs="step_logits")["step_logits"], found["step_logits"])
    turned = model(x.transpose(1, 0, 2), outputs=("step_logits", 0), layout="tnc")
    assert same_bits(turned["step_logits"].transpose(1, 0, 2).copy(), found["step_logits"])
    assert same_bits(turned[0].transpose(1, 0, 2).copy(), found[0])
    assert model(x, outputs=()) == {}
    assert same_bits(model(x, outputs=np.int64(0))[0], found[0])
    for wrong in ("z", 3, -4, ("y", "lstm_3"), (1.5,), 1.5, (None,), ([0],)):
        with pytest.raises(sluice.ArgumentError, match="^outputs: "):
            model(x, outputs=wrong)
    with pytest.raises(sluice.UnsupportedError):
        model(x, outputs="dense_1")
    with pytest.raises(sluice.ArgumentError):
        sluice.random_model(inputs=5, hidden=8)(x, outputs="logits")
    with pytest.raises(sluice.ArgumentError, match="^layout: 'cnt' is none"):
        model(x, layout="cnt")


def test_a_layer_by_several_names(floats):
    """One that is asked for more than once is written once, to memory that lives: of this size NumPy gives it back when it is freed."""
    model = sluice.random_model(inputs=4, hidden=64, layers=2, threads=1)
    x = floats(64, 300, 4)
    expected = model(x, outputs=0)[0]
    found = model(x, outputs=(0, 0, "lstm_1", -2, 0))
    assert list(found) == [0, "lstm_1", -2] and all(same_bits(one, expected) for one in found.values())
    rows, offsets = x.reshape(-1, 4), np.arange(0, 64 * 300 + 1, 300)
    packed = model(rows, offsets=offsets, outputs=("lstm_1", 0))
    assert all(same_bits(one, expected.reshape(-1, 64)) for one in packed.values())


def test_nothing_past_a_row_is_left_unset(model, floats):
    """Results are written whole: no memory of before shows."""
    for _ in range(3):
        filler = [np.full((6, 7, 16), np.nan, np.float32) for _ in range(4)]
        del filler
        y = model(floats(6, 7, 5), [0, 1, 2, 3, 4, 7])
        assert np.isfinite(y).all()
