"""Order in numpy: rows of many keys on one clock, and the place of a moment among the rows of its key.

Each pair (key, moment) is packed into one 64-bit number. One sort then orders the facts of all keys, and one binary
search finds a place among them. Nothing loops over keys: a key with a million rows costs as much as a million keys with
one row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Flags = NDArray[np.bool_]

_PACKED_LIMIT = 2**62


class Clock:
    """Moments as small whole numbers in the same order, which leave room for a key in the same 64 bits.

    Args:
        moments: all moments of facts (microseconds since the epoch).
        keys: number of keys, numbered from 0.

    Raises:
        OverflowError: when not even ranks fit.
    """

    def __init__(self, moments: Longs, keys: int) -> None:
        self._first = int(moments.min(initial=_PACKED_LIMIT)) if len(moments) else 0
        span = int(moments.max(initial=self._first)) - self._first + 2
        # If the distance from the first moment does not fit next to the key, use the rank among all moments.
        self._sorted: Longs | None = None if span * max(keys, 1) < _PACKED_LIMIT else np.unique(moments)
        self.size = span if self._sorted is None else len(self._sorted) + 1
        if self.size * max(keys, 1) >= _PACKED_LIMIT:
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
    """Facts in order of (key, moment), and the search for a place among them.

    Attributes:
        order: row numbers of the facts in this order [facts].
        packed: (key, moment) of each, ascending [facts].
        clock: how moments are numbered.
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

        Sums may wrap around; their differences are still right.
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
