"""The progressive filter: it streams, it equals the batch form, it takes corrections, it says what it does not know."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from signals.progressive.filter import (
    RewardBeliefs,
    TraceFilter,
    TraceSums,
    average_mature_traces,
    choose_by_thompson,
    correct_sums,
    infer_effects,
    infer_rewards,
    infer_rewards_from_totals,
    sum_traces,
)
from signals.progressive.prior import Prior
from tests.unit.signals.progressive_world import DAYS, ITEMS, batch_by_hand, ragged_by_hand, world


@pytest.mark.parametrize("upto", [0, 1, 4, DAYS])
def test_on_equal_prefixes_it_is_the_published_batch_form(upto: int) -> None:
    w = world(1)
    observed_days = np.full(len(w.traces), upto)
    mean, covariance = infer_effects(w.whitened, sum_traces(w.whitened, w.items, w.traces, observed_days, ITEMS))
    for item in range(ITEMS):
        own = w.items == item
        expected = (
            batch_by_hand(w.prior, w.traces[own], observed_days[own]) if upto else (w.prior.mean, w.prior.between)
        )
        assert_allclose(mean[item], expected[0], atol=1e-7)
        assert_allclose(covariance[item], expected[1], atol=1e-7)


def test_on_ragged_prefixes_it_is_exact_and_nearer_the_truth_than_the_batch_form() -> None:
    ours, batch = [], []
    for seed in range(40):
        w = world(seed)
        observed_days = np.random.default_rng(seed).integers(DAYS + 1, size=len(w.traces))
        sums = sum_traces(w.whitened, w.items, w.traces, observed_days, ITEMS)
        mean, covariance = infer_effects(w.whitened, sums)
        believed = infer_rewards(w.whitened, sums)
        for item in range(ITEMS):
            own = w.items == item
            exact_mean, exact_covariance = ragged_by_hand(w.prior, w.traces[own], observed_days[own])
            assert_allclose(mean[item], exact_mean, atol=1e-7)
            assert_allclose(covariance[item], exact_covariance, atol=1e-7)
            assert believed.mean[item] == pytest.approx(w.weights @ exact_mean, abs=1e-7)
            assert believed.variance[item] == pytest.approx(w.weights @ exact_covariance @ w.weights, abs=1e-7)
            truth = w.effects[item]
            ours.append(np.sum((mean[item] - truth) ** 2))
            batch.append(np.sum((batch_by_hand(w.prior, w.traces[own], observed_days[own])[0] - truth) ** 2))
    assert np.mean(ours) < 0.95 * np.mean(batch)


def test_days_may_come_one_by_one_and_traces_in_any_order() -> None:
    w, rng = world(3), np.random.default_rng(3)
    observed_days = rng.integers(DAYS + 1, size=len(w.traces))
    together = sum_traces(w.whitened, w.items, w.traces, observed_days, ITEMS)
    added = TraceSums.zeros(ITEMS, DAYS)
    for trace in rng.permutation(len(w.traces)):
        for day in range(observed_days[trace]):
            only = [
                sum_traces(w.whitened, w.items[[trace]], w.traces[[trace]], np.array([d]), ITEMS)
                for d in (day, day + 1)
            ]
            added = added + (only[1] - only[0])
    assert_array_equal(added.n, together.n)
    assert_allclose(added.s, together.s, atol=1e-10)


def test_what_lies_beyond_the_days_seen_is_not_read() -> None:
    w = world(4)
    observed_days = np.random.default_rng(4).integers(DAYS + 1, size=len(w.traces))
    hidden = np.where(np.arange(DAYS) < observed_days[:, None], w.traces, np.nan)
    full, other = (sum_traces(w.whitened, w.items, traces, observed_days, ITEMS) for traces in (w.traces, hidden))
    assert_array_equal(full.s, other.s)
    assert np.isfinite(other.s).all()


def test_a_correction_changes_what_follows_the_corrected_day_and_nothing_before() -> None:
    w = world(5)
    observed_days = np.full(len(w.traces), DAYS)
    before = w.traces.copy()
    before[7, 3] += 1.0
    stale = sum_traces(w.whitened, w.items, before, observed_days, ITEMS)
    mended = correct_sums(stale, w.whitened, w.items[[7]], before[[7]], w.traces[[7]], observed_days[[7]])
    assert_allclose(mended.s, sum_traces(w.whitened, w.items, w.traces, observed_days, ITEMS).s, atol=1e-10)
    assert_array_equal(mended.s[:, :3], stale.s[:, :3])
    assert (mended.s[w.items[7], 3:] != stale.s[w.items[7], 3:]).all()
    assert_array_equal(mended.n, stale.n)


def test_few_past_items_leave_a_singular_prior_which_it_takes() -> None:
    w = world(6)
    line = np.outer(np.arange(1.0, DAYS + 1), np.arange(1.0, DAYS + 1)) / 30
    prior = Prior(w.prior.mean, w.prior.within, line)
    whitened = TraceFilter.from_prior(prior, w.weights)
    observed_days = np.full(len(w.traces), 3)
    beliefs = infer_rewards(whitened, sum_traces(whitened, w.items, w.traces, observed_days, ITEMS))
    nearly = Prior(prior.mean, prior.within, line + 1e-9 * np.eye(DAYS))
    for item in range(ITEMS):
        own = w.items == item
        mean, covariance = ragged_by_hand(nearly, w.traces[own], observed_days[own])
        assert beliefs.mean[item] == pytest.approx(w.weights @ mean, abs=1e-5)
        assert beliefs.variance[item] == pytest.approx(w.weights @ covariance @ w.weights, abs=1e-5)


def test_an_item_without_traces_is_the_prior_and_traces_only_narrow_it() -> None:
    w = world(7)
    prior_mean, prior_variance = w.weights @ w.prior.mean, w.weights @ w.prior.between @ w.weights
    none = infer_rewards(w.whitened, TraceSums.zeros(2, DAYS))
    assert_allclose(none.mean, prior_mean)
    assert_allclose(none.variance, prior_variance)
    widths = [
        infer_rewards(
            w.whitened, sum_traces(w.whitened, w.items, w.traces, np.full(len(w.traces), upto), ITEMS)
        ).variance
        for upto in range(DAYS + 1)
    ]
    assert (np.diff(widths, axis=0) <= 1e-12).all()
    assert_allclose(widths[0], prior_variance)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    w = world(8, traces=6000, items=3000)
    observed_days = np.random.default_rng(8).integers(DAYS + 1, size=len(w.traces))
    low, high = infer_rewards(w.whitened, sum_traces(w.whitened, w.items, w.traces, observed_days, 3000)).interval(0.95)
    truth = w.effects @ w.weights
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=0.012)


def test_parts_that_are_solved_together_give_what_one_item_gives() -> None:
    w = world(9, traces=3000, items=600)
    observed_days = np.full(len(w.traces), 4)
    sums = sum_traces(w.whitened, w.items, w.traces, observed_days, 600)
    together = infer_rewards(w.whitened, sums)
    alone = infer_rewards(w.whitened, TraceSums(sums.n[555:556], sums.s[555:556]))
    assert together.mean[555] == pytest.approx(alone.mean[0], abs=1e-12)
    assert together.variance[555] == pytest.approx(alone.variance[0], abs=1e-12)


def test_one_number_a_trace_is_the_conjugate_normal() -> None:
    beliefs = infer_rewards_from_totals(2.0, 4.0, 8.0, np.array([0.0, 2.0]), np.array([0.0, 10.0]))
    assert_allclose(beliefs.mean, [2.0, (2 / 4 + 10 / 8) / (1 / 4 + 2 / 8)])
    assert_allclose(beliefs.variance, [4.0, 2.0])


def test_the_mature_baseline_reads_no_open_trace() -> None:
    traces = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1], [1, 1, 1]])
    mean, n = average_mature_traces(np.array([0, 0, 1, 0]), traces, np.array([3, 2, 2, 3]), np.ones(3), 2)
    assert_allclose(mean, [2.5, np.nan])
    assert_array_equal(n, [2, 0])


def test_draws_follow_the_beliefs_and_the_seed() -> None:
    believed = RewardBeliefs(np.array([0.0, 1.0, -9.0]), np.array([1.0, 1.0, 0.0]))
    drawn = choose_by_thompson(believed, 20_000, np.random.default_rng(1))
    assert_array_equal(drawn, choose_by_thompson(believed, 20_000, np.random.default_rng(1)))
    # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2)
    assert np.bincount(drawn, minlength=3) / 20_000 == pytest.approx([0.2398, 0.7602, 0.0], abs=0.01)
