"""The features of one view for many keys at once, in numpy: exact trailing windows, even for late facts.

A fact counts at ``as_of`` if ``visible_ts < as_of`` and ``as_of - w <= event_ts``. It leaves the window when
``event_ts + w < as_of``. A window's sum is therefore the sum over facts that became visible before ``as_of`` less the
sum over those that left before it. Facts that became known only after they had left never count. Sums are whole numbers
(amounts in millionths, ``c log c`` in units of 2^-32), so they depend neither on the order of rows nor on which keys
share a bucket.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from features.feature_view import Feature, Kind, View
from features.packed_order import Clock, Flags, Longs, PackedOrder
from longplay.config.duration import DAY_US

Doubles = NDArray[np.float64]

MILLIONTHS = 1_000_000
NEVER = -(2**62)
_ENTROPY_SCALE = float(2**32)


@dataclass(frozen=True)
class CodedColumn:
    """A column as numbers: ``codes`` [facts], from 0 to below ``size``, -1 for null."""

    codes: Longs
    size: int


@dataclass(frozen=True)
class KeyedFacts:
    """The facts of the keys of one view.

    Attributes:
        keys: number of each fact's key [facts], from 0.
        event: when the fact happened, microseconds [facts].
        visible: when it became visible, microseconds [facts].
        consumed: whether it counts as consumption [facts].
        numbers: whole numbers to sum [facts], by column.
        amounts: amounts in millionths of their unit [facts], by column.
        codes: values to distinguish, by column.
    """

    keys: Longs
    event: Longs
    visible: Longs
    consumed: Flags
    numbers: Mapping[str, Longs]
    amounts: Mapping[str, Longs]
    codes: Mapping[str, CodedColumn]

    def where(self, rows: Flags) -> "KeyedFacts":
        """The facts in some rows."""
        if rows.all():
            return self
        return KeyedFacts(
            self.keys[rows],
            self.event[rows],
            self.visible[rows],
            self.consumed[rows],
            {name: column[rows] for name, column in self.numbers.items()},
            {name: column[rows] for name, column in self.amounts.items()},
            {name: CodedColumn(column.codes[rows], column.size) for name, column in self.codes.items()},
        )


@dataclass(frozen=True)
class AsOfMoments:
    """Moments to compute features at: key [n] and ``as_of`` in microseconds [n], of ``size`` keys."""

    keys: Longs
    at: Longs
    size: int


class PastFacts:
    """Facts before each of the moments; every order and place is computed once."""

    def __init__(self, facts: KeyedFacts, moments: AsOfMoments) -> None:
        self.facts, self.moments = facts, moments
        self.clock = Clock(np.concatenate([facts.event, facts.visible]), moments.size)
        self._expired: dict[int, Longs] = {}

    @cached_property
    def by_visible(self) -> PackedOrder:
        """Facts in order of key and when they became visible."""
        return PackedOrder.from_moments(self.clock, self.facts.keys, self.facts.visible)

    @cached_property
    def by_event(self) -> PackedOrder:
        """Facts in order of key and when they happened."""
        return PackedOrder.from_moments(self.clock, self.facts.keys, self.facts.event)

    @cached_property
    def start(self) -> Longs:
        """Facts of smaller keys [n]."""
        return self.by_visible.starts(self.moments.keys)

    @cached_property
    def end(self) -> Longs:
        """Facts of smaller keys, and those of the key that were visible before ``as_of`` [n]."""
        return self.by_visible.before(self.moments.keys, self.moments.at)

    def expired(self, days: int) -> Longs:
        """Facts of smaller keys, and those of the key that happened before ``as_of - days`` [n]."""
        if days not in self._expired:
            self._expired[days] = self.by_event.before(self.moments.keys, self.moments.at - days * DAY_US)
        return self._expired[days]

    def total(self, values: Longs, days: int | None) -> Longs:
        """Sum of ``values`` [facts] over the window before each moment [n]."""
        if days is None:
            sums = self.by_visible.running(values)
            return sums[self.end] - sums[self.start]
        counts = self.facts.visible <= self.facts.event + days * DAY_US
        if not counts.all():
            values = np.where(counts, values, 0)
        # Facts of smaller keys cancel out, because both orders hold the same ones.
        return self.by_visible.running(values)[self.end] - self.by_event.running(values)[self.expired(days)]

    def largest(self, values: Longs, size: int) -> Longs:
        """Largest of ``values`` [facts] (from -1 to below ``size``) among visible facts, -1 for none [n]."""
        if not len(values):
            return np.full(len(self.moments.at), -1)
        running = self.by_visible.running_max(self.facts.keys, values, size)
        return np.where(self.end > self.start, running[np.maximum(self.end - 1, 0)], -1)

    def latest_visible(self) -> Longs:
        """When the newest fact visible at each moment became visible [n], ``NEVER`` where there is none.

        It comes from the facts' own times, so a fact at or after its moment would show.
        """
        if not len(self.facts.keys):
            return np.full(len(self.moments.at), NEVER)
        last = self.by_visible.order[np.maximum(self.end - 1, 0)]
        return np.where(self.end > self.start, self.facts.visible[last], NEVER)

    def count_before(self, keys: Longs, moments: Longs) -> Longs:
        """How many steps (key, moment) lie strictly before each moment of the same key [n]."""
        steps = PackedOrder.from_moments(Clock(moments, self.moments.size), keys, moments)
        return steps.before(self.moments.keys, self.moments.at) - steps.starts(self.moments.keys)


def compute_features(view: View, past: PastFacts) -> dict[str, Doubles]:
    """Every feature of a view at every moment.

    Args:
        view: what to compute.
        past: facts and moments.

    Returns:
        An array [n] for each feature, by name; NaN is null.
    """
    values: dict[str, Doubles] = {}
    for feature in view.features:
        compute = KINDS.get(feature.kind)
        values[feature.name] = compute(past, feature) if compute else _ratio(values, feature)
    return values


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
    """Distinct values in the window: those that entered it before the moment less those that left it."""
    column = past.facts.codes[feature.of]
    facts = past.facts.where(past.facts.consumed & (column.codes >= 0))
    values = facts.codes[feature.of]
    pairs = facts.keys * values.size + values.codes
    clock = Clock(np.concatenate([facts.event, facts.visible]), past.moments.size * values.size)
    by_visible = PackedOrder.from_moments(clock, pairs, facts.visible)
    order = by_visible.order
    keys, visible, sorted_pairs = facts.keys[order], facts.visible[order], pairs[order]
    is_first = np.concatenate([[True], sorted_pairs[1:] != sorted_pairs[:-1]])[: len(pairs)]
    if feature.window is None:
        return past.count_before(keys[is_first], visible[is_first]).astype(np.float64)
    newest = by_visible.running_max(pairs, clock.at(facts.event), clock.size)
    ends = clock.moment(newest) + feature.window * DAY_US
    enters = is_first | (np.roll(ends, 1) <= visible)
    leaves = np.roll(is_first, -1) | (ends <= np.roll(visible, -1))
    inside = past.count_before(keys[enters], visible[enters])
    return (inside - past.count_before(keys[leaves], np.maximum(ends, visible)[leaves])).astype(np.float64)


def _entropy(past: PastFacts, feature: Feature) -> Doubles:
    """Shannon entropy of the consumed values, ``log N - (sum of c log c) / N`` in nats; null without values."""
    assert feature.window is not None
    window = feature.window * DAY_US
    column = past.facts.codes[feature.of]
    counts_ever = past.facts.consumed & (column.codes >= 0) & (past.facts.visible <= past.facts.event + window)
    facts = past.facts.where(counts_ever)
    values = facts.codes[feature.of]
    size = past.moments.size * values.size
    keys = np.concatenate([facts.keys, facts.keys])
    # Each fact enters and leaves, so the count of a pair ends at 0, where the next pair begins.
    moments = np.concatenate([facts.visible, facts.event + window])
    signs = np.repeat(np.array([1, -1]), len(facts.keys))
    pairs = keys * values.size + np.concatenate([values.codes, values.codes])
    order = np.lexsort((-signs, Clock(moments, size).at(moments), pairs))
    counts = np.cumsum(signs[order])
    change = np.zeros(len(order), np.int64)
    change[order] = _c_log_c(counts) - _c_log_c(counts - signs[order])
    steps = PackedOrder.from_moments(Clock(moments, past.moments.size), keys, moments)
    end, start = steps.before(past.moments.keys, past.moments.at), steps.starts(past.moments.keys)
    total, inside = (steps.running(column)[end] - steps.running(column)[start] for column in (change, signs))
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = np.log(inside) - total / _ENTROPY_SCALE / inside
    return np.where(inside > 0, np.maximum(entropy, 0.0), np.nan)


def _c_log_c(counts: Longs) -> Longs:
    positive = np.maximum(counts, 1)
    return np.rint(positive * np.log(positive) * _ENTROPY_SCALE).astype(np.int64)


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
    gap = past.moments.at - past.clock.moment(np.maximum(numbers, 0)) if len(past.facts.keys) else past.moments.at
    is_defined = (numbers >= 0) & (gap <= feature.window * DAY_US if feature.window else True)
    return np.where(is_defined, gap / DAY_US, np.nan)


def _last(past: PastFacts, feature: Feature) -> Doubles:
    """Amount of the newest visible consumption; at one moment the one known later wins, then the larger."""
    facts = past.facts
    amounts = facts.amounts[feature.of]
    newest_last = np.lexsort((amounts, facts.visible, facts.event))
    ranks = np.empty(len(amounts), np.int64)
    ranks[newest_last] = np.arange(len(amounts))
    newest = past.largest(np.where(facts.consumed, ranks, -1), len(amounts))
    if not len(amounts):
        return np.full(len(newest), np.nan)
    rows = newest_last[np.maximum(newest, 0)]
    is_defined = newest >= 0
    if feature.window is not None:
        is_defined &= facts.event[rows] >= past.moments.at - feature.window * DAY_US
    return np.where(is_defined, amounts[rows] / MILLIONTHS, np.nan)


def _ratio(values: Mapping[str, Doubles], feature: Feature) -> Doubles:
    return _divide(values[feature.of], reduce(np.add, [values[name] for name in feature.per]))


def _divide(part: Doubles, total: Doubles | Longs) -> Doubles:
    quotient: Doubles = np.divide(part, total, out=np.full(len(part), np.nan), where=total > 0)
    return quotient


KINDS: dict[Kind, Callable[[PastFacts, Feature], Doubles]] = {
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
"""The computation of each kind, except those that are derived from other features."""
