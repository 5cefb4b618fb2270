"""The releases that are served: the newest and the one before it, each opened as a whole and switched as a whole."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longplay.errors import LongplayError, NotFoundError, StoreError, first_line, nearest
from longplay.lookup.releases import Release
from longplay.registry.registry import Registry
from longplay.server.index.build import RELEASES
from longplay.server.index.paths import MANIFEST
from longplay.server.index.segment import Segment


@dataclass(frozen=True)
class Served:
    """One release, opened. A request takes it once and answers from it alone.

    Attributes:
        release: which.
        segments: its values, mapped, by the signal's pinned name.
        registry: the definitions.
        releases: every release that was there when it was opened, newest first.
    """

    release: Release
    segments: Mapping[str, Segment]
    registry: Registry
    releases: Sequence[Release]


class Shelf:
    """What the server has open. Only the event loop changes it."""

    def __init__(self) -> None:
        self._open: tuple[Served, ...] = ()
        self.problem: LongplayError | None = None

    def switch(self, served: Served) -> None:
        """Serve another release from now on; the one before stays open for pages that began with it."""
        before = [s for s in self._open if s.release.release_id != served.release.release_id]
        self._open, self.problem = (served, *before[:1]), None

    def clear(self) -> None:
        """Serve nothing until the next switch."""
        self._open = ()

    def newest(self) -> Served:
        """The release that is served by default.

        Raises:
            StoreError: when none is open yet.
        """
        if self._open:
            return self._open[0]
        problem = self.problem
        raise StoreError(
            "No release is served yet.",
            where=problem.where if problem else "",
            got=problem.what if problem else "the index of the newest release is being built",
            fix=problem.fix if problem else "ask again in a while",
        )

    def served(self) -> set[str]:
        """Ids of the releases that are open."""
        return {served.release.release_id for served in self._open}

    def pick(self, release_id: str | None) -> Served:
        """A release that is open, by default the newest.

        Raises:
            NotFoundError: when it is not open.
            StoreError: when none is open yet.
        """
        newest = self.newest()
        if release_id is None:
            return newest
        by_id = {served.release.release_id: served for served in self._open}
        if release_id in by_id:
            return by_id[release_id]
        there = any(release.release_id == release_id for release in newest.releases)
        raise NotFoundError(
            f"Release '{release_id}' is not served{'' if there else ': there is none of that name'}.",
            where="release",
            got=f"served: {', '.join(by_id)}",
            fix="read it with 'longplay signals values --release' or longplay.Client"
            if there
            else nearest(release_id, by_id),
        )


def open_index(folder: Path, registry: Registry, found: Sequence[Any]) -> Served:
    """Open an index.

    Args:
        folder: where it is.
        registry: the definitions to answer with.
        found: every release, as ``build`` printed them.

    Raises:
        StoreError: when it is missing or damaged.
    """
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        wrong = [name for name, size in told["bytes"].items() if (folder / name).stat().st_size != size]
    except (OSError, ValueError) as error:
        raise StoreError("There is no index.", where=str(folder), got=first_line(error)) from error
    if wrong:
        raise StoreError("An index file is damaged.", where=str(folder / wrong[0]), fix=f"delete {folder}")
    release = RELEASES.validate_python([told["release"]])[0]
    segments = {signal: Segment(folder / name) for signal, name in told["signals"].items()}
    return Served(release, segments, registry, RELEASES.validate_python(found))
