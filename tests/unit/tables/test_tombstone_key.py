"""The key of tombstones: whole or absent, its owner's alone, and refused where it is damaged."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from longplay.errors import StoreError
from longplay.paths import SourcePaths
from tables.erasure import tombstone_key
from tables.erasure.tombstone_key import MIN_KEY_LENGTH, make_key, read_key
from tables.erasure.tombstones import Tombstones, find_erased


def write_receipt(folder: Path, mark: str) -> None:
    receipts = SourcePaths(folder).receipts
    receipts.mkdir(parents=True, exist_ok=True)
    (receipts / "000001.json").write_text(json.dumps({"tombstone": mark}), encoding="utf-8")


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first, again = Tombstones.from_source(tmp_path), Tombstones.from_source(tmp_path)
    assert first.mark("u1") == again.mark("u1") != first.mark("u2")
    key = SourcePaths(tmp_path).tombstone_key
    assert len(key.read_text(encoding="ascii")) == MIN_KEY_LENGTH
    assert key.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in key.parent.iterdir()] == [key.name]
    assert key.read_text(encoding="ascii") not in repr(first)


def test_a_key_that_another_process_wrote_meanwhile_stays(tmp_path: Path) -> None:
    file = tmp_path / "key"
    make_key(file)
    before = read_key(file, 0)
    make_key(file)
    assert read_key(file, 0) == before


@pytest.mark.parametrize("moment", ["fsync", "link"])
def test_cut_off_while_the_key_is_written_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    file = SourcePaths(tmp_path).tombstone_key
    with monkeypatch.context() as patched:
        patched.setattr(tombstone_key.os, moment, interrupt)
        with pytest.raises(KeyboardInterrupt):
            Tombstones.from_source(tmp_path)
    assert not file.exists()
    assert len(read_key(Tombstones.from_source(tmp_path).key_file, 0)) == MIN_KEY_LENGTH


@pytest.mark.parametrize("text", ["", "ab12", "\n"])
def test_an_empty_or_short_key_is_refused(tmp_path: Path, text: str) -> None:
    file = SourcePaths(tmp_path).tombstone_key
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="ascii")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Tombstones.from_source(tmp_path)
    assert caught.value.got == f"{len(text.strip())} of 64 characters"
    assert caught.value.fix.startswith("delete the file: nobody was erased with it")
    write_receipt(tmp_path, "a mark")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Tombstones.from_source_if_any(tmp_path)
    assert "1 erased people are recognised by it" in caught.value.fix


def test_a_missing_key_is_not_replaced_where_people_were_erased(tmp_path: Path) -> None:
    write_receipt(tmp_path, Tombstones.from_source(tmp_path).mark("u1"))
    key = SourcePaths(tmp_path).tombstone_key
    os.rename(key, tmp_path / "backup")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Tombstones.from_source(tmp_path)
    assert caught.value.got == "FileNotFoundError"
    assert not key.exists()
    os.rename(tmp_path / "backup", key)
    assert Tombstones.from_source(tmp_path).marks == {Tombstones.from_source(tmp_path).mark("u1")}


def test_ids_and_words_of_texts_are_recognised_by_their_hash(tmp_path: Path) -> None:
    tombstones = Tombstones.from_source(tmp_path)
    key, marks = read_key(tombstones.key_file, 0), frozenset({tombstones.mark("u7"), tombstones.mark("u.8")})
    users = pa.array(["u7", "u70", "u7", None, None, None, "u1"])
    texts = pa.array([None, None, "other", "a;u7;b", "a,u.8,b", "u70 au7", "x 'u7'"])
    assert find_erased(users, texts, key, marks).to_pylist() == [True, False, True, True, True, False, True]
    assert find_erased(users, pa.nulls(7, pa.string()), key, marks).to_pylist() == [True, False, True] + 4 * [False]
    assert find_erased(users, texts, key[::-1], marks).to_pylist() == 7 * [False]
