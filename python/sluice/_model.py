"""Models: loaded, made, called, saved."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice import _core
from sluice._arrays import F32, I64, as_array, as_floats, as_integer, as_integers
from sluice._call import run
from sluice._errors import ArgumentError, DataError, UnsupportedError
from sluice._network import LAYER_WORDS, MASKINGS, OPTION_WORDS, TENSORS, Info, Network, number_of, tensor_of, with_words
from sluice._series import inputs_of, read_series, windows
from sluice._streams import Streams

QUIET_NOTES = ("names: ", "ignored: ", "detail: ")  # all others warn
INITIALIZERS = ("torch", "keras", "uniform")

Path = str | os.PathLike[str]
Floats = NDArray[np.float32]
Options = dict[str, Any]  # precision, threads, isa, gemm, schedule, flush_to_zero


class Model:
    """A network made ready for this CPU: call it with a batch.

    Immutable, so that any number of threads may call it at once; a copy is the model itself. Made by :func:`sluice.load`,
    :func:`sluice.from_arrays` and :func:`sluice.random_model`.
    """

    __slots__ = ("_model", "_engine", "_network", "_options", "_forward", "_direct", "__weakref__")

    def __init__(self, model: _core.Model, options: Options) -> None:
        self._model = model
        self._options = options
        numbers = {name: number_of(name, options[name]) for name in OPTION_WORDS}
        threads = 0 if options["threads"] is None else as_integer(options["threads"], "threads", 2**31)
        self._engine = _core.Engine(model, threads=threads, flush_to_zero=options["flush_to_zero"], **numbers)
        self._network = Network(model.describe())
        self._forward = self._engine.forward
        network = self._network
        # What a plain call gives: inputs, and of y or logits the width.
        self._direct = None if network.reads_tokens or network.output == "step_logits" else (
            network.inputs, network.output == "y", network.width if network.output == "y" else network.classes)

    def __call__(self, x: Any, lengths: ArrayLike | None = None, *, offsets: ArrayLike | None = None, states: Sequence[Any] | None = None,
                 mask: ArrayLike | None = None, outputs: str | int | Sequence[str | int] | None = None, layout: str = "ntc",
                 steps: int | None = None) -> Any:
        """Run the network over a batch of N rows (sequences) of up to T steps.

        :param x: float32 [N][T][I], or of a model with an embedding integers (tokens) [N][T]. Arrays of NumPy, and all that has the
            buffer protocol or DLPack, are used where they lie, strides too; other types and byte orders are converted.
        :param lengths: [N] integers 0..T, the number of steps of each row; None: T. What lies past a row's end is not read.
        :param offsets: [N+1] integers, instead of lengths: row n is ``x[offsets[n]:offsets[n+1]]`` of an x [sum][I], or [sum]. Outputs
            by step lie one after the other likewise, [sum][...].
        :param states: ``(h0, c0)``, [L*D][N][H] each, or None; where the LSTM layers differ in size a sequence of [D][N][H] each.
        :param mask: [N][T] booleans: False: the step is masked.
        :param outputs: None: what the last layer gives. Else some of "y" (h of the last LSTM layer), "hn", "cn", "logits" (of the
            row), "step_logits" (of each step), and any layer by index or name, for a dict of arrays.
        :param layout: "ntc", or "tnc" for x, mask and outputs by step with the steps first, as torch.nn.LSTM has them by default.
        :param steps: run the first so many steps of each row, of the T that x has, or with offsets the longest row; None: all. Outputs
            by step have no more.
        :returns: an array [N][T][W], zero past a row's end, or [N][W] of a network that gives one vector for each row; with
            ``outputs`` a dict of such arrays; hn and cn [L*D][N][H].
        :raises sluice.ArgumentError: arrays of other shapes or types than the model's.
        :raises sluice.DataError: a length, offset or token out of range; its ``row`` and ``step`` say where.
        """
        direct = self._direct
        if (type(x) is np.ndarray and x.dtype is F32 and direct is not None and lengths is None and offsets is None and states is None
                and mask is None and outputs is None and steps is None and layout == "ntc" and x.ndim == 3):
            rows, count, inputs = x.shape
            flags = x.flags
            if inputs == direct[0] and flags.c_contiguous and flags.aligned:
                if direct[1]:
                    y = np.empty((rows, count, direct[2]), F32)
                    self._forward(steps=count, rows=rows, x=x, y=y)
                    return y
                logits = np.empty((rows, direct[2]), F32)
                self._forward(steps=count, rows=rows, x=x, logits=logits)
                return logits
        return run(self._engine, self._network, x, lengths, offsets, states, mask, outputs, layout, steps)

    def forecast(self, series: Any, *, hop: int | None = None) -> Floats:
        """Forecast from each window of a long series, or at each step of a whole one, as the model was trained: ``info.series`` has what its
        file says of that.

        :param series: the columns of the inputs, an array [T][I] in their order, [T] of one, or a table that has them by their names: a
            mapping, a structured array, a DataFrame.
        :param hop: steps from the beginning of a window to that of the next; None: as in training. Of whole series
            there is none.
        :returns: float32 [N][horizons][targets], with quantiles [N][horizons][targets][quantiles], in the units of the data. The last step of
            window n is step n * hop + window - 1. Of a whole series N is T, and entry n is the forecast at step n.
        :raises sluice.UnsupportedError: a model that was not trained on series.
        """
        said = read_series(self._network.described)
        if said is None:
            raise UnsupportedError("forecast: the model's file says nothing of series; train it by sluice.Forecaster or sluice train --window, "
                                   "or call the model with sluice.windows(series, window)")
        values = inputs_of(series, said)
        if said.window:
            found = self(windows(values, said.window, said.hop if hop is None else hop))
        elif hop is None:
            found = self(values[np.newaxis])[0]
        else:
            raise ArgumentError(f"hop: {hop}; the model was trained on whole series, which are not cut; leave it out")
        horizons = said.horizons[1] - said.horizons[0] + 1
        return found.reshape(len(found), horizons, len(said.targets), *([len(said.quantiles)] if said.quantiles else []))

    @property
    def info(self) -> Info:
        """What the model is and how it is computed: a dict whose items are attributes too."""
        described = self._network.described
        layers = [with_words({name: value for name, value in layer.items() if name != "cells"}, LAYER_WORDS) for layer in described["layers"]]
        for layer in layers:
            layer["activation"] = _core.FUNCTIONS[layer["activation"][0]]
        return Info({
            "inputs": described["inputs"], "vocabulary": described["vocabulary"], "classes": described["classes"],
            "class_names": described["class_names"], "output": self._network.output, "masking": MASKINGS[described["masking"]],
            "parameters": sum(len(values) // F32.itemsize for *_, values in self._model.tensors()), "layers": layers,
            "series": read_series(described),
            "notes": described["notes"].splitlines(), **with_words(self._engine.info(), OPTION_WORDS)})

    def plan(self, rows: int, steps: int, lengths: ArrayLike | None = None) -> Info:
        """How a batch of so many rows and steps would be computed: candidates with their estimates, the chosen one, and why."""
        rows, steps = as_integer(rows, "rows", 2**63), as_integer(steps, "steps", 2**63)
        given = None if lengths is None else as_integers(lengths, "lengths", I64, 1)
        if given is not None and len(given) != rows:
            raise ArgumentError(f"lengths: {len(given)} elements for {rows} rows")
        plan = Info(self._engine.plan(rows, steps, given))
        plan["candidates"] = [with_words(candidate, OPTION_WORDS) for candidate in plan["candidates"]]
        return plan

    def with_options(self, **options: Any) -> Model:
        """This model with other options of :func:`sluice.load`: precision, threads, isa, gemm, schedule, flush_to_zero."""
        unknown = options.keys() - self._options.keys()
        if unknown:
            raise TypeError(f"with_options: no option {', '.join(sorted(unknown))}; there are {', '.join(self._options)}")
        return Model(self._model, self._options | options)

    def streams(self, slots: int) -> Streams:
        """States of so many sequences that arrive in pieces, all at their beginning."""
        return Streams(self, _core.Streams(self._engine, as_integer(slots, "slots", 2**63)))

    def load_streams(self, path: Path) -> Streams:
        """Streams of a file that :meth:`sluice.Streams.save` wrote."""
        return Streams(self, _core.Streams(self._engine, os.fspath(path)))

    def save(self, path: Path, network: str | None = None) -> None:
        """Write a safetensors file, which :func:`sluice.load`, the program ``sluice`` and PyTorch read.

        :param network: the name in the file of a network of other layers than torch.nn.LSTM's.
        """
        self._model.save(os.fspath(path), network=network)

    def tensors(self) -> dict[tuple[int, int, str], Floats]:
        """Copies of all parameters, float32, by (index of the layer, direction, name); direction 1 is the reverse of a bidirectional layer.

        As torch.nn.LSTM has them, gates i, f, g, o: "weight_ih" [4H][in], "weight_hh" [4H][H], or [4H][P] with a projection, and "bias"
        [4H], the sum of both biases; "peepholes" [3][H] of i, f, o; "projection" [P][H] and "projection_bias" [P]; "norm_gain" and
        "norm_shift" [5][H] of i, f, g, o, c; "initial_h" and "initial_c". "embedding" is [V][I]; of dense layers "weight" is [units][in]
        and "bias" [units]; of affine ones "scale" and "shift" are [in].
        """
        layers = self._network.described["layers"]
        return {(layer, direction, TENSORS[kind]): tensor_of(layers[layer], TENSORS[kind], content)
                for layer, direction, kind, content in self._model.tensors()}

    def __repr__(self) -> str:
        network = self._network
        reads = f"{network.described['vocabulary']} tokens" if network.reads_tokens else f"{network.inputs} inputs"
        return f"<sluice.Model: {reads} -> {' -> '.join(network.names)}>"

    def __copy__(self) -> Model:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.safetensors")
            self._model.save(path)
            with open(path, "rb") as file:
                return _restore, (file.read(), self._options)


def _restore(content: bytes, options: Options) -> Model:
    return Model(_core.Model.load(content), options)


def engine_options(precision: str | None = None, threads: int | None = None, isa: str | None = None, gemm: str | None = None,
                   schedule: str | None = None, flush_to_zero: bool = False) -> Options:
    """Options as a Model keeps them."""
    return {"precision": precision, "threads": threads, "isa": isa, "gemm": gemm, "schedule": schedule,
            "flush_to_zero": bool(flush_to_zero)}


def load(source: Path | bytes | bytearray | memoryview, *, precision: str | None = None, threads: int | None = None, isa: str | None = None,
         gemm: str | None = None, schedule: str | None = None, flush_to_zero: bool = False, **names: Any) -> Model:
    """Load a model of Keras, PyTorch, ONNX or safetensors, by the file's content and not by its name.

    :param source: a path, or the content of a file as bytes.
    :param precision: "f32", "bf16" or "int8"; None, here and below: what the environment says, else the library's default.
    :param threads: the most that a call uses.
    :param isa: "scalar", "avx2" or "avx512".
    :param gemm: "fused" or "blis".
    :param schedule: "rows", "hoist" or "units".
    :param flush_to_zero: count subnormal numbers as zero.
    :param names: what is meant in a file that leaves it open: prefix, head, embedding, network, lstm, head_activation, head_input,
        activation, recurrent_activation, to, onnx_clip, as docs/files.md has them.
    :raises sluice.NoInputError: no such file; :raises sluice.DataError: a file of another kind, or damaged;
        :raises sluice.UnsupportedError: a layer that is none of this library's.
    """
    options = engine_options(precision, threads, isa, gemm, schedule, flush_to_zero)
    model = _core.Model.load(source if isinstance(source, (bytes, bytearray, memoryview)) else os.fsdecode(source), **names)
    for note in model.describe()["notes"].splitlines():
        if not note.startswith(QUIET_NOTES):
            warnings.warn(note, stacklevel=2)
    return Model(model, options)


def _check_class_names(names: Sequence[str] | None) -> None:
    """Refuse names that a file cannot have, and so neither save nor pickle."""
    for name in () if names is None else names:
        if not isinstance(name, str) or not name or any(character == "," or unicodedata.category(character) == "Cc" for character in name):
            raise ArgumentError(f"class_names: {name!r}; expected text without commas, which separate names in files, and control characters")


def _safetensors_of(arrays: Mapping[str, Any], class_names: Sequence[str] | None) -> bytes:
    """The content of a safetensors file of float32 arrays."""
    header: dict[str, Any] = {}
    parts, begin = [], 0
    if class_names is not None:
        header["__metadata__"] = {"classes": ",".join(class_names)}
    for name, given in arrays.items():
        array = as_array(given, name)
        part = as_floats(array, name, array.ndim).tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, begin + len(part)]}
        parts.append(part)
        begin += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def from_arrays(arrays: Mapping[str, Any], *, class_names: Sequence[str] | None = None, **options: Any) -> Model:
    """Make a model of arrays by their names, as of the state_dict of a torch module: "lstm.weight_ih_l0", "fc.weight".

    :param arrays: name: array, of any real type. Arrays of other layers are ignored, as in a file.
    :param class_names: names of the head's outputs.
    :param options: as of :func:`load`.
    """
    _check_class_names(class_names)
    model = load(_safetensors_of(arrays, class_names), **options)
    if class_names is not None and len(class_names) != model._network.classes:
        raise ArgumentError(f"class_names: {len(class_names)} names; the arrays' head has {model._network.classes} outputs")
    return model


def random_model(*, inputs: int, hidden: int, layers: int = 1, directions: int = 1, vocabulary: int = 0, classes: int = 0,
                 bias: bool = True, class_names: Sequence[str] | None = None, initializer: str = "torch", seed: int = 0,
                 precision: str | None = None, threads: int | None = None, isa: str | None = None, gemm: str | None = None,
                 schedule: str | None = None, flush_to_zero: bool = False) -> Model:
    """Make a model with initial weights, the same for a seed on every machine.

    :param inputs: I, or with a vocabulary the width of the embedding's rows. :param hidden: H. :param layers: L.
    :param directions: 1, or 2: forward beside reverse. :param vocabulary: V tokens; 0: no embedding. :param classes: C outputs of a
        linear head; 0: none. :param initializer: "torch", "keras" or "uniform".
    :param precision: and what follows, as of :func:`load`.
    """
    if initializer not in INITIALIZERS:
        raise ArgumentError(f"initializer: {initializer!r} is none of {', '.join(INITIALIZERS)}")
    sizes = {"inputs": inputs, "hidden": hidden, "layers": layers, "directions": directions, "vocabulary": vocabulary, "classes": classes}
    sizes = {name: as_integer(size, name, 2**63) for name, size in sizes.items()}
    seed = as_integer(seed, "seed", 2**64)
    _check_class_names(class_names)
    model = _core.Model.initial(INITIALIZERS.index(initializer), seed, class_names, has_bias=bool(bias), **sizes)
    return Model(model, engine_options(precision, threads, isa, gemm, schedule, flush_to_zero))
