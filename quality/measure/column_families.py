"""Checks of columns that no contract can name: features and whatever else a builder adds under a prefix of its table.

A contract lists the prefixes (``families``). Their numbers are finite, and each feature is as on the days before:
another mean or spread is told, another share of nulls blocks.
"""

from collections.abc import Sequence
from dataclasses import replace

from tables.checks import Check, Rule, Steady
from tables.spec import TableSpec

FINITE = "numbers_are_finite"
FLOATS, NUMBERS = ("double", "float"), ("double", "float", "int", "bigint")
WITHIN, NULLS = 1.5, 0.25
"""A mean or a spread may be up to 2.5 times what is usual, or as little; a share of nulls so much more or less."""


def with_families(spec: TableSpec, columns: Sequence[tuple[str, str]]) -> TableSpec:
    """The spec with the checks that follow from the columns that are there.

    Args:
        spec: of the table.
        columns: names and types of the columns of its rows.
    """
    own = [(name, kind) for name, kind in columns if name.startswith(spec.families or ("\0",))]
    floats = [name for name, kind in own if kind in FLOATS]
    rules = (*spec.rules, finite(floats)) if floats else spec.rules
    # A table without days has no earlier ones to be held against.
    features = [name for name, kind in own if kind in NUMBERS and name.startswith("f_")] if spec.time else []
    return replace(spec, rules=rules, checks=(*spec.checks, *(check for name in features for check in steady(name))))


def finite(columns: Sequence[str]) -> Rule:
    """That numbers are numbers, or null."""
    violation = " OR ".join(f"isnan(`{name}`) OR abs(`{name}`) = double('infinity')" for name in columns)
    return Rule(FINITE, violation, "numbers are finite or null")


def steady(column: str) -> tuple[Check, ...]:
    """That a feature is as on the days before."""
    known = f"COUNT(`{column}`) / COUNT(*)"
    return (
        Steady(f"{column}_mean", f"AVG(`{column}`)", f"the mean of {column} is as usual", WITHIN, severity="warning"),
        Steady(f"{column}_spread", f"STDDEV(`{column}`)", f"{column} varies as usual", WITHIN, severity="warning"),
        Steady(f"{column}_null_share", f"1 - {known}", f"{column} is null as often as usual", NULLS, "difference"),
        # Of a feature that few rows have, nearly as many are null when all are.
        Steady(f"{column}_known_share", known, f"{column} is known as often as usual", WITHIN, severity="warning"),
    )
