"""Offline metrics of a ranker on one split: the same keys for every family and label."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from longplay.errors import InputError
from rankers.dataset.ranking_data import RankingData
from rankers.evaluation.metrics import clustered_mean, compute_request_metrics, coverage, ranks

TOP = 10


class RowScorer(Protocol):
    """A ranker, as far as evaluation needs it."""

    def score(self, data: RankingData) -> NDArray[np.float64]:
        """[rows] one score for each row of the frame, in its order."""
        ...


def evaluate(ranker: RowScorer, data: RankingData, split: str = "test") -> dict[str, float]:
    """Metrics for all labels of the data, whatever label the ranker was trained on.

    Keys: ``ndcg_at_10_<label>``, ``reciprocal_rank_<label>``, ``success_at_10_<label>``, ``success_at_1_<label>``,
    each with ``_lo`` and ``_hi`` (95%, clustered by user); ``requests_<label>`` that the means cover and
    ``requests_without_positive_<label>`` that they leave out; ``top_coverage_at_10`` and ``top_coverage_at_1``.
    A label without a usable request has counts and no means. Candidates: see rankers.evaluation.metrics.

    Raises:
        InputError: the split has no rows.
    """
    part = data.subset(data.in_split(split))
    if part.frame.empty:
        raise InputError("There is nothing to evaluate.", where=f"split '{split}'", got="0 rows")
    scores = ranker.score(part)
    metrics = _coverages(part, scores)
    for label in part.labels:
        metrics.update(label_metrics(part, scores, label))
    return metrics


def label_metrics(data: RankingData, scores: NDArray[np.float64], label: str) -> dict[str, float]:
    """Metrics of given scores for one label, on its mature rows."""
    is_mature = data.mature(label)
    mature = data.subset(is_mature)
    ranked = ranks(scores[is_mature], mature.requests, mature.frame["item_id"])
    by_request = compute_request_metrics(ranked, mature.values(label), mature.requests, TOP)
    metrics = {
        f"requests_{label}": float(len(by_request.requests)),
        f"requests_without_positive_{label}": float(by_request.excluded),
    }
    if not len(by_request.requests):
        return metrics
    first_rows = np.unique(mature.requests, return_index=True)[1]
    users = mature.frame["user_id"].to_numpy(dtype=object)[first_rows][by_request.requests]
    values_by_metric = {
        f"ndcg_at_{TOP}": by_request.ndcg,
        "reciprocal_rank": by_request.reciprocal_rank,
        f"success_at_{TOP}": by_request.hit,
        "success_at_1": by_request.hit_first,
    }
    for name, values in values_by_metric.items():
        estimate = clustered_mean(values, users)
        metrics[f"{name}_{label}"] = estimate.mean
        if np.isfinite(estimate.low):
            metrics[f"{name}_{label}_lo"], metrics[f"{name}_{label}_hi"] = estimate.low, estimate.high
    return metrics


def _coverages(data: RankingData, scores: NDArray[np.float64]) -> dict[str, float]:
    items = data.frame["item_id"]
    ranked = ranks(scores, data.requests, items)
    return {f"top_coverage_at_{k}": coverage(ranked, items, k) for k in (1, TOP)}
