"""The policy that made the log: famous items and a rough idea of taste, far from greedy."""

import numpy as np

from worlds.policy import EventBatch, Floats, SlateContext
from worlds.slates import Randomness
from worlds.users import UserTraits
from worlds.world import World

LOG_RANDOMNESS = {"home": Randomness(0.94, 0.10), "browse": Randomness(0.96, 0.10)}
_NOISE_STREAM = 3
_WEIGHTS = {"home": (0.7, 0.5, 0.5), "browse": (0.3, 0.8, 0.5)}  # taste for the topic, fame, noise


class LoggingPolicy:
    """Scores a candidate by the user's taste for its topic, its fame, and a fixed noise per item and surface.

    It belongs to the world: it reads hidden taste and fame, as a service's old ranker would know
    them roughly. It knows nothing of utility, stickiness or clickbait.
    """

    name = "incumbent"

    def __init__(self, world: World, traits: UserTraits) -> None:
        rng = np.random.default_rng(np.random.SeedSequence([world.spec.seed, _NOISE_STREAM]))
        self._world, self._taste = world, traits.taste
        self._noise = {surface: rng.normal(size=world.spec.items) for surface in _WEIGHTS}

    def scores(self, context: SlateContext) -> Floats:
        """Scores, [n, C]."""
        taste, fame, noise = _WEIGHTS[context.surface]
        affinity = self._taste[context.users] @ self._world.truth.centres.T
        topics = self._world.catalogue.topic_index[context.candidates]
        fixed = fame * self._world.truth.fame + noise * self._noise[context.surface]
        return taste * np.take_along_axis(affinity, topics, axis=1) + fixed[context.candidates]

    def observe(self, events: EventBatch) -> None:
        """Learns nothing."""
