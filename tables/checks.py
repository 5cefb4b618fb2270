"""The checks of a table: its rows, its days, changes from earlier days or publications, and other tables."""

from dataclasses import dataclass
from typing import Literal

GRAIN = "grain_is_unique"
"""Name of the check that every table has."""
Severity = Literal["error", "warning"]
"""What a failed check does: block the publication, or warn."""


@dataclass(frozen=True)
class RowRule:
    """A row-level check: rows for which the SQL condition ``violation`` is true fail it."""

    name: str
    violation: str
    message: str
    severity: Severity = "error"


@dataclass(frozen=True)
class Bounded:
    """An SQL aggregate that must lie in ``[low, high]``: of a day's rows, or of all rows if the table has no time."""

    name: str
    measure: str
    message: str
    low: float | None = None
    high: float | None = None
    severity: Severity = "error"


@dataclass(frozen=True)
class Query:
    """An SQL query whose one number must lie in ``[low, high]``; ``{object}`` is the rows. Costs a Spark job."""

    name: str
    query: str
    message: str
    low: float | None = None
    high: float | None = None
    severity: Severity = "error"


@dataclass(frozen=True)
class Steady:
    """An SQL aggregate that must stay near its baseline: earlier days, or earlier publications.

    Attributes:
        name: of the check.
        measure: the aggregate.
        message: what a failure means.
        within: allowed distance from the baseline. If earlier values vary more than that, so may this one.
        by: ``ratio``: ``within`` 0.5 allows the baseline times 1.5, and divided by 1.5; ``difference``: ``within`` is
            added and subtracted.
        per: ``day``: each day against earlier days; ``publication``: all rows of a publication against earlier ones,
            for measures of late rows.
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
    """A share, taken from a sample of a publication's rows, that must stay near that of earlier publications.

    Attributes:
        name: of the check.
        shape: ``repeats`` (share of rows whose values another row has too), ``topShare`` (share of the most frequent
            value), ``familiar`` (share of rows whose value occurred in earlier publications; should be large),
            ``recurs`` (the same; should be small) or ``mix`` (share of rows that would have to change their value to
            be distributed as before).
        columns: the columns whose values are taken, together.
        message: what a failure means.
        within: allowed distance from the baseline, on the side that is a fault.
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
    """Non-null values of columns must occur in columns of another table, if that table is published."""

    name: str
    columns: tuple[str, ...]
    table: str
    keys: tuple[str, ...]
    message: str
    severity: Severity = "error"


@dataclass(frozen=True)
class Leak:
    """No feature of a family may correlate more than ``within`` with a label of a family."""

    name: str
    features: str
    labels: str
    message: str
    within: float
    severity: Severity = "error"


Check = Bounded | Query | Steady | Sampled | Reference | Leak


def describe(check: Check) -> str:
    """What a check measures, in one line."""
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
