"""The search of the tests for erased people sees into every kind of file; a search of bytes would not."""

import gzip
import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.marked_content import find_marks

MARK = "märk-77"
FILLER = [f"filler {n}" for n in range(3_000)]


def table(mark: str) -> pa.Table:
    return pa.table({"text": [*FILLER, mark, f"{FILLER[0]} {mark}"]})


def write_parquet(file: Path, mark: str) -> None:
    pq.write_table(table(mark), file, compression="zstd", write_statistics=False)


def write_nested_parquet(file: Path, mark: str) -> None:
    pq.write_table(pa.table({"stats": [{"min": name} for name in [*FILLER, mark]]}), file, compression="snappy")


def write_json_in_parquet(file: Path, mark: str) -> None:
    pq.write_table(pa.table({"stats": [*FILLER, json.dumps({"min": mark})]}), file, compression="zstd")


def write_parquet_with_statistics(file: Path, mark: str) -> None:
    pq.write_table(pa.table({"text": [mark]}), file)


def write_arrow(file: Path, mark: str) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(file, table(mark).schema, options=options) as writer:
        writer.write_table(table(mark))


def write_dictionary(file: Path, mark: str) -> None:
    encoded = pa.table({"text": pa.array([*FILLER, mark]).dictionary_encode()})
    with pa.ipc.new_file(file, encoded.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(encoded)


def write_sqlite(file: Path, mark: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE runs (text)")
        # Long values are spread over pages, so their bytes do not lie together.
        database.executemany("INSERT INTO runs VALUES (?)", [("x" * n + mark,) for n in range(4_050, 4_100)])


def write_json(file: Path, mark: str) -> None:
    file.write_text(json.dumps({"rows": [{"user": mark}]}), encoding="utf-8")


def write_json_lines(file: Path, mark: str) -> None:
    lines = [{"add": {"stats": json.dumps({"minValues": {"user": mark}})}}, {"commitInfo": {}}]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")


def write_zip(file: Path, mark: str) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.json", json.dumps(["x" * 1_000, mark]))


def write_gzip(file: Path, mark: str) -> None:
    file.write_bytes(gzip.compress(json.dumps({"user": mark, "more": FILLER}).encode()))


def write_text(file: Path, mark: str) -> None:
    file.write_bytes(b"\xff\x00" + f"<td>{mark}</td>".encode())


WRITERS: list[Callable[[Path, str], None]] = [
    write_parquet,
    write_nested_parquet,
    write_json_in_parquet,
    write_parquet_with_statistics,
    write_arrow,
    write_dictionary,
    write_sqlite,
    write_json,
    write_json_lines,
    write_zip,
    write_gzip,
    write_text,
]
HIDDEN = (write_parquet, write_json_in_parquet, write_arrow, write_json, write_json_lines, write_zip, write_gzip)
"""Kinds of files whose bytes do not show the mark."""


@pytest.mark.parametrize("write", WRITERS)
def test_a_mark_is_seen_in_any_kind_of_file(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    write(file, MARK)
    assert find_marks([tmp_path], [MARK, "other"]) == {file: {MARK}}
    if write in HIDDEN:
        assert MARK.encode() not in file.read_bytes()
    write(file, "nobody") if write is not write_sqlite else file.unlink()
    assert find_marks([tmp_path], [MARK]) == {}


def test_names_of_files_and_folders_count(tmp_path: Path) -> None:
    (tmp_path / f"of {MARK}").mkdir()
    (tmp_path / f"of {MARK}" / "file").touch()
    assert find_marks([tmp_path], [MARK]) == {tmp_path / f"of {MARK}": {MARK}}
