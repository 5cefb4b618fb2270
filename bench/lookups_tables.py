"""Tables of values for the look-up bench, written without Spark: two versions that differ in every value."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from longplay.definitions.signal import Definition

START, DAYS = datetime(2026, 1, 1, tzinfo=UTC), 120
KNOWN_AT = START + timedelta(days=DAYS + 60)
ITEMS, ROWS_PER_USER, CHUNK = 20_000, 25, 500_000
SHIFT = 1_000_000.0
"""How much larger every value of the second version is."""
_TIME = pa.timestamp("us", "UTC")


def value_at(numbers: npt.NDArray[np.int64], version: int) -> npt.NDArray[np.float64]:
    """Compute values of the first (0) or second (1) version by row number."""
    return (numbers % 1_000).astype(np.float64) + version * SHIFT


def t0_of(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Compute times of anchors, in microseconds since 1970: scattered over the days, and distinct for each user."""
    seconds = (numbers * 7_919) % (DAYS * 86_400)
    return (int(START.timestamp()) + seconds) * 1_000_000 + numbers % 1_000_000


def anchor_of(number: int) -> str:
    return f"e{number:031d}"


def user_of(number: int, values: int) -> str:
    return f"u{number % max(1, values // ROWS_PER_USER):09d}"


def item_of(number: int) -> str:
    return f"i{(number * 31) % ITEMS:09d}"


def write_values(folder: Path, values: int, version: int, definitions: list[Definition]) -> int:
    """Rewrite ``signal_values``; row n belongs to definition n modulo their number. Gives the Delta version."""
    first = _rows(np.arange(1, dtype=np.int64), values, version, definitions)
    batches = _batches(values, version, definitions)
    reader = pa.RecordBatchReader.from_batches(first.schema, batches)
    path = str(folder / "signal_values")
    write_deltalake(path, reader, mode="overwrite", partition_by=["settled"])
    return int(DeltaTable(path).version())


def write_release(
    folder: Path, release_id: str, known_at: datetime, version: int, definitions: list[Definition]
) -> None:
    """Append the row that 'longplay release' would write."""
    columns = {
        "release_id": pa.array([release_id]),
        "known_at": pa.array([known_at], _TIME),
        "watermark": pa.array([known_at], _TIME),
        "batch": pa.array([1], pa.int64()),
        "versions": pa.array([[("signal_values", version)]], pa.map_(pa.string(), pa.int64())),
        "definition_hashes": pa.array([[(d.ref, d.hash) for d in definitions]], pa.map_(pa.string(), pa.string())),
        "fingerprint": pa.array([release_id]),
    }
    write_deltalake(str(folder / "releases"), pa.table(columns), mode="append")


def _batches(values: int, version: int, definitions: list[Definition]) -> Iterator[pa.RecordBatch]:
    for begin in range(0, values, CHUNK):
        numbers = np.arange(begin, min(begin + CHUNK, values), dtype=np.int64)
        yield from _rows(numbers, values, version, definitions).to_batches()


def _rows(numbers: npt.NDArray[np.int64], values: int, version: int, definitions: list[Definition]) -> pa.Table:
    def constant(value: object, kind: pa.DataType) -> pa.Array:
        return pa.array([value], kind).take(pa.array(np.zeros(len(numbers), dtype=np.int64)))

    def times(days: int) -> pa.Array:
        return pa.array(t0_of(numbers) + days * 86_400_000_000).cast(_TIME)

    which = pa.array(numbers % len(definitions))
    return pa.table(
        {
            "signal": pa.array([d.ref for d in definitions]).take(which),
            "definition_hash": pa.array([d.hash for d in definitions]).take(which),
            "anchor_id": _ids("e", numbers, 31),
            "user_id": _ids("u", numbers % max(1, values // ROWS_PER_USER), 9),
            "item_id": _ids("i", (numbers * 31) % ITEMS, 9),
            "t0": times(0),
            "t0_day": times(0).cast(pa.date32()),
            "window_end": times(14),
            "matures_at": times(15),
            "state": constant("mature", pa.string()),
            "void_reason": constant(None, pa.string()),
            "value": pa.array(value_at(numbers, version)),
            "prefix": constant(None, pa.float64()),
            "elapsed_share": constant(1.0, pa.float64()),
            "known_ts": times(15),
            "revision": constant(0, pa.int32()),
            "settled": constant(True, pa.bool_()),
            "batch": constant(1, pa.int64()),
        }
    )


def _ids(letter: str, numbers: npt.NDArray[np.int64], width: int) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(letter, digits, "")
