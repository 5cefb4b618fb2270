"""What happens at or after ``as_of`` changes no feature, and what is known after T no value as known at T."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from features.shipped_views import VIEWS
from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry
from signals.compute import compute_signal_values, select_values_known_at
from signals.maturity import Knowledge
from tests.generative.random_logs import EPISODES, ITEMS, LOG_START, TOPICS, Log, random_logs
from tests.generative.shipped_views import Features, known_features
from tests.reference.records import TICK, Event, at, episodes_frame, events_frame, exposures_frame, midnight
from tests.reference.signals_by_hand import Value, values_by_hand

pytestmark = pytest.mark.spark

AS_OF = at("25 Feb 12:00")
KNOWN_AT = at("1 Apr 06:00")


def perturbed(events: tuple[Event, ...], moment: datetime, *, by_known_ts: bool = False) -> tuple[Event, ...]:
    """Every event that happened (or, if ``known``, was known) at or after ``moment`` deleted or changed; more added.

    What was there before stays as it was.
    """
    rng = np.random.default_rng(5)
    past, future = [], []
    for event in events:
        moment_of_event = event.known_ts if by_known_ts else event.event_ts
        (future if moment_of_event >= moment else past).append(event)
    assert future
    assert past
    changed = [_changed(event, moment, by_known_ts, rng) for event in future if rng.random() < 0.7]
    more = [replace(_changed(e, moment, by_known_ts, rng), event_id=f"more{n}") for n, e in enumerate([*past, *future])]
    return (*past, *changed, *more)


def _changed(event: Event, moment: datetime, by_known_ts: bool, rng: np.random.Generator) -> Event:
    """The same user with another item, another time, other flags and another amount; known in the future still."""
    item = ITEMS[int(rng.integers(len(ITEMS)))]
    # The first of these is the moment itself: it is not before.
    later = moment + int(rng.choice([0, 0, 1, 5, 50])) * DAY / 4
    known_ts = later + int(rng.integers(3)) * DAY
    when = event.event_ts if by_known_ts else later
    flags = [bool(flag) for flag in rng.random(3) < 0.6]
    return replace(
        event, item_id=item, topic=TOPICS[item], event_ts=min(when, known_ts), known_ts=known_ts,
        is_consumption=flags[0], is_click=flags[1], is_negative=flags[2], amount=float(rng.integers(300)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def log() -> Log:
    """Its exposures lie on both sides of AS_OF, and some right on it."""
    log = random_logs([21, 22])
    on_edge = [replace(e, exposure_id=f"{e.exposure_id}@", as_of=AS_OF, known_ts=AS_OF) for e in log.exposures[::6]]
    return Log(log.events, (*log.exposures, *on_edge))


@pytest.fixture(scope="module")
def before(spark: SparkSession, log: Log) -> Features:
    return until(known_features(spark, log), AS_OF)


def until(features: Features, moment: datetime) -> Features:
    """Rows that look from ``moment`` or earlier. (The item view looks from midnight of its day.)"""
    return {view: {key: row for key, row in rows.items() if key[-1] <= moment} for view, rows in features.items()}


def test_events_at_or_after_as_of_change_no_feature_of_any_view(
    spark: SparkSession, log: Log, before: Features
) -> None:
    changed = Log(perturbed(log.events, AS_OF), log.exposures)
    after = until(known_features(spark, changed), AS_OF)
    assert {view.name for view in VIEWS} == after.keys()
    for view, rows in before.items():
        assert len(rows) > 10, view
        assert any(key[-1] in (AS_OF, midnight(AS_OF)) for key in rows), view
        assert after[view] == rows, view


def test_facts_known_at_or_after_as_of_change_no_feature_of_any_view(
    spark: SparkSession, log: Log, before: Features
) -> None:
    """They may be about the past: it was not known yet."""
    changed = Log(perturbed(log.events, AS_OF, by_known_ts=True), log.exposures)
    assert until(known_features(spark, changed), AS_OF) == before


def test_control_an_event_just_before_as_of_changes_features_of_every_view(
    spark: SparkSession, log: Log, before: Features
) -> None:
    """So the tests above can fail. Items look from midnight, so their event comes just before that."""
    more = []
    for edge in (AS_OF, midnight(AS_OF)):
        exposures = [e for e in log.exposures if e.as_of == AS_OF and e.topic is not None]
        more += [
            Event(f"{edge}{e.exposure_id}", e.user_id, e.item_id, edge - TICK, edge - TICK, e.topic, True, True, True)
            for e in exposures
        ]
    after = until(known_features(spark, Log((*log.events, *more), log.exposures)), AS_OF)
    for view, rows in before.items():
        changed = {key for key in rows if after[view][key] != rows[key]}
        assert changed, view
        assert {key[-1] for key in changed} <= {AS_OF, midnight(AS_OF)}, view


def values_as_known(spark: SparkSession, log: Log, knowledge: Knowledge) -> set[Row]:
    """Values of every shipped signal, read as known at KNOWN_AT."""
    events, exposures = events_frame(spark, log.events), exposures_frame(spark, log.exposures)
    episodes = episodes_frame(spark, EPISODES)
    values = compute_signal_values(default_registry().newest(), events, exposures, knowledge, episodes=episodes)
    return set(select_values_known_at(values, F.lit(KNOWN_AT)).collect())


def test_facts_known_after_t_change_no_value_as_known_at_t(spark: SparkSession, log: Log) -> None:
    then = Knowledge(KNOWN_AT, KNOWN_AT, LOG_START)
    values = values_as_known(spark, log, then)
    changed = Log(perturbed(log.events, KNOWN_AT + TICK, by_known_ts=True), log.exposures)
    assert {row["state"] for row in values} == {"open", "mature", "void"}
    assert values_as_known(spark, changed, then) == values
    # Computed half a year later, from a past that other facts have made different, what was mature then still is.
    later = KNOWN_AT + 180 * DAY
    rebuilt = mature(values_as_known(spark, changed, Knowledge(later, later, LOG_START)))
    assert mature(values).items() <= rebuilt.items()
    # Control: the facts that were perturbed do matter to what is known later.
    returned, knowledge = default_registry().get("return_to_item_14d"), Knowledge(later, later, LOG_START)
    assert by_hand(returned, log, knowledge) != by_hand(returned, changed, knowledge)


def mature(rows: set[Row]) -> dict[tuple[str, str], tuple[float, int]]:
    """Value and revision of what is mature."""
    return {
        (row["signal"], row["anchor_id"]): (row["value"], row["revision"]) for row in rows if row["state"] == "mature"
    }


def by_hand(definition: Definition, log: Log, knowledge: Knowledge) -> set[Value]:
    return set(values_by_hand(definition, log.events, log.exposures, knowledge))
