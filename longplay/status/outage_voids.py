"""How many settled values of each signal outages void."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longplay.delta import query_rows
from longplay.paths import SourcePaths
from longplay.status.row_accounting import has_table

_TABLE = "signal_values"
_SQL = """
SELECT signal,
    SUM(CASE WHEN void_reason = 'outage' THEN 1 ELSE 0 END) AS void,
    SUM(CASE WHEN settled AND revision = 0 THEN 1 ELSE 0 END) AS settled
FROM rows GROUP BY signal ORDER BY signal
"""


@dataclass(frozen=True)
class OutageVoidCount:
    """The values of one signal that outages void, at maturity or by a revision.

    Attributes:
        signal: name and version.
        void: number of those values.
        settled: number of values that have settled.
    """

    signal: str
    void: int
    settled: int

    def text(self) -> str:
        """The counts as a sentence."""
        return f"{self.signal}: outages void {self.void:,} of {self.settled:,} settled values ({self.share:.1%})"

    @property
    def share(self) -> float:
        """Share of the settled values."""
        return self.void / max(self.settled, 1)


def count_outage_voids(folder: Path) -> Sequence[OutageVoidCount]:
    """Count the values that outages void, of each signal that has any.

    Args:
        folder: the folder of a source's tables.

    Raises:
        StoreError: when the table of values is corrupted.
    """
    if not has_table(folder, _TABLE):
        return []
    rows = query_rows(SourcePaths(folder).table(_TABLE), _SQL)
    return [OutageVoidCount(row["signal"], int(row["void"]), int(row["settled"])) for row in rows if row["void"]]
