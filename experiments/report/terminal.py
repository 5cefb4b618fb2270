"""The report's tables for a terminal."""

from collections.abc import Callable, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.analysis.estimators import Estimate
from experiments.report.data import ReportInput
from experiments.report.page import (
    absent_sections,
    count,
    headline,
    metric,
    number,
    offline_columns,
    points,
    share,
    target,
)
from experiments.report.verdict import Verdict


def terminal_tables(report: ReportInput) -> list[RenderableType]:
    """The answer, then a table for each section that has data, then what was left out."""
    shown: list[RenderableType] = [Text("\n".join(headline(report)), style="bold")]
    if report.verdict:
        shown += [_arms(report.verdict), _families(report.verdict)]
    if report.rankers:
        shown.append(_rankers(report))
    if report.maturity:
        rows = [(one.signal, count(one.mature), count(one.open), count(one.void)) for one in report.maturity]
        shown.append(_table("Signals", ("signal", "mature", "open", "void"), rows))
    if report.ingest:
        counts = [(one.table, one.reason, count(one.raw), count(one.exclusive)) for one in report.ingest]
        shown.append(_table("Raw rows", ("table", "outcome", "applies to", "counted once"), counts, words=2))
    if report.steps:
        times = [(one.step, f"{one.seconds:.1f}") for one in report.steps]
        shown.append(_table("Time", ("step", "seconds"), times))
    left_out = [f"{one.section} left out: {one.reason}." for one in absent_sections(report)]
    return [*shown, Text("\n".join(left_out))] if left_out else shown


def _arms(verdict: Verdict) -> Table:
    rows = [
        (
            arm.arm,
            count(arm.users),
            _ranged(arm.survival, share),
            _ranged(arm.active_days, number),
            _ranged(arm.ctr, share),
            _ranged(arm.regret, share),
        )
        for arm in verdict.arms
    ]
    heads = ("arm", "users", "still there", "active days", "click rate", "regret")
    return _table(f"After {verdict.days} days", heads, rows)


def _families(verdict: Verdict) -> Table:
    rows = [(one.family, one.finding, points(one.survival)) for one in verdict.families]
    heads = ("family", "finding", "survival, points")
    return _table("Trained on returns against trained on clicks", heads, rows, words=2)


def _rankers(report: ReportInput) -> Table:
    columns = offline_columns(report)
    rows = [
        (
            row.name,
            target(report, row),
            *(_ranged(metric(row, key), share if key.startswith("coverage") else number) for _, key in columns),
        )
        for row in report.rankers
    ]
    heads = ("ranker", "trained on", *(heading for heading, _ in columns))
    return _table("Offline, test split", heads, rows, words=2)


def _ranged(estimate: Estimate | None, show: Callable[[float], str]) -> str:
    if estimate is None:
        return "none"
    interval = f"\n{show(estimate.low)} to {show(estimate.high)}" if estimate.se else ""
    return show(estimate.value) + interval


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> Table:
    """A table whose first ``words`` columns are text and the others numbers."""
    table = Table(title=title, title_justify="left")
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place < words else "right", no_wrap=place == 0)
    for row in rows:
        table.add_row(*row)
    return table
