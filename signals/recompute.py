"""Which anchors may have other values than before, and what has to be read again for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import Self

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from signals.compute import RecomputeScope
from signals.maturity import Knowledge, OutageFlag
from signals.outage_voids import find_watermark_reached_at, flags_known_at
from tables.checkpoint import Checkpoint

Days = tuple[date, date]
"""An interval of days, both ends in."""


@dataclass(frozen=True)
class Reread:
    """What an increment reads again.

    Attributes:
        renewal: which anchors may have other values.
        events: facts of these days.
        exposures: exposures of these days.
    """

    renewal: RecomputeScope
    events: list[Days]
    exposures: list[Days]


@dataclass(frozen=True)
class Turns:
    """What became of outages since values were made.

    Attributes:
        told: every outage of now, as the commit of the values says it.
        new: those that began or ceased to count since.
        rewritten: whether they are others even as known then: a setting or a count has changed.
    """

    told: list[list[str]]
    new: tuple[OutageFlag, ...] = ()
    rewritten: bool = False

    @classmethod
    def of(cls, done: Checkpoint | None, knowledge: Knowledge) -> Self:
        """Hold the outages of now against what the values' last commit said."""
        told = _told(knowledge.flags)
        if done is None:
            return cls(told)
        then = find_watermark_reached_at(done.frontier, knowledge.history)
        new = tuple(f for f in knowledge.flags if f.known_ts > then or (f.withdrawn_ts and f.withdrawn_ts > then))
        return cls(told, new, _told(flags_known_at(knowledge.flags, then)) != done.facts.get("flags", []))


def _told(flags: Sequence[OutageFlag]) -> list[list[str]]:
    return sorted([str(value) for value in vars(flag).values()] for flag in flags)


def reread(
    definitions: Sequence[Definition],
    facts: Mapping[str, DataFrame],
    done: Checkpoint,
    turned: Sequence[OutageFlag] = (),
) -> Reread:
    """The anchors whose values may have changed since, and the days of everything that their values rest on.

    Args:
        definitions: what is computed.
        facts: tables of facts by name.
        done: how far the values were brought.
        turned: outages that began or ceased to count since: whatever overlaps one may have turned.
    """
    anchors, renewal = _renewal(definitions, facts, done, turned)
    within = [(low - _look_back(definitions), high + _span(definitions)) for low, high in anchors]
    shown = [(low - _rivals(definitions), high) for low, high in anchors]
    return Reread(renewal, _merged(within), _merged(shown))


def _renewal(
    definitions: Sequence[Definition], facts: Mapping[str, DataFrame], done: Checkpoint, turned: Sequence[OutageFlag]
) -> tuple[list[Days], RecomputeScope]:
    """The days of anchors whose values may have changed, and how to pick them: by day, and late ones by user too.

    A late fact lies in the windows of anchors before it, and in what anchors after it look back on.
    A release that came late touches the anchors of its item, whoever's they are.
    """
    span = _span(definitions)
    open_since = (done.frontier - span).date()
    by = {"events": ("event_day", "user_id"), "exposures": ("as_of_day", "user_id"), "episodes": ("day", "item_id")}
    late = []
    for table, frame in facts.items():
        day, key = by[table]
        told = frame.withColumn("day", F.to_date("released_ts")) if table == "episodes" else frame
        new = told.where(done.is_new() & (F.col(day) < F.lit(done.frontier)))
        late.append(new.select(F.lit(key).alias("by"), F.col(key).alias("key"), F.col(day).alias("day")))
    touched = reduce(DataFrame.unionByName, late).distinct()
    reach = _look_back(definitions)
    found_days = [row["day"] for row in touched.select("day").distinct().collect()]
    days = _merged([(day - span, day + reach) for day in found_days])
    hit = _merged([(f.start.date() - span, f.end.date() + _baseline(definitions)) for f in turned])

    def keep(anchors: DataFrame) -> DataFrame:
        is_open = F.col("t0") >= F.lit(done.frontier - span)
        if hit:
            is_open |= in_days(F.to_date("t0"), hit)
        if not days:
            return anchors.where(is_open)
        found, is_touched = anchors, F.lit(False)
        for key in ("user_id", *(["item_id"] if "episodes" in facts else [])):
            some = touched.where(F.col("by") == key).select(F.col("key").alias(key)).distinct()
            mark = f"_late_{key}"
            found = found.join(F.broadcast(some.withColumn(mark, F.lit(True))), key, "left")
            is_touched |= F.coalesce(mark, F.lit(False))
        is_late = is_touched & in_days(F.to_date("t0"), days)
        return found.where(is_open | is_late).select(*anchors.columns)

    return _merged([*days, *hit, (open_since, date.max - 2 * (span + reach + DAY))]), RecomputeScope(
        done.frontier, keep
    )


def _span(definitions: Sequence[Definition]) -> timedelta:
    """Longest time, in whole days, from an anchor to the maturity of its value, credit included."""
    credits = [d.credit.within for d in definitions if d.credit]
    longest = max([*(d.horizon for d in definitions), *credits])
    return timedelta(days=longest.days + 1)


def _look_back(definitions: Sequence[Definition]) -> timedelta:
    """How far before an anchor facts are read."""
    reach = [d.void.look_back for d in definitions if d.void.look_back]
    reach += [d.baseline for d in definitions if d.baseline]
    reach.append(_rivals(definitions))
    return timedelta(days=max(reach).days + 1)


def _baseline(definitions: Sequence[Definition]) -> timedelta:
    """How far before an anchor facts are measured, in whole days."""
    return timedelta(days=max([d.baseline for d in definitions if d.baseline], default=timedelta(0)).days + 1)


def _rivals(definitions: Sequence[Definition]) -> timedelta:
    """How far before an exposure others lie that may have a share in the same outcome."""
    return max([d.horizon for d in definitions if d.credit and d.credit.is_split], default=timedelta(0))


def _merged(days: Sequence[Days]) -> list[Days]:
    """Intervals that touch as one."""
    found: list[Days] = []
    for low, high in sorted(days):
        if found and low <= found[-1][1] + DAY:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def in_days(column: str | Column, days: Sequence[Days]) -> Column:
    """Whether a day lies in one of some intervals."""
    of = F.col(column) if isinstance(column, str) else column
    return reduce(lambda a, b: a | b, [of.between(F.lit(low), F.lit(high)) for low, high in days], F.lit(False))
