#!/usr/bin/env python3
"""Classify the sequences of a folder of Parquet files with Ray: classify_ray.py MODEL INPUT OUTPUT

A task is a file, done by an actor, which has the model. Where an actor dies, Ray starts it anew and gives it the task again. Without
RAY_ADDRESS the actors run here.
"""
import os
import sys

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
if "RAY_ADDRESS" not in os.environ:
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # read when ray is imported: it listens on the loopback address alone
import ray  # pylint: disable=wrong-import-position
from ray.util import ActorPool  # pylint: disable=wrong-import-position

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import arrow_job  # pylint: disable=wrong-import-position


def main():
    options = arrow_job.parse_options(__doc__)
    ray.cloudpickle.register_pickle_by_value(arrow_job)  # actors elsewhere need no copy of the module
    here = {"num_cpus": options.workers * options.threads, "include_dashboard": False}
    ray.init(**({} if "RAY_ADDRESS" in os.environ else here))
    actor = ray.remote(arrow_job.Worker).options(num_cpus=options.threads, max_restarts=-1, max_task_retries=-1)
    pool = ActorPool([actor.remote(*options.setting) for _ in range(options.workers)])
    parts = arrow_job.list_parts(options)
    arrow_job.report(pool.map_unordered(lambda worker, part: worker.classify_part.remote(part, options.output), parts))


if __name__ == "__main__":
    main()
