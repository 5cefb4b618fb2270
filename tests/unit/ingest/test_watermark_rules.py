"""How far a log is known to be complete."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.watermark import (
    DeliveredInterval,
    Heartbeat,
    ObservedCompleteness,
    compute_watermark_history,
    midnight,
    observe_completeness,
    read_heartbeat,
    watermark_at,
)
from longplay.errors import InputError

OBSERVED = datetime(2026, 5, 12, 8, tzinfo=UTC)


def day(number: int) -> date:
    return date(2026, 5, number)


def test_without_a_heartbeat_the_last_delivered_day_may_be_cut_off() -> None:
    users_by_day = [(day(5), 9), (day(3), 7), (day(4), 8)]
    assert observe_completeness(users_by_day, OBSERVED) == ObservedCompleteness(midnight(day(3)), midnight(day(5)))


def test_a_few_odd_rows_move_neither_end() -> None:
    users_by_day = [(date(1970, 1, 1), 1), (day(3), 7), (day(4), 8), (day(9), 1)]
    assert observe_completeness(users_by_day, OBSERVED, min_users=5) == ObservedCompleteness(
        midnight(day(3)), midnight(day(4))
    )


def test_without_a_number_a_few_odd_rows_move_neither_end_either() -> None:
    month = [(day(n), 50) for n in range(1, 11)]
    odd = [(date(1970, 1, 1), 1), (date(2026, 4, 9), 4), (day(12), 4), *month]
    assert observe_completeness(odd, OBSERVED) == ObservedCompleteness(midnight(day(1)), midnight(day(10)))
    assert observe_completeness([*month, (day(11), 5)], OBSERVED).watermark == midnight(day(11))


def test_the_baseline_is_that_of_the_same_end_of_the_log() -> None:
    begin, users = date(2024, 1, 1), [*[2] * 40, *[1000] * 500]
    grown = [(begin + timedelta(days=n), many) for n, many in enumerate(users)]
    last = grown[-1][0]
    assert observe_completeness(grown, OBSERVED) == ObservedCompleteness(midnight(begin), midnight(last))
    assert observe_completeness([*grown, (last + timedelta(days=300), 99)], OBSERVED).watermark == midnight(last)


def test_days_after_the_observation_do_not_count() -> None:
    users_by_day = [(day(11), 9), (day(12), 9), (day(13), 9), (date(2031, 1, 1), 9)]
    assert observe_completeness(users_by_day, OBSERVED) == ObservedCompleteness(midnight(day(11)), midnight(day(12)))


def test_a_gap_is_no_end() -> None:
    assert observe_completeness([(day(1), 9), (day(8), 9)], OBSERVED).watermark == midnight(day(8))


def test_a_heartbeat_is_believed_up_to_the_observation() -> None:
    users_by_day = [(day(3), 7), (day(9), 8)]
    beat = datetime(2026, 5, 11, 6, tzinfo=UTC)
    assert observe_completeness(users_by_day, OBSERVED, heartbeat=beat) == ObservedCompleteness(midnight(day(3)), beat)
    assert observe_completeness(users_by_day, OBSERVED, heartbeat=OBSERVED).watermark == OBSERVED
    with pytest.raises(InputError, match="claims completeness in the future") as caught:
        observe_completeness(users_by_day, OBSERVED, heartbeat=datetime(2026, 5, 13, tzinfo=UTC), where="the log")
    assert caught.value.where == "the log"


def test_a_log_begins_where_its_source_says_whatever_day_is_seen_first() -> None:
    """Late events of a delivery that happens to come first are no beginning."""
    users_by_day, beat = [(day(9), 8)], datetime(2026, 5, 11, tzinfo=UTC)
    assert observe_completeness(
        users_by_day, OBSERVED, heartbeat=beat, begins=midnight(day(1))
    ) == ObservedCompleteness(midnight(day(1)), beat)
    assert observe_completeness([], OBSERVED, heartbeat=beat, begins=midnight(day(1))) == ObservedCompleteness(
        midnight(day(1)), beat
    )


@pytest.mark.parametrize("users_by_day", [[], [(date(2026, 5, 3), 4)], [(date(2031, 1, 1), 99)]])
def test_no_delivered_day_is_an_error(users_by_day: list[tuple[date, int]]) -> None:
    with pytest.raises(InputError, match="No day of this log counts as delivered") as caught:
        observe_completeness(users_by_day, OBSERVED, min_users=5, where="the log")
    assert caught.value.got == f"{len(users_by_day)} days, none with 5 users up to 2026-05-12"
    assert caught.value.where == "the log"


def delivery_up_to(until: datetime, at: datetime) -> DeliveredInterval:
    """A delivery of everything up to a moment."""
    return DeliveredInterval(None, until, at)


def daily(number: int, at: int | None = None) -> DeliveredInterval:
    """The delivery of one day of May, there at the next midnight or on another day."""
    return DeliveredInterval(midnight(day(number)), midnight(day(number + 1)), midnight(day(at or number + 1)))


def test_before_the_first_observation_the_log_was_delivered_on_time() -> None:
    history = compute_watermark_history([delivery_up_to(midnight(day(12)), midnight(day(15)))])
    assert watermark_at(midnight(day(5)), history) == midnight(day(5))
    assert watermark_at(midnight(day(13)), history) == midnight(day(12))
    assert watermark_at(midnight(day(20)), history) == midnight(day(12))  # silence moves nothing


def test_days_add_up_whatever_the_order_of_their_arrival() -> None:
    days = [daily(n) for n in range(1, 7)]
    expected = [(midnight(day(n)), midnight(day(n))) for n in range(2, 8)]
    assert compute_watermark_history(days) == expected
    assert compute_watermark_history([days[n] for n in (4, 0, 5, 2, 1, 3)]) == expected


def test_after_a_gap_nothing_is_complete_until_it_is_filled() -> None:
    late = [daily(1), daily(2), daily(4), daily(5), daily(3, at=9)]
    history = compute_watermark_history(late)
    assert history == [
        (midnight(day(2)), midnight(day(2))),
        (midnight(day(3)), midnight(day(3))),
        (midnight(day(9)), midnight(day(6))),
    ]
    assert watermark_at(midnight(day(8)), history) == midnight(day(3))
    assert watermark_at(midnight(day(9)), history) == midnight(day(6))


def test_a_log_that_says_where_it_begins_waits_for_that_day() -> None:
    begins = midnight(day(1))
    assert compute_watermark_history([daily(3), daily(2)], begins) == []
    assert compute_watermark_history([daily(3), daily(2), daily(1)], begins)[-1] == (midnight(day(4)), midnight(day(4)))
    assert compute_watermark_history([daily(3), daily(2)])[-1] == (
        midnight(day(4)),
        midnight(day(4)),
    )  # else it began with the second


def test_a_whole_delivery_after_daily_ones_fills_every_gap() -> None:
    history = compute_watermark_history([daily(1), daily(4), delivery_up_to(midnight(day(5)), midnight(day(6)))])
    assert history[-1] == (midnight(day(6)), midnight(day(5)))


@pytest.mark.parametrize(
    ("heartbeat_json", "expected"),
    [
        ({"complete_until": "2026-05-12"}, Heartbeat(midnight(day(12)))),
        ({"complete_until": "2026-05-12T02:00:00+02:00"}, Heartbeat(midnight(day(12)))),
        (
            {"complete_until": "2026-05-12T00:00:00Z", "observed_at": "2026-05-12T08:00:00"},
            Heartbeat(midnight(day(12)), OBSERVED),
        ),
        (
            {"complete_from": "2026-05-11", "complete_until": "2026-05-12"},
            Heartbeat(midnight(day(12)), None, midnight(day(11))),
        ),
    ],
)
def test_heartbeats_are_utc(tmp_path: Path, heartbeat_json: dict[str, str], expected: Heartbeat) -> None:
    (tmp_path / "beat.json").write_text(json.dumps(heartbeat_json), encoding="utf-8")
    assert read_heartbeat(tmp_path / "beat.json") == expected


def test_an_interval_that_is_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beat.json").write_text('{"complete_from": "2026-05-12", "complete_until": "2026-05-12"}', "utf-8")
    with pytest.raises(InputError, match="interval is empty"):
        read_heartbeat(tmp_path / "beat.json")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"complete_until": 5}', '{"complete_until": "soon"}'])
def test_what_is_no_heartbeat(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "beat.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="The heartbeat file cannot be read") as caught:
        read_heartbeat(tmp_path / "beat.json")
    assert caught.value.where == str(tmp_path / "beat.json")
    assert "complete_until" in caught.value.fix
