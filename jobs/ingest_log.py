"""Ingest: a raw log to events, exposures and quarantine; nothing is silently dropped."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import reduce
from pathlib import Path

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.candidates import sample
from ingest import facts, judge, raw, watermark
from ingest.source import Log, Source
from jobs.context import Job
from jobs.options import DATE, job_command, utc
from longplay.errors import InputError, QualityError
from tables import catalog
from tables.rows import one_row
from tables.store import SPARK_ERRORS, Lineage, spark_says


def ingest(job: Job, data: Path, observed_at: datetime | None = None) -> None:
    """Read one delivery of a source's logs and publish what is sound in it."""
    source = job.source
    for log in filter(None, (source.events, source.exposures)):
        raw.locate(data, log)
    beat = _heartbeat_file(data, source)
    batch = delivery_id(data, source.model_dump_json(), [beat] if beat and beat.is_file() else [])
    if not job.force and _is_known(job, batch):
        job.progress.say(f"delivery {batch} was ingested before; nothing to do (--force reads it again)")
        return
    heartbeat = watermark.read_heartbeat(beat) if beat else None
    observed = observed_at or (heartbeat and heartbeat.observed_at) or datetime.now(UTC)
    _ingest(job, data, batch, observed, heartbeat.complete_until if heartbeat else None)


def _has_delivery(job: Job) -> bool:
    return job.store.exists("deliveries")


def _is_known(job: Job, batch: str) -> bool:
    return _has_delivery(job) and any(row["batch_id"] == batch for row in job.deliveries())


def _ingest(job: Job, data: Path, batch: str, observed_at: datetime, heartbeat: datetime | None) -> None:
    # Every log is read and judged before anything is published, so that a fault in one leaves nothing half-written.
    logs = {"events": job.source.events, "exposures": job.source.exposures}
    read = {name: _read(job, data, log, observed_at) for name, log in logs.items() if log is not None}
    judged = {name: frame for name, (frame, _) in read.items()}
    counts = {f"{log}/{name}": n for log, (_, found) in read.items() for name, n in found.items()}
    days = _users_by_day(judged["events"])
    complete = watermark.observe(days, observed_at, job.source.completeness.min_users, heartbeat, str(data))
    # The log starts where its first delivery did.
    log_start = min(complete.log_start, job.delivery()["log_start"] if _has_delivery(job) else complete.log_start)
    lineage = Lineage(job.run_id, batch, {}, {"data": data.name})
    _publish(job, "events", facts.events(judged["events"], job.source.events, batch), lineage)
    aside = [facts.quarantine(frame, name, batch) for name, frame in judged.items()]
    _publish(job, "quarantine", reduce(DataFrame.unionByName, aside), lineage)
    shown = facts.exposures(judged["exposures"], batch) if "exposures" in judged else _sampled(job, batch)
    _publish(job, "exposures", shown, lineage)
    for frame in judged.values():
        frame.unpersist()
    row = {
        "batch_id": batch,
        "data": data.name,
        "observed_at": observed_at,
        "log_start": log_start,
        "watermark": complete.watermark,
        "counts": counts,
    }
    delivery = one_row(job.spark, row, catalog.get("deliveries"))
    _publish(job, "deliveries", delivery, lineage)
    job.progress.say(f"watermark {complete.watermark:%Y-%m-%d %H:%M} UTC, log starts {log_start:%Y-%m-%d}")


def _users_by_day(events: DataFrame) -> list[tuple[date, int]]:
    clean = events.where("reason IS NULL")
    days = clean.groupBy(F.to_date("event_ts").alias("day")).agg(F.count_distinct("user_id"))
    return [(row[0], int(row[1])) for row in days.collect()]


def _heartbeat_file(data: Path, source: Source) -> Path | None:
    beat = source.completeness.heartbeat
    return (data if data.is_dir() else data.parent) / beat if beat else None


def _sampled(job: Job, batch: str) -> DataFrame:
    """Sampled candidates; a request that has its draws keeps them, whatever was delivered since."""
    assert job.source.candidates is not None
    rows = sample(job.store.read("events"), job.source.candidates, batch)
    if not job.store.exists("exposures"):
        return rows
    drawn = job.store.read("exposures").select("request_id").distinct().withColumn("_drawn", F.lit(True))
    is_new = F.col("_drawn").isNull() | F.col("propensity").isNull()
    return rows.join(drawn, "request_id", "left").where(is_new).select(*rows.columns)


def _read(job: Job, data: Path, log: Log, observed_at: datetime) -> tuple[DataFrame, dict[str, int]]:
    """Judged rows of one log (cached: counted, watermarked and published from), and the counts by reason."""
    path = raw.locate(data, log)
    found = raw.read_raw(job.spark, path, job.source, log)
    try:
        judged = judge.judge(found, job.source, log, observed_at).persist()
        counts = facts.count_reasons(judged, log)
    except SPARK_ERRORS as error:
        raise InputError(
            "The raw log cannot be read as its source file says.",
            where=str(path),
            got=spark_says(error),
            fix="correct the source file, or deliver the log again; a filter that fails on a value wants "
            "try_cast(column AS double), because CSV columns are text",
        ) from error
    if counts["read"] == 0:
        raise InputError("The raw log is empty.", where=str(path), got="0 rows", fix="deliver it again")
    reasons = [name.removeprefix("exclusive:") for name in counts if name.startswith("exclusive:")]
    aside = [f"{r} {counts[f'exclusive:{r}']:,} ({counts[f'raw:{r}']:,} raw)" for r in reasons if counts[f"raw:{r}"]]
    said = f"; set aside: {', '.join(aside)}" if aside else ""
    job.progress.say(f"{path.name}: read {counts['read']:,} = clean {counts['clean']:,} + {_set_aside(counts):,}{said}")
    share = _set_aside(counts) / counts["read"]
    if share > job.source.quarantine_limit:
        raise QualityError(
            f"{share:.1%} of the rows would go to quarantine; nothing was published.",
            where=str(path),
            got=", ".join(aside),
            fix=f"mend the log, or raise quarantine_limit (now {job.source.quarantine_limit:.0%}) in the source file",
        )
    return judged, counts


def _set_aside(counts: dict[str, int]) -> int:
    return sum(n for name, n in counts.items() if name.startswith("exclusive:"))


def _publish(job: Job, table: str, frame: DataFrame, lineage: Lineage) -> None:
    job.progress.table(job.store.publish(frame, catalog.get(table), lineage, job.gate))


def delivery_id(data: Path, source: str, beside: Sequence[Path] = ()) -> str:
    """A hash over the delivered bytes and the source file: the same delivery is never counted twice.

    Args:
        data: the delivered file or folder.
        source: the source file's content.
        beside: files beside ``data`` that belong to the delivery (a heartbeat).
    """
    digest = hashlib.sha256(source.encode())
    found = {p for p in (data.rglob("*") if data.is_dir() else [data]) if p.is_file()}
    for path in sorted(found | set(beside)):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


@job_command("ingest", short_help="Raw log to events, exposures and quarantine.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="File or folder of the raw log.")
@click.option("--observed-at", type=DATE, help="When the log was observed (UTC date); later events are future. [now]")
def command(job: Job, data: Path, observed_at: datetime | None) -> None:
    """Read a raw log as its source file says, and publish what is sound in it.

    Rows that cannot be used go to the table quarantine, each with its reason; the counts add up to the rows read.
    Reading the same delivery again changes nothing.

    Example: longplay ingest --source online_retail --data online_retail.parquet
    """
    with job.progress.step("ingest"):
        ingest(job, data, utc(observed_at))


if __name__ == "__main__":
    command()
