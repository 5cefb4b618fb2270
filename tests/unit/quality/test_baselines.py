"""Worked baselines: intervals of days and of shapes, given earlier ones."""

import math
from datetime import date, timedelta

import pytest

from quality.baselines import predict_day_interval, predict_shape_interval, robust_deviation
from tables.checks import Sampled, Steady

MONDAY = date(2026, 3, 2)
VOLUME = Steady("volume", "COUNT(*)", "as many as usual", 0.25)
SHARE = Steady("null_share", "AVG(1)", "as usual", 0.1, "difference")


def days(*values: float, until: date = MONDAY) -> dict[date, float]:
    """Values of the days before ``until``, the last one of the day before."""
    return {until - timedelta(days=len(values) - n): value for n, value in enumerate(values)}


def test_the_spread_is_that_of_the_middle_and_not_of_outliers() -> None:
    assert robust_deviation([1, 2, 3, 4, 1000]) == pytest.approx(1.4826 * 1.0)


def test_equal_days_allow_what_the_check_always_allows() -> None:
    low, high = predict_day_interval(VOLUME, MONDAY, days(*[400.0] * 10)) or (None, None)
    assert (low, high) == (pytest.approx(320.0), pytest.approx(500.0))
    low, high = predict_day_interval(SHARE, MONDAY, days(*[0.25] * 10)) or (None, None)
    assert (low, high) == (pytest.approx(0.15), pytest.approx(0.35))


def test_days_that_vary_more_by_themselves_may_be_as_far_as_they_vary() -> None:
    # No trend: the median is 0.3; deviations are 0, 0.1 and 0.2, their median 0.1; four spreads are 0.593.
    wide = days(0.2, 0.4, 0.3, 0.5, 0.1, 0.4, 0.2, 0.3, 0.4, 0.2)
    low, high = predict_day_interval(SHARE, MONDAY, wide) or (0.0, 0.0)
    assert low is not None
    assert high is not None
    assert high - low == pytest.approx(2 * 4 * 1.4826 * 0.1, rel=0.05)


def test_a_trend_goes_on_and_weekdays_have_levels_of_their_own() -> None:
    growing = days(*[100 * 1.1**n for n in range(10)])
    low, high = predict_day_interval(VOLUME, MONDAY, growing) or (None, None)
    expected = 100 * 1.1**10
    # Levels are detrended to the last day: one day ahead adds one slope.
    assert (low, high) == (pytest.approx(expected / 1.25), pytest.approx(expected * 1.25))
    weekly = {
        MONDAY - timedelta(days=n): 900.0 if (MONDAY - timedelta(days=n)).weekday() == 0 else 300.0
        for n in range(1, 29)
    }
    low, high = predict_day_interval(VOLUME, MONDAY, weekly) or (None, None)
    assert (low, high) == (pytest.approx(720.0), pytest.approx(1125.0))
    low, high = predict_day_interval(VOLUME, MONDAY + timedelta(days=1), weekly | {MONDAY: 900.0}) or (None, None)
    assert (low, high) == (pytest.approx(240.0), pytest.approx(375.0))


def test_too_few_days_or_ratios_of_nothing_say_nothing() -> None:
    assert predict_day_interval(VOLUME, MONDAY, days(*[400.0] * 6)) is None
    assert predict_day_interval(VOLUME, MONDAY, days(*[400.0] * 8, 0.0)) is None
    assert predict_day_interval(VOLUME, MONDAY, {MONDAY + timedelta(days=n): 1.0 for n in range(9)}) is None


def test_shares_are_bounded_on_the_side_that_is_wrong() -> None:
    before = [0.9, 0.9, 0.92, 0.9, 0.88]
    familiar = Sampled("known", "familiar", ("user_id",), "were there", 0.2)
    top = Sampled("top", "topShare", ("user_id",), "no user", 0.2)
    mix = Sampled("mix", "mix", ("kind",), "as before", 0.2)
    assert predict_shape_interval(familiar, before) == (pytest.approx(0.7), None)
    assert predict_shape_interval(top, before) == (None, pytest.approx(1.1))
    assert predict_shape_interval(mix, []) == (None, 0.2)
    assert predict_shape_interval(top, before[:4]) is None
    noisy = [0.5, 0.6, 0.7, 0.8, 0.9]
    assert predict_shape_interval(top, noisy) == (None, pytest.approx(0.7 + 4 * 1.4826 * 0.1))
    assert not math.isnan(noisy[0])
