"""Tombstones: keyed hashes of people who were erased, so that no later delivery brings them back."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pyspark.sql import Column
from pyspark.sql import functions as F

RECEIPTS, KEY, BEGUN = "_erasures", "key", ".begun"


@dataclass(frozen=True)
class Tombstones:
    """Marks of erased people, and the key without which a mark tells nothing."""

    key: str
    marks: frozenset[str]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Those of a source; its key is made when first asked for, readable by its owner alone."""
        place = folder / RECEIPTS
        file = place / KEY
        if not file.exists():
            place.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(32), encoding="utf-8")
        return cls(file.read_text(encoding="utf-8"), _marks(place))

    @classmethod
    def if_any(cls, folder: Path) -> Self | None:
        """Those of a source; None where nobody was erased."""
        return cls.of(folder) if _marks(folder / RECEIPTS) else None

    def mark(self, user: str) -> str:
        """The mark of a person."""
        return hashlib.sha256((self.key + user).encode()).hexdigest()

    def is_erased(self, user: Column) -> Column:
        """Whether a person was erased; false where nobody is named."""
        mark = F.sha2(F.concat(F.lit(self.key), user), 256)
        return F.coalesce(mark.isin(sorted(self.marks)), F.lit(False))

    def is_named(self, text: Column) -> Column:
        """Whether a text names a person who was erased, as one of its words or between two delimiters."""
        words = F.array_union(F.split(text, r"[^\p{L}\p{N}_]+"), F.split(text, r"[\s,;|\"']+"))
        return F.coalesce(F.exists(words, self.is_erased), F.lit(False))


def receipt_files(place: Path) -> list[Path]:
    """Those of erasures that are done, and of those that have begun."""
    return [file for kind in (".json", BEGUN) for file in place.glob(f"*{kind}")]


def _marks(place: Path) -> frozenset[str]:
    receipts = [json.loads(file.read_text(encoding="utf-8")) for file in receipt_files(place)]
    return frozenset(str(receipt["tombstone"]) for receipt in receipts)
