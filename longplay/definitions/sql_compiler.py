"""Writes the Spark SQL of an expression from its tree: what is not handled here is not allowed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from longplay.definitions import sql_operators as operators
from longplay.definitions.sql_calls import call
from longplay.definitions.sql_parser import ExpressionProblem, parse_expression
from longplay.definitions.sql_parts import Compiled, Scope, Walk, why_not


def columns_in(text: str) -> frozenset[str]:
    """The columns that an expression names."""
    return frozenset(column.name for column in parse_expression(text).find_all(exp.Column))


def compile_expression(text: str, scope: Scope) -> Compiled:
    """Check an expression and write its Spark SQL.

    Raises:
        ExpressionProblem: for one that is not allowed.
    """

    def walk(node: exp.Expression) -> Compiled:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise ExpressionProblem(why_not(node))
        return replace(handler(scope, node, walk), node=node)

    return walk(parse_expression(text))


def require_measure(value: Compiled, text: str) -> Compiled:
    """Check that an expression is a number made of aggregates alone; gives it back.

    Raises:
        ExpressionProblem: when it is not.
    """
    if not value.aggregates:
        raise ExpressionProblem(
            f"'{text}' has no aggregate: use sum(...), count(*), max(...) or similar over the facts in the window"
        )
    if value.loose:
        raise ExpressionProblem(
            f"the column '{value.loose}' is outside an aggregate: aggregate it, such as max({value.loose})"
        )
    if value.kind not in ("number", "boolean", "any"):
        raise ExpressionProblem(f"a value must be a number, but '{text}' is of type {value.kind}")
    return value


def require_condition(value: Compiled, text: str) -> Compiled:
    """Check that an expression is a condition; gives it back.

    Raises:
        ExpressionProblem: when it is not.
    """
    if value.kind not in ("boolean", "any") or value.literal is not None:
        raise ExpressionProblem(f"a filter must be a boolean, but '{text}' is of type {value.kind}")
    return value


_HANDLERS: Mapping[type[exp.Expression], Callable[[Scope, Any, Walk], Compiled]] = {
    exp.Paren: operators.paren,
    exp.Literal: operators.literal,
    exp.RawString: operators.raw_text,
    exp.Concat: operators.adjacent_texts,
    exp.Boolean: operators.boolean,
    exp.Null: operators.null,
    exp.Column: operators.column,
    exp.And: operators.logic,
    exp.Or: operators.logic,
    exp.Not: operators.not_,
    **dict.fromkeys(operators.COMPARISONS, operators.comparison),
    exp.Between: operators.between,
    exp.In: operators.in_,
    exp.Is: operators.is_,
    **dict.fromkeys((exp.Like, exp.ILike, exp.RegexpLike), operators.like),
    **dict.fromkeys(operators.FORGIVING, operators.arithmetic),
    exp.Neg: operators.negative,
    exp.DPipe: operators.joined_texts,
    exp.Interval: operators.interval,
    exp.Case: operators.case,
    exp.If: operators.if_,
    exp.Cast: operators.cast,
    exp.TryCast: operators.cast,
    exp.Anonymous: call,
}
"""All kinds of nodes that an expression may have."""
