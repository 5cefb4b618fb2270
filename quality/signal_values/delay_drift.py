"""Drift of delay curves: whether a cohort's curve has shifted from those of earlier cohorts. Plain numpy, no Spark.

At every age the cohort's share is compared with the pooled share of the preceding cohorts. Two things make sound
cohorts differ: each is a sample, and weeks differ from each other. So the tolerance at an age is

    sqrt(z^2 (e^2 + u^2) + t^2 b^2 (1 + 1/k))

with e and u the standard errors of the cohort and of the pooled share, and b^2 the variance between the k cohorts
beyond their sampling errors (method of moments, DerSimonian and Laird 1986). z and t are the quantiles of the normal
distribution and of Student's with k - 1 degrees of freedom; the level of the whole curve is split among its ages
(Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]
FALSE_ALARM_RATE = 0.01
"""Nominal share of sound curves that raise an alarm; with few cohorts the variance between them is uncertain."""
MAX_BASELINE_COHORTS, MIN_BASELINE_COHORTS = 8, 4
MIN_SHIFT = 0.05
"""A smaller shift is never an alarm, however certain it is."""


@dataclass(frozen=True)
class CohortDelayCurve:
    """How much of a cohort's final values had been seen by age.

    Attributes:
        cohort: the Monday of its week.
        ages: in days, rising; the last is maturity.
        total: the final values in total, above 0.
        missing: what had not been seen yet, [ages].
        error: standard error of the share, [ages]; NaN where unknown.
    """

    cohort: date
    ages: tuple[int, ...]
    total: float
    missing: Floats
    error: Floats

    @property
    def share(self) -> Floats:
        """Share of the final values seen by age, [ages]."""
        return 1 - self.missing / self.total

    @property
    def has_errors(self) -> bool:
        """Whether the standard error is known at every age."""
        return bool(np.isfinite(self.error).all())


@dataclass(frozen=True)
class CurveBaseline:
    """The pooled share of earlier cohorts, and how far a sound curve may lie from it, both [ages]."""

    share: Floats
    tolerance: Floats

    def has_drifted(self, curve: CohortDelayCurve) -> NDArray[np.bool_]:
        """Whether a curve lies outside the tolerance, [ages]; never at the last age, where every share is 1."""
        return np.asarray(np.abs(curve.share - self.share) > self.tolerance)


def fit_baseline(curve: CohortDelayCurve, earlier: Sequence[CohortDelayCurve]) -> CurveBaseline | None:
    """Fit the baseline of a curve; None with too few cohorts.

    Args:
        curve: the cohort's.
        earlier: curves of the cohorts before it, oldest first, of the same ages.
    """
    past = [other for other in earlier if other.has_errors][-MAX_BASELINE_COHORTS:]
    if len(past) < MIN_BASELINE_COHORTS or not curve.has_errors:
        return None
    weights = np.array([other.total for other in past])
    weights /= weights.sum()
    shares, errors = np.array([other.share for other in past]), np.array([other.error for other in past])
    pooled: Floats = weights @ shares
    sampling = curve.error**2 + weights**2 @ errors**2
    between = _variance_between(shares, errors)
    k, tail = len(past), 1 - FALSE_ALARM_RATE / (2 * max(1, len(curve.ages) - 1))
    tolerance = np.sqrt(norm.ppf(tail) ** 2 * sampling + t.ppf(tail, k - 1) ** 2 * between * (1 + 1 / k))
    return CurveBaseline(pooled, np.maximum(tolerance, MIN_SHIFT))


def _variance_between(shares: Floats, errors: Floats) -> Floats:
    """Variance between cohorts beyond their sampling errors, [ages]; both arguments are [cohorts, ages]."""
    variance: Floats = np.maximum(0.0, shares.var(axis=0, ddof=1) - (errors**2).mean(axis=0))
    return variance
