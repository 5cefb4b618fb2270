"""Reads raw files as they are: CSV, TSV, Parquet or Delta, every malformed row kept."""

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ingest.source_config import EpisodesLog, EventsLog, ExposuresLog, Format, Log, Source, UserLog
from longplay.errors import InputError, nearest
from tables.spark import SPARK_ERRORS, describe_spark_error

MALFORMED = "_malformed"
CORRUPT = "_corrupt_record"  # the text of a row that does not parse
FILE = "_file"  # name of the file that a row was read from


def locate(data: Path, log: Log) -> Path:
    """The file or folder of one raw log: ``data`` itself, or ``log.path`` inside it.

    Raises:
        InputError: when it is not there or holds nothing.
    """
    path = data / log.path if log.path and data.is_dir() else data
    if not path.exists():
        below = sorted(data.glob(f"*/{log.path}")) if log.path and data.is_dir() else []
        fix = f"--data {below[0].parent}" if below else "check --data"
        raise InputError("The raw log is missing.", where=str(path), got="no such file", fix=fix)
    if not isinstance(log, EventsLog) and not data.is_dir():
        raise InputError(
            "This source has several logs, so --data must be the folder that holds them.",
            where=str(data),
            got="a file",
        )
    if path.is_file() and path.stat().st_size == 0:
        raise InputError("The raw log is empty.", where=str(path), got="0 bytes", fix="deliver it again")
    return path


def read_raw(spark: SparkSession, path: Path, source: Source, log: Log) -> DataFrame:
    """One raw log as it was delivered, with a boolean column for rows that do not parse, and each row's file.

    Raises:
        InputError: when the files cannot be read, or a column that the source names is missing.
    """
    frame = _read(spark, path, source.format)
    check_columns(frame.columns, source, log, str(path))
    return frame


def check_columns(columns: Sequence[str], source: Source, log: Log, where: str) -> None:
    """See that a raw log has every column that its map names.

    Raises:
        InputError: naming the first that is missing.
    """
    own = [name for name in columns if name not in (MALFORMED, CORRUPT, FILE)]
    for column in _needed(log):
        if column not in own:
            raise InputError(
                f"Column '{column}' is missing.",
                where=f"{where}, as mapped by source '{source.name}'",
                got=f"columns {', '.join(own)}",
                fix=f"{nearest(column, own)} Correct the source file or the log.",
            )


def _read(spark: SparkSession, path: Path, fmt: Format) -> DataFrame:
    try:
        if fmt.type in ("parquet", "delta"):
            frame = _named(spark.read.format(fmt.type).load(str(path.absolute()))).withColumn(MALFORMED, F.lit(False))
        else:
            frame = _read_text(spark, path.absolute(), fmt)  # a server has a folder of its own
        frame.columns  # noqa: B018 - over Spark Connect nothing is looked at before something is asked
        return frame
    except SPARK_ERRORS as error:
        said = describe_spark_error(error)
        nanos = "write its times in microseconds (pandas: to_parquet(..., coerce_timestamps='us'))"
        raise InputError(
            f"The raw log cannot be read as {fmt.type}.",
            where=str(path),
            got=said,
            fix=nanos if "NANOS" in said else "check format.type in the source file, or deliver the file again",
        ) from error


def _read_text(spark: SparkSession, path: Path, fmt: Format) -> DataFrame:
    delimiter = fmt.delimiter or ("\t" if fmt.type == "tsv" else ",")
    reader = spark.read.option("sep", delimiter).option("quote", fmt.quote).option("encoding", fmt.encoding)
    header = not fmt.columns
    names = list(fmt.columns) or reader.option("header", True).csv(str(path)).columns
    fields = [StructField(name, StringType()) for name in [*names, CORRUPT]]
    frame = (
        reader.option("header", header)
        .option("columnNameOfCorruptRecord", CORRUPT)
        .option("mode", "PERMISSIVE")
        .option("enforceSchema", False)
        .schema(StructType(fields))
        .csv(str(path))
    )
    return _named(frame).withColumn(MALFORMED, F.col(CORRUPT).isNotNull())


def _named(frame: DataFrame) -> DataFrame:
    """Each row with the name of its file, whatever columns a log has."""
    return frame.select("*", frame.metadataColumn("_metadata").getField("file_name").alias(FILE))


def _needed(log: Log) -> list[str]:
    names: list[str | None] = [log.item, log.time.column, log.known.column, *log.identity]
    if isinstance(log, UserLog):
        names += [log.user, log.topic, log.request, log.surface]
    if isinstance(log, ExposuresLog):
        names += [log.position, log.policy, log.log_propensity, log.propensity]
    if isinstance(log, EventsLog):
        names += [log.episode, log.kind.column, log.amount.column]
    if isinstance(log, EpisodesLog):
        names += [log.episode, log.season, log.season_episodes]
    return [name for name in names if name is not None]
