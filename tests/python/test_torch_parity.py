"""sluice.torch.LSTM gives what torch.nn.LSTM gives, forward and backward, whatever the module and the batch; and the same bits to a row
wherever it stands."""
import pytest

torch = pytest.importorskip("torch")

import sluice.torch  # noqa: E402
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence  # noqa: E402

from torch_cases import as_input, bound, data_of, draw_batch, random_case, results, same_bits  # noqa: E402

CASES = 500


def make_pair(case):
    """The module, and torch's own in float64 with the same weights."""
    torch.manual_seed(case.seed)
    module = sluice.torch.LSTM(**case.options)
    oracle = torch.nn.LSTM(**case.options, dtype=torch.float64)
    oracle.load_state_dict({name: value.double() for name, value in module.state_dict().items()})
    return module, oracle


@pytest.mark.parametrize("seed", range(CASES))
def test_parity(seed):
    case = random_case(seed)
    module, oracle = make_pair(case)
    batch = draw_batch(case)
    found, expected = results(module, case, batch), results(oracle, case, batch, torch.float64)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.shape == expected[name].shape and value.dtype == torch.float32, (case, name)
        worst = (value.double() - expected[name]).abs().max().item()
        assert worst <= bound(case, expected[name]), (case, name, worst)


@pytest.mark.parametrize("seed", range(0, CASES, 10))
def test_eval_and_no_grad_have_the_bits_of_training(seed):
    case = random_case(seed)
    module, _ = make_pair(case)
    x, lengths, states = batch = draw_batch(case)
    trained = results(module, case, batch)
    module.eval()
    for context in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with context():
            output, (hn, cn) = module(as_input(case, x, lengths), states)
        for name, value in {"y": data_of(output), "hn": hn, "cn": cn}.items():
            assert same_bits(value, trained[name]), (case, context, name)


@pytest.mark.parametrize("seed", range(5, CASES, 20))
def test_threads_change_no_bit(seed):
    case = random_case(seed)
    module, _ = make_pair(case)
    batch = draw_batch(case)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = results(module, case, batch)
        torch.set_num_threads(2)
        two = results(module, case, batch)
    finally:
        torch.set_num_threads(before)
    for name, value in one.items():
        assert same_bits(value, two[name]), (case, name)


def test_packed_output_is_as_torch_has_it():
    module, twin = sluice.torch.LSTM(3, 4), torch.nn.LSTM(3, 4)
    packed = pack_padded_sequence(torch.randn(6, 3, 3), torch.tensor([2, 6, 3]), enforce_sorted=False)
    found, expected = module(packed)[0], twin(packed)[0]
    assert isinstance(found, PackedSequence)
    for a, b in zip(found[1:], expected[1:]):
        assert torch.equal(a, b)


def test_a_row_has_the_same_bits_alone_packed_and_padded():
    torch.manual_seed(1)
    module = sluice.torch.LSTM(16, 40, 2, bidirectional=True, batch_first=True).eval()
    x, lengths = torch.randn(9, 20, 16), torch.tensor([3, 20, 1, 7, 7, 19, 2, 12, 20])
    with torch.no_grad():
        packed = pad_packed_sequence(module(pack_padded_sequence(x, lengths, True, False))[0], True)[0]
        for n, length in enumerate(lengths.tolist()):
            alone = module(x[n:n + 1, :length])[0][0]
            unbatched = module(x[n, :length])[0]
            among = module(x[:, :length])[0][n]
            assert same_bits(packed[n, :length], alone) and same_bits(alone, unbatched) and same_bits(alone, among), n


def test_no_packed_row_writes_past_its_end():
    """Each result has exactly its own cells, all of them written: a NaN in the data of one row reaches no other."""
    module = sluice.torch.LSTM(3, 5).eval()
    x, lengths = torch.randn(7, 4, 3), torch.tensor([7, 5, 2, 1])
    with torch.no_grad():
        clean = pad_packed_sequence(module(pack_padded_sequence(x, lengths))[0], padding_value=9.0)[0]
        x[0, 1] = float("nan")
        spoiled = pad_packed_sequence(module(pack_padded_sequence(x, lengths))[0], padding_value=9.0)[0]
    assert spoiled[:5, 1].isnan().all()
    others = [0, 2, 3]
    assert same_bits(spoiled[:, others], clean[:, others])


@pytest.mark.parametrize("make", [
    lambda: torch.randn(5, 2, 6)[:, :, ::2], lambda: torch.randn(3, 2, 5).permute(2, 1, 0), lambda: torch.randn(1, 2, 3).expand(5, 2, 3),
    lambda: torch.randn(10, 4, 3)[::2, ::2], lambda: torch.randn(5, 2, 3).flip(0), lambda: torch.randn(2, 5, 3).transpose(0, 1),
    lambda: torch.randn(5, 2, 3, dtype=torch.complex64).conj().imag, lambda: torch._neg_view(torch.randn(5, 2, 3)),
], ids=["inner step", "permuted", "expanded", "every second", "flipped", "transposed", "imaginary", "negated"])
def test_views(make):
    """x, and the gradient that comes for y, as any view."""
    x = make()
    module = sluice.torch.LSTM(3, 3)
    plain, view = x.clone(memory_format=torch.contiguous_format).resolve_neg().requires_grad_(), x.detach().requires_grad_()
    outputs = module(plain)[0], module(view)[0]
    assert same_bits(*outputs)
    for output in outputs:
        output.backward(x.detach())
    assert same_bits(plain.grad, view.grad.resolve_neg())
