"""The sources of a store that have signal values, with their newest release."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from longplay.delta import read_arrow
from longplay.errors import NotFoundError
from longplay.lookup.signal_failures import SignalFailure, read_signal_failures
from longplay.paths import SourcePaths, StorePaths
from longplay.site.signals.scan import SourceAggregates, aggregate_values

VALUES_TABLE = "signal_values"


@dataclass(frozen=True)
class ReleaseSummary:
    """The newest release of a source: its name, logical date, watermark and pinned version of the values."""

    name: str
    known_at: datetime
    watermark: datetime
    values_version: int | None


@dataclass(frozen=True)
class ValueSource:
    """A source with signal values: their aggregates, the newest release, if any, and signals that failed, by name."""

    aggregates: SourceAggregates
    release: ReleaseSummary | None
    failures: Mapping[str, SignalFailure]

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.aggregates.source

    @property
    def known_at(self) -> datetime | None:
        """Date of the statistics: that of the newest release, or of the newest value if there is no release."""
        return self.release.known_at if self.release else pc.max(self.aggregates.signals["known_ts"]).as_py()


def load_value_sources(store: Path, report: Callable[[str], None]) -> Iterator[ValueSource]:
    """Load every source of a store that has signal values, by name.

    Raises:
        NotFoundError: when there is no such store.
        StoreError: when one of its tables is corrupted.
    """
    if not store.is_dir():
        raise NotFoundError("There is no such store.", where=str(store), fix="name the root of all tables with --store")
    for paths in StorePaths(store).sources(VALUES_TABLE):
        aggregates = aggregate_values(paths.table(VALUES_TABLE), report)
        yield ValueSource(aggregates, _load_newest_release(paths), read_signal_failures(paths.folder))


def _load_newest_release(paths: SourcePaths) -> ReleaseSummary | None:
    if not paths.has_log("releases"):
        return None
    rows = read_arrow(paths.table("releases"), ["release_id", "known_at", "watermark", "versions"]).to_pylist()
    if not rows:
        return None
    newest = max(rows, key=lambda row: (row["known_at"], row["release_id"]))
    versions = dict(newest["versions"])
    return ReleaseSummary(newest["release_id"], newest["known_at"], newest["watermark"], versions.get(VALUES_TABLE))
