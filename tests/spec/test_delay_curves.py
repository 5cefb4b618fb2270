"""Delay curves: worked by hand, and on random logs those of the plain-Python reference."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from math import isnan, sqrt

import pytest
from pyspark.sql import DataFrame, SparkSession

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from signals.delay_curves.cohorts import Cohort, list_due_cohorts, observation_ages
from signals.delay_curves.curves import compute_delay_curves, select_tracked_anchors
from signals.maturity import Knowledge
from signals.signal_groups import SignalFacts
from tests.generative.random_logs import EPISODES, LOG_START, Log, random_logs
from tests.reference.definitions_beyond import DEFINITIONS, MEANINGS
from tests.reference.records import Event, Exposure, at, episodes_frame, events_frame, exposures_frame
from tests.reference.signals_by_hand import Meaning, Measured, Value, add_releases_by_hand, anchors, values_by_hand

pytestmark = pytest.mark.spark

END = Knowledge(at("1 Nov"), at("1 Nov"), LOG_START)
CHOSEN = (
    *("return_to_item_14d", "regret", "credited_return_28d", "diversity_gain_14d"),
    *("stops", "fading", "a_season"),
)
"""Of every anchor and kind: what only grows and what does not, credit clicked and split, baselines and releases."""
VALUES = (
    "signal string, definition_hash string, anchor_id string, user_id string, item_id string, t0 timestamp, "
    "t0_day date, state string, settled boolean, value double, revision int"
)


def values_frame(spark: SparkSession, definitions: Sequence[Definition], rows: Sequence[Value]) -> DataFrame:
    """The table ``signal_values`` as far as curves read it."""
    hashes = {d.ref: d.hash for d in definitions}
    rows_of_table = [
        (v.signal, hashes[v.signal], v.exposure_id or f"{v.user_id}/{v.item_id}/{v.t0}", v.user_id, v.item_id, v.t0,
         v.t0.date(), v.state, v.state != "open", v.value, v.revision)
        for v in rows
    ]  # fmt: skip
    return spark.createDataFrame(rows_of_table, VALUES)


def curves_of(
    spark: SparkSession, cohorts: Sequence[Cohort], values: DataFrame, facts: SignalFacts, knowledge: Knowledge
) -> DataFrame:
    tracked = select_tracked_anchors(cohorts, values)
    persisted = spark.createDataFrame(tracked.collect(), tracked.schema)
    return compute_delay_curves(cohorts, persisted, facts, knowledge)


def seen_by(frame: DataFrame) -> dict[tuple[str, date, int], tuple[float, ...]]:
    names = ("anchors", "sampled", "whole", "missing", "seen", "std_error")
    nothing = float("nan")
    return {
        (row["signal"], row["cohort"], row["age_day"]): tuple(nothing if (x := row[n]) is None else x for n in names)
        for row in frame.collect()
    }


def test_a_curve_by_hand(spark: SparkSession) -> None:
    """Two listeners of one week come back on 3 and 1 days; one of these was known a day late.

    ann was shown a song on Monday 2 March 12:00 and plays it on 3, 5 and 12 March; bob, shown on Wednesday, plays on
    5 March, known a day later. cat was clicked by nobody and has nothing to see. Windows are days 1 to 14, so day 16 is
    maturity. Of 4 days in all, ann's first is known before day 1 is over, and so on.
    """
    days = next(d for d in DEFINITIONS if d.name == "returns_to_item_28d").model_dump(mode="json", by_alias=True)
    fourteen = {"credit": None, "window": {"kind": "calendar", "from": 1, "to": 14}, "quality": {}}
    definition = Definition.model_validate(days | fourteen)
    shown = [(name, at(when)) for name, when in (("ann", "2 Mar 12:00"), ("bob", "4 Mar 12:00"), ("cat", "4 Mar"))]
    exposures = [Exposure(f"x{u}", f"r{u}", u, "song", moment, moment) for u, moment in shown]
    plays = [
        ("ann", "3 Mar 08:00", 0),
        ("ann", "5 Mar 08:00", 0),
        ("ann", "12 Mar 08:00", 0),
        ("bob", "5 Mar 11:00", 1),
    ]
    events = [
        Event(f"e{n}", u, "song", at(when), at(when) + late * DAY, is_consumption=True)
        for n, (u, when, late) in enumerate(plays)
    ]
    knowledge = Knowledge(at("1 Apr"), at("1 Apr"), at("1 Jan"))
    values = values_frame(spark, [definition], values_by_hand(definition, events, exposures, knowledge))
    facts = SignalFacts(events_frame(spark, events), exposures_frame(spark, exposures))
    cohorts = [Cohort(definition, date(2026, 3, 2))]
    assert [row["anchors"] for row in select_tracked_anchors(cohorts, values, limit=1).collect()] == [3]
    curves = seen_by(curves_of(spark, cohorts, values, facts, knowledge))
    assert observation_ages(definition) == (1, 2, 3, 4, 5, 6, 7, 10, 14, 16)
    curve = {age: row for (_, _, age), row in curves.items()}
    assert {age: row[4] for age, row in curve.items()} == {
        1: 0.25, 2: 0.5, 3: 0.75, 4: 0.75, 5: 0.75, 6: 0.75, 7: 0.75, 10: 1.0, 14: 1.0, 16: 1.0
    }  # fmt: skip
    assert {row[:3] for row in curve.values()} == {(3.0, 2.0, 4.0)}  # cat has nothing to see and is not followed
    # Day 1: ann 2 of 3 missing, bob 1 of 1; against .75 of each: -.25 and .25, their squares times 2 / (2 - 1) users.
    assert curve[1][5] == pytest.approx(sqrt(2 * 0.125) / 4)
    assert curve[16][5] == 0.0


def test_curves_equal_the_reference_on_random_logs(spark: SparkSession) -> None:
    log = random_logs(range(2))
    definitions = [d for d in DEFINITIONS if d.name in CHOSEN]
    assert {d.name for d in definitions} == set(CHOSEN)
    by_hand = {d.ref: reference(d, log) for d in definitions}
    values = values_frame(spark, definitions, [v for rows, _ in by_hand.values() for v in rows])
    facts = SignalFacts(
        events_frame(spark, log.events), exposures_frame(spark, log.exposures), episodes_frame(spark, EPISODES)
    )
    cohorts = list_due_cohorts(definitions, LOG_START - 100 * DAY, END.watermark)  # active days lie before it, too
    curves = seen_by(curves_of(spark, cohorts, values, facts, END))
    weeks = {(cohort.definition.ref, cohort.week) for cohort in cohorts}  # others are not mature as a whole
    expected = {key: row for _, curve in by_hand.values() for key, row in curve.items() if key[:2] in weeks}
    assert curves.keys() == expected.keys()
    for key, row in curves.items():
        assert row == pytest.approx(expected[key], abs=1e-6, nan_ok=True), key
    shares = {ref: {row[4] for (cohort, _, _), row in curves.items() if cohort == ref} for ref in by_hand}
    at_once = {"regret@1", "a_season@1"}  # in these logs they are seen on one day, and not in part
    assert {ref for ref, of in shares.items() if any(0 < share < 1 for share in of)} == shares.keys() - at_once
    assert all({0.0, 1.0} & of for of in shares.values())
    assert any(share < 0 for share in shares["diversity_gain_14d@1"])
    assert any(isnan(row[5]) for row in curves.values())
    assert any(row[5] > 0 for row in curves.values())


def reference(definition: Definition, log: Log) -> tuple[list[Value], dict[tuple[str, date, int], tuple[float, ...]]]:
    """The signal's values, and its curves: one anchor, one age at a time."""
    meaning = MEANINGS.get(definition.name)
    rows = values_by_hand(definition, log.events, log.exposures, END, meaning, EPISODES)
    anchors_of_log = list(anchors(definition, log.events, log.exposures))
    measured = Measured(definition, meaning or Meaning(), anchors_of_log, list(log.events))
    facts = add_releases_by_hand(list(log.events), list(EPISODES)) if definition.needs.episodes else list(log.events)
    by_key = {(a.user_id, a.item_id, a.t0, a.exposure_id): a for a in anchors_of_log}

    def prefix(v: Value, before: datetime) -> float:
        own = [e for e in facts if (e.user_id == v.user_id or getattr(e, "is_release", False)) and e.known_ts < before]
        value = measured.value(by_key[v.user_id, v.item_id, v.t0, v.exposure_id], own)
        return 0.0 if value is None else value

    curves: dict[tuple[str, date, int], tuple[float, ...]] = {}
    mature: dict[date, list[Value]] = defaultdict(list)
    for v in rows:
        if v.state == "mature" and v.revision == 0:
            mature[v.t0.date() - timedelta(days=v.t0.weekday())].append(v)
    for week, own in mature.items():
        wholes = [(v, abs((v.value or 0.0) - prefix(v, v.t0))) for v in own]
        moved = [(v, w) for v, w in wholes if v.value or definition.measure.kind in ("sql", "regret")]
        for age in observation_ages(definition):
            is_last = age == observation_ages(definition)[-1]
            missing = [0.0 if is_last else abs((v.value or 0.0) - prefix(v, v.t0 + age * DAY)) for v, _ in moved]
            pairs = [(v.user_id, w, m) for (v, w), m in zip(moved, missing, strict=True)]
            if pairs:
                curves[definition.ref, week, age] = (len(own), len(pairs), *ratio(pairs))
    return rows, curves


def ratio(pairs: Sequence[tuple[str, float, float]]) -> Iterator[float]:
    """Whole, missing, seen and its standard error, users told apart."""
    total, missing = (sum(pair[n] for pair in pairs) for n in (1, 2))
    yield from (total, missing)
    if not total:
        yield from (float("nan"), float("nan"))
        return
    yield 1 - missing / total
    users = {user for user, _, _ in pairs}
    rests = [sum(m - missing / total * w for u, w, m in pairs if u == user) for user in users]
    yield sqrt(sum(r * r for r in rests) * len(users) / (len(users) - 1)) / total if len(users) > 1 else float("nan")
