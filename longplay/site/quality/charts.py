"""Drawings of runs: rows and verdicts, and what became of the rows of a log."""

from collections.abc import Sequence
from dataclasses import dataclass

from longplay.site import formatting
from longplay.site.charts.axis import HEIGHT, TOP, Scale, Tick, rounded, side
from longplay.site.charts.chart import Box, Chart, Grid
from longplay.status.metric_series import Series
from longplay.status.row_accounting import Entry
from longplay.status.verdicts import Verdict

_GAP = 0.25
"""Share of a bar's place that stays free."""
_LEAST = 2.0
"""Pixels that a run without rows is high, so that its verdict is seen."""


@dataclass(frozen=True)
class Part:
    """A part of a bar: its name, its rows, where it begins and how wide it is in per cent, and its class."""

    name: str
    rows: int
    x: float
    width: float
    css: str


def word(one: Verdict) -> str:
    """A verdict in a word."""
    return "failed" if one.failed else "warned" if one.warned else "passed"


def trend(runs: Sequence[Verdict], table: str) -> Chart | None:
    """Rows that were judged, run by run, each bar in the colour of its verdict; None without runs."""
    if not runs:
        return None
    scale = Scale.over(float(run.rows or 0) for run in runs)
    wide = 100 / len(runs)
    boxes = [_bar(run, place * wide, wide, scale) for place, run in enumerate(runs)]
    counts = {name: sum(word(run) == name for run in runs) for name in ("passed", "warned", "failed")}
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    marks = sorted({0, len(runs) // 2, len(runs) - 1})
    ticks = [
        Tick(rounded((mark + 0.5) * wide), f"{runs[mark].at:%Y-%m-%d}", side((mark + 0.5) * wide)) for mark in marks
    ]
    rows = [[f"{run.at:%Y-%m-%d %H:%M:%S}", _rows(run), word(run), _broken(run)] for run in runs]
    return Chart(
        title="Rows by run",
        alt=f"{len(runs)} runs of {table}: {told}. The last judged {_rows(runs[-1])} rows and {word(runs[-1])}.",
        caption="Rows that the gate judged in each run: what is new, or the whole table where it was made anew.",
        x=[
            tick
            for tick, last in zip(ticks, [*marks[1:], None], strict=True)
            if last is None or len(runs) > 2 or not last
        ],
        y=scale.ticks(),
        grid=Grid(["run (UTC)", "rows", "verdict", "checks that failed"], rows),
        boxes=boxes,
        legend=[(f"run-{name}", name) for name, number in counts.items() if number],
    )


def spark(runs: Sequence[Verdict]) -> list[Box]:
    """The same, 100 wide and 20 high, without axes."""
    most = max((run.rows or 0 for run in runs), default=0) or 1
    wide = 100 / max(len(runs), 1)
    found = []
    for place, run in enumerate(runs):
        height = max(20 * (run.rows or 0) / most, _LEAST)
        x, width = rounded(place * wide), rounded(wide * (1 - _GAP))
        found.append(Box(x, rounded(20 - height), width, rounded(height), f"run-{word(run)}"))
    return found


def course(series: Series) -> list[Box]:
    """A metric day by day as bars, 100 wide and 20 high, without axes; unusual days have the colour of a warning."""
    most = max((abs(value) for _, value in series.days), default=0.0) or 1.0
    wide = 100 / max(len(series.days), 1)
    found = []
    for place, (day, value) in enumerate(series.days):
        height = max(20 * abs(value) / most, 0.5)
        css = "run-warned" if day in series.unusual else "run-passed"
        found.append(Box(rounded(place * wide), rounded(20 - height), rounded(wide * (1 - _GAP)), rounded(height), css))
    return found


def shares(entry: Entry) -> list[Part]:
    """What became of a log's rows, as parts of one bar."""
    told = [
        ("published", entry.published, "mature"),
        ("quarantined", entry.quarantined, "run-failed"),
        ("duplicates", entry.duplicates, "void-0"),
        ("erased", entry.erased, "void-1"),
    ]
    whole, found, x = max(sum(rows for _, rows, _ in told), 1), [], 0.0
    for name, rows, css in told:
        found.append(Part(name, rows, rounded(x), rounded(100 * rows / whole), css))
        x += 100 * rows / whole
    return found


def _bar(run: Verdict, x: float, wide: float, scale: Scale) -> Box:
    y = min(scale.down(float(run.rows or 0)), TOP + HEIGHT - _LEAST)
    return Box(
        rounded(x + wide * _GAP / 2),
        rounded(y),
        rounded(wide * (1 - _GAP)),
        rounded(TOP + HEIGHT - y),
        f"run-{word(run)}",
    )


def _rows(run: Verdict) -> str:
    return "unknown" if run.rows is None else formatting.count(run.rows)


def _broken(run: Verdict) -> str:
    return ", ".join([*run.failed, *run.warned]) or "none"
