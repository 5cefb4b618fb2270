from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longplay.errors import ConfigError, InputError
from worlds.slates import (
    Randomness,
    check_scores,
    draw_slates,
    entropy,
    matched_logits,
    position_probabilities,
)


def _by_hand(logits, slate, exploration):
    """Log propensity of each position of one slate, item by item."""
    left, out = list(range(len(logits))), []
    for item in slate:
        weights = [np.exp(logits[j]) for j in left]
        out.append(np.log((1 - exploration) * np.exp(logits[item]) / sum(weights) + exploration / len(left)))
        left.remove(item)
    return out


def test_propensities_equal_plackett_luce_by_hand():
    logits = np.array([0.3, -1.0, 2.0, 0.0])
    chosen, log_propensity = draw_slates(np.tile(logits, (50, 1)), 3, 0.1, np.random.default_rng(0))
    for slate, logged in zip(chosen, log_propensity, strict=True):
        assert logged == pytest.approx(_by_hand(logits, slate, 0.1), abs=1e-12)


def test_all_slates_sum_to_one_and_are_drawn_as_often_as_their_propensity_says():
    logits, n = np.array([0.5, -0.5, 1.5, 0.0]), 40_000
    chosen, log_propensity = draw_slates(np.tile(logits, (n, 1)), 2, 0.05, np.random.default_rng(1))
    share = {slate: np.exp(sum(_by_hand(logits, slate, 0.05))) for slate in permutations(range(4), 2)}
    assert sum(share.values()) == pytest.approx(1.0)
    for slate, expected in share.items():
        drawn = (chosen == slate).all(axis=1)
        assert drawn.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / n))
        assert np.exp(log_propensity[drawn].sum(axis=1)) == pytest.approx(expected)


def test_position_probabilities_sum_to_one_over_what_is_left_even_when_one_item_dominates():
    taken = np.array([[True, False, False], [False, False, False]])
    probabilities = position_probabilities(np.array([[0.0, -900.0, -901.0]] * 2), taken, 0.06)
    assert probabilities.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert probabilities[0, 0] == 0.0
    assert probabilities[0, 1] == pytest.approx(0.94 / (1 + np.exp(-1)) + 0.03)
    assert probabilities[1, 2] == pytest.approx(0.02)


def test_a_slate_shows_no_item_twice():
    chosen, _ = draw_slates(np.zeros((200, 5)), 5, 0.05, np.random.default_rng(2))
    assert (np.sort(chosen, axis=1) == np.arange(5)).all()


@given(st.integers(0, 10_000), st.floats(0.2, 0.99), st.floats(-6, 6))
def test_every_row_gets_the_entropy_asked_for_whatever_the_scores_scale(seed, share, magnitude):
    scores = np.random.default_rng(seed).normal(size=(5, 24)) * 10.0**magnitude
    assert entropy(matched_logits(scores, share)) == pytest.approx(share * np.log(24), abs=1e-5)


def test_matching_keeps_the_order_of_scores():
    scores = np.random.default_rng(3).normal(size=(4, 10))
    assert np.array_equal(matched_logits(scores, 0.6).argsort(axis=1), scores.argsort(axis=1))


def test_constant_scores_are_uniform():
    assert entropy(matched_logits(np.full((1, 8), 7.3), 0.5)) == pytest.approx([np.log(8)])


def test_ties_for_the_first_place_share_it():
    logits = matched_logits(np.array([[1.0, 1.0, 1.0, 0.0]]), 0.5)  # log(3) > 0.5 log(4)
    assert entropy(logits) == pytest.approx([np.log(3)], abs=1e-6)


def test_a_share_of_one_is_uniform():
    assert entropy(matched_logits(np.array([[5.0, 1.0, 0.0]]), 1.0)) == pytest.approx([np.log(3)])


@pytest.mark.parametrize("wrong", [(0.0, 0.1), (1.1, 0.1), (0.5, -0.1), (0.5, 1.1)])
def test_impossible_randomness_is_refused(wrong):
    with pytest.raises(ConfigError):
        Randomness(*wrong)


def test_scores_of_the_wrong_shape_or_not_finite_are_refused():
    with pytest.raises(InputError, match="shape"):
        check_scores(np.zeros((2, 3)), (2, 4), "p")
    with pytest.raises(InputError, match="finite"):
        check_scores(np.array([[np.nan]]), (1, 1), "p")


def test_a_slate_longer_than_its_candidates_is_refused():
    with pytest.raises(ConfigError):
        draw_slates(np.zeros((1, 3)), 4, 0.0, np.random.default_rng(0))
