"""Spark's errors in one line, and settings of a session for one block."""

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

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


@contextmanager
def spark_setting(spark: SparkSession, key: str, value: str) -> Iterator[None]:
    """Set a setting of the session while the block runs."""
    spark.conf.set(key, value)
    try:
        yield
    finally:
        spark.conf.unset(key)
