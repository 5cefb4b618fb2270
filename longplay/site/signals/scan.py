"""Reads signal values in batches and aggregates them.

Memory holds one batch, the aggregates, and the rows of revised anchors.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError
from pyarrow import dataset

from longplay.delta import check_files, open_dataset, open_table
from longplay.errors import StoreError, first_line
from longplay.site.signals.aggregates import KEY, AggregateBuilder

_TYPES = {
    **dict.fromkeys((*KEY, "anchor_id", "state", "void_reason"), pa.string()),
    **dict.fromkeys(("t0", "known_ts", "matures_at"), pa.timestamp("us", tz="UTC")),
    **dict.fromkeys(("value", "prefix"), pa.float64()),
    "t0_day": pa.date32(),
    "revision": pa.int64(),
}
"""Type of each column that is read."""


@dataclass(frozen=True)
class SourceAggregates:
    """The aggregated values of one source. Every table begins with ``signal`` and ``definition_hash``.

    Attributes:
        source: name of the source.
        table: folder of its values.
        version: Delta version that was read.
        signals: number of anchors and newest ``known_ts``.
        days: by ``t0_day``, ``state`` and ``void_reason``: anchors in their current state, sum of values.
        totals: of mature anchors: number, sum, sum of squares, smallest and largest value.
        value_counts: by ``value``: number of mature anchors; signals with too many values are left out.
        ages: by ``age_h`` (whole hours since t0): number of open anchors, sum of their visible values.
        revised: all rows of revised anchors, sorted by anchor and revision.
    """

    source: str
    table: Path
    version: int
    signals: pa.Table
    days: pa.Table
    totals: pa.Table
    value_counts: pa.Table
    ages: pa.Table
    revised: pa.Table


def aggregate_values(table: Path, report: Callable[[str], None]) -> SourceAggregates:
    """Aggregate the values of one source in two passes: the first finds revised anchors, the second reads all rows.

    Args:
        table: the folder of ``signal_values``.
        report: receives a line of progress after each batch.

    Raises:
        StoreError: when the table is corrupted or lacks a column.
    """
    source, version = table.parent.name, int(open_table(table).version())
    revised_anchors = pc.unique(_read_anchors(table, version, dataset.field("revision") > 0))
    builder, revised_parts, rows_read = AggregateBuilder(), [], 0
    for batch in read_batches(table, version, tuple(_TYPES)):
        is_revised = pc.is_in(batch["anchor_id"], value_set=revised_anchors)
        revised_parts.append(batch.filter(is_revised))
        builder.add(batch.filter(pc.invert(is_revised)))
        rows_read += batch.num_rows
        report(f"{source}: {rows_read:,} rows read")
    order = [(name, "ascending") for name in (*KEY, "anchor_id", "revision")]
    revised = pa.concat_tables([*revised_parts, _empty_table()]).sort_by(order)
    builder.add(select_newest_rows(revised))
    return SourceAggregates(source, table, version, **builder.tables(), revised=revised)


def select_newest_rows(rows: pa.Table) -> pa.Table:
    """Select the last row of each anchor. Rows must be sorted by signal, anchor and revision."""
    if not rows.num_rows:
        return rows
    is_repeated = mark_repeated_anchors(rows)
    return rows.filter(pc.invert(pa.chunked_array([*is_repeated[1:].chunks, pa.array([False])])))


def mark_repeated_anchors(rows: pa.Table) -> pa.ChunkedArray:
    """[rows] whether a row is of the same signal and anchor as the row before it."""
    is_same = pa.chunked_array([pa.repeat(pa.scalar(True), rows.num_rows - 1)])
    for name in (*KEY, "anchor_id"):
        is_same = pc.and_(is_same, pc.equal(rows[name][1:], rows[name][:-1]))
    return pa.chunked_array([pa.array([False]), *is_same.chunks])


def read_mature_values(aggregates: SourceAggregates, signal: str, definition_hash: str) -> pa.ChunkedArray:
    """Read the current values of all mature anchors of a signal, for signals without value counts."""
    is_of_signal = (dataset.field("signal") == signal) & (dataset.field("definition_hash") == definition_hash)
    is_mature = is_of_signal & (dataset.field("state") == "mature")
    revised_anchors, parts = pc.unique(aggregates.revised["anchor_id"]), []
    for batch in read_batches(aggregates.table, aggregates.version, ("anchor_id", "value"), is_mature):
        is_revised = pc.is_in(batch["anchor_id"], value_set=revised_anchors)
        parts.append(batch.filter(pc.invert(is_revised))["value"])
    parts.append(select_newest_rows(aggregates.revised).filter(is_of_signal)["value"].drop_null())
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.float64())


def read_batches(
    table: Path, version: int, columns: Sequence[str], condition: dataset.Expression | None = None
) -> Iterator[pa.Table]:
    """Read columns of a version of a table in batches, after checking that no file is missing.

    Raises:
        StoreError: when the table is corrupted or lacks a column.
    """
    check_files(table, version)
    try:
        values = open_dataset(table, version)
        missing = sorted(set(columns) - set(values.schema.names))
        if missing:
            raise StoreError(
                "Signal values lack a column.",
                where=str(table),
                got=f"no {', '.join(missing)}",
                fix="rebuild the table with 'longplay build-signals'",
            )
        scanner = values.scanner(columns=list(columns), filter=condition, batch_readahead=2, fragment_readahead=1)
        for batch in scanner.to_batches():
            yield _cast_columns(pa.Table.from_batches([batch]))
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise StoreError("Signal values cannot be read.", where=str(table), got=first_line(error)) from error


def _read_anchors(table: Path, version: int, condition: dataset.Expression) -> pa.ChunkedArray:
    batches = read_batches(table, version, ("anchor_id", "revision"), condition)
    return pa.chunked_array([chunk for batch in batches for chunk in batch[0].chunks], pa.string())


def _cast_columns(rows: pa.Table) -> pa.Table:
    return pa.table({name: rows[name].cast(_TYPES[name]) for name in rows.column_names})


def _empty_table() -> pa.Table:
    return pa.table({name: pa.array([], kind) for name, kind in _TYPES.items()})
