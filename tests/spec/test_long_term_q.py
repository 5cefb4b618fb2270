"""Worked cases of the long-term value of an exposure: shown on 3 May 20:00 UTC, in a request of its own."""

from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from longplay.registry.registry import default_registry
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from tests.reference.definitions_beyond import MEANINGS
from tests.reference.records import Event, Exposure, at, events_frame, exposures_frame
from tests.reference.signals_by_hand import values_by_hand
from tests.spec.test_time_worked_cases import table

pytestmark = pytest.mark.spark

T0, NOW = at("3 May 20:00"), at("1 Aug")
KNOWLEDGE = Knowledge(NOW, NOW, at("1 Jan"))
# p: a play, c: a click; in answer to the exposure (own), to another one (other), or to none; hours after it was shown.
CASES = """
case                        | events                          | value
nothing                     | none                            | 0
a click and no play         | c own 0                         | 0
played at once              | p own 0                         | 1
played, and on two days     | p own 0, p none 24, p none 48   | 3
a day counts once           | p own 0, p none 24, p none 25   | 2
another slate's play        | p other 1, p none 24            | 0
of one's own accord         | p none 23, p none 48            | 3
a day later earns nothing   | p none 24, p none 48            | 0
however it comes about      | p own 0, p other 24             | 2
the last day is in          | p own 0, p none 1419            | 2
the day after is out        | p own 0, p none 1420            | 1
"""


def events_of(case: str, text: str) -> list[Event]:
    events = []
    for n, word in enumerate(text.split(", ") if text != "none" else []):
        kind, answer, hours = word.split()
        when, request = T0 + timedelta(hours=int(hours)), {"own": case, "other": "other", "none": None}[answer]
        flags = {"is_consumption": kind == "p", "is_click": kind == "c"}
        events.append(Event(f"{case} {n}", case, "song", when, when, request_id=request, **flags))
    return events


EVENTS = [event for case in table(CASES) for event in events_of(case["case"], case["events"])]
SHOWN = [Exposure(case["case"], case["case"], case["case"], "song", T0, T0) for case in table(CASES)]
EXPECTED = {case["case"]: float(case["value"]) for case in table(CASES)}


def test_worked_cases(spark: SparkSession) -> None:
    definition = default_registry().get("long_term_q_59d")
    values = compute_signal_values([definition], events_frame(spark, EVENTS), exposures_frame(spark, SHOWN), KNOWLEDGE)
    rows = values.collect()
    assert {row["state"] for row in rows} == {"mature"}
    assert {row["anchor_id"]: row["value"] for row in rows} == EXPECTED


def test_worked_cases_by_hand_and_their_mean_is_the_product() -> None:
    definition = default_registry().get("long_term_q_59d")
    rows = values_by_hand(definition, EVENTS, SHOWN, KNOWLEDGE, MEANINGS[definition.name])
    values = {row.exposure_id: row.value for row in rows}
    assert values == EXPECTED
    listened = [value for value in EXPECTED.values() if value]
    share, days = len(listened) / len(EXPECTED), sum(value - 1 for value in listened) / len(listened)
    assert sum(EXPECTED.values()) / len(EXPECTED) == pytest.approx(share * (1 + days))
