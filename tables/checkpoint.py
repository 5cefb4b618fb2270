"""Checkpoints: how far a derived table was brought, as its last commit says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pyspark.sql import Column
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Checkpoint:
    """How far a table was brought: it holds what deliveries up to ``batch`` make of what was known before ``frontier``.

    Attributes:
        batch: number of the newest delivery then.
        frontier: the watermark then (UTC).
        facts: what else its last publication said of itself.
    """

    batch: int
    frontier: datetime
    facts: Mapping[str, Any]

    @classmethod
    def from_commit(cls, commit_facts: Mapping[str, Any]) -> Self:
        """From the facts of a table's commit."""
        return cls(int(commit_facts["batch"]), datetime.fromisoformat(commit_facts["frontier"]), commit_facts)

    def is_new(self, known_ts: str = "known_ts") -> Column:
        """Rows that were not there yet, or not complete yet: of later deliveries, or known since."""
        return (F.col("batch") > self.batch) | (F.col(known_ts) >= F.lit(self.frontier))

    def is_behind(self, known_ts: str = "known_ts") -> Column:
        """Rows of later deliveries that were known already when all such rows were said to have arrived."""
        return (F.col("batch") > self.batch) & (F.col(known_ts) < F.lit(self.frontier))
