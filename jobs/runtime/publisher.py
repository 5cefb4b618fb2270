"""Publishes derived tables: extends or rebuilds a table, or leaves it alone if nothing has changed."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ingest.log_state import LogPosition, LogState
from ingest.source_config import Source
from jobs.runtime.fingerprint import hash_table_code
from jobs.runtime.progress import Progress
from quality.gate import Gate
from tables import catalog
from tables.arrow_store import Row, publish_rows
from tables.checkpoint import Checkpoint
from tables.publish import EVERYTHING, Lineage, PublishedVersion, StagedRowsGate, WritableStore


@dataclass(frozen=True)
class IncrementPlan:
    """How a derived table is brought up to a position of the log.

    Attributes:
        table: which table.
        inputs: versions of the tables that it is computed from.
        recipe: what its content depends on besides facts, source file and code; a change rebuilds the table.
        reached: the delivery and the watermark up to which it is brought.
        base_version: its version when the plan was made (-1: no table); publication fails if it has another by then.
        checkpoint: the delivery and the watermark that it holds already; None: it is rebuilt from scratch.
    """

    table: str
    inputs: Mapping[str, int]
    recipe: Mapping[str, Any]
    reached: LogPosition
    base_version: int
    checkpoint: Checkpoint | None

    @property
    def is_current(self) -> bool:
        """Whether the table holds everything that was delivered."""
        checkpoint, reached = self.checkpoint, self.reached
        if checkpoint is None:
            return False
        return checkpoint.batch >= reached.batch and checkpoint.frontier >= reached.frontier

    def from_scratch(self) -> Self:
        """The plan that rebuilds the table."""
        return replace(self, checkpoint=None)


@dataclass(frozen=True)
class TableChange:
    """What one publication of an increment brings.

    Attributes:
        rows: the new rows.
        replace: an SQL condition for the published rows to remove; None: none of them, or all in a rebuild.
        gate: validates the rows; None: the gate of the run does.
        note: commit metadata outside the recipe: if it changes, the table is not rebuilt.
    """

    rows: DataFrame
    replace: str | None = None
    gate: StagedRowsGate | None = None
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Publisher:
    """Publishes the derived tables of one source in one run.

    Attributes:
        store: holds the tables.
        gate: validates every publication.
        source: the source file; a change rebuilds every table.
        run_id: the run that publishes.
        force: rebuild tables even if nothing has changed.
        progress: reports what became of each table.
    """

    store: WritableStore
    gate: Gate
    source: Source
    run_id: str
    force: bool
    progress: Progress

    def versions(self, *tables: str) -> dict[str, int]:
        """The newest version of each table."""
        return {table: self.store.version(table) for table in tables}

    def read(self, versions: Mapping[str, int], table: str) -> DataFrame:
        """A table at its pinned version."""
        return self.store.read(table, versions[table])

    def read_delivered(self, versions: Mapping[str, int], table: str, log: LogState) -> DataFrame:
        """Facts of complete deliveries that were known before the frontier: the only ones that results may rest on."""
        position = log.position
        is_complete = (F.col("batch") <= position.batch) & (F.col("known_ts") < F.lit(position.frontier))
        return self.read(versions, table).where(is_complete)

    def fingerprint(self, table: str, inputs: Mapping[str, int], facts: Mapping[str, Any]) -> str:
        """A hash over input versions, settings of the step, the source file and the code that decides the content."""
        parts = [dict(inputs), dict(facts), self.source.model_dump(mode="json"), hash_table_code([table])]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def lineage(self, table: str, inputs: Mapping[str, int], facts: Mapping[str, Any]) -> Lineage:
        """Commit metadata of a table that is made from ``inputs``."""
        return Lineage(self.run_id, self.fingerprint(table, inputs, facts), dict(inputs), dict(facts))

    def publish(
        self,
        table: str,
        inputs: Mapping[str, int],
        facts: Mapping[str, Any],
        compute: Callable[[], DataFrame],
        gate: StagedRowsGate | None = None,
    ) -> PublishedVersion:
        """Publish a table unless it was already made from the same inputs, settings and code."""
        lineage = self.lineage(table, inputs, facts)
        if not self.force and self.store.is_up_to_date(table, lineage.fingerprint):
            published = PublishedVersion(table, self.store.version(table), 0, False, "same inputs, settings and code")
        else:
            published = self.store.publish(compute(), catalog.get(table), lineage, gate or self.gate)
        self.progress.table(published)
        return published

    def publish_rows(self, table: str, rows: Sequence[Row], lineage: Lineage) -> PublishedVersion:
        """Publish a few rows without Spark."""
        spec = catalog.get(table)
        published = publish_rows(self.store.folder, spec, rows, lineage, self.gate.validate_counts)
        self.progress.table(published)
        return published

    def checkpoint(self, table: str, recipe: Mapping[str, Any]) -> Checkpoint | None:
        """What a table holds already, if source file, code and recipe are the same; None: it must be rebuilt."""
        commit_facts = self.store.commit_metadata(table).get("facts", {})
        if self.force or commit_facts.get("recipe") != self.fingerprint(table, {}, recipe):
            return None
        return Checkpoint.from_commit(commit_facts)

    def plan_increment(
        self, table: str, inputs: Mapping[str, int], recipe: Mapping[str, Any], reached: LogPosition
    ) -> IncrementPlan:
        """Plan how to bring a table up to a position: an increment, or a rebuild if force, recipe or code says so."""
        base_version = self.store.latest(table)
        return IncrementPlan(table, inputs, recipe, reached, base_version, self.checkpoint(table, recipe))

    def publish_increment(
        self, plan: IncrementPlan, compute: Callable[[], TableChange], *, has_outdated_rows: bool = False
    ) -> PublishedVersion:
        """Carry out a plan, unless the table is current and has no outdated rows that the change removes."""
        if plan.is_current and not has_outdated_rows:
            version = self.store.version(plan.table)
            published = PublishedVersion(plan.table, version, 0, False, "nothing was delivered since")
        else:
            change = compute()
            replaced = change.replace or (EVERYTHING if plan.checkpoint is None else None)
            published = self.store.publish(
                change.rows,
                catalog.get(plan.table),
                self.increment_lineage(plan, change.note),
                change.gate or self.gate,
                replaced,
                plan.base_version,
            )
        self.progress.table(published)
        return published

    def increment_lineage(self, plan: IncrementPlan, note: Mapping[str, Any]) -> Lineage:
        """Commit metadata from which the next run reads its checkpoint."""
        reached = {"batch": plan.reached.batch, "frontier": plan.reached.frontier.isoformat()}
        recipe = {"recipe": self.fingerprint(plan.table, {}, plan.recipe)}
        return self.lineage(plan.table, plan.inputs, {**note, **plan.recipe, **reached, **recipe})
