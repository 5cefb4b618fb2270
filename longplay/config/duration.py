"""Durations written with their unit: ``"24 h"``, ``"28 d"``, ``"0 s"``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DAY = timedelta(days=1)
DAY_US = 86_400_000_000
"""Microseconds of a day."""

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
PATTERN = r"^\s*(-?\d+)\s*(s|min|h|d)\s*$"
_PATTERN = re.compile(PATTERN)


def parse_duration(text: object) -> timedelta:
    """Read a duration such as ``"14 d"``.

    Raises:
        ValueError: when there is no whole number or no unit (s, min, h, d).
    """
    if isinstance(text, timedelta):
        return text
    match = _PATTERN.match(str(text))
    if not match:
        raise ValueError(f"'{text}' is not a duration; write a whole number and a unit: 30 s, 5 min, 24 h, 14 d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def format_duration(value: timedelta) -> str:
    """The shortest exact writing of a duration: ``86400 s`` becomes ``1 d``."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "min"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]} {unit}"
    return f"{seconds} s"


_SCHEMA = {
    "type": "string",
    "pattern": PATTERN,
    "description": "a whole number and a unit: 30 s, 5 min, 24 h, 14 d",
}
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_SCHEMA),
]
