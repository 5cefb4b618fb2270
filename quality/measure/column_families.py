"""Checks of column families: columns that no contract can name, such as features, which share a prefix.

A contract lists the prefixes (``families``). Their numbers must be finite, and each feature must be close to its
baseline: a shifted mean or spread warns, a shifted share of nulls blocks.
"""

from collections.abc import Sequence
from dataclasses import replace

from tables.checks import Check, RowRule, Steady
from tables.spec import TableSpec

FINITE_RULE = "numbers_are_finite"
FLOAT_TYPES, NUMERIC_TYPES = ("double", "float"), ("double", "float", "int", "bigint")
MAX_RATIO_CHANGE, MAX_NULL_SHARE_CHANGE = 1.5, 0.25
"""A mean or spread may be up to 2.5 times its baseline, or as little; a share of nulls may differ by a quarter."""


def with_families(spec: TableSpec, columns: Sequence[tuple[str, str]]) -> TableSpec:
    """Add the checks of a table's column families to its spec.

    Args:
        spec: of the table.
        columns: names and types of the columns of its rows.
    """
    members = [(name, kind) for name, kind in columns if name.startswith(spec.families or ("\0",))]
    floats = [name for name, kind in members if kind in FLOAT_TYPES]
    rules = (*spec.rules, finite_rule(floats)) if floats else spec.rules
    # A table without days has no earlier days to compare with.
    is_dated = bool(spec.time)
    features = [name for name, kind in members if is_dated and kind in NUMERIC_TYPES and name.startswith("f_")]
    steady_checks = (check for name in features for check in feature_checks(name))
    return replace(spec, rules=rules, checks=(*spec.checks, *steady_checks))


def finite_rule(columns: Sequence[str]) -> RowRule:
    """The rule that numbers are finite or null."""
    violation = " OR ".join(f"isnan(`{name}`) OR abs(`{name}`) = double('infinity')" for name in columns)
    return RowRule(FINITE_RULE, violation, "numbers are finite or null")


def feature_checks(column: str) -> tuple[Check, ...]:
    """The checks that a feature is close to its baseline."""
    values = f"COUNT(`{column}`) / COUNT(*)"
    max_ratio, max_nulls = MAX_RATIO_CHANGE, MAX_NULL_SHARE_CHANGE
    return (
        Steady(
            f"{column}_mean", f"AVG(`{column}`)", f"the mean of {column} is as usual", max_ratio, severity="warning"
        ),
        Steady(f"{column}_spread", f"STDDEV(`{column}`)", f"{column} varies as usual", max_ratio, severity="warning"),
        Steady(f"{column}_null_share", f"1 - {values}", f"{column} is null as often as usual", max_nulls, "difference"),
        # A sparse feature can lose all of its values with hardly more nulls.
        Steady(f"{column}_known_share", values, f"{column} is known as often as usual", max_ratio, severity="warning"),
    )
