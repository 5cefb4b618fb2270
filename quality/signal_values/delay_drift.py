"""Whether a delay curve has shifted: a cohort's beside those of the cohorts before it. Plain numpy, no Spark.

At every age the cohort's share is held against the usual one, that of the preceding cohorts together. Two things make
honest cohorts differ: each is a sample, and weeks differ from each other. So the tolerance at an age is

    z^2 (e^2 + u^2) + t^2 b^2 (1 + 1/k),  its root,

with e and u the standard errors of the cohort and of the usual share, b^2 the variance between the k cohorts beyond
their sampling errors (method of moments, DerSimonian and Laird 1986), z and t the quantiles of the normal distribution
and of Student's with k - 1 degrees, at the level of the whole curve shared among its ages (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]
LEVEL = 0.01
"""Share of honest curves that raise an alarm, nominally: with few cohorts the variance between them is a guess."""
PAST, FEWEST = 8, 4
"""Cohorts before it that a curve is held against: so many at most, and at least."""
LEAST = 0.05
"""A shift of less than this is none, however surely it is there."""


@dataclass(frozen=True)
class Curve:
    """How much of a cohort's final values was seen by age.

    Attributes:
        cohort: the Monday of its week.
        ages: in days, rising; the last is maturity.
        whole: what there was to see, above 0.
        missing: what was still to be seen, [ages].
        error: standard error of the share seen, [ages]; NaN where it is not known.
    """

    cohort: date
    ages: tuple[int, ...]
    whole: float
    missing: Floats
    error: Floats

    @property
    def seen(self) -> Floats:
        """Share seen by age, [ages]."""
        return 1 - self.missing / self.whole


@dataclass(frozen=True)
class Usual:
    """What a curve is held against, [ages]: the share seen by cohorts before it, and how far one may lie from it."""

    seen: Floats
    tolerance: Floats

    def left_by(self, curve: Curve) -> NDArray[np.bool_]:
        """At which ages a curve lies further off, [ages]. By the last age all is seen, so nothing shifts there."""
        return np.asarray(np.abs(curve.seen - self.seen) > self.tolerance)


def usual(curve: Curve, before: Sequence[Curve]) -> Usual | None:
    """What a curve is held against; None while there is too little.

    Args:
        curve: the cohort's.
        before: curves of the cohorts before it, oldest first, of the same ages.
    """
    past = [one for one in before if np.isfinite(one.error).all()][-PAST:]
    if len(past) < FEWEST or not np.isfinite(curve.error).all():
        return None
    weights = np.array([one.whole for one in past])
    weights /= weights.sum()
    seen, errors = np.array([one.seen for one in past]), np.array([one.error for one in past])
    pooled: Floats = weights @ seen
    sampling = curve.error**2 + weights**2 @ errors**2
    between = _between(seen, errors)
    k, tail = len(past), 1 - LEVEL / (2 * max(1, len(curve.ages) - 1))
    tolerance = np.sqrt(norm.ppf(tail) ** 2 * sampling + t.ppf(tail, k - 1) ** 2 * between * (1 + 1 / k))
    return Usual(pooled, np.maximum(tolerance, LEAST))


def _between(seen: Floats, errors: Floats) -> Floats:
    """Variance between cohorts beyond their sampling errors, [ages]; both arguments are [cohorts, ages]."""
    found: Floats = np.maximum(0.0, seen.var(axis=0, ddof=1) - (errors**2).mean(axis=0))
    return found
