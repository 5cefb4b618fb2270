"""Searches folders for marked texts, decoded by kind of file: bytes alone hide what is compressed or escaped."""

import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

PARQUET, SQLITE, ARROW, GZIP = b"PAR1", b"SQLite format 3\0", b"ARROW1", b"\x1f\x8b"


def find_marks(roots: Iterable[Path], marks: Iterable[str]) -> dict[Path, set[str]]:
    """The files below some folders that hold a marked text, each with the texts it holds; names of files count."""
    marks = set(marks)
    held = {}
    for file in (file for root in roots for file in sorted(root.rglob("*"))):
        found = {mark for mark in marks if mark in file.name}
        if file.is_file():
            found |= marks_in(file.read_bytes(), marks)
        if found:
            held[file] = found
    return held


def marks_in(content: bytes, marks: set[str]) -> set[str]:
    """The marked texts that a file's content holds."""
    missing = set(marks)
    for text in texts_of(content):
        missing -= {mark for mark in missing if mark in text}
        if not missing:
            break
    return marks - missing


def texts_of(content: bytes) -> Iterator[str]:
    """All texts of a file's content: its bytes as text, and what they decode to."""
    yield content.decode("utf-8", errors="replace")
    if content.startswith(PARQUET):
        yield from texts_of_parquet(content)
    elif content.startswith(ARROW):
        yield from texts_of_table(pa.ipc.open_file(content).read_all())
    elif content.startswith(SQLITE):
        yield from texts_of_database(content)
    elif content.startswith(GZIP):
        yield from texts_of(gzip.decompress(content))
    elif zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name
                yield from texts_of(archive.read(name))
    else:
        yield from texts_of_json(content.decode("utf-8", errors="replace"))


def texts_of_parquet(content: bytes) -> Iterator[str]:
    file = pq.ParquetFile(io.BytesIO(content))
    yield str(file.metadata.to_dict())  # with the statistics of columns
    yield from (f"{key!r} {value!r}" for key, value in (file.metadata.metadata or {}).items())
    yield from texts_of_table(file.read())


def texts_of_table(table: pa.Table) -> Iterator[str]:
    for column in table.columns:
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if is_text or pa.types.is_dictionary(column.type):
            values = [str(value) for value in column.unique().to_pylist() if value is not None]
            yield "\n".join(values)
            yield from (text for value in values if value[:1] in "{[" for text in texts_of_json(value))
        elif pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            yield from map(str, column.to_pylist())


def texts_of_database(content: bytes) -> Iterator[str]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content)
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            quoted = table.replace('"', '""')
            yield from (str(row) for row in database.execute(f'SELECT * FROM "{quoted}"'))


def texts_of_json(text: str) -> Iterator[str]:
    """Keys and values of JSON, of one value a line too, and of JSON within texts."""
    for part in [text, *text.splitlines()]:
        try:
            decoded = json.loads(part)
        except ValueError:
            continue
        for leaf in leaves(decoded):
            yield leaf
            if leaf[:1] in ("{", "["):
                yield from texts_of_json(leaf)
        if part is text:
            break


def leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield str(value)
