"""One call's arrays: what a user gives, checked and laid out for the C interface, and the results."""

import numpy as np

from sluice._arrays import F32, I64, U8, U64, as_array, as_floats, as_integer, as_integers, as_mask, as_tokens, strides_of
from sluice._errors import ArgumentError, DataError

LAYOUTS = {"ntc": (0, 1), "tnc": (1, 0)}  # the axes of rows and steps
STATES = {"hn": 1, "cn": 2}  # their place in Network.states


class Call:
    """The fields of one sluice_batch, and the results by the names that the user asks for."""

    def __init__(self, network, layout):
        if layout not in LAYOUTS:
            raise ArgumentError(f"layout: {layout!r} is none of ntc, tnc")
        self.network = network
        self.axes = LAYOUTS[layout]
        self.fields = {}
        self.results = {}
        self.layers = {}  # arrays of layers by index, which names may share
        self.lengths = None
        self.offsets = None
        self.rows = self.steps = self.given = 0  # given: steps that x has for each row, of which `steps` are run

    def set_input(self, x, offsets, lengths, steps):
        """x [N][T][I] or tokens [N][T], or with offsets the rows one after the other, [sum][I] or [sum]; of each at most `steps`."""
        network = self.network
        dims = (1 if offsets is not None else 2) + (not network.reads_tokens)
        if network.reads_tokens:
            x = as_tokens(x, "x", dims)
            self.fields["byte_tokens" if x.dtype == U8 else "tokens"] = x
        else:
            self.fields["x"] = x = as_floats(x, "x", dims, strided=True)
            if x.shape[-1] != network.inputs:
                raise ArgumentError(f"x: its last axis has {x.shape[-1]} elements; the model has {network.inputs} inputs")
        width = 1 if network.reads_tokens else network.inputs
        if offsets is not None:
            self.set_offsets(x, offsets, lengths, width)
        else:
            self.set_strides(x, lengths, width)
        self.given = self.steps
        if steps is not None:
            self.limit_steps(steps)
        self.fields |= {"rows": self.rows, "steps": self.steps}

    def limit_steps(self, steps):
        """Run the first `steps` of each row that has more."""
        self.steps = as_integer(steps, "steps", self.given + 1)
        if self.lengths is not None:
            over = (self.lengths > self.steps) & (self.lengths <= self.given)  # one that x has no steps for is the library's to refuse
            self.fields["lengths"] = self.lengths = np.where(over, self.steps, self.lengths)

    def set_strides(self, x, lengths, width):
        """Rows and steps by two axes of x."""
        self.rows, self.steps = (x.shape[axis] for axis in self.axes)
        self.set_pair("x", x, width)
        if lengths is not None:
            self.lengths = self.check_rows(as_integers(lengths, "lengths", I64, 1), "lengths")
            self.fields["lengths"] = self.lengths

    def set_pair(self, name, array, width):
        """The strides of an array's rows and steps."""
        strides = strides_of(array, width)
        self.fields |= {f"{name}_row_stride": strides[self.axes[0]], f"{name}_step_stride": strides[self.axes[1]]}

    def set_offsets(self, x, offsets, lengths, width):
        """Row n is x[offsets[n]:offsets[n + 1]]."""
        if lengths is not None:
            raise ArgumentError("lengths: offsets say how long the rows are")
        if self.axes != (0, 1):
            raise ArgumentError("layout: rows that are given by offsets lie one after the other")
        self.offsets = as_integers(offsets, "offsets", I64, 1)
        if len(self.offsets) == 0 or self.offsets[0] < 0 or self.offsets[-1] > len(x) or (np.diff(self.offsets) < 0).any():
            raise DataError(f"offsets: N + 1 numbers from 0 to {len(x)} are expected, the elements of x's first axis, none less than the "
                            "one before it")
        self.lengths = np.diff(self.offsets)
        self.rows, self.steps = len(self.lengths), int(self.lengths.max(initial=0))
        between = x.strides[0] // x.itemsize if len(x) > 1 else width
        self.fields |= {"x_offsets": self.offsets[:-1].astype(U64) * U64.type(between), "x_step_stride": between, "lengths": self.lengths}

    def check_rows(self, array, name):
        """An array that has an element for each row."""
        if len(array) != self.rows:
            raise ArgumentError(f"{name}: {len(array)} elements for {self.rows} rows")
        return array

    def set_mask(self, mask):
        """mask [N][T], in x's layout; 0: the step is masked."""
        mask = as_mask(mask, "mask")
        shape = tuple(mask.shape[axis] for axis in self.axes)
        if self.offsets is not None or shape != (self.rows, self.given):
            raise ArgumentError(f"mask: an element for each step of x is expected, {self.rows} rows of {self.given} steps; its shape is "
                                f"{mask.shape}" + (", and rows that are given by offsets have none" if self.offsets is not None else ""))
        self.fields["mask"] = mask.view(np.uint8)
        self.set_pair("mask", mask, 1)

    def set_states(self, states):
        """(h0, c0), each [L*D][N][H], or where the layers' sizes differ a sequence of [D][N][H] for each LSTM layer."""
        if len(states) != 2:
            raise ArgumentError("states: a pair (h0, c0) is expected")
        for name, given, place in zip(("h0", "c0"), states, (1, 2)):
            if given is None:
                continue
            shapes = self.state_shapes(place)
            parts = [given] if isinstance(shapes, tuple) else given
            expected = [shapes] if isinstance(shapes, tuple) else shapes
            arrays = [as_floats(part, name, 3) for part in parts]
            if [array.shape for array in arrays] != expected:
                raise ArgumentError(f"states: {name} has the shapes {[array.shape for array in arrays]}; expected {expected}")
            self.fields[name] = arrays[0] if len(arrays) == 1 else np.concatenate([array.ravel() for array in arrays])

    def state_shapes(self, place):
        """The shape of h or c, of several layers whose sizes differ a list of shapes."""
        sizes = [(layer[0], layer[place]) for layer in self.network.states]
        if len({width for _, width in sizes}) == 1 and len(set(sizes)) == 1:
            return (len(sizes) * sizes[0][0], self.rows, sizes[0][1])
        return [(directions, self.rows, width) for directions, width in sizes]

    def by_steps(self, width):
        """An empty array of outputs at every step, in x's layout, and its two strides."""
        if self.axes == (0, 1):
            return np.empty((self.rows, self.steps, width), F32), self.steps * width, width
        return np.empty((self.steps, self.rows, width), F32), width, self.rows * width

    def set_output(self, wanted):
        """Have the call give what one of the user's names asks for."""
        network = self.network
        if wanted == "y":
            self.set_y(wanted)
        elif isinstance(wanted, str) and wanted in STATES:
            self.set_final_state(wanted)
        elif wanted == "logits":
            self.fields["logits"] = self.results["logits"] = np.empty((self.rows, network.classes), F32)
        elif wanted == "step_logits":
            self.fields["step_logits"] = self.results["step_logits"] = np.empty((self.rows, self.steps, network.classes), F32)
            if network.is_shape and "y" not in self.fields:
                self.set_y(None)  # of which they are made
        else:
            self.set_layer(wanted)

    def set_y(self, key):
        """h of the last LSTM layer."""
        if self.offsets is not None:
            array, row_stride, step_stride = np.empty((int(self.lengths.sum()), self.network.width), F32), 0, self.network.width
            self.fields["y_offsets"] = (np.cumsum(self.lengths) - self.lengths).astype(U64) * U64.type(self.network.width)
        else:
            array, row_stride, step_stride = self.by_steps(self.network.width)
        self.fields |= {"y": array, "y_row_stride": row_stride, "y_step_stride": step_stride}
        if key is not None:
            self.results[key] = array

    def set_final_state(self, name):
        """hn or cn, as one array or as views of it for each layer."""
        shapes = self.state_shapes(STATES[name])
        if isinstance(shapes, tuple):
            self.fields[name] = self.results[name] = np.empty(shapes, F32)
            return
        sizes = [int(np.prod(shape)) for shape in shapes]
        self.fields[name] = np.empty(sum(sizes), F32)
        parts = np.split(self.fields[name], np.cumsum(sizes)[:-1])
        self.results[name] = tuple(part.reshape(shape) for part, shape in zip(parts, shapes))

    def set_layer(self, wanted):
        """Outputs of a layer by index or name."""
        layer = self.network.layer_of(wanted)
        if layer not in self.layers:
            width = self.network.widths[layer]
            if self.network.gives_steps[layer]:
                array, row_stride, step_stride = self.by_steps(width)
            else:
                array, row_stride, step_stride = np.empty((self.rows, width), F32), 0, 0
            self.layers[layer] = array
            self.fields.setdefault("outputs", []).append((layer, array.ctypes.data, row_stride, step_stride))
        self.results[wanted] = self.layers[layer]

    def get_results(self):
        """The results by name: step_logits in x's layout, and steps of rows that came by offsets one after the other."""
        steps_first = self.axes != (0, 1)
        if steps_first and "step_logits" in self.results:
            self.results["step_logits"] = np.ascontiguousarray(self.results["step_logits"].swapaxes(0, 1))
        if self.offsets is not None:
            inside = np.arange(self.steps) < self.lengths[:, np.newaxis]
            for name, array in self.results.items():
                if name not in (*STATES, "y", "logits") and array.ndim == 3:
                    self.results[name] = array[inside]
        return self.results


def run(engine, network, x, lengths=None, offsets=None, states=None, mask=None, outputs=None, layout="ntc", steps=None, more=None):
    """Compute a batch: the network's output, or with `outputs` a dict. `more` are other fields of the call, as those of streams."""
    call = Call(network, layout)
    call.set_input(x, offsets, lengths, steps)
    if mask is not None:
        call.set_mask(mask)
    if states is not None:
        call.set_states(states)
    if more:
        call.fields |= more(call)
    wanted = outputs if outputs is None or np.iterable(outputs) and not isinstance(outputs, str) else (outputs,)
    for name in (network.output,) if wanted is None else wanted:
        call.set_output(name)
    engine.forward(**call.fields)
    results = call.get_results()
    return results[network.output] if wanted is None else results


def slots_of(slots, streams):
    """Fields of a call on streams: each row's slot; None: row n has slot n."""
    def fields(call):
        if slots is None:
            return {"streams": streams}
        numbers = call.check_rows(as_integers(np.atleast_1d(as_array(slots, "slots")), "slots", I64, 1), "slots")
        if (numbers < 0).any():
            row = int(np.argmax(numbers < 0))
            error = DataError(f"row {row}: slot {numbers[row]}; expected one of the {streams.slots} slots, from 0")
            error.row = row
            raise error
        return {"streams": streams, "slots": numbers.view(U64)}
    return fields
