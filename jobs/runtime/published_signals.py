"""The signals that have published values: which of them the last commit brought up to date, and which are stale."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.runtime.run_context import RunContext
from longplay.definitions.signal import Definition
from longplay.lookup.signal_failures import read_signal_failures
from tables.catalog import SIGNAL_VALUES
from tables.checkpoint import Checkpoint


@dataclass(frozen=True)
class PublishedSignals:
    """The signals that have published values, by pinned name.

    Attributes:
        hashes: hashes of the definitions that the last commit brought up to date.
        watermarks: the watermark at which the values of each signal were known (UTC); stale ones included.
    """

    hashes: Mapping[str, str]
    watermarks: Mapping[str, datetime]

    @classmethod
    def read(cls, context: RunContext) -> "PublishedSignals":
        """From the last commit of the values, and the table of failures."""
        failures = read_signal_failures(context.folder).values()
        stale = {failure.signal: failure.watermark for failure in failures if failure.watermark}
        commit_facts = context.store.commit_metadata(SIGNAL_VALUES.name).get("facts", {})
        if not commit_facts:
            return cls({}, {})
        hashes, frontier = commit_facts["definitions"], Checkpoint.from_commit(commit_facts).frontier
        return cls(hashes, stale | dict.fromkeys(hashes, frontier))

    @property
    def names(self) -> set[str]:
        """All of them, stale ones included."""
        return set(self.watermarks)

    def have_definitions(self, definitions: Iterable[Definition]) -> bool:
        """Whether their values were computed by exactly these definitions."""
        return all(self.hashes.get(definition.ref) == definition.hash for definition in definitions)

    def of(self, definitions: Iterable[Definition]) -> set[str]:
        """Those of ``definitions`` that have published values."""
        return {definition.ref for definition in definitions} & self.names

    def outdated(self, definitions: Iterable[Definition]) -> set[str]:
        """Those that are computed no more: ``definitions`` lists all that shall have values."""
        return self.names - {definition.ref for definition in definitions}


def signals_condition(signals: Collection[str]) -> str:
    """SQL for the rows of some signals."""
    return f"signal IN ({', '.join(repr(signal) for signal in sorted(signals))})"
