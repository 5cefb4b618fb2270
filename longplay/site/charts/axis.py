"""Axes: round numbers, where they are, and how their labels are set.

Across, places are in per cent of the width, so text keeps its size on a phone. Down, they are in pixels from the top.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from longplay.site import formatting

HEIGHT, TOP = 140, 8
"""Height of a plot, and what is kept free above it for half the label of its topmost line, in pixels."""


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis: per cent across, or pixels down. ``anchor`` is SVG's text-anchor."""

    at: float
    label: str
    anchor: str = "middle"


def round_coordinate(value: float) -> float:
    """A coordinate with two decimals, so that the same picture has the same bytes everywhere."""
    return round(value, 2) + 0.0


def round_step(span: float) -> float:
    """A round distance between ticks, of which two to four fit into a span."""
    rough = span / 3
    base = 10.0 ** math.floor(math.log10(rough))
    return next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= rough * 0.999)


@dataclass(frozen=True)
class Scale:
    """The axis of values: its ends, and the distance between its ticks. All three are round numbers."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Iterable[float]) -> "Scale":
        """A scale that holds all values, and 0."""
        told = [0.0, *values]
        low, high = min(told), max(told)
        if low == high:
            return cls(0.0, 1.0, 1.0)
        step = round_step(high - low)
        return cls(step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9), step)

    def down(self, value: float) -> float:
        """Pixels from the top of a drawing to a value."""
        return TOP + HEIGHT * (self.high - value) / (self.high - self.low)

    def ticks(self, label: Callable[[float], str] = formatting.number) -> Sequence[Tick]:
        """The ticks, in pixels from the top."""
        values = [self.low + self.step * i for i in range(round((self.high - self.low) / self.step) + 1)]
        return tuple(Tick(round_coordinate(self.down(value)), label(value), "end") for value in values)


def format_percent(value: float) -> str:
    """A share as ticks have it: no more digits than it needs."""
    return f"{value * 100:g}%"


def choose_anchor(at: float) -> str:
    """How a label is set at a place: it must not run over an edge."""
    return "start" if at < 6 else "end" if at > 94 else "middle"


def day_ticks(first: date, last: date) -> Sequence[Tick]:
    """At most five dates on an axis from ``first`` to the end of ``last``: beginnings of months where they are many."""
    days = (last - first).days + 1
    months = [first + timedelta(days=i) for i in range(days) if (first + timedelta(days=i)).day == 1]
    few = len(months) < 4
    marks = [first + timedelta(days=i) for i in range(0, days, max(1, -(-days // 4)))] if few else months
    marks = marks[:: -(-len(marks) // 5)]
    ticks = [(round_coordinate(100 * (mark - first).days / days), mark) for mark in marks]
    return tuple(Tick(at, f"{d:%b %Y}" if not few else f"{d.day} {d:%b %Y}", "start") for at, d in ticks if at <= 80)


def number_ticks(low: float, high: float, unit: str = "") -> Sequence[Tick]:
    """Round numbers on an axis from ``low`` to ``high``."""
    step = round_step((high - low) * 0.75)
    start = math.ceil(low / step - 1e-9)
    values = [step * i for i in range(start, math.floor(high / step + 1e-9) + 1)]
    places = [(round_coordinate(100 * (value - low) / (high - low)), value) for value in values]
    return tuple(Tick(at, f"{formatting.number(value)}{unit}", choose_anchor(at)) for at, value in places)
