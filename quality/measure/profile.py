"""The profile of a publication: what one fused pass over its rows counts, by day where its table has days.

Cheap on purpose: nulls are counted by ``COUNT(column)``, rules by sums of 0 and 1, the checksum by two sums of longs.
All of it stays inside one aggregate of simple expressions that Spark compiles as a whole. Sketches (estimates of how
many values differ) cannot be compiled so and would slow down all beside them: they read their few columns in a branch
of their own, in the same job.
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

IN_DRIVER = 24_000_000
"""Up to so many hashes of a grain are compared by the driver (8 bytes each, twice); more are dealt to the executors,
which costs several times as much CPU."""
UNDATED = "all"
"""Stands for the day of rows that have none."""
_HASH, _DAY = "_row_hash", "_day"
_SKETCH = "approx_"


@dataclass(frozen=True)
class Profile:
    """What was counted.

    Attributes:
        rows: of the publication.
        broken: rows that break each rule, by its name.
        content: rows and hash sum as text.
        days: measures of each day by ISO date (``rows`` and those of checks, by name); rows without a day, all those of
            a table without days among them, have the entry ``all``. None: the day has no value for it.
    """

    rows: int
    broken: Mapping[str, int]
    content: str
    days: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def day_column(spec: TableSpec) -> str | None:
    """The column by which a table's rows are profiled: its time, where that is a date."""
    kinds = {column.name: column.type for column in spec.columns}
    return spec.time if spec.time is not None and kinds[spec.time] == "date" else None


def profile(frame: DataFrame, spec: TableSpec) -> Profile:
    """Count everything in one Spark job. Grain in: that of the table."""
    measures = {f"measure:{c.name}": c.measure for c in spec.checks if isinstance(c, Bounded | Steady)}
    taken = {name: F.expr(sql).cast("double") for name, sql in measures.items()}
    sketched = {name for name in taken if _SKETCH in measures[name]}
    upper, lower = half_sums(_HASH)
    wanted = {"rows": F.count("*"), "upper": upper, "lower": lower, **_breaks(spec)}
    wanted |= {name: taken[name] for name in taken if name not in sketched}
    found = _by_day(frame.withColumn(_HASH, row_hash(frame, spec.audit)), spec, wanted)
    if sketched:
        apart = _by_day(frame, spec, {name: taken[name] for name in sketched})
        found = found.unionByName(apart, allowMissingColumns=True)
    return _sum_up(spec, _together([row.asDict() for row in found.collect()]))


def _by_day(frame: DataFrame, spec: TableSpec, wanted: Mapping[str, Column]) -> DataFrame:
    aggregates = [column.alias(name) for name, column in wanted.items()]
    day = day_column(spec)
    return frame.groupBy(F.col(day).alias(_DAY)).agg(*aggregates) if day else frame.agg(*aggregates)


def _together(parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What both branches found of a day."""
    days: dict[Any, dict[str, Any]] = {}
    for part in parts:
        days.setdefault(part.get(_DAY), {}).update({name: part[name] for name in part if part[name] is not None})
    return list(days.values())


def _breaks(spec: TableSpec) -> dict[str, Column]:
    """An aggregate for every rule; of a column that may not be null, how many are not."""
    known = {f"{c.name}_not_null": F.count(F.col(f"`{c.name}`")) for c in spec.columns if not c.nullable}
    return known | {rule.name: F.sum(F.when(F.expr(rule.violation), 1).otherwise(0)) for rule in spec.rules}


def _sum_up(spec: TableSpec, parts: list[dict[str, Any]]) -> Profile:
    rows = sum(part["rows"] for part in parts)
    total = sum(join_halves(part.get("upper", 0), part.get("lower", 0)) for part in parts)
    broken = {rule.name: sum(part.get(rule.name, 0) for part in parts) for rule in spec.all_rules()}
    measures = [check.name for check in spec.checks if isinstance(check, Bounded | Steady)]
    for column in spec.columns:
        if not column.nullable:
            broken[f"{column.name}_not_null"] = rows - broken[f"{column.name}_not_null"]
    days = {
        str(part.get(_DAY, UNDATED)): {"rows": part["rows"], **{n: part.get(f"measure:{n}") for n in measures}}
        for part in sorted(parts, key=lambda part: str(part.get(_DAY, "")))
    }
    return Profile(rows, broken, render(rows, total), days)


def repeats(frame: DataFrame, spec: TableSpec, rows: int) -> int:
    """Rows whose grain another row has: those beyond the first of each.

    Hashes of 64 bits are compared first; only where two are the same, which by chance alone one publication of twenty
    million rows in a hundred thousand has, are the columns themselves.
    """
    hashes = frame.select(F.xxhash64(*[F.col(f"`{name}`") for name in spec.grain]).alias("hash"))
    if rows <= IN_DRIVER:
        again = _repeated(hashes.toArrow()["hash"].to_numpy())
    else:
        again = hashes.groupBy("hash").count().where("count > 1").limit(1).count()
    if not again:
        return 0
    counted = frame.groupBy(*spec.grain).count().agg(F.coalesce(F.sum(F.col("count") - 1), F.lit(0)).alias("n")).first()
    assert counted is not None
    return int(counted["n"])


def _repeated(hashes: npt.NDArray[np.int64]) -> int:
    ordered = np.sort(hashes)
    return int((ordered[1:] == ordered[:-1]).sum())
