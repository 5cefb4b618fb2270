"""The content of a table as one number: equal content, equal number, whatever the order of rows or files."""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def checksum(frame: DataFrame, without: Sequence[str] = ()) -> str:
    """Rows and the sum of 64-bit hashes over all columns but ``without`` (batch and audit columns)."""
    names = sorted(set(frame.columns) - set(without))
    # Spark hashes no maps; as JSON of sorted entries they hash like any text.
    kinds = dict(frame.dtypes)
    columns = [
        F.to_json(F.array_sort(F.map_entries(name))) if kinds[name].startswith("map") else F.col(name) for name in names
    ]
    hashed = F.xxhash64(*columns).cast("decimal(38,0)")
    row = frame.agg(F.count("*").alias("rows"), F.coalesce(F.sum(hashed), F.lit(0)).alias("sum")).first()
    assert row is not None
    return f"{row['rows']}:{int(row['sum']) % (1 << 64):016x}"
