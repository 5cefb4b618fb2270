"""Commits rows held in Arrow through delta-rs: a few milliseconds, where Spark takes half a second to plan a write."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from longplay.delta import check_files, open_dataset, open_table
from longplay.errors import StoreError, first_line
from tables.spec import TableSpec

RETENTION = "interval 3650 days"
TABLE_PROPERTIES = {
    "deletedFileRetentionDuration": RETENTION,
    "logRetentionDuration": RETENTION,
    # Readers without Spark ignore deletion vectors, and a file with one still holds the deleted rows.
    "enableDeletionVectors": "false",
}
"""Delta properties (``delta.``) of every new table."""
TRANSACTION_APP = "longplay"
"""Names the writer in Delta's transaction ids."""


def new_transaction_version() -> int:
    """The next transaction id of a commit: microseconds of this machine's clock."""
    return time.time_ns() // 1000


def commit_rows(
    path: Path, rows: pa.Table, spec: TableSpec, metadata: Mapping[str, Any], base_version: int, *, replace_all: bool
) -> None:
    """Add rows to a table, or replace all of its rows.

    Args:
        path: the folder of the table; it is created if there is none.
        rows: the rows; columns that the table lacks are added to it.
        spec: the table.
        metadata: of the commit.
        base_version: the version that the commit must follow (-1: no table).
        replace_all: whether the rows replace all published ones, and their columns those of the table.

    Raises:
        StoreError: when another process has published the table in the meantime, or delta-rs fails. Nothing is changed
            then.
    """
    with _named_errors(path, base_version):
        write_deltalake(
            str(path) if base_version < 0 else DeltaTable(str(path), version=base_version),
            _in_order(rows, spec),
            mode="error" if base_version < 0 else "overwrite" if replace_all else "append",
            schema_mode=None if base_version < 0 else "overwrite" if replace_all else "merge",
            partition_by=list(spec.partition_by) or None,
            configuration={f"delta.{key}": value for key, value in TABLE_PROPERTIES.items()},
            commit_properties=commit_properties(metadata),
        )


def replace_rows(
    path: Path, rows: pa.Table, spec: TableSpec, metadata: Mapping[str, Any], base_version: int, condition: str
) -> None:
    """Add rows to a table and remove those that meet a condition, in one commit. Other files stay as they are.

    Args:
        path: the folder of the table.
        rows: the rows; they need not meet the condition.
        spec: the table.
        metadata: of the commit.
        base_version: the version that the commit must follow.
        condition: SQL over the table's columns.

    Raises:
        StoreError: when another process has published the table in the meantime, or delta-rs fails. Nothing is changed
            then.
    """
    # New rows match no published one. Their columns have names of their own, so that the condition means the table's.
    new = _in_order(rows, spec).rename_columns([f"new {name}" for name in rows.column_names])
    with _named_errors(path, base_version):
        table = DeltaTable(str(path), version=base_version)
        merge = table.merge(new, predicate="false", commit_properties=commit_properties(metadata))
        merge = merge.when_not_matched_insert({f'"{name}"': f'"new {name}"' for name in rows.column_names})
        counts = merge.when_not_matched_by_source_delete(condition).execute()
    if not len(rows) and not counts["num_target_rows_deleted"]:  # delta-rs commits no change that changes nothing
        commit_rows(path, rows, spec, metadata, base_version, replace_all=False)


def _in_order(rows: pa.Table, spec: TableSpec) -> pa.Table:
    """Rows in order of their partition and time, so that readers of a few days read few row groups."""
    order = [*spec.partition_by, *([spec.time] if spec.time else [])]
    return rows.sort_by([(name, "ascending") for name in order]) if order else rows


def commit_properties(metadata: Mapping[str, Any]) -> CommitProperties:
    """What a commit says of itself."""
    # With a transaction id, a writer that uses Spark notices this one. Without retries, only the next version is
    # written.
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps(metadata, sort_keys=True, default=str)},
        app_transactions=[Transaction(TRANSACTION_APP, new_transaction_version())],
        max_commit_retries=0,
    )


@contextmanager
def _named_errors(path: Path, base_version: int) -> Iterator[None]:
    """Raise failures of a commit as ``StoreError``, another process's publication by name."""
    try:
        yield
    except (DeltaError, OSError) as error:
        if _find_newest_version(path) > base_version:
            raise concurrent_publication(path, "a newer version", base_version) from error
        raise StoreError("The rows could not be committed.", where=str(path), got=first_line(error)) from error


def _find_newest_version(path: Path) -> int:
    """The newest version; -1 if there is no table that can be read."""
    try:
        return int(DeltaTable(str(path)).version())
    except (DeltaError, OSError):
        return -1


def concurrent_publication(path: Path, got: str, expected_version: int) -> StoreError:
    """The error of a writer whose table another one has published in the meantime."""
    return StoreError(
        f"Another run published '{path.name}' while this one was building it.",
        where=str(path),
        got=f"{got}, expected {expected_version}",
        fix="run the step again: it adds what is still missing",
    )


def read_published_keys(path: Path, spec: TableSpec, staged: pa.Table, max_rows: int) -> pa.Table | None:
    """The grain of published rows that may equal staged ones: those of the same days. None: more than ``max_rows``.

    Raises:
        StoreError: when the table is corrupted.
    """
    table = open_table(path)
    days = set(staged[spec.time].to_pylist()) if spec.time else set()
    if _count_rows_on(table, spec.time, days) > max_rows:
        return None
    check_files(path)
    condition = _on_days(spec.time, days) if spec.time else None
    return open_dataset(path).to_table(columns=list(spec.grain), filter=condition)


def select_new_rows(staged: pa.Table, published_keys: pa.Table, grain: Sequence[str]) -> pa.Table:
    """Staged rows whose grain is not published, in their order. Grains with a null are always new."""
    names = list(grain)
    keys = staged.select(names).append_column("_row", pa.array(range(len(staged)), pa.int64()))
    published = published_keys.cast(staged.select(names).schema)
    return staged.take(keys.join(published, keys=names, join_type="left anti")["_row"].combine_chunks().sort())


def _count_rows_on(table: DeltaTable, time_column: str | None, days: set[Any]) -> int:
    """Rows of the files that may hold some days."""
    files = table.get_add_actions(flatten=True)
    rows = files["num_records"].to_pylist()
    dated = [day for day in days if day is not None]
    if time_column is None or f"max.{time_column}" not in files.schema.names or not dated or len(dated) < len(days):
        return sum(rows)
    first, last = files[f"min.{time_column}"].to_pylist(), files[f"max.{time_column}"].to_pylist()
    return sum(
        count
        for count, low, high in zip(rows, first, last, strict=True)
        if low is None or (low <= max(dated) and min(dated) <= high)
    )


def _on_days(time_column: str, days: set[Any]) -> pc.Expression:
    column, dated = pc.field(time_column), [day for day in days if day is not None]
    condition = pc.scalar(False)
    if dated:  # the interval lets whole files be skipped
        condition = (column >= min(dated)) & (column <= max(dated)) & column.isin(dated)
    return condition | column.is_null() if None in days else condition


def nullable_schema(spark_schema: str) -> pa.Schema:
    """The Arrow schema of a Spark schema given as JSON, all columns nullable, as Delta stores them."""

    def allow_null(part: dict[str, Any]) -> dict[str, Any]:
        return {**part, **{key: True for key in ("nullable", "containsNull", "valueContainsNull") if key in part}}

    fields = json.loads(spark_schema, object_hook=allow_null)
    return pa.schema(Schema.from_json(json.dumps(fields)).to_arrow())
