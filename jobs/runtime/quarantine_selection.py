"""Which quarantined rows a release takes, and what each was repaired into."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ingest.quarantine import reprocess
from jobs.runtime.quarantine_release import TABLE, finish, put_back
from jobs.runtime.run_context import RunContext
from longplay.errors import ConfigError, InputError, NotFoundError, StoreError, first_line
from tables.spark import SPARK_ERRORS, describe_spark_error


@dataclass(frozen=True)
class Wanted:
    """What to release. Of ``repaired``, ``as_is`` and ``changes`` one says how rows were repaired.

    Attributes:
        reason: the reason that they were set aside for.
        log: only rows of this raw log.
        where: SQL over the columns of ``quarantine``; only rows for which it is true.
        ids: a file with a ``row_id`` a line; only those.
        repaired: a file of JSON lines, each ``{"row_id": ..., "raw": {...}}``; only those rows.
        as_is: the rows were right; what has changed is the source file.
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
        """See that it says once how rows were repaired.

        Raises:
            ConfigError: when it says so never or twice, or names rows twice.
        """
        ways = {"--repaired": self.repaired is not None, "--as-is": self.as_is, "--set-column": bool(self.changes)}
        given = [name for name, is_given in ways.items() if is_given]
        if len(given) != 1:
            raise ConfigError(
                "A release says in one way how its rows were repaired.",
                got=" and ".join(given) or "none",
                fix=f"give one of {', '.join(ways)}",
            )
        if self.ids is not None and self.repaired is not None:
            raise ConfigError("--repaired names its rows already.", got="--ids beside it", fix="leave --ids out")


def release(context: RunContext, wanted: Wanted, by: str, at: datetime | None = None) -> dict[str, int]:
    """Put quarantined rows through ingest again; gives the rows by outcome, nothing where none is left to release.

    Args:
        context: the run.
        wanted: which rows, and how they were repaired.
        by: who releases them.
        at: from when on what they say is known (UTC); default: now.

    Raises:
        ConfigError: when the moment lies before the newest delivery, or ``wanted`` contradicts itself.
        InputError: when a file of rows cannot be read as one.
        NotFoundError: when a row that is named was never set aside.
    """
    wanted.check()
    moment = _moment(context, at)
    with context.store.lock("ingest"):
        finish(context)
        rows = _selected(context, wanted).persist()
        number = rows.count()
        if number == 0:
            context.progress.say("no quarantined row that is still open fits: nothing was released")
            return {}
        _check(rows, number, wanted)
        found = put_back(context, rows, moment, by)
        rows.unpersist()
        return found


def _moment(context: RunContext, at: datetime | None) -> datetime:
    """From when on released rows are known: not before what is complete, which no late news may change."""
    moment = at or datetime.now(UTC)
    reached = max([context.log.frontier, *(row["complete_at"] for row in context.log.deliveries())])
    if moment < reached:
        raise ConfigError(
            "Rows cannot be released before the newest delivery was there.",
            where="--observed-at",
            got=f"{moment:%Y-%m-%d %H:%M}; the log is known up to {reached:%Y-%m-%d %H:%M} UTC",
            fix="name a later moment: what was known before stays as it was",
        )
    return moment


def _selected(context: RunContext, wanted: Wanted) -> DataFrame:
    """The open rows that are wanted, repaired. Grain: row_id."""
    if not context.store.exists("quarantine"):
        raise NotFoundError("Nothing was ingested yet.", where=str(context.folder), fix="run 'longplay ingest' first")
    aside = context.store.read("quarantine")
    if "raw_schema" not in aside.columns:
        raise StoreError(
            "These rows were set aside by a version that did not keep how to read them again.",
            where=str(context.store.path("quarantine")),
            fix="deliver the log anew: rows that are set aside from now on can be released",
        )
    given = context.store.read(TABLE) if context.store.exists(TABLE) else None
    still = reprocess.select_open_rows(aside, given).where(F.col("reason") == wanted.reason)
    still = still.where(F.col("log") == wanted.log) if wanted.log else still
    still = _where(still, wanted.where) if wanted.where else still
    named = _named(context, wanted)
    if named is not None:
        _check_named(context, named, aside, still, given)
        mended = ["row_id"] if wanted.repaired is None else ["row_id", F.col("raw").alias("_mended")]
        still = still.join(named.select(*mended), "row_id", "inner")
    still = still.withColumn("raw", F.col("_mended")) if wanted.repaired else still
    rows = still.select("row_id", "log", "reason", "raw", "raw_schema", "file")
    return _changed(rows, wanted.changes) if wanted.changes else rows


def _where(rows: DataFrame, condition: str) -> DataFrame:
    try:
        found = rows.where(F.expr(condition))
        found.schema  # noqa: B018 - analysis only
        return found
    except PySparkException as error:
        raise _no_sql("--where", condition, error, "the columns of 'quarantine'") from error


def _changed(rows: DataFrame, changes: Mapping[str, str]) -> DataFrame:
    """Rows with columns set anew; each log has columns of its own, so a change belongs to one log."""
    logs = sorted((row["log"], row["raw_schema"]) for row in rows.select("log", "raw_schema").distinct().collect())
    if len({log for log, _ in logs}) > 1:
        raise ConfigError(
            "--set-column is for rows of one log.", got=", ".join({log for log, _ in logs}), fix="add --log"
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
            fix="correct it",
        )
    try:
        found = reprocess.apply_repairs(rows, schema, changes)
        found.schema  # noqa: B018 - analysis only
        return found
    except PySparkException as error:
        said = ", ".join(f"{name}={text}" for name, text in changes.items())
        raise _no_sql("--set-column", said, error, "the columns of the raw log") from error


def _no_sql(option: str, text: str, error: PySparkException, over: str) -> ConfigError:
    return ConfigError(
        f"This is no Spark SQL over {over}.", where=f"{option} {text}", got=first_line(error), fix="correct it"
    )


def _named(context: RunContext, wanted: Wanted) -> DataFrame | None:
    """The rows that a file names: ``row_id``, and what they were repaired into where it says so."""
    if wanted.ids is not None:
        lines = [line.strip() for line in wanted.ids.read_text(encoding="utf-8").splitlines()]
        return context.spark.createDataFrame(pa.table({"row_id": pa.array(filter(None, lines), pa.string())}))
    if wanted.repaired is None:
        return None
    if not wanted.repaired.is_file():
        raise InputError("The file of repaired rows is missing.", where=str(wanted.repaired), fix="check --repaired")
    return context.spark.read.schema("row_id STRING, raw STRING").json(str(wanted.repaired.absolute()))


def _check_named(
    context: RunContext, named: DataFrame, aside: DataFrame, still: DataFrame, given: DataFrame | None
) -> None:
    """See that a file names rows that were set aside, once each; those that were released before are only counted."""
    there = aside.select("row_id", F.lit(True).alias("_there"))
    fits = still.select("row_id", F.lit(True).alias("_fits"))
    gone = aside.select("row_id").limit(0) if given is None else given.select("row_id")
    whole = named.join(there, "row_id", "left").join(fits, "row_id", "left")
    whole = whole.join(gone.withColumn("_gone", F.lit(True)), "row_id", "left")
    lacks = F.col("row_id").isNull() | (F.col("raw").isNull() if "raw" in named.columns else F.lit(False))
    row = whole.agg(
        F.count("*").alias("rows"),
        F.count_distinct("row_id").alias("ids"),
        F.count_if(lacks).alias("lacking"),
        F.min(F.when(F.col("_there").isNull(), F.col("row_id"))).alias("unknown"),
        F.count_if("_gone").alias("gone"),
        F.count_if(F.col("_there") & F.col("_gone").isNull() & F.col("_fits").isNull()).alias("other"),
    ).first()
    assert row is not None
    if row["lacking"]:
        raise InputError(
            "The file has lines that say nothing of a row.",
            got=f"{row['lacking']:,} of {row['rows']:,} lines",
            fix='each line is {"row_id": "...", "raw": {...}}, as \'longplay quality quarantine --out\' writes them',
        )
    if row["ids"] != row["rows"]:
        raise InputError(
            "The file names a row twice.", got=f"{row['rows']:,} lines, {row['ids']:,} rows", fix="once each"
        )
    if row["unknown"] is not None:
        raise NotFoundError(
            f"No row '{row['unknown']}' was ever set aside.",
            where=str(context.store.path("quarantine")),
            fix="check the file",
        )
    if row["gone"]:
        context.progress.say(f"{row['gone']:,} rows were released before and stay as they are")
    if row["other"]:
        context.progress.say(f"{row['other']:,} rows of the file do not fit the other options, and stay in quarantine")


def _check(rows: DataFrame, number: int, wanted: Wanted) -> None:
    """See that the rows can be read again, and that repaired ones have the log's own columns."""
    try:
        kinds = rows.groupBy("log").agg(F.collect_set("raw_schema").alias("schemas"), F.count("*").alias("n")).collect()
    except SPARK_ERRORS as error:
        raise InputError(
            "The rows cannot be repaired so.", got=describe_spark_error(error), fix="see what they hold"
        ) from error
    without = number - rows.where(F.col("raw_schema").isNotNull()).count()
    if without:
        raise StoreError(
            "Some rows were set aside by a version that did not keep how to read them again.",
            got=f"{without:,} of {number:,} rows",
            fix='leave them out: --where "raw_schema IS NOT NULL"',
        )
    for kind in kinds if wanted.repaired else []:
        schema = reprocess.merge_schemas(kind["log"], sorted(kind["schemas"]))
        odd = reprocess.find_unknown_keys(rows.where(F.col("log") == kind["log"]), schema).first()
        if odd is not None:
            raise InputError(
                "A repaired row has columns that its log has not.",
                where=f"{wanted.repaired}, row_id {odd['row_id']}",
                got=", ".join(odd["keys"]),
                fix=f"the columns of the {kind['log']} log are {', '.join(schema.names)}",
            )
