"""Small tables and verdicts of ingest, written without Spark."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake

from tables import catalog
from tests.unit.longplay.small_tables import ARROW

TYPES = {**ARROW, "array<string>": pa.list_(pa.string())}
WHEN = datetime(2026, 5, 4, 10, tzinfo=UTC)
_NUMBERS: dict[str, Any] = {"int": 0, "bigint": 0, "double": 0.0}
NOTHING: dict[str, Any] = {"string": "-", "boolean": False, "timestamp": WHEN, "date": WHEN.date(), **_NUMBERS}


def publish(folder: Path, table: str, rows: Sequence[Mapping[str, Any]], run: str = "", **metadata: Any) -> int:
    """Append rows with defaults for missing columns and a job's commit metadata; returns the version."""
    spec = catalog.get(table)
    schema = pa.schema([(c.name, TYPES[c.type]) for c in spec.columns])
    blank = {c.name: None if c.nullable else NOTHING.get(c.type, []) for c in spec.columns}
    commit_metadata = {"run_id": run, "fingerprint": "f", "inputs": {}, "facts": {}}
    commit_metadata |= {"audit": {"rows": len(rows)}} | metadata
    write_deltalake(
        str(folder / table),
        pa.Table.from_pylist([blank | dict(row) for row in rows], schema=schema),
        mode="append",
        commit_properties=CommitProperties(custom_metadata={"userMetadata": json.dumps(commit_metadata)}),
    )
    return int(DeltaTable(str(folder / table)).version())


def verdict(folder: Path, table: str, run: str, checks: Mapping[str, Any], **profile: int) -> str:
    """Write a verdict of the gate; returns the name of its file."""
    file = folder / "_quality" / f"{table}-{run}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"table": table, "profile": profile, "checks": dict(checks)}), encoding="utf-8")
    return file.name


def counts(**numbers: int) -> list[tuple[str, int]]:
    """Counts of a delivery of events; two underscores stand for the colon."""
    return [(f"events/{name.replace('__', ':')}", number) for name, number in numbers.items()]
