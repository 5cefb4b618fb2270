"""The progressive filter: infers an item's reward from its open traces, day by day. Pure numpy.

This is the filter of McDonald et al. 2023, Impatient Bandits, KDD, in a streaming form. With V = L L' and H = L^-1, a
whitened trace y = H z has independent entries of variance 1 about u = H theta, and entry k needs only the days up to k.
Two numbers for each item and day are therefore sufficient: n_k, the number of traces observed for that long, and s_k,
the sum of their y_k. Both are additive over traces, days, deliveries and corrections.

Estimates are not labels: nothing here ever becomes the value of a signal.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.stats import norm

from signals.progressive.prior import Floats, Prior

Ints = NDArray[np.int64]
_ITEMS_PER_CALL = 512
"""Items whose K x K systems are solved in one call."""


@dataclass(frozen=True)
class TraceFilter:
    """A whitened prior, and the reward r = w'z to infer.

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
    """Sufficient statistics of traces: n and s, each [items, K]. They add up over traces."""

    n: Floats
    s: Floats

    @classmethod
    def zeros(cls, items: int, days: int) -> "TraceSums":
        """The sums of items without traces."""
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
        """Bounds of the central interval that holds r with probability ``level``, each [items]."""
        half = norm.ppf(0.5 + level / 2) * np.sqrt(self.variance)
        return self.mean - half, self.mean + half


def sum_traces(
    trace_filter: TraceFilter, items: Ints, traces: NDArray[np.generic], observed_days: Ints, size: int
) -> TraceSums:
    """Sums of traces by item.

    Args:
        trace_filter: the filter.
        items: item of each trace, 0 to size - 1, [traces].
        traces: outcomes, [traces, K]; days beyond the observed ones are ignored.
        observed_days: number of observed days of each trace, from the first on without a gap, 0 to K, [traces].
        size: number of items.
    """
    days = len(trace_filter.mean)
    is_observed = np.arange(days) < observed_days[:, None]
    y = np.where(is_observed, np.where(is_observed, traces, 0).astype(np.float64) @ trace_filter.whitener.T, 0.0)
    sums = TraceSums.zeros(size, days)
    np.add.at(sums.n, items, is_observed.astype(np.float64))
    np.add.at(sums.s, items, y)
    return sums


def correct_sums(
    sums: TraceSums,
    trace_filter: TraceFilter,
    items: Ints,
    before: NDArray[np.generic],
    after: NDArray[np.generic],
    observed_days: Ints,
) -> TraceSums:
    """Sums after a correction of past days: removes the old traces and adds the corrected ones.

    Args:
        sums: sums with the old traces, [items, K].
        trace_filter: the filter.
        items: item of each trace, [traces].
        before: the old traces, [traces, K].
        after: the corrected traces, [traces, K].
        observed_days: number of observed days of each trace, the same before and after, [traces].

    Returns:
        The sums. Entries before the first corrected day do not change by a single bit.
    """
    difference = after.astype(np.float64) - before.astype(np.float64)
    change = sum_traces(trace_filter, items, difference, observed_days, len(sums.n))
    return TraceSums(sums.n, sums.s + change.s)


def infer_rewards(trace_filter: TraceFilter, sums: TraceSums) -> RewardBeliefs:
    """The posterior of every item's mean reward r = w'theta.

    It is that of Lambda = Sigma^-1 + sum_k n_k h_k h_k' and eta = Sigma^-1 mu + sum_k s_k h_k, h_k being row k of H
    (McDonald et al. 2023), in the form that needs no inverse of Sigma: for D = diag(n) and A the covariance of u
    over items, cov(u | s) = A - A D^1/2 (I + D^1/2 A D^1/2)^-1 D^1/2 A.
    """
    beliefs = RewardBeliefs(np.empty(len(sums.n)), np.empty(len(sums.n)))
    prior = trace_filter.between @ trace_filter.reward
    for part in _parts(len(sums.n)):
        root, inner = _inner(trace_filter, sums.n[part])
        solved = np.linalg.solve(inner, (root * prior)[..., None])[..., 0]
        gain = prior - (root * solved) @ trace_filter.between
        surprise = sums.s[part] - sums.n[part] * trace_filter.mean
        beliefs.mean[part] = trace_filter.reward @ trace_filter.mean + np.sum(gain * surprise, axis=1)
        beliefs.variance[part] = np.maximum(gain @ trace_filter.reward, 0.0)
    return beliefs


def infer_effects(trace_filter: TraceFilter, sums: TraceSums) -> tuple[Floats, Floats]:
    """The posterior of every item's effect theta: mean [items, K] and covariance [items, K, K]."""
    items, days = sums.n.shape
    mean, covariance = np.empty((items, days)), np.empty((items, days, days))
    for part in _parts(items):
        root, inner = _inner(trace_filter, sums.n[part])
        scaled = root[:, :, None] * trace_filter.between
        u = trace_filter.between - np.swapaxes(scaled, 1, 2) @ np.linalg.solve(inner, scaled)
        surprise = sums.s[part] - sums.n[part] * trace_filter.mean
        mean[part] = (trace_filter.mean + np.einsum("ijk,ik->ij", u, surprise)) @ trace_filter.factor.T
        covariance[part] = trace_filter.factor @ u @ trace_filter.factor.T
    return mean, covariance


def infer_rewards_from_totals(
    prior_mean: float, prior_variance: float, noise: float, n: Floats, total: Floats
) -> RewardBeliefs:
    """The posterior of r from one number a trace, such as its total reward or its first day.

    Args:
        prior_mean: mean of the number over items.
        prior_variance: its variance over items, above 0.
        noise: its variance over an item's traces, above 0.
        n: number of traces of each item, [items].
        total: sum of their numbers, [items].
    """
    precision = 1.0 / prior_variance + n / noise
    return RewardBeliefs((prior_mean / prior_variance + total / noise) / precision, 1.0 / precision)


def average_mature_traces(
    items: Ints, traces: NDArray[np.generic], observed_days: Ints, weights: Floats, size: int
) -> tuple[Floats, Floats]:
    """The baseline: mean reward of an item's mature traces. Unbiased but stale, because it ignores open traces.

    Args:
        items: item of each trace, [traces].
        traces: outcomes, [traces, K].
        observed_days: number of observed days of each trace, [traces].
        weights: w of the reward w'z, [K].
        size: number of items.

    Returns:
        Mean, NaN for items without a mature trace, and number of mature traces, each [items].
    """
    mature = observed_days >= len(weights)
    n = np.bincount(items[mature], minlength=size).astype(np.float64)
    total = np.bincount(items[mature], traces[mature].astype(np.float64) @ weights, minlength=size)
    mean = np.full(size, np.nan)
    np.divide(total, n, out=mean, where=n > 0)
    return mean, n


def choose_by_thompson(beliefs: RewardBeliefs, actions: int, rng: np.random.Generator) -> Ints:
    """Items to show, by Thompson sampling: each action draws r for every item and takes the largest, [actions]."""
    drawn = rng.standard_normal((actions, len(beliefs.mean))) * np.sqrt(beliefs.variance) + beliefs.mean
    best: Ints = drawn.argmax(axis=1)
    return best


def _inner(trace_filter: TraceFilter, n: Floats) -> tuple[Floats, Floats]:
    """D^1/2 [items, K] and I + D^1/2 A D^1/2 [items, K, K], whose eigenvalues are 1 or more."""
    root = np.sqrt(np.maximum(n, 0.0))
    inner = root[:, :, None] * trace_filter.between * root[:, None, :]
    inner += np.eye(len(trace_filter.mean))
    return root, inner


def _parts(items: int) -> Iterator[slice]:
    return (slice(start, start + _ITEMS_PER_CALL) for start in range(0, items, _ITEMS_PER_CALL))
