"""Logs that a source file alone makes readable: shifted times, kinds from names, several files, fixed width."""

import json
import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingest.source_config import Source
from jobs.build_signals import build_signals
from jobs.ingest_log import ingest
from jobs.runtime.quarantine_selection import ReleaseSelection, release_selection
from longplay.definitions.expression import check_row_expression, compile_row_expression
from longplay.delta import read_arrow
from longplay.errors import ConfigError, InputError
from tests.unit.ingest.small_logs import (
    HEADER,
    OBSERVED_AT,
    SHOP,
    build_source,
    judged,
    open_run,
    progress_text,
    write_csv,
)

pytestmark = pytest.mark.spark

NAMES = ["user_id", "item_id", "CAST(event_ts AS string)", "kind_", "amount_"]


def clean(spark: SparkSession, path: Path, source: Source) -> list[tuple]:
    rows = judged(spark, path, source).where("reason IS NULL").selectExpr(*NAMES).collect()
    return sorted(tuple(row) for row in rows)


def reasons(spark: SparkSession, path: Path, source: Source) -> dict[str | None, int]:
    rows = judged(spark, path, source).groupBy("reason").count().collect()
    return {row["reason"]: row["count"] for row in rows}


def test_times_that_are_hours_early(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__derive={"at": "`when` + 8 * 3600"}, events__time={"column": "at", "format": "unix_s"})
    log = write_csv(tmp_path / "log.csv", ["ann,song,1777766400,tap,", "bob,song,soon,tap,"])
    assert clean(spark, log, source) == [("ann", "song", "2026-05-03 08:00:00", "tap", None)]
    assert reasons(spark, log, source) == {None: 1, "bad_time": 1}


def test_kinds_and_days_from_the_names_of_files(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(
        events__derive={
            "action": "if(_file LIKE 'plays%', 'play', 'tap')",
            "at": "concat(regexp_extract(_folder, 'day ([0-9-]+)$', 1), ' ', clock)",
        },
        events__kind={"column": "action"},
        events__time={"column": "at"},
    )
    for name, clock in (("plays+1.csv", "10:00"), ("taps é.csv", "11:30")):
        folder = tmp_path / "log" / "x" / "day 2026-05-03"
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(folder / name, [f"ann,song,{clock},7"], ("who", "what", "clock", "much"))
    assert clean(spark, tmp_path / "log", source) == [
        ("ann", "song", "2026-05-03 10:00:00", "play", 7.0),
        ("ann", "song", "2026-05-03 11:30:00", "tap", 7.0),
    ]


def test_an_event_log_of_several_kinds_of_files(spark: SparkSession, tmp_path: Path) -> None:
    plays = {"user": "who", "song": "what", "at": "`when`", "kind": "'play'", "s": "much"}
    at = "cast(timestamp_millis(ms) as string)"
    likes = {"user": "`by.id`", "song": "track", "at": at, "kind": "'tap'", "s": "NULL"}
    events = {
        "user": "user",
        "item": "song",
        "time": {"column": "at"},
        "kind": {"column": "kind"},
        "amount": {"column": "s", "unit": "s"},
        "parts": [
            {"path": "plays.csv", "derive": plays},
            {"path": "likes/", "format": {"type": "jsonl"}, "derive": likes},
        ],
        "filters": [{"reason": "a_test", "where": "_file LIKE 'likes/t%'"}],
    }
    source = build_source(events=SHOP["events"] | events)
    write_csv(tmp_path / "plays.csv", ["ann,song,2026-05-03T10:00:00,,40", "bob,,2026-05-03T10:00:00,,40"])
    (tmp_path / "likes").mkdir()
    lines = [{"by": {"id": 7}, "track": "tune", "ms": 1777802400000}, {"by": {}, "track": "tune", "ms": 1}]
    for name in ("a", "test"):
        text = "\n".join(json.dumps(line | {"file": name}) for line in lines) + "\n"
        (tmp_path / "likes" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "skips.csv").write_text("what is this?\n", encoding="utf-8")
    assert clean(spark, tmp_path, source) == [
        ("7", "tune", "2026-05-03 10:00:00", "tap", None),
        ("ann", "song", "2026-05-03 10:00:00", "play", 40.0),
    ]
    assert reasons(spark, tmp_path, source) == {None: 2, "null_user": 2, "null_item": 1, "a_test": 1}
    context = open_run(spark, tmp_path.parent / f"{tmp_path.name}-warehouse", source)
    ingest(context, tmp_path, OBSERVED_AT)
    assert "not read" in progress_text(context)
    assert "(skips.csv)" in progress_text(context)


def test_quarantined_rows_of_a_part_are_derived_again(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(
        events=SHOP["events"]
        | {"kind": {"column": "action"}, "time": {"column": "at"}}
        | {
            "parts": [
                {"path": "a.csv", "derive": {"action": "'play'", "at": "`when`"}},
                {"path": "b/c.csv", "derive": {"action": "'tap'", "at": "concat('2026-05-', `when`)"}},
            ]
        }
    )
    (tmp_path / "log" / "b").mkdir(parents=True)
    write_csv(tmp_path / "log" / "a.csv", ["ann,song,2026-05-03,,4", ",song,2026-05-03,,4"])
    write_csv(tmp_path / "log" / "b" / "c.csv", ["bob,song,04,,4", ",tune,04,,4"])
    context = open_run(spark, tmp_path / "warehouse", source)
    ingest(context, tmp_path / "log", OBSERVED_AT)
    aside = context.store.read("quarantine").select("file", "reason").collect()
    assert sorted(tuple(row) for row in aside) == [("a.csv", "null_user"), ("b/c.csv", "null_user")]
    selection = ReleaseSelection("null_user", changes={"who": "'cat'"})
    assert release_selection(context, selection, "a test", OBSERVED_AT) == {"published": 2}
    events = context.store.read("events").selectExpr("user_id", "item_id", "kind", "CAST(event_ts AS string)")
    assert sorted(tuple(row) for row in events.collect()) == [
        ("ann", "song", "play", "2026-05-03 00:00:00"),
        ("bob", "song", "tap", "2026-05-04 00:00:00"),
        ("cat", "song", "play", "2026-05-03 00:00:00"),
        ("cat", "tune", "tap", "2026-05-04 00:00:00"),
    ]


def test_columns_at_fixed_places(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(
        format={"type": "fixed_width", "columns": HEADER[:4], "widths": [6, 5, 19, 4], "encoding": "latin1"},
        events__derive={"station": "'radio'", "much": "NULL"},
        events__item="station",
        events__kind={"column": "how"},
    )
    lines = [
        "Zoë   s1   2026-05-03T10:00:00play",
        "bob   s2   2026-05-03T11:00:00tap\r",
        "",
        "cat   s3   2026",
        "dan   s4   2026-05-03T11:00:00play and more",
        "      s5   2026-05-03T11:00:00play",
    ]
    (tmp_path / "log.txt").write_bytes("\n".join(lines).encode("latin1"))
    assert clean(spark, tmp_path / "log.txt", source) == [
        ("Zoë", "radio", "2026-05-03 10:00:00", "play", None),
        ("bob", "radio", "2026-05-03 11:00:00", "tap", None),
    ]
    assert reasons(spark, tmp_path / "log.txt", source) == {None: 2, "malformed_row": 2, "null_user": 1}
    malformed = judged(spark, tmp_path / "log.txt", source).where("reason = 'malformed_row'").collect()
    assert sorted(json.loads(row["raw"])["_corrupt_record"] for row in malformed) == [lines[3], lines[4]]


@pytest.mark.parametrize(
    ("file_format", "message"),
    [
        ({"type": "fixed_width"}, "fixed_width files need columns and as many widths: 0 and 0"),
        ({"type": "fixed_width", "columns": ["a"], "widths": [1, 2]}, "as many widths: 1 and 2"),
        ({"type": "fixed_width", "columns": ["a"], "widths": [1], "encoding": "UTF-16"}, "deliver them in UTF-8"),
        ({"type": "csv", "widths": [1]}, "'widths' does not apply to csv files, only to fixed_width"),
    ],
)
def test_widths_that_do_not_fit(file_format: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_source(format=file_format)


def test_a_log_without_exposures_and_candidates(spark: SparkSession, tmp_path: Path) -> None:
    context = open_run(spark, tmp_path / "warehouse", build_source(candidates=None))
    rows = [f"{user},song,2026-05-0{day}T10:00:00,play,40" for user in ("ann", "bob") for day in (3, 4, 5)]
    ingest(context, write_csv(tmp_path / "log.csv", rows), OBSERVED_AT)
    assert "no exposures and no candidates" in progress_text(context)
    build_signals(context)
    text = progress_text(context)
    assert "click@1: not eligible here: this source has neither exposures nor candidates" in text
    values = read_arrow(context.store.path("signal_values")).to_pylist()
    assert values
    assert "click" not in {value["signal"] for value in values}


def test_a_log_without_users_gets_no_signals(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__user=None)
    log = write_csv(tmp_path / "log.csv", ["-,song,2026-05-03T10:00:00,tap,", "-,tune,2026-05-03T10:00:00,tap,"])
    assert [row[:2] for row in clean(spark, log, source)] == [("(no user)", "song"), ("(no user)", "tune")]
    context = open_run(spark, tmp_path / "warehouse", source)
    ingest(context, log, OBSERVED_AT)
    with pytest.raises(ConfigError, match="No signal can be computed for this source"):
        build_signals(context)
    assert "not eligible here: this source has no users" in progress_text(context)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("rand()", "the function 'rand' is not allowed: did you mean 'rpad'?"),
        ("current_date", "the function 'current_date' is not allowed"),
        ("unix_timestamp()", "'unix_timestamp' needs an argument"),
        ("cast('now' as timestamp)", "nothing may depend on the clock"),
        ("reflect('java.lang.System', 'exit')", "the function 'reflect' is not allowed"),
        ("(SELECT 1)", "not a query or a command"),
        ("split_part(who, '-', 1) AS u", "remove the alias 'u'"),
        ("device.os", "'device.os' names a table: write the column name only"),
        ("row_number() OVER (ORDER BY who)", "window functions"),
        ("lower(who", "this is not Spark SQL"),
    ],
)
def test_expressions_that_are_refused_before_anything_is_read(expression: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_source(events__derive={"x": expression})
    assert message in str(caught.value)
    assert "events.derive.x" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        build_source(events__filters=[{"reason": "x", "where": expression}])
    assert message in str(caught.value)
    assert "events.filters.0.where" in str(caught.value)


def test_filters_are_conditions_in_which_text_is_a_number(spark: SparkSession, tmp_path: Path) -> None:
    filters = [{"reason": "cheap", "where": "much < 5 OR who LIKE 'qa-%'"}]
    rows = [f"{who},song,2026-05-03T10:00:00,play,{much}" for who, much in (("ann", 4), ("bob", "5"), ("qa-1", "x"))]
    log = write_csv(tmp_path / "log.csv", [*rows, "cat,song,2026-05-03T10:00:00,play,x"])
    assert reasons(spark, log, build_source(events__filters=filters)) == {None: 1, "cheap": 2, "bad_amount": 1}
    with pytest.raises(ConfigError, match="a filter must be a boolean, but 'length\\(who\\)' is of type number"):
        build_source(events__filters=[{"reason": "x", "where": "length(who)"}])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(a + 1) * b = 8", ["true", "false", None]),
        ("a / b", ["1.5", None, None]),
        ("a > 2", ["true", "false", None]),
        ("-a", ["-3", "-1", None]),
        ("cast(c as int)", ["7", None, None]),
        ("a = '3'", ["true", "false", "false"]),
        ("case when c rlike '^[0-9]+$' then 'n' else 't' end", ["n", "t", "t"]),
        ("lpad(c, 3, '0')", ["007", "00x", "00y"]),
        ("try_cast('2026-05-03' as timestamp) + interval 2 hours", ["2026-05-03 02:00:00"] * 3),
        ("timestamp_seconds(a)", ["1970-01-01 00:00:03", "1970-01-01 00:00:01", None]),
        ("a || '-' || coalesce(b, c)", ["3-2", "1-0", "no-y"]),
    ],
)
def test_expressions_are_null_where_they_are_undefined(
    spark: SparkSession, expression: str, expected: list[str | None]
) -> None:
    assert check_row_expression(expression) is None
    raw = spark.createDataFrame([("3", "2", "7"), ("1", "0", "x"), ("no", None, "y")], "a string, b string, c string")
    column = F.expr(compile_row_expression(expression, raw.columns).sql).cast("string").alias("value")
    values = [row["value"] for row in raw.select("c", column).orderBy("c").collect()]
    assert [value and re.sub(r"\.?0+$", "", value) if value and "." in value else value for value in values] == expected


@pytest.mark.parametrize(
    ("derive", "message"),
    [
        ({"who": "lower(what)"}, "The log has a column 'who' of its own"),
        ({"x": "lower(wat)"}, "Column 'wat' is missing"),
        ({"x": "who < interval 1 day"}, "The column 'x' cannot be derived from the log"),
    ],
)
def test_derived_columns_that_do_not_fit_the_log(
    spark: SparkSession, tmp_path: Path, derive: dict[str, str], message: str
) -> None:
    source = build_source(events__derive=derive)
    with pytest.raises((ConfigError, InputError), match=message):
        judged(spark, write_csv(tmp_path / "log.csv", ["ann,song,2026-05-03,tap,"]), source)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": [{"path": "a", "derive": {"x": "who"}}, {"path": "b"}]}, "all parts must derive the same columns"),
        ({"parts": [{"path": "a"}], "path": "b"}, "in each of the parts"),
        ({"parts": [{"path": ""}]}, "each of the parts needs a path"),
    ],
)
def test_parts_that_do_not_fit(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_source(events=SHOP["events"] | changes)
