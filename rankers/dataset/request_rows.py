"""Rows of requests as rankers train on them and serve them: those that teach an order, and the position shown."""

import numpy as np
from numpy.typing import NDArray

from rankers.dataset.ranking_data import RankingData

SERVED_POSITION = 1
"""Position at which every candidate is scored, so that the position shown changes no score."""


def usable_rows(data: RankingData, label: str, split: str) -> NDArray[np.bool_]:
    """[rows] mature rows of a split in requests that have a positive; the others teach no order."""
    rows = data.in_split(split) & data.mature(label)
    positive = rows & (data.values(label) > 0)
    has_positive = np.zeros(int(data.requests.max(initial=-1)) + 1, dtype=np.bool_)
    has_positive[data.requests[positive]] = True
    return rows & has_positive[data.requests]


def with_position(features: NDArray[np.float32], position: NDArray[np.float32]) -> NDArray[np.float32]:
    """[m, F + 1]: the features and the position, last."""
    return np.column_stack([features, position])
