"""The client: definitions, releases and values of one source, read from its tables without a JVM."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Unpack

import pyarrow as pa

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.delta import read_arrow
from longplay.errors import ConfigError, NotFoundError, nearest
from longplay.lookup.cursor import PageCursor
from longplay.lookup.point_query import parse_key, select_value
from longplay.lookup.predicates import Filter, filter_key, filter_selection, filter_signal, rows_after, rows_in_states
from longplay.lookup.query import ValueSelection, ValuesOptions, parse_selection
from longplay.lookup.releases import (
    VALUES_TABLE,
    Release,
    check_meaning,
    find_values_version,
    read_releases,
    select_release,
)
from longplay.lookup.signal_failures import SignalFailure, read_released_failures
from longplay.lookup.values import VALUE_COLUMNS, Value, Values, check_states, select_newest
from longplay.paths import SourcePaths, StorePaths
from longplay.registry.location import find_shared_registry_file
from longplay.registry.registry import default_registry


@dataclass(frozen=True)
class _OpenedRelease:
    """A release and the as-of time at which a query reads it (UTC)."""

    release: Release
    known_at: datetime


class Client:
    """Look-ups in the tables of one source. Every answer comes from one release, by default the newest.

    Args:
        store: root of all tables.
        source: name of the source.
        definitions: folders of definitions in addition to the shipped ones.
        registry: the registry file that teams share (default: ``LONGPLAY_REGISTRY``, else ``STORE/registry.db``). It is
            read once, when the client is created; create a new client to see later changes.

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
        self.folder = find_source_folder(Path(store), source)
        self.registry = default_registry(
            [Path(folder) for folder in definitions], find_shared_registry_file(Path(store), registry)
        )

    def signals(self) -> list[Definition]:
        """The version of each signal that its name alone refers to (see ``definition``), sorted by name."""
        return self.registry.newest()

    def definition(self, name: str) -> Definition:
        """One definition, by ``name@version``, ``name@alias`` or name alone.

        A name alone refers to the newest version that is not a draft, or to the newest draft if all are drafts.

        Raises:
            NotFoundError: with the nearest name.
        """
        return self.registry.get(name)

    def rewards(self) -> list[Reward]:
        """The version of each reward that its name alone refers to (see ``definition``), sorted by name."""
        return self.registry.newest_rewards()

    def reward(self, name: str) -> Reward:
        """One reward, by ``name@version``, ``name@alias`` or name alone (see ``definition``).

        Raises:
            NotFoundError: with the nearest name.
        """
        return self.registry.reward(name)

    def releases(self) -> list[Release]:
        """Every release, newest first."""
        return read_releases(self.folder)

    def values(self, signal: str, **options: Unpack[ValuesOptions]) -> Values:
        """A page of a signal's values as they were known at a moment, ordered by t0, then anchor_id.

        Args:
            signal: ``name@version``, ``name@alias`` or name alone.
            **options: ``users``, ``items``, ``anchors``: ids. ``days``: (from, to), UTC days of t0, both inclusive;
                either may be None. ``states``: open, mature, void. ``known_at``: a moment (UTC), default that of the
                release. ``release``: id, default the newest. ``limit``: maximum number of rows. ``after``: ``next`` of
                the previous page; the page reads the same release, even if a newer one was published.

        Raises:
            NotFoundError: when there is no such signal or release, or the release can no longer be read.
            ConfigError: when the query is malformed.
            StoreError: when a table is corrupted, or the release was built with another definition of the signal.
        """
        definition, selection = self.definition(signal), parse_selection(options)
        opened = self._open(definition, selection)
        newest = select_newest(self._read_rows(opened, filter_selection(definition, selection, opened.known_at)))
        check_states(newest)
        rows = rows_after(rows_in_states(newest, selection.states), selection.after)
        page = _build_page(rows, opened, definition.ref, selection.limit)
        return replace(page, failure=self.failures(opened.release).get(definition.ref))

    def failures(self, release: Release) -> dict[str, SignalFailure]:
        """Signals whose values in a release are stale, because they failed before it; by pinned name.

        Raises:
            StoreError: when the table of failures is corrupted.
        """
        return read_released_failures(self.folder, release.versions)

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
        """One value, looked up either by anchor_id alone, or by user_id and t0, plus item_id if the signal has items.

        Raises:
            NotFoundError: when there is no such signal, release or value, or the value was not known at ``known_at``.
            ConfigError: when the key is malformed, or names several anchors.
            StoreError: when a table is corrupted, or the release was built with another definition of the signal.
        """
        definition, key = self.definition(signal), parse_key(anchor_id, user_id, item_id, t0)
        opened = self._open(definition, parse_selection({"known_at": known_at, "release": release}))
        rows = self._read_rows(opened, [*filter_signal(definition, opened.release.known_at), *filter_key(key)])
        check_states(rows)
        row = select_value(rows.to_pylist(), definition.ref, key, opened.known_at)
        value = build_value(row, opened.release.release_id, opened.known_at)
        return replace(value, failure=self.failures(opened.release).get(definition.ref))

    def _open(self, definition: Definition, selection: ValueSelection) -> _OpenedRelease:
        cursor = selection.after
        if cursor is not None:
            cursor.check(definition.ref, selection.release, selection.known_at)
        release = select_release(self.releases(), cursor.release_id if cursor else selection.release)
        check_meaning(definition, release)
        return _OpenedRelease(release, resolve_known_at(release, cursor.known_at if cursor else selection.known_at))

    def _read_rows(self, opened: _OpenedRelease, filters: list[Filter]) -> pa.Table:
        values = SourcePaths(self.folder).table(VALUES_TABLE)
        return read_arrow(values, VALUE_COLUMNS, filters, find_values_version(self.folder, opened.release))


def find_source_folder(store: Path, source: str) -> Path:
    """The folder of a source's tables.

    Raises:
        NotFoundError: with the nearest source.
    """
    sources = [paths.source for paths in StorePaths.from_address(store).sources()]
    if source not in sources:
        fix = nearest(source, sources)
        raise NotFoundError(f"There are no tables of source '{source}'.", where=str(store), fix=fix)
    return StorePaths.from_address(store).source(source).folder


def resolve_known_at(release: Release, known_at: datetime | None) -> datetime:
    """The as-of time of a query: the requested known_at, else the release's.

    Raises:
        ConfigError: when it is later than the release's known_at: the release holds nothing later.
    """
    if known_at is not None and known_at > release.known_at:
        raise ConfigError(
            f"Release '{release.release_id}' holds nothing known after {release.known_at:%Y-%m-%d %H:%M:%S} UTC.",
            where="known_at",
            got=f"{known_at:%Y-%m-%d %H:%M:%S} UTC",
            fix="omit known_at, pass an earlier one, or open a later release",
        )
    return known_at or release.known_at


def build_value(row: Mapping[str, Any], release_id: str, known_at: datetime) -> Value:
    """Build a value from a row of ``signal_values``."""
    return Value(release_id=release_id, known_at=known_at, **row)


def _build_page(rows: pa.Table, opened: _OpenedRelease, signal: str, limit: int) -> Values:
    page, release_id, next_cursor = rows.slice(0, limit), opened.release.release_id, None
    if rows.num_rows > limit:
        last = page.select(["t0", "anchor_id"]).slice(limit - 1).to_pylist()[0]
        next_cursor = PageCursor(release_id, signal, opened.known_at, last["t0"], last["anchor_id"]).text()
    table = page.add_column(0, "release_id", pa.array([release_id] * page.num_rows, pa.string()))
    return Values(table, signal, release_id, opened.known_at, next_cursor)
