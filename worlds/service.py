"""The service itself: one day after another, surfaces and organic plays, for logs and deployments alike."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from longplay.config.duration import DAY_US
from worlds import model
from worlds.candidates import BROWSE, HOME, Surface, draw_candidates
from worlds.plays import Plays, StepEvents, draw_plays, play_events, timeline
from worlds.policy import EventBatch, Floats, Ints, Policy, SlateContext
from worlds.slates import Randomness, check_scores, draw_slates, matched_logits
from worlds.state import UserState
from worlds.users import UserTraits
from worlds.world import World

ORGANIC = "organic"
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Slates:
    """Slates shown in one step, one row a request.

    Attributes:
        surface: home or browse.
        day: day of the service.
        users: dense user index, int64 [n].
        as_of: microseconds since the epoch, int64 [n].
        items: dense item index by position, int64 [n, K].
        log_propensity: of each item at its position given the earlier ones, [n, K].
        candidates: size of the candidate sets.
    """

    surface: str
    day: int
    users: Ints
    as_of: Ints
    items: Ints
    log_propensity: Floats
    candidates: int


@dataclass(frozen=True)
class ServiceStep:
    """One step on one surface; `slates` is None for organic plays."""

    surface: str
    day: int
    plays: Plays
    events: StepEvents
    episodes: Ints
    slates: Slates | None


class Sink(Protocol):
    """Receives every step."""

    def take(self, step: ServiceStep) -> None:
        """Keeps what it needs of a step."""


class Service:
    """Users, their state and a policy, advanced day by day.

    Args:
        world: the world.
        traits: the users.
        policy: ranks the candidates.
        randomness: of the slates, by surface name.
        rng: all behaviour noise.
        sink: receives every step.
    """

    def __init__(
        self,
        world: World,
        traits: UserTraits,
        policy: Policy,
        randomness: dict[str, Randomness],
        rng: np.random.Generator,
        sink: Sink,
    ) -> None:
        self.world, self.traits, self.policy = world, traits, policy
        self.randomness, self.rng, self.sink = randomness, rng, sink
        self.state = UserState.fresh(len(traits), world.spec.items)
        self._epoch = int(world.spec.start.timestamp()) * 1_000_000
        self._clock = np.zeros(len(traits), dtype=np.int64)  # when each user is next free, microseconds

    def run_day(self, day: int) -> None:
        """Advances one day of the world; the log's last is `spec.days` - 1.

        Early organic plays, home, browse, late organic plays, then the night. Who returns to what
        is drawn from the habits of the morning.
        """
        present = self.state.present(self.traits, day)
        opened = present[self._opens(present, day)]
        home, early = self._visit_times(opened, day)
        users, items = self._returns(opened, day)
        morning = self.rng.random(len(users)) < 0.5
        lead = early[np.searchsorted(opened, users)]
        self._organic(users[morning], items[morning], lead[morning], day)
        self._clock[opened] = np.maximum(self._clock[opened], home)
        self._slates(HOME, opened, day)
        browsing = opened[self.rng.random(len(opened)) < BROWSE.visit]
        self._clock[browsing] += self._delay(len(browsing), 0.2, 2.5)
        self._slates(BROWSE, browsing, day)
        self._clock[opened] += self._delay(len(opened), 0.2, 2.5)
        self._organic(users[~morning], items[~morning], self._clock[users[~morning]], day)
        visited = np.zeros(len(self.traits), dtype=bool)
        visited[opened] = True
        self.state.close_day(self.world, present, visited, day, self.rng)

    def _opens(self, present: Ints, day: int) -> NDArray[np.bool_]:
        weekend = (self.world.spec.start.weekday() + day) % 7 >= 5
        habit = self.state.habit[present].sum(axis=1, dtype=np.float64)
        chance = model.open_probability(self.traits.openness[present], self.state.satisfaction[present], habit, weekend)
        return self.rng.random(len(present)) < chance

    def _visit_times(self, opened: Ints, day: int) -> tuple[Ints, Ints]:
        """Moments of the home visit and of earlier organic plays, microseconds."""
        jitter = self.rng.normal(0.0, 0.7, len(opened))
        hour = np.clip(self.traits.hour[opened] + jitter, 6.0, 18.5) + self.rng.uniform(0.0, 0.5, len(opened))
        lead = self.rng.uniform(0.3, 0.95, len(opened)) * (hour - 4.0)
        midnight = self._epoch + day * DAY_US
        return midnight + (hour * _HOUR_US).astype(np.int64), midnight + ((hour - lead) * _HOUR_US).astype(np.int64)

    def _delay(self, n: int, low: float, high: float) -> Ints:
        return (self.rng.uniform(low, high, n) * _HOUR_US).astype(np.int64)

    def _returns(self, opened: Ints, day: int) -> tuple[Ints, Ints]:
        """Pairs (user, item) of users who come back to an item of their own accord, ordered by user."""
        habit = self.state.habit[opened]
        rows, items = np.nonzero(habit > model.FORGOTTEN)
        users = opened[rows]
        catalogue = self.world.catalogue
        heard_out = self.state.heard[users, items] >= catalogue.episodes(day)[items]
        gated = catalogue.is_show[items] & heard_out
        strength = habit[rows, items].astype(np.float64)
        chance = model.return_probability(strength, gated, self.world.spec.episode_gate)
        back = self.rng.random(len(users)) < chance
        return users[back], items[back].astype(np.int64)

    def _organic(self, users: Ints, items: Ints, begin: Ints, day: int) -> None:
        begin = np.maximum(begin, self._clock[users])
        self._play(ORGANIC, users, items, begin, day, None)

    def _slates(self, surface: Surface, users: Ints, day: int) -> None:
        if not len(users):
            return
        candidates = draw_candidates(self.world, self.traits, surface, users, day, self.rng)
        as_of = self._clock[users]
        context = SlateContext(users, as_of.astype("datetime64[us]"), surface.name, candidates)
        scores = check_scores(self.policy.scores(context), candidates.shape, self.policy.name)
        setting = self.randomness[surface.name]
        logits = matched_logits(scores, setting.entropy_share)
        chosen, log_propensity = draw_slates(logits, surface.slots, setting.exploration, self.rng)
        items = np.take_along_axis(candidates, chosen, axis=1)
        slates = Slates(surface.name, day, users, as_of, items, log_propensity, surface.candidates)
        matched = model.match(self.world, self.traits, users[:, None], items)
        chance = model.click_probability(self.world, matched, items, np.arange(1, surface.slots + 1))
        rows, columns = np.nonzero(self.rng.random(items.shape) < chance)
        self._play(surface.name, users[rows], items[rows, columns], as_of[rows], day, slates)

    def _play(self, surface: str, users: Ints, items: Ints, begin: Ints, day: int, slates: Slates | None) -> None:
        if not len(users) and slates is None:
            return
        plays = draw_plays(self.world, self.traits, users, items, self.rng)
        starts = timeline(plays, begin, self.rng)
        events = play_events(plays, starts, clicked=slates is not None)
        episodes = self.world.catalogue.episodes(day)
        self.state.absorb(plays, episodes, recommended=slates is not None)
        ends = events.batch.event_ts.astype(np.int64) + 5_000_000
        np.maximum.at(self._clock, events.batch.users, ends)
        self.sink.take(ServiceStep(surface, day, plays, events, episodes, slates))
        self._observe(events.batch)

    def _observe(self, batch: EventBatch) -> None:
        if len(batch.users):
            self.policy.observe(batch)
