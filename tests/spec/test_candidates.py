"""The sampler of candidates: it knows no future, and its probabilities are those of the formula."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from pyspark.sql import Row, SparkSession

from features.candidate_sampling import sample_candidates
from ingest.fact_tables import build_first_seen
from ingest.source_config import CandidateSampler
from longplay.config.duration import DAY
from tests.reference.records import Event, at, events_frame, utc

pytestmark = pytest.mark.spark

SETTINGS = CandidateSampler(per_request=6, uniform_share=0.3, seed=7)
FIRST_DAY = at("1 May")


def click(event_id: str, user: str, item: str, event_ts: datetime) -> Event:
    return Event(event_id, user, item, event_ts, event_ts, topic=f"topic of {item}", is_click=True)


def random_clicks(seed: int = 0, count: int = 120, days: int = 12) -> list[Event]:
    """Popularity is uneven, some items come late, and some baskets hold several items of one moment."""
    rng = np.random.default_rng(seed)
    clicks = []
    for n in range(count):
        day = int(rng.integers(days))
        item = f"i{int(rng.integers(1, 3 + day) * rng.random())}"
        moment = FIRST_DAY + day * DAY + int(rng.integers(24)) * timedelta(hours=1)
        user = ("a", "a|b", "b")[int(rng.integers(3))]
        clicks.append(click(f"e{n}", user, item, moment))
        if rng.random() < 0.2:
            clicks.append(click(f"e{n}+", user, "b|" + item, moment))
    return clicks


def rows_of(spark: SparkSession, events: Sequence[Event], settings: CandidateSampler = SETTINGS) -> list[Row]:
    frame = events_frame(spark, events)
    return sample_candidates(frame, frame, build_first_seen(frame), settings, 7).collect()


@pytest.fixture(scope="module")
def log() -> list[Event]:
    clicks = random_clicks()
    # What is no click makes neither a request nor a candidate.
    return [*clicks, replace(clicks[0], event_id="play", item_id="played only", is_click=False, is_consumption=True)]


@pytest.fixture(scope="module")
def rows(spark: SparkSession, log: list[Event]) -> list[Row]:
    return rows_of(spark, log)


def probabilities(log: Sequence[Event], day: date, settings: CandidateSampler = SETTINGS) -> dict[str, float]:
    """q(i) = s / items_before + (1 - s) clicks(i) / clicks, by hand; empty before the first day.

    Clicks are those that became visible in the days of the popularity before; without any all items are alike.
    """
    clicks = [(e.item_id, max(e.event_ts, e.known_ts).date()) for e in log if e.is_click]
    items = {item for item, when in clicks if when < day}
    recent = [item for item, when in clicks if day - settings.popularity_days * DAY <= when < day]
    share = settings.uniform_share if recent else 1.0
    return {i: share / len(items) + (1 - share) * (recent.count(i) / len(recent) if recent else 0) for i in items}


def test_probabilities_are_those_of_the_formula(log: list[Event], rows: list[Row]) -> None:
    drawn = [row for row in rows if row["propensity"] is not None]
    assert len(drawn) > 200
    for row in drawn:
        expected = probabilities(log, row["as_of"].date())
        assert row["propensity"] == pytest.approx(expected[row["item_id"]], rel=1e-15)


def test_popularity_looks_back_so_many_days_and_clicks_known_late_count_from_then_on(spark: SparkSession) -> None:
    """x is popular in the first three days; y was clicked on the first and known on the fifth; z comes on the fifth."""
    early = [click(f"x{n}", f"u{n}", "x", FIRST_DAY + n * DAY / 4) for n in range(12)]
    late = replace(click("y", "u", "y", FIRST_DAY + DAY / 2), known_ts=FIRST_DAY + 4 * DAY + DAY / 2)
    asking = [click(f"r{n}", f"v{n}", "z", FIRST_DAY + (4 + n) * DAY + DAY / 3) for n in range(8)]
    settings = CandidateSampler(per_request=20, uniform_share=0.3, popularity_days=3, seed=5)
    log = [*early, late, *asking]
    drawn_rows = [row for row in rows_of(spark, log, settings) if row["propensity"] is not None]
    for row in drawn_rows:
        expected = probabilities(log, row["as_of"].date(), settings)
        assert row["propensity"] == pytest.approx(expected[row["item_id"]], rel=1e-15)
    drawn = {(row["as_of"].date().day, row["item_id"]) for row in drawn_rows}
    assert (5, "y") not in drawn  # it happened on the first, and is known during the fifth
    assert (6, "y") in drawn


def test_draws_of_a_small_log_follow_the_probabilities_worked_out_by_hand(spark: SparkSession) -> None:
    """Six clicks on x, two on y, one on z; s = 0.3. One draw a request, so an item's share of 2,000 is its q."""
    by_hand = {"x": 0.3 / 3 + 0.7 * 6 / 9, "y": 0.3 / 3 + 0.7 * 2 / 9, "z": 0.3 / 3 + 0.7 * 1 / 9}
    past = [click(f"p{n}", f"u{n}", item, FIRST_DAY) for n, item in enumerate("xxxxxxyyz")]
    requests = [click(f"r{n}", f"v{n}", "new", FIRST_DAY + DAY) for n in range(2000)]
    settings = CandidateSampler(per_request=1, uniform_share=0.3, seed=3)
    drawn_rows = [row for row in rows_of(spark, [*past, *requests], settings) if row["propensity"] is not None]
    assert len(drawn_rows) == 2000
    assert {row["item_id"]: row["propensity"] for row in drawn_rows} == pytest.approx(by_hand)
    for item, q in by_hand.items():
        share = sum(row["item_id"] == item for row in drawn_rows) / len(drawn_rows)
        assert abs(share - q) < 5 * (q * (1 - q) / len(drawn_rows)) ** 0.5, item


def test_every_click_is_a_positive_of_the_request_of_its_moment(log: list[Event], rows: list[Row]) -> None:
    positives = {(row["user_id"], row["item_id"], utc(row["as_of"])) for row in rows if row["propensity"] is None}
    assert positives == {(e.user_id, e.item_id, e.event_ts) for e in log if e.is_click}
    requests = {(row["user_id"], row["as_of"]) for row in rows}
    assert len({row["request_id"] for row in rows}) == len(requests)


def test_one_row_an_item_a_request(rows: list[Row]) -> None:
    assert len({(row["request_id"], row["item_id"]) for row in rows}) == len(rows)
    assert len({row["exposure_id"] for row in rows}) == len(rows)
    drawn: dict[str, int] = {}
    for row in rows:
        drawn[row["request_id"]] = drawn.get(row["request_id"], 0) + (row["propensity"] is not None)
    assert max(drawn.values()) <= SETTINGS.per_request


def test_candidates_are_marked_as_sampled_and_claim_no_position(rows: list[Row]) -> None:
    assert {(row["sampled"], row["policy"], row["surface"], row["position"], row["batch"]) for row in rows} == {
        (True, "sampled", "sampled", None, 7)
    }
    assert all(row["topic"] == f"topic of {row['item_id']}" for row in rows)


def test_the_first_day_has_no_past_to_draw_from(rows: list[Row]) -> None:
    first = [row for row in rows if utc(row["as_of"]) < FIRST_DAY + DAY]
    assert first
    assert all(row["propensity"] is None for row in first)


def test_another_seed_draws_others(spark: SparkSession, log: list[Event], rows: list[Row]) -> None:
    assert set(rows_of(spark, log, SETTINGS.model_copy(update={"seed": 8}))) != set(rows)


def test_later_days_and_the_order_of_rows_change_no_earlier_candidate(
    spark: SparkSession, log: list[Event], rows: list[Row]
) -> None:
    """From some midnight on everything is deleted, changed or new, and all is read in another order."""
    cut = FIRST_DAY + 6 * DAY
    past = [e for e in log if e.event_ts < cut]
    # Among it are other topics for items that were known before.
    changed = [replace(e, item_id="i1", event_ts=cut, topic="zz") for e in log if e.event_ts >= cut][::2]
    new = [click(f"new{n}", "b", f"new{n % 3}", cut + n * DAY / 12) for n in range(30)]
    after = rows_of(spark, [*new, *changed, *reversed(past)])
    assert earlier(after, cut) == earlier(rows, cut)
    assert len(earlier(rows, cut)) > 100
    # Control: a click on an earlier day does change what is drawn later.
    more = [click(f"more{n}", "b", "i0", FIRST_DAY + DAY) for n in range(5)]
    assert earlier(rows_of(spark, [*log, *more]), cut) != earlier(rows, cut)


def earlier(rows: Sequence[Row], cut: datetime) -> set[Row]:
    """Rows of requests before a moment, whole."""
    return {row for row in rows if utc(row["as_of"]) < cut}
