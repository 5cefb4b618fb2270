"""How far a log is known to be complete."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.watermark import Completeness, Heartbeat, midnight, observe, read_heartbeat, watermark_at
from longplay.errors import InputError

OBSERVED = datetime(2026, 5, 12, 8, tzinfo=UTC)


def day(number: int) -> date:
    return date(2026, 5, number)


def test_without_a_heartbeat_the_last_delivered_day_may_be_cut_off() -> None:
    seen = [(day(5), 9), (day(3), 7), (day(4), 8)]
    assert observe(seen, OBSERVED) == Completeness(midnight(day(3)), midnight(day(5)))


def test_a_few_odd_rows_move_neither_end() -> None:
    seen = [(date(1970, 1, 1), 1), (day(3), 7), (day(4), 8), (day(9), 1)]
    assert observe(seen, OBSERVED, min_users=5) == Completeness(midnight(day(3)), midnight(day(4)))


def test_days_after_the_observation_do_not_count() -> None:
    seen = [(day(11), 9), (day(12), 9), (day(13), 9), (date(2031, 1, 1), 9)]
    assert observe(seen, OBSERVED) == Completeness(midnight(day(11)), midnight(day(12)))


def test_a_gap_is_no_end() -> None:
    assert observe([(day(1), 9), (day(8), 9)], OBSERVED).watermark == midnight(day(8))


def test_a_heartbeat_is_believed_up_to_the_observation() -> None:
    seen = [(day(3), 7), (day(9), 8)]
    beat = datetime(2026, 5, 11, 6, tzinfo=UTC)
    assert observe(seen, OBSERVED, heartbeat=beat) == Completeness(midnight(day(3)), beat)
    assert observe(seen, OBSERVED, heartbeat=OBSERVED).watermark == OBSERVED
    with pytest.raises(InputError, match="vouches for the future") as caught:
        observe(seen, OBSERVED, heartbeat=datetime(2026, 5, 13, tzinfo=UTC), where="the log")
    assert caught.value.where == "the log"


@pytest.mark.parametrize("seen", [[], [(date(2026, 5, 3), 4)], [(date(2031, 1, 1), 99)]])
def test_no_delivered_day_is_an_error(seen: list[tuple[date, int]]) -> None:
    with pytest.raises(InputError, match="No day of this log counts as delivered") as caught:
        observe(seen, OBSERVED, min_users=5, where="the log")
    assert caught.value.got == f"{len(seen)} days, none with 5 users"
    assert caught.value.where == "the log"


def test_the_watermark_as_known_at_an_earlier_moment() -> None:
    newest = midnight(day(12))
    assert watermark_at(midnight(day(5)), newest) == midnight(day(5))
    assert watermark_at(midnight(day(20)), newest) == newest  # silence moves nothing


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"complete_until": "2026-05-12"}, Heartbeat(midnight(day(12)))),
        ({"complete_until": "2026-05-12T02:00:00+02:00"}, Heartbeat(midnight(day(12)))),
        (
            {"complete_until": "2026-05-12T00:00:00Z", "observed_at": "2026-05-12T08:00:00"},
            Heartbeat(midnight(day(12)), OBSERVED),
        ),
    ],
)
def test_heartbeats_are_utc(tmp_path: Path, said: dict[str, str], expected: Heartbeat) -> None:
    (tmp_path / "beat.json").write_text(json.dumps(said), encoding="utf-8")
    assert read_heartbeat(tmp_path / "beat.json") == expected


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"complete_until": 5}', '{"complete_until": "soon"}'])
def test_what_is_no_heartbeat(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "beat.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="The heartbeat file cannot be read") as caught:
        read_heartbeat(tmp_path / "beat.json")
    assert caught.value.where == str(tmp_path / "beat.json")
    assert "complete_until" in caught.value.fix
