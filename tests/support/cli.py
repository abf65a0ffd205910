"""What the tests of the program sluice need: running it, small models, .npy files, and the equations in double precision.

No NumPy: the tests ask for nothing that the build does not. Arrays are (shape, flat list) with the last index fastest.
"""
import array
import ast
import inspect
import io
import json
import math
import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

from support.checks import BUILD, SOURCE, Checks, build_options

STARTED = []
PROGRAM = BUILD / "src" / "cli" / "sluice"
BENCH = BUILD / "perf" / "sluice-bench"
LANGID = SOURCE / "perf" / "langid" / "langid.safetensors"
QUIET = ["--progress", "never"]
CODES = {"<f4": "f", "<f8": "d", "|u1": "B", "<i4": "i", "<i8": "q"}
OK, FAILURE, USAGE, DATA, NO_INPUT, IO, INTERRUPTED = 0, 1, 2, 65, 66, 74, 130
SETTINGS = ("SLUICE_NUM_THREADS", "SLUICE_ISA", "SLUICE_GEMM", "SLUICE_PRECISION", "BLIS_ARCH_TYPE", "NO_COLOR")
# For mpirun: more ranks than CPUs, as root, as in a container, and no report of what MPI leaves in memory at its end.
RANK_SETTINGS = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
                 "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_hwloc_base_binding_policy": "none", "ASAN_OPTIONS": "detect_leaks=0"}
TABLE = {"SLUICE_MACHINE": "table"}  # no program measures the machine, or uses a cache of the user's

# A signal that is ignored here, as under nohup or in the background, would stay so in the program, and tests send them.
for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)


def environment(**settings):
    """This process's environment without what would steer the program, and with `settings`."""
    return {**{name: value for name, value in os.environ.items() if name not in SETTINGS}, **TABLE, **settings}


def sluice(*words, stdin=b"", settings=None, **options):
    """The finished process of sluice with these arguments; its output and standard error are bytes."""
    given = {"stdin" if hasattr(stdin, "fileno") else "input": stdin}
    return finish(PROGRAM, *words, **{**given, **options, "env": environment(**(settings or {}))})


def bench(*words, settings=None, **options):
    """The finished process of sluice-bench with these arguments; its output and standard error are text, unless asked otherwise."""
    return finish(BENCH, *words, **{"stdin": subprocess.DEVNULL, "text": True, "env": environment(**(settings or {})), **options})


def finish(*words, **options):
    """The finished process of a command line, its output and standard error apart."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 300, "env": environment(), **options}
    return subprocess.run(list(map(str, words)), check=False, **options)


def start(*words, **options):
    """sluice running, with pipes."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **options}
    process = subprocess.Popen([str(PROGRAM), *map(str, words)], **options)
    STARTED.append(process)
    return process


def best_isa():
    """The instruction sets that this machine runs, slowest first."""
    best = json.loads(sluice("info", "--env", "--json").stdout)["best_isa"]
    every = ["scalar", "avx2", "avx512"]
    return every[:every.index(best) + 1]


def keeps_memory_small():
    """Whether peak memory means anything: a sanitizer keeps what was freed."""
    return build_options()["b_sanitize"] == "none"


def peak_memory(*words, path):
    """Peak resident KiB of a run."""
    with open(path, "rb") as source:
        run = start(*words, stdin=source, stdout=subprocess.DEVNULL, stderr=None)
        status, usage = os.wait4(run.pid, 0)[1:]
    run.returncode = os.waitstatus_to_exitcode(status)
    run.stdout = None
    return usage.ru_maxrss if run.returncode == OK else -1


def limit(kind, most):
    """For preexec_fn: a limit of a process, of those of the module resource."""
    return lambda: resource.setrlimit(kind, (most, most))


def flat(pairs):
    """Options and their values as words, of a dictionary or of pairs."""
    return [word for pair in (pairs.items() if isinstance(pairs, dict) else pairs) for word in pair]


def send(process, text, steps=lambda at: 1 << 16):
    """Write to a process in pieces, of which the one at `at` has steps(at) bytes."""
    at = 0
    while at < len(text):
        end = at + steps(at)
        process.stdin.write(text[at:end])
        process.stdin.flush()
        at = end


def is_writing(process, directory):
    """Whether a process has a new file open in a directory, one without a name or with a temporary one, beside which its output
    is to appear."""
    names = []
    for link in pathlib.Path(f"/proc/{process.pid}/fd").glob("*"):
        try:
            names.append(os.readlink(link))
        except OSError:
            continue
    start = os.path.join(os.path.realpath(directory), "")
    return any(name.startswith((start + "#", start + ".sluice-")) for name in names)


def wait_until(holds, seconds=60):
    """Wait until holds() does; return whether it did in that time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def wait_for_line(process, word):
    """Wait for a line of standard error with `word` in it."""
    next((line for line in process.stderr if word in line), None)


# Letters of the words of three classes that overlap.
LETTERS = {"uno": "abcdef", "due": "defghi", "tre": "ghijab"}


def spell_lines(source, labels, lengths, letters=None):
    """Labelled lines of random words, as long as `lengths` has it, of their labels' letters."""
    letters = letters or LETTERS
    return "".join(f"{label}\t{''.join(source.choices(letters[label], k=source.choice(lengths)))}\n" for label in labels)


class Cli(Checks):
    """Checks on finished processes, and a directory for their files."""

    def __init__(self, directory):
        super().__init__()
        self.directory = pathlib.Path(directory)

    def path(self, name):
        """A file of the test's own."""
        return self.directory / name

    def write(self, name, content):
        """Write a file of the test's own, of bytes or text; return its path."""
        self.path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        return self.path(name)

    def npy(self, name, *content):
        """Write an array of the test's own, as write_npy; return its path."""
        return write_npy(self.path(name), *content)

    def refused(self, code, words, *arguments, noted="", **options):
        """Count one check: the command ends with `code` and says all of `words` in one line of standard error, and nothing else;
        but for a note with `noted` in it before that, if that is given."""
        result = sluice(*arguments, **options)
        message = result.stderr.decode(errors="replace")
        *notes, last = message.splitlines() or [""]
        holds = (result.returncode == code and not result.stdout and last.startswith("sluice: ") and message.endswith("\n")
                 and all(word in last for word in words) and len(notes) == bool(noted)
                 and all(note.startswith("sluice: note: ") and noted in note for note in notes))
        return self.check(holds, f"sluice {' '.join(map(str, arguments))}: expected exit {code} and {words}, "
                                 f"found exit {result.returncode} and {message!r}")

    def answers(self, *arguments, notes=(), **options):
        """Output of a command that must do well and say nothing but `notes`: for each the words in it, or how many there are."""
        result = sluice(*arguments, **options)
        found = result.stderr.decode(errors="replace").splitlines()
        expected = [()] * notes if isinstance(notes, int) else notes
        self.check(result.returncode == OK and len(found) == len(expected) and
                   all(line.startswith("sluice: note: ") and all(word in line for word in words) for line, words in zip(found, expected)),
                   f"sluice {' '.join(map(str, arguments))}: expected exit 0 and notes {notes}, "
                   f"found exit {result.returncode} and {result.stderr!r}")
        return result.stdout

    def same_memory(self, sizes, words):
        """Count one check: of two peaks in KiB the second is hardly larger."""
        return self.check(0 < sizes[0] and 0 < sizes[1] <= sizes[0] + 4096, f"{words} take the same memory: {sizes} KiB")

    def leftovers(self):
        """Temporary files in the test's directory."""
        return [name for name in os.listdir(self.directory) if "tmp" in name]


def run_parts():
    """Call every check_...(cli) of the script, in their order, with one Cli, and end it. A part that breaks off is a failed check."""
    script = vars(sys.modules["__main__"]).items()
    parts = [part for name, part in script if name.startswith("check_") and list(inspect.signature(part).parameters) == ["cli"]]
    with tempfile.TemporaryDirectory(prefix="sluice-cli-") as directory:
        cli = Cli(directory)
        for part in parts:
            try:
                part(cli)
            except (OSError, ValueError, LookupError, subprocess.SubprocessError) as problem:
                cli.check(False, f"{part.__name__} broke off: {problem!r}")
            for process in STARTED:
                if process.returncode is None and process.poll() is None:
                    process.kill()
            STARTED.clear()
    cli.finish()


def npy_bytes(shape, values, dtype="<f4"):
    """An array as a .npy file's bytes."""
    header = repr({"descr": dtype, "fortran_order": False, "shape": tuple(shape)})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.array(CODES[dtype], values).tobytes()


def write_npy(path, shape, values, dtype="<f4"):
    """Write an array; return its path."""
    pathlib.Path(path).write_bytes(npy_bytes(shape, values, dtype))
    return path


def parse_npy(data):
    """(shape, values) of a .npy file's bytes."""
    length = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + length].decode())
    values = array.array(CODES[header["descr"]])
    values.frombytes(data[10 + length:])
    if math.prod(header["shape"]) != len(values):
        raise ValueError(f"shape {header['shape']} with {len(values)} values")
    return header["shape"], list(values)


def read_npy(path):
    """(shape, values) of a .npy file."""
    return parse_npy(pathlib.Path(path).read_bytes())


def split_safetensors(data):
    """(header as text, the tensors' bytes) of a safetensors file's bytes."""
    end = 8 + struct.unpack("<Q", data[:8])[0]
    return data[8:end].decode(), data[end:]


def join_safetensors(header, body):
    """A safetensors file's bytes, of a header as an object, or as text."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + body


def read_safetensors(path):
    """(metadata, {name: (shape, bytes)}) of a safetensors file."""
    text, body = split_safetensors(pathlib.Path(path).read_bytes())
    header = json.loads(text)
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (entry["shape"], body[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def lay_out(tensors, data=b""):
    """(header without metadata, bytes) of tensors, (name, type, shape, bytes) each, one behind the other."""
    header = {}
    for name, dtype, shape, values in tensors:
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    return header, data


def zipped(content, name="words", compression=zipfile.ZIP_STORED):
    """The bytes of a zip archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def transpose(shape, values):
    """[A][B]... as [B][A]...."""
    first, second, width = shape[0], shape[1], math.prod(shape[2:])
    moved = [value for b in range(second) for a in range(first)
             for value in values[(a * second + b) * width:(a * second + b + 1) * width]]
    return (second, first, *shape[2:]), moved


class Network:
    """A small network with random float32 weights, written as a safetensors file and computed by the equations."""

    def __init__(self, seed, inputs, hidden, layers=1, directions=1, vocabulary=0, classes=0, names=()):
        self.inputs, self.hidden, self.layers, self.directions = inputs, hidden, layers, directions
        self.vocabulary, self.classes, self.names = vocabulary, classes, names
        self.tensors = {}
        self.random = random.Random(seed)
        for layer in range(layers):
            width = directions * hidden if layer else inputs
            for direction in range(directions):
                end = f"l{layer}" + ("_reverse" if direction else "")
                self.add(f"lstm.weight_ih_{end}", 4 * hidden, width)
                self.add(f"lstm.weight_hh_{end}", 4 * hidden, hidden)
                self.add(f"lstm.bias_ih_{end}", 4 * hidden)
                self.add(f"lstm.bias_hh_{end}", 4 * hidden)
        if vocabulary:
            self.add("embedding.weight", vocabulary, inputs)
        if classes:
            self.add("fc.weight", classes, directions * hidden)
            self.add("fc.bias", classes)

    def add(self, name, *shape):
        """A tensor uniform in +-0.6."""
        self.tensors[name] = (shape, array.array("f", (self.random.uniform(-0.6, 0.6) for _ in range(math.prod(shape)))))

    def write(self, path):
        """Write the file; return its path."""
        header, data = lay_out((name, "F32", shape, values.tobytes()) for name, (shape, values) in self.tensors.items())
        text = json.dumps({"__metadata__": {"classes": ",".join(self.names)}, **header} if self.names else header)
        pathlib.Path(path).write_bytes(join_safetensors(text + " " * (-len(text) % 8), data))
        return path

    def row(self, name, index):
        """A row of a matrix."""
        shape, values = self.tensors[name]
        return values[index * shape[1]:(index + 1) * shape[1]]

    def run_direction(self, layer, direction, sequence, h, c):
        """(outputs in the sequence's order, h, c)."""
        end = f"l{layer}" + ("_reverse" if direction else "")
        hidden = self.hidden
        weights = [list(self.row(f"lstm.weight_ih_{end}", k)) + list(self.row(f"lstm.weight_hh_{end}", k))
                   for k in range(4 * hidden)]
        bias = [a + b for a, b in zip(self.tensors[f"lstm.bias_ih_{end}"][1], self.tensors[f"lstm.bias_hh_{end}"][1])]
        outputs = []
        for x in reversed(sequence) if direction else sequence:
            sums = [bias[k] + sum(a * b for a, b in zip(weights[k], x + h)) for k in range(4 * hidden)]
            gates = [math.tanh(s) if 2 * hidden <= k < 3 * hidden else 1 / (1 + math.exp(-s)) for k, s in enumerate(sums)]
            c = [gates[hidden + k] * c[k] + gates[k] * gates[2 * hidden + k] for k in range(hidden)]
            h = [gates[3 * hidden + k] * math.tanh(c[k]) for k in range(hidden)]
            outputs.append(h)
        return (outputs[::-1] if direction else outputs), h, c

    def run(self, sequence, states=None):
        """(outputs, hn, cn, logits) of one sequence of vectors, or of tokens; states is (h0, c0), lists over l*D + d."""
        if self.vocabulary:
            sequence = [list(self.row("embedding.weight", token)) for token in sequence]
        hn, cn = [], []
        for layer in range(self.layers):
            parts = []
            for direction in range(self.directions):
                index = layer * self.directions + direction
                h, c = (states[0][index], states[1][index]) if states else ([0.0] * self.hidden, [0.0] * self.hidden)
                outputs, h, c = self.run_direction(layer, direction, sequence, h, c)
                parts.append(outputs)
                hn.append(h)
                cn.append(c)
            sequence = [sum(step, []) for step in zip(*parts)]
        final = sum(hn[-self.directions:], [])
        logits = [self.tensors["fc.bias"][1][k] + sum(a * b for a, b in zip(self.row("fc.weight", k), final))
                  for k in range(self.classes)]
        return sequence, hn, cn, logits
