from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from longplay.errors import ConfigError
from worlds import model
from worlds.policy import KINDS
from worlds.spec import WorldSpec
from worlds.users import draw_traits
from worlds.world import build_world


def test_the_dial_sets_the_size():
    assert WorldSpec.from_size("tiny").items == 60
    assert WorldSpec.from_size("small").items == 150
    assert WorldSpec.from_size("tiny", days=30).end == datetime(2024, 1, 31, tzinfo=UTC)


def test_an_unknown_size_names_the_known_ones():
    with pytest.raises(ConfigError, match="tiny, small, medium, large"):
        WorldSpec.from_size("huge")


@pytest.mark.parametrize("wrong", [{"itmes": 3}, {"days": 5}, {"items": 39}, {"corr_qc": 1.5}])
def test_a_wrong_field_is_refused(wrong):
    with pytest.raises(ConfigError):
        WorldSpec.from_size("tiny", **wrong)


def test_kinds_have_the_contract_s_codes():
    assert KINDS == {"click": 0, "play": 1, "complete": 2, "skip": 3, "hide": 4}


def test_the_null_closes_every_way_in_which_clicks_and_utility_part():
    null = WorldSpec.from_size("tiny", null=True, kappa=0.9)
    assert (null.kappa, null.g_c, null.g_pop, null.g_q, null.corr_qc, null.episode_gate) == (0, 0, 0, 0, 0, 1)
    assert null.is_null
    assert not WorldSpec.from_size("tiny").is_null


def test_in_the_null_click_and_utility_order_items_alike_and_ignore_clickbait():
    world = build_world(WorldSpec.from_size("small", seed=4, null=True))
    traits, items = draw_traits(world, 1, np.random.default_rng(0)), np.arange(150)
    matched = model.match(world, traits, np.zeros(150, dtype=np.int64), items)
    clicks = model.click_probability(world, matched, items)
    assert np.array_equal(np.argsort(clicks), np.argsort(model.utility(world, matched, items)))
    bait = world.truth.clickbait
    same_taste = model.click_probability(world, np.zeros(150), items)
    assert np.ptp(same_taste) == 0.0
    assert np.std(bait) > 0.5


def test_in_the_real_world_clickbait_draws_clicks_and_costs_utility():
    world = build_world(WorldSpec.from_size("large", seed=4))
    items = np.arange(2000)
    clicks = model.click_probability(world, np.zeros(2000), items)
    utilities = model.utility(world, np.zeros(2000), items)
    assert np.corrcoef(clicks, world.truth.clickbait)[0, 1] > 0.6
    assert np.corrcoef(utilities, world.truth.clickbait)[0, 1] < -0.3
    assert np.corrcoef(world.truth.quality, world.truth.clickbait)[0, 1] == pytest.approx(-0.3, abs=0.06)


def test_equations_at_hand_computed_points():
    world = build_world(WorldSpec.from_size("tiny"))
    truth = replace(world.truth, quality=np.ones(60), clickbait=np.full(60, 2.0), fame=np.zeros(60))
    world, item = replace(world, truth=truth), np.array([0])
    assert model.utility(world, np.array([1.0]), item)[0] == pytest.approx(0.8 + 0.8 - 0.72)
    expected = 2**-0.7 / (1 + np.exp(1.6 - 0.8 - 1.2))
    assert model.click_probability(world, np.array([1.0]), item, 2)[0] == pytest.approx(expected)
    hazard = model.churn_hazard(world.spec, np.array([2.0]), np.array([9.0]))
    assert hazard[0] == pytest.approx(1 / (1 + np.exp(5.3 + 1.0 + 1.2)))


def test_a_heard_out_show_is_returned_to_less():
    chance = model.return_probability(np.array([1.0, 1.0]), np.array([False, True]), 0.2)
    assert chance == pytest.approx([0.275, 0.055])


def test_newest_episode_counts_periods_since_release():
    world = build_world(WorldSpec.from_size("tiny"))
    shows = replace(
        world.catalogue,
        is_show=np.array([True, True, True, False]),
        released_day=np.array([-7, 3, 10, -7]),
        period=np.array([7, 7, 7, 1]),
    )
    assert shows.episodes(3).tolist() == [2, 1, 0, 0]
