"""The C interface as Python objects (include/sluice*.h have the contracts). Private: what users call is in the package's modules.

An ``Array`` is an address, an int, for which nothing is checked, or an object with the buffer protocol of the type that is said, in the
machine's byte order, aligned; arrays without strides of their own in the call have to be contiguous. That an array is as large as the
call has it is the caller's duty, whatever is given. Strides and offsets count elements. All calls that compute or read files release the
GIL, and any number of threads may use an Engine at once, but while it is changed: then, and where two threads use one Tape,
``sluice.ArgumentError`` is raised.

Enums are ints, as in the headers; their names are in the tuples below, by value.
"""

import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from numpy.typing import NDArray

Buffer = bytes | bytearray | memoryview | array.array[Any] | NDArray[Any]  # collections.abc.Buffer, from Python 3.12 on
Array = int | Buffer | None
Addresses = Sequence[int | None] | None
Exchange = tuple[int, int, Callable[[int, memoryview, int, memoryview], Any], bool] | None  # rank, ranks, send_receive, from_thread

VERSION: str
ISAS: tuple[str, ...]
GEMMS: tuple[str, ...]
SCHEDULES: tuple[str, ...]
PRECISIONS: tuple[str, ...]
FUNCTIONS: tuple[str, ...]

class Names(TypedDict, total=False):
    """sluice_names: what is meant in a file."""

    prefix: str | None
    head: str | None
    embedding: str | None
    network: str | None
    lstm: str | None
    head_activation: str | None
    head_input: str | None
    activation: str | None
    recurrent_activation: str | None
    to: str | None
    onnx_clip: str | None

class Shape(TypedDict, total=False):
    """sluice_shape."""

    layers: int
    directions: int
    inputs: int
    hidden: int
    has_bias: int
    vocabulary: int
    classes: int

class Weights(Shape, total=False):
    """sluice_weights with its shape; the lists have L*D addresses, index l*D + d."""

    weight_ih: Addresses  # [4H][in]
    weight_hh: Addresses  # [4H][H]
    bias_ih: Addresses  # [4H]
    bias_hh: Addresses  # [4H]
    embedding: Array  # float32 [V][I]
    head_weight: Array  # float32 [C][D*H]
    head_bias: Array  # float32 [C]
    unchecked: int  # of set_weights: 1: not whether weights are NaN or infinite

class EngineOptions(TypedDict, total=False):
    """sluice_engine_options."""

    isa: int
    gemm: int
    schedule: int
    threads: int
    flush_to_zero: int
    training: int
    precision: int

class Training(TypedDict, total=False):
    """sluice_trainer_options, and of its engine isa, gemm and threads."""

    isa: int
    gemm: int
    threads: int
    optimizer: int
    rate: float
    momentum: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    clip: float
    schedule: int  # of the rate
    total_steps: int
    warmup_steps: int
    loss: int
    every_step: int
    ignore: int
    label_smoothing: float
    dropout: float
    seed: int
    recompute: int
    class_weights: Array  # float32 [C]
    shards: int
    delta: float  # of Huber's loss
    quantiles: Array  # float32 [quantile_count]
    quantile_count: int

class Batch(TypedDict, total=False):
    """sluice_batch."""

    steps: int
    rows: int
    x: Array  # float32, by strides
    x_row_stride: int
    x_step_stride: int
    y: Array  # float32, written, by strides
    y_row_stride: int
    y_step_stride: int
    lengths: Array  # int64 [N]
    tokens: Array  # int32, by x's strides
    byte_tokens: Array  # uint8, instead of tokens
    x_offsets: Array  # uint64 [N]
    x_step_offsets: Array  # uint64 [T]
    y_offsets: Array  # uint64 [N]
    y_step_offsets: Array  # uint64 [T]
    h0: Array  # float32 [L*D][N][H]
    c0: Array
    hn: Array  # written
    cn: Array  # written
    logits: Array  # written, [N][C]
    step_logits: Array  # written, [N][T][C]
    streams: Streams | None
    slots: Array  # uint64 [N]
    tape: Tape | None
    dropout: float
    dropout_key: int
    max_threads: int
    sample_weights: Array  # float32 [N] or [N][T], of a trainer
    mask: Array  # uint8 or bool, by strides
    mask_row_stride: int
    mask_step_stride: int
    outputs: Sequence[tuple[int, int, int, int]]  # layer, address, row stride, step stride

class Gradient(TypedDict, total=False):
    """sluice_gradient."""

    dy: Array
    dy_row_stride: int
    dy_step_stride: int
    dhn: Array
    dcn: Array
    dlogits: Array
    dstep_logits: Array
    dx: Array  # written, as all that follow
    dx_row_stride: int
    dx_step_stride: int
    dx_offsets: Array
    dy_offsets: Array
    dy_step_offsets: Array
    dx_step_offsets: Array
    dh0: Array
    dc0: Array
    weight_ih: Addresses
    weight_hh: Addresses
    bias: Addresses
    embedding: Array
    head_weight: Array
    head_bias: Array
    accumulate: int
    parameters: Sequence[tuple[int, int, int, int, int]]  # layer, direction, sluice_tensor, count, address

class Network(TypedDict, total=False):
    """sluice_network but its layers."""

    inputs: int
    masking: int
    mask_value: float

class Model:
    """Canonical weights and their network; immutable."""

    @classmethod
    def load(cls, source: str | Buffer, /, **names: Unpack[Names]) -> Model:
        """Load a file, by its path, or the content of one, by its bytes."""
    @classmethod
    def of_weights(cls, **weights: Unpack[Weights]) -> Model:
        """Copy weights that lie in memory as torch.nn.LSTM has them."""
    @classmethod
    def of_network(
        cls, layers: Sequence[Mapping[str, Any]], parameters: Sequence[tuple[int, int, int, int, int]], /, **network: Unpack[Network]
    ) -> Model:
        """A chain of layers: each a dict of fields of sluice_layer, its activation a tuple (function, alpha, beta), its cells dicts of
        fields of sluice_cell, one for each direction; parameters are (layer, direction, sluice_tensor, count, address), copied."""
    @classmethod
    def initial(cls, initializer: int, seed: int, class_names: Sequence[str] | None, /, **shape: Unpack[Shape]) -> Model:
        """Weights drawn by seed."""
    def save(self, path: str | bytes, /, **names: Unpack[Names]) -> None: ...
    def set_series(self, text: str, /) -> None:
        """What the model says of long series, before anything else uses it."""
    def describe(self) -> dict[str, Any]:
        """The network's fields, with "layers", "is_shape", "vocabulary", "classes", "class_names", "series" and "notes"."""
    def tensors(self) -> list[tuple[int, int, int, bytes]]:
        """Copies of all parameters: layer, direction, sluice_tensor, float32 values."""

class Engine:
    """A model made ready for this CPU."""

    def __new__(cls, model: Model, /, **options: Unpack[EngineOptions]) -> Engine: ...
    def forward(self, **batch: Unpack[Batch]) -> None: ...
    def set_model(self, model: Model, /) -> None:
        """Take another model of the same shape."""
    def set_weights(self, **weights: Unpack[Weights]) -> None:
        """Take other weights of the same shape from the caller's arrays."""
    def info(self) -> dict[str, int]: ...
    def plan(self, rows: int, steps: int, lengths: Array = None, /) -> dict[str, Any]: ...

class Tape:
    """What a forward call of a training engine leaves for its gradient; keeps the engine alive."""

    def __new__(cls, engine: Engine, keep: bool = False, /) -> Tape: ...
    def backward(self, **gradient: Unpack[Gradient]) -> None: ...

class Streams:
    """States of sequences that arrive in pieces."""

    def __new__(cls, engine: Engine, slots_or_path: int | str | bytes, /) -> Streams: ...
    def get(self, slot: int, h: Array, c: Array, /) -> None: ...
    def set(self, slot: int, h: Array, c: Array, /) -> None: ...
    def save(self, path: str | bytes, /) -> None: ...
    @property
    def slots(self) -> int: ...

class Trainer:
    """A model being trained, and its optimiser. One call at a time: sluice.ArgumentError where two threads use it."""

    def __new__(cls, model: Model, exchange: Exchange = None, /, **options: Unpack[Training]) -> Trainer: ...
    def step(self, labels: Array, values: Array, /, **batch: Unpack[Batch]) -> dict[str, Any]:
        """One update by a batch with labels, int32 [N] or [N][T], or values, float32; the fields of sluice_report."""
    def evaluate(self, labels: Array, values: Array, /, **batch: Unpack[Batch]) -> dict[str, Any]:
        """The loss of a batch as it stands."""
    def save_model(self, path: str | bytes, /) -> None:
        """Write the model as trained so far."""

def count_fork() -> None:
    """To be called in the child of a fork: the calls of its parent's other threads do not go on there."""

def exchange_gather(exchange: Exchange, block: Buffer, /) -> bytes:
    """The blocks of all ranks, one after the other."""

def exchange_sum(exchange: Exchange, shards: int, vectors: Addresses, count: int, sum: Array, /) -> None:
    """Add float32 vectors [count], one for each of this rank's shards, which are used up, over all ranks."""

def shards_cut(rows: int, steps: int, lengths: Array, shards: int, /) -> list[int]:
    """The first row of each shard, and rows; lengths int64 [N]."""

def shards_of_rank(shards: int, rank: int, ranks: int, /) -> tuple[int, int]:
    """The first of a rank's shards, and behind the last."""

def environment(**options: Unpack[EngineOptions]) -> dict[str, Any]: ...
