"""sluice.torch.LSTM as a module: what it shares with torch.nn.LSTM, how it takes weights, when it leaves a call to torch; and replace()."""
import copy
import gc
import inspect
import io
import logging
import pickle
import threading
import typing
import warnings

import pytest

torch = pytest.importorskip("torch")

import sluice.torch  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence  # noqa: E402

from torch_cases import same_bits  # noqa: E402


@pytest.fixture(autouse=True)
def fresh():
    torch.manual_seed(7)
    sluice.torch._warned.clear()


def make_twin(module):
    """torch.nn.LSTM with the same arguments and weights."""
    twin = torch.nn.LSTM(module.input_size, module.hidden_size, module.num_layers, module.bias, module.batch_first, module.dropout,
                         module.bidirectional, module.proj_size, dtype=module.weight_ih_l0.dtype)
    twin.load_state_dict(module.state_dict())
    return twin.train(module.training)


@pytest.mark.parametrize("options", [{}, {"num_layers": 3, "bidirectional": True}, {"bias": False}, {"proj_size": 5, "num_layers": 2}])
def test_constructor_and_state_dict(options):
    torch.manual_seed(3)
    module = sluice.torch.LSTM(6, 9, **options)
    torch.manual_seed(3)
    twin = torch.nn.LSTM(6, 9, **options)
    assert repr(module) == repr(twin) and isinstance(module, torch.nn.LSTM)
    assert list(module.state_dict()) == list(twin.state_dict())
    for a, b in zip(module.state_dict().values(), twin.state_dict().values()):
        assert torch.equal(a, b)  # drawn alike
    module.load_state_dict(twin.state_dict())
    twin.load_state_dict(module.state_dict())


@pytest.mark.parametrize("wrong", [((0, 4), {}), ((4, 4), {"proj_size": 4}), ((4, 4), {"dropout": 2}), ((4,), {}), ((4, 4), {"layers": 2})])
def test_constructor_refuses_what_torch_refuses(wrong):
    positional, named = wrong
    try:
        torch.nn.LSTM(*positional, **named)
    except Exception as error:
        with pytest.raises(type(error)) as raised:
            sluice.torch.LSTM(*positional, **named)
        assert str(raised.value) == str(error)


def test_types():
    """What users call has types that can be looked up, of all arguments and results; py.typed says so of the package."""
    module = sluice.torch.LSTM
    for each in (module.forward, module.refresh, module.precision.fget, module.precision.fset, sluice.torch.replace):
        arguments = [name for name in inspect.signature(each).parameters if name != "self"]
        assert sorted(typing.get_type_hints(each)) == sorted([*arguments, "return"])
    assert typing.get_args(sluice.torch.Precision) == sluice._core.PRECISIONS


def test_precision_is_checked():
    with pytest.raises(ValueError, match="auto, f32, bf16, int8, got 'fp4'"):
        sluice.torch.LSTM(4, 8, precision="fp4")


@pytest.mark.parametrize("wrong", [
    lambda m: (torch.randn(5, 2, 3),), lambda m: (torch.randn(5, 2, 4, 4),), lambda m: (torch.randn(4),), lambda m: (torch.randn(0, 2, 4),),
    lambda m: (torch.randn(5, 2, 4), (torch.zeros(1, 3, 8), torch.zeros(1, 2, 8))),
    lambda m: (torch.randn(5, 2, 4), (torch.zeros(1, 2, 8), torch.zeros(1, 2, 7))),
    lambda m: (torch.randn(5, 2, 4), (torch.zeros(1, 8), torch.zeros(1, 8))),
    lambda m: (torch.randn(5, 4), (torch.zeros(1, 1, 8), torch.zeros(1, 1, 8))),
    lambda m: (torch.randn(5, 2, 4), (torch.zeros(1, 2, 8).double(), torch.zeros(1, 2, 8).double())),
    lambda m: (torch.randn(5, 2, 4), torch.zeros(1, 2, 8)), lambda m: (torch.randn(5, 2, 4), torch.zeros(2, 1, 2, 8)),
    lambda m: (torch.randn(5, 2, 4), (torch.zeros(1, 2, 8),)), lambda m: (torch.randn(5, 2, 4), (torch.zeros(1, 2, 8),) * 3),
    lambda m: (torch.randn(5, 2, 4), (None, None)), lambda m: (torch.randn(5, 4), torch.zeros(1, 8)),
    lambda m: (pack_padded_sequence(torch.randn(5, 2, 4), [5, 2]), torch.zeros(1, 2, 8)),
    lambda m: (pack_padded_sequence(torch.randn(5, 2, 3), [5, 2]),),
    lambda m: (pack_padded_sequence(torch.randn(5, 2, 4), [5, 2]), (torch.zeros(1, 1, 8), torch.zeros(1, 1, 8))),
])
def test_wrong_arguments_are_torch_s_own_errors(wrong):
    module = sluice.torch.LSTM(4, 8)
    twin, arguments = make_twin(module), wrong(module)
    with pytest.raises(Exception) as expected:
        twin(*arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(type(expected.value)) as raised:
            module(*arguments)
    assert str(raised.value) == str(expected.value)


def test_no_rows():
    module = sluice.torch.LSTM(4, 8)
    assert module(torch.randn(5, 0, 4))[0].shape == (5, 0, 8)


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_copies(precision):
    """Copies, pickles and saved files compute the same, alone."""
    module, x = sluice.torch.LSTM(4, 8, 2, precision=precision).eval(), torch.randn(5, 2, 4)
    with torch.no_grad():
        expected = module(x)[0]
        file = io.BytesIO()
        torch.save(module, file)
        file.seek(0)
        options = {"weights_only": False} if "weights_only" in inspect.signature(torch.load).parameters else {}
        for other in (copy.deepcopy(module), copy.copy(module), pickle.loads(pickle.dumps(module)), torch.load(file, **options)):
            assert type(other) is sluice.torch.LSTM and other.precision == precision
            assert same_bits(other(x)[0], expected)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.weight_ih_l0.zero_()
        assert not torch.equal(twin(x)[0], expected) and same_bits(module(x)[0], expected)


def fallback_reason(module, *arguments):
    """What torch computed, and what was said, the first and the second time."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        results = [module(*arguments)[0] for _ in range(2)]
    ours = [str(w.message) for w in said if "sluice.torch" in str(w.message)]
    assert len(ours) == 1, ours
    return results[0], ours[0]


def test_other_types_go_to_torch():
    module, x = sluice.torch.LSTM(4, 8).double(), torch.randn(5, 2, 4, dtype=torch.double)
    found, said = fallback_reason(module, x)
    assert "the input is torch.float64" in said and torch.equal(found, make_twin(module)(x)[0])
    module.float()
    assert module(x.float())[0].dtype == torch.float32


def test_other_devices_go_to_torch():
    module = sluice.torch.LSTM(4, 8, device="meta")
    found, said = fallback_reason(module, torch.empty(5, 2, 4, device="meta"))
    assert "the input is on meta" in said and found.shape == (5, 2, 8)


def test_autocast_goes_to_torch():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(5, 2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, said = fallback_reason(module, x)
        expected = make_twin(module)(x)[0]
    assert "autocast" in said and found.dtype == expected.dtype and torch.equal(found, expected)


def test_a_weight_that_is_nan_goes_to_torch():
    """The first time; engines that there are take such weights as they come in training that diverges, and give NaN as well."""
    module, x = sluice.torch.LSTM(4, 8).eval(), torch.randn(5, 2, 4)
    with torch.no_grad():
        module.weight_ih_l0[0, 0] = float("nan")
        found, said = fallback_reason(module, x)
        assert "NaN" in said and found.isnan().any()
        module.weight_ih_l0[0, 0] = 0
        assert not module(x)[0].isnan().any()
        module.weight_ih_l0[0, 0] = float("nan")
        sluice.torch._warned.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert module(x)[0].isnan().any()


def test_a_projected_module_with_nan_always_goes_to_torch():
    module, x = sluice.torch.LSTM(4, 8, proj_size=3), torch.randn(5, 2, 4)
    module(x)
    with torch.no_grad():
        module.weight_hr_l0[0, 0] = float("nan")
    found, said = fallback_reason(module, x)
    assert "NaN" in said and found.isnan().any()


def test_a_warning_once_for_a_reason_at_the_caller_s_line():
    """Wherever a NaN is, and however deep in torch's modules the call."""
    modules = [sluice.torch.LSTM(4, 8, 2).eval() for _ in range(3)]
    x, lines = torch.randn(5, 2, 4), []
    with torch.no_grad(), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for k, module in enumerate(modules):
            module.weight_hh_l1[k, k] = float("nan")
            lines.append(inspect.currentframe().f_lineno + 1)
            torch.nn.Sequential(torch.nn.Sequential(module))(x)
        sluice.torch._warned.clear()
        lines.append(inspect.currentframe().f_lineno + 1)
        modules[0](x)
    ours = [w for w in said if "sluice.torch" in str(w.message)]
    assert ["weight_hh" in str(w.message) for w in ours] == [True, True]
    assert [(w.filename, w.lineno) for w in ours] == [(__file__, lines[0]), (__file__, lines[-1])]


@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_a_weight_that_is_nan_goes_to_torch_from_int8(monkeypatch, precision):
    """Always, whether the module or the environment asks for int8, which has no NaN."""
    monkeypatch.setenv("SLUICE_PRECISION", "int8")
    module, x = sluice.torch.LSTM(32, 32, precision=precision).eval(), torch.randn(5, 2, 32)
    with torch.no_grad():
        assert not torch.allclose(module(x)[0], make_twin(module)(x)[0], rtol=0, atol=1e-6)  # it is int8
        module.weight_ih_l0[0, 0] = float("nan")
        found, said = fallback_reason(module, x)
        assert "NaN" in said and found.isnan().any()


def test_dropout_of_1_goes_to_torch():
    module, x = sluice.torch.LSTM(4, 8, 2, dropout=1.0), torch.randn(5, 2, 4)
    found, said = fallback_reason(module, x)
    assert "dropout is 1" in said and torch.equal(found, make_twin(module)(x)[0])


def test_tracing_goes_to_torch():
    module, x = sluice.torch.LSTM(4, 8).eval(), torch.randn(5, 2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(module, x)
    other = torch.randn(5, 2, 4)
    torch.testing.assert_close(traced(other)[0], make_twin(module)(other)[0])


@pytest.mark.skipif(not hasattr(torch, "func"), reason="torch before 2.0 has no torch.func")
def test_transforms_go_to_torch():
    module, x = sluice.torch.LSTM(4, 8).eval(), torch.randn(5, 2, 4)
    twin = make_twin(module)
    with warnings.catch_warnings(), torch.backends.mkldnn.flags(enabled=False):  # whose LSTM is not differentiated forward
        warnings.simplefilter("ignore")
        for run in (lambda m: torch.func.grad(lambda t: m(t)[0].sum())(x),
                    lambda m: torch.func.jvp(lambda t: m(t)[0], (x,), (torch.ones_like(x),))[1]):
            torch.testing.assert_close(run(module), run(twin))


def test_defaults_of_type_and_device_change_nothing():
    module, x = sluice.torch.LSTM(4, 8, 2, dropout=0.2), torch.randn(5, 2, 4)
    packed = pack_padded_sequence(x, [5, 3])
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert module(x)[0].dtype == module(packed)[0].data.dtype == torch.float32
    finally:
        torch.set_default_dtype(before)
    if hasattr(torch, "set_default_device"):
        with torch.device("meta"):
            assert module(x)[0].device.type == module(packed)[0].data.device.type == "cpu"


def test_weights_in_eval_mode():
    """Changes that torch counts are seen at once, others after refresh()."""
    module, x = sluice.torch.LSTM(4, 8).eval(), torch.randn(5, 2, 4)
    with torch.no_grad():
        for change in (lambda w: w.mul_(2), lambda w: module.load_state_dict({**module.state_dict(), "weight_ih_l0": w / 3}),
                       lambda w: setattr(module, "weight_ih_l0", torch.nn.Parameter(w * 2))):
            before = module(x)[0]
            change(module.weight_ih_l0)
            assert not torch.equal(module(x)[0], before)
            torch.testing.assert_close(module(x)[0], make_twin(module)(x)[0])
        stale = module(x)[0]
        module.weight_ih_l0.data.mul_(2)
        assert same_bits(module(x)[0], stale)
        module.refresh()
        torch.testing.assert_close(module(x)[0], make_twin(module)(x)[0])


def test_weights_in_training_mode():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(5, 2, 4)
    for context in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with context():
            before = module(x)[0]
            module.weight_ih_l0.data.mul_(2)
            assert not torch.equal(module(x)[0], before)
            torch.testing.assert_close(module(x)[0], make_twin(module)(x)[0])


@pytest.mark.skipif(not hasattr(torch, "func"), reason="torch before 2.0 leaves an LSTM's weights as they are")
def test_weights_that_live_for_one_call():
    """Other tensors at the addresses of those before, as allocators give those of such sizes again."""
    module, x = sluice.torch.LSTM(60, 70, bias=False).eval(), torch.randn(1, 1, 60)
    factors, expected = [1.0 + k / 8 for k in range(16)], []
    with torch.no_grad():
        for factor in factors:
            twin = make_twin(module)
            for value in twin.parameters():
                value.mul_(factor)
            expected.append(twin(x)[0])
        for factor, right in zip(factors, expected):
            weights = {name: value.detach() * factor for name, value in module.named_parameters()}
            found = torch.func.functional_call(module, weights, (x,))[0]
            del weights
            torch.testing.assert_close(found, right)


def test_weights_of_inference_mode():
    x = torch.randn(5, 2, 4)
    with torch.inference_mode():
        module = sluice.torch.LSTM(4, 8).eval()
        before = module(x)[0]
        module.weight_ih_l0.mul_(2)
        assert not torch.equal(module(x)[0], before)


def test_weights_that_are_views():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(5, 2, 4)
    twin = make_twin(module)
    module.weight_ih_l0 = torch.nn.Parameter(module.weight_ih_l0.detach().t().contiguous().t())
    assert not module.weight_ih_l0.is_contiguous()
    for each in (module, twin):
        each(x)[0].sum().backward()
    torch.testing.assert_close(module.weight_ih_l0.grad, twin.weight_ih_l0.grad)


def test_weight_norm():
    module, x = sluice.torch.LSTM(4, 8), torch.randn(5, 2, 4)
    twin = make_twin(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in (module, twin):
            torch.nn.utils.weight_norm(each, "weight_hh_l0")
    for each in (module, twin):
        each(x)[0].square().sum().backward()
    torch.testing.assert_close(module.weight_hh_l0_g.grad, twin.weight_hh_l0_g.grad)


@pytest.mark.parametrize("options", [{}, {"proj_size": 8}])
def test_int8_in_eval_mode(options):
    module = sluice.torch.LSTM(32, 32, 2, precision="int8", **options)
    twin, x = make_twin(module), torch.randn(9, 3, 32)
    torch.testing.assert_close(module(x)[0], twin(x)[0])  # training is in float32
    module.eval()
    with torch.no_grad():
        low, full = module(x)[0], twin(x)[0]
    assert 1e-6 < (low - full).abs().max() < 0.1
    torch.testing.assert_close(module(x)[0], full)  # and so is what a gradient is wanted of
    assert "precision=int8" in repr(module)


def test_dropout():
    """Kept outputs of the layer below are divided by 1 - p; a share p is zero, each again in each call, as torch's generator says."""
    share, width = 0.25, 64
    module, x = sluice.torch.LSTM(3, width, 2, bidirectional=True, dropout=share), torch.randn(8, 5, 3)
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.zero_()
        module.weight_ih_l0[2 * width:3 * width] = 1  # of the candidate: the first layer gives the same to all units
        module.weight_ih_l0_reverse[2 * width:3 * width] = 1
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        module.weight_ih_l1.grad = None
        module(x)[0].sum().backward()  # the second layer is all zero: its candidates' gradients are sums of what it reads
        states.append(module.weight_ih_l1.grad.clone())
    assert same_bits(states[0], states[1]) and not torch.equal(states[0], states[2])
    module.train(False)
    module.weight_ih_l1.grad = None
    module(x)[0].sum().backward()
    whole, dropped = module.weight_ih_l1.grad[2 * width], states[2][2 * width]
    # Each of 2*width sums has 40 terms: their mean is that of no dropout, within 6 standard deviations of sqrt(p/(1-p)) a term.
    terms = x.shape[0] * x.shape[1]
    ratio = (dropped.sum() / whole.sum()).item()
    assert abs(ratio - 1) < 6 * (share / (1 - share) / terms)**0.5, ratio


def test_dropout_without_gradients():
    module, x = sluice.torch.LSTM(4, 8, 2, dropout=0.5), torch.randn(5, 2, 4)
    with torch.no_grad():
        first, second = module(x)[0], module(x)[0]
        assert not torch.equal(first, second)
        module.eval()
        torch.testing.assert_close(module(x)[0], make_twin(module)(x)[0])


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.front = torch.nn.LSTM(4, 8, batch_first=True)
        self.behind = torch.nn.ModuleList([torch.nn.LSTM(8, 8, bidirectional=True), torch.nn.GRU(16, 3)])
        self.again = self.front

    def forward(self, x):
        return self.behind[1](self.behind[0](self.front(x)[0])[0])[0]


def test_replace_keeps_everything(caplog):
    net, x, seen = Net(), torch.randn(5, 2, 4), []
    reference = copy.deepcopy(net)
    optimizers = [torch.optim.Adam(each.parameters(), lr=0.01) for each in (net, reference)]
    before = list(map(id, net.parameters()))
    net.front.register_forward_hook(lambda *_: seen.append("hook"))
    net.behind[0].eval()
    with caplog.at_level(logging.INFO, "sluice.torch"):
        assert sluice.torch.replace(net) is net
    assert "front: replaced, with its 1 hook" in caplog.text and "behind.0: replaced" in caplog.text
    assert type(net.front) is type(net.behind[0]) is sluice.torch.LSTM and net.again is net.front
    assert list(map(id, net.parameters())) == before and not net.behind[0].training and net.front.training
    for _ in range(5):
        for each, optimizer in zip((net, reference), optimizers):
            optimizer.zero_grad()
            each(x).square().sum().backward()
            optimizer.step()
    assert seen == ["hook"] * 5
    for a, b in zip(net.parameters(), reference.parameters()):
        torch.testing.assert_close(a, b)
    assert type(sluice.torch.replace(torch.nn.LSTM(4, 8), precision="int8")) is sluice.torch.LSTM


def test_replace_with_a_wrong_precision_changes_nothing():
    net, x = Net(), torch.randn(5, 2, 4)
    expected = net(x)
    with pytest.raises(ValueError, match="auto, f32, bf16, int8, got 'int4'"):
        sluice.torch.replace(net, precision="int4")
    assert type(net.front) is type(net.behind[0]) is torch.nn.LSTM and torch.equal(net(x), expected)


def test_replace_of_what_was_replaced():
    """Sets the precision that is given, and without one leaves it: a model is trained after one call, and serves int8 after another."""
    net, x = torch.nn.Sequential(torch.nn.LSTM(32, 32)), torch.randn(9, 3, 32)
    sluice.torch.replace(net)[0](x)[0].sum().backward()
    module = net.eval()[0]
    with torch.no_grad():
        full = module(x)[0]
        assert sluice.torch.replace(net, precision="int8")[0] is module
        low = module(x)[0]
        assert 1e-6 < (low - full).abs().max() < 0.1
        sluice.torch.replace(net)
        assert module.precision == "int8" and same_bits(module(x)[0], low)
        module.precision = "f32"  # likewise of one module
        assert same_bits(module(x)[0], full) and "precision=f32" in repr(module)
        with pytest.raises(ValueError, match="auto, f32, bf16, int8, got 'int4'"):
            module.precision = "int4"
        assert same_bits(module(x)[0], full)


def test_replace_leaves_what_computes_otherwise():
    class Own(torch.nn.LSTM):
        def forward(self, input, hx=None):
            return super().forward(2 * input, hx)

    net = torch.nn.Sequential(Own(4, 8), torch.nn.LSTM(4, 8))
    net[1].forward = lambda x: x
    with pytest.warns(UserWarning) as said:
        sluice.torch.replace(net)
    assert type(net[0]) is Own and type(net[1]) is torch.nn.LSTM
    assert ["0 is left" in str(said[0].message), "1 is left" in str(said[1].message)] == [True, True]
    assert type(sluice.torch.replace(sluice.torch.LSTM(4, 8, precision="int8"))) is sluice.torch.LSTM


def test_threads_serve_while_weights_change():
    """Each answer is that of the weights before or after, never of both."""
    module, x = sluice.torch.LSTM(8, 32).eval(), torch.randn(6, 3, 8)
    weights = [module.weight_hh_l0.detach().clone(), -module.weight_hh_l0.detach()]
    answers = []
    with torch.no_grad():
        for w in weights:
            module.weight_hh_l0 = torch.nn.Parameter(w)
            answers.append(module(x)[0])
    parameters = [torch.nn.Parameter(w) for w in weights]
    failures, end = [], threading.Event()

    def serve():
        with torch.no_grad():
            while not end.is_set():
                y = module(x)[0]
                if not any(same_bits(y, answer) for answer in answers):
                    failures.append(y)

    threads = [threading.Thread(target=serve) for _ in range(3)]
    for thread in threads:
        thread.start()
    for k in range(300):
        module.weight_hh_l0 = parameters[k % 2]
    end.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_nothing_is_left_behind():
    """Memory stays as it is over many calls, and a module that is let go of frees its engines."""
    module, x = sluice.torch.LSTM(4, 8, 2, dropout=0.1), torch.randn(5, 2, 4, requires_grad=True)
    packed = pack_padded_sequence(x.detach(), [5, 3])

    def use(times):
        for _ in range(times):
            module(packed)[0].data.sum().backward()
            with torch.no_grad():
                module(x)

    def resident():
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    use(500)
    before = resident()
    use(5000)
    assert resident() - before < 2**20  # of 5,000 calls, each of which allocates some kilobytes
    handle = module._engines.handle
    del module
    gc.collect()
    from sluice import _torch_engine
    assert handle not in _torch_engine._engines_of and not _torch_engine._tickets
