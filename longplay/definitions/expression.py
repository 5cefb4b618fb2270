"""Checks the Spark SQL in a definition before any data is read, and without Spark.

sqlglot parses the expression in Spark's dialect. Only a subset of Spark SQL is allowed, so that the same facts always
give the same value: nothing may depend on the order of rows, the clock, chance or another table.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from longplay.errors import nearest

if TYPE_CHECKING:
    from sqlglot import exp

COLUMNS: Mapping[str, str] = {
    "item_id": "string",
    "topic": "string",
    "kind": "string",
    "surface": "string",
    "event_ts": "timestamp",
    "event_day": "date",
    "amount": "double",
    "is_consumption": "boolean",
    "is_click": "boolean",
    "is_negative": "boolean",
    "t0": "timestamp",
    "day": "int",
    "elapsed_s": "double",
    "same_item": "boolean",
    "episode": "string",
    "season": "string",
    "season_episodes": "int",
    "is_release": "boolean",
    "release_s": "double",
    "since_release_s": "double",
}
"""Columns that an expression may read, with their types.

Besides the fact's own columns: the anchor's time ``t0``, the fact's UTC day counted from the anchor's (``day``),
seconds since ``t0`` (``elapsed_s``) and whether the fact is about the anchor's item (``same_item``). The last six
describe episodes: the fact's episode, its season, the number of episodes in the season, whether the fact is the release
itself, seconds from ``t0`` to the release, and seconds from the release to the fact.
"""
EPISODE_COLUMNS = ("episode", "season", "season_episodes", "is_release", "release_s", "since_release_s")
"""Columns that require ``needs.episodes``."""
AGGREGATES = ("count", "count_if", "sum", "avg", "min", "max", "bool_or", "bool_and", "collect_set", "entropy")
FUNCTIONS = (
    "abs", "ceil", "coalesce", "date_diff", "datediff", "dayofweek", "exp", "floor", "greatest", "hour", "if", "least",
    "ln", "lower", "nullif", "pow", "power", "round", "sign", "size", "sqrt", "unix_seconds", "unix_timestamp", "upper",
    "weekday", "width_bucket",
)  # fmt: skip
"""Deterministic functions of a row or of aggregates."""
ROW_FUNCTIONS = (
    "cast", "concat", "concat_ws", "contains", "endswith", "get_json_object", "initcap", "left", "length",
    "lpad", "ltrim", "regexp_extract", "regexp_replace", "replace", "right", "rpad", "rtrim", "split_part",
    "startswith", "substring", "timestamp_micros", "timestamp_millis", "timestamp_seconds", "translate", "trim",
    "try_cast",
)  # fmt: skip
"""Deterministic functions of text and times, which a source file may use besides ``FUNCTIONS``."""
_CLOCK_WORDS = ("now", "today", "tomorrow", "yesterday")
_NUMBERS = {"INT", "BIGINT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "DECIMAL"}


def check_measure(text: str) -> str | None:
    """Return what is wrong with an aggregate expression, or None."""
    tree, problem = _parse(text)
    if tree is None or problem:
        return problem
    aggregates = [node for node in _function_calls(tree) if name_of(node) in AGGREGATES]
    if not aggregates:
        return f"'{text}' has no aggregate: use sum(...), count(*), max(...) or similar over the facts in the window"
    return _find_placement_problem(tree, aggregates) or _find_type_problem(tree, aggregates)


def check_filter(text: str) -> str | None:
    """Return what is wrong with a condition on a fact, or None."""
    from sqlglot import exp

    tree, problem = _parse(text)
    if tree is None or problem:
        return problem
    for node in _function_calls(tree):
        if name_of(node) in AGGREGATES:
            return f"'{name_of(node)}' is an aggregate, but a filter tests one fact at a time: move it into the measure"
    kind = _type(tree)
    if kind not in ("BOOLEAN", "UNKNOWN", "NULL") or isinstance(tree, exp.Literal):
        return f"a filter must be a boolean, but '{text}' is of type {kind.lower()}"
    return None


def check_row_expression(text: str) -> str | None:
    """Return what is wrong with an expression over the columns of a raw row, whose names are not known yet, or None."""
    from sqlglot import exp

    tree, problem = _parse_single(text)
    if tree is None or problem:
        return problem
    for node in _function_calls(tree):
        name, _, arguments = node.sql(dialect="spark").lower().partition("(")
        if name not in (*FUNCTIONS, *ROW_FUNCTIONS) and not isinstance(node, exp.RegexpLike):
            return f"the function '{name}' is not allowed: {nearest(name, [*FUNCTIONS, *ROW_FUNCTIONS])}"
        if arguments == ")":
            return f"'{name}' needs an argument"
    if bracket := tree.find(exp.Bracket):
        return f"'{bracket.sql(dialect='spark')}' fails where there is no such element: write split_part"
    for node in tree.find_all(exp.Cast):
        if node.this.name.lower() in _CLOCK_WORDS:
            return f"'{node.this.name}' depends on the clock: write a time"
    return _find_table_problem(tree)


def tree_of(text: str) -> "exp.Expression":
    """Parse an expression that was already checked."""
    from sqlglot import parse_one

    tree: exp.Expression = parse_one(text, read="spark")
    return tree


def columns_of(text: str) -> set[str]:
    """The columns that a checked expression reads."""
    from sqlglot import exp

    return {column.name for column in tree_of(text).find_all(exp.Column) if not isinstance(column.this, exp.Star)}


def reads_episodes(text: str) -> bool:
    """Whether a checked expression reads a column of episodes."""
    mentions = any(name in text for name in EPISODE_COLUMNS)  # saves parsing most expressions
    return mentions and not columns_of(text).isdisjoint(EPISODE_COLUMNS)


def name_of(node: "exp.Expression") -> str:
    """The name of a function in Spark."""
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    names = {
        "logical_or": "bool_or",
        "logical_and": "bool_and",
        "array_unique_agg": "collect_set",
        "array_size": "size",
    }
    own = str(node.sql_name()).lower()
    return names.get(own, own)


def _parse(text: str) -> tuple["exp.Expression | None", str | None]:
    tree, problem = _parse_single(text)
    if tree is None or problem:
        return None, problem
    return tree, _find_column_problem(tree) or _find_function_problem(tree)


def _parse_single(text: str) -> tuple["exp.Expression | None", str | None]:
    """One expression, parsed, or what keeps it from being one."""
    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError

    if not text.strip():
        return None, "the expression is empty"
    try:
        trees = parse(text, read="spark")
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        return None, f"this is not Spark SQL: {_strip_colours(first)}"
    if len(trees) != 1 or trees[0] is None:
        return None, "write a single expression, without ';'"
    tree = trees[0]
    if tree.find(exp.Query, exp.DDL, exp.DML, exp.Command):
        return None, "write an expression over facts, not a query or a command"
    if isinstance(tree, exp.Alias):
        return None, f"remove the alias '{tree.alias}': the value has a name already"
    if tree.find(exp.Window):
        return None, "window functions (OVER) are not allowed: they depend on the order of rows"
    return tree, None


def _strip_colours(text: str) -> str:
    """Remove terminal colour codes from a parser message."""
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


def _find_column_problem(tree: "exp.Expression") -> str | None:
    from sqlglot import exp

    if problem := _find_table_problem(tree):
        return problem
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Star) and column.name not in COLUMNS:
            return f"there is no column '{column.name}': {nearest(column.name, COLUMNS)}"
    return None


def _find_table_problem(tree: "exp.Expression") -> str | None:
    from sqlglot import exp

    tables = [column.sql(dialect="spark") for column in tree.find_all(exp.Column) if column.table]
    return f"'{tables[0]}' names a table: write the column name only" if tables else None


def _function_calls(tree: "exp.Expression") -> Iterator["exp.Expression"]:
    from sqlglot import exp

    plain = (exp.And, exp.Or, exp.Xor, exp.Case, exp.Cast)
    return (node for node in tree.find_all(exp.Func) if not isinstance(node, plain))


def _find_function_problem(tree: "exp.Expression") -> str | None:
    from sqlglot import exp

    for node in _function_calls(tree):
        name = name_of(node)
        if name not in (*AGGREGATES, *FUNCTIONS):
            return f"the function '{name}' is not allowed: {nearest(name, [*AGGREGATES, *FUNCTIONS])}"
    for _ in tree.find_all(exp.Distinct):
        return "DISTINCT would multiply the rows of every signal: write size(collect_set(x)) for count(DISTINCT x)"
    for node in tree.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE):
        if isinstance(node.this, exp.Null) or isinstance(node.expression, exp.Null):
            return f"'{node.sql(dialect='spark')}' is never true: write IS NULL or IS NOT NULL"
    for _ in tree.find_all(exp.Filter):
        return "FILTER is not allowed: use the definition's key 'filter', or count_if and CASE WHEN"
    return None


def _find_placement_problem(tree: "exp.Expression", aggregates: list["exp.Expression"]) -> str | None:
    """Check that every column is inside an aggregate, and that no aggregate is inside another."""
    from sqlglot import exp

    inside = {id(node) for aggregate in aggregates for node in aggregate.walk()}
    for aggregate in aggregates:
        below = [node for node in aggregate.walk() if node is not aggregate]
        nested = next((node for node in below if any(node is other for other in aggregates)), None)
        if nested is not None:
            return f"'{name_of(nested)}' is inside '{name_of(aggregate)}': aggregates cannot be nested"
        if name_of(aggregate) == "collect_set" and (
            not isinstance(aggregate.parent, exp.Func) or name_of(aggregate.parent) != "size"
        ):
            return "collect_set returns a set, but a value is a number: write size(collect_set(x))"
    for column in tree.find_all(exp.Column):
        if id(column) not in inside:
            return f"the column '{column.name}' is outside an aggregate: aggregate it, such as max({column.name})"
    return None


def _find_type_problem(tree: "exp.Expression", aggregates: list["exp.Expression"]) -> str | None:
    for aggregate in aggregates:
        name = name_of(aggregate)
        if name in ("sum", "avg") and (kind := _type(aggregate.this)) not in (*_NUMBERS, "UNKNOWN", "NULL"):
            return f"{name} needs a number, but '{aggregate.this.sql(dialect='spark')}' is of type {kind.lower()}"
        if name in ("count_if", "bool_or", "bool_and") and (kind := _type(aggregate.this)) not in (
            "BOOLEAN",
            "UNKNOWN",
        ):
            return f"{name} needs a condition, but '{aggregate.this.sql(dialect='spark')}' is of type {kind.lower()}"
    kind = _type(tree)
    if kind not in (*_NUMBERS, "BOOLEAN", "UNKNOWN", "NULL"):
        return f"a value must be a number, but '{tree.sql(dialect='spark')}' is of type {kind.lower()}"
    return None


def _type(tree: "exp.Expression") -> str:
    """Infer the type of an expression over facts; ``UNKNOWN`` if it cannot be inferred."""
    from sqlglot import exp, select
    from sqlglot.optimizer.annotate_types import annotate_types
    from sqlglot.optimizer.qualify_columns import qualify_columns
    from sqlglot.schema import MappingSchema

    schema = MappingSchema({"facts": dict(COLUMNS)}, dialect="spark")
    query = select(exp.alias_(tree.copy(), "value")).from_("facts")
    typed = annotate_types(qualify_columns(query, schema), schema, dialect="spark")
    kind = typed.selects[0].type
    return str(kind.this.value) if kind is not None else "UNKNOWN"
