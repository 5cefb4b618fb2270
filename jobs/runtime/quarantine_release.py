"""Releases: quarantined rows that were repaired go through ingest again, each exactly once.

A release is written down first: what every row was repaired into and what becomes of it (``quarantine_releases``, one
commit). Then the facts follow, and last a row in ``deliveries``, by which builders take notice. A release that is cut
off in between is finished, from what was written down, by the next release or ingest.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ingest import fact_tables, readers, row_validation
from ingest.log_state import LogPosition
from ingest.quarantine import reprocess
from ingest.source_config import LogMapping, Source, UserLog
from jobs.runtime.deliveries import build_first_seen, next_batch, publish_facts
from jobs.runtime.run_context import RunContext
from longplay.errors import InputError, StoreError
from tables import catalog
from tables.arrow_store import frame_from_row
from tables.erasure.tombstones import Tombstones
from tables.publish import Lineage

TABLE = "quarantine_releases"


@dataclass(frozen=True)
class Going:
    """A release that is under way.

    Attributes:
        batch: its number among the deliveries.
        at: from when on what its rows say is known (UTC).
        source: hash of the source file by which its rows were judged.
        by: who released them.
    """

    batch: int
    at: datetime
    source: str
    by: str

    @property
    def name(self) -> str:
        """What the release is called."""
        return f"release-{self.batch}"

    @classmethod
    def told(cls, found: Mapping[str, Any]) -> "Going":
        """From what its commit says."""
        return cls(int(found["batch"]), datetime.fromisoformat(found["at"]), found["source"], found["by"])

    def lineage(self, run_id: str) -> Lineage:
        """What its commits say."""
        said = {"batch": self.batch, "data": self.name, "at": self.at.isoformat(), "source": self.source, "by": self.by}
        return Lineage(run_id, self.name, {}, said)


def put_back(context: RunContext, rows: DataFrame, at: datetime, by: str) -> dict[str, int]:
    """Release rows; the caller holds the lock of ingest, and has finished what was cut off.

    Args:
        context: the run.
        rows: open rows: ``row_id``, ``log``, ``reason``, ``raw_schema``, ``file``, the repaired ``raw``. Grain: row_id.
        at: from when on what they say is known (UTC); later events are future.
        by: who releases them.

    Returns:
        Rows by outcome.

    Raises:
        QualityError: when the gate refuses what they would become; then nothing is released.
    """
    going = Going(next_batch(context), at, source_hash(context.source), by)
    judged = _judged(context, rows, at)
    fated = [reprocess.determine_outcomes(frame, log, _there(context, log, frame)) for log, frame in judged.items()]
    told = {
        "release_id": F.lit(going.name),
        "released_at": F.lit(at),
        "released_by": F.lit(by),
        "run_id": F.lit(context.run_id),
        "batch": F.lit(going.batch).cast("bigint"),
    }
    # What is written down must be carried out, so nothing is that a gate would refuse.
    for table, frame in _becomes(context, judged, _union(fated), going):
        context.gate(frame, catalog.get(table))
    publish_facts(context, TABLE, reprocess.build_releases(rows, _union(fated), told), going.lineage(context.run_id))
    for frame in judged.values():
        frame.unpersist()
    return finish(context)


def finish(context: RunContext) -> dict[str, int]:
    """Carry out the newest release, unless that was done; gives its rows by outcome.

    Raises:
        StoreError: when the source file has changed since it was written down.
    """
    told = context.store.commit_metadata(TABLE).get("facts")
    if told is None or int(told["batch"]) in {int(row["batch"]) for row in context.log.deliveries()}:
        return {}
    going = Going.told(told)
    if going.source != source_hash(context.source):
        raise StoreError(
            f"{going.name} was cut off, and the source file has changed since: its rows would be judged otherwise.",
            where=str(context.store.path(TABLE)),
            got=f"source file {source_hash(context.source)}, {going.source} when the release began",
            fix="put the source file back as it was, run 'longplay ingest' or the release again, then change it",
        )
    written = context.store.read(TABLE).where(F.col("batch") == going.batch)
    aside = context.store.read("quarantine").select("row_id", "raw_schema", "file")
    rows = written.select("row_id", "log", "raw", "outcome").join(aside, "row_id", "inner")
    _facts(context, rows, going)
    found = {
        (row["log"], row["outcome"]): int(row["count"]) for row in written.groupBy("log", "outcome").count().collect()
    }
    _deliver(context, going, found)
    counts: dict[str, int] = {}
    for (_, outcome), number in sorted(found.items()):
        counts[outcome] = counts.get(outcome, 0) + number
    said = ", ".join(f"{number:,} {outcome}" for outcome, number in counts.items())
    context.progress.say(
        f"{going.name}: {sum(counts.values()):,} rows: {said}; known from {going.at:%Y-%m-%d %H:%M} UTC"
    )
    return counts


def source_hash(source: Source) -> str:
    """A hash over a source file's content."""
    return hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]


def logs_of(source: Source) -> dict[str, LogMapping]:
    """The raw logs that a source has, by the table that they become."""
    logs: dict[str, LogMapping | None] = {
        "events": source.events,
        "exposures": source.exposures,
        "episodes": source.episodes,
    }
    return {name: log for name, log in logs.items() if log is not None}


def _facts(context: RunContext, rows: DataFrame, going: Going) -> None:
    """Publish what the rows of a release became."""
    judged = _judged(context, rows, going.at)
    for table, frame in _becomes(context, judged, rows, going):
        publish_facts(context, table, frame, going.lineage(context.run_id))
    build_first_seen(context, LogPosition(going.batch, context.log.frontier))
    for frame in judged.values():
        frame.unpersist()


def _becomes(
    context: RunContext, judged: Mapping[str, DataFrame], fated: DataFrame, going: Going
) -> Iterator[tuple[str, DataFrame]]:
    """What the rows of a release become, by table: facts, and rows that are set aside again."""
    source, batch = context.source, going.batch
    fate = fated.select(F.col("row_id").alias(row_validation.ORIGIN), "outcome")
    known = {
        log: reprocess.delay_known_time(f, going.at).join(fate, row_validation.ORIGIN, "inner")
        for log, f in judged.items()
    }
    for log, frame in known.items():
        clean = frame.where("outcome = 'published'")
        if log == "events":
            yield log, fact_tables.build_events(clean, source.events, batch)
        else:
            build = fact_tables.build_exposures if log == "exposures" else fact_tables.build_episodes
            yield log, build(clean, batch)
    again = [
        fact_tables.build_quarantine(f.where("outcome = 'quarantined'"), log, batch, context.run_id)
        for log, f in known.items()
    ]
    if again:
        yield "quarantine", _union(again)


def _deliver(context: RunContext, going: Going, found: Mapping[tuple[str, str], int]) -> None:
    """The release as a delivery that vouches for nothing: the watermark stays where it is."""
    row = {
        "batch": going.batch,
        "delivery": going.name,
        "data": f"rows released from quarantine by {going.by}",
        "observed_at": going.at,
        "log_start": context.log.log_start,
        "complete_from": context.log.frontier,
        "complete_until": context.log.frontier,
        "complete_at": going.at,
        "counts": {f"{log}/released:{outcome}": number for (log, outcome), number in found.items()},
    }
    publish_facts(
        context,
        "deliveries",
        frame_from_row(context.spark, row, catalog.get("deliveries")),
        going.lineage(context.run_id),
    )


def _judged(context: RunContext, rows: DataFrame, at: datetime) -> dict[str, DataFrame]:
    """Rows judged as ingest judges them, by log (cached). Rows of people who were erased are left out."""
    kinds = rows.select("log", "raw_schema").distinct().collect()
    schemas = {log: [r["raw_schema"] for r in kinds if r["log"] == log] for log in sorted({r["log"] for r in kinds})}
    logs, judged = logs_of(context.source), {}
    for name, found in schemas.items():
        if name not in logs:
            raise InputError(
                f"The source file has no log of {name} any more.",
                where=f"source '{context.source.name}'",
                got=", ".join(logs),
                fix="put it back into the source file, or release rows of other logs",
            )
        schema = reprocess.merge_schemas(name, found)
        readers.check_columns(schema.names, context.source, logs[name], f"quarantined rows of the {name} log")
        own = rows.where((F.col("log") == name) & F.col("raw").isNotNull())
        frame = _without_erased(context, reprocess.parse_raw_rows(own, schema), logs[name])
        judged[name] = row_validation.validate_rows(frame, context.source, logs[name], at).persist()
    return judged


def _without_erased(context: RunContext, frame: DataFrame, log: LogMapping) -> DataFrame:
    tombstones = Tombstones.from_source_if_any(context.folder)
    if tombstones is None or not isinstance(log, UserLog):
        return frame
    return frame.where(~tombstones.is_erased(row_validation.text_column(log.user)))


def _there(context: RunContext, log: str, judged: DataFrame) -> DataFrame:
    """The facts that a log's rows may repeat: those of the same days."""
    time = catalog.get(log).time
    if time is None:
        return context.store.read(log)
    days = judged.select(F.to_date("event_ts").alias("day")).agg(F.min("day"), F.max("day")).first()
    assert days is not None
    return context.store.read(log).where(F.col(time).between(F.lit(days[0]), F.lit(days[1])))


def _union(frames: list[DataFrame]) -> DataFrame:
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole
