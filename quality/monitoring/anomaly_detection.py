"""Anomaly rules: what a metric of a day should be, by the days before it. Pure Python, no Spark.

Medians and median absolute deviations say what is usual, so that a few odd days change little. A day with a finding is
left out of what is usual for later days, unless so were two weeks of the last four: then it is how things are now.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Protocol

from longplay.config.duration import DAY
from quality.monitoring.finding import Finding
from quality.monitoring.metric import Metric

Series = Mapping[date, float]
"""Values of a metric by UTC day."""
TO_DEVIATION = 1.4826
"""What makes a median absolute deviation the standard deviation of a normal (Rousseeuw and Croux 1993)."""
WEEK = timedelta(days=7)
TREND_DAYS = 7
RECENT_DAYS = 28
PATIENCE = 14
"""After so many odd days within twice as many, what is odd is taken for usual."""


@dataclass(frozen=True)
class Expected:
    """What a day's value should be, both ends in, in the metric's unit; None: any. ``centre`` is what is usual."""

    low: float | None
    high: float | None
    centre: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value is as expected."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class Rule(Protocol):
    """Says what to expect of a day."""

    @property
    def name(self) -> str:
        """How findings call it."""
        ...

    def expects(self, before: Series, day: date) -> Expected | None:
        """What to expect of a day, by usual days before it; None: too little is known to say."""
        ...


@dataclass(frozen=True)
class Bounds:
    """Absolute bounds, whatever came before; both are allowed values."""

    low: float | None = None
    high: float | None = None
    name: str = "bounds"

    def expects(self, before: Series, day: date) -> Expected | None:
        """The bounds."""
        return Expected(self.low, self.high)


@dataclass(frozen=True)
class Change:
    """Robust change: a value near the median of the ``days`` before, for metrics that do not go by the week.

    Attributes:
        days: so many days before are looked at, ``[day - days, day)``.
        least: with fewer usual days among them nothing is said.
        width: so many deviations to either side are usual.
        share: at least so large a share of the median is usual to either side.
        floor: and at least so much, in the metric's unit.
    """

    days: int = 28
    least: int = 7
    width: float = 5.0
    share: float = 0.25
    floor: float = 0.0
    name: str = "change"

    def expects(self, before: Series, day: date) -> Expected | None:
        """Median +- the largest of width x deviation, share x median and floor."""
        recent = [before[when] for n in range(1, self.days + 1) if (when := day - n * DAY) in before]
        if len(recent) < self.least:
            return None
        centre, deviation = robust(recent)
        most = max(self.width * deviation, self.share * abs(centre), self.floor)
        return Expected(centre - most, centre + most, centre)


@dataclass(frozen=True)
class Seasonal:
    """Volume by weekday: near the median of the same weekday, scaled by how the last week stood to its own.

    Attributes:
        weeks: the last so many usual days of the same weekday say what is usual.
        least: with fewer of them nothing is said.
        width: so many deviations to either side are usual; of a count at least its square root, as of a Poisson number.
        share: down to this share of what is usual, and up to its inverse, nothing is odd.
        reach: usual days are looked for so many days back.
    """

    weeks: int = 6
    least: int = 3
    width: float = 4.0
    share: float = 0.5
    reach: int = 182
    name: str = "seasonal"

    def expects(self, before: Series, day: date) -> Expected | None:
        """From share to 1/share of the centre, and no nearer to it than width x deviation."""
        same = self._same(before, day)
        if len(same) < self.least:
            return None
        usual, deviation = robust(same)
        trend, wobble = self._trend(before, day)
        centre = usual * trend
        spread = deviation * trend if wobble is None else wobble * usual
        most = self.width * max(spread, math.sqrt(max(centre, 1.0)))
        return Expected(min(self.share * centre, centre - most), max(centre / self.share, centre + most), centre)

    def _same(self, before: Series, day: date) -> list[float]:
        """The newest usual days of the same weekday."""
        days = (day - week * WEEK for week in range(1, self.reach // 7 + 1))
        return [before[when] for when in days if when in before][: self.weeks]

    def _trend(self, before: Series, day: date) -> tuple[float, float | None]:
        """How the last week of usual days stood to their weekdays, and the deviation of the last two weeks.

        So neither growth nor decline is a finding. The deviation is None where there are no two weeks yet.
        """
        ratios: list[float] = []
        for back in range(1, self.reach + 1):
            when = day - back * DAY
            if when not in before or len(same := self._same(before, when)) < self.least:
                continue
            if (usual := median(same)) > 0:
                ratios.append(before[when] / usual)
            if len(ratios) == 2 * TREND_DAYS:
                return median(ratios[:TREND_DAYS]), robust(ratios)[1]
        return (median(ratios[:TREND_DAYS]) if ratios else 1.0), None


RULES: Mapping[str, Sequence[Rule]] = {
    "users": (Seasonal(),),
    "events": (Seasonal(),),
    "null_share": (Change(floor=0.02),),
    "freshness_hours": (Change(floor=6.0),),
    "moved_share": (Bounds(high=0.5), Change(floor=0.05)),
    "coverage": (Change(share=0.1, floor=0.02),),
}
"""What is asked of a metric by its name: volume, nulls, hours from an event to its being known, the share of rows that
would have to move for a distribution to be as before, and the share of a signal's settled values that are mature. What
a stability index may be says each signal; its gate judges that."""


def robust(values: Sequence[float]) -> tuple[float, float]:
    """Median, and median absolute deviation scaled to a standard deviation."""
    centre = median(values)
    return centre, TO_DEVIATION * median([abs(value - centre) for value in values])


def anomalies(metrics: Sequence[Metric], rules: Mapping[str, Sequence[Rule]] = RULES) -> list[Finding]:
    """Findings among metrics of days, in order of series and day. Metrics without a day or without rules have none.

    Args:
        metrics: grain: table, metric, subject, day.
        rules: by name of the metric. The first that a value breaks is the one that is named.
    """
    series: dict[tuple[str, str, str], list[Metric]] = defaultdict(list)
    for one in metrics:
        if one.day is not None and one.metric in rules:
            series[one.table, one.metric, one.subject].append(one)
    return [found for key in sorted(series) for found in _of_series(series[key], rules[key[1]])]


def recent(metrics: Sequence[Metric], end: date | None = None, days: int = RECENT_DAYS) -> list[Finding]:
    """Findings of the days ``[end - days, end)``; ``end``, if not given, is the day after the newest metric's."""
    if end is None:
        end = max((one.day for one in metrics if one.day is not None), default=date.min) + DAY
    return [
        one for one in anomalies(metrics) if one.metric.day is not None and end - days * DAY <= one.metric.day < end
    ]


def _of_series(metrics: Sequence[Metric], rules: Sequence[Rule]) -> list[Finding]:
    usual: dict[date, float] = {}
    odd: dict[date, float] = {}
    found = []
    for one in sorted(metrics, key=lambda one: one.day or date.min):
        assert one.day is not None
        finding = _first(one, one.day, usual, rules)
        if finding is None:
            usual[one.day] = one.value
            continue
        found.append(finding)
        odd = {day: value for day, value in odd.items() if one.day - day < 2 * PATIENCE * DAY} | {one.day: one.value}
        if len(odd) >= PATIENCE:
            usual, odd = {**usual, **odd}, {}
    return found


def _first(one: Metric, day: date, usual: Series, rules: Sequence[Rule]) -> Finding | None:
    for rule in rules:
        expected = rule.expects(usual, day)
        if expected is not None and not expected.holds(one.value):
            return Finding(one, rule.name, expected.low, expected.high)
    return None
