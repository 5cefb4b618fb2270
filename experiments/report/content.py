"""Content that the page and the terminal share: headline, caveats, missing sections, metrics and their columns."""

from collections.abc import Iterable
from dataclasses import dataclass

from experiments.analysis.estimators import Estimate
from experiments.report.data import IngestCount, RankerRow, ReportInput

GENERAL_CAVEATS = (
    "One 95% interval in twenty misses the true value by chance, and this page shows many. No interval covers errors "
    "in the log.",
    "Offline metrics rank the logged or sampled candidates, not the full catalogue. Compare them on this page only.",
)
DEPLOYMENT_CAVEATS = (
    "The users are simulated, in a world built so that clicks and lasting interest can differ. How much they differ in "
    "a real service is not shown here.",
    "Item features are frozen at the release: deployed rankers see new events of users, but not of items.",
    "Every arm randomises its slates to the same entropy. Home and browse use the same policy.",
    "Arms share the traits of their users but are compared as independent samples, so intervals are rather too wide.",
)
_Z95 = 1.959964


@dataclass(frozen=True)
class AbsentSection:
    """A section that the report leaves out, and the reason."""

    section: str
    reason: str


def write_headline(report: ReportInput) -> tuple[str, ...]:
    """The answer in one or two sentences a family. Results of several worlds take precedence over a single one."""
    if report.pooled:
        return tuple(family.summary for family in report.pooled)
    if report.verdict and report.verdict.families:
        return tuple(family.summary for family in report.verdict.families)
    return (_offline_headline(report),)


def _offline_headline(report: ReportInput) -> str:
    name = f"ndcg_at_10_{report.return_label}"
    rows = [row for row in report.rankers if name in row.metrics]
    if not rows:
        return "There is nothing to compare: no ranker was deployed, and none has offline metrics on returns."
    best = max(rows, key=lambda row: row.metrics[name])
    estimate = read_metric(best, name)
    interval = f" (95% interval {estimate.low:.3f} to {estimate.high:.3f})" if estimate and estimate.se else ""
    return (
        "No ranker was deployed, so this page cannot show which one keeps users. "
        f"Offline, {best.name} ranks returns best: NDCG@10 {best.metrics[name]:.3f}{interval}."
    )


def select_metric_columns(report: ReportInput) -> tuple[tuple[str, str], ...]:
    """Heading and key of each offline metric that at least one ranker has."""
    columns = (
        ("NDCG@10, clicks", f"ndcg_at_10_{report.click_label}"),
        ("NDCG@10, returns", f"ndcg_at_10_{report.return_label}"),
        ("Coverage, top 1", "top_coverage_at_1"),
        ("Coverage, top 10", "top_coverage_at_10"),
    )
    return tuple(column for column in columns if any(column[1] in row.metrics for row in report.rankers))


def describe_target(report: ReportInput, row: RankerRow) -> str:
    """What a ranker was trained on."""
    return {report.click_label: "clicks", report.return_label: "returns", "": "nothing"}.get(row.label, row.label)


def read_metric(row: RankerRow, name: str) -> Estimate | None:
    """A metric with its interval; None if the ranker lacks it. Without an interval the standard error is 0."""
    if name not in row.metrics:
        return None
    value = row.metrics[name]
    low, high = row.metrics.get(f"{name}_lo", value), row.metrics.get(f"{name}_hi", value)
    return Estimate(value, (high - low) / (2 * _Z95), low, high)


def list_caveats(report: ReportInput) -> tuple[str, ...]:
    """Limits of the results: those of the run first, then the general ones."""
    return (*report.caveats, *(DEPLOYMENT_CAVEATS if report.verdict else ()), *GENERAL_CAVEATS)


def list_absent_sections(report: ReportInput) -> tuple[AbsentSection, ...]:
    """Sections without data, each with the reason."""
    sections: tuple[tuple[str, object, str], ...] = (
        ("Offline metrics", report.rankers, "this run evaluated no ranker"),
        ("Deployment", report.verdict, "no ranker was deployed, and a log alone cannot show which users would stay"),
        ("Ingest", report.ingest, "this run read no raw log"),
        ("Maturity", report.maturity, "this run built no signal"),
        ("Time", report.steps, "no step was timed"),
        ("Tables of the release", report.tables, "no release was opened"),
        ("Definitions", report.definitions, "the release has no definition hashes"),
    )
    return tuple(AbsentSection(section, reason) for section, content, reason in sections if not content)


def sum_rows_read(counts: Iterable[IngestCount]) -> dict[str, int]:
    """Rows read of each table: the sum of its exclusive counts."""
    totals: dict[str, int] = {}
    for count in counts:
        totals[count.table] = totals.get(count.table, 0) + count.exclusive
    return totals
