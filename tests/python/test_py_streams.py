"""Streams: in pieces the bits of the whole, slots of their own, files that the program reads."""
import warnings

import numpy as np
import pytest

import sluice
from conftest import GOLDEN, LANGID, same_bits


@pytest.fixture(name="model")
def make_model():
    return sluice.random_model(inputs=4, hidden=6, layers=2, seed=3)


def test_pieces_have_the_bits_of_the_whole(model, floats, rng):
    """Rows are cut at random places and fed in random order, several at a time."""
    x, streams = floats(20, 15, 4), model.streams(40)
    whole, slots, done = model(x), rng.permutation(40)[:20], np.zeros(20, int)
    while (done < 15).any():
        rows = rng.permutation(np.flatnonzero(done < 15))[:8]
        lengths = np.minimum(rng.integers(0, 5, len(rows)), 15 - done[rows])
        piece = np.full((len(rows), 5, 4), np.nan, np.float32)
        for k, row in enumerate(rows):
            piece[k, :lengths[k]] = x[row, done[row]:done[row] + lengths[k]]
        y = streams.feed(slots[rows], piece, lengths)
        for k, row in enumerate(rows):
            assert same_bits(y[k, :lengths[k]], whole[row, done[row]:done[row] + lengths[k]])
        done[rows] += lengths
    assert len(streams) == 40


def test_states_of_slots(model, floats):
    streams, x = model.streams(5), floats(2, 3, 4)
    found = model(x, outputs=("hn", "cn"))
    streams.feed([4, 1], x)
    for row, slot in enumerate((4, 1)):
        h, c = streams.get(slot)
        assert same_bits(h, found["hn"][:, row].copy()) and same_bits(c, found["cn"][:, row].copy())
    streams.set(0, *streams.get(4))
    assert same_bits(streams.get(0)[1], streams.get(4)[1])
    streams.set(4)
    assert not streams.get(4)[0].any() and not streams.get(4)[1].any()
    streams.set(0, c=[[1] * 6, [2] * 6])
    assert not streams.get(0)[0].any() and streams.get(0)[1][1, 5] == 2
    assert same_bits(streams.feed(3, x[:1]), model(x[:1]))
    assert same_bits(model.streams(2).feed(None, x), model(x))


def test_saved_streams(model, floats, tmp_path):
    streams, x = model.streams(3), floats(3, 7, 4)
    streams.feed(None, x)
    streams.save(tmp_path / "states")
    again = model.load_streams(tmp_path / "states")
    more = floats(3, 2, 4)
    assert same_bits(again.feed(None, more), streams.feed(None, more))
    with pytest.raises(sluice.NoInputError):
        model.load_streams(tmp_path / "nothing")
    with pytest.raises(sluice.DataError):
        sluice.random_model(inputs=4, hidden=7, layers=2).load_streams(tmp_path / "states")


def test_layers_of_different_sizes(floats):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sluice.load(GOLDEN / "keras" / "stacked.weights.h5")
    x = floats(2, 6, model.info.inputs)
    found = model(x, outputs=("hn", "cn", model.info.output))
    sizes = [layer.units for layer in model.info.layers if layer.kind == "lstm"]
    if len(set(sizes)) > 1:
        assert [array.shape for array in found["hn"]] == [(1, 2, size) for size in sizes]
    first = model(x[:, :2], outputs=("hn", "cn"))
    again = model(x[:, 2:], states=(first["hn"], first["cn"]), outputs=("hn", model.info.output))
    assert all(same_bits(one, other) for one, other in zip(again["hn"], found["hn"]))


def test_refused(model, floats):
    streams, x = model.streams(4), floats(2, 3, 4)
    for slots in ([0, 4], [1, 1], [-1, 0]):
        with pytest.raises(sluice.DataError):
            streams.feed(slots, x)
    for slots in ([0, 4], [0, -1]):
        with pytest.raises(sluice.DataError, match=f"row 1: slot {slots[1]}; ") as caught:
            streams.feed(slots, x)
        assert caught.value.row == 1
    for slots in ([0], [0.5, 1], [[0], [1]]):
        with pytest.raises(sluice.ArgumentError, match="^slots: "):
            streams.feed(slots, x)
    assert not any(part.any() for slot in range(4) for part in streams.get(slot))
    for slot in (4, -1, 0.5, "0"):
        with pytest.raises(sluice.ArgumentError, match="^slot: .* from 0 to 3"):
            streams.get(slot)
    with pytest.raises(sluice.ArgumentError, match="^h: "):
        streams.set(0, [np.zeros(6), np.zeros(5)])
    with pytest.raises(sluice.UnsupportedError):
        sluice.load(LANGID).streams(3)
    with pytest.raises(sluice.ArgumentError, match="^slots: -1; expected"):
        model.streams(-1)
    assert len(model.streams(np.int64(3))) == 3
