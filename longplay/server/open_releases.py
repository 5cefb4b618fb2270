"""The served releases: the newest and the one before it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longplay.errors import LongplayError, NotFoundError, StoreError, first_line, nearest
from longplay.lookup.releases import Release
from longplay.lookup.signal_failures import SignalFailure
from longplay.registry.registry import Registry
from longplay.server.index.build import FAILURES, RELEASE_LIST
from longplay.server.index.paths import MANIFEST_FILE
from longplay.server.index.segment import Segment


class NothingServed(StoreError):
    """No release is open. Its text is for clients: it names no file of the server."""


@dataclass(frozen=True)
class OpenRelease:
    """An opened release. A request takes one and answers from it alone.

    Attributes:
        release: the release.
        segments: its mapped values by pinned name of the signal.
        registry: the definitions.
        releases: every release that existed when this one was opened, newest first.
        failures: signals whose values in the release are stale, by pinned name.
    """

    release: Release
    segments: Mapping[str, Segment]
    registry: Registry
    releases: Sequence[Release]
    failures: Mapping[str, SignalFailure]


class OpenReleases:
    """The releases that the server has open. Only the event loop changes them.

    Attributes:
        problem: why a newer release is not served; None where there is no problem.
    """

    def __init__(self) -> None:
        self._open: tuple[OpenRelease, ...] = ()
        self.problem: LongplayError | None = None

    def switch(self, opened: OpenRelease) -> None:
        """Serve another release. The previous one stays open for pages that began with it."""
        previous = [r for r in self._open if r.release.release_id != opened.release.release_id]
        self._open, self.problem = (opened, *previous[:1]), None

    def clear(self) -> None:
        """Serve nothing until the next switch."""
        self._open = ()

    def newest(self) -> OpenRelease:
        """The release that is served by default.

        Raises:
            NothingServed: when no release is open yet.
        """
        if self._open:
            return self._open[0]
        problem = self.problem
        raise NothingServed(
            "No release is served yet.",
            got=problem.what if problem else "the index of the newest release is being built",
            fix="the server's log says where and why" if problem else "try again later",
        )

    def ids(self) -> set[str]:
        """Ids of the releases that are open."""
        return {opened.release.release_id for opened in self._open}

    def pick(self, release_id: str | None) -> OpenRelease:
        """An open release, by default the newest.

        Raises:
            NotFoundError: when the release is not open.
            NothingServed: when no release is open yet.
        """
        newest = self.newest()
        if release_id is None:
            return newest
        by_id = {opened.release.release_id: opened for opened in self._open}
        if release_id in by_id:
            return by_id[release_id]
        exists = any(release.release_id == release_id for release in newest.releases)
        raise NotFoundError(
            f"Release '{release_id}' is not served{'' if exists else ': there is none of that name'}.",
            where="release",
            got=f"served: {', '.join(by_id)}",
            fix="read it with 'longplay signals values --release' or longplay.Client"
            if exists
            else nearest(release_id, by_id),
        )


def open_index(folder: Path, registry: Registry, releases: Sequence[Any]) -> OpenRelease:
    """Open an index.

    Args:
        folder: its folder.
        registry: the definitions.
        releases: every release, as ``build_index`` returned them.

    Raises:
        StoreError: when it is missing or damaged.
    """
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        damaged = [name for name, size in manifest["bytes"].items() if (folder / name).stat().st_size != size]
    except (OSError, ValueError) as error:
        raise StoreError("There is no index.", where=str(folder), got=first_line(error)) from error
    if damaged:
        raise StoreError("An index file is damaged.", where=str(folder / damaged[0]), fix=f"delete {folder}")
    release = RELEASE_LIST.validate_python([manifest["release"]])[0]
    segments = {signal: Segment(folder / name) for signal, name in manifest["signals"].items()}
    _prepare(registry)
    failures = FAILURES.validate_python(manifest.get("failures", {}))  # older indexes have no failures
    return OpenRelease(release, segments, registry, RELEASE_LIST.validate_python(releases), failures)


def _prepare(registry: Registry) -> None:
    """Warm the registry's caches, so that no request fills them on the event loop."""
    with suppress(LongplayError):  # a malformed definition is reported to those who ask for it
        registry.newest()
        registry.newest_rewards()
        registry.get("")  # no definition has this name
