"""The twelve worked cases of windows, maturity and late facts, by number: g = 1 d, days of May 2026, UTC.

Every case is a listener of its own, so that Spark is asked once a moment of knowledge for all of its cases.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from features.feature_facts import build_user_facts, select_known_facts
from features.feature_view import Feature, View
from features.point_in_time_join import as_of_join
from ingest.fact_tables import build_first_seen
from ingest.raw_columns import FILE, MALFORMED
from ingest.row_validation import validate_rows
from ingest.source_config import Source
from ingest.watermark import ObservedCompleteness, observe_completeness, watermark_at
from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from signals.compute import compute_signal_values, select_values_known_at
from signals.maturity import Knowledge
from tests.reference.records import TICK, Event, Exposure, at, events_frame, exposures_frame, utc

LOG_START = at("1 Jan")
OUTAGE = (at("5 May"), at("7 May"))


def table(text: str) -> list[dict[str, str]]:
    """A text table as one mapping a row, from the names in its first line."""
    names, *rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def number(text: str) -> float | None:
    return None if text == "null" else float(text)


def returned(name: str, window: Mapping[str, Any], **changes: Any) -> Definition:
    """A return to the item: any consumption of it in the window."""
    fields = {
        "name": name, "version": 1, "title": "t", "description": "d", "owner": "o", "status": "published",
        "direction": "higher_is_better", "unit": "0 or 1", "anchor": "exposure", "keys": "user_item",
        "window": window, "lateness": "1 d", "measure": {"kind": "any", "of": "consumption"},
    }  # fmt: skip
    return Definition.model_validate(fields | changes)


WEEK = {"kind": "calendar", "from": 1, "to": 7}
DEFINITIONS = {
    "calendar [1, 7]": returned("calendar_week", WEEK, void={"outage": False}),
    "elapsed [1 d, 7 d)": returned(
        "elapsed_week", {"kind": "elapsed", "from": "1 d", "to": "7 d"}, void={"outage": False}
    ),
    "settles late": returned("settles_late", WEEK, void={"outage": True, "settles": "late"}),
    "settles early": returned("settles_early", WEEK, void={"outage": True, "settles": "early"}),
}
CASES = """
case                     | t0          | definition         | event        | T            | W            | state  | value | prefix
1                        | 3 May 20:00 | calendar [1, 7]    | 4 May 09:00  | 11 May 23:59 | 11 May 23:59 | open   | null  | 1
2                        | 3 May 20:00 | calendar [1, 7]    | 4 May 09:00  | 12 May 00:00 | 12 May 00:00 | mature | 1     | null
3                        | 3 May 20:00 | elapsed [1 d, 7 d) | 4 May 19:59  | 11 May 20:00 | 11 May 20:00 | mature | 0     | null
4                        | 3 May 20:00 | elapsed [1 d, 7 d) | 4 May 20:00  | 11 May 20:00 | 11 May 20:00 | mature | 1     | null
5                        | 3 May 20:00 | elapsed [1 d, 7 d) | 10 May 20:00 | 11 May 20:00 | 11 May 20:00 | mature | 0     | null
5, control: a minute less| 3 May 20:00 | elapsed [1 d, 7 d) | 10 May 19:59 | 11 May 20:00 | 11 May 20:00 | mature | 1     | null
10                       | 3 May 20:00 | settles late       | none         | 12 May 00:00 | 12 May 00:00 | void   | null  | null
10, early, nothing seen  | 3 May 20:00 | settles early      | none         | 12 May 00:00 | 12 May 00:00 | void   | null  | null
10, late, an event       | 3 May 20:00 | settles late       | 8 May 09:00  | 12 May 00:00 | 12 May 00:00 | void   | null  | null
10, early, an event      | 3 May 20:00 | settles early      | 8 May 09:00  | 12 May 00:00 | 12 May 00:00 | mature | 1     | null
10, early, may yet come  | 3 May 20:00 | settles early      | none         | 11 May 23:59 | 11 May 23:59 | open   | null  | 0
10, control: over before | 6 May 20:00 | settles late       | none         | 12 May 00:00 | 12 May 00:00 | open   | null  | 0
10, its last day is in   | 5 May 20:00 | settles late       | none         | 12 May 00:00 | 12 May 00:00 | void   | null  | null
10, control: begins after| 27 Apr 20:00| settles late       | none         | 12 May 00:00 | 12 May 00:00 | mature | 0     | null
10, its first day is in  | 28 Apr 20:00| settles late       | none         | 12 May 00:00 | 12 May 00:00 | void   | null  | null
12, silent for 3 days    | 3 May 20:00 | calendar [1, 7]    | 4 May 09:00  | 12 May 00:00 | 9 May 00:00  | open   | null  | 1
"""  # noqa: E501


def play(who: str, event_ts: datetime, known_ts: datetime | None = None) -> Event:
    return Event(f"{who} {event_ts}", who, "song", event_ts, known_ts or event_ts, is_consumption=True)


def shown(who: str, t0: datetime) -> Exposure:
    return Exposure(who, f"request of {who}", who, "song", t0, t0)


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> dict[str, Row]:
    """What Spark says of every case."""
    rows: dict[str, Row] = {}
    cases = table(CASES)
    for known_at, watermark in {(case["T"], case["W"]) for case in cases}:
        mine = [case for case in cases if (case["T"], case["W"]) == (known_at, watermark)]
        definitions = {case["case"]: DEFINITIONS[case["definition"]].ref for case in mine}
        events = [play(case["case"], at(case["event"])) for case in mine if case["event"] != "none"]
        values = compute_signal_values(
            [d for d in DEFINITIONS.values() if d.ref in definitions.values()],
            events_frame(spark, events),
            exposures_frame(spark, [shown(case["case"], at(case["t0"])) for case in mine]),
            Knowledge(at(known_at), at(watermark), LOG_START, [OUTAGE]),
        )
        rows |= {row["user_id"]: row for row in values.collect() if row["signal"] == definitions[row["user_id"]]}
    return rows


@pytest.mark.spark
@pytest.mark.parametrize("case", [pytest.param(case, id=f"case {case['case']}") for case in table(CASES)])
def test_cases_1_to_5_10_and_12_state_value_and_prefix(rows: dict[str, Row], case: dict[str, str]) -> None:
    row = rows[case["case"]]
    expected = (case["state"], number(case["value"]), number(case["prefix"]))
    assert (row["state"], row["value"], row["prefix"]) == expected
    assert row["void_reason"] == ("outage" if case["state"] == "void" else None)
    assert row["revision"] == 0


@pytest.mark.spark
def test_cases_1_to_5_ends_of_the_windows(rows: dict[str, Row]) -> None:
    ends = {"1": ("11 May 00:00", "12 May 00:00"), "3": ("10 May 20:00", "11 May 20:00")}
    definitions = {"1": "calendar [1, 7]", "3": "elapsed [1 d, 7 d)"}
    for case, (window_end, matures_at) in ends.items():
        definition, t0 = DEFINITIONS[definitions[case]], at("3 May 20:00")
        assert (utc(rows[case]["window_end"]), utc(rows[case]["matures_at"])) == (at(window_end), at(matures_at))
        assert (definition.window_end(t0), definition.matures_at(t0)) == (at(window_end), at(matures_at))


CASE_6 = """
as known at  | state  | value | revision
11 May 23:59 | none   | null  | none
12 May 00:00 | mature | 0     | 0
12 May 05:59 | mature | 0     | 0
12 May 06:00 | mature | 1     | 1
13 May 00:00 | mature | 1     | 1
"""


@pytest.fixture(scope="module")
def case_6(spark: SparkSession) -> dict[str, list[Row]]:
    """The rows of case 6 as computed on 13 May, and as computed on 12 May."""
    definition = DEFINITIONS["calendar [1, 7]"]
    frames = (
        events_frame(spark, [play("ann", at("9 May"), at("12 May 06:00"))]),
        exposures_frame(spark, [shown("ann", at("3 May 20:00"))]),
    )
    computed = {}
    for day in ("12 May", "13 May"):
        values = compute_signal_values([definition], *frames, Knowledge(at(day), at(day), LOG_START))
        local = spark.createDataFrame(values.collect(), values.schema)
        computed[f"computed {day}"] = local.collect()
        for text in [row["as known at"] for row in table(CASE_6) if day == "13 May"]:
            computed[text] = select_values_known_at(local, F.lit(at(text))).collect()
    return computed


@pytest.mark.spark
@pytest.mark.parametrize("line", table(CASE_6), ids=lambda line: line["as known at"])
def test_case_6_a_late_fact_revises_and_changes_nothing_that_was_known(
    case_6: dict[str, list[Row]], line: dict[str, str]
) -> None:
    states = [(row["state"], row["value"], str(row["revision"])) for row in case_6[line["as known at"]]]
    assert states == ([] if line["state"] == "none" else [(line["state"], number(line["value"]), line["revision"])])


@pytest.mark.spark
def test_case_6_the_mature_row_was_the_same_when_it_was_computed_at_the_time(case_6: dict[str, list[Row]]) -> None:
    (then,) = case_6["computed 12 May"]
    first, revision = sorted(case_6["computed 13 May"], key=lambda row: row["revision"])
    assert then == first
    assert (utc(first["known_ts"]), utc(revision["known_ts"])) == (at("12 May"), at("12 May 06:00"))


PLAYS_1D = View("plays", ("user_id",), "event", (Feature("plays_1d", "count", "consumptions", 1),))
CASES_7_AND_8 = """
case                   | event       | known       | rebuilt      | plays
7                      | 3 May 20:00 | 3 May 20:00 | 4 May 00:00  | 0
8                      | 3 May 10:00 | 3 May 21:00 | 4 May 00:00  | 0
8 built at once        | 3 May 10:00 | 3 May 21:00 | 3 May 20:00  | 0
8 rebuilt a year later | 3 May 10:00 | 3 May 21:00 | 3 May 2027   | 0
control: a minute less | 3 May 19:59 | 3 May 19:59 | 4 May 00:00  | 1
control: left edge in  | 2 May 20:00 | 2 May 20:00 | 4 May 00:00  | 1
control: left of it    | 2 May 19:59 | 2 May 19:59 | 4 May 00:00  | 0
control: known in time | 3 May 10:00 | 3 May 19:59 | 3 May 2027   | 1
control: known then    | 3 May 10:00 | 3 May 20:00 | 3 May 2027   | 0
"""


@pytest.mark.spark
def test_cases_7_and_8_features_look_strictly_before_as_of(spark: SparkSession) -> None:
    cases = table(CASES_7_AND_8)
    facts = []
    for case in cases:
        year = 2027 if case["rebuilt"] == "3 May 2027" else 2026
        rebuilt_at = at(case["rebuilt"].removesuffix(" 2027"), year=year)
        events = events_frame(spark, [play(case["case"], at(case["event"]), at(case["known"]))])
        known_events = select_known_facts(events, rebuilt_at)
        facts.append(build_user_facts(known_events, build_first_seen(known_events)))
    all_facts = facts[0]
    for more in facts[1:]:
        all_facts = all_facts.unionByName(more)
    moments = [(case["case"], at("3 May 20:00")) for case in cases]
    spine = spark.createDataFrame(moments, "user_id string, as_of timestamp")
    plays = {row["user_id"]: row["plays_1d"] for row in as_of_join([PLAYS_1D], all_facts, spine).collect()}
    assert plays == {case["case"]: float(case["plays"]) for case in cases}


STICKINESS = returned(
    "stickiness",
    {"kind": "calendar", "from": 1, "to": 59},
    anchor="discovery",
    measure={"kind": "days", "of": "consumption"},
    void={"look_back": "180 d"},
)
CASE_9 = {
    "40 days after the log begins": (40 * DAY, "void", "left_truncated", None),
    "a moment short of the look-back": (180 * DAY - TICK, "void", "left_truncated", None),
    "control: the look-back is whole": (180 * DAY, "mature", None, 2.0),
}


@pytest.mark.spark
def test_case_9_a_discovery_too_close_to_the_start_is_void(spark: SparkSession) -> None:
    plays = [play(who, LOG_START + after + days * DAY) for who, (after, *_) in CASE_9.items() for days in (0, 1, 3)]
    late = LOG_START + 260 * DAY
    knowledge = Knowledge(late, late, LOG_START)
    values = compute_signal_values([STICKINESS], events_frame(spark, plays), exposures_frame(spark, []), knowledge)
    states = {row["user_id"]: (row["state"], row["void_reason"], row["value"]) for row in values.collect()}
    assert states == {who: tuple(expected) for who, (_, *expected) in CASE_9.items()}


SOURCE = Source.model_validate(
    {
        "name": "small",
        "about": "a",
        "format": {"type": "csv"},
        "events": {
            "user": "who",
            "item": "what",
            "time": {"column": "when"},
            "kind": {"constant": "play"},
            "kinds": ["play"],
            "amount": {"constant": 1, "unit": "plays"},
            "consumption": {"kinds": ["play"]},
            "click": {"kinds": ["play"]},
        },
        "candidates": {"per_request": 1, "uniform_share": 0.5},
    }
)


SOUND = ["2026-05-10 10:00:00", "2026-05-11 10:00:00", "2026-05-12 00:00:00"]


@pytest.mark.spark
def test_case_11_one_row_from_2031_is_set_aside_and_moves_nothing(spark: SparkSession) -> None:
    observed = at("12 May 12:00")
    schema = f"who string, what string, when string, {MALFORMED} boolean, {FILE} string"
    raw = spark.createDataFrame(
        [("ann", "song", time, False, "log") for time in [*SOUND, "2031-01-01 00:00:00"]], schema
    )
    judged = validate_rows(raw, SOURCE, SOURCE.events, observed).select("event_ts", "reason").collect()
    reasons = {f"{row['event_ts']:%Y-%m-%d}": row["reason"] for row in judged}
    assert reasons == {"2026-05-10": None, "2026-05-11": None, "2026-05-12": None, "2031-01-01": "future_time"}
    days = [(utc(row["event_ts"]).date(), 1) for row in judged if row["reason"] is None]
    sound = [(datetime.fromisoformat(text).date(), 1) for text in SOUND]
    for heard in ({}, {"heartbeat": at("12 May")}):
        assert observe_completeness(days, observed, **heard) == ObservedCompleteness(at("10 May"), at("12 May"))
        assert observe_completeness(days, observed, **heard) == observe_completeness(sound, observed, **heard)


def test_case_11_even_a_future_day_that_passed_would_move_nothing() -> None:
    days = [(at("11 May").date(), 9), (at("12 May").date(), 9), (at("1 Jan", year=2031).date(), 9)]
    assert observe_completeness(days, at("12 May 12:00")).watermark == at("12 May")


def silent_since_9_may() -> Iterator[tuple[date, int]]:
    yield from ((at(day).date(), 5) for day in ("7 May", "8 May", "9 May"))


def test_case_12_silence_leaves_the_watermark_where_it_was() -> None:
    """That nothing matures by it is case 12 of the table above: it would be mature (case 2) had it moved."""
    days, observed = list(silent_since_9_may()), at("12 May")
    (case,) = [case for case in table(CASES) if case["case"].startswith("12")]
    assert (
        watermark_at(observed, [(observed, observe_completeness(days, observed).watermark)])
        == at("9 May")
        == at(case["W"])
    )
    # Control: a heartbeat says that silence is all there was.
    beating = observe_completeness(days, observed, heartbeat=at("12 May"))
    assert watermark_at(observed, [(observed, beating.watermark)]) == at("12 May")
