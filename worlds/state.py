"""The users' hidden state and how a day changes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worlds import model
from worlds.plays import Plays
from worlds.policy import Floats, Ints
from worlds.users import UserTraits
from worlds.world import World

NEVER = -1


@dataclass
class UserState:
    """State of each user; arrays are changed in place.

    Attributes:
        satisfaction: S, [n].
        habit: H, float32 [n, items].
        heard: newest episode heard of each item, int32 [n, items].
        churn_day: day after which the user left for good, NEVER for who stays, int64 [n].
        joy: today's sum of tanh(U), [n].
        consumed: consumed something today, [n].
    """

    satisfaction: Floats
    habit: NDArray[np.float32]
    heard: NDArray[np.int32]
    churn_day: Ints
    joy: Floats
    consumed: NDArray[np.bool_]

    @classmethod
    def fresh(cls, n: int, items: int) -> "UserState":
        """New users without habits."""
        return cls(
            satisfaction=np.zeros(n),
            habit=np.zeros((n, items), dtype=np.float32),
            heard=np.zeros((n, items), dtype=np.int32),
            churn_day=np.full(n, NEVER),
            joy=np.zeros(n),
            consumed=np.zeros(n, dtype=bool),
        )

    def present(self, traits: UserTraits, day: int) -> Ints:
        """Users who have joined and not left, int64 indices."""
        return np.flatnonzero((traits.join_day <= day) & (self.churn_day == NEVER))

    def absorb(self, plays: Plays, episodes: Ints, recommended: bool) -> None:
        """Books plays: today's joy, habits of genuine completions, episodes heard.

        Only recommended plays deepen a habit: if returns fed it, too, habits would sustain
        themselves for ever and the service's ranking would stop to matter.
        """
        np.add.at(self.joy, plays.users, np.tanh(plays.utilities))
        self.consumed[plays.users[plays.consumed]] = True
        liked = plays.genuine & recommended
        users, items = plays.users[liked], plays.items[liked]
        self.habit[users, items] += model.habit_gain(plays.utilities[liked]).astype(np.float32)
        users, items = plays.users[plays.consumed], plays.items[plays.consumed]
        self.heard[users, items] = episodes[items]

    def close_day(
        self, world: World, present: Ints, opened: NDArray[np.bool_], day: int, rng: np.random.Generator
    ) -> None:
        """Satisfaction and habit decay, and some of the present leave for good.

        Args:
            world: the world.
            present: indices of today's users.
            opened: whether each of all users opened the app today, [n].
            day: today.
            rng: draws who leaves.
        """
        idle = model.IDLE_VISIT_COST * (opened & ~self.consumed)
        self.satisfaction = model.SATISFACTION_DECAY * self.satisfaction + model.SATISFACTION_GAIN * self.joy - idle
        self.habit *= np.float32(model.HABIT_DECAY)
        self.joy[:] = 0.0
        self.consumed[:] = False
        total = self.habit[present].sum(axis=1, dtype=np.float64)
        hazard = model.churn_hazard(world.spec, self.satisfaction[present], total)
        self.churn_day[present[rng.random(len(present)) < hazard]] = day
