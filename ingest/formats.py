"""The formats of raw files: one entry of ``FORMATS`` each.

The keys of a source file, the reader, docs/reference and the tests all iterate over this mapping. A new format is a
name in ``FormatName`` and an entry of ``FORMATS``.
"""

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ingest.arrow.cells import Dialect
from ingest.arrow.json_objects import read_json_objects
from ingest.arrow.raw_files import refusal
from ingest.arrow.text_files import read_cells
from ingest.arrow.text_files import read_fixed_width as read_fixed_width_by_arrow
from ingest.arrow.typed_files import read_delta_files
from ingest.csv_header import read_header
from ingest.fixed_width import read_fixed_width
from ingest.json_lines import read_json_lines
from ingest.line_scan import REPLACEMENT, scan_lines
from ingest.parquet_files import read_parquet, read_parquet_in_arrow
from ingest.raw_columns import CORRUPT, MALFORMED, in_all_folders, list_files, raw_column, with_file_names
from ingest.record_count import count_cells_rows, count_delta_rows, count_lines, count_parquet_rows
from longplay.config.strict_model import StrictModel
from longplay.errors import InputError
from tables.spark import escape_glob, is_spark

FormatName = Literal["csv", "tsv", "fixed_width", "jsonl", "parquet", "delta"]


_JAVA_NAMES = {
    "utf-8-sig": "UTF-8",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-32-le": "UTF-32LE",
    "utf-32-be": "UTF-32BE",
    "mac-roman": "x-MacRoman",
}
"""Encodings whose name in Python is none of their names in Java."""


_ALIKE = re.compile(
    r"ascii|utf-(8|16|32)(-[bl]e)?|iso8859-([1-9]|13|15)|cp125\d|cp(437|775|85[02578]|86[0-69])|koi8-[ru]|mac-roman"
)
"""Encodings, by their names in Python, whose bytes Python and Java decode alike. Those of Chinese, Japanese and Korean
differ in some characters."""


def _check_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        examples = "UTF-8, UTF-16, latin1, windows-1252, ISO-8859-15, shift_jis"
        raise ValueError(f"'{name}' is no encoding; write its common name, such as {examples}") from None
    return name


Encoding = Annotated[str, AfterValidator(_check_encoding)]


class FileFormat(StrictModel):
    """How the raw files are written.

    Attributes:
        type: name of one of the formats of raw files.
        columns: names of the columns, for files that do not name them.
        widths: how many characters each of them takes.
        delimiter: what separates cells; default: the format's own.
        quote: what encloses cells; empty: nothing does.
        escape: what stands before a quote inside a cell; default: the quote itself, so that it is doubled (RFC 4180).
        encoding: of the text, by any of its common names.
    """

    type: FormatName
    columns: tuple[str, ...] = ()
    widths: tuple[Annotated[int, Field(ge=1)], ...] = ()
    delimiter: str | None = None
    quote: str = '"'
    escape: str | None = None
    encoding: Encoding = "UTF-8"

    @model_validator(mode="after")
    def _check_keys_apply(self) -> "FileFormat":
        for key in sorted(self.model_fields_set - {"type"} - FORMATS[self.type].keys):
            formats = " and ".join(name for name, raw_format in FORMATS.items() if key in raw_format.keys)
            raise ValueError(f"'{key}' does not apply to {self.type} files, only to {formats}")
        if self.delimiter == "":
            raise ValueError("the delimiter is empty")
        if self.type == "fixed_width":
            self._check_widths()
        return self

    def _check_widths(self) -> None:
        if not self.columns or len(self.columns) != len(self.widths):
            raise ValueError(
                f"fixed_width files need columns and as many widths: {len(self.columns)} and {len(self.widths)}"
            )
        if _java_name(self.encoding).lower().startswith(("utf-16", "utf-32")):
            raise ValueError(f"fixed_width files in {self.encoding} cannot be read: deliver them in UTF-8")


MAX_CELLS = 1_000_000
"""The most cells of a row of text. One that has more cells than there are columns is quarantined."""


Reader = Callable[[SparkSession, str, FileFormat, Sequence[str]], DataFrame]


@dataclass(frozen=True)
class RawFormat:
    """One format of raw files.

    Attributes:
        about: for the reference, how its files are read.
        keys: the keys of ``FileFormat`` that apply to it, besides ``type``.
        count: counts the rows of a file or folder without the parser that reads them; None where that cannot be done.
        read_by_spark: reads a file or folder, given the columns that the source file names. Gives the log's columns,
            ``FILE`` and ``MALFORMED``. A text format also keeps, in ``CORRUPT``, the text of each row that does not
            parse, so that it can be repaired and searched. Grain: raw row.
        read_by_arrow: gives the same rows on other engines, by Python in their workers.
    """

    about: str
    keys: frozenset[str]
    count: Callable[[Path, FileFormat], int | None]
    read_by_spark: Reader
    read_by_arrow: Reader

    def read(self, spark: SparkSession, path: str, file_format: FileFormat, mapped: Sequence[str]) -> DataFrame:
        """The rows of a file or folder, by the reader of the session's engine."""
        if is_spark(spark):
            return self.read_by_spark(spark, path, file_format, mapped)
        if not list_files(Path(path)):
            raise InputError(
                f"The raw log cannot be read as {file_format.type}.", where=path, got="no files", fix="check --data"
            )
        return self.read_by_arrow(spark, path, file_format, mapped)


def _read_text(
    spark: SparkSession, path: str, file_format: FileFormat, mapped: Sequence[str], delimiter: str
) -> DataFrame:
    location = escape_glob(path)
    reader = (
        in_all_folders(spark.read, path)
        .option("sep", file_format.delimiter or delimiter)
        .option("quote", file_format.quote)
    )
    # Spark's own default is the backslash, which no writer of RFC 4180 uses.
    reader = reader.option("escape", file_format.escape or file_format.quote or "\\")
    # By default a row of more than 20,480 cells ends the whole read with an index out of bounds.
    reader = reader.option("maxColumns", MAX_CELLS)
    encoding = _java_name(file_format.encoding)
    reader = reader.option("encoding", encoding)
    scan = scan_lines(spark, path, file_format.quote, file_format.escape, encoding)
    # Only a parser of undivided files finds the end of a cell over several lines. All others are read in parts.
    reader = reader.option("multiLine", scan.has_line_breaks_in_cells)
    names, are_of_header = list(file_format.columns), True
    if not names:
        names, are_of_header = read_header(reader, path, mapped)
    fields = [StructField(name, StringType()) for name in [*names, CORRUPT]]
    rows = (
        reader.option("header", not file_format.columns)
        .option("columnNameOfCorruptRecord", CORRUPT)
        .option("mode", "PERMISSIVE")
        .option("enforceSchema", not are_of_header)
        .schema(StructType(fields))
        .csv(location)
    )
    is_malformed = F.col(CORRUPT).isNotNull()
    if scan.has_undecodable_bytes:
        texts = F.concat(*[F.coalesce(raw_column(name), F.lit("")) for name in names])
        is_malformed = is_malformed | texts.contains(REPLACEMENT)
    return with_file_names(rows, path).withColumn(MALFORMED, is_malformed)


def _read_text_by_arrow(
    spark: SparkSession, path: str, file_format: FileFormat, mapped: Sequence[str], delimiter: str
) -> DataFrame:
    escape = file_format.escape or file_format.quote
    dialect = Dialect(file_format.delimiter or delimiter, file_format.quote, escape)
    return read_cells(spark, path, dialect, _encoding_for_arrow(file_format, path), file_format.columns, mapped)


def _encoding_for_arrow(file_format: FileFormat, path: str) -> str:
    name = codecs.lookup(file_format.encoding).name.removesuffix("-sig")
    if not _ALIKE.fullmatch(name):
        raise refusal(f"the encoding {name}", path, "deliver it in UTF-8")
    return name


def _java_name(encoding: str) -> str:
    name = codecs.lookup(encoding).name
    return _JAVA_NAMES.get(name, name)


def _read_fixed_width(spark: SparkSession, path: str, file_format: FileFormat, _: Sequence[str]) -> DataFrame:
    encoding = _java_name(file_format.encoding)
    return read_fixed_width(spark, path, file_format.columns, file_format.widths, encoding)


def _read_fixed_width_by_arrow(spark: SparkSession, path: str, file_format: FileFormat, _: Sequence[str]) -> DataFrame:
    encoding = _encoding_for_arrow(file_format, path)
    return read_fixed_width_by_arrow(spark, path, file_format.columns, file_format.widths, encoding)


def _read_json_lines(spark: SparkSession, path: str, _: FileFormat, mapped: Sequence[str]) -> DataFrame:
    return read_json_lines(spark, path, mapped)


def _read_parquet(spark: SparkSession, path: str, _: FileFormat, mapped: Sequence[str]) -> DataFrame:
    return read_parquet(spark, path, mapped)


def _read_typed(spark: SparkSession, path: str, _: FileFormat, mapped: Sequence[str], spark_format: str) -> DataFrame:
    location = path if spark_format == "delta" else escape_glob(path)
    return with_file_names(spark.read.format(spark_format).load(location), path).withColumn(MALFORMED, F.lit(False))


def _read_json_by_arrow(spark: SparkSession, path: str, _: FileFormat, mapped: Sequence[str]) -> DataFrame:
    return read_json_objects(spark, path, mapped)


def _read_parquet_by_arrow(spark: SparkSession, path: str, _: FileFormat, mapped: Sequence[str]) -> DataFrame:
    return read_parquet_in_arrow(spark, path, mapped)


def _read_delta_by_arrow(spark: SparkSession, path: str, *_: object) -> DataFrame:
    return read_delta_files(spark, path)


def _count_text(path: Path, file_format: FileFormat, delimiter: str) -> int:
    delimiter = file_format.delimiter or delimiter
    encoding, quote, escape = _python_name(file_format.encoding), file_format.quote, file_format.escape
    return count_cells_rows(path, encoding, delimiter, quote, escape, has_header=not file_format.columns)


def _python_name(encoding: str) -> str:
    """The encoding, with a byte order mark left out if there is one."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _count_lines(path: Path, file_format: FileFormat) -> int:
    return count_lines(path, _python_name(file_format.encoding))


_TEXT_KEYS = frozenset({"columns", "delimiter", "quote", "escape", "encoding"})
FORMATS: Mapping[FormatName, RawFormat] = {
    "csv": RawFormat(
        "Text, cells separated by commas. Every column is read as text.",
        _TEXT_KEYS,
        partial(_count_text, delimiter=","),
        partial(_read_text, delimiter=","),
        partial(_read_text_by_arrow, delimiter=","),
    ),
    "tsv": RawFormat(
        "Text, cells separated by tabs. Every column is read as text.",
        _TEXT_KEYS,
        partial(_count_text, delimiter="\t"),
        partial(_read_text, delimiter="\t"),
        partial(_read_text_by_arrow, delimiter="\t"),
    ),
    "fixed_width": RawFormat(
        "Text, one row per line, its `columns` at fixed places, each as many characters wide as `widths` says. Every "
        "column is read as trimmed text.",
        frozenset({"columns", "widths", "encoding"}),
        _count_lines,
        _read_fixed_width,
        _read_fixed_width_by_arrow,
    ),
    "jsonl": RawFormat(
        "JSON lines: one object a line, in UTF-8. Every field is read as text; `device.os` names a nested one.",
        frozenset(),
        _count_lines,
        _read_json_lines,
        _read_json_by_arrow,
    ),
    "parquet": RawFormat(
        "Parquet files, with the types of their columns.",
        frozenset(),
        lambda path, _: count_parquet_rows(path),
        _read_parquet,
        _read_parquet_by_arrow,
    ),
    "delta": RawFormat(
        "The newest version of a Delta table, with the types of its columns.",
        frozenset(),
        lambda path, _: count_delta_rows(path),
        partial(_read_typed, spark_format="delta"),
        _read_delta_by_arrow,
    ),
}
