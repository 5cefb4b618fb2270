"""Outages that became known while the log went on, against the plain-Python reference: every row, exactly."""

from collections import Counter
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from ingest.watermark import watermark_at
from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry
from signals.compute import compute_signal_values
from signals.maturity import Knowledge, OutageFlag
from tests.generative.random_logs import LOG_START, random_logs
from tests.generative.test_signals_equal_reference import HISTORY, as_value, compare, rounded
from tests.reference.definitions_beyond import DEFINITIONS, MEANINGS
from tests.reference.records import at, events_frame, exposures_frame
from tests.reference.signals_by_hand import Value, values_by_hand

pytestmark = pytest.mark.spark

# Known in time, for good or not; known when values were mature, for good or not; known, or withdrawn, later than T.
FLAGS = [
    OutageFlag(at("16 Mar"), at("17 Mar"), at("18 Mar")),
    OutageFlag(at("24 Mar"), at("26 Mar"), at("27 Mar"), at("9 Apr")),
    OutageFlag(at("25 Mar"), at("27 Mar"), at("28 Mar"), at("20 Jul")),
    OutageFlag(at("2 Feb"), at("3 Feb 12:00"), at("1 Aug")),
    OutageFlag(at("5 Feb"), at("6 Feb"), at("1 Jul"), at("1 Sep")),
    OutageFlag(at("8 Apr"), at("9 Apr"), at("5 May"), at("2 Oct")),
    OutageFlag(at("20 Jan"), at("21 Jan"), at("2 Oct")),
]
KNOWLEDGE = Knowledge(at("1 Oct"), at("1 Oct"), LOG_START, (), HISTORY, FLAGS)
NAMES = ("return_to_item_14d", "click", "quality", "days_after_a_short_absence")


def chosen() -> list[Definition]:
    by_name = {d.name: d for d in DEFINITIONS}
    return [by_name.get(name) or default_registry().get(name) for name in NAMES]


def by_hand(knowledge: Knowledge, log) -> Counter[Value]:
    return Counter(
        rounded(v)
        for d in chosen()
        for v in values_by_hand(d, log.events, log.exposures, knowledge, MEANINGS.get(d.name))
    )


def test_flags_turn_values_as_the_reference_says(spark: SparkSession) -> None:
    log = random_logs(range(2))
    events, exposures = events_frame(spark, log.events), exposures_frame(spark, log.exposures)
    computed = Counter(map(as_value, compute_signal_values(chosen(), events, exposures, KNOWLEDGE).collect()))
    expected = by_hand(KNOWLEDGE, log)
    assert compare(computed, expected) == ([], [])
    # The rows reach every corner: void at once, void later, and mature again; and an event that settles early.
    states = {(v.signal, v.revision > 0, v.state, v.void_reason) for v in expected}
    for name in NAMES:
        ref = f"{name}@1"
        wanted = {(ref, False, "void", "outage"), (ref, True, "void", "outage"), (ref, True, "mature", None)}
        assert wanted <= states, ref


def test_what_was_known_then_is_never_changed() -> None:
    """The reference (and so, by the test above, Spark) says of 1 July what it said on 1 July, flags and all."""
    log = random_logs(range(2))
    then = replace(KNOWLEDGE, known_at=at("1 Jul"), watermark=watermark_at(at("1 Jul"), HISTORY), history=HISTORY[:-2])
    now = replace(KNOWLEDGE, history=HISTORY)
    early = {v for v in by_hand(then, log) if v.state != "open"}
    late = {v for v in by_hand(now, log) if v.known_ts <= at("1 Jul")}
    assert early <= late
    assert any(v.void_reason == "outage" for v in early)
