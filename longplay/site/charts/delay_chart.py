"""The chart of a delay curve, which follows the same anchors as they age."""

from longplay.lookup.delay_curves import DelayCurve
from longplay.site import formatting
from longplay.site.charts.axis import Scale, format_percent, make_number_ticks
from longplay.site.charts.chart import Chart, ChartPath, Grid, trace_line


def draw_delay_curve(curve: DelayCurve) -> Chart:
    """Draw the share of the final values that was visible at each age, starting at (0, 0)."""
    end = curve.points[-1][0]
    scale = Scale.from_values([1.0, *(share for _, share in curve.points)])
    days = [(share, day) for share in (0.5, 0.9) if (day := curve.day_of(share)) is not None]
    summary = ", ".join(f"{format_percent(share)} by day {formatting.number(day)}" for share, day in days)
    weeks = f"{len(curve.cohorts)} weekly cohorts, {curve.cohorts[0]} to {curve.cohorts[-1]}"
    return Chart(
        title="How much is seen by age",
        alt=f"Share of the final values: {summary or 'all at maturity'}.",
        caption=f"Share of the final values that was visible at each age. The curve follows "
        f"{formatting.count(curve.sampled)} of {formatting.count(curve.anchors)} mature anchors ({weeks}).",
        x=make_number_ticks(0, end, " d"),
        y=scale.make_ticks(format_percent),
        grid=Grid(
            ["age", "share of the final values"],
            [[f"{age} d", formatting.share(share)] for age, share in curve.points],
        ),
        paths=[ChartPath(trace_line([(age / end, share) for age, share in ((0, 0.0), *curve.points)], scale), "line")],
    )
