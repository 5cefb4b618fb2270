"""Policies that READ HIDDEN TRUTH: for calibrating a world, never for comparing learnt rankers with."""

import numpy as np

from worlds import model
from worlds.policy import EventBatch, Floats, SlateContext
from worlds.users import UserTraits
from worlds.world import World


class ClickOracle:
    """Ranks by the true click probability: what a perfect click model would do.

    Args:
        world: the world deployed in.
        traits: the deployment's users (`worlds.deploy.fresh_users`).
    """

    name = "oracle-click"

    def __init__(self, world: World, traits: UserTraits) -> None:
        self._world, self._traits = world, traits

    def scores(self, context: SlateContext) -> Floats:
        """True click probability at the first position, [n, C]."""
        return model.click_probability(self._world, self._matched(context), context.candidates)

    def observe(self, events: EventBatch) -> None:
        """Needs nothing observed."""

    def _matched(self, context: SlateContext) -> Floats:
        return model.match(self._world, self._traits, context.users[:, None], context.candidates)


class OraclePolicy(ClickOracle):
    """Ranks by the true expected fall of future churn logits, P(click) times the value of a play.

    A play moves satisfaction by G tanh(U), which decays at rate rho and so weighs
    h_S G / (1 - rho) logit-days; a genuine completion adds habit, which decays at rate 0.9 and
    weighs 0.4 * 0.9 / (1 - 0.9) a unit. Returns that the habit prompts later are left out.
    """

    name = "oracle-value"

    def scores(self, context: SlateContext) -> Floats:
        """Expected logit-days of churn avoided by showing the item, [n, C]."""
        matched = self._matched(context)
        value = play_value(self._world, model.utility(self._world, matched, context.candidates))
        return model.click_probability(self._world, matched, context.candidates) * value


def play_value(world: World, utilities: Floats) -> Floats:
    """Logit-days of churn that a play of given utility avoids."""
    joy = world.spec.h_s * model.SATISFACTION_GAIN / (1.0 - model.SATISFACTION_DECAY)
    habit = model.HABIT_ON_CHURN * model.HABIT_DECAY / (1.0 - model.HABIT_DECAY)
    formed = model.habit_gain(utilities) * model.completion_probability(utilities)
    return joy * np.tanh(utilities) + habit * formed
