"""What a training set must be beyond its contract: rules of its own columns, and no feature that is a label."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tables.spec import Rule, TableSpec

LEAK = 0.95
"""A feature whose correlation with a label is as strong as this, in either direction, is taken for the label itself."""
NUMBERS = ("double", "float", "int", "bigint")
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
    floats = [name for name, kind in columns if name.startswith(("f_", "label_")) and kind in ("double", "float")]
    found = [
        Rule(
            f"label_{name}_if_mature",
            f"(`state_{name}` <=> 'mature') <> (`label_{name}` IS NOT NULL)",
            f"label_{name} is there if and only if state_{name} is mature",
        )
        for name in labels
        if f"state_{name}" in names
    ]
    if floats:
        violation = " OR ".join(f"isnan(`{name}`) OR abs(`{name}`) = double('infinity')" for name in floats)
        found.append(Rule("numbers_are_finite", violation, "features and labels are finite numbers or null"))
    parts = " OR ".join(f"(split = '{name}') <> ({_within(span)})" for name, span in splits.items())
    return (*found, Rule("splits_follow_time", parts, "train, valid and test are the spans of the plan"))


def _within(span: Span) -> str:
    start, end = (f"TIMESTAMP'{moment:%Y-%m-%d %H:%M:%S}'" for moment in span)
    return f"as_of >= {start} AND as_of < {end}"


@dataclass(frozen=True)
class Leak:
    """A feature that tells a label; ``correlation`` is Pearson's, over rows where both are there."""

    feature: str
    label: str
    correlation: float


def leaks(frame: DataFrame) -> list[Leak]:
    """Features of a training set that correlate with a label so strongly that they must have been made from it.

    One Spark job. Features and labels that are constant correlate with nothing.

    Args:
        frame: grain: exposure_id.
    """
    numbers = [name for name, kind in frame.dtypes if kind in NUMBERS]
    features = [name for name in numbers if name.startswith("f_")]
    pairs = [(f, label) for label in numbers if label.startswith("label_") for f in features]
    if not pairs:
        return []
    row = frame.agg(*[F.corr(f"`{f}`", f"`{label}`").alias(f"{n}") for n, (f, label) in enumerate(pairs)]).first()
    assert row is not None
    found = [Leak(f, label, row[n]) for n, (f, label) in enumerate(pairs) if row[n] is not None]
    return [leak for leak in found if abs(leak.correlation) >= LEAK]
