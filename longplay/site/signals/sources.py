"""The sources of a store that have signal values, with their newest release."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from longplay.delta import read_arrow
from longplay.errors import NotFoundError
from longplay.paths import SourcePaths, StorePaths
from longplay.site.signals.scan import Gathered, gather

VALUES = "signal_values"


@dataclass(frozen=True)
class Release:
    """The newest release of a source: its name, its logical date, its watermark, and the values' version it pins."""

    name: str
    known_at: datetime
    watermark: datetime
    values_version: int | None


@dataclass(frozen=True)
class Source:
    """A source with values: their sums, and its newest release if it has any."""

    gathered: Gathered
    release: Release | None

    @property
    def name(self) -> str:
        """Its name."""
        return self.gathered.source

    @property
    def known_at(self) -> datetime | None:
        """The date of its figures: that of the newest release, else of the newest value."""
        return self.release.known_at if self.release else pc.max(self.gathered.known["known_ts"]).as_py()


def sources(store: Path, say: Callable[[str], None]) -> Iterator[Source]:
    """Every source of a store that has values, by name.

    Raises:
        NotFoundError: when there is no such store.
        StoreError: when a table of it is corrupted.
    """
    if not store.is_dir():
        raise NotFoundError("There is no such store.", where=str(store), fix="name the root of all tables with --store")
    for paths in StorePaths(store).sources(VALUES):
        yield Source(gather(paths.table(VALUES), say), _newest_release(paths))


def _newest_release(paths: SourcePaths) -> Release | None:
    if not paths.has_log("releases"):
        return None
    rows = read_arrow(paths.table("releases"), ["release_id", "known_at", "watermark", "versions"]).to_pylist()
    if not rows:
        return None
    row = max(rows, key=lambda one: (one["known_at"], one["release_id"]))
    return Release(row["release_id"], row["known_at"], row["watermark"], dict(row["versions"]).get(VALUES))
