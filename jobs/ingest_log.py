"""Ingest: a raw log to events, exposures and quarantine; nothing is silently dropped."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.candidate_sampling import sample_candidates
from ingest import fact_tables, formats, readers, row_validation, watermark
from ingest.log_state import LogPosition
from ingest.source_config import LogMapping, Source, UserLog
from jobs.runtime.command_options import DATE, job_command, utc
from jobs.runtime.deliveries import build_first_seen, count_delivered_rows, next_batch, publish_facts
from jobs.runtime.delivery_checks import check_delivery
from jobs.runtime.quarantine_release import finish
from jobs.runtime.run_context import RunContext
from longplay.config.timestamps import from_microseconds
from longplay.errors import InputError, QualityError
from quality.delivery_consistency import describe_heartbeat_faults, describe_repeated_rows
from tables import catalog
from tables.arrow_store import frame_from_row
from tables.checkpoint import Checkpoint
from tables.erasure.tombstones import Tombstones
from tables.publish import Lineage
from tables.spark import SPARK_ERRORS, describe_spark_error

ERASED, AGAIN = "erased", "again"


@dataclass(frozen=True)
class Delivery:
    """One delivery: its number, its fingerprint, where it lies, when it was observed, and what it vouches for."""

    batch: int
    fingerprint: str
    data: Path
    observed_at: datetime
    stated_at: datetime | None
    heartbeat: watermark.Heartbeat | None

    def row(self, complete: watermark.ObservedCompleteness, counts: dict[str, int]) -> dict[str, Any]:
        """Its row in the table ``deliveries``."""
        return {
            "batch": self.batch,
            "delivery": self.fingerprint,
            "data": self.data.name,
            "observed_at": self.observed_at,
            "log_start": complete.log_start,
            "complete_from": self.heartbeat.complete_from if self.heartbeat else None,
            "complete_until": complete.watermark,
            # A backlog of which nobody says when it was there is taken to have been there in time.
            "complete_at": self.stated_at or complete.watermark,
            "counts": counts,
        }


def ingest(context: RunContext, data: Path, observed_at: datetime | None = None) -> None:
    """Read one delivery of a source's logs and publish what is sound in it. One ingest of a source runs at a time."""
    source = context.source
    for log in filter(None, (source.events, source.exposures, source.episodes)):
        readers.locate(data, log)
    beat = _heartbeat_file(data, source)
    fingerprint = delivery_id(data, source.model_dump_json(), [beat] if beat and beat.is_file() else [])
    with context.store.lock("ingest"):
        finish(context)
        number, is_known = _number(context, fingerprint)
        if is_known and not context.force:
            context.progress.say(f"delivery {fingerprint} was ingested before; nothing to do (--force reads it again)")
            return
        heartbeat = watermark.read_heartbeat(beat) if beat else None
        stated = observed_at or (heartbeat.observed_at if heartbeat else None)
        _ingest(context, Delivery(number, fingerprint, data, stated or datetime.now(UTC), stated, heartbeat))


def _number(context: RunContext, fingerprint: str) -> tuple[int, bool]:
    """The number of a delivery, and whether it was ingested before; a new one's is above all others'.

    Numbers of deliveries that were cut off are not given again, so no builder mistakes their rows for ones it has seen.
    """
    done = (
        {row["delivery"]: int(row["batch"]) for row in context.log.deliveries()}
        if context.store.exists("deliveries")
        else {}
    )
    return (done[fingerprint], True) if fingerprint in done else (next_batch(context), False)


def _ingest(context: RunContext, one: Delivery) -> None:
    # Every log is read and judged before anything is published, so that a fault in one leaves nothing half-written.
    logs = {"events": context.source.events, "exposures": context.source.exposures, "episodes": context.source.episodes}
    read = {name: _read(context, one.data, log, one.observed_at) for name, log in logs.items() if log is not None}
    judged = {name: frame for name, (frame, _) in read.items()}
    counts = {f"{log}/{name}": n for log, (_, found) in read.items() for name, n in found.items()}
    before = context.log.deliveries() if context.store.exists("deliveries") else []
    earlier = [told["counts"] for told in before]
    counts |= check_delivery(context, judged, counts, earlier)
    beat = one.heartbeat.complete_until if one.heartbeat else None
    begins = _begins(context.source, one)
    days = _users_by_day(judged["events"]) if beat is None or begins is None else []
    least = context.source.completeness.min_users
    complete = watermark.observe_completeness(days, one.observed_at, least, beat, str(one.data), begins)
    row = one.row(complete, counts)
    frontier = _frontier(context, [*before, row])
    if one.heartbeat:
        _warn(context, describe_heartbeat_faults(one.heartbeat, _newest(judged["events"]), frontier))
    lineage = Lineage(context.run_id, one.fingerprint, {}, {"data": one.data.name, "batch": one.batch})
    events = fact_tables.build_events(judged["events"], context.source.events, one.batch)
    publish_facts(context, "events", events, lineage)
    aside = [fact_tables.build_quarantine(frame, name, one.batch, context.run_id) for name, frame in judged.items()]
    publish_facts(context, "quarantine", reduce(DataFrame.unionByName, aside), lineage)
    if "episodes" in judged:
        publish_facts(context, "episodes", fact_tables.build_episodes(judged["episodes"], one.batch), lineage)
    build_first_seen(context, LogPosition(one.batch, frontier))
    if "exposures" in judged:
        publish_facts(context, "exposures", fact_tables.build_exposures(judged["exposures"], one.batch), lineage)
    else:
        told = {**lineage.facts, "frontier": frontier.isoformat()}
        publish_facts(context, "exposures", _sampled(context, one.batch, frontier), replace(lineage, facts=told))
    for frame in judged.values():
        frame.unpersist()
    row["counts"] |= {f"{log}/{AGAIN}": _again(context, one, log, found) for log, (_, found) in read.items()}
    _warn(context, filter(None, (describe_repeated_rows(log, row["counts"], earlier) for log in read)))
    publish_facts(context, "deliveries", frame_from_row(context.spark, row, catalog.get("deliveries")), lineage)
    context.progress.say(f"delivery {one.batch}: complete until {frontier:%Y-%m-%d %H:%M} UTC")


def _warn(context: RunContext, said: Iterable[str]) -> None:
    for one in said:
        context.progress.say(f"warning: {one}")


def _begins(source: Source, one: Delivery) -> datetime | None:
    """Since when the log is delivered, as source or heartbeat say: late events must not move it with who came first."""
    if source.completeness.begins:
        return watermark.midnight(source.completeness.begins)
    return one.heartbeat.complete_from if one.heartbeat else None


def _frontier(context: RunContext, rows: Sequence[dict[str, Any]]) -> datetime:
    """The watermark with these deliveries."""
    begins = context.source.completeness.begins
    found = [watermark.DeliveredInterval.from_row(one) for one in rows]
    history = watermark.compute_watermark_history(found, watermark.midnight(begins) if begins else None)
    return history[-1][1] if history else watermark.midnight(begins or date.min)


def _again(context: RunContext, one: Delivery, log: str, counts: dict[str, int]) -> int:
    """Rows of a delivery that told nothing new: their fact, or they themselves in quarantine, were there before."""
    kept = counts["read"] - counts.get(f"exclusive:{ERASED}", 0)
    new = count_delivered_rows(context, log, one.fingerprint, one.batch)
    return kept - new - count_delivered_rows(context, "quarantine", one.fingerprint, one.batch, log)


def _newest(events: DataFrame) -> datetime | None:
    """When the newest usable event became known (UTC)."""
    row = events.where("reason IS NULL").agg(F.unix_micros(F.max("known_ts"))).first()
    return from_microseconds(row[0]) if row is not None and row[0] is not None else None


def _users_by_day(events: DataFrame) -> list[tuple[date, int]]:
    clean = events.where("reason IS NULL")
    days = clean.groupBy(F.to_date("event_ts").alias("day")).agg(F.count_distinct("user_id"))
    return [(row[0], int(row[1])) for row in days.collect()]


def _heartbeat_file(data: Path, source: Source) -> Path | None:
    beat = source.completeness.heartbeat
    return (data if data.is_dir() else data.parent) / beat if beat else None


def _sampled(context: RunContext, batch: int, frontier: datetime) -> DataFrame:
    """Sampled candidates of the requests that became complete; a request that has its draws keeps them."""
    settings = context.source.candidates
    assert settings is not None
    told = context.store.commit_metadata("exposures").get("facts", {})
    events = context.store.read("events").where(F.col("known_ts") < F.lit(frontier))
    new = events
    if told:
        new = events.where(Checkpoint.from_commit(told).is_new())
    row = new.where("is_click").agg(F.min("event_day")).first()
    first = row[0] if row is not None and row[0] is not None else date.max
    since = first - timedelta(days=settings.popularity_days) if first != date.max else first
    popular = events.where(F.col("known_day") >= F.lit(since))
    return sample_candidates(new, popular, context.store.read("first_seen"), settings, batch)


def _read(context: RunContext, data: Path, log: LogMapping, observed_at: datetime) -> tuple[DataFrame, dict[str, int]]:
    """Judged rows of one log (cached: counted, watermarked and published from), and the counts by reason."""
    path = readers.locate(data, log)
    found = readers.read_raw(context.spark, path, context.source, log)
    try:
        found, erased = _without_erased(context, found, log)
        judged = row_validation.validate_rows(found, context.source, log, observed_at).persist()
        counts = fact_tables.count_reasons(judged, log)
    except SPARK_ERRORS as error:
        raise InputError(
            "The raw log cannot be read as its source file says.",
            where=str(path),
            got=describe_spark_error(error),
            fix="correct the source file, or deliver the log again; a filter that fails on a value wants "
            "try_cast(column AS double), because CSV columns are text",
        ) from error
    if erased:
        counts |= {"read": counts["read"] + erased, f"raw:{ERASED}": erased, f"exclusive:{ERASED}": erased}
    if counts["read"] == 0 and isinstance(log, UserLog):  # a day without a release is a day like any other
        raise InputError("The raw log is empty.", where=str(path), got="0 rows", fix="deliver it again")
    reasons = [name.removeprefix("exclusive:") for name in counts if name.startswith("exclusive:")]
    aside = [f"{r} {counts[f'exclusive:{r}']:,} ({counts[f'raw:{r}']:,} raw)" for r in reasons if counts[f"raw:{r}"]]
    said = f"; set aside: {', '.join(aside)}" if aside else ""
    context.progress.say(
        f"{path.name}: read {counts['read']:,} = clean {counts['clean']:,} + {_set_aside(counts):,}{said}"
    )
    share = (_set_aside(counts) - erased) / max(counts["read"], 1)
    if share > context.source.quarantine_limit:
        raise QualityError(
            f"{share:.1%} of the rows would go to quarantine; nothing was published.",
            where=str(path),
            got=", ".join(aside),
            fix=f"mend the log, or raise quarantine_limit (now {context.source.quarantine_limit:.0%}) of the source",
        )
    return judged, counts


def _without_erased(context: RunContext, found: DataFrame, log: LogMapping) -> tuple[DataFrame, int]:
    """Raw rows without those of people who were erased, which are counted and kept nowhere."""
    tombstones = Tombstones.from_source_if_any(context.folder)
    if tombstones is None or not isinstance(log, UserLog):
        return found, 0
    user = row_validation.text_column(log.user)
    # A row that could not be read, or names nobody, may hold the id anywhere.
    cells = row_validation.raw_columns(found, formats.MALFORMED, formats.FILE)
    whole = F.concat_ws("\n", *[cell.cast("string") for cell in cells])
    is_named = (F.col(formats.MALFORMED) | user.isNull()) & tombstones.is_named(whole)
    is_erased = tombstones.is_erased(user) | is_named
    return found.where(~is_erased), found.where(is_erased).count()


def _set_aside(counts: dict[str, int]) -> int:
    return sum(n for name, n in counts.items() if name.startswith("exclusive:"))


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
def command(context: RunContext, data: Path, observed_at: datetime | None) -> None:
    """Read a raw log as its source file says, and publish what is sound in it.

    Rows that cannot be used go to the table quarantine, each with its reason; the counts add up to the rows read.
    Reading the same delivery again changes nothing.

    Example: longplay ingest --source online_retail --data online_retail.parquet
    """
    with context.progress.step("ingest"):
        ingest(context, data, utc(observed_at))


if __name__ == "__main__":
    command()
