"""The formats of raw files: one entry of ``FORMATS`` each.

The keys of a source file, the reader, docs/reference and the tests all iterate over this mapping. A new format is a
name in ``FormatName`` and an entry of ``FORMATS``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pydantic import model_validator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from longplay.config.strict_model import StrictModel

MALFORMED = "_malformed"
"""Boolean column that reading adds: whether a row does not parse."""
CORRUPT = "_corrupt_record"
"""Column that reading text files adds: the text of a row that does not parse."""
FILE = "_file"
"""Column that reading adds: name of the row's file."""

FormatName = Literal["csv", "tsv", "parquet", "delta"]


class FileFormat(StrictModel):
    """How the raw files are written.

    Attributes:
        type: name of one of the formats of raw files.
        columns: names of the columns, for files that do not name them.
        delimiter: what separates cells; default: the format's own.
        quote: what encloses cells; empty: nothing does.
        encoding: of the text.
    """

    type: FormatName
    columns: tuple[str, ...] = ()
    delimiter: str | None = None
    quote: str = '"'
    encoding: str = "UTF-8"

    @model_validator(mode="after")
    def _check_keys_apply(self) -> "FileFormat":
        for key in sorted(self.model_fields_set - {"type"} - FORMATS[self.type].keys):
            formats = " and ".join(name for name, raw_format in FORMATS.items() if key in raw_format.keys)
            raise ValueError(f"'{key}' does not apply to {self.type} files, only to {formats}")
        if self.delimiter == "":
            raise ValueError("the delimiter is empty")
        return self


@dataclass(frozen=True)
class RawFormat:
    """One format of raw files.

    Attributes:
        about: for the reference, how its files are read.
        keys: the keys of ``FileFormat`` that apply to it, besides ``type``.
        read: reads a file or folder: its columns, ``FILE`` and ``MALFORMED``. A text format also keeps, in ``CORRUPT``,
            the text of each row that does not parse, so that it can be repaired and searched. Grain: raw row.
    """

    about: str
    keys: frozenset[str]
    read: Callable[[SparkSession, str, FileFormat], DataFrame]


def _read_text(spark: SparkSession, path: str, file_format: FileFormat, delimiter: str) -> DataFrame:
    separator = file_format.delimiter or delimiter
    reader = spark.read.option("sep", separator).option("quote", file_format.quote)
    reader = reader.option("encoding", file_format.encoding)
    names = list(file_format.columns) or reader.option("header", True).csv(path).columns
    fields = [StructField(name, StringType()) for name in [*names, CORRUPT]]
    rows = (
        reader.option("header", not file_format.columns)
        .option("columnNameOfCorruptRecord", CORRUPT)
        .option("mode", "PERMISSIVE")
        .option("enforceSchema", False)
        .schema(StructType(fields))
        .csv(path)
    )
    return _with_file_names(rows).withColumn(MALFORMED, F.col(CORRUPT).isNotNull())


def _read_typed(spark: SparkSession, path: str, _: FileFormat, spark_format: str) -> DataFrame:
    return _with_file_names(spark.read.format(spark_format).load(path)).withColumn(MALFORMED, F.lit(False))


def _with_file_names(rows: DataFrame) -> DataFrame:
    """Rows with the name of their file, even if the log has a column named ``_metadata``."""
    return rows.select("*", rows.metadataColumn("_metadata").getField("file_name").alias(FILE))


_TEXT_KEYS = frozenset({"columns", "delimiter", "quote", "encoding"})
FORMATS: Mapping[FormatName, RawFormat] = {
    "csv": RawFormat(
        "Text, cells separated by commas. Every column is read as text.", _TEXT_KEYS, partial(_read_text, delimiter=",")
    ),
    "tsv": RawFormat(
        "Text, cells separated by tabs. Every column is read as text.", _TEXT_KEYS, partial(_read_text, delimiter="\t")
    ),
    "parquet": RawFormat(
        "Parquet files, with the types of their columns.", frozenset(), partial(_read_typed, spark_format="parquet")
    ),
    "delta": RawFormat(
        "The newest version of a Delta table, with the types of its columns.",
        frozenset(),
        partial(_read_typed, spark_format="delta"),
    ),
}
