"""Worked anomaly rules: which values are anomalies and which are not."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest

from longplay.config.duration import DAY
from quality.baselines import median_and_deviation
from quality.monitoring.anomaly import Anomaly
from quality.monitoring.anomaly_detection import (
    RULES,
    FixedBounds,
    RobustChange,
    Seasonal,
    find_anomalies,
    find_recent_anomalies,
)
from quality.monitoring.metric import Metric

START = date(2026, 1, 5)  # a Monday


def series(values: Sequence[float], metric: str = "events") -> list[Metric]:
    return [Metric("events", metric, float(value), day=START + n * DAY) for n, value in enumerate(values)]


def anomalous_days(values: Sequence[float], metric: str = "events") -> list[int]:
    """Numbers of the days with an anomaly."""
    days = [anomaly.metric.day for anomaly in find_anomalies(series(values, metric))]
    return [(day - START) // DAY for day in days if day is not None]


def weekly(weeks: int, level: float = 100.0) -> list[float]:
    """Daily values: weekends have two fifths of weekdays."""
    return [level * (0.4 if n % 7 >= 5 else 1.0) for n in range(7 * weeks)]


def test_median_and_deviation() -> None:
    # Deviations from 10 are 1, 0, 1, 2, 90: their median is 1.
    assert median_and_deviation([9, 10, 11, 12, 100]) == (11, pytest.approx(1.4826))


def test_change_by_hand() -> None:
    """Median 10, deviation 0: a quarter of 10 to either side. Fewer than seven days give no range."""
    baseline = {START + n * DAY: 10.0 for n in range(7)}
    expected = RobustChange().predict_range(baseline, START + 7 * DAY)
    assert expected is not None
    assert (expected.low, expected.centre, expected.high) == (7.5, 10.0, 12.5)
    assert (expected.contains(7.5), expected.contains(7.4), expected.contains(12.6)) == (True, False, False)
    assert RobustChange().predict_range(dict(list(baseline.items())[:6]), START + 7 * DAY) is None
    # Days further back than 28 do not count.
    assert RobustChange().predict_range(baseline, START + 40 * DAY) is None


def test_seasonal_by_hand() -> None:
    """A Monday after four weeks of 100 and no trend: [min(50, 100 - 4 * 10), max(200, 100 + 4 * 10)]."""
    baseline = {START + n * DAY: value for n, value in enumerate(weekly(4))}
    monday, saturday = (Seasonal().predict_range(baseline, START + n * DAY) for n in (28, 33))
    assert monday is not None
    assert (monday.low, monday.centre, monday.high) == (50.0, 100.0, 200.0)
    # A Saturday has 40; chance moves 40 by 4 * 6.32, which is more than half of it.
    assert saturday is not None
    assert saturday.centre == 40.0
    assert saturday.low == pytest.approx(40 - 4 * 40**0.5)


def test_ordinary_weeks_noise_and_growth_are_no_alarm() -> None:
    rng = np.random.default_rng(1)
    level = 200 * 1.02 ** np.arange(26)  # 2% a week
    shape = [1.0, 1.05, 0.95, 1.0, 1.2, 0.5, 0.4]
    for _ in range(20):
        growing = [float(rng.poisson(level[n // 7] * shape[n % 7])) for n in range(7 * 26)]
        shrinking = [float(rng.poisson(v)) for v in reversed(growing)]
        assert anomalous_days(growing) == []
        assert anomalous_days(shrinking) == []


def test_a_drop_to_a_third_is_an_alarm_every_day_that_it_lasts() -> None:
    values = weekly(12, 300.0)
    for n in range(50, 60):
        values[n] /= 3
    assert anomalous_days(values) == list(range(50, 60))
    (first, *_) = find_anomalies(series(values))
    assert isinstance(first, Anomaly)
    # 50 days after a Monday is a Tuesday.
    assert first.text() == "events: events on 2026-02-24 is 100, expected 150 to 600 (seasonal)"


def test_what_has_been_odd_for_two_weeks_is_how_things_are() -> None:
    values = weekly(6, 300.0) + weekly(6, 100.0)
    assert anomalous_days(values) == list(range(42, 56))


@pytest.mark.parametrize(
    ("metric", "normal", "unusual"),
    [
        ("null_share", 0.01, 0.05),
        ("freshness_hours", 2.0, 9.0),
        ("freshness_hours", 2.0, 80.0),
        ("coverage", 0.9, 0.75),
        ("moved_share", 0.02, 0.3),
        ("moved_share", 0.45, 0.55),
        ("users", 500.0, 166.0),
        ("events", 500.0, 1600.0),
    ],
)
def test_every_kind_of_metric_has_its_rules(metric: str, normal: float, unusual: float) -> None:
    assert metric in RULES
    assert anomalous_days([normal] * 28, metric) == []
    assert anomalous_days([normal] * 28 + [unusual] + [normal] * 3, metric) == [28]


def test_series_are_told_apart_and_metrics_of_no_day_are_left_alone() -> None:
    topic = [Metric("events", "null_share", 0.0, "topic", START + n * DAY) for n in range(10)]
    amount = [Metric("events", "null_share", 0.5, "amount", START + n * DAY) for n in range(10)]
    assert find_anomalies([*topic, *amount, Metric("events", "rows", -5.0)]) == []
    late = Metric("events", "null_share", 0.5, "topic", START + 10 * DAY)
    assert [anomaly.metric for anomaly in find_anomalies([*amount, *topic, late])] == [late]


def test_bounds_name_what_is_allowed() -> None:
    metric = Metric("signal_values", "coverage", 0.4, "click@1", START)
    (anomaly,) = find_anomalies([metric], {"coverage": (FixedBounds(low=0.5),)})
    assert anomaly.text() == "signal_values: coverage of click@1 on 2026-01-05 is 0.4, expected at least 0.5 (bounds)"
    (anomaly,) = find_anomalies([metric], {"coverage": (FixedBounds(high=0.3),)})
    assert anomaly.text().endswith("expected at most 0.3 (bounds)")


def test_only_findings_of_recent_days_are_told() -> None:
    """Day 28 is an anomaly. The series ends on day 31, so a window of three days misses it."""
    metrics = series([0.01] * 28 + [0.2] + [0.01] * 3, "null_share")
    assert [anomaly.metric.day for anomaly in find_recent_anomalies(metrics)] == [START + 28 * DAY]
    assert find_recent_anomalies(metrics, days=3) == []
    assert find_recent_anomalies(metrics, START + 29 * DAY, days=1) == find_anomalies(metrics)
    assert find_recent_anomalies(metrics, START + 28 * DAY) == []
    assert find_recent_anomalies([]) == []
