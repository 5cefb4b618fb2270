"""Where the parts of a drawing are. Across, everything is in per cent of the width, so text keeps its size on a phone.

Down, everything is in pixels from the top. Paths are drawn in a box of their own that is stretched to the width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longplay.site.charts.axis import HEIGHT, TOP, Scale, Tick, round_coordinate

PATH_WIDTH = 1000
"""Width of the box that paths are drawn in."""


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


def line(points: Sequence[tuple[float, float | None]], scale: Scale) -> str:
    """A path through points (share of the width, value), broken where there is no value."""
    parts, pen = [], "M"
    for x, value in points:
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{round_coordinate(x * PATH_WIDTH):g} {round_coordinate(scale.down(value)):g}")
        pen = "L"
    return " ".join(parts)


def layers(stacks: Sequence[Sequence[float]], scale: Scale) -> Iterator[str]:
    """Areas that lie on each other, stepwise: each bin is as wide as every other.

    Args:
        stacks: [layers][bins] values.
        scale: the axis of values.
    """
    bins = len(stacks[0])
    below = [0.0] * bins
    for stack in stacks:
        above = [low + value for low, value in zip(below, stack, strict=True)]
        back = reversed(_steps(below, scale))
        yield "M" + " L".join([*_steps(above, scale), *back]) + " Z"
        below = above


def _steps(values: Sequence[float], scale: Scale) -> list[str]:
    """The corners of a staircase, from left to right."""
    wide, corners = PATH_WIDTH / len(values), []
    for place, value in enumerate(values):
        y = round_coordinate(scale.down(value))
        corners += [f"{round_coordinate(wide * place):g} {y:g}", f"{round_coordinate(wide * (place + 1)):g} {y:g}"]
    return corners
