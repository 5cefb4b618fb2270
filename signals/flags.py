"""Outages that became known while the log went on: what they make of a value, as columns.

Such an outage counts from the moment at which it was known and until it is withdrawn. A value waits, open, until it
would be mature; if an outage counts then it is void, else mature; and whenever that changes later a revision says so.
So what was known at a moment is never changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from pyspark.sql import Column
from pyspark.sql import functions as F

from signals.horizons import Flag, Horizon, Knowledge
from signals.terms import Terms

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Flags:
    """Flags that overlap what a value reads. None of its columns may be used where there are no flags at all."""

    terms: Terms
    frame: Horizon
    knowledge: Knowledge

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.knowledge.flags)

    def hits(self) -> Column:
        """Those that a value's facts overlap: array<struct<start, end, known, withdrawn>>."""
        every = F.array(*[_literal(flag) for flag in self.knowledge.flags])
        return F.filter(
            every,
            lambda f: self.terms.outage & (self.frame.reads_from < f["end"]) & (f["start"] < self.frame.reads_to),
        )

    def spoil(self, moment: Column, value: Column) -> Column:
        """Whether a value is void by an outage, as known at a moment; one that settles early and was seen is not."""
        counts = F.exists(self.hits(), lambda f: (f["known"] <= moment) & (moment < f["withdrawn"]))
        return counts & ~F.coalesce(self.terms.settles_early & (value > 0), F.lit(False))

    def turns(self, after: Column) -> Column:
        """Moments after another at which an outage began or ceased to count, known at T: array<timestamp>."""
        every = F.flatten(F.transform(self.hits(), lambda f: F.array(f["known"], f["withdrawn"])))
        at = F.lit(self.knowledge.known_at)
        return F.array_sort(F.array_distinct(F.filter(every, lambda m: (m > after) & (m <= at))))


def _literal(flag: Flag) -> Column:
    return F.struct(
        F.lit(flag.start).alias("start"),
        F.lit(flag.end).alias("end"),
        F.lit(flag.known_ts).alias("known"),
        F.lit(flag.withdrawn_ts or NEVER).alias("withdrawn"),
    )


def with_standing(knowledge: Knowledge) -> Knowledge:
    """The same with the flags that stand at T as outages: for what is made anew for each T, and keeps no revisions."""
    flags = as_known_then(knowledge.flags, knowledge.known_at)
    standing = tuple((flag.start, flag.end) for flag in flags if flag.withdrawn_ts is None)
    return replace(knowledge, outages=(*knowledge.outages, *standing), flags=())


def as_known_then(flags: Sequence[Flag], moment: datetime) -> list[Flag]:
    """Flags as they were known at a moment: those known later are not there, and none is withdrawn yet later."""
    known = [flag for flag in flags if flag.known_ts <= moment]
    return [f if f.withdrawn_ts is None or f.withdrawn_ts <= moment else replace(f, withdrawn_ts=None) for f in known]


def known_from(moment: datetime, history: Sequence[tuple[datetime, datetime]]) -> datetime:
    """The first T with W(T) >= moment, by the watermark's history; the twin in Python of ``horizons.reached_at``."""
    if not history or moment <= history[0][1]:
        return moment
    return next((at for (_, low), (at, high) in pairwise(history) if low < moment <= high), moment)
