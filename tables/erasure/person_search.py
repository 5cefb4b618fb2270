"""Searches files for a person's id, decoded: compressed pages and escaped characters hide it from a search of bytes."""

import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_SQLITE_HEADER = b"SQLite format 3\0"


@dataclass(frozen=True)
class PersonSearch:
    """Finds texts that contain an id as a word.

    Attributes:
        user: the id.
    """

    user: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        spellings = {self.user, json.dumps(self.user)[1:-1], json.dumps(self.user, ensure_ascii=False)[1:-1]}
        words = rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(spellings)))})(?!\w)"
        # An id of digits alone is not meant by parts of dates, times and decimal numbers.
        return re.compile(rf"(?<!\d[-.:]){words}(?![-.:]\d)" if self.user.isdigit() else words)

    def names_person(self, text: str) -> bool:
        """Whether a text contains the id, but not as part of a longer word."""
        return self._pattern.search(text) is not None

    def is_in_file(self, file: Path) -> bool:
        """Whether a file contains the id: Parquet, SQLite and archives are decoded, all others read as text.

        A file that is damaged may contain it, and counts as if it did.
        """
        try:
            return any(map(self.names_person, _texts(file)))
        except (pa.ArrowException, sqlite3.Error, zipfile.BadZipFile, OSError):
            return True


def _texts(file: Path) -> Iterator[str]:
    if file.suffix == ".parquet":
        for batch in pq.ParquetFile(file).iter_batches():
            for column in batch.columns:
                is_nested = pa.types.is_nested(column.type)
                yield from map(str, (column if is_nested else column.unique()).to_pylist())
        return
    with file.open("rb") as opened:
        header = opened.read(len(_SQLITE_HEADER))
    if header == _SQLITE_HEADER:
        yield from _texts_of_database(file)
    elif zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield from (archive.read(name).decode("utf-8", errors="replace") for name in archive.namelist())
    else:
        yield file.read_bytes().decode("utf-8", errors="replace")


def _texts_of_database(file: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f"SELECT * FROM {_quoted(table)}"):
                yield from map(str, row)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
