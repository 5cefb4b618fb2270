"""What training rows count for: exposures that share an outcome share its weight."""

import numpy as np
from numpy.typing import NDArray

from rankers.dataset.ranking_data import RankingData

Weights = NDArray[np.float32]


def row_weights(data: RankingData, label: str, weighted: bool) -> Weights:
    """[rows] weights of the mature rows, all 1 where not ``weighted``; their mean is 1, so no learning rate changes."""
    raw = data.weights(label) if weighted else data.mature(label).astype(np.float32)
    mature = data.mature(label)
    mean = float(raw[mature].mean()) if mature.any() else 0.0
    return (raw / np.float32(mean)).astype(np.float32) if mean > 0 else raw


def group_weights(rows: Weights, gains: NDArray[np.float32], groups: NDArray[np.int64]) -> Weights:
    """[groups] one weight a request, the mean of its rows' weights by their gains, scaled to a mean of 1.

    A listwise objective weighs lists, not rows: XGBoost takes one weight a query. What a list teaches comes from its
    positives, so what these count for is what it counts for.

    Args:
        rows: [m] weights.
        gains: [m] labels, at least one of them above 0 in every group.
        groups: [m] codes of requests, rising.
    """
    _, starts = np.unique(groups, return_index=True)
    found = np.add.reduceat(rows * gains, starts) / np.add.reduceat(gains, starts)
    return np.asarray(found / found.mean(), dtype=np.float32)


def effective_rows(weights: Weights) -> float:
    """Kish's effective sample size, ``(sum w)^2 / sum w^2`` (Kish 1965, Survey Sampling); 0 for no rows."""
    told = weights.astype(np.float64)
    square = float((told**2).sum())
    return float(told.sum()) ** 2 / square if square > 0 else 0.0
