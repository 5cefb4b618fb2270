"""Random CSV, written by Python's csv module in many dialects and encodings, is read back cell by cell."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ingest.formats import FORMATS, FileFormat
from ingest.raw_columns import MALFORMED

pytestmark = pytest.mark.spark

FILES, MAX_ROWS = 230, 8
HEADER = ("n", "the text", 'Weird, "name"', "")
LETTERS = [*'abc  é,;|\t\'""\\#', "NULL", "nan", "1.0"]
LINE_BREAKS = ["\n", "\r\n", "\n\n"]


@dataclass(frozen=True)
class Dialect:
    """How the files of a log are written, for Python and for a source file."""

    name: str
    file_format: FileFormat
    quoting: int = csv.QUOTE_MINIMAL
    line_end: str = "\n"
    line_breaks: bool = True

    @property
    def delimiter(self) -> str:
        return self.file_format.delimiter or {"csv": ",", "tsv": "\t"}[self.file_format.type]


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
)


def random_cell(rng: np.random.Generator, dialect: Dialect) -> str:
    letters = [*LETTERS, *(LINE_BREAKS if dialect.line_breaks else [])]
    return "".join(letters[n] for n in rng.integers(0, len(letters), rng.integers(0, 7)))


def write(path: Path, rows: list[list[str]], dialect: Dialect) -> None:
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


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_cell_is_what_python_wrote(spark: SparkSession, tmp_path: Path, dialect: Dialect) -> None:
    rng = np.random.default_rng(11)
    written: dict[str, list[str]] = {}
    for number in range(FILES):
        keys = [f"{number}-{n}" for n in range(rng.integers(1, MAX_ROWS))]
        rows = [[key, *(random_cell(rng, dialect) for _ in HEADER[1:])] for key in keys]
        # Where lines end in CR LF, the parser makes that LF inside cells too.
        written |= {row[0]: [cell.replace(dialect.line_end, "\n") for cell in row[1:]] for row in rows}
        write(tmp_path / f"{number:03d}.csv", rows, dialect)
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
