"""What is usual: the interval in which a day, or a publication, may lie, by those before it. Plain numbers, no Spark.

A robust spread: the median of absolute deviations times 1.4826, the standard deviation of normal values (Rousseeuw and
Croux 1993, Alternatives to the Median Absolute Deviation, JASA). A robust trend: the median of slopes between all pairs
(Sen 1968, Estimates of the Regression Coefficient Based on Kendall's Tau, JASA). Days of the week are set apart where
there are enough.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import median

from quality.monitoring.anomaly_detection import TO_DEVIATION, robust
from tables.checks import Sampled, Steady

LEAST_DAYS, DAYS = 7, 28
"""A day is judged beside seven days at least, and the newest 28 at most."""
SAME_WEEKDAYS = 3
"""From so many on, days of the same weekday have a level of their own."""
LEAST_ROWS, MEASURED_ROWS = 200, 100
"""Fewer rows say nothing of how many there should be, or of shapes; a day of fewer says nothing by its aggregates."""
SPREADS = 4.0
"""So many robust standard deviations from what is usual are still usual."""
LEAST_NUMBERS = 5
BLOCKS = 2.0
"""So many times further than usual from the middle blocks; what is closer is told. Logs of real people leave four
deviations now and then, on one of many days and measures."""

Bounds = tuple[float | None, float | None]


def spread_of(values: Sequence[float]) -> float:
    """A robust standard deviation of values around their median."""
    return robust(values)[1]


def usual_day(check: Steady, day: date, before: Mapping[date, float], times: float = 1.0) -> Bounds | None:
    """The interval of a measure on a day; None where too few days came before.

    Args:
        check: says how far a day may always be from what is usual.
        day: the day.
        before: the measure of earlier days.
        times: so many times as far is usual.
    """
    days = sorted(one for one in before if one < day)[-DAYS:]
    if len(days) < LEAST_DAYS:
        return None
    is_ratio = check.by == "ratio"
    if is_ratio and any(before[one] <= 0 for one in days):
        return None
    level = {one: math.log(before[one]) if is_ratio else before[one] for one in days}
    here, rest = _predicted(level, day)
    allowed = times * max(math.log1p(check.within) if is_ratio else check.within, SPREADS * rest)
    return (math.exp(here - allowed), math.exp(here + allowed)) if is_ratio else (here - allowed, here + allowed)


def _predicted(level: Mapping[date, float], day: date) -> tuple[float, float]:
    """What a day should be by trend and weekday of the days before, and how far those were from it themselves."""
    days = sorted(level)
    slope = _slope([(float(one.toordinal()), level[one]) for one in days])
    flat = {one: level[one] - slope * (one - days[-1]).days for one in days}
    usual = {one: _of_weekday(flat, one.weekday()) for one in days}
    rest = TO_DEVIATION * median(abs(flat[one] - usual[one]) for one in days)
    return _of_weekday(flat, day.weekday()) + slope * min((day - days[-1]).days, LEAST_DAYS), rest


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points (Theil and Sen)."""
    return median((y2 - y1) / (x2 - x1) for n, (x1, y1) in enumerate(points) for x2, y2 in points[n + 1 :])


def _of_weekday(level: Mapping[date, float], weekday: int) -> float:
    """The median of the days of a weekday where there are enough, else of all."""
    same = [value for one, value in level.items() if one.weekday() == weekday]
    return median(same) if len(same) >= SAME_WEEKDAYS else median(level.values())


def usual_share(check: Sampled, before: Sequence[float], times: float = 1.0) -> Bounds | None:
    """The interval of a shape; ``mix`` is a distance already and needs no earlier ones to be judged by.

    Args:
        check: says how far a shape may always be from what is usual.
        before: the shape in earlier publications.
        times: so many times as far is usual.
    """
    if check.shape == "mix":
        widest = max([median(before) + SPREADS * spread_of(before)] if len(before) >= LEAST_NUMBERS else [0.0])
        return None, times * max(check.within, widest)
    if len(before) < LEAST_NUMBERS:
        return None
    allowed = times * max(check.within, SPREADS * spread_of(before))
    if check.shape == "familiar":
        return median(before) - allowed, None
    return None, median(before) + allowed
