#!/usr/bin/env python3
"""Classify the sequences of a folder of Parquet files with Dask: classify_dask.py MODEL INPUT OUTPUT

A task is a file. Where a worker dies, Dask starts another and gives it the task again. Without DASK_SCHEDULER_ADDRESS the workers run
here.
"""
import os
import sys

from dask.distributed import Client, as_completed

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import arrow_job  # pylint: disable=wrong-import-position


def main():
    options = arrow_job.parse_options(__doc__)
    here = {"n_workers": options.workers, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with Client(**({} if "DASK_SCHEDULER_ADDRESS" in os.environ else here)) as client:
        client.upload_file(arrow_job.__file__)
        parts = arrow_job.list_parts(options)
        tasks = client.map(lambda part: arrow_job.classify_part(part, options.output, *options.setting), parts, pure=False)
        arrow_job.report(made for _, made in as_completed(tasks, with_results=True))


if __name__ == "__main__":
    main()
