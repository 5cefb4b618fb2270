"""Sums that are made batch by batch with Arrow: what is kept is one row a group, whatever was added."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

MOST_LEVELS = 256
"""Distinct values above which a signal is drawn as a histogram of ranges, not value by value."""
_PARTS = 32


class Fold:
    """Aggregates by key. An aggregate keeps its column's name, so that aggregates are aggregated the same way.

    Args:
        keys: the columns of a group.
        columns: how each further column is taken together: ``sum``, ``min`` or ``max``.
    """

    def __init__(self, keys: Sequence[str], columns: Mapping[str, str]) -> None:
        self.keys, self.columns = list(keys), dict(columns)
        self._parts: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Add rows that have the keys and the columns."""
        self._parts.append(self._together(rows))
        if len(self._parts) > _PARTS:
            self._parts = [self.table()]

    def table(self) -> pa.Table:
        """One row a group, by key."""
        whole = self._together(pa.concat_tables(self._parts))
        return whole.sort_by([(name, "ascending") for name in self.keys])

    def _together(self, rows: pa.Table) -> pa.Table:
        grouped = rows.group_by(self.keys, use_threads=False).aggregate(list(self.columns.items()))
        names = {f"{name}_{how}": name for name, how in self.columns.items()}
        return grouped.rename_columns([names.get(name, name) for name in grouped.column_names])


class Levels:
    """Counts of every value, for those groups that have few of them.

    Args:
        keys: the columns of a group.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = list(keys)
        self._fold = Fold([*keys, "value"], {"rows": "sum"})
        self._many: pa.Table | None = None

    def add(self, rows: pa.Table) -> None:
        """Add rows with the keys, ``value`` and ``rows``; groups known to have many values are passed over."""
        self._fold.add(rows if self._many is None else rows.join(self._many, self.keys, join_type="left anti"))
        counts = self._fold.table()
        crowded = self._crowded(counts)
        if crowded.num_rows:
            self._many = pa.concat_tables([crowded, *([self._many] if self._many else [])])
            self._fold = Fold(self._fold.keys, self._fold.columns)
            self._fold.add(counts.join(crowded, self.keys, join_type="left anti"))

    def table(self) -> pa.Table:
        """``keys``, ``value`` and ``rows``, by value; without the groups that have more than :data:`MOST_LEVELS`."""
        return self._fold.table()

    def _crowded(self, counts: pa.Table) -> pa.Table:
        sizes = counts.group_by(self.keys, use_threads=False).aggregate([("value", "count")])
        return sizes.filter(pc.field("value_count") > MOST_LEVELS).select(self.keys)
