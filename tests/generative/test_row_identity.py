"""However a log is stored, its rows keep their identity: any order of columns, any types, any further columns."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from ingest.readers import read_raw
from ingest.row_identity import row_key
from ingest.source_config import Source
from tests.unit.ingest.small_logs import build_source

pytestmark = pytest.mark.spark

FILES, READ_AT_ONCE = 60, 30
"""500 files, read 50 at once, take five minutes."""
USERS = [17850, 12345678901, 7, 7, 7, 7]
ITEMS = ["song", "007", "7", "é", "a b", "song"]
AMOUNTS = [Decimal(text) for text in ("40", "0.5", "0.000001", "1500000", "0", "0.1")]
TIMES = [datetime(2026, 5, 3, 10, 0, 0, micros, UTC) for micros in (0, 137, 1, 999_999, 100_000, 999)]
BERLIN = timezone(timedelta(hours=2))
STORED = {
    "who": [
        pa.array([str(user) for user in USERS]),
        *(pa.array(USERS, pa.int64()).cast(kind) for kind in (pa.int64(), pa.float64(), pa.decimal128(24, 2))),
    ],
    "what": [pa.array(ITEMS), pa.array(ITEMS, pa.large_string()), pa.array(ITEMS).dictionary_encode()],
    "how": [pa.array(["play"] * len(USERS))],
    "when": [
        *(pa.array(TIMES, pa.timestamp(unit, "UTC")) for unit in ("us", "ns")),
        *(pa.array([time.replace(tzinfo=None) for time in TIMES], pa.timestamp(unit)) for unit in ("us", "ns")),
        pa.array([time.isoformat() for time in TIMES]),
        pa.array([time.astimezone(BERLIN).isoformat(timespec="microseconds") for time in TIMES]),
        pa.array([time.strftime("%Y-%m-%d %H:%M:%S.%f000Z") for time in TIMES]),
    ],
    "much": [
        pa.array(AMOUNTS, pa.decimal128(20, 6)),
        pa.array([float(amount) for amount in AMOUNTS]),
        pa.array([str(amount) for amount in AMOUNTS]),
    ],
}
EXTRA = [
    pa.array(range(len(USERS)), pa.int64()),
    pa.array(range(len(USERS)), pa.time64("ns")),
    pa.array([[1, 2]] * len(USERS)),
    pa.array([None] * len(USERS), pa.string()),
]
SOURCES = {
    "with a key": build_source(format={"type": "parquet"}, events__key=["when", "who", "what", "how", "much"]),
    "without a key": build_source(format={"type": "parquet"}),
}


def random_table(rng: np.random.Generator) -> pa.Table:
    columns = {name: arrays[rng.integers(len(arrays))] for name, arrays in STORED.items()}
    columns |= {f"extra_{n}": EXTRA[rng.integers(len(EXTRA))] for n in range(rng.integers(4))}
    columns["n"] = pa.array(range(len(USERS)))
    return pa.table({name: columns[name] for name in rng.permutation(list(columns))})


def keys_of(spark: SparkSession, path: Path, source: Source) -> DataFrame:
    raw = read_raw(spark, path, source, source.events)
    return raw.select("n", row_key(raw, source, source.events).alias("key"))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_rows_keep_their_identity(spark: SparkSession, tmp_path: Path, source: Source) -> None:
    rng = np.random.default_rng(5)
    keys: dict[int, set[str]] = {n: set() for n in range(len(USERS))}
    rows = 0
    for _ in range(FILES // READ_AT_ONCE // len(SOURCES)):
        paths = [tmp_path / f"{rows}-{n}.parquet" for n in range(READ_AT_ONCE)]
        for path in paths:
            pq.write_table(random_table(rng), path)
        for n, key in reduce(DataFrame.union, [keys_of(spark, path, source) for path in paths]).collect():
            keys[n].add(key)
            rows += 1
    assert rows == FILES // len(SOURCES) * len(USERS)
    assert {n: len(of_row) for n, of_row in keys.items()} == dict.fromkeys(keys, 1)
    assert len({key for of_row in keys.values() for key in of_row}) == len(USERS)
