"""Which publications are small enough to be handled in memory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SmallPublications:
    """Up to which size a publication is committed by delta-rs, from memory. Larger ones are committed by Spark.

    Attributes:
        rows: largest number of rows; 0: Spark commits all publications.
        size: largest size of the staged files in bytes.
    """

    rows: int = 100_000
    size: int = 32 << 20

    def include(self, rows: int, size: int) -> bool:
        """Whether a publication of ``rows`` rows in files of ``size`` bytes is small."""
        return 0 < self.rows >= rows and size <= self.size
