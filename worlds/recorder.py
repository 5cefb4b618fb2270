"""Records the steps of a service as columns of codes, ready to be written as a raw log."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worlds.policy import SURFACES, Floats, Ints
from worlds.service import ServiceStep

ORGANIC_REQUEST = -1
_REAL = ("seconds", "log_propensity")


@dataclass(frozen=True)
class RawEvents:
    """Event rows as codes; all [m]. `request` is ORGANIC_REQUEST and `episode` 0 where there is none."""

    user: Ints
    item: Ints
    kind: NDArray[np.uint8]
    ts: Ints
    seconds: Floats
    episode: Ints
    request: Ints
    surface: NDArray[np.uint8]


@dataclass(frozen=True)
class RawExposures:
    """Exposure rows as codes; all [m]."""

    request: Ints
    user: Ints
    item: Ints
    ts: Ints
    position: Ints
    surface: NDArray[np.uint8]
    log_propensity: Floats
    candidates: Ints


@dataclass
class Recorder:
    """A sink that records everything.

    Attributes:
        offset: number of users before this block, added to user codes.
        users: users of the whole world, which makes request numbers unique.
    """

    offset: int
    users: int
    _events: list[RawEvents] = field(default_factory=list)
    _exposures: list[RawExposures] = field(default_factory=list)

    def take(self, step: ServiceStep) -> None:
        """Record the events and slates of a step."""
        batch, surface = step.events.batch, SURFACES.index(step.surface)
        users = batch.users + self.offset
        organic = np.full(len(users), ORGANIC_REQUEST)
        self._events.append(
            RawEvents(
                user=users,
                item=batch.items,
                kind=batch.kind,
                ts=batch.event_ts.astype(np.int64),
                seconds=batch.seconds,
                episode=step.episodes[batch.items],
                request=organic if step.slates is None else self._request(step.day, surface, users),
                surface=np.full(len(users), surface, np.uint8),
            )
        )
        if step.slates is not None:
            self._exposures.append(self._exposed(step, surface))

    def events(self) -> RawEvents:
        """All events, by time."""
        rows = RawEvents(**_stack(self._events, RawEvents))
        return RawEvents(**_ordered(rows, np.argsort(rows.ts, kind="stable")))

    def exposures(self) -> RawExposures:
        """All exposures, by time, request and position."""
        rows = RawExposures(**_stack(self._exposures, RawExposures))
        return RawExposures(**_ordered(rows, np.lexsort((rows.position, rows.request, rows.ts))))

    def _request(self, day: int, surface: int, users: Ints) -> Ints:
        return (day * 2 + surface) * self.users + users

    def _exposed(self, step: ServiceStep, surface: int) -> RawExposures:
        slates = step.slates
        assert slates is not None  # only called for slates
        n, width = slates.items.shape
        users = slates.users + self.offset
        return RawExposures(
            request=np.repeat(self._request(step.day, surface, users), width),
            user=np.repeat(users, width),
            item=slates.items.ravel(),
            ts=np.repeat(slates.as_of, width),
            position=np.tile(np.arange(1, width + 1), n),
            surface=np.full(n * width, surface, np.uint8),
            log_propensity=slates.log_propensity.ravel(),
            candidates=np.full(n * width, slates.candidates),
        )


def _stack(parts: Sequence[RawEvents | RawExposures], kind: type[RawEvents | RawExposures]) -> dict[str, Any]:
    names = [column.name for column in fields(kind)]
    if not parts:  # a handful of users may stay away for the whole log
        return {name: np.zeros(0, np.float64 if name in _REAL else np.int64) for name in names}
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def _ordered(rows: RawEvents | RawExposures, order: Ints) -> dict[str, Any]:
    return {name: column[order] for name, column in vars(rows).items()}
