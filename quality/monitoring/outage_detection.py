"""Outages: days of which a log holds far too little, told from the counts of days. Pure Python, no Spark.

A day is judged once, when the watermark has passed its end and a wait, by what was known then, against days before it
as they were known after the same wait. So what is found is the same whether days come one by one or all at once, and
when it was known is part of it. Facts that come later may withdraw it, and so may somebody who knows better.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, Self

from ingest.watermark import midnight
from longplay.config.duration import DAY
from quality.monitoring.anomaly_detection import Expected, Seasonal

FEWEST = 5.0
"""Where fewer are expected than this, a day says nothing: it goes on as the day before."""
Of = Literal["users", "events"]


@dataclass(frozen=True)
class Told:
    """An interval that someone told, ``[start, end)`` UTC, and from when on it was known.

    Attributes:
        dismissed: not an outage: people behaved so. What is found in it counts no more from ``known`` on.
    """

    start: datetime
    end: datetime
    known: datetime
    reason: str
    dismissed: bool = False


@dataclass(frozen=True)
class Outage:
    """A part of an outage, ``[start, end)`` UTC: a day that was found, or an interval that was told.

    Attributes:
        outage: start of the unbroken outage that it is part of.
        judged_at: the watermark at which it counts.
        withdrawn_at: the watermark at which it counts no more; None: it does.
    """

    outage: datetime
    start: datetime
    end: datetime
    found_by: Literal["counts", "settings"]
    judged_at: datetime
    metric: Of | None = None
    expected: float | None = None
    found: float | None = None
    withdrawn_at: datetime | None = None
    dismissed: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Counts:
    """What had become known of each day by when: day, then known day, then how many more."""

    by_day: Mapping[date, Mapping[date, float]]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, date | int]], of: Of) -> Self:
        """From rows of the table ``day_counts``."""
        found: dict[date, dict[date, float]] = defaultdict(dict)
        for row in rows:
            day, known, number = row["event_day"], row["known_day"], row[of]
            assert isinstance(day, date)
            assert isinstance(known, date)
            assert isinstance(number, int)
            found[day][known] = float(number)
        return cls(found)

    def known(self, day: date, by: datetime) -> float:
        """How many of a day were known before a midnight."""
        return sum(n for known, n in self.by_day.get(day, {}).items() if known < by.date())

    def reaches(self, day: date, number: float, after: datetime) -> datetime | None:
        """The first midnight after a moment by which so many of a day were known; None: never."""
        ends = sorted(midnight(known + DAY) for known in self.by_day.get(day, {}))
        return next((end for end in ends if end > after and self.known(day, end) >= number), None)


@dataclass(frozen=True)
class Search:
    """How outages are looked for.

    Attributes:
        of: what is counted.
        share: below this share of what is expected a day is low.
        weeks: so many usual days of the same weekday say what is expected.
        wait_days: a day is judged so many days after its end.
    """

    of: Of = "users"
    share: float = 0.5
    weeks: int = 6
    wait_days: int = 1

    def judged_at(self, day: date) -> datetime:
        """The watermark at which a day is judged."""
        return midnight(day + (1 + self.wait_days) * DAY)


def outages(
    counts: Counts, first: date, watermark: datetime, search: Search | None, told: Sequence[Told] = ()
) -> list[Outage]:
    """Every part of an outage that counts, or did, at a watermark; those found by day, then those that were told.

    Args:
        counts: what was known of each day by when.
        first: the first day of the log.
        watermark: how far the log is known to be complete.
        search: how to look; None: what was told is all.
        told: what someone told.
    """
    by_hand = [
        Outage(t.start, t.start, t.end, "settings", t.known, reason=t.reason)
        for t in told
        if not t.dismissed and t.known <= watermark
    ]
    dismissals = [t for t in told if t.dismissed and t.known <= watermark]
    return [*(_found(counts, first, watermark, search, dismissals) if search else []), *by_hand]


def _found(
    counts: Counts, first: date, watermark: datetime, search: Search, dismissals: Sequence[Told]
) -> list[Outage]:
    rule = Seasonal(weeks=search.weeks, share=search.share)
    usual: dict[date, float] = {}
    found: list[Outage] = []
    day = first
    while (judged := search.judged_at(day)) <= watermark:
        # What was found too low and has been withdrawn since is usual like any other day.
        for one in found:
            if one.withdrawn_at is not None and one.withdrawn_at <= judged:
                usual[one.start.date()] = counts.known(one.start.date(), judged)
        value, before = counts.known(day, judged), _goes_on(found, day, judged)
        expected = rule.expects(usual, day)
        is_dismissed = any(t.known <= judged and _overlaps(t, day) for t in dismissals)
        if expected is None or is_dismissed or not _is_low(value, expected, search, before):
            usual[day] = value
        else:
            found.append(_part(day, value, expected, before, search))
            found[-1] = _withdrawn(found[-1], before, counts, watermark, dismissals, search)
        day += DAY
    return found


def _goes_on(found: Sequence[Outage], day: date, judged: datetime) -> Outage | None:
    """The outage of the day before, if there was one and it still counts."""
    last = found[-1] if found else None
    if last is None or last.end != midnight(day) or (last.withdrawn_at is not None and last.withdrawn_at <= judged):
        return None
    return last


def _is_low(value: float, expected: Expected, search: Search, before: Outage | None) -> bool:
    """An outage begins where a day is low beyond chance, and goes on while days are low, or say nothing."""
    assert expected.centre is not None
    assert expected.low is not None
    if before is None:
        return value < expected.low
    return expected.centre < FEWEST or value < search.share * expected.centre


def _part(day: date, value: float, expected: Expected, before: Outage | None, search: Search) -> Outage:
    assert expected.centre is not None
    start = midnight(day)
    says = expected.centre >= FEWEST
    return Outage(
        before.outage if before else start, start, start + DAY, "counts", search.judged_at(day), search.of,
        expected.centre if says else None, value,
    )  # fmt: skip


def _withdrawn(
    one: Outage,
    before: Outage | None,
    counts: Counts,
    watermark: datetime,
    dismissals: Sequence[Told],
    search: Search,
) -> Outage:
    """The same with when and why it is withdrawn, if it is by the watermark: at the first reason to."""
    day = one.start.date()
    if one.expected is not None:
        filled = counts.reaches(day, search.share * one.expected, one.judged_at)
    else:  # a day that says nothing stands and falls with the one before it
        filled = before.withdrawn_at if before is not None and not before.dismissed else None
    ends = [(filled, False, "enough of it became known later")] if filled is not None else []
    ends += [(t.known, True, t.reason) for t in dismissals if _overlaps(t, day) and t.known > one.judged_at]
    at, dismissed, reason = min(ends, default=(None, False, None), key=lambda end: (end[0], end[1]))
    if at is None or at > watermark:
        return one
    return replace(one, withdrawn_at=at, dismissed=dismissed, reason=reason)


def _overlaps(told: Told, day: date) -> bool:
    return told.start < midnight(day + DAY) and midnight(day) < told.end
