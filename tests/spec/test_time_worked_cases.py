"""The twelve worked cases of the time contract, by number: g = 1 d, days of May 2026, UTC."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from features.facts import event_facts, known_by
from features.view import Feature, View
from features.windows import as_of_join
from ingest.judge import judge
from ingest.raw import MALFORMED
from ingest.source import Source
from ingest.watermark import Completeness, observe, watermark_at
from longplay.definition import Definition
from signals.compile import as_known_at, signal_values
from signals.horizons import Knowledge
from tests.reference.records import DAY, TICK, Event, Exposure, at, events_frame, exposures_frame, utc

pytestmark = pytest.mark.spark

LOG_START = at("1 Jan")
WINDOWS: dict[str, dict[str, Any]] = {
    "calendar [1, 7]": {"kind": "calendar", "from": 1, "to": 7},
    "elapsed [1 d, 7 d)": {"kind": "elapsed", "from": "1 d", "to": "7 d"},
    "calendar [1, 59]": {"kind": "calendar", "from": 1, "to": 59},
}
CASES_1_TO_5 = """
    case | t0          | window             | event        | W            | state  | value | prefix
    1    | 3 May 20:00 | calendar [1, 7]    | 4 May 09:00  | 11 May 23:59 | open   | null  | 1
    2    | 3 May 20:00 | calendar [1, 7]    | 4 May 09:00  | 12 May 00:00 | mature | 1     | null
    3    | 3 May 20:00 | elapsed [1 d, 7 d) | 4 May 19:59  | 11 May 20:00 | mature | 0     | null
    4    | 3 May 20:00 | elapsed [1 d, 7 d) | 4 May 20:00  | 11 May 20:00 | mature | 1     | null
    5    | 3 May 20:00 | elapsed [1 d, 7 d) | 10 May 20:00 | 11 May 20:00 | mature | 0     | null
"""


def table(text: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return rows[1:]


def number(text: str) -> float | None:
    return None if text == "null" else float(text)


def returned(window: str, **changes: Any) -> Definition:
    """A return to the item: any consumption of it in the window."""
    fields = {
        "name": "returned", "version": 1, "title": "t", "description": "d", "owner": "o", "status": "published",
        "direction": "higher_is_better", "unit": "0 or 1", "anchor": "exposure", "keys": "user_item",
        "window": WINDOWS[window], "lateness": "1 d", "measure": {"kind": "any", "of": "consumption"},
    }  # fmt: skip
    return Definition.model_validate(fields | changes)


def play(event_ts: datetime, known_ts: datetime | None = None) -> Event:
    return Event(f"{event_ts}", "ann", "song", event_ts, known_ts or event_ts, is_consumption=True)


def shown(t0: datetime) -> list[Exposure]:
    return [Exposure("x", "r", "ann", "song", t0, t0)]


def values(
    spark: SparkSession,
    definition: Definition,
    plays: Sequence[Event],
    knowledge: Knowledge,
    t0: str = "3 May 20:00",
) -> DataFrame:
    exposures = exposures_frame(spark, shown(at(t0)))
    return signal_values([definition], events_frame(spark, plays), exposures, knowledge)


def the_row(frame: DataFrame) -> Row:
    (row,) = frame.collect()
    return row


@pytest.mark.parametrize(
    ("t0", "window", "event", "watermark", "state", "value", "prefix"),
    [pytest.param(*row[1:], id=f"case {row[0]}") for row in table(CASES_1_TO_5)],
)
def test_cases_1_to_5_state_and_value_of_a_return(
    spark: SparkSession, t0: str, window: str, event: str, watermark: str, state: str, value: str, prefix: str
) -> None:
    knowledge = Knowledge(at(watermark), at(watermark), LOG_START)
    row = the_row(values(spark, returned(window), [play(at(event))], knowledge, t0))
    assert (row["state"], row["value"], row["prefix"]) == (state, number(value), number(prefix))


def test_cases_1_to_5_ends_of_the_windows(spark: SparkSession) -> None:
    t0, knowledge = at("3 May 20:00"), Knowledge(at("11 May"), at("11 May"), LOG_START)
    definitions = [returned(window, name=f"w{n}xx") for n, window in enumerate(list(WINDOWS)[:2])]
    frame = signal_values(definitions, events_frame(spark, [play(t0)]), exposures_frame(spark, shown(t0)), knowledge)
    ends = {row["signal"]: (utc(row["window_end"]), utc(row["matures_at"])) for row in frame.collect()}
    assert ends == {
        "w0xx@1": (at("11 May 00:00"), at("12 May 00:00")),
        "w1xx@1": (at("10 May 20:00"), at("11 May 20:00")),
    }
    for definition in definitions:
        assert ends[definition.ref] == (definition.window_end(t0), definition.matures_at(t0))


def test_case_6_a_late_fact_revises_and_changes_nothing_that_was_known(spark: SparkSession) -> None:
    late = [play(at("9 May"), known_ts=at("12 May 06:00"))]
    frame = values(spark, returned("calendar [1, 7]"), late, Knowledge(at("13 May"), at("13 May"), LOG_START)).cache()
    seen = {
        text: the_row(as_known_at(frame, F.lit(at(text)))).asDict()
        for text in ("12 May 00:00", "12 May 05:59", "12 May 06:00", "13 May 00:00")
    }
    assert [(seen[t]["state"], seen[t]["value"], seen[t]["revision"]) for t in seen] == [
        ("mature", 0.0, 0),
        ("mature", 0.0, 0),
        ("mature", 1.0, 1),
        ("mature", 1.0, 1),
    ]
    assert utc(seen["13 May 00:00"]["known_ts"]) == at("12 May 06:00")
    assert as_known_at(frame, F.lit(at("12 May") - TICK)).count() == 0


def test_case_6_was_the_same_when_it_was_computed_at_the_time(spark: SparkSession) -> None:
    late = [play(at("9 May"), known_ts=at("12 May 06:00"))]
    row = the_row(values(spark, returned("calendar [1, 7]"), late, Knowledge(at("12 May"), at("12 May"), LOG_START)))
    assert (row["state"], row["value"], row["revision"]) == ("mature", 0.0, 0)


PLAYS_1D = View("plays", ("user_id",), "event", (Feature("plays_1d", "count", "consumptions", 1),))
CASES_7_AND_8 = """
    case                   | event       | known       | rebuilt      | plays
    7                      | 3 May 20:00 | 3 May 20:00 | 4 May 00:00  | 0
    8                      | 3 May 10:00 | 3 May 21:00 | 4 May 00:00  | 0
    8 built at once        | 3 May 10:00 | 3 May 21:00 | 3 May 20:00  | 0
    8 rebuilt a year later | 3 May 10:00 | 3 May 21:00 | a year later | 0
    control: a minute less | 3 May 19:59 | 3 May 19:59 | 4 May 00:00  | 1
    control: left edge in  | 2 May 20:00 | 2 May 20:00 | 4 May 00:00  | 1
    control: left of it    | 2 May 19:59 | 2 May 19:59 | 4 May 00:00  | 0
    control: known in time | 3 May 10:00 | 3 May 19:59 | a year later | 1
    control: known then    | 3 May 10:00 | 3 May 20:00 | a year later | 0
"""


def test_cases_7_and_8_features_look_strictly_before_as_of(spark: SparkSession) -> None:
    """All rows in one pass a rebuild: each case is a user of its own."""
    cases, found = table(CASES_7_AND_8), {}
    for moment in {rebuilt for *_, rebuilt, _ in cases}:
        mine = [case for case in cases if case[3] == moment]
        events = [
            Event(name, name, "song", at(event), at(known), is_consumption=True) for name, event, known, *_ in mine
        ]
        rebuilt_at = at("3 May", year=2027) if moment == "a year later" else at(moment)
        facts = event_facts(known_by(events_frame(spark, events), rebuilt_at))
        moments = [(case[0], at("3 May 20:00")) for case in mine]
        spine = spark.createDataFrame(moments, "user_id string, as_of timestamp")
        found |= {row["user_id"]: row["plays_1d"] for row in as_of_join(PLAYS_1D, facts, spine).collect()}
    assert found == {case[0]: float(case[4]) for case in cases}


STICKINESS: dict[str, Any] = {
    "anchor": "discovery",
    "measure": {"kind": "days", "of": "consumption"},
    "void": {"look_back": "180 d"},
}


@pytest.mark.parametrize(
    ("log_began", "state", "reason", "value"),
    [
        pytest.param(40 * DAY, "void", "left_truncated", None, id="case 9"),
        pytest.param(180 * DAY - TICK, "void", "left_truncated", None, id="a moment short of the look-back"),
        pytest.param(180 * DAY, "mature", None, 2.0, id="control: the look-back is whole"),
    ],
)
def test_case_9_a_discovery_too_close_to_the_start_is_void(
    spark: SparkSession, log_began: timedelta, state: str, reason: str | None, value: float | None
) -> None:
    t0 = at("3 May 20:00")
    knowledge = Knowledge(t0 + 70 * DAY, t0 + 70 * DAY, t0 - log_began)
    plays = [play(t0), play(t0 + DAY), play(t0 + 3 * DAY)]
    frame = values(spark, returned("calendar [1, 59]", **STICKINESS), plays, knowledge)
    row = the_row(frame)
    assert (row["state"], row["void_reason"], row["value"]) == (state, reason, value)


CASE_10 = """
  case                           | settles | event       | outage              | W            | state  | reason | value
  10                             | late    | none        | 5 May, 7 May        | 12 May       | void   | outage | null
  10, early, nothing seen        | early   | none        | 5 May, 7 May        | 12 May       | void   | outage | null
  10, late, an event             | late    | 8 May 09:00 | 5 May, 7 May        | 12 May       | void   | outage | null
  10, early, an event            | early   | 8 May 09:00 | 5 May, 7 May        | 12 May       | mature | null   | 1
  10, early, may still be seen   | early   | none        | 5 May, 7 May        | 11 May 23:59 | open   | null   | null
  control: no outage             | late    | none        | 1 Apr, 2 Apr        | 12 May       | mature | null   | 0
  control: over before           | late    | none        | 1 May, 4 May        | 12 May       | mature | null   | 0
  control: begins at the end     | late    | none        | 11 May, 12 May      | 12 May       | mature | null   | 0
  its last minute is in          | late    | none        | 1 May, 4 May 00:01  | 12 May       | void   | outage | null
"""


@pytest.mark.parametrize(
    ("settles", "event", "outage", "watermark", "state", "reason", "value"),
    [pytest.param(*row[1:], id=row[0]) for row in table(CASE_10)],
)
def test_case_10_an_outage_in_the_window(
    spark: SparkSession, settles: str, event: str, outage: str, watermark: str, state: str, reason: str, value: str
) -> None:
    start, end = (at(text) for text in outage.split(","))
    knowledge = Knowledge(at(watermark), at(watermark), LOG_START, [(start, end)])
    definition = returned("calendar [1, 7]", void={"outage": True, "settles": settles})
    row = the_row(values(spark, definition, [] if event == "none" else [play(at(event))], knowledge))
    expected = (state, None if reason == "null" else reason, number(value))
    assert (row["state"], row["void_reason"], row["value"]) == expected


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


def delivered(spark: SparkSession, times: Sequence[str], observed: datetime, **heard: Any) -> tuple[Completeness, dict]:
    """The completeness that a delivery shows, and why each of its rows was set aside (or was not)."""
    schema = f"who string, what string, when string, {MALFORMED} boolean"
    raw = spark.createDataFrame([("ann", "song", time, False) for time in times], schema)
    judged = judge(raw, SOURCE, SOURCE.events, observed).select("event_ts", "reason").collect()
    days = {utc(row["event_ts"]).date() for row in judged if row["reason"] is None}
    complete = observe([(day, 1) for day in days], observed, **heard)
    return complete, {f"{row['event_ts']:%Y-%m-%d}": row["reason"] for row in judged}


@pytest.mark.parametrize("heard", [{}, {"heartbeat": at("12 May")}], ids=["no heartbeat", "heartbeat"])
def test_case_11_one_row_from_2031_is_set_aside_and_moves_nothing(spark: SparkSession, heard: dict) -> None:
    sound = ["2026-05-10 10:00:00", "2026-05-11 10:00:00", "2026-05-12 00:00:00"]
    observed = at("12 May 12:00")
    complete, reasons = delivered(spark, [*sound, "2031-01-01 00:00:00"], observed, **heard)
    assert reasons == {"2026-05-10": None, "2026-05-11": None, "2026-05-12": None, "2031-01-01": "future_time"}
    assert complete == Completeness(at("10 May"), at("12 May"))
    assert complete == delivered(spark, sound, observed, **heard)[0]


def test_case_11_even_a_future_day_that_passed_would_move_nothing() -> None:
    days = [(at("11 May").date(), 9), (at("12 May").date(), 9), (at("1 Jan", year=2031).date(), 9)]
    assert observe(days, at("12 May 12:00")).watermark == at("12 May")


def test_case_12_silence_leaves_the_watermark_and_nothing_matures(spark: SparkSession) -> None:
    times = ["2026-05-08 10:00:00", "2026-05-09 10:00:00"]
    silent, _ = delivered(spark, times, at("12 May"))
    beating, _ = delivered(spark, times, at("12 May"), heartbeat=at("12 May"))
    states = {}
    for name, complete in {"silent": silent, "heartbeat": beating}.items():
        watermark = watermark_at(at("12 May"), complete.watermark)
        knowledge = Knowledge(at("12 May"), watermark, LOG_START)
        row = the_row(values(spark, returned("calendar [1, 7]"), [play(at("4 May 09:00"))], knowledge))
        states[name] = (watermark, row["state"], row["value"], row["prefix"])
    assert states == {
        "silent": (at("9 May"), "open", None, 1.0),
        "heartbeat": (at("12 May"), "mature", 1.0, None),
    }
