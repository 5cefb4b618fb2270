"""Random logs made to hurt: ties, exact window edges, late knowledge, keys that only look alike, missing topics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from longplay.config.duration import DAY
from tests.reference.records import TICK, Episode, Event, Exposure, at, midnight

LOG_START = at("1 Jan")
HOUR = timedelta(hours=1)
# ("a|b", "c") and ("a", "b|c") are different pairs, whatever a key is glued together with.
USERS = ("a", "a|b", "b")
ITEMS = ("c", "b|c", "b", "|c", "rare")
TOPICS = {"c": "x", "b|c": "y", "b": "x", "|c": None, "rare": "y|x"}
DELAYS = (0 * HOUR, 0 * HOUR, 0 * HOUR, TICK, HOUR, DAY - TICK, DAY, DAY + TICK, 2 * DAY, 3 * DAY, 17 * DAY, 40 * DAY)
AMOUNTS = (None, 0.0, 10.0, 29.999, 30.0, 200.0)
# Where windows of the shipped signals begin and end, from an exposure and from the midnight of its day.
AFTER = (0 * HOUR, TICK, HOUR - TICK, HOUR, HOUR + TICK, DAY - TICK, DAY, 7 * DAY)
DAYS_AFTER = (1, 2, 8, 15, 29)
BEFORE = tuple(w * DAY for w in (1, 7, 28, 90))
NUDGES = (-TICK, 0 * HOUR, 0 * HOUR, TICK)


def _releases() -> tuple[Episode, ...]:
    """Episodes of two items, in seasons of two and three. Some become known late, and some have no season."""
    rng, episodes = np.random.default_rng(7), []
    for item, first, every, count in (("rare", 178, 3, 40), ("c", -20, 4, 40)):
        for n in range(count):
            out = LOG_START + (first + n * every) * DAY + NUDGES[int(rng.integers(4))]
            known_ts = out + DELAYS[int(rng.integers(len(DELAYS)))] if rng.random() < 0.5 else out
            season, size = n // 5 * 2 + (n % 5 > 1), 3 if n % 5 > 1 else 2
            size = 1 if item == "c" and season % 3 == 0 else size  # announced as a single one
            named = rng.random() > 0.1
            of_season = (f"s{season}", size) if named else (None, None)
            episodes.append(Episode(item, f"e{n}", out, known_ts, *of_season))
    return tuple(episodes)


@dataclass(frozen=True)
class Log:
    """A log: events and exposures in no particular order."""

    events: tuple[Event, ...]
    exposures: tuple[Exposure, ...]

    def __add__(self, other: "Log") -> "Log":
        return Log(self.events + other.events, self.exposures + other.exposures)


EPISODES = _releases()
"""Releases, the same for every log."""


def random_log(seed: int, *, exposures: int = 25, events: int = 150, days: int = 120) -> Log:
    """One log of a few users of its own (their ids begin with the seed)."""
    return _Maker(seed, days).log(exposures, events)


def random_logs(seeds: Sequence[int]) -> Log:
    """Several logs side by side, so that Spark is asked once."""
    logs = [random_log(seed) for seed in seeds]
    return sum(logs[1:], logs[0])


class _Maker:
    def __init__(self, seed: int, days: int) -> None:
        self.seed, self.days = seed, days
        self.rng = np.random.default_rng(seed)
        # Of their own, so that what else is drawn stays as it was.
        self.more, self.heard = np.random.default_rng((seed, 1)), np.random.default_rng((seed, 2))

    def pick(self, options):  # type: ignore[no-untyped-def]
        return options[int(self.rng.integers(len(options)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def log(self, exposures: int, events: int) -> Log:
        shown = [self.exposure(n) for n in range(exposures)]
        # A slate may show an item to somebody for whom another slate has it at the same moment.
        shown += [replace(e, exposure_id=f"{e.exposure_id}!", request_id=f"{e.request_id}!") for e in shown[:3]]
        happened = [self.event(n, shown) for n in range(events)]
        happened += [self.echo(n, self.pick(happened)) for n in range(events // 4)]
        for user, nudge in zip(USERS, (-TICK, 0 * HOUR, TICK), strict=True):
            happened += self.rediscovery(f"{self.seed}:{user}", nudge)
        return Log(tuple(map(self.of_episode, happened)), tuple(shown))

    def of_episode(self, event: Event) -> Event:
        """The event with an episode: mostly one of the newest, or one that nobody released, or none."""
        out = [e.episode for e in EPISODES if e.item_id == event.item_id and e.released_ts <= event.event_ts]
        choice = self.heard.random()
        if not out or choice < 0.1:
            return event if choice < 0.05 else replace(event, episode="unheard of")
        newest = out[-4:]
        return replace(event, episode=newest[int(self.heard.integers(len(newest)))])

    def user(self) -> str:
        return f"{self.seed}:{self.pick(USERS)}"

    def moment(self) -> datetime:
        """Quarter days, so that times meet exactly."""
        return LOG_START + int(self.rng.integers(self.days * 4)) * (DAY / 4) + self.pick(NUDGES)

    def exposure(self, n: int) -> Exposure:
        item, as_of = self.pick(ITEMS[:4]), self.moment()
        sampled = self.chance(0.2)
        known_ts = as_of + self.pick(DELAYS)
        return Exposure(
            f"{self.seed}:x{n}", f"{self.seed}:r{n}", self.user(), item, as_of, known_ts, TOPICS[item], sampled,
            int(self.more.integers(1, 5)),
        )  # fmt: skip

    def event(self, n: int, shown: Sequence[Exposure]) -> Event:
        near, item, when = self.pick(shown), self.pick(ITEMS[:4]), self.moment()
        user, request = self.user(), None
        if self.chance(0.75):
            user, when = near.user_id, self.near(near.as_of)
            item = near.item_id if self.chance(0.8) else item
            request = self.pick((None, near.request_id, near.request_id, self.pick(shown).request_id))
        return Event(
            f"{self.seed}:e{n}", user, item, when, self.draw_known_ts(when, near), TOPICS[item],
            self.chance(0.5), self.chance(0.4), self.chance(0.2), self.pick(AMOUNTS), request,
            ("play", "complete")[int(self.more.integers(2))],
        )  # fmt: skip

    def near(self, as_of: datetime) -> datetime:
        """A moment at an edge of some window that looks back from, or on from, an exposure."""
        choice = self.rng.random()
        if choice < 0.4:
            return as_of + self.pick(AFTER)
        if choice < 0.7:
            return midnight(as_of) + self.pick(DAYS_AFTER) * DAY + self.pick(NUDGES)
        return (as_of if self.chance(0.7) else midnight(as_of)) - self.pick(BEFORE) + self.pick(NUDGES)

    def draw_known_ts(self, when: datetime, near: Exposure) -> datetime:
        """When it was known: mostly soon, sometimes just when an exposure looks or a value matures."""
        edges = (near.as_of, midnight(near.as_of) + 16 * DAY, midnight(near.as_of) + 30 * DAY, near.as_of + DAY + HOUR)
        known_ts = self.pick(edges) + self.pick(NUDGES) if self.chance(0.2) else when + self.pick(DELAYS)
        return max(when, known_ts)

    def echo(self, n: int, event: Event) -> Event:
        """The same again: at the same time, on the same day, or known later."""
        again = replace(event, event_id=f"{self.seed}:again{n}", is_consumption=self.chance(0.7))
        later = self.pick((0 * HOUR, 0 * HOUR, TICK, 3 * HOUR))
        return replace(again, event_ts=event.event_ts + later, known_ts=event.known_ts + later + self.pick(DELAYS))

    def rediscovery(self, user: str, nudge: timedelta) -> list[Event]:
        """An item that comes back 180 days after it was last consumed, or just before or after, and then stays."""
        first = LOG_START + int(self.rng.integers(1, 90)) * DAY / 2
        second = first + 180 * DAY + nudge
        after = [second + int(n) * DAY / 2 for n in self.rng.integers(0, 126, 6)]
        events = []
        for n, when in enumerate([first, second, second, *after, second + 60 * DAY]):
            known_ts = when + self.pick(DELAYS)
            events.append(Event(f"{user}:rare{n}", user, "rare", when, known_ts, TOPICS["rare"], True, n % 3 == 0))
        return events
