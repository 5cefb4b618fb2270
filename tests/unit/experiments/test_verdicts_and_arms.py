"""Verdicts claim no more than their intervals; arms of a deployment share their users, not their noise."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from pandas import DataFrame

from experiments.analysis.estimators import newcombe
from experiments.analysis.verdict import (
    KEPT_FEWER,
    KEPT_MORE,
    NO_DIFFERENCE,
    Verdict,
    pool_families,
    reach_verdict,
    survival_curve,
)
from experiments.simulation.arms import deploy_arm, deploy_arms
from experiments.simulation.policies import frozen_item_view
from longplay.errors import ConfigError
from worlds.deploy import DeploymentPlan, Outcomes
from worlds.spec import WorldSpec
from worlds.world import build_world

DAYS = 90


def outcomes(survivors: int, users: int = 1000, *, clicks: int = 3) -> Outcomes:
    survived = np.arange(users) < survivors
    flat = np.full(users, 10)
    return Outcomes(
        policy="p",
        exposures=flat,
        clicks=np.where(np.arange(users) % 2 == 0, clicks, clicks - 1),
        consumptions=flat,
        active_days=np.where(survived, 50, 20),
        regrets=np.ones(users, np.int64),
        survival_days=np.where(survived, DAYS, 30),
        survived=survived,
    )


def two_arms(treated: int, control: int) -> Verdict:
    return reach_verdict({"xgboost-click": outcomes(control), "xgboost-return": outcomes(treated, clicks=2)}, DAYS)


@pytest.mark.parametrize(
    ("treated", "finding"), [(880, KEPT_MORE), (830, NO_DIFFERENCE), (800, NO_DIFFERENCE), (700, KEPT_FEWER)]
)
def test_the_finding_is_what_the_interval_says(treated, finding):
    family = two_arms(treated, 820).families[0]
    expected = newcombe(treated, 1000, 820, 1000)
    assert (family.survival.low, family.survival.high) == (expected.low, expected.high)
    assert family.finding == finding
    assert finding in family.summary


def test_the_summary_carries_the_shares_and_the_price_in_clicks():
    summary = two_arms(880, 820).families[0].summary
    assert summary == (
        "XGBoost trained on returns kept more listeners than when trained on clicks: 88.0% against 82.0% still "
        "listened after 90 days (+6.0 points, 95% interval +2.9 to +9.1). Users clicked 15.0% against 25.0% of the "
        "items shown."
    )


def test_arm_metrics():
    arm = two_arms(880, 820).arms[1]
    assert arm.arm == "xgboost-return"
    assert arm.survival.value == 0.88
    assert arm.active_days.value == pytest.approx(0.88 * 50 + 0.12 * 20)
    assert arm.ctr is not None
    assert arm.ctr.value == pytest.approx(0.15)
    assert arm.regret is not None
    assert arm.regret.value == pytest.approx(1 / 1.5)


def test_an_arm_that_showed_nothing_has_no_rates():
    idle = replace(outcomes(500), exposures=np.zeros(1000, int), clicks=np.zeros(1000, int))
    verdict = reach_verdict({"xgboost-click": idle, "xgboost-return": outcomes(500)}, DAYS)
    assert verdict.arms[0].ctr is None
    assert verdict.arms[0].regret is None
    assert verdict.families[0].ctr is None


def test_a_family_with_one_target_is_not_compared():
    verdict = reach_verdict({"random": outcomes(500), "transformer-return": outcomes(500)}, DAYS)
    assert verdict.families == ()


def test_curve_falls_on_the_day_users_left_and_ends_at_the_share_that_stayed():
    curve = survival_curve("a", outcomes(400), DAYS)
    assert len(curve.alive) == DAYS + 1
    assert (curve.alive[0], curve.alive[29], curve.alive[30], curve.alive[-1]) == (1.0, 1.0, 0.4, 0.4)
    assert curve.low[30] < 0.4 < curve.high[30]


def test_leaving_on_the_last_day_is_not_survival():
    last_day = replace(outcomes(0), survival_days=np.full(1000, DAYS))
    assert survival_curve("a", last_day, DAYS).alive[-2:] == (1.0, 0.0)


def test_a_verdict_is_read_back_as_it_was_written():
    verdict = two_arms(880, 820)
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_stored_verdicts_keep_their_keys():
    (family,) = json.loads(two_arms(880, 820).to_json())["families"]
    assert list(family) == ["family", "survival", "active_days", "ctr", "regret", "finding", "words"]


def test_pooling_takes_the_spread_between_worlds_seriously():
    families = pool_families([two_arms(880, 820), two_arms(860, 820), two_arms(700, 820)])
    pooled = families[0]
    assert (pooled.survival.worlds, pooled.survival.wins, pooled.survival.losses) == (3, 2, 1)
    assert pooled.survival.between is not None
    assert pooled.survival.between.value == pytest.approx((0.06 + 0.04 - 0.12) / 3)
    assert NO_DIFFERENCE in pooled.summary


@pytest.fixture(scope="module")
def deployment():
    world = build_world(WorldSpec.from_size("tiny", seed=3, days=20))
    counts = DataFrame({"item_id": world.item_ids, "f_item_consumptions_28d": np.arange(len(world.item_ids))})
    return world, frozen_item_view(world.item_ids, world.topics, counts), DeploymentPlan(users=30, days=6)


def test_arms_do_not_depend_on_their_order_and_differ_by_policy(deployment):
    world, items, plan = deployment
    reports = []
    both = deploy_arms(world, {"random": None, "popularity": None}, items, plan, lambda *step: reports.append(step))
    assert reports == [("random", 1, 2), ("popularity", 2, 2)]
    alone = deploy_arm(world, "popularity", None, items, plan)
    np.testing.assert_array_equal(both["popularity"].clicks, alone.clicks)
    assert both["random"].clicks.tolist() != both["popularity"].clicks.tolist()
    assert both["random"].exposures.sum() > 0


def test_an_arm_can_be_sent_to_another_process(deployment):
    world, items, plan = deployment
    call = pickle.loads(pickle.dumps((deploy_arm, (world, "random", None, items, plan))))
    np.testing.assert_array_equal(call[0](*call[1]).exposures, deploy_arm(world, "random", None, items, plan).exposures)


def test_an_unknown_arm_without_a_ranker_is_refused(deployment):
    world, items, plan = deployment
    with pytest.raises(ConfigError, match="has no ranker"):
        deploy_arm(world, "xgboost-click", None, items, plan)
