"""Anomaly rules: the range in which a daily metric should lie, given earlier days. Pure Python, no Spark.

Medians and median absolute deviations set the range, so a few unusual days barely move it. A day with an anomaly does
not enter the baseline of later days. After 14 such days within four weeks, they become the new baseline.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Protocol

from longplay.config.duration import DAY
from quality.baselines import median_and_deviation
from quality.monitoring.anomaly import Anomaly
from quality.monitoring.metric import Metric

DailySeries = Mapping[date, float]
"""Values of a metric by UTC day."""
WEEK = timedelta(days=7)
TREND_DAYS = 7
RECENT_DAYS = 28
ADAPTATION_DAYS = 14
"""After this many anomalous days within twice as many days, anomalous values become the baseline."""


@dataclass(frozen=True)
class ExpectedRange:
    """Expected values of a day, ``[low, high]``, in the metric's unit; None: no limit. ``centre`` is the baseline."""

    low: float | None
    high: float | None
    centre: float | None = None

    def contains(self, value: float) -> bool:
        """Whether a value lies within the range."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class AnomalyRule(Protocol):
    """Predicts the range of a metric."""

    @property
    def name(self) -> str:
        """Name of the rule in anomalies."""
        ...

    def predict_range(self, baseline: DailySeries, day: date) -> ExpectedRange | None:
        """Predict the range of a day from earlier normal days; None: there are too few of them."""
        ...


@dataclass(frozen=True)
class FixedBounds:
    """The same inclusive bounds for every day."""

    low: float | None = None
    high: float | None = None
    name: str = "bounds"

    def predict_range(self, baseline: DailySeries, day: date) -> ExpectedRange | None:
        """Return the bounds."""
        return ExpectedRange(self.low, self.high)


@dataclass(frozen=True)
class RobustChange:
    """A value near the median of the preceding days, for metrics without a weekly pattern.

    The tolerance on either side is the largest of three: ``deviations`` robust standard deviations, ``share`` of the
    median, and ``floor``.

    Attributes:
        days: length of the baseline, ``[day - days, day)``.
        min_days: fewer baseline days than this give no range.
        deviations: tolerance in robust standard deviations.
        share: tolerance as a share of the median.
        floor: tolerance in the metric's unit.
    """

    days: int = 28
    min_days: int = 7
    deviations: float = 5.0
    share: float = 0.25
    floor: float = 0.0
    name: str = "change"

    def predict_range(self, baseline: DailySeries, day: date) -> ExpectedRange | None:
        """Predict the median, plus or minus the tolerance."""
        values = [baseline[earlier] for n in range(1, self.days + 1) if (earlier := day - n * DAY) in baseline]
        if len(values) < self.min_days:
            return None
        centre, deviation = median_and_deviation(values)
        tolerance = max(self.deviations * deviation, self.share * abs(centre), self.floor)
        return ExpectedRange(centre - tolerance, centre + tolerance, centre)


@dataclass(frozen=True)
class Seasonal:
    """Volume by weekday: the median of the same weekday, scaled by the trend of the last week.

    Attributes:
        weeks: size of the baseline: this many normal days of the same weekday.
        min_weeks: fewer baseline days than this give no range.
        deviations: tolerance in robust standard deviations; one is at least the square root of a count (Poisson).
        share: values from this share of the centre up to its inverse are always normal.
        lookback_days: how far back to look for normal days.
    """

    weeks: int = 6
    min_weeks: int = 3
    deviations: float = 4.0
    share: float = 0.5
    lookback_days: int = 182
    name: str = "seasonal"

    def predict_range(self, baseline: DailySeries, day: date) -> ExpectedRange | None:
        """Predict ``[share x centre, centre / share]``, widened to the tolerance in deviations."""
        same_weekday = self._same_weekday(baseline, day)
        if len(same_weekday) < self.min_weeks:
            return None
        level, deviation = median_and_deviation(same_weekday)
        trend, trend_deviation = self._trend(baseline, day)
        centre = level * trend
        spread = deviation * trend if trend_deviation is None else trend_deviation * level
        tolerance = self.deviations * max(spread, math.sqrt(max(centre, 1.0)))
        low, high = min(self.share * centre, centre - tolerance), max(centre / self.share, centre + tolerance)
        return ExpectedRange(low, high, centre)

    def _same_weekday(self, baseline: DailySeries, day: date) -> list[float]:
        """The newest normal days of the same weekday."""
        days = (day - week * WEEK for week in range(1, self.lookback_days // 7 + 1))
        return [baseline[earlier] for earlier in days if earlier in baseline][: self.weeks]

    def _trend(self, baseline: DailySeries, day: date) -> tuple[float, float | None]:
        """Ratio of the last week of normal days to their weekdays' medians, and its deviation over two weeks.

        The ratio keeps steady growth or decline from being an anomaly. The deviation is None with less than two weeks.
        """
        ratios: list[float] = []
        for n in range(1, self.lookback_days + 1):
            earlier = day - n * DAY
            if earlier not in baseline or len(same := self._same_weekday(baseline, earlier)) < self.min_weeks:
                continue
            if (level := median(same)) > 0:
                ratios.append(baseline[earlier] / level)
            if len(ratios) == 2 * TREND_DAYS:
                return median(ratios[:TREND_DAYS]), median_and_deviation(ratios)[1]
        return (median(ratios[:TREND_DAYS]) if ratios else 1.0), None


RULES: Mapping[str, Sequence[AnomalyRule]] = {
    "users": (Seasonal(),),
    "events": (Seasonal(),),
    "null_share": (RobustChange(floor=0.02),),
    "freshness_hours": (RobustChange(floor=6.0),),
    "moved_share": (FixedBounds(high=0.5), RobustChange(floor=0.05)),
    "coverage": (RobustChange(share=0.1, floor=0.02),),
}
"""Rules by name of the metric. ``freshness_hours`` is the delay from an event until it is known. ``moved_share`` is the
share of rows that would have to change their value to restore the earlier distribution. ``coverage`` is the share of a
signal's settled values that are mature. Stability indices are not listed: each signal sets its own limit, which its
gate checks."""


def find_anomalies(metrics: Sequence[Metric], rules: Mapping[str, Sequence[AnomalyRule]] = RULES) -> list[Anomaly]:
    """Find anomalies among daily metrics, in order of series and day.

    Metrics without a day or without rules are skipped.

    Args:
        metrics: grain: table, metric, subject, day.
        rules: by name of the metric. An anomaly names the first rule that its value breaks.
    """
    series: dict[tuple[str, str, str], list[Metric]] = defaultdict(list)
    for metric in metrics:
        if metric.day is not None and metric.metric in rules:
            series[metric.table, metric.metric, metric.subject].append(metric)
    return [anomaly for key in sorted(series) for anomaly in _anomalies_of_series(series[key], rules[key[1]])]


def find_recent_anomalies(metrics: Sequence[Metric], end: date | None = None, days: int = RECENT_DAYS) -> list[Anomaly]:
    """Find anomalies of the days ``[end - days, end)``; ``end`` defaults to the day after the newest metric."""
    anomalies = [(anomaly, anomaly.metric.day) for anomaly in find_anomalies(metrics)]
    if end is None:
        end = max((metric.day for metric in metrics if metric.day is not None), default=date.min) + DAY
    return [anomaly for anomaly, day in anomalies if day is not None and end - days * DAY <= day < end]


def _anomalies_of_series(metrics: Sequence[Metric], rules: Sequence[AnomalyRule]) -> list[Anomaly]:
    baseline: dict[date, float] = {}
    unusual: dict[date, float] = {}
    anomalies = []
    for metric in sorted(metrics, key=lambda metric: metric.day or date.min):
        day, value = metric.day, metric.value
        assert day is not None
        anomaly = _first_violation(metric, day, baseline, rules)
        if anomaly is None:
            baseline[day] = value
            continue
        anomalies.append(anomaly)
        unusual = {earlier: unusual[earlier] for earlier in unusual if day - earlier < 2 * ADAPTATION_DAYS * DAY}
        unusual[day] = value
        if len(unusual) >= ADAPTATION_DAYS:
            baseline, unusual = {**baseline, **unusual}, {}
    return anomalies


def _first_violation(metric: Metric, day: date, baseline: DailySeries, rules: Sequence[AnomalyRule]) -> Anomaly | None:
    for rule in rules:
        expected = rule.predict_range(baseline, day)
        if expected is not None and not expected.contains(metric.value):
            return Anomaly(metric, rule.name, expected.low, expected.high)
    return None
