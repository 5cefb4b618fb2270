"""Finds and reads raw logs as they were delivered. Malformed rows are kept and marked."""

import re
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from ingest.formats import FORMATS, FileFormat
from ingest.raw_columns import CORRUPT, FILE, MALFORMED, is_hidden
from ingest.source_config import EventsLog, LogMapping, Source
from longplay.errors import InputError, nearest
from tables.spark import SPARK_ERRORS, describe_spark_error

_MARKERS = re.compile(r"_SUCCESS|_(committed|started)_.*|_(common_)?metadata|\..*\.crc|\.DS_Store|_delta_log|.*\.json")


def locate(data: Path, log: LogMapping) -> Path:
    """The file or folder of one raw log: ``data`` itself, or ``log.path`` inside it.

    Raises:
        InputError: when it is missing or empty.
    """
    path = data / log.path if log.path and data.is_dir() else data
    if not path.exists():
        nested = sorted(data.glob(f"*/{log.path}")) if log.path and data.is_dir() else []
        fix = f"--data {nested[0].parent}" if nested else "check --data"
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


def read_raw(spark: SparkSession, path: Path, source: Source, log: LogMapping) -> DataFrame:
    """One raw log as it was delivered, with ``MALFORMED`` and ``FILE``. Grain: raw row.

    Raises:
        InputError: when the files cannot be read, or a column that the source names is missing.
    """
    rows = _read(spark, path, source.format, log.mapped_columns)
    check_columns(rows.columns, source, log, str(path))
    return rows


def check_columns(columns: Sequence[str], source: Source, log: LogMapping, where: str) -> None:
    """Check that a raw log has every column that its source file names.

    Raises:
        InputError: naming the first that is missing.
    """
    log_columns = [name for name in columns if name not in (MALFORMED, CORRUPT, FILE)]
    for column in log.mapped_columns:
        if column not in log_columns:
            raise InputError(
                f"Column '{column}' is missing.",
                where=f"{where}, as mapped by source '{source.name}'",
                got=f"columns {', '.join(log_columns)}",
                fix=f"{nearest(column, log_columns)} Correct the source file or the log.",
            )


def _read(spark: SparkSession, path: Path, file_format: FileFormat, mapped: Sequence[str]) -> DataFrame:
    try:
        location = str(path.absolute())  # a server has its own folder
        rows = FORMATS[file_format.type].read(spark, location, file_format, mapped)
        rows.columns  # noqa: B018 - Spark Connect analyses nothing before it is asked for something
        return rows
    except SPARK_ERRORS as error:
        cause = describe_spark_error(error)
        raise InputError(
            f"The raw log cannot be read as {file_format.type}.",
            where=str(path),
            got=cause,
            fix="check format.type in the source file, or deliver the file again",
        ) from error


def hidden_files(path: Path) -> list[Path]:
    """Files below a folder that Spark leaves out, because their names, or those of their folders, begin with _ or .

    Markers that other programs leave, such as _SUCCESS, are not raw data and are not listed.
    """
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    return [file for file in files if is_hidden(file, path) and not _MARKERS.fullmatch(file.name)]
