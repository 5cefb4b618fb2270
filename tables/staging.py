"""Rows on their way to the gate: written once, read back by Spark, or by Arrow where they are few."""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from longplay.paths import staged_file
from tables.arrow_commit import nullable_schema


@dataclass(frozen=True)
class StagedRows:
    """Rows staged as Parquet files.

    Attributes:
        folder: holds the files.
        frame: reads them through Spark.
        rows: how many there are.
        size: of the files in bytes.
    """

    folder: Path
    frame: DataFrame
    rows: int
    size: int

    @cached_property
    def in_memory(self) -> pa.Table:
        """The rows, read once without Spark; for few of them."""
        schema = nullable_schema(self.frame.schema.json())
        tables = [pq.ParquetFile(file).read().cast(schema) for file in _data_files(self.folder)]
        return pa.concat_tables(tables) if tables else schema.empty_table()


def stage(frame: DataFrame, folder: Path) -> StagedRows:
    """Write rows through Spark."""
    frame.write.mode("overwrite").parquet(str(folder))
    return _open(frame.sparkSession, frame.schema, folder)


def stage_arrow(rows: pa.Table, like: StagedRows, folder: Path) -> StagedRows:
    """Write some rows of another staging."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pq.write_table(rows, staged_file(folder))
    return _open(like.frame.sparkSession, like.frame.schema, folder)


def _open(spark: SparkSession, schema: StructType, folder: Path) -> StagedRows:
    files = _data_files(folder)
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    size = sum(file.stat().st_size for file in files)
    return StagedRows(folder, spark.read.schema(schema).parquet(str(folder)), rows, size)


def _data_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))
