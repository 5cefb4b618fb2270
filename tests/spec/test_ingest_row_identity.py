"""Rows are the same when the values that identify them are, to the last digit of the source's times."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from tests.unit.ingest.small_logs import HEADER, build_source, counts, judged, write_csv

pytestmark = pytest.mark.spark

START = 1_777_800_000_000_000_000
"""2026-05-03 in nanoseconds."""


@pytest.mark.parametrize(("kind", "step"), [("ns", 137), ("us", 1_000), ("us", 137_000), ("ms", 1_000_000)])
@pytest.mark.parametrize("key", [[], ["who", "when"]], ids=["without a key", "with a key"])
def test_events_of_a_millisecond_are_several(
    spark: SparkSession, tmp_path: Path, kind: str, step: int, key: list[str]
) -> None:
    per_unit = {"ns": 1, "us": 1_000, "ms": 1_000_000}[kind]
    times = pa.array([(START + n * step) // per_unit for n in range(20)], pa.int64()).cast(pa.timestamp(kind, "UTC"))
    same = {name: ["a"] * 20 for name in ("who", "what")} | {"how": ["tap"] * 20, "much": [1.0] * 20}
    pq.write_table(pa.table({**same, "when": times}), tmp_path / "log.parquet")
    source = build_source(format={"type": "parquet"}, events__key=key)
    assert counts(spark, tmp_path / "log.parquet", source) == {"read": 20, "clean": 20}


@pytest.mark.parametrize(
    ("form", "times"),
    [
        ("iso", ["2026-05-03T10:00:00.123456789Z", "2026-05-03T10:00:00.123456788Z", "2026-05-03T10:00:00.123456Z"]),
        ("unix_ns", ["1777800000000000001", "1777800000000000002", "1777800000000000000"]),
        ("unix_s", ["1777800000.0000000015", "1777800000.000000001", "1777800000"]),
        ("unix_ms", ["1777800000000.0001", "1777800000000.0002", "1777800000000"]),
        ("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", [f"2026-05-03 10:00:00.00000000{n}" for n in range(3)]),
    ],
)
def test_text_is_compared_to_its_last_digit(spark: SparkSession, tmp_path: Path, form: str, times: list[str]) -> None:
    source = build_source(events__time={"column": "when", "format": form})
    log = write_csv(tmp_path / "log.csv", [f"ann,song,{time},tap," for time in (*times, times[0])])
    assert counts(spark, log, source) == {
        "read": 4, "clean": 3, "raw:duplicate": 1, "exclusive:duplicate": 1,
    }  # fmt: skip


def test_a_moment_is_one_however_it_is_written(spark: SparkSession, tmp_path: Path) -> None:
    forms = ["2026-05-03T10:00:00Z", "2026-05-03 10:00:00.000", "2026-05-03T12:00+02:00", "20260503T100000Z"]
    log = write_csv(tmp_path / "log.csv", [f"ann,song,{form},tap,{much}" for form in forms for much in ("1", "1.0")])
    assert counts(spark, log, build_source())["clean"] == 1
    (event,) = judged(spark, log, build_source()).where("reason IS NULL").collect()
    assert event["event_ts"].replace(tzinfo=UTC) == datetime(2026, 5, 3, 10, tzinfo=UTC)


def test_columns_that_are_not_mapped_tell_rows_apart_only_in_a_key(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", [f"ann,song,2026-05-03,tap,1,{n}" for n in range(3)], (*HEADER, "number"))
    duplicates = judged(spark, log, build_source()).where("reason = 'duplicate'").collect()
    assert {row["message"] for row in duplicates} == {
        "another row of the delivery has the same 'what', 'when', 'who', 'how', 'much'; "
        "if other columns tell them apart, name them in 'key'"
    }
    assert len(duplicates) == 2
    assert counts(spark, log, build_source(events__key=["who", "number"]))["clean"] == 3


def test_times_that_do_not_parse_are_not_each_other(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", ["ann,song,never,tap,", "ann,song,soon,tap,", "ann,song,soon,tap,"])
    assert counts(spark, log, build_source()) == {
        "read": 3, "clean": 0, "raw:bad_time": 3, "exclusive:bad_time": 3, "raw:duplicate": 1,
    }  # fmt: skip
