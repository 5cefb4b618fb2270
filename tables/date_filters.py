"""Conditions on days in a form that lets Delta skip files by their statistics."""

from collections.abc import Iterable
from datetime import date

from pyspark.sql import Column
from pyspark.sql import functions as F

MAX_LISTED_DAYS = 400
"""Above this many days the condition names only the first and the last."""


def on_days(column: str, days: Iterable[date | None]) -> Column:
    """The condition that keeps the rows of some days; None stands for rows without a day."""
    distinct_days = set(days)
    dates = sorted(day for day in distinct_days if day is not None)
    same = F.col(column).isin(dates) if len(dates) <= MAX_LISTED_DAYS else F.col(column).between(dates[0], dates[-1])
    return same | F.col(column).isNull() if None in distinct_days else same
