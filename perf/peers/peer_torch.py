"""PyTorch: torch.nn.LSTM under inference_mode. Rows of different lengths run packed, packed beforehand, and, in one direction,
padded as well."""
import serve
import torch


def make_network(case):
    network = torch.nn.LSTM(case.input, case.hidden, case.layers, bidirectional=case.directions == 2)
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in case.weights().items()})
    return network.eval()


def variant(network, label, x, bring):
    """One way to run the network on x; bring() makes y [T][N][D*H] of its output."""
    result = []

    def call():
        with torch.inference_mode():
            result[:] = network(x)

    def collect():
        y, (hn, _) = result
        return bring(y).numpy().transpose(1, 0, 2), None if label.endswith("padded") else hn.numpy()

    return label, call, collect


def variants(case, threads):
    torch.set_num_threads(threads)
    network = make_network(case)
    x = torch.from_numpy(case.load("x")).transpose(0, 1).contiguous()
    if case.ragged == "none":
        yield variant(network, "torch", x, lambda y: y)
        return
    lengths = torch.from_numpy(case.load("lengths"))
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    yield variant(network, "torch-packed", packed,
                  lambda y: torch.nn.utils.rnn.pad_packed_sequence(y, total_length=case.steps)[0])
    if case.directions == 1:
        yield variant(network, "torch-padded", x, lambda y: y)


if __name__ == "__main__":
    serve.serve("PyTorch", torch.__version__, variants)
