"""The signals that have published values: which of them the last commit brought up to date, and which are stale."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.runtime.run_context import RunContext
from longplay.definitions.signal import Definition
from longplay.definitions.sql_literals import texts_sql
from tables.catalog import SIGNAL_VALUES
from tables.checkpoint import Checkpoint


@dataclass(frozen=True)
class PublishedSignals:
    """The signals that have published values, by pinned name. The commit of the values says which they are.

    Attributes:
        hashes: hashes of the definitions that the last commit brought up to date.
        watermarks: the watermark at which the values of each signal were known (UTC); stale ones included.
    """

    hashes: Mapping[str, str]
    watermarks: Mapping[str, datetime]

    @classmethod
    def read(cls, context: RunContext) -> "PublishedSignals":
        """From the last commit of the values."""
        commit_facts = context.store.commit_metadata(SIGNAL_VALUES.name).get("facts", {})
        if not commit_facts:
            return cls({}, {})
        hashes, frontier = commit_facts["definitions"], Checkpoint.from_commit(commit_facts).frontier
        stale = {signal: datetime.fromisoformat(at) for signal, at in commit_facts.get("stale", {}).items()}
        return cls(hashes, stale | dict.fromkeys(hashes, frontier))

    @property
    def names(self) -> set[str]:
        """All of them, stale ones included."""
        return set(self.watermarks)

    def have_definitions(self, definitions: Iterable[Definition]) -> bool:
        """Whether their values were computed by exactly these definitions."""
        return all(self.hashes.get(definition.ref) == definition.hash for definition in definitions)

    def among(self, definitions: Iterable[Definition]) -> set[str]:
        """Those of ``definitions`` that have published values."""
        return {definition.ref for definition in definitions} & self.names

    def outdated(self, definitions: Iterable[Definition], computed: Iterable[Definition]) -> set[str]:
        """Those whose values go, because they are computed no more.

        An older version stays until its successor can be computed.

        Args:
            definitions: all signals that shall have values.
            computed: those of them that are up to date or being computed, without those that failed.
        """
        wanted = {definition.ref: definition.name for definition in definitions}
        waiting = set(wanted.values()) - {definition.name for definition in computed}
        return {ref for ref in self.names - set(wanted) if ref.partition("@")[0] not in waiting}

    def predecessors(self, failed: Collection[str], registry: Mapping[str, Definition]) -> list[Definition]:
        """Older versions of signals that failed whose values are up to date: they are computed as before."""
        names = {ref.partition("@")[0] for ref in failed}
        refs = sorted(ref for ref in self.hashes if ref.partition("@")[0] in names and ref not in failed)
        return [registry[ref] for ref in refs if ref in registry and registry[ref].hash == self.hashes[ref]]

    def stale_facts(self, stale: Collection[str]) -> dict[str, str]:
        """Signals that stay as they are, with their watermarks, for the commit of the values."""
        return {signal: self.watermarks[signal].isoformat() for signal in sorted(stale)}


def signals_condition(signals: Collection[str]) -> str:
    """SQL for the rows of some signals."""
    return f"signal IN ({texts_sql(signals)})"
