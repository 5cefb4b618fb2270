"""The times of a signal on one axis: anchor, credit, window, lateness, maturity. From the definition alone.

Elapsed windows count from t0, calendar windows from the midnight that begins the anchor's day D0, with t0 anywhere
in it (drawn at noon). Look-backs are set apart at the left, not to scale: they are often many times as long.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from longplay.config.duration import DAY, format_duration, parse_duration
from longplay.site.charts.axis import Tick, choose_anchor, round_coordinate
from longplay.site.charts.chart import Grid

LOOK_BACK = 14.0
"""Share of the width kept for a look-back, in per cent."""
LEAST = 0.8
"""Least width of a bar in per cent: what is shorter would not be seen."""
_STEPS = [timedelta(hours=h) for h in (1, 2, 3, 6, 12)] + [
    timedelta(days=d) for d in (1, 2, 5, 7, 14, 28, 56, 91, 182, 364)
]


@dataclass(frozen=True)
class Span:
    """One line: what it is, and where its bar begins and ends in per cent. A moment has no width."""

    label: str
    x: float
    width: float
    css: str


@dataclass(frozen=True)
class Timeline:
    """The drawing: lines from the top down, ticks of the axis, where t0 and maturity are in per cent."""

    spans: Sequence[Span]
    ticks: Sequence[Tick]
    anchor_x: float
    mature_x: float
    alt: str
    caption: str
    grid: Grid


@dataclass(frozen=True)
class _Times:
    """Offsets from the axis' zero: t0 for elapsed windows, the midnight of D0 for calendar ones."""

    zero: str
    anchor: timedelta
    start: timedelta
    end: timedelta
    mature: timedelta
    look_back: timedelta | None
    credit: timedelta | None


def timeline(plain: Mapping[str, Any]) -> Timeline | None:
    """The drawing of a definition (as plain data); None where it has no window of a known kind."""
    times = _times(plain)
    if times is None:
        return None
    left = LOOK_BACK if times.look_back else 0.0

    def at(offset: timedelta) -> float:
        return round_coordinate(left + (100 - left) * (offset / times.mature))

    spans = tuple(_spans(plain, times, at))
    return Timeline(
        spans=spans,
        ticks=tuple(_ticks(times, at)),
        anchor_x=at(times.anchor),
        mature_x=at(times.mature),
        alt=". ".join(span.label for span in spans) + ".",
        caption=_caption(times),
        grid=Grid(["what", "from", "to"], [list(row) for row in _rows(times)], numbers=False),
    )


def _times(plain: Mapping[str, Any]) -> _Times | None:
    window, void, credit = plain.get("window") or {}, plain.get("void") or {}, plain.get("credit") or {}
    lateness = parse_duration(plain.get("lateness", "0 s"))
    look_back, within = void.get("look_back"), credit.get("within")
    extra = (parse_duration(look_back) if look_back else None, parse_duration(within) if within else None)
    if window.get("kind") == "calendar":
        start, end = window["from"] * DAY, (window["to"] + 1) * DAY
        return _Times("D0", DAY / 2, start, end, end + lateness, *extra)
    if window.get("kind") == "elapsed":
        start, end = parse_duration(window["from"]), parse_duration(window["to"])
        return _Times("t0", timedelta(0), start, end, end + lateness, *extra)
    return None


def _spans(plain: Mapping[str, Any], times: _Times, at: Callable[[timedelta], float]) -> Iterator[Span]:
    def bar(label: str, start: timedelta, end: timedelta, css: str) -> Span:
        return Span(label, at(start), max(round_coordinate(at(end) - at(start)), LEAST), css)

    if times.look_back:
        yield Span(
            f"Look-back: {format_duration(times.look_back)} before t0 (not to scale)", 0.0, at(times.anchor), "back"
        )
    anchor = str(plain.get("anchor", "anchor")).replace("_", " ")
    if times.zero == "D0":
        yield bar(f"Anchor: {anchor}, t0 within day D0", timedelta(0), DAY, "anchor")
    else:
        yield Span(f"Anchor: {anchor} at t0", at(timedelta(0)), LEAST, "anchor")
    if times.credit:
        yield bar(
            f"Credit: within {format_duration(times.credit)} of t0", times.anchor, times.anchor + times.credit, "credit"
        )
    yield bar(f"Window: {_window(times)}", times.start, times.end, "window")
    if times.mature > times.end:
        yield bar(
            f"Lateness: {format_duration(times.mature - times.end)} more for late facts",
            times.end,
            times.mature,
            "late",
        )
    yield Span(
        f"Mature: watermark at {_offset(times, times.mature)}",
        round_coordinate(at(times.mature) - LEAST),
        LEAST,
        "ripe",
    )


def window_text(plain: Mapping[str, Any]) -> str:
    """The window of a definition (as plain data) in words; nothing where it has none of a known kind."""
    times = _times(plain)
    return _window(times) if times else ""


def _window(times: _Times) -> str:
    if times.zero == "t0":
        return f"{_offset(times, times.start)} to {_offset(times, times.end)}"
    first, last = times.start // DAY, times.end // DAY - 1
    whole = last - first + 1
    return f"{whole} whole UTC day{'s' if whole > 1 else ''}, D0 + {first} d to D0 + {last} d"


def _caption(times: _Times) -> str:
    if times.zero == "t0":
        return "Time since t0, the moment of the anchor. Left edges are in, right edges are out. All times are UTC."
    zero = "Time since the midnight that begins D0, the UTC day of the anchor."
    return f"{zero} t0 is drawn at noon, but may be any time of D0. Left edges are in, right edges are out."


def _rows(times: _Times) -> Iterator[tuple[str, str, str]]:
    if times.look_back:
        yield "look-back", f"t0 - {format_duration(times.look_back)}", "t0"
    if times.credit:
        yield "credit", "t0", f"t0 + {format_duration(times.credit)}"
    yield "window", _offset(times, times.start), _offset(times, times.end)
    if times.mature > times.end:
        yield "lateness", _offset(times, times.end), _offset(times, times.mature)
    yield "mature", _offset(times, times.mature), "for good"


def _offset(times: _Times, offset: timedelta) -> str:
    if times.zero == "t0":
        return f"t0 + {format_duration(offset)}" if offset else "t0"
    days, rest = offset // DAY, offset % DAY
    midnight = f"midnight(D0 + {days} d)" if days else "midnight(D0)"
    return f"{midnight} + {format_duration(rest)}" if rest else midnight


def _ticks(times: _Times, at: Callable[[timedelta], float]) -> Iterator[Tick]:
    step = next((s for s in _STEPS if times.mature / s <= 5), times.mature / 4)
    yield Tick(at(timedelta(0)), times.zero, "middle" if times.look_back else "start")
    for place in range(1, int(times.mature / step) + 1):
        x = at(step * place)
        yield Tick(x, f"+{format_duration(step * place)}", choose_anchor(x))
