"""Outages: days for which the log has far too little data, detected before labels rest on them."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from jobs.runtime.command_options import job_command
from jobs.runtime.metric_history import keep_metrics
from jobs.runtime.outages import update_outages
from jobs.runtime.run_context import RunContext
from longplay.config.duration import DAY
from quality.monitoring.anomaly_detection import find_recent_anomalies
from quality.monitoring.metric_history import read_metric_history


@job_command("outages")
def command(context: RunContext) -> None:
    """Detect days of which the log holds far fewer returning users than expected, and list them.

    Each day is compared with the same weekday of earlier weeks. Labels that rest on such a day become void, with the
    reason 'outage', as of when the outage was known. build-signals detects outages by itself. If people really behaved
    that way, declare it in the settings: quality.outages.told with dismissed: true. Unexpected metrics of the last
    four weeks follow below the outages.

    Example: longplay outages --source world
    """
    with context.progress.step("outages"):
        rows = update_outages(context)
    for line in describe_outages(rows):
        click.echo(line)
    keep_metrics(context)
    for anomaly in find_recent_anomalies(read_metric_history(context.folder), context.log.frontier.date()):
        click.echo(anomaly.text())


def describe_outages(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each unbroken outage, the oldest first.

    Args:
        rows: rows of the table ``outages``.
    """
    starts = sorted({row["outage"] for row in rows})
    outages = [sorted((r for r in rows if r["outage"] == start), key=lambda r: r["start"]) for start in starts]
    return ["".join(_describe_outage(parts)) for parts in outages] or ["no outage"]


def _describe_outage(parts: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Interval and counts of an outage, and why it no longer counts.

    Args:
        parts: its parts, in order of time.
    """
    first, last = parts[0], parts[-1]
    days = (last["end"] - first["start"]) // DAY
    yield f"[{first['start']:%Y-%m-%d}, {last['end']:%Y-%m-%d}) {days} d"
    if first["found_by"] == "counts":
        metric = first["metric"].replace("_", " ")
        yield f": {first['found']:,.0f} {metric} on the first day, {first['expected']:,.0f} expected"
    withdrawals = {(part["withdrawn_at"], part["reason"]) for part in parts if part["withdrawn_at"] is not None}
    for withdrawn_at, reason in sorted(withdrawals):
        yield f"; withdrawn on {withdrawn_at:%Y-%m-%d}: {reason}"
    if first["found_by"] == "settings":
        yield f": declared: {first['reason']}"


if __name__ == "__main__":
    command()
