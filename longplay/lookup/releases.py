"""Releases as readers see them: which there are, which is the newest, and the version of the values that one pins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from longplay.definitions.signal import Definition
from longplay.delta import check_files, open_table
from longplay.errors import NotFoundError, StoreError, first_line, nearest
from longplay.paths import SourcePaths, data_file

VALUES = "signal_values"
_FILE = "__filename"
_COLUMNS = ("release_id", "known_at", "watermark", "batch", "versions", "definition_hashes", "fingerprint")


@dataclass(frozen=True)
class Release:
    """One row of ``releases``.

    Attributes:
        release_id: its name.
        known_at: the logical date (UTC): what was known then is what it holds.
        watermark: the log is complete before it (UTC).
        batch: number of the newest delivery in it.
        versions: Delta version of every table.
        definition_hashes: hash of every signal's definition, by pinned name.
        fingerprint: hash over all of the above.
    """

    release_id: str
    known_at: datetime
    watermark: datetime
    batch: int
    versions: dict[str, int]
    definition_hashes: dict[str, str]
    fingerprint: str


def releases(folder: Path) -> list[Release]:
    """Every release of a source, newest first: by known_at, then by when it was published.

    Of releases of one known_at the later ties later deliveries, or later versions; when a file was written counts only
    where both are the same, because files are written anew when small ones are joined.

    Args:
        folder: the folder of the source's tables.

    Raises:
        StoreError: when the table of releases is corrupted.
    """
    path = SourcePaths(folder).table("releases")
    if not DeltaTable.is_deltatable(str(path)):
        return []
    rows = _rows(path)
    rows.sort(key=lambda row: _order(row, path), reverse=True)
    return [_release(row) for row in rows]


def _order(row: dict[str, Any], path: Path) -> tuple[Any, ...]:
    versions = sum(version for _, version in row["versions"])
    return row["known_at"], row["batch"], versions, data_file(path, row[_FILE]).stat().st_mtime_ns


def pick(found: Sequence[Release], release_id: str | None = None) -> Release:
    """A release by id, or the newest.

    Raises:
        NotFoundError: when there is none, or none of that id.
    """
    if not found:
        raise NotFoundError("There is no release yet.", fix="publish one: 'longplay release --source NAME'")
    by_id = {release.release_id: release for release in reversed(found)}
    if release_id is None:
        return found[0]
    if release_id not in by_id:
        raise NotFoundError(f"There is no release '{release_id}'.", fix=nearest(release_id, by_id))
    return by_id[release_id]


def pinned(folder: Path, release: Release) -> int:
    """The version of ``signal_values`` that a release pins, after checking that it can still be read.

    Raises:
        NotFoundError: when the release ties no values, or that version was erased or removed.
        StoreError: when the table is missing or corrupted.
    """
    path = SourcePaths(folder).table(VALUES)
    if VALUES not in release.versions:
        raise NotFoundError(f"Release '{release.release_id}' ties no values.", fix="open a later release")
    version = release.versions[VALUES]
    try:
        check_files(path, version)
    except StoreError as error:
        newest = int(open_table(path).version())
        if version >= newest:
            raise
        raise NotFoundError(
            f"Release '{release.release_id}' can no longer be read.",
            where=str(path),
            got=f"version {version} was erased or removed; the table is at version {newest}",
            fix="open a later release; 'longplay release' makes one",
        ) from error
    return version


def check_meaning(definition: Definition, release: Release) -> None:
    """See that a release's values mean what the definition says.

    Raises:
        StoreError: when the release was made with another meaning under the same pinned name.
    """
    released = release.definition_hashes.get(definition.ref, definition.hash)
    if released != definition.hash:
        raise StoreError(
            f"Release '{release.release_id}' was made with another meaning of '{definition.ref}'.",
            got=f"hash {released} in the release, {definition.hash} in the definitions here",
            fix="use the definitions that the release was made with, or publish a new release",
        )


def _rows(path: Path) -> list[dict[str, Any]]:
    check_files(path)
    try:
        found: list[dict[str, Any]] = (
            open_table(path).to_pyarrow_dataset().to_table(columns=[*_COLUMNS, _FILE]).to_pylist()
        )
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise StoreError(
            "The table 'releases' is corrupted: its data cannot be read.",
            where=str(path),
            got=first_line(error),
            fix="restore it from a copy, or delete the table's folder and run 'longplay release'",
        ) from error
    return found


def _release(row: dict[str, Any]) -> Release:
    kept = {name: row[name] for name in _COLUMNS}
    return Release(**kept | {name: dict(row[name]) for name in ("versions", "definition_hashes")})
