"""Rows of some days, in a form that lets Delta leave out files by their statistics."""

from collections.abc import Iterable
from datetime import date

from pyspark.sql import Column
from pyspark.sql import functions as F

MANY_DAYS = 400
"""Of more days than so many only the first and the last are asked for."""


def on_days(column: str, days: Iterable[date | None]) -> Column:
    """A condition that keeps the rows of some days, as literals; None stands for rows without one."""
    found = set(days)
    known = sorted(day for day in found if day is not None)
    same = F.col(column).isin(known) if len(known) <= MANY_DAYS else F.col(column).between(known[0], known[-1])
    return same | F.col(column).isNull() if None in found else same
