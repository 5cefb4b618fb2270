"""Where the parts of a drawing are. Across, everything is in per cent of the width, so text keeps its size on a phone.

Down, everything is in pixels from the top. Paths are drawn in a box of their own that is stretched to the width.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from longplay.catalogue import figures

HEIGHT, TOP = 140, 8
"""Height of a plot, and what is kept free above it for half the label of its topmost line, in pixels."""
PATH_WIDTH = 1000
"""Width of the box that paths are drawn in."""


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis: per cent across, or pixels down. ``side`` is SVG's text-anchor."""

    at: float
    label: str
    side: str = "middle"


@dataclass(frozen=True)
class Box:
    """A filled rectangle: ``x`` and ``width`` in per cent, ``y`` and ``height`` in pixels; ``css`` names its class."""

    x: float
    y: float
    width: float
    height: float
    css: str


@dataclass(frozen=True)
class Path:
    """A line or an area in the stretched box; ``css`` names its class."""

    d: str
    css: str


@dataclass(frozen=True)
class Grid:
    """What a drawing says as a table: row names first, the other cells numbers unless it says otherwise."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool = True


@dataclass(frozen=True)
class Chart:
    """A drawing, and the same in words and as a table."""

    title: str
    alt: str
    caption: str
    x: Sequence[Tick]
    y: Sequence[Tick]
    grid: Grid
    boxes: Sequence[Box] = ()
    paths: Sequence[Path] = ()
    legend: Sequence[tuple[str, str]] = ()

    height, top = HEIGHT, TOP

    @property
    def gutter(self) -> int:
        """Pixels at the left that the labels of the y axis take."""
        return 8 + 8 * max(len(tick.label) for tick in self.y)


def rounded(value: float) -> float:
    """A coordinate with two decimals, so that the same picture has the same bytes everywhere."""
    return round(value, 2) + 0.0


def ceiling(most: float) -> tuple[float, float]:
    """The top of an axis and the step of its ticks, both round, for values up to ``most``."""
    if most <= 0:
        return 1.0, 1.0
    rough = most / 3
    base = 10.0 ** math.floor(math.log10(rough))
    step = next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= rough * 0.999)
    return step * math.ceil(most / step - 1e-9), step


def y_ticks(most: float, write: str = "number") -> tuple[float, Sequence[Tick]]:
    """The top of the axis, and its ticks in pixels from the top."""
    top, step = ceiling(most)
    label = _percent if write == "share" else figures.number
    values = [step * i for i in range(round(top / step) + 1)]
    return top, tuple(Tick(rounded(down(value, top)), label(value), "end") for value in values)


def _percent(value: float) -> str:
    return f"{value * 100:g}%"


def down(value: float, top: float) -> float:
    """Pixels from the top of a drawing to a value."""
    return TOP + HEIGHT * (1 - value / top)


def side(at: float) -> str:
    """How a label is set at a place: it must not run over an edge."""
    return "start" if at < 6 else "end" if at > 94 else "middle"


def day_ticks(first: date, last: date) -> Sequence[Tick]:
    """At most five dates on an axis from ``first`` to the end of ``last``: beginnings of months where they are many."""
    days = (last - first).days + 1
    months = [first + timedelta(days=i) for i in range(days) if (first + timedelta(days=i)).day == 1]
    few = len(months) < 4
    marks = [first + timedelta(days=i) for i in range(0, days, max(1, -(-days // 4)))] if few else months
    marks = marks[:: -(-len(marks) // 5)]
    ticks = [(rounded(100 * (mark - first).days / days), mark) for mark in marks]
    return tuple(Tick(at, f"{d:%b %Y}" if not few else f"{d.day} {d:%b %Y}", "start") for at, d in ticks if at <= 80)


def number_ticks(low: float, high: float, unit: str = "") -> Sequence[Tick]:
    """Round numbers on an axis from ``low`` to ``high``."""
    _, step = ceiling((high - low) * 0.75)
    start = math.ceil(low / step - 1e-9)
    values = [step * i for i in range(start, math.floor(high / step + 1e-9) + 1)]
    places = [(rounded(100 * (value - low) / (high - low)), value) for value in values]
    return tuple(Tick(at, f"{figures.number(value)}{unit}", side(at)) for at, value in places)


def line(points: Sequence[tuple[float, float | None]], top: float) -> str:
    """A path through points (share of the width, value), broken where there is no value."""
    parts, pen = [], "M"
    for x, value in points:
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{rounded(x * PATH_WIDTH):g} {rounded(down(value, top)):g}")
        pen = "L"
    return " ".join(parts)


def layers(stacks: Sequence[Sequence[float]], top: float) -> Iterator[str]:
    """Areas that lie on each other, stepwise: each bin is as wide as every other.

    Args:
        stacks: [layers][bins] values.
        top: the value at the top of the axis.
    """
    bins = len(stacks[0])
    below = [0.0] * bins
    for stack in stacks:
        above = [low + value for low, value in zip(below, stack, strict=True)]
        back = reversed(_steps(below, top))
        yield "M" + " L".join([*_steps(above, top), *back]) + " Z"
        below = above


def _steps(values: Sequence[float], top: float) -> list[str]:
    """The corners of a staircase, from left to right."""
    wide, corners = PATH_WIDTH / len(values), []
    for place, value in enumerate(values):
        y = rounded(down(value, top))
        corners += [f"{rounded(wide * place):g} {y:g}", f"{rounded(wide * (place + 1)):g} {y:g}"]
    return corners
