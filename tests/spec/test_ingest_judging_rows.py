"""Every reason for quarantine, alone and together: raw counts overlap, exclusive ones add up to the rows."""

import json
import uuid
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from ingest import fact_tables
from ingest.log_mapping import BUILT_IN_REASONS
from ingest.raw_columns import text_column
from ingest.readers import read_raw
from ingest.rejection_messages import build_rejection_messages
from ingest.row_validation import list_reasons, validate_rows
from longplay.errors import ConfigError
from tests.unit.ingest.small_logs import (
    EPISODES,
    HEADER,
    OBSERVED_AT,
    RADIO,
    SHOP,
    SHOWN,
    build_source,
    counts,
    judged,
    write_csv,
)

pytestmark = pytest.mark.spark

GOOD = "ann,song,2026-05-03T10:00:00,play,40"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",song,2026-05-03T10:00:00,play,40", "null_user"),
        ("  ,song,2026-05-03T10:00:00,play,40", "null_user"),
        ("bob,,2026-05-03T10:00:00,play,40", "null_item"),
        ("bob,song,,play,40", "bad_time"),
        ("bob,song,yesterday,play,40", "bad_time"),
        ("bob,song,12:30:00,play,40", "bad_time"),
        ("bob,song,2026,play,40", "bad_time"),
        ("bob,song,2026-13-03T10:00:00,play,40", "bad_time"),
        ("bob,song,2031-01-01T00:00:00,play,40", "future_time"),
        ("bob,song,2026-05-12T00:00:00,play,40", "future_time"),
        ("bob,song,2026-05-03T10:00:00,hum,40", "unknown_kind"),
        ("bob,song,2026-05-03T10:00:00,,40", "unknown_kind"),
        ("bob,song,2026-05-03T10:00:00,play,-1", "bad_amount"),
        ("bob,song,2026-05-03T10:00:00,play,lots", "bad_amount"),
        ("bob,song,2026-05-03T10:00:00,play,NaN", "bad_amount"),
        ("bob,song,2026-05-03T10:00:00,play,Infinity", "bad_amount"),
        ("bob,song,2026-05-03T10:00:00,play,1e39", "bad_amount"),
        ("bob,song,2026-05-03T10:00:00,play", "malformed_row"),
        ("bob,song,2026-05-03T10:00:00,play,40,more", "malformed_row"),
        (GOOD, "duplicate"),
    ],
)
def test_one_bad_row_beside_a_good_one(spark: SparkSession, tmp_path: Path, row: str, reason: str) -> None:
    log = write_csv(tmp_path / "log.csv", [GOOD, row])
    assert counts(spark, log, build_source()) == {
        "read": 2,
        "clean": 1,
        f"raw:{reason}": 1,
        f"exclusive:{reason}": 1,
    }


@pytest.mark.parametrize(
    "row",
    [
        "bob,song,2026-05-11T23:59:59.999999,play,40",  # the last moment before the observation
        "bob,song,2026-05-03,play,40",  # a date is its midnight
        "bob,song,2026-05-03 10:00:00,play,0",
        "bob,song,2026-05-03T10:00:00,tap,",  # kinds without an amount
    ],
)
def test_rows_at_the_edge_are_clean(spark: SparkSession, tmp_path: Path, row: str) -> None:
    assert counts(spark, write_csv(tmp_path / "log.csv", [row]), build_source()) == {"read": 1, "clean": 1}


def test_precedence_and_raw_counts_that_overlap(spark: SparkSession, tmp_path: Path) -> None:
    rows = [
        GOOD,
        GOOD,  # duplicate
        GOOD,  # duplicate
        ",,never,hum,-1",  # all of null_user, null_item, bad_time, unknown_kind, bad_amount
        ",,never,hum,-1",  # the same, and a duplicate of it
        "bob,,2031-01-01,hum,-1",  # null_item, future_time, unknown_kind, bad_amount
        "bob,song,2031-01-01,hum,-1",  # future_time, unknown_kind, bad_amount
        "test,song,2026-05-03,hum,-1",  # staff, unknown_kind, bad_amount
        "bob,song,2026-05-03,hum,-1",  # unknown_kind, bad_amount
        "bob,song,2026-05-03,skip,-1",  # bad_amount
        ",song,2026-05-03",  # malformed_row, null_user, unknown_kind (the cell is missing)
    ]
    source = build_source(events__filters=[{"reason": "staff", "where": "who = 'test'"}])
    assert counts(spark, write_csv(tmp_path / "log.csv", rows), source) == {
        "read": 11,
        "clean": 1,
        "raw:malformed_row": 1,
        "exclusive:malformed_row": 1,
        "raw:null_user": 3,
        "exclusive:null_user": 2,
        "raw:null_item": 3,
        "exclusive:null_item": 1,
        "raw:bad_time": 2,
        "raw:future_time": 2,
        "exclusive:future_time": 1,
        "raw:staff": 1,
        "exclusive:staff": 1,
        "raw:unknown_kind": 7,
        "exclusive:unknown_kind": 1,
        "raw:bad_amount": 7,
        "exclusive:bad_amount": 1,
        "raw:duplicate": 3,
        "exclusive:duplicate": 2,
    }


def test_built_in_reasons_are_those_that_judging_gives(spark: SparkSession) -> None:
    source = build_source(RADIO, events=RADIO["events"] | {"episode": "episode"}, episodes=EPISODES)
    assert source.exposures is not None
    assert source.episodes is not None
    reasons = {*list_reasons(source.events), *list_reasons(source.exposures), *list_reasons(source.episodes)}
    assert reasons == set(BUILT_IN_REASONS)
    for log in (source.events, source.exposures, source.episodes):
        assert set(build_rejection_messages(log)) == set(list_reasons(log))


def test_reasons_come_in_the_documented_order(spark: SparkSession) -> None:
    source = build_source(events__filters=[{"reason": "staff", "where": "true"}, {"reason": "tiny", "where": "true"}])
    assert list_reasons(source.events) == [
        "malformed_row",
        "null_user",
        "null_item",
        "bad_time",
        "future_time",
        "staff",
        "tiny",
        "unknown_kind",
        "bad_amount",
        "duplicate",
    ]


def test_of_rows_with_one_key_the_clean_one_is_kept_whatever_the_order(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__key=["who", "what"])
    rows = ["ann,song,2026-05-02T10:00:00,play,-5", "ann,song,2026-05-04T10:00:00,play,40"]
    for number, lines in enumerate((rows, rows[::-1])):
        judged_rows = judged(spark, write_csv(tmp_path / f"{number}.csv", lines), source)
        assert [(r["reasons"], r["amount_"]) for r in judged_rows.orderBy("amount_").collect()] == [
            (["bad_amount", "duplicate"], -5.0),
            ([], 40.0),
        ]


def test_a_malformed_row_is_kept_word_for_word(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", [GOOD, "bob,song,2026-05-03,play,40,and,more", '"bob,song,2026-05-03,play,4'])
    aside = fact_tables.build_quarantine(judged(spark, log, build_source()), "events", 1, "run-1").collect()
    assert {r["reason"] for r in aside} == {"malformed_row"}
    texts = {json.loads(r["raw"])["_corrupt_record"] for r in aside}
    assert texts == {"bob,song,2026-05-03,play,40,and,more", '"bob,song,2026-05-03,play,4'}


def test_quarantine_carries_the_raw_row_and_unique_ids(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", [GOOD, GOOD, GOOD, "bob,song,2026-05-03,play,-1"])
    aside = fact_tables.build_quarantine(judged(spark, log, build_source()), "events", 1, "run-1").collect()
    assert len({r["row_id"] for r in aside}) == len(aside) == 3
    assert sorted(json.loads(r["raw"])["much"] for r in aside) == ["-1", "40", "40"]
    assert {(r["log"], r["batch"], r["run_id"], r["file"]) for r in aside} == {("events", 1, "run-1", "log.csv")}
    assert {(r["reason"], r["message"]) for r in aside} == {
        (
            "duplicate",
            "another row of the delivery has the same 'what', 'when', 'who', 'how', 'much'; "
            "if other columns tell them apart, name them in 'key'",
        ),
        ("bad_amount", "column 'much' holds no number of 0 s or more"),
    }
    schema = StructType.fromJson(json.loads(aside[0]["raw_schema"]))
    assert [(field.name, field.dataType.simpleString()) for field in schema] == [
        *((name, "string") for name in HEADER),
        ("_corrupt_record", "string"),
    ]


def test_filters_set_rows_aside_in_their_order(spark: SparkSession, tmp_path: Path) -> None:
    both = [{"reason": "staff", "where": "who LIKE 't%'"}, {"reason": "short", "where": "try_cast(much AS int) < 5"}]
    source = build_source(events__filters=both)
    rows = [GOOD, "tim,song,2026-05-03,play,40", "tim,song,2026-05-04,play,1", "bob,song,2026-05-03,play,1"]
    assert counts(spark, write_csv(tmp_path / "log.csv", [*rows, "bob,song,2026-05-03,tap,"]), source) == {
        "read": 5,
        "clean": 2,  # a null condition sets nothing aside
        "raw:staff": 2,
        "exclusive:staff": 2,
        "raw:short": 2,
        "exclusive:short": 1,
    }


@pytest.mark.parametrize("where", ["who =", "count(*) > 1", "length(who)", "current_date > '2026-01-01'"])
def test_a_filter_that_is_no_condition_is_a_config_error(where: str) -> None:
    with pytest.raises(ConfigError, match=r"events\.filters\.0\.where"):
        build_source(events__filters=[{"reason": "staff", "where": where}])


@pytest.mark.parametrize("where", ["no_such_column = 1", "much"])
def test_a_filter_that_does_not_fit_is_a_config_error(spark: SparkSession, tmp_path: Path, where: str) -> None:
    source = build_source(events__filters=[{"reason": "staff", "where": where}])
    with pytest.raises(ConfigError, match="The filter 'staff' cannot be applied to the log") as caught:
        judged(spark, write_csv(tmp_path / "log.csv", [GOOD]), source)
    assert where in caught.value.where
    assert caught.value.got
    assert caught.value.fix


def test_columns_called_like_ours_do_not_clash(spark: SparkSession, tmp_path: Path) -> None:
    header = ("user_id", "item_id", "event_ts", "kind", "reason", "key", "raw", "_rank")
    names = {"user": "user_id", "item": "item_id", "time": {"column": "event_ts"}, "kind": {"column": "kind"}}
    source = build_source(events=SHOP["events"] | names | {"amount": {"column": "reason", "unit": "s"}})
    rows = ["ann,song,2026-05-03T10:00:00,play,40,k,r,7", "ann,song,2026-05-03T10:00:00,play,-1,k,r,7"]
    log = write_csv(tmp_path / "log.csv", rows, header)
    judged_rows = judged(spark, log, source)
    event = fact_tables.build_events(judged_rows, source.events, 1).collect()
    assert [(e["user_id"], e["item_id"], e["amount"], e["is_consumption"]) for e in event] == [
        ("ann", "song", 40.0, True)
    ]
    aside = fact_tables.build_quarantine(judged_rows, "events", 1, "run-1").first()
    assert json.loads(aside["raw"]) == dict(zip(header, rows[1].split(","), strict=True))


def test_flags_follow_the_rules_of_the_source(spark: SparkSession, tmp_path: Path) -> None:
    rows = [
        "ann,a,2026-05-03,play,30",
        "ann,b,2026-05-03,play,29.9",
        "ann,c,2026-05-03,play,",
        "ann,d,2026-05-03,tap,",
        "ann,e,2026-05-03,skip,5",
    ]
    source = build_source()
    events = fact_tables.build_events(judged(spark, write_csv(tmp_path / "log.csv", rows), source), source.events, 1)
    flags = events.orderBy("item_id").select("is_consumption", "is_click", "is_negative").collect()
    assert [tuple(row) for row in flags] == [
        (True, False, False),
        (False, False, False),
        (False, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_reasons_of_exposures(spark: SparkSession, tmp_path: Path) -> None:
    rows = [
        "ann,song,2026-05-03T10:00:00,s1,home,1,greedy,0.5",
        "ann,song,2026-05-03T10:00:00,s1,home,1,greedy,0.5",  # duplicate
        "ann,b,2026-05-03T10:00:00,s1,home,0,greedy,0.5",
        "ann,c,2026-05-03T10:00:00,s1,home,first,greedy,0.5",
        "ann,d,2026-05-03T10:00:00,s1,home,,greedy,0.5",
        "ann,e,2026-05-03T10:00:00,s1,home,2,greedy,0",
        "ann,f,2026-05-03T10:00:00,s1,home,2,greedy,1.5",
        "ann,g,2026-05-03T10:00:00,s1,home,2,greedy,",
        "ann,h,2026-05-03T10:00:00,s1,home,2,greedy,NaN",
        "ann,i,2026-05-03T10:00:00,s1,home,-1,greedy,-1",
        ",j,2026-05-03T10:00:00,s1,home,3,greedy,0.1",
        "ann,k,2026-05-03T10:00:00,s1,home,3,greedy,1",
    ]
    source = build_source(RADIO)
    log = source.exposures
    assert log is not None
    raw = read_raw(spark, write_csv(tmp_path / "shown.csv", rows, SHOWN), source, log)
    judged_rows = validate_rows(raw, source, log, OBSERVED_AT).persist()
    assert {name: n for name, n in fact_tables.count_reasons(judged_rows, log).items() if n} == {
        "read": 12,
        "clean": 2,
        "raw:null_user": 1,
        "exclusive:null_user": 1,
        "raw:bad_position": 4,
        "exclusive:bad_position": 4,
        "raw:bad_propensity": 5,
        "exclusive:bad_propensity": 4,
        "raw:duplicate": 1,
        "exclusive:duplicate": 1,
    }
    shown = fact_tables.build_exposures(judged_rows, 1).orderBy("item_id").collect()
    assert [(r["item_id"], r["as_of"], r["position"], r["propensity"], r["sampled"]) for r in shown] == [
        ("k", datetime(2026, 5, 3, 10), 3, 1.0, False),
        ("song", datetime(2026, 5, 3, 10), 1, 0.5, False),
    ]


def test_event_ids_depend_on_the_key_alone(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__key=["who", "when"])
    first = judged(spark, write_csv(tmp_path / "a.csv", ["ann,song,2026-05-03,play,40"]), source).first()
    second = judged(spark, write_csv(tmp_path / "b.csv", ["ann,other,2026-05-03,tap,"]), source).first()
    swapped = judged(spark, write_csv(tmp_path / "c.csv", ["2026-05-03,song,2026-05-03,play,40"]), source).first()
    assert first["key"] == second["key"] != swapped["key"]
    assert len(first["key"]) == 32
    assert HEADER[0] in source.events.key


def test_rows_without_a_key_are_no_duplicates_of_each_other(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__key=["number"])
    rows = [f"ann,song,2026-05-03T10:00:00,play,40,{number}" for number in ("1", "1", "", " ", "")]
    log = write_csv(tmp_path / "log.csv", rows, (*HEADER, "number"))
    assert counts(spark, log, source) == {
        "read": 5, "clean": 1, "raw:duplicate": 3, "exclusive:duplicate": 1, "raw:null_key": 3, "exclusive:null_key": 3,
    }  # fmt: skip
    # A key of several columns is one as long as any of them has a value.
    source = build_source(events__key=["number", "who"])
    assert counts(spark, log, source)["clean"] == 2


def test_an_exposure_without_a_request_is_quarantined_alone(spark: SparkSession, tmp_path: Path) -> None:
    rows = ["ann,song,2026-05-04T10:00:00,s1,home,1,greedy,0.5", "ann,tune,2026-05-04T10:00:00,,home,2,greedy,0.25"]
    source = build_source(RADIO)
    validated = validate_rows(
        read_raw(spark, write_csv(tmp_path / "shown.csv", rows, SHOWN), source, source.exposures),
        source,
        source.exposures,
        OBSERVED_AT,
    )
    assert {row["item_id"]: row["reason"] for row in validated.collect()} == {"song": None, "tune": "null_request"}


@pytest.mark.parametrize(
    ("spark_type", "values", "expected"),
    [
        ("bigint", [17850, 12345678], ["12345678", "17850"]),
        ("double", [17850.0, 12345678.0, float("nan"), 0.5], [None, "0.5", "12345678", "17850"]),
        ("decimal(12,2)", [Decimal("17850.00")], ["17850"]),
        ("binary", [uuid.UUID(int=7).bytes], ["00000000000000000000000000000007"]),
    ],
)
def test_ids_are_one_text_whatever_their_type(
    spark: SparkSession, spark_type: str, values: list[object], expected: list[str | None]
) -> None:
    raw = spark.createDataFrame([(value,) for value in values], f"id {spark_type}")
    ids = [row[0] for row in raw.select(text_column(raw, "id")).collect()]
    assert sorted(ids, key=str) == sorted(expected, key=str)
