"""Accounts for every raw row: read = published + quarantined + duplicates + erased, releases included."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from longplay.delta import open_table, read_arrow
from longplay.paths import SourcePaths, record_files

LOGS = ("events", "exposures", "episodes")
ACCOUNTED_KEY = "accounted"
"""Key of an erasure's receipt: raw rows that left the tables with the person, by log."""
_DUPLICATE = "duplicate"


@dataclass(frozen=True)
class RowAccount:
    """The rows of one raw log over all deliveries.

    Attributes:
        log: events, exposures or episodes.
        read: delivered rows.
        published: rows of the table named like the log.
        quarantined: open rows in quarantine, without duplicates.
        duplicates: rows that add nothing: quarantined as duplicates, delivered again, or released although the fact
            was there already.
        erased: rows of erased people, dropped at ingest or later.
        counts_repeats: whether every delivery counted the rows that were delivered again; old versions did not.
    """

    log: str
    read: int
    published: int
    quarantined: int
    duplicates: int
    erased: int
    counts_repeats: bool = True

    @property
    def adds_up(self) -> bool | None:
        """Whether every row is accounted for; None where old deliveries lack a count."""
        if not self.counts_repeats:
            return None
        return self.read == self.published + self.quarantined + self.duplicates + self.erased


class _RowCounts:
    """Counts of a source's raw rows by where they are.

    Attributes:
        folder: the folder of the source's tables.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._deliveries = [dict(row["counts"]) for row in _read_rows(folder, "deliveries", ["counts"])]

    @cached_property
    def logs(self) -> list[str]:
        """Raw logs that were delivered."""
        return [log for log in LOGS if any(f"{log}/read" in counts for counts in self._deliveries)]

    @cached_property
    def _released(self) -> Sequence[Mapping[str, Any]]:
        return _read_rows(self.folder, "quarantine_releases", ["row_id", "log", "outcome"])

    @cached_property
    def open_rows(self) -> Counter[tuple[str, str]]:
        """Open rows of the quarantine by log and reason."""
        released_ids = {row["row_id"] for row in self._released}
        rows = _read_rows(self.folder, "quarantine", ["row_id", "log", "reason"])
        return Counter((row["log"], row["reason"]) for row in rows if row["row_id"] not in released_ids)

    @cached_property
    def released_rows(self) -> Counter[tuple[str, str]]:
        """Released rows by log and outcome."""
        return Counter((row["log"], row["outcome"]) for row in self._released)

    @cached_property
    def _receipts(self) -> list[dict[str, Any]]:
        files = record_files(SourcePaths(self.folder).receipts)
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def account(self, log: str) -> RowAccount:
        """The account of one log."""
        deliveries = [counts for counts in self._deliveries if f"{log}/read" in counts]
        erased_later = sum(int(receipt.get(ACCOUNTED_KEY, {}).get(log, 0)) for receipt in self._receipts)
        open_rows = {reason: n for (name, reason), n in self.open_rows.items() if name == log}
        duplicates = open_rows.pop(_DUPLICATE, 0) + self.released_rows[log, "duplicate"]
        return RowAccount(
            log=log,
            read=self._sum(f"{log}/read"),
            published=count_rows(self.folder, log),
            quarantined=sum(open_rows.values()),
            duplicates=duplicates + self._sum(f"{log}/again"),
            erased=self._sum(f"{log}/exclusive:erased") + self.released_rows[log, "erased"] + erased_later,
            counts_repeats=all(f"{log}/again" in counts for counts in deliveries),
        )

    def count_accounted(self, log: str) -> int:
        """Raw rows of a log that the tables hold: published, quarantined, or released as duplicate or erased."""
        open_rows = sum(n for (name, _), n in self.open_rows.items() if name == log)
        released = self.released_rows[log, "duplicate"] + self.released_rows[log, "erased"]
        return count_rows(self.folder, log) + open_rows + released

    def _sum(self, key: str) -> int:
        return sum(counts.get(key, 0) for counts in self._deliveries)


def account_for_rows(folder: Path) -> list[RowAccount]:
    """Account for the rows of every raw log of a source; empty where nothing was ingested.

    Raises:
        StoreError: when a table is corrupted.
    """
    counts = _RowCounts(folder)
    return [counts.account(log) for log in counts.logs]


def count_accounted_rows(folder: Path) -> dict[str, int]:
    """Raw rows that the tables hold, by log. The difference before and after an erasure is what it took."""
    counts = _RowCounts(folder)
    return {log: counts.count_accounted(log) for log in counts.logs}


def has_table(folder: Path, table: str) -> bool:
    """Whether a version of a table was ever published."""
    return bool(DeltaTable.is_deltatable(str(SourcePaths(folder).table(table))))


def count_rows(folder: Path, table: str) -> int:
    """Rows of a table's newest version, from its log."""
    if not has_table(folder, table):
        return 0
    actions = open_table(SourcePaths(folder).table(table)).get_add_actions(flatten=True)
    return int(sum(actions["num_records"].to_pylist()))


def _read_rows(folder: Path, table: str, columns: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    if not has_table(folder, table):
        return []
    rows: list[dict[str, Any]] = read_arrow(SourcePaths(folder).table(table), columns).to_pylist()
    return rows
