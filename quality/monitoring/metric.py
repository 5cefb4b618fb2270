"""A metric of a table: one number that a run measured, kept so that later runs can be held against it."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Metric:
    """One number. Grain: table, metric, subject, day (of a run).

    Attributes:
        table: which table.
        metric: what was measured, such as ``rows``, ``null_share`` or ``mean``.
        value: the number.
        subject: the column, rule or signal it is about; empty: the whole table.
        day: the UTC day it is about; None: all rows that the run judged.
    """

    table: str
    metric: str
    value: float
    subject: str = ""
    day: date | None = None
