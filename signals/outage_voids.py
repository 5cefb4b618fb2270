"""Outages that became known while the log went on: how they void values, as columns.

Such an outage counts from the moment it became known until it is withdrawn. A value stays open until it would be
mature. If an outage counts then, the value is void; otherwise it is mature. Whenever that changes later, a revision
records it, so what was known at a moment never changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from signals.maturity import Knowledge, MaturityColumns, OutageFlag

NEVER_TS = datetime(9999, 1, 1, tzinfo=UTC)
_AFTER_OUTAGE_CHANGE, _AFTER_FACT = 0, 1
"""Order of the steps of one moment."""
# Sail puts structs into one array only if the same of their fields may be null; a cast to these types lets all of them.
_MOMENT_TYPE = "struct<k:timestamp,order:int>"
_STEP_TYPE = "struct<k:timestamp,v:double,hit:boolean,turn:boolean>"


@dataclass(frozen=True)
class OutageVoids:
    """The outage flags that overlap what a value is read from.

    Intermediate results become columns of the frame, because nested expressions grow without bound.

    Attributes:
        maturity: window and maturity of the row's signal.
        knowledge: T and what is known by then.
    """

    maturity: MaturityColumns
    knowledge: Knowledge

    def __bool__(self) -> bool:
        """Whether there are any flags."""
        return bool(self.knowledge.flags)

    def overlapping(self) -> Column:
        """Flags that overlap what a value is read from: array<struct<start, end, known, withdrawn>>."""
        flags = F.array(*[_flag_literal(flag) for flag in self.knowledge.flags])
        reads_outages = self.maturity.definition.outage
        first, last = self.maturity.reads_from, self.maturity.reads_to
        return F.filter(flags, lambda flag: reads_outages & (first < flag["end"]) & (flag["start"] < last))

    def add_hits(self, values: DataFrame) -> DataFrame:
        """Adds ``hits``, the overlapping flags, which the methods below read; adds nothing if there are no flags."""
        return values.withColumn("hits", self.overlapping()) if self else values

    def is_void_at(self, moment: Column, value: Column) -> Column:
        """Whether an outage voids a value, as known at a moment. A value that settled early stands."""
        counts = F.exists("hits", lambda flag: (flag["known"] <= moment) & (moment < flag["withdrawn"]))
        return counts & ~F.coalesce(self.maturity.definition.settles_early & (value > 0), F.lit(False))

    def add_outage_steps(self, values: DataFrame) -> DataFrame:
        """Adds the effects of outages to ``steps``, which becomes array<struct<k, v, hit, turn>>. Same grain.

        A step is a moment after maturity at which the value changed, became void or ceased to be void. At one moment a
        change of an outage comes before a fact, so that whatever was known before stays as it was published.

        Args:
            values: with the columns of ``add_hits`` and of ``maturity``. ``value`` is the value at maturity; ``steps``,
                array<struct<k, v>>, holds its changes by late facts.
        """
        stepped = values.withColumn("_moments", self._step_moments()).withColumn("_every", self._steps_at_moments())

        def is_change(step: Column, number: Column) -> Column:
            previous = F.get("_every", number - 1)
            is_same = (step["hit"] == previous["hit"]) & (step["hit"] | step["v"].eqNullSafe(previous["v"]))
            return (number > 0) & ~is_same

        return stepped.withColumn("steps", F.filter("_every", is_change)).drop("_moments", "_every")

    def _step_moments(self) -> Column:
        """Moments after maturity at which something may have changed, in order: array<struct<k, order>>."""
        starts = F.transform("hits", lambda flag: flag["known"])
        ends = F.transform("hits", lambda flag: flag["withdrawn"])
        upto = F.least(F.lit(self.knowledge.known_at), F.col("superseded_ts") - F.expr("INTERVAL 1 MICROSECOND"))

        def is_after_maturity(moment: Column) -> Column:
            return (moment > self.maturity.matured_ts) & (moment <= upto)

        changes = F.array_distinct(F.filter(F.concat(starts, ends), is_after_maturity))
        facts = F.transform("steps", lambda step: step["k"])
        return F.array_sort(F.concat(_with_order(changes, _AFTER_OUTAGE_CHANGE), _with_order(facts, _AFTER_FACT)))

    def _steps_at_moments(self) -> Column:
        """What is known at maturity and at each later moment: array<struct<k, v, hit, turn>>."""

        def step_at(moment: Column) -> Column:
            is_turn = moment["order"] == _AFTER_OUTAGE_CHANGE
            earlier = F.filter("steps", lambda s: (s["k"] < moment["k"]) | (~is_turn & (s["k"] == moment["k"])))
            values = F.transform(earlier, lambda step: step["v"])
            return self._step(moment["k"], F.coalesce(F.try_element_at(values, F.lit(-1)), "value"), is_turn)

        at_maturity = self._step(self.maturity.matured_ts, F.col("value"), F.lit(False))
        return F.concat(F.array(at_maturity), F.transform("_moments", step_at))

    def _step(self, moment: Column, value: Column, is_turn: Column) -> Column:
        hit = self.is_void_at(moment, value).alias("hit")
        return F.struct(moment.alias("k"), value.alias("v"), hit, is_turn.alias("turn")).cast(_STEP_TYPE)


def _with_order(moments: Column, order: int) -> Column:
    return F.transform(
        moments, lambda moment: F.struct(moment.alias("k"), F.lit(order).alias("order")).cast(_MOMENT_TYPE)
    )


def _flag_literal(flag: OutageFlag) -> Column:
    return F.struct(
        F.lit(flag.start).alias("start"),
        F.lit(flag.end).alias("end"),
        F.lit(flag.known_ts).alias("known"),
        F.lit(flag.withdrawn_ts or NEVER_TS).alias("withdrawn"),
    )


def with_current_outages(knowledge: Knowledge) -> Knowledge:
    """Adds the flags that stand at T to the declared outages.

    For tables that are rebuilt for each T and keep no revisions.
    """
    flags = flags_known_at(knowledge.flags, knowledge.known_at)
    current = tuple((flag.start, flag.end) for flag in flags if flag.withdrawn_ts is None)
    return replace(knowledge, outages=(*knowledge.outages, *current), flags=())


def flags_known_at(flags: Sequence[OutageFlag], moment: datetime) -> list[OutageFlag]:
    """Flags as known at a moment: without those that became known later, and without later withdrawals."""
    known_flags = [flag for flag in flags if flag.known_ts <= moment]
    return [
        flag if flag.withdrawn_ts is None or flag.withdrawn_ts <= moment else replace(flag, withdrawn_ts=None)
        for flag in known_flags
    ]


def find_watermark_reached_at(moment: datetime, history: Sequence[tuple[datetime, datetime]]) -> datetime:
    """The first T with W(T) >= moment, by the watermark's history: ``watermark_reached_ts`` in plain Python."""
    if not history or moment <= history[0][1]:
        return moment
    return next((at for (_, low), (at, high) in pairwise(history) if low < moment <= high), moment)
