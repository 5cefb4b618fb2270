"""Publishes tables of a few thousand rows without Spark: staged, audited and committed like any other.

A Spark job takes seconds to start, and every run writes these tables. So they go through delta-rs: its own SQL engine
counts the rows that break rules, and the gate validates the counts.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from longplay.delta import open_table, query_rows, read_arrow, read_commits
from longplay.errors import QualityError
from longplay.paths import SourcePaths
from tables.arrow_commit import commit_rows
from tables.checks import GRAIN
from tables.lock import process_lock
from tables.publish import Lineage, PublishedVersion
from tables.spec import TableSpec
from tables.store import PUBLICATION_LOOKBACK_COMMITS

_ARROW_TYPES = {
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
RuleCountsGate = Callable[[TableSpec, Mapping[str, int]], Mapping[str, Any]]
"""Validates the number of ``rows``, of rows that break each rule, and of rows that repeat a grain. Raises
``QualityError``, or returns its audit."""


def read_rows(folder: Path, spec: TableSpec) -> list[dict[str, Any]]:
    """Every row of a small table; none if it was never published.

    Args:
        folder: the folder of the source's tables.
        spec: the table.

    Raises:
        StoreError: when it is corrupted.
    """
    path = SourcePaths(folder).table(spec.name)
    rows: list[dict[str, Any]] = read_arrow(path).to_pylist() if _is_table(path) else []
    return rows


def read_commit_metadata(folder: Path, spec: TableSpec) -> dict[str, Any]:
    """What the newest publication of a small table recorded in its commit; empty if there is none."""
    path = SourcePaths(folder).table(spec.name)
    if not _is_table(path):
        return {}
    newest_first = read_commits(open_table(path), PUBLICATION_LOOKBACK_COMMITS)
    return next((metadata for _, metadata in newest_first if metadata), {})


def publish_rows(
    folder: Path, spec: TableSpec, rows: Sequence[Row], lineage: Lineage, gate: RuleCountsGate
) -> PublishedVersion:
    """Stage rows, audit them, and commit them as one version.

    ``replace`` tables are overwritten. ``append`` tables gain only rows whose key is new, so a run that is repeated
    adds nothing.

    Args:
        folder: the folder of the source's tables.
        spec: the table; its types are string, bigint, int, double, boolean, date, timestamp and maps of these.
        rows: the new content, or what is added; a value for every column.
        lineage: what they were made from.
        gate: audits the staged rows.

    Raises:
        QualityError: naming the rules that rows break. Nothing is published and the rows are kept under ``rejected/``.
        StoreError: when another process holds the table for ten minutes.
    """
    paths = SourcePaths(folder)
    path = paths.table(spec.name)
    with process_lock(paths.lock(spec.name), f"Another process has been writing '{spec.name}'", path):
        if spec.mode == "append" and _is_table(path):
            rows = _new_rows(rows, read_arrow(path, list(spec.grain)).to_pylist(), spec)
            if not rows:
                return PublishedVersion(spec.name, _newest_version(path), 0, False, "no new rows")
        staged = pa.Table.from_pylist([_arrow_cells(row) for row in rows], schema=_schema(spec))
        audit = _audit(paths, spec, staged, lineage, gate)
        base_version = _newest_version(path) if _is_table(path) else -1
        metadata = {**asdict(lineage), "audit": audit}
        commit_rows(path, staged, spec, metadata, base_version, replace_all=spec.mode != "append")
        return PublishedVersion(spec.name, _newest_version(path), len(rows), True, "published")


def _is_table(path: Path) -> bool:
    return bool(DeltaTable.is_deltatable(str(path)))


def _newest_version(path: Path) -> int:
    return int(DeltaTable(str(path)).version())


def _schema(spec: TableSpec) -> pa.Schema:
    # Nullable in the file: the rule that a column may not be null names the rows that break it.
    return pa.schema([pa.field(column.name, _ARROW_TYPES[column.type]) for column in spec.columns])


def _arrow_cells(row: Row) -> dict[str, Any]:
    return {name: list(cell.items()) if isinstance(cell, Mapping) else cell for name, cell in row.items()}


def _new_rows(rows: Sequence[Row], published: Sequence[Row], spec: TableSpec) -> list[Row]:
    published_keys = {tuple(row[name] for name in spec.grain) for row in published}
    return [row for row in rows if tuple(row[name] for name in spec.grain) not in published_keys]


def _audit(
    paths: SourcePaths, spec: TableSpec, staged: pa.Table, lineage: Lineage, gate: RuleCountsGate
) -> dict[str, Any]:
    """The gate's audit of the rows. Rows that it refuses are kept."""
    staging = paths.staging(spec.name, lineage.run_id)
    shutil.rmtree(staging, ignore_errors=True)
    try:
        write_deltalake(str(staging), staged)
        return dict(gate(spec, _count_violations(spec, staging)))
    except QualityError:
        rejected = paths.rejected(spec.name, lineage.run_id)
        rejected.mkdir(parents=True, exist_ok=True)
        pq.write_table(staged, rejected / "rows.parquet")
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _count_violations(spec: TableSpec, staging: Path) -> dict[str, int]:
    """Rows, rows that break each rule, and rows that repeat a grain."""
    columns = [
        f'coalesce(sum(CASE WHEN {_standard_sql(rule.violation)} THEN 1 ELSE 0 END), 0) AS "{rule.name}"'
        for rule in spec.all_rules()
    ]
    grain = ", ".join(f'"{name}"' for name in spec.grain)
    repeated = f"SELECT coalesce(sum(n - 1), 0) AS n FROM (SELECT count(*) AS n FROM rows GROUP BY {grain}) AS g"
    (violations,) = query_rows(staging, f"SELECT count(*) AS rows, {', '.join(columns)} FROM rows")
    (repeats,) = query_rows(staging, repeated)
    return {**{name: int(count) for name, count in violations.items()}, GRAIN: int(repeats["n"])}


def _standard_sql(condition: str) -> str:
    """A rule's condition with names quoted as in standard SQL instead of as in Spark."""
    return condition.replace("`", '"')
