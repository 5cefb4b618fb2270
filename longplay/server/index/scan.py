"""Questions to one signal of an index. They do a bounded amount of work, whatever they ask for."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from longplay.config.timestamps import from_microseconds, to_microseconds
from longplay.lookup.point_query import Key
from longplay.lookup.query import Selection
from longplay.server.index.segment import Rows, Segment

CHUNK, MOST = 4_096, 40_000
"""Rows looked at in one go, and for one page."""


@dataclass(frozen=True)
class Found:
    """A page.

    Attributes:
        rows: numbers of its rows, ordered by t0, then anchor_id.
        last: t0 (UTC) and anchor_id of the place up to which was looked; None where nothing is left to look at.
    """

    rows: Rows
    last: tuple[datetime, str] | None


def rows_of(segment: Segment, key: Key) -> list[dict[str, Any]]:
    """Every row of a key, revisions too."""
    by = "anchor_id" if key.anchor_id is not None else "user_id"
    rows = segment.candidates(by, str(getattr(key, by)))
    if key.t0 is not None:
        low, high = (_place(segment, rows, to_microseconds(key.t0) + more) for more in (0, 1))
        rows = rows[low:high]
    for name, value in {"anchor_id": key.anchor_id, "user_id": key.user_id, "item_id": key.item_id}.items():
        rows = rows if value is None else rows[segment.equal(name, rows, value)]
    return segment.told(rows)


def scan(segment: Segment, asked: Selection, known_at: datetime) -> Found:
    """A page of the rows that were the newest at a moment. Users, items and anchors: one each at most.

    Looks at ``MOST`` rows and a few more at most; where that was not enough the page is short, and says where it ended.

    Args:
        segment: the signal.
        asked: which rows; its release and known_at are not looked at.
        known_at: as known then (UTC).
    """
    ids = _ids(asked)
    first = next(iter(ids.items()), None)
    rows: Rows | range = segment.candidates(*first) if first else range(len(segment))
    at, end = _bounds(segment, rows, asked)
    stop, kept, count = min(end, at + MOST), [np.zeros(0, dtype=np.int64)], 0
    while at < stop and count <= asked.limit:
        ahead = _whole(segment, rows, min(at + CHUNK, end))
        chunk = np.asarray(rows[at:ahead], dtype=np.int64)
        kept.append(_matching(segment, _newest(segment, chunk, to_microseconds(known_at)), asked, ids))
        at, count = ahead, count + len(kept[-1])
    page: Rows = np.concatenate(kept)[: asked.limit]
    if count <= asked.limit and at >= end:
        return Found(page, None)
    last = int(page[-1] if count > asked.limit else rows[at - 1])
    return Found(page, (from_microseconds(int(segment.t0[last])), segment.anchor(last)))


def _ids(asked: Selection) -> dict[str, str]:
    """The ids asked for by column, the one with the fewest rows first."""
    given = {"anchor_id": asked.anchors, "user_id": asked.users, "item_id": asked.items}
    return {name: values[0] for name, values in given.items() if values}


def _bounds(segment: Segment, rows: Sequence[int] | Rows, asked: Selection) -> tuple[int, int]:
    """From where to where rows lie on the days asked for, and behind the place that the last page reached."""
    begin, end = 0, len(rows)
    if asked.first_day is not None:
        begin = _place(segment, rows, _midnight(asked.first_day))
    if asked.last_day is not None:
        end = _place(segment, rows, _midnight(asked.last_day + timedelta(days=1)))
    if asked.after is not None:
        seen = (to_microseconds(asked.after.t0), asked.after.anchor_id)
        begin = max(begin, bisect_right(rows, seen, key=lambda row: (int(segment.t0[row]), segment.anchor(row))))
    return begin, end


def _midnight(day: date) -> int:
    return to_microseconds(datetime.combine(day, time(), UTC))


def _place(segment: Segment, rows: Sequence[int] | Rows, t0: int) -> int:
    """The place of the first row at or after a moment (microseconds)."""
    return bisect_left(rows, t0, key=lambda row: int(segment.t0[row]))


def _whole(segment: Segment, rows: Sequence[int] | Rows, end: int) -> int:
    """The first place from ``end`` on at which another anchor begins: all rows of an anchor are looked at together."""
    while end < len(rows) and segment.group[rows[end]] == segment.group[rows[end - 1]]:
        end += 1
    return end


def _newest(segment: Segment, rows: Rows, known_at: int) -> Rows:
    """The newest row of every anchor that was known at a moment (microseconds)."""
    known = rows[segment.known[rows] <= known_at]
    groups = segment.group[known]
    return known[np.append(groups[1:] != groups[:-1], True)] if len(known) else known


def _matching(segment: Segment, rows: Rows, asked: Selection, ids: dict[str, str]) -> Rows:
    for name, value in ids.items():
        rows = rows[segment.equal(name, rows, value)]
    if asked.states is not None:
        rows = rows[segment.in_states(rows, asked.states)]
    return rows
