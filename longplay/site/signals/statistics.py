"""Statistics of one signal in one source, computed from the aggregates of :mod:`scan`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from longplay.site.signals.revisions import RevisionStatistics, compute_revision_statistics
from longplay.site.signals.scan import SourceAggregates


@dataclass(frozen=True)
class DayCounts:
    """The anchors of one UTC day in their current state.

    Attributes:
        day: the day of t0.
        mature: number of mature anchors.
        open: number of open anchors.
        void: number of void anchors by reason.
        value_sum: sum of the mature values.
    """

    day: date
    mature: int
    open: int
    void: Mapping[str, int]
    value_sum: float

    @property
    def anchors(self) -> int:
        """All anchors of the day."""
        return self.mature + self.open + sum(self.void.values())


@dataclass(frozen=True)
class AgeCounts:
    """Open anchors of one age. ``visible_sum`` is the sum of what they show so far."""

    hours: int
    anchors: int
    visible_sum: float


@dataclass(frozen=True)
class SignalStatistics:
    """Statistics of one signal version in one source. Counts are anchors in their current state.

    Attributes:
        source: name of the source.
        version: Delta version of the values.
        known_at: newest ``known_ts`` of the values (UTC).
        days: anchors by day of t0, in order, without gaps.
        mean: mean of the mature values; None without any.
        deviation: standard deviation of the mature values.
        low: smallest mature value.
        high: largest mature value.
        value_counts: number of mature anchors by value, in order; empty if there are too many values.
        ages: open anchors by age.
        revisions: revisions of mature values.
    """

    source: str
    version: int
    known_at: datetime
    days: Sequence[DayCounts]
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    value_counts: Sequence[tuple[float, int]]
    ages: Sequence[AgeCounts]
    revisions: RevisionStatistics

    @cached_property
    def mature(self) -> int:
        """Mature anchors."""
        return sum(day.mature for day in self.days)

    @cached_property
    def open(self) -> int:
        """Open anchors."""
        return sum(day.open for day in self.days)

    @cached_property
    def void(self) -> Mapping[str, int]:
        """Void anchors by reason, in alphabetical order."""
        anchors: Counter[str] = Counter()
        for day in self.days:
            anchors.update(day.void)
        return dict(sorted(anchors.items()))

    @property
    def anchors(self) -> int:
        """All anchors."""
        return self.mature + self.open + sum(self.void.values())

    @property
    def share(self) -> float:
        """Share of the anchors that are mature."""
        return self.mature / self.anchors


def compute_statistics(aggregates: SourceAggregates, signal: str, definition_hash: str) -> SignalStatistics | None:
    """Compute the statistics of one signal; None if the source has no value of it."""

    def select(table: pa.Table) -> pa.Table:
        return table.filter((pc.field("signal") == signal) & (pc.field("definition_hash") == definition_hash))

    summary = select(aggregates.signals).to_pylist()
    if not summary:
        return None
    days = tuple(_count_days(select(aggregates.days).to_pylist()))
    ages = select(aggregates.ages).to_pylist()
    return SignalStatistics(
        source=aggregates.source,
        version=aggregates.version,
        known_at=summary[0]["known_ts"],
        days=days,
        **_compute_moments(select(aggregates.totals).to_pylist()),
        value_counts=tuple((row["value"], row["rows"]) for row in select(aggregates.value_counts).to_pylist()),
        ages=tuple(AgeCounts(row["age_h"], row["rows"], row["prefix"]) for row in ages),
        revisions=compute_revision_statistics(select(aggregates.revised), sum(day.mature for day in days)),
    )


def find_undefined_values(
    aggregates: SourceAggregates, hash_by_ref: Mapping[str, str]
) -> Iterator[tuple[str, str, int]]:
    """Find values that match no definition: pinned name, hash, number of anchors.

    Args:
        aggregates: the aggregates of one source.
        hash_by_ref: hash of every definition by pinned name.
    """
    for row in aggregates.signals.to_pylist():
        if hash_by_ref.get(row["signal"]) != row["definition_hash"]:
            yield row["signal"], row["definition_hash"], row["rows"]


def _count_days(rows: Sequence[Mapping[str, Any]]) -> Iterator[DayCounts]:
    """Every day from the first to the last, including those without anchors."""
    rows_by_day: dict[date, list[Mapping[str, Any]]] = {}
    for row in rows:
        rows_by_day.setdefault(row["t0_day"], []).append(row)
    first, last = min(rows_by_day), max(rows_by_day)
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        yield _count_day(day, rows_by_day.get(day, []))


def _count_day(day: date, rows: Sequence[Mapping[str, Any]]) -> DayCounts:
    states: Counter[str] = Counter()
    void: Counter[str] = Counter()
    for row in rows:
        states[row["state"]] += row["rows"]
        if row["state"] == "void":
            void[row["void_reason"] or "no reason given"] += row["rows"]
    value_sum = sum(row["value"] or 0.0 for row in rows if row["state"] == "mature")
    return DayCounts(day, states["mature"], states["open"], dict(sorted(void.items())), value_sum)


def _compute_moments(totals: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Mean, standard deviation and range, from at most one row of totals."""
    if not totals:
        return dict.fromkeys(("mean", "deviation", "low", "high"))
    total = totals[0]
    mean = total["value"] / total["rows"]
    variance = max(total["square"] / total["rows"] - mean * mean, 0.0)
    return {"mean": mean, "deviation": variance**0.5, "low": total["low"], "high": total["high"]}
