"""Checks of a table: of every row, of a day's rows, of a day beside earlier days, of rows beside other tables."""

from dataclasses import dataclass
from typing import Literal

GRAIN = "grain_is_unique"
"""Name of the check that every table has."""
Severity = Literal["error", "warning"]
"""What a failed check does: it blocks the publication, or it is told and kept."""


@dataclass(frozen=True)
class Rule:
    """A row-level check: rows for which the SQL condition ``violation`` is true fail it."""

    name: str
    violation: str
    message: str
    severity: Severity = "error"


@dataclass(frozen=True)
class Bounded:
    """A SQL aggregate of a day's rows (of all rows, where a table has no time) that lies in ``[low, high]``."""

    name: str
    measure: str
    message: str
    low: float | None = None
    high: float | None = None
    severity: Severity = "error"


@dataclass(frozen=True)
class Query:
    """A SQL query that gives one number in ``[low, high]``; ``{object}`` stands for the rows. A job of its own."""

    name: str
    query: str
    message: str
    low: float | None = None
    high: float | None = None
    severity: Severity = "error"


@dataclass(frozen=True)
class Steady:
    """A SQL aggregate that is as on the days, or in the publications, before.

    Attributes:
        name: of the check.
        measure: the aggregate.
        message: what it means when it is not.
        within: how far a day may always be from what is usual: as a share of it (0.5: up to 1.5 times as much, or as
            little), or by so much, as ``by`` says. Days that vary more by themselves may be as far as they vary.
        by: ``ratio`` or ``difference``.
        per: ``day``: each day beside earlier days; ``publication``: all its rows beside earlier publications, for what
            late rows say.
        severity: what a failure does.
    """

    name: str
    measure: str
    message: str
    within: float
    by: Literal["ratio", "difference"] = "ratio"
    per: Literal["day", "publication"] = "day"
    severity: Severity = "error"


Shape = Literal["repeats", "topShare", "familiar", "recurs", "mix"]


@dataclass(frozen=True)
class Sampled:
    """What a sample of a publication's rows looks like beside earlier publications.

    Attributes:
        name: of the check.
        shape: ``repeats`` (share of rows whose columns are those of another row), ``topShare`` (share of the most
            frequent value), ``familiar`` (share of rows whose value was there in earlier publications, to be large),
            ``recurs`` (the same, to be small) or ``mix`` (the share of rows that would have to change their value to be
            distributed as before).
        columns: whose values are looked at, together.
        message: what it means when the share is not as it was.
        within: how far the share may always be on the wrong side of what is usual.
        severity: what a failure does.
    """

    name: str
    shape: Shape
    columns: tuple[str, ...]
    message: str
    within: float
    severity: Severity = "error"


@dataclass(frozen=True)
class Reference:
    """Values of columns, null apart, that must be there in columns of another table, where it has been published."""

    name: str
    columns: tuple[str, ...]
    table: str
    keys: tuple[str, ...]
    message: str
    severity: Severity = "error"


@dataclass(frozen=True)
class Leak:
    """No column of a family of features correlates with one of a family of labels by more than ``within``."""

    name: str
    features: str
    labels: str
    message: str
    within: float
    severity: Severity = "error"


Check = Bounded | Query | Steady | Sampled | Reference | Leak


def describe(check: Check) -> str:
    """What a check looks at, in one line."""
    if isinstance(check, Steady):
        return f"{check.measure}, per {check.per}, within {check.within:g} ({check.by})"
    if isinstance(check, Sampled):
        return f"{check.shape}({', '.join(check.columns)}), within {check.within:g}"
    if isinstance(check, Reference):
        return f"{', '.join(check.columns)} in {check.table}.{', '.join(check.keys)}"
    if isinstance(check, Leak):
        return f"correlation of {check.features}* with {check.labels}*: at most {check.within:g}"
    bounds = " to ".join("" if bound is None else f"{bound:g}" for bound in (check.low, check.high))
    return f"{check.measure if isinstance(check, Bounded) else check.query}: {bounds}"
