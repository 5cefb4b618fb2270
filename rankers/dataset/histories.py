"""Consumption histories of users, in compact arrays that answer "the last L consumptions known before as_of"."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from longplay.config.duration import DAY_US
from longplay.errors import InputError

PAD = 0
UNKNOWN = 1
FIRST_ITEM = 2


class HistoryWindow(NamedTuple):
    """The last L consumptions of n contexts, oldest first, right-padded.

    Attributes:
        items: [n, L] item codes of a vocabulary; `PAD` after the last real one.
        age_days: [n, L] fractional days between the consumption and as_of (> 0); 0 in padding.
    """

    items: NDArray[np.int64]
    age_days: NDArray[np.float32]


@dataclass(frozen=True)
class Vocabulary:
    """Item ids and their integer codes: 0 is padding, 1 an unknown item, known items start at 2."""

    items: tuple[str, ...]

    @classmethod
    def from_ids(cls, *columns: ArrayLike) -> "Vocabulary":
        """The vocabulary of all item ids in the columns, in sorted order."""
        distinct: set[str] = set()
        for column in columns:
            distinct.update(pd.unique(np.asarray(column, dtype=object)))
        return cls(tuple(sorted(distinct)))

    @property
    def size(self) -> int:
        """Number of codes, padding and unknown included."""
        return len(self.items) + FIRST_ITEM

    @cached_property
    def _index(self) -> "pd.Index[str]":
        index: pd.Index[str] = pd.Index(np.asarray(self.items, dtype=object))
        return index

    def encode(self, ids: Sequence[str] | NDArray[np.object_] | pd.Series) -> NDArray[np.int64]:
        """Codes of item ids, same length; an id outside the vocabulary becomes `UNKNOWN`."""
        if not self.items:
            return np.full(len(ids), UNKNOWN, dtype=np.int64)
        codes: NDArray[np.int64] = _positions(self._index, ids)
        codes[codes >= 0] += FIRST_ITEM
        codes[codes < 0] = UNKNOWN
        return codes

    def translation(self, target: "Vocabulary") -> NDArray[np.int64]:
        """[size] table from codes of this vocabulary to codes of ``target``."""
        own = np.array([PAD, UNKNOWN], dtype=np.int64)
        return np.concatenate([own, target.encode(self.items)])


def to_micros(times: pd.Series) -> NDArray[np.int64]:
    """Microseconds since the epoch of a column of UTC timestamps.

    Raises:
        InputError: the column has no time zone, so its instants are ambiguous.
    """
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        raise InputError(
            "Timestamps need a time zone.",
            where=f"column '{times.name}'",
            got=str(times.dtype),
            fix="read it as timestamp with time zone UTC",
        )
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None)
    micros: NDArray[np.int64] = naive.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return micros


@dataclass(frozen=True, eq=False)
class Histories:
    """Consumptions of all users, ordered by user, then event time (ties in the order given).

    Attributes:
        users: [U] sorted user ids.
        vocabulary: codes of the items.
        offsets: [U + 1] rows of user u are offsets[u] to offsets[u + 1].
        items: [m] item codes.
        event_micros: [m] event time, microseconds UTC.
        visible_micros: [m] when the row could first be known, never before its event time.
        visible_sorted: [m] the same instants sorted within each user, to count what is visible.
    """

    users: NDArray[np.object_]
    vocabulary: Vocabulary
    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    event_micros: NDArray[np.int64]
    visible_micros: NDArray[np.int64]
    visible_sorted: NDArray[np.int64]

    @classmethod
    def from_frame(cls, sequences: pd.DataFrame) -> "Histories":
        """Build from a sequences frame (user_id, item_id, event_ts, visible_ts), one row a consumption.

        Raises:
            InputError: a row is visible before it happened, or a time has no zone.
        """
        event, visible = to_micros(sequences["event_ts"]), to_micros(sequences["visible_ts"])
        _check_visibility(event, visible)
        codes, users = pd.factorize(sequences["user_id"].to_numpy(dtype=object), sort=True)
        vocabulary = Vocabulary.from_ids(sequences["item_id"])
        order = np.lexsort((event, codes))
        return cls(
            users=np.asarray(users, dtype=object),
            vocabulary=vocabulary,
            offsets=np.searchsorted(codes[order], np.arange(len(users) + 1)).astype(np.int64),
            items=vocabulary.encode(sequences["item_id"])[order],
            event_micros=event[order],
            visible_micros=visible[order],
            visible_sorted=visible[np.lexsort((visible, codes))],
        )

    def before(self, users: ArrayLike, as_of: NDArray[np.int64], length: int) -> HistoryWindow:
        """The last ``length`` consumptions known strictly before each as_of, in order of event time.

        Args:
            users: [n] user ids; a user without rows has an empty history.
            as_of: [n] microseconds UTC; only rows with visible time < as_of count.
            length: L, the most rows returned for a context.
        """
        starts, ends = self._bounds(users)
        happened = count_before(self.event_micros, starts, ends, as_of)
        visible = count_before(self.visible_sorted, starts, ends, as_of)
        window = HistoryWindow(np.zeros((len(as_of), length), np.int64), np.zeros((len(as_of), length), np.float32))
        # Late rows are rare: contexts with equally many of them are processed together.
        late_counts = happened - visible
        for late_count in np.unique(late_counts):
            rows = np.flatnonzero(late_counts == late_count)
            candidates = self._last_visible(starts[rows], happened[rows], as_of[rows], length + int(late_count))
            window.items[rows], window.age_days[rows] = _trim(candidates, length)
        return window

    def _bounds(self, users: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[n] first and end row of each user; equal for a user without rows."""
        positions = _positions(pd.Index(self.users), users)
        if not len(self.users):
            return np.zeros_like(positions), np.zeros_like(positions)
        is_unknown, rows = positions < 0, np.maximum(positions, 0)
        return np.where(is_unknown, 0, self.offsets[:-1][rows]), np.where(is_unknown, 0, self.offsets[1:][rows])

    def _last_visible(
        self, starts: NDArray[np.int64], counts: NDArray[np.int64], as_of: NDArray[np.int64], width: int
    ) -> HistoryWindow:
        """The last ``width`` rows that happened before as_of, with `PAD` in place of those not yet visible."""
        width = min(width, int(counts.max(initial=0)))
        back = np.arange(width, 0, -1)
        real = back[None, :] <= counts[:, None]
        rows = np.where(real, (starts + counts)[:, None] - back[None, :], 0)
        if not len(self.items):
            return HistoryWindow(np.zeros(rows.shape, np.int64), np.zeros(rows.shape, np.float32))
        real &= self.visible_micros[rows] < as_of[:, None]
        ages = (as_of[:, None] - self.event_micros[rows]) / DAY_US
        return HistoryWindow(np.where(real, self.items[rows], PAD), np.where(real, ages, 0).astype(np.float32))


def count_before(
    times: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], as_of: NDArray[np.int64]
) -> NDArray[np.int64]:
    """[n] how many of the sorted times[starts[i]:ends[i]] are before as_of[i]; bisects all rows at once."""
    low, high = starts.astype(np.int64), ends.astype(np.int64)
    while (active := low < high).any():
        middle = (low + high) // 2
        earlier = active & (times[np.minimum(middle, len(times) - 1)] < as_of)
        low = np.where(earlier, middle + 1, low)
        high = np.where(active & ~earlier, middle, high)
    return low - starts


def _trim(window: HistoryWindow, length: int) -> HistoryWindow:
    """The last ``length`` real entries of each row, moved to the left."""
    n = len(window.items)
    real = window.items != PAD
    counts = real.sum(axis=1)
    slot = real.cumsum(axis=1) - 1 - np.maximum(counts - length, 0)[:, None]
    row, column = np.nonzero(real & (slot >= 0))
    items, ages = np.zeros((n, length), np.int64), np.zeros((n, length), np.float32)
    target = slot[row, column]
    items[row, target] = window.items[row, column]
    ages[row, target] = window.age_days[row, column]
    return HistoryWindow(items, ages)


def _positions(index: "pd.Index[str]", ids: ArrayLike) -> NDArray[np.int64]:
    """[n] position of each id in the index, -1 where it is not in it."""
    return np.array(index.get_indexer(pd.Index(np.asarray(ids, dtype=object))), dtype=np.int64)


def _check_visibility(event: NDArray[np.int64], visible: NDArray[np.int64]) -> None:
    early = int((visible < event).sum())
    if early:
        raise InputError(
            "A consumption is visible before it happened.",
            where="sequences, visible_ts",
            got=f"{early} rows with visible_ts < event_ts",
            fix="set visible_ts to the later of event time and known time",
        )
