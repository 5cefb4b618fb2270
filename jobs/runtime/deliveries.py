"""What ingest and releases from quarantine share: batch numbers, facts, and when users and items were first seen."""

from dataclasses import replace

import pyarrow.compute as pc
from pyspark.sql import DataFrame

from ingest import fact_tables
from ingest.log_state import LogPosition
from ingest.row_identity import ROW_IDENTITY
from jobs.runtime.publisher import IncrementPlan, TableChange
from jobs.runtime.run_context import RunContext
from longplay.delta import open_dataset, open_table, read_commits
from longplay.errors import StoreError
from tables import catalog
from tables.arrow_store import Row
from tables.publish import Lineage
from tables.store import PUBLICATION_LOOKBACK_COMMITS

_IDENTITY = "row_identity"
_NUMBERED_TABLES = ("events", "quarantine", "first_seen", "exposures", "quarantine_releases")


def next_batch(context: RunContext) -> int:
    """A number above that of every delivery, interrupted ones included.

    Otherwise an increment could mistake its rows for rows that it has already read.
    """
    delivered = [int(row["batch"]) for row in context.log.deliveries()] if context.log.has_deliveries else []
    commit_facts = [context.store.commit_metadata(table).get("facts", {}) for table in _NUMBERED_TABLES]
    return 1 + max([*(int(facts.get("batch", 0)) for facts in commit_facts), *delivered, 0])


def publish_facts(context: RunContext, table: str, rows: DataFrame, lineage: Lineage) -> None:
    """Publish facts of one delivery, with the version of the rules that gave their ids."""
    context.progress.table(context.store.publish(rows, catalog.get(table), _with_identity(lineage), context.gate))


def record_delivery(context: RunContext, row: Row, lineage: Lineage) -> None:
    """Publish the row by which other steps learn of a delivery."""
    context.tables.publish_rows("deliveries", [row], _with_identity(lineage))


def _with_identity(lineage: Lineage) -> Lineage:
    return replace(lineage, facts={**lineage.facts, _IDENTITY: ROW_IDENTITY})


def check_row_identity(context: RunContext) -> None:
    """Check that rows that were published before are recognised when they are delivered again.

    Raises:
        StoreError: when their ids come from the rules of another version.
    """
    facts = context.store.commit_metadata("events").get("facts")
    version = ROW_IDENTITY if facts is None else int(facts.get(_IDENTITY, 1))
    if version != ROW_IDENTITY:
        raise StoreError(
            "The ids of this source's rows were made by another version of Longplay, so rows that are delivered again "
            "would count twice.",
            where=str(context.store.path("events")),
            got=f"row identity {version}, where this version makes {ROW_IDENTITY}",
            fix="ingest the log again into a new store, with --store; all other steps still read this one",
        )


def build_first_seen(context: RunContext, reached: LogPosition | None = None) -> None:
    """Add the users and items that new events show for the first time.

    Args:
        context: the run.
        reached: newest delivery and watermark, for a delivery that is still being ingested. Default: the log's.
    """
    position = reached or context.log.position
    plan = context.tables.plan_increment("first_seen", context.tables.versions("events"), {}, position)
    context.tables.publish_increment(plan, lambda: _compute_first_seen(context, plan))


def _compute_first_seen(context: RunContext, plan: IncrementPlan) -> TableChange:
    events = context.tables.read(plan.inputs, "events").where(f"batch <= {plan.reached.batch}")
    if plan.checkpoint is None:
        return TableChange(fact_tables.build_first_seen(events))
    new_events = events.where(f"batch > {plan.checkpoint.batch}")
    return TableChange(fact_tables.build_first_seen(new_events, context.store.read("first_seen")))


def count_delivered_rows(context: RunContext, table: str, delivery: str, batch: int, log: str | None = None) -> int:
    """How many rows of a table came with a delivery, including those of interrupted runs of it. Starts no Spark job.

    Args:
        context: the run.
        table: which table.
        delivery: fingerprint of the delivery.
        batch: its number.
        log: only rows of this raw log, for the table ``quarantine``.
    """
    if not context.store.exists(table):
        return 0
    path = context.store.path(table)
    metadata = [facts for _, facts in read_commits(open_table(path), PUBLICATION_LOOKBACK_COMMITS)]
    batches = {batch, *(int(m["facts"]["batch"]) for m in metadata if m.get("fingerprint") == delivery)}
    condition = pc.field("batch").isin(sorted(batches))
    if log is not None:
        condition &= pc.field("log") == log
    return int(open_dataset(path).count_rows(condition))
