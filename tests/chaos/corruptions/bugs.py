"""A step with a bug in it: it runs as ever, but other rows than it computed go to the gate and the store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from tables.publish import PublishedVersion, WritableStore
from tables.spec import TableSpec
from tests.chaos.corruptions.catalogue import Corruption
from tests.chaos.corruptions.deliveries import as_frame, write_frame


class Recording(WritableStore):
    """A store that keeps what each table's step gives it, one file a table, before it goes to the gate."""

    def __init__(self, like: WritableStore, spark: SparkSession, records: Path) -> None:
        super().__init__(like.folder.parent, like.folder.name, spark)
        self.records = records

    def publish(self, frame: DataFrame, spec: TableSpec, *rest: Any, **more: Any) -> PublishedVersion:
        """Keep the rows, then publish what was kept."""
        path = self.records / spec.name
        frame.write.mode("overwrite").parquet(str(path))
        return super().publish(self.spark.read.parquet(str(path)), spec, *rest, **more)


class Buggy(WritableStore):
    """A store in whose place rows of files come, whatever a step computed.

    Steps say what they publish and Spark computes it when it is written, so what is replaced costs nothing.
    """

    def __init__(self, like: WritableStore, spark: SparkSession, instead: Mapping[str, Path]) -> None:
        super().__init__(like.folder.parent, like.folder.name, spark)
        self.instead = instead

    def publish(self, frame: DataFrame, spec: TableSpec, *rest: Any, **more: Any) -> PublishedVersion:
        """Publish the other rows, where there are some."""
        if spec.name in self.instead:
            frame = self.spark.read.parquet(str(self.instead[spec.name]))
        return super().publish(frame, spec, *rest, **more)


def corrupted(corruption: Corruption, record: Path, out: Path) -> Path:
    """The recorded rows of a table with a corruption in them, as a file."""
    frame = as_frame(pq.read_table(record))
    changed = corruption.mutate(frame, np.random.default_rng(1))
    out.mkdir(parents=True, exist_ok=True)
    write_frame(changed, out / f"{corruption.table}.parquet")
    return out / f"{corruption.table}.parquet"
