"""Ranking metrics by request, with deterministic ties and intervals clustered by user.

The candidates of a request are those in the training frame: the slate that was logged, or the candidates
that were sampled alongside a consumption. Neither is the full catalogue, so these numbers compare rankers on
the same data. Do not compare them with unsampled metrics from elsewhere: with sampled candidates even the
order of two models can differ from their order on the full catalogue (Krichene and Rendle, KDD 2020).
A slate of at most k items fits into every list of length k, so hit@k is 1 and coverage@k is equal for all
rankers: read NDCG, MRR and the metrics at 1 there.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from longplay.errors import InputError

Z95 = 1.959963984540054


class RequestMetrics(NamedTuple):
    """Metrics of each request that has a positive, by request code.

    Attributes:
        requests: [r] request codes, ascending.
        ndcg: [r] NDCG@k, its gains the labels.
        reciprocal_rank: [r] 1 / rank of the first positive (a label above 0), not truncated.
        hit: [r] 1 when a positive is among the first k.
        hit_first: [r] 1 when the first item is a positive.
        excluded: requests without a positive, which have no metrics.
    """

    requests: NDArray[np.int64]
    ndcg: NDArray[np.float64]
    reciprocal_rank: NDArray[np.float64]
    hit: NDArray[np.float64]
    hit_first: NDArray[np.float64]
    excluded: int


class MetricEstimate(NamedTuple):
    """A mean with its 95% interval, and the number of values and clusters that it rests on."""

    mean: float
    low: float
    high: float
    values: int
    clusters: int


def ranks(scores: ArrayLike, requests: NDArray[np.int64], item_ids: ArrayLike) -> NDArray[np.int64]:
    """[m] rank from 0 of each row in its request: score descending, then item id ascending.

    Raises:
        InputError: a score is not a number.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError("A ranker returned scores that are not finite.", where="scores", got="NaN or infinity")
    ties = pd.factorize(np.asarray(item_ids, dtype=object), sort=True)[0]
    order = np.lexsort((ties, -values, requests))
    ordered = requests[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    first = np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    ranked = np.empty(len(order), np.int64)
    ranked[order] = np.arange(len(order)) - first
    return ranked


def compute_request_metrics(
    ranked: NDArray[np.int64], labels: NDArray[np.float32], requests: NDArray[np.int64], k: int = 10
) -> RequestMetrics:
    """Metrics at k of every request with a positive (Järvelin and Kekäläinen, TOIS 2002, for DCG).

    Args:
        ranked: [m] rank from 0 within the request.
        labels: [m] from 0 to 1, all mature. 0 or 1 for most signals, graded for rewards.
        requests: [m] request codes.
        k: length of the list that counts.

    Raises:
        InputError: a label is missing (so it is not mature), or does not lie between 0 and 1.
    """
    _check_labels(labels)
    positive, gains = labels > 0, labels.astype(np.float64)
    codes, dense = np.unique(requests, return_inverse=True)
    size = len(codes)
    has_positive = np.bincount(dense[positive], minlength=size) > 0
    top = positive & (ranked < k)
    dcg = np.bincount(dense[top], weights=gains[top] / np.log2(ranked[top] + 2.0), minlength=size)
    best = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(best, dense[positive], ranked[positive])
    best = best[has_positive]
    return RequestMetrics(
        requests=codes[has_positive],
        ndcg=dcg[has_positive] / _ideal_dcg(gains, dense, size, k)[has_positive],
        reciprocal_rank=1 / (best + 1.0),
        hit=(best < k).astype(np.float64),
        hit_first=(best == 0).astype(np.float64),
        excluded=int(size - has_positive.sum()),
    )


def _check_labels(labels: NDArray[np.float32]) -> None:
    if not ((labels >= 0) & (labels <= 1)).all():
        fix = "use mature rows only, and learn from signals that are 0 or 1 or from rewards with bounds [0, 1]"
        raise InputError("The labels of a metric must lie between 0 and 1.", where="labels", fix=fix)


def _ideal_dcg(gains: NDArray[np.float64], dense: NDArray[np.int64], size: int, k: int) -> NDArray[np.float64]:
    """[size] the best DCG@k of each request: its gains in falling order."""
    order = np.lexsort((-gains, dense))
    starts = np.searchsorted(dense[order], np.arange(size))
    place = np.arange(len(order)) - starts[dense[order]]
    top = place < k
    best: NDArray[np.float64] = np.bincount(
        dense[order][top], weights=gains[order][top] / np.log2(place[top] + 2.0), minlength=size
    ).astype(np.float64)
    return best


def coverage(ranked: NDArray[np.int64], item_ids: ArrayLike, k: int = 10) -> float:
    """Share of all candidate items that are among the first k of at least one request."""
    ids = np.asarray(item_ids, dtype=object)
    if not len(ids):
        return 0.0
    return len(pd.unique(ids[ranked < k])) / len(pd.unique(ids))


def clustered_mean(values: NDArray[np.float64], clusters: ArrayLike) -> MetricEstimate:
    """Mean and normal 95% interval when values of one cluster (a user) are dependent.

    The variance is the linearised one of a ratio of cluster totals with the G / (G - 1) correction
    (Cameron and Miller, JHR 2015). With fewer than two clusters the interval is NaN.
    """
    codes, names = pd.factorize(np.asarray(clusters, dtype=object))
    groups, n = len(names), len(values)
    if n == 0:
        return MetricEstimate(float("nan"), float("nan"), float("nan"), 0, 0)
    mean = float(values.mean())
    if groups < 2:
        return MetricEstimate(mean, float("nan"), float("nan"), n, groups)
    residuals = np.bincount(codes, weights=values - mean, minlength=groups)
    half = Z95 * float(np.sqrt(groups / (groups - 1) * np.square(residuals).sum())) / n
    return MetricEstimate(mean, mean - half, mean + half, n, groups)
