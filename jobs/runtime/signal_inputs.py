"""What the values of signals rest on: which definitions a source supports, facts, watermarks and outages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pyspark.sql import DataFrame

from ingest.log_state import LogState
from jobs.runtime.outages import read_outage_flags
from jobs.runtime.run_context import RunContext
from longplay.definitions.signal import Definition
from longplay.delta import open_table
from signals.maturity import Knowledge


@dataclass(frozen=True)
class SignalInputs:
    """What the values of some signals rest on, as far as a run may look.

    Attributes:
        definitions: the signals.
        log: the deliveries that count.
        versions: versions of the tables of facts.
        knowledge: T, watermarks and outages.
        recipe: what the values depend on besides facts, source file and code.
    """

    definitions: Sequence[Definition]
    log: LogState
    versions: Mapping[str, int]
    knowledge: Knowledge
    recipe: Mapping[str, Any]

    def select(self, definitions: Sequence[Definition]) -> Self:
        """What the values of some of the signals rest on."""
        hashes = {definition.ref: definition.hash for definition in definitions}
        return replace(self, definitions=definitions).with_hashes(hashes)

    def with_hashes(self, hashes: Mapping[str, str]) -> Self:
        """The same with other definitions in the recipe: those of all values that a commit brings up to date."""
        return replace(self, recipe={**self.recipe, "definitions": dict(hashes)})

    def read_facts(self, context: RunContext) -> dict[str, DataFrame]:
        """Delivered facts by table."""
        return {table: context.tables.read_delivered(self.versions, table, self.log) for table in self.versions}


def read_signal_inputs(context: RunContext, log: LogState, definitions: Sequence[Definition]) -> SignalInputs:
    """What the values of ``definitions`` rest on, by the deliveries of ``log``."""
    reads_episodes = any(definition.needs.episodes for definition in definitions)
    versions = context.tables.versions("events", "exposures", *(["episodes"] if reads_episodes else []))
    knowledge = read_knowledge(context, log, log.known_at())
    recipe = {
        "definitions": {definition.ref: definition.hash for definition in definitions},
        "log_start": log.log_start.isoformat(),
        "outages": repr(knowledge.outages),
    }
    return SignalInputs(definitions, log, versions, knowledge, recipe)


def read_knowledge(context: RunContext, log: LogState, known_at: datetime) -> Knowledge:
    """What the deliveries of ``log`` tell as of ``known_at`` (UTC)."""
    return Knowledge(
        known_at,
        log.watermark(known_at),
        log.log_start,
        tuple((_parse_utc(outage.start), _parse_utc(outage.end)) for outage in context.source.outages),
        tuple(log.watermarks()),
        read_outage_flags(log),
    )


def is_eligible(context: RunContext, definition: Definition) -> bool:
    """Whether the source supports a signal. If it does not, the run reports why; drafts are skipped silently."""
    if definition.status == "draft":
        return False
    reasons = list(_list_missing(context, definition))
    if reasons:
        context.progress.say(f"{definition.ref}: not eligible here: {'; '.join(reasons)}")
    return not reasons


def _list_missing(context: RunContext, definition: Definition) -> list[str]:
    """What the signal needs and the source lacks."""
    source, needs = context.source, definition.needs
    events = source.events
    needs_exposures = definition.anchor == "exposure" or definition.credit is not None
    unit = definition.measure.required_unit or needs.unit
    missing_kinds = sorted(set(needs.kinds) - set(events.kinds or ()))
    reasons = {
        f"it measures {unit}, this source {events.amount.unit}": unit not in (None, events.amount.unit),
        f"this source has no events of kind {', '.join(missing_kinds)}": bool(missing_kinds),
        "this source has no users": events.user is None,
        "this source has neither exposures nor candidates": needs_exposures and not source.has_exposures,
        "this source has no topics": needs.topics and events.topic is None,
    }
    episodes_missing = _explain_missing_episodes(context) if needs.episodes else None
    return [*(reason for reason, applies in reasons.items() if applies), *filter(None, [episodes_missing])]


def _explain_missing_episodes(context: RunContext) -> str | None:
    """Why the source has no usable episodes; None if it has."""
    if context.source.episodes is None:
        return "this source has no episodes"
    if not context.store.exists("episodes") or "episode" not in _read_column_names(context.store.path("events")):
        return "it was ingested before episodes were read: ingest the log into a new store"
    return None


def _read_column_names(table: Path) -> set[str]:
    return {field.name for field in open_table(table).schema().fields}


def _parse_utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
