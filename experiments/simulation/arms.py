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
"""Called before each arm with its name, its number from 1 and the number of arms."""


def ignore_progress(arm: str, number: int, count: int) -> None:
    """A progress that does nothing."""


def deploy_arm(world: World, arm: str, ranker: TrainedRanker | None, items: ItemView, plan: DeploymentPlan) -> Outcomes:
    """Run one arm. All arguments can be pickled, so a process pool can run several arms.

    The arm's name decides its stream of behaviour noise, so an arm's outcome depends neither on the other arms nor
    on their order. The users and their traits are the same in all arms of a plan.

    Args:
        world: the world.
        arm: ``random``, ``popularity``, or any other name for ``ranker``.
        ranker: the trained ranker; None for a baseline arm.
        items: the frozen item view in the world's item order (see experiments.simulation.policies).
        plan: users, days, seed and randomness; its ``arm`` is replaced.

    Raises:
        ConfigError: an arm other than the baseline arms has no ranker.
    """
    noise = zlib.crc32(arm.encode())
    return deploy(world, _policy(world, arm, ranker, items, plan.users), replace(plan, arm=noise))


def deploy_arms(
    world: World,
    rankers: Mapping[str, TrainedRanker | None],
    items: ItemView,
    plan: DeploymentPlan,
    progress: Progress = ignore_progress,
) -> dict[str, Outcomes]:
    """Run the arms one after another.

    Args:
        world: the world.
        rankers: the ranker of each arm; None for the baseline arms.
        items: the frozen item view.
        plan: users, days, seed and randomness of all arms.
        progress: called before each arm.

    Raises:
        ConfigError: an arm other than the baseline arms has no ranker.
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
    fix = f"train one, or deploy {' or '.join(BASELINE_ARMS)}"
    raise ConfigError("This arm has no ranker.", where=f"arm '{arm}'", fix=fix)
