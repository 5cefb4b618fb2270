"""Deploys every arm to the same fresh users of a world."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from experiments.simulation.policies import RankerPolicy, popularity_policy
from features.online import ItemView
from longplay.errors import ConfigError
from rankers.models.base import TrainedRanker
from worlds.deploy import DeploymentPlan, Outcomes, deploy
from worlds.policy import Policy, RandomPolicy
from worlds.world import World

RANDOM, POPULARITY = "random", "popularity"
BASELINE_ARMS = (RANDOM, POPULARITY)

Progress = Callable[[str, int, int], None]
"""Called before each arm with its name, its number from 1 and how many there are."""


def quiet(arm: str, number: int, of: int) -> None:
    """A progress that says nothing."""


def deploy_arm(world: World, arm: str, ranker: TrainedRanker | None, items: ItemView, plan: DeploymentPlan) -> Outcomes:
    """Runs one arm; a plain function of picklable arguments, so that a process pool can run several.

    The arm's name decides its stream of behaviour noise, so an arm's outcome does not depend on which
    other arms run, nor on their order; the users and their traits are the same in all arms of a plan.

    Args:
        world: the world.
        arm: ``random``, ``popularity``, or any other name for ``ranker``.
        ranker: the trained ranker; None for the two baselines.
        items: the frozen item view in the world's item order (see experiments.simulation.policies).
        plan: users, days, seed and randomness; its ``arm`` is replaced.

    Raises:
        ConfigError: an arm that is no baseline came without a ranker.
    """
    noise = zlib.crc32(arm.encode())
    return deploy(world, _policy(world, arm, ranker, items, plan.users), replace(plan, arm=noise))


def deploy_arms(
    world: World,
    rankers: Mapping[str, TrainedRanker | None],
    items: ItemView,
    plan: DeploymentPlan,
    progress: Progress = quiet,
) -> dict[str, Outcomes]:
    """Runs the arms one after another.

    Args:
        world: the world.
        rankers: the ranker of each arm by arm name; None for ``random`` and ``popularity``.
        items: the frozen item view.
        plan: what all arms share.
        progress: told before each arm.

    Raises:
        ConfigError: an arm that is no baseline came without a ranker.
    """
    outcomes = {}
    for number, (arm, ranker) in enumerate(rankers.items(), start=1):
        progress(arm, number, len(rankers))
        outcomes[arm] = deploy_arm(world, arm, ranker, items, plan)
    return outcomes


def _policy(world: World, arm: str, ranker: TrainedRanker | None, items: ItemView, users: int) -> Policy:
    if ranker is not None:
        return RankerPolicy(arm, ranker, world.item_ids, items, users)
    if arm == RANDOM:
        return RandomPolicy()
    if arm == POPULARITY:
        return popularity_policy(items)
    raise ConfigError("an arm has no ranker", where=f"arm '{arm}'", fix=f"train it, or use {BASELINE_ARMS}")
