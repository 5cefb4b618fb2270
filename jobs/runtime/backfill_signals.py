"""Backfill of new signals: they are computed alone, and the published values of others stay as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ingest.log_state import LogPosition
from jobs.runtime.published_signals import PublishedSignals, signals_condition
from jobs.runtime.publisher import IncrementPlan
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_failures import Reasons, compute_and_discard, publish_isolating_failures
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
        new: the definitions to compute, among them those that failed before.
        unchanged: the definitions whose published values stay as they are.
        published: what became of the published values of each signal.
        inputs: what all values rest on, by the deliveries that the published ones hold.
        checkpoint: how far the published ones were brought.
        base_version: the version that holds them.
    """

    new: Sequence[Definition]
    unchanged: Sequence[Definition]
    published: PublishedSignals
    inputs: SignalInputs
    checkpoint: Checkpoint
    base_version: int


def backfill_new_signals(
    context: RunContext, definitions: Sequence[Definition], published: PublishedSignals
) -> Reasons:
    """Publish the values of new signals alongside the others, as if they had been there from the start.

    Later deliveries are left to the step that follows. Nothing happens where no values were published yet, or where
    the published ones must be rebuilt: then new signals are computed along with them.

    Args:
        context: the run.
        definitions: all signals that shall have values.
        published: the signals that have published values.

    Returns:
        Why new signals failed, by pinned name.
    """
    plan = _plan_backfill(context, definitions, published)
    if plan is None:
        return {}
    names = ", ".join(definition.ref for definition in plan.new)
    context.progress.say(f"new: {names}; values of the other signals stay as they are")
    return publish_isolating_failures(
        plan.new,
        lambda new: _publish_backfill(context, replace(plan, new=new)),
        lambda new: compute_and_discard(_compute_new_values(context, replace(plan, new=new))),
        context.progress.say,
        may_all_fail=True,
    )


def _plan_backfill(
    context: RunContext, definitions: Sequence[Definition], published: PublishedSignals
) -> BackfillPlan | None:
    """The new signals that can be added alongside the published ones; None where there is nothing to add."""
    base_version = context.store.latest(SIGNAL_VALUES.name)
    commit_facts = context.store.commit_metadata(SIGNAL_VALUES.name).get("facts", {})
    new = [definition for definition in definitions if definition.ref not in published.hashes]
    unchanged = [definition for definition in definitions if definition.ref in published.hashes]
    if not new or not unchanged or not published.have_definitions(unchanged):
        return None
    log = context.log.up_to(int(commit_facts["batch"]))
    inputs = read_signal_inputs(context, log, definitions)
    checkpoint = context.tables.checkpoint(SIGNAL_VALUES.name, {**inputs.recipe, "definitions": published.hashes})
    if checkpoint is None or not _is_reproducible(context, inputs, checkpoint):
        return None
    return BackfillPlan(new, unchanged, published, inputs, checkpoint, base_version)


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
    table, published, checkpoint = SIGNAL_VALUES, plan.published, plan.checkpoint
    removed = published.outdated(plan.inputs.definitions, [*plan.unchanged, *plan.new]) | published.among(plan.new)
    hashes = {ref: digest for ref, digest in published.hashes.items() if ref not in removed}
    inputs = plan.inputs.with_hashes(hashes | {definition.ref: definition.hash for definition in plan.new})
    stale = published.names - removed - set(hashes)
    gate = SignalGate(
        context.gate,
        context.store,
        context.progress.say,
        plan.new,
        inputs.knowledge.watermark,
        kept_signals=published.names - removed,
    )
    # The published values hold no facts newer than those of the versions that their commit names.
    versions = {**inputs.versions, **context.store.commit_metadata(table.name)["inputs"]}
    position = LogPosition(checkpoint.batch, checkpoint.frontier)
    increment = IncrementPlan(table.name, versions, inputs.recipe, position, plan.base_version, checkpoint)
    note = {"flags": checkpoint.facts["flags"], "stale": published.stale_facts(stale)}
    lineage = context.tables.increment_lineage(increment, note)
    rows, replaced = _compute_new_values(context, plan), signals_condition(removed) if removed else None
    context.progress.table(context.store.publish(rows, table, lineage, gate, replaced, plan.base_version))


def _compute_new_values(context: RunContext, plan: BackfillPlan) -> DataFrame:
    """Every value of the new signals. Grain: signal, anchor_id, revision."""
    facts = plan.inputs.read_facts(context)
    values = compute_signal_values(
        plan.new, facts["events"], facts["exposures"], plan.inputs.knowledge, episodes=facts.get("episodes")
    )
    return values.withColumn("batch", F.lit(plan.checkpoint.batch).cast("bigint"))
