"""Checkpoints: which deliveries a derived table contains, from its last commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pyspark.sql import Column
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Checkpoint:
    """The state of a derived table: built from deliveries up to ``batch``, of what was known before ``frontier``.

    Attributes:
        batch: number of the newest delivery then.
        frontier: the watermark then (UTC).
        facts: the other metadata of its last commit.
    """

    batch: int
    frontier: datetime
    facts: Mapping[str, Any]

    @classmethod
    def from_commit(cls, commit_facts: Mapping[str, Any]) -> Self:
        """From the facts of a table's commit."""
        return cls(int(commit_facts["batch"]), datetime.fromisoformat(commit_facts["frontier"]), commit_facts)

    def is_new(self, known_ts: str = "known_ts") -> Column:
        """Rows that the table does not contain yet: of later deliveries, or known since the frontier."""
        return (F.col("batch") > self.batch) | (F.col(known_ts) >= F.lit(self.frontier))

    def is_behind(self, known_ts: str = "known_ts") -> Column:
        """Late rows: of later deliveries, although known before the frontier."""
        return (F.col("batch") > self.batch) & (F.col(known_ts) < F.lit(self.frontier))
