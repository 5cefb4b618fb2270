"""How a question becomes conditions on ``signal_values``, and what is left of its rows."""

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from longplay.definitions.signal import Definition
from longplay.lookup.cursor import Cursor
from longplay.lookup.point_query import Key
from longplay.lookup.query import Selection

Filter = tuple[str, str, Any]
"""Column, operator, value."""


def own(definition: Definition, known_at: datetime) -> list[Filter]:
    """Rows of one signal that were known at a moment (UTC)."""
    return [("signal", "=", definition.ref), ("known_ts", "<=", known_at)]


def keyed(key: Key) -> list[Filter]:
    """Rows of one key, all of its revisions."""
    return [(name, "=", value) for name, value in vars(key).items() if value is not None]


def filters(definition: Definition, asked: Selection, known_at: datetime) -> list[Filter]:
    """Conditions that an anchor meets in all of its rows or in none, and what was known."""
    lists = {"user_id": asked.users, "item_id": asked.items, "anchor_id": asked.anchors}
    seen = asked.after.t0.date() if asked.after else None
    bounds = [("t0_day", ">=", asked.first_day), ("t0_day", ">=", seen), ("t0_day", "<=", asked.last_day)]
    return [
        *own(definition, known_at),
        *((name, "in", list(values)) for name, values in lists.items() if values is not None),
        *((name, operator, day) for name, operator, day in bounds if day is not None),
    ]


def in_states(rows: pa.Table, states: tuple[str, ...] | None) -> pa.Table:
    """Rows in one of some states."""
    return rows if states is None else rows.filter(pc.is_in(rows["state"], pa.array(states, pa.string())))


def after(rows: pa.Table, place: Cursor | None) -> pa.Table:
    """Rows behind a place in the order of t0, then anchor_id."""
    if place is None:
        return rows
    t0 = pa.scalar(place.t0, rows["t0"].type)
    later = pc.and_(pc.equal(rows["t0"], t0), pc.greater(rows["anchor_id"], place.anchor_id))
    return rows.filter(pc.or_(pc.greater(rows["t0"], t0), later))
