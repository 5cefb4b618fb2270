"""Outages that became known while the log went on: what they make of a value, as columns.

Such an outage counts from the moment at which it was known and until it is withdrawn. A value waits, open, until it
would be mature; if an outage counts then it is void, else mature; and whenever that changes later a revision says so.
So what was known at a moment is never changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from itertools import pairwise
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from signals.definition_columns import DefinitionColumns
from signals.maturity import Knowledge, MaturityColumns, OutageFlag

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class OutageVoids:
    """Flags that overlap what a value rests on.

    What is told of them goes into columns step by step, since expressions within expressions grow without end.
    """

    terms: DefinitionColumns
    frame: MaturityColumns
    knowledge: Knowledge

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.knowledge.flags)

    def hits(self) -> Column:
        """Those that overlap what a value rests on: array<struct<start, end, known, withdrawn>>."""
        every = F.array(*[_literal(flag) for flag in self.knowledge.flags])
        first, last = self.frame.reads_from, self.frame.reads_to
        return F.filter(every, lambda f: self.terms.outage & (first < f["end"]) & (f["start"] < last))

    def may_turn(self) -> Column:
        """Whether one of them began or ceased to count when the value may have been mature."""
        due, at = self.frame.matures_at, F.lit(self.knowledge.known_at)

        def turns(flag: Column) -> Column:
            return reduce(or_, [(flag[name] > due) & (flag[name] <= at) for name in ("known", "withdrawn")])

        return F.exists(self.hits(), turns)

    def marked(self, told: DataFrame) -> DataFrame:
        """The same with ``hits`` and ``matured_ts``, which the methods below read; without flags as it is."""
        return told.withColumns({"hits": self.hits(), "matured_ts": self.frame.matured_ts}) if self else told

    def spoil(self, moment: Column, value: Column) -> Column:
        """Whether a value is void by an outage, as known at a moment; one that settles early and was seen is not."""
        counts = F.exists("hits", lambda f: (f["known"] <= moment) & (moment < f["withdrawn"]))
        return counts & ~F.coalesce(self.terms.settles_early & (value > 0), F.lit(False))

    def turned(self, told: DataFrame) -> DataFrame:
        """Steps with what outages make of them: ``steps`` becomes array<struct<k, v, hit, turn>>. Same grain.

        A step is a moment after maturity at which the value became another, or void, or no longer void. A turn of an
        outage comes before a fact of the same moment: what was known before it stays as it was told.

        Args:
            told: marked; ``value`` is the one at maturity, ``steps`` array<struct<k, v>> what late facts made of it.
        """
        told = told.withColumn("_moments", self._moments()).withColumn("_every", self._every())

        def changes(one: Column, number: Column) -> Column:
            last = F.get("_every", number - 1)
            same = (one["hit"] == last["hit"]) & (one["hit"] | one["v"].eqNullSafe(last["v"]))
            return (number > 0) & ~same

        return told.withColumn("steps", F.filter("_every", changes)).drop("_moments", "_every")

    def _moments(self) -> Column:
        """Moments after maturity at which something may have changed, in order: array<struct<k, order>>."""
        known = F.concat(F.transform("hits", lambda f: f["known"]), F.transform("hits", lambda f: f["withdrawn"]))
        upto = F.least(F.lit(self.knowledge.known_at), F.col("superseded_ts") - F.expr("INTERVAL 1 MICROSECOND"))
        turns = F.array_distinct(F.filter(known, lambda m: (m > F.col("matured_ts")) & (m <= upto)))
        facts = F.transform("steps", lambda step: step["k"])
        return F.array_sort(F.concat(_ordered(turns, 0), _ordered(facts, 1)))

    def _every(self) -> Column:
        """What is known at maturity, and from each of the moments on: array<struct<k, v, hit, turn>>."""

        def at(moment: Column) -> Column:
            is_turn = moment["order"] == 0
            known = F.filter("steps", lambda s: (s["k"] < moment["k"]) | (~is_turn & (s["k"] == moment["k"])))
            last = F.transform(known, lambda s: s["v"])
            return self._step(moment["k"], F.coalesce(F.try_element_at(last, F.lit(-1)), "value"), is_turn)

        begins = self._step(F.col("matured_ts"), F.col("value"), F.lit(False))
        return F.concat(F.array(begins), F.transform("_moments", at))

    def _step(self, moment: Column, value: Column, is_turn: Column) -> Column:
        hit = self.spoil(moment, value).alias("hit")
        return F.struct(moment.alias("k"), value.alias("v"), hit, is_turn.alias("turn"))


def _ordered(moments: Column, order: int) -> Column:
    return F.transform(moments, lambda m: F.struct(m.alias("k"), F.lit(order).alias("order")))


def _literal(flag: OutageFlag) -> Column:
    return F.struct(
        F.lit(flag.start).alias("start"),
        F.lit(flag.end).alias("end"),
        F.lit(flag.known_ts).alias("known"),
        F.lit(flag.withdrawn_ts or NEVER).alias("withdrawn"),
    )


def with_current_outages(knowledge: Knowledge) -> Knowledge:
    """The same with the flags that stand at T as outages: for what is made anew for each T, and keeps no revisions."""
    flags = flags_known_at(knowledge.flags, knowledge.known_at)
    standing = tuple((flag.start, flag.end) for flag in flags if flag.withdrawn_ts is None)
    return replace(knowledge, outages=(*knowledge.outages, *standing), flags=())


def flags_known_at(flags: Sequence[OutageFlag], moment: datetime) -> list[OutageFlag]:
    """Flags as they were known at a moment: those known later are not there, and none is withdrawn yet later."""
    known = [flag for flag in flags if flag.known_ts <= moment]
    return [f if f.withdrawn_ts is None or f.withdrawn_ts <= moment else replace(f, withdrawn_ts=None) for f in known]


def find_watermark_reached_at(moment: datetime, history: Sequence[tuple[datetime, datetime]]) -> datetime:
    """The first T with W(T) >= moment, by its history: ``watermark_reached_ts`` in Python."""
    if not history or moment <= history[0][1]:
        return moment
    return next((at for (_, low), (at, high) in pairwise(history) if low < moment <= high), moment)
