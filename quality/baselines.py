"""Baselines: the interval in which a day or a publication should lie, given earlier ones. Plain numbers, no Spark.

The spread is robust: the median of absolute deviations times 1.4826, which is the standard deviation of normal values
(Rousseeuw and Croux 1993, Alternatives to the Median Absolute Deviation, JASA). So is the trend: the median of the
slopes between all pairs of days (Sen 1968, Estimates of the Regression Coefficient Based on Kendall's Tau, JASA).
Weekdays have levels of their own where there are enough days.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import median

from tables.checks import Sampled, Steady

MAD_TO_STD = 1.4826
"""Turns a median absolute deviation into the standard deviation of a normal distribution."""
MIN_BASELINE_DAYS, MAX_BASELINE_DAYS = 7, 28
"""A day is compared with the newest 28 earlier days; with fewer than seven it is not checked."""
MIN_DAYS_PER_WEEKDAY = 3
"""With this many days of a weekday, the weekday has a level of its own."""
MIN_ROWS_FOR_VOLUME_CHECK, MIN_ROWS_FOR_AGGREGATES = 200, 100
"""Smaller publications and days have no volume or shape checks, and no checks of aggregates."""
MAX_DEVIATIONS = 4.0
"""Values up to this many robust standard deviations from the baseline pass."""
MIN_PUBLICATIONS = 5
"""With fewer earlier publications, shapes and whole publications have no baseline."""
BLOCKING_FACTOR = 2.0
"""Values this many times as far from the baseline as allowed block; closer ones warn. With many days and measures, real
logs exceed four deviations now and then."""

Interval = tuple[float | None, float | None]
"""Lowest and highest value, both inclusive; None: no limit."""


def median_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Compute the median and the robust standard deviation around it."""
    centre = median(values)
    return centre, MAD_TO_STD * median([abs(value - centre) for value in values])


def robust_deviation(values: Sequence[float]) -> float:
    """Compute the robust standard deviation of values around their median."""
    return median_and_deviation(values)[1]


def predict_day_interval(
    check: Steady, day: date, values_by_day: Mapping[date, float], factor: float = 1.0
) -> Interval | None:
    """Predict the interval of a measure on a day; None with too few earlier days.

    Args:
        check: sets the distance from the baseline that is always allowed.
        day: the day.
        values_by_day: the measure on other days; only earlier ones are used.
        factor: scales the allowed distance.
    """
    days = sorted(earlier for earlier in values_by_day if earlier < day)[-MAX_BASELINE_DAYS:]
    if len(days) < MIN_BASELINE_DAYS:
        return None
    is_ratio = check.by == "ratio"
    if is_ratio and any(values_by_day[earlier] <= 0 for earlier in days):
        return None
    levels = {earlier: math.log(values_by_day[earlier]) if is_ratio else values_by_day[earlier] for earlier in days}
    centre, deviation = _predict_level(levels, day)
    allowed = factor * max(math.log1p(check.within) if is_ratio else check.within, MAX_DEVIATIONS * deviation)
    low, high = centre - allowed, centre + allowed
    return (math.exp(low), math.exp(high)) if is_ratio else (low, high)


def _predict_level(levels: Mapping[date, float], day: date) -> tuple[float, float]:
    """Predict a day by trend and weekday; also give the robust deviation of earlier days from their own prediction."""
    days = sorted(levels)
    slope = _median_slope([(float(earlier.toordinal()), levels[earlier]) for earlier in days])
    detrended = {earlier: levels[earlier] - slope * (earlier - days[-1]).days for earlier in days}
    baseline = {earlier: _weekday_level(detrended, earlier.weekday()) for earlier in days}
    deviation = MAD_TO_STD * median(abs(detrended[earlier] - baseline[earlier]) for earlier in days)
    days_ahead = min((day - days[-1]).days, MIN_BASELINE_DAYS)
    return _weekday_level(detrended, day.weekday()) + slope * days_ahead, deviation


def _median_slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points (Theil and Sen)."""
    return median((y2 - y1) / (x2 - x1) for n, (x1, y1) in enumerate(points) for x2, y2 in points[n + 1 :])


def _weekday_level(levels: Mapping[date, float], weekday: int) -> float:
    """The median of a weekday's days if there are enough, else of all days."""
    same_weekday = [value for day, value in levels.items() if day.weekday() == weekday]
    return median(same_weekday) if len(same_weekday) >= MIN_DAYS_PER_WEEKDAY else median(levels.values())


def predict_shape_interval(check: Sampled, earlier_values: Sequence[float], factor: float = 1.0) -> Interval | None:
    """Predict the interval of a shape; None with too few earlier publications.

    A ``mix`` is itself a distance from earlier publications, so it has an interval without a baseline.

    Args:
        check: sets the distance from the baseline that is always allowed.
        earlier_values: the shape in earlier publications.
        factor: scales the allowed distance.
    """
    has_baseline = len(earlier_values) >= MIN_PUBLICATIONS
    if check.shape == "mix":
        centre, deviation = median_and_deviation(earlier_values) if has_baseline else (0.0, 0.0)
        return None, factor * max(check.within, centre + MAX_DEVIATIONS * deviation)
    if not has_baseline:
        return None
    centre, deviation = median_and_deviation(earlier_values)
    allowed = factor * max(check.within, MAX_DEVIATIONS * deviation)
    return (centre - allowed, None) if check.shape == "familiar" else (None, centre + allowed)
