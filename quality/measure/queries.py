"""Checks that need a Spark job of their own: SQL queries, references to other tables, leaks."""

from collections.abc import Callable, Iterable
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.measure.leakage import find_strongest_correlation, sample_features_and_labels
from quality.measure.profile import UNDATED, PublicationProfile, day_column
from quality.measure.sample import SAMPLE_ROWS
from tables.checks import Leak, Query, Reference
from tables.date_filters import on_days
from tables.spec import TableSpec

TableReader = Callable[[str], DataFrame | None]
"""Reads the newest version of a table; None: it was never published, or cannot be read."""


def run_queries(
    frame: DataFrame, spec: TableSpec, read: TableReader | None, profile: PublicationProfile
) -> dict[str, float]:
    """Run the checks that need a job each: queries, references and leaks.

    References are checked on a sample of values, drawn by their hash on both sides, and counted up to all rows. If the
    reference contains the rows' day, only the same days of the other table are read. A reference to a table that
    cannot be read is skipped.

    Returns:
        By name of the check: the number of a query, the unresolved rows of a reference, the correlation of a leak.
    """
    query_results: dict[str, float] = {}
    one_in = max(1, profile.rows // SAMPLE_ROWS)
    for check in spec.checks:
        if isinstance(check, Query):
            row = frame.sparkSession.sql(check.query, object=frame).first()
            query_results[check.name] = float(row[0]) if row is not None and row[0] is not None else 0.0
        elif isinstance(check, Leak):
            sample = sample_features_and_labels(frame, check, spec.grain, one_in)
            query_results[check.name], _ = find_strongest_correlation(sample, check)
        elif isinstance(check, Reference):
            target = read(check.table) if read is not None else None
            if target is not None:
                day = dict(zip(check.columns, check.keys, strict=True)).get(day_column(spec) or "")
                target = target.where(on_days(day, _dated(profile.days))) if day else target
                unresolved = _count_unresolved_rows(frame, target, check, one_in) if profile.rows else 0.0
                query_results[check.name] = unresolved
    return query_results


def _dated(days: Iterable[str]) -> Iterable[date]:
    """The dates of a profile; rows without a day cannot be resolved."""
    return [date.fromisoformat(day) for day in days if day != UNDATED]


def _count_unresolved_rows(frame: DataFrame, target: DataFrame, check: Reference, one_in: int) -> float:
    names = [f"_key{n}" for n in range(len(check.columns))]
    references = frame.select(*[F.col(c).alias(n) for c, n in zip(check.columns, names, strict=True)]).dropna()
    keys = target.select(*[F.col(c).alias(n) for c, n in zip(check.keys, names, strict=True)])
    is_drawn = F.pmod(F.xxhash64(*names), F.lit(one_in)) == 0
    return float(references.where(is_drawn).join(keys.where(is_drawn), names, "left_anti").count() * one_in)
