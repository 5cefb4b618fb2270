"""Raw times as UTC: zones with daylight saving, Unix times, patterns, offsets, and clocks that disagree."""

from datetime import datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ingest import fact_tables
from ingest.source_config import Source
from longplay.errors import ConfigError
from tests.unit.ingest.small_logs import HEADER, SHOP, build_source, judged, write_csv

pytestmark = pytest.mark.spark

FAR = datetime(9999, 12, 31)


def times(spark: SparkSession, folder: Path, values: list[str], source: Source) -> list[datetime | None]:
    """The event times read from one column of raw times, in order."""
    rows = [f'u{number:02d},song,"{value}",play,40' for number, value in enumerate(values)]
    judged_rows = judged(spark, write_csv(folder / "log.csv", rows), source)
    return [row["event_ts"] for row in judged_rows.orderBy("user_id").collect()]


def test_local_times_around_both_clock_changes(spark: SparkSession, tmp_path: Path) -> None:
    # London goes to summer time on 31 March 2024 at 01:00 UTC and back on 27 October 2024 at 01:00 UTC.
    values = [
        "2024-03-31T00:30:00",
        "2024-03-31T02:30:00",
        "2024-07-01T12:00:00",
        "2024-10-27T00:30:00",
        "2024-10-27T02:30:00",
        "2024-12-01 08:00:00",
    ]
    assert times(spark, tmp_path, values, build_source(time_zone="Europe/London")) == [
        datetime(2024, 3, 31, 0, 30),
        datetime(2024, 3, 31, 1, 30),
        datetime(2024, 7, 1, 11),
        datetime(2024, 10, 26, 23, 30),
        datetime(2024, 10, 27, 2, 30),
        datetime(2024, 12, 1, 8),
    ]


def test_an_offset_in_the_text_beats_the_zone_of_the_source(spark: SparkSession, tmp_path: Path) -> None:
    values = ["2024-07-01T12:00:00Z", "2024-07-01T12:00:00+02:00", "2024-07-01T12:00:00.5-0500", "2024-07-01T12:00:00"]
    assert times(spark, tmp_path, values, build_source(time_zone="Europe/London")) == [
        datetime(2024, 7, 1, 12),
        datetime(2024, 7, 1, 10),
        datetime(2024, 7, 1, 17, 0, 0, 500_000),
        datetime(2024, 7, 1, 11),
    ]


def test_patterns_with_and_without_an_offset(spark: SparkSession, tmp_path: Path) -> None:
    local = build_source(time_zone="America/New_York", events__time={"column": "when", "format": "dd/MM/yyyy HH:mm"})
    assert times(spark, tmp_path, ["03/05/2024 20:15", "05/03/2024 20:15", "2024-05-03"], local) == [
        datetime(2024, 5, 4, 0, 15),
        datetime(2024, 3, 6, 1, 15),
        None,
    ]
    zoned = build_source(
        time_zone="America/New_York", events__time={"column": "when", "format": "yyyy-MM-dd'T'HH:mmXXX"}
    )
    assert times(spark, tmp_path, ["2024-05-03T20:15+00:00"], zoned) == [datetime(2024, 5, 3, 20, 15)]


@pytest.mark.parametrize(
    ("fmt", "values", "expected"),
    [
        (
            "unix_s",
            ["0", "1714766400", "1714766400.25", "999999999999999999", "soon"],
            [datetime(1970, 1, 1), datetime(2024, 5, 3, 20), datetime(2024, 5, 3, 20, 0, 0, 250_000), FAR, None],
        ),
        (
            "unix_ms",
            ["1714766400000", "1714766400001.5", "99999999999999999999"],
            [datetime(2024, 5, 3, 20), datetime(2024, 5, 3, 20, 0, 0, 1500), FAR],
        ),
        ("unix_us", ["1714766400000001", "-2208988800000001"], [datetime(2024, 5, 3, 20, 0, 0, 1), None]),
        ("unix_ns", ["1714766400000001999"], [datetime(2024, 5, 3, 20, 0, 0, 1)]),
    ],
)
def test_unix_times(
    spark: SparkSession, tmp_path: Path, fmt: str, values: list[str], expected: list[datetime | None]
) -> None:
    # Unix times are UTC by definition: the zone of the source does not move them.
    source = build_source(time_zone="Asia/Tokyo", events__time={"column": "when", "format": fmt})
    assert times(spark, tmp_path, values, source) == expected


def test_numbers_are_no_iso_times(spark: SparkSession, tmp_path: Path) -> None:
    assert times(spark, tmp_path, ["1714766400", "20240503"], build_source()) == [None, None]


def test_zones_named_in_the_text_are_used_once(spark: SparkSession, tmp_path: Path) -> None:
    values = [
        "2026-07-01 12:00:00 Europe/Paris",
        "2026-07-01 12:00:00 CET",
        "2026-07-01T12:00:00+05:30[Asia/Kolkata]",
        "2026-07-01T12:00Z",
        "20260701T120000Z",
        "2026-07-01T24:00:00",
        "2026-07-01T12:00:00,123",
        "2026-07-01 12:00:00 IST",  # India, Israel or Ireland
        "2026-12-31T23:59:60Z",  # no clock that Spark knows has a second 60
    ]
    assert times(spark, tmp_path, values, build_source(time_zone="Europe/Berlin")) == [
        datetime(2026, 7, 1, 10),
        datetime(2026, 7, 1, 10),
        datetime(2026, 7, 1, 6, 30),
        datetime(2026, 7, 1, 12),
        datetime(2026, 7, 1, 12),
        datetime(2026, 7, 1, 22),
        datetime(2026, 7, 1, 10, 0, 0, 123_000),
        None,
        None,
    ]


def test_a_pattern_with_an_optional_offset(spark: SparkSession, tmp_path: Path) -> None:
    fmt = {"column": "when", "format": "yyyy-MM-dd HH:mm[XXX]"}
    source = build_source(time_zone="Europe/Berlin", events__time=fmt)
    assert times(spark, tmp_path, ["2026-07-01 12:00", "2026-07-01 12:00Z", "2026-07-01 12:00-03:00"], source) == [
        datetime(2026, 7, 1, 10),
        datetime(2026, 7, 1, 12),
        datetime(2026, 7, 1, 15),
    ]


def test_times_outside_the_calendar_cost_their_row_alone(spark: SparkSession, tmp_path: Path) -> None:
    """A zero date is no time. Milliseconds where the source says seconds lie in the far future."""
    rows = ["ann,a,0001-01-01T00:00:00,play,40", "ann,b,2024-05-03T20:00:00,play,40"]
    judged_rows = judged(spark, write_csv(tmp_path / "iso.csv", rows), build_source())
    assert {r["item_id"]: r["reason"] for r in judged_rows.collect()} == {"a": "bad_time", "b": None}
    source = build_source(events__time={"column": "when", "format": "unix_s"})
    rows = ["ann,a,1777800000123,play,40", "ann,b,1714766400,play,40"]
    judged_rows = judged(spark, write_csv(tmp_path / "unix.csv", rows), source)
    assert {r["item_id"]: r["reason"] for r in judged_rows.collect()} == {"a": "future_time", "b": None}


def test_a_quoted_offset_is_refused() -> None:
    with pytest.raises(ConfigError, match="'Z' in quotes is text and no offset"):
        build_source(events__time={"column": "when", "format": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"})


def test_a_letter_that_is_no_pattern_is_a_clear_error(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a Spark datetime pattern"):
        build_source(events__time={"column": "when", "format": "unix"})


def test_clock_skew_is_flagged_and_known_time_raised(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__known={"column": "stored"})
    rows = [
        "ann,a,2026-05-03T10:00:00,play,40,2026-05-03T10:00:05",
        "ann,b,2026-05-03T10:00:00,play,40,2026-05-03T09:59:59",
        "ann,c,2026-05-03T10:00:00,play,40,2026-05-03T10:00:00",
        "ann,d,2026-05-03T10:00:00,play,40,",
        "ann,e,2026-05-03T10:00:00,play,40,2026-05-06T01:00:00",
    ]
    judged_rows = judged(spark, write_csv(tmp_path / "log.csv", rows, (*HEADER, "stored")), source)
    events = fact_tables.build_events(judged_rows, source.events, 1).orderBy("item_id").collect()
    assert [(e["item_id"], e["known_ts"], e["clock_skew"], str(e["known_day"])) for e in events] == [
        ("a", datetime(2026, 5, 3, 10, 0, 5), False, "2026-05-03"),
        ("b", datetime(2026, 5, 3, 10), True, "2026-05-03"),
        ("c", datetime(2026, 5, 3, 10), False, "2026-05-03"),
        ("e", datetime(2026, 5, 6, 1), False, "2026-05-06"),
    ]
    assert [r["reason"] for r in fact_tables.build_quarantine(judged_rows, "events", 1, "run-1").collect()] == [
        "bad_time"
    ]


def test_a_configured_delay_is_when_a_row_was_known(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__known={"delay": "90 min"})
    judged_rows = judged(spark, write_csv(tmp_path / "log.csv", ["ann,a,2026-05-03T23:00:00,play,40"]), source)
    event = fact_tables.build_events(judged_rows, source.events, 1).first()
    assert (event["known_ts"], str(event["known_day"]), event["clock_skew"]) == (
        datetime(2026, 5, 4, 0, 30),
        "2026-05-04",
        False,
    )


def test_zone_less_and_zoned_parquet_times(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.createDataFrame([("ann", "a", "2024-07-01 12:00:00", "play", 40.0)], list(HEADER))
    source = build_source(SHOP | {"format": {"type": "parquet"}}, time_zone="Europe/London")
    event_times = {}
    for kind in ("timestamp", "timestamp_ntz", "date"):
        folder = tmp_path / kind
        rows.selectExpr("who", "what", f"cast(when as {kind}) as when", "how", "much").write.parquet(str(folder))
        event_times[kind] = judged(spark, folder, source).first()["event_ts"]
    assert event_times == {
        "timestamp": datetime(2024, 7, 1, 12),  # an instant already
        "timestamp_ntz": datetime(2024, 7, 1, 11),  # a wall clock in London
        "date": datetime(2024, 6, 30, 23),  # London's midnight
    }
