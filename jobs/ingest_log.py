"""Ingest: a raw log to events, exposures and quarantine; no row is silently dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.candidate_sampling import sample_candidates
from ingest import fact_tables, readers, watermark
from ingest.log_state import LogPosition, watermarks_of
from ingest.source_config import Source
from jobs.runtime.command_options import DATE, job_command, utc
from jobs.runtime.delivered_files import check_unchanged, delivery_id, list_file_states
from jobs.runtime.deliveries import (
    build_first_seen,
    check_row_identity,
    count_delivered_rows,
    next_batch,
    publish_facts,
    record_delivery,
)
from jobs.runtime.delivery_checks import check_delivery
from jobs.runtime.quarantine_release import finish_release
from jobs.runtime.raw_logs import ValidatedLog, count_users_by_day, find_newest_known_ts, read_log, report_unread_files
from jobs.runtime.run_context import RunContext
from quality.delivery_consistency import describe_heartbeat_faults, describe_repeated_rows
from tables import catalog
from tables.checkpoint import Checkpoint
from tables.publish import Lineage

REPEATED = "again"
"""Name of the count of rows that earlier deliveries already contained."""


@dataclass(frozen=True)
class Delivery:
    """One delivery of a source's logs.

    Attributes:
        batch: its number.
        fingerprint: a hash over its bytes and the source file.
        data: its file or folder.
        observed_at: when it was observed (UTC); later events get the reason ``future_time``.
        stated_at: ``observed_at`` if the caller or the heartbeat states it; otherwise None.
        heartbeat: the interval that it vouches for; None: it has no heartbeat.
    """

    batch: int
    fingerprint: str
    data: Path
    observed_at: datetime
    stated_at: datetime | None
    heartbeat: watermark.Heartbeat | None

    def to_row(self, completeness: watermark.ObservedCompleteness, counts: dict[str, int]) -> dict[str, Any]:
        """Its row in the table ``deliveries``."""
        return {
            "batch": self.batch,
            "delivery": self.fingerprint,
            "data": self.data.name,
            "observed_at": self.observed_at,
            "log_start": completeness.log_start,
            "complete_from": self.heartbeat.complete_from if self.heartbeat else None,
            "complete_until": completeness.watermark,
            # Without a stated time, the log counts as delivered on time.
            "complete_at": self.stated_at or completeness.watermark,
            "counts": counts,
        }


@dataclass(frozen=True)
class IngestPlan:
    """What a delivery will publish.

    Attributes:
        delivery: the delivery.
        logs: its validated logs, by name.
        earlier: rows of earlier deliveries in ``deliveries``.
        row: its own row in ``deliveries``; counts of repeated rows are added once its facts are published.
        frontier: the watermark that results from it (UTC).
    """

    delivery: Delivery
    logs: Mapping[str, ValidatedLog]
    earlier: Sequence[Mapping[str, Any]]
    row: dict[str, Any]
    frontier: datetime

    @property
    def earlier_counts(self) -> list[Mapping[str, int]]:
        """Counts of earlier deliveries, oldest first."""
        return [row["counts"] for row in self.earlier]


def ingest(context: RunContext, data: Path, observed_at: datetime | None = None) -> None:
    """Read one delivery of a source's logs and publish its clean rows. Only one ingest of a source runs at a time."""
    for log in context.source.logs.values():
        readers.locate(data, log)
    report_unread_files(context, data)
    heartbeat_file = _heartbeat_file(data, context.source)
    extra_files = [heartbeat_file] if heartbeat_file and heartbeat_file.is_file() else []
    files = list_file_states(data, extra_files)
    fingerprint = delivery_id(files, context.source.model_dump_json())
    with context.store.lock("ingest"):
        check_row_identity(context)
        finish_release(context)
        batch = _find_batch(context, fingerprint)
        if batch is not None and not context.force:
            context.progress.say(f"delivery {fingerprint} was ingested before; nothing to do (--force reads it again)")
            return
        heartbeat = watermark.read_heartbeat(heartbeat_file) if heartbeat_file else None
        stated_at = observed_at or (heartbeat.observed_at if heartbeat else None)
        number = next_batch(context) if batch is None else batch
        delivery = Delivery(number, fingerprint, data, stated_at or datetime.now(UTC), stated_at, heartbeat)
        plan = _plan_ingest(context, delivery)
        check_unchanged(files, list_file_states(data, extra_files), data)
        _publish_delivery(context, plan)


def _find_batch(context: RunContext, fingerprint: str) -> int | None:
    """The number of a delivery that was ingested before; None: it is new."""
    deliveries = context.log.deliveries() if context.log.has_deliveries else []
    return next((int(row["batch"]) for row in deliveries if row["delivery"] == fingerprint), None)


def _plan_ingest(context: RunContext, delivery: Delivery) -> IngestPlan:
    """Read and validate every log before anything is published, so that a fault in one leaves nothing half-written."""
    logs = {
        name: read_log(context, delivery.data, log, delivery.observed_at) for name, log in context.source.logs.items()
    }
    earlier = context.log.deliveries() if context.log.has_deliveries else []
    counts = {f"{name}/{count}": number for name, log in logs.items() for count, number in log.counts.items()}
    rows_by_log = {name: log.rows for name, log in logs.items()}
    counts |= check_delivery(context, rows_by_log, counts, [row["counts"] for row in earlier])
    row = delivery.to_row(_observe_completeness(context, delivery, logs["events"]), counts)
    history = watermarks_of([*earlier, row], context.source.completeness.begins)
    if delivery.heartbeat:
        _warn(
            context, describe_heartbeat_faults(delivery.heartbeat, find_newest_known_ts(logs["events"]), history[-1][1])
        )
    return IngestPlan(delivery, logs, earlier, row, history[-1][1])


def _observe_completeness(
    context: RunContext, delivery: Delivery, events: ValidatedLog
) -> watermark.ObservedCompleteness:
    """Where the log begins and up to when it is complete. Days are counted unless source and heartbeat state both."""
    complete_until = delivery.heartbeat.complete_until if delivery.heartbeat else None
    log_start = _find_stated_start(context.source, delivery)
    users_by_day = count_users_by_day(events) if complete_until is None or log_start is None else []
    min_users = context.source.completeness.min_users
    where = str(delivery.data)
    return watermark.observe_completeness(
        users_by_day, delivery.observed_at, min_users, complete_until, where, log_start
    )


def _find_stated_start(source: Source, delivery: Delivery) -> datetime | None:
    """Where the log begins, as source or heartbeat state it: late events must not move it."""
    if source.completeness.begins:
        return watermark.midnight(source.completeness.begins)
    return delivery.heartbeat.complete_from if delivery.heartbeat else None


def _publish_delivery(context: RunContext, plan: IngestPlan) -> None:
    """Publish facts, quarantine and, last, the row by which other steps learn of the delivery."""
    delivery = plan.delivery
    facts = {"data": delivery.data.name, "batch": delivery.batch}
    lineage = Lineage(context.run_id, delivery.fingerprint, {}, facts)
    _publish_logs(context, plan, lineage)
    for log in plan.logs.values():
        log.rows.unpersist()
    for name, log in plan.logs.items():
        plan.row["counts"][f"{name}/{REPEATED}"] = _count_repeated_rows(context, delivery, name, log)
    repeats = [describe_repeated_rows(name, plan.row["counts"], plan.earlier_counts) for name in plan.logs]
    _warn(context, [warning for warning in repeats if warning])
    record_delivery(context, plan.row, lineage)
    context.progress.say(f"delivery {delivery.batch}: complete until {plan.frontier:%Y-%m-%d %H:%M} UTC")


def _publish_logs(context: RunContext, plan: IngestPlan, lineage: Lineage) -> None:
    logs, batch = plan.logs, plan.delivery.batch
    events = fact_tables.build_events(logs["events"].rows, context.source.events, batch)
    publish_facts(context, "events", events, lineage)
    quarantined = [fact_tables.build_quarantine(log.rows, name, batch, context.run_id) for name, log in logs.items()]
    publish_facts(context, "quarantine", reduce(DataFrame.unionByName, quarantined), lineage)
    if "episodes" in logs:
        publish_facts(context, "episodes", fact_tables.build_episodes(logs["episodes"].rows, batch), lineage)
    build_first_seen(context, LogPosition(batch, plan.frontier))
    if "exposures" in logs:
        publish_facts(context, "exposures", fact_tables.build_exposures(logs["exposures"].rows, batch), lineage)
    else:
        facts = {**lineage.facts, "frontier": plan.frontier.isoformat()}
        candidates = _sample_exposures(context, batch, plan.frontier)
        publish_facts(context, "exposures", candidates, replace(lineage, facts=facts))


def _warn(context: RunContext, warnings: Sequence[str]) -> None:
    for warning in warnings:
        context.progress.say(f"warning: {warning}")


def _count_repeated_rows(context: RunContext, delivery: Delivery, name: str, log: ValidatedLog) -> int:
    """Count the rows of a log that an earlier delivery already contained, as facts or quarantined."""
    fingerprint, batch = delivery.fingerprint, delivery.batch
    new_facts = count_delivered_rows(context, name, fingerprint, batch)
    new_quarantined = count_delivered_rows(context, "quarantine", fingerprint, batch, name)
    return log.counts["read"] - log.erased - new_facts - new_quarantined


def _heartbeat_file(data: Path, source: Source) -> Path | None:
    name = source.completeness.heartbeat
    return (data if data.is_dir() else data.parent) / name if name else None


def _sample_exposures(context: RunContext, batch: int, frontier: datetime) -> DataFrame:
    """Sample candidates for the requests that became complete; earlier requests keep theirs.

    No rows without a sampler.
    """
    settings = context.source.candidates
    if settings is None:
        context.progress.say("no exposures and no candidates: only signals that need neither are computed, no rankers")
        return context.spark.createDataFrame([], catalog.get("exposures").ddl())
    commit_facts = context.store.commit_metadata("exposures").get("facts", {})
    events = context.store.read("events").where(F.col("known_ts") < F.lit(frontier))
    new_events = events.where(Checkpoint.from_commit(commit_facts).is_new()) if commit_facts else events
    row = new_events.where("is_click").agg(F.min("event_day")).first()
    first_day = row[0] if row is not None and row[0] is not None else date.max
    counted_from = first_day - timedelta(days=settings.popularity_days) if first_day != date.max else first_day
    popular_events = events.where(F.col("known_day") >= F.lit(counted_from))
    return sample_candidates(new_events, popular_events, context.store.read("first_seen"), settings, batch)


@job_command("ingest")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="File or folder of the raw log.")
@click.option("--observed-at", type=DATE, help="When the log was observed (UTC date). Later events are rejected. [now]")
def command(context: RunContext, data: Path, observed_at: datetime | None) -> None:
    """Read a raw log as its source file says, and publish its clean rows.

    Unusable rows go to the table quarantine, each with its reason; the counts add up to the rows read. Reading the
    same delivery again changes nothing.

    Example: longplay ingest --source online_retail --data online_retail.parquet
    """
    with context.progress.step("ingest"):
        ingest(context, data, utc(observed_at))


if __name__ == "__main__":
    command()
