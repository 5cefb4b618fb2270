"""Steps with a bug: they run as usual, but corrupted rows go to the gate and the store instead of theirs."""

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


class RecordingStore(WritableStore):
    """A store that records what each step passes to the gate, one file per table."""

    def __init__(self, original: WritableStore, spark: SparkSession, records: Path) -> None:
        super().__init__(original.folder.parent, original.folder.name, lambda: spark)
        self.records = records

    def publish(self, frame: DataFrame, spec: TableSpec, *rest: Any, **more: Any) -> PublishedVersion:
        """Record the rows, then publish the record."""
        path = self.records / spec.name
        frame.write.mode("overwrite").parquet(str(path))
        return super().publish(self.spark.read.parquet(str(path)), spec, *rest, **more)


class BuggyStore(WritableStore):
    """A store that publishes rows from files instead of those that a step computed.

    Spark computes rows only when they are written, so replaced rows cost nothing.
    """

    def __init__(self, original: WritableStore, spark: SparkSession, replacements: Mapping[str, Path]) -> None:
        super().__init__(original.folder.parent, original.folder.name, lambda: spark)
        self.replacements = replacements

    def publish(self, frame: DataFrame, spec: TableSpec, *rest: Any, **more: Any) -> PublishedVersion:
        """Publish the replacement, if the table has one."""
        if spec.name in self.replacements:
            frame = self.spark.read.parquet(str(self.replacements[spec.name]))
        return super().publish(frame, spec, *rest, **more)


def write_corrupted(corruption: Corruption, record: Path, out: Path) -> Path:
    """Write the recorded rows of a table with a corruption applied; return the file."""
    frame = as_frame(pq.read_table(record))
    changed = corruption.mutate(frame, np.random.default_rng(1))
    out.mkdir(parents=True, exist_ok=True)
    write_frame(changed, out / f"{corruption.table}.parquet")
    return out / f"{corruption.table}.parquet"
