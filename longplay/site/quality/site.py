"""Pages on the quality of a source's tables: an index and one page per table. They need no server and load nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment
from markupsafe import Markup

from longplay.pipeline import STEPS
from longplay.site.quality import charts
from longplay.site.rendering import check_output_folder, create_environment, hash_inline, read_template, write_files
from longplay.status.metric_series import MetricSeries
from longplay.status.quarantine import (
    QuarantineGroup,
    QuarantineQuery,
    group_quarantined_rows,
    list_quarantine_releases,
)
from longplay.status.row_accounting import has_table
from longplay.status.status import SourceStatus, TableStatus, find_newest_moment, load_status

MARKER = '<meta name="generator" content="Longplay quality">'
"""Marks an index of these pages."""
RUNS_IN_CHART = 40
STATE_DESCRIPTIONS: Mapping[str, str] = {
    "warned": "It was published, although a check failed that blocks nothing.",
    "failed": "Its newest version was refused. Readers keep the last good version.",
    "behind": "Its inputs have newer versions.",
    "not built": "It was validated but never published.",
}
"""What each state but ``passed`` means."""


@dataclass(frozen=True)
class QualityPages:
    """Everything that the pages show.

    Attributes:
        status: the tables and the accounts of the raw logs.
        about: a sentence on each table.
        quarantine_groups: quarantined rows by log and reason.
        quarantine_releases: releases from quarantine, newest first.
        series: daily metrics by table; those with unusual days come first.
    """

    status: SourceStatus
    about: Mapping[str, str]
    quarantine_groups: Sequence[QuarantineGroup]
    quarantine_releases: Sequence[Mapping[str, object]]
    series: Mapping[str, Sequence[MetricSeries]]

    @property
    def steps(self) -> list[tuple[str, list[TableStatus]]]:
        """Every step with its tables, in the order of the pipeline; tables that no step publishes come last."""
        by_name = {table.table: table for table in self.status.tables}
        steps = [(step.name, [by_name[name] for name in step.publishes if name in by_name]) for step in STEPS]
        others = [table for table in self.status.tables if not table.step]
        return [(name, tables) for name, tables in [*steps, ("other", others)] if tables]

    @property
    def blocking_tables(self) -> list[TableStatus]:
        """Tables that others wait for."""
        return [table for table in self.status.tables if table.waiting_tables or table.waiting_steps]


def write_pages(
    folder: Path,
    out: Path,
    about: Mapping[str, str],
    series: Mapping[str, Sequence[MetricSeries]] = MappingProxyType({}),
) -> int:
    """Write the pages of a source. The same tables and verdicts give the same bytes.

    Args:
        folder: the folder of the source's tables.
        out: where to: a folder that is new, empty, or holds such pages.
        about: a sentence on each table.
        series: daily metrics by table.

    Returns:
        The number of pages.

    Raises:
        ConfigError: when ``out`` holds other files.
        NotFoundError: when there is no such source.
        StoreError: when a table is corrupted.
    """
    check_output_folder(out, MARKER)
    texts = _render(_collect_pages(folder, about, series))
    write_files(out, "tables", texts)
    return len(texts)


def _collect_pages(
    folder: Path, about: Mapping[str, str], series: Mapping[str, Sequence[MetricSeries]]
) -> QualityPages:
    query = QuarantineQuery(released=True, examples=1)
    groups = group_quarantined_rows(folder, query) if has_table(folder, "quarantine") else []
    ordered = {
        table: sorted(metrics, key=lambda metric: (not metric.unusual, metric.name))
        for table, metrics in series.items()
    }
    return QualityPages(load_status(folder, RUNS_IN_CHART), about, groups, list_quarantine_releases(folder), ordered)


def _render(pages: QualityPages) -> dict[str, str]:
    environment = _create_environment()
    style = Markup(read_template("style.css") + read_template("quality.css"))
    shared = {
        "pages": pages,
        "style": style,
        "style_hash": hash_inline(style),
        "mark": Markup(MARKER),
        "newest": find_newest_moment(pages.status),
    }
    template = environment.get_template("quality_table.html.j2")
    texts = {"index.html": environment.get_template("quality_index.html.j2").render(root="", **shared)}
    for table in pages.status.tables:
        texts[f"tables/{table.table}.html"] = template.render(table=table, root="../", **shared)
    return texts


def _create_environment() -> Environment:
    environment = create_environment()
    environment.globals.update(
        state_descriptions=STATE_DESCRIPTIONS,
        draw_trend=charts.draw_trend,
        draw_sparkline=charts.draw_sparkline,
        draw_shares=charts.draw_shares,
        draw_series=charts.draw_series,
    )
    return environment
