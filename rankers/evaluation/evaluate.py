"""Offline metrics of a trained ranker on one split: the same keys for every family and label."""

import numpy as np
from numpy.typing import NDArray

from longplay.errors import InputError
from rankers.dataset.ranking_data import RankingData
from rankers.evaluation.metrics import by_request, clustered_mean, coverage, ranks
from rankers.models.base import TrainedRanker

TOP = 10


def evaluate(ranker: TrainedRanker, data: RankingData, split: str = "test") -> dict[str, float]:
    """Metrics for all labels of the data, whatever label the ranker was trained on.

    Keys: ``ndcg_at_10_<label>``, ``reciprocal_rank_<label>``, ``success_at_10_<label>``, ``success_at_1_<label>``,
    each with ``_lo`` and ``_hi`` (95%, clustered by user); ``requests_<label>`` that counted and
    ``requests_without_positive_<label>`` that could not; ``top_coverage_at_10`` and ``top_coverage_at_1``.
    A label without a single usable request gives counts and no means. Candidates: see rankers.evaluation.metrics.

    Raises:
        InputError: the split has no rows.
    """
    part = data.subset(data.in_split(split))
    if part.frame.empty:
        raise InputError("nothing to evaluate", where=f"split '{split}'", got="0 rows")
    scores = ranker.score(part)
    metrics = _coverages(part, scores)
    for label in part.labels:
        metrics.update(label_metrics(part, scores, label))
    return metrics


def label_metrics(data: RankingData, scores: NDArray[np.float64], label: str) -> dict[str, float]:
    """Metrics of given scores for one label, on its mature rows."""
    mature = data.mature(label)
    counted = data.subset(mature)
    ranked = ranks(scores[mature], counted.requests, counted.frame["item_id"])
    found = by_request(ranked, counted.values(label), counted.requests, TOP)
    metrics = {
        f"requests_{label}": float(len(found.requests)),
        f"requests_without_positive_{label}": float(found.excluded),
    }
    if not len(found.requests):
        return metrics
    first = np.unique(counted.requests, return_index=True)[1]
    users = counted.frame["user_id"].to_numpy(dtype=object)[first][found.requests]
    named = {
        f"ndcg_at_{TOP}": found.ndcg,
        "reciprocal_rank": found.reciprocal_rank,
        f"success_at_{TOP}": found.hit,
        "success_at_1": found.hit_first,
    }
    for name, values in named.items():
        estimate = clustered_mean(values, users)
        metrics[f"{name}_{label}"] = estimate.mean
        if np.isfinite(estimate.low):
            metrics[f"{name}_{label}_lo"], metrics[f"{name}_{label}_hi"] = estimate.low, estimate.high
    return metrics


def _coverages(data: RankingData, scores: NDArray[np.float64]) -> dict[str, float]:
    items = data.frame["item_id"]
    ranked = ranks(scores, data.requests, items)
    return {f"top_coverage_at_{k}": coverage(ranked, items, k) for k in (1, TOP)}
