"""sluice.torch.LSTM in forked processes, in DataLoader's workers, and beside torch's own threads. Each scene is a process of its own."""
import textwrap

import pytest

pytest.importorskip("torch")

from conftest import run_script  # noqa: E402


def run(script):
    return run_script(textwrap.dedent(script), OMP_NUM_THREADS="2")


@pytest.mark.parametrize("first", ["import torch", "import sluice.torch"])
def test_one_openmp_runtime(first):
    """Whichever is imported first, torch and the library share one, and a forked child may use the library after torch's threads were
    used. With more than one CPU it may use torch's as well, for the library gives all workers back before a fork; torch alone hangs."""
    found = run(f"""
        {first}
        import multiprocessing, os, torch, sluice.torch
        has_threads = len(os.sched_getaffinity(0)) > 1
        module, x, large = sluice.torch.LSTM(64, 64).eval(), torch.randn(20, 32, 64), torch.randn(2000000)
        def use(queue=None):
            with torch.no_grad():
                result = float(module(x)[0][-1, -1].sum()), float(large.exp().sum()) if has_threads else 0.0
            return queue.put(result) if queue else result
        large.exp()
        here = use()
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        child = context.Process(target=use, args=(queue,), daemon=True)
        child.start()
        child.join(30)
        assert child.exitcode == 0, child.exitcode
        assert queue.get() == here
        print("runtimes", *sorted({{line.split()[-1] for line in open("/proc/self/maps") if "gomp" in line}}))
    """)
    assert len(found.split("runtimes")[1].split()) == 1, found


@pytest.mark.parametrize("workers", [0, 2])
def test_data_loader(workers):
    """A module that was used in the parent computes in the workers' collate, and the parent trains meanwhile."""
    run(f"""
        import torch, sluice.torch
        torch.manual_seed(1)
        embed, module = sluice.torch.LSTM(4, 8).eval(), sluice.torch.LSTM(8, 8)
        rows = [torch.randn(6, 4) for _ in range(24)]
        with torch.no_grad():
            expected = torch.stack([embed(row)[0] for row in rows])
        def collate(batch):
            with torch.no_grad():
                return embed(torch.stack(batch, 1))[0]
        loader = torch.utils.data.DataLoader(rows, batch_size=3, num_workers={workers}, collate_fn=collate)
        for k, batch in enumerate(loader):
            assert torch.equal(batch.transpose(0, 1), expected[3 * k:3 * k + 3])
            module(batch)[0].sum().backward()
        assert k == 7
    """)


def test_a_fork_while_another_thread_calls():
    """The child's copy of a lock that another thread held is free."""
    run("""
        import os, threading, torch, sluice.torch
        module, x, end = sluice.torch.LSTM(16, 64), torch.randn(10, 8, 16), threading.Event()
        def serve():
            with torch.no_grad():
                while not end.is_set():
                    module(x)
        with torch.no_grad():
            expected = module(x)[0]
        threads = [threading.Thread(target=serve) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            child = os.fork()
            if not child:
                with torch.no_grad():
                    os._exit(not torch.equal(module(x)[0], expected))
            assert os.waitpid(child, 0)[1] == 0
        end.set()
        for thread in threads:
            thread.join()
    """)


def test_a_graph_goes_on_in_a_child():
    run("""
        import os, torch, sluice.torch
        module, x = sluice.torch.LSTM(4, 8), torch.randn(6, 3, 4)
        loss = module(x)[0].sum()
        child = os.fork()
        loss.backward()
        module(x)[0].sum().backward()
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """)
