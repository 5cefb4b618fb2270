"""Receipts of erasures. One starts before anything is removed, so that an interrupted erasure can be finished."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from longplay.config.atomic_files import write_atomically
from longplay.paths import SourcePaths, record_file
from longplay.status.row_accounting import ACCOUNTED_KEY
from tables.erasure.tombstones import BEGUN, receipt_files

ERASED = "a person was erased"
"""The fingerprint of an aggregate table after an erasure, until it is rebuilt."""


@dataclass(frozen=True)
class ErasureInProgress:
    """An erasure that is running, or was interrupted.

    Attributes:
        receipt: its number.
        tombstone: the person's mark.
        rows: their rows by table, before any was removed.
        training_sets: manifests of the training sets that contain them.
        before: raw rows that the tables accounted for at the start, by log.
    """

    receipt: int
    tombstone: str
    rows: dict[str, int]
    training_sets: list[str]
    before: dict[str, int]


def find_interrupted(folder: Path, mark: str) -> ErasureInProgress | None:
    """The unfinished erasure of a person; None if there is none."""
    files = SourcePaths(folder).receipts.glob(f"*{BEGUN}")
    erasures = [ErasureInProgress(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return next((erasure for erasure in erasures if erasure.tombstone == mark), None)


def next_receipt_number(folder: Path) -> int:
    """The number of a new receipt."""
    return 1 + max((int(file.stem) for file in receipt_files(SourcePaths(folder).receipts)), default=0)


def begin_erasure(folder: Path, erasure: ErasureInProgress) -> ErasureInProgress:
    """Record that an erasure has begun. From here on the person's tombstone counts."""
    write_atomically(_begun_file(folder, erasure), json.dumps(asdict(erasure), indent=1))
    return erasure


@dataclass(frozen=True)
class SearchedPlace:
    """How much of a place outside the tables an erasure searched, and changed.

    Attributes:
        searched: number of files or folders that were searched.
        changed: those that were removed, or whose personal data was; of an interrupted erasure, since it was continued.
        naming: those that contain the id as a word and were left as they are.
    """

    searched: int
    changed: int
    naming: int = 0


def finish_erasure(
    folder: Path, erasure: ErasureInProgress, after: dict[str, int], places: Mapping[str, SearchedPlace]
) -> tuple[dict[str, Any], Path]:
    """Replace the record of an erasure in progress by its receipt; returns the receipt and its file.

    Args:
        folder: of the source.
        erasure: the erasure.
        after: raw rows that the tables account for now, by log.
        places: what was searched beside the tables, by place.
    """
    receipt = {
        "receipt": erasure.receipt,
        "erased_at": datetime.now(UTC).isoformat(),
        "tombstone": erasure.tombstone,
        "rows": {table: n for table, n in erasure.rows.items() if n},
        "searched": {"tables": len(erasure.rows)} | {name: asdict(place) for name, place in places.items()},
        "training_sets": erasure.training_sets,
        ACCOUNTED_KEY: {log: n - after[log] for log, n in erasure.before.items() if n != after[log]},
    }
    file = record_file(SourcePaths(folder).receipts, f"{erasure.receipt:06d}")
    write_atomically(file, json.dumps(receipt, indent=1))
    _begun_file(folder, erasure).unlink()
    return receipt, file


def _begun_file(folder: Path, erasure: ErasureInProgress) -> Path:
    return record_file(SourcePaths(folder).receipts, f"{erasure.receipt:06d}").with_suffix(BEGUN)
