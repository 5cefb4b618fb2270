import numpy as np
import pytest

from longplay.errors import ConfigError, InputError
from worlds.deploy import DeploymentPlan, deploy, fresh_users
from worlds.oracles import ClickOracle, OraclePolicy, play_value
from worlds.policy import KINDS, RandomPolicy
from worlds.service import ORGANIC
from worlds.spec import WorldSpec
from worlds.world import build_world

WORLD = build_world(WorldSpec.from_size("tiny", seed=5))
PLAN = DeploymentPlan(users=120, days=20, seed=1)


class _Recording(RandomPolicy):
    def __init__(self):
        self.contexts, self.batches, self.order = [], [], []

    def scores(self, context):
        self.contexts.append(context)
        self.order.append("scores")
        return super().scores(context)

    def observe(self, events):
        self.batches.append(events)
        self.order.append("observe")


@pytest.fixture(scope="module")
def recorded():
    policy = _Recording()
    return policy, deploy(WORLD, policy, PLAN)


def test_the_same_arm_repeats_and_another_arm_shares_only_the_traits(recorded):
    again = deploy(WORLD, RandomPolicy(), PLAN)
    assert np.array_equal(again.clicks, recorded[1].clicks)
    other = deploy(WORLD, RandomPolicy(), DeploymentPlan(users=120, days=20, seed=1, arm=1))
    assert not np.array_equal(other.clicks, again.clicks)
    first, second = (fresh_users(WORLD, DeploymentPlan(users=9, seed=1, arm=arm)) for arm in (0, 1))
    assert np.array_equal(first.taste, second.taste)
    assert not np.array_equal(first.taste, fresh_users(WORLD, DeploymentPlan(users=9, seed=2)).taste)


def test_outcomes_equal_a_recount_of_what_the_policy_observed(recorded):
    policy, outcomes = recorded
    users = np.concatenate([batch.users for batch in policy.batches])
    kind = np.concatenate([batch.kind for batch in policy.batches])
    seconds = np.concatenate([batch.seconds for batch in policy.batches])
    consumed = (kind == KINDS["play"]) & (seconds >= 30)
    assert np.array_equal(outcomes.clicks, np.bincount(users[kind == KINDS["click"]], minlength=120))
    assert np.array_equal(outcomes.consumptions, np.bincount(users[consumed], minlength=120))
    shown = np.concatenate([np.repeat(c.users, {"home": 6, "browse": 4}[c.surface]) for c in policy.contexts])
    assert np.array_equal(outcomes.exposures, np.bincount(shown, minlength=120))
    assert (outcomes.regrets <= outcomes.clicks).all()
    assert outcomes.regrets.sum() > 0
    assert (outcomes.active_days <= outcomes.survival_days).all()


def test_survival_days_end_for_who_left_and_are_censored_for_who_stayed(recorded):
    outcomes = recorded[1]
    assert (outcomes.survival_days[outcomes.survived] == 20).all()
    assert (outcomes.survival_days[~outcomes.survived] >= 1).all()
    assert 0 < (~outcomes.survived).sum() < 60


def test_users_who_left_are_never_seen_again(recorded):
    policy, outcomes = recorded
    start = np.datetime64(WORLD.spec.end.replace(tzinfo=None), "D")
    for context in policy.contexts:
        day = (context.as_of.astype("datetime64[D]") - start).astype(int)
        assert (day < outcomes.survival_days[context.users]).all()


def test_a_deployment_begins_right_after_the_log(recorded):
    first = recorded[0].contexts[0].as_of
    assert (first.astype("datetime64[D]") == np.datetime64(WORLD.spec.end.replace(tzinfo=None), "D")).all()


def test_candidates_are_distinct_and_of_the_surface_s_width(recorded):
    for context in recorded[0].contexts:
        assert context.candidates.shape[1] == {"home": 40, "browse": 24}[context.surface]
        assert (np.diff(context.candidates, axis=1) > 0).all()


def test_a_policy_observes_in_order_and_before_the_next_request(recorded):
    policy, _ = recorded
    last = np.zeros(120, dtype="datetime64[us]")
    contexts, batches = iter(policy.contexts), iter(policy.batches)
    organic = 0
    for step in policy.order:
        if step == "scores":
            context = next(contexts)
            assert (context.as_of > last[context.users]).all()
        else:
            batch = next(batches)
            assert (np.diff(batch.users) >= 0).all()
            same = np.diff(batch.users) == 0
            assert (np.diff(batch.event_ts)[same] >= np.timedelta64(0)).all()
            organic += not (batch.kind == KINDS["click"]).any()
            np.maximum.at(last, batch.users, batch.event_ts)
    assert organic > 5, f"{ORGANIC} plays are observed, too"


def test_bad_scores_and_empty_plans_are_refused():
    class Broken(RandomPolicy):
        name = "broken"

        def scores(self, context):
            return super().scores(context) * np.nan

    with pytest.raises(InputError, match="broken"):
        deploy(WORLD, Broken(), PLAN)
    with pytest.raises(ConfigError):
        DeploymentPlan(users=0)


def test_the_click_oracle_wins_clicks_and_the_value_oracle_regrets_less():
    plan = DeploymentPlan(users=400, days=12, seed=2, entropy_share=0.5)
    traits = fresh_users(WORLD, plan)
    arms = [RandomPolicy(), ClickOracle(WORLD, traits), OraclePolicy(WORLD, traits)]
    drawn, clicked, valued = (deploy(WORLD, policy, plan) for policy in arms)
    ctr = [arm.clicks.sum() / arm.exposures.sum() for arm in (drawn, clicked, valued)]
    regret = [arm.regrets.sum() / arm.clicks.sum() for arm in (drawn, clicked, valued)]
    assert ctr[1] > ctr[2] > ctr[0]
    assert regret[2] < regret[1]


def test_value_of_a_play_at_a_hand_computed_point():
    expected = 0.4 * 9 * 0.6 / (1 + np.exp(0.5)) / (1 + np.exp(-0.2))
    assert play_value(WORLD, np.array([0.0]))[0] == pytest.approx(expected)


def test_in_the_null_clicks_do_not_depend_on_clickbait():
    world = build_world(WorldSpec.from_size("small", seed=6, null=True))

    policy = _Recording()
    deploy(world, policy, DeploymentPlan(users=1500, days=12, seed=3, entropy_share=1.0))
    clicks = np.zeros(150)
    for batch in policy.batches:
        clicks += np.bincount(batch.items[batch.kind == KINDS["click"]], minlength=150)
    slope = np.polyfit(world.truth.clickbait, clicks / clicks.mean(), 1)[0]
    real = build_world(WorldSpec.from_size("small", seed=6))
    policy = _Recording()
    deploy(real, policy, DeploymentPlan(users=1500, days=12, seed=3, entropy_share=1.0))
    real_clicks = np.zeros(150)
    for batch in policy.batches:
        real_clicks += np.bincount(batch.items[batch.kind == KINDS["click"]], minlength=150)
    assert abs(slope) < 0.06
    assert np.polyfit(real.truth.clickbait, real_clicks / real_clicks.mean(), 1)[0] > 0.3
