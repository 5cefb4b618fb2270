"""When the files of a table are worth writing together."""

from collections import Counter

import pyarrow as pa
from deltalake import DeltaTable

SMALL_BYTES = 128 << 20
ONE_IN = 10
"""A table is put in order when one in so many of its files is small, as all of it is written anew: so a byte is
written some ten times in its life, however often a table is maintained."""


def is_scattered(table: DeltaTable) -> bool:
    """Whether a partition has more than one small file, and the small ones are many beside all."""
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    small = [one for one in files if one["size_bytes"] < SMALL_BYTES]
    parts = table.metadata().partition_columns
    of = Counter(tuple(one[f"partition.{name}"] for name in parts) for one in small)
    return max(of.values(), default=0) > 1 and len(small) * ONE_IN >= len(files)
