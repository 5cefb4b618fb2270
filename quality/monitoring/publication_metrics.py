"""Metrics of a publication, taken from the verdict of its gate.

Metrics belong to a day when most rows of the publication do. Otherwise the publication is a backlog or a rebuild: its
metrics have no day, because no earlier value compares with them.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from quality.baselines import MIN_ROWS_FOR_AGGREGATES
from quality.monitoring.metric import Metric
from quality.publication_history import weighted_mean
from tables.checks import Sampled
from tables.spec import TableSpec

MeasuresByDay = Mapping[str, Mapping[str, float | None]]
_NULL_SHARE_SUFFIX, _LATENESS = "_null_share", "lateness"


def extract_metrics(spec: TableSpec, verdict: Mapping[str, Any]) -> list[Metric]:
    """Extract the metrics of one published version.

    Args:
        spec: of its table.
        verdict: content of the gate's verdict file.

    Returns:
        ``rows``; and, with enough of them, ``null_share`` by column, ``freshness_hours`` (mean delay from an event
        until it is known) and ``moved_share`` by check (the share of rows that would have to change their value to
        restore the earlier distribution). Grain: metric, subject.
    """
    days: MeasuresByDay = verdict.get("days", {})
    rows = sum(float(measures["rows"] or 0) for measures in days.values())
    metrics = [Metric(spec.name, "rows", rows)]
    if rows < MIN_ROWS_FOR_AGGREGATES:
        return metrics
    day = _main_day(days, rows)
    shapes = verdict.get("shapes", {}).get("numbers", {})
    values = [*_mean_measures(days), *_mix_distances(spec, shapes)]
    return metrics + [Metric(spec.name, metric, value, subject, day) for metric, value, subject in values]


def _main_day(days: MeasuresByDay, rows: float) -> date | None:
    """The day that more than half of the rows belong to."""
    largest = max(days, key=lambda day: float(days[day]["rows"] or 0))
    is_majority = 2 * float(days[largest]["rows"] or 0) > rows
    return date.fromisoformat(largest) if is_majority and largest != "all" else None


def _mean_measures(days: MeasuresByDay) -> Iterator[tuple[str, float, str]]:
    names = {name: None for measures in days.values() for name in measures}
    for name in names:
        value = weighted_mean(days, name)
        if value is not None and name.endswith(_NULL_SHARE_SUFFIX):
            yield "null_share", value, name.removesuffix(_NULL_SHARE_SUFFIX)
        elif value is not None and name == _LATENESS:
            yield "freshness_hours", value, ""


def _mix_distances(spec: TableSpec, shapes: Mapping[str, float]) -> Iterator[tuple[str, float, str]]:
    for check in spec.checks:
        if isinstance(check, Sampled) and check.shape == "mix" and check.name in shapes:
            yield "moved_share", shapes[check.name], check.name
