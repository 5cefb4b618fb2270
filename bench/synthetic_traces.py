"""Synthetic traces of shows: whether a listener was active on each of 59 days.

They follow the synthetic data of McDonald et al. 2023, Impatient Bandits, KDD. A listener stays with a show for a
beta-geometric number of days, and until then is active on day d with a probability of the show and the weekday.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit

from signals.progressive.prior import Floats

DAYS = 59
_DAY = np.arange(DAYS)
_ROOT = np.linalg.cholesky(1.2 * np.exp(-np.abs(_DAY[:, None] - _DAY) / 8.0))
_WEEK = np.abs(np.sin(np.pi * _DAY / 7))

Traces = NDArray[np.bool_]


@dataclass(frozen=True)
class Show:
    """A show: probability of activity by day for listeners who stay, [DAYS]; leaving ~ Beta(leave, stay)."""

    active: Floats
    leave: float
    stay: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Show":
        """Draw a random show."""
        alpha, k = expit(0.1 * rng.normal() - 0.4), rng.uniform(0.7, 1.5)
        rates = -0.5 + 0.1 * _ROOT @ rng.normal(size=DAYS)
        return cls(expit(rates - rng.uniform(0.1, 1.0) * _WEEK), k * alpha, k * (1 - alpha))

    @property
    def mean(self) -> Floats:
        """Expected outcome of each day, [DAYS]; the chance to stay until day d is B(a, b + d + 1) / B(a, b)."""
        still = np.exp(betaln(self.leave, self.stay + _DAY + 1) - betaln(self.leave, self.stay))
        expected: Floats = self.active * still
        return expected

    def traces(self, count: int, rng: np.random.Generator) -> Traces:
        """Draw traces of random listeners, [count, DAYS]."""
        is_active = rng.binomial(1, self.active, size=(count, DAYS)).astype(bool)
        leaves = rng.geometric(rng.beta(self.leave, self.stay, size=count)) - 1
        return is_active & (leaves[:, None] > _DAY)


def world(shows: int, traces: int, rng: np.random.Generator) -> Iterator[tuple[Show, Traces]]:
    """Draw shows with their traces, one by one, in the order of the published data (its seed is 42)."""
    for _ in range(shows):
        show = Show.draw(rng)
        yield show, show.traces(traces, rng)
