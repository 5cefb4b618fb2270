"""The gate's verdicts equal those of great-expectations' own engine; days, samples and references."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit

from longplay.errors import QualityError
from quality.gate import Gate
from quality.gx.validate_rows import passed_by_check, validate_rows
from quality.measure.profile import count_repeated_rows, profile_publication
from quality.measure.queries import run_queries
from quality.publication_history import PublicationHistory
from quality.validation import measure, validate
from tables.checks import GRAIN, Bounded, Query, Reference, RowRule, Sampled, Steady
from tables.checksum import checksum
from tables.spec import TableSpec, columns

pytestmark = pytest.mark.spark

START = date(2026, 3, 2)
SCHEMA = "user_id string, day date, kind string, seconds double"
SPEC = TableSpec(
    "plays",
    "Test plays, by user and day.",
    ("user_id", "day"),
    columns("""
        user_id | string  | who
        day     | date    | when
        kind    | string? | what
        seconds | double? | how long
    """),
    rules=(
        RowRule("seconds_not_negative", "seconds < 0", "seconds must be 0 or more"),
        RowRule("kind_known", "kind NOT IN ('play', 'skip')", "unknown kind"),
    ),
    mode="append",
    time="day",
)

AGGREGATED = replace(
    SPEC,
    checks=(
        Bounded("users", "approx_count_distinct(user_id)", "many users", 100),
        Bounded("mean_seconds", "AVG(seconds)", "not long", None, 4.0),
        Bounded("kinds", "COUNT(DISTINCT kind)", "few kinds", 1, 3),
        Sampled("repeats", "repeats", ("user_id", "kind"), "no repeats", 0.1),
        Sampled("top_kind", "topShare", ("kind",), "no kind has most rows", 0.06),
    ),
)

HISTORY = PublicationHistory(numbers=({"repeats": 0.03, "top_kind": 0.3},) * 5)
"""Shapes of five publications."""


def drawn(spark: SparkSession, seed: int) -> DataFrame:
    """Rows in which each fault is there by a chance that differs from seed to seed."""
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.2], 5)
    rows: list[tuple[Any, ...]] = []
    for n in range(240):
        user = None if rng.random() < share[0] else f"u{n if rng.random() >= share[1] else n // 2}"
        day = None if rng.random() < share[2] else START
        kind = rng.choice(["play", "skip", "jump"], p=[0.5, 0.5 - share[3], share[3]])
        seconds = [None, -1.0, 5.0][int(rng.choice(3, p=[0.3, share[4], 0.7 - share[4]]))]
        rows.append((user, day, None if rng.random() < 0.3 else str(kind), seconds))
    return spark.createDataFrame(rows, SCHEMA)


def test_the_verdict_is_that_of_great_expectations_own_engine_check_by_check(spark: SparkSession) -> None:
    outcomes: dict[str, set[bool]] = {}
    for seed in (1, 2, 5):
        frame = drawn(spark, seed)
        # Its own engine leaves rows without any of the grain out of uniqueness; they already break not_null.
        measurements = measure(frame, AGGREGATED, HISTORY)
        ours = validate(measurements, AGGREGATED, HISTORY)[0]["checks"]
        own = passed_by_check(validate_rows(frame, AGGREGATED, measurements.expectations(AGGREGATED, HISTORY)))
        without_empty = measure(frame.dropna("all", subset=list(SPEC.grain)), SPEC, PublicationHistory())
        assert own.pop(GRAIN) == (without_empty.repeated_rows == 0), seed
        assert ours.pop(GRAIN) == (measurements.repeated_rows == 0), seed
        assert own == ours, seed
        assert measurements.profile.checksum == checksum(frame)
        for name, passed in own.items():
            outcomes.setdefault(name, set()).add(passed)
    assert {name for name, both in outcomes.items() if both == {True, False}} >= {
        "kind_known",
        "day_not_null",
        "users",
        "repeats",
        "top_kind",
    }


def test_few_rows_in_memory_are_measured_as_many_are(spark: SparkSession) -> None:
    repeated = set()
    for seed in (1, 2, 5):
        frame = drawn(spark, seed)
        measurements = measure(frame, AGGREGATED, HISTORY)
        assert measure(frame, AGGREGATED, HISTORY, few_rows=frame.toArrow()) == measurements, seed
        repeated.add(measurements.repeated_rows)
    assert len(repeated - {0}) > 1


def test_repeats_are_those_of_spark_whatever_the_types_of_the_grain(spark: SparkSession) -> None:
    nothing = float("nan")
    rows = [("a", 0.0, [1]), ("a", -0.0, [1]), ("b", nothing, None), ("b", nothing, None), (None, None, [2])] * 2
    frame = spark.createDataFrame(rows, "text string, number double, list array<int>").withColumn("day", lit(START))
    for grain in (["text"], ["number"], ["list"], ["text", "day"], ["text", "number", "list"]):
        spec = replace(SPEC, grain=tuple(grain))
        expected = len(rows) - frame.groupBy(*grain).count().count()
        assert count_repeated_rows(frame, spec, len(rows), frame.toArrow()) == expected, grain
        assert count_repeated_rows(frame, spec, len(rows)) == expected, grain


def test_one_pass_profiles_every_day(spark: SparkSession) -> None:
    rows = [
        ("ann", START, "play", 10.0),
        ("bob", START, "skip", None),
        ("ann", START + timedelta(days=1), "play", -2.0),
    ]
    spec = TableSpec(**{**vars(SPEC), "checks": (Bounded("mean", "AVG(seconds)", "mean", 0.0, 60.0),)})
    profile = profile_publication(spark.createDataFrame(rows, SCHEMA), spec)
    assert profile.days == {"2026-03-02": {"rows": 2, "mean": 10.0}, "2026-03-03": {"rows": 1, "mean": -2.0}}
    assert (profile.rows, profile.violations["seconds_not_negative"], profile.violations["user_id_not_null"]) == (
        3,
        1,
        0,
    )


def test_a_day_unlike_those_before_is_refused_unless_it_is_accepted(spark: SparkSession, tmp_path: Path) -> None:
    checks = (
        Steady("volume", "COUNT(*)", "as many as usual", 0.3),
        Sampled("known", "familiar", ("user_id",), "most users were there before", 0.3),
        Reference("users_exist", ("user_id",), "users", ("id",), "users are in the table of users"),
        Query("one_day", "SELECT COUNT(DISTINCT day) FROM {object}", "one day at a time", 1, 1),
    )
    spec = TableSpec(**{**vars(SPEC), "checks": checks})
    users = spark.range(300).selectExpr("concat('u', id) AS id")

    def delivered(number: int, rows: int, prefix: str = "u") -> DataFrame:
        day = START + timedelta(days=number)
        return spark.range(rows).selectExpr(
            f"concat('{prefix}', id) AS user_id",
            f"DATE '{day}' AS day",
            "'play' AS kind",
            "CAST(id AS double) AS seconds",
        )

    def gate(run: str, **more: Any) -> Gate:
        return Gate(tmp_path, run, read=lambda table: users if table == "users" else None, **more)

    for number in range(7):
        assert gate(f"run-{number}")(delivered(number, 250), spec)["rows"] == 250
    with pytest.raises(QualityError) as caught:
        gate("run-a")(delivered(7, 900), spec)
    assert "volume: as many as usual: 900 on 2026-03-09, expected 192.3 to 325" in caught.value.got
    assert "users_exist: users are in the table of users: 600, expected at most 0" in caught.value.got
    assert "--set quality.accept" in caught.value.fix
    with pytest.raises(QualityError, match="known: most users were there before: 0, expected at least"):
        gate("run-b")(delivered(7, 250, "v"), spec)
    warnings: list[str] = []
    names = ["plays.known", "plays.users_exist", "plays.volume"]
    accepted = gate("run-c", warn=warnings.append, accept=names)(delivered(7, 900), spec)
    assert [f"plays.{name}" for name in accepted["warnings"]] == names
    assert warnings[0].startswith("plays: volume: as many as usual: 900 on 2026-03-09")


def test_a_reference_with_its_day_is_looked_for_on_that_day_alone(spark: SparkSession) -> None:
    refers = Reference("shown", ("user_id", "day"), "others", ("id", "on"), "users were shown something that day")
    spec = TableSpec(**{**vars(SPEC), "checks": (refers,)})
    second, never = START + timedelta(days=1), START + timedelta(days=2)
    rows = [("ann", START, "play", 1.0), ("bob", second, "play", 1.0), ("cat", None, "play", 1.0)]
    frame = spark.createDataFrame(rows, SCHEMA)
    others = spark.createDataFrame([("ann", START), ("bob", START), ("dan", never)], "id string, on date")
    read = others.selectExpr(f"IF(on = DATE'{never}', raise_error('read in vain'), id) AS id", "on")
    assert run_queries(frame, spec, lambda _: read, profile_publication(frame, spec)) == {"shown": 1.0}  # bob, that is


def test_few_rows_are_also_judged_by_its_own_engine(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("ann", START, "play", 1.0), ("bob", START, "jump", 2.0)]
    with pytest.raises(QualityError, match="kind_known: unknown kind: 1 of 2 rows"):
        Gate(tmp_path, "run-1", direct_below=3)(spark.createDataFrame(rows, SCHEMA), SPEC)
    verdict = json.loads((tmp_path / "plays-run-1.json").read_text(encoding="utf-8"))
    assert passed_by_check(verdict["great_expectations_on_rows"])["kind_known"] is False
    # Its own engine blocks by itself, whatever the profile says.
    monkeypatch.setattr(
        "quality.gate.validate_rows", lambda frame, spec, expected: verdict["great_expectations_on_rows"]
    )
    with pytest.raises(QualityError, match="kind_known"):
        Gate(tmp_path, "run-2", direct_below=2)(spark.createDataFrame(rows[:1], SCHEMA), SPEC)
    assert Gate(tmp_path, "run-3", direct_below=1)(spark.createDataFrame(rows[:1], SCHEMA), SPEC)["rows"] == 1
