"""Consistency of a delivery: its logs, its heartbeat, and earlier deliveries."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ingest.watermark import Heartbeat
from longplay.config.duration import DAY
from quality.delivery_consistency import (
    ANSWERED,
    ANSWERS,
    MIN_ROWS_FOR_SHARES,
    LogAgreement,
    describe_heartbeat_faults,
    describe_repeated_rows,
    describe_unanswered,
    exceeded_share_limit,
    find_disagreements,
    quarantined_shares,
    were_answered,
)

GOOD = LogAgreement(answers=1_000, answered=960, same_user=960, shown=3_000, reused=3)


def test_logs_that_agree_are_no_fault_nor_are_a_few_rows_that_do_not() -> None:
    assert find_disagreements(GOOD) == {}
    few = MIN_ROWS_FOR_SHARES - 1
    assert find_disagreements(LogAgreement(answers=few, answered=0, same_user=0, shown=few, reused=few)) == {}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"same_user": 911}, "49 of 960 events belong to another user than the request that they answer"),
        ({"reused": 151}, "151 of 3,000 exposures carry the id of a request from another time"),
    ],
)
def test_each_way_in_which_logs_disagree_is_named(change: dict[str, int], text: str) -> None:
    assert list(find_disagreements(replace(GOOD, **change)).values()) == [text]


@pytest.mark.parametrize("change", [{"same_user": 912}, {"reused": 150}])
def test_up_to_a_bound_nothing_is_said(change: dict[str, int]) -> None:
    assert find_disagreements(replace(GOOD, **change)) == {}


def test_requests_that_nobody_was_shown_are_named_and_what_was_usual_is_told_from_counts() -> None:
    text = "501 of 1,000 events answer requests that nobody was shown"
    assert describe_unanswered(replace(GOOD, answered=499)) == text
    assert describe_unanswered(replace(GOOD, answered=500)) is None
    assert describe_unanswered(LogAgreement(MIN_ROWS_FOR_SHARES - 1, 0, 0, 0, 0)) is None
    few, most, none = {ANSWERS: 1_000, ANSWERED: 40}, {ANSWERS: 200, ANSWERED: 100}, {ANSWERS: 199, ANSWERED: 199}
    assert not were_answered([{}, none])
    assert not were_answered([few, few, most])
    assert were_answered([few, most, most])


def test_a_share_aside_is_held_against_earlier_deliveries() -> None:
    """Median 0.002, median deviation 0.001: up to 0.002 + 5 x 1.4826 x 0.001 = 0.009413."""
    earlier_shares = [0.001, 0.002, 0.003, 0.001, 0.002, 0.003, 0.002, 0.001, 0.003]
    assert exceeded_share_limit(0.0095, 5_000, earlier_shares) == pytest.approx(0.009413)
    assert exceeded_share_limit(0.0094, 5_000, earlier_shares) is None
    assert exceeded_share_limit(0.5, MIN_ROWS_FOR_SHARES - 1, earlier_shares) is None
    assert exceeded_share_limit(0.5, 5_000, earlier_shares[:6]) is None
    assert exceeded_share_limit(0.0051, 5_000, [0.0] * 7) == 0.005  # half a percent always passes


def test_the_newest_deliveries_alone_say_what_is_usual() -> None:
    assert exceeded_share_limit(0.01, 5_000, [0.9] * 50 + [0.0] * 28) == 0.005


def test_shares_of_a_log_are_told_from_the_counts_of_deliveries() -> None:
    counts = [
        {"events/read": 1_000, "events/clean": 990, "exposures/read": 500, "exposures/clean": 500},
        {"events/read": 10, "events/clean": 0},
        {"events/read": 400, "events/clean": 300},
    ]
    assert quarantined_shares("events", counts) == pytest.approx([0.01, 0.25])
    assert quarantined_shares("exposures", counts) == [0.0]


START = datetime(2026, 5, 1, tzinfo=UTC)


def test_an_interval_that_leaves_a_gap_is_implausible() -> None:
    beat = Heartbeat(START + 3 * DAY, None, START + 2 * DAY)
    assert describe_heartbeat_faults(beat, START + 2.9 * DAY, START + 3 * DAY) == []
    (text,) = describe_heartbeat_faults(beat, START + 2.9 * DAY, START + DAY)
    assert text.startswith("no delivery covers what became known from 2026-05-02 00:00:00+00:00 to 2026-05-03")


@pytest.mark.parametrize(
    ("since", "until", "newest", "is_implausible"),
    [
        (0, 1, 0.1, False),  # a quiet day
        (0, 1, None, False),  # without any event at all
        (0, 2.1, None, True),
        (0, 8, 0.9, True),
        (0, 8, 4.0, False),  # half of the interval
        (None, 8, 7.0, False),
        (None, 8, 6.9, True),  # a day and more at the end of a log without a start
    ],
)
def test_an_interval_that_ends_long_after_the_newest_event_is_implausible(
    since: float | None, until: float, newest: float | None, is_implausible: bool
) -> None:
    start, last = (None if n is None else START + n * DAY for n in (since, newest))
    assert (
        bool(describe_heartbeat_faults(Heartbeat(START + until * DAY, None, start), last, START + until * DAY))
        == is_implausible
    )


def test_a_delivery_that_mostly_came_before_is_told_unless_that_is_usual() -> None:
    now = {"events/read": 1_000, "events/again": 501}
    text = "501 of 1,000 events came with earlier deliveries and count once; is it the right delivery?"
    assert describe_repeated_rows("events", now, []) == text
    assert describe_repeated_rows("events", now, [{"events/read": 1_000, "events/again": 3}, {}]) == text
    assert describe_repeated_rows("events", now, [{"events/read": 1_000, "events/again": 300}]) is None
    assert describe_repeated_rows("events", now | {"events/again": 500}, []) is None
    assert (
        describe_repeated_rows(
            "events", {"events/read": MIN_ROWS_FOR_SHARES - 1, "events/again": MIN_ROWS_FOR_SHARES - 1}, []
        )
        is None
    )
    assert describe_repeated_rows("exposures", now, []) is None
