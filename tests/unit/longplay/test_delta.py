"""Tables read through Arrow: with the file system that lets a process end, and with all that a reader asks for."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyarrow import fs

from longplay.delta import open_dataset, read_arrow
from longplay.errors import StoreError
from tests.unit.longplay.test_paths import PACKAGES, REPOSITORY


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "signal values"
    rows = pa.table({"settled": [True, False, True], "number": [1, 2, 3]})
    write_deltalake(str(path), rows, partition_by=["settled"])
    write_deltalake(str(path), rows.slice(0, 1), partition_by=["settled"], mode="append")
    return path


def test_tables_are_read_by_the_file_system_of_arrow(table: Path) -> None:
    """A file system in Python has threads that can abort the process when the interpreter ends."""
    dataset = open_dataset(table)
    assert isinstance(dataset.filesystem, fs.SubTreeFileSystem)
    assert isinstance(dataset.filesystem.base_fs, fs.LocalFileSystem)


def test_no_other_code_opens_a_table_through_arrow() -> None:
    modules = [module for package in PACKAGES for module in (REPOSITORY / package).rglob("*.py")]
    assert len(modules) > 200
    callers = [module for module in modules if re.search(r"\.to_pyarrow_(dataset|table)\(", module.read_text("utf-8"))]
    assert callers == [REPOSITORY / "longplay" / "delta.py"]


def test_columns_of_the_folders_and_conditions_are_read(table: Path) -> None:
    rows = read_arrow(table, ["settled", "number"], [("number", "in", [2, 3])], version=0)
    assert sorted(rows.to_pylist(), key=lambda row: row["number"]) == [
        {"settled": False, "number": 2},
        {"settled": True, "number": 3},
    ]


def test_the_newest_version_is_read_by_default(table: Path) -> None:
    assert sorted(read_arrow(table, ["number"])["number"].to_pylist()) == [1, 1, 2, 3]


def test_a_missing_version_is_named(table: Path) -> None:
    with pytest.raises(StoreError, match="has no version 7"):
        read_arrow(table, version=7)
