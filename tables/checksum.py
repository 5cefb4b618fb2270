"""The content of a table as one number: equal content, equal number, whatever the order of rows or files."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def hash_sum(frame: DataFrame, without: Sequence[str] = ()) -> Column:
    """An aggregate: the sum of 64-bit hashes of the rows over all columns but ``without``."""
    kinds = dict(frame.dtypes)
    names = sorted(set(frame.columns) - set(without))
    # Spark hashes no maps; as JSON of sorted entries they hash like any text.
    maps = {name for name in names if kinds[name].startswith("map")}
    columns = [F.to_json(F.array_sort(F.map_entries(n))) if n in maps else F.col(n) for n in names]
    # A null leaves Spark's hash as it is, so (null, a) would equal (a, null): each column says whether it is one.
    marked = [part for column in columns for part in (column, F.isnull(column))]
    return F.coalesce(F.sum(F.xxhash64(*marked).cast("decimal(38,0)")), F.lit(0).cast("decimal(38,0)"))


def render(rows: int, total: int) -> str:
    """Rows and hash sum as text."""
    return f"{rows}:{total % (1 << 64):016x}"


def checksum(frame: DataFrame, without: Sequence[str] = ()) -> str:
    """Rows and hash sum of a frame, leaving out batch and audit columns named in ``without``."""
    row = frame.agg(F.count("*").alias("rows"), hash_sum(frame, without).alias("total")).first()
    assert row is not None
    return render(int(row["rows"]), int(row["total"]))
