"""What follows a click or an organic return: how long it plays, how it ends, and the raw events."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worlds import model
from worlds.policy import KINDS, EventBatch, Floats, Ints
from worlds.users import UserTraits
from worlds.world import World

CONSUMPTION_SECONDS = 30.0
_MICRO = 1_000_000
_ENDINGS = np.array([KINDS["complete"], KINDS["skip"]], dtype=np.uint8)


@dataclass(frozen=True)
class Plays:
    """One row a play, ordered by user and time.

    Attributes:
        users: dense user index, int64 [m].
        items: dense item index, int64 [m].
        utilities: hidden utility, [m].
        seconds: seconds played, [m].
        genuine: completed because it was liked, [m].
        complete: played to the end, hollow ones included, [m].
        skip: ended by a skip within 30 seconds, [m].
        hide: hidden afterwards, [m].
    """

    users: Ints
    items: Ints
    utilities: Floats
    seconds: Floats
    genuine: NDArray[np.bool_]
    complete: NDArray[np.bool_]
    skip: NDArray[np.bool_]
    hide: NDArray[np.bool_]

    @property
    def consumed(self) -> NDArray[np.bool_]:
        """Whether it counts as a consumption, [m]."""
        return self.seconds >= CONSUMPTION_SECONDS


@dataclass(frozen=True)
class StepEvents:
    """The raw events of one step; `play` is each event's row in the plays."""

    play: Ints
    batch: EventBatch


def draw_plays(world: World, traits: UserTraits, users: Ints, items: Ints, rng: np.random.Generator) -> Plays:
    """Plays out each (user, item) pair."""
    utilities = model.utility(world, model.match(world, traits, users, items), items)
    luck = rng.random((4, len(users)))
    genuine = luck[0] < model.completion_probability(utilities)
    hollow = ~genuine & (luck[1] < model.hollow_probability(utilities))
    skip = ~genuine & ~hollow & (luck[2] < model.quick_skip_probability(utilities))
    hide = ~genuine & (luck[3] < model.hide_probability(utilities))
    complete, full = genuine | hollow, world.truth.seconds[items]
    part = rng.random(len(users))
    seconds = np.where(complete, full, np.where(skip, 3.0 + 26.0 * part, 30.0 + part * (0.9 * full - 30.0)))
    return Plays(users, items, utilities, np.floor(seconds), genuine, complete, skip, hide)


def timeline(plays: Plays, begin: Ints, rng: np.random.Generator) -> Ints:
    """When each play starts, microseconds: a user's plays follow one another after `begin`.

    Args:
        plays: ordered by user.
        begin: the user's moment of the step (the same for all its plays), microseconds, int64 [m].
        rng: draws the seconds of hesitation before each play.
    """
    pause = rng.integers(2 * _MICRO, 12 * _MICRO, len(begin))
    ends = np.cumsum(pause + (plays.seconds * _MICRO).astype(np.int64) + 3 * _MICRO)
    first = np.searchsorted(plays.users, plays.users, side="left")
    before = np.concatenate([np.zeros(1, dtype=np.int64), ends])
    starts: Ints = begin + before[:-1] - before[first] + pause
    return starts


def play_events(plays: Plays, starts: Ints, clicked: bool) -> StepEvents:
    """The events of plays, ordered by user and time: click, play, its ending, hide.

    A play is stamped when it ends, because only then its seconds are known.
    """
    every, ends = np.arange(len(starts)), starts + (plays.seconds * _MICRO).astype(np.int64)
    ended = np.flatnonzero(plays.complete | plays.skip)
    hidden = np.flatnonzero(plays.hide)
    ending = _ENDINGS[plays.skip[ended].astype(np.int64)]
    rows = [every if clicked else every[:0], every, ended, hidden]
    kinds = [
        np.full(len(rows[0]), KINDS["click"], np.uint8),
        np.full(len(every), KINDS["play"], np.uint8),
        ending,
        np.full(len(hidden), KINDS["hide"], np.uint8),
    ]
    stamps = [starts[rows[0]], ends, ends[ended], ends[hidden] + 2 * _MICRO]
    play, kind, stamp = np.concatenate(rows), np.concatenate(kinds), np.concatenate(stamps)
    order = np.lexsort((kind, play))
    play, kind, stamp = play[order], kind[order], stamp[order]
    timed = (kind == KINDS["play"]) | (kind == KINDS["complete"])
    seconds = np.where(timed, plays.seconds[play], np.nan)
    batch = EventBatch(plays.users[play], plays.items[play], stamp.astype("datetime64[us]"), kind, seconds)
    return StepEvents(play, batch)
