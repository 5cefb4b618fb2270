"""Tombstones: keyed hashes of erased people, by which later deliveries are filtered."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.paths import SourcePaths
from tables.erasure.tombstone_key import make_key, read_key

BEGUN = ".begun"
"""Ending of the file of an erasure that is in progress; a finished one has a receipt instead."""
_NOT_IN_WORDS = re.compile(r"\W+")
_DELIMITERS = re.compile(r"[\s,;|\"']+", re.ASCII)


@dataclass(frozen=True)
class Tombstones:
    """The marks of erased people, and the file of the secret key that they are hashed with.

    The key itself is held nowhere: Python on Spark's workers reads it from the file, so no plan contains it (ADR 45).
    """

    key_file: Path
    marks: frozenset[str]

    @classmethod
    def from_source(cls, folder: Path) -> Self:
        """The tombstones of a source. Makes its key on first use, readable by its owner alone.

        Raises:
            StoreError: when the key is damaged, or is missing although people were erased.
        """
        paths = SourcePaths(folder)
        file, marks = paths.tombstone_key.absolute(), _read_marks(paths.receipts)
        if not file.exists() and not marks:
            make_key(file)
        read_key(file, erased_people=len(marks))
        return cls(file, marks)

    @classmethod
    def from_source_if_any(cls, folder: Path) -> Self | None:
        """The tombstones of a source; None where nobody was erased."""
        return cls.from_source(folder) if _read_marks(SourcePaths(folder).receipts) else None

    def mark(self, user: str) -> str:
        """The keyed hash of a user id."""
        return _hash_id(read_key(self.key_file, len(self.marks)), user)

    def is_erased(self, user: Column, text: Column | None = None) -> Column:
        """Whether a user was erased; false for a null user. Spark calls Python for it.

        Args:
            user: ids.
            text: true also for a text that contains the id of an erased user, as a word or between two delimiters;
                null texts are passed over.
        """
        key_file, marks = self.key_file, self.marks

        def is_erased(batches: Iterator[tuple[pa.Array, pa.Array]]) -> Iterator[pa.Array]:
            key = read_key(key_file, len(marks))
            for users, texts in batches:
                yield find_erased(users, texts, key, marks)

        hashed = F.arrow_udf(is_erased, "boolean")  # type: ignore[attr-defined]  # PySpark's types lack it
        erased: Column = hashed(user, F.lit(None).cast("string") if text is None else text)
        return erased


def receipt_files(receipts: Path) -> list[Path]:
    """The files of finished erasures and of those in progress."""
    return [file for ending in (".json", BEGUN) for file in receipts.glob(f"*{ending}")]


def _hash_id(key: str, user: str) -> str:
    return hashlib.sha256((key + user).encode()).hexdigest()


def find_erased(users: pa.Array, texts: pa.Array, key: str, marks: frozenset[str]) -> pa.Array:
    """[rows] whether a row's user, or a word of its text, is an erased person. Each id is hashed once a batch."""
    distinct = (user for user in users.unique().to_pylist() if user is not None)
    erased = [user for user in distinct if _hash_id(key, user) in marks]
    is_erased = pc.is_in(users, value_set=pa.array(erased, users.type))
    if texts.null_count == len(texts):
        return is_erased
    names_erased = [text is not None and _names_erased(text, key, marks) for text in texts.to_pylist()]
    return pc.or_(is_erased, pa.array(names_erased, pa.bool_()))


def _names_erased(text: str, key: str, marks: frozenset[str]) -> bool:
    tokens = {*_NOT_IN_WORDS.split(text), *_DELIMITERS.split(text)}
    return any(_hash_id(key, token) in marks for token in tokens)


def _read_marks(folder: Path) -> frozenset[str]:
    receipts = [json.loads(file.read_text(encoding="utf-8")) for file in receipt_files(folder)]
    return frozenset(str(receipt["tombstone"]) for receipt in receipts)
