"""Publishes tables: stage the rows, let the gate audit them, then make one atomic commit."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, DataFrameWriter

from longplay.delta import open_table
from longplay.errors import StoreError
from tables.arrow_commit import (
    TRANSACTION_APP,
    commit_rows,
    concurrent_publication,
    new_transaction_version,
    read_published_keys,
    replace_rows,
    select_new_rows,
)
from tables.date_filters import on_days
from tables.spark import spark_schema, spark_setting
from tables.spec import TableSpec
from tables.staging import StagedRows, stage, stage_arrow
from tables.store import Store

EVERYTHING = "everything"
"""What ``publish`` replaces when a table is rebuilt from scratch."""
MAX_ROWS_PER_FILE = 250_000
"""Larger commits are split into several files. (``longplay maintain`` joins small ones.)"""
MAX_KEYS_IN_MEMORY = 1_000_000
"""A small publication is compared with at most this many published rows in memory, with more of them through Spark."""
_CONSTRAINT_CHECK = "spark.databricks.delta.replaceWhere.constraintCheck.enabled"


@dataclass(frozen=True)
class Lineage:
    """What a version was made from; recorded in its commit.

    Attributes:
        run_id: the run that wrote it.
        fingerprint: hash over inputs, facts, source file and code; of a raw delivery, over its files and its source.
        inputs: versions of the tables that it was made from.
        facts: further metadata of the step, such as settings or the position reached in the log.
    """

    run_id: str
    fingerprint: str
    inputs: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedVersion:
    """The outcome of a publication.

    Attributes:
        table: name of the table.
        version: the version that now holds the content.
        rows: how many rows were written.
        written: whether this run wrote the version.
        why: what the run reports, such as 'published' or 'no new rows'.
        checksum: of the written rows; empty if none was computed.
    """

    table: str
    version: int
    rows: int
    written: bool
    why: str
    checksum: str = ""


StagedRowsGate = Callable[[DataFrame, TableSpec, pa.Table | None], Mapping[str, Any]]
"""Validates staged rows, which it also gets in memory if they are few; raises ``QualityError``, or returns its audit.
"""


class WritableStore(Store):
    """A store whose tables can be published."""

    def publish(
        self,
        frame: DataFrame,
        spec: TableSpec,
        lineage: Lineage,
        gate: StagedRowsGate,
        replace: str | None = None,
        expected_version: int | None = None,
    ) -> PublishedVersion:
        """Stage ``frame``, let ``gate`` audit it, and commit it as one version.

        The mode of the table decides what is written. ``replace`` overwrites it. ``append`` adds only rows whose key
        (the values of the grain columns) is new, so a delivery that is read twice, or again after a crash, changes
        nothing. ``increment`` adds all rows,
        because the step has already left out what the last commit covers.

        Args:
            frame: the rows.
            spec: the table.
            lineage: what they were made from.
            gate: audits the staged rows.
            replace: for ``increment`` tables, an SQL condition: published rows that meet it are removed in the same
                commit (``EVERYTHING`` rebuilds the table); new rows need not meet it. None: no row is removed.
            expected_version: the version that the rows build on (-1: no table). Any other is an error.

        Raises:
            QualityError: from the gate. Nothing is published and the rows are kept under ``rejected/``.
            StoreError: when another process holds the table for ten minutes or published it in the meantime, or columns
                were removed or changed their type.
        """
        with self.lock(spec.name), self._staging(spec, lineage) as staging:
            current_version = self.latest(spec.name)
            if expected_version is not None:
                self._require_version(spec, expected_version, current_version)
            staged = self._stage(frame, staging / "all")
            if spec.mode == "append" and current_version >= 0:
                staged = self._stage_new_rows(staged, spec, staging / "new")
            with self._keep_if_rejected(staged.folder, spec, lineage):
                audit = gate(staged.frame, spec, staged.in_memory if self._are_few(staged) else None)
            # Check again: on a file system that does not share locks, another machine may have published meanwhile.
            self._require_version(spec, current_version, self.latest(spec.name))
            is_rebuild = spec.mode == "replace" or replace == EVERYTHING
            replaced = EVERYTHING if is_rebuild else replace
            return self._commit(staged, spec, {**asdict(lineage), "audit": dict(audit)}, replaced, current_version)

    def _require_version(self, spec: TableSpec, expected: int, current: int) -> None:
        if current != expected:
            raise concurrent_publication(self.path(spec.name), f"version {current}", expected)

    def _stage(self, frame: DataFrame, folder: Path) -> StagedRows:
        return stage(frame, folder)

    def _are_few(self, staged: StagedRows) -> bool:
        return self.small.include_publication(staged.rows, staged.size)

    def _stage_new_rows(self, staged: StagedRows, spec: TableSpec, folder: Path) -> StagedRows:
        """Staged rows whose key (the values of the grain columns) is not in the table."""
        if not self._are_few(staged):
            return self._stage(self._new_rows(staged.frame, spec), folder)
        rows = staged.in_memory
        published_keys = read_published_keys(self.path(spec.name), spec, rows, MAX_KEYS_IN_MEMORY)
        if published_keys is None:
            return self._stage(self._new_rows(staged.frame, spec), folder)
        new_rows = select_new_rows(rows, published_keys, spec.grain)
        return staged if len(new_rows) == len(rows) else stage_arrow(new_rows, staged, folder)

    def _new_rows(self, staged: DataFrame, spec: TableSpec) -> DataFrame:
        """The rows of ``_stage_new_rows``, through Spark. Compares only rows of the same days."""
        columns = dict.fromkeys([*spec.grain, *([spec.time] if spec.time else [])])
        published = self.read(spec.name).select(*columns)
        if spec.time is not None:
            days = [row[0] for row in staged.select(spec.time).distinct().collect()]
            published = published.where(on_days(spec.time, days))
        return staged.join(published.select(*spec.grain), list(spec.grain), "left_anti")

    def _commit(
        self, staged: StagedRows, spec: TableSpec, metadata: Mapping[str, Any], replace: str | None, base_version: int
    ) -> PublishedVersion:
        audit, path = metadata["audit"], self.path(spec.name)
        rows = int(audit.get("rows", 0))
        if spec.mode == "append" and rows == 0 and base_version >= 0:
            return PublishedVersion(spec.name, base_version, 0, False, "no new rows")
        if replace != EVERYTHING and base_version >= 0:
            self._check_schema(staged.frame, spec)
        if not self._commits_in_memory(staged, spec, replace, base_version):
            self._commit_through_spark(staged.frame, spec, metadata, replace)
        elif replace in (None, EVERYTHING) or base_version < 0:
            commit_rows(path, staged.in_memory, spec, metadata, base_version, replace_all=replace == EVERYTHING)
        else:
            replace_rows(path, staged.in_memory, spec, metadata, base_version, replace)
        version = self.version(spec.name)
        if version == base_version:
            raise StoreError(
                f"Delta skipped the commit to '{spec.name}' as a duplicate.",
                where=str(path),
                got=f"version {version} as before",
                fix="make sure that this machine's clock has not gone back, and run the step again",
            )
        return PublishedVersion(spec.name, version, rows, True, "published", str(audit.get("checksum", "")))

    def _commits_in_memory(self, staged: StagedRows, spec: TableSpec, replace: str | None, base_version: int) -> bool:
        """Whether the commit needs no Spark: it is small, adds no column, and removes single rows of small tables only.

        delta-rs would move the columns of partitions behind a column that it adds.
        """
        if not self._are_few(staged):
            return False
        if replace == EVERYTHING or base_version < 0:
            return True
        if not set(staged.frame.columns) <= set(self._published_types(spec)):
            return False
        return replace is None or self._is_small(open_table(self.path(spec.name)))

    def _commit_through_spark(
        self, staged: DataFrame, spec: TableSpec, metadata: Mapping[str, Any], replace: str | None
    ) -> None:
        writer = _set_replacement(_delta_writer(staged, spec, metadata), replace)
        # New rows need not meet the condition that removes old ones: settled values replace open ones.
        with spark_setting(self.spark, _CONSTRAINT_CHECK, "false"):
            writer.save(str(self.path(spec.name)))

    def _check_schema(self, staged: DataFrame, spec: TableSpec) -> None:
        """Columns may be added. Removed or retyped ones are refused: old rows and new ones would not fit together."""
        published = self._published_types(spec)
        types = dict(staged.dtypes)
        differences = [
            f"{name}: {kind} published, {types.get(name, 'missing')} now"
            for name, kind in published.items()
            if types.get(name) != kind
        ]
        if differences:
            rebuild = "rebuild the table: run its step with --force"
            rename = "give the changed column a new name and keep the old one, which stays null from now on"
            raise StoreError(
                f"The columns of '{spec.name}' no longer fit its published rows.",
                where=str(self.path(spec.name)),
                got="; ".join(differences),
                fix=rebuild if spec.mode != "append" else rename,
            )

    def _published_types(self, spec: TableSpec) -> dict[str, str]:
        """The types of the published columns, as Spark writes them."""
        schema = spark_schema(open_table(self.path(spec.name)))
        return {field.name: field.dataType.simpleString() for field in schema.fields}

    @contextmanager
    def _staging(self, spec: TableSpec, lineage: Lineage) -> Iterator[Path]:
        for leftover in self.paths.staging_folders(spec.name):
            # Left by a killed run: we hold the table's lock, so no live run can be using it.
            shutil.rmtree(leftover, ignore_errors=True)
        staging = self.paths.staging(spec.name, lineage.run_id)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def _keep_if_rejected(self, staging: Path, spec: TableSpec, lineage: Lineage) -> Iterator[None]:
        """Keep the staged rows under ``rejected/`` unless the audit in the block passes."""
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


def _delta_writer(staged: DataFrame, spec: TableSpec, metadata: Mapping[str, Any]) -> DataFrameWriter:
    if spec.time is not None:
        # Files of a few days each, so that readers of a few days read few files.
        staged = staged.sortWithinPartitions(*spec.partition_by, spec.time)
    writer = staged.write.format("delta").option("maxRecordsPerFile", MAX_ROWS_PER_FILE)
    writer = writer.option("userMetadata", json.dumps(metadata, sort_keys=True, default=str))
    if spec.partition_by:
        writer = writer.partitionBy(*spec.partition_by)
    if spec.mode != "replace":
        # With a transaction id, Delta commits even an empty append, so that each increment records its checkpoint, and
        # it refuses one of two concurrent appends instead of accepting both.
        writer = writer.option("txnAppId", TRANSACTION_APP).option("txnVersion", new_transaction_version())
    return writer


def _set_replacement(writer: DataFrameWriter, replace: str | None) -> DataFrameWriter:
    """Set what the writer replaces: everything, the rows that meet a condition, or nothing."""
    if replace == EVERYTHING:
        return writer.mode("overwrite").option("overwriteSchema", True)
    writer = writer.option("mergeSchema", True)
    return writer.mode("overwrite").option("replaceWhere", replace) if replace else writer.mode("append")
