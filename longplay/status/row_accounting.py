"""Every raw row is accounted for: read = published + quarantined + duplicates + erased, also after releases."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from longplay.delta import open_table, read_arrow
from longplay.paths import SourcePaths, record_files

LOGS = ("events", "exposures", "episodes")

COUNTED = "accounted"
"""What a receipt of an erasure says of raw rows by log: so many left the tables with the person."""
_DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Entry:
    """The rows of one raw log over all deliveries.

    Attributes:
        log: events, exposures or episodes.
        read: rows that were delivered.
        published: rows of the table of that name.
        quarantined: rows in quarantine that were not released, duplicates apart.
        duplicates: rows that tell nothing new: set aside as duplicates, delivered again, or released where the fact was
            there.
        erased: rows of people who were erased, at ingest or since.
        is_counted: every delivery was made by a version that counts rows which are delivered again.
    """

    log: str
    read: int
    published: int
    quarantined: int
    duplicates: int
    erased: int
    is_counted: bool = True

    @property
    def adds_up(self) -> bool | None:
        """Whether every row is accounted for; None where old deliveries do not say."""
        if not self.is_counted:
            return None
        return self.read == self.published + self.quarantined + self.duplicates + self.erased


def ledger(folder: Path) -> list[Entry]:
    """The entries of a source's raw logs, from its tables and receipts; none where nothing was ingested.

    Raises:
        StoreError: when a table is corrupted.
    """
    if not has(folder, "deliveries"):
        return []
    told = _delivery_counts(folder)
    still, gone = _aside(folder)
    receipts = _receipts(folder)
    return [_entry(folder, log, told, still, gone, receipts) for log in LOGS if any(f"{log}/read" in t for t in told)]


def accounted(folder: Path) -> dict[str, int]:
    """Raw rows that the tables hold, by log, wherever they are: what an erasure takes away shows in the difference."""
    if not has(folder, "deliveries"):
        return {}
    still, gone = _aside(folder)
    told = _delivery_counts(folder)
    logs = [log for log in LOGS if any(f"{log}/read" in counts for counts in told)]
    return {
        log: rows_of(folder, log)
        + sum(n for (of, _), n in still.items() if of == log)
        + gone[log, "duplicate"]
        + gone[log, "erased"]
        for log in logs
    }


def _delivery_counts(folder: Path) -> list[dict[str, int]]:
    """What was counted at each delivery."""
    return [dict(row["counts"]) for row in _rows(folder, "deliveries", ["counts"])]


def has(folder: Path, table: str) -> bool:
    """Whether a version of a table was ever published."""
    return bool(DeltaTable.is_deltatable(str(SourcePaths(folder).table(table))))


def rows_of(folder: Path, table: str) -> int:
    """Rows of a table's newest version, from its log."""
    if not has(folder, table):
        return 0
    actions = open_table(SourcePaths(folder).table(table)).get_add_actions(flatten=True)
    return int(sum(actions["num_records"].to_pylist()))


def _entry(
    folder: Path,
    log: str,
    told: Sequence[Mapping[str, int]],
    still: Counter[tuple[str, str]],
    gone: Counter[tuple[str, str]],
    receipts: Sequence[Mapping[str, Any]],
) -> Entry:
    def total(key: str) -> int:
        return sum(counts.get(f"{log}/{key}", 0) for counts in told)

    since = sum(int(receipt.get(COUNTED, {}).get(log, 0)) for receipt in receipts)
    reading = [counts for counts in told if f"{log}/read" in counts]
    return Entry(
        log=log,
        read=total("read"),
        published=rows_of(folder, log),
        quarantined=sum(n for (of, reason), n in still.items() if of == log and reason != _DUPLICATE),
        duplicates=still[log, _DUPLICATE] + gone[log, "duplicate"] + total("again"),
        erased=total("exclusive:erased") + gone[log, "erased"] + since,
        is_counted=all(f"{log}/again" in counts for counts in reading),
    )


def _aside(folder: Path) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Open rows of the quarantine by log and reason, and released ones by log and outcome."""
    rows = _rows(folder, "quarantine", ["row_id", "log", "reason"])
    released = _rows(folder, "quarantine_releases", ["row_id", "log", "outcome"])
    done = {row["row_id"] for row in released}
    still = Counter((row["log"], row["reason"]) for row in rows if row["row_id"] not in done)
    return still, Counter((row["log"], row["outcome"]) for row in released)


def _rows(folder: Path, table: str, columns: Sequence[str]) -> Iterable[Mapping[str, Any]]:
    if not has(folder, table):
        return []
    rows: list[dict[str, Any]] = read_arrow(SourcePaths(folder).table(table), columns).to_pylist()
    return rows


def _receipts(folder: Path) -> list[dict[str, Any]]:
    files = record_files(SourcePaths(folder).receipts)
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]
