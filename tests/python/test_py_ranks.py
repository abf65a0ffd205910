"""sluice.ranks: exchanges over Python functions, and sluice.Classifier and sluice.Forecaster trained on ranks, with the bits of one."""
import itertools
import pickle

import numpy as np
import pytest

import sluice
from conftest import run_ranks, same_bits
from sluice.ranks import Exchange, cut

ALONE = Exchange(0, 1, None)


def tree_sum(vectors):
    """Neighbours are added, and then the neighbours among the sums; one without a neighbour stays."""
    while len(vectors) > 1:
        pairs = itertools.zip_longest(vectors[::2], vectors[1::2])
        vectors = [a if b is None else a + b for a, b in pairs]
    return vectors[0]


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("from_thread", [False, True])
def test_sums(ranks, from_thread, floats):
    """Every rank has the bits of the tree, on any number of ranks, some of which may have no shard."""
    for shards, count in itertools.product((1, 2, 3, 6, 8), (0, 1, 1000)):
        vectors = floats(shards, count)
        expected = tree_sum(list(vectors))
        found = run_ranks(ranks, lambda exchange: exchange.sum(vectors[exchange.shards(shards)].copy(), shards), from_thread=from_thread)
        assert len(found) == ranks and all(same_bits(one, expected) for one in found), (shards, count)


def test_gather():
    for size in (0, 1, 7):
        blocks = [bytes([rank]) * size for rank in range(3)]
        assert run_ranks(3, lambda exchange: exchange.gather(blocks[exchange.rank])) == [blocks] * 3
    assert ALONE.gather(b"abc") == [b"abc"]


def test_cut(rng):
    """Shards cover the batch in order, with nearly equal steps; ranks cover the shards."""
    lengths = rng.integers(1, 9, 40)
    shards = cut(40, 5, lengths)
    assert [row for rows in shards for row in range(40)[rows]] == list(range(40))
    steps = [lengths[rows].sum() for rows in shards]
    assert max(steps) - min(steps) <= 2 * lengths.max()
    assert [rows.stop - rows.start for rows in cut(8, 4)] == [2] * 4
    for ranks in range(1, 8):
        exchanges = [Exchange(rank, ranks, print) for rank in range(ranks)]
        assert [k for exchange in exchanges for k in exchange.shards(5)] == list(range(5))
        assert [row for exchange in exchanges for row in range(40)[exchange.rows(shards)]] == list(range(40))
    for wrong in (lambda: cut(8, 0), lambda: cut(8, 2**30), lambda: cut(-1, 2), lambda: cut(8, 2, lengths)):
        with pytest.raises(sluice.ArgumentError):
            wrong()


@pytest.mark.parametrize("wrong", [(2, 2, print), (-1, 2, print), (0, 0, None), (0, 2, None), (0.5, 1, None)])
def test_exchanges_that_are_none(wrong):
    with pytest.raises(sluice.ArgumentError):
        Exchange(*wrong)


def test_vectors_that_are_none(floats):
    for wrong in (floats(3, 4), floats(2, 2, 4), floats(2, 8)[:, ::2], np.zeros((2, 4)), np.broadcast_to(floats(4), (2, 4))):
        with pytest.raises(sluice.ArgumentError, match="vectors"):
            ALONE.sum(wrong, 2)


def test_what_the_function_raises(floats):
    """It ends the call that needed the function, as what it is."""
    def fail(*_):
        raise KeyError("the network is down")

    exchange = Exchange(0, 2, fail)
    for call in (lambda: exchange.gather(b"x"), lambda: exchange.sum(floats(1, 4), 2),
                 lambda: sluice.Classifier(random_state=1, shards=2).fit(["a", "b"], [0, 1], exchange=exchange)):
        with pytest.raises(KeyError, match="the network is down"):
            call()
    with pytest.raises(TypeError):
        Exchange(0, 2, lambda: None).gather(b"x")


def test_memory_is_the_function_s_for_its_call_alone():
    kept = []
    Exchange(0, 2, lambda to, sent, source, received: kept.extend((sent, received))).gather(b"x")
    assert kept
    for view in kept:
        with pytest.raises(ValueError, match="released"):
            bytes(view)
    with pytest.raises(BufferError):
        Exchange(0, 2, lambda to, sent, source, received: kept.append(pickle.PickleBuffer(received))).gather(b"x")
    with pytest.raises(TypeError, match="read-only|readonly"):
        Exchange(0, 2, lambda to, sent, source, received: sent.__setitem__(0, 1)).gather(b"x")


WORDS = ["".join(letters) for letters in itertools.product("abc", repeat=3)] * 3
VOWELS = [word.count("a") > 1 for word in WORDS]


def learn(exchange=None, X=WORDS, y=VOWELS, **options):
    """(content of the parameters, reports) of a classifier."""
    options = {"hidden": 8, "layers": 2, "epochs": 3, "batch_size": 16, "shards": 4, "dropout": 0.2, "random_state": 3, "threads": 1} | options
    learned = sluice.Classifier(**options).fit(X, y, exchange=exchange)
    return [values.tobytes() for values in learned.model_.tensors().values()], learned.history_


@pytest.mark.filterwarnings("ignore:shards")
@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "patience": 1, "epochs": 8}, {"class_weight": "balanced", "shards": 3},
                                     {"shards": 1}, {"shards": 20}], ids=str)
def test_a_classifier_has_the_bits_of_one_rank(options):
    """With dropout, rows of different lengths, and more shards than some batches have rows."""
    X = [word[:1 + k % 3] * (1 + k % 5) for k, word in enumerate(WORDS)]
    expected = learn(X=X, **options)
    for ranks in (1, 2, 3):
        assert run_ranks(ranks, lambda exchange: learn(exchange, X, **options)) == [expected] * ranks
    assert run_ranks(2, lambda exchange: learn(exchange, X, **options, threads=2), from_thread=True) == [expected] * 2


@pytest.mark.parametrize("options", [{"early_stopping": True}, {"loss": "quantile", "hop": 2, "dropout": 0.2, "layers": 2}], ids=str)
def test_a_forecaster_has_the_bits_of_one_rank(floats, options):
    """With weights of steps, some of them 0, and several series."""
    series, weights = [floats(70, 2), floats(40, 2)], [np.arange(70) % 3, np.arange(40) % 4]

    def forecasts_of(exchange=None, changed=series, **more):
        options_of_all = {"window": 5, "horizon": (1, 2), "hidden": 8, "epochs": 3, "batch_size": 16, "shards": 3, "random_state": 3, "threads": 1}
        learned = sluice.Forecaster(**options_of_all | options | more).fit(changed, sample_weight=weights, exchange=exchange)
        return [values.tobytes() for values in learned.model_.tensors().values()], learned.history_

    expected = forecasts_of()
    for ranks in (1, 2, 3):
        assert run_ranks(ranks, forecasts_of) == [expected] * ranks
    assert forecasts_of(shards=1) != expected
    found = run_ranks(2, lambda exchange: forecasts_of(exchange, [each + exchange.rank for each in series]))
    assert [type(error) for error in found] == [sluice.DataError] * 2


def test_shards_decide_the_bits_alone(floats):
    """Their number is a parameter; what is learned is the same but for roundings."""
    X, y = floats(64, 6, 3), np.arange(64) % 2
    one, other = (learn(X=X, y=y, dropout=0.0, epochs=1, shards=shards) for shards in (1, 4))
    assert one != other and abs(one[1][0]["loss"] - other[1][0]["loss"]) < 1e-5
    assert sluice.Classifier(shards=4).get_params()["shards"] == 4
    for wrong in (0, 1.5, 2**40):
        with pytest.raises(sluice.ArgumentError, match="shards"):
            learn(shards=wrong)


def test_ranks_without_shards():
    with pytest.warns(UserWarning, match="shards: 2 for 3 ranks"):
        run_ranks(3, lambda exchange: learn(exchange, shards=2, epochs=1))


def test_the_callback_of_one_rank_ends_all():
    found = run_ranks(3, lambda exchange: learn(exchange, epochs=9, callback=lambda report: exchange.rank == 1 and report.epoch == 2))
    assert [len(reports) for _, reports in found] == [2] * 3 and found[0] == found[1] == found[2]


@pytest.mark.parametrize("differs", [{"batch_size": 8}, {"rate": 0.1}, {"shards": 2}, {"random_state": 4}, {"X": WORDS[::-1]},
                                     {"y": VOWELS[::-1]}], ids=lambda differs: next(iter(differs)))
def test_ranks_that_disagree(differs):
    """Found before the first update, on all."""
    found = run_ranks(3, lambda exchange: learn(exchange, **differs if exchange.rank == 1 else {}))
    assert all(isinstance(error, sluice.DataError) for error in found), found
    assert len(set(map(str, found))) == 1


def test_a_random_state_that_ranks_cannot_share():
    for random_state in (None, np.random.RandomState(1)):
        with pytest.raises(sluice.ArgumentError, match="random_state"):
            learn(ALONE, random_state=random_state)
