"""A look-up of one value: by anchor_id, or by user, item and t0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from longplay.config.timestamps import parse_moment
from longplay.errors import ConfigError, NotFoundError


@dataclass(frozen=True)
class Key:
    """What names one value of a signal.

    Attributes:
        anchor_id: its anchor; or
        user_id: its user, with
        item_id: its item (None: any, or none), and
        t0: the anchor's time (UTC).
    """

    anchor_id: str | None = None
    user_id: str | None = None
    item_id: str | None = None
    t0: datetime | None = None

    def text(self) -> str:
        """The key as an error shows it."""
        return ", ".join(f"{name} {value}" for name, value in vars(self).items() if value is not None)


def key_of(anchor_id: str | None, user_id: str | None, item_id: str | None, t0: datetime | str | None) -> Key:
    """A validated key.

    Raises:
        ConfigError: when it is neither an anchor_id alone nor a user_id with t0.
    """
    key = Key(anchor_id, user_id, item_id, None if t0 is None else parse_moment(t0, "t0"))
    by_anchor = anchor_id is not None and (user_id, item_id, t0) == (None, None, None)
    by_user = anchor_id is None and user_id is not None and t0 is not None
    if not by_anchor and not by_user:
        raise ConfigError(
            "This names no single value.",
            where="anchor_id, user_id, item_id, t0",
            got=key.text() or "none of them",
            fix="give anchor_id alone, or user_id with t0, and item_id where the signal has items",
        )
    return key


def the_one(rows: Sequence[Mapping[str, Any]], signal: str, key: Key, known_at: datetime) -> Mapping[str, Any]:
    """The newest row known at a moment.

    Args:
        rows: every row of the key that the release holds, revisions too.
        signal: pinned name.
        key: what was asked for.
        known_at: as known then (UTC).

    Raises:
        NotFoundError: when there is no row, or none was known then.
        ConfigError: when the key names several anchors.
    """
    anchors = sorted({row["anchor_id"] for row in rows})
    if not anchors:
        raise NotFoundError(f"There is no value of '{signal}' for this key.", got=key.text(), fix="check the key")
    if len(anchors) > 1:
        raise ConfigError(
            f"The key names {len(anchors)} anchors of '{signal}'.",
            got=", ".join(anchors[:5]) + (", ..." if len(anchors) > 5 else ""),
            fix="give anchor_id" + ("" if key.item_id else ", or item_id too"),
        )
    known = [row for row in rows if row["known_ts"] <= known_at]
    if not known:
        raise NotFoundError(
            f"Nothing was known of this value of '{signal}' at {known_at:%Y-%m-%d %H:%M:%S} UTC.",
            got=f"{key.text()}; first known {min(row['known_ts'] for row in rows):%Y-%m-%d %H:%M:%S} UTC",
            fix="ask for a later known_at",
        )
    return max(known, key=lambda row: (row["known_ts"], row["revision"]))
