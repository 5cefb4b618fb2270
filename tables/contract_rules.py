"""The quality rules of a contract, as the Open Data Contract Standard writes them, and the checks they stand for.

A rule of type ``sql`` counts rows that break it, computes an aggregate, or runs a query. A rule of type ``custom`` for
the engine ``longplay`` is compared with earlier publications or with another table.
"""

import re
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from longplay.config.strict_model import KeyedError, StrictModel
from tables.checks import Bounded, Check, Leak, Query, Reference, RowRule, Sampled, Severity, Shape, Steady

_ROWS, _FROM = "SELECT COUNT(*) FROM {object} WHERE ", " FROM {object}"
_AGGREGATE = re.compile(r"SELECT (?P<measure>.+) FROM \{object\}", re.IGNORECASE | re.DOTALL)


class ContractPart(StrictModel):
    """A part of a contract, with keys spelled as in the standard."""

    model_config = ConfigDict(alias_generator=to_camel)


class _QualityRule(ContractPart):
    """What all rules share."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = Field(min_length=3)
    severity: Severity = "error"


class SqlQuality(_QualityRule):
    """A query over the rows, ``{object}``, whose number must be 0 or lie within bounds."""

    type: Literal["sql"]
    query: str
    must_be: Literal[0] | None = None
    must_be_between: tuple[float, float] | None = None
    must_be_greater_or_equal_to: float | None = None
    must_be_less_or_equal_to: float | None = None

    @field_validator("query")
    @classmethod
    def _check_query(cls, query: str) -> str:
        if "{object}" not in query or not query.upper().startswith("SELECT "):
            raise ValueError("a query must begin with SELECT and read {object}")
        return query

    @model_validator(mode="after")
    def _check_bounds(self) -> "SqlQuality":
        bounds = ("must_be", "must_be_between", "must_be_greater_or_equal_to", "must_be_less_or_equal_to")
        if sum(getattr(self, bound) is not None for bound in bounds) != 1:
            raise KeyedError("mustBe", f"give exactly one of {', '.join(map(to_camel, bounds))}")
        if self.query.startswith(_ROWS) and self.must_be is None:
            raise KeyedError("mustBe", "a query that counts rows that break a rule needs mustBe: 0")
        return self

    def check(self) -> RowRule | Check:
        """The check of the gate."""
        if self.query.startswith(_ROWS):
            return RowRule(self.name, self.query.removeprefix(_ROWS), self.description, self.severity)
        low, high = self.must_be_between or (self.must_be_greater_or_equal_to, self.must_be_less_or_equal_to)
        low, high = (0.0, 0.0) if self.must_be is not None else (low, high)
        aggregate = _AGGREGATE.fullmatch(self.query)
        if aggregate is not None and "SELECT" not in aggregate["measure"].upper():
            return Bounded(self.name, aggregate["measure"], self.description, low, high, self.severity)
        return Query(self.name, self.query, self.description, low, high, self.severity)


class CustomCheck(ContractPart):
    """What a rule compares; ``measure``, ``shape``, ``references`` or ``features`` decides its kind.

    Attributes:
        measure: an SQL aggregate that must stay near its baseline.
        by: whether ``within`` is a ``ratio`` or a ``difference``.
        per: ``day``, or ``publication``: all its rows against earlier publications.
        shape: the share taken from a sample: ``repeats``, ``topShare``, ``familiar``, ``recurs`` or ``mix``.
        columns: columns (for shapes: SQL over columns) whose values are taken, together.
        within: allowed distance from the baseline.
        features: prefix of the feature columns.
        labels: prefix of the label columns; ``within`` is the largest allowed correlation.
        references: ``table.column`` for each of ``columns``: where its values must occur.
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
    def _check_kind(self) -> "CustomCheck":
        if sum(map(bool, (self.measure, self.shape, self.references, self.features))) != 1:
            raise ValueError("give exactly one of measure, shape, references, features")
        if bool(self.features) != bool(self.labels):
            raise KeyedError("labels", "features are compared with labels: give both prefixes")
        if (self.within is None) != bool(self.references):
            raise KeyedError("within", "references take none; all other kinds need it")
        if bool(self.columns) != bool(self.shape or self.references):
            raise KeyedError("columns", "only shape and references take columns, and both need them")
        if self.references:
            self._check_references()
        return self

    def _check_references(self) -> None:
        tables = {name.partition(".")[0] for name in self.references}
        if len(tables) != 1 or len(self.references) != len(self.columns) or not all("." in r for r in self.references):
            raise KeyedError("references", "give one table.column for each of the columns, all of one table")


class CustomQuality(_QualityRule):
    """A rule that the standard cannot express."""

    type: Literal["custom"]
    engine: Literal["longplay"]
    implementation: CustomCheck

    def check(self) -> Check:
        """The check of the gate."""
        config = self.implementation
        if config.references:
            keys = tuple(name.partition(".")[2] for name in config.references)
            table = config.references[0].partition(".")[0]
            return Reference(self.name, config.columns, table, keys, self.description, self.severity)
        within = config.within or 0.0
        if config.measure is not None:
            return Steady(self.name, config.measure, self.description, within, config.by, config.per, self.severity)
        if config.features is not None and config.labels is not None:
            return Leak(self.name, config.features, config.labels, self.description, within, self.severity)
        assert config.shape is not None
        return Sampled(self.name, config.shape, config.columns, self.description, within, self.severity)


def quality_of(check: RowRule | Check) -> dict[str, Any]:
    """A check in the form of a contract."""
    head = {"name": check.name, "type": "sql", "description": check.message, "severity": check.severity}
    if isinstance(check, RowRule):
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
