"""sluice.torch.sum_gradients and exchange(): gradients over ranks; examples/python/ranks_gloo.py in small."""
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import sluice.torch  # noqa: E402
from conftest import run_ranks, run_script  # noqa: E402
from sluice.ranks import cut  # noqa: E402
from support.checks import SOURCE  # noqa: E402
from torch_cases import EPSILON, same_bits  # noqa: E402

ROWS, STEPS, SHARDS = 20, 6, 7


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.lstm = sluice.torch.LSTM(3, 8, batch_first=True)
        self.head = torch.nn.Linear(8, 2)
        self.idle = torch.nn.Parameter(torch.ones(3))
        self.frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


@pytest.fixture(name="batch")
def draw_batch():
    torch.manual_seed(9)
    return torch.randn(ROWS, STEPS, 3), torch.randint(2, (ROWS,))


def loss_of(net, batch):
    x, y = batch
    return lambda rows: torch.nn.functional.cross_entropy(net(x[rows]), y[rows], reduction="sum") / ROWS


def make_nets(count):
    """One for each rank, all alike. Here, as ranks are threads, and torch's random numbers those of the process."""
    return [Net() for _ in range(count)]


def gradients(net, batch, exchange=None):
    loss = sluice.torch.sum_gradients(net, cut(ROWS, SHARDS), loss_of(net, batch), exchange)
    return loss, [p.grad for p in net.parameters() if p.requires_grad]


def test_the_sum_is_the_gradient_of_the_batch(batch):
    """To what its roundings differ by: a sum of ROWS * STEPS terms each, of a size at most 1."""
    net = Net()
    loss, found = gradients(net, batch)
    expected = loss_of(net, batch)(slice(None))
    wanted = torch.autograd.grad(expected, [p for p in net.parameters() if p.requires_grad], allow_unused=True)
    assert abs(loss - expected.item()) < ROWS * EPSILON * 2
    for a, b in zip(found, wanted):
        assert b is None and not a.any() or (a - b).abs().max() < ROWS * STEPS * EPSILON
    assert net.frozen.grad is None


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_the_bits_of_one_rank(batch, ranks):
    """On every rank, those beyond the shards too."""
    loss, expected = gradients(Net(), batch)
    nets = make_nets(ranks)
    for other, found in run_ranks(ranks, lambda exchange: gradients(nets[exchange.rank], batch, exchange)):
        assert other == loss and all(same_bits(a, b) for a, b in zip(found, expected))


def test_all_ranks_fail_together(batch):
    nets = make_nets(3)

    def work(exchange):
        net = nets[exchange.rank]

        def fails(rows):
            raise KeyError("no such row")

        return sluice.torch.sum_gradients(net, cut(ROWS, SHARDS), fails if exchange.rank == 1 else loss_of(net, batch), exchange)

    found = run_ranks(3, work)
    assert isinstance(found[1], KeyError)
    assert all(isinstance(found[rank], sluice.DataError) and "rank 1" in str(found[rank]) for rank in (0, 2)), found


def test_ranks_that_disagree(batch):
    nets = make_nets(3)

    def work(exchange):
        net = nets[exchange.rank]
        return sluice.torch.sum_gradients(net, cut(ROWS, 2 + exchange.rank // 2), loss_of(net, batch), exchange)

    assert all(isinstance(error, sluice.DataError) for error in run_ranks(3, work))


def test_what_is_refused(batch):
    net = Net().double()
    with pytest.raises(sluice.ArgumentError, match="float64"):
        sluice.torch.sum_gradients(net, cut(ROWS, SHARDS), loss_of(net, batch))
    with pytest.raises(sluice.ArgumentError, match="init_process_group"):
        sluice.torch.exchange()


def test_a_rank_that_is_killed_ends_the_others():
    """By torch's own error, wherever they are."""
    printed = run_script("""
import os, tempfile
import numpy, sluice, sluice.torch, torch, torch.distributed
def run(rank, folder):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=3)
    X = numpy.random.default_rng(1).standard_normal((90, 5, 3))
    callback = lambda report: rank == 1 and report.epoch == 3 and os.kill(os.getpid(), 9)
    classifier = sluice.Classifier(hidden=8, epochs=10**6, shards=3, random_state=1, threads=1, callback=callback)
    try:
        classifier.fit(X, X.sum((1, 2)) > 0, exchange=sluice.torch.exchange())
    except RuntimeError as error:
        os.write(1, f"rank {rank} ended\\n".encode())  # in one piece
with tempfile.TemporaryDirectory() as folder:
    context = torch.multiprocessing.get_context("fork")
    ranks = [context.Process(target=run, args=(rank, folder)) for rank in range(3)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    print("status", *(rank.exitcode for rank in ranks))
""", OMP_NUM_THREADS="1", GLOO_SOCKET_IFNAME="lo")
    assert "rank 0 ended" in printed and "rank 2 ended" in printed and "status 0 -9 0" in printed, printed


def test_example():
    """With dropout, whose masks are the shards': one digest of sum_gradients, and the same on every rank; DDP's losses are near without."""
    def run(*words):
        done = subprocess.run([sys.executable, SOURCE / "examples" / "python" / "ranks_gloo.py", "--updates", "6", "--hidden", "16", *words],
                              env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300,
                              check=False)
        assert done.returncode == 0, done.stderr
        return [line.split() for line in done.stdout.splitlines()[1:]]

    rows = run("--ranks", "1", "2", "3")
    assert [row[:2] for row in rows] == [[way, ranks] for ranks in "123" for way in ("ddp", "shards")] and all(len(row) == 4 for row in rows)
    assert len({digest for way, _, digest, _ in rows if way == "shards"}) == 1
    assert len({digest for way, _, digest, _ in rows if way == "ddp"}) > 1
    by_dropout = run("--ranks", "1", "3", "--dropout", "0.3")
    digests = {digest for way, _, digest, _ in by_dropout if way == "shards"}
    assert len(digests) == 1 and digests.isdisjoint(row[2] for row in rows)
