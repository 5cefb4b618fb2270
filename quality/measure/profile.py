"""The profile of a publication: all counts that one fused pass over its rows takes, by day where the table has days.

It is cheap on purpose. Nulls are counted by ``COUNT(column)``, rule violations by sums of 0 and 1, the checksum by two
sums of longs, so Spark compiles the whole aggregate into one loop. Sketches (estimates of distinct values) cannot be
compiled and would slow everything else: they read their few columns in a branch of their own, in the same job.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tables.checks import Bounded, Steady
from tables.checksum import half_sums, join_halves, render, row_hash
from tables.spec import TableSpec

MAX_HASHES_IN_DRIVER = 24_000_000
"""The driver compares up to so many grain hashes (8 bytes each, twice). The executors compare more than that, at
several times the CPU."""
UNDATED = "all"
"""Stands for the day of rows without one."""
_HASH, _DAY = "_row_hash", "_day"
_SKETCH_PREFIX = "approx_"


@dataclass(frozen=True)
class PublicationProfile:
    """The counts of a publication.

    Attributes:
        rows: number of rows.
        violations: rows that violate each rule, by its name.
        checksum: rows and hash sum as text.
        days: measures by ISO date: ``rows`` and the measure of each check, by name. Rows without a day, such as those
            of a table without days, have the entry ``all``. None: the day has no value.
    """

    rows: int
    violations: Mapping[str, int]
    checksum: str
    days: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def day_column(spec: TableSpec) -> str | None:
    """The column by which a table's rows are profiled: its time, if that is a date."""
    types = {column.name: column.type for column in spec.columns}
    return spec.time if spec.time is not None and types[spec.time] == "date" else None


def profile_publication(frame: DataFrame, spec: TableSpec) -> PublicationProfile:
    """Count everything in one Spark job. Grain in: that of the table."""
    sql_by_name = {f"measure:{c.name}": c.measure for c in spec.checks if isinstance(c, Bounded | Steady)}
    measures = {name: F.expr(sql).cast("double") for name, sql in sql_by_name.items()}
    sketches = {name: column for name, column in measures.items() if _SKETCH_PREFIX in sql_by_name[name]}
    upper, lower = half_sums(_HASH)
    compiled = {"rows": F.count("*"), "upper": upper, "lower": lower, **_rule_counts(spec)}
    compiled |= {name: column for name, column in measures.items() if name not in sketches}
    counts = _aggregate_by_day(frame.withColumn(_HASH, row_hash(frame, spec.audit)), spec, compiled)
    if sketches:
        counts = counts.unionByName(_aggregate_by_day(frame, spec, sketches), allowMissingColumns=True)
    return _to_profile(spec, _merge_by_day([row.asDict() for row in counts.collect()]))


def _aggregate_by_day(frame: DataFrame, spec: TableSpec, columns: Mapping[str, Column]) -> DataFrame:
    aggregates = [column.alias(name) for name, column in columns.items()]
    day = day_column(spec)
    return frame.groupBy(F.col(day).alias(_DAY)).agg(*aggregates) if day else frame.agg(*aggregates)


def _merge_by_day(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Merge the rows that both branches give for a day."""
    days: dict[Any, dict[str, Any]] = {}
    for row in rows:
        days.setdefault(row.get(_DAY), {}).update({name: row[name] for name in row if row[name] is not None})
    return list(days.values())


def _rule_counts(spec: TableSpec) -> dict[str, Column]:
    """An aggregate for every rule: its violations, or, of a column that may not be null, its values."""
    values = {f"{c.name}_not_null": F.count(F.col(f"`{c.name}`")) for c in spec.columns if not c.nullable}
    return values | {rule.name: F.sum(F.when(F.expr(rule.violation), 1).otherwise(0)) for rule in spec.rules}


def _to_profile(spec: TableSpec, days: list[dict[str, Any]]) -> PublicationProfile:
    rows = sum(day["rows"] for day in days)
    hash_sum = sum(join_halves(day.get("upper", 0), day.get("lower", 0)) for day in days)
    violations = {rule.name: sum(day.get(rule.name, 0) for day in days) for rule in spec.all_rules()}
    for column in spec.columns:
        if not column.nullable:
            violations[f"{column.name}_not_null"] = rows - violations[f"{column.name}_not_null"]
    names = [check.name for check in spec.checks if isinstance(check, Bounded | Steady)]
    measures_by_day = {
        str(day.get(_DAY, UNDATED)): {"rows": day["rows"], **{name: day.get(f"measure:{name}") for name in names}}
        for day in sorted(days, key=lambda day: str(day.get(_DAY, "")))
    }
    return PublicationProfile(rows, violations, render(rows, hash_sum), measures_by_day)


def count_repeated_rows(frame: DataFrame, spec: TableSpec, rows: int) -> int:
    """Count the rows beyond the first of each grain.

    Hashes of 64 bits are compared first, and the columns themselves only where two hashes collide. By chance alone that
    happens in one of a hundred thousand publications of twenty million rows.
    """
    hashes = frame.select(F.xxhash64(*[F.col(f"`{name}`") for name in spec.grain]).alias("hash"))
    if rows <= MAX_HASHES_IN_DRIVER:
        repeated_hashes = _count_repeated_hashes(hashes.toArrow()["hash"].to_numpy())
    else:
        repeated_hashes = hashes.groupBy("hash").count().where("count > 1").limit(1).count()
    if not repeated_hashes:
        return 0
    repeats = F.coalesce(F.sum(F.col("count") - 1), F.lit(0)).alias("n")
    row = frame.groupBy(*spec.grain).count().agg(repeats).first()
    assert row is not None
    return int(row["n"])


def _count_repeated_hashes(hashes: npt.NDArray[np.int64]) -> int:
    ordered = np.sort(hashes)
    return int((ordered[1:] == ordered[:-1]).sum())
