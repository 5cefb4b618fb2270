"""Columns that a source file derives from those of a raw row, by checked expressions. Pure column expressions.

An expression gives null where Spark would end the job: for text that is no number, or a division by zero. The row is
then quarantined under the reason of the column that is missing, and no other row is lost.
"""

from collections.abc import Collection, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from sqlglot import exp

from ingest.log_mapping import PLACES, LogMapping, LogPart
from ingest.raw_columns import FILE, check_analysis
from longplay.definitions.expression import tree_of
from longplay.errors import ConfigError

_FORGIVING = {
    exp.Add: "try_add",
    exp.Sub: "try_subtract",
    exp.Mul: "try_multiply",
    exp.Div: "try_divide",
    exp.Mod: "try_mod",
}
_NUMBER = "DECIMAL(30, 9)"
_OF_NUMBERS = (*_FORGIVING, exp.Neg, exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sqrt, exp.Exp, exp.Ln, exp.Pow)
_OF_UNIX_TIMES = {"timestamp_seconds": _NUMBER, "timestamp_millis": "BIGINT", "timestamp_micros": "BIGINT"}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def derive_columns(raw: DataFrame, log: LogMapping) -> DataFrame:
    """Raw rows with the columns that ``derive`` adds. Grain: raw row.

    Args:
        raw: rows of all parts of the log, with ``FILE`` as the path below ``--data`` if it has several.
        log: the log's mapping.

    Raises:
        ConfigError: for an expression that Spark cannot evaluate over these columns, or a name that the log has.
    """
    for name in log.derived_names:
        if name in raw.columns:
            raise ConfigError(
                f"The log has a column '{name}' of its own.",
                where="key derive",
                got=f"columns {', '.join(raw.columns)}",
                fix="give the derived column another name",
            )
    return raw.withColumns({name: _derive(raw, log, name) for name in log.derived_names})


def _derive(raw: DataFrame, log: LogMapping, name: str) -> Column:
    """One derived column: in each part by the part's own expression."""
    expressions = [(part, _evaluate(raw, name, part.derive[name])) for part in log.sections]
    if not log.parts:
        return expressions[0][1]
    of_part = [F.when(_is_in(part), column.cast("string")) for part, column in expressions]
    return F.coalesce(*of_part)


def _is_in(part: LogPart) -> Column:
    return (F.col(FILE) == part.path) | F.startswith(FILE, F.lit(f"{part.path}/"))


def _evaluate(raw: DataFrame, name: str, text: str) -> Column:
    column = F.expr(forgiving_sql(text, [name for name, kind in raw.dtypes if kind == "string"]))
    what, where = f"The column '{name}' cannot be derived from the log.", f"key derive, {name}: {text}"
    check_analysis(lambda: raw.select(column), what, where, "write a Spark SQL expression over the log's own columns")
    return column


def forgiving_sql(text: str, texts: Collection[str]) -> str:
    """Spark SQL of a checked expression, which is null where it is undefined.

    Args:
        text: the expression.
        texts: columns that hold text; as operands of arithmetic they are numbers.
    """
    tree = tree_of(text)
    for node in reversed(list(tree.walk())):  # operands before what is made of them
        tree = _replace(tree, node, _forgive(node, texts))
    sql: str = tree.sql(dialect="spark")
    return sql


def _replace(tree: exp.Expression, node: exp.Expression, new: exp.Expression) -> exp.Expression:
    if node is tree:
        return new
    if new is not node:
        node.replace(new)
    return tree


def _forgive(node: exp.Expression, texts: Collection[str]) -> exp.Expression:
    if isinstance(node, exp.Column):
        number = _number_type(node) if node.name in texts else None
        return _try_cast(node, number) if number else _places().get(node.name, node)
    if isinstance(node, exp.Cast):
        return exp.TryCast(this=node.this.copy(), to=node.to.copy(), safe=True)
    function = _FORGIVING.get(type(node))
    return exp.func(function, node.this.copy(), node.expression.copy(), dialect="spark") if function else node


def _number_type(column: exp.Expression) -> str | None:
    """The type of number that a column is an operand of; None: it is none."""
    parent = column.parent
    if isinstance(parent, exp.Anonymous):
        return _OF_UNIX_TIMES.get(parent.name.lower())
    if isinstance(parent, _COMPARISONS):
        sides = (parent.this, parent.expression)
        return _NUMBER if any(isinstance(side, exp.Literal) and not side.is_string for side in sides) else None
    return _NUMBER if isinstance(parent, _OF_NUMBERS) else None


def _try_cast(column: exp.Expression, spark_type: str) -> exp.Expression:
    return exp.TryCast(this=column.copy(), to=exp.DataType.build(spark_type, dialect="spark"), safe=True)


def _places() -> Mapping[str, exp.Expression]:
    """The parts of a path, which reading keeps in one column."""
    name = exp.Anonymous(this="substring_index", expressions=[exp.column(FILE), *map(exp.convert, ("/", -1))])
    folder = exp.Anonymous(this="regexp_extract", expressions=[exp.column(FILE), *map(exp.convert, ("^(.*)/", 1))])
    return dict(zip(PLACES, (name, folder), strict=True))
