"""What a ranking policy sees and returns. Nothing here reads hidden truth."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

SURFACES: tuple[str, ...] = ("home", "browse", "organic")
KINDS: dict[str, int] = {"click": 0, "play": 1, "complete": 2, "skip": 3, "hide": 4}
KIND_NAMES: tuple[str, ...] = tuple(KINDS)


@dataclass(frozen=True)
class SlateContext:
    """One batch of requests on one surface, one row a request (and so a user).

    Attributes:
        users: dense user index within this deployment, int64 [n].
        as_of: the moment of the request, datetime64[us] UTC, [n].
        surface: "home" or "browse".
        candidates: dense item index into `World.item_ids`, int64 [n, C]; no item twice in a row.
    """

    users: Ints
    as_of: Times
    surface: str
    candidates: Ints


@dataclass(frozen=True)
class EventBatch:
    """What just happened, one row an event, ordered by (user, time); organic plays are included.

    Attributes:
        users: dense user index, int64 [m].
        items: dense item index, int64 [m].
        event_ts: datetime64[us] UTC [m]; a play is stamped when it ends.
        kind: code in `KINDS`, uint8 [m].
        seconds: seconds played for play and complete, NaN otherwise, float64 [m].
    """

    users: Ints
    items: Ints
    event_ts: Times
    kind: NDArray[np.uint8]
    seconds: Floats


class Policy(Protocol):
    """Scores candidates; the world turns scores into slates at a matched entropy."""

    @property
    def name(self) -> str:
        """A short name for reports and the log's `policy` column."""

    def scores(self, context: SlateContext) -> Floats:
        """Scores of the candidates, float64 [n, C], finite, higher is better."""

    def observe(self, events: EventBatch) -> None:
        """Receives the events of each step, in the order they happen, before the next `scores`."""


class RandomPolicy:
    """Scores everything alike, so every slate is drawn uniformly."""

    name = "random"

    def scores(self, context: SlateContext) -> Floats:
        """Zeros, [n, C]."""
        return np.zeros(context.candidates.shape)

    def observe(self, events: EventBatch) -> None:
        """Keeps nothing."""
