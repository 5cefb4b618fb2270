"""Estimators against published numbers."""

import math

import numpy as np
import pytest

from experiments.analysis.estimators import (
    Estimate,
    SampleMoments,
    independent_difference,
    mean_interval,
    newcombe,
    pool,
    ratio,
    welch,
    wilson,
)
from longplay.errors import InputError


def test_welch_matches_the_growthbook_case():
    estimate = welch(SampleMoments(3461, 2422.7, 134698.29), SampleMoments(3407, 1396.87, 52377.9767))
    assert estimate.value == pytest.approx(0.29, abs=5e-5)
    assert estimate.se == pytest.approx(0.12478, abs=5e-6)
    assert (estimate.low, estimate.high) == pytest.approx((0.04538, 0.53462), abs=1e-5)
    assert estimate.p_value == pytest.approx(0.02016, abs=5e-6)
    assert estimate.excludes_zero


def test_welch_of_equal_constants_shows_nothing():
    estimate = welch(SampleMoments.from_values(np.ones(5)), SampleMoments.from_values(np.ones(7)))
    assert (estimate.value, estimate.p_value, estimate.excludes_zero) == (0.0, 1.0, False)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_matches_newcombe_1998_single_proportions(successes, n, low, high):
    estimate = wilson(successes, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("case", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_matches_method_10_of_the_paper(case, low, high):
    estimate = newcombe(*case)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


def test_cookie_cats_retention_difference():
    # 44,700 and 45,489 players; 19.02% against 18.20% came back on day 7.
    estimate = newcombe(8502, 44700, 8279, 45489)
    assert estimate.value == pytest.approx(0.0082, abs=5e-5)
    assert estimate.excludes_zero


def test_mean_interval_of_four_numbers():
    estimate = mean_interval(SampleMoments.from_values(np.array([1.0, 2.0, 3.0, 4.0])))
    # t(0.975, 3) = 3.18245, sd = 1.29099
    assert estimate.value == 2.5
    assert estimate.high - estimate.value == pytest.approx(3.18245 * 1.29099 / 2, abs=1e-4)


def test_ratio_matches_the_delta_method_case():
    # Means 5 and 4, variances 3 and 2, covariance 1: variance of x/y a unit is 0.2265625.
    basis = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * math.sqrt(3 / 4)
    x = 5 + math.sqrt(3) * basis[:, 0]
    y = 4 + (basis[:, 0] / math.sqrt(3)) + math.sqrt(5 / 3) * basis[:, 1]
    assert np.cov(x, y) == pytest.approx(np.array([[3, 1], [1, 2]]))
    estimate = ratio(x, y)
    assert estimate.value == pytest.approx(1.25)
    assert estimate.se**2 * 4 == pytest.approx(0.2265625)


def test_ratio_counts_a_user_not_an_exposure():
    # The same exposures held by ten times fewer users: the interval must widen by sqrt(10), roughly.
    rng = np.random.default_rng(3)
    rate = rng.beta(2, 5, 400)
    shown = np.full(400, 100)
    clustered = ratio(rng.binomial(100, rate), shown)
    naive_se = math.sqrt(clustered.value * (1 - clustered.value) / shown.sum())
    assert clustered.se > 3 * naive_se


def test_pool_matches_borenstein_et_al_2010():
    # Carroll, Grant, Peck, Donat, Stewart, Young: Hedges' g and its weight; summary 0.4143 (0.0640).
    studies = [
        (0.095, 30.352),
        (0.277, 32.568),
        (0.367, 20.048),
        (0.664, 95.111),
        (0.462, 23.439),
        (0.185, 42.698),
    ]
    effects = [(g, 1 / weight) for g, weight in studies]
    pooled = pool([Estimate(g, v**0.5, g - 1.96 * v**0.5, g + 1.96 * v**0.5) for g, v in effects])
    assert pooled.fixed.value == pytest.approx(0.4143, abs=2e-4)
    assert pooled.fixed.se == pytest.approx(0.0640, abs=5e-5)
    assert (pooled.worlds, pooled.wins, pooled.losses) == (6, 2, 0)
    assert pooled.between is not None
    assert pooled.between.value == pytest.approx(np.mean([g for g, _ in effects]))


def test_pool_of_one_world_has_no_spread():
    assert pool([Estimate(0.1, 0.02, 0.06, 0.14)]).between is None


def test_independent_difference_adds_variances():
    pooled = independent_difference(Estimate(0.5, 0.03, 0, 0), Estimate(0.4, 0.04, 0, 0))
    assert pooled.se == pytest.approx(0.05)
    assert pooled.high == pytest.approx(0.1 + 1.959964 * 0.05)


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(0, 0),
        lambda: wilson(3, 2),
        lambda: mean_interval(SampleMoments(1, 1.0, 1.0)),
        lambda: ratio(np.zeros(3), np.zeros(3)),
        lambda: pool([]),
        lambda: pool([Estimate(0.1, 0.0, 0.1, 0.1)]),
    ],
)
def test_nothing_is_estimated_from_nothing(call):
    with pytest.raises(InputError):
        call()
