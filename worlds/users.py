"""Who the users are: traits drawn once, apart from all behaviour noise."""

from dataclasses import dataclass

import numpy as np

from worlds.policy import Floats, Ints
from worlds.world import DIMENSIONS, World


@dataclass(frozen=True)
class UserTraits:
    """Fixed traits, one row a user (hidden from policies).

    Attributes:
        taste: taste vectors theta, [n, DIMENSIONS].
        openness: personal offset of the opening logit, [n].
        hour: habitual hour of the day (UTC) of the first visit, [n].
        join_day: first day as a user, int64 [n].
    """

    taste: Floats
    openness: Floats
    hour: Floats
    join_day: Ints

    def __len__(self) -> int:
        return len(self.hour)


def draw_traits(world: World, n: int, rng: np.random.Generator) -> UserTraits:
    """Draws `n` users who all join on day 0; a taste leans to one favourite topic."""
    favourite = rng.integers(0, world.spec.topics, n)
    taste = 0.9 * rng.normal(size=(n, DIMENSIONS)) + 0.8 * world.truth.centres[favourite]
    hour = rng.choice((8.0, 12.5, 17.0), n, p=(0.3, 0.2, 0.5)) + rng.normal(0.0, 1.0, n)
    return UserTraits(taste, rng.normal(0.0, 0.5, n), hour, np.zeros(n, dtype=np.int64))


def draw_join_days(n: int, days: int, rng: np.random.Generator) -> Ints:
    """A third are there when the log begins; the rest arrive over its first 90%."""
    late = rng.integers(1, max(2, int(0.9 * days)), n)
    return np.where(rng.random(n) < 0.35, 0, late)
