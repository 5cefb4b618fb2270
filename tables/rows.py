"""A single row as a DataFrame, by Arrow: no Python worker is started for it."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from tables.spec import TableSpec

_ARROW = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "timestamp": pa.timestamp("us", "UTC"),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
}


def one_row(spark: SparkSession, values: Mapping[str, Any], spec: TableSpec) -> DataFrame:
    """One row of a table whose columns are strings, UTC timestamps and maps."""
    schema = pa.schema([(column.name, _ARROW[column.type]) for column in spec.columns])
    row = {name: list(value.items()) if isinstance(value, Mapping) else value for name, value in values.items()}
    return spark.createDataFrame(pa.Table.from_pylist([row], schema=schema)).select(*spec.column_names())
