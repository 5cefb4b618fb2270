"""The store: stage, audit, one commit; appends that repeat change nothing; a failing gate leaves all as it was."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from filelock import FileLock
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import tables.lock
from longplay.errors import NotFoundError, QualityError, StoreError
from tables import catalog
from tables.checksum import checksum
from tables.maintenance import compact
from tables.publish import Lineage, WritableStore
from tables.small_data import SmallData
from tables.spark import SPARK_ERRORS
from tables.spec import TableSpec, columns

pytestmark = pytest.mark.spark

COLUMNS = columns("""
    id    | string  | which
    value | double? | how much
""")
FACTS = TableSpec("facts", "Test facts.", ("id",), COLUMNS, mode="append")
TILES = TableSpec("tiles", "Test tiles.", ("id",), COLUMNS)


def counted(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
    return {"rows": frame.count(), "checksum": checksum(frame)}


def refuse(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
    raise QualityError("No.", where=f"table {spec.name}")


BY_DELTA_RS, BY_SPARK = SmallData(), SmallData(rows=0)


@pytest.fixture(params=[BY_DELTA_RS, BY_SPARK], ids=["committed by delta-rs", "committed by Spark"])
def store(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> WritableStore:
    return WritableStore(tmp_path, "shop", lambda: spark, request.param)


def rows(store: WritableStore, **values: float | None) -> DataFrame:
    typed = [(name, None if value is None else float(value)) for name, value in values.items()]
    return store.spark.createDataFrame(typed, "id string, value double")


def content(frame: DataFrame) -> dict[str, float | None]:
    return {row["id"]: row["value"] for row in frame.collect()}


def lineage(run: str = "run-1", fingerprint: str = "f1") -> Lineage:
    return Lineage(run, fingerprint, {"events": 3}, {"known_at": "2026-05-12"})


def test_publish_replace_read_back_and_pin(store: WritableStore) -> None:
    assert not store.exists("tiles")
    assert store.commit_metadata("tiles") == {}
    first = store.publish(rows(store, a=1, b=2), TILES, lineage(), counted)
    assert (first.version, first.rows, first.written) == (0, 2, True)
    two = store.publish(rows(store, b=3, c=None), TILES, lineage("run-2", "f2"), counted)
    assert (two.version, two.rows) == (1, 2)
    assert content(store.read("tiles")) == {"b": 3.0, "c": None}
    assert content(store.read("tiles", 0)) == {"a": 1.0, "b": 2.0}
    assert store.version("tiles") == 1
    assert two.checksum == checksum(store.read("tiles", 1))


def test_the_commit_carries_its_lineage(store: WritableStore) -> None:
    store.publish(rows(store, a=1), TILES, lineage(), counted)
    metadata = store.commit_metadata("tiles")
    assert metadata == {
        "run_id": "run-1",
        "fingerprint": "f1",
        "inputs": {"events": 3},
        "facts": {"known_at": "2026-05-12"},
        "audit": {"rows": 1, "checksum": checksum(rows(store, a=1))},
    }
    # It lies in Delta's own log, where any reader finds it.
    (entry,) = DeltaTable(str(store.path("tiles"))).history()
    assert json.loads(entry["userMetadata"]) == metadata
    assert store.is_up_to_date("tiles", "f1")
    assert not store.is_up_to_date("tiles", "f2")
    assert not store.is_up_to_date("facts", "f1")


def test_appends_add_new_grains_only(store: WritableStore) -> None:
    store.publish(rows(store, a=1, b=2), FACTS, lineage(), counted)
    more = store.publish(rows(store, b=9, c=3), FACTS, lineage("run-2"), counted)
    assert (more.version, more.rows, more.written) == (1, 1, True)
    again = store.publish(rows(store, b=9, c=9), FACTS, lineage("run-3"), counted)
    assert (again.version, again.rows, again.written, again.why) == (1, 0, False, "no new rows")
    assert content(store.read("facts")) == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert content(store.read("facts", 0)) == {"a": 1.0, "b": 2.0}


def test_columns_may_come(store: WritableStore) -> None:
    store.publish(rows(store, a=1), FACTS, lineage(), counted)
    wider = rows(store, b=2).withColumn("mood", F.lit("calm"))
    store.publish(wider, FACTS, lineage("run-2"), counted)
    assert {row["id"]: row["mood"] for row in store.read("facts").collect()} == {"a": None, "b": "calm"}


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        (lambda frame: frame.drop("value"), "value: double published, missing now"),
        (lambda frame: frame.withColumn("value", F.lit("2")), "value: double published, string now"),
        (lambda frame: frame.withColumnRenamed("value", "worth"), "value: double published, missing now"),
    ],
)
def test_columns_may_not_go_or_change_their_type(
    store: WritableStore, changed: Callable[[DataFrame], DataFrame], difference: str
) -> None:
    store.publish(rows(store, a=1), FACTS, lineage(), counted)
    with pytest.raises(StoreError) as caught:
        store.publish(changed(rows(store, b=2)), FACTS, lineage("run-2"), counted)
    assert caught.value.got == difference
    assert "new name and keep the old one" in caught.value.fix
    assert content(store.read("facts")) == {"a": 1.0}
    assert store.version("facts") == 0


def test_what_was_made_beside_another_version_is_refused(store: WritableStore) -> None:
    """Two runs build the same increment: the second to publish would count it twice."""
    parts = TableSpec("parts", "Test increments.", ("id",), COLUMNS, mode="increment")
    assert store.latest("parts") == -1
    store.publish(rows(store, a=1), parts, lineage(), counted, expected_version=-1)
    with pytest.raises(StoreError) as caught:
        store.publish(rows(store, a=1), parts, lineage("run-2"), counted, expected_version=-1)
    assert caught.value.got == "version 0, expected -1"
    assert content(store.read("parts")) == {"a": 1.0}
    store.publish(rows(store, b=2), parts, lineage("run-3"), counted, expected_version=0)
    assert content(store.read("parts")) == {"a": 1.0, "b": 2.0}


def test_a_version_by_date(store: WritableStore) -> None:
    store.publish(rows(store, a=1), TILES, lineage(), counted)
    between = datetime.now(UTC)
    time.sleep(0.01)
    store.publish(rows(store, a=2), TILES, lineage("run-2"), counted)
    assert store.version_on("tiles", between) == 0
    assert store.version_on("tiles", datetime.now(UTC)) == 1
    with pytest.raises(NotFoundError, match="had no version yet"):
        store.version_on("tiles", between - timedelta(days=1))


@pytest.mark.parametrize("spec", [FACTS, TILES])
def test_a_failing_gate_leaves_the_last_good_version(store: WritableStore, spec: TableSpec) -> None:
    store.publish(rows(store, a=1), spec, lineage(), counted)
    with pytest.raises(QualityError):
        store.publish(rows(store, b=2), spec, lineage("run-2"), refuse)
    assert store.version(spec.name) == 0
    assert content(store.read(spec.name)) == {"a": 1.0}
    assert store.commit_metadata(spec.name)["run_id"] == "run-1"
    rejected = store.folder / "rejected" / f"{spec.name}-run-2"
    assert content(store.spark.read.parquet(str(rejected))) == {"b": 2.0}
    assert list((store.folder / "_staging").iterdir()) == []


def test_a_failing_gate_on_the_first_publish_makes_no_table(store: WritableStore) -> None:
    with pytest.raises(QualityError):
        store.publish(rows(store, b=2), TILES, lineage(), refuse)
    assert not store.exists("tiles")
    with pytest.raises(StoreError, match="There is no table 'tiles'"):
        store.read("tiles")


def test_a_build_that_fails_half_way_leaves_nothing(store: WritableStore) -> None:
    broken = rows(store, a=1).selectExpr("id", "raise_error('stop') as value")
    with pytest.raises(SPARK_ERRORS):
        store.publish(broken, TILES, lineage(), counted)
    assert not store.exists("tiles")
    assert list((store.folder / "_staging").glob("*")) == []
    assert store.publish(rows(store, a=1), TILES, lineage(), counted).version == 0  # the lock is free again


def test_what_a_killed_run_left_staged_is_cleared(store: WritableStore) -> None:
    left = store.folder / "_staging" / "tiles-dead-run"
    other = store.folder / "_staging" / "tiles_more-live-run"
    for folder in (left, other):
        folder.mkdir(parents=True)
    store.publish(rows(store, a=1), TILES, lineage(), counted)
    assert not left.exists()
    assert other.exists()


def test_a_locked_table_is_an_error_after_the_wait(store: WritableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.lock, "LOCK_TIMEOUT_S", 0.3)
    store.folder.mkdir(parents=True)
    with FileLock(store.folder / ".tiles.lock"):
        with pytest.raises(StoreError, match="Another process has been writing 'tiles'") as caught:
            store.publish(rows(store, a=1), TILES, lineage(), counted)
        assert store.publish(rows(store, a=1), FACTS, lineage(), counted).written  # another table is free
    assert caught.value.where == str(store.path("tiles"))
    assert not store.exists("tiles")


HOLD = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_makes_this_one_wait(store: WritableStore) -> None:
    store.folder.mkdir(parents=True)
    command = [sys.executable, "-c", HOLD, str(store.folder / ".tiles.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        order: list[str] = []

        def gate(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
            order.append("published" if holder.poll() is not None else "published while locked")
            return counted(frame, spec)

        def release() -> None:
            order.append("released")
            holder.stdin.write("\n")
            holder.stdin.flush()

        timer = threading.Timer(1.0, release)
        timer.start()
        publication = store.publish(rows(store, a=1), TILES, lineage(), gate)
        timer.join()
    assert publication.written
    assert order[0] == "released"
    assert order[1].startswith("published")


def test_a_killed_process_gives_its_lock_back(store: WritableStore) -> None:
    store.folder.mkdir(parents=True)
    command = [sys.executable, "-c", HOLD, str(store.folder / ".tiles.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    assert store.publish(rows(store, a=1), TILES, lineage(), counted).written


def test_small_files_are_written_together_in_order_of_time(store: WritableStore) -> None:
    spec = catalog.get("item_exposure_days")
    for place, number in enumerate([3, 0, 4, 1, 2, 5]):
        day = F.lit(date(2026, 5, 1) + timedelta(days=number))
        frame = store.spark.range(50).select(
            F.col("id").cast("string").alias("item_id"),
            day.alias("event_day"),
            day.alias("known_day"),
            F.lit(1).cast("bigint").alias("exposures"),
            F.lit(place).cast("bigint").alias("batch"),
        )
        store.publish(frame, spec, lineage(f"run-{place}", f"f{place}"), counted)
    before = checksum(store.read(spec.name))
    files, after = compact(store, spec.name)
    assert (files >= 6, after) == (True, 1)
    assert checksum(store.read(spec.name)) == before
    assert store.commit_metadata(spec.name)["fingerprint"] == "f5"
    (file,) = DeltaTable(str(store.path(spec.name))).file_uris()
    days = pq.read_table(file.removeprefix("file://"), columns=["event_day"])["event_day"].to_pylist()
    assert days == sorted(days)
    version = store.version(spec.name)
    assert compact(store, spec.name) == (1, 1)
    assert store.version(spec.name) == version


def test_where_the_lock_does_not_hold_the_later_writer_is_refused(store: WritableStore) -> None:
    """Two machines on a file system that passes no locks on deliver the same rows: they are there once."""
    store.publish(rows(store, z=0), FACTS, lineage(), counted)

    def gate(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
        frame.write.format("delta").mode("append").save(str(store.path(spec.name)))
        return counted(frame, spec)

    with pytest.raises(StoreError, match="Another run published 'facts'") as caught:
        store.publish(rows(store, a=1, b=2), FACTS, lineage("run-2", "f2"), gate)
    assert caught.value.got == "version 1, expected 0"
    again = store.publish(rows(store, a=1, b=2), FACTS, lineage("run-3", "f2"), counted)
    assert (again.written, again.rows) == (False, 0)
    assert content(store.read("facts")) == {"z": 0.0, "a": 1.0, "b": 2.0}
