"""Ingest: a raw log to events, exposures and quarantine; nothing is silently dropped."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.candidates import sample
from ingest import facts, judge, raw, watermark
from ingest.source import Log
from jobs.context import Job
from jobs.options import DATE, job_command, utc
from longplay.errors import InputError, QualityError
from tables.store import Lineage


def ingest(job: Job, data: Path, observed_at: datetime | None = None) -> None:
    """Read one delivery of a source's logs and publish what is sound in it."""
    source = job.source
    for log in filter(None, (source.events, source.exposures)):
        raw.locate(data, log)
    batch = delivery_id(data, source.model_dump_json())
    if not job.force and job.store.exists("deliveries"):
        if job.store.read("deliveries").where(F.col("batch_id") == batch).count():
            job.progress.say(f"delivery {batch} was ingested before; nothing to do (--force reads it again)")
            return
    _ingest(job, data, batch, observed_at or datetime.now(UTC))


def _ingest(job: Job, data: Path, batch: str, observed_at: datetime) -> None:
    lineage = Lineage(job.run_id, batch, {}, {"data": data.name})
    events, counts = _read(job, data, job.source.events, observed_at)
    days = events.where("reason IS NULL").groupBy(F.to_date("event_ts").alias("day")).agg(F.count_distinct("user_id"))
    beat = job.source.completeness.heartbeat
    heartbeat = watermark.read_heartbeat((data if data.is_dir() else data.parent) / beat) if beat else None
    seen = [(row[0], int(row[1])) for row in days.collect()]
    complete = watermark.observe(seen, observed_at, job.source.completeness.min_users, heartbeat)
    _publish(job, "events", facts.events(events, job.source.events, batch), lineage)
    _publish(job, "quarantine", facts.quarantine(events, "events", batch), lineage)
    counts = {f"events/{name}": n for name, n in counts.items()}
    if job.source.exposures is not None:
        shown, more = _read(job, data, job.source.exposures, observed_at)
        _publish(job, "exposures", facts.exposures(shown, batch), lineage)
        _publish(job, "quarantine", facts.quarantine(shown, "exposures", batch), lineage)
        counts |= {f"exposures/{name}": n for name, n in more.items()}
        shown.unpersist()
    else:
        assert job.source.candidates is not None
        sampled = sample(job.store.read("events"), job.source.candidates, batch)
        _publish(job, "exposures", sampled, lineage)
    events.unpersist()
    row = (batch, data.name, observed_at, complete.log_start, complete.watermark, counts)
    columns = "batch_id string, data string, observed_at timestamp, log_start timestamp, watermark timestamp, "
    delivery = job.spark.createDataFrame([row], columns + "counts map<string,bigint>")
    _publish(job, "deliveries", delivery, lineage)
    job.progress.say(f"watermark {complete.watermark:%Y-%m-%d %H:%M} UTC, log starts {complete.log_start:%Y-%m-%d}")


def _read(job: Job, data: Path, log: Log, observed_at: datetime) -> tuple[DataFrame, dict[str, int]]:
    """Judged rows of one log (cached: counted, watermarked and published from), and the counts by reason."""
    path = raw.locate(data, log)
    judged = judge.judge(raw.read_raw(job.spark, path, job.source, log), job.source, log, observed_at).persist()
    counts = facts.count_reasons(judged, log)
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
    from tables import catalog

    job.progress.table(job.store.publish(frame, catalog.get(table), lineage, job.gate))


def delivery_id(data: Path, source: str) -> str:
    """A hash over the delivered bytes and the source file: the same delivery is never counted twice."""
    digest = hashlib.sha256(source.encode())
    for path in sorted(p for p in (data.rglob("*") if data.is_dir() else [data]) if p.is_file()):
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
