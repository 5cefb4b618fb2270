"""Increments: a derived table is brought up to date by the rows of what is new, or built anew where it must be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame

from jobs.runtime.run_context import RunContext
from tables import catalog
from tables.checkpoint import Checkpoint
from tables.publish import EVERYTHING, Lineage, PublishedVersion, StagedRowsGate


@dataclass(frozen=True)
class Change:
    """What an increment publishes: rows, and a condition for the rows that they replace (None: they are added).

    ``gate`` judges them in place of the job's own, of which it is the first part. ``note`` is what the commit says of
    them beside what its content depends on: another note builds nothing anew.
    """

    rows: DataFrame
    replace: str | None = None
    gate: StagedRowsGate | None = None
    note: Mapping[str, Any] = field(default_factory=dict)


def since(context: RunContext, table: str, about: Mapping[str, Any]) -> Checkpoint | None:
    """How far a table was brought by the same source file, code and ``about``; None where it must be built anew."""
    told = context.store.commit_metadata(table).get("facts", {})
    if context.force or told.get("recipe") != context.fingerprint({}, about):
        return None
    return Checkpoint.from_commit(told)


def lineage_of(
    context: RunContext,
    inputs: Mapping[str, int],
    about: Mapping[str, Any],
    reached: tuple[int, datetime],
    note: Mapping[str, Any],
) -> Lineage:
    """What the commit says of a table that was brought to a delivery and a watermark: ``since`` reads it next time."""
    batch, frontier = reached
    said = {"batch": batch, "frontier": frontier.isoformat(), "recipe": context.fingerprint({}, about)}
    facts = {**note, **about, **said}
    return Lineage(context.run_id, context.fingerprint(inputs, facts), dict(inputs), facts)


def increment(
    context: RunContext,
    table: str,
    inputs: Mapping[str, int],
    about: Mapping[str, Any],
    build: Callable[[Checkpoint | None], Change],
    upto: tuple[int, datetime] | None = None,
) -> PublishedVersion:
    """Bring a derived table up to date, unless it is.

    Args:
        context: the run.
        table: what to bring up to date.
        inputs: versions of the tables it is read from.
        about: what its content depends on beside facts, source file and code; a change builds the table anew.
        build: gives the rows; it is told how far the table was brought, or None to build it anew.
        upto: newest delivery and watermark, where the delivery is only just being ingested. Default: what was ingested.
    """
    done = since(context, table, about)
    batch, frontier = reached = upto or (context.batch, context.frontier)
    if done is not None and done.batch >= batch and done.frontier >= frontier:
        told = PublishedVersion(table, context.store.version(table), 0, False, "nothing was delivered since")
    else:
        expected_version = context.store.latest(table)
        change = build(done)
        lineage = lineage_of(context, inputs, about, reached, change.note)
        replace = EVERYTHING if done is None else change.replace
        told = context.store.publish(
            change.rows, catalog.get(table), lineage, change.gate or context.gate, replace, expected_version
        )
    context.progress.table(told)
    return told
