"""Reads signal values batch by batch and sums them up: nothing here grows with the number of rows.

What is kept in memory is a batch, the sums, and the rows of anchors that were revised.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError
from pyarrow import dataset

from longplay.delta import check_files, open_table
from longplay.errors import StoreError, first_line
from longplay.site.signals.sums import KEY, Sums

COLUMNS = (
    *(*KEY, "anchor_id", "t0", "t0_day", "state", "void_reason"),
    *("value", "prefix", "known_ts", "matures_at", "revision"),
)
_UTC = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Gathered:
    """The values of one source, summed. Every table begins with ``signal`` and ``definition_hash``.

    Attributes:
        source: name of the source.
        table: folder of its values.
        version: Delta version that was read.
        days: by ``t0_day``, ``state``, ``void_reason``: anchors as they stand now, sum of values.
        totals: of the mature: number, sum, sum of squares, smallest and largest value.
        levels: by ``value``: number of mature anchors; signals of too many values are left out.
        ages: open anchors by ``age_h`` (whole hours since t0): number, sum of what was seen so far.
        revised: rows of anchors that were revised, by anchor and revision.
        known: newest ``known_ts``.
    """

    source: str
    table: Path
    version: int
    days: pa.Table
    totals: pa.Table
    levels: pa.Table
    ages: pa.Table
    revised: pa.Table
    known: pa.Table


def gather(table: Path, say: Callable[[str], None]) -> Gathered:
    """Sum up the values of one source: one pass over the table, and one over its revisions before.

    Args:
        table: the folder of ``signal_values``.
        say: takes a line of progress.

    Raises:
        StoreError: when the table is corrupted, or lacks a column.
    """
    source, version = table.parent.name, int(open_table(table).version())
    late = pc.unique(_anchors(table, version, dataset.field("revision") > 0))
    sums, aside, seen = Sums(), [], 0
    for batch in read(table, version, COLUMNS):
        is_late = pc.is_in(batch["anchor_id"], value_set=late)
        aside.append(batch.filter(is_late))
        sums.add(batch.filter(pc.invert(is_late)))
        seen += batch.num_rows
        say(f"{source}: {seen:,} rows read")
    revised = pa.concat_tables([*aside, _empty()]).sort_by(
        [(name, "ascending") for name in (*KEY, "anchor_id", "revision")]
    )
    sums.add(newest(revised))
    return Gathered(source, table, version, **sums.tables(), revised=revised)


def newest(rows: pa.Table) -> pa.Table:
    """The last row of each anchor. Rows must be sorted by signal, anchor and revision."""
    if not rows.num_rows:
        return rows
    follows = same_anchor(rows)
    return rows.filter(pc.invert(pa.chunked_array([*follows[1:].chunks, pa.array([False])])))


def same_anchor(rows: pa.Table) -> pa.ChunkedArray:
    """[rows] whether a row is of the same signal and anchor as the row before it."""
    same = pa.chunked_array([pa.repeat(pa.scalar(True), rows.num_rows - 1)])
    for name in (*KEY, "anchor_id"):
        same = pc.and_(same, pc.equal(rows[name][1:], rows[name][:-1]))
    return pa.chunked_array([pa.array([False]), *same.chunks])


def values_of(gathered: Gathered, signal: str, definition_hash: str) -> pa.ChunkedArray:
    """Every mature value of one signal as it stands now: for signals with too many values to count one by one."""
    own = (dataset.field("signal") == signal) & (dataset.field("definition_hash") == definition_hash)
    ripe = own & (dataset.field("state") == "mature")
    late, parts = pc.unique(gathered.revised["anchor_id"]), []
    for batch in read(gathered.table, gathered.version, ("anchor_id", "value"), ripe):
        parts.append(batch.filter(pc.invert(pc.is_in(batch["anchor_id"], value_set=late)))["value"])
    last = newest(gathered.revised)
    mine = last.filter((pc.field("signal") == signal) & (pc.field("definition_hash") == definition_hash))
    chunks = [chunk for part in [*parts, mine["value"].drop_null()] for chunk in part.chunks]
    return pa.chunked_array(chunks, pa.float64())


def read(
    table: Path, version: int, columns: Sequence[str], rows: dataset.Expression | None = None
) -> Iterator[pa.Table]:
    """Columns of a version of a table in batches, after checking that its files are all there.

    Raises:
        StoreError: when the table is corrupted, or lacks a column.
    """
    check_files(table, version)
    opened = open_table(table, version)
    try:
        found = opened.to_pyarrow_dataset()
        missing = sorted(set(columns) - set(found.schema.names))
        if missing:
            raise StoreError(
                "Signal values lack a column.",
                where=str(table),
                got=f"no {', '.join(missing)}",
                fix="run 'longplay build-signals': it writes the table anew",
            )
        scanned = found.scanner(columns=list(columns), filter=rows, batch_readahead=2, fragment_readahead=1)
        for batch in scanned.to_batches():
            yield _plain(pa.Table.from_batches([batch]))
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise StoreError("Signal values cannot be read.", where=str(table), got=first_line(error)) from error


def _anchors(table: Path, version: int, rows: dataset.Expression) -> pa.ChunkedArray:
    """Anchors of some rows."""
    parts = [chunk for batch in read(table, version, ("anchor_id", "revision"), rows) for chunk in batch[0].chunks]
    return pa.chunked_array(parts, pa.string())


def _plain(rows: pa.Table) -> pa.Table:
    """The same rows with the types that sums are made in."""
    types = _types()
    return pa.table({name: rows[name].cast(types[name]) for name in rows.column_names})


def _types() -> dict[str, pa.DataType]:
    times, numbers = (
        dict.fromkeys(("t0", "known_ts", "matures_at"), _UTC),
        dict.fromkeys(("value", "prefix"), pa.float64()),
    )
    whole = {"t0_day": pa.date32(), "revision": pa.int64()}
    return {**dict.fromkeys(COLUMNS, pa.string()), **times, **numbers, **whole}


def _empty() -> pa.Table:
    return pa.table({name: pa.array([], kind) for name, kind in _types().items()})
