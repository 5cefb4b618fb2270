"""Queries of one signal of an index. Each does a bounded amount of work."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np

from longplay.config.timestamps import from_microseconds, to_microseconds
from longplay.lookup.point_query import PointKey
from longplay.lookup.query import ValueSelection
from longplay.server.index.segment import Rows, Segment

CHUNK_ROWS, MAX_SCANNED_ROWS = 4_096, 40_000
"""Rows scanned at once, and for one page."""
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class ScannedPage:
    """A page.

    Attributes:
        rows: numbers of its rows, ordered by t0, then anchor_id.
        last: t0 (UTC) and anchor_id of the last scanned row; None where no row is left to scan.
    """

    rows: Rows
    last: tuple[datetime, str] | None


def find_rows(segment: Segment, key: PointKey) -> list[dict[str, Any]]:
    """Every row of a key, revisions included."""
    id_column = "anchor_id" if key.anchor_id is not None else "user_id"
    rows = segment.candidates(id_column, str(getattr(key, id_column)))
    if key.t0 is not None:
        t0_us = to_microseconds(key.t0)
        rows = rows[_find_position(segment, rows, t0_us) : _find_position(segment, rows, t0_us + 1)]
    for name, value in {"anchor_id": key.anchor_id, "user_id": key.user_id, "item_id": key.item_id}.items():
        rows = rows if value is None else rows[segment.equal(name, rows, value)]
    return segment.to_dicts(rows)


def scan_page(segment: Segment, selection: ValueSelection, known_at: datetime) -> ScannedPage:
    """A page of the rows that were the newest at a moment.

    Scans at most about ``MAX_SCANNED_ROWS`` rows. Where more would be needed the page is short and says where it ended.

    Args:
        segment: the signal.
        selection: which rows, with at most one user, one item and one anchor; its release and known_at are ignored.
        known_at: the moment (UTC).
    """
    ids = _collect_ids(selection)
    first_id = next(iter(ids.items()), None)
    rows: Rows | range = segment.candidates(*first_id) if first_id else range(len(segment))
    position, end = _find_bounds(segment, rows, selection)
    stop, chunks, count = min(end, position + MAX_SCANNED_ROWS), [np.zeros(0, dtype=np.int64)], 0
    while position < stop and count <= selection.limit:
        chunk_end = _extend_to_anchor(segment, rows, min(position + CHUNK_ROWS, end))
        chunk = _newest_known(segment, np.asarray(rows[position:chunk_end], dtype=np.int64), to_microseconds(known_at))
        chunks.append(_select_matching(segment, chunk, selection, ids))
        position, count = chunk_end, count + len(chunks[-1])
    page: Rows = np.concatenate(chunks)[: selection.limit]
    if count <= selection.limit and position >= end:
        return ScannedPage(page, None)
    last = int(page[-1] if count > selection.limit else rows[position - 1])
    return ScannedPage(page, (from_microseconds(int(segment.t0[last])), segment.anchor(last)))


def _collect_ids(selection: ValueSelection) -> dict[str, str]:
    """The selected ids by column, the most selective first."""
    ids = {"anchor_id": selection.anchors, "user_id": selection.users, "item_id": selection.items}
    return {name: values[0] for name, values in ids.items() if values}


def _find_bounds(segment: Segment, rows: Sequence[int] | Rows, selection: ValueSelection) -> tuple[int, int]:
    """Positions of the first row and behind the last row of the selected days, after the cursor."""
    begin, end = 0, len(rows)
    if selection.first_day is not None:
        begin = _find_position(segment, rows, _midnight_us(selection.first_day))
    if selection.last_day is not None:
        end = _find_position(segment, rows, _midnight_us(selection.last_day) + _DAY_US)
    if selection.after is not None:
        cursor = (to_microseconds(selection.after.t0), selection.after.anchor_id)
        begin = max(begin, bisect_right(rows, cursor, key=lambda row: (int(segment.t0[row]), segment.anchor(row))))
    return begin, end


def _midnight_us(day: date) -> int:
    return to_microseconds(datetime.combine(day, time(), UTC))


def _find_position(segment: Segment, rows: Sequence[int] | Rows, t0_us: int) -> int:
    """The position of the first row at or after a moment."""
    return bisect_left(rows, t0_us, key=lambda row: int(segment.t0[row]))


def _extend_to_anchor(segment: Segment, rows: Sequence[int] | Rows, end: int) -> int:
    """The first position from ``end`` on where another anchor begins, so that a chunk never splits an anchor."""
    while end < len(rows) and segment.group[rows[end]] == segment.group[rows[end - 1]]:
        end += 1
    return end


def _newest_known(segment: Segment, rows: Rows, known_at_us: int) -> Rows:
    """The newest row of every anchor among the rows known at a moment."""
    known_rows = rows[segment.known_ts[rows] <= known_at_us]
    groups = segment.group[known_rows]
    return known_rows[np.append(groups[1:] != groups[:-1], True)] if len(known_rows) else known_rows


def _select_matching(segment: Segment, rows: Rows, selection: ValueSelection, ids: dict[str, str]) -> Rows:
    for name, value in ids.items():
        rows = rows[segment.equal(name, rows, value)]
    if selection.states is not None:
        rows = rows[segment.in_states(rows, selection.states)]
    return rows
