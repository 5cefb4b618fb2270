"""Backfill of new signals: they are computed alone, and the published values of others stay as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import functions as F

from ingest.log_state import LogPosition
from jobs.runtime.publisher import IncrementPlan
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_inputs import SignalInputs, read_signal_inputs
from longplay.definitions.signal import Definition
from quality.signal_values.gate import SignalGate
from signals.compute import compute_signal_values
from signals.recompute import OutageChanges
from tables.catalog import SIGNAL_VALUES
from tables.checkpoint import Checkpoint


@dataclass(frozen=True)
class BackfillPlan:
    """New signals, brought as far as the published ones.

    Attributes:
        new: the new definitions.
        inputs: what all values rest on, by the deliveries that the published ones hold.
        checkpoint: how far the published ones were brought.
        base_version: the version that holds them.
    """

    new: Sequence[Definition]
    inputs: SignalInputs
    checkpoint: Checkpoint
    base_version: int


def backfill_new_signals(context: RunContext, definitions: Sequence[Definition]) -> None:
    """Publish the values of new signals alongside the others, as if they had been there from the start.

    Later deliveries are left to the step that follows. Nothing happens where no values were published yet, or where
    the published ones must be rebuilt: then new signals are computed along with them.

    Args:
        context: the run.
        definitions: all signals that shall have values.
    """
    plan = _plan_backfill(context, definitions)
    if plan is not None:
        names = ", ".join(definition.ref for definition in plan.new)
        context.progress.say(f"new: {names}; values of the other signals stay as they are")
        _publish_backfill(context, plan)


def _plan_backfill(context: RunContext, definitions: Sequence[Definition]) -> BackfillPlan | None:
    """The new signals that can be added alongside the published ones; None where there is nothing to add."""
    base_version = context.store.latest(SIGNAL_VALUES.name)
    commit_facts = context.store.commit_metadata(SIGNAL_VALUES.name).get("facts", {})
    published_hashes = commit_facts.get("definitions", {})
    new = [definition for definition in definitions if definition.ref not in published_hashes]
    published = [definition for definition in definitions if definition.ref in published_hashes]
    if not new or not published_hashes or {d.ref: d.hash for d in published} != published_hashes:
        return None
    log = context.log.up_to(int(commit_facts["batch"]))
    inputs = read_signal_inputs(context, log, published)
    checkpoint = context.tables.checkpoint(SIGNAL_VALUES.name, inputs.recipe)
    if checkpoint is None or not _is_reproducible(context, inputs, checkpoint):
        return None
    return BackfillPlan(new, read_signal_inputs(context, log, definitions), checkpoint, base_version)


def _is_reproducible(context: RunContext, inputs: SignalInputs, checkpoint: Checkpoint) -> bool:
    """Whether the published values would come out the same today from the deliveries that they hold."""
    outages = OutageChanges.since(checkpoint, inputs.knowledge)
    return (
        checkpoint.frontier == inputs.log.frontier
        and outages.as_commit_facts == checkpoint.facts.get("flags", [])
        and context.log.log_start == inputs.log.log_start
        and not count_rows_behind(context, inputs.versions, checkpoint)
    )


def count_rows_behind(context: RunContext, versions: Mapping[str, int], checkpoint: Checkpoint) -> int:
    """Rows of new deliveries that were known before a watermark that had promised they were all delivered."""
    facts = (context.tables.read_delivered(versions, table, context.log) for table in versions)
    return sum(rows.where(checkpoint.is_behind()).count() for rows in facts)


def _publish_backfill(context: RunContext, plan: BackfillPlan) -> None:
    table, inputs, checkpoint = SIGNAL_VALUES, plan.inputs, plan.checkpoint
    facts = inputs.read_facts(context)
    values = compute_signal_values(
        plan.new, facts["events"], facts["exposures"], inputs.knowledge, episodes=facts.get("episodes")
    )
    rows = values.withColumn("batch", F.lit(checkpoint.batch).cast("bigint"))
    gate = SignalGate(
        context.gate,
        context.store,
        context.progress.say,
        plan.new,
        inputs.knowledge.watermark,
        keeps_other_signals=True,
    )
    # The published values hold no facts newer than those of the versions that their commit names.
    versions = {**inputs.versions, **context.store.commit_metadata(table.name)["inputs"]}
    position = LogPosition(checkpoint.batch, checkpoint.frontier)
    increment = IncrementPlan(table.name, versions, inputs.recipe, position, plan.base_version, checkpoint)
    lineage = context.tables.increment_lineage(increment, {"flags": checkpoint.facts["flags"]})
    context.progress.table(context.store.publish(rows, table, lineage, gate, None, plan.base_version))
