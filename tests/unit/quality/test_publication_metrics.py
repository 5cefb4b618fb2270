"""Metrics extracted from verdicts: rows of one day, of many days, and too few rows."""

from datetime import date
from typing import Any

import pytest

from quality.monitoring.metric import Metric
from quality.monitoring.publication_metrics import extract_metrics
from tables import catalog

EVENTS = catalog.get("events")
MONDAY = date(2026, 5, 11)


def verdict(**rows: int) -> dict[str, Any]:
    """A verdict by rows of each day: a tenth of the first day lacks a topic, all others do."""
    first = min(rows)
    days = {
        day.replace("_", "-").removeprefix("d"): {
            "rows": n,
            "topic_null_share": 0.1 if day == first else 1.0,
            "amount_mean": 3.0,
            "lateness": 1.0 if day == first else 9.0,
        }
        for day, n in rows.items()
    }
    return {"days": days, "shapes": {"numbers": {"topics_as_before": 0.02, "top_user": 0.4}}}


@pytest.mark.parametrize(
    ("rows", "day", "nulls", "hours"),
    [
        ({"d2026_05_11": 400}, MONDAY, 0.1, 1.0),
        ({"d2026_05_11": 300, "d2026_05_12": 100}, MONDAY, 0.325, 3.0),  # (300 * .1 + 100) / 400, (300 + 900) / 400
        ({"d2026_05_11": 100, "d2026_05_12": 100, "d2026_05_13": 100}, None, 0.7, 19 / 3),  # a backlog
        ({"all": 400}, None, 0.1, 1.0),  # a table without days
    ],
)
def test_means_are_of_all_rows_and_the_day_is_that_of_most(
    rows: dict[str, int], day: date | None, nulls: float, hours: float
) -> None:
    assert extract_metrics(EVENTS, verdict(**rows)) == [
        Metric("events", "rows", sum(rows.values())),
        Metric("events", "null_share", pytest.approx(nulls), "topic", day),
        Metric("events", "freshness_hours", pytest.approx(hours), "", day),
        Metric("events", "moved_share", 0.02, "topics_as_before", day),
    ]


def test_of_few_rows_only_their_number_is_kept() -> None:
    assert extract_metrics(EVENTS, verdict(d2026_05_11=99)) == [Metric("events", "rows", 99)]
    assert extract_metrics(EVENTS, {}) == [Metric("events", "rows", 0)]
