"""Measures what Spark reads and shuffles, from its own counters.

Bytes are counted only without Parquet's vectored reads (``bench.spark_session`` turns them off).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession


@contextmanager
def read_by(spark: SparkSession) -> Iterator[dict[str, int]]:
    """Measure bytes and rows read and bytes shuffled inside the block; the counters are filled in at its end."""
    before, counters = _counters(spark), dict[str, int]()
    yield counters
    counters.update({name: n - before[name] for name, n in _counters(spark).items()})


def _counters(spark: SparkSession) -> dict[str, int]:
    store = spark.sparkContext._jsc.sc().statusStore()
    defaults = [getattr(store, f"stageList$default${n}")() for n in (4, 5)]
    stages = store.stageList(None, False, False, *defaults)
    counters = {"bytes_read": 0, "rows_read": 0, "bytes_shuffled": 0}
    for n in range(stages.size()):
        stage = stages.apply(n)
        counters["bytes_read"] += stage.inputBytes()
        counters["rows_read"] += stage.inputRecords() if stage.inputBytes() else 0
        counters["bytes_shuffled"] += stage.shuffleWriteBytes()
    return counters
