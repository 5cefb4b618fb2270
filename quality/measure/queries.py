"""Answers of checks that ask for a Spark job of their own: SQL queries, references to other tables, leaks."""

from collections.abc import Callable, Iterable
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.measure.leakage import closest, numbers
from quality.measure.profile import UNDATED, Profile, day_column
from quality.measure.sample import ROWS
from tables.checks import Leak, Query, Reference
from tables.date_filters import on_days
from tables.spec import TableSpec

Reader = Callable[[str], DataFrame | None]


def answers(frame: DataFrame, spec: TableSpec, read: Reader | None, profile: Profile) -> dict[str, float]:
    """The number of each query, the rows of each reference that refer to nothing, the correlation of each leak.

    References are looked at for a sample of values, drawn by their hash on both sides; rows are counted as if all had
    been looked at. Where the rows' day is among their columns, only the same days of the other table are read. A
    reference to a table that was never published, or that nobody can read, is not looked at.
    """
    found: dict[str, float] = {}
    one_in = max(1, profile.rows // ROWS)
    for check in spec.checks:
        if isinstance(check, Query):
            row = frame.sparkSession.sql(check.query, object=frame).first()
            found[check.name] = float(row[0]) if row is not None and row[0] is not None else 0.0
        elif isinstance(check, Leak):
            found[check.name], _ = closest(numbers(frame, check, spec.grain, one_in), check)
        elif isinstance(check, Reference):
            other = read(check.table) if read is not None else None
            if other is not None:
                same = dict(zip(check.columns, check.keys, strict=True)).get(day_column(spec) or "")
                beside = other.where(on_days(same, _days(profile.days))) if same else other
                found[check.name] = _lost(frame, beside, check, one_in)
    return found


def _days(told: Iterable[str]) -> Iterable[date]:
    """The days of a profile; a row without one refers to nothing."""
    return [date.fromisoformat(day) for day in told if day != UNDATED]


def _lost(frame: DataFrame, other: DataFrame, check: Reference, one_in: int) -> float:
    names = [f"_key{n}" for n in range(len(check.columns))]
    mine = frame.select(*[F.col(c).alias(n) for c, n in zip(check.columns, names, strict=True)]).dropna()
    theirs = other.select(*[F.col(c).alias(n) for c, n in zip(check.keys, names, strict=True)])
    drawn = F.pmod(F.xxhash64(*names), F.lit(one_in)) == 0
    return float(mine.where(drawn).join(theirs.where(drawn), names, "left_anti").count() * one_in)
