"""Finds and reads raw logs as they were delivered. Malformed rows are kept and marked."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ingest.derived_columns import derive_columns
from ingest.formats import FORMATS, FileFormat
from ingest.log_mapping import EventsLog, LogMapping, LogPart
from ingest.raw_columns import CORRUPT, FILE, MALFORMED, is_hidden, union_rows
from ingest.source_config import Source
from longplay.errors import InputError, nearest
from tables.spark import SPARK_ERRORS, describe_spark_error, raise_if_machine_fault

_MARKERS = re.compile(r"_SUCCESS|_(committed|started)_.*|_(common_)?metadata|\..*\.crc|\.DS_Store|[_.].*\.json")


def locate(data: Path, log: LogMapping) -> Path:
    """The file or folder of one raw log: ``data`` itself, or ``log.path`` inside it. For a log of parts, ``data``.

    Raises:
        InputError: when it is missing or empty.
    """
    if (log.parts or not isinstance(log, EventsLog)) and not data.is_dir():
        raise InputError(
            "This source has several logs, so --data must be the folder that holds them.",
            where=str(data),
            got="a file" if data.exists() else "no such folder",
        )
    for part in log.sections:
        _check_path(data, part.path)
    return data / log.path if log.path and data.is_dir() else data


def _check_path(data: Path, name: str) -> None:
    path = data / name if name and data.is_dir() else data
    if not path.exists():
        nested = sorted(data.glob(f"*/{name}")) if name and data.is_dir() else []
        fix = f"--data {data / nested[0].relative_to(data).parts[0]}" if nested else "check --data"
        raise InputError("The raw log is missing.", where=str(path), got="no such file", fix=fix)
    if path.is_file() and path.stat().st_size == 0:
        raise InputError("The raw log is empty.", where=str(path), got="0 bytes", fix="deliver it again")


def read_raw(spark: SparkSession, path: Path, source: Source, log: LogMapping) -> DataFrame:
    """One raw log as it was delivered, with ``MALFORMED``, ``FILE`` and derived columns. Grain: raw row.

    Raises:
        InputError: when the files cannot be read, or a column that the source names is missing.
        ConfigError: when a column cannot be derived.
    """
    if not log.parts:
        return derive_columns(_read_part(spark, path, source, log, log.sections[0]), log)
    frames = []
    for part in log.parts:
        folder = part.path if (path / part.path).is_dir() else str(PurePosixPath(part.path).parent)
        below_data = F.col(FILE) if folder == "." else F.concat(F.lit(f"{folder}/"), FILE)
        frames.append(_read_part(spark, path / part.path, source, log, part).withColumn(FILE, below_data))
    return derive_columns(union_rows(frames), log)


def _read_part(spark: SparkSession, path: Path, source: Source, log: LogMapping, part: LogPart) -> DataFrame:
    columns = log.columns_of(part)
    rows = _read(spark, path, part.format or source.format, columns)
    check_columns(rows.columns, columns, source, str(path))
    return rows


def count_records(path: Path, source: Source, log: LogMapping) -> int | None:
    """The rows of one raw log, counted without the parser that reads them; None where that cannot be done."""
    parts = [(path / part.path if log.parts else path, part.format or source.format) for part in log.sections]
    counts = [FORMATS[file_format.type].count(part, file_format) for part, file_format in parts]
    return sum(count for count in counts if count is not None) if None not in counts else None


def check_columns(columns: Sequence[str], needed: Sequence[str], source: Source, where: str) -> None:
    """Check that a raw log has every column that its source file names.

    Raises:
        InputError: naming the first that is missing.
    """
    log_columns = [name for name in columns if name not in (MALFORMED, CORRUPT, FILE)]
    for column in needed:
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
        raise_if_machine_fault(error, str(path))
        cause = describe_spark_error(error)
        raise InputError(
            f"The raw log cannot be read as {file_format.type}.",
            where=str(path),
            got=cause,
            fix="check format.type in the source file, or deliver the file again",
        ) from error


def unread_files(data: Path, source: Source) -> list[Path]:
    """Files below the folder of a delivery that are not read, sorted.

    No log of the source file names them, or Spark leaves them out, because their names, or those of their folders,
    begin with _ or a point. Markers that other programs leave, such as _SUCCESS, are not raw data and are not listed.
    """
    if not data.is_dir():
        return []
    sections = [part for log in source.logs.values() for part in log.sections]
    heartbeat = source.completeness.heartbeat
    files = [file for file in sorted(data.rglob("*")) if file.is_file() and not _MARKERS.fullmatch(file.name)]
    return [
        file
        for file in files
        if file != data / (heartbeat or "") and not any(_is_read(file, data, source, part) for part in sections)
    ]


def _is_read(file: Path, data: Path, source: Source, part: LogPart) -> bool:
    log, file_format = data / part.path, part.format or source.format
    if file == log:
        return True
    return log in file.parents and (file_format.type == "delta" or not is_hidden(file, log))
