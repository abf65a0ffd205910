"""Models of files: the same bits as the program's, for every model of tests/golden; made of arrays, saved, pickled, copied."""
import copy
import pickle
import warnings

import numpy as np
import pytest

import sluice
from conftest import GOLDEN, LANGID, run_program, same_bits

FILES = sorted(path for folder in ("torch", "keras", "onnx") for path in (GOLDEN / folder).iterdir()
               if path.suffix in (".pt", ".pth", ".keras", ".h5", ".onnx", ".safetensors"))


def load_quietly(path):
    """A model whose notes are of no interest here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sluice.load(path)


def input_of(model, rng, rows, steps):
    """A batch that the model reads."""
    if model.info.vocabulary:
        return rng.integers(0, model.info.vocabulary, (rows, steps), np.int32)
    return rng.standard_normal((rows, steps, model.info.inputs), np.float32)


def test_there_are_files():
    assert len(FILES) > 60


@pytest.mark.parametrize("path", [LANGID, *FILES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_bits_of_the_program(path, rng, tmp_path):
    """A file that the program runs gives the same bits here, and one that it refuses is refused in the same words."""
    try:
        model = load_quietly(path)
    except sluice.Error as error:
        printed, status = run_program("run", path, "-i", "/dev/null", "-o", tmp_path / "y.npy")
        assert status != 0 and str(error) in printed.decode()
        return
    x, lengths = input_of(model, rng, 5, 9), np.array([9, 0, 3, 9, 1])
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "lengths.npy", lengths)
    printed, status = run_program("run", path, "-i", tmp_path / "x.npy", "--lengths", tmp_path / "lengths.npy", "-o", tmp_path / "y.npy")
    assert status == 0, printed
    name = "y" if model._network.is_shape else model.info.output  # of torch's tensor names the program gives the states
    assert same_bits(model(x, lengths, outputs=name)[name], np.load(tmp_path / "y.npy"))


def test_content_in_memory(rng):
    model, of_bytes = sluice.load(LANGID), sluice.load(LANGID.read_bytes())
    x = input_of(model, rng, 3, 6)
    assert same_bits(model(x), of_bytes(x)) and of_bytes.info.class_names[0] == "english"
    with pytest.raises(sluice.DataError, match="memory: byte 3") as caught:
        sluice.load(b"abc")
    assert caught.value.byte is None or caught.value.byte == 3


def test_names_are_passed_on():
    with pytest.raises(sluice.DataError, match="nothere"):
        sluice.load(LANGID, prefix="nothere.")
    assert sluice.load(LANGID, head="").info.output == "y"
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        sluice.load(LANGID, nonsense="x")


def test_notes_that_matter_warn(tmp_path):
    arrays = {"weight_ih": np.ones((8, 3)), "weight_hh": np.ones((8, 2)), "head1.weight": np.ones((4, 2)), "head2.weight": np.ones((5, 2))}
    with pytest.warns(UserWarning, match="head: "):
        model = sluice.from_arrays(arrays)
    assert any(note.startswith("head: ") for note in model.info.notes)


def test_from_arrays(floats, rng):
    """Arrays by torch's names make the model that they are; biases are added."""
    arrays = {"lstm.weight_ih_l0": floats(32, 5), "lstm.weight_hh_l0": floats(32, 8), "lstm.bias_ih_l0": floats(32),
              "lstm.bias_hh_l0": floats(32), "fc.weight": floats(3, 8), "fc.bias": floats(3)}
    model = sluice.from_arrays(arrays, class_names=["a", "b", "c"])
    found = model.tensors()
    assert list(found) == [(0, 0, "weight_ih"), (0, 0, "weight_hh"), (0, 0, "bias"), (1, 0, "bias"), (1, 0, "weight")]
    assert all(same_bits(found[0, 0, name], arrays[f"lstm.{name}_l0"]) for name in ("weight_ih", "weight_hh"))
    assert same_bits(found[1, 0, "weight"], arrays["fc.weight"]) and same_bits(found[1, 0, "bias"], arrays["fc.bias"])
    assert same_bits(found[0, 0, "bias"], arrays["lstm.bias_ih_l0"] + arrays["lstm.bias_hh_l0"])
    assert model.info.class_names == ["a", "b", "c"] and model(floats(2, 4, 5)).shape == (2, 3)
    x = floats(2, 4, 5)
    for dtype in (">f4", np.float64):
        assert same_bits(model(x), sluice.from_arrays({name: array.astype(dtype) for name, array in arrays.items()})(x))
    transposed = {name: np.asfortranarray(array) for name, array in arrays.items()}
    assert same_bits(model(x), sluice.from_arrays(transposed)(x))
    with pytest.raises(sluice.DataError, match="weight_hh_l0"):
        sluice.from_arrays(arrays | {"lstm.weight_hh_l0": floats(32, 7)})
    with pytest.raises(sluice.ArgumentError, match="comma"):
        sluice.from_arrays(arrays, class_names=["a,b", "c", "d"])


def test_shapes_of_tensors():
    """Those of the file, of each kind that there is one of."""
    shapes = {name: array.shape for (*_, name), array in sluice.load(LANGID).tensors().items()}
    assert shapes == {"embedding": (256, 32), "weight_ih": (512, 32), "weight_hh": (512, 128), "bias": (8,), "weight": (8, 256)}
    projected = load_quietly(GOLDEN / "torch" / "projection.pt").tensors()
    shapes = {name: array.shape for (layer, _, name), array in projected.items() if layer == 1}
    assert shapes == {"weight_ih": (20, 4), "weight_hh": (20, 3), "bias": (20,), "projection": (3, 5)}
    cells = load_quietly(GOLDEN / "onnx" / "cifg_peepholes_bidirectional.onnx").tensors()
    assert cells[0, 1, "peepholes"].shape == (3, 5) and cells[0, 1, "peepholes"].flags.writeable


@pytest.mark.parametrize("names", [["a,b", "c"], [1, 2], ["", "c"], ["a\n", "c"], ["a"], ["a", "b", "c"]], ids=str)
@pytest.mark.filterwarnings("ignore:names|classes")
def test_class_names_that_no_file_can_have(names, floats):
    """They are refused where they are given, not where the model is saved or pickled."""
    arrays = {"lstm.weight_ih_l0": floats(32, 5), "lstm.weight_hh_l0": floats(32, 8), "fc.weight": floats(2, 8)}
    for make in (lambda: sluice.from_arrays(arrays, class_names=names),
                 lambda: sluice.random_model(inputs=2, hidden=3, classes=2, class_names=names)):
        with pytest.raises(ValueError, match="^class_names: "):
            make()


def test_random_models_are_those_of_the_seed(floats):
    sizes = {"inputs": 6, "hidden": 9, "layers": 2, "directions": 2, "classes": 4}
    one, same, other = (sluice.random_model(**sizes, seed=seed) for seed in (5, 5, 6))
    x = floats(3, 5, 6)
    assert same_bits(one(x), same(x)) and not same_bits(one(x), other(x))
    assert sluice.random_model(**sizes, initializer="keras", class_names="abcd").info.class_names == list("abcd")
    for wrong in ({"hidden": 0}, {"directions": 3}, {"layers": -1}, {"initializer": "xavier"}, {"class_names": ["a"]}):
        with pytest.raises(ValueError):
            sluice.random_model(**(sizes | wrong))


@pytest.mark.parametrize("path", [LANGID, GOLDEN / "keras" / "lstm_model.keras", GOLDEN / "onnx" / "learned_states.onnx"], ids=lambda path: path.stem)
def test_saved_and_pickled(path, rng, tmp_path):
    """A model that is written and read, or pickled, has the same bits."""
    model = load_quietly(path)
    x = input_of(model, rng, 4, 7)
    model.save(tmp_path / "model.safetensors")
    assert same_bits(model(x), load_quietly(tmp_path / "model.safetensors")(x))
    again = pickle.loads(pickle.dumps(model.with_options(threads=1, precision="bf16" if path != LANGID else "f32")))
    assert again.info.threads == 1
    assert same_bits(model.with_options(precision=again.info.precision)(x), again(x))
    assert copy.copy(model) is model and copy.deepcopy([model])[0] is model


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        sluice.load(tmp_path / "nothing")
    assert isinstance(caught.value, sluice.NoInputError) and caught.value.status == "no input" and caught.value.row is None
    with pytest.raises(OSError, match="nowhere"):
        sluice.random_model(inputs=2, hidden=2).save(tmp_path / "nowhere" / "model")


@pytest.mark.parametrize("path", ["/nonexist\udcff", "/a" + "é" * 600, "/ab" + "é" * 600], ids=["no UTF-8", "cut short", "cut elsewhere"])
def test_paths_that_are_no_utf8_when_they_are_quoted(path):
    with pytest.raises((sluice.NoInputError, sluice.FileError), match="^/"):
        sluice.load(path)


def test_options():
    model = sluice.random_model(inputs=4, hidden=8, threads=1, isa="scalar", schedule="rows", precision="int8")
    info = model.info
    assert (info.threads, info.isa, info.schedule, info.precision, info.gemm) == (1, "scalar", "rows", "int8", "fused")
    assert model.with_options(precision="f32").info.precision == "f32" and model.info.precision == "int8"
    with pytest.raises(sluice.ArgumentError, match="isa: 'neon' is none of auto, scalar"):
        model.with_options(isa="neon")
    with pytest.raises(sluice.UnsupportedError, match="BLIS"):
        model.with_options(gemm="blis")
    with pytest.raises(TypeError, match="no option thread;"):
        model.with_options(thread=1)
    with pytest.raises(ValueError, match="threads"):
        model.with_options(threads=-1)


def test_numbers_of_numpy():
    """Its integers serve wherever one is expected, and what is out of range is refused by its name."""
    sizes = {"inputs": np.int64(3), "hidden": np.int32(4), "vocabulary": np.arange(5).max() + 1, "classes": np.uint8(2)}
    model = sluice.random_model(**sizes, seed=np.uint64(2**64 - 1), threads=np.int64(1))
    assert (model.info.threads, model.info.vocabulary, model.plan(np.int64(2), np.int64(3)).chosen >= 0) == (1, 5, True)
    assert sluice.load(LANGID, threads=np.int64(2)).info.threads == 2
    assert sluice.environment(threads=None).threads == sluice.environment().threads
    for wrong in ({"seed": -1}, {"seed": 2**64}, {"hidden": 1.5}, {"layers": "2"}, {"threads": "2"}, {"threads": 1.5}):
        with pytest.raises(sluice.ArgumentError, match=f"^{next(iter(wrong))}: .*; expected an integer from 0 to "):
            sluice.random_model(**(sizes | wrong))
    for call in (lambda: model.plan(-1, 2), lambda: model.plan(2, 1.5)):
        with pytest.raises(sluice.ArgumentError, match="; expected an integer from 0 to "):
            call()


def test_info_and_plan():
    model = sluice.load(LANGID)
    info = model.info
    assert [layer.kind for layer in info.layers] == ["embedding", "lstm", "dense"] and info.layers[1].direction == "both"
    assert info.vocabulary == 256 and info["classes"] == 8 and info.parameters * 4 < LANGID.stat().st_size
    with pytest.raises(AttributeError, match="no 'nonsense'"):
        info.nonsense  # pylint: disable=pointless-statement
    assert repr(model).startswith("<sluice.Model: 256 tokens -> embedding")
    plan = model.plan(100, 20)
    assert plan.candidates[plan.chosen].schedule in ("rows", "hoist", "units") and plan.workspace_bytes > 0 and plan.reason
    assert model.plan(2, 20, [3, 20]).candidates
    with pytest.raises(sluice.DataError):
        model.plan(2, 20, [3, 21])
    with pytest.raises(sluice.ArgumentError):
        model.plan(3, 20, [3, 20])


def test_environment():
    found = sluice.environment(threads=1, isa="scalar")
    assert found.threads == 1 and found.isa == "scalar" and found.best_isa in ("scalar", "avx2", "avx512") and found.cpu
