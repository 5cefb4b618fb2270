"""Releases: repaired rows from quarantine go through ingest again, each exactly once.

A release is first recorded: what every row was repaired into, and its outcome (``quarantine_releases``, one commit).
Then the facts follow, and last a row in ``deliveries``, by which other steps learn of it. The next release or ingest
finishes an interrupted release from that record.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ingest import fact_tables, readers, row_validation
from ingest.derived_columns import derive_columns
from ingest.log_mapping import LogMapping, UserLog
from ingest.log_state import LogPosition
from ingest.quarantine import reprocess
from ingest.raw_columns import text_column
from ingest.source_config import Source
from jobs.runtime.deliveries import build_first_seen, next_batch, publish_facts, record_delivery
from jobs.runtime.run_context import RunContext
from longplay.errors import InputError, StoreError
from tables import catalog
from tables.erasure.tombstones import Tombstones
from tables.publish import Lineage

RELEASES = "quarantine_releases"
OutcomeCounts = Mapping[tuple[str, str], int]
"""Rows by log and outcome."""


@dataclass(frozen=True)
class ReleaseInProgress:
    """A release that is recorded and not yet finished.

    Attributes:
        batch: its number among the deliveries.
        known_at: its rows count as known from this moment on (UTC).
        source_hash: hash of the source file that its rows were validated with.
        released_by: who released them.
    """

    batch: int
    known_at: datetime
    source_hash: str
    released_by: str

    @property
    def name(self) -> str:
        """Name of the release."""
        return f"release-{self.batch}"

    @classmethod
    def from_commit(cls, facts: Mapping[str, Any]) -> Self:
        """From the facts of its commit."""
        return cls(int(facts["batch"]), datetime.fromisoformat(facts["at"]), facts["source"], facts["by"])

    def lineage(self, run_id: str) -> Lineage:
        """Metadata of its commits."""
        facts = {
            "batch": self.batch,
            "data": self.name,
            "at": self.known_at.isoformat(),
            "source": self.source_hash,
            "by": self.released_by,
        }
        return Lineage(run_id, self.name, {}, facts)


def release_rows(context: RunContext, rows: DataFrame, known_at: datetime, released_by: str) -> dict[str, int]:
    """Release rows; the caller holds the lock of ingest, and has finished any interrupted release.

    Args:
        context: the run.
        rows: open rows: ``row_id``, ``log``, ``reason``, ``raw_schema``, ``file``, the repaired ``raw``. Grain: row_id.
        known_at: they count as known from this moment on (UTC); later events are future.
        released_by: who releases them.

    Returns:
        Rows by outcome.

    Raises:
        QualityError: when the gate refuses what they would become; then nothing is released.
    """
    release = ReleaseInProgress(next_batch(context), known_at, hash_source(context.source), released_by)
    validated = _validate_rows(context, rows, known_at)
    outcomes = _union([_determine_outcomes(context, log, frame) for log, frame in validated.items()])
    # A recorded release must be carried out, so nothing is recorded that the gate would refuse.
    for table, frame in _split_into_tables(context, validated, outcomes, release):
        context.gate(frame, catalog.get(table))
    _record_release(context, reprocess.build_releases(rows, outcomes, _audit_columns(context, release)), release)
    for frame in validated.values():
        frame.unpersist()
    return finish_release(context)


def _audit_columns(context: RunContext, release: ReleaseInProgress) -> dict[str, Any]:
    return {
        "release_id": F.lit(release.name),
        "released_at": F.lit(release.known_at),
        "released_by": F.lit(release.released_by),
        "run_id": F.lit(context.run_id),
        "batch": F.lit(release.batch).cast("bigint"),
    }


def _record_release(context: RunContext, rows: DataFrame, release: ReleaseInProgress) -> None:
    publish_facts(context, RELEASES, rows, release.lineage(context.run_id))


def finish_release(context: RunContext) -> dict[str, int]:
    """Carry out the newest recorded release, unless that was done; gives its rows by outcome.

    Raises:
        StoreError: when the source file has changed since it was recorded.
    """
    release = _find_unfinished(context)
    if release is None:
        return {}
    recorded = context.store.read(RELEASES).where(F.col("batch") == release.batch)
    quarantined = context.store.read("quarantine").select("row_id", "raw_schema", "file")
    rows = recorded.select("row_id", "log", "raw", "outcome").join(quarantined, "row_id", "inner")
    _publish_release(context, rows, release)
    groups = recorded.groupBy("log", "outcome").count().collect()
    counts = {(row["log"], row["outcome"]): int(row["count"]) for row in groups}
    _publish_delivery(context, release, counts)
    return _report_outcomes(context, release, counts)


def _find_unfinished(context: RunContext) -> ReleaseInProgress | None:
    """The newest recorded release, if it is not among the deliveries yet."""
    facts = context.store.commit_metadata(RELEASES).get("facts")
    if facts is None or int(facts["batch"]) in {int(row["batch"]) for row in context.log.deliveries()}:
        return None
    release, source_hash = ReleaseInProgress.from_commit(facts), hash_source(context.source)
    if release.source_hash != source_hash:
        raise StoreError(
            f"{release.name} was interrupted, and the source file has changed since: its rows would be validated "
            "differently.",
            where=str(context.store.path(RELEASES)),
            got=f"source file {source_hash}, {release.source_hash} when the release began",
            fix="restore the source file as it was, run 'longplay ingest' or the release again, then change it",
        )
    return release


def _report_outcomes(context: RunContext, release: ReleaseInProgress, counts: OutcomeCounts) -> dict[str, int]:
    by_outcome: Counter[str] = Counter()
    for (_, outcome), number in sorted(counts.items()):
        by_outcome[outcome] += number
    outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in by_outcome.items())
    known_from = f"known from {release.known_at:%Y-%m-%d %H:%M} UTC"
    context.progress.say(f"{release.name}: {by_outcome.total():,} rows: {outcomes}; {known_from}")
    return dict(by_outcome)


def hash_source(source: Source) -> str:
    """A hash over a source file's content."""
    return hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]


def _publish_release(context: RunContext, rows: DataFrame, release: ReleaseInProgress) -> None:
    """Publish what the rows of a release became."""
    validated = _validate_rows(context, rows, release.known_at)
    for table, frame in _split_into_tables(context, validated, rows, release):
        publish_facts(context, table, frame, release.lineage(context.run_id))
    build_first_seen(context, LogPosition(release.batch, context.log.frontier))
    for frame in validated.values():
        frame.unpersist()


def _split_into_tables(
    context: RunContext, validated: Mapping[str, DataFrame], outcomes: DataFrame, release: ReleaseInProgress
) -> Iterator[tuple[str, DataFrame]]:
    """The rows of a release by table: facts, and rows that are quarantined again."""
    source, batch = context.source, release.batch
    outcome_by_row = outcomes.select(F.col("row_id").alias(row_validation.ORIGIN), "outcome")
    rows_by_log = {
        log: reprocess.delay_known_time(frame, release.known_at).join(outcome_by_row, row_validation.ORIGIN, "inner")
        for log, frame in validated.items()
    }
    for log, rows in rows_by_log.items():
        published = rows.where("outcome = 'published'")
        if log == "events":
            yield log, fact_tables.build_events(published, source.events, batch)
        elif log == "exposures":
            yield log, fact_tables.build_exposures(published, batch)
        else:
            yield log, fact_tables.build_episodes(published, batch)
    quarantined = [
        fact_tables.build_quarantine(rows.where("outcome = 'quarantined'"), log, batch, context.run_id)
        for log, rows in rows_by_log.items()
    ]
    if quarantined:
        yield "quarantine", _union(quarantined)


def _publish_delivery(context: RunContext, release: ReleaseInProgress, counts: OutcomeCounts) -> None:
    """Publish the release as a delivery that vouches for nothing: the watermark stays where it is."""
    frontier = context.log.frontier
    row = {
        "batch": release.batch,
        "delivery": release.name,
        "data": f"rows released from quarantine by {release.released_by}",
        "observed_at": release.known_at,
        "log_start": context.log.log_start,
        "complete_from": frontier,
        "complete_until": frontier,
        "complete_at": release.known_at,
        "counts": {f"{log}/released:{outcome}": number for (log, outcome), number in counts.items()},
    }
    record_delivery(context, row, release.lineage(context.run_id))


def _validate_rows(context: RunContext, rows: DataFrame, known_at: datetime) -> dict[str, DataFrame]:
    """Rows validated as ingest validates them, by log (cached). Rows of people who were erased are left out."""
    kinds = rows.select("log", "raw_schema").distinct().collect()
    logs, validated = context.source.logs, {}
    for name in sorted({kind["log"] for kind in kinds}):
        if name not in logs:
            raise InputError(
                f"The source file no longer has a log of {name}.",
                where=f"source '{context.source.name}'",
                got=", ".join(logs),
                fix="restore it in the source file, or release rows of other logs",
            )
        schema = reprocess.merge_schemas(name, [kind["raw_schema"] for kind in kinds if kind["log"] == name])
        where = f"quarantined rows of the {name} log"
        for part in logs[name].sections:
            readers.check_columns(schema.names, logs[name].columns_of(part), context.source, where)
        own_rows = rows.where((F.col("log") == name) & F.col("raw").isNotNull())
        raw_rows = derive_columns(reprocess.parse_raw_rows(own_rows, schema), logs[name])
        frame = _leave_out_erased(context, raw_rows, logs[name])
        validated[name] = row_validation.validate_rows(frame, context.source, logs[name], known_at).persist()
    return validated


def _leave_out_erased(context: RunContext, rows: DataFrame, log: LogMapping) -> DataFrame:
    tombstones = Tombstones.from_source_if_any(context.folder)
    if tombstones is None or not isinstance(log, UserLog):
        return rows
    return rows.where(~tombstones.is_erased(text_column(rows, log.user)))


def _determine_outcomes(context: RunContext, log: str, validated: DataFrame) -> DataFrame:
    """What becomes of each row of a log. Grain: row_id."""
    return reprocess.determine_outcomes(validated, log, _read_existing_facts(context, log, validated))


def _read_existing_facts(context: RunContext, log: str, validated: DataFrame) -> DataFrame:
    """The facts that a log's rows may repeat: those of the same days."""
    time = catalog.get(log).time
    if time is None:
        return context.store.read(log)
    days = validated.select(F.to_date("event_ts").alias("day")).agg(F.min("day"), F.max("day")).first()
    assert days is not None
    return context.store.read(log).where(F.col(time).between(F.lit(days[0]), F.lit(days[1])))


def _union(frames: Sequence[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)
