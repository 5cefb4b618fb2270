"""Shifts of delay curves: worked numbers, sound curves without alarms, and shifted curves with them."""

from datetime import date, timedelta
from math import sqrt

import numpy as np
import pytest
from scipy.stats import norm, t

from quality.signal_values.delay_curves import compare_with_baselines, curves_from_rows, describe_shifts
from quality.signal_values.delay_drift import (
    FALSE_ALARM_RATE,
    MAX_BASELINE_COHORTS,
    MIN_BASELINE_COHORTS,
    CohortDelayCurve,
    fit_baseline,
)

WEEK = date(2026, 3, 2)
AGES = (1, 2, 3)
SHAPE = np.array([0.3, 0.6, 1.0])


def curve(week: int, shares: list[float] | np.ndarray, error: float = 0.01, total: float = 100.0) -> CohortDelayCurve:
    share = np.asarray(shares, dtype=float)
    errors = np.where(share == 1.0, 0.0, error)
    return CohortDelayCurve(WEEK + timedelta(weeks=week), AGES, total, total * (1 - share), errors)


def test_the_tolerance_by_hand() -> None:
    """Four cohorts of equal size with .28, .32, .28, .32 on day 1: mean .3, variance .0016 / 3, sampling .0001."""
    past = [curve(n, [0.28 + 0.04 * (n % 2), 0.6, 1.0]) for n in range(4)]
    baseline = fit_baseline(curve(4, SHAPE), past)
    assert baseline is not None
    assert baseline.share == pytest.approx(SHAPE)
    tail = 1 - FALSE_ALARM_RATE / 4  # of two ages before maturity, two-sided
    sampling, between = 0.01**2 * (1 + 4 / 16), 0.0016 / 3 - 0.01**2
    expected = sqrt(norm.ppf(tail) ** 2 * sampling + t.ppf(tail, 3) ** 2 * between * 1.25)
    assert baseline.tolerance[0] == pytest.approx(expected)
    assert baseline.tolerance[2] == 0.05  # a smaller shift is never an alarm


def test_larger_cohorts_say_more_of_what_is_usual() -> None:
    past = [curve(n, [0.2, 0.6, 1.0]) for n in range(3)] + [curve(3, [0.4, 0.6, 1.0], total=300.0)]
    baseline = fit_baseline(curve(4, SHAPE), past)
    assert baseline is not None
    assert baseline.share[0] == pytest.approx(0.3)


def test_too_few_cohorts_or_unknown_errors_say_nothing_and_old_cohorts_are_forgotten() -> None:
    past = [curve(n, SHAPE) for n in range(MIN_BASELINE_COHORTS)]
    assert fit_baseline(curve(9, SHAPE), past) is not None
    assert fit_baseline(curve(9, SHAPE), past[1:]) is None
    assert fit_baseline(curve(9, SHAPE, error=float("nan")), past) is None
    assert fit_baseline(curve(9, SHAPE), [*past[1:], curve(8, SHAPE, error=float("nan"))]) is None
    old = [curve(n, [0.0, 0.0, 1.0]) for n in range(5)] + [curve(5 + n, SHAPE) for n in range(MAX_BASELINE_COHORTS)]
    baseline = fit_baseline(curve(20, SHAPE), old)
    assert baseline is not None
    assert baseline.share[0] == pytest.approx(0.3)


def rows(signal: str, shares: list[np.ndarray], error: float = 0.01) -> list[dict]:
    return [
        {"signal": signal, "definition_hash": "h", "cohort": WEEK + timedelta(weeks=week), "age_day": age,
         "anchors": 500, "sampled": 100, "whole": 100.0, "missing": 100 * (1 - value), "seen": value,
         "std_error": 0.0 if value == 1 else error}
        for week, share in enumerate(shares) for age, value in zip(AGES, share, strict=True)
    ]  # fmt: skip


def test_a_shift_is_told_with_its_place_and_its_worst_age() -> None:
    late = np.array([0.05, 0.45, 1.0])
    compared = compare_with_baselines(rows("a@1", [SHAPE] * 5 + [late]) + rows("b@1", [SHAPE] * 6), {})
    drifted = {(row["signal"], row["cohort"], row["age_day"]) for row in compared if row["drifted"]}
    assert drifted == {("a@1", WEEK + timedelta(weeks=5), age) for age in (1, 2)}
    (text,) = describe_shifts(compared)
    assert "a@1: the delay curve of the week of 2026-04-06 has shifted: by day 1 5% " in text
    assert "usually 30%" in text
    assert [row["usual"] for row in compared if row["cohort"] == WEEK] == [None] * 6
    # One cohort at a time, with earlier curves from the table, gives the same as all at once.
    first = compare_with_baselines(
        [row for row in rows("a@1", [SHAPE] * 5 + [late]) if row["cohort"] < WEEK + timedelta(weeks=5)], {}
    )
    last = [row for row in rows("a@1", [SHAPE] * 5 + [late]) if row["cohort"] == WEEK + timedelta(weeks=5)]
    assert [*first, *compare_with_baselines(last, curves_from_rows(first))] == [
        row for row in compared if row["signal"] == "a@1"
    ]


def test_cohorts_with_nothing_to_see_are_not_held_against_anything() -> None:
    empty = [row | {"whole": 0.0, "missing": 0.0, "seen": None, "std_error": None} for row in rows("a@1", [SHAPE])]
    compared = compare_with_baselines(empty, {})
    assert [(row["usual"], row["drifted"]) for row in compared] == [(None, False)] * 3
    assert curves_from_rows(empty) == {}


@pytest.mark.parametrize("between", [0.0, 0.03])
def test_honest_curves_seldom_raise_an_alarm_and_shifted_ones_do(between: float) -> None:
    """Weeks differ by sampling and between each other; the shifted curve sees half of day 1 a day late."""
    rng = np.random.default_rng(1)
    false_alarms = missed = 0
    for _ in range(400):
        noise = rng.normal(0, 0.02, (MAX_BASELINE_COHORTS + 1, 3)) + rng.normal(
            0, between, (MAX_BASELINE_COHORTS + 1, 1)
        )
        shares = np.clip(SHAPE + noise * (SHAPE < 1), 0, 1)
        past = [curve(n, share, 0.02) for n, share in enumerate(shares[:-1])]
        sound, shifted = curve(9, shares[-1], 0.02), curve(9, shares[-1] - [0.15, 0.3, 0.0], 0.02)
        baseline = fit_baseline(sound, past)
        assert baseline is not None
        false_alarms += bool(baseline.has_drifted(sound).any())
        missed += not baseline.has_drifted(shifted).any()
    assert false_alarms / 400 < 3 * FALSE_ALARM_RATE
    assert missed / 400 < 0.05
