"""Shifts of delay curves: worked numbers, honest curves that raise no alarm, and shifted ones that do."""

from datetime import date, timedelta
from math import sqrt

import numpy as np
import pytest
from scipy.stats import norm, t

from quality.signal_values.delay_curves import alarms, curves, judged
from quality.signal_values.delay_drift import FEWEST, LEVEL, PAST, Curve, usual

WEEK = date(2026, 3, 2)
AGES = (1, 2, 3)
SHAPE = np.array([0.3, 0.6, 1.0])


def curve(week: int, seen: list[float] | np.ndarray, error: float = 0.01, whole: float = 100.0) -> Curve:
    share = np.asarray(seen, dtype=float)
    errors = np.where(share == 1.0, 0.0, error)
    return Curve(WEEK + timedelta(weeks=week), AGES, whole, whole * (1 - share), errors)


def test_the_tolerance_by_hand() -> None:
    """Four cohorts of equal size with .28, .32, .28, .32 on day 1: mean .3, variance .0016 / 3, sampling .0001."""
    past = [curve(n, [0.28 + 0.04 * (n % 2), 0.6, 1.0]) for n in range(4)]
    held = usual(curve(4, SHAPE), past)
    assert held is not None
    assert held.seen == pytest.approx(SHAPE)
    tail = 1 - LEVEL / 4  # of two ages before maturity, at both sides
    sampling, between = 0.01**2 * (1 + 4 / 16), 0.0016 / 3 - 0.01**2
    expected = sqrt(norm.ppf(tail) ** 2 * sampling + t.ppf(tail, 3) ** 2 * between * 1.25)
    assert held.tolerance[0] == pytest.approx(expected)
    assert held.tolerance[2] == 0.05  # however surely, a shift of less is none


def test_larger_cohorts_say_more_of_what_is_usual() -> None:
    past = [curve(n, [0.2, 0.6, 1.0]) for n in range(3)] + [curve(3, [0.4, 0.6, 1.0], whole=300.0)]
    held = usual(curve(4, SHAPE), past)
    assert held is not None
    assert held.seen[0] == pytest.approx(0.3)


def test_too_few_cohorts_or_unknown_errors_say_nothing_and_old_cohorts_are_forgotten() -> None:
    past = [curve(n, SHAPE) for n in range(FEWEST)]
    assert usual(curve(9, SHAPE), past) is not None
    assert usual(curve(9, SHAPE), past[1:]) is None
    assert usual(curve(9, SHAPE, error=float("nan")), past) is None
    assert usual(curve(9, SHAPE), [*past[1:], curve(8, SHAPE, error=float("nan"))]) is None
    old = [curve(n, [0.0, 0.0, 1.0]) for n in range(5)] + [curve(5 + n, SHAPE) for n in range(PAST)]
    held = usual(curve(20, SHAPE), old)
    assert held is not None
    assert held.seen[0] == pytest.approx(0.3)


def rows(signal: str, shares: list[np.ndarray], error: float = 0.01) -> list[dict]:
    return [
        {"signal": signal, "definition_hash": "h", "cohort": WEEK + timedelta(weeks=week), "age_day": age,
         "anchors": 500, "sampled": 100, "whole": 100.0, "missing": 100 * (1 - seen), "seen": seen,
         "std_error": 0.0 if seen == 1 else error}
        for week, share in enumerate(shares) for age, seen in zip(AGES, share, strict=True)
    ]  # fmt: skip


def test_a_shift_is_told_with_its_place_and_its_worst_age() -> None:
    late = np.array([0.05, 0.45, 1.0])
    told = judged(rows("a@1", [SHAPE] * 5 + [late]) + rows("b@1", [SHAPE] * 6), {})
    drifted = {(row["signal"], row["cohort"], row["age_day"]) for row in told if row["drifted"]}
    assert drifted == {("a@1", WEEK + timedelta(weeks=5), age) for age in (1, 2)}
    (text,) = alarms(told)
    assert "a@1: the delay curve of the week of 2026-04-06 has shifted: by day 1 5% " in text
    assert "usually 30%" in text
    assert [row["usual"] for row in told if row["cohort"] == WEEK] == [None] * 6
    # Day by day, with the curves so far from the table, comes to the same as all at once.
    first = judged([row for row in rows("a@1", [SHAPE] * 5 + [late]) if row["cohort"] < WEEK + timedelta(weeks=5)], {})
    last = [row for row in rows("a@1", [SHAPE] * 5 + [late]) if row["cohort"] == WEEK + timedelta(weeks=5)]
    assert [*first, *judged(last, curves(first))] == [row for row in told if row["signal"] == "a@1"]


def test_cohorts_with_nothing_to_see_are_not_held_against_anything() -> None:
    empty = [row | {"whole": 0.0, "missing": 0.0, "seen": None, "std_error": None} for row in rows("a@1", [SHAPE])]
    told = judged(empty, {})
    assert [(row["usual"], row["drifted"]) for row in told] == [(None, False)] * 3
    assert curves(empty) == {}


@pytest.mark.parametrize("between", [0.0, 0.03])
def test_honest_curves_seldom_raise_an_alarm_and_shifted_ones_do(between: float) -> None:
    """Weeks differ by chance, and by themselves; then half of what comes on day 1 comes a day late."""
    rng = np.random.default_rng(1)
    false = missed = 0
    for _ in range(400):
        noise = rng.normal(0, 0.02, (PAST + 1, 3)) + rng.normal(0, between, (PAST + 1, 1))
        shares = np.clip(SHAPE + noise * (SHAPE < 1), 0, 1)
        past = [curve(n, share, 0.02) for n, share in enumerate(shares[:-1])]
        honest, shifted = curve(9, shares[-1], 0.02), curve(9, shares[-1] - [0.15, 0.3, 0.0], 0.02)
        held = usual(honest, past)
        assert held is not None
        false += bool(held.left_by(honest).any())
        missed += not held.left_by(shifted).any()
    assert false / 400 < 3 * LEVEL
    assert missed / 400 < 0.05
