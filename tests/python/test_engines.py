"""The examples of Dask, Ray and Spark, each where it is installed (./dev engines): the digest of one process, also where a worker is killed.

And rows of Arrow columns as examples/arrow_job.py gives them to a model.
"""
import collections
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import sluice
from conftest import LANGID, same_bits
from support.checks import SOURCE

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
EXAMPLES = SOURCE / "examples"
sys.path.insert(0, str(EXAMPLES))
import arrow_job  # noqa: E402

PARTS, WORKERS, THREADS = 12, 2, 2
MODULES = {"dask": "distributed", "ray": "ray.util", "spark": "pyspark"}  # `import ray` alone would find the folder of the example


def digest_of(ids, logits, labels):
    """One number for all rows of a result, in the order of their ids."""
    order = np.argsort(ids)
    digest = hashlib.sha256(np.ascontiguousarray(logits[order]).tobytes())
    digest.update("\n".join(np.asarray(labels)[order]).encode())
    return digest.hexdigest()


def digest_of_folder(folder):
    """The same of what a job wrote."""
    table = pq.read_table(folder)
    lists = table.column("logits").combine_chunks()
    assert set(lists.value_lengths().to_pylist()) == {8}
    return digest_of(table.column("id").to_numpy(), lists.flatten().to_numpy().reshape(-1, 8), table.column("label").to_pylist())


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A folder of Parquet files of ragged rows, and the digest of their rows one by one."""
    folder, rng, first = tmp_path_factory.mktemp("words"), np.random.default_rng(1), 0
    model = sluice.load(LANGID, threads=1)
    logits, names = [], []
    for part in range(PARTS):
        rows = [rng.integers(97, 123, length, np.uint8) for length in rng.integers(0, 41, rng.integers(200, 400))]
        ids = np.arange(first, first + len(rows))
        pq.write_table(pa.table({"id": ids, "text": [row.tobytes().decode() for row in rows]}), folder / f"part-{part:02}.parquet")
        first += len(rows)
        logits += [model(row[np.newaxis]) for row in rows]
    logits = np.concatenate(logits)
    names = [model.info.class_names[k] for k in logits.argmax(1)]
    return folder, digest_of(np.arange(first), logits, names)


class Job:
    """A run of an engine's example, in a process of its own."""

    def __init__(self, engine, folder, output, home, model=LANGID):
        self.engine, self.output = engine, pathlib.Path(output)
        submit = [shutil.which("spark-submit", path=os.path.dirname(sys.executable)), "--master", "local[2,4]", "--conf", "spark.ui.enabled=false",
                  "--conf", "spark.log.level=ERROR"]
        command = [*(submit if engine == "spark" else [sys.executable]), EXAMPLES / engine / f"classify_{engine}.py", model, folder, output,
                   "--workers", WORKERS, "--threads", THREADS]
        self.mark = f"SLUICE_TEST_JOB={output}".encode()
        settings = {"SLUICE_TEST_JOB": str(output), "HOME": str(home), "RAY_DEDUP_LOGS": "0", "SPARK_LOCAL_IP": "127.0.0.1",
                    "SPARK_LOCAL_DIRS": str(home), "PYSPARK_PYTHON": sys.executable}
        self.process = subprocess.Popen([str(word) for word in command], env={**os.environ, **settings}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def busy_workers(self):
        """Processes that are in the middle of a part: by the name of what they write, or of Spark those that have loaded the library."""
        if self.engine != "spark":
            return [int(path.suffixes[-2][1:]) for path in self.output.glob(".*.tmp")]
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (b"pyspark.daemon" in (process / "cmdline").read_bytes() and self.mark in (process / "environ").read_bytes()
                        and "sluice/_core" in (process / "maps").read_text()):
                    found.append(int(process.name))
            except OSError:
                pass  # it has ended
        return found

    def kill_worker(self):
        """Kill the first worker that is in the middle of a part; its number."""
        while self.process.poll() is None:
            for victim in self.busy_workers():
                os.kill(victim, signal.SIGKILL)
                return victim
            time.sleep(0.0005)
        return None

    def finish(self):
        """(status, what it printed); each process has loaded the model once, for so many threads."""
        try:
            printed, _ = self.process.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        loads = re.findall(r"process (\d+): loaded .*, (\d+) threads", printed)
        assert all(count == 1 for count in collections.Counter(loads).values()), printed
        assert {threads for _, threads in loads} <= {str(THREADS)}, printed
        return self.process.returncode, printed


@pytest.fixture(params=MODULES)
def engine(request):
    """The name of an engine that is installed, of those that SLUICE_ENGINES names."""
    if request.param not in os.environ.get("SLUICE_ENGINES", " ".join(MODULES)).split():
        pytest.skip("not asked for")
    pytest.importorskip(MODULES[request.param])
    return request.param


def test_a_killed_worker(engine, words, tmp_path):
    folder, expected = words
    job = Job(engine, folder, tmp_path / "out", tmp_path)
    victim = job.kill_worker()
    status, printed = job.finish()
    assert status == 0 and victim is not None, printed
    assert digest_of_folder(tmp_path / "out") == expected, printed
    print(engine, "worker", victim, "killed:", expected)


def run_job(*words, **options):
    """(status, what it printed) of a whole run."""
    return Job(*words, **options).finish()


def test_a_second_run(engine, words, tmp_path):
    """Does what is missing, and takes no other model's parts for its own."""
    (folder, expected), output = words, tmp_path / "out"
    status, printed = run_job(engine, folder, output, tmp_path)
    assert status == 0 and digest_of_folder(output) == expected, printed
    if engine == "spark":
        status, printed = run_job(engine, folder, output, tmp_path)
        assert status == 0 and "done before" in printed and "loaded" not in printed and digest_of_folder(output) == expected, printed
        (output / "_SUCCESS").unlink()
        status, printed = run_job(engine, folder, output, tmp_path)
        assert status == 0 and "loaded" in printed and digest_of_folder(output) == expected, printed
        return
    for name in ("part-00.parquet", "part-07.parquet"):
        (output / name).unlink()
    status, printed = run_job(engine, folder, output, tmp_path)
    assert status == 0 and f"2 computed, {PARTS - 2} done before" in printed and digest_of_folder(output) == expected, printed
    other = tmp_path / "other.safetensors"
    sluice.random_model(vocabulary=256, inputs=4, hidden=4, classes=8, seed=1).save(other)
    status, printed = run_job(engine, folder, output, tmp_path, model=other)
    assert status != 0 and "is of another model or input" in printed and digest_of_folder(output) == expected, printed


def assert_rows(column, expected):
    """A column gives these rows."""
    values, offsets = arrow_job.rows_of(column)
    assert len(offsets) == len(expected) + 1
    assert all(same_bits(values[begin:end], row) for begin, end, row in zip(offsets, offsets[1:], expected))
    return values


def test_strings():
    words = ["one", "", "two", "th\u00e9", "three"]
    rows = [np.frombuffer(word.encode(), np.uint8) for word in words]
    for kind in (pa.string(), pa.large_string()):
        column = pa.array(words, kind)
        assert_rows(column, rows)
        assert_rows(column.slice(1, 3), rows[1:4])
        assert_rows(pa.chunked_array([column.slice(0, 2), column.slice(2)]), rows)
        assert_rows(pa.array([], kind), [])
        assert_rows(pa.array(["", ""], kind), [rows[1], rows[1]])
    assert_rows(pa.array([word.encode() for word in words], pa.binary()), rows)
    where = pa.array(words).buffers()[2]
    values = assert_rows(column := pa.array(words), rows)
    assert values.ctypes.data == column.buffers()[2].address and where is not None, "not copied"


def test_lists(rng, floats):
    lengths = [3, 0, 5, 1]
    for kind in (pa.list_, pa.large_list):
        tokens = [rng.integers(0, 256, length, np.int32) for length in lengths]
        column = pa.array(tokens, kind(pa.int32()))
        assert_rows(column, tokens)
        assert_rows(column.slice(2), tokens[2:])
        numbers = [floats(length) for length in lengths]
        assert_rows(pa.array(numbers, kind(pa.float32())), [row[:, np.newaxis] for row in numbers])
        vectors = [floats(length, 4) for length in lengths]
        column = pa.array([list(row) for row in vectors], kind(pa.list_(pa.float32(), 4)))
        assert_rows(column, vectors)
        values = assert_rows(column.slice(1, 2), vectors[1:3])
        assert values.ctypes.data == column.values.values.buffers()[1].address, "not copied"


def test_columns_that_are_refused():
    with pytest.raises(ValueError, match="1 rows are null"):
        arrow_job.rows_of(pa.array(["a", None]))
    with pytest.raises(TypeError, match="strings or lists is expected, not of int64"):
        arrow_job.rows_of(pa.array([1, 2]))


def test_a_table_of_vectors(tmp_path, floats):
    """Rows of any lengths, given by offsets, have the bits that each has alone; a table without rows has the same columns."""
    sluice.random_model(inputs=3, hidden=8, classes=2, seed=1).save(tmp_path / "model.safetensors")
    worker = arrow_job.Worker(tmp_path / "model.safetensors", "x", 1)
    rows = [floats(length, 3) for length in (4, 1, 9, 0, 2)]
    table = pa.table({"x": pa.array([list(row) for row in rows], pa.list_(pa.list_(pa.float32(), 3))), "id": range(5)})
    found = worker.classify(table)
    logits = found.column("logits").combine_chunks().flatten().to_numpy().reshape(-1, 2)
    assert same_bits(logits, np.concatenate([worker.model(row[np.newaxis]) for row in rows]))
    assert found.column("label").to_pylist() == [str(k) for k in logits.argmax(1)] and found.column("id").to_pylist() == list(range(5))
    assert worker.classify(table.slice(0, 0)).schema == found.schema
