"""A small world of normal traces, and the filter in batch form, trace by trace: slow on purpose."""

from dataclasses import dataclass

import numpy as np

from signals.progressive.filter import Ints, TraceFilter
from signals.progressive.prior import Floats, Prior

DAYS, ITEMS = 7, 5


@dataclass(frozen=True)
class World:
    """Traces of some items, and the prior that they are drawn from."""

    prior: Prior
    weights: Floats
    effects: Floats
    items: Ints
    traces: Floats

    @property
    def whitened(self) -> TraceFilter:
        return TraceFilter.from_prior(self.prior, self.weights)


def world(seed: int, traces: int = 60, items: int = ITEMS, days: int = DAYS) -> World:
    rng = np.random.default_rng(seed)
    prior = Prior(rng.normal(size=days), covariance(rng, days, 2.0), covariance(rng, days, 0.5))
    effects = rng.multivariate_normal(prior.mean, prior.between, size=items)
    of = rng.integers(items, size=traces)
    noise = rng.multivariate_normal(np.zeros(days), prior.within, size=traces)
    return World(prior, rng.normal(size=days), effects, of, effects[of] + noise)


def covariance(rng: np.random.Generator, days: int, scale: float) -> Floats:
    root = rng.normal(size=(days, days))
    scaled: Floats = scale * (root @ root.T / days + 0.1 * np.eye(days))
    return scaled


def ragged_by_hand(prior: Prior, traces: Floats, observed_days: Ints) -> tuple[Floats, Floats]:
    """Posterior of an item's effect: each trace observes its own prefix, whose noise is the corner of V."""
    precision = np.linalg.inv(prior.between)
    shift = precision @ prior.mean
    for trace, upto in zip(traces, observed_days, strict=True):
        corner = np.linalg.inv(prior.within[:upto, :upto])
        precision[:upto, :upto] += corner
        shift[:upto] += corner @ trace[:upto]
    return np.linalg.solve(precision, shift), np.linalg.inv(precision)


def batch_by_hand(prior: Prior, traces: Floats, observed_days: Ints) -> tuple[Floats, Floats]:
    """The published batch form: the mean of each day over who was seen, its noise V over the larger count."""
    days = np.arange(len(prior.mean))
    is_observed = days < observed_days[:, None]
    n = is_observed.sum(axis=0)
    upto = int((n > 0).sum())
    means = np.where(is_observed, traces, 0.0).sum(axis=0)[:upto] / n[:upto]
    noise = prior.within[:upto, :upto] / np.maximum(n[:upto, None], n[None, :upto])
    gain = prior.between[:, :upto] @ np.linalg.inv(prior.between[:upto, :upto] + noise)
    return prior.mean + gain @ (means - prior.mean[:upto]), prior.between - gain @ prior.between[:upto]
