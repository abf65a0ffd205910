"""sluice.torch.LSTM where torch sees operators only: torch.compile, torch.export, dispatch modes."""
import copy

import pytest

torch = pytest.importorskip("torch")
if not hasattr(torch.library, "custom_op"):
    pytest.skip("torch before 2.4 has no torch.library.custom_op", allow_module_level=True)

import sluice.torch  # noqa: E402
import torch._dynamo  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from torch_cases import same_bits  # noqa: E402


class Net(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.lstm = sluice.torch.LSTM(5, 8, **options)
        self.head = torch.nn.Linear(8 * (1 + self.lstm.bidirectional), 3)

    def forward(self, x, states=None):
        y, (hn, cn) = self.lstm(torch.tanh(x), states)
        return self.head(torch.relu(y)), hn * cn


@pytest.fixture(autouse=True)
def fresh():
    torch.manual_seed(7)
    torch._dynamo.reset()
    sluice.torch._warned.clear()


@pytest.fixture
def whole_graph():
    """Dynamo leaves every LSTM out of its graphs, torch's too, by default."""
    with torch._dynamo.config.patch(allow_rnn=True):
        yield


def outcome(run, module, x, states=None):
    """Outputs and the gradients of their sum."""
    x = x.detach().clone().requires_grad_()
    module.zero_grad()
    outputs = run(x, states)
    sum(t.square().sum() for t in outputs).backward()
    return [*outputs, x.grad, *(p.grad.clone() for p in module.parameters())]


def assert_alike(found, expected):
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("options", [{"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}])
def test_one_graph(whole_graph, backend, options):
    """Forward and backward without a break, other lengths and updates of weights included."""
    net = Net(**options)
    compiled = torch.compile(net, fullgraph=True, backend=backend)
    for steps in (4, 4, 6, 7):
        x = torch.randn(steps, 3, 5)
        assert_alike(outcome(compiled, net, x), outcome(net, net, x))
        with torch.no_grad():
            assert_alike(compiled(x), net(x))
            for p in net.parameters():
                p.mul_(0.9)
    net.eval()
    with torch.inference_mode():
        assert_alike(compiled(x), net(x))


def test_states_in_one_graph(whole_graph):
    net = Net(num_layers=2)
    x, states = torch.randn(6, 3, 5), (torch.randn(2, 3, 8), torch.randn(2, 3, 8))
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    assert_alike(outcome(compiled, net, x, states), outcome(net, net, x, states))


def test_dropout_in_one_graph(whole_graph):
    """The backward pass has the mask of its forward pass, and that follows the seed."""
    net, x = Net(num_layers=2, dropout=0.5), torch.randn(6, 3, 5)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    found = []
    for run in (compiled, compiled, net):
        torch.manual_seed(3)
        found.append(outcome(run, net, x))
    assert_alike(found[0], found[1])
    assert_alike(found[0], found[2])


def test_copies_in_one_graph(whole_graph):
    """Of each module its own weights."""
    nets = [Net(), Net()]
    nets.append(copy.deepcopy(nets[0]))
    x = torch.randn(6, 3, 5)
    with torch.no_grad():
        nets[2].lstm.weight_ih_l0.mul_(2)
        for net in nets * 2:
            assert_alike(torch.compile(net, fullgraph=True, backend="aot_eager")(x), net(x))


def test_with_a_break():
    """As Dynamo is by itself: the LSTM runs between two graphs."""
    net = Net(num_layers=2, bidirectional=True)
    compiled = torch.compile(net, backend="aot_eager")
    for steps in (4, 6):
        x = torch.randn(steps, 3, 5)
        assert_alike(outcome(compiled, net, x), outcome(net, net, x))


@pytest.mark.parametrize("is_sorted", [True, False])
def test_packed(whole_graph, is_sorted):
    module = sluice.torch.LSTM(5, 8, 2)
    compiled = torch.compile(module, backend="aot_eager")
    packed = pack_padded_sequence(torch.randn(6, 3, 5), [6, 4, 1], enforce_sorted=is_sorted)
    found, expected = compiled(packed), module(packed)
    torch.testing.assert_close(found[0].data, expected[0].data)
    torch.testing.assert_close(found[1], expected[1])


def test_export():
    """The program computes with its own weights, also once the module that it came from is gone."""
    net, x = Net(num_layers=2).eval(), torch.randn(6, 3, 5)
    with torch.no_grad():
        expected = net(x)
        program = torch.export.export(net, (x,), strict=False)
        assert any("sluice.lstm" in str(node.target) for node in program.graph.nodes)
        net.lstm = None
        assert_alike(program.module()(x), expected)


def test_a_dispatch_mode_sees_the_operator():
    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.append(str(function))
            return function(*args, **(kwargs or {}))

    net, x, seen = Net(), torch.randn(6, 3, 5), []
    expected = outcome(net, net, x)
    with Watch():
        found = outcome(net, net, x)
    assert_alike(found, expected)
    assert any("sluice.lstm." in name for name in seen) and any("sluice.lstm_backward" in name for name in seen)


def test_a_dispatch_mode_sees_torch_compute_what_is_not_done_here():
    """As without a mode, and between a compiler's graphs. Within one there is no way back: its operator refuses such weights."""
    from torch.utils.flop_counter import FlopCounterMode
    net, x = Net(), torch.randn(6, 3, 5)
    compiled = torch.compile(net, backend="aot_eager")
    with torch.no_grad():
        net.lstm.weight_ih_l0[0, 0] = float("nan")
        with pytest.warns(UserWarning, match="NaN"), FlopCounterMode(display=False) as counted:
            found = net(x)
        assert found[0].isnan().any() and counted.get_total_flops() > 0
        assert compiled(x)[0].isnan().any()  # with a break at the LSTM
        with torch._dynamo.config.patch(allow_rnn=True):
            torch._dynamo.reset()
            with pytest.raises(sluice.DataError, match="NaN"):
                torch.compile(net, fullgraph=True, backend="aot_eager")(x)


def test_other_types_go_to_torch_between_graphs():
    net, x = Net().double(), torch.randn(6, 3, 5, dtype=torch.double)
    with pytest.warns(UserWarning, match="float64"):
        assert_alike(outcome(torch.compile(net, backend="aot_eager"), net, x), outcome(net, net, x))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "proj_size": 3}, {"bias": False}])
def test_operator(options):
    """torch's own checks of an operator: its schema, its fake, its gradient."""
    from sluice import _torch_compile
    module = sluice.torch.LSTM(3, 4, **options)
    x, weights = torch.randn(5, 2, 3, requires_grad=True), list(module.parameters())
    arguments = (x, None, None, None, None, weights, module._engines.handle, 1 + module.bidirectional, False, True, 0.0, "f32", True)
    torch.library.opcheck(_torch_compile.lstm, arguments, test_utils=("test_schema", "test_autograd_registration", "test_faketensor"))


def test_second_derivative_of_the_operator_is_refused():
    net, x = Net(), torch.randn(6, 3, 5, requires_grad=True)

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            return function(*args, **(kwargs or {}))

    with Watch():
        gradient, = torch.autograd.grad(net(x)[0].sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="lstm_backward|no second derivative"):
        gradient.square().sum().backward()


def test_operator_and_function_give_the_same_bits(whole_graph):
    module, x = sluice.torch.LSTM(5, 8, 2, bidirectional=True), torch.randn(6, 3, 5)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    assert same_bits(compiled(x)[0], module(x)[0])
