"""Small tables of signal values, written with deltalake."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from longplay.definitions.signal import Definition

KNOWN_AT = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("signal", pa.string()),
        ("definition_hash", pa.string()),
        ("anchor_id", pa.string()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("t0", pa.timestamp("us", tz="UTC")),
        ("t0_day", pa.date32()),
        ("window_end", pa.timestamp("us", tz="UTC")),
        ("matures_at", pa.timestamp("us", tz="UTC")),
        ("state", pa.string()),
        ("void_reason", pa.string()),
        ("value", pa.float64()),
        ("prefix", pa.float64()),
        ("elapsed_share", pa.float64()),
        ("known_ts", pa.timestamp("us", tz="UTC")),
        ("revision", pa.int32()),
        ("settled", pa.bool_()),
        ("batch", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Row:
    """One row. ``late`` is how long after maturity a revision was known."""

    anchor: str
    t0: datetime
    state: str = "mature"
    value: float | None = None
    prefix: float | None = None
    reason: str | None = None
    revision: int = 0
    late: timedelta = timedelta(0)


def day(number: int, hour: int = 12) -> datetime:
    """A moment on a day of January 2026, or of the months after it."""
    return datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=number - 1)


def table(definition: Definition, rows: Sequence[Row]) -> pa.Table:
    """Rows of one signal in the schema of the table of values."""
    return pa.Table.from_pylist([_row(definition, row) for row in rows], SCHEMA)


def write(store: Path, source: str, *parts: pa.Table) -> Path:
    """Write a table of values, one file per part."""
    folder = store / source / "signal_values"
    for part in parts:
        write_deltalake(str(folder), part, mode="append")
    return folder


def write_release(store: Path, source: str, name: str, known_at: datetime, version: int) -> None:
    """Add a release that pins a version of the values."""
    schema = pa.schema(
        [
            ("release_id", pa.string()),
            ("known_at", pa.timestamp("us", tz="UTC")),
            ("watermark", pa.timestamp("us", tz="UTC")),
            ("versions", pa.map_(pa.string(), pa.int64())),
        ]
    )
    row = {"release_id": name, "known_at": known_at, "watermark": known_at, "versions": [("signal_values", version)]}
    write_deltalake(str(store / source / "releases"), pa.Table.from_pylist([row], schema), mode="append")


def _row(definition: Definition, row: Row) -> dict[str, object]:
    matures_at = definition.matures_at(row.t0)
    known_ts = KNOWN_AT if row.state == "open" else matures_at + row.late
    return {
        "signal": definition.ref,
        "definition_hash": definition.hash,
        "anchor_id": row.anchor,
        "user_id": f"u-{row.anchor}",
        "item_id": "i",
        "t0": row.t0,
        "t0_day": row.t0.date(),
        "window_end": definition.window_end(row.t0),
        "matures_at": matures_at,
        "state": row.state,
        "void_reason": row.reason,
        "value": row.value,
        "prefix": row.prefix,
        "elapsed_share": 0.5 if row.state == "open" else 1.0,
        "known_ts": known_ts,
        "revision": row.revision,
        "settled": row.state != "open",
        "batch": 1,
    }
