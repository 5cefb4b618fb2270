"""The features of one view for many keys at once, in numpy: exact trailing windows, also for facts known late.

A fact counts at ``as_of`` if ``visible_ts < as_of`` and ``as_of - w <= event_ts``. So a window's sum is what became
visible before ``as_of`` less what left before it, and a fact leaves when ``event_ts + w < as_of``. Facts that were
known only after they had left never count. Sums are whole numbers (amounts in millionths, ``c log c`` in units of
2^-32), so they do not depend on the order of rows or on which keys share a bucket.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from features.feature_view import Feature, View
from features.packed_order import Clock, Flags, Longs, PackedOrder
from longplay.config.duration import DAY_US

Doubles = NDArray[np.float64]

MILLIONTHS = 1_000_000
NEVER = -(2**62)
_FINE = float(2**32)


@dataclass(frozen=True)
class CodedColumn:
    """A column as numbers: ``of`` [facts], from 0 to below ``size``, -1 for null."""

    of: Longs
    size: int


@dataclass(frozen=True)
class KeyedFacts:
    """What happened to the keys of one view.

    Attributes:
        keys: number of each fact's key [facts], from 0.
        event: when it happened, microseconds [facts].
        visible: when it could first be seen, microseconds [facts].
        consumed: whether it counts as consumption [facts].
        numbers: whole numbers that counts add up [facts], by column.
        amounts: amounts in millionths of their unit [facts], by column.
        codes: columns whose values are told apart, by column.
    """

    keys: Longs
    event: Longs
    visible: Longs
    consumed: Flags
    numbers: Mapping[str, Longs]
    amounts: Mapping[str, Longs]
    codes: Mapping[str, CodedColumn]

    def where(self, rows: Flags) -> "KeyedFacts":
        """Some of the facts."""
        if rows.all():
            return self
        return KeyedFacts(
            self.keys[rows],
            self.event[rows],
            self.visible[rows],
            self.consumed[rows],
            {name: column[rows] for name, column in self.numbers.items()},
            {name: column[rows] for name, column in self.amounts.items()},
            {name: CodedColumn(column.of[rows], column.size) for name, column in self.codes.items()},
        )


@dataclass(frozen=True)
class AsOfMoments:
    """The moments that ask: key [n] and ``as_of`` in microseconds [n], of ``size`` keys."""

    keys: Longs
    at: Longs
    size: int


class PastFacts:
    """Facts beside the moments that ask about them; every order and place is found once."""

    def __init__(self, facts: KeyedFacts, asked: AsOfMoments) -> None:
        self.facts, self.asked = facts, asked
        self.clock = Clock(np.concatenate([facts.event, facts.visible]), asked.size)
        self._gone: dict[int, Longs] = {}

    @cached_property
    def by_visible(self) -> PackedOrder:
        """Facts in order of key and when they could be seen."""
        return PackedOrder.from_moments(self.clock, self.facts.keys, self.facts.visible)

    @cached_property
    def by_event(self) -> PackedOrder:
        """Facts in order of key and when they happened."""
        return PackedOrder.from_moments(self.clock, self.facts.keys, self.facts.event)

    @cached_property
    def start(self) -> Longs:
        """Facts of smaller keys [n]."""
        return self.by_visible.starts(self.asked.keys)

    @cached_property
    def seen(self) -> Longs:
        """Facts of smaller keys, and those of the key that were visible before ``as_of`` [n]."""
        return self.by_visible.before(self.asked.keys, self.asked.at)

    def gone(self, days: int) -> Longs:
        """Facts of smaller keys, and those of the key that happened before ``as_of - days`` [n]."""
        if days not in self._gone:
            self._gone[days] = self.by_event.before(self.asked.keys, self.asked.at - days * DAY_US)
        return self._gone[days]

    def total(self, values: Longs, days: int | None) -> Longs:
        """Sum of ``values`` [facts] over the window before each moment [n]."""
        if days is None:
            up = self.by_visible.running(values)
            return up[self.seen] - up[self.start]
        lives = self.facts.visible <= self.facts.event + days * DAY_US
        if not lives.all():
            values = np.where(lives, values, 0)
        # What lies before the key cancels: both orders have the same facts there.
        return self.by_visible.running(values)[self.seen] - self.by_event.running(values)[self.gone(days)]

    def largest(self, values: Longs, size: int) -> Longs:
        """Largest of ``values`` [facts] (from -1 to below ``size``) among what was visible, -1 for none [n]."""
        if not len(values):
            return np.full(len(self.asked.at), -1)
        running = self.by_visible.running_max(self.facts.keys, values, size)
        return np.where(self.seen > self.start, running[np.maximum(self.seen - 1, 0)], -1)

    def latest(self) -> Longs:
        """When the newest fact that each moment rests on became visible [n], ``NEVER`` where there is none.

        Taken from the facts' own times, so a fact at or after its moment would show.
        """
        if not len(self.facts.keys):
            return np.full(len(self.asked.at), NEVER)
        last = self.by_visible.order[np.maximum(self.seen - 1, 0)]
        return np.where(self.seen > self.start, self.facts.visible[last], NEVER)

    def count_before(self, keys: Longs, moments: Longs) -> Longs:
        """How many of some steps (key, moment) lie strictly before each asking moment of the key [n]."""
        steps = PackedOrder.from_moments(Clock(moments, self.asked.size), keys, moments)
        return steps.before(self.asked.keys, self.asked.at) - steps.starts(self.asked.keys)


def compute_features(view: View, past: PastFacts) -> dict[str, Doubles]:
    """Every feature of a view for every asking moment.

    Args:
        view: what to compute.
        past: facts beside the moments that ask.

    Returns:
        By feature, an array [n]; NaN is null.
    """
    found: dict[str, Doubles] = {}
    for feature in view.features:
        make = _KINDS.get(feature.kind)
        found[feature.name] = make(past, feature) if make else _ratio(found, feature)
    return found


def _count(past: PastFacts, feature: Feature) -> Doubles:
    return past.total(past.facts.numbers[feature.of], feature.window).astype(np.float64)


def _rate(past: PastFacts, feature: Feature) -> Doubles:
    assert feature.window is not None
    return _count(past, feature) / feature.window


def _sum(past: PastFacts, feature: Feature) -> Doubles:
    return past.total(past.facts.amounts[feature.of], feature.window) / MILLIONTHS


def _mean(past: PastFacts, feature: Feature) -> Doubles:
    return _divide(_sum(past, feature), past.total(past.facts.numbers["consumptions"], feature.window))


def _distinct(past: PastFacts, feature: Feature) -> Doubles:
    """Values that are in the window: those that entered it before the moment less those that left it."""
    column = past.facts.codes[feature.of]
    facts = past.facts.where(past.facts.consumed & (column.of >= 0))
    values = facts.codes[feature.of]
    pairs = facts.keys * values.size + values.of
    clock = Clock(np.concatenate([facts.event, facts.visible]), past.asked.size * values.size)
    line = PackedOrder.from_moments(clock, pairs, facts.visible)
    keys, pairs, visible = facts.keys[line.order], pairs[line.order], facts.visible[line.order]
    is_first = np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)]
    if feature.window is None:
        return past.count_before(keys[is_first], visible[is_first]).astype(np.float64)
    newest = line.running_max(facts.keys * values.size + values.of, clock.at(facts.event), clock.size)
    ends = clock.moment(newest) + feature.window * DAY_US
    enters = is_first | (np.roll(ends, 1) <= visible)
    leaves = np.roll(is_first, -1) | (ends <= np.roll(visible, -1))
    inside = past.count_before(keys[enters], visible[enters])
    return (inside - past.count_before(keys[leaves], np.maximum(ends, visible)[leaves])).astype(np.float64)


def _entropy(past: PastFacts, feature: Feature) -> Doubles:
    """Shannon entropy of the consumed values, ``log N - (sum of c log c) / N`` in nats; null where there are none."""
    assert feature.window is not None
    window = feature.window * DAY_US
    column = past.facts.codes[feature.of]
    kept = past.facts.consumed & (column.of >= 0) & (past.facts.visible <= past.facts.event + window)
    facts = past.facts.where(kept)
    values = facts.codes[feature.of]
    size = past.asked.size * values.size
    keys = np.concatenate([facts.keys, facts.keys])
    # Each fact comes in and goes out again, so the count of a pair ends at 0 and the next pair begins there.
    moments = np.concatenate([facts.visible, facts.event + window])
    signs = np.repeat(np.array([1, -1]), len(facts.keys))
    pairs = keys * values.size + np.concatenate([values.of, values.of])
    order = np.lexsort((-signs, Clock(moments, size).at(moments), pairs))
    counts = np.cumsum(signs[order])
    change = np.zeros(len(order), np.int64)
    change[order] = _c_log_c(counts) - _c_log_c(counts - signs[order])
    steps = PackedOrder.from_moments(Clock(moments, past.asked.size), keys, moments)
    upto, start = steps.before(past.asked.keys, past.asked.at), steps.starts(past.asked.keys)
    total, inside = (steps.running(what)[upto] - steps.running(what)[start] for what in (change, signs))
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = np.log(inside) - total / _FINE / inside
    return np.where(inside > 0, np.maximum(entropy, 0.0), np.nan)


def _c_log_c(counts: Longs) -> Longs:
    whole = np.maximum(counts, 1)
    return np.rint(whole * np.log(whole) * _FINE).astype(np.int64)


def _recency(past: PastFacts, feature: Feature) -> Doubles:
    numbers = past.clock.at(past.facts.event)
    marked = np.where(past.facts.numbers[feature.of] > 0, numbers, -1)
    return _days_since(past, past.largest(marked, past.clock.size), feature)


def _age(past: PastFacts, feature: Feature) -> Doubles:
    last = past.clock.size - 1
    marked = np.where(past.facts.numbers[feature.of] > 0, last - past.clock.at(past.facts.event), -1)
    earliest = past.largest(marked, past.clock.size)
    return _days_since(past, np.where(earliest >= 0, last - earliest, -1), feature)


def _days_since(past: PastFacts, numbers: Longs, feature: Feature) -> Doubles:
    gap = past.asked.at - past.clock.moment(np.maximum(numbers, 0)) if len(past.facts.keys) else past.asked.at
    known = (numbers >= 0) & (gap <= feature.window * DAY_US if feature.window else True)
    return np.where(known, gap / DAY_US, np.nan)


def _last(past: PastFacts, feature: Feature) -> Doubles:
    """Amount of the newest consumption that was visible; of two at one moment the one known later, then the larger."""
    facts = past.facts
    amounts = facts.amounts[feature.of]
    newest_last = np.lexsort((amounts, facts.visible, facts.event))
    ranks = np.empty(len(amounts), np.int64)
    ranks[newest_last] = np.arange(len(amounts))
    found = past.largest(np.where(facts.consumed, ranks, -1), len(amounts))
    if not len(amounts):
        return np.full(len(found), np.nan)
    rows = newest_last[np.maximum(found, 0)]
    known = found >= 0
    if feature.window is not None:
        known &= facts.event[rows] >= past.asked.at - feature.window * DAY_US
    return np.where(known, amounts[rows] / MILLIONTHS, np.nan)


def _ratio(found: Mapping[str, Doubles], feature: Feature) -> Doubles:
    return _divide(found[feature.of], reduce(np.add, [found[name] for name in feature.per]))


def _divide(part: Doubles, whole: NDArray[np.float64] | Longs) -> Doubles:
    out: Doubles = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return out


_KINDS: dict[str, Callable[[PastFacts, Feature], Doubles]] = {
    "count": _count,
    "rate": _rate,
    "sum": _sum,
    "mean": _mean,
    "distinct": _distinct,
    "entropy": _entropy,
    "recency": _recency,
    "age": _age,
    "last": _last,
}
