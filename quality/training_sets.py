"""What a training set must be beyond its contract: rules of its own columns, and values that are their sources'."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.measure.column_families import NUMBERS
from tables.spec import Rule, TableSpec

APART, LEAST_VALUES = 0.1, 200
"""Columns may be so far from what they were made of, as a share; of fewer values nothing is told."""
Span = tuple[datetime, datetime]
"""``[start, end)``, UTC."""


def with_own_rules(spec: TableSpec, columns: Sequence[tuple[str, str]], splits: dict[str, Span]) -> TableSpec:
    """The set's spec with the rules that only this set's columns and plan tell; see :func:`rules_of`."""
    return replace(spec, rules=(*spec.rules, *rules_of(columns, splits)))


def rules_of(columns: Sequence[tuple[str, str]], splits: dict[str, Span]) -> tuple[Rule, ...]:
    """The rules that follow from a set's own columns and its plan.

    Args:
        columns: names and types of the set's columns.
        splits: the span of each part of the split, by its name.
    """
    names = [name for name, _ in columns]
    labels = [name.removeprefix("label_") for name in names if name.startswith("label_")]
    found = [
        Rule(
            f"label_{name}_if_mature",
            f"(`state_{name}` <=> 'mature') <> (`label_{name}` IS NOT NULL)",
            f"label_{name} is there if and only if state_{name} is mature",
        )
        for name in labels
        if f"state_{name}" in names
    ]
    parts = " OR ".join(f"(split = '{name}') <> ({_within(span)})" for name, span in splits.items())
    return (*found, Rule("splits_follow_time", parts, "train, valid and test are the spans of the plan"))


def _within(span: Span) -> str:
    start, end = (f"TIMESTAMP'{moment:%Y-%m-%d %H:%M:%S}'" for moment in span)
    return f"as_of >= {start} AND as_of < {end}"


Told = Mapping[str, tuple[int, float]]
"""How many values a column has, and their mean, by its name."""


def told_by(frame: DataFrame, names: Sequence[str]) -> Told:
    """Count and mean of numeric columns. One Spark job. Grain: exposure_id."""
    wanted = [column for name in names for column in (F.count(f"`{name}`"), F.avg(f"`{name}`"))]
    row = frame.agg(*wanted).first() if wanted else None
    return {} if row is None else {name: (row[2 * n], row[2 * n + 1] or 0.0) for n, name in enumerate(names)}


def carried(columns: Sequence[tuple[str, str]], source: Sequence[str]) -> list[str]:
    """The columns of a set that it takes over from a table as they are: features, and the propensity.

    Args:
        columns: names and types of the set's.
        source: names of the table's.
    """
    return [
        name
        for name, kind in columns
        if name in source and kind in NUMBERS and (name.startswith("f_") or name == "propensity")
    ]


def told_by_signals(values: DataFrame, refs: Mapping[str, str], span: Span, known_at: datetime) -> Told:
    """Count and mean of the mature values of signals that are anchored in a set's span, by column. One Spark job.

    Args:
        values: signal values. Grain: signal, anchor_id, revision.
        refs: pinned name (``name@version``) of each label, by its name.
        span: of the set.
        known_at: its cut-off; later revisions are left out.
    """
    start, end = (F.lit(moment) for moment in span)
    mature = values.where(
        (F.col("state") == "mature") & (F.col("revision") == 0) & (F.col("t0") >= start) & (F.col("t0") < end)
    ).where((F.col("known_ts") <= F.lit(known_at)) & F.col("signal").isin(list(refs.values())))
    rows = mature.groupBy("signal").agg(F.count("value").alias("n"), F.avg("value").alias("mean")).collect()
    found = {row["signal"]: (int(row["n"]), float(row["mean"])) for row in rows}
    return {f"label_{name}": found.get(ref, (0, 0.0)) for name, ref in refs.items()}


def of_span(source: DataFrame, span: Span, known_at: datetime) -> DataFrame:
    """The rows of a table by exposure whose exposures belong to a set: of its span, and known at its cut-off."""
    start, end = (F.lit(moment) for moment in span)
    return source.where((F.col("as_of") >= start) & (F.col("as_of") < end) & (F.col("known_ts") <= F.lit(known_at)))


def strays(of_set: Told, of_source: Told, source: str) -> list[str]:
    """Columns that are not what they were made of, in words.

    A set holds every exposure of its span, so its labels and features are the values that signals and features have
    there: as many, and as large in the mean, but for a few that late facts revised.

    Args:
        of_set: the set's columns.
        of_source: the same, where they come from.
        source: what that is, in a word.
    """
    said = []
    for name, (n, mean) in of_source.items():
        count, found = of_set.get(name, (0, 0.0))
        if n < LEAST_VALUES:
            continue
        if abs(count - n) > APART * n:
            said.append(f"{name} has {count:,} values, its {source} {n:,}")
        elif abs(found - mean) > APART * max(abs(mean), 1e-9):
            said.append(f"{name} is {found:.4g} in the mean, its {source} {mean:.4g}")
    return said
