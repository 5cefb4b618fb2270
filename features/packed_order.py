"""Order in numpy: rows of many keys on one clock, and where a moment stands among the rows of its key.

A pair (key, moment) is packed into one 64-bit number, so that one sort orders the facts of all keys at once and one
binary search finds a place among them. Nothing here loops over keys, so a key with a million rows costs what a million
keys with one row cost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Flags = NDArray[np.bool_]

_ROOM = 2**62


class Clock:
    """Moments as small whole numbers in the same order, so that a key fits into the same 64 bits.

    Args:
        moments: every moment of a fact (microseconds since the epoch).
        keys: how many keys there are, numbered from 0.

    Raises:
        OverflowError: when even ranks do not fit.
    """

    def __init__(self, moments: Longs, keys: int) -> None:
        self._first = int(moments.min(initial=_ROOM)) if len(moments) else 0
        span = int(moments.max(initial=self._first)) - self._first + 2
        # Where the bare distance does not fit beside the key, the rank among all moments does.
        self._sorted: Longs | None = None if span * max(keys, 1) < _ROOM else np.unique(moments)
        self.size = span if self._sorted is None else len(self._sorted) + 1
        if self.size * max(keys, 1) >= _ROOM:
            raise OverflowError(f"{keys} keys with {self.size} moments do not fit 62 bits; use more buckets")

    def at(self, moments: Longs) -> Longs:
        """A number for each moment [n]: a fact lies before a moment if and only if its number is smaller."""
        if self._sorted is not None:
            return np.searchsorted(self._sorted, moments).astype(np.int64)
        return np.clip(moments - self._first, 0, self.size - 1)

    def moment(self, numbers: Longs) -> Longs:
        """The moments of facts from their numbers [n]."""
        return numbers + self._first if self._sorted is None else self._sorted[numbers]


@dataclass(frozen=True)
class PackedOrder:
    """Facts in order of (key, moment), and how to find a place among them.

    Attributes:
        order: the facts' row numbers in that order [facts].
        packed: (key, moment) of each, ascending [facts].
    """

    order: Longs
    packed: Longs
    clock: Clock

    @classmethod
    def from_moments(cls, clock: Clock, keys: Longs, moments: Longs) -> "PackedOrder":
        """Order facts by key [facts] and moment [facts]."""
        packed = keys * clock.size + clock.at(moments)
        order = np.argsort(packed)
        return cls(order, packed[order], clock)

    def starts(self, keys: Longs) -> Longs:
        """How many facts lie before the first one of each key [n]."""
        return np.searchsorted(self.packed, keys * self.clock.size).astype(np.int64)

    def before(self, keys: Longs, moments: Longs) -> Longs:
        """How many facts lie before (key, moment), those of smaller keys included [n]."""
        return np.searchsorted(self.packed, keys * self.clock.size + self.clock.at(moments)).astype(np.int64)

    def running(self, values: Longs) -> Longs:
        """Sums of ``values`` [facts] over the first 0, 1, ... facts in order [facts + 1].

        They may wrap around: differences of them do not care.
        """
        sums = np.zeros(len(values) + 1, np.int64)
        np.cumsum(values[self.order], out=sums[1:])
        return sums

    def running_max(self, keys: Longs, values: Longs, size: int) -> Longs:
        """Largest value [facts] of the same key up to each fact in order, -1 where there is none [facts].

        Args:
            keys: keys of the facts [facts], ascending in this order.
            values: whole numbers from -1 (no value) to below ``size`` [facts].
            size: bound of the values.
        """
        packed = keys[self.order] * (size + 1) + values[self.order] + 1
        return np.maximum.accumulate(packed) % (size + 1) - 1
