"""Which tables and publications are small enough to do without Spark's Delta library."""

from dataclasses import dataclass

MAX_LISTED_FILES = 32
"""Spark lists up to this many files without a job."""


@dataclass(frozen=True)
class SmallData:
    """Up to which size publications are committed, and tables are opened, by delta-rs. Spark does it for larger ones.

    Spark plans and runs a job for each of its looks into a Delta log, which costs more than the rows of a small table.

    Attributes:
        rows: largest number of rows of a publication; 0: Spark does it for all publications and tables.
        size: largest size in bytes: of a publication's staged files, or of a table's files.
    """

    rows: int = 100_000
    size: int = 32 << 20

    def include_publication(self, rows: int, size: int) -> bool:
        """Whether a publication of ``rows`` rows in files of ``size`` bytes is small."""
        return 0 < self.rows >= rows and size <= self.size

    def include_table(self, files: int, size: int) -> bool:
        """Whether a table of ``files`` files with ``size`` bytes in all is small."""
        return self.rows > 0 and files <= MAX_LISTED_FILES and size <= self.size


DEFAULT_SMALL_DATA = SmallData()
