"""Outages: counts of days, the outages that follow from them, and how signals see those."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.log_state import LogState
from ingest.watermark import midnight
from jobs.runtime.run_context import RunContext
from quality.monitoring.daily_volume import compute_day_counts
from quality.monitoring.outage_detection import (
    DailyCounts,
    OutagePart,
    OutageSearch,
    StatedOutage,
    detect_outages,
)
from signals.maturity import OutageFlag
from signals.outage_voids import find_watermark_reached_at
from tables.arrow_store import read_commit_metadata, read_rows
from tables.catalog import DAY_COUNTS, OUTAGES

MAX_DAYS_LISTED = 400
"""Up to this many days are listed one by one, so that only their files are read."""
Rows = list[dict[str, Any]]


def update_outages(context: RunContext) -> Rows:
    """Bring the counts of days, and the outages that follow from them, up to date.

    The same deliveries and settings give the same outages, day by day or all at once.

    Returns:
        The rows of the table ``outages``.
    """
    rows = [_to_row(context, outage) for outage in _detect_outages(context, update_day_counts(context))]
    if not context.store.exists(OUTAGES.name) or _normalise(read_rows(context.folder, OUTAGES)) != _normalise(rows):
        facts = {"settings": context.settings.quality.outages.model_dump(mode="json", by_alias=True)}
        _publish_rows(context, OUTAGES.name, rows, context.tables.versions(DAY_COUNTS.name), facts)
    return rows


def update_day_counts(context: RunContext) -> Rows:
    """The rows of ``day_counts``. Only days that may have changed since the last run are recounted."""
    recipe, batch = context.tables.fingerprint(DAY_COUNTS.name, {}, {}), context.log.batch
    commit_facts = read_commit_metadata(context.folder, DAY_COUNTS).get("facts", {})
    is_rebuilt = context.force or commit_facts.get("recipe") != recipe
    counted_batch = -1 if is_rebuilt else int(commit_facts["batch"])
    counts = [] if is_rebuilt else read_rows(context.folder, DAY_COUNTS)
    if counted_batch >= batch:
        return counts
    recount = _recount_all(context, batch) if is_rebuilt else _recount_changed(context, batch, counted_batch)
    rows = [row for row in counts if not recount.covers(row["event_day"])] + recount.rows
    facts = {"batch": batch, "recipe": recipe}
    _publish_rows(context, DAY_COUNTS.name, rows, context.tables.versions("events", "first_seen"), facts)
    return rows


@dataclass(frozen=True)
class Recount:
    """Days that were counted again.

    Attributes:
        days: single days.
        first_day: all days from it on; None: no others.
        rows: their counts, as in ``day_counts``.
    """

    days: Set[date]
    first_day: date | None
    rows: Rows

    def covers(self, day: date) -> bool:
        """Whether a day was counted again."""
        return day in self.days or (self.first_day is not None and day >= self.first_day)


def _recount_all(context: RunContext, batch: int) -> Recount:
    events, first_seen = (_read_up_to(context, table, batch) for table in ("events", "first_seen"))
    return Recount(set(), date.min, _count(events, first_seen))


def _recount_changed(context: RunContext, batch: int, counted_batch: int) -> Recount:
    """Days with events after ``counted_batch``, and those on which a user turns out to have been seen before."""
    events, first_seen = (_read_up_to(context, table, batch) for table in ("events", "first_seen"))
    is_new = F.col("batch") > counted_batch
    days = {row["event_day"] for row in events.where(is_new).select("event_day").distinct().collect()}
    firsts = first_seen.where("kind = 'user'")
    earlier = firsts.where(is_new).join(firsts.where(~is_new).select("key").distinct(), "key", "left_semi")
    row = earlier.agg(F.min(F.to_date("event_ts"))).first()
    first_day: date | None = row[0] if row is not None else None
    changed = _is_among(days)
    if first_day is not None:
        changed = changed | (F.col("event_day") >= F.lit(first_day))
    return Recount(days, first_day, _count(events.where(changed), first_seen))


def _read_up_to(context: RunContext, table: str, batch: int) -> DataFrame:
    return context.store.read(table).where(F.col("batch") <= batch)


def _count(events: DataFrame, first_seen: DataFrame) -> Rows:
    return [row.asDict() for row in compute_day_counts(events, first_seen).collect()]


def read_outage_flags(log: LogState) -> tuple[OutageFlag, ...]:
    """The outages that count, or counted, by the deliveries of ``log``, as signals take them."""
    history, frontier = log.watermarks(), log.frontier
    flags = []
    for row in read_rows(log.folder, OUTAGES):
        if row["judged_at"] <= frontier:
            withdrawn_at = row["withdrawn_at"]
            is_withdrawn = withdrawn_at is not None and withdrawn_at <= frontier
            withdrawn_ts = find_watermark_reached_at(withdrawn_at, history) if is_withdrawn else None
            flags.append(
                OutageFlag(row["start"], row["end"], find_watermark_reached_at(row["judged_at"], history), withdrawn_ts)
            )
    return tuple(sorted(flags, key=repr))


def _detect_outages(context: RunContext, counts: Rows) -> list[OutagePart]:
    settings, log = context.settings.quality.outages, context.log
    search = OutageSearch(settings.metric, settings.threshold, settings.weeks, settings.wait_days)
    declared = [
        StatedOutage(midnight(o.start), midnight(o.end), midnight(o.known), o.reason, o.dismissed)
        for o in settings.declared
    ]
    counted = DailyCounts.from_rows(counts, settings.metric)
    return detect_outages(counted, log.log_start.date(), log.frontier, search if settings.enabled else None, declared)


def _to_row(context: RunContext, outage: OutagePart) -> dict[str, Any]:
    """A row of ``outages``."""
    history, withdrawn_at = context.log.watermarks(), outage.withdrawn_at
    known_times = {
        "known_ts": find_watermark_reached_at(outage.judged_at, history),
        "withdrawn_ts": find_watermark_reached_at(withdrawn_at, history) if withdrawn_at is not None else None,
    }
    return {"source": context.source.name, **outage.as_row(), **known_times}


def _normalise(rows: Rows) -> Rows:
    """Rows of ``outages`` in a fixed order of rows and columns."""
    return sorted(({name: row[name] for name in OUTAGES.column_names()} for row in rows), key=repr)


def _publish_rows(
    context: RunContext, table: str, rows: Rows, inputs: Mapping[str, int], facts: dict[str, Any]
) -> None:
    context.tables.publish_rows(table, rows, context.tables.lineage(table, inputs, facts))


def _is_among(days: set[date]) -> Column:
    day = F.col("event_day")
    if not days:
        return F.lit(False)
    is_listed = day.isin(*sorted(days))
    return is_listed if len(days) <= MAX_DAYS_LISTED else day.between(min(days), max(days)) & is_listed
