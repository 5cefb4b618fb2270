"""What Spark needs said in its own way: errors in one line, settings for one block, literal paths, schemas."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from deltalake import DeltaTable
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from longplay.errors import StoreError, first_line

SPARK_ERRORS = (PySparkException, Py4JError)
"""What a failing Spark job raises: PySpark passes many of the JVM's errors on unconverted."""


def store_error_from(error: Exception, where: str) -> StoreError:
    """A Spark failure as an error of Longplay, with Spark's cause."""
    return StoreError("Spark could not finish this step.", where=where, got=describe_spark_error(error))


def describe_spark_error(error: Exception) -> str:
    """One line that says what went wrong in Spark: the innermost cause if it names one."""
    lines = str(error).splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    thrown = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    if not isinstance(error, Py4JError) or not causes + thrown:
        return first_line(error)
    return (causes or thrown)[-1].split("Exception: ", 1)[-1]


def spark_schema(table: DeltaTable) -> StructType:
    """The schema of a Delta table as Spark has it."""
    return StructType.fromJson(json.loads(table.schema().to_json()))


def escape_glob(path: str) -> str:
    """A path that Spark takes literally, whatever characters its names have."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)


@contextmanager
def spark_setting(spark: SparkSession, key: str, value: str) -> Iterator[None]:
    """Set a setting of the session while the block runs."""
    spark.conf.set(key, value)
    try:
        yield
    finally:
        spark.conf.unset(key)
