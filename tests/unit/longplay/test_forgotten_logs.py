"""A log that is forgotten: nothing older than its newest version is left, and cut off at any moment it can be read."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from longplay.delta import open_table, truncate_log

VERSIONS = 6


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of several versions, with a checkpoint between them."""
    for number in range(VERSIONS):
        write_deltalake(tmp_path / "t", pa.table({"n": [number]}), mode="append")
        if number == 2:
            DeltaTable(tmp_path / "t").create_checkpoint()
    return tmp_path / "t"


def rows(path: Path) -> list[int]:
    return sorted(open_table(path).to_pyarrow_table()["n"].to_pylist())


def test_only_the_newest_version_is_left(table: Path) -> None:
    truncate_log(table)
    names = [file.name for file in (table / "_delta_log").iterdir() if file.is_file()]
    assert {name[:20] for name in names if name[0] != "_"} == {f"{VERSIONS - 1:020d}"}
    assert rows(table) == list(range(VERSIONS))


@pytest.mark.parametrize("removed", range(VERSIONS))
def test_cut_off_it_can_be_read_and_forgotten_again(table: Path, removed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left, unlink = [removed], Path.unlink

    def until_cut_off(file: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        unlink(file)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", until_cut_off)
        with pytest.raises(KeyboardInterrupt):
            truncate_log(table)
    assert rows(table) == list(range(VERSIONS))
    truncate_log(table)
    assert rows(table) == list(range(VERSIONS))
    assert len(list((table / "_delta_log").glob("*.json"))) == 1
