"""A person's id is recognised as a word, in every kind of file that a store holds."""

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables.erasure.person_search import PersonSearch


@pytest.mark.parametrize(
    ("user", "text", "names"),
    [
        ("u7", "u7", True),
        ("u7", "a;u7;b", True),
        ("u7", "u70", False),
        ("u7", "xu7", False),
        ("u.8", "user u.8, again", True),
        ("u.8", "ux8", False),
        ("2024", "2024-05-01", False),
        ("7", "10:7:00", False),
        ("7", "0.7", False),
        ("7", "user 7.", True),
        ("jürgen", json.dumps(["jürgen"]), True),
        ("jürgen", json.dumps(["jürgens"]), False),
    ],
)
def test_an_id_is_a_word(user: str, text: str, names: bool) -> None:
    assert PersonSearch(user).names_person(text) == names


def test_files_are_decoded(tmp_path: Path) -> None:
    texts = pa.array([f"filler {n}" for n in range(2_000)] + ["jürgen"])
    nested = pa.array([["x"]] * 2_000 + [["y", "maria"]])
    pq.write_table(pa.table({"text": texts, "nested": nested}), tmp_path / "rows.parquet", compression="zstd")
    with zipfile.ZipFile(tmp_path / "weights.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", "x" * 5_000 + " jürgen maria")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as database, database:
        database.execute('CREATE TABLE "a ""table""" (text)')
        database.execute('INSERT INTO "a ""table""" VALUES (?)', ("x" * 9_000 + " jürgen maria",))
    (tmp_path / "verdict.json").write_text(json.dumps({"row": "jürgen", "other": "maria"}), encoding="utf-8")
    files = sorted(tmp_path.iterdir())
    assert len(files) == 4
    for file in files:
        assert PersonSearch("jürgen").is_in_file(file), file
        assert PersonSearch("maria").is_in_file(file), file
        assert not PersonSearch("mari").is_in_file(file), file
