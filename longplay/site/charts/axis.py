"""Axes: round scales, tick positions and tick labels.

Horizontal positions are in per cent of the width, so text keeps its size on a phone. Vertical positions are in pixels
from the top.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from longplay.site import formatting

HEIGHT, TOP = 140, 8
"""Height of a plot and the margin above it for half of the topmost label, in pixels."""


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis: per cent across or pixels down. ``anchor`` is SVG's text-anchor."""

    position: float
    label: str
    anchor: str = "middle"


def round_coordinate(value: float) -> float:
    """Round a coordinate to two decimals, so that a chart has the same bytes on every machine."""
    return round(value, 2) + 0.0


def round_step(span: float) -> float:
    """Choose a round distance between ticks that fits two to four times into a span."""
    min_step = span / 3
    base = 10.0 ** math.floor(math.log10(min_step))
    return next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= min_step * 0.999)


@dataclass(frozen=True)
class Scale:
    """The value axis: its ends and the distance between ticks, all round numbers."""

    low: float
    high: float
    step: float

    @classmethod
    def from_values(cls, values: Iterable[float]) -> "Scale":
        """Create a scale that covers all values and 0."""
        covered = [0.0, *values]
        low, high = min(covered), max(covered)
        if low == high:
            return cls(0.0, 1.0, 1.0)
        step = round_step(high - low)
        return cls(step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9), step)

    def to_pixels(self, value: float) -> float:
        """Convert a value to pixels from the top of the chart."""
        return TOP + HEIGHT * (self.high - value) / (self.high - self.low)

    def make_ticks(self, format_label: Callable[[float], str] = formatting.number) -> Sequence[Tick]:
        """Make the ticks of the axis, in pixels from the top."""
        values = [self.low + self.step * i for i in range(round((self.high - self.low) / self.step) + 1)]
        return tuple(Tick(round_coordinate(self.to_pixels(value)), format_label(value), "end") for value in values)


def format_percent(value: float) -> str:
    """Format a share for a tick, with no more digits than it needs."""
    return f"{value * 100:g}%"


def choose_anchor(position: float) -> str:
    """Choose the text anchor of a label so that it stays inside the chart."""
    return "start" if position < 6 else "end" if position > 94 else "middle"


def make_day_ticks(first: date, last: date) -> Sequence[Tick]:
    """Label at most five dates on an axis from ``first`` to the end of ``last``; long axes get starts of months."""
    days = (last - first).days + 1
    months = [first + timedelta(days=i) for i in range(days) if (first + timedelta(days=i)).day == 1]
    is_short = len(months) < 4
    dates = [first + timedelta(days=i) for i in range(0, days, max(1, -(-days // 4)))] if is_short else months
    dates = dates[:: -(-len(dates) // 5)]
    positions = [(round_coordinate(100 * (day - first).days / days), day) for day in dates]
    return tuple(
        Tick(position, f"{day.day} {day:%b %Y}" if is_short else f"{day:%b %Y}", "start")
        for position, day in positions
        if position <= 80
    )


def make_number_ticks(low: float, high: float, unit: str = "") -> Sequence[Tick]:
    """Label round numbers on an axis from ``low`` to ``high``."""
    step = round_step((high - low) * 0.75)
    start = math.ceil(low / step - 1e-9)
    values = [step * i for i in range(start, math.floor(high / step + 1e-9) + 1)]
    positions = [(round_coordinate(100 * (value - low) / (high - low)), value) for value in values]
    return tuple(
        Tick(position, f"{formatting.number(value)}{unit}", choose_anchor(position)) for position, value in positions
    )
