"""Counts the rows of raw files without the parser that reads them, so that none is lost unseen. Starts no Spark."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.raw_columns import list_files
from longplay.delta import has_deletion_vectors, open_dataset

JAVA_BLANKS = "".join(map(chr, range(33)))
"""Spark takes a line of these alone for an empty one, and drops them after a closing quote."""


def count_lines(path: Path, encoding: str) -> int:
    """The lines of all files that are not blank."""
    return sum(1 for file in list_files(path) for line in _lines(file, encoding) if line.strip(" \n\ufeff"))


def count_cells_rows(
    path: Path, encoding: str, delimiter: str, quote: str, escape: str | None, *, has_header: bool
) -> int:
    """The rows of text files of cells, without their headers.

    Lines are rows, but where quoted cells go on in the next line. There, Python's own parser counts. Where a quote is
    never closed, lines are rows.

    Args:
        path: file or folder.
        encoding: of the text.
        delimiter: what separates cells.
        quote: what encloses cells; empty: nothing does.
        escape: what stands before a quote inside a cell, if it is not the quote itself.
        has_header: whether the first line of each file names the columns.
    """
    files = list_files(path)
    open_lines = [count_open_lines(_lines(file, encoding), quote, escape) for file in files] if quote else []
    has_line_breaks = has_line_breaks_in_cells(open_lines)
    rows = 0
    for file in files:
        lines = _lines(file, encoding)
        if has_line_breaks:
            number = sum(1 for cells in _parse(lines, delimiter, quote, escape) if cells)
        else:
            number = sum(1 for line in lines if line.strip(JAVA_BLANKS))
        rows += max(number - has_header, 0)
    return rows


def count_parquet_rows(path: Path) -> int:
    """The rows that the footers of Parquet files state."""
    return sum(pq.read_metadata(file).num_rows for file in list_files(path))


def count_delta_rows(path: Path) -> int | None:
    """The rows that the files of a Delta table hold; None where some of them are marked as deleted."""
    return None if has_deletion_vectors(path) else int(open_dataset(path).count_rows())


def _lines(file: Path, encoding: str) -> Iterator[str]:
    """Lines with their end as a line feed; bytes that are not of the encoding are replaced."""
    with pa.input_stream(str(file), compression="detect") as stream:
        yield from io.TextIOWrapper(stream, encoding=encoding, errors="replace")


def count_open_lines(lines: Iterator[str], quote: str, escape: str | None) -> int:
    """The lines with an odd number of quotes; an escaped quote is none."""
    if escape not in (None, quote):
        lines = (line.replace(f"{escape}{escape}", "").replace(f"{escape}{quote}", "") for line in lines)
    return sum(line.count(quote) % 2 for line in lines)


def has_line_breaks_in_cells(open_lines: Sequence[int]) -> bool:
    """Whether cells go on in the next line, by the number of lines with an open quote in each file."""
    return any(open_lines) and all(number % 2 == 0 for number in open_lines)


def _parse(lines: Iterator[str], delimiter: str, quote: str, escape: str | None) -> Iterator[Sequence[str]]:
    csv.field_size_limit(sys.maxsize)
    has_escape = escape not in (None, quote)
    return csv.reader(
        lines,
        delimiter=delimiter[-1],  # of several characters, the last stands before a cell
        quotechar=quote,
        doublequote=not has_escape,
        escapechar=escape if has_escape else None,
    )
