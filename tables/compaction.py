"""When the files of a table are worth writing together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

SMALL_BYTES = 128 << 20
ONE_IN = 10
"""A table is put in order when one in so many of its bytes lies in scattered files, as all of it is written anew: so
a byte is written some eleven times in its life, however often a table is maintained."""


def is_scattered(table: DeltaTable) -> bool:
    """Whether a part of a table's bytes that is worth it lies in many small files."""
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return are_scattered(files, table.metadata().partition_columns)


def are_scattered(files: Sequence[Mapping[str, Any]], parts: Sequence[str] = ()) -> bool:
    """Whether one in ten bytes lies in small files of a partition beside its largest small one.

    Args:
        files: the table's, as its log adds them.
        parts: columns that it is partitioned by.
    """
    small: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for file in files:
        if file["size_bytes"] < SMALL_BYTES:
            small[tuple(file[f"partition.{name}"] for name in parts)].append(file["size_bytes"])
    scattered = sum(sum(sizes) - max(sizes) for sizes in small.values())
    return scattered > 0 and scattered * ONE_IN >= sum(file["size_bytes"] for file in files)
