"""The progressive filter on tables is the one in numpy: sums on every day of knowledge, moments, and estimates."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from signals.maturity import Knowledge
from signals.progressive.estimates import estimate_items
from signals.progressive.filter import TraceFilter, TraceSums, infer_rewards, sum_traces
from signals.progressive.prior import Prior, TraceMoments, fit_prior
from signals.progressive.sufficient_statistics import TraceInputs, compute_daily_sums, sum_mature_traces
from signals.progressive.traces import has_traces, trace_length
from tests.generative.random_logs import LOG_START, random_logs
from tests.reference.records import Event, at, events_frame, exposures_frame, midnight, utc
from tests.reference.signals_by_hand import anchors, void_reason
from tests.unit.signals.progressive_world import covariance

pytestmark = pytest.mark.spark

STICKY = Definition.model_validate(
    {
        "name": "sticky",
        "version": 1,
        "title": "t",
        "description": "d",
        "owner": "o",
        "status": "published",
        "direction": "higher_is_better",
        "unit": "days",
        "anchor": "discovery",
        "keys": "user_item",
        "window": {"kind": "calendar", "from": 1, "to": 6},
        "lateness": "1 d",
        "measure": {"kind": "days", "of": "consumption"},
        "void": {"look_back": "10 d"},
    }
)
OUTAGE = (at("11 Mar 06:00"), at("13 Mar"))
# A backlog; daily deliveries; a silence of four days; daily again until all that is known is there.
HISTORY = [
    (at("20 Jan"), at("18 Jan")),
    *((at("20 Jan") + n * DAY, at("20 Jan") + n * DAY) for n in range(1, 40)),
    *((at("5 Mar") + n * DAY, at("5 Mar") + n * DAY) for n in range(300)),
]
KNOWLEDGE = {
    "on time": Knowledge(at("1 Oct"), at("1 Oct"), LOG_START, [OUTAGE]),
    "late": Knowledge(at("1 Oct"), at("1 Oct"), LOG_START, [OUTAGE], HISTORY),
    "half-way, behind": Knowledge(at("20 Apr"), at("18 Apr"), LOG_START, [OUTAGE]),
}
EVENTS = random_logs([1, 2, 3]).events
ITEMS = sorted({e.item_id for e in EVENTS})
K = trace_length(STICKY)


def random_filter() -> TraceFilter:
    rng = np.random.default_rng(5)
    return TraceFilter.from_prior(Prior(rng.random(K), covariance(rng, K, 0.3), covariance(rng, K, 0.05)), np.ones(K))


WHITENED = random_filter()


def watermark(knowledge: Knowledge, moment: datetime) -> datetime:
    """W at an earlier moment; what the first observation found had come on time."""
    if not knowledge.history or moment <= knowledge.history[0][1]:
        return min(moment, knowledge.watermark)
    return max([reach for when, reach in knowledge.history if when <= moment], default=knowledge.history[0][1])


def traces_by_hand(knowledge: Knowledge, moment: datetime) -> Iterator[tuple[str, np.ndarray, int]]:
    """Item, days and how many of them are seen, of every trace as known at a moment."""
    known_events = [e for e in EVENTS if e.known_ts <= moment]
    for anchor in anchors(STICKY, known_events, []):
        if anchor.superseded_ts is not None or void_reason(STICKY, anchor, knowledge) is not None:
            continue
        begin = midnight(anchor.t0) + DAY
        due = [begin + (day + 1) * DAY + STICKY.lateness for day in range(K)]
        observed_days = sum(due_at <= watermark(knowledge, moment) for due_at in due)
        yield anchor.item_id or "", days_of(known_events, anchor.user_id, anchor.item_id, begin), observed_days


def days_of(events: Sequence[Event], user: str, item: str | None, begin: datetime) -> np.ndarray:
    own = [e for e in events if e.is_consumption and (e.user_id, e.item_id) == (user, item)]
    active_days = {(midnight(e.event_ts) - begin).days for e in own}
    return np.array([float(day in active_days) for day in range(K)])


def sums_by_hand(knowledge: Knowledge, moment: datetime) -> TraceSums:
    traces = list(traces_by_hand(knowledge, moment))
    items = np.array([ITEMS.index(item) for item, _, _ in traces], dtype=np.int64)
    observed_days = np.array([observed_days for _, _, observed_days in traces], dtype=np.int64)
    return sum_traces(WHITENED, items, np.array([z for _, z, _ in traces]).reshape(-1, K), observed_days, len(ITEMS))


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    return events_frame(spark, EVENTS)


def log_of(spark: SparkSession, events: DataFrame, knowledge: Knowledge) -> TraceInputs:
    return TraceInputs(STICKY, events, exposures_frame(spark, []), knowledge)


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_sums_of_all_days_until_then_are_those_of_numpy_at_every_midnight(
    spark: SparkSession, events: DataFrame, name: str
) -> None:
    knowledge = KNOWLEDGE[name]
    rows = compute_daily_sums(log_of(spark, events, knowledge), WHITENED).collect()
    assert len({(r["signal"], r["item_id"], r["day_offset"], r["known_day"]) for r in rows}) == len(rows)
    assert {r["signal"] for r in rows} == {"sticky@1"}
    running, changed = TraceSums.zeros(len(ITEMS), K), 0
    moment = LOG_START
    while moment <= knowledge.known_at:
        for row in rows:
            if utc(row["known_day"]) + DAY == moment:
                place = ITEMS.index(row["item_id"]), row["day_offset"] - 1
                changed += row["n"] == 0 or row["n"] < 0
                running.n[place] += row["n"]
                running.s[place] += row["s"]
        expected = sums_by_hand(knowledge, moment)
        np.testing.assert_array_equal(running.n, expected.n, err_msg=str(moment))
        np.testing.assert_allclose(running.s, expected.s, atol=1e-9, err_msg=str(moment))
        moment += DAY
    assert running.n.sum() > 50
    assert changed > 5, "late facts and superseded traces should be among what was tried"


def test_moments_are_those_of_the_whole_traces(spark: SparkSession, events: DataFrame) -> None:
    knowledge = KNOWLEDGE["late"]
    traces = traces_by_hand(knowledge, knowledge.known_at)
    mature = [(item, z) for item, z, observed_days in traces if observed_days == K]
    expected = TraceMoments.from_traces(
        np.array([z for of, z in mature if of == item]) for item in sorted({i for i, _ in mature})
    )
    moments = sum_mature_traces(log_of(spark, events, knowledge))
    np.testing.assert_array_equal(moments.counts, expected.counts)
    np.testing.assert_array_equal(moments.sums, expected.sums)
    np.testing.assert_array_equal(moments.cross, expected.cross)
    few = sum_mature_traces(log_of(spark, events, knowledge), limit=2)
    assert len(few.counts) == 2 < len(moments.counts)


def test_estimates_are_the_beliefs_of_numpy_and_name_what_they_rest_on(spark: SparkSession, events: DataFrame) -> None:
    knowledge = KNOWLEDGE["half-way, behind"]
    inputs = log_of(spark, events, knowledge)
    prior = fit_prior(sum_mature_traces(inputs))
    trace_filter = TraceFilter.from_prior(prior, np.ones(K))
    items = spark.createDataFrame([(item,) for item in [*ITEMS, "never seen"]], "item_id string")
    estimates = estimate_items(compute_daily_sums(inputs, trace_filter), items, inputs, trace_filter)
    rows = {r["item_id"]: r for r in estimates.collect()}
    assert set(rows) == {*ITEMS, "never seen"}
    traces = list(traces_by_hand(knowledge, knowledge.known_at))
    for item in ITEMS:
        own = [(z, observed_days) for of, z, observed_days in traces if of == item]
        observed_days = np.array([upto for _, upto in own], dtype=np.int64)
        z = np.array([days for days, _ in own]).reshape(-1, K)
        sums = sum_traces(trace_filter, np.zeros(len(own), dtype=np.int64), z, observed_days, 1)
        expected = infer_rewards(trace_filter, sums)
        row = rows[item]
        assert row["estimated_mean"] == pytest.approx(expected.mean[0], abs=1e-7)
        assert row["estimated_variance"] == pytest.approx(expected.variance[0], abs=1e-7)
        assert row["traces"] == (observed_days > 0).sum()
        assert row["mature_share"] == pytest.approx((observed_days == K).sum() / max(1, (observed_days > 0).sum()))
        assert row["prior_only"] == (row["traces"] == 0)
    untraced = rows["never seen"]
    assert untraced["prior_only"] is True
    assert untraced["estimated_mean"] == pytest.approx(prior.mean.sum(), abs=1e-7)
    assert untraced["estimated_variance"] == pytest.approx(prior.between.sum(), abs=1e-7)
    assert all(r["is_estimate"] and utc(r["known_at"]) == knowledge.known_at for r in rows.values())


def test_only_days_of_calendar_windows_of_items_have_traces() -> None:
    def other(**fields: object) -> Definition:
        return Definition.model_validate({**STICKY.model_dump(by_alias=True), **fields})

    assert has_traces(STICKY)
    assert not has_traces(other(measure={"kind": "any", "of": "consumption"}))
    assert not has_traces(other(keys="user"))
    assert not has_traces(other(window={"kind": "elapsed", "from": "0 s", "to": "6 d"}))
