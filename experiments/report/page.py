"""One self-contained HTML page with the findings of a run, the answer first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from experiments.analysis.verdict import NO_DIFFERENCE, ArmOutcome
from experiments.report import figures
from experiments.report.content import (
    describe_target,
    list_absent_sections,
    list_caveats,
    read_metric,
    select_metric_columns,
    sum_rows_read,
    write_headline,
)
from experiments.report.data import RankerRow, ReportInput
from experiments.report.formatting import (
    format_count,
    format_difference,
    format_number,
    format_points,
    format_share,
    format_signed,
)


@dataclass(frozen=True)
class Picture:
    """A figure with its description.

    Attributes:
        svg: inline SVG.
        alt: what the figure shows, for readers who cannot see it.
        caption: how to read it.
    """

    svg: Markup
    alt: str
    caption: str


def render_report(report: ReportInput) -> str:
    """The page as HTML text; the same input gives the same bytes.

    Styles and pictures are part of the page, which loads nothing else.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = format_count
    template = resources.files("experiments").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        report=report,
        headline=write_headline(report),
        pictures=draw_pictures(report),
        absent=list_absent_sections(report),
        caveats=list_caveats(report),
        metrics=select_metric_columns(report),
        metric=read_metric,
        target=describe_target,
        show={"share": format_share, "number": format_number, "signed": format_signed, "points": format_points},
        rows_read=sum_rows_read(report.ingest),
    )


def draw_pictures(report: ReportInput) -> dict[str, Picture]:
    """The pictures of the page by name, for the sections that have data."""
    pictures = {}
    metrics = tuple(f"ndcg_at_10_{label}" for label in (report.click_label, report.return_label))
    rows = [row for row in report.rankers if all(name in row.metrics for name in metrics)]
    if len(rows) > 1:
        pictures["trade_off"] = _draw_trade_off(rows, *metrics)
    if report.verdict:
        pictures["survival"] = _draw_survival(report.verdict.arms, figures.survival_figure(report.verdict.curves))
        if report.verdict.families or report.pooled:
            pictures["forest"] = _draw_forest(report)
    if report.maturity:
        pictures["maturity"] = Picture(
            Markup(figures.maturity_figure(report.maturity)),
            "Share of each signal's values that is mature, open or void. The table below has the numbers.",
            "Mature values are final. The window of an open value has not closed yet; an open value never counts as 0.",
        )
    return pictures


def _draw_trade_off(rows: Sequence[RankerRow], click: str, returns: str) -> Picture:
    points = "; ".join(f"{row.name} {row.metrics[click]:.3f} and {row.metrics[returns]:.3f}" for row in rows)
    return Picture(
        Markup(figures.trade_off_figure(rows, click, returns)),
        f"Scatter plot of NDCG@10 on clicks against NDCG@10 on returns: {points}.",
        "Each mark is a ranker, with 95% intervals. Orange rankers were trained on clicks, blue ones on returns.",
    )


def _draw_survival(arms: Iterable[ArmOutcome], svg: str) -> Picture:
    shares = "; ".join(f"{arm.arm} {arm.survival.value:.1%}" for arm in arms)
    return Picture(
        Markup(svg),
        f"Survival curves by arm. Still listening at the end: {shares}.",
        "Share of users who still listen, with pointwise 95% bands. Orange arms were trained on clicks, blue ones on "
        "returns, grey ones on nothing. The dash pattern shows the family. The vertical axis does not start at 0.",
    )


def _draw_forest(report: ReportInput) -> Picture:
    families = report.verdict.families if report.verdict else ()
    differences = "; ".join(f"{family.family} {format_difference(family.survival)}" for family in families)
    return Picture(
        Markup(figures.forest_figure(families, report.pooled)),
        f"Survival of return-trained minus click-trained rankers, in points: {differences}.",
        "Return-trained minus click-trained. To the right of 0, training on returns kept more users. "
        f"An interval that touches 0 means “{NO_DIFFERENCE}”.",
    )
