"""Page cursors: opaque texts that mark where the next page starts."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from longplay.config.timestamps import from_microseconds, to_microseconds
from longplay.errors import ConfigError

_PARTS = TypeAdapter(tuple[str, str, int, int, str])
"""Release, signal, known_at and t0 in microseconds, anchor. Its parser refuses deep nesting and lone surrogates."""


@dataclass(frozen=True)
class PageCursor:
    """A page's last row and the query that it answered. Rows are ordered by t0, then anchor_id.

    Attributes:
        release_id: the release of all pages.
        signal: pinned name.
        known_at: the moment (UTC) as of which values are read.
        t0: the last row's t0 (UTC).
        anchor_id: the last row's anchor.
    """

    release_id: str
    signal: str
    known_at: datetime
    t0: datetime
    anchor_id: str

    def text(self) -> str:
        """Encode the cursor as text of letters, digits, ``-`` and ``_``."""
        parts = [self.release_id, self.signal, to_microseconds(self.known_at), to_microseconds(self.t0), self.anchor_id]
        return base64.urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")

    def check(self, signal: str, release_id: str | None, known_at: datetime | None) -> None:
        """Check that the next page belongs to the same query.

        Raises:
            ConfigError: when the request names another signal, release or moment.
        """
        requested = {"signal": signal, "release": release_id, "known_at": known_at}
        own = {"signal": self.signal, "release": self.release_id, "known_at": self.known_at}
        for name, value in requested.items():
            if value is not None and value != own[name]:
                raise ConfigError(
                    f"'after' belongs to another {name}.",
                    where="after",
                    got=f"{own[name]} in the cursor, {value} in the request",
                    fix=f"omit {name} or repeat it unchanged: all pages belong to one query",
                )


def parse_cursor(text: str) -> PageCursor:
    """Decode a cursor.

    Raises:
        ConfigError: when the text is not a cursor.
    """
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        release_id, signal, known_at, t0, anchor_id = _PARTS.validate_json(decoded, strict=True)
        return PageCursor(release_id, signal, from_microseconds(known_at), from_microseconds(t0), anchor_id)
    except (ValueError, OverflowError) as error:
        shown = text if len(text) <= 80 else text[:80] + "..."
        raise ConfigError(
            "This is not a cursor.",
            where="after",
            got=shown,
            fix="pass 'next' of the previous page unchanged",
        ) from error
