"""What ingest and releases from quarantine share: numbers of deliveries, facts, and since when they are known."""

from datetime import datetime

import pyarrow.compute as pc
from pyspark.sql import DataFrame

from ingest import fact_tables as facts
from jobs.runtime.incremental import Change, increment
from jobs.runtime.run_context import RunContext
from longplay.delta import commits, open_table
from tables import catalog
from tables.checkpoint import Checkpoint
from tables.publish import Lineage
from tables.store import PUBLICATION_LOOKBACK_COMMITS

_NUMBERED = ("events", "quarantine", "first_seen", "exposures", "quarantine_releases")


def next_batch(context: RunContext) -> int:
    """A number above that of every delivery, also of those that were cut off."""
    done = [int(row["batch"]) for row in context.deliveries()] if context.store.exists("deliveries") else []
    told = [context.store.commit_metadata(table).get("facts", {}) for table in _NUMBERED]
    return 1 + max([*(int(facts.get("batch", 0)) for facts in told), *done, 0])


def publish(context: RunContext, table: str, frame: DataFrame, lineage: Lineage) -> None:
    """Publish facts of one delivery, and say so."""
    context.progress.table(context.store.publish(frame, catalog.get(table), lineage, context.gate))


def build_first_seen(context: RunContext, upto: tuple[int, datetime] | None = None) -> None:
    """Add what new events say of since when users and items are known."""
    inputs = context.versions("events")

    def build(done: Checkpoint | None) -> Change:
        events = context.read(inputs, "events").where(f"batch <= {upto[0] if upto else context.batch}")
        if done is None:
            return Change(facts.first_seen(events))
        return Change(facts.first_seen(events.where(f"batch > {done.batch}"), context.store.read("first_seen")))

    increment(context, "first_seen", inputs, {}, build, upto)


def brought(context: RunContext, table: str, delivery: str, number: int, log: str | None = None) -> int:
    """How many rows of a table came with a delivery, also with runs of it that were cut off. Starts no Spark job.

    Args:
        context: the run.
        table: which table.
        delivery: fingerprint of the delivery.
        number: its number.
        log: only rows of this raw log, for the table ``quarantine``.
    """
    if not context.store.exists(table):
        return 0
    opened = open_table(context.store.path(table))
    said = [told for _, told in commits(opened, PUBLICATION_LOOKBACK_COMMITS)]
    own = {number, *(int(one["facts"]["batch"]) for one in said if one.get("fingerprint") == delivery)}
    rows = pc.field("batch").isin(sorted(own))
    return int(opened.to_pyarrow_dataset().count_rows(rows if log is None else rows & (pc.field("log") == log)))
