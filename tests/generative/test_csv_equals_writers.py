"""Random CSV, in many dialects and encodings and by writers that share no code, is read back cell by cell."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from pyspark.sql import SparkSession

from ingest.formats import FORMATS, FileFormat
from ingest.raw_columns import MALFORMED

pytestmark = pytest.mark.spark

MAX_ROWS = 8
HEADER = ("n", "the text", 'Weird, "name"', "")
LETTERS = [*'abc  é,;|\t\'""\\#', "NULL", "nan", "1.0"]
LINE_BREAKS = ["\n", "\r\n", "\n\n"]


Rows = list[list[str]]


@dataclass(frozen=True)
class Dialect:
    """How the files of a log are written, by which writer and for a source file."""

    name: str
    file_format: FileFormat
    quoting: int = csv.QUOTE_MINIMAL
    line_end: str = "\n"
    line_breaks: bool = True
    files: int = 230
    write: "Callable[[SparkSession, Path, Rows, Dialect], None]" = lambda *written: write_by_python(*written)

    @property
    def delimiter(self) -> str:
        return self.file_format.delimiter or {"csv": ",", "tsv": "\t"}[self.file_format.type]


def write_by_python(_: SparkSession, path: Path, rows: Rows, dialect: Dialect) -> None:
    text, escape = io.StringIO(newline=""), dialect.file_format.escape
    writer = csv.writer(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.file_format.quote,
        doublequote=escape is None,
        escapechar=escape,
        quoting=dialect.quoting,
        lineterminator=dialect.line_end,
    )
    writer.writerows([HEADER, *rows])
    path.write_bytes(text.getvalue().encode(dialect.file_format.encoding))


def write_by_pandas(_: SparkSession, path: Path, rows: Rows, dialect: Dialect) -> None:
    frame = pd.DataFrame(rows, columns=list(HEADER)).replace({"": None})
    encoding, line_end = dialect.file_format.encoding, dialect.line_end
    frame.to_csv(
        path, index=False, sep=dialect.delimiter, quoting=dialect.quoting, encoding=encoding, lineterminator=line_end
    )


def write_by_arrow(_: SparkSession, path: Path, rows: Rows, dialect: Dialect) -> None:
    columns = zip(HEADER, zip(*rows, strict=True), strict=True)
    options = pa.csv.WriteOptions(delimiter=dialect.delimiter)
    pa.csv.write_csv(pa.table({name: pa.array(cells, pa.string()) for name, cells in columns}), path, options)


def write_by_spark(spark: SparkSession, path: Path, rows: Rows, dialect: Dialect) -> None:
    """A folder of files. Left to itself, Spark trims cells and writes escapes that it cannot read back."""
    options = {"header": True, "escape": '"', "ignoreLeadingWhiteSpace": False, "ignoreTrailingWhiteSpace": False}
    frame = spark.createDataFrame([tuple(row) for row in rows], list(HEADER))
    frame.write.options(**options).csv(str(path), sep=dialect.delimiter)


DIALECTS = (
    Dialect("as pandas and Excel write it", FileFormat(type="csv"), line_end="\r\n"),
    Dialect("as PostgreSQL writes it", FileFormat(type="csv"), csv.QUOTE_ALL),
    Dialect("without line breaks", FileFormat(type="csv"), line_breaks=False),
    Dialect("semicolons in Latin-1", FileFormat(type="csv", delimiter=";", encoding="latin1")),
    Dialect("tabs", FileFormat(type="tsv", encoding="utf-8-sig"), line_breaks=False),
    Dialect("escaped quotes", FileFormat(type="csv", escape="\\"), csv.QUOTE_ALL),
    Dialect("single quotes", FileFormat(type="csv", quote="'", delimiter="|"), csv.QUOTE_ALL),
    Dialect("UTF-16", FileFormat(type="csv", encoding="UTF-16"), line_end="\r\n"),
    Dialect("Windows", FileFormat(type="csv", encoding="windows-1252"), line_end="\r\n", line_breaks=False),
    Dialect("pandas", FileFormat(type="csv"), files=100, write=write_by_pandas),
    Dialect(
        "pandas, Windows",
        FileFormat(type="csv", delimiter=";", encoding="cp1252"),
        csv.QUOTE_NONNUMERIC,
        "\r\n",
        files=100,
        write=write_by_pandas,
    ),
    Dialect("Arrow", FileFormat(type="csv"), files=100, write=write_by_arrow),
    Dialect("Spark", FileFormat(type="tsv"), files=20, write=write_by_spark),
)


def random_cell(rng: np.random.Generator, dialect: Dialect) -> str:
    letters = [*LETTERS, *(LINE_BREAKS if dialect.line_breaks else [])]
    return "".join(letters[n] for n in rng.integers(0, len(letters), rng.integers(0, 7)))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_cell_is_what_was_written(spark: SparkSession, tmp_path: Path, dialect: Dialect) -> None:
    rng = np.random.default_rng(11)
    written: dict[str, list[str]] = {}
    for number in range(dialect.files):
        keys = [f"{number}-{n}" for n in range(rng.integers(1, MAX_ROWS))]
        rows = [[key, *(random_cell(rng, dialect) for _ in HEADER[1:])] for key in keys]
        # Where lines end in CR LF, the parser makes that LF inside cells too.
        written |= {row[0]: [cell.replace(dialect.line_end, "\n") for cell in row[1:]] for row in rows}
        dialect.write(spark, tmp_path / f"{number:03d}.csv", rows, dialect)
    mapped = HEADER[:2]
    frame = FORMATS[dialect.file_format.type].read(spark, str(tmp_path), dialect.file_format, mapped)
    names = [*HEADER[:3], "_c3"]
    rows = frame.select(*[f"`{name}`" for name in names], MALFORMED).collect()
    assert not any(row[MALFORMED] for row in rows)
    read = {row[0]: [cell or "" for cell in row[1:4]] for row in rows}
    different = {key: (read.get(key), cells) for key, cells in written.items() if read.get(key) != cells}
    assert not different, (len(different), list(different.items())[:5])
    assert len(rows) == len(written)
    assert FORMATS[dialect.file_format.type].count(tmp_path, dialect.file_format) == len(written)
