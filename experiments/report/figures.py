"""The report's figures as inline SVG, in the colours of the page, light or dark.

Every colour here is a placeholder for a CSS variable of the page, so one figure serves both schemes. Ids begin with
the name of the figure, so that a document can hold several figures.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from experiments.analysis.verdict import CONTROL, TREATMENT, FamilyVerdict, PooledFamily, SurvivalCurve
from experiments.report.data import RankerRow, SignalMaturity
from rankers.models.families import FAMILIES, get_family
from rankers.models.family import LineStyle

_INK, _GRID = "#010101", "#020202"
_CLICK, _RETURN, _PLAIN, _FAINT = "#030303", "#040404", "#050505", "#060606"
_MATURE, _OPEN, _VOID = "#070707", "#080808", "#090909"
_VARIABLES = {
    _INK: "currentColor",
    _GRID: "var(--grid)",
    _CLICK: "var(--click)",
    _RETURN: "var(--return)",
    _PLAIN: "var(--plain)",
    _FAINT: "var(--faint)",
    _MATURE: "var(--mature)",
    _OPEN: "var(--open)",
    _VOID: "var(--void)",
}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "savefig.transparent": True,
    "figure.constrained_layout.use": True,
}
_WIDTH = 4.0
RANDOM_LINE_STYLE = "-."


def survival_figure(curves: Sequence[SurvivalCurve]) -> str:
    """Share of users who still listen, by day, with shaded pointwise 95% bands."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for curve in curves:
            days, colour = range(len(curve.alive)), _colour(curve.arm)
            axes.plot(days, curve.alive, linestyle=_line_style(curve.arm), color=colour, label=curve.arm)
            axes.fill_between(days, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
        axes.set(xlabel="days since joining", ylabel="still listening", xlim=(0, None))
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        # The handles are long enough to tell the dash patterns of the families apart.
        figure.legend(loc="outside lower center", ncols=2, handlelength=3)

    return _svg("survival", 3.7, draw)


def trade_off_figure(rankers: Sequence[RankerRow], click_metric: str, return_metric: str) -> str:
    """Click metric against return metric: one mark for each ranker, with 95% intervals on both."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row in rankers:
            metrics = row.metrics
            axes.errorbar(
                metrics[click_metric],
                metrics[return_metric],
                xerr=_error_bar(metrics, click_metric),
                yerr=_error_bar(metrics, return_metric),
                fmt=get_family(row.family).marker,
                color=_colour(row.name),
                elinewidth=0.8,
                label=row.name,
            )
        axes.locator_params(nbins=6)
        axes.set(xlabel="NDCG@10 on clicks: better to the right", ylabel="NDCG@10 on returns: better up")
        figure.legend(loc="outside lower center", ncols=2)

    return _svg("trade-off", 3.7, draw)


def forest_figure(families: Sequence[FamilyVerdict], pooled: Sequence[PooledFamily]) -> str:
    """Differences in survival, return-trained minus click-trained, with 95% intervals."""
    rows = [(verdict.family, verdict.survival) for verdict in families]
    for family in pooled:
        estimate = family.survival.between or family.survival.fixed
        rows.append((f"{family.family}, {family.survival.worlds} worlds", estimate))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, (_, estimate) in enumerate(rows):
            axes.plot([100 * estimate.low, 100 * estimate.high], [row, row], color=_RETURN, linewidth=1.6)
            axes.plot(100 * estimate.value, row, "D" if row >= len(families) else "o", color=_RETURN)
        axes.axvline(0, color=_INK, linewidth=1)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("survival gained, points")
        axes.grid(axis="y", visible=False)

    return _svg("forest", 0.9 + 0.32 * len(rows), draw)


def maturity_figure(signals: Sequence[SignalMaturity]) -> str:
    """Share of each signal's values that is mature, open or void."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, signal in enumerate(signals):
            left, counts = 0.0, (signal.mature, signal.open, signal.void)
            for count, colour in zip(counts, (_MATURE, _OPEN, _VOID), strict=True):
                share = count / max(sum(counts), 1)
                axes.barh(row, share, left=left, color=colour, height=0.6)
                left += share
        for name, colour in (("mature", _MATURE), ("open", _OPEN), ("void", _VOID)):
            axes.barh(0, 0, color=colour, label=name)
        axes.set_yticks(range(len(signals)), [signal.signal for signal in signals])
        axes.set_ylim(len(signals) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.grid(axis="y", visible=False)
        figure.legend(loc="outside lower center", ncols=3)

    return _svg("maturity", 0.9 + 0.3 * len(signals), draw)


def _line_style(arm: str) -> LineStyle:
    family = arm.removesuffix(f"-{CONTROL}").removesuffix(f"-{TREATMENT}")
    return FAMILIES[family].line_style if family in FAMILIES else RANDOM_LINE_STYLE


def _colour(name: str) -> str:
    if name.endswith(f"-{CONTROL}"):
        return _CLICK
    if name.endswith(f"-{TREATMENT}"):
        return _RETURN
    return _FAINT if name == "random" else _PLAIN


def _error_bar(metrics: Mapping[str, float], name: str) -> list[list[float]] | None:
    low, high = metrics.get(f"{name}_lo"), metrics.get(f"{name}_hi")
    return None if low is None or high is None else [[metrics[name] - low], [high - metrics[name]]]


def _svg(name: str, height: float, draw: Callable[[Figure], None]) -> str:
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_WIDTH, height))
        draw(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return _inline(stream.getvalue(), name)


def _inline(svg: str, name: str) -> str:
    """The bare <svg> element with unique ids, in the page's colours; without prologue, fixed size and metadata."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style).*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) (?:width="[^"]*" )?height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", svg)
    for placeholder, variable in _VARIABLES.items():
        svg = svg.replace(placeholder, variable)
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1).strip()
