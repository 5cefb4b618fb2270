"""Which items a surface may show: sampled afresh for each request, before any policy scores them."""

from dataclasses import dataclass

import numpy as np

from worlds.policy import Ints
from worlds.users import UserTraits
from worlds.world import World


@dataclass(frozen=True)
class Surface:
    """A place where slates are shown.

    Attributes:
        name: as in the log.
        slots: slate length K.
        candidates: size of the candidate set.
        topic_pull: how much a user's taste for a topic favours its items as candidates.
        visit: chance that a user who opened the app comes here.
    """

    name: str
    slots: int
    candidates: int
    topic_pull: float
    visit: float


HOME = Surface("home", slots=6, candidates=40, topic_pull=0.0, visit=1.0)
BROWSE = Surface("browse", slots=4, candidates=24, topic_pull=1.0, visit=0.3)


def draw_candidates(
    world: World, traits: UserTraits, surface: Surface, users: Ints, day: int, rng: np.random.Generator
) -> Ints:
    """Candidate sets without replacement among released items, int64 [n, C] (Gumbel top-k keys)."""
    uniform = rng.random((len(users), world.spec.items), dtype=np.float32)
    keys = -np.log(-np.log(np.clip(uniform, 1e-7, 1.0 - 1e-7)))
    if surface.topic_pull:
        pull = surface.topic_pull * traits.taste[users] @ world.truth.centres.T
        keys += pull.astype(np.float32)[:, world.catalogue.topic_index]
    keys[:, world.catalogue.released_day > day] = -np.inf
    top = np.argpartition(keys, -surface.candidates, axis=1)[:, -surface.candidates :]
    return np.sort(top, axis=1).astype(np.int64)
