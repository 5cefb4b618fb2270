"""One self-contained HTML page that tells what a run found, the answer first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from experiments.analysis.estimators import Estimate
from experiments.report import figures
from experiments.report.data import IngestCount, RankerRow, ReportInput
from experiments.report.verdict import NO_DIFFERENCE, ArmOutcome

STANDING_CAVEATS = (
    "One 95% interval in twenty misses by chance, and this page shows many; none knows of a wrong log.",
    "Offline metrics rank the candidates that were logged or sampled, not the whole catalogue; compare them "
    "within this page only.",
)
DEPLOYMENT_CAVEATS = (
    "The users are simulated. The world is built so that clicks and lasting interest can part; how far they "
    "part in a real service is not shown here.",
    "Item features are frozen at the release: a deployed ranker sees its users' past grow, not the items'.",
    "Every arm randomises its slates to the same entropy, and home and browse follow the same policy.",
    "Arms share their users' traits but are compared as independent samples, so intervals are, if anything, too wide.",
)


@dataclass(frozen=True)
class Picture:
    """A drawing with what it says in words.

    Attributes:
        svg: inline SVG.
        alt: what the picture shows, for those who do not see it.
        caption: how to read it.
    """

    svg: Markup
    alt: str
    caption: str


@dataclass(frozen=True)
class Absent:
    """A section that was left out, and why."""

    section: str
    reason: str


def render_report(report: ReportInput) -> str:
    """The page as HTML text; the same input gives the same bytes.

    The page loads nothing from anywhere: styles and pictures are inside it.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = count
    template = resources.files("experiments").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        report=report,
        headline=headline(report),
        pictures=pictures(report),
        absent=absent_sections(report),
        caveats=caveats(report),
        metrics=offline_columns(report),
        metric=metric,
        target=target,
        show={"share": share, "number": number, "signed": signed, "points": signed_points},
        reasons_add_up=reasons_add_up(report.ingest),
    )


def headline(report: ReportInput) -> tuple[str, ...]:
    """The answer in plain words, a sentence or two a family; several worlds outweigh a single one."""
    if report.pooled:
        return tuple(family.words for family in report.pooled)
    if report.verdict and report.verdict.families:
        return tuple(family.words for family in report.verdict.families)
    return (_offline_headline(report),)


def _offline_headline(report: ReportInput) -> str:
    name = f"ndcg_at_10_{report.return_label}"
    rows = [row for row in report.rankers if name in row.metrics]
    if not rows:
        return "Nothing was compared: no ranker was deployed, and none has offline metrics on returns."
    best = max(rows, key=lambda row: row.metrics[name])
    found = metric(best, name)
    sure = f" (95% interval {found.low:.3f} to {found.high:.3f})" if found and found.se else ""
    return (
        "Nothing was deployed, so nobody knows yet who would stay. "
        f"Offline, {best.name} orders returns best: NDCG@10 {best.metrics[name]:.3f}{sure}."
    )


def offline_columns(report: ReportInput) -> tuple[tuple[str, str], ...]:
    """Heading and key of the offline metrics shown; a metric that no ranker has is left out."""
    columns = (
        ("NDCG@10, clicks", f"ndcg_at_10_{report.click_label}"),
        ("NDCG@10, returns", f"ndcg_at_10_{report.return_label}"),
        ("Coverage, top 1", "top_coverage_at_1"),
        ("Coverage, top 10", "top_coverage_at_10"),
    )
    return tuple(column for column in columns if any(column[1] in row.metrics for row in report.rankers))


def target(report: ReportInput, row: RankerRow) -> str:
    """What a ranker was trained on, in words."""
    return {report.click_label: "clicks", report.return_label: "returns", "": "nothing"}.get(row.label, row.label)


def metric(row: RankerRow, name: str) -> Estimate | None:
    """A metric with its interval; None where the ranker lacks it, no standard error without an interval."""
    if name not in row.metrics:
        return None
    value = row.metrics[name]
    low, high = row.metrics.get(f"{name}_lo", value), row.metrics.get(f"{name}_hi", value)
    return Estimate(value, (high - low) / (2 * 1.959964), low, high)


def caveats(report: ReportInput) -> tuple[str, ...]:
    """What to know before believing the page: the run's own first, then the standing ones."""
    return (*report.caveats, *(DEPLOYMENT_CAVEATS if report.verdict else ()), *STANDING_CAVEATS)


def absent_sections(report: ReportInput) -> tuple[Absent, ...]:
    """Sections without data, and why they are not there."""
    no_world = "nothing was deployed: a log of the past cannot show who would have stayed"
    sections: tuple[tuple[str, object, str], ...] = (
        ("Offline metrics", report.rankers, "no ranker was evaluated in this run"),
        ("Deployment", report.verdict, no_world),
        ("Ingest", report.ingest, "this run read no raw log"),
        ("Maturity", report.maturity, "this run built no signal"),
        ("Time", report.steps, "no step was timed"),
        ("Tables of the release", report.tables, "no release was opened"),
        ("Definitions", report.definitions, "no definition hash was passed"),
    )
    return tuple(Absent(section, reason) for section, content, reason in sections if not content)


def pictures(report: ReportInput) -> dict[str, Picture]:
    """The page's pictures by name, for those sections that have data."""
    found = {}
    both = tuple(f"ndcg_at_10_{label}" for label in (report.click_label, report.return_label))
    rows = [row for row in report.rankers if all(name in row.metrics for name in both)]
    if len(rows) > 1:
        found["trade_off"] = _trade_off(rows, *both)
    if report.verdict:
        found["survival"] = _survival(report.verdict.arms, figures.survival_figure(report.verdict.curves))
        if report.verdict.families or report.pooled:
            found["forest"] = _forest(report)
    if report.maturity:
        found["maturity"] = Picture(
            Markup(figures.maturity_figure(report.maturity)),
            "Share of each signal's values that is mature, open or void; the numbers are in the table below.",
            "Mature values are final. Open ones still wait for their window to close and never count as 0.",
        )
    return found


def _trade_off(rows: Sequence[RankerRow], click: str, returns: str) -> Picture:
    spots = "; ".join(f"{row.name} {row.metrics[click]:.3f} and {row.metrics[returns]:.3f}" for row in rows)
    return Picture(
        Markup(figures.trade_off_figure(rows, click, returns)),
        f"Scatter of NDCG@10 on clicks against NDCG@10 on returns: {spots}.",
        "Each mark is a ranker, with 95% intervals. Orange was trained on clicks, blue on returns.",
    )


def _survival(arms: Iterable[ArmOutcome], svg: str) -> Picture:
    ends = "; ".join(f"{arm.arm} {arm.survival.value:.1%}" for arm in arms)
    return Picture(
        Markup(svg),
        f"Survival curves by arm. Still there at the end: {ends}.",
        "Share of users still there, with pointwise 95% bands. Orange was trained on clicks, blue on "
        "returns, grey on nothing; the dash tells the family. The vertical axis does not begin at 0.",
    )


def _forest(report: ReportInput) -> Picture:
    families = report.verdict.families if report.verdict else ()
    differences = "; ".join(f"{family.family} {points(family.survival)}" for family in families)
    return Picture(
        Markup(figures.forest_figure(families, report.pooled)),
        f"Survival of return-trained minus click-trained rankers, in points: {differences}.",
        "Return-trained minus click-trained: right of 0, training on returns kept more users. "
        f"An interval that touches 0 reads “{NO_DIFFERENCE}”.",
    )


def reasons_add_up(counts: Iterable[IngestCount]) -> dict[str, int]:
    """Rows read of each table: the sum of the exclusive counts."""
    totals: dict[str, int] = {}
    for one in counts:
        totals[one.table] = totals.get(one.table, 0) + one.exclusive
    return totals


def share(value: float) -> str:
    """A share as a percentage."""
    return f"{value:.1%}"


def number(value: float) -> str:
    """Three decimals, or fewer for larger numbers."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def count(value: int) -> str:
    """A count with thousands separated."""
    return f"{value:,}"


def signed(value: float) -> str:
    """A difference, always with its sign."""
    return f"{value:+.1f}"


def signed_points(value: float) -> str:
    """A difference of shares in points, always with its sign."""
    return signed(100 * value)


def points(estimate: Estimate) -> str:
    """A difference of shares in points, with its interval."""
    low, high = signed_points(estimate.low), signed_points(estimate.high)
    return f"{signed_points(estimate.value)} ({low} to {high})"
