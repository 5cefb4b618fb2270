"""Signals whose last computation failed: their published values stay as they were. Reads Delta without Spark."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from longplay.errors import NotFoundError, StoreError
from longplay.paths import SourcePaths

FAILURES_TABLE = "signal_failures"


@dataclass(frozen=True)
class SignalFailure:
    """A signal that could not be computed.

    Attributes:
        signal: pinned name.
        definition_hash: hash of the definition.
        owner: the team that owns the definition.
        reason: why the computation failed.
        failed_at: logical date of the first of the runs that failed in a row (UTC).
        watermark: the published values are those that were known at this watermark (UTC); None: it has none.
    """

    signal: str
    definition_hash: str
    owner: str
    reason: str
    failed_at: datetime
    watermark: datetime | None

    def text(self) -> str:
        """The failure as a sentence."""
        signal = f"{self.signal} (owner: {self.owner})"
        return f"{signal} failed on {self.failed_at:%Y-%m-%d}: {self.reason}; {self.extent()}"

    def extent(self) -> str:
        """How far its values reach."""
        if self.watermark is None:
            return "it has no values"
        return f"its values are as of watermark {self.watermark:%Y-%m-%d %H:%M} UTC"

    def plain(self) -> dict[str, Any]:
        """The failure as JSON data."""
        watermark = self.watermark.isoformat() if self.watermark else None
        return {**vars(self), "failed_at": self.failed_at.isoformat(), "watermark": watermark}


def read_signal_failures(folder: Path, version: int | None = None) -> dict[str, SignalFailure]:
    """The signals that failed, by pinned name.

    Args:
        folder: the folder of a source's tables.
        version: version of the table (default: the newest).

    Raises:
        StoreError: when the table is corrupted.
    """
    from longplay.delta import read_arrow  # loads pyarrow, which most commands do not need

    path = SourcePaths(folder).table(FAILURES_TABLE)
    if not DeltaTable.is_deltatable(str(path)):
        return {}
    rows = read_arrow(path, version=version).to_pylist()
    return {row["signal"]: SignalFailure(**row) for row in rows}


def read_released_failures(folder: Path, versions: Mapping[str, int]) -> dict[str, SignalFailure]:
    """The signals whose values in a release are stale, by pinned name.

    Args:
        folder: the folder of a source's tables.
        versions: versions of the tables that the release pins.

    Raises:
        NotFoundError: when the pinned version was removed.
        StoreError: when the table is corrupted.
    """
    version = versions.get(FAILURES_TABLE)
    if version is None:
        return {}
    try:
        return read_signal_failures(folder, version)
    except StoreError as error:
        path = SourcePaths(folder).table(FAILURES_TABLE)
        if version >= int(DeltaTable(str(path)).version()):
            raise
        raise NotFoundError(
            "The record of this release's stale values can no longer be read.",
            where=str(path),
            got=f"version {version} was removed",
            fix="open a later release",
        ) from error


def check_not_failed(failures: Mapping[str, SignalFailure], signals: Iterable[str], purpose: str) -> None:
    """Check that none of some signals has failed.

    Args:
        failures: the failures by pinned name.
        signals: pinned names.
        purpose: what needs the signals, as the start of a sentence, such as 'A training set'.

    Raises:
        StoreError: naming those that failed, and why.
    """
    failed = [failures[signal] for signal in signals if signal in failures]
    if failed:
        raise StoreError(
            f"{purpose} cannot use signals that failed: their values are stale.",
            where=", ".join(failure.signal for failure in failed),
            got="\n         ".join(failure.text() for failure in failed),
            fix="register a corrected version of the signal, run 'longplay build-signals' and 'longplay release'",
        )
