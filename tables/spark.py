"""What Spark needs said in its own way: errors in one line, settings for one block, literal paths, schemas."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import StructType

from longplay.errors import EnvironmentProblem, LongplayError, StoreError, first_line

SPARK_ERRORS = (PySparkException, Py4JError)
"""What a failing Spark job raises: PySpark passes many of the JVM's errors on unconverted."""


@dataclass(frozen=True)
class MachineFault:
    """A fault of the machine that Spark reports.

    Attributes:
        pattern: matches Spark's message.
        what: what happened.
        fix: what to do.
        lacks_memory: whether memory was lacking, so that what was computed may be the cause.
    """

    pattern: re.Pattern[str]
    what: str
    fix: str
    lacks_memory: bool = False


_MACHINE_FAULTS = (
    MachineFault(
        re.compile(r"No space left on device|File too large|Disk quota exceeded"),
        "The disk is full, or the system lets no larger file be written.",
        "free space under the store and under the temporary folder (TMPDIR), and run the command again",
    ),
    MachineFault(
        re.compile(r"UnsatisfiedLinkError|Could not initialize class (org\.xerial\.snappy|com\.github\.luben\.zstd)"),
        "Java could not unpack one of its native libraries into the temporary folder.",
        "free space there and let files below it be written and executed, or name another folder (TMPDIR)",
    ),
    MachineFault(
        re.compile(r"Read-only file system|Permission denied|AccessDenied", re.IGNORECASE),
        "A file could not be read or written.",
        "check that the store and the temporary folder are writable for this user",
    ),
    MachineFault(
        re.compile(r"OutOfMemoryError|Java heap space|GC overhead|Cannot allocate memory"),
        "Spark ran out of memory.",
        "give it more (--set spark.driver_memory=8g), or less work at once (--set spark.master='local[1]')",
        lacks_memory=True,
    ),
    MachineFault(
        re.compile(r"StatusCode\.UNAVAILABLE|panicked at"),
        "The engine no longer answers.",
        "run the command again; if it fails again, run it on Spark itself (--set spark.engine=spark)",
    ),
    MachineFault(
        re.compile(r"Python worker exited unexpectedly"),
        "A Python worker of Spark exited unexpectedly, usually for lack of memory.",
        "close other programs, or use fewer workers (--set spark.master='local[1]')",
        lacks_memory=True,
    ),
    MachineFault(
        re.compile(
            r"Answer from Java side is empty|Error while (sending|receiving)|Connection refused|Py4JNetworkError"
        ),
        "Spark's Java process has ended.",
        "check whether the operating system killed it to free memory; if so, lower its limit "
        "(--set spark.driver_memory=2g) or close other programs",
    ),
)


def is_unrelated_to_computation(error: Exception) -> bool:
    """Whether a Spark failure has nothing to do with what was computed: disk, access, or a Java that has ended.

    A lack of memory is not one of them: what is computed may be the cause.
    """
    text = f"{type(error).__name__}: {error}"
    return any(fault.pattern.search(text) for fault in _MACHINE_FAULTS if not fault.lacks_memory)


def raise_if_machine_fault(error: Exception, where: str) -> None:
    """Raise an EnvironmentProblem if a Spark failure is a fault of the machine; otherwise return.

    Raises:
        EnvironmentProblem: saying what the machine lacks.
    """
    problem = explain_spark_error(error, where)
    if isinstance(problem, EnvironmentProblem):
        raise problem from error


def explain_spark_error(error: Exception, where: str) -> LongplayError:
    """A Spark failure as an error of Longplay, with Spark's cause."""
    text = f"{type(error).__name__}: {error}"
    for fault in _MACHINE_FAULTS:
        if match := fault.pattern.search(text):
            line = next(line for line in text.splitlines() if match[0] in line)
            return EnvironmentProblem(fault.what, where=where, got=line.strip(), fix=fault.fix)
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
    """The schema of a Delta table as Spark has it, without metadata of fields: Sail cannot read its own."""

    def drop_metadata(part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "metadata": {}} if "metadata" in part else part

    return StructType.fromJson(json.loads(table.schema().to_json(), object_hook=drop_metadata))


def with_columns(frame: DataFrame, columns: Mapping[str, Column]) -> DataFrame:
    """A frame with further columns, if there are any: Spark Connect refuses to add none."""
    return frame.withColumns(dict(columns)) if columns else frame


def is_spark(spark: SparkSession) -> bool:
    """Whether the session's engine is Spark itself, and not another one that speaks Spark Connect, such as pysail.

    Such a server claims Spark's version to the client, but states its own in SQL.
    """
    if "connect" not in type(spark).__module__:
        return True
    row = spark.sql("SELECT version()").first()
    return row is not None and str(row[0]).startswith(spark.version)


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
