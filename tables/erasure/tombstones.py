"""Tombstones: keyed hashes of erased people, by which later deliveries are filtered."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.paths import SourcePaths

BEGUN = ".begun"
"""Ending of the file of an erasure that is in progress; a finished one has a receipt instead."""


@dataclass(frozen=True)
class Tombstones:
    """The marks of erased people, and the secret key that they are hashed with."""

    key: str
    marks: frozenset[str]

    @classmethod
    def from_source(cls, folder: Path) -> Self:
        """The tombstones of a source. Makes its key on first use, readable by its owner alone."""
        paths = SourcePaths(folder)
        file = paths.tombstone_key
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(32), encoding="utf-8")
        return cls(file.read_text(encoding="utf-8"), _read_marks(paths.receipts))

    @classmethod
    def from_source_if_any(cls, folder: Path) -> Self | None:
        """The tombstones of a source; None where nobody was erased."""
        return cls.from_source(folder) if _read_marks(SourcePaths(folder).receipts) else None

    def mark(self, user: str) -> str:
        """The keyed hash of a user id."""
        return hashlib.sha256((self.key + user).encode()).hexdigest()

    def is_erased(self, user: Column) -> Column:
        """Whether a user was erased; false for a null user."""
        mark = F.sha2(F.concat(F.lit(self.key), user), 256)
        return F.coalesce(mark.isin(sorted(self.marks)), F.lit(False))

    def is_named(self, text: Column) -> Column:
        """Whether a text contains the id of an erased user, as a word or between two delimiters."""
        tokens = F.array_union(F.split(text, r"[^\p{L}\p{N}_]+"), F.split(text, r"[\s,;|\"']+"))
        return F.coalesce(F.exists(tokens, self.is_erased), F.lit(False))


def receipt_files(receipts: Path) -> list[Path]:
    """The files of finished erasures and of those in progress."""
    return [file for ending in (".json", BEGUN) for file in receipts.glob(f"*{ending}")]


def _read_marks(folder: Path) -> frozenset[str]:
    receipts = [json.loads(file.read_text(encoding="utf-8")) for file in receipt_files(folder)]
    return frozenset(str(receipt["tombstone"]) for receipt in receipts)
