"""The state of a delivered log: its deliveries, its watermarks, and how far it can be read. Read without Spark."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

from deltalake import DeltaTable

from ingest.watermark import DeliveredInterval, compute_watermark_history, midnight, watermark_at
from longplay.delta import read_arrow
from longplay.errors import NotFoundError
from longplay.paths import SourcePaths

Watermarks = list[tuple[datetime, datetime]]
"""Pairs (when this watermark was first known, the watermark), both increasing."""


@dataclass(frozen=True)
class LogPosition:
    """How far a log was read.

    Attributes:
        batch: number of the newest delivery.
        frontier: the watermark once that delivery had arrived (UTC); see watermark in the glossary.
    """

    batch: int
    frontier: datetime


@dataclass(frozen=True)
class LogState:
    """The deliveries of one log, all of them or those up to a batch.

    Attributes:
        folder: the folder of the source's tables.
        begins: the first day of the log, if the source file states one; else None.
        last_batch: later deliveries are ignored; None: there is no limit.
    """

    folder: Path
    begins: date | None = None
    last_batch: int | None = None

    def up_to(self, batch: int) -> Self:
        """The same log without the deliveries after ``batch``."""
        return replace(self, last_batch=batch)

    @property
    def has_deliveries(self) -> bool:
        """Whether anything was ever ingested."""
        return bool(DeltaTable.is_deltatable(str(self._deliveries_table)))

    @property
    def _deliveries_table(self) -> Path:
        return SourcePaths(self.folder).table("deliveries")

    def deliveries(self) -> list[dict[str, Any]]:
        """The rows of the table ``deliveries``, ordered by batch.

        Raises:
            NotFoundError: when nothing was ingested.
        """
        if not self.has_deliveries:
            raise NotFoundError(
                "Nothing has been ingested yet.", where=str(self.folder), fix="run 'longplay ingest' first"
            )
        rows = read_arrow(self._deliveries_table).to_pylist()
        visible = [row for row in rows if self.last_batch is None or row["batch"] <= self.last_batch]
        return [{**row, "counts": dict(row["counts"])} for row in sorted(visible, key=lambda row: row["batch"])]

    @property
    def batch(self) -> int:
        """Number of the newest delivery."""
        return int(self.deliveries()[-1]["batch"])

    @property
    def log_start(self) -> datetime:
        """Earliest start of the log among its deliveries (UTC)."""
        first: datetime = min(row["log_start"] for row in self.deliveries())
        return first

    def watermarks(self) -> Watermarks:
        """The watermark's history. Until anything is complete, its only entry is the declared first day."""
        return watermarks_of(self.deliveries(), self.begins)

    @property
    def frontier(self) -> datetime:
        """The newest watermark (UTC): everything known before it has been delivered."""
        return self.watermarks()[-1][1]

    @property
    def position(self) -> LogPosition:
        """The newest delivery and watermark."""
        deliveries = self.deliveries()
        return LogPosition(int(deliveries[-1]["batch"]), watermarks_of(deliveries, self.begins)[-1][1])

    def known_at(self, requested: datetime | None = None) -> datetime:
        """The as-of time of a step (UTC): ``requested``, or when the newest watermark was first known.

        With a single watermark so far, it is that watermark, because the log then counts as delivered on time.
        """
        if requested is not None:
            return requested
        history = self.watermarks()
        return history[-1][0] if len(history) > 1 else history[0][1]

    def watermark(self, known_at: datetime) -> datetime:
        """W(T): how far the log was known to be complete at ``known_at`` (UTC)."""
        return watermark_at(known_at, self.watermarks())


def watermarks_of(deliveries: list[dict[str, Any]], begins: date | None) -> Watermarks:
    """The watermark's history from rows of ``deliveries``.

    Args:
        deliveries: in any order, at least one.
        begins: the first day of the log, if the source file states one; else None.
    """
    start = midnight(begins) if begins else None
    history = compute_watermark_history([DeliveredInterval.from_row(row) for row in deliveries], start)
    return history or [(start, start)] if start else history
