"""Weights of training rows: exposures that share an outcome share its weight."""

import numpy as np
from numpy.typing import NDArray

from rankers.dataset.ranking_data import RankingData

Weights = NDArray[np.float32]


def row_weights(data: RankingData, label: str, weighted: bool) -> Weights:
    """[rows] weights of the mature rows, all 1 unless ``weighted``; a mean of 1 leaves the learning rate alone."""
    raw = data.weights(label) if weighted else data.mature(label).astype(np.float32)
    mature = data.mature(label)
    mean = float(raw[mature].mean()) if mature.any() else 0.0
    return (raw / np.float32(mean)).astype(np.float32) if mean > 0 else raw


def group_weights(rows: Weights, gains: NDArray[np.float32], groups: NDArray[np.int64]) -> Weights:
    """[groups] one weight a request: the mean of its rows' weights, weighted by gain, scaled to a mean of 1.

    A listwise objective weights lists, not rows: XGBoost takes one weight a query. A list teaches through its
    positives, so their weights decide the weight of the list. If a library takes the weights of
    lists by row, repeat each over the rows of its request.

    Args:
        rows: [m] weights.
        gains: [m] labels, at least one of them above 0 in every group.
        groups: [m] codes of requests, rising.
    """
    _, starts = np.unique(groups, return_index=True)
    by_group = np.add.reduceat(rows * gains, starts) / np.add.reduceat(gains, starts)
    return np.asarray(by_group / by_group.mean(), dtype=np.float32)


def effective_rows(weights: Weights) -> float:
    """Kish's effective sample size, ``(sum w)^2 / sum w^2`` (Kish 1965, Survey Sampling); 0 for no rows."""
    exact = weights.astype(np.float64)
    squares = float((exact**2).sum())
    return float(exact.sum()) ** 2 / squares if squares > 0 else 0.0
