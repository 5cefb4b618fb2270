"""Columns and files of raw logs: what reading adds, and how both are addressed. Shared by all formats."""

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, DataFrameReader
from pyspark.sql import functions as F

from longplay.errors import ConfigError, InputError, first_line
from tables.spark import with_columns

MALFORMED = "_malformed"
"""Boolean column that reading adds: whether a row does not parse."""
CORRUPT = "_corrupt_record"
"""Column that reading text files adds: the text of a row that does not parse."""
FILE = "_file"
"""Column that reading adds: path of the row's file below the folder of its log."""
MAX_WHOLE_DOUBLE = 2.0**53
"""Beyond it, doubles do not hold every whole number."""
RAW_JSON_OPTIONS = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS]",
}
"""Options to write raw rows as JSON, with microseconds, and to read them back."""


def raw_column(name: str) -> Column:
    """A column of a raw log, whatever characters its name has."""
    return F.col("`" + name.replace("`", "``") + "`")


def raw_columns(raw: DataFrame, *without: str) -> list[Column]:
    """The columns of a raw log, except some."""
    return [raw_column(c) for c in raw.columns if c not in without]


def text_column(raw: DataFrame, name: str | None) -> Column:
    """A column as trimmed text: null if blank or not a number, and null if the source maps no column.

    Equal values of different types are equal text: whole numbers have no point, and bytes are hexadecimal.
    """
    if name is None:
        return F.lit(None).cast("string")
    column, spark_type = raw_column(name), dict(raw.dtypes)[name]
    if spark_type == "binary":
        return F.lower(F.hex(column))
    text = column.cast("string")
    if spark_type in ("float", "double"):
        text = F.when(~F.isnan(column), number_text(column))
    elif spark_type.startswith("decimal"):
        text = F.regexp_replace(text, r"\.0+$", "")
    return F.nullif(F.trim(text), F.lit(""))


def number_text(number: Column) -> Column:
    """A float or double as text; whole numbers have no point."""
    is_whole = (number == F.floor(number)) & (F.abs(number) < MAX_WHOLE_DOUBLE)
    return F.when(is_whole, F.floor(number).cast("string")).otherwise(number.cast("string"))


def nanoseconds_column(name: str) -> str:
    """The column that reading adds for a time in nanoseconds: what is beyond its microseconds, 0 to 999."""
    return f"_nanoseconds_of_{name}"


def with_file_names(rows: DataFrame, path: str) -> DataFrame:
    """Rows with the path of their file below the log's folder, even if the log has a column named ``_metadata``.

    Args:
        rows: as Spark read them.
        path: the log's file or folder.
    """
    if not Path(path).is_dir():
        return rows.withColumn(FILE, F.lit(Path(path).name))
    encoded = rows.metadataColumn("_metadata").getField("file_path")
    decoded = F.url_decode(F.replace(encoded, F.lit("+"), F.lit("%2B")))
    start = F.instr(decoded, f"{path}/")
    below = F.substring(decoded, start + len(path) + 1, F.length(decoded))
    return rows.select("*", F.when(start > 0, below).otherwise(F.substring_index(decoded, "/", -1)).alias(FILE))


def in_all_folders(reader: DataFrameReader, path: str) -> DataFrameReader:
    """A reader that also reads the files in folders below ``path``.

    Folders that are named like ``day=2026-05-03`` hold values of a column, so that Spark must find them itself.
    """
    has_values = any("=" in folder.name for folder in Path(path).rglob("*") if folder.is_dir())
    return reader if has_values else reader.option("recursiveFileLookup", True)


def list_files(path: Path) -> list[Path]:
    """The files of a log: itself, or those below it that are not hidden, sorted."""
    if path.is_file():
        return [path]
    return [file for file in sorted(path.rglob("*")) if file.is_file() and not is_hidden(file, path)]


def check_analysis(build: Callable[[], DataFrame], what: str, where: str, fix: str) -> None:
    """Check that Spark can evaluate an expression of a source file over a raw log. Reads no data.

    Args:
        build: uses the expression; its outermost operation is a select, for Spark Connect analyses no others.
        what: of the error.
        where: of the error.
        fix: of the error.

    Raises:
        ConfigError: when Spark cannot.
    """
    try:
        build().schema  # noqa: B018 - analyses the expression
    except PySparkException as error:
        raise ConfigError(what, where=where, got=first_line(error), fix=fix) from error


def is_hidden(file: Path, folder: Path) -> bool:
    """Whether Spark leaves a file of a folder out, because its name, or that of a folder below, begins with _ or ."""
    return any(part[0] in "_." for part in file.relative_to(folder).parts)


def union_rows(frames: Sequence[DataFrame]) -> DataFrame:
    """Rows of several reads in one. A column that differs in type becomes text; times with a zone get a Z."""
    types: dict[str, set[str]] = {}
    for name, kind in (pair for frame in frames for pair in frame.dtypes):
        types.setdefault(name, set()).add(kind)
    mixed = {name for name, kinds in types.items() if len(kinds) > 1}
    unified = [
        with_columns(frame, {name: _text_with_zone(frame, name, kind) for name, kind in frame.dtypes if name in mixed})
        for frame in frames
    ]
    return reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), unified)


def _text_with_zone(raw: DataFrame, name: str, spark_type: str) -> Column:
    text = text_column(raw, name)
    return F.concat(text, F.lit("Z")) if spark_type == "timestamp" else text


def name_columns(names: Sequence[str | None], mapped: Sequence[str], where: str) -> list[str]:
    """Names for the columns of a raw log that Spark can tell apart; it ignores case.

    Mapped columns keep their names. Of all others, those without a name are called ``_c`` and their position, and
    those whose name is taken get their position as a suffix.

    Raises:
        InputError: when a mapped column occurs more than once.
    """
    for column in mapped:
        if names.count(column) > 1:
            raise InputError(
                f"Column '{column}' occurs {names.count(column)} times.",
                where=where,
                got=f"columns {', '.join(text or '(no name)' for text in names)}",
                fix="deliver the log with one column of that name, or map another column",
            )
    taken = {name.lower() for name in (*mapped, MALFORMED, CORRUPT, FILE)}
    unique: list[str] = []
    for position, name in enumerate(names):
        unique_name = name or f"_c{position}"
        while name not in mapped and unique_name.lower() in taken:
            unique_name = f"{unique_name}_{position}"
        taken.add(unique_name.lower())
        unique.append(unique_name)
    return unique
