"""The drawings of a signal in one source: what is there by day, its mean, its spread, and how fast it is seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from longplay.site import formatting
from longplay.site.charts import chart
from longplay.site.charts.axis import Scale, day_ticks, round_coordinate
from longplay.site.charts.chart import Chart, Grid, Path
from longplay.site.signals.statistics import Day, Standing

MOST_BINS, MOST_ROWS = 400, 60
_WIDTHS = (1, 7, 28, 91, 364)


@dataclass(frozen=True)
class Bar:
    """One line of a table with bars: a name, a number, its share of the whole, and the bar's class."""

    label: str
    anchors: int
    share: float
    css: str = "bar"

    @property
    def width(self) -> float:
        """Length of the bar in per cent; what is there at all is seen."""
        return round_coordinate(max(100 * self.share, 0.5 if self.anchors else 0.0))


def state_bars(found: Standing) -> list[Bar]:
    """Anchors by state, void ones by reason."""
    void = [
        (f"void: {reason}", number, css)
        for (reason, number), css in zip(found.void.items(), _voids(found), strict=True)
    ]
    rows = [("mature", found.mature, "mature"), ("open", found.open, "open"), *void]
    return [Bar(label, number, number / found.anchors, css) for label, number, css in rows]


def coverage(found: Standing) -> Chart:
    """Anchors by day of t0 as they stand now: mature, open and void on each other."""
    bins, wide = _bins(found.days, MOST_BINS)
    reasons = list(found.void)
    stacks = [[b.mature for b in bins], [b.open for b in bins], *([b.void.get(r, 0) for b in bins] for r in reasons)]
    scale = Scale.over(b.anchors for b in bins)
    classes = ["mature", "open", *_voids(found)]
    names = ["mature", "open", *(f"void: {reason}" for reason in reasons)]
    drawn = [Path(d, css) for d, css in zip(chart.layers(stacks, scale), classes, strict=True)]
    rows, of = _bins(found.days, MOST_ROWS)
    cells = [
        [_name(b, of), *map(formatting.count, (b.mature, b.open, *(b.void.get(r, 0) for r in reasons)))] for b in rows
    ]
    first, last = found.days[0].day, found.days[-1].day
    sums = [f"{formatting.count(sum(stack))} {name}" for stack, name in zip(stacks, names, strict=True)]
    return Chart(
        title=f"Anchors by {_each(wide)} of t0",
        alt=f"From {first} to {last}: {', '.join(sums)}.",
        caption=f"Anchors {_per(wide)} as they stand now, by the UTC day of t0. The newest are open until they mature.",
        x=day_ticks(first, last),
        y=scale.ticks(),
        grid=Grid([_each(of), *names], cells),
        paths=drawn,
        legend=list(zip(classes, names, strict=True)),
    )


def means(found: Standing, unit: str) -> Chart | None:
    """The mean of the mature values by day of t0; None where fewer than two days have any."""
    bins, wide = _bins(found.days, MOST_ROWS)
    points = [b.total / b.mature if b.mature else None for b in bins]
    told = [p for p in points if p is not None]
    if len(told) < 2:
        return None
    scale = Scale.over(told)
    line = [((i + 0.5) / len(bins), point) for i, point in enumerate(points)]
    first, last = found.days[0].day, found.days[-1].day
    rows = [
        [_name(b, wide), formatting.number(p) if p is not None else "none", formatting.count(b.mature)]
        for b, p in zip(bins, points, strict=True)
    ]
    return Chart(
        title=f"Mean of the mature values by {_each(wide)} of t0",
        alt="Between {} and {}; the last is {}.".format(*map(formatting.number, (min(told), max(told), told[-1]))),
        caption=f"Mean {_per(wide)}, in the signal's unit ({unit}). A gap: nothing is mature.",
        x=day_ticks(first, last),
        y=scale.ticks(),
        grid=Grid([_each(wide), "mean", "mature anchors"], rows),
        paths=[Path(chart.line(line, scale), "line")],
    )


def spark(found: Standing) -> str:
    """A small area of the share that is mature, by day of t0, as a path 100 wide and 20 high."""
    bins, _ = _bins(found.days, MOST_ROWS)
    wide = 100 / len(bins)
    parts = ["M0 20"]
    for i, b in enumerate(bins):
        y = round_coordinate(20 - 20 * b.mature / b.anchors) if b.anchors else 20
        parts.append(f"L{round_coordinate(wide * i):g} {y:g} L{round_coordinate(wide * (i + 1)):g} {y:g}")
    return " ".join([*parts, "L100 20 Z"])


def _voids(found: Standing) -> list[str]:
    return [f"void-{min(place, 2)}" for place in range(len(found.void))]


def _bins(days: Sequence[Day], most: int) -> tuple[list[Day], int]:
    """Days put together until there are at most ``most`` bins; how many days wide they are."""
    wide = next((w for w in _WIDTHS if -(-len(days) // w) <= most), -(-len(days) // most))
    return [_together(days[i : i + wide]) for i in range(0, len(days), wide)], wide


def _together(days: Sequence[Day]) -> Day:
    void: dict[str, int] = {}
    for one in days:
        for reason, number in one.void.items():
            void[reason] = void.get(reason, 0) + number
    return Day(days[0].day, sum(d.mature for d in days), sum(d.open for d in days), void, sum(d.total for d in days))


def _each(wide: int) -> str:
    return {1: "day", 7: "week"}.get(wide, f"{wide} days")


def _per(wide: int) -> str:
    return {1: "a day", 7: "a week"}.get(wide, f"per {wide} days")


def _name(one: Day, wide: int) -> str:
    return formatting.day(one.day) if wide == 1 else f"{one.day} to {one.day + timedelta(days=wide - 1)}"
