"""The drawings of a signal in one source: what is there by day, its mean, its spread, and how fast it is seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from longplay.catalogue import chart, figures
from longplay.catalogue.chart import Box, Chart, Grid, Path
from longplay.catalogue.distribution import Distribution, Slot
from longplay.catalogue.standing import STEPS_D, Age, Day, Standing

MOST_BINS, MOST_ROWS = 400, 60
_WIDTHS = (1, 7, 28, 91, 364)


@dataclass(frozen=True)
class Bar:
    """One line of a table with bars: a name, a number, its share of the whole, and the bar's class."""

    label: str
    anchors: int
    share: float
    css: str = "bar"


def state_bars(found: Standing) -> list[Bar]:
    """Anchors by state, void ones by reason."""
    void = [(f"void: {reason}", number, css) for (reason, number), css in zip(found.void.items(), _voids(found), strict=True)]
    rows = [("mature", found.mature, "mature"), ("open", found.open, "open"), *void]
    return [Bar(label, number, number / found.anchors, css) for label, number, css in rows]


def value_bars(spread: Distribution) -> list[Bar]:
    """Mature anchors by value, for values that are few."""
    whole = sum(slot.anchors for slot in spread.slots)
    return [Bar(figures.number(slot.low), slot.anchors, slot.anchors / whole) for slot in spread.slots]


def coverage(found: Standing) -> Chart:
    """Anchors by day of t0 as they stand now: mature, open and void on each other."""
    bins, wide = _bins(found.days, MOST_BINS)
    reasons = list(found.void)
    stacks = [[b.mature for b in bins], [b.open for b in bins], *([b.void.get(r, 0) for b in bins] for r in reasons)]
    top, ticks = chart.y_ticks(max(b.anchors for b in bins))
    classes = ["mature", "open", *_voids(found)]
    names = ["mature", "open", *(f"void: {reason}" for reason in reasons)]
    drawn = [Path(d, css) for d, css in zip(chart.layers(stacks, top), classes, strict=True)]
    rows, of = _bins(found.days, MOST_ROWS)
    cells = [[_name(b, of), *map(figures.count, (b.mature, b.open, *(b.void.get(r, 0) for r in reasons)))] for b in rows]
    first, last = found.days[0].day, found.days[-1].day
    return Chart(
        title=f"Anchors by {_each(wide)} of t0",
        alt=f"From {first} to {last}: {', '.join(f'{figures.count(sum(s))} {n}' for s, n in zip(stacks, names, strict=True))}.",
        caption=f"Anchors {_per(wide)} as they stand now, by the UTC day of t0. The newest are open until their window has passed.",
        x=chart.day_ticks(first, last),
        y=ticks,
        grid=Grid([_each(of), *names], cells),
        paths=drawn,
        legend=list(zip(classes, names, strict=True)),
    )


def means(found: Standing, unit: str) -> Chart | None:
    """The mean of the mature values by day of t0; None where fewer than two days have any."""
    bins, wide = _bins(found.days, MOST_ROWS)
    points = [b.total / b.mature if b.mature else None for b in bins]
    told = [p for p in points if p is not None]
    if len(told) < 2 or min(told) < 0:
        return None
    top, ticks = chart.y_ticks(max(told))
    line = [((i + 0.5) / len(bins), point) for i, point in enumerate(points)]
    first, last = found.days[0].day, found.days[-1].day
    rows = [[_name(b, wide), figures.number(p) if p is not None else "none", figures.count(b.mature)] for b, p in zip(bins, points, strict=True)]
    return Chart(
        title=f"Mean of the mature values by {_each(wide)} of t0",
        alt=f"Between {figures.number(min(told))} and {figures.number(max(told))}; the last is {figures.number(told[-1])}.",
        caption=f"Mean {_per(wide)}, in the signal's unit ({unit}). A gap: nothing is mature.",
        x=chart.day_ticks(first, last),
        y=ticks,
        grid=Grid([_each(wide), "mean", "mature anchors"], rows),
        paths=[Path(chart.line(line, top), "line")],
    )


def columns(spread: Distribution, unit: str) -> Chart:
    """The spread of the mature values, a column each."""
    whole = sum(slot.anchors for slot in spread.slots)
    top, ticks = chart.y_ticks(max(slot.anchors for slot in spread.slots) / whole, "share")
    wide = 100 / len(spread.slots)
    boxes = [_column(i, slot.anchors / whole, wide, top) for i, slot in enumerate(spread.slots)]
    low = spread.slots[0].low
    ends = spread.slots[-1].low + (1 if spread.exact else 0)
    mode = max(spread.slots, key=lambda slot: slot.anchors)
    return Chart(
        title="Mature values" if spread.exact else "Mature values, in ranges of one width",
        alt=f"Most frequent: {_slot(mode)}, {figures.share(mode.anchors / whole)} of {figures.count(whole)} mature anchors.",
        caption=f"Share of the mature anchors by value ({unit})."
        + ("" if spread.exact else " The last column takes all above the 99th percentile."),
        x=_value_ticks(spread, low, ends),
        y=ticks,
        grid=Grid(["value", "anchors", "share"], [_slot_row(slot, whole) for slot in spread.slots]),
        boxes=boxes,
    )


def delay(found: Standing, hours: int) -> Chart | None:
    """What open anchors of each age have shown so far, as a share of the mature mean; None where that is undefined.

    Args:
        found: the figures of the signal in the source.
        hours: width of a group of ages.
    """
    if not found.ages or not found.mean or found.mean <= 0:
        return None
    groups = _ages(found.ages, hours)
    shares = [seen / anchors / found.mean for _, anchors, seen in groups]
    top, ticks = chart.y_ticks(max(1.0, *shares), "share")
    unit, size = ("d", 24) if hours % 24 == 0 else ("h", 1)
    end = (groups[-1][0] + hours) / size
    points = [((start + hours / 2) / size / end, part) for (start, _, _), part in zip(groups, shares, strict=True)]
    rows = [
        [f"{start // size} to {(start + hours) // size} {unit}", figures.count(anchors), figures.share(part)]
        for (start, anchors, _), part in zip(groups, shares, strict=True)
    ]
    return Chart(
        title="How much is seen by age",
        alt=f"From {figures.share(shares[0])} of the mature mean at {rows[0][0]} after t0 to {figures.share(shares[-1])} at {rows[-1][0]}.",
        caption="Mean of what open anchors have shown so far, by time since t0, as a share of the mean of mature ones.",
        x=chart.number_ticks(0, end, f" {unit}"),
        y=ticks,
        grid=Grid(["age", "open anchors", "share of the mature mean"], rows),
        paths=[Path(chart.line(points, top), "line")],
    )


def revised(found: Standing) -> Grid:
    """Revisions by age after maturity, by what they did to the value."""
    turns = ("raised", "lowered", "void")
    ends = dict(zip((0, *STEPS_D), (*STEPS_D, None), strict=True))
    rows = [
        [_after(low, ends[low]), *(figures.count(held.get(turn, 0)) for turn in turns)]
        for low, held in found.revisions.by_age
    ]
    return Grid(["after maturity", "raised", "lowered", "made void"], rows)


def spark(found: Standing) -> str:
    """A small area of the share that is mature, by day of t0, as a path 100 wide and 20 high."""
    bins, _ = _bins(found.days, MOST_ROWS)
    wide = 100 / len(bins)
    parts = ["M0 20"]
    for i, b in enumerate(bins):
        y = chart.rounded(20 - 20 * b.mature / b.anchors) if b.anchors else 20
        parts.append(f"L{chart.rounded(wide * i):g} {y:g} L{chart.rounded(wide * (i + 1)):g} {y:g}")
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


def _ages(ages: Sequence[Age], hours: int) -> list[tuple[int, int, float]]:
    """First hour, anchors and sum seen, by group of ages."""
    found: dict[int, tuple[int, float]] = {}
    for age in ages:
        start = age.hours // hours * hours
        anchors, seen = found.get(start, (0, 0.0))
        found[start] = (anchors + age.anchors, seen + age.seen)
    return [(start, *found[start]) for start in sorted(found)]


def _column(place: int, part: float, wide: float, top: float) -> Box:
    y, gap = chart.down(part, top), min(0.4, wide / 8)
    height = chart.TOP + chart.HEIGHT - y
    x, y, width, height = (chart.rounded(v) for v in (wide * place + gap / 2, y, wide - gap, height))
    return Box(x, y, width, height, "bar")


def _value_ticks(spread: Distribution, low: float, high: float) -> Sequence[chart.Tick]:
    """Labels under the middles of the columns of whole numbers, or at the edges of ranges."""
    if not spread.exact:
        return chart.number_ticks(low, high)
    places = range(0, len(spread.slots), max(1, -(-len(spread.slots) // 8)))
    at = {i: chart.rounded(100 * (i + 0.5) / len(spread.slots)) for i in places}
    return [chart.Tick(at[i], figures.number(spread.slots[i].low), chart.side(at[i])) for i in places]


def _slot(slot: Slot) -> str:
    return figures.number(slot.low) if slot.high is None else f"{figures.number(slot.low)} to {figures.number(slot.high)}"


def _slot_row(slot: Slot, whole: int) -> list[str]:
    return [_slot(slot), figures.count(slot.anchors), figures.share(slot.anchors / whole)]


def _after(low: int, high: int | None) -> str:
    return f"{low} d or more" if high is None else f"{low} to {high} d"


def _each(wide: int) -> str:
    return {1: "day", 7: "week"}.get(wide, f"{wide} days")


def _per(wide: int) -> str:
    return {1: "a day", 7: "a week"}.get(wide, f"per {wide} days")


def _name(one: Day, wide: int) -> str:
    return figures.day(one.day) if wide == 1 else f"{one.day} to {one.day + timedelta(days=wide - 1)}"
