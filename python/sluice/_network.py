"""What a model's network gives, and words for what the C interface numbers."""

from typing import Any

import numpy as np

from sluice import _core
from sluice._arrays import F32
from sluice._errors import ArgumentError

KINDS = ("", "embedding", "lstm", "dense", "affine", "activation", "reduce")
DIRECTIONS = ("forward", "reverse", "both")
MERGES = ("concat", "sum", "product", "mean")
STEPS = ("all", "final", "last", "mean", "max")
MASKINGS = ("none", "token", "value")
# sluice_tensor, and of those that are matrices the rows, by the layer
TENSORS = ("weight_ih", "weight_hh", "bias", "embedding", "head_weight", "head_bias", "peepholes", "projection", "projection_bias", "norm_gain",
           "norm_shift", "initial_h", "initial_c", "weight", "scale", "shift")
MATRICES = {"weight_ih": lambda layer: 4 * layer["units"], "weight_hh": lambda layer: 4 * layer["units"],
            "embedding": lambda layer: layer["vocabulary"], "peepholes": lambda layer: 3, "projection": lambda layer: layer["projection"],
            "norm_gain": lambda layer: 5, "norm_shift": lambda layer: 5, "weight": lambda layer: layer["units"]}
OPTION_WORDS = {"isa": _core.ISAS, "gemm": _core.GEMMS, "schedule": _core.SCHEDULES, "precision": _core.PRECISIONS}
LAYER_WORDS = {"kind": KINDS, "direction": DIRECTIONS, "merge": MERGES, "steps": STEPS}


class Info(dict[str, Any]):
    """A dict whose items are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name!r} here; there are {', '.join(self)}") from None

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.items())


def with_words(fields, words):
    """An Info of fields whose numbers that have words are replaced by them."""
    return Info({name: words[name][value] if name in words else value for name, value in fields.items()})


def number_of(option, word):
    """The number of an option's word; None is "auto"."""
    words = OPTION_WORDS[option]
    if word is None:
        return 0
    if word not in words:
        raise ArgumentError(f"{option}: {word!r} is none of {', '.join(words)}")
    return words.index(word)


class Network:
    """The layers of a model as calls need them: widths, sizes of states, what is its output."""

    def __init__(self, described):
        self.described = described
        self.inputs = described["inputs"]
        self.reads_tokens = described["vocabulary"] > 0
        self.classes = described["classes"]
        self.is_shape = described["is_shape"]
        layers = described["layers"]
        lstms = [layer for layer in layers if KINDS[layer["kind"]] == "lstm"]
        self.width = lstms[-1]["width"]
        self.names = [layer["name"] for layer in layers]
        self.widths = [layer["width"] for layer in layers]
        self.gives_steps = []
        for layer in layers:
            reduces = KINDS[layer["kind"]] == "reduce" or layer["steps"] != 0
            self.gives_steps.append(not reduces and (not self.gives_steps or self.gives_steps[-1]))
        # Of each LSTM layer: directions, elements of h and of c
        self.states = [(2 if layer["direction"] == 2 else 1, layer["projection"] or layer["units"], layer["units"]) for layer in lstms]
        self.output = "y"
        if self.classes:
            self.output = "logits" if self.is_shape or not self.gives_steps[-1] else "step_logits"

    def layer_of(self, wanted):
        """The index of a layer by index or name."""
        try:
            return self.names.index(wanted) if isinstance(wanted, str) else range(len(self.names))[wanted]
        except (IndexError, TypeError, ValueError):
            pass
        raise ArgumentError(f"outputs: {wanted!r} is none of y, hn, cn, logits, step_logits, {', '.join(self.names)}")


def tensor_of(layer, name, content):
    """A writable array of a tensor's content, of its shape in a layer."""
    values = np.frombuffer(content, F32).copy()
    return values.reshape(MATRICES[name](layer), -1) if name in MATRICES else values


def environment(**options: Any) -> Info:
    """The machine, and what a model with these options of :func:`sluice.load` would use, and why."""
    numbers = {name: number_of(name, value) if name in OPTION_WORDS else value for name, value in options.items() if value is not None}
    return with_words(_core.environment(**numbers), OPTION_WORDS | {"best_isa": _core.ISAS})
