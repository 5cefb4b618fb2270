"""Checks the Spark SQL in a definition before any data is read, and without Spark.

sqlglot parses it in Spark's dialect; what may stand in it is less than what Spark would take, so that the same facts
always give the same value: no order of rows, no clock, no chance, no other table.
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
"""What an expression may read, with types: a fact's columns, the anchor's moment ``t0``, whole UTC days from the
anchor's day to the fact's (``day``), seconds from ``t0`` (``elapsed_s``), and whether the fact is
about the anchor's item. The last six are told of episodes: of which one the fact is, its season and how many that has,
whether the fact is the release itself, seconds from ``t0`` to the release, and from the release to the fact."""
EPISODE_COLUMNS = ("episode", "season", "season_episodes", "is_release", "release_s", "since_release_s")
"""What only a definition with ``needs.episodes`` may read."""
AGGREGATES = ("count", "count_if", "sum", "avg", "min", "max", "bool_or", "bool_and", "collect_set", "entropy")
FUNCTIONS = (
    "abs", "ceil", "coalesce", "date_diff", "datediff", "dayofweek", "exp", "floor", "greatest", "hour", "if", "least",
    "ln", "lower", "nullif", "pow", "power", "round", "sign", "size", "sqrt", "unix_seconds", "unix_timestamp", "upper",
    "weekday", "width_bucket",
)  # fmt: skip
"""Functions of a row, or of aggregates, that give the same for the same."""
_NUMBERS = {"INT", "BIGINT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "DECIMAL"}


def check_measure(text: str) -> str | None:
    """What is wrong with an aggregate expression, or None."""
    tree, problem = _parsed(text)
    if tree is None or problem:
        return problem
    aggregates = [node for node in _calls(tree) if name_of(node) in AGGREGATES]
    if not aggregates:
        return f"'{text}' aggregates nothing: write sum(...), count(*), max(...), ... over the facts of the window"
    return _placed(tree, aggregates) or _typed(tree, aggregates)


def check_filter(text: str) -> str | None:
    """What is wrong with a condition on a fact, or None."""
    from sqlglot import exp

    tree, problem = _parsed(text)
    if tree is None or problem:
        return problem
    for node in _calls(tree):
        if name_of(node) in AGGREGATES:
            return f"'{name_of(node)}' aggregates, and a filter judges one fact at a time: move it into the measure"
    kind = _type(tree)
    if kind not in ("BOOLEAN", "UNKNOWN", "NULL") or isinstance(tree, exp.Literal):
        return f"a filter is true or false, and '{text}' is of type {kind.lower()}"
    return None


def tree_of(text: str) -> "exp.Expression":
    """The parsed expression, of one that was checked."""
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
    """A function's name in Spark's words."""
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


def _parsed(text: str) -> tuple["exp.Expression | None", str | None]:
    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError

    if not text.strip():
        return None, "the expression is empty"
    try:
        trees = parse(text, read="spark")
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        return None, f"this is not Spark SQL: {_plain(first)}"
    if len(trees) != 1 or trees[0] is None:
        return None, "one expression is wanted, without ';'"
    tree = trees[0]
    if tree.find(exp.Query, exp.DDL, exp.DML, exp.Command):
        return None, "an expression over facts is wanted, not a query or command"
    if isinstance(tree, exp.Alias):
        return None, f"leave the alias '{tree.alias}' out: a value is named after its signal"
    if tree.find(exp.Window):
        return None, "window functions (OVER) depend on the order of rows: not allowed"
    return tree, _columns(tree) or _functions(tree)


def _plain(text: str) -> str:
    """A parser's message without what it needs a terminal for."""
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


def _columns(tree: "exp.Expression") -> str | None:
    from sqlglot import exp

    for column in tree.find_all(exp.Column):
        if column.table:
            return f"'{column.sql(dialect='spark')}' names a table: facts have columns alone"
        if isinstance(column.this, exp.Star):
            continue
        if column.name not in COLUMNS:
            return f"there is no column '{column.name}': {nearest(column.name, COLUMNS)}"
    return None


def _calls(tree: "exp.Expression") -> Iterator["exp.Expression"]:
    from sqlglot import exp

    plain = (exp.And, exp.Or, exp.Xor, exp.Case, exp.Cast)
    return (node for node in tree.find_all(exp.Func) if not isinstance(node, plain))


def _functions(tree: "exp.Expression") -> str | None:
    from sqlglot import exp

    for node in _calls(tree):
        name = name_of(node)
        if name not in (*AGGREGATES, *FUNCTIONS):
            return f"the function '{name}' is not among those allowed: {nearest(name, [*AGGREGATES, *FUNCTIONS])}"
    for _ in tree.find_all(exp.Distinct):
        return (
            "DISTINCT multiplies the rows of every signal beside it: write size(collect_set(x)) for count(DISTINCT x)"
        )
    for node in tree.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE):
        if isinstance(node.this, exp.Null) or isinstance(node.expression, exp.Null):
            return f"'{node.sql(dialect='spark')}' is never true: write IS NULL or IS NOT NULL"
    for _ in tree.find_all(exp.Filter):
        return "FILTER is the definition's own key: write it as 'filter', or use count_if and CASE WHEN"
    return None


def _placed(tree: "exp.Expression", aggregates: list["exp.Expression"]) -> str | None:
    """Columns stand inside aggregates, aggregates not inside each other."""
    from sqlglot import exp

    inside = {id(node) for aggregate in aggregates for node in aggregate.walk()}
    for aggregate in aggregates:
        below = [node for node in aggregate.walk() if node is not aggregate]
        nested = next((node for node in below if any(node is other for other in aggregates)), None)
        if nested is not None:
            return f"'{name_of(nested)}' stands inside '{name_of(aggregate)}': aggregates cannot be nested"
        if name_of(aggregate) == "collect_set" and (
            not isinstance(aggregate.parent, exp.Func) or name_of(aggregate.parent) != "size"
        ):
            return "collect_set gives a set, and a value is a number: write size(collect_set(x))"
    for column in tree.find_all(exp.Column):
        if id(column) not in inside:
            return f"the column '{column.name}' stands outside an aggregate: which of the facts' values is meant?"
    return None


def _typed(tree: "exp.Expression", aggregates: list["exp.Expression"]) -> str | None:
    for aggregate in aggregates:
        name = name_of(aggregate)
        if name in ("sum", "avg") and (kind := _type(aggregate.this)) not in (*_NUMBERS, "UNKNOWN", "NULL"):
            return f"{name} adds numbers up, and '{aggregate.this.sql(dialect='spark')}' is of type {kind.lower()}"
        if name in ("count_if", "bool_or", "bool_and") and (kind := _type(aggregate.this)) not in (
            "BOOLEAN",
            "UNKNOWN",
        ):
            return f"{name} wants a condition, and '{aggregate.this.sql(dialect='spark')}' is of type {kind.lower()}"
    kind = _type(tree)
    if kind not in (*_NUMBERS, "BOOLEAN", "UNKNOWN", "NULL"):
        return f"a value is a number, and '{tree.sql(dialect='spark')}' is of type {kind.lower()}"
    return None


def _type(tree: "exp.Expression") -> str:
    """The type of an expression over facts, as far as it can be told."""
    from sqlglot import exp, select
    from sqlglot.optimizer.annotate_types import annotate_types
    from sqlglot.optimizer.qualify_columns import qualify_columns
    from sqlglot.schema import MappingSchema

    schema = MappingSchema({"facts": dict(COLUMNS)}, dialect="spark")
    query = select(exp.alias_(tree.copy(), "value")).from_("facts")
    typed = annotate_types(qualify_columns(query, schema), schema, dialect="spark")
    kind = typed.selects[0].type
    return str(kind.this.value) if kind is not None else "UNKNOWN"
