"""Metrics of a publication: what its gate measured, as numbers that are kept and held against each other.

A publication most of whose rows are of one day belongs in the series of days. Any other, a backlog or a table made
anew, is kept without a day: it has nothing to be held against.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from quality.baselines import MEASURED_ROWS
from quality.monitoring.metric import Metric
from quality.publication_history import mean_of
from tables.checks import Sampled
from tables.spec import TableSpec

Days = Mapping[str, Mapping[str, float | None]]
_NULLS, _LATENESS = "_null_share", "lateness"


def of_publication(spec: TableSpec, told: Mapping[str, Any]) -> list[Metric]:
    """What was measured of one published version.

    Args:
        spec: its table.
        told: the verdict of the gate, as its file has it.

    Returns:
        ``rows``; and, where there are enough of them to say more: ``null_share`` by column, ``freshness_hours`` (hours
        from an event to its being known, on average), ``moved_share`` by check (the share of rows that would have to
        change their value to be distributed as before). Grain: metric, subject.
    """
    days: Days = told.get("days", {})
    rows = sum(float(one["rows"] or 0) for one in days.values())
    found = [Metric(spec.name, "rows", rows)]
    if rows < MEASURED_ROWS:
        return found
    day = _day_of(days, rows)
    numbers = told.get("shapes", {}).get("numbers", {})
    return found + [Metric(spec.name, *one, day) for one in [*_means(days), *_distances(spec, numbers)]]


def _day_of(days: Days, rows: float) -> date | None:
    """The day that most rows are of."""
    most = max(days, key=lambda day: float(days[day]["rows"] or 0))
    is_most = 2 * float(days[most]["rows"] or 0) > rows
    return date.fromisoformat(most) if is_most and most != "all" else None


def _means(days: Days) -> Iterator[tuple[str, float, str]]:
    names = {name: None for measures in days.values() for name in measures}
    for name in names:
        value = mean_of(days, name)
        if value is not None and name.endswith(_NULLS):
            yield "null_share", value, name.removesuffix(_NULLS)
        elif value is not None and name == _LATENESS:
            yield "freshness_hours", value, ""


def _distances(spec: TableSpec, numbers: Mapping[str, float]) -> Iterator[tuple[str, float, str]]:
    for check in spec.checks:
        if isinstance(check, Sampled) and check.shape == "mix" and check.name in numbers:
            yield "moved_share", numbers[check.name], check.name
