"""Daily values of a table's metric, as the pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class MetricSeries:
    """One metric of one table.

    Attributes:
        name: the metric and its subject.
        days: its value by UTC day, oldest first.
        unusual: a description of each day whose value was unexpected.
    """

    name: str
    days: Sequence[tuple[date, float]]
    unusual: Mapping[date, str] = field(default_factory=dict)
