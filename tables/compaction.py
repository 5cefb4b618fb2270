"""When the files of a table are worth compacting."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

SMALL_BYTES = 128 << 20
ONE_IN = 10
"""A table is compacted when one in this many of its bytes is in scattered files, because all of it is rewritten. So a
byte is written about eleven times in its life, however often a table is maintained."""


def is_scattered(table: DeltaTable) -> bool:
    """Whether enough of a table's bytes are in many small files."""
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return are_scattered(files, table.metadata().partition_columns)


def are_scattered(files: Sequence[Mapping[str, Any]], partition_columns: Sequence[str] = ()) -> bool:
    """Whether one in ten bytes is in small files of a partition, its largest small file not counted.

    Args:
        files: the table's files, as its log adds them.
        partition_columns: columns that it is partitioned by.
    """
    small: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for file in files:
        if file["size_bytes"] < SMALL_BYTES:
            small[tuple(file[f"partition.{name}"] for name in partition_columns)].append(file["size_bytes"])
    scattered = sum(sum(sizes) - max(sizes) for sizes in small.values())
    return scattered > 0 and scattered * ONE_IN >= sum(file["size_bytes"] for file in files)
