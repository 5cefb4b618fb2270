"""The drawings of how values spread, how fast they are seen, and how they are revised."""

from collections.abc import Sequence

from longplay.site import formatting
from longplay.site.charts import chart
from longplay.site.charts.axis import (
    HEIGHT,
    TOP,
    Scale,
    Tick,
    choose_anchor,
    format_percent,
    number_ticks,
    round_coordinate,
)
from longplay.site.charts.chart import Box, Chart, Grid, Path
from longplay.site.charts.histogram import Distribution, Slot
from longplay.site.charts.signal_charts import Bar
from longplay.site.signals.revisions import STEPS_D
from longplay.site.signals.statistics import Age, Standing


def value_bars(spread: Distribution) -> list[Bar]:
    """Mature anchors by value, for values that are few."""
    whole = sum(slot.anchors for slot in spread.slots)
    return [Bar(formatting.number(slot.low), slot.anchors, slot.anchors / whole) for slot in spread.slots]


def columns(spread: Distribution, unit: str) -> Chart:
    """The spread of the mature values, a column each."""
    whole = sum(slot.anchors for slot in spread.slots)
    scale = Scale.over(slot.anchors / whole for slot in spread.slots)
    wide = 100 / len(spread.slots)
    boxes = [_column(i, slot.anchors / whole, wide, scale) for i, slot in enumerate(spread.slots)]
    low = spread.slots[0].low
    ends = spread.slots[-1].low + (1 if spread.exact else 0)
    mode = max(spread.slots, key=lambda slot: slot.anchors)
    return Chart(
        title="Mature values" if spread.exact else "Mature values, in ranges of one width",
        alt=f"Most frequent: {_slot(mode)}, {formatting.share(mode.anchors / whole)} of "
        f"{formatting.count(whole)} anchors.",
        caption=f"Share of the mature anchors by value ({unit})."
        + ("" if spread.exact else " The last column takes all above the 99th percentile."),
        x=_value_ticks(spread, low, ends),
        y=scale.ticks(format_percent),
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
    scale = Scale.over([1.0, *shares])
    unit, size = ("d", 24) if hours % 24 == 0 else ("h", 1)
    end = (groups[-1][0] + hours) / size
    points = [((start + hours / 2) / size / end, part) for (start, _, _), part in zip(groups, shares, strict=True)]
    rows = [
        [f"{start // size} to {(start + hours) // size} {unit}", formatting.count(anchors), formatting.share(part)]
        for (start, anchors, _), part in zip(groups, shares, strict=True)
    ]
    return Chart(
        title="How much is seen by age",
        alt=f"Share of the mature mean: {rows[0][2]} at {rows[0][0]} after t0, {rows[-1][2]} at {rows[-1][0]}.",
        caption="Mean of what open anchors have shown so far, by time since t0, as a share of the mean of mature ones.",
        x=number_ticks(0, end, f" {unit}"),
        y=scale.ticks(format_percent),
        grid=Grid(["age", "open anchors", "share of the mature mean"], rows),
        paths=[Path(chart.line(points, scale), "line")],
    )


def revised(found: Standing) -> Grid:
    """Revisions by age after maturity, by what they did to the value."""
    turns = ("raised", "lowered", "void", "restored")
    ends = dict(zip((0, *STEPS_D), (*STEPS_D, None), strict=True))
    rows = [
        [_after(low, ends[low]), *(formatting.count(held.get(turn, 0)) for turn in turns)]
        for low, held in found.revisions.by_age
    ]
    return Grid(["after maturity", "raised", "lowered", "made void", "void no more"], rows)


def _ages(ages: Sequence[Age], hours: int) -> list[tuple[int, int, float]]:
    """First hour, anchors and sum seen, by group of ages."""
    found: dict[int, tuple[int, float]] = {}
    for age in ages:
        start = age.hours // hours * hours
        anchors, seen = found.get(start, (0, 0.0))
        found[start] = (anchors + age.anchors, seen + age.seen)
    return [(start, *found[start]) for start in sorted(found)]


def _column(place: int, part: float, wide: float, scale: Scale) -> Box:
    y, gap = scale.down(part), min(0.4, wide / 8)
    height = TOP + HEIGHT - y
    x, y, width, height = (round_coordinate(v) for v in (wide * place + gap / 2, y, wide - gap, height))
    return Box(x, y, width, height, "bar")


def _value_ticks(spread: Distribution, low: float, high: float) -> Sequence[Tick]:
    """Labels under the middles of the columns of whole numbers, or at the edges of ranges."""
    if not spread.exact:
        return number_ticks(low, high)
    places = range(0, len(spread.slots), max(1, -(-len(spread.slots) // 8)))
    at = {i: round_coordinate(100 * (i + 0.5) / len(spread.slots)) for i in places}
    return [Tick(at[i], formatting.number(spread.slots[i].low), choose_anchor(at[i])) for i in places]


def _slot(slot: Slot) -> str:
    return (
        formatting.number(slot.low)
        if slot.high is None
        else f"{formatting.number(slot.low)} to {formatting.number(slot.high)}"
    )


def _slot_row(slot: Slot, whole: int) -> list[str]:
    return [_slot(slot), formatting.count(slot.anchors), formatting.share(slot.anchors / whole)]


def _after(low: int, high: int | None) -> str:
    return f"{low} d or more" if high is None else f"{low} to {high} d"
