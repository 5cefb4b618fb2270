"""The checksum of a table's content, independent of the order of rows and files."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_HALF = 1 << 32


def row_hash(frame: DataFrame, without: Sequence[str] = ()) -> Column:
    """A 64-bit hash of a row over all columns but ``without``."""
    kinds = dict(frame.dtypes)
    names = sorted(set(frame.columns) - set(without))
    # Spark cannot hash maps, so they are hashed as JSON of their sorted entries.
    maps = {name for name in names if kinds[name].startswith("map")}
    columns = [F.to_json(F.array_sort(F.map_entries(n))) if n in maps else F.col(n) for n in names]
    # A null leaves Spark's hash unchanged, so (null, a) would equal (a, null): hash also whether each column is null.
    return F.xxhash64(*[part for column in columns for part in (column, F.isnull(column))])


def half_sums(hashed: str) -> tuple[Column, Column]:
    """Two aggregates that sum a column of 64-bit hashes, its upper and its lower halves; see ``join_halves``.

    Sums of longs cost less than sums of decimals, and neither half can overflow below two billion rows.
    """
    lower = F.sum(F.col(hashed).bitwiseAND(F.lit(_HALF - 1)))
    return F.sum(F.shiftright(F.col(hashed), 32)), lower


def join_halves(upper: int, lower: int) -> int:
    """The sum of hashes from the sums of their halves."""
    return upper * _HALF + lower


def render(rows: int, total: int) -> str:
    """Rows and hash sum as text."""
    return f"{rows}:{total % (1 << 64):016x}"


def checksum(frame: DataFrame, without: Sequence[str] = ()) -> str:
    """Rows and hash sum of a frame, without the columns named in ``without``."""
    hashed = frame.select(row_hash(frame, without).alias("hash"))
    upper, lower = half_sums("hash")
    row = hashed.agg(F.count("*").alias("rows"), upper.alias("upper"), lower.alias("lower")).first()
    assert row is not None
    return render(int(row["rows"]), join_halves(int(row["upper"] or 0), int(row["lower"] or 0)))
