"""Aggregates of signal values, built batch by batch: memory grows with the number of groups, not of rows."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

KEY = ("signal", "definition_hash")
MAX_DISTINCT_VALUES = 256
"""Signals with more distinct values are drawn as a histogram of ranges, not value by value."""
_MAX_PARTS = 32
_HOUR_US = 3_600_000_000


class GroupedAggregate:
    """Aggregates by key. Each aggregate keeps the name of its column, so that partial aggregates can be merged.

    Args:
        keys: the columns that define a group.
        functions: how each further column is aggregated: ``sum``, ``min`` or ``max``.
    """

    def __init__(self, keys: Sequence[str], functions: Mapping[str, str]) -> None:
        self.keys, self.functions = list(keys), dict(functions)
        self._parts: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Add rows with the keys and the aggregated columns."""
        self._parts.append(self._aggregate(rows))
        if len(self._parts) > _MAX_PARTS:
            self._parts = [self.table()]

    def table(self) -> pa.Table:
        """One row a group, sorted by key."""
        merged = self._aggregate(pa.concat_tables(self._parts))
        return merged.sort_by([(name, "ascending") for name in self.keys])

    def _aggregate(self, rows: pa.Table) -> pa.Table:
        grouped = rows.group_by(self.keys, use_threads=False).aggregate(list(self.functions.items()))
        names = {f"{name}_{function}": name for name, function in self.functions.items()}
        return grouped.rename_columns([names.get(name, name) for name in grouped.column_names])


class ValueCounts:
    """Counts of every distinct value, for groups with at most :data:`MAX_DISTINCT_VALUES`.

    Args:
        keys: the columns that define a group.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = list(keys)
        self._counts = GroupedAggregate([*keys, "value"], {"rows": "sum"})
        self._excluded: pa.Table | None = None

    def add(self, rows: pa.Table) -> None:
        """Add rows with the keys, ``value`` and ``rows``; excluded groups are skipped."""
        self._counts.add(
            rows if self._excluded is None else rows.join(self._excluded, self.keys, join_type="left anti")
        )
        counts = self._counts.table()
        crowded = self._find_crowded(counts)
        if crowded.num_rows:
            self._excluded = pa.concat_tables([crowded, *([self._excluded] if self._excluded else [])])
            self._counts = GroupedAggregate(self._counts.keys, self._counts.functions)
            self._counts.add(counts.join(crowded, self.keys, join_type="left anti"))

    def table(self) -> pa.Table:
        """``keys``, ``value`` and ``rows``, sorted by value, without the excluded groups."""
        return self._counts.table()

    def _find_crowded(self, counts: pa.Table) -> pa.Table:
        sizes = counts.group_by(self.keys, use_threads=False).aggregate([("value", "count")])
        return sizes.filter(pc.field("value_count") > MAX_DISTINCT_VALUES).select(self.keys)


class AggregateBuilder:
    """Builds the aggregates of one source: by signal, by day, by value and by age."""

    def __init__(self) -> None:
        self.signals = GroupedAggregate(KEY, {"rows": "sum", "known_ts": "max"})
        self.days = GroupedAggregate((*KEY, "t0_day", "state", "void_reason"), {"rows": "sum", "value": "sum"})
        totals = {"rows": "sum", "value": "sum", "square": "sum", "low": "min", "high": "max"}
        self.totals = GroupedAggregate(KEY, totals)
        self.ages = GroupedAggregate((*KEY, "age_h"), {"rows": "sum", "prefix": "sum"})
        self.value_counts = ValueCounts(KEY)

    def add(self, rows: pa.Table) -> None:
        """Add rows, each the newest of its anchor."""
        rows = rows.append_column("rows", pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows))
        self.signals.add(rows)
        self.days.add(rows)
        mature = rows.filter(pc.field("state") == "mature")
        value = mature["value"]
        self.value_counts.add(mature)
        mature = mature.append_column("square", pc.multiply(value, value))
        self.totals.add(mature.append_column("low", value).append_column("high", value))
        open_rows = rows.filter(pc.field("state") == "open")
        age_us = pc.subtract(open_rows["known_ts"].cast(pa.int64()), open_rows["t0"].cast(pa.int64()))
        self.ages.add(open_rows.append_column("age_h", pc.divide(age_us, _HOUR_US)))

    def tables(self) -> dict[str, pa.Table]:
        """The aggregates by name."""
        return {
            "signals": self.signals.table(),
            "days": self.days.table(),
            "totals": self.totals.table(),
            "ages": self.ages.table(),
            "value_counts": self.value_counts.table(),
        }
