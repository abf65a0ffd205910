"""What the jobs of Dask, Ray and Spark share: rows from Arrow columns without padding, a model once a process, parts that appear whole."""
import argparse
import functools
import glob
import hashlib
import os
import socket
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import sluice

BATCH_ROWS = 8192


def rows_of(column):
    """(values, offsets) of an Arrow column, as a model takes them: where they lie, without copying or padding.

    Strings are rows of bytes. Lists are rows of integers, the tokens, of floats, one a step, or of fixed-size lists, the inputs of a step.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count:
        raise ValueError(f"{array.null_count} rows are null: fill or drop them first")
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    if wide or pa.types.is_string(array.type) or pa.types.is_binary(array.type):
        if len(array) == 0:
            return np.zeros(0, np.uint8), np.zeros(1, np.int64)
        _, offsets, values = array.buffers()
        offsets = np.frombuffer(offsets, np.int64 if wide else np.int32)[array.offset:array.offset + len(array) + 1]
        return np.frombuffer(values or b"", np.uint8), offsets
    if not pa.types.is_list(array.type) and not pa.types.is_large_list(array.type):
        raise TypeError(f"a column of strings or lists is expected, not of {array.type}")
    values, offsets = array.values, array.offsets.to_numpy()
    if pa.types.is_fixed_size_list(values.type):
        return values.flatten().to_numpy().reshape(-1, values.type.list_size), offsets
    values = values.to_numpy()
    return values.reshape(-1, 1) if values.dtype.kind == "f" else values, offsets


class Worker:
    """A process's model and what it does with rows. Engines set OMP_NUM_THREADS=1 for their workers: `threads` is explicit."""

    def __init__(self, model, column, threads):
        self.model = sluice.load(model, threads=threads)
        self.column = column
        with open(model, "rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        print(f"process {os.getpid()}: loaded {model}, {self.model.info.threads} threads", file=sys.stderr, flush=True)

    def classify(self, table):
        """The table with a label and logits for each row, in place of its column of sequences."""
        values, offsets = rows_of(table.column(self.column))
        logits = self.model(values, offsets=offsets)
        names = pa.array(self.model.info.class_names or [str(k) for k in range(logits.shape[1])])
        ends = np.arange(0, logits.size + 1, logits.shape[1], np.int32)
        return (table.drop_columns([self.column]).append_column("label", names.take(pa.array(logits.argmax(1))))
                .append_column("logits", pa.ListArray.from_arrays(ends, logits.ravel())))

    def classify_part(self, part, folder):
        """Classify a Parquet file into `folder`, under the same name. False: it was there.

        The file is written under a hidden name, which readers of Parquet pass over, and then renamed: what is there is whole, and a part
        that two workers compute is the same bytes from both. It has the digest of its model and its input's size, so that a file of
        another run is not taken for done.
        """
        output = os.path.join(folder, os.path.basename(part))
        origin = {b"sluice.model": self.digest.encode(), b"sluice.input_bytes": str(os.path.getsize(part)).encode()}
        if os.path.exists(output):
            if not origin.items() <= (pq.read_schema(output).metadata or {}).items():
                raise ValueError(f"{output} is of another model or input: delete it, or choose another folder")
            return False
        temporary = os.path.join(folder, f".{os.path.basename(part)}.{socket.gethostname()}.{os.getpid()}.tmp")
        source = pq.ParquetFile(part)
        schema = self.classify(source.schema_arrow.empty_table()).schema.with_metadata(origin)
        with open(temporary, "wb") as file:
            with pq.ParquetWriter(file, schema) as writer:
                for batch in source.iter_batches(BATCH_ROWS):
                    writer.write_table(self.classify(pa.Table.from_batches([batch])).cast(schema))
            os.fsync(file.fileno())
        os.replace(temporary, output)
        return True


@functools.cache
def worker(model, column, threads):
    """This process's worker, made once."""
    return Worker(model, column, threads)


def classify_part(part, folder, model, column, threads):
    """Worker.classify_part by this process's worker, for engines whose tasks are functions."""
    return worker(model, column, threads).classify_part(part, folder)


def parse_options(description):
    """The command line of a job: its options, with absolute paths, and `setting`, the arguments of a worker."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=os.path.abspath)
    parser.add_argument("input", type=os.path.abspath, help="a folder of Parquet files, which every worker sees")
    parser.add_argument("output", type=os.path.abspath, help="a folder for the results, which every worker sees")
    parser.add_argument("--column", default="text", help="the column of sequences, strings or lists (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine, where no cluster is named (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each worker (%(default)s)")
    options = parser.parse_args()
    options.setting = options.model, options.column, options.threads
    return options


def list_parts(options):
    """The Parquet files of the input, in order; the folder for the results is made."""
    os.makedirs(options.output, exist_ok=True)
    return sorted(glob.glob(os.path.join(options.input, "*.parquet")))


def report(made):
    """Print how many parts were computed and how many were there, of an iterator of booleans that has one for each."""
    made = list(made)
    print(f"{len(made)} parts: {sum(made)} computed, {len(made) - sum(made)} done before")
