"""Small publications are committed by delta-rs, large ones by Spark: the tables are the same."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from longplay.errors import StoreError
from tables.arrow_commit import commit_rows, read_published_keys, replace_rows, select_new_rows
from tables.checksum import checksum
from tables.publish import EVERYTHING, Lineage, WritableStore
from tables.small_data import SmallData
from tables.spec import Mode, TableSpec, columns

pytestmark = pytest.mark.spark

ALL_TYPES = columns("""
    id      | string                           | which
    day     | date?                            | when
    at      | timestamp?                       | when exactly
    large   | bigint?                          | a number
    small   | int?                             | a number
    share   | double?                          | a number
    yes     | boolean                          | a flag
    counts  | map<string,bigint>?              | counts by name
    names   | array<string>?                   | names
    pairs   | array<struct<k:bigint,v:double>>? | pairs
""")
FULL = (
    date(2026, 5, 1), datetime(1969, 7, 20, 20, 17, 40, 123456, UTC), -(2**63), 2**31 - 1, 0.1, True, {"a": 1}, ["x"],
    [(1, 0.5)],
)  # fmt: skip
EMPTY = (None, None, None, None, None, False, None, None, None)


def publish_row_counts(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
    return {"rows": frame.count()}


def rows(spark: SparkSession, *given: tuple[Any, ...]) -> DataFrame:
    return spark.createDataFrame(list(given), ", ".join(f"{c.name} {c.type}" for c in ALL_TYPES))


def described(store: WritableStore) -> list[Any]:
    """What a reader can see of every version of the table, but for who wrote it and when."""
    table = DeltaTable(str(store.path("all")))
    metadata = table.metadata()
    last = json.loads(table.schema().to_json())
    contents = [checksum(store.read("all", version)) for version in range(table.version() + 1)]
    commits = [store.commit_metadata("all", version) for version in range(table.version() + 1)]
    return [contents, commits, last, metadata.partition_columns, metadata.configuration, table.protocol()]


@pytest.mark.parametrize("mode", ["append", "increment", "replace"])
@pytest.mark.parametrize("partition_by", [(), ("yes",)])
def test_both_ways_make_the_same_table(
    spark: SparkSession, tmp_path: Path, mode: Mode, partition_by: Sequence[str]
) -> None:
    """Every type, nulls, rows that are there already, an empty publication, replaced rows, a new column, a rebuild."""
    spec = TableSpec("all", "Test.", ("id",), ALL_TYPES, mode=mode, time="day", partition_by=tuple(partition_by))
    first = rows(spark, ("a", *FULL), ("b", *EMPTY))
    second = rows(spark, ("a", *FULL), ("c", date(2026, 5, 2), *FULL[1:]), ("b", *EMPTY))
    wider = rows(spark, ("d", *FULL)).selectExpr("*", "'calm' AS mood")
    third, empty = rows(spark, ("e", *EMPTY), ("f", *FULL)), first.limit(0)
    replaced = [(third, "id IN ('b')"), (empty, "day >= DATE'2026-05-02' AND yes"), (empty, "id = 'nobody'")]
    publications = [(first, None), (second, None), *(replaced if mode == "increment" else [])]
    publications += [(wider.limit(0), None), (wider, None), (wider, EVERYTHING)]
    tables = []
    for name, small in (("delta-rs", SmallData()), ("spark", SmallData(rows=0))):
        store = WritableStore(tmp_path / name, "shop", lambda: spark, small)
        for number, (frame, replace) in enumerate(publications):
            if mode != "append" or replace is None:
                store.publish(frame, spec, Lineage(f"run-{number}", "f"), publish_row_counts, replace)
        tables.append(described(store))
    assert tables[0] == tables[1]
    assert len(tables[0][0]) == {"append": 3, "replace": 5, "increment": 8}[mode]


def test_a_commit_must_follow_the_version_that_it_builds_on(tmp_path: Path) -> None:
    """Without a lock, of two writers that started from one version only the first commits."""
    spec = TableSpec("facts", "Test.", ("id",), columns("id | string | which"), mode="append")
    path, row = tmp_path / "facts", pa.table({"id": ["a"]})
    commit_rows(path, row, spec, {}, -1, replace_all=False)
    for replace_all in (False, True):
        version = DeltaTable(str(path)).version()
        commit_rows(path, row, spec, {}, version, replace_all=False)
        with pytest.raises(StoreError, match="Another run published 'facts'") as caught:
            commit_rows(path, row, spec, {}, version, replace_all=replace_all)
        assert caught.value.got == f"a newer version, expected {version}"
        with pytest.raises(StoreError, match="Another run published 'facts'"):
            replace_rows(path, row, spec, {}, version, "id = 'a'")
        assert DeltaTable(str(path)).version() == version + 1
    with pytest.raises(StoreError, match="Another run published 'facts'"):
        commit_rows(path, row, spec, {}, -1, replace_all=False)


def test_a_commit_that_fails_names_the_table(tmp_path: Path) -> None:
    """Not even a first one, whose table does not exist yet, is taken for that of another run."""
    spec = TableSpec("facts", "Test.", ("id",), columns("id | string | which"), mode="append")
    (tmp_path / "facts").write_text("a file where the table's folder should be", encoding="utf-8")
    with pytest.raises(StoreError, match="The rows could not be committed") as caught:
        commit_rows(tmp_path / "facts", pa.table({"id": ["a"]}), spec, {}, -1, replace_all=False)
    assert caught.value.where == str(tmp_path / "facts")


def test_new_rows_are_those_of_unpublished_grains() -> None:
    """In their order, doubled ones included; a grain with a null equals no other, as in SQL."""
    staged = pa.table({"id": ["d", "a", None, "c", "d"], "n": [1, 2, 3, 4, 5]})
    published = pa.table({"id": ["a", "b", None]})
    assert select_new_rows(staged, published, ["id"])["n"].to_pylist() == [1, 3, 4, 5]


def test_published_keys_are_read_of_the_same_days_only(tmp_path: Path) -> None:
    """Files of other days do not count against the limit; rows without a day are compared with all files."""
    spec = TableSpec(
        "facts", "Test.", ("id",), columns("id | string | which\nday | date? | when"), mode="append", time="day"
    )
    path = tmp_path / "facts"
    days = [date(2026, 5, 1), date(2026, 5, 2), None]
    for version, day in enumerate(days):
        published = pa.table({"id": [f"{version}-{n}" for n in range(5)], "day": pa.array([day] * 5, pa.date32())})
        commit_rows(path, published, spec, {}, version - 1, replace_all=False)

    def keys(day: date | None, limit: int) -> list[str] | None:
        staged = pa.table({"id": ["x"], "day": pa.array([day], pa.date32())})
        found = read_published_keys(path, spec, staged, limit)
        return None if found is None else sorted(found["id"].to_pylist())

    assert keys(days[1], 10) == [f"1-{n}" for n in range(5)]
    assert keys(days[1], 9) is None  # the file without days may hold any
    assert keys(date(2026, 6, 1), 5) == []
    assert keys(None, 15) == [f"2-{n}" for n in range(5)]
    assert keys(None, 14) is None
