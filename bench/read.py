"""What Spark read and shuffled while something ran, from its own counters.

Bytes are counted only without Parquet's vectored reads (``bench.spark_session`` turns them off).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession


@contextmanager
def read_by(spark: SparkSession) -> Iterator[dict[str, int]]:
    """Bytes and rows read from storage and bytes shuffled by what runs inside; filled in at its end."""
    before, found = _counters(spark), dict[str, int]()
    yield found
    found.update({name: n - before[name] for name, n in _counters(spark).items()})


def _counters(spark: SparkSession) -> dict[str, int]:
    store = spark.sparkContext._jsc.sc().statusStore()
    defaults = [getattr(store, f"stageList$default${n}")() for n in (4, 5)]
    stages = store.stageList(None, False, False, *defaults)
    found = {"bytes_read": 0, "rows_read": 0, "bytes_shuffled": 0}
    for place in range(stages.size()):
        stage = stages.apply(place)
        found["bytes_read"] += stage.inputBytes()
        found["rows_read"] += stage.inputRecords() if stage.inputBytes() else 0
        found["bytes_shuffled"] += stage.shuffleWriteBytes()
    return found
