"""How the values of one signal stand in one source: figures made of the sums that :mod:`scan` gathered."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from longplay.site.signals.revisions import Revisions, revisions_of
from longplay.site.signals.scan import Gathered


@dataclass(frozen=True)
class Day:
    """The anchors of one UTC day as they stand now.

    Attributes:
        day: the day of t0.
        mature: number of mature anchors.
        open: number of open ones.
        void: number of void ones by reason.
        total: sum of the mature values.
    """

    day: date
    mature: int
    open: int
    void: Mapping[str, int]
    total: float

    @property
    def anchors(self) -> int:
        """All anchors of the day."""
        return self.mature + self.open + sum(self.void.values())


@dataclass(frozen=True)
class Age:
    """Open anchors of one age. ``seen`` is the sum of what was seen of them so far."""

    hours: int
    anchors: int
    seen: float


@dataclass(frozen=True)
class Standing:
    """Figures of one signal version in one source. Counts are anchors, as they stand now.

    Attributes:
        source: name of the source.
        version: Delta version of the values.
        known: newest moment of knowing among them (UTC).
        days: anchors by day of t0, in order.
        mean: mean of the mature values; None without any.
        deviation: their standard deviation.
        low: the smallest.
        high: the largest.
        levels: number of mature anchors by value, in order; empty where values are too many.
        ages: open anchors by age.
        revisions: what became of mature values.
    """

    source: str
    version: int
    known: datetime
    days: Sequence[Day]
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    levels: Sequence[tuple[float, int]]
    ages: Sequence[Age]
    revisions: Revisions

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
        """Void anchors by reason, by name of the reason."""
        found: Counter[str] = Counter()
        for day in self.days:
            found.update(day.void)
        return dict(sorted(found.items()))

    @property
    def anchors(self) -> int:
        """All anchors."""
        return self.mature + self.open + sum(self.void.values())

    @property
    def share(self) -> float:
        """Share of the anchors that are mature."""
        return self.mature / self.anchors


def standing(gathered: Gathered, signal: str, definition_hash: str) -> Standing | None:
    """The figures of one signal; None where the source has no value of it."""

    def own(table: pa.Table) -> pa.Table:
        return table.filter((pc.field("signal") == signal) & (pc.field("definition_hash") == definition_hash))

    known, totals = own(gathered.known).to_pylist(), own(gathered.totals).to_pylist()
    if not known:
        return None
    days = tuple(_days(own(gathered.days).to_pylist()))
    revised = own(gathered.revised)
    return Standing(
        source=gathered.source,
        version=gathered.version,
        known=known[0]["known_ts"],
        days=days,
        **_spread(totals[0] if totals else None),
        levels=tuple((row["value"], row["rows"]) for row in own(gathered.levels).to_pylist()),
        ages=tuple(Age(row["age_h"], row["rows"], row["prefix"]) for row in own(gathered.ages).to_pylist()),
        revisions=revisions_of(revised, sum(day.mature for day in days)),
    )


def unexplained(gathered: Gathered, known: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    """Values that no definition explains: pinned name, hash, number of anchors.

    Args:
        gathered: the sums of one source.
        known: hash of every definition by pinned name.
    """
    for row in gathered.known.to_pylist():
        if known.get(row["signal"]) != row["definition_hash"]:
            yield row["signal"], row["definition_hash"], row["rows"]


def _days(rows: Sequence[Mapping[str, Any]]) -> Iterator[Day]:
    """Every day from the first to the last, those without anchors too."""
    by_day: dict[date, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["t0_day"], []).append(row)
    first, last = min(by_day), max(by_day)
    for number in range((last - first).days + 1):
        yield _day(first + timedelta(days=number), by_day.get(first + timedelta(days=number), []))


def _day(day: date, rows: Sequence[Mapping[str, Any]]) -> Day:
    states: Counter[str] = Counter()
    void: Counter[str] = Counter()
    for row in rows:
        states[row["state"]] += row["rows"]
        if row["state"] == "void":
            void[row["void_reason"] or "no reason given"] += row["rows"]
    total = sum(row["value"] or 0.0 for row in rows if row["state"] == "mature")
    return Day(day, states["mature"], states["open"], dict(sorted(void.items())), total)


def _spread(total: Mapping[str, Any] | None) -> dict[str, float | None]:
    if total is None:
        return dict.fromkeys(("mean", "deviation", "low", "high"))
    mean = total["value"] / total["rows"]
    variance = max(total["square"] / total["rows"] - mean * mean, 0.0)
    return {"mean": mean, "deviation": variance**0.5, "low": total["low"], "high": total["high"]}
