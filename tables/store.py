"""The store: the only place, beside jobs, that touches storage. Stage, audit, then one atomic commit."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from longplay.delta import check_files, commits, forget_log, has_deletion_vectors, open_table
from longplay.errors import NotFoundError, StoreError, first_line
from longplay.paths import StorePaths
from tables import catalog
from tables.compaction import is_scattered
from tables.date_filters import on_days
from tables.lock import process_lock
from tables.spec import TableSpec

log = logging.getLogger("longplay.store")
HOUSEKEEPING = 50
"""So many commits back a publication is looked for; between two there are a few of housekeeping at most."""
JUDGED, EARLIER = 90, "verdicts"
"""So many commits back verdicts are looked for; where an erasure removed the commits, the one that stays names them."""
ROWS_A_PART, FEWEST_PARTS = 250_000, 8
EVERYTHING = "everything"
"""What ``publish`` replaces when a table is built anew."""
FILE_ROWS = 250_000
"""Rows of a data file at most, where a table has a time; ``longplay maintain`` joins small files later."""
SPARK_ERRORS = (PySparkException, Py4JError)
"""What a failing Spark job raises: PySpark leaves many of the JVM's errors as they are."""


@dataclass(frozen=True)
class Lineage:
    """What a version was made from; kept in its commit. ``fingerprint`` is a hash over all of it."""

    run_id: str
    fingerprint: str
    inputs: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """What a publish step did: the version that now holds the content, and whether it was written anew."""

    table: str
    version: int
    rows: int
    written: bool
    why: str
    checksum: str = ""


Gate = Callable[[DataFrame, TableSpec], Mapping[str, Any]]


class Store:
    """The Delta tables of one source under one root folder.

    Args:
        root: the warehouse.
        source: name of the source; its tables live in ``root/source``.
        spark: session used to read and write data (metadata are read without it).
    """

    def __init__(self, root: Path, source: str, spark: SparkSession) -> None:
        self.paths = StorePaths.from_address(root).source(source)
        self.spark = spark

    @property
    def folder(self) -> Path:
        """The folder of the source's tables."""
        return self.paths.folder

    def path(self, table: str) -> Path:
        """The folder of a table."""
        return self.paths.table(table)

    def exists(self, table: str) -> bool:
        """Whether a version of the table was ever published."""
        return bool(DeltaTable.is_deltatable(str(self.path(table))))

    def version(self, table: str) -> int:
        """The newest version.

        Raises:
            StoreError: when the table is missing or its log cannot be read.
        """
        return int(open_table(self.path(table)).version())

    def latest(self, table: str) -> int:
        """The newest version, -1 where there is no table."""
        return self.version(table) if self.exists(table) else -1

    def version_on(self, table: str, moment: datetime) -> int:
        """The version that was the newest at a moment (UTC), by the times of its commits.

        Raises:
            NotFoundError: when the table was first published later.
        """
        history = open_table(self.path(table)).history()
        times = {int(entry["version"]): int(entry["timestamp"]) for entry in history}
        found = [version for version, ms in times.items() if ms <= moment.timestamp() * 1000]
        if not found:
            first = datetime.fromtimestamp(min(times.values()) / 1000, UTC)
            raise NotFoundError(
                f"'{table}' was not there yet.",
                where=str(self.path(table)),
                got=f"{moment:%Y-%m-%d %H:%M}; its oldest version that is left is of {first:%Y-%m-%d %H:%M} UTC",
                fix="name a later date, or ask for what was known then: --known-at",
            )
        return max(found)

    def commit(self, table: str, version: int | None = None) -> dict[str, Any]:
        """What a publication of a table says of itself: run id, fingerprint, inputs, facts, audit.

        Args:
            table: which table.
            version: what this version's own commit says; default: the newest that says anything. Commits that only
                rearrange files (compaction) say nothing.
        """
        if not self.exists(table):
            return {}
        for entry, told in commits(open_table(self.path(table)), HOUSEKEEPING if version is None else None):
            if told if version is None else entry.get("version") == version:
                return told
        return {}

    def verdicts(self, table: str) -> list[str]:
        """The files that hold the gate's verdicts of the newest published versions, oldest first."""
        if not self.exists(table):
            return []
        found: list[str] = []
        for _, one in commits(open_table(self.path(table)), JUDGED):
            if EARLIER in one:
                return [*one[EARLIER], *reversed(found)][-JUDGED:]
            found += [one["audit"]["verdict"]] if "verdict" in one.get("audit", {}) else []
        return found[::-1]

    def files(self, table: str, version: int) -> list[str]:
        """The data files of a version."""
        found: list[str] = open_table(self.path(table), version).file_uris()
        return found

    def read(self, table: str, version: int | None = None) -> DataFrame:
        """A table at a version (default: newest), after checking that its files are all there.

        Raises:
            StoreError: when it is missing or corrupted.
        """
        path = self.path(table)
        check_files(path, version)
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(str(path))

    def extent(self, table: str, since: date | None = None) -> tuple[int, int]:
        """Rows and bytes of the files that hold days from ``since`` on, by the table's time column, from its log."""
        spec = catalog.get(table).time
        actions = open_table(self.path(table)).get_add_actions(flatten=True)
        newest = actions[f"max.{spec}"].to_pylist() if spec and f"max.{spec}" in actions.schema.names else []
        rows, sizes = actions["num_records"].to_pylist(), actions["size_bytes"].to_pylist()
        kept = [n for n in range(len(rows)) if since is None or not newest or newest[n] is None or newest[n] >= since]
        return sum(rows[n] for n in kept), sum(sizes[n] for n in kept)

    def parts(self, since: Mapping[str, date | None]) -> int:
        """Into how many buckets the rows of some tables go, each from a day on, so that one bucket is small."""
        rows = sum(self.extent(table, day)[0] for table, day in since.items())
        return max(FEWEST_PARTS, -(-rows // ROWS_A_PART))

    def up_to_date(self, table: str, fingerprint: str) -> bool:
        """Whether the newest version was made from just these inputs, settings and code."""
        return self.commit(table).get("fingerprint") == fingerprint

    def publish(
        self,
        frame: DataFrame,
        spec: TableSpec,
        lineage: Lineage,
        gate: Gate,
        replace: str | None = None,
        seen: int | None = None,
    ) -> Published:
        """Stage ``frame``, let ``gate`` audit it, and commit it as one version.

        ``replace`` tables are overwritten. To ``append`` tables only rows whose grain is not there yet are added, so
        that a delivery that is read twice, or again after a crash, changes nothing. To ``increment`` tables the rows
        are added as they are: their builder knows from the last commit what is new.

        Args:
            frame: the rows.
            spec: the table.
            lineage: what they were made from.
            gate: judges the staged rows.
            replace: for ``increment`` tables, a condition: the rows there that meet it go in the same commit
                (``EVERYTHING`` builds the table anew). The new rows need not meet it. None only adds.
            seen: the version that the rows were made beside (-1: there was none); another one there now is refused.

        Raises:
            QualityError: from the gate; nothing is published and the rows stay under ``rejected/``.
            StoreError: when another process holds the table for ten minutes or published it in the meantime, or columns
                went or changed their type.
        """
        with self.lock(spec.name), self._staging(spec, lineage) as staging:
            before = self.latest(spec.name)
            if seen is not None:
                self._see_version(spec, seen, before)
            judged = staging / "all"
            staged = self._stage(frame, judged)
            if spec.mode == "append" and self.exists(spec.name):
                judged = staging / "new"
                staged = self._stage(self._new_rows(staged, spec), judged)
            with self._rejecting(judged, spec, lineage):
                audit = gate(staged, spec)
            # Where the lock does not hold: machines whose file system passes none on.
            self._see_version(spec, before, self.latest(spec.name))
            whole = spec.mode == "replace" or replace == EVERYTHING
            return self._commit(staged, spec, lineage, dict(audit), EVERYTHING if whole else replace)

    def _see_version(self, spec: TableSpec, looked: int, now: int) -> None:
        if looked != now:
            raise StoreError(
                f"Another run has published '{spec.name}' while this one was building it.",
                where=str(self.path(spec.name)),
                got=f"version {now} now, {looked} when this run looked",
                fix="run the step again: it adds what is still missing",
            )

    def compact(self, table: str) -> tuple[int, int]:
        """Write small files together, in order of time; rows and what commits say stay.

        Gives the number of files before and after. A table with few small files is left as it is.
        """
        path, time_column = self.path(table), catalog.get(table).time
        there = open_table(path)
        before = len(there.file_uris())
        if is_scattered(there):
            order = f"ZORDER BY ({time_column})" if time_column else ""
            # Sorted within files, so that who reads a few days of a large file reads a few of its row groups.
            with self.lock(table), self._setting("spark.databricks.io.skipping.mdc.sortWithinFiles", "true"):
                self.spark.sql(f"OPTIMIZE delta.`{path}` {order}")
        return before, len(open_table(path).file_uris())

    def remove_versions(self, table: str, keep_hours: int) -> None:
        """Remove the files of versions that were replaced more than so many hours ago: they can no longer be read."""
        check = "spark.databricks.delta.retentionDurationCheck.enabled"
        with self.lock(table):
            self.spark.conf.set(check, "false")
            try:
                self.spark.sql(f"VACUUM delta.`{self.path(table)}` RETAIN {keep_hours} HOURS")
            finally:
                self.spark.conf.unset(check)

    def erase(self, table: str, condition: str, told: Mapping[str, Any]) -> None:
        """Remove rows from a table and from everything that is left of it: old versions, their files and their log.

        Afterwards the table has one version, and nothing of the log says what was removed. Interrupted, it can be run
        again.

        Args:
            table: which table.
            condition: SQL; rows for which it is true are removed.
            told: what the one commit that stays says of the table.
        """
        path, earlier = self.path(table), self.verdicts(table)
        with self.lock(table):
            if not self.read(table).where(condition).isEmpty():
                self.spark.sql(f"DELETE FROM delta.`{path}` WHERE {condition}")
            if has_deletion_vectors(path):
                self.spark.sql(f"REORG TABLE delta.`{path}` APPLY (PURGE)")  # else the rows stay in their files
        self.remove_versions(table, 0)
        with self.lock(table):
            self._say(table, {**told, EARLIER: earlier})  # the last: removing files makes commits of its own
            forget_log(path)

    def _say(self, table: str, told: Mapping[str, Any]) -> None:
        """A commit that changes nothing but what is said of the table."""
        said = json.dumps(told, sort_keys=True, default=str)
        with self._setting("spark.databricks.delta.commitInfo.userMetadata", said):
            stamp = f"'longplay.rewritten' = '{time.time_ns()}'"
            self.spark.sql(f"ALTER TABLE delta.`{self.path(table)}` SET TBLPROPERTIES ({stamp})")

    @contextmanager
    def _setting(self, key: str, value: str) -> Iterator[None]:
        """A setting of the session for the time of one command."""
        self.spark.conf.set(key, value)
        try:
            yield
        finally:
            self.spark.conf.unset(key)

    def _stage(self, frame: DataFrame, folder: Path) -> DataFrame:
        frame.write.mode("overwrite").parquet(str(folder))
        return self.spark.read.schema(frame.schema).parquet(str(folder))

    def _new_rows(self, staged: DataFrame, spec: TableSpec) -> DataFrame:
        """Staged rows whose grain is not in the table; looked for only among rows of the same days."""
        known = self.read(spec.name).select(*dict.fromkeys([*spec.grain, *([spec.time] if spec.time else [])]))
        if spec.time is not None:
            days = [row[0] for row in staged.select(spec.time).distinct().collect()]
            known = known.where(on_days(spec.time, days))
        return staged.join(known.select(*spec.grain), list(spec.grain), "left_anti")

    def _commit(
        self, staged: DataFrame, spec: TableSpec, lineage: Lineage, audit: dict[str, Any], replace: str | None
    ) -> Published:
        rows = int(audit.get("rows", 0))
        if spec.mode == "append" and rows == 0 and self.exists(spec.name):
            return Published(spec.name, self.version(spec.name), 0, False, "no new rows")
        note = json.dumps({**asdict(lineage), "audit": audit}, sort_keys=True, default=str)
        if spec.time is not None:
            # Files of a few days each, so that who reads a few days reads a few files.
            staged = staged.sortWithinPartitions(*spec.partition_by, spec.time)
        writer = staged.write.format("delta").option("userMetadata", note).option("maxRecordsPerFile", FILE_ROWS)
        if spec.partition_by:
            writer = writer.partitionBy(*spec.partition_by)
        if spec.mode != "replace":
            # So that a delivery which adds no row is on record too: Delta makes no commit of an append without rows.
            # And Delta refuses two writers at once of one application, where else it would take both appends.
            writer = writer.option("txnAppId", "longplay").option("txnVersion", time.time_ns() // 1000)
        before = self.latest(spec.name)
        if replace == EVERYTHING:
            writer = writer.mode("overwrite").option("overwriteSchema", True)
        else:
            self._check_schema(staged, spec)
            writer = writer.option("mergeSchema", True)
            writer = writer.mode("overwrite").option("replaceWhere", replace) if replace else writer.mode("append")
        # What is added may be of another kind than what goes, such as values that have settled for open ones.
        with self._setting("spark.databricks.delta.replaceWhere.constraintCheck.enabled", "false"):
            writer.save(str(self.path(spec.name)))
        version = self.version(spec.name)
        if version == before:
            raise StoreError(
                f"Delta took '{spec.name}' for written already.",
                where=str(self.path(spec.name)),
                got=f"version {version} as before",
                fix="see that this machine's clock has not gone back, and run the step again",
            )
        return Published(spec.name, version, rows, True, "published", str(audit.get("checksum", "")))

    def _check_schema(self, staged: DataFrame, spec: TableSpec) -> None:
        """Columns may come; they may not go or change their type, for then old rows and new ones would not fit."""
        if not self.exists(spec.name):
            return
        there = dict(self.spark.read.format("delta").load(str(self.path(spec.name))).dtypes)
        new = dict(staged.dtypes)
        differs = [
            f"{name}: {kind} there, {new.get(name, 'missing')} now"
            for name, kind in there.items()
            if new.get(name) != kind
        ]
        if differs:
            again = "build it anew: run its step with --force"
            beside = "give the changed column a new name beside the old one, which stays null from now on"
            raise StoreError(
                f"The columns of '{spec.name}' have changed in a way that its rows do not fit.",
                where=str(self.path(spec.name)),
                got="; ".join(differs),
                fix=again if spec.mode != "append" else beside,
            )

    @contextmanager
    def lock(self, table: str) -> Iterator[None]:
        """One writer at a time: Delta's own commit is not safe between processes on a local file system.

        Raises:
            StoreError: when another process has held it for ten minutes.
        """
        with process_lock(self.paths.lock(table), f"Another process has been writing '{table}'", self.path(table)):
            yield

    @contextmanager
    def _staging(self, spec: TableSpec, lineage: Lineage) -> Iterator[Path]:
        for left in self.paths.stagings(spec.name):
            shutil.rmtree(left, ignore_errors=True)  # of a run that was killed: this one holds the table's lock
        staging = self.paths.staging(spec.name, lineage.run_id)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def _rejecting(self, staging: Path, spec: TableSpec, lineage: Lineage) -> Iterator[None]:
        """Keep the staged rows under ``rejected/`` unless the audit inside comes to its end."""
        passed = False
        try:
            yield
            passed = True
        finally:
            if not passed and staging.exists():
                target = self.paths.rejected(spec.name, lineage.run_id)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(target, ignore_errors=True)
                shutil.move(staging, target)


def explain_spark(error: Exception, where: str) -> StoreError:
    """A Spark failure as an error of ours, its cause kept."""
    return StoreError("Spark could not do this step.", where=where, got=spark_says(error))


def spark_says(error: Exception) -> str:
    """One line of what Spark says went wrong: the innermost cause where it names one."""
    lines = str(error).splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    thrown = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    if not isinstance(error, Py4JError) or not causes + thrown:
        return first_line(error)
    return (causes or thrown)[-1].split("Exception: ", 1)[-1]
