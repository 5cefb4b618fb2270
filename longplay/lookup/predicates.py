"""Translates queries into filters on ``signal_values``, and filters rows already read."""

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from longplay.definitions.signal import Definition
from longplay.lookup.cursor import PageCursor
from longplay.lookup.point_query import PointKey
from longplay.lookup.query import ValueSelection

Filter = tuple[str, str, Any]
"""Column, operator, value."""


def filter_signal(definition: Definition, known_at: datetime) -> list[Filter]:
    """Filters for rows of one signal that were known at a moment (UTC)."""
    return [("signal", "=", definition.ref), ("known_ts", "<=", known_at)]


def filter_key(key: PointKey) -> list[Filter]:
    """Filters for all rows of one key, revisions included."""
    return [(name, "=", value) for name, value in vars(key).items() if value is not None]


def filter_selection(definition: Definition, selection: ValueSelection, known_at: datetime) -> list[Filter]:
    """Filters for whole anchors (each matches all rows of an anchor or none), and for rows known at a moment (UTC)."""
    lists = {"user_id": selection.users, "item_id": selection.items, "anchor_id": selection.anchors}
    resume_day = selection.after.t0.date() if selection.after else None
    bounds = [("t0_day", ">=", selection.first_day), ("t0_day", ">=", resume_day), ("t0_day", "<=", selection.last_day)]
    return [
        *filter_signal(definition, known_at),
        *((name, "in", list(values)) for name, values in lists.items() if values is not None),
        *((name, operator, day) for name, operator, day in bounds if day is not None),
    ]


def rows_in_states(rows: pa.Table, states: tuple[str, ...] | None) -> pa.Table:
    """Keep rows in the given states; None keeps all."""
    return rows if states is None else rows.filter(pc.is_in(rows["state"], pa.array(states, pa.string())))


def rows_after(rows: pa.Table, cursor: PageCursor | None) -> pa.Table:
    """Keep rows that come after a cursor in the order of t0, then anchor_id."""
    if cursor is None:
        return rows
    t0 = pa.scalar(cursor.t0, rows["t0"].type)
    later = pc.and_(pc.equal(rows["t0"], t0), pc.greater(rows["anchor_id"], cursor.anchor_id))
    return rows.filter(pc.or_(pc.greater(rows["t0"], t0), later))
