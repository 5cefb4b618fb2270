"""The client: definitions, releases and values of one source, read from its tables without a JVM."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Unpack

import pyarrow as pa

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.delta import read_arrow
from longplay.errors import ConfigError, NotFoundError, nearest
from longplay.lookup.cursor import Cursor
from longplay.lookup.point_query import key_of, the_one
from longplay.lookup.predicates import Filter, after, filters, in_states, keyed, own
from longplay.lookup.query import Selection, Which, select
from longplay.lookup.releases import VALUES, Release, check_meaning, pick, pinned, releases
from longplay.lookup.values import COLUMNS, Value, Values, as_known, check_states
from longplay.paths import SourcePaths, StorePaths
from longplay.registry.location import find_shared_registry_file
from longplay.registry.registry import default_registry


@dataclass(frozen=True)
class _Opened:
    """A release, as known at a moment (UTC)."""

    release: Release
    known_at: datetime


class Client:
    """Look-ups in the tables of one source. Every answer comes from one release, by default the newest.

    Args:
        store: root of all tables.
        source: name of the source.
        definitions: further folders of definitions, beside the shipped ones.
        registry: the registry file that teams share (default: ``LONGPLAY_REGISTRY``, else ``STORE/registry.db``). What
            is applied to it later, a new client sees.

    Raises:
        NotFoundError: when the store has no such source, or there is no such registry file.
        ConfigError: when a definition is malformed.
    """

    def __init__(
        self,
        store: Path | str,
        source: str,
        definitions: Iterable[Path | str] = (),
        registry: Path | str | None = None,
    ) -> None:
        self.folder = source_folder(Path(store), source)
        self.registry = default_registry(
            [Path(folder) for folder in definitions], find_shared_registry_file(Path(store), registry)
        )

    def signals(self) -> list[Definition]:
        """The newest version of every signal, by name."""
        return self.registry.newest()

    def definition(self, name: str) -> Definition:
        """One definition, by ``name@version``, or by name alone (its newest version).

        Raises:
            NotFoundError: with the nearest name.
        """
        return self.registry.get(name)

    def rewards(self) -> list[Reward]:
        """The newest version of every reward, by name."""
        return self.registry.newest_rewards()

    def reward(self, name: str) -> Reward:
        """One reward, by ``name@version``, or by name alone (its newest version).

        Raises:
            NotFoundError: with the nearest name.
        """
        return self.registry.reward(name)

    def releases(self) -> list[Release]:
        """Every release, newest first."""
        return releases(self.folder)

    def values(self, signal: str, **which: Unpack[Which]) -> Values:
        """A page of a signal's values as they were known at a moment, ordered by t0, then anchor_id.

        Args:
            signal: name, or name@version.
            **which: ``users``, ``items``, ``anchors``: ids. ``days``: (from, to), UTC days of t0, both counted, either
                may be None. ``states``: open, mature, void. ``known_at``: what was known at this moment (UTC), default
                the release's. ``release``: id, default the newest. ``limit``: rows at most. ``after``: ``next`` of the
                page before; it reads the same release, whatever was published since.

        Raises:
            NotFoundError: when there is no such signal or release, or the release can no longer be read.
            ConfigError: when the question is malformed.
            StoreError: when a table is corrupted, or the release was made with another meaning of the signal.
        """
        definition, asked = self.definition(signal), select(which)
        opened = self._open(definition, asked)
        found = as_known(self._rows(opened, filters(definition, asked, opened.known_at)))
        check_states(found)
        return _page(after(in_states(found, asked.states), asked.after), opened, definition.ref, asked.limit)

    def value(
        self,
        signal: str,
        *,
        anchor_id: str | None = None,
        user_id: str | None = None,
        item_id: str | None = None,
        t0: datetime | str | None = None,
        known_at: datetime | str | None = None,
        release: str | None = None,
    ) -> Value:
        """One value, by anchor_id, or by user_id, item_id (where the signal has items) and t0.

        Raises:
            NotFoundError: when there is no such signal, release or value, or nothing was known of it at ``known_at``.
            ConfigError: when the key is malformed, or names several anchors.
            StoreError: when a table is corrupted, or the release was made with another meaning of the signal.
        """
        definition, key = self.definition(signal), key_of(anchor_id, user_id, item_id, t0)
        opened = self._open(definition, select({"known_at": known_at, "release": release}))
        rows = self._rows(opened, [*own(definition, opened.release.known_at), *keyed(key)])
        check_states(rows)
        row = the_one(rows.to_pylist(), definition.ref, key, opened.known_at)
        return value_of(row, opened.release.release_id, opened.known_at)

    def _open(self, definition: Definition, asked: Selection) -> _Opened:
        if asked.after is not None:
            asked.after.check(definition.ref, asked.release, asked.known_at)
        release = pick(self.releases(), asked.after.release_id if asked.after else asked.release)
        check_meaning(definition, release)
        return _Opened(release, moment_of(release, asked.after.known_at if asked.after else asked.known_at))

    def _rows(self, opened: _Opened, filters: list[Filter]) -> pa.Table:
        values = SourcePaths(self.folder).table(VALUES)
        return read_arrow(values, COLUMNS, filters, pinned(self.folder, opened.release))


def source_folder(store: Path, source: str) -> Path:
    """The folder of a source's tables.

    Raises:
        NotFoundError: with the nearest source.
    """
    sources = [paths.source for paths in StorePaths(store).sources()]
    if source not in sources:
        fix = nearest(source, sources)
        raise NotFoundError(f"There are no tables of source '{source}'.", where=str(store), fix=fix)
    return StorePaths.from_address(store).source(source).folder


def moment_of(release: Release, known_at: datetime | None) -> datetime:
    """The moment that a question is about: the release's known_at unless an earlier one is asked for.

    Raises:
        ConfigError: when it is later than the release's: the release does not hold what became known since.
    """
    if known_at is not None and known_at > release.known_at:
        raise ConfigError(
            f"Release '{release.release_id}' does not know what came after {release.known_at:%Y-%m-%d %H:%M:%S} UTC.",
            where="known_at",
            got=f"{known_at:%Y-%m-%d %H:%M:%S} UTC",
            fix="leave known_at out, ask for an earlier one, or open a later release",
        )
    return known_at or release.known_at


def value_of(row: Mapping[str, Any], release_id: str, known_at: datetime) -> Value:
    """A row as a value."""
    return Value(release_id=release_id, known_at=known_at, **row)


def _page(rows: pa.Table, opened: _Opened, signal: str, limit: int) -> Values:
    kept, release_id, following = rows.slice(0, limit), opened.release.release_id, None
    if rows.num_rows > limit:
        last = kept.select(["t0", "anchor_id"]).slice(limit - 1).to_pylist()[0]
        following = Cursor(release_id, signal, opened.known_at, last["t0"], last["anchor_id"]).text()
    named = kept.add_column(0, "release_id", pa.array([release_id] * kept.num_rows, pa.string()))
    return Values(named, signal, release_id, opened.known_at, following)
