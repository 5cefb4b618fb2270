"""Selection of the quarantined rows that a release takes, and how each was repaired."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ingest.quarantine import reprocess
from jobs.runtime.deliveries import check_row_identity
from jobs.runtime.quarantine_release import RELEASES, finish_release, release_rows
from jobs.runtime.run_context import RunContext
from longplay.errors import ConfigError, InputError, NotFoundError, StoreError, first_line
from tables.spark import SPARK_ERRORS, describe_spark_error, raise_if_machine_fault


@dataclass(frozen=True)
class ReleaseSelection:
    """What to release. Exactly one of ``repaired``, ``as_is`` and ``changes`` says how rows were repaired.

    Attributes:
        reason: the reason that the rows were quarantined for.
        log: only rows of this raw log.
        where: SQL over the columns of ``quarantine``; only rows for which it is true.
        ids: a file with a ``row_id`` per line; only those.
        repaired: a file of JSON lines, each ``{"row_id": ..., "raw": {...}}``; only those rows.
        as_is: the rows were right; the source file has changed.
        changes: a Spark SQL expression over the log's columns, by the column that it sets.
    """

    reason: str
    log: str | None = None
    where: str | None = None
    ids: Path | None = None
    repaired: Path | None = None
    as_is: bool = False
    changes: Mapping[str, str] | None = None

    def check(self) -> None:
        """Check that it names exactly one kind of repair.

        Raises:
            ConfigError: when it names none or several, or names rows twice.
        """
        ways = {"--repaired": self.repaired is not None, "--as-is": self.as_is, "--set-column": bool(self.changes)}
        given = [name for name, is_given in ways.items() if is_given]
        if len(given) != 1:
            raise ConfigError(
                "Choose exactly one kind of repair.",
                got=" and ".join(given) or "none",
                fix=f"give one of {', '.join(ways)}",
            )
        if self.ids is not None and self.repaired is not None:
            raise ConfigError("--repaired already names its rows.", got="--ids and --repaired", fix="leave --ids out")


def release_selection(
    context: RunContext, selection: ReleaseSelection, released_by: str, known_at: datetime | None = None
) -> dict[str, int]:
    """Put quarantined rows through ingest again; gives the rows by outcome, nothing where none is left to release.

    Args:
        context: the run.
        selection: which rows, and how they were repaired.
        released_by: who releases them.
        known_at: they count as known from this moment on (UTC); default: now.

    Raises:
        ConfigError: when the moment lies before the newest delivery, or ``selection`` contradicts itself.
        InputError: when a file of rows cannot be read as one.
        NotFoundError: when a row that is named was never quarantined.
    """
    selection.check()
    moment = _choose_moment(context, known_at)
    with context.store.lock("ingest"):
        check_row_identity(context)
        finish_release(context)
        rows = _select_rows(context, selection).persist()
        number = rows.count()
        if number == 0:
            context.progress.say("no open quarantined row matches: nothing was released")
            return {}
        _check_schemas(rows, number, selection)
        outcomes = release_rows(context, rows, moment, released_by)
        rows.unpersist()
        return outcomes


def _choose_moment(context: RunContext, known_at: datetime | None) -> datetime:
    """From when on released rows are known: never within what is complete, which late facts must not change."""
    moment = known_at or datetime.now(UTC)
    reached = max([context.log.frontier, *(row["complete_at"] for row in context.log.deliveries())])
    if moment < reached:
        raise ConfigError(
            "Rows cannot be released as of a moment before the newest delivery.",
            where="--observed-at",
            got=f"{moment:%Y-%m-%d %H:%M}; the log is known up to {reached:%Y-%m-%d %H:%M} UTC",
            fix="name a later moment: what was known before must not change",
        )
    return moment


def _select_rows(context: RunContext, selection: ReleaseSelection) -> DataFrame:
    """The selected open rows, repaired. Grain: row_id."""
    quarantine = _read_quarantine(context)
    releases = context.store.read(RELEASES) if context.store.exists(RELEASES) else None
    rows = reprocess.select_open_rows(quarantine, releases).where(F.col("reason") == selection.reason)
    rows = rows.where(F.col("log") == selection.log) if selection.log else rows
    rows = _filter_by_sql(rows, selection.where) if selection.where else rows
    named = _read_named_rows(context, selection)
    if named is not None:
        _check_named(context, named, quarantine, rows, releases)
        rows = rows.join(named, "row_id", "left_semi") if selection.repaired is None else _repair_from(rows, named)
    columns = rows.select("row_id", "log", "reason", "raw", "raw_schema", "file")
    return _set_columns(columns, selection.changes) if selection.changes else columns


def _read_quarantine(context: RunContext) -> DataFrame:
    if not context.store.exists("quarantine"):
        raise NotFoundError(
            "Nothing has been ingested yet.", where=str(context.folder), fix="run 'longplay ingest' first"
        )
    quarantine = context.store.read("quarantine")
    if "raw_schema" not in quarantine.columns:
        raise StoreError(
            "These rows were quarantined by a version that did not record how to read them again.",
            where=str(context.store.path("quarantine")),
            fix="deliver the log again: rows quarantined from now on can be released",
        )
    return quarantine


def _repair_from(rows: DataFrame, named: DataFrame) -> DataFrame:
    repaired = named.select("row_id", F.col("raw").alias("_repaired"))
    return rows.join(repaired, "row_id", "inner").withColumn("raw", F.col("_repaired"))


def _filter_by_sql(rows: DataFrame, condition: str) -> DataFrame:
    try:
        filtered = rows.where(F.expr(condition))
        filtered.schema  # noqa: B018 - analysis only
        return filtered
    except PySparkException as error:
        raise _not_sql("--where", condition, error, "the columns of 'quarantine'") from error


def _set_columns(rows: DataFrame, changes: Mapping[str, str]) -> DataFrame:
    """Rows with some columns set by SQL; each log has its own columns, so changes apply to one log."""
    logs = sorted((row["log"], row["raw_schema"]) for row in rows.select("log", "raw_schema").distinct().collect())
    if len({log for log, _ in logs}) > 1:
        raise ConfigError(
            "--set-column works on rows of one log.", got=", ".join({log for log, _ in logs}), fix="add --log"
        )
    if not logs:
        return rows
    schema = reprocess.merge_schemas(logs[0][0], [text for _, text in logs])
    unknown = [name for name in changes if name not in schema.names]
    if unknown:
        raise ConfigError(
            f"The log has no column '{unknown[0]}'.",
            where="--set-column",
            got=", ".join(schema.names),
            fix="name one of its columns",
        )
    try:
        repaired = reprocess.apply_repairs(rows, schema, changes)
        repaired.schema  # noqa: B018 - analysis only
        return repaired
    except PySparkException as error:
        text = ", ".join(f"{name}={sql}" for name, sql in changes.items())
        raise _not_sql("--set-column", text, error, "the columns of the raw log") from error


def _not_sql(option: str, text: str, error: PySparkException, over: str) -> ConfigError:
    return ConfigError(
        f"This is not valid Spark SQL over {over}.", where=f"{option} {text}", got=first_line(error), fix="correct it"
    )


def _read_named_rows(context: RunContext, selection: ReleaseSelection) -> DataFrame | None:
    """The rows that a file names: ``row_id``, and the repaired ``raw`` where the file has it."""
    if selection.ids is not None:
        lines = [line.strip() for line in selection.ids.read_text(encoding="utf-8").splitlines()]
        return context.spark.createDataFrame(pa.table({"row_id": pa.array(filter(None, lines), pa.string())}))
    if selection.repaired is None:
        return None
    if not selection.repaired.is_file():
        raise InputError("The file of repaired rows is missing.", where=str(selection.repaired), fix="check --repaired")
    return context.spark.read.schema("row_id STRING, raw STRING").json(str(selection.repaired.absolute()))


def _check_named(
    context: RunContext, named: DataFrame, quarantine: DataFrame, rows: DataFrame, releases: DataFrame | None
) -> None:
    """Check that a file names quarantined rows, once each; rows that were released before are only counted."""
    released = quarantine.limit(0) if releases is None else releases
    marked = named
    for mark, of in (("_quarantined", quarantine), ("_selected", rows), ("_released", released)):
        marked = marked.join(of.select("row_id", F.lit(True).alias(mark)), "row_id", "left")
    is_incomplete = F.col("row_id").isNull() | (F.col("raw").isNull() if "raw" in named.columns else F.lit(False))
    is_unselected = F.col("_quarantined") & F.col("_released").isNull() & F.col("_selected").isNull()
    counts = marked.agg(
        F.count("*").alias("lines"),
        F.count_distinct("row_id").alias("ids"),
        F.count_if(is_incomplete).alias("incomplete"),
        F.min(F.when(F.col("_quarantined").isNull(), F.col("row_id"))).alias("unknown"),
        F.count_if("_released").alias("released"),
        F.count_if(is_unselected).alias("unselected"),
    ).first()
    assert counts is not None
    _refuse_faulty_file(context, counts.asDict())
    if counts["released"]:
        context.progress.say(f"{counts['released']:,} rows were released before and stay as they are")
    if counts["unselected"]:
        context.progress.say(
            f"{counts['unselected']:,} rows of the file do not match the other options, and stay in quarantine"
        )


def _refuse_faulty_file(context: RunContext, counts: Mapping[str, int | str | None]) -> None:
    lines, ids, unknown = counts["lines"], counts["ids"], counts["unknown"]
    if counts["incomplete"]:
        raise InputError(
            "Some lines lack row_id or raw.",
            got=f"{counts['incomplete']:,} of {lines:,} lines",
            fix='write each line as {"row_id": "...", "raw": {...}}, as \'longplay quality quarantine --out\' does',
        )
    if ids != lines:
        raise InputError("The file names a row twice.", got=f"{lines:,} lines, {ids:,} rows", fix="name each row once")
    if unknown is not None:
        raise NotFoundError(
            f"No row '{unknown}' was ever quarantined.",
            where=str(context.store.path("quarantine")),
            fix="check the file",
        )


def _check_schemas(rows: DataFrame, number: int, selection: ReleaseSelection) -> None:
    """Check that the rows can be read again, and that repaired ones have the log's own columns."""
    try:
        kinds = rows.groupBy("log").agg(F.collect_set("raw_schema").alias("schemas")).collect()
    except SPARK_ERRORS as error:
        raise_if_machine_fault(error, "table quarantine")
        raise InputError(
            "The rows cannot be repaired this way.", got=describe_spark_error(error), fix="look at their content"
        ) from error
    without_schema = number - rows.where(F.col("raw_schema").isNotNull()).count()
    if without_schema:
        raise StoreError(
            "Some rows were quarantined by a version that did not record how to read them again.",
            got=f"{without_schema:,} of {number:,} rows",
            fix='leave them out: --where "raw_schema IS NOT NULL"',
        )
    for kind in kinds if selection.repaired else []:
        schema = reprocess.merge_schemas(kind["log"], sorted(kind["schemas"]))
        faulty_row = reprocess.find_unknown_keys(rows.where(F.col("log") == kind["log"]), schema).first()
        if faulty_row is not None:
            raise InputError(
                "A repaired row has columns that its log does not have.",
                where=f"{selection.repaired}, row_id {faulty_row['row_id']}",
                got=", ".join(faulty_row["keys"]),
                fix=f"use only columns of the {kind['log']} log: {', '.join(schema.names)}",
            )
