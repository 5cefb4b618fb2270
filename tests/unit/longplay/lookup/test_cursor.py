"""Page cursors: read back as they were written, and refused when they are anything else."""

import base64
import json
from datetime import UTC, datetime

import pytest

from longplay.errors import ConfigError
from longplay.lookup.cursor import PageCursor, parse_cursor

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("anchor", ["a", "", "\0", "\U0001f3b5", '"]', "x" * 20_000])
@pytest.mark.parametrize(("known_at", "t0"), [(FIRST, LAST), (LAST, FIRST)])
def test_a_cursor_is_read_back(anchor: str, known_at: datetime, t0: datetime) -> None:
    cursor = PageCursor("release", "click@1", known_at, t0, anchor)
    assert parse_cursor(cursor.text()) == cursor


@pytest.mark.parametrize(
    "parts",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '["r", "s", 1, 2, "\\ud800"]',
        '["r", "s", 1, 2]',
        '["r", "s", 1, 2, "a", "b"]',
        '["r", "s", "1", 2, "a"]',
        '["r", "s", true, 2, "a"]',
        '["r", "s", 1.5, 2, "a"]',
        '["r", "s", NaN, 2, "a"]',
        '["r", "s", 1e999, 2, "a"]',
        '["r", "s", -9223372036854775809, 2, "a"]',
        json.dumps(["r", "s", 1, int(253_402_300_800e6), "a"]),
        f'["r", "s", {"9" * 10_000}, 2, "a"]',
        "null",
        "",
    ],
)
def test_other_json_is_no_cursor(parts: str) -> None:
    with pytest.raises(ConfigError, match=r"This is not a cursor\."):
        parse_cursor(base64.urlsafe_b64encode(parts.encode()).decode().rstrip("="))


@pytest.mark.parametrize("text", ["", "a", "====", "%%%", "\u00e9", "\0", "\ud800", "x" * 100_000])
def test_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(ConfigError, match=r"This is not a cursor\.") as caught:
        parse_cursor(text)
    assert len(str(caught.value)) < 300
