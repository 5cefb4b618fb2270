"""A table that is damaged is never read as if it were whole: the error names the file."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from longplay.delta import check_files, open_table
from longplay.errors import StoreError
from tables.publish import Lineage, WritableStore
from tables.spark import explain_spark_error
from tables.spec import TableSpec, columns

pytestmark = pytest.mark.spark

TILES = TableSpec("tiles", "Test tiles.", ("id",), columns("id | bigint | which"), mode="append")


def count_rows(staged: DataFrame, *_: object) -> dict[str, int]:
    return {"rows": staged.count()}


@pytest.fixture(scope="module")
def intact_root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose one table has two versions."""
    root = tmp_path_factory.mktemp("whole")
    store = WritableStore(root, "shop", lambda: spark)
    for number in range(2):
        frame = spark.range(10 * number, 10 * number + 10, numPartitions=1)
        store.publish(frame, TILES, Lineage(f"run-{number}", "f"), count_rows)
    return root


@pytest.fixture
def store(spark: SparkSession, intact_root: Path, tmp_path: Path) -> WritableStore:
    """A copy of it, to be damaged."""
    shutil.copytree(intact_root, tmp_path / "copy")
    return WritableStore(tmp_path / "copy", "shop", lambda: spark)


def data_file(store: WritableStore, version: int) -> Path:
    """The data file that a version added."""
    before = set(open_table(store.path("tiles"), version - 1).file_uris()) if version else set()
    (name,) = set(open_table(store.path("tiles"), version).file_uris()) - before
    return Path(name)


def test_a_whole_table_reads(store: WritableStore) -> None:
    assert store.read("tiles").count() == 20
    assert store.read("tiles", 0).count() == 10


def test_a_missing_data_file(store: WritableStore) -> None:
    missing = data_file(store, 1)
    missing.unlink()
    with pytest.raises(StoreError, match="a data file is missing") as caught:
        store.read("tiles")
    assert caught.value.where == str(missing)
    assert caught.value.got == "no such file"
    assert caught.value.fix
    assert store.read("tiles", 0).count() == 10  # the version before it is whole


def test_a_truncated_data_file(store: WritableStore) -> None:
    cut = data_file(store, 0)
    size = cut.stat().st_size
    cut.write_bytes(cut.read_bytes()[: size // 2])
    with pytest.raises(StoreError, match="a data file is damaged") as caught:
        check_files(store.path("tiles"))
    assert caught.value.where == str(cut)
    assert caught.value.got == f"{size // 2} bytes, committed with {size}"


def test_damage_that_keeps_the_size_is_still_an_error_that_names_the_file(store: WritableStore) -> None:
    rotten = data_file(store, 0)
    rotten.write_bytes(b"\0" * rotten.stat().st_size)
    for checksums in rotten.parent.glob(".*.crc"):
        checksums.unlink()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Spark's own, whichever it is
        store.read("tiles").collect()
    explained = explain_spark_error(caught.value, "build-histories")
    assert rotten.name in explained.got
    assert "\n" not in explained.got


@pytest.mark.parametrize("text", ["garbage {", "", '{"commitInfo": {"timesta', "[1]"])
@pytest.mark.parametrize("version", [0, 1])
def test_garbage_in_the_log(store: WritableStore, text: str, version: int) -> None:
    commit = store.path("tiles") / "_delta_log" / f"{version:020d}.json"
    commit.write_text(text, encoding="utf-8")
    for read in (lambda: store.read("tiles"), lambda: store.version("tiles"), lambda: store.commit_metadata("tiles")):
        with pytest.raises(StoreError, match="The table 'tiles' is corrupted") as caught:
            read()
        assert caught.value.where == str(commit)
        assert caught.value.fix


def test_a_commit_that_is_gone(store: WritableStore) -> None:
    (store.path("tiles") / "_delta_log" / f"{0:020d}.json").unlink()
    with pytest.raises(StoreError, match="The table 'tiles' is corrupted") as caught:
        store.read("tiles")
    assert caught.value.got == "commit 0 is missing"


def test_no_table_and_no_such_version(store: WritableStore) -> None:
    with pytest.raises(StoreError, match="There is no table 'events'") as caught:
        store.read("events")
    assert caught.value.fix == "run 'longplay ingest' first"
    with pytest.raises(StoreError, match="The table 'tiles' has no version 7") as caught:
        store.read("tiles", 7)
    assert caught.value.got == "versions up to 1"


def test_nothing_is_published_over_a_corrupted_table(store: WritableStore) -> None:
    commit = store.path("tiles") / "_delta_log" / f"{1:020d}.json"
    commit.write_text("garbage", encoding="utf-8")
    with pytest.raises(StoreError, match="corrupted"):
        store.publish(store.spark.range(3), TILES, Lineage("run-3", "f"), count_rows)
    assert len(list((store.path("tiles") / "_delta_log").glob("*.json"))) == 2
