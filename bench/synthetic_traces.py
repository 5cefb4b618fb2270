"""Synthetic traces of shows: 59 days, whether the listener was there on each.

The recipe of the synthetic data of McDonald et al. 2023, Impatient Bandits, KDD. A listener stays with a show for a
beta-geometric number of days, and while he does is there on day d with a probability of the show and the weekday.
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
    """One show: probability of being there on each day, for who has not left, [DAYS]; leaving ~ Beta(leave, stay)."""

    active: Floats
    leave: float
    stay: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Show":
        """A show at random."""
        alpha, k = expit(0.1 * rng.normal() - 0.4), rng.uniform(0.7, 1.5)
        rates = -0.5 + 0.1 * _ROOT @ rng.normal(size=DAYS)
        return cls(expit(rates - rng.uniform(0.1, 1.0) * _WEEK), k * alpha, k * (1 - alpha))

    @property
    def mean(self) -> Floats:
        """Expected outcome of each day, [DAYS]; the chance to be still there on day d is B(a, b + d + 1) / B(a, b)."""
        still = np.exp(betaln(self.leave, self.stay + _DAY + 1) - betaln(self.leave, self.stay))
        found: Floats = self.active * still
        return found

    def traces(self, count: int, rng: np.random.Generator) -> Traces:
        """Listeners at random, [count, DAYS]."""
        there = rng.binomial(1, self.active, size=(count, DAYS)).astype(bool)
        leaves = rng.geometric(rng.beta(self.leave, self.stay, size=count)) - 1
        return there & (leaves[:, None] > _DAY)


def world(shows: int, traces: int, rng: np.random.Generator) -> Iterator[tuple[Show, Traces]]:
    """Shows at random, each with its traces, one by one, drawn in the order of the published data (its seed is 42)."""
    for _ in range(shows):
        show = Show.drawn(rng)
        yield show, show.traces(traces, rng)
