"""Operators, columns and literals of expressions: each function writes the Spark SQL of one kind of node."""

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from longplay.definitions import sql_literals as literals
from longplay.definitions.sql_functions import Kind, folded
from longplay.definitions.sql_parser import ExpressionProblem
from longplay.definitions.sql_parts import Compiled, Scope, Walk, as_identifier, join, source_of, why_not
from longplay.errors import nearest

FORGIVING = {
    exp.Add: "try_add",
    exp.Sub: "try_subtract",
    exp.Mul: "try_multiply",
    exp.Div: "try_divide",
    exp.Mod: "try_mod",
}
COMPARISONS = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.NullSafeEQ: "<=>",
}
_TYPES: Mapping[exp.DataType.Type, tuple[str, Kind]] = {
    **{
        exp.DataType.Type[name]: (name, "number")
        for name in ("TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL")
    },
    exp.DataType.Type.TEXT: ("STRING", "text"),
    exp.DataType.Type.BOOLEAN: ("BOOLEAN", "boolean"),
    exp.DataType.Type.DATE: ("DATE", "date"),
    exp.DataType.Type.TIMESTAMP: ("TIMESTAMP", "timestamp"),
    exp.DataType.Type.TIMESTAMPTZ: ("TIMESTAMP", "timestamp"),
}
"""Spark's name and our type of each type to which values can be cast."""
_CASTS: Mapping[Kind, tuple[Kind, ...]] = {
    "number": ("number", "text", "boolean"),
    "boolean": ("number", "text", "boolean"),
    "date": ("date", "timestamp", "text"),
    "timestamp": ("date", "timestamp", "text"),
    "interval": (),
}
"""The types to which values of each type can be cast; text can be cast to any."""
_UNITS = ("DAY", "HOUR", "MINUTE", "SECOND", "WEEK")
_CLOCK_COLUMNS = (
    "current_catalog", "current_database", "current_date", "current_schema", "current_time", "current_timestamp",
    "current_user", "localtimestamp", "session_user", "grouping__id", "_metadata",
)  # fmt: skip
"""Names that Spark reads as functions, or as facts about files, where a table has no such column."""


def paren(_: Scope, node: exp.Paren, walk: Walk) -> Compiled:
    """Brackets, which every operation has anyway."""
    return walk(node.this)


def literal(_: Scope, node: exp.Literal, __: Walk) -> Compiled:
    """A number, or text in quotes."""
    if node.is_string:
        return Compiled(literals.text_sql(node.this), "text", literal=node.this)
    return Compiled(literals.number_sql(node.this), "number", literal=float(node.this))


def raw_text(_: Scope, node: exp.RawString, __: Walk) -> Compiled:
    r"""Text without escapes, such as ``r'a\d'``."""
    return Compiled(literals.text_sql(node.this), "text", literal=node.this)


def adjacent_texts(_: Scope, node: exp.Concat, walk: Walk) -> Compiled:
    """Literals side by side, which are one text."""
    parts = [walk(part) for part in node.expressions]
    if not all(isinstance(part.literal, str) for part in parts):
        raise ExpressionProblem(why_not(node))
    text = "".join(str(part.literal) for part in parts)
    return Compiled(literals.text_sql(text), "text", literal=text)


def boolean(_: Scope, node: exp.Boolean, __: Walk) -> Compiled:
    """``TRUE`` or ``FALSE``."""
    return Compiled("TRUE" if node.this else "FALSE", "boolean")


def null(_: Scope, __: exp.Null, ___: Walk) -> Compiled:
    """``NULL``, of any type."""
    return Compiled("NULL", "any")


def column(scope: Scope, node: exp.Column, _: Walk) -> Compiled:
    """A column of the scope."""
    if node.table:
        raise ExpressionProblem(f"'{source_of(node)}' names a table: write the column name only")
    name = node.name
    if not isinstance(node.this, exp.Identifier):
        raise ExpressionProblem(why_not(node.this))
    if scope.types is not None and name not in scope.types:
        raise ExpressionProblem(f"there is no column '{name}': {nearest(name, scope.types)}")
    if not name or folded(name) in _CLOCK_COLUMNS:
        raise ExpressionProblem(f"the function '{name}' is not allowed: it depends on the clock or on who asks")
    kind: Kind = scope.types[name] if scope.types is not None else "any"
    sql = scope.replaced.get(name, as_identifier(name))
    return Compiled(sql, kind, loose=name)


def logic(scope: Scope, node: exp.Connector, walk: Walk) -> Compiled:
    """``AND`` or ``OR`` of conditions."""
    word = "AND" if isinstance(node, exp.And) else "OR"
    sides = [scope.expect(walk(side), "boolean", word) for side in node.flatten()]
    return join(f"({f' {word} '.join(side.sql for side in sides)})", "boolean", sides)


def not_(scope: Scope, node: exp.Not, walk: Walk) -> Compiled:
    """``NOT`` a condition."""
    value = scope.expect(walk(node.this), "boolean", "NOT")
    return join(f"(NOT {value.sql})", "boolean", [value])


def comparison(scope: Scope, node: exp.Binary, walk: Walk) -> Compiled:
    """Two values of one type, compared."""
    has_null = isinstance(node.this, exp.Null) or isinstance(node.expression, exp.Null)
    if has_null and not isinstance(node, exp.NullSafeEQ):
        raise ExpressionProblem(f"'{source_of(node)}' is never true: write IS NULL or IS NOT NULL")
    sign = COMPARISONS[type(node)]
    sides, _ = scope.agree([walk(node.this), walk(node.expression)], f"'{source_of(node)}'")
    return join(f"({sides[0].sql} {sign} {sides[1].sql})", "boolean", sides)


def between(scope: Scope, node: exp.Between, walk: Walk) -> Compiled:
    """``BETWEEN`` two values."""
    if node.args.get("symmetric"):
        raise ExpressionProblem(why_not(node))
    parts = [walk(node.this), walk(node.args["low"]), walk(node.args["high"])]
    parts, _ = scope.agree(parts, "BETWEEN")
    return join(f"({parts[0].sql} BETWEEN {parts[1].sql} AND {parts[2].sql})", "boolean", parts)


def in_(scope: Scope, node: exp.In, walk: Walk) -> Compiled:
    """``IN`` a list of values."""
    if not node.expressions or {key for key, value in node.args.items() if value} - {"this", "expressions"}:
        raise ExpressionProblem(f"'{source_of(node)}' is not allowed: list the values, as in kind IN ('a', 'b')")
    parts, _ = scope.agree([walk(node.this), *map(walk, node.expressions)], "IN")
    return join(f"({parts[0].sql} IN ({', '.join(part.sql for part in parts[1:])}))", "boolean", parts)


def is_(scope: Scope, node: exp.Is, walk: Walk) -> Compiled:
    """``IS NULL``, ``IS TRUE`` or ``IS FALSE``."""
    value, word = walk(node.this), walk(node.expression)
    if word.sql not in ("NULL", "TRUE", "FALSE") or not isinstance(node.expression, (exp.Null, exp.Boolean)):
        raise ExpressionProblem(why_not(node.expression))
    if word.sql != "NULL":
        value = scope.expect(value, "boolean", f"IS {word.sql}")
    return join(f"({value.sql} IS {word.sql})", "boolean", [value])


def like(scope: Scope, node: exp.Binary, walk: Walk) -> Compiled:
    """``LIKE``, ``ILIKE`` or ``RLIKE`` a pattern in quotes."""
    word = {exp.Like: "LIKE", exp.ILike: "ILIKE", exp.RegexpLike: "RLIKE"}[type(node)]
    text, pattern = scope.expect(walk(node.this), "text", word), walk(node.expression)
    if not isinstance(pattern.literal, str):
        raise ExpressionProblem(f"{word} needs a pattern in quotes, but found '{pattern.source}'")
    literals.check_pattern(pattern.literal) if word == "RLIKE" else literals.check_like(pattern.literal)
    return join(f"({text.sql} {word} {pattern.sql})", "boolean", [text])


def arithmetic(scope: Scope, node: exp.Binary, walk: Walk) -> Compiled:
    """Arithmetic of numbers, or a time moved by an interval; null where there is no result."""
    left, right = walk(node.this), walk(node.expression)
    function, what = FORGIVING[type(node)], f"'{source_of(node)}'"
    if right.kind == "interval" and isinstance(node, (exp.Add, exp.Sub)) and left.kind in ("date", "timestamp", "any"):
        return join(f"{function}({left.sql}, {right.sql})", "timestamp", [left, right])
    sides = [scope.expect(side, "number", what) for side in (left, right)]
    return join(f"{function}({sides[0].sql}, {sides[1].sql})", "number", sides)


def negative(scope: Scope, node: exp.Neg, walk: Walk) -> Compiled:
    """A number with the other sign."""
    value = scope.expect(walk(node.this), "number", "'-'")
    if isinstance(value.literal, float):
        return replace(value, sql=f"(-{value.sql})", literal=-value.literal)
    return join(f"try_multiply({value.sql}, -1)", "number", [value])


def joined_texts(scope: Scope, node: exp.Expression, walk: Walk) -> Compiled:
    """``||``."""
    parts = [walk(node.this), walk(node.expression)]
    return join(f"concat({parts[0].sql}, {parts[1].sql})", "text", parts)


def interval(_: Scope, node: exp.Interval, __: Walk) -> Compiled:
    """An interval of whole days, hours, minutes, seconds or weeks."""
    is_unit = node.unit is not None and not isinstance(node.unit, exp.IntervalSpan)
    unit = node.unit.name.upper().removesuffix("S") if is_unit else ""
    number = node.this.this if isinstance(node.this, exp.Literal) else ""
    if unit not in _UNITS or not (number.isascii() and number.isdigit()) or len(number) > 5:
        raise ExpressionProblem(f"'{source_of(node)}' is not allowed: write a whole number of {', '.join(_UNITS)}")
    return Compiled(f"INTERVAL '{number}' {unit}", "interval")


def case(scope: Scope, node: exp.Case, walk: Walk) -> Compiled:
    """``CASE``, with or without a subject."""
    subject = walk(node.this) if node.this is not None else None
    tests, parts = [], []
    for branch in node.args["ifs"]:
        test = walk(branch.this)
        if subject is None:
            test = scope.expect(test, "boolean", "WHEN")
        else:
            (left, right), _ = scope.agree([subject, test], "CASE")
            test = join(f"({left.sql} = {right.sql})", "boolean", [left, right])
        tests.append(test)
        parts.append(walk(branch.args["true"]))
    if (default := node.args.get("default")) is not None:
        parts.append(walk(default))
    parts, kind = scope.agree(parts, "CASE")
    branches = " ".join(f"WHEN {test.sql} THEN {part.sql}" for test, part in zip(tests, parts, strict=False))
    rest = f" ELSE {parts[-1].sql}" if default is not None else ""
    return join(f"(CASE {branches}{rest} END)", kind, [*tests, *parts])


def if_(scope: Scope, node: exp.If, walk: Walk) -> Compiled:
    """``if(condition, value, value)``."""
    if node.args.get("false") is None:
        raise ExpressionProblem(f"'{source_of(node)}' lacks the value otherwise: write if(condition, value, NULL)")
    test = scope.expect(walk(node.this), "boolean", "if")
    parts, kind = scope.agree([walk(node.args["true"]), walk(node.args["false"])], "if")
    return join(f"if({test.sql}, {parts[0].sql}, {parts[1].sql})", kind, [test, *parts])


def cast(_: Scope, node: exp.Cast, walk: Walk) -> Compiled:
    """``cast`` or ``::``; null where the value is none of the type."""
    spark_type, kind = _TYPES.get(node.to.this, ("", "any"))
    parameters = {key for key, value in node.to.args.items() if value} - {"this"}
    unread = {key for key, value in node.args.items() if value} - {"this", "to", "safe"}
    if not spark_type or unread or (parameters and spark_type != "DECIMAL"):
        raise ExpressionProblem(
            f"'{source_of(node)}' is not allowed: cast to a number, text, boolean, date or timestamp"
        )
    value = walk(node.this)
    if kind in ("date", "timestamp") and isinstance(value.literal, str):
        return Compiled(literals.time_sql(value.literal, spark_type), kind)
    if value.kind not in ("any", "text") and kind not in _CASTS[value.kind]:
        raise ExpressionProblem(f"'{source_of(node)}' casts a {value.kind} to a {kind}, which has no meaning")
    if spark_type == "DECIMAL":
        spark_type += _decimal_digits(node)
    return join(f"TRY_CAST({value.sql} AS {spark_type})", kind, [value])


def _decimal_digits(node: exp.Cast) -> str:
    digits = [str(part.this) for part in node.to.expressions]
    if not digits:
        return "(10, 0)"
    is_whole = len(digits) <= 2 and all(part.isascii() and part.isdigit() for part in digits)
    if not is_whole or int(digits[0]) > 38 or int(digits[-1]) > int(digits[0]):
        raise ExpressionProblem(f"'{source_of(node)}' is not allowed: a decimal has at most 38 digits")
    return f"({', '.join(digits)})"
