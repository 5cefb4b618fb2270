"""The prior of the progressive filter, learnt from past items by empirical Bayes. Pure numpy.

McDonald et al. 2023, Impatient Bandits, KDD: a trace z, the K daily outcomes of one user of an item, is normal about
the item's effect, z | theta ~ N(theta, V). Effects are normal over items, theta ~ N(mu, Sigma).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longplay.errors import InputError

Floats = NDArray[np.float64]
_SHRINKAGE_ITEMS = 4.0
"""Weight of the even covariance, in items. Chosen on synthetic traces of 5 to 200 items: docs/log.md, 2026-11-24."""


@dataclass(frozen=True)
class TraceMoments:
    """Sums over mature traces of past items. Additive over traces and items.

    Attributes:
        counts: number of traces of each item, [items].
        sums: sum of the traces of each item, [items, K].
        cross: sum of z z' over the traces of all items, [K, K].
    """

    counts: Floats
    sums: Floats
    cross: Floats

    @classmethod
    def from_traces(cls, items: Iterable[NDArray[np.generic]]) -> "TraceMoments":
        """The sums over the traces of each item, [traces, K] each, at least one trace an item.

        Outcomes are whole numbers or floats; products are added up in 64 bits.

        Raises:
            InputError: when there is no item.
        """
        counts: list[float] = []
        sums: list[Floats] = []
        cross: Floats = np.zeros(())
        for traces in items:
            z = traces.astype(np.float64)
            counts.append(float(len(z)))
            sums.append(z.sum(axis=0))
            cross = cross + z.T @ z
        if not counts:
            raise InputError("No past item has a mature trace.", fix="wait until traces of past items are mature")
        return cls(np.array(counts), np.array(sums), cross)


@dataclass(frozen=True)
class Prior:
    """Effects over items ~ N(mean, between), a trace of an item ~ N(its effect, within).

    Attributes:
        mean: mu, [K].
        within: V, positive definite, [K, K].
        between: Sigma, positive semidefinite; singular with few items, [K, K].
    """

    mean: Floats
    within: Floats
    between: Floats


def fit_prior(moments: TraceMoments) -> Prior:
    """Fits the prior to the traces of past items (McDonald et al. 2023, Impatient Bandits, KDD).

    mu is the mean of the items' means. V is the pooled covariance of traces within items. Sigma is the covariance of
    the items' means less the noise of M_i traces, the mean of V / M_i, without negative directions.

    Both covariances shrink towards one variance and one covariance for all days, their own means, which keeps the
    variance of a sum of days: Sigma by the weight of four items, V by the weight of K traces. With few items Sigma is
    also widened like the variance of the next of J normal draws: (1 + 1/J) (J - 1) / (J - 3).

    Raises:
        InputError: with fewer than two items, no two traces of one item, or traces that never differ.
    """
    counts, items = moments.counts, len(moments.counts)
    freedom = float(counts.sum() - items)
    if items < 2 or freedom < 1:
        raise InputError(
            "Too few mature traces for a prior.",
            got=f"{int(counts.sum()):,} traces of {items:,} items",
            fix="wait for at least two items, one of them with two mature traces",
        )
    means = moments.sums / counts[:, None]
    scatter = moments.cross - (means * counts[:, None]).T @ means
    days = len(scatter)
    within = _shrink(scatter / freedom, days / (days + freedom))
    if within.trace() <= 0:
        raise InputError("The traces of an item never differ.", fix="wait until more traces are mature")
    between = _shrink(np.cov(means.T).reshape(days, days), _SHRINKAGE_ITEMS / (_SHRINKAGE_ITEMS + items))
    between = _without_negative(between - within * np.mean(1.0 / counts))
    return Prior(means.mean(axis=0), within, between * (1 + 1 / items) * (items - 1) / max(items - 3, 1))


def _shrink(covariance: Floats, share: float) -> Floats:
    """A covariance shrunk towards one variance and one covariance for all days, by a share in [0, 1]. [K, K]."""
    return (1.0 - share) * covariance + share * _even(covariance)


def _even(covariance: Floats) -> Floats:
    """One variance and one covariance for all days; positive definite if there is any variance. [K, K]."""
    days = len(covariance)
    variance = covariance.trace() / days
    shared = (covariance.sum() - covariance.trace()) / (days * (days - 1)) if days > 1 else 0.0
    shared = min(max(shared, -0.9 * variance / max(days - 1, 1)), 0.9 * variance)
    even: Floats = np.full((days, days), shared) + (variance - shared) * np.eye(days)
    return even


def _without_negative(covariance: Floats) -> Floats:
    """The nearest covariance without negative variance in any direction."""
    values, vectors = np.linalg.eigh(covariance)
    nearest: Floats = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return nearest
