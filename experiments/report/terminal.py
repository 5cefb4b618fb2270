"""The report as tables for a terminal."""

from collections.abc import Callable, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from experiments.analysis.estimators import Estimate
from experiments.analysis.verdict import Verdict
from experiments.report.content import (
    describe_target,
    list_absent_sections,
    read_metric,
    select_metric_columns,
    write_headline,
)
from experiments.report.data import ReportInput
from experiments.report.formatting import format_count, format_difference, format_number, format_share


def build_terminal_tables(report: ReportInput) -> list[RenderableType]:
    """The answer, a table for each section with data, and a list of the other sections."""
    blocks: list[RenderableType] = [Text("\n".join(write_headline(report)), style="bold")]
    if report.verdict:
        blocks += [_arm_table(report.verdict), _family_table(report.verdict)]
    if report.rankers:
        blocks.append(_ranker_table(report))
    if report.maturity:
        rows = [(s.signal, format_count(s.mature), format_count(s.open), format_count(s.void)) for s in report.maturity]
        blocks.append(_table("Signals", ("signal", "mature", "open", "void"), rows))
    if report.ingest:
        counts = [(c.table, c.reason, format_count(c.raw), format_count(c.exclusive)) for c in report.ingest]
        heads = ("table", "outcome", "applies to", "counted once")
        blocks.append(_table("Raw rows", heads, counts, text_columns=2))
    if report.steps:
        times = [(step.step, f"{step.seconds:.1f}") for step in report.steps]
        blocks.append(_table("Time", ("step", "seconds"), times))
    absent = [f"{absent.section} left out: {absent.reason}." for absent in list_absent_sections(report)]
    return [*blocks, Text("\n".join(absent))] if absent else blocks


def _arm_table(verdict: Verdict) -> Table:
    rows = [
        (
            arm.arm,
            format_count(arm.users),
            _with_interval(arm.survival, format_share),
            _with_interval(arm.active_days, format_number),
            _with_interval(arm.ctr, format_share),
            _with_interval(arm.regret, format_share),
        )
        for arm in verdict.arms
    ]
    heads = ("arm", "users", "still there", "active days", "click rate", "regret")
    return _table(f"After {verdict.days} days", heads, rows)


def _family_table(verdict: Verdict) -> Table:
    rows = [(family.family, family.finding, format_difference(family.survival)) for family in verdict.families]
    heads = ("family", "finding", "survival, points")
    return _table("Trained on returns, compared with trained on clicks", heads, rows, text_columns=2)


def _ranker_table(report: ReportInput) -> Table:
    columns = select_metric_columns(report)
    rows = [
        (
            row.name,
            describe_target(report, row),
            *(_with_interval(read_metric(row, key), format_number) for _, key in columns),
        )
        for row in report.rankers
    ]
    heads = ("ranker", "trained on", *(heading for heading, _ in columns))
    return _table("Offline, test split", heads, rows, text_columns=2)


def _with_interval(estimate: Estimate | None, style: Callable[[float], str]) -> str:
    if estimate is None:
        return "none"
    interval = f"\n{style(estimate.low)} to {style(estimate.high)}" if estimate.se else ""
    return style(estimate.value) + interval


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> Table:
    """A table whose first ``text_columns`` columns hold text and whose others hold numbers."""
    table = Table(title=title, title_justify="left")
    for column, head in enumerate(heads):
        table.add_column(head, justify="left" if column < text_columns else "right", no_wrap=column == 0)
    for row in rows:
        table.add_row(*row)
    return table
