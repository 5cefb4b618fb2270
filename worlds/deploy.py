"""Deploys a policy to fresh users and counts what they do."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longplay.errors import ConfigError
from worlds.policy import KINDS, Ints, Policy
from worlds.service import Service, ServiceStep
from worlds.slates import Randomness
from worlds.state import NEVER
from worlds.users import UserTraits, draw_traits
from worlds.world import World

_TRAITS_STREAM, _BEHAVIOUR_STREAM = 11, 12


@dataclass(frozen=True)
class DeploymentPlan:
    """One arm: how many fresh users, how long, how random.

    Attributes:
        users: number of fresh users, all joining on the day after the log ends.
        days: length of the deployment in days.
        seed: with the world's seed it fixes the users' traits, whatever the arm.
        entropy_share: entropy of the first position's softmax as a share of log(candidates), in (0, 1].
        exploration: share of uniform choice mixed in at every position.
        arm: index of the independent stream of behaviour noise. Arms with the same seed have users
            with the same traits but independent noise: pair them by user, and replicate over seeds.
    """

    users: int
    days: int = 90
    seed: int = 0
    entropy_share: float = 0.7
    exploration: float = 0.05
    arm: int = 0

    def __post_init__(self) -> None:
        if self.users < 1 or self.days < 1:
            raise ConfigError("A deployment needs at least one user and one day.", got=f"{self.users}, {self.days}")


@dataclass(frozen=True)
class Outcomes:
    """Outcome of each user; all arrays are [users].

    Attributes:
        policy: the policy's name.
        exposures: items shown.
        clicks: clicks on slates.
        consumptions: plays of at least 30 seconds, organic ones included.
        active_days: days with a consumption.
        regrets: clicks which ended in a play under 30 seconds or a hide.
        survival_days: whole days as a user, `plan.days` for users who stayed.
        survived: still a user at the end.
    """

    policy: str
    exposures: Ints
    clicks: Ints
    consumptions: Ints
    active_days: Ints
    regrets: Ints
    survival_days: Ints
    survived: NDArray[np.bool_]


def fresh_users(world: World, plan: DeploymentPlan) -> UserTraits:
    """The plan's users: the same traits for the same world seed, plan seed and number of users."""
    seeds = np.random.SeedSequence([world.spec.seed, plan.seed, _TRAITS_STREAM])
    return draw_traits(world, plan.users, np.random.default_rng(seeds))


def deploy(world: World, policy: Policy, plan: DeploymentPlan) -> Outcomes:
    """Run `policy` for `plan.days` days on fresh users of `world`.

    The users behave as in the log. Policies never see the truth, only `SlateContext` and `EventBatch`.

    Raises:
        InputError: when the policy's scores have the wrong shape or are not finite.
    """
    seeds = np.random.SeedSequence([world.spec.seed, plan.seed, plan.arm, _BEHAVIOUR_STREAM])
    randomness = Randomness(plan.entropy_share, plan.exploration)
    tally = _Tally(plan.users)
    service = Service(
        world,
        fresh_users(world, plan),
        policy,
        {"home": randomness, "browse": randomness},
        np.random.default_rng(seeds),
        tally,
    )
    begin = world.spec.days
    for day in range(begin, begin + plan.days):
        service.run_day(day)
    survived = service.state.churn_day == NEVER
    lived = np.where(survived, plan.days, service.state.churn_day + 1 - begin)
    return Outcomes(policy=policy.name, survival_days=lived, survived=survived, **tally.counts)


class _Tally:
    """Counts per user."""

    def __init__(self, users: int) -> None:
        self.counts = {name: np.zeros(users, dtype=np.int64) for name in _COUNTED}
        self._last_active = np.full(users, -1)

    def take(self, step: ServiceStep) -> None:
        """Add the counts of a step."""
        plays, batch = step.plays, step.events.batch
        if step.slates is not None:
            self.counts["exposures"][step.slates.users] += step.slates.items.shape[1]
            self._add("clicks", batch.users[batch.kind == KINDS["click"]])
            self._add("regrets", plays.users[plays.skip | plays.hide])
        consumers = plays.users[plays.consumed]
        self._add("consumptions", consumers)
        new = np.unique(consumers[self._last_active[consumers] < step.day])
        self.counts["active_days"][new] += 1
        self._last_active[new] = step.day

    def _add(self, name: str, users: Ints) -> None:
        counts = self.counts[name]
        counts += np.bincount(users, minlength=len(counts))


_COUNTED = ("exposures", "clicks", "consumptions", "active_days", "regrets")
