"""A metric of a table over days, as the pages show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Series:
    """One metric of one table.

    Attributes:
        name: what was measured, and of what.
        days: its value by UTC day, the oldest first.
        unusual: days that were not as expected, with what was.
    """

    name: str
    days: Sequence[tuple[date, float]]
    unusual: Mapping[date, str] = field(default_factory=dict)
