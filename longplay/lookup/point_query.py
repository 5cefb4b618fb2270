"""Looks up a single value by anchor_id, or by user, item and t0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from longplay.config.timestamps import parse_moment
from longplay.errors import ConfigError, NotFoundError


@dataclass(frozen=True)
class PointKey:
    """The key of one value of a signal.

    Attributes:
        anchor_id: the anchor; if None, the other fields identify it.
        user_id: the user.
        item_id: the item; None matches any item, and anchors without one.
        t0: the time of the anchor (UTC).
    """

    anchor_id: str | None = None
    user_id: str | None = None
    item_id: str | None = None
    t0: datetime | None = None

    def text(self) -> str:
        """Format the key for error messages."""
        return ", ".join(f"{name} {value}" for name, value in vars(self).items() if value is not None)


def parse_key(anchor_id: str | None, user_id: str | None, item_id: str | None, t0: datetime | str | None) -> PointKey:
    """Build and validate a key.

    Raises:
        ConfigError: when the parts are neither an anchor_id alone nor a user_id with t0.
    """
    key = PointKey(anchor_id, user_id, item_id, None if t0 is None else parse_moment(t0, "t0"))
    by_anchor = anchor_id is not None and (user_id, item_id, t0) == (None, None, None)
    by_user = anchor_id is None and user_id is not None and t0 is not None
    if not by_anchor and not by_user:
        raise ConfigError(
            "The key does not identify a single value.",
            where="anchor_id, user_id, item_id, t0",
            got=key.text() or "none of them",
            fix="pass only anchor_id; or pass user_id and t0, with item_id if the signal has items",
        )
    return key


def select_value(
    rows: Sequence[Mapping[str, Any]], signal: str, key: PointKey, known_at: datetime
) -> Mapping[str, Any]:
    """Select the newest row known at a moment.

    Args:
        rows: every row of the key in the release, revisions included.
        signal: pinned name.
        key: the requested key.
        known_at: the moment (UTC).

    Raises:
        NotFoundError: when there is no row, or no row was known at that moment.
        ConfigError: when the key matches several anchors.
    """
    anchors = sorted({row["anchor_id"] for row in rows})
    if not anchors:
        raise NotFoundError(f"There is no value of '{signal}' for this key.", got=key.text(), fix="check the key")
    if len(anchors) > 1:
        raise ConfigError(
            f"The key matches {len(anchors)} anchors of '{signal}'.",
            got=", ".join(anchors[:5]) + (", ..." if len(anchors) > 5 else ""),
            fix="pass anchor_id" + ("" if key.item_id else ", or item_id too"),
        )
    known_rows = [row for row in rows if row["known_ts"] <= known_at]
    if not known_rows:
        raise NotFoundError(
            f"This value of '{signal}' was not yet known at {known_at:%Y-%m-%d %H:%M:%S} UTC.",
            got=f"{key.text()}; first known {min(row['known_ts'] for row in rows):%Y-%m-%d %H:%M:%S} UTC",
            fix="pass a later known_at",
        )
    return max(known_rows, key=lambda row: (row["known_ts"], row["revision"]))
