"""A metric of a table: one measured number, stored so that later runs can be compared with it."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Metric:
    """One number. Grain within a run: table, metric, subject, day.

    Attributes:
        table: name of the table.
        metric: name of the metric, such as ``rows``, ``null_share`` or ``mean``.
        value: the number.
        subject: the column, rule or signal that it describes; empty: the whole table.
        day: the UTC day that it describes; None: all rows that the run measured.
    """

    table: str
    metric: str
    value: float
    subject: str = ""
    day: date | None = None
