"""Reads the files of Parquet logs and Delta tables by Arrow in the engine's workers, with the types that Spark has."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from ingest.arrow.raw_files import BATCH_ROWS, read_files, refusal
from ingest.raw_columns import MALFORMED
from longplay.delta import has_deletion_vectors, open_dataset, open_table
from longplay.errors import InputError, StoreError
from tables.spark import spark_schema


def read_parquet_files(spark: SparkSession, path: str, files: Sequence[Path], schema: StructType) -> DataFrame:
    """The rows of Parquet files that have the same columns, with ``FILE``.

    Args:
        spark: the session.
        path: the log's file or folder.
        files: those to read.
        schema: of their rows, with the types that Spark gives them.
    """
    arrow_schema = to_arrow_schema(schema)

    def parse(file: str) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(file, coerce_int96_timestamp_unit="us") as parquet:
            for rows in parquet.iter_batches(BATCH_ROWS, columns=schema.names):
                yield _cast(rows, arrow_schema)

    return read_files(spark, path, schema, parse, files)


def read_delta_files(spark: SparkSession, path: str) -> DataFrame:
    """The rows of the newest version of a Delta table, with ``FILE`` and ``MALFORMED``.

    Raises:
        InputError: when it is no Delta table, or some of its rows are marked as deleted.
    """
    try:
        table = open_table(Path(path))
        if has_deletion_vectors(Path(path)):
            raise refusal("a Delta table with deletion vectors", path, "purge it")
    except StoreError as error:
        raise InputError(
            "The raw log cannot be read as delta.",
            where=path,
            got=error.got or error.what,
            fix="check format.type in the source file, or deliver the table again",
        ) from error
    version, schema = table.version(), spark_schema(table)
    arrow_schema = to_arrow_schema(schema)

    def parse(file: str) -> Iterator[pa.RecordBatch]:
        file_schema, fragments = _open_fragments(path, version)
        for rows in fragments[file].to_batches(schema=file_schema, batch_size=BATCH_ROWS):
            yield _cast(rows, arrow_schema)

    files = [Path(file) for file in _open_fragments(path, version)[1]]
    rows = read_files(spark, path, schema, parse, files, has_folder_values=False)
    return rows.withColumn(MALFORMED, F.lit(False))


@lru_cache(maxsize=1)
def _open_fragments(path: str, version: int) -> tuple[pa.Schema, dict[str, ds.Fragment]]:
    """The schema of a Delta table, and its files by their paths."""
    rows = open_dataset(Path(path), version)
    return rows.schema, {str(Path(path) / fragment.path): fragment for fragment in rows.get_fragments()}


def _cast(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows with the types of a schema; numbers of 16 bits with a point become their bytes."""
    columns = [rows.column(field.name) for field in schema]
    plain = [column.view(pa.binary(2)) if pa.types.is_float16(column.type) else column for column in columns]
    return pa.RecordBatch.from_arrays(
        [column.cast(field.type, safe=False) for column, field in zip(plain, schema, strict=True)], schema=schema
    )
