"""sluice.torch.LSTM in autograd: graphs kept, dropped, shared, checkpointed and differentiated twice."""
import gc
import threading

import pytest

torch = pytest.importorskip("torch")

import sluice.torch  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from torch_cases import same_bits  # noqa: E402


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(7)


def gradients(module):
    return [p.grad.clone() for p in module.parameters()]


def engines_of(module):
    return [packed for every in module._engines._packed.values() for packed in every]


@pytest.mark.filterwarnings("ignore:Input #:UserWarning")
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"proj_size": 2}, {"bias": False, "batch_first": True}])
def test_gradcheck(options):
    """Central differences of float32: with a step h the function's rounding makes u/h of error and the third derivative h^2/6."""
    module = sluice.torch.LSTM(2, 3, **options)
    count = module.num_layers * (2 if module.bidirectional else 1)
    values = [torch.randn(3, 2, 2), torch.randn(count, *(2, module.proj_size or 3) if not module.batch_first else (3, 3)),
              torch.randn(count, 3 if module.batch_first else 2, 3)]
    inputs = [v.requires_grad_() for v in values]

    def run(x, h0, c0, *_):
        y, (hn, cn) = module(x, (h0, c0))
        return y, hn, cn

    step = 2.0**-6
    tolerance = 8 * 2.0**-24 / step + step**2
    assert torch.autograd.gradcheck(run, (*inputs, *module.parameters()), eps=step, atol=tolerance, rtol=tolerance)


def test_retained_graph_gives_the_same_bits_again():
    module = sluice.torch.LSTM(4, 8, 2, dropout=0.5)
    x = torch.randn(6, 3, 4, requires_grad=True)
    loss = module(x)[0].square().sum()
    loss.backward(retain_graph=True)
    first = gradients(module) + [x.grad.clone()]
    for last in (False, True):
        module.zero_grad()
        x.grad = None
        loss.backward(retain_graph=not last)
        assert all(same_bits(a, b) for a, b in zip(first, gradients(module) + [x.grad]))
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_second_derivative_is_refused_in_words():
    module = sluice.torch.LSTM(4, 8)
    x = torch.randn(6, 3, 4, requires_grad=True)
    gradient, = torch.autograd.grad(module(x)[0].sum(), x, create_graph=True)  # which alone is no error
    assert gradient.requires_grad
    with pytest.raises(RuntimeError, match="no second derivative.*torch.nn.LSTM"):
        gradient.square().sum().backward()


def test_only_what_is_wanted_gets_a_gradient():
    module = sluice.torch.LSTM(4, 8)
    module.weight_hh_l0.requires_grad_(False)
    module.bias_hh_l0.requires_grad_(False)
    twin = torch.nn.LSTM(4, 8)
    twin.load_state_dict(module.state_dict())
    x = torch.randn(6, 3, 4)
    for each in (module, twin):
        each(x)[1][1].sum().backward()  # of c alone
    assert module.weight_hh_l0.grad is None and module.bias_hh_l0.grad is None
    torch.testing.assert_close(module.bias_ih_l0.grad, twin.bias_ih_l0.grad)
    torch.testing.assert_close(module.weight_ih_l0.grad, twin.weight_ih_l0.grad)


def test_biases_have_gradients_of_their_own():
    module = sluice.torch.LSTM(4, 8)
    module(torch.randn(6, 3, 4))[0].sum().backward()
    before = module.bias_hh_l0.grad.clone()
    module.bias_ih_l0.grad.zero_()
    assert same_bits(module.bias_hh_l0.grad, before)


def test_a_weight_changed_before_backward_is_an_error():
    module = sluice.torch.LSTM(4, 8)
    loss = module(torch.randn(6, 3, 4))[0].sum()
    with torch.no_grad():
        module.weight_ih_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_an_input_changed_before_backward_is_an_error():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(6, 3, 4)
    loss = module(x)[0].sum()
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_calls_whose_gradients_wait_share_engines():
    """A decoder's loop: one step a call, states passed on, one backward pass at the end."""
    module, twin = sluice.torch.LSTM(4, 8), torch.nn.LSTM(4, 8)
    twin.load_state_dict(module.state_dict())
    x = torch.randn(30, 1, 3, 4)
    for _ in range(3):
        for each in (module, twin):
            each.zero_grad()
            states, loss = None, 0
            for step in x:
                y, states = each(step, states)
                loss = loss + y.square().sum()
            loss.backward()
        for a, b in zip(gradients(module), gradients(twin)):
            torch.testing.assert_close(a, b)
        assert len(engines_of(module)) <= 2
    whole = module(x[:, 0])[0]
    stepwise, states = [], None
    for step in x:
        y, states = module(step, states)
        stepwise.append(y)
    assert same_bits(whole, torch.cat(stepwise))


def test_an_unseen_change_between_two_calls_is_seen_and_spoils_no_graph():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(6, 3, 4)
    twin = sluice.torch.LSTM(4, 8)
    twin.load_state_dict(module.state_dict())
    first = module(x)[0]
    module.weight_ih_l0.data.mul_(2)
    second = module(x)[0]
    module.weight_ih_l0.data.mul_(2)
    third = module(x)[0]
    assert not torch.equal(first, second) and not torch.equal(second, third)
    module.weight_ih_l0.data.div_(4)
    assert same_bits(module(x)[0], first)
    first.sum().backward()
    twin(x)[0].sum().backward()
    assert all(same_bits(a, b) for a, b in zip(gradients(module), gradients(twin)))


def test_dropped_graphs_give_their_tapes_back():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(6, 3, 4)
    for _ in range(20):
        module(x)
    assert sum(len(tapes) for packed in engines_of(module) for tapes in packed.spare.values()) <= 2
    loss = module(x)[0].sum() + module(x)[0].sum()
    del loss
    gc.collect()
    module(x)
    assert len(engines_of(module)) <= 2


def test_gradients_accumulate():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(6, 3, 4)
    module(x)[0].sum().backward()
    once = gradients(module)
    module(x)[0].sum().backward()
    assert all(same_bits(2 * a, b) for a, b in zip(once, gradients(module)))


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint(reentrant):
    """The forward pass is done again, with the same mask of dropout, and no tape is kept meanwhile."""
    module, x = sluice.torch.LSTM(4, 8, 2, dropout=0.3), torch.randn(6, 3, 4, requires_grad=True)
    torch.manual_seed(3)
    module(x)[0].square().sum().backward()
    expected = gradients(module) + [x.grad.clone()]
    module.zero_grad()
    x.grad = None
    torch.manual_seed(3)
    output = checkpoint(lambda t: module(t)[0], x, use_reentrant=reentrant)
    module._engines._collect()
    assert not any(packed.users for packed in engines_of(module))
    output.square().sum().backward()
    assert all(same_bits(a, b) for a, b in zip(expected, gradients(module) + [x.grad]))


def test_saved_tensors_that_moved():
    """What autograd saves is copied by a hook, so that the tape is gone, or x alone lies elsewhere."""
    module, x = sluice.torch.LSTM(4, 8, 2, dropout=0.3), torch.randn(6, 3, 4, requires_grad=True)
    found = []
    for pack in (lambda t: t, lambda t: t.clone(), lambda t: t.clone() if t.shape == x.shape else t):
        torch.manual_seed(3)
        module.zero_grad()
        given = x.detach().clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            loss = module(given)[0].square().sum()
        if found:
            given.data.zero_()  # what was saved are copies
        loss.backward()
        found.append(gradients(module) + [given.grad])
    for other in found[1:]:
        assert all(same_bits(a, b) for a, b in zip(found[0], other))


def test_two_threads_train_one_module():
    module = sluice.torch.LSTM(8, 16)
    batches = [torch.randn(10, 4, 8) for _ in range(2)]
    expected = [torch.autograd.grad(module(x)[0].square().sum(), list(module.parameters())) for x in batches]
    failures = []

    def work(x, right):
        for _ in range(50):
            found = torch.autograd.grad(module(x)[0].square().sum(), list(module.parameters()))
            if not all(same_bits(a, b) for a, b in zip(found, right)):
                failures.append(x)

    threads = [threading.Thread(target=work, args=each) for each in zip(batches, expected)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_eval_mode_with_gradients():
    module, x = sluice.torch.LSTM(4, 8, 2, dropout=0.5).eval(), torch.randn(6, 3, 4)
    twin = torch.nn.LSTM(4, 8, 2, dropout=0.5).eval()
    twin.load_state_dict(module.state_dict())
    for each in (module, twin):
        each(x)[0].sum().backward()
    for a, b in zip(gradients(module), gradients(twin)):
        torch.testing.assert_close(a, b)
