"""Timelines: the time-ordered events of many users in numpy arrays, for features at serving time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.packed_order import Flags

Ints = NDArray[np.int64]
Times = NDArray[np.datetime64]

FUTURE_US = np.int64(2**62)
"""Later than any event."""


def microseconds(times: Times) -> Ints:
    """Microseconds since the epoch."""
    return np.asarray(times).astype("datetime64[us]").astype(np.int64)


def _flatten(starts: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """The row number and the column of each cell of rows ``[starts, starts + lengths)``, laid end to end."""
    rows = np.repeat(np.arange(len(starts)), lengths)
    ends = np.cumsum(lengths)
    return rows, np.arange(len(rows)) - np.repeat(ends - lengths, lengths) + np.repeat(starts, lengths)


class Timelines:
    """One time-ordered row of events a user, padded into arrays [users, capacity] that grow by doubling.

    Events of one user at the same moment keep the order of their insertion.

    Args:
        users: number of users, numbered from 0.
    """

    def __init__(self, users: int) -> None:
        self.size = np.zeros(users, np.int64)
        self.ts = np.full((users, 16), FUTURE_US)
        self.item = np.zeros((users, 16), np.int32)
        self.flags = np.zeros((users, 16), np.uint8)

    def insert(self, users: Ints, items: Ints, ts: Ints, flags: NDArray[np.uint8]) -> None:
        """Adds events in any order; rows stay ordered by time."""
        order = np.lexsort((ts, users))
        who, first, counts = np.unique(users[order], return_index=True, return_counts=True)
        earliest = ts[order][first]
        start, sizes = self.count_before(who, earliest), self.size[who]
        self._grow(int((sizes + counts).max()))
        rows, columns = _flatten(sizes, counts)
        cells = (who[rows], columns)
        self.ts[cells], self.item[cells], self.flags[cells] = ts[order], items[order], flags[order]
        self.size[who] = sizes + counts
        mixed = start < sizes
        self._sort_tails(who[mixed], start[mixed])

    def count_before(self, users: Ints, moment: Ints) -> Ints:
        """How many events of each user lie strictly before ``moment`` [n], by binary search."""
        low, high = np.zeros(len(users), np.int64), self.size[users]
        while (open_rows := np.flatnonzero(low < high)).size:
            middle = (low[open_rows] + high[open_rows]) // 2
            earlier = self.ts[users[open_rows], middle] < moment[open_rows]
            low[open_rows] = np.where(earlier, middle + 1, low[open_rows])
            high[open_rows] = np.where(earlier, high[open_rows], middle)
        return low

    def last_before(self, users: Ints, moment: Ints, length: int) -> tuple[Ints, Ints, Flags]:
        """The last ``length`` events of each user strictly before ``moment``, oldest first, right-padded.

        Returns:
            items [n, length], times in microseconds [n, length], and which cells hold an event [n, length].
        """
        counts = self.count_before(users, moment)
        columns = np.maximum(counts - length, 0)[:, None] + np.arange(length)
        is_event = columns < counts[:, None]
        cells = (users[:, None], np.where(is_event, columns, 0))
        return self.item[cells].astype(np.int64), self.ts[cells], is_event

    def between(self, users: Ints, since: Ints, until: Ints) -> "EventSlice":
        """The events of ``users`` with ``since <= event_ts < until`` (both [n])."""
        low = self.count_before(users, since)
        high = self.count_before(users, until)
        rows, columns = _flatten(low, np.maximum(high - low, 0))
        cells = (users[rows], columns)
        return EventSlice(users[rows], self.item[cells].astype(np.int64), self.ts[cells], self.flags[cells])

    def _sort_tails(self, users: Ints, start: Ints) -> None:
        """Sorts the rows of ``users`` from column ``start`` [n] on."""
        rows, columns = _flatten(start, self.size[users] - start)
        target = (users[rows], columns)
        order = np.lexsort((self.ts[target], rows))
        source = (users[rows], columns[order])
        for column in (self.ts, self.item, self.flags):
            column[target] = column[source]

    def _grow(self, needed: int) -> None:
        users, capacity = self.ts.shape
        if needed <= capacity:
            return
        wider = max(needed, 2 * capacity) - capacity
        self.ts = np.hstack([self.ts, np.full((users, wider), FUTURE_US)])
        self.item = np.hstack([self.item, np.zeros((users, wider), np.int32)])
        self.flags = np.hstack([self.flags, np.zeros((users, wider), np.uint8)])


@dataclass(frozen=True)
class EventSlice:
    """Events as arrays [m]: user, item, time in microseconds, flags as bits."""

    users: Ints
    items: Ints
    ts: Ints
    flags: NDArray[np.uint8]

    def where(self, rows: Flags) -> "EventSlice":
        """The events in some rows."""
        return EventSlice(self.users[rows], self.items[rows], self.ts[rows], self.flags[rows])
