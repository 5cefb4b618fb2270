"""Publishes tables of a few thousand rows without Spark: staged, audited and committed like any other.

Starting a Spark job, and a check of a few rows in it, takes seconds. These tables are written in every run, so they go
through delta-rs; its own SQL engine counts what breaks the rules, and the gate judges the counts.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake
from pyspark.sql import DataFrame, SparkSession

from longplay.delta import commits, open_table, query, read_arrow
from longplay.errors import QualityError
from longplay.paths import SourcePaths
from tables.checks import GRAIN
from tables.lock import process_lock
from tables.spec import TableSpec
from tables.store import HOUSEKEEPING, Lineage, Published

_ARROW = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
}
Row = Mapping[str, Any]
Judge = Callable[[TableSpec, Mapping[str, int]], Mapping[str, Any]]
"""Judges ``rows``, how many of them break each rule, and how many repeat a grain; raises, or gives what it found."""


def read_rows(folder: Path, spec: TableSpec) -> list[dict[str, Any]]:
    """Every row of a small table; none where it was never published.

    Args:
        folder: the folder of the source's tables.
        spec: the table.

    Raises:
        StoreError: when it is corrupted.
    """
    path = SourcePaths(folder).table(spec.name)
    rows: list[dict[str, Any]] = read_arrow(path).to_pylist() if DeltaTable.is_deltatable(str(path)) else []
    return rows


def commit_of(folder: Path, spec: TableSpec) -> dict[str, Any]:
    """What a small table's newest commit that says anything says of it; empty where none does."""
    path = SourcePaths(folder).table(spec.name)
    if not DeltaTable.is_deltatable(str(path)):
        return {}
    return next((told for _, told in commits(open_table(path), HOUSEKEEPING) if told), {})


def publish_rows(folder: Path, spec: TableSpec, rows: Sequence[Row], lineage: Lineage, judge: Judge) -> Published:
    """Stage rows, audit them, and commit them as one version.

    ``replace`` tables are overwritten. To ``append`` tables only rows whose grain is not there yet are added, so a run
    that is done again adds nothing.

    Args:
        folder: the folder of the source's tables.
        spec: the table; its types are string, bigint, int, double, boolean, date and timestamp.
        rows: what it shall hold, or what is added; a value for every column.
        lineage: what they were made from.
        judge: the gate.

    Raises:
        QualityError: naming the rules that rows break; nothing is published and the rows stay under ``rejected/``.
        StoreError: when another process holds the table for ten minutes.
    """
    paths = SourcePaths(folder)
    path = paths.table(spec.name)
    with process_lock(paths.lock(spec.name), f"Another process has been writing '{spec.name}'", path):
        there = DeltaTable.is_deltatable(str(path))
        if spec.mode == "append" and there:
            rows = _new(rows, read_arrow(path, list(spec.grain)).to_pylist(), spec)
            if not rows:
                version = int(DeltaTable(str(path)).version())
                return Published(spec.name, version, 0, False, "no new rows")
        staged = pa.Table.from_pylist([dict(row) for row in rows], schema=_schema(spec))
        audit = _audited(paths, spec, staged, lineage, judge)
        note = json.dumps({**asdict(lineage), "audit": audit}, sort_keys=True, default=str)
        write_deltalake(
            str(path),
            staged,
            mode="append" if spec.mode == "append" else "overwrite",
            schema_mode="merge" if spec.mode == "append" else "overwrite",
            commit_properties=CommitProperties(custom_metadata={"userMetadata": note}),
        )
        version = int(DeltaTable(str(path)).version())
        return Published(spec.name, version, len(rows), True, "published")


def _schema(spec: TableSpec) -> pa.Schema:
    # Nullable in the file: that a column may not be null is a rule of the table, and names the rows that break it.
    return pa.schema([pa.field(column.name, _ARROW[column.type]) for column in spec.columns])


def _new(rows: Sequence[Row], known: Sequence[Row], spec: TableSpec) -> list[Row]:
    there = {tuple(row[name] for name in spec.grain) for row in known}
    return [row for row in rows if tuple(row[name] for name in spec.grain) not in there]


def _audited(paths: SourcePaths, spec: TableSpec, staged: pa.Table, lineage: Lineage, judge: Judge) -> dict[str, Any]:
    """What the gate says of the rows; those that it refuses are kept."""
    place = paths.staging(spec.name, lineage.run_id)
    shutil.rmtree(place, ignore_errors=True)
    try:
        write_deltalake(str(place), staged)
        return dict(judge(spec, _profile(spec, place)))
    except QualityError:
        rejected = paths.rejected(spec.name, lineage.run_id)
        rejected.mkdir(parents=True, exist_ok=True)
        pq.write_table(staged, rejected / "rows.parquet")
        raise
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _profile(spec: TableSpec, staged: Path) -> dict[str, int]:
    counts = [
        f'coalesce(sum(CASE WHEN {_sql(r.violation)} THEN 1 ELSE 0 END), 0) AS "{r.name}"' for r in spec.all_rules()
    ]
    grain = ", ".join(f'"{name}"' for name in spec.grain)
    again = f"SELECT coalesce(sum(n - 1), 0) AS n FROM (SELECT count(*) AS n FROM rows GROUP BY {grain}) AS g"
    (whole,) = query(staged, f"SELECT count(*) AS rows, {', '.join(counts)} FROM rows")
    (repeats,) = query(staged, again)
    return {**{name: int(value) for name, value in whole.items()}, GRAIN: int(repeats["n"])}


def _sql(condition: str) -> str:
    """A rule quotes names as Spark does; this engine wants them as the standard does."""
    return condition.replace("`", '"')


def one_row(spark: SparkSession, values: Mapping[str, Any], spec: TableSpec) -> DataFrame:
    """One row of a table whose columns are strings, UTC timestamps and maps."""
    schema = pa.schema([(column.name, _ARROW[column.type]) for column in spec.columns])
    row = {name: list(value.items()) if isinstance(value, Mapping) else value for name, value in values.items()}
    return spark.createDataFrame(pa.Table.from_pylist([row], schema=schema)).select(*spec.column_names())
