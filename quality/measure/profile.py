"""The profile of a publication: all counts that one fused pass over its rows takes, by day where the table has days.

It is cheap on purpose. Nulls are counted by ``COUNT(column)``, rule violations by sums of 0 and 1, the checksum by two
sums of longs, so Spark compiles the whole aggregate into one loop. Sketches (estimates of distinct values) cannot be
compiled and would slow everything else: they read their few columns in a branch of their own, in the same job.

What a few rows cost is not their reading but the planning of the query. So the aggregate is one SQL text, and few rows
are read as one partition, sketches included, so that Spark neither exchanges nor joins anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tables.checks import Bounded, Steady
from tables.checksum import half_sums, join_halves, render, row_hash
from tables.frame_union import union_by_name
from tables.spec import TableSpec

MAX_HASHES_IN_DRIVER = 24_000_000
"""The driver compares up to this many grain hashes (8 bytes each, twice). The executors compare more than that, at
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


def profile_publication(frame: DataFrame, spec: TableSpec, *, are_few: bool = False) -> PublicationProfile:
    """Count everything in one Spark job. Grain in: that of the table.

    Args:
        frame: the rows.
        spec: their table.
        are_few: whether the rows fit one partition.
    """
    measures = {f"measure:{c.name}": c.measure for c in spec.checks if isinstance(c, Bounded | Steady)}
    sketches = [name for name, measure in measures.items() if _SKETCH_PREFIX in measure]
    upper, lower = half_sums(_HASH)
    counts = {"rows": "count(*)", "upper": upper, "lower": lower, **_rule_counts(spec)}
    counts |= {name: f"CAST(({measure}) AS double)" for name, measure in measures.items()}
    frame = frame.selectExpr("*", f"{row_hash(frame, spec.audit)} AS {_HASH}")
    if are_few:
        return _to_profile(spec, _count_by_day(frame.coalesce(1), spec, counts, {}))
    compiled = {name: sql for name, sql in counts.items() if name not in sketches}
    return _to_profile(spec, _count_by_day(frame, spec, compiled, {name: counts[name] for name in sketches}))


def _count_by_day(
    frame: DataFrame, spec: TableSpec, counts: Mapping[str, str], sketches: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Compute SQL aggregates by day, sketches in a branch of their own; those that are null are left out."""
    aggregates = _aggregate_by_day(frame, spec, "counts", counts)
    if sketches:
        branch = _aggregate_by_day(frame, spec, "sketches", sketches)
        aggregates = union_by_name([aggregates, branch])
    days: dict[Any, dict[str, Any]] = {}
    for row in aggregates.collect():
        branches = (counts, row["counts"]), (sketches, row["sketches"] if sketches else None)
        values = {
            name: value for names, struct in branches if struct for name, value in zip(names, struct, strict=True)
        }
        day = days.setdefault(row[_DAY], {})
        day |= {name: value for name, value in {_DAY: row[_DAY], **values}.items() if value is not None}
    return list(days.values())


def _aggregate_by_day(frame: DataFrame, spec: TableSpec, name: str, aggregates: Mapping[str, str]) -> DataFrame:
    """SQL aggregates by day, as one struct: each column of Python's would be several calls into the JVM."""
    struct, day = f"struct({', '.join(aggregates.values())}) AS {name}", day_column(spec)
    if day is None:
        return frame.selectExpr(f"CAST(NULL AS date) AS {_DAY}", struct)
    return frame.groupBy(F.col(day).alias(_DAY)).agg(F.expr(struct))


def _rule_counts(spec: TableSpec) -> dict[str, str]:
    """An SQL aggregate for every rule: its violations, or, of a column that may not be null, its values."""
    values = {f"{c.name}_not_null": f"count(`{c.name}`)" for c in spec.columns if not c.nullable}
    return values | {rule.name: f"sum(CASE WHEN {rule.violation} THEN 1 ELSE 0 END)" for rule in spec.rules}


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


def count_repeated_rows(frame: DataFrame, spec: TableSpec, rows: int, few_rows: pa.Table | None = None) -> int:
    """Count the rows beyond the first of each grain.

    Hashes of 64 bits are compared first, and the columns themselves only where two hashes collide. By chance alone that
    happens in one of a hundred thousand publications of twenty million rows.

    Args:
        frame: the rows.
        spec: their table.
        rows: how many there are.
        few_rows: the same rows in memory, where Arrow compares the columns themselves.
    """
    if few_rows is not None and not any(map(_compares_otherwise, few_rows.select(spec.grain).schema.types)):
        return len(few_rows) - len(few_rows.group_by(list(spec.grain)).aggregate([]))
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


def _compares_otherwise(kind: pa.DataType) -> bool:
    """Whether Arrow may take values of a type for equal that are not so for Spark, or cannot compare them."""
    return bool(pa.types.is_floating(kind) or pa.types.is_nested(kind))


def _count_repeated_hashes(hashes: npt.NDArray[np.int64]) -> int:
    ordered = np.sort(hashes)
    return int((ordered[1:] == ordered[:-1]).sum())
