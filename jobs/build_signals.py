"""Signals: what followed each anchor, with its state."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.runtime.backfill_signals import backfill_new_signals, count_rows_behind
from jobs.runtime.command_options import job_command
from jobs.runtime.labels import computed_definitions
from jobs.runtime.outages import update_outages
from jobs.runtime.published_signals import PublishedSignals, signals_condition
from jobs.runtime.publisher import IncrementPlan, TableChange
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_failures import compute_and_discard, publish_failures, publish_isolating_failures
from jobs.runtime.signal_inputs import SignalInputs, is_eligible, read_signal_inputs
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError
from quality.signal_values.gate import SignalGate
from signals.compute import compute_signal_values
from signals.recompute import OutageChanges, in_days, plan_recomputation
from tables.catalog import SIGNAL_VALUES
from tables.publish import EVERYTHING

OPEN_VALUES = "NOT settled"
"""SQL for the published rows that an increment replaces."""


@dataclass(frozen=True)
class ValuePlan:
    """How the values of signals are brought up to date.

    Attributes:
        inputs: the definitions and facts that they are computed from.
        increment: the checkpoint to continue from, and the position of the log to reach.
        outages: how the known outages have changed since the checkpoint.
        wanted: all signals that shall have values, those that failed included.
        outdated: signals whose published values go, because they are computed no more.
        stale: signals whose published values stay as they are, because they or their next version failed.
    """

    inputs: SignalInputs
    increment: IncrementPlan
    outages: OutageChanges
    wanted: Sequence[Definition]
    outdated: Set[str] = frozenset()
    stale: Set[str] = frozenset()

    def select(self, definitions: Sequence[Definition], published: PublishedSignals) -> Self:
        """The plan for some of the signals, if the others fail."""
        inputs = self.inputs.select(definitions)
        outdated = published.outdated(self.wanted, definitions) - published.among(definitions)
        stale = published.names - outdated - {definition.ref for definition in definitions}
        increment = replace(self.increment, recipe=inputs.recipe)
        return replace(self, inputs=inputs, increment=increment, outdated=outdated, stale=stale)

    @property
    def replaced(self) -> str:
        """SQL for the published rows that are removed."""
        if self.increment.checkpoint is None:
            return f"NOT ({signals_condition(self.stale)})" if self.stale else EVERYTHING
        replaced = f"({OPEN_VALUES} OR {signals_condition(self.outdated)})" if self.outdated else OPEN_VALUES
        return f"{replaced} AND NOT ({signals_condition(self.stale)})" if self.stale else replaced


def build_signals(context: RunContext) -> None:
    """Bring the values of every definition up to the newest watermark.

    Published rows of settled values (mature or void) stay. A run adds the values that have settled since the last run
    and the revisions caused by late facts, and replaces open values. So a daily run reads only windows that were open
    or contain late facts. New signals are first computed alone, over all of the log. A signal that fails keeps the
    values that it has; the next run tries it again, alone.

    Raises:
        SignalError: when some signals failed, after the others were published.
    """
    definitions = _list_eligible(context)
    update_outages(context)
    reasons = dict(backfill_new_signals(context, definitions, PublishedSignals.read(context)))
    published = PublishedSignals.read(context)
    others = [definition for definition in definitions if definition.ref not in reasons]
    others += published.predecessors(reasons, context.registry.by_ref)
    plan = _plan_values(context, definitions, others, published)
    reasons |= publish_isolating_failures(
        others,
        lambda some: _publish_values(context, plan.select(some, published), published),
        lambda some: compute_and_discard(_compute_values(context, plan.select(some, published))),
        context.progress.say,
    )
    publish_failures(context, list({d.ref: d for d in [*definitions, *others]}.values()), reasons, published)


def _list_eligible(context: RunContext) -> list[Definition]:
    """The signals that the source supports.

    Raises:
        ConfigError: when it supports none.
    """
    candidates = computed_definitions(context)
    definitions = [definition for definition in candidates if is_eligible(context, definition)]
    if not definitions:
        raise ConfigError(
            "No signal can be computed for this source.",
            where=f"source '{context.source.name}'",
            got=f"{len(candidates)} signals, none of which is eligible; the lines above say why",
            fix="add what they need to the source file, or register signals that it supports",
        )
    return definitions


def _plan_values(
    context: RunContext, wanted: Sequence[Definition], others: Sequence[Definition], published: PublishedSignals
) -> ValuePlan:
    """Plan an increment, or a rebuild where published values no longer hold.

    Args:
        context: the run.
        wanted: all signals that shall have values.
        others: those to compute: they have not failed, or their next version has.
        published: the signals that have published values.
    """
    inputs = read_signal_inputs(context, context.log, others)
    # Signals that are computed no more leave with the next increment: the values of the others hold.
    holds = bool(published.hashes) and published.have_definitions(others)
    recipe = {**inputs.recipe, "definitions": published.hashes} if holds else inputs.recipe
    increment = context.tables.plan_increment(SIGNAL_VALUES.name, inputs.versions, recipe, context.log.position)
    outages = OutageChanges.since(increment.checkpoint, inputs.knowledge)
    if reason := _explain_rebuild(context, inputs, increment, outages):
        context.progress.say(f"{reason}: rebuilding signal values from scratch")
        increment = increment.from_scratch()
    return ValuePlan(inputs, increment, outages, wanted)


def _explain_rebuild(
    context: RunContext, inputs: SignalInputs, increment: IncrementPlan, outages: OutageChanges
) -> str | None:
    """Why published values no longer hold; None if they do."""
    if increment.checkpoint is None:
        return None
    if not increment.is_current and (rows_behind := count_rows_behind(context, inputs.versions, increment.checkpoint)):
        return f"{rows_behind:,} rows arrived behind the watermark"
    return "the record of past outages has changed" if outages.is_history_rewritten else None


def _publish_values(context: RunContext, plan: ValuePlan, published: PublishedSignals) -> None:
    note = {"flags": plan.outages.as_commit_facts, "stale": published.stale_facts(plan.stale)}
    change = partial(_plan_change, context, plan, note)
    context.tables.publish_increment(plan.increment, change, has_outdated_rows=bool(plan.outdated))


def _plan_change(context: RunContext, plan: ValuePlan, note: Mapping[str, Any]) -> TableChange:
    """The rows to publish, with the gate that validates them."""
    gate = SignalGate(
        context.gate,
        context.store,
        context.progress.say,
        plan.inputs.definitions,
        plan.inputs.knowledge.watermark,
        appends=plan.increment.checkpoint is not None,
        kept_signals=plan.stale,
    )
    return TableChange(_compute_values(context, plan), plan.replaced, gate, note)


def _compute_values(context: RunContext, plan: ValuePlan) -> DataFrame:
    """The rows to publish. Grain: signal, anchor_id, revision."""
    is_increment = plan.increment.checkpoint is not None
    values = _compute_changed_values(context, plan) if is_increment else _compute_all_values(context, plan)
    return values.withColumn("batch", F.lit(plan.increment.reached.batch).cast("bigint"))


def _compute_all_values(context: RunContext, plan: ValuePlan) -> DataFrame:
    """Every value. Grain: signal, anchor_id, revision."""
    inputs = plan.inputs
    facts = inputs.read_facts(context)
    return compute_signal_values(
        inputs.definitions, facts["events"], facts["exposures"], inputs.knowledge, episodes=facts.get("episodes")
    )


def _compute_changed_values(context: RunContext, plan: ValuePlan) -> DataFrame:
    """Values that are open, have settled, or were revised since the checkpoint. Grain: signal, anchor_id, revision."""
    inputs, checkpoint = plan.inputs, plan.increment.checkpoint
    assert checkpoint is not None, "an increment continues from a checkpoint"
    facts = inputs.read_facts(context)
    recomputation = plan_recomputation(inputs.definitions, facts, checkpoint, plan.outages.changed)
    return compute_signal_values(
        inputs.definitions,
        facts["events"].where(in_days("event_day", recomputation.event_days)),
        facts["exposures"].where(in_days("as_of_day", recomputation.exposure_days)),
        inputs.knowledge,
        recomputation.scope,
        facts.get("episodes"),
    )


@job_command("build-signals")
def command(context: RunContext) -> None:
    """Compute the value of every signal for every anchor, as far as it is known.

    A value is mature once the watermark has passed its window and lateness allowance. Until then it is open: the
    value is null, and the prefix shows what was observed so far. It is void if it will never be known. Filter on
    known_ts to see what was known at an earlier moment. Each run computes only new signals and values that may have
    changed since the last run; --force recomputes all.

    Example: longplay build-signals --source world
    """
    with context.progress.step("build-signals"):
        build_signals(context)


if __name__ == "__main__":
    command()
