"""The timeline of a definition: anchor, credit, window, lateness and maturity on one axis.

Elapsed windows count from t0. Calendar windows count from the midnight that begins D0, the UTC day of the anchor; t0 is
drawn at noon of D0. A look-back is often many times as long as the rest, so it is drawn at the left, not to scale.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from longplay.config.duration import DAY, format_duration, parse_duration
from longplay.site.charts.axis import Tick, choose_anchor, round_coordinate
from longplay.site.charts.chart import Grid

LOOK_BACK_WIDTH = 14.0
"""Width reserved for a look-back, in per cent."""
MIN_BAR_WIDTH = 0.8
"""Minimum width of a bar in per cent, so that short spans stay visible."""
_TICK_STEPS = [timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)] + [
    timedelta(days=days) for days in (1, 2, 5, 7, 14, 28, 56, 91, 182, 364)
]


@dataclass(frozen=True)
class TimelineBar:
    """A line of the timeline: its label, and the position and width of its bar in per cent."""

    label: str
    x: float
    width: float
    css: str


@dataclass(frozen=True)
class Timeline:
    """The chart: bars from the top down, the ticks of the axis, and the positions of t0 and maturity in per cent."""

    bars: Sequence[TimelineBar]
    ticks: Sequence[Tick]
    anchor_x: float
    mature_x: float
    alt: str
    caption: str
    grid: Grid


@dataclass(frozen=True)
class _TimelineOffsets:
    """Offsets from the zero of the axis: t0 for elapsed windows, the midnight of D0 for calendar windows."""

    zero: str
    anchor: timedelta
    start: timedelta
    end: timedelta
    mature: timedelta
    look_back: timedelta | None
    credit: timedelta | None

    def position(self, offset: timedelta) -> float:
        """The horizontal position of an offset, in per cent."""
        left = LOOK_BACK_WIDTH if self.look_back else 0.0
        return round_coordinate(left + (100 - left) * (offset / self.mature))

    def bar(self, label: str, start: timedelta, end: timedelta, css: str) -> TimelineBar:
        """The bar from one offset to another."""
        width = round_coordinate(self.position(end) - self.position(start))
        return TimelineBar(label, self.position(start), max(width, MIN_BAR_WIDTH), css)


def draw_timeline(fields: Mapping[str, Any]) -> Timeline | None:
    """Draw the timeline of a definition; None if its window is of an unknown kind.

    Args:
        fields: the definition as plain data.
    """
    offsets = _parse_offsets(fields)
    if offsets is None:
        return None
    bars = tuple(_draw_bars(fields, offsets))
    return Timeline(
        bars=bars,
        ticks=tuple(_ticks(offsets)),
        anchor_x=offsets.position(offsets.anchor),
        mature_x=offsets.position(offsets.mature),
        alt=". ".join(bar.label for bar in bars) + ".",
        caption=_caption(offsets),
        grid=Grid(["what", "from", "to"], [list(row) for row in _rows(offsets)], numbers=False),
    )


def describe_window(fields: Mapping[str, Any]) -> str:
    """Describe the window of a definition (as plain data); an empty text if it is of an unknown kind."""
    offsets = _parse_offsets(fields)
    return _format_window(offsets) if offsets else ""


def _parse_offsets(fields: Mapping[str, Any]) -> _TimelineOffsets | None:
    window, void, credit = fields.get("window") or {}, fields.get("void") or {}, fields.get("credit") or {}
    lateness = parse_duration(fields.get("lateness", "0 s"))
    look_back, within = void.get("look_back"), credit.get("within")
    optional = (parse_duration(look_back) if look_back else None, parse_duration(within) if within else None)
    if window.get("kind") == "calendar":
        start, end = window["from"] * DAY, (window["to"] + 1) * DAY
        return _TimelineOffsets("D0", DAY / 2, start, end, end + lateness, *optional)
    if window.get("kind") == "elapsed":
        start, end = parse_duration(window["from"]), parse_duration(window["to"])
        return _TimelineOffsets("t0", timedelta(0), start, end, end + lateness, *optional)
    return None


def _draw_bars(fields: Mapping[str, Any], offsets: _TimelineOffsets) -> Iterator[TimelineBar]:
    if offsets.look_back:
        label = f"Look-back: {format_duration(offsets.look_back)} before t0 (not to scale)"
        yield TimelineBar(label, 0.0, offsets.position(offsets.anchor), "back")
    yield _draw_anchor(str(fields.get("anchor", "anchor")).replace("_", " "), offsets)
    if offsets.credit:
        label = f"Credit: within {format_duration(offsets.credit)} of t0"
        yield offsets.bar(label, offsets.anchor, offsets.anchor + offsets.credit, "credit")
    yield offsets.bar(f"Window: {_format_window(offsets)}", offsets.start, offsets.end, "window")
    if offsets.mature > offsets.end:
        label = f"Lateness: {format_duration(offsets.mature - offsets.end)} more for late facts"
        yield offsets.bar(label, offsets.end, offsets.mature, "late")
    label = f"Mature: watermark at {_format_offset(offsets, offsets.mature)}"
    x = round_coordinate(offsets.position(offsets.mature) - MIN_BAR_WIDTH)
    yield TimelineBar(label, x, MIN_BAR_WIDTH, "ripe")


def _draw_anchor(anchor: str, offsets: _TimelineOffsets) -> TimelineBar:
    if offsets.zero == "D0":
        return offsets.bar(f"Anchor: {anchor}, t0 within day D0", timedelta(0), DAY, "anchor")
    return TimelineBar(f"Anchor: {anchor} at t0", offsets.position(timedelta(0)), MIN_BAR_WIDTH, "anchor")


def _format_window(offsets: _TimelineOffsets) -> str:
    if offsets.zero == "t0":
        return f"{_format_offset(offsets, offsets.start)} to {_format_offset(offsets, offsets.end)}"
    first, last = offsets.start // DAY, offsets.end // DAY - 1
    days = last - first + 1
    return f"{days} whole UTC day{'s' if days > 1 else ''}, D0 + {first} d to D0 + {last} d"


def _caption(offsets: _TimelineOffsets) -> str:
    edges = "The window includes its left edge and excludes its right edge."
    if offsets.zero == "t0":
        return f"Time since t0, the moment of the anchor. {edges} All times are UTC."
    zero = "Time since the midnight that begins D0, the UTC day of the anchor."
    return f"{zero} t0 is drawn at noon but can be any time of D0. {edges}"


def _rows(offsets: _TimelineOffsets) -> Iterator[tuple[str, str, str]]:
    if offsets.look_back:
        yield "look-back", f"t0 - {format_duration(offsets.look_back)}", "t0"
    if offsets.credit:
        yield "credit", "t0", f"t0 + {format_duration(offsets.credit)}"
    end, mature = _format_offset(offsets, offsets.end), _format_offset(offsets, offsets.mature)
    yield "window", _format_offset(offsets, offsets.start), end
    if offsets.mature > offsets.end:
        yield "lateness", end, mature
    yield "mature", mature, "no end"


def _format_offset(offsets: _TimelineOffsets, offset: timedelta) -> str:
    if offsets.zero == "t0":
        return f"t0 + {format_duration(offset)}" if offset else "t0"
    days, remainder = offset // DAY, offset % DAY
    midnight = f"midnight(D0 + {days} d)" if days else "midnight(D0)"
    return f"{midnight} + {format_duration(remainder)}" if remainder else midnight


def _ticks(offsets: _TimelineOffsets) -> Iterator[Tick]:
    step = next((step for step in _TICK_STEPS if offsets.mature / step <= 5), offsets.mature / 4)
    yield Tick(offsets.position(timedelta(0)), offsets.zero, "middle" if offsets.look_back else "start")
    for number in range(1, int(offsets.mature / step) + 1):
        x = offsets.position(step * number)
        yield Tick(x, f"+{format_duration(step * number)}", choose_anchor(x))
