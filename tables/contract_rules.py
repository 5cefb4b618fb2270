"""The quality rules of a contract, as the Open Data Contract Standard writes them, and the checks that they are.

A rule of type ``sql`` counts rows that break it, takes an aggregate, or asks a whole query; one of type ``custom`` for
the engine ``longplay`` is held against earlier publications, or against another table.
"""

import re
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from longplay.config.strict_model import KeyedError, StrictModel
from tables.checks import Bounded, Check, Leak, Query, Reference, Rule, Sampled, Severity, Shape, Steady

_ROWS, _FROM = "SELECT COUNT(*) FROM {object} WHERE ", " FROM {object}"
_AGGREGATE = re.compile(r"SELECT (?P<measure>.+) FROM \{object\}", re.IGNORECASE | re.DOTALL)


class Part(StrictModel):
    """A part of a contract: keys as the standard spells them."""

    model_config = ConfigDict(alias_generator=to_camel)


class _Quality(Part):
    """What every rule has."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = Field(min_length=3)
    severity: Severity = "error"


class SqlQuality(_Quality):
    """A query over the rows, ``{object}``, whose number must be 0, or lie in bounds."""

    type: Literal["sql"]
    query: str
    must_be: Literal[0] | None = None
    must_be_between: tuple[float, float] | None = None
    must_be_greater_or_equal_to: float | None = None
    must_be_less_or_equal_to: float | None = None

    @field_validator("query")
    @classmethod
    def _asks_the_rows(cls, query: str) -> str:
        if "{object}" not in query or not query.upper().startswith("SELECT "):
            raise ValueError("a query begins with SELECT and reads {object}")
        return query

    @model_validator(mode="after")
    def _has_one_bound(self) -> "SqlQuality":
        bounds = ("must_be", "must_be_between", "must_be_greater_or_equal_to", "must_be_less_or_equal_to")
        if sum(getattr(self, bound) is not None for bound in bounds) != 1:
            raise KeyedError("mustBe", f"one of {', '.join(map(to_camel, bounds))} is there")
        if self.query.startswith(_ROWS) and self.must_be is None:
            raise KeyedError("mustBe", "rows that break a rule must be 0")
        return self

    def check(self) -> Rule | Check:
        """The check of the gate."""
        if self.query.startswith(_ROWS):
            return Rule(self.name, self.query.removeprefix(_ROWS), self.description, self.severity)
        low, high = self.must_be_between or (self.must_be_greater_or_equal_to, self.must_be_less_or_equal_to)
        low, high = (0.0, 0.0) if self.must_be is not None else (low, high)
        found = _AGGREGATE.fullmatch(self.query)
        if found is not None and "SELECT" not in found["measure"].upper():
            return Bounded(self.name, found["measure"], self.description, low, high, self.severity)
        return Query(self.name, self.query, self.description, low, high, self.severity)


class Against(Part):
    """What a rule is held against; ``measure``, ``shape``, ``references`` or ``features`` says what kind it is.

    Attributes:
        measure: an aggregate in SQL of a day's rows that is as on the days before.
        by: what ``within`` is of it: ``ratio`` or ``difference``.
        per: ``day``, or ``publication``: all its rows beside earlier publications.
        shape: what a sample is looked at for: ``repeats``, ``topShare``, ``familiar``, ``recurs`` or ``mix``.
        columns: columns (for shapes: SQL over columns) whose values are looked at, together.
        within: how far it may always be from what is usual.
        features: prefix of columns none of which is a label.
        labels: prefix of the labels; ``within`` is the largest correlation.
        references: ``table.column``, as many as ``columns``: values that must be there.
    """

    measure: str | None = None
    by: Literal["ratio", "difference"] = "ratio"
    per: Literal["day", "publication"] = "day"
    shape: Shape | None = None
    columns: tuple[str, ...] = ()
    within: float | None = Field(default=None, gt=0)
    references: tuple[str, ...] = ()
    features: str | None = None
    labels: str | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Against":
        if sum(map(bool, (self.measure, self.shape, self.references, self.features))) != 1:
            raise ValueError("one of measure, shape, references, features is there")
        if bool(self.features) != bool(self.labels):
            raise KeyedError("labels", "features are held against labels: name both prefixes")
        if (self.within is None) != bool(self.references):
            raise KeyedError("within", "all but references need it, references have none")
        if bool(self.columns) != bool(self.shape or self.references):
            raise KeyedError("columns", "a shape and references need them, nothing else has any")
        if self.references:
            self._refer()
        return self

    def _refer(self) -> None:
        tables = {name.partition(".")[0] for name in self.references}
        if len(tables) != 1 or len(self.references) != len(self.columns) or not all("." in r for r in self.references):
            raise KeyedError("references", "one table.column for each of the columns, all of one table")


class CustomQuality(_Quality):
    """A rule that the standard has no word for."""

    type: Literal["custom"]
    engine: Literal["longplay"]
    implementation: Against

    def check(self) -> Check:
        """The check of the gate."""
        of = self.implementation
        if of.references:
            keys = tuple(name.partition(".")[2] for name in of.references)
            table = of.references[0].partition(".")[0]
            return Reference(self.name, of.columns, table, keys, self.description, self.severity)
        within = of.within or 0.0
        if of.measure is not None:
            return Steady(self.name, of.measure, self.description, within, of.by, of.per, self.severity)
        if of.features is not None and of.labels is not None:
            return Leak(self.name, of.features, of.labels, self.description, within, self.severity)
        assert of.shape is not None
        return Sampled(self.name, of.shape, of.columns, self.description, within, self.severity)


def quality_of(check: Rule | Check) -> dict[str, Any]:
    """A check as a contract writes it."""
    head = {"name": check.name, "type": "sql", "description": check.message, "severity": check.severity}
    if isinstance(check, Rule):
        return head | {"query": _ROWS + check.violation, "mustBe": 0}
    if isinstance(check, Bounded):
        return head | {"query": f"SELECT {check.measure}{_FROM}"} | _bounds(check)
    if isinstance(check, Query):
        return head | {"query": check.query} | _bounds(check)
    return head | {"type": "custom", "engine": "longplay", "implementation": _against(check)}


def _bounds(check: Bounded | Query) -> dict[str, Any]:
    if check.low == check.high == 0:
        return {"mustBe": 0}
    if check.low is not None and check.high is not None:
        return {"mustBeBetween": [check.low, check.high]}
    if check.low is not None:
        return {"mustBeGreaterOrEqualTo": check.low}
    return {"mustBeLessOrEqualTo": check.high}


def _against(check: Steady | Sampled | Reference | Leak) -> dict[str, Any]:
    if isinstance(check, Steady):
        by = {} if check.by == "ratio" else {"by": check.by}
        per = {} if check.per == "day" else {"per": check.per}
        return {"measure": check.measure, "within": check.within} | by | per
    if isinstance(check, Sampled):
        return {"shape": check.shape, "columns": list(check.columns), "within": check.within}
    if isinstance(check, Leak):
        return {"features": check.features, "labels": check.labels, "within": check.within}
    return {"columns": list(check.columns), "references": [f"{check.table}.{key}" for key in check.keys]}
