"""Charts of the distribution of values and of their visibility by age, and the table of revisions."""

from collections.abc import Sequence

from longplay.site import formatting
from longplay.site.charts.axis import (
    HEIGHT,
    TOP,
    Scale,
    Tick,
    choose_anchor,
    format_percent,
    make_number_ticks,
    round_coordinate,
)
from longplay.site.charts.chart import Box, Chart, ChartPath, Grid, trace_line
from longplay.site.charts.histogram import ValueDistribution, ValueRange
from longplay.site.charts.signal_charts import ShareBar
from longplay.site.signals.revisions import AGE_GROUP_STARTS_D
from longplay.site.signals.statistics import AgeCounts, SignalStatistics


def draw_value_bars(distribution: ValueDistribution) -> list[ShareBar]:
    """Draw mature anchors by value, for signals with few values."""
    total = sum(values.anchors for values in distribution.ranges)
    return [
        ShareBar(formatting.number(values.low), values.anchors, values.anchors / total)
        for values in distribution.ranges
    ]


def draw_value_columns(distribution: ValueDistribution, unit: str) -> Chart:
    """Draw the distribution of the mature values, a column for each value or range."""
    ranges = distribution.ranges
    total = sum(values.anchors for values in ranges)
    scale = Scale.from_values(values.anchors / total for values in ranges)
    width = 100 / len(ranges)
    mode = max(ranges, key=lambda values: values.anchors)
    return Chart(
        title="Mature values" if distribution.exact else "Mature values in ranges of equal width",
        alt=f"Most frequent: {_range_label(mode)}, {formatting.share(mode.anchors / total)} of "
        f"{formatting.count(total)} anchors.",
        caption=f"Share of the mature anchors by value ({unit})."
        + ("" if distribution.exact else " The last column covers everything above the 99th percentile."),
        x=_value_ticks(distribution),
        y=scale.make_ticks(format_percent),
        grid=Grid(["value", "anchors", "share"], [_range_row(values, total) for values in ranges]),
        boxes=[_column(index, values.anchors / total, width, scale) for index, values in enumerate(ranges)],
    )


def draw_open_anchor_delay(statistics: SignalStatistics, group_h: int) -> Chart | None:
    """Draw what open anchors of each age show so far, as a share of the mature mean; None where that is undefined.

    Args:
        statistics: the statistics of the signal in the source.
        group_h: width of a group of ages in hours.
    """
    if not statistics.ages or not statistics.mean or statistics.mean <= 0:
        return None
    groups = _group_ages(statistics.ages, group_h)
    shares = [value_sum / anchors / statistics.mean for _, anchors, value_sum in groups]
    scale = Scale.from_values([1.0, *shares])
    unit, unit_h = ("d", 24) if group_h % 24 == 0 else ("h", 1)
    end = (groups[-1][0] + group_h) / unit_h
    points = [((start + group_h / 2) / unit_h / end, share) for (start, *_), share in zip(groups, shares, strict=True)]
    rows = [
        [f"{start // unit_h} to {(start + group_h) // unit_h} {unit}", formatting.count(anchors), formatting.share(s)]
        for (start, anchors, _), s in zip(groups, shares, strict=True)
    ]
    return Chart(
        title="How much is seen by age",
        alt=f"Share of the mature mean: {rows[0][2]} at {rows[0][0]} after t0, {rows[-1][2]} at {rows[-1][0]}.",
        caption="Mean of what open anchors show so far, by time since t0, as a share of the mean of mature anchors.",
        x=make_number_ticks(0, end, f" {unit}"),
        y=scale.make_ticks(format_percent),
        grid=Grid(["age", "open anchors", "share of the mature mean"], rows),
        paths=[ChartPath(trace_line(points, scale), "line")],
    )


def tabulate_revisions(statistics: SignalStatistics) -> Grid:
    """Tabulate revisions by age after maturity and by effect on the value."""
    effects = ("raised", "lowered", "void", "restored")
    ends = dict(zip((0, *AGE_GROUP_STARTS_D), (*AGE_GROUP_STARTS_D, None), strict=True))
    rows = [
        [_age_label(start, ends[start]), *(formatting.count(counts.get(effect, 0)) for effect in effects)]
        for start, counts in statistics.revisions.by_age
    ]
    return Grid(["after maturity", "raised", "lowered", "made void", "no longer void"], rows)


def _group_ages(ages: Sequence[AgeCounts], group_h: int) -> list[tuple[int, int, float]]:
    """First hour, number of anchors and sum of the visible values of each group of ages."""
    groups: dict[int, tuple[int, float]] = {}
    for age in ages:
        start = age.hours // group_h * group_h
        anchors, value_sum = groups.get(start, (0, 0.0))
        groups[start] = (anchors + age.anchors, value_sum + age.visible_sum)
    return [(start, *groups[start]) for start in sorted(groups)]


def _column(index: int, share: float, slot_width: float, scale: Scale) -> Box:
    y, gap = scale.to_pixels(share), min(0.4, slot_width / 8)
    sizes = (slot_width * index + gap / 2, y, slot_width - gap, TOP + HEIGHT - y)
    x, y, width, height = map(round_coordinate, sizes)
    return Box(x, y, width, height, "bar")


def _value_ticks(distribution: ValueDistribution) -> Sequence[Tick]:
    """Label the centres of columns of single values, or the axis of ranges with round numbers."""
    ranges = distribution.ranges
    if not distribution.exact:
        return make_number_ticks(ranges[0].low, ranges[-1].low)
    labelled = range(0, len(ranges), max(1, -(-len(ranges) // 8)))
    positions = {i: round_coordinate(100 * (i + 0.5) / len(ranges)) for i in labelled}
    return [Tick(x, formatting.number(ranges[i].low), choose_anchor(x)) for i, x in positions.items()]


def _range_label(values: ValueRange) -> str:
    low = formatting.number(values.low)
    return low if values.high is None else f"{low} to {formatting.number(values.high)}"


def _range_row(values: ValueRange, total: int) -> list[str]:
    return [_range_label(values), formatting.count(values.anchors), formatting.share(values.anchors / total)]


def _age_label(start: int, end: int | None) -> str:
    return f"{start} d or more" if end is None else f"{start} to {end} d"
