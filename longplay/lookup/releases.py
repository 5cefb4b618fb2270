"""Lists and selects releases, and finds the version of the values that a release pins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from longplay.definitions.signal import Definition
from longplay.delta import check_files, open_dataset, open_table
from longplay.errors import NotFoundError, StoreError, first_line, nearest
from longplay.paths import SourcePaths, data_file

VALUES_TABLE = "signal_values"
_FILE = "__filename"
_COLUMNS = ("release_id", "known_at", "watermark", "batch", "versions", "definition_hashes", "fingerprint")


@dataclass(frozen=True)
class Release:
    """One row of ``releases``.

    Attributes:
        release_id: its name.
        known_at: the logical date (UTC); the release contains what was known then.
        watermark: the log is complete before this moment (UTC).
        batch: number of the newest delivery.
        versions: Delta version of every table.
        definition_hashes: hash of every signal's definition, by pinned name.
        fingerprint: hash over the fields above.
    """

    release_id: str
    known_at: datetime
    watermark: datetime
    batch: int
    versions: dict[str, int]
    definition_hashes: dict[str, str]
    fingerprint: str


def read_releases(folder: Path) -> list[Release]:
    """Every release of a source, newest first: by known_at, then by time of publication.

    Of releases with equal known_at, the later one pins later deliveries or later table versions. Modification
    times break ties only if both are equal, because compaction rewrites files.

    Args:
        folder: the folder of the source's tables.

    Raises:
        StoreError: when the table of releases is corrupted.
    """
    path = SourcePaths(folder).table("releases")
    if not DeltaTable.is_deltatable(str(path)):
        return []
    rows = _read_rows(path)
    rows.sort(key=lambda row: _sort_key(row, path), reverse=True)
    return [_parse_release(row) for row in rows]


def _sort_key(row: dict[str, Any], path: Path) -> tuple[Any, ...]:
    versions = sum(version for _, version in row["versions"])
    return row["known_at"], row["batch"], versions, data_file(path, row[_FILE]).stat().st_mtime_ns


def select_release(releases: Sequence[Release], release_id: str | None = None) -> Release:
    """Select a release by id (default: the newest).

    Raises:
        NotFoundError: when there is no release, or none with that id.
    """
    if not releases:
        raise NotFoundError("There is no release yet.", fix="publish one with 'longplay release --source NAME'")
    by_id = {release.release_id: release for release in reversed(releases)}
    if release_id is None:
        return releases[0]
    if release_id not in by_id:
        raise NotFoundError(f"There is no release '{release_id}'.", fix=nearest(release_id, by_id))
    return by_id[release_id]


def find_values_version(folder: Path, release: Release) -> int:
    """Find the version of ``signal_values`` that a release pins, and check that it can still be read.

    Raises:
        NotFoundError: when the release pins no values, or the pinned version was erased or removed.
        StoreError: when the table is missing or corrupted.
    """
    path = SourcePaths(folder).table(VALUES_TABLE)
    if VALUES_TABLE not in release.versions:
        raise NotFoundError(f"Release '{release.release_id}' contains no values.", fix="open a later release")
    version = release.versions[VALUES_TABLE]
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
            fix="open a later release, or publish one with 'longplay release'",
        ) from error
    return version


class OtherDefinition(StoreError):
    """A release was built with another definition of a pinned name than the one that is known now."""


def check_meaning(definition: Definition, release: Release) -> None:
    """Check that a release was built with this definition.

    Raises:
        OtherDefinition: when it was built with a different definition of the same pinned name.
    """
    released = release.definition_hashes.get(definition.ref, definition.hash)
    if released != definition.hash:
        raise OtherDefinition(
            f"Release '{release.release_id}' was built with a different definition of '{definition.ref}'.",
            got=f"hash {released} in the release, {definition.hash} in the registry",
            fix="use the definitions that the release was built with, or publish a new release",
        )


def _read_rows(path: Path) -> list[dict[str, Any]]:
    check_files(path)
    try:
        dataset = open_dataset(path)
        rows: list[dict[str, Any]] = dataset.to_table(columns=[*_COLUMNS, _FILE]).to_pylist()
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise StoreError(
            "The table 'releases' is corrupted: its data cannot be read.",
            where=str(path),
            got=first_line(error),
            fix="restore it from a backup, or delete the table's folder and run 'longplay release'",
        ) from error
    return rows


def _parse_release(row: dict[str, Any]) -> Release:
    columns = {name: row[name] for name in _COLUMNS}
    return Release(**columns | {name: dict(row[name]) for name in ("versions", "definition_hashes")})
