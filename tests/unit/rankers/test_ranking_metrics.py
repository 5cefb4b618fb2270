"""Ranking metrics against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from longplay.errors import InputError
from rankers.evaluation.metrics import clustered_mean, compute_request_metrics, coverage, ranks

LOG3 = np.log2(3)


def test_ties_go_to_the_smaller_item_id_whatever_the_row_order() -> None:
    items = np.array(["c", "a", "b", "z"], dtype=object)
    assert ranks([1.0, 1.0, 2.0, 9.0], np.array([0, 0, 0, 1]), items).tolist() == [2, 1, 0, 0]


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        ranks([1.0, np.nan], np.array([0, 0]), ["a", "b"])


def test_metrics_of_three_requests_one_without_a_positive() -> None:
    requests = np.array([4, 4, 4, 7, 7, 9, 9])
    ranked = np.array([0, 1, 2, 0, 1, 0, 1])
    labels = np.array([0, 1, 1, 1, 0, 0, 0], dtype=np.float32)
    metrics = compute_request_metrics(ranked, labels, requests, k=10)
    assert metrics.requests.tolist() == [4, 7]
    assert metrics.excluded == 1
    assert metrics.ndcg == pytest.approx([(1 / LOG3 + 0.5) / (1 + 1 / LOG3), 1.0])
    assert metrics.reciprocal_rank.tolist() == [0.5, 1.0]
    assert metrics.hit_first.tolist() == [0.0, 1.0]


def test_a_positive_below_k_counts_for_the_reciprocal_rank_only() -> None:
    metrics = compute_request_metrics(np.arange(3), np.array([0, 0, 1], np.float32), np.zeros(3, np.int64), k=2)
    assert (metrics.ndcg[0], metrics.hit[0]) == (0.0, 0.0)
    assert metrics.reciprocal_rank[0] == pytest.approx(1 / 3)


def test_the_ideal_list_is_k_long_when_there_are_more_positives() -> None:
    metrics = compute_request_metrics(np.arange(3), np.ones(3, np.float32), np.zeros(3, np.int64), k=2)
    assert metrics.ndcg.tolist() == [1.0]


def test_labels_that_are_not_final_are_refused() -> None:
    for wrong in (np.nan, -0.1, 1.1):
        with pytest.raises(InputError, match="between 0 and 1"):
            compute_request_metrics(np.arange(2), np.array([0, wrong], np.float32), np.zeros(2, np.int64))


def test_graded_labels_are_gains_and_what_is_above_0_is_a_positive() -> None:
    ranked, requests = np.array([0, 1, 2, 0, 1]), np.array([3, 3, 3, 5, 5])
    metrics = compute_request_metrics(ranked, np.array([0.25, 0, 0.75, 0, 0], np.float32), requests, k=10)
    assert metrics.requests.tolist() == [3]
    assert metrics.excluded == 1
    assert metrics.ndcg[0] == pytest.approx((0.25 + 0.75 / 2) / (0.75 + 0.25 / LOG3))
    assert (metrics.reciprocal_rank[0], metrics.hit_first[0]) == (1.0, 1.0)
    short = compute_request_metrics(ranked, np.array([0.25, 0, 0.75, 0, 0], np.float32), requests, k=1)
    assert short.ndcg[0] == pytest.approx(0.25 / 0.75)


def test_coverage_counts_items_shown_among_items_offered() -> None:
    ranked = np.array([0, 1, 0, 1])
    assert coverage(ranked, ["a", "b", "a", "c"], k=1) == pytest.approx(1 / 3)
    assert coverage(ranked, ["a", "b", "a", "c"], k=2) == 1.0


def test_interval_clustered_by_user() -> None:
    # Totals of residuals: ann 2 x -0.5, bob 2 x 0.5; variance 2/1 x (1 + 1) / 4^2 = 0.25.
    estimate = clustered_mean(np.array([0.0, 0.0, 1.0, 1.0]), ["ann", "ann", "bob", "bob"])
    assert estimate.mean == 0.5
    assert estimate.high - estimate.mean == pytest.approx(1.959964 * 0.5, rel=1e-6)
    assert (estimate.values, estimate.clusters) == (4, 2)


def test_one_user_is_no_interval() -> None:
    estimate = clustered_mean(np.array([0.0, 1.0]), pd.Series(["ann", "ann"]))
    assert estimate.mean == 0.5
    assert np.isnan(estimate.low)
