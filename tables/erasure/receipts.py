"""Receipts of erasures, begun before anything is removed, so that an erasure that was cut off can be finished."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from longplay.config.atomic_files import write_atomically
from longplay.status.row_accounting import COUNTED
from tables.erasure.tombstones import BEGUN, RECEIPTS, receipt_files

ERASED = "a person was erased"
"""The recipe of a table that adds people up, from an erasure on until it is built anew."""


@dataclass(frozen=True)
class Begun:
    """An erasure that is under way, or was cut off.

    Attributes:
        receipt: its number.
        tombstone: mark of the person.
        rows: rows of theirs, by table, before any was removed.
        training_sets: manifests whose sets hold them.
        before: raw rows that the tables accounted for by then, by log.
    """

    receipt: int
    tombstone: str
    rows: dict[str, int]
    training_sets: list[str]
    before: dict[str, int]


def cut_off(folder: Path, mark: str) -> Begun | None:
    """The erasure of a person that was begun and not finished; None where there is none."""
    found = [Begun(**json.loads(file.read_text(encoding="utf-8"))) for file in (folder / RECEIPTS).glob(f"*{BEGUN}")]
    return next((one for one in found if one.tombstone == mark), None)


def next_number(folder: Path) -> int:
    """The number of a new receipt."""
    return 1 + max((int(file.stem) for file in receipt_files(folder / RECEIPTS)), default=0)


def begin(folder: Path, one: Begun) -> Begun:
    """Keep that an erasure has begun: from here on the person's tombstone is there."""
    write_atomically(_file(folder, one, BEGUN), json.dumps(asdict(one), indent=1))
    return one


def finish(folder: Path, one: Begun, after: dict[str, int]) -> tuple[dict[str, Any], Path]:
    """Keep the receipt in place of the note that the erasure had begun; gives it and its file.

    Args:
        folder: of the source.
        one: the erasure.
        after: raw rows that the tables account for now, by log.
    """
    receipt = {
        "receipt": one.receipt,
        "erased_at": datetime.now(UTC).isoformat(),
        "tombstone": one.tombstone,
        "rows": {table: n for table, n in one.rows.items() if n},
        "training_sets": one.training_sets,
        COUNTED: {log: n - after[log] for log, n in one.before.items() if n != after[log]},
    }
    file = _file(folder, one, ".json")
    write_atomically(file, json.dumps(receipt, indent=1))
    _file(folder, one, BEGUN).unlink()
    return receipt, file


def _file(folder: Path, one: Begun, kind: str) -> Path:
    return folder / RECEIPTS / f"{one.receipt:06d}{kind}"
