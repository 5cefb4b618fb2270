"""Signals that are new where values of others are there: they are computed alone, and the others stay as they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from jobs.runtime.incremental import lineage_of, since
from jobs.runtime.run_context import RunContext
from longplay.definitions.signal import Definition
from quality.signal_values.gate import SignalGate
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from signals.recompute import Turns
from tables import catalog
from tables.checkpoint import Checkpoint

VALUES = "signal_values"


@dataclass(frozen=True)
class Known:
    """What the values of some signals rest on, as far as a run may look.

    Attributes:
        inputs: versions of the tables of facts that they are read from.
        knowledge: what is known, and how far.
        about: what their content depends on beside facts, source file and code.
    """

    inputs: Mapping[str, int]
    knowledge: Knowledge
    about: Mapping[str, Any]


def add_signals(
    context: RunContext, definitions: Sequence[Definition], known: Callable[[RunContext, Sequence[Definition]], Known]
) -> None:
    """Bring signals that are new as far as the others were brought, in one publication beside them.

    The same as if they had been there from the start: what was delivered since is for the step that follows. Nothing is
    done where there are no values yet, or where the others must be made anew themselves: they are, with the new ones.

    Args:
        context: the run.
        definitions: all that shall have values.
        known: what values of some definitions rest on in a run.
    """
    told = context.store.commit_metadata(VALUES).get("facts", {}) if context.store.exists(VALUES) else {}
    there = told.get("definitions", {})
    new, old = ([d for d in definitions if (d.ref in there) is had] for had in (False, True))
    if not new or not there or {d.ref: d.hash for d in old} != there:
        return
    then = context.upto(int(told["batch"]))
    before = known(then, old)
    done = since(then, VALUES, before.about)
    if done is None or done.frontier != then.frontier or Turns.of(done, before.knowledge).told != told.get("flags", []):
        return
    if context.log_start != then.log_start or rows_behind(context, before.inputs, done):
        return
    context.progress.say(f"new: {', '.join(d.ref for d in new)}; the values of the others stay as they are")
    _publish(then, new, known(then, definitions), done)


def rows_behind(context: RunContext, inputs: Mapping[str, int], done: Checkpoint) -> int:
    """Rows of new deliveries that were known before everything known by then was said to have arrived."""
    return sum(context.delivered(inputs, table).where(done.is_behind()).count() for table in inputs)


def _publish(context: RunContext, new: Sequence[Definition], known: Known, done: Checkpoint) -> None:
    seen = context.store.latest(VALUES)
    facts = {table: context.delivered(known.inputs, table) for table in known.inputs}
    values = compute_signal_values(
        new, facts["events"], facts["exposures"], known.knowledge, episodes=facts.get("episodes")
    )
    gate = SignalGate(context.gate, context.store, context.progress.say, new, known.knowledge.watermark, beside=True)
    # The new rows hold no newer facts than the published ones.
    inputs = {**known.inputs, **context.store.commit_metadata(VALUES)["inputs"]}
    reached, note = (done.batch, done.frontier), {"flags": done.facts["flags"]}
    lineage = lineage_of(context, inputs, known.about, reached, note)
    rows = values.withColumn("batch", F.lit(done.batch).cast("bigint"))
    context.progress.table(context.store.publish(rows, catalog.get(VALUES), lineage, gate, None, seen))
