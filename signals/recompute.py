"""Recomputation: the anchors whose values may have changed since a checkpoint, and the facts that decide them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Self

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from signals.maturity import Knowledge, OutageFlag
from signals.outage_voids import find_watermark_reached_at, flags_known_at
from signals.value_states import RecomputeScope
from tables.checkpoint import Checkpoint

Days = tuple[date, date]
"""An interval of days, both ends included."""
_DAY_AND_KEY = {
    "events": ("event_day", "user_id"),
    "exposures": ("as_of_day", "user_id"),
    "episodes": ("day", "item_id"),
}
"""By table of facts: its column of days, and the column by which its rows are matched with anchors."""


@dataclass(frozen=True)
class Recomputation:
    """What an increment computes, and the days of the facts that it reads for that.

    Attributes:
        scope: the anchors whose values may have changed.
        event_days: days of events.
        exposure_days: days of exposures.
    """

    scope: RecomputeScope
    event_days: list[Days]
    exposure_days: list[Days]


@dataclass(frozen=True)
class OutageChanges:
    """How the known outages have changed since values were published.

    Attributes:
        as_commit_facts: every outage known now, as the commit of the values keeps it.
        changed: those that began or ceased to count since.
        is_history_rewritten: whether the outages known at that time would be others today, because a setting or a
            count has changed.
    """

    as_commit_facts: list[list[str]]
    changed: tuple[OutageFlag, ...] = ()
    is_history_rewritten: bool = False

    @classmethod
    def since(cls, checkpoint: Checkpoint | None, knowledge: Knowledge) -> Self:
        """Compare today's outages with those in the last commit of the values (None: there is no commit)."""
        as_commit_facts = _to_commit_facts(knowledge.flags)
        if checkpoint is None:
            return cls(as_commit_facts)
        then = find_watermark_reached_at(checkpoint.frontier, knowledge.history)
        changed = tuple(f for f in knowledge.flags if f.known_ts > then or (f.withdrawn_ts and f.withdrawn_ts > then))
        known_then = _to_commit_facts(flags_known_at(knowledge.flags, then))
        return cls(as_commit_facts, changed, known_then != checkpoint.facts.get("flags", []))


def _to_commit_facts(flags: Sequence[OutageFlag]) -> list[list[str]]:
    return sorted([str(value) for value in vars(flag).values()] for flag in flags)


@dataclass(frozen=True)
class ChangedAnchors:
    """Anchors whose values may have changed since a checkpoint.

    Attributes:
        open_since: anchors from this moment on (UTC) may have open values.
        outage_days: anchors of these days may rest on an outage that has changed.
        late_days: anchors of these days may rest on late facts, if a late fact has their user or item.
        late_keys: users and items with late facts. Columns ``column`` (``user_id`` or ``item_id``) and ``key``.
        key_columns: the columns of anchors that late facts are matched by.
    """

    open_since: datetime
    outage_days: list[Days]
    late_days: list[Days]
    late_keys: DataFrame
    key_columns: Sequence[str]

    def select_from(self, anchors: DataFrame) -> DataFrame:
        """Those of ``anchors`` whose values may have changed. Same grain."""
        anchor_day = F.to_date("t0")
        may_change = F.col("t0") >= F.lit(self.open_since)
        if self.outage_days:
            may_change |= in_days(anchor_day, self.outage_days)
        if not self.late_days:
            return anchors.where(may_change)
        marked, has_late_facts = anchors, F.lit(False)
        for column in self.key_columns:
            keys = self.late_keys.where(F.col("column") == column).select(F.col("key").alias(column)).distinct()
            mark = f"_late_{column}"
            marked = marked.join(F.broadcast(keys.withColumn(mark, F.lit(True))), column, "left")
            has_late_facts |= F.coalesce(mark, F.lit(False))
        may_change |= has_late_facts & in_days(anchor_day, self.late_days)
        return marked.where(may_change).select(*anchors.columns)


def plan_recomputation(
    definitions: Sequence[Definition],
    facts: Mapping[str, DataFrame],
    checkpoint: Checkpoint,
    changed_outages: Sequence[OutageFlag] = (),
) -> Recomputation:
    """The anchors whose values may have changed since a checkpoint, and the days of everything that decides them.

    A late fact may change the values of earlier anchors, whose windows contain it, and of later anchors that look back
    on it. A release of an episode that became known late may change those of its item, for every user.

    Args:
        definitions: what is computed.
        facts: tables of facts by name.
        checkpoint: how far the values were brought.
        changed_outages: outages that began or ceased to count since.
    """
    span, look_back, baseline = _maturity_span(definitions), _look_back_span(definitions), baseline_span(definitions)
    late_facts = _select_late_facts(facts, checkpoint)
    fact_days = [row["day"] for row in late_facts.select("day").distinct().collect()]
    late_days = _merge_intervals([(day - span, day + look_back) for day in fact_days])
    outage_days = _merge_intervals([(flag.start.date() - span, flag.end.date() + baseline) for flag in changed_outages])
    open_since = checkpoint.frontier - span
    key_columns = ("user_id", "item_id") if "episodes" in facts else ("user_id",)
    anchors = ChangedAnchors(open_since, outage_days, late_days, late_facts, key_columns)
    # The last day leaves room for the spans that are added to it below.
    open_days = (open_since.date(), date.max - 2 * (span + look_back + DAY))
    anchor_days = _merge_intervals([*late_days, *outage_days, open_days])
    return Recomputation(
        RecomputeScope(checkpoint.frontier, anchors.select_from),
        _merge_intervals([(first - look_back, last + span) for first, last in anchor_days]),
        _merge_intervals([(first - shared_credit_span(definitions), last) for first, last in anchor_days]),
    )


def _select_late_facts(facts: Mapping[str, DataFrame], checkpoint: Checkpoint) -> DataFrame:
    """New facts of days before the checkpoint's watermark. Columns: ``column``, ``key``, ``day``; distinct."""
    late_facts = []
    for table, rows in facts.items():
        day, column = _DAY_AND_KEY[table]
        dated = rows.withColumn("day", F.to_date("released_ts")) if table == "episodes" else rows
        late = dated.where(checkpoint.is_new() & (F.col(day) < F.lit(checkpoint.frontier)))
        late_facts.append(
            late.select(F.lit(column).alias("column"), F.col(column).alias("key"), F.col(day).alias("day"))
        )
    return reduce(DataFrame.unionByName, late_facts).distinct()


def _maturity_span(definitions: Sequence[Definition]) -> timedelta:
    """Longest time, in whole days, from an anchor to the maturity of its value, credit included."""
    credits = [d.credit.within for d in definitions if d.credit]
    longest = max([*(d.horizon for d in definitions), *credits])
    return timedelta(days=longest.days + 1)


def _look_back_span(definitions: Sequence[Definition]) -> timedelta:
    """How far before an anchor facts are read: for voids, baselines and shared credit."""
    reach = [d.void.look_back for d in definitions if d.void.look_back]
    reach += [d.baseline for d in definitions if d.baseline]
    reach.append(shared_credit_span(definitions))
    return timedelta(days=max(reach).days + 1)


def baseline_span(definitions: Sequence[Definition]) -> timedelta:
    """Longest baseline before an anchor, rounded up to whole days."""
    return timedelta(days=max([d.baseline for d in definitions if d.baseline], default=timedelta(0)).days + 1)


def shared_credit_span(definitions: Sequence[Definition]) -> timedelta:
    """Longest time, in whole days, between two exposures that may share the credit for one outcome; 0 if none may."""
    return timedelta(days=max([d.horizon.days + 1 for d in definitions if d.credit and d.credit.is_split], default=0))


def _merge_intervals(days: Sequence[Days]) -> list[Days]:
    """Merge intervals that overlap or touch."""
    merged: list[Days] = []
    for first, last in sorted(days):
        if merged and first <= merged[-1][1] + DAY:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def in_days(column: str | Column, days: Sequence[Days]) -> Column:
    """Whether a day lies in one of some intervals."""
    day = F.col(column) if isinstance(column, str) else column
    return reduce(or_, [day.between(F.lit(first), F.lit(last)) for first, last in days], F.lit(False))
