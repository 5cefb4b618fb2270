"""The drawing of a delay curve: the same anchors followed through their ages."""

from longplay.lookup.delay_curves import DelayCurve
from longplay.site import formatting
from longplay.site.charts import chart
from longplay.site.charts.axis import Scale, format_percent, number_ticks
from longplay.site.charts.chart import Chart, Grid, Path


def followed(curve: DelayCurve) -> Chart:
    """Share of the final values seen by age, from (0, 0) on."""
    end = curve.points[-1][0]
    scale = Scale.over([1.0, *(seen for _, seen in curve.points)])
    days = [(share, day) for share in (0.5, 0.9) if (day := curve.day_of(share)) is not None]
    told = ", ".join(f"{format_percent(share)} by day {formatting.number(day)}" for share, day in days)
    weeks = f"{len(curve.cohorts)} weeks from {curve.cohorts[0]} to that of {curve.cohorts[-1]}"
    return Chart(
        title="How much is seen by age",
        alt=f"Share of the final values: {told or 'all at maturity'}.",
        caption=f"Share of the final values that was seen by age, of {formatting.count(curve.sampled)} anchors that "
        f"were followed among {formatting.count(curve.anchors)} mature ones ({weeks}).",
        x=number_ticks(0, end, " d"),
        y=scale.ticks(format_percent),
        grid=Grid(["age", "share of the final values"], [[f"{age} d", formatting.share(s)] for age, s in curve.points]),
        paths=[Path(chart.line([(age / end, seen) for age, seen in ((0, 0.0), *curve.points)], scale), "line")],
    )
