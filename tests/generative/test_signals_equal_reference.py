"""On random logs Spark's signal values are those of the plain-Python reference: every row, every column, exactly."""

from collections import Counter
from dataclasses import asdict, replace
from datetime import datetime

import pytest
from pyspark.sql import Row, SparkSession

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from tests.generative.random_logs import EPISODES, LOG_START, Log, random_logs
from tests.reference.definitions_beyond import DEFINITIONS, MEANINGS
from tests.reference.records import at, episodes_frame, events_frame, exposures_frame, utc
from tests.reference.signals_by_hand import Value, values_by_hand

pytestmark = pytest.mark.spark

OUTAGE = (at("11 Mar 06:00"), at("13 Mar"))
# A backlog; then daily deliveries with a silence of four days in between; then a straggler of a month.
HISTORY = [
    (at("1 Mar"), at("27 Feb")),
    *((at("1 Mar") + n * DAY, at("1 Mar") + n * DAY) for n in range(1, 20)),
    *((at("24 Mar") + n * DAY, at("24 Mar") + n * DAY) for n in range(20)),
    (at("9 Sep 04:00"), at("8 Sep 21:30")),
    (at("1 Oct"), at("1 Oct")),
]
# T, W: in the middle of things with a log that is behind, and when nearly everything is known.
KNOWLEDGE = {
    "half-way": Knowledge(at("20 Apr 06:00"), at("18 Apr"), LOG_START, [OUTAGE]),
    "at the end": Knowledge(at("1 Oct"), at("1 Oct"), LOG_START, [OUTAGE], HISTORY),
}


@pytest.fixture(scope="module")
def log() -> Log:
    return random_logs(range(3))


def spark_values(spark: SparkSession, log: Log, knowledge: Knowledge) -> list[Row]:
    events, exposures = events_frame(spark, log.events), exposures_frame(spark, log.exposures)
    episodes = episodes_frame(spark, EPISODES)
    return compute_signal_values(DEFINITIONS, events, exposures, knowledge, episodes=episodes).collect()


def by_hand(definition: Definition, log: Log, knowledge: Knowledge) -> list[Value]:
    return values_by_hand(definition, log.events, log.exposures, knowledge, MEANINGS.get(definition.name), EPISODES)


def as_value(row: Row) -> Value:
    fields = {k: utc(v) if isinstance(v, datetime) else v for k, v in row.asDict().items()}
    fields["exposure_id"] = fields["anchor_id"] if anchor_of(row["signal"]) == "exposure" else None
    return rounded(Value(**{name: fields[name] for name in Value.__dataclass_fields__}))


def rounded(value: Value) -> Value:
    """Numbers to nine decimals: the reference adds up in another order."""
    numbers = {name: getattr(value, name) for name in ("value", "prefix")}
    return replace(value, **{name: None if x is None else round(x, 9) + 0.0 for name, x in numbers.items()})


def anchor_of(ref: str) -> str:
    return next(d.anchor for d in DEFINITIONS if d.ref == ref)


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_every_definition_equals_the_reference(spark: SparkSession, log: Log, name: str) -> None:
    rows = spark_values(spark, log, KNOWLEDGE[name])
    expected = [v for d in DEFINITIONS for v in by_hand(d, log, KNOWLEDGE[name])]
    only_spark, only_reference = compare(Counter(map(as_value, rows)), Counter(map(rounded, expected)))
    assert (only_spark, only_reference) == ([], []), f"{len(only_spark)} and {len(only_reference)} rows differ"
    # An anchor's id names one anchor, and an anchor has one id.
    anchors = {(r["signal"], r["user_id"], r["item_id"], r["t0"], r["anchor_id"]) for r in rows}
    counts = Counter((r["signal"], r["anchor_id"], r["revision"]) for r in rows)
    assert max(counts.values()) == 1
    assert len(anchors) == len({(signal, anchor) for signal, *_, anchor in anchors})
    hashes = {(r["signal"], r["definition_hash"]) for r in rows}
    assert hashes == {(d.ref, d.hash) for d in DEFINITIONS}


def compare(rows: Counter[Value], expected: Counter[Value]) -> tuple[list[dict], list[dict]]:
    """A few of the rows on either side alone."""
    return [asdict(v) for v in (rows - expected)][:5], [asdict(v) for v in (expected - rows)][:5]


def test_the_logs_reach_every_corner(log: Log) -> None:
    """Without this the comparison could be one of empty tables."""
    rows = [v for k in KNOWLEDGE.values() for d in DEFINITIONS for v in by_hand(d, log, k)]
    for definition in DEFINITIONS:
        mature = [v for v in rows if v.signal == definition.ref and v.state == "mature"]
        assert len({v.value for v in mature}) > 1, definition.ref
        states = {"mature"} if looks_far_back(definition) else {"open", "mature"}
        assert {v.state for v in rows if v.signal == definition.ref} >= states, definition.ref
    assert {v.void_reason for v in rows} == {
        None, "outage", "left_truncated", "superseded", "undefined", "too_few_facts"
    }  # fmt: skip
    assert any(v.void_reason == "superseded" and v.revision > 0 for v in rows)
    assert max(v.revision for v in rows) >= 2
    assert any(v.prefix for v in rows)
    assert any(0 < v.elapsed_share < 1 for v in rows)


def looks_far_back(definition: Definition) -> bool:
    """Whether the look-back is longer than the log is half-way, so that few anchors are left."""
    return definition.void.look_back is not None and definition.void.look_back > 100 * DAY


def test_a_mature_value_as_known_then_is_never_changed(log: Log) -> None:
    """What the reference (and so, by the test above, Spark) computes later for T is what it computed at T."""
    early = KNOWLEDGE["half-way"]
    late = Knowledge(early.known_at + 200 * DAY, early.known_at + 200 * DAY, LOG_START, [OUTAGE])
    for definition in DEFINITIONS:
        then, now = (_mature(definition, log, knowledge, early.known_at) for knowledge in (early, late))
        assert then or looks_far_back(definition), definition.ref
        assert then.items() <= now.items()


def _mature(definition: Definition, log: Log, knowledge: Knowledge, known_at: datetime) -> dict[tuple, float | None]:
    rows = by_hand(definition, log, knowledge)
    known_values = sorted((v for v in rows if v.known_ts <= known_at), key=lambda v: (v.known_ts, v.revision))
    return {(v.user_id, v.item_id, v.exposure_id, v.t0.date()): v.value for v in known_values if v.state == "mature"}
