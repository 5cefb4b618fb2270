"""Signals: what followed each anchor, with its state."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import functions as F

from jobs.outages import find_outages, flags_of
from jobs.runtime.backfill_signals import Known, add_signals, rows_behind
from jobs.runtime.command_options import job_command
from jobs.runtime.incremental import Change, increment, since
from jobs.runtime.labels import computed
from jobs.runtime.run_context import RunContext
from longplay.definitions.signal import Definition
from longplay.delta import open_table
from quality.signal_values.gate import SignalGate
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from signals.recompute import Turns, in_days, reread
from tables.checkpoint import Checkpoint


def build_signals(context: RunContext) -> None:
    """Bring the values of every definition up to what is known now.

    Settled values (mature or void) are only ever added: those that settled since, and revisions by facts that came
    late. Open ones are replaced. So a day reads the windows that were open and those that late facts fall into. A
    signal that is new is computed alone, over the whole log.
    """
    definitions = [d for d in computed(context) if eligible(context, d)]
    find_outages(context)
    add_signals(context, definitions, _known)
    known = _known(context, definitions)
    inputs, knowledge, about = known.inputs, known.knowledge, known.about
    batch = F.lit(context.batch).cast("bigint")
    done = since(context, "signal_values", about)
    is_new = done is not None and (done.batch < context.batch or done.frontier < context.frontier)
    if done is not None and is_new and (behind := rows_behind(context, inputs, done)):
        context.progress.say(f"{behind:,} rows came behind the watermark: signal values are made anew")
        context = context.anew()
    flags = Turns.of(done, knowledge)
    if flags.rewritten:
        context.progress.say("what was known of outages by then has changed: signal values are made anew")
        context = context.anew()

    note = {"flags": flags.told}

    def build(done: Checkpoint | None) -> Change:
        facts = {table: context.delivered(inputs, table) for table in inputs}
        events, exposures, episodes = facts["events"], facts["exposures"], facts.get("episodes")
        if done is None:
            values = compute_signal_values(definitions, events, exposures, knowledge, episodes=episodes)
            gate = SignalGate(context.gate, context.store, context.progress.say, definitions, knowledge.watermark)
            return Change(values.withColumn("batch", batch), gate=gate, note=note)
        again = reread(definitions, facts, done, flags.new)
        values = compute_signal_values(
            definitions,
            events.where(in_days("event_day", again.events)),
            exposures.where(in_days("as_of_day", again.exposures)),
            knowledge,
            again.renewal,
            episodes,
        )
        gate = SignalGate(
            context.gate, context.store, context.progress.say, definitions, knowledge.watermark, adds=True
        )
        return Change(values.withColumn("batch", batch), "NOT settled", gate, note)

    increment(context, "signal_values", inputs, about, build)


def _known(context: RunContext, definitions: Sequence[Definition]) -> Known:
    """What the values of some definitions rest on."""
    reads_episodes = any(d.needs.episodes for d in definitions)
    knowledge = knowledge_of(context, context.known_at(None))
    about = {
        "definitions": {d.ref: d.hash for d in definitions},
        "log_start": context.log_start.isoformat(),
        "outages": repr(knowledge.outages),
    }
    return Known(context.versions("events", "exposures", *(["episodes"] if reads_episodes else [])), knowledge, about)


def knowledge_of(context: RunContext, known_at: datetime) -> Knowledge:
    """What is known at a moment, and how far."""
    return Knowledge(
        known_at,
        context.watermark(known_at),
        context.log_start,
        tuple((_time(outage.start), _time(outage.end)) for outage in context.source.outages),
        tuple(context.watermarks()),
        flags_of(context),
    )


def eligible(context: RunContext, definition: Definition) -> bool:
    """Whether a source can have this signal; said when it cannot."""
    if definition.status == "draft":
        return False
    events, needs = context.source.events, definition.needs
    unit = definition.measure.required_unit or needs.unit
    lacks = []
    if unit is not None and unit != events.amount.unit:
        lacks.append(f"it measures {unit}, this source {events.amount.unit}")
    if missing := sorted(set(needs.kinds) - set(events.kinds or ())):
        lacks.append(f"this source has no events of kind {', '.join(missing)}")
    if needs.topics and events.topic is None:
        lacks.append("this source has no topics")
    if needs.episodes and (lack := _no_episodes(context)):
        lacks.append(lack)
    if lacks:
        context.progress.say(f"{definition.ref}: not eligible here: {'; '.join(lacks)}")
    return not lacks


def _no_episodes(context: RunContext) -> str:
    """Why nothing is known of episodes; empty where something is."""
    if context.source.episodes is None:
        return "this source has no episodes"
    if not context.store.exists("episodes") or "episode" not in _columns(context.store.path("events")):
        return "it was ingested before episodes were read: ingest the log into a new store"
    return ""


def _columns(table: Path) -> set[str]:
    return {field.name for field in open_table(table).schema().fields}


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@job_command("build-signals", short_help="What followed each anchor: open, mature or void.")
def command(context: RunContext) -> None:
    """Compute every signal for every anchor, as far as it is known.

    A value is mature once the watermark has passed its window and lateness allowance; before that it is open and
    only its prefix is kept; it is void if it will never be known. What was known at an earlier moment can be read off
    known_ts. Only values that may have changed since the last time are computed, and those of signals that are
    new; --force computes all anew.

    Example: longplay build-signals --source world
    """
    with context.progress.step("build-signals"):
        build_signals(context)


if __name__ == "__main__":
    command()
