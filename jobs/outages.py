"""Outages: days of which the log holds far too little are found before labels are made of them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import click
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.watermark import midnight
from jobs.runtime.command_options import job_command
from jobs.runtime.metric_history import keep_metrics
from jobs.runtime.run_context import RunContext
from quality.monitoring.anomaly_detection import recent
from quality.monitoring.daily_volume import day_counts
from quality.monitoring.metric_history import history
from quality.monitoring.outage_detection import Counts, Outage, Search, Told, outages
from signals.maturity import OutageFlag
from signals.outage_voids import find_watermark_reached_at
from tables.arrow_store import publish_rows, read_commit_metadata, read_rows
from tables.catalog import DAY_COUNTS, OUTAGES
from tables.publish import Lineage

SINGLE_DAYS = 400
"""Up to so many days are named one by one, so that only their files are read."""


def find_outages(context: RunContext) -> list[dict[str, Any]]:
    """Bring the counts of days, and the outages that follow from them, up to what is known now.

    The same deliveries and settings give the same outages, day by day or all at once.

    Returns:
        The rows of the table ``outages``.
    """
    counts = count_days(context)
    rows = [_row(context, one) for one in _outages(context, counts)]
    if not context.store.exists("outages") or _ordered(read_rows(context.folder, OUTAGES)) != _ordered(rows):
        inputs = context.versions("day_counts")
        facts = {"settings": context.settings.quality.outages.model_dump(mode="json", by_alias=True)}
        lineage = Lineage(context.run_id, context.fingerprint(inputs, facts), inputs, facts)
        context.progress.table(publish_rows(context.folder, OUTAGES, rows, lineage, context.gate.counts))
    return rows


def count_days(context: RunContext) -> list[dict[str, Any]]:
    """The rows of ``day_counts``: days of which something was delivered since the last time are counted anew."""
    recipe = context.fingerprint({}, {})
    told = read_commit_metadata(context.folder, DAY_COUNTS).get("facts", {})
    done = -1 if context.force or told.get("recipe") != recipe else int(told["batch"])
    there = [] if done < 0 else read_rows(context.folder, DAY_COUNTS)
    if done >= context.batch:
        return there
    events = context.store.read("events").where(F.col("batch") <= context.batch)
    days: set[date] = set()
    if done >= 0:
        new = events.where(F.col("batch") > done).select("event_day").distinct()
        days = {row["event_day"] for row in new.collect()}
        events = events.where(_among(days))
    rows = [row for row in there if row["event_day"] not in days] + _collected(day_counts(events))
    facts = {"batch": context.batch, "recipe": recipe}
    inputs = context.versions("events")
    lineage = Lineage(context.run_id, context.fingerprint(inputs, facts), inputs, facts)
    context.progress.table(publish_rows(context.folder, DAY_COUNTS, rows, lineage, context.gate.counts))
    return rows


def flags_of(context: RunContext) -> tuple[OutageFlag, ...]:
    """The outages that count, or did, as far as this run may look, as signals take them."""
    history, frontier = context.watermarks(), context.frontier
    found = []
    for row in read_rows(context.folder, OUTAGES):
        if row["judged_at"] <= frontier:
            at = row["withdrawn_at"]
            ends = find_watermark_reached_at(at, history) if at is not None and at <= frontier else None
            found.append(
                OutageFlag(row["start"], row["end"], find_watermark_reached_at(row["judged_at"], history), ends)
            )
    return tuple(sorted(found, key=repr))


def _outages(context: RunContext, counts: Sequence[dict[str, Any]]) -> list[Outage]:
    said = context.settings.quality.outages
    search = Search(said.metric, said.threshold, said.weeks, said.wait_days) if said.enabled else None
    told = [Told(midnight(t.start), midnight(t.end), midnight(t.known), t.reason, t.dismissed) for t in said.told]
    return outages(Counts.of(counts, said.metric), context.log_start.date(), context.frontier, search, told)


def _row(context: RunContext, one: Outage) -> dict[str, Any]:
    """A row of ``outages``."""
    history, ends = context.watermarks(), one.withdrawn_at
    known = {
        "known_ts": find_watermark_reached_at(one.judged_at, history),
        "withdrawn_ts": find_watermark_reached_at(ends, history) if ends is not None else None,
    }
    return {"source": context.source.name, **asdict(one), **known}


def _ordered(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(({name: row[name] for name in OUTAGES.column_names()} for row in rows), key=repr)


def _among(days: set[date]) -> Column:
    if not days:
        return F.lit(False)
    of = F.col("event_day")
    return of.isin(sorted(days)) if len(days) <= SINGLE_DAYS else of.between(min(days), max(days)) & of.isin(*days)


def _collected(frame: DataFrame) -> list[dict[str, Any]]:
    return [row.asDict() for row in frame.collect()]


@job_command("outages", short_help="Days of which the log holds far too little.")
def command(context: RunContext) -> None:
    """Find days of which the log holds far fewer users (or events) than expected, and say which they are.

    A day is held against the same weekday of the weeks before. Labels that rest on such a day become void, with the
    reason 'outage', from when it was known on; build-signals looks for them by itself. Where it was how people
    behaved, say so in the settings: quality.outages.told with dismissed: true. Below the outages stand metrics of the
    last four weeks that are not as they were expected to be.

    Example: longplay outages --source world
    """
    with context.progress.step("outages"):
        rows = find_outages(context)
    for line in lines(rows):
        click.echo(line)
    keep_metrics(context)
    for finding in recent(history(context.folder), context.frontier.date()):
        click.echo(finding.text())


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Each unbroken outage in a line, the oldest first."""
    found = []
    for start in sorted({row["outage"] for row in rows}):
        parts = sorted((row for row in rows if row["outage"] == start), key=lambda row: row["start"])
        first, last = parts[0], parts[-1]
        days = (last["end"] - first["start"]) // timedelta(days=1)
        what = f"[{first['start']:%Y-%m-%d}, {last['end']:%Y-%m-%d}) {days} d"
        if first["found_by"] == "counts":
            what += f": {first['found']:,.0f} {first['metric']} on the first day, {first['expected']:,.0f} expected"
        ends = {(row["withdrawn_at"], row["reason"]) for row in parts if row["withdrawn_at"] is not None}
        what += "".join(f"; withdrawn on {at:%Y-%m-%d}: {why}" for at, why in sorted(ends))
        if first["found_by"] == "settings":
            what += f": told: {first['reason']}"
        found.append(what)
    return found or ["no outage"]


if __name__ == "__main__":
    command()
