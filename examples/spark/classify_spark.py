#!/usr/bin/env python3
"""Classify the sequences of a table with Spark: spark-submit --master "local[2,4]" classify_spark.py MODEL INPUT OUTPUT

The rows come as Arrow batches by mapInArrow, and Spark commits what is written: files under _temporary until their task is complete, and
_SUCCESS when all are. Where a worker dies its task is run again, as often as spark.task.maxFailures or local[N,MAX_FAILURES] allow.
"""
import os
import sys

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, FloatType, StringType

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import arrow_job  # pylint: disable=wrong-import-position


def main():
    options = arrow_job.parse_options(__doc__)
    if os.path.exists(os.path.join(options.output, "_SUCCESS")):
        print("done before")
        return
    setting = options.setting

    def classify(batches):
        worker = arrow_job.worker(*setting)
        for batch in batches:
            yield from worker.classify(pa.Table.from_batches([batch])).to_batches()

    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", arrow_job.BATCH_ROWS)
    spark.sparkContext.addPyFile(arrow_job.__file__)
    rows = spark.read.parquet(options.input)
    schema = rows.drop(options.column).schema.add("label", StringType()).add("logits", ArrayType(FloatType()))
    rows.mapInArrow(classify, schema).write.parquet(options.output, mode="overwrite")  # over what an unfinished run left
    spark.stop()


if __name__ == "__main__":
    main()
