"""Calls of functions and aggregates in expressions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from longplay.definitions import sql_literals as literals
from longplay.definitions.sql_functions import AGGREGATES, FUNCTIONS, SqlFunction
from longplay.definitions.sql_literals import MAX_CHARACTERS
from longplay.definitions.sql_parser import ExpressionProblem
from longplay.definitions.sql_parts import Compiled, Scope, Walk, as_identifier, join, source_of, why_not
from longplay.errors import nearest

EXACT = "DECIMAL(28, 9)"
"""Type of sums, which a sum of doubles would not be: it depends on the order of rows."""
_ENTROPY = (
    "CASE WHEN size({v}) > 0 THEN ln(size({v})) - aggregate(transform(array_sort(array_distinct({v})), "
    "v -> size(filter({v}, x -> x = v))), 0D, (s, c) -> s + c * ln(c)) / size({v}) END"
)
"""``ln n - sum over values of c ln(c) / n``, from the list of values that are not null."""


def call(scope: Scope, node: exp.Anonymous, walk: Walk) -> Compiled:
    """A call of a function or an aggregate of the tables."""
    name = node.this.lower() if isinstance(node.this, str) else ""
    if name in AGGREGATES and scope.types is not None:
        return _aggregate(scope, name, node, walk)
    if name == "size":
        return _size(scope, node, walk)
    function = FUNCTIONS.get(name)
    if function is None:
        names = [*FUNCTIONS, *(AGGREGATES if scope.guard else ())]
        raise ExpressionProblem(
            f"the function '{source_of(node).split('(')[0].lower()}' is not allowed: {nearest(name, names)}"
        )
    values = _arguments(scope, name, function, [walk(argument) for argument in node.expressions])
    if function.result is None:
        values, kind = scope.agree(values, name)
    else:
        kind = function.result
    _check_constants(name, [value.literal for value in values])
    sql = [value.sql for value in values]
    return join(function.form.format(*sql) if function.form else f"{name}({', '.join(sql)})", kind, values)


def _arguments(scope: Scope, name: str, function: SqlFunction, values: list[Compiled]) -> list[Compiled]:
    low, high = len(function.arguments) - function.optional, len(function.arguments)
    if not values:
        raise ExpressionProblem(f"'{name}' needs an argument")
    if len(values) < low or (len(values) > high and not function.variadic):
        raise ExpressionProblem(
            f"'{name}' takes {low if low == high else f'{low} or {high}'} arguments, not {len(values)}"
        )
    for place in function.constant:
        if place < len(values) and values[place].literal is None:
            raise ExpressionProblem(f"argument {place + 1} of {name} must be a literal, not '{values[place].source}'")
    return [scope.expect(value, function.argument(place) or "any", name) for place, value in enumerate(values)]


def _check_constants(name: str, values: Sequence[Any]) -> None:
    """Check literals that would end the job, or fill the memory, when Spark meets them."""
    if name in ("left", "right", "lpad", "rpad", "substring"):
        for value in (value for value in values[1:3] if isinstance(value, float)):
            literals.check_whole_number(value, -MAX_CHARACTERS, MAX_CHARACTERS, f"the length of {name}")
    if name == "round" and len(values) > 1:
        literals.check_whole_number(values[1], 0, 9, "the digits of round")
    if name == "width_bucket":
        literals.check_whole_number(values[3], 1, 1_000_000, "the number of buckets")
    if name == "split_part":
        literals.check_whole_number(abs(values[2]), 1, MAX_CHARACTERS, "the part of split_part, counted from 1,")
    if name in ("regexp_extract", "regexp_replace"):
        groups = literals.check_pattern(str(values[1]))
        if name == "regexp_replace":
            literals.check_replacement(str(values[2]), groups)
        else:
            literals.check_whole_number(values[2] if len(values) > 2 else 1.0, 0, groups, "the group of regexp_extract")


def _size(scope: Scope, node: exp.Anonymous, walk: Walk) -> Compiled:
    inner = node.expressions[0] if len(node.expressions) == 1 else None
    if scope.guard is None or not isinstance(inner, exp.Anonymous) or str(inner.this).lower() != "collect_set":
        raise ExpressionProblem("'size' counts a set: write size(collect_set(x))")
    values = walk(inner)
    return replace(values, sql=f"size({values.sql})", kind="number")


def _aggregate(scope: Scope, name: str, node: exp.Anonymous, walk: Walk) -> Compiled:
    if scope.guard is None:
        raise ExpressionProblem(
            f"'{name}' is an aggregate, but a filter tests one fact at a time: move it into the measure"
        )
    guard = as_identifier(scope.guard)
    if name == "count" and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Star):
        return Compiled(f"count(*) FILTER (WHERE {guard})", "number", aggregates=(name,))
    for argument in node.expressions:
        if type(argument) in (exp.Distinct, exp.Order):
            raise ExpressionProblem(why_not(argument))
    [value] = _arguments(scope, name, AGGREGATES[name], [walk(argument) for argument in node.expressions])
    if value.aggregates:
        raise ExpressionProblem(f"'{value.aggregates[0]}' is inside '{name}': aggregates cannot be nested")
    if name == "collect_set" and not _is_sized(node):
        raise ExpressionProblem("collect_set returns a set, but a value is a number: write size(collect_set(x))")
    kind = AGGREGATES[name].result or value.kind
    return Compiled(_aggregate_sql(name, value.sql, guard), kind, aggregates=(name,))


def _is_sized(node: exp.Anonymous) -> bool:
    return isinstance(node.parent, exp.Anonymous) and str(node.parent.this).lower() == "size"


def _aggregate_sql(name: str, value: str, guard: str) -> str:
    rows = f"FILTER (WHERE {guard})"
    total = f"CAST(sum(TRY_CAST({value} AS {EXACT})) {rows} AS DOUBLE)"
    if name == "sum":
        return total
    if name == "avg":
        return f"try_divide({total}, count({value}) {rows})"
    if name == "count_if":  # Sail ignores FILTER after count_if
        return f"count(CASE WHEN {value} THEN 1 END) {rows}"
    if name == "entropy":
        return _ENTROPY.format(v=f"collect_list({value}) {rows}")
    return f"{name}({value}) {rows}"
