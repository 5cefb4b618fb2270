"""Features at serving time: the numpy twin of the Spark feature views.

Names and numbers are those of the views: trailing windows are ``[as_of - w, as_of)`` on event time, strictly before
``as_of``. A live service knows an event as it happens, so event time is also known time here. Item features do not
change while serving: the item view is pinned to a release and passed as a matrix.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from features.packed_order import Flags
from features.timelines import FUTURE_US, EventSlice, Ints, Timelines, Times, microseconds
from longplay.config.duration import DAY_US
from longplay.errors import ConfigError, InputError, nearest

Counter = tuple[str, int]
"""A measure and its trailing window in days."""

RECENT_DAYS = 90
"""Recency looks back no further."""
_CONSUMPTION, _CLICK, _NEGATIVE = "consumption", "click", "negative"
_COUNTERS: tuple[Counter, ...] = (
    (_CONSUMPTION, 1),
    (_CONSUMPTION, 7),
    (_CONSUMPTION, 28),
    (_CONSUMPTION, 90),
    (_CLICK, 28),
    (_NEGATIVE, 28),
)
_BITS = {_CONSUMPTION: 1, _CLICK: 2, _NEGATIVE: 4}
_DAY_SLOTS = 32
"""A 28-day window touches at most 29 UTC days, so no slot holds two of them at once."""
_USERS_PER_PASS = 256
"""Few enough for one pass of a query to stay in the processor's cache."""
_NEVER_US = np.int64(-(2**61))


@dataclass(frozen=True)
class _Query:
    """Users [n], their moments [n], their candidates [n, C], and the places of these in [users * items]."""

    users: Ints
    as_of: Ints
    candidates: Ints
    cells: Ints


_Column = Callable[[_Query], NDArray[Any]]


@dataclass(frozen=True)
class ItemView:
    """Topics and features of the items, pinned to a release.

    Attributes:
        topics: dense topic index of each item, [items], from 0.
        names: names of the columns of ``values``, each with the prefix ``f_item_``.
        values: the item features, [items, len(names)], NaN where unknown.
    """

    topics: Ints
    names: tuple[str, ...]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.topics), len(self.names)):
            raise ConfigError(
                "The item view's matrix does not fit its topics and names.",
                got=f"values {self.values.shape}, {len(self.topics)} topics, {len(self.names)} names",
            )


class OnlineFeatures:
    """User, user-item and user-topic features at event resolution, for a closed set of users and items.

    Keeps one counter array [users, items] for each measure and window. A query moves the counters of its users to
    their ``as_of``: it adds events that became visible and subtracts events that left a window. Each event costs two
    updates a window, however often its user is queried.

    Args:
        users: number of users, numbered from 0.
        items: the item view.
        names: feature columns to compute, in order.
        dtype: type of the answer; tree and tensor models read float32 anyway.

    Raises:
        ConfigError: when a name is neither a feature of the contract nor a column of the item view.
    """

    def __init__(self, users: int, items: ItemView, names: Sequence[str], *, dtype: DTypeLike = np.float32) -> None:
        self.names = tuple(names)
        self._items, self._dtype = items, dtype
        shape = (users, len(items.topics))
        self._timelines = Timelines(users)
        self._counts = {counter: np.zeros(shape, np.int32) for counter in _COUNTERS}
        self._days = np.zeros((users, _DAY_SLOTS), np.int32)
        self._last = np.full(shape, _NEVER_US)
        self._first_event = np.full(users, FUTURE_US)
        self._last_query_us = np.full(users, _NEVER_US)
        self._membership = np.eye(int(items.topics.max(initial=0)) + 1, dtype=np.float32)[items.topics]
        served = self._columns()
        unknown = [name for name in self.names if name not in served]
        if unknown:
            raise ConfigError("A feature is not served online.", got=unknown[0], fix=nearest(unknown[0], served))
        self._computations = [served[name] for name in self.names]

    def add(
        self,
        users: Ints,
        items: Ints,
        event_ts: Times,
        is_consumption: Flags,
        is_click: Flags,
        is_negative: Flags,
    ) -> None:
        """Adds events (all arrays [m]) in any order; an event counts from the first query with a later ``as_of``.

        An event older than its user's last query counts from the next query on, as in a rebuild.

        Raises:
            InputError: when a user or an item lies outside the state.
        """
        ts = microseconds(event_ts)
        if not len(ts):
            return
        self._check_range(users, items)
        np.minimum.at(self._first_event, users, ts)
        flags = _pack_flags(is_consumption, is_click, is_negative)
        is_counted = flags > 0
        if is_counted.any():
            events = EventSlice(users, items, ts, flags).where(is_counted)
            self._timelines.insert(events.users, events.items, events.ts, events.flags)
            self._catch_up(events)

    def features(self, users: Ints, as_of: Times, candidates: Ints) -> NDArray[Any]:
        """The features of each user and candidate as of that user's moment.

        Args:
            users: the users, [n], each once.
            as_of: the moment of each, [n], not before the user's last query.
            candidates: item indices, [n, C].

        Returns:
            [n, C, F] in the order of ``names``; NaN where no event defines the feature.

        Raises:
            InputError: when a user is named twice, a moment goes back, or a user or item is unknown.
        """
        moments = microseconds(as_of)
        self._check_query(users, moments, candidates)
        self._move(users, moments)
        answer = np.empty((*candidates.shape, len(self.names)), self._dtype)
        for start in range(0, len(users), _USERS_PER_PASS):
            rows = slice(start, start + _USERS_PER_PASS)
            cells = users[rows, None] * self._last.shape[1] + candidates[rows]
            query = _Query(users[rows], moments[rows], candidates[rows], cells)
            for column, compute in enumerate(self._computations):
                answer[rows, :, column] = compute(query)
        return answer

    def _move(self, users: Ints, moments: Ints) -> None:
        """Moves the counters of ``users`` from their last query to ``moments``."""
        before = self._last_query_us[users]
        entering = self._timelines.between(users, before, moments)
        self._note_consumption(entering)
        for days in sorted({days for _, days in _COUNTERS}):
            width = days * DAY_US
            self._count(entering, days, +1)
            self._count(self._timelines.between(users, before - width, moments - width), days, -1)
        self._last_query_us[users] = moments

    def _catch_up(self, events: EventSlice) -> None:
        """Counts events older than their user's last query in the windows that still hold them."""
        late = events.where(events.ts < self._last_query_us[events.users])
        self._note_consumption(late)
        for days in sorted({days for _, days in _COUNTERS}):
            inside = late.ts >= self._last_query_us[late.users] - days * DAY_US
            self._count(late.where(inside), days, +1)

    def _note_consumption(self, events: EventSlice) -> None:
        consumed = events.where((events.flags & _BITS[_CONSUMPTION]) > 0)
        np.maximum.at(self._last, (consumed.users, consumed.items), consumed.ts)

    def _count(self, events: EventSlice, days: int, sign: int) -> None:
        for measure, window in _COUNTERS:
            if window != days:
                continue
            measured = events.where((events.flags & _BITS[measure]) > 0)
            counts = self._counts[measure, window]
            np.add.at(counts.reshape(-1), measured.users * counts.shape[1] + measured.items, sign)
            if (measure, window) == (_CONSUMPTION, 28):
                slot = (measured.ts // DAY_US) % _DAY_SLOTS
                np.add.at(self._days.reshape(-1), measured.users * _DAY_SLOTS + slot, sign)

    def _columns(self) -> dict[str, _Column]:
        """How to compute every feature that can be served, by name."""
        columns: dict[str, _Column] = {
            "f_user_distinct_items_28d": lambda q: _as_column(
                np.count_nonzero(self._counts[_CONSUMPTION, 28][q.users], axis=1)
            ),
            "f_user_active_days_28d": lambda q: _as_column(np.count_nonzero(self._days[q.users], axis=1)),
            "f_user_days_since_consumption": lambda q: _as_column(
                _days_between(self._last[q.users].max(axis=1), q.as_of, RECENT_DAYS)
            ),
            "f_user_tenure_days": lambda q: _as_column(_days_between(self._first_event[q.users], q.as_of)),
            "f_user_item_days_since_consumption": lambda q: _days_between(
                self._last.take(q.cells), q.as_of[:, None], RECENT_DAYS
            ),
        }
        for measure, days in _COUNTERS:
            columns |= self._counted(measure, days)
        return columns | {name: self._item(column) for column, name in enumerate(self._items.names)}

    def _counted(self, measure: str, days: int) -> dict[str, _Column]:
        counts, ending = self._counts[measure, days], f"{measure}s_{days}d"
        columns: dict[str, _Column] = {
            f"f_user_{ending}": lambda q: _as_column(counts[q.users].sum(axis=1)),
            f"f_user_item_{ending}": lambda q: counts.take(q.cells),
        }
        if measure != _CLICK and days >= 28:
            # Counts stay far below 2**24, so their float32 sums are exact and matrix products fast.
            columns[f"f_user_topic_{ending}"] = lambda q: np.take_along_axis(
                counts[q.users].astype(np.float32) @ self._membership, self._items.topics[q.candidates], 1
            )
        return columns

    def _item(self, column: int) -> _Column:
        values = np.ascontiguousarray(self._items.values[:, column])
        return lambda q: values.take(q.candidates)

    def _check_range(self, users: Ints, items: Ints) -> None:
        n_users, n_items = self._last.shape
        for kind, indices, limit in (("A user", users, n_users), ("An item", items, n_items)):
            if indices.size and (indices.min() < 0 or indices.max() >= limit):
                raise InputError(
                    f"{kind} index lies outside the state.",
                    got=f"{indices.min()}..{indices.max()}",
                    fix=f"use indices from 0 to {limit - 1}",
                )

    def _check_query(self, users: Ints, moments: Ints, candidates: Ints) -> None:
        self._check_range(users, candidates)
        if len(np.unique(users)) != len(users):
            raise InputError("A query names a user twice.", fix="name each user once a query")
        back = np.flatnonzero(moments < self._last_query_us[users])
        if back.size:
            raise InputError(
                "The moment as_of goes back in time.",
                where=f"user {users[back[0]]}",
                got=str(moments[back[0]].astype("datetime64[us]")),
                fix="query each user at moments that never decrease",
            )


def _pack_flags(is_consumption: Flags, is_click: Flags, is_negative: Flags) -> NDArray[np.uint8]:
    """Flags of events as bits [m]."""
    bits = (
        is_consumption * np.uint8(_BITS[_CONSUMPTION])
        + is_click * np.uint8(_BITS[_CLICK])
        + is_negative * np.uint8(_BITS[_NEGATIVE])
    )
    return bits.astype(np.uint8)


def _as_column(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, None]


def _days_between(then: Ints, now: Ints, at_most: int | None = None) -> NDArray[np.float64]:
    """Fractional days from ``then`` to ``now``; NaN where ``then`` is unset, not before ``now``, or too long ago."""
    is_defined = (then > _NEVER_US) & (then < now)
    if at_most is not None:
        is_defined &= then >= now - at_most * DAY_US
    return np.where(is_defined, (now - np.where(is_defined, then, now)) / DAY_US, np.nan)
