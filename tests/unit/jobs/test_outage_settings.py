"""What is told of outages in the settings, and the step's command."""

from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from jobs.outages import command
from jobs.runtime.settings import load_settings
from longplay.errors import ConfigError
from quality.monitoring.daily_volume import daily_volumes
from quality.monitoring.metric import Metric


def test_intervals_that_somebody_told() -> None:
    interval = "{from: 2026-12-24, to: 2026-12-27, known: 2026-12-30, reason: closed, dismissed: true}"
    assert load_settings().quality.outages.declared == ()
    (outage,) = load_settings(overrides=[f"quality.outages.told=[{interval}]"]).quality.outages.declared
    assert (outage.start, outage.end, outage.known) == (date(2026, 12, 24), date(2026, 12, 27), date(2026, 12, 30))
    assert (outage.reason, outage.dismissed) == ("closed", True)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("told=[{from: 2026-12-24, to: 2026-12-24, known: 2026-12-30, reason: closed}]", "before it begins"),
        ("told=[{from: 2026-12-24, to: 2026-12-27, reason: closed}]", "known"),
        ("threshold=1.5", "threshold"),
        ("treshold=0.5", "threshold"),
    ],
)
def test_what_is_wrong_is_named(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=[f"quality.outages.{text}"])
    assert where in caught.value.render()


def test_volumes_add_up_whatever_became_known_when() -> None:
    day = date(2026, 1, 1)
    rows = [
        {"event_day": day, "known_day": day, "users": 3, "events": 5},
        {"event_day": day, "known_day": date(2026, 1, 4), "users": 1, "events": 2},
    ]
    assert daily_volumes(rows, day + timedelta(days=1)) == [
        Metric("events", "events", 7, day=day),
        Metric("events", "users", 4, day=day),
    ]
    assert daily_volumes(rows, day) == []  # a day that has only begun


def test_the_command_says_what_it_does() -> None:
    shown = CliRunner().invoke(command, ["--help"])
    assert shown.exit_code == 0
    assert "become void" in " ".join(shown.output.split())
