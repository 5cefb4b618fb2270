"""Names the columns of text files by their headers, also where names are missing, repeated or differ only in case."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import DataFrameReader
from pyspark.sql import functions as F

from ingest.raw_columns import FILE, name_columns, with_file_names
from longplay.errors import InputError
from tables.spark import escape_glob

MAX_COLUMNS = 20_000


def read_header(reader: DataFrameReader, path: str, mapped: Sequence[str]) -> tuple[list[str], bool]:
    """The columns of the files of a log.

    Args:
        reader: has the options of their dialect.
        path: their file or folder.
        mapped: the columns that the source file names.

    Returns:
        The names, and whether they are those of the headers, which Spark then compares with every file.

    Raises:
        InputError: when a mapped column is repeated, headers without unique names differ between files, or there are
            more columns than could be processed in reasonable time.
    """
    rows = reader.option("header", True).csv(escape_glob(path))
    _check_width(len(rows.columns), path)
    # Spark replaces missing names by _c and their position, and appends its position to a repeated name.
    if not any(name == f"_c{n}" or name.endswith(str(n)) for n, name in enumerate(rows.columns)):
        return rows.columns, True
    headers = _read_first_lines(reader, path)
    names, are_of_header = name_by_headers(headers, mapped, path)
    first = next(iter(headers.values()), [])
    folders = rows.columns[len(first) :]  # values in the names of folders are columns after those of the files
    return [*names, *folders], are_of_header


def name_by_headers(
    headers: Mapping[str, Sequence[str | None]], mapped: Sequence[str], path: str
) -> tuple[list[str], bool]:
    """Names for the columns of files, and whether they are those of the headers.

    Args:
        headers: the cells of the first line of each file, by its path below ``path``.
        mapped: the columns that the source file names.
        path: file or folder.

    Raises:
        InputError: when headers differ, a mapped column is repeated, or there are too many columns.
    """
    first = next(iter(headers.values()), [])
    _check_width(len(first), path)
    for file, header in headers.items():
        if header != first:
            raise InputError(
                "The files of the log have different columns.",
                where=str(Path(path) / file),
                got=f"columns {_join(header)}; in other files {_join(first)}",
                fix="deliver files with the same columns together, with a name for each column",
            )
    names = name_columns(first, mapped, path)
    return names, names == first


def _check_width(number: int, path: str) -> None:
    if number > MAX_COLUMNS:
        raise InputError(
            f"The header has {number:,} columns.",
            where=path,
            got=f"more than {MAX_COLUMNS:,}",
            fix="check format.delimiter and format.quote in the source file, or deliver the columns that it maps",
        )


def _read_first_lines(reader: DataFrameReader, path: str) -> dict[str, list[str | None]]:
    """The cells of the first line of each file, by its path. Starts a Spark job that reads the files once."""
    lines = with_file_names(reader.option("header", False).csv(escape_glob(path)), path)
    # Columns of cells are called by their position; after them come values in the names of folders.
    cells = F.array(*[name for n, name in enumerate(lines.columns) if name == f"_c{n}"])
    # Lines of a part of a file are numbered in their order, and the parts by where they begin.
    place = F.struct(lines.metadataColumn("_metadata").getField("file_block_start"), F.monotonically_increasing_id())
    first = lines.select(FILE, cells.alias("cells"), place.alias("place")).groupBy(FILE).agg(F.min_by("cells", "place"))
    return {row[0]: row[1] for row in first.orderBy(FILE).collect()}


def _join(header: Sequence[str | None]) -> str:
    return ", ".join(name or "(no name)" for name in header)
