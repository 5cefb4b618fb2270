"""What ingest and releases from quarantine share: batch numbers, facts, and when users and items were first seen."""

import pyarrow.compute as pc
from pyspark.sql import DataFrame

from ingest import fact_tables
from ingest.log_state import LogPosition
from jobs.runtime.publisher import IncrementPlan, TableChange
from jobs.runtime.run_context import RunContext
from longplay.delta import open_dataset, open_table, read_commits
from tables import catalog
from tables.publish import Lineage
from tables.store import PUBLICATION_LOOKBACK_COMMITS

_NUMBERED_TABLES = ("events", "quarantine", "first_seen", "exposures", "quarantine_releases")


def next_batch(context: RunContext) -> int:
    """A number above that of every delivery, interrupted ones included.

    Otherwise an increment could mistake its rows for rows that it has already read.
    """
    delivered = [int(row["batch"]) for row in context.log.deliveries()] if context.log.has_deliveries else []
    commit_facts = [context.store.commit_metadata(table).get("facts", {}) for table in _NUMBERED_TABLES]
    return 1 + max([*(int(facts.get("batch", 0)) for facts in commit_facts), *delivered, 0])


def publish_facts(context: RunContext, table: str, rows: DataFrame, lineage: Lineage) -> None:
    """Publish facts of one delivery."""
    context.progress.table(context.store.publish(rows, catalog.get(table), lineage, context.gate))


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
