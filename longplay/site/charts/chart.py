"""Charts as positioned shapes: horizontal positions in per cent of the width, vertical ones in pixels from the top.

Paths have a coordinate system of their own, which is stretched to the width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longplay.site.charts.axis import HEIGHT, TOP, Scale, Tick, round_coordinate

PATH_WIDTH = 1000
"""Width of the coordinate system of paths."""


@dataclass(frozen=True)
class Box:
    """A filled rectangle: ``x`` and ``width`` in per cent, ``y`` and ``height`` in pixels; ``css`` is its class."""

    x: float
    y: float
    width: float
    height: float
    css: str


@dataclass(frozen=True)
class ChartPath:
    """A line or an area in path coordinates; ``css`` is its class."""

    d: str
    css: str


@dataclass(frozen=True)
class Grid:
    """The contents of a table. The first column names the rows; the others hold numbers if ``numbers`` is true."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool = True


@dataclass(frozen=True)
class Chart:
    """A chart with its description (``alt``), its caption and its data as a table."""

    title: str
    alt: str
    caption: str
    x: Sequence[Tick]
    y: Sequence[Tick]
    grid: Grid
    boxes: Sequence[Box] = ()
    paths: Sequence[ChartPath] = ()
    legend: Sequence[tuple[str, str]] = ()

    height, top = HEIGHT, TOP

    @property
    def gutter(self) -> int:
        """Width of the labels of the y axis, in pixels."""
        return 8 + 8 * max(len(tick.label) for tick in self.y)


def trace_line(points: Sequence[tuple[float, float | None]], scale: Scale) -> str:
    """Trace a line through points (share of the width, value). It breaks where a value is missing."""
    parts, command = [], "M"
    for x, value in points:
        if value is None:
            command = "M"
            continue
        parts.append(f"{command}{round_coordinate(x * PATH_WIDTH):g} {round_coordinate(scale.to_pixels(value)):g}")
        command = "L"
    return " ".join(parts)


def trace_stacked_areas(layers: Sequence[Sequence[float]], scale: Scale) -> Iterator[str]:
    """Trace stacked step areas over bins of equal width, the lowest layer first.

    Args:
        layers: [layers][bins] values.
        scale: the value axis.
    """
    lower = [0.0] * len(layers[0])
    for layer in layers:
        upper = [base + value for base, value in zip(lower, layer, strict=True)]
        lower_edge = reversed(_trace_steps(lower, scale))
        yield "M" + " L".join([*_trace_steps(upper, scale), *lower_edge]) + " Z"
        lower = upper


def _trace_steps(values: Sequence[float], scale: Scale) -> list[str]:
    """The corners of a step line, from left to right."""
    width, corners = PATH_WIDTH / len(values), []
    for index, value in enumerate(values):
        y = round_coordinate(scale.to_pixels(value))
        corners += [f"{round_coordinate(width * index):g} {y:g}", f"{round_coordinate(width * (index + 1)):g} {y:g}"]
    return corners
