"""Checks of a training set beyond its contract: rules of its own columns, and columns that match their sources."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.measure.column_families import NUMERIC_TYPES
from tables.spec import RowRule, TableSpec

MAX_DIFFERENCE = 0.1
"""A column's count and mean may differ from its source's by this share."""
MIN_VALUES_FOR_COMPARISON = 200
"""Columns with fewer values in their source are not compared."""
TimeSpan = tuple[datetime, datetime]
"""``[start, end)``, UTC."""
ColumnStatistics = Mapping[str, tuple[int, float]]
"""Number of values and their mean, by column."""


def with_training_set_rules(
    spec: TableSpec, columns: Sequence[tuple[str, str]], splits: dict[str, TimeSpan]
) -> TableSpec:
    """Add the rules of a set's own columns and plan to its spec; see :func:`training_set_rules`."""
    return replace(spec, rules=(*spec.rules, *training_set_rules(columns, splits)))


def training_set_rules(columns: Sequence[tuple[str, str]], splits: dict[str, TimeSpan]) -> tuple[RowRule, ...]:
    """List the rules of a set's own columns and plan.

    Args:
        columns: names and types of the set's columns.
        splits: the span of each part of the split, by its name.
    """
    names = [name for name, _ in columns]
    labels = [name.removeprefix("label_") for name in names if name.startswith("label_")]
    label_rules = [
        RowRule(
            f"label_{name}_if_mature",
            f"(`state_{name}` <=> 'mature') <> (`label_{name}` IS NOT NULL)",
            f"label_{name} is present if and only if state_{name} is mature",
        )
        for name in labels
        if f"state_{name}" in names
    ]
    misplaced = " OR ".join(f"(split = '{name}') <> ({_span_condition(span)})" for name, span in splits.items())
    return (*label_rules, RowRule("splits_follow_time", misplaced, "train, valid and test are the spans of the plan"))


def _span_condition(span: TimeSpan) -> str:
    start, end = (f"TIMESTAMP'{moment:%Y-%m-%d %H:%M:%S}'" for moment in span)
    return f"as_of >= {start} AND as_of < {end}"


def compute_statistics(frame: DataFrame, names: Sequence[str]) -> ColumnStatistics:
    """Compute count and mean of numeric columns in one Spark job. Grain: exposure_id."""
    aggregates = [column for name in names for column in (F.count(f"`{name}`"), F.avg(f"`{name}`"))]
    row = frame.agg(*aggregates).first() if aggregates else None
    return {} if row is None else {name: (row[2 * n], row[2 * n + 1] or 0.0) for n, name in enumerate(names)}


def copied_columns(columns: Sequence[tuple[str, str]], source: Sequence[str]) -> list[str]:
    """List the columns that a set copies from a table: features, and the propensity.

    Args:
        columns: names and types of the set's columns.
        source: names of the table's columns.
    """
    return [
        name
        for name, kind in columns
        if name in source and kind in NUMERIC_TYPES and (name.startswith("f_") or name == "propensity")
    ]


def compute_label_statistics(
    values: DataFrame, refs: Mapping[str, str], span: TimeSpan, known_at: datetime
) -> ColumnStatistics:
    """Compute count and mean of the mature values that a set's labels come from, in one Spark job.

    Args:
        values: signal values. Grain: signal, anchor_id, revision.
        refs: pinned name (``name@version``) of each label, by its name.
        span: of the set; anchors outside do not count.
        known_at: its cut-off; later revisions do not count.
    """
    start, end = (F.lit(moment) for moment in span)
    mature = values.where(
        (F.col("state") == "mature") & (F.col("revision") == 0) & (F.col("t0") >= start) & (F.col("t0") < end)
    ).where((F.col("known_ts") <= F.lit(known_at)) & F.col("signal").isin(list(refs.values())))
    rows = mature.groupBy("signal").agg(F.count("value").alias("n"), F.avg("value").alias("mean")).collect()
    by_signal = {row["signal"]: (int(row["n"]), float(row["mean"])) for row in rows}
    return {f"label_{name}": by_signal.get(ref, (0, 0.0)) for name, ref in refs.items()}


def select_span(source: DataFrame, span: TimeSpan, known_at: datetime) -> DataFrame:
    """Select a set's exposures from a table: those within its span that were known at its cut-off."""
    start, end = (F.lit(moment) for moment in span)
    return source.where((F.col("as_of") >= start) & (F.col("as_of") < end) & (F.col("known_ts") <= F.lit(known_at)))


def describe_mismatches(of_set: ColumnStatistics, of_source: ColumnStatistics, source: str) -> list[str]:
    """Describe columns that do not match their source.

    A set contains every exposure of its span. So its labels and features have as many values as their sources, with
    the same mean, apart from the few that late facts revised.

    Args:
        of_set: statistics of the set's columns.
        of_source: statistics of the same columns in their source.
        source: what the source is called in the text.
    """
    mismatches = []
    for name, (source_count, source_mean) in of_source.items():
        count, mean = of_set.get(name, (0, 0.0))
        if source_count < MIN_VALUES_FOR_COMPARISON:
            continue
        if abs(count - source_count) > MAX_DIFFERENCE * source_count:
            mismatches.append(f"{name} has {count:,} values, its {source} has {source_count:,}")
        elif abs(mean - source_mean) > MAX_DIFFERENCE * max(abs(source_mean), 1e-9):
            mismatches.append(f"{name} has a mean of {mean:.4g}, its {source} of {source_mean:.4g}")
    return mismatches
