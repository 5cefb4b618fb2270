"""Charts of table quality: rows and verdicts by run, daily metrics, and rows of a log by outcome."""

from collections.abc import Sequence
from dataclasses import dataclass

from longplay.site import formatting
from longplay.site.charts.axis import HEIGHT, TOP, Scale, Tick, choose_anchor, round_coordinate
from longplay.site.charts.chart import Box, Chart, Grid
from longplay.status.metric_series import MetricSeries
from longplay.status.row_accounting import RowAccount
from longplay.status.verdicts import GateVerdict

_GAP = 0.25
"""Share of a bar's slot that stays empty."""
_MIN_BAR_HEIGHT_PX = 2.0
"""Height of a run without rows, so that its verdict stays visible."""
_SPARKLINE_HEIGHT_PX = 20


@dataclass(frozen=True)
class OutcomeShare:
    """The rows of one outcome as a part of a bar; ``x`` and ``width`` in per cent, ``css`` names its class."""

    name: str
    rows: int
    x: float
    width: float
    css: str


def describe_verdict(verdict: GateVerdict) -> str:
    """A verdict in one word."""
    return "failed" if verdict.failed else "warned" if verdict.warned else "passed"


def draw_trend(runs: Sequence[GateVerdict], table: str) -> Chart | None:
    """Validated rows run by run, each bar in the colour of its verdict; None without runs."""
    if not runs:
        return None
    scale = Scale.from_values(float(run.rows or 0) for run in runs)
    width = 100 / len(runs)
    counts = {name: sum(describe_verdict(run) == name for run in runs) for name in ("passed", "warned", "failed")}
    counts = {name: number for name, number in counts.items() if number}
    summary = ", ".join(f"{number} {name}" for name, number in counts.items())
    last = f"The last run validated {_format_rows(runs[-1])} rows and {describe_verdict(runs[-1])}."
    return Chart(
        title="Rows by run",
        alt=f"{len(runs)} runs of {table}: {summary}. {last}",
        caption="Rows that the gate validated in each run: the new rows, or the whole of a rebuilt table.",
        x=_date_ticks(runs, width),
        y=scale.make_ticks(),
        grid=Grid(["run (UTC)", "rows", "verdict", "failed checks"], [_describe_run(run) for run in runs]),
        boxes=[_bar(run, index * width, width, scale) for index, run in enumerate(runs)],
        legend=[(f"run-{name}", name) for name in counts],
    )


def draw_sparkline(runs: Sequence[GateVerdict]) -> list[Box]:
    """The trend without axes, 100 wide and 20 high."""
    values = [float(run.rows or 0) for run in runs]
    classes = [f"run-{describe_verdict(run)}" for run in runs]
    return _small_bars(values, classes, _MIN_BAR_HEIGHT_PX)


def draw_series(series: MetricSeries) -> list[Box]:
    """A daily metric as bars without axes, 100 wide and 20 high; unusual days have the colour of a warning."""
    classes = ["run-warned" if day in series.unusual else "run-passed" for day, _ in series.days]
    return _small_bars([abs(value) for _, value in series.days], classes, 0.5)


def draw_shares(account: RowAccount) -> list[OutcomeShare]:
    """The rows of a log by outcome, as parts of one bar."""
    outcomes = [
        ("published", account.published, "mature"),
        ("quarantined", account.quarantined, "run-failed"),
        ("duplicates", account.duplicates, "void-0"),
        ("erased", account.erased, "void-1"),
    ]
    total = max(sum(rows for _, rows, _ in outcomes), 1)
    shares, x = [], 0.0
    for name, rows, css in outcomes:
        width = 100 * rows / total
        shares.append(OutcomeShare(name, rows, round_coordinate(x), round_coordinate(width), css))
        x += width
    return shares


def _small_bars(values: Sequence[float], classes: Sequence[str], min_height: float) -> list[Box]:
    largest = max(values, default=0.0) or 1.0
    width = 100 / max(len(values), 1)
    bar_width = round_coordinate(width * (1 - _GAP))
    boxes = []
    for index, (value, css) in enumerate(zip(values, classes, strict=True)):
        height = max(_SPARKLINE_HEIGHT_PX * value / largest, min_height)
        x, y = round_coordinate(index * width), round_coordinate(_SPARKLINE_HEIGHT_PX - height)
        boxes.append(Box(x, y, bar_width, round_coordinate(height), css))
    return boxes


def _date_ticks(runs: Sequence[GateVerdict], width: float) -> list[Tick]:
    """Dates under the first, the middle and the last run; of two runs only the last is labelled."""
    last = len(runs) - 1
    labelled = sorted({0, len(runs) // 2, last}) if len(runs) > 2 else [last]
    centres = {index: (index + 0.5) * width for index in labelled}
    return [Tick(round_coordinate(x), f"{runs[index].at:%Y-%m-%d}", choose_anchor(x)) for index, x in centres.items()]


def _bar(run: GateVerdict, x: float, width: float, scale: Scale) -> Box:
    y = min(scale.to_pixels(float(run.rows or 0)), TOP + HEIGHT - _MIN_BAR_HEIGHT_PX)
    return Box(
        round_coordinate(x + width * _GAP / 2),
        round_coordinate(y),
        round_coordinate(width * (1 - _GAP)),
        round_coordinate(TOP + HEIGHT - y),
        f"run-{describe_verdict(run)}",
    )


def _describe_run(run: GateVerdict) -> list[str]:
    broken = ", ".join([*run.failed, *run.warned]) or "none"
    return [f"{run.at:%Y-%m-%d %H:%M:%S}", _format_rows(run), describe_verdict(run), broken]


def _format_rows(run: GateVerdict) -> str:
    return "unknown" if run.rows is None else formatting.count(run.rows)
