"""Small tables of values and releases, written as the jobs write them, but without Spark."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from longplay.config.duration import DAY
from longplay.registry.registry import Registry
from longplay.registry.registry import default_registry as read_registry
from longplay.server.index.build import build_index
from longplay.server.index.paths import IndexLocation
from tables.catalog import RELEASES, SIGNAL_VALUES

ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
}


@cache
def default_registry() -> Registry:
    return read_registry()


def at(day: int, hour: int = 0) -> datetime:
    """A moment of May 2026 (days above 31 go on into June)."""
    return datetime(2026, 5, 1, hour, tzinfo=UTC) + (day - 1) * DAY


def row(anchor: str, t0: datetime, **changes: Any) -> dict[str, Any]:
    """A mature 'click' of user u and item i with value 1, known a day after t0; ``changes`` say what is otherwise."""
    definition = default_registry().get(changes.pop("signal", "click"))
    values = {
        "signal": definition.ref,
        "definition_hash": definition.hash,
        "anchor_id": anchor,
        "user_id": "u",
        "item_id": "i",
        "t0": t0,
        "t0_day": t0.date(),
        "window_end": t0 + DAY,
        "matures_at": t0 + DAY,
        "state": "mature",
        "void_reason": None,
        "value": 1.0,
        "prefix": None,
        "elapsed_share": 1.0,
        "known_ts": t0 + DAY,
        "revision": 0,
        "batch": 1,
    } | changes
    return values | {"settled": values["state"] != "open"}


def open_row(anchor: str, t0: datetime, known_ts: datetime, **changes: Any) -> dict[str, Any]:
    changed = {"state": "open", "value": None, "prefix": 1.0, "elapsed_share": 0.5, "known_ts": known_ts}
    return row(anchor, t0, **changed | changes)


def void_row(anchor: str, t0: datetime, **changes: Any) -> dict[str, Any]:
    changed = {"state": "void", "void_reason": "outage", "value": None, "elapsed_share": 0.0}
    return row(anchor, t0, **changed | changes)


def write_values(folder: Path, rows: Sequence[Mapping[str, Any]], mode: str = "append") -> int:
    """Write rows to ``signal_values``; returns the version."""
    schema = pa.schema([(column.name, ARROW[column.type]) for column in SIGNAL_VALUES.columns])
    table = pa.Table.from_pylist([dict(values) for values in rows], schema=schema)
    path = str(folder / "signal_values")
    write_deltalake(path, table, mode=mode, partition_by=["settled"])
    return int(DeltaTable(path).version())


def write_release(folder: Path, known_at: datetime, version: int, **changes: Any) -> str:
    """Append a release as ``jobs/release.py`` does; returns its id."""
    hashes = changes.pop("hashes", {d.ref: d.hash for d in default_registry().newest()})
    fingerprint = hashlib.sha256(f"{known_at} {version}".encode()).hexdigest()[:16]
    release = {
        "release_id": f"{known_at:%Y-%m-%d}-{fingerprint[:8]}",
        "known_at": known_at,
        "watermark": known_at,
        "batch": 1,
        "versions": [("signal_values", version)],
        "definition_hashes": list(hashes.items()),
        "fingerprint": fingerprint,
    } | changes
    schema = pa.schema([(column.name, ARROW[column.type]) for column in RELEASES.columns])
    write_deltalake(str(folder / "releases"), pa.Table.from_pylist([release], schema=schema), mode="append")
    return str(release["release_id"])


async def build_here(location: IndexLocation) -> dict[str, Any]:
    """Build an index without a process of its own: the same, sooner."""
    return build_index(location)
