"""Cases that `sluice-bench --export DIR` wrote, each a directory. Needs numpy for the arrays alone."""
import dataclasses
import json
import pathlib
import struct

GATES = 4


@dataclasses.dataclass(frozen=True)
class Case:
    """What case.json holds, with the directory it stood in."""
    path: pathlib.Path
    steps: int
    batch: int
    input: int
    hidden: int
    layers: int
    directions: int
    network: str | None
    ragged: str
    train: str
    seed: int
    total_steps: int
    flop: float
    bound: float
    gradient_bound: float
    weight_gradient_bound: float
    bf16_bound: float
    int8_bound: float
    neighbour_scale: float
    version: str

    def load(self, name):
        """The array NAME.npy: x [N][T][I], lengths [N], y [N][T][D*H], hn and cn [L*D][N][H]; of a case that trains both passes
        also the gradient of each, dy for example, and of h0 and c0. Of a network y is its last layer's, [N][its outputs] if that
        gives a vector of a row, and there are no states."""
        import numpy
        return numpy.load(self.path / f"{name}.npy")

    def tensor_names(self):
        """For each layer a list with, for each direction, torch's names of weight_ih, weight_hh, bias_ih and bias_hh."""
        ends = ["", "_reverse"][:self.directions]
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [[[f"{kind}_l{layer}{end}" for kind in kinds] for end in ends] for layer in range(self.layers)]

    def weights(self, name="weights"):
        """Name: float32 array of every tensor; of `gradients`, their gradients."""
        import numpy
        path = self.path / f"{name}.safetensors"
        data = path.read_bytes()
        tensors, start = read_header(path)
        return {name: numpy.frombuffer(data[start + begin:start + end], numpy.float32).reshape(shape)
                for name, (shape, begin, end) in tensors.items()}


    def layers_of_network(self):
        """The layers of a network, from its description (docs/files.md)."""
        header, _ = read_json(self.path / "weights.safetensors")
        [network] = json.loads(header["__metadata__"]["sluice"])["networks"]
        return network["layers"]


class OtherNeighbours(Case):
    """A case (`OtherNeighbours(**vars(case))`) of which x of each odd row is `neighbour_scale` times as large."""

    def load(self, name):
        array = super().load(name)
        if name == "x":
            array[1::2] *= self.neighbour_scale
        return array


class Unsupported(Exception):
    """A peer does not compute such a case."""


def read_json(path):
    """(the header of a safetensors file, where the data start)."""
    with open(path, "rb") as file:
        [length] = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length)), 8 + length


def read_header(path):
    """({tensor: (shape, first byte, byte behind)}, where the data start) of a safetensors file of F32."""
    header, start = read_json(path)
    header.pop("__metadata__", None)
    tensors = {}
    for name, tensor in header.items():
        if tensor["dtype"] != "F32":
            raise ValueError(f"{path}: {name}: expected F32, found {tensor['dtype']}")
        tensors[name] = (tensor["shape"], *tensor["data_offsets"])
    return tensors, start


def read_case(directory):
    """The Case of a directory; keys that it does not know are left."""
    path = pathlib.Path(directory)
    values = json.loads((path / "case.json").read_text())
    names = [field.name for field in dataclasses.fields(Case) if field.name != "path"]
    missing = [name for name in names if name not in values]
    if missing:
        raise ValueError(f"{path / 'case.json'}: expected {', '.join(missing)}; export the case again")
    return Case(path=path, **{name: values[name] for name in names})


def find_cases(directory):
    """All cases right below a directory, in the order of their names."""
    return [read_case(path.parent) for path in sorted(pathlib.Path(directory).glob("*/case.json"))]


def row_of(case, peer, version, threads, timing, precision="f32", accuracy=None):
    """A row like sluice-bench's, of the keys that mean something here; timing as measure() has it, accuracy as measure_accuracy()."""
    shape = {name: getattr(case, name)
             for name in ("steps", "batch", "input", "hidden", "layers", "directions", "network", "ragged")}
    seconds = timing["seconds_min"]
    trains = case.train != "none"
    return {**shape, "train": trains, "pass": case.train if trains else None, "threads": threads, **timing,
            "sequences_per_second": case.batch / seconds, "steps_per_second": case.total_steps / seconds,
            "gflops": case.flop / seconds * 1e-9, "total_steps": case.total_steps, "seed": case.seed, "peer": peer,
            "peer_version": version, "precision": precision,
            **(accuracy or {"error": None, "error_rms": None, "dependence": None})}
