"""Charts of a signal in one source: anchors by state and day, the daily mean, and a sparkline for the index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from longplay.site import formatting
from longplay.site.charts.axis import Scale, make_day_ticks, round_coordinate
from longplay.site.charts.chart import Chart, ChartPath, Grid, trace_line, trace_stacked_areas
from longplay.site.signals.statistics import DayCounts, SignalStatistics

MAX_BINS, MAX_ROWS = 400, 60
_BIN_WIDTHS_D = (1, 7, 28, 91, 364)


@dataclass(frozen=True)
class ShareBar:
    """A row of a table with bars: its label, number of anchors, share of all anchors, and the bar's class."""

    label: str
    anchors: int
    share: float
    css: str = "bar"

    @property
    def width(self) -> float:
        """Length of the bar in per cent; even the smallest share stays visible."""
        return round_coordinate(max(100 * self.share, 0.5 if self.anchors else 0.0))


def draw_state_bars(statistics: SignalStatistics) -> list[ShareBar]:
    """Draw anchors by state, and void anchors by reason."""
    void = [
        (f"void: {reason}", anchors, css)
        for (reason, anchors), css in zip(statistics.void.items(), _void_classes(statistics), strict=True)
    ]
    rows = [("mature", statistics.mature, "mature"), ("open", statistics.open, "open"), *void]
    return [ShareBar(label, anchors, anchors / statistics.anchors, css) for label, anchors, css in rows]


def draw_coverage(statistics: SignalStatistics) -> Chart:
    """Draw the current states of anchors by day of t0, stacked: mature, open and void."""
    bins, width = _bin_days(statistics.days, MAX_BINS)
    reasons = list(statistics.void)
    layers = [list(counts) for counts in zip(*(_count_states(day, reasons) for day in bins), strict=True)]
    scale = Scale.from_values(day.anchors for day in bins)
    classes = ["mature", "open", *_void_classes(statistics)]
    states = ["mature", "open", *(f"void: {reason}" for reason in reasons)]
    paths = [ChartPath(d, css) for d, css in zip(trace_stacked_areas(layers, scale), classes, strict=True)]
    row_days, row_width = _bin_days(statistics.days, MAX_ROWS)
    rows = [[_bin_label(day, row_width), *map(formatting.count, _count_states(day, reasons))] for day in row_days]
    first, last = statistics.days[0].day, statistics.days[-1].day
    totals = [f"{formatting.count(sum(layer))} {state}" for layer, state in zip(layers, states, strict=True)]
    return Chart(
        title=f"Anchors by {_period(width)} of t0",
        alt=f"From {first} to {last}: {', '.join(totals)}.",
        caption=f"Anchors {_rate(width)} in their current state, by the UTC day of t0. "
        "The newest are open until they mature.",
        x=make_day_ticks(first, last),
        y=scale.make_ticks(),
        grid=Grid([_period(row_width), *states], rows),
        paths=paths,
        legend=list(zip(classes, states, strict=True)),
    )


def draw_means(statistics: SignalStatistics, unit: str) -> Chart | None:
    """Draw the mean of the mature values by day of t0; None if fewer than two days have any."""
    bins, width = _bin_days(statistics.days, MAX_ROWS)
    means = [day.value_sum / day.mature if day.mature else None for day in bins]
    defined = [mean for mean in means if mean is not None]
    if len(defined) < 2:
        return None
    scale = Scale.from_values(defined)
    points = [((i + 0.5) / len(bins), mean) for i, mean in enumerate(means)]
    first, last = statistics.days[0].day, statistics.days[-1].day
    rows = [
        [
            _bin_label(day, width),
            formatting.number(mean) if mean is not None else "none",
            formatting.count(day.mature),
        ]
        for day, mean in zip(bins, means, strict=True)
    ]
    low, high, newest = map(formatting.number, (min(defined), max(defined), defined[-1]))
    return Chart(
        title=f"Mean of the mature values by {_period(width)} of t0",
        alt=f"Between {low} and {high}; the last is {newest}.",
        caption=f"Mean {_rate(width)}, in the signal's unit ({unit}). The line breaks where nothing is mature.",
        x=make_day_ticks(first, last),
        y=scale.make_ticks(),
        grid=Grid([_period(width), "mean", "mature anchors"], rows),
        paths=[ChartPath(trace_line(points, scale), "line")],
    )


def draw_sparkline(statistics: SignalStatistics) -> str:
    """Draw the mature share by day of t0 as the path of a small area, 100 wide and 20 high."""
    bins, _ = _bin_days(statistics.days, MAX_ROWS)
    width = 100 / len(bins)
    parts = ["M0 20"]
    for i, day in enumerate(bins):
        y = round_coordinate(20 - 20 * day.mature / day.anchors) if day.anchors else 20
        parts.append(f"L{round_coordinate(width * i):g} {y:g} L{round_coordinate(width * (i + 1)):g} {y:g}")
    return " ".join([*parts, "L100 20 Z"])


def _count_states(day: DayCounts, reasons: Sequence[str]) -> list[int]:
    """Mature and open anchors, then void ones by reason."""
    return [day.mature, day.open, *(day.void.get(reason, 0) for reason in reasons)]


def _void_classes(statistics: SignalStatistics) -> list[str]:
    return [f"void-{min(index, 2)}" for index in range(len(statistics.void))]


def _bin_days(days: Sequence[DayCounts], max_bins: int) -> tuple[list[DayCounts], int]:
    """Merge days until at most ``max_bins`` bins remain; returns the bins and their width in days."""
    fitting = (width for width in _BIN_WIDTHS_D if -(-len(days) // width) <= max_bins)
    width = next(fitting, -(-len(days) // max_bins))
    return [_merge_days(days[i : i + width]) for i in range(0, len(days), width)], width


def _merge_days(days: Sequence[DayCounts]) -> DayCounts:
    void: dict[str, int] = {}
    for day in days:
        for reason, anchors in day.void.items():
            void[reason] = void.get(reason, 0) + anchors
    mature, still_open = sum(day.mature for day in days), sum(day.open for day in days)
    return DayCounts(days[0].day, mature, still_open, void, sum(day.value_sum for day in days))


def _period(width: int) -> str:
    return {1: "day", 7: "week"}.get(width, f"{width} days")


def _rate(width: int) -> str:
    return {1: "a day", 7: "a week"}.get(width, f"per {width} days")


def _bin_label(day: DayCounts, width: int) -> str:
    return formatting.day(day.day) if width == 1 else f"{day.day} to {day.day + timedelta(days=width - 1)}"
