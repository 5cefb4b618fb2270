"""The user model's equations, as pure functions of arrays.

Click-through and long-term value diverge because an item's clickbait c draws clicks (`g_c`) and costs
utility (`kappa`), and because stickiness q adds utility which no click shows.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from worlds.policy import Floats, Ints
from worlds.spec import WorldSpec
from worlds.users import UserTraits
from worlds.world import World

POSITION_DECAY = 0.7
SATISFACTION_DECAY, SATISFACTION_GAIN, IDLE_VISIT_COST = 0.92, 0.25, 0.02
HABIT_DECAY, HABIT_GAIN, HABIT_CAP, HABIT_ON_CHURN = 0.9, 0.6, 3.0, 0.4
WEEKEND_LIFT = 0.3
FORGOTTEN = 0.02  # a habit weaker than this prompts no return


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def match(world: World, traits: UserTraits, users: Ints, items: Ints) -> Floats:
    """Match M = theta'v of paired users [..., 1 or same] and items [...]."""
    return cast(Floats, np.einsum("...d,...d->...", traits.taste[users], world.truth.vectors[items]))


def utility(world: World, matched: Floats, items: Ints) -> Floats:
    """Utility U = 0.8 M + g_q q - 0.6 kappa c."""
    spec, truth = world.spec, world.truth
    return 0.8 * matched + spec.g_q * truth.quality[items] - 0.6 * spec.kappa * truth.clickbait[items]


def click_probability(world: World, matched: Floats, items: Ints, position: Ints | int = 1) -> Floats:
    """P(click | shown at `position`) = k^-0.7 sigmoid(-1.6 + 0.8 M + g_c c + g_pop fame)."""
    spec, truth = world.spec, world.truth
    appeal = spec.g_c * truth.clickbait[items] + spec.g_pop * truth.fame[items]
    attention = np.asarray(position, dtype=np.float64) ** -POSITION_DECAY
    return attention * sigmoid(-1.6 + 0.8 * matched + appeal)


def completion_probability(utilities: Floats) -> Floats:
    """P(genuine completion | played) = sigmoid(0.2 + 1.2 U)."""
    return sigmoid(0.2 + 1.2 * utilities)


def hollow_probability(utilities: Floats) -> Floats:
    """P(left running to the end | not genuinely completed), likelier when it was not enjoyed."""
    return 0.25 * sigmoid(-2.0 * utilities)


def quick_skip_probability(utilities: Floats) -> Floats:
    """P(skipped within 30 s | neither completed nor left running)."""
    return sigmoid(-0.4 - 1.5 * utilities)


def hide_probability(utilities: Floats) -> Floats:
    """P(hidden | not genuinely completed)."""
    return 0.15 * sigmoid(-2.0 * utilities)


def habit_gain(utilities: Floats) -> Floats:
    """What one genuine completion adds to the habit of an item."""
    return HABIT_GAIN * sigmoid(2.0 * utilities - 0.5)


def open_probability(openness: Floats, satisfaction: Floats, habit: Floats, weekend: bool) -> Floats:
    """P(opens the app today), of arrays [n]; `habit` is the sum over items."""
    lift = WEEKEND_LIFT if weekend else 0.0
    return sigmoid(-0.9 + lift + openness + 0.9 * satisfaction + 0.5 * np.minimum(habit, HABIT_CAP))


def churn_hazard(spec: WorldSpec, satisfaction: Floats, habit: Floats) -> Floats:
    """P(leaves for good tonight), of arrays [n]."""
    return sigmoid(spec.h0 - spec.h_s * satisfaction - HABIT_ON_CHURN * np.minimum(habit, HABIT_CAP))


def return_probability(habit: Floats, gated: NDArray[np.bool_], episode_gate: float) -> Floats:
    """P(organic return to an item on a day the app is open) = 0.55 H / (1 + H), less for a heard-out show."""
    return 0.55 * habit / (1.0 + habit) * np.where(gated, episode_gate, 1.0)
