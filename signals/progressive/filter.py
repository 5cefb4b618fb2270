"""Not waiting: what an item's open traces say of its reward, day by day. Pure numpy.

The filter of McDonald et al. 2023, Impatient Bandits, KDD, in a form that streams. With V = L L' and H = L^-1, a
whitened trace y = H z has independent entries of variance 1 about u = H theta, and entry k needs the days up to k
alone. So two numbers for each item and day say all that its traces do: n_k, how many traces have been seen for that
long, and s_k, the sum of their y_k. Both are additive, over traces, days, deliveries and corrections.

Estimates are no labels: nothing here is ever the value of a signal.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.stats import norm

from signals.progressive.prior import Floats, Prior

Ints = NDArray[np.int64]
_AT_ONCE = 512
"""Items whose K x K systems are solved in one call."""


@dataclass(frozen=True)
class TraceFilter:
    """A prior, whitened, and the reward r = w'z that is asked for.

    Attributes:
        factor: L, lower triangular, [K, K].
        whitener: H = L^-1, lower triangular, [K, K].
        mean: of u = H theta over items, [K].
        between: covariance of u over items, [K, K].
        reward: L'w, so that the mean reward of an item is reward'u, [K].
    """

    factor: Floats
    whitener: Floats
    mean: Floats
    between: Floats
    reward: Floats

    @classmethod
    def from_prior(cls, prior: Prior, weights: Floats) -> "TraceFilter":
        """The filter of a prior for the reward w'z; ``weights`` is w, [K]."""
        factor = np.linalg.cholesky(prior.within)
        whitener: Floats = solve_triangular(factor, np.eye(len(factor)), lower=True)
        between: Floats = whitener @ prior.between @ whitener.T
        between = 0.5 * (between + between.T)
        return cls(np.asarray(factor, np.float64), whitener, whitener @ prior.mean, between, factor.T @ weights)


@dataclass(frozen=True)
class TraceSums:
    """What traces come to: n and s, each [items, K]. Sums of more traces are sums of sums."""

    n: Floats
    s: Floats

    @classmethod
    def zeros(cls, items: int, days: int) -> "TraceSums":
        """Of items without traces."""
        return cls(np.zeros((items, days)), np.zeros((items, days)))

    def __add__(self, other: "TraceSums") -> "TraceSums":
        return TraceSums(self.n + other.n, self.s + other.s)

    def __sub__(self, other: "TraceSums") -> "TraceSums":
        return TraceSums(self.n - other.n, self.s - other.s)


@dataclass(frozen=True)
class RewardBeliefs:
    """The mean reward r of each item ~ N(mean, variance), each [items]."""

    mean: Floats
    variance: Floats

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Ends of the central interval that holds r with probability ``level``, each [items]."""
        half = norm.ppf(0.5 + level / 2) * np.sqrt(self.variance)
        return self.mean - half, self.mean + half


def sum_traces(whitened: TraceFilter, items: Ints, traces: NDArray[np.generic], seen: Ints, size: int) -> TraceSums:
    """What traces come to, item by item.

    Args:
        whitened: the filter.
        items: whose trace each is, 0 to size - 1, [traces].
        traces: outcomes, [traces, K]; what lies beyond the days that were seen is not read.
        seen: how many days of each trace were seen, from the first on without a gap, 0 to K, [traces].
        size: number of items.
    """
    days = len(whitened.mean)
    known = np.arange(days) < seen[:, None]
    y = np.where(known, np.where(known, traces, 0).astype(np.float64) @ whitened.whitener.T, 0.0)
    sums = TraceSums.zeros(size, days)
    np.add.at(sums.n, items, known.astype(np.float64))
    np.add.at(sums.s, items, y)
    return sums


def correct_sums(
    sums: TraceSums,
    whitened: TraceFilter,
    items: Ints,
    before: NDArray[np.generic],
    after: NDArray[np.generic],
    seen: Ints,
) -> TraceSums:
    """Sums after past days of traces were corrected: what they gave is taken back, what they give now is added.

    Args:
        sums: with the traces as they were, [items, K].
        whitened: the filter.
        items: whose trace each is, [traces].
        before: the traces as they were, [traces, K].
        after: the traces as they are, [traces, K].
        seen: how many days of each were seen, before as after, [traces].

    Returns:
        The sums; entries before the first day that was corrected are what they were, to the bit.
    """
    difference = after.astype(np.float64) - before.astype(np.float64)
    change = sum_traces(whitened, items, difference, seen, len(sums.n))
    return TraceSums(sums.n, sums.s + change.s)


def infer_rewards(whitened: TraceFilter, sums: TraceSums) -> RewardBeliefs:
    """The posterior of every item's mean reward r = w'theta.

    It is that of Lambda = Sigma^-1 + sum_k n_k h_k h_k' and eta = Sigma^-1 mu + sum_k s_k h_k, h_k being row k of H
    (McDonald et al. 2023), in the form that asks for no inverse of Sigma: for D = diag(n) and A the covariance of u
    over items, cov(u | s) = A - A D^1/2 (I + D^1/2 A D^1/2)^-1 D^1/2 A.
    """
    found = RewardBeliefs(np.empty(len(sums.n)), np.empty(len(sums.n)))
    prior = whitened.between @ whitened.reward
    for part in _parts(len(sums.n)):
        root, inner = _inner(whitened, sums.n[part])
        solved = np.linalg.solve(inner, (root * prior)[..., None])[..., 0]
        gain = prior - (root * solved) @ whitened.between
        surprise = sums.s[part] - sums.n[part] * whitened.mean
        found.mean[part] = whitened.reward @ whitened.mean + np.sum(gain * surprise, axis=1)
        found.variance[part] = np.maximum(gain @ whitened.reward, 0.0)
    return found


def infer_effects(whitened: TraceFilter, sums: TraceSums) -> tuple[Floats, Floats]:
    """The posterior of every item's effect theta: mean [items, K] and covariance [items, K, K]."""
    items, days = sums.n.shape
    mean, covariance = np.empty((items, days)), np.empty((items, days, days))
    for part in _parts(items):
        root, inner = _inner(whitened, sums.n[part])
        scaled = root[:, :, None] * whitened.between
        u = whitened.between - np.swapaxes(scaled, 1, 2) @ np.linalg.solve(inner, scaled)
        surprise = sums.s[part] - sums.n[part] * whitened.mean
        mean[part] = (whitened.mean + np.einsum("ijk,ik->ij", u, surprise)) @ whitened.factor.T
        covariance[part] = whitened.factor @ u @ whitened.factor.T
    return mean, covariance


def infer_rewards_from_totals(
    prior_mean: float, prior_variance: float, noise: float, n: Floats, total: Floats
) -> RewardBeliefs:
    """The posterior of r from one number a trace alone, such as its whole reward or its first day.

    Args:
        prior_mean: mean of the number over items.
        prior_variance: its variance over items, above 0.
        noise: its variance over an item's traces, above 0.
        n: traces of each item, [items].
        total: sum of their numbers, [items].
    """
    precision = 1.0 / prior_variance + n / noise
    return RewardBeliefs((prior_mean / prior_variance + total / noise) / precision, 1.0 / precision)


def average_mature_traces(
    items: Ints, traces: NDArray[np.generic], seen: Ints, weights: Floats, size: int
) -> tuple[Floats, Floats]:
    """The baseline: mean reward of an item's whole traces. Unbiased but stale, for it reads no open trace.

    Args:
        items: whose trace each is, [traces].
        traces: outcomes, [traces, K].
        seen: how many days of each trace were seen, [traces].
        weights: w of the reward w'z, [K].
        size: number of items.

    Returns:
        Mean, NaN for items without a whole trace, and number of whole traces, each [items].
    """
    whole = seen >= len(weights)
    n = np.bincount(items[whole], minlength=size).astype(np.float64)
    total = np.bincount(items[whole], traces[whole].astype(np.float64) @ weights, minlength=size)
    mean = np.full(size, np.nan)
    np.divide(total, n, out=mean, where=n > 0)
    return mean, n


def choose_by_thompson(believed: RewardBeliefs, actions: int, rng: np.random.Generator) -> Ints:
    """Items to show: for each action r is drawn for every item, and the item with the largest is taken, [actions]."""
    drawn = rng.standard_normal((actions, len(believed.mean))) * np.sqrt(believed.variance) + believed.mean
    best: Ints = drawn.argmax(axis=1)
    return best


def _inner(whitened: TraceFilter, n: Floats) -> tuple[Floats, Floats]:
    """D^1/2 [items, K] and I + D^1/2 A D^1/2 [items, K, K], whose eigenvalues are 1 or more."""
    root = np.sqrt(np.maximum(n, 0.0))
    inner = root[:, :, None] * whitened.between * root[:, None, :]
    inner += np.eye(len(whitened.mean))
    return root, inner


def _parts(items: int) -> Iterator[slice]:
    return (slice(start, start + _AT_ONCE) for start in range(0, items, _AT_ONCE))
