"""Estimators with their intervals: small, exact, and each with the paper that it comes from.

All intervals are two-sided. Differences are always ``treatment - control``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from longplay.errors import InputError

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty.

    Attributes:
        value: the point estimate.
        se: its standard error.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    se: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class TestedDifference(Estimate):
    """A difference with the two-sided p-value that belongs to its interval."""

    p_value: float


@dataclass(frozen=True)
class SampleMoments:
    """The sufficient statistics of a sample: three additive numbers.

    Attributes:
        n: units.
        total: sum of the values.
        squares: sum of the squared values.
    """

    n: int
    total: float
    squares: float

    @classmethod
    def from_values(cls, values: NDArray[Any]) -> "SampleMoments":
        """The moments of [n] values, one a unit."""
        numbers = np.asarray(values, np.float64)
        return cls(len(numbers), float(numbers.sum()), float(numbers @ numbers))

    @property
    def mean(self) -> float:
        """The mean."""
        return self.total / self.n

    @property
    def variance(self) -> float:
        """The sample variance (n - 1)."""
        return max(self.squares - self.total**2 / self.n, 0.0) / (self.n - 1)


def mean_interval(sample: SampleMoments, confidence: float = CONFIDENCE) -> Estimate:
    """The mean with Student's t interval.

    Raises:
        InputError: fewer than two units.
    """
    _require_units(sample.n, 2)
    return _interval(sample.mean, math.sqrt(sample.variance / sample.n), sample.n - 1, confidence)


def welch(treatment: SampleMoments, control: SampleMoments, confidence: float = CONFIDENCE) -> TestedDifference:
    """Difference of two means with unequal variances (Welch, Biometrika 1947).

    Raises:
        InputError: an arm with fewer than two units.
    """
    _require_units(min(treatment.n, control.n), 2)
    parts = [arm.variance / arm.n for arm in (treatment, control)]
    se, value = math.sqrt(sum(parts)), treatment.mean - control.mean
    if se == 0:
        return TestedDifference(value, 0.0, value, value, 1.0 if value == 0 else 0.0)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (treatment.n - 1) + parts[1] ** 2 / (control.n - 1))
    interval = _interval(value, se, freedom, confidence)
    return TestedDifference(value, se, interval.low, interval.high, float(2 * stats.t.sf(abs(value) / se, freedom)))


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """One proportion with the score interval (Wilson, JASA 1927).

    Raises:
        InputError: no units, or more successes than units.
    """
    _require_units(n, 1)
    if not 0 <= successes <= n:
        raise InputError("A share needs 0 <= successes <= n.", got=f"{successes} of {n}")
    share, z = successes / n, float(stats.norm.ppf((1 + confidence) / 2))
    middle, scale = share + z**2 / (2 * n), 1 + z**2 / n
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == n else (middle + half) / scale
    return Estimate(share, math.sqrt(share * (1 - share) / n), low, high)


def newcombe(
    successes: int, n: int, control_successes: int, control_n: int, confidence: float = CONFIDENCE
) -> Estimate:
    """Difference of two independent proportions, hybrid score interval (Newcombe 1998, method 10).

    The standard error is that of a normal interval of this width, so it is never zero.

    Raises:
        InputError: an arm without units.
    """
    treatment = wilson(successes, n, confidence)
    control = wilson(control_successes, control_n, confidence)
    value = treatment.value - control.value
    below = math.hypot(treatment.value - treatment.low, control.high - control.value)
    above = math.hypot(treatment.high - treatment.value, control.value - control.low)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    return Estimate(value, (below + above) / (2 * z), value - below, value + above)


def ratio(numerator: NDArray[Any], denominator: NDArray[Any], confidence: float = CONFIDENCE) -> Estimate:
    """Ratio of two sums over users, delta method clustered by user (Deng et al., KDD 2018).

    Args:
        numerator: per-user amounts, [users], e.g. clicks.
        denominator: per-user amounts, [users], e.g. exposures; users with 0 do not matter.
        confidence: coverage of the interval.

    Raises:
        InputError: fewer than two users, or a denominator that sums to zero.
    """
    _require_units(len(denominator), 2)
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    if below.sum() <= 0:
        raise InputError("The denominator of a ratio sums to zero.", fix="leave the metric out for this arm")
    value = float(above.sum() / below.sum())
    # var(x - R y) = var x - 2 R cov + R^2 var y, so the linearised residual carries the covariance.
    residual = (above - value * below) / below.mean()
    se = float(residual.std(ddof=1)) / math.sqrt(len(residual))
    return _interval(value, se, len(residual) - 1, confidence)


def independent_difference(treatment: Estimate, control: Estimate, confidence: float = CONFIDENCE) -> Estimate:
    """Difference of two independent estimates, normal interval."""
    return _interval(treatment.value - control.value, math.hypot(treatment.se, control.se), math.inf, confidence)


@dataclass(frozen=True)
class PooledEstimate:
    """Independent estimates of one quantity from several worlds, pooled in two ways.

    Attributes:
        worlds: number of worlds.
        fixed: inverse-variance mean, which describes these worlds.
        between: mean of the worlds' values with Student's t interval over their spread, which predicts another world
            of the same kind; None with a single world.
        wins: worlds whose own interval lies above zero.
        losses: worlds whose own interval lies below zero.
    """

    worlds: int
    fixed: Estimate
    between: Estimate | None
    wins: int
    losses: int


def pool(estimates: Sequence[Estimate], confidence: float = CONFIDENCE) -> PooledEstimate:
    """Pool independent estimates of one quantity (Borenstein et al., Research Synthesis Methods 2010).

    Raises:
        InputError: no estimates, or one without a standard error.
    """
    _require_units(len(estimates), 1)
    if any(not estimate.se > 0 for estimate in estimates):
        raise InputError("An estimate without a standard error cannot be pooled.")
    values = np.array([estimate.value for estimate in estimates])
    weights = np.array([estimate.se**-2.0 for estimate in estimates])
    fixed = _interval(float(values @ weights / weights.sum()), float(weights.sum() ** -0.5), math.inf, confidence)
    between = mean_interval(SampleMoments.from_values(values), confidence) if len(values) > 1 else None
    wins = sum(estimate.low > 0 for estimate in estimates)
    losses = sum(estimate.high < 0 for estimate in estimates)
    return PooledEstimate(len(values), fixed, between, wins, losses)


def _interval(value: float, se: float, freedom: float, confidence: float) -> Estimate:
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * se
    return Estimate(value, se, value - half, value + half)


def _require_units(n: int, least: int) -> None:
    if n < least:
        raise InputError("There are too few units for an estimate.", got=str(n), fix=f"provide at least {least}")
