"""Reads text of cells, of fixed width and of JSON objects line by line in Python."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import BooleanType, LongType, StringType, StructField, StructType

from ingest.arrow.cells import Dialect, split_lines, split_rows
from ingest.arrow.raw_files import list_log_files, open_text, order_columns, read_rows, refusal
from ingest.csv_header import name_by_headers
from ingest.line_scan import REPLACEMENT, LineScan
from ingest.raw_columns import CORRUPT, MALFORMED, raw_column
from ingest.record_count import count_open_lines, has_line_breaks_in_cells
from longplay.errors import InputError, first_line

_UNDECODABLE = re.compile("[\udc80-\udcff]")
"""What stands for bytes that are not of the encoding (``surrogateescape``)."""


def rows_schema(names: Sequence[str]) -> StructType:
    """Cells of text, the text of a row that does not parse, and whether it does not."""
    texts = [StructField(name, StringType()) for name in (*names, CORRUPT)]
    return StructType([*texts, StructField(MALFORMED, BooleanType())])


def put_corrupt_last(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The columns of lines in the order in which Spark's readers give them."""
    of_path = [name for name in rows.columns if name not in (*columns, CORRUPT, MALFORMED)]
    return rows.select(*map(raw_column, columns), *of_path, MALFORMED, CORRUPT)


def decoded_lines(file: str, encoding: str) -> Iterator[tuple[str, bool]]:
    """Lines without their ends, and whether all their bytes are text; those that are not are replaced."""
    with open_text(file, encoding, errors="surrogateescape") as lines:
        for line in lines:
            text = line.removesuffix("\n")
            if text.isascii() or not _UNDECODABLE.search(text):
                yield text, True
            else:
                yield text.encode(encoding, "surrogateescape").decode(encoding, "replace"), False


def read_cells(
    spark: SparkSession, path: str, dialect: Dialect, encoding: str, columns: Sequence[str], mapped: Sequence[str]
) -> DataFrame:
    """The rows of text files of cells. Grain: raw row.

    Args:
        spark: the session.
        path: file or folder.
        dialect: how cells are written.
        encoding: of the text, as Python calls it.
        columns: names of the columns; empty: each file has a header.
        mapped: the columns that the source file names.

    Raises:
        InputError: for files that cannot be read, or not as Spark reads them.
    """
    if len(dialect.delimiter) != 1 or len(dialect.quote) > 1 or len(dialect.escape) > 1:
        raise refusal("a delimiter, quote or escape of several characters", path, "write it with one")
    scan = _scan(spark, path, dialect, encoding)
    rows_of = partial(_rows, dialect=dialect, encoding=encoding, in_lines=not scan.has_line_breaks_in_cells)
    names = list(columns) or name_by_headers(_read_headers(path, rows_of), mapped, path)[0]
    schema = rows_schema(names)

    def parse(file: str) -> Iterator[Sequence[object]]:
        for cells, text in islice(rows_of(file), 0 if columns else 1, None):
            named = [cell or None for cell in cells[: len(names)]]
            named += [None] * (len(names) - len(cells))
            is_undecodable = scan.has_undecodable_bytes and any(REPLACEMENT in cell for cell in named if cell)
            is_corrupt = len(cells) != len(names)
            yield [*named, text if is_corrupt else None, is_corrupt or is_undecodable]

    return order_columns(read_rows(spark, path, schema, parse))


def _rows(file: str, dialect: Dialect, encoding: str, *, in_lines: bool) -> Iterator[tuple[list[str], str]]:
    """The cells and the text of each row of a file, also of its header."""
    if in_lines:
        with open_text(file, encoding) as lines:
            yield from split_lines(lines, dialect)
        return
    with open_text(file, encoding, newline="\n") as lines:
        first = next(lines, "")
        if re.match(r"[^\r\n]*\r(?!\n)", first):
            raise refusal("lines that end in CR alone, with line breaks in cells", file, "end them in LF")
        yield from split_rows(chain([first], lines), dialect)


def _scan(spark: SparkSession, path: str, dialect: Dialect, encoding: str) -> LineScan:
    """What the lines of a log show, as :func:`ingest.line_scan.scan_lines` finds it."""
    if encoding.startswith(("utf-16", "utf-32")):
        return LineScan(bool(dialect.quote), False)
    schema = StructType([StructField("open", LongType()), StructField("undecodable", LongType())])

    def scan_file(file: str) -> Iterator[tuple[int, int]]:
        undecodable = 0

        def lines() -> Iterator[str]:
            nonlocal undecodable
            for line, is_decodable in decoded_lines(file, encoding):
                undecodable += not is_decodable
                yield line

        open_lines = count_open_lines(lines(), dialect.quote or "\n", dialect.escape)  # a line holds no line feed
        yield open_lines, undecodable

    files = read_rows(spark, path, schema, scan_file).select("open", "undecodable").collect()
    has_line_breaks = has_line_breaks_in_cells([file["open"] for file in files])
    return LineScan(has_line_breaks, encoding != "utf-8" or any(file["undecodable"] for file in files))


def _read_headers(path: str, rows_of: partial[Iterator[tuple[list[str], str]]]) -> Mapping[str, list[str | None]]:
    """The cells of the first row of each file, by its path below that of the log."""
    headers = {}
    for file in list_log_files(Path(path)):
        try:
            first = next(rows_of(str(file)), None)
        except OSError as error:
            raise InputError(
                "The raw log cannot be read.", where=str(file), got=first_line(error), fix="deliver the file again"
            ) from error
        if first is not None:
            headers[str(file.relative_to(path))] = [cell or None for cell in first[0]]
    first_header = next(iter(headers.values()), [])
    folded = _fold(first_header)
    if len(set(folded)) < len(folded) or None in folded:
        return headers
    # Spark ignores case where it compares headers with unique names.
    return {file: first_header if _fold(header) == folded else header for file, header in headers.items()}


def _fold(header: Sequence[str | None]) -> list[str | None]:
    return [name and name.lower() for name in header]


def read_fixed_width(
    spark: SparkSession, path: str, columns: Sequence[str], widths: Sequence[int], encoding: str
) -> DataFrame:
    """The lines of a file or folder as rows of trimmed text, by the rules of :mod:`ingest.fixed_width`."""
    starts = [sum(widths[:n]) for n in range(len(widths))]
    end, schema = sum(widths), rows_schema(columns)

    def parse(file: str) -> Iterator[Sequence[object]]:
        for line, is_valid in decoded_lines(file, encoding):
            text = line.rstrip("\r\ufeff").lstrip("\ufeff")
            if not text.strip(" "):
                continue
            texts = [text[start : start + width] for start, width in zip(starts, widths, strict=True)]
            cells = [cell.strip(" ") or None for cell in texts]
            is_malformed = not is_valid or len(text) <= starts[-1] or bool(text[end:].strip(" "))
            yield [*cells, text if is_malformed else None, is_malformed]

    return put_corrupt_last(read_rows(spark, path, schema, parse), columns)
