"""Writes the Spark SQL of an expression from its tree: what is not handled here is not allowed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from longplay.definitions import sql_literals as literals
from longplay.definitions.sql_functions import AGGREGATES, FUNCTIONS, Kind, SqlFunction
from longplay.definitions.sql_parser import ExpressionProblem, PlainSpark, parse_expression
from longplay.errors import nearest

EXACT = "DECIMAL(28, 9)"
"""Type of sums, which a sum of doubles would not be: it depends on the order of rows."""
_NUMBER_OF_TEXT = "DECIMAL(30, 9)"
_FORGIVING = {
    exp.Add: "try_add",
    exp.Sub: "try_subtract",
    exp.Mul: "try_multiply",
    exp.Div: "try_divide",
    exp.Mod: "try_mod",
}
_COMPARISONS = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.NullSafeEQ: "<=>",
}
_TYPES: Mapping[exp.DataType.Type, tuple[str, Kind]] = {
    exp.DataType.Type.TINYINT: ("TINYINT", "number"),
    exp.DataType.Type.SMALLINT: ("SMALLINT", "number"),
    exp.DataType.Type.INT: ("INT", "number"),
    exp.DataType.Type.BIGINT: ("BIGINT", "number"),
    exp.DataType.Type.FLOAT: ("FLOAT", "number"),
    exp.DataType.Type.DOUBLE: ("DOUBLE", "number"),
    exp.DataType.Type.DECIMAL: ("DECIMAL", "number"),
    exp.DataType.Type.TEXT: ("STRING", "text"),
    exp.DataType.Type.BOOLEAN: ("BOOLEAN", "boolean"),
    exp.DataType.Type.DATE: ("DATE", "date"),
    exp.DataType.Type.TIMESTAMP: ("TIMESTAMP", "timestamp"),
    exp.DataType.Type.TIMESTAMPTZ: ("TIMESTAMP", "timestamp"),
}
_UNITS = ("DAY", "HOUR", "MINUTE", "SECOND", "WEEK")
_CLOCK_COLUMNS = (
    "current_catalog", "current_database", "current_date", "current_schema", "current_time", "current_timestamp",
    "current_user", "localtimestamp", "session_user", "user", "grouping__id",
)  # fmt: skip
"""Names that Spark reads as functions where a table has no such column."""
_ENTROPY = (
    "CASE WHEN size({v}) > 0 THEN ln(size({v})) - aggregate(transform(array_sort(array_distinct({v})), "
    "v -> size(filter({v}, x -> x = v))), 0D, (s, c) -> s + c * ln(c)) / size({v}) END"
)
"""``ln n - sum over values of c ln(c) / n``, from the list of values that are not null."""
_REASONS: Mapping[type[exp.Expression], str] = {
    exp.Window: "window functions (OVER) are not allowed: they depend on the order of rows",
    exp.Distinct: "DISTINCT would multiply the rows of every signal: write size(collect_set(x)) for count(DISTINCT x)",
    exp.Filter: "FILTER is not allowed: use the definition's key 'filter', or count_if and CASE WHEN",
    exp.IntDiv: "'div' is not allowed: write floor(a / b)",
}


@dataclass(frozen=True)
class Compiled:
    """An expression that was checked.

    Attributes:
        sql: what Spark is given.
        kind: its type.
        source: how it was written, for messages.
        literal: the value of a literal: text, a number, or None.
        columns: those that it reads.
        loose: the first column outside an aggregate.
        aggregates: the aggregates in it.
    """

    sql: str
    kind: Kind
    source: str = ""
    literal: str | float | None = None
    columns: frozenset[str] = field(default=frozenset())
    loose: str | None = None
    aggregates: tuple[str, ...] = ()


def columns_in(text: str) -> frozenset[str]:
    """The columns that an expression names."""
    return frozenset(column.name for column in parse_expression(text).find_all(exp.Column))


@dataclass(frozen=True)
class Compiler:
    """Compiles expressions over one set of columns.

    Attributes:
        known: the types of the columns; None: any name may be one, of any type.
        guard: the boolean column whose rows aggregates read; None: aggregates are not allowed.
        texts: columns that hold text; where a number is needed, they are read as one.
        replaced: Spark SQL in place of columns.
    """

    known: Mapping[str, Kind] | None
    guard: str | None = None
    texts: frozenset[str] = frozenset()
    replaced: Mapping[str, str] = field(default_factory=dict)

    def compile(self, text: str) -> Compiled:
        """Check an expression and write its Spark SQL.

        Raises:
            ExpressionProblem: for one that is not allowed.
        """
        return self._walk(parse_expression(text))

    def check_measure(self, value: Compiled, text: str) -> Compiled:
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

    def check_condition(self, value: Compiled, text: str) -> Compiled:
        """Check that an expression is a condition; gives it back.

        Raises:
            ExpressionProblem: when it is not.
        """
        if value.kind not in ("boolean", "any") or value.literal is not None:
            raise ExpressionProblem(f"a filter must be a boolean, but '{text}' is of type {value.kind}")
        return value

    def _walk(self, node: exp.Expression) -> Compiled:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise ExpressionProblem(_why_not(node))
        compiled = handler(self, node, self._walk)
        return replace(compiled, source=_source(node))

    def _as(self, value: Compiled, kind: Kind, what: str) -> Compiled:
        """A value where a type is needed.

        Raises:
            ExpressionProblem: when it has another.
        """
        if kind == "number" and value.kind == "any" and value.sql in self._text_columns:
            return replace(value, sql=f"TRY_CAST({value.sql} AS {_NUMBER_OF_TEXT})", kind="number")
        fits = value.kind == kind or "any" in (kind, value.kind) or {kind, value.kind} == {"date", "timestamp"}
        if fits:
            return value
        needed = {"boolean": "condition"}.get(kind, kind)
        raise ExpressionProblem(f"{what} needs a {needed}, but '{value.source}' is of type {value.kind}")

    @property
    def _text_columns(self) -> frozenset[str]:
        return frozenset(_identifier(name) for name in self.texts)

    def _alike(self, values: Sequence[Compiled], what: str) -> tuple[list[Compiled], Kind]:
        """Values of one type, and that type.

        Raises:
            ExpressionProblem: when their types differ.
        """
        kinds = {value.kind for value in values} - {"any"}
        if "number" in kinds:
            values = [self._as(value, "number", what) if value.kind == "any" else value for value in values]
        if time := next((kind for kind in ("timestamp", "date") if kind in kinds), None):
            values = [_as_time(value, time) for value in values]
            kinds = {value.kind for value in values} - {"any"}
        if kinds == {"date", "timestamp"}:
            kinds = {"timestamp"}
        if len(kinds) > 1:
            listed = " and ".join(f"'{value.source}' is of type {value.kind}" for value in values)
            raise ExpressionProblem(f"{what} needs values of one type, but {listed}")
        return list(values), next(iter(kinds), "any")


Walk = Callable[[exp.Expression], Compiled]


def _source(node: exp.Expression) -> str:
    text: str = node.sql(dialect=PlainSpark, comments=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _why_not(node: exp.Expression) -> str:
    if isinstance(node, (exp.Query, exp.DDL, exp.DML, exp.Command, exp.Subquery)):
        return "write an expression over facts, not a query or a command"
    if isinstance(node, exp.Alias):
        return f"remove the alias '{node.alias}': the value has a name already"
    return _REASONS.get(type(node), f"'{_source(node)}' is not allowed in an expression")


def _identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _join(sql: str, kind: Kind, parts: Sequence[Compiled]) -> Compiled:
    """An expression made of others."""
    return Compiled(
        sql,
        kind,
        columns=frozenset().union(*(part.columns for part in parts)),
        loose=next((part.loose for part in parts if part.loose), None),
        aggregates=tuple(name for part in parts for name in part.aggregates),
    )


def _as_time(value: Compiled, kind: str) -> Compiled:
    if value.kind == "text" and isinstance(value.literal, str):
        spark_type = "DATE" if kind == "date" and len(value.literal) == len("2026-05-03") else "TIMESTAMP"
        sql = literals.time_sql(value.literal, spark_type)
        return replace(value, sql=sql, kind="date" if spark_type == "DATE" else "timestamp", literal=None)
    return value


def _paren(_: Compiler, node: exp.Paren, walk: Walk) -> Compiled:
    return walk(node.this)


def _literal(_: Compiler, node: exp.Literal, __: Walk) -> Compiled:
    if node.is_string:
        return Compiled(literals.text_sql(node.this), "text", literal=node.this)
    return Compiled(literals.number_sql(node.this), "number", literal=float(node.this))


def _raw_text(_: Compiler, node: exp.RawString, __: Walk) -> Compiled:
    return Compiled(literals.text_sql(node.this), "text", literal=node.this)


def _adjacent_texts(_: Compiler, node: exp.Concat, walk: Walk) -> Compiled:
    parts = [walk(part) for part in node.expressions]
    if not all(isinstance(part.literal, str) for part in parts):
        raise ExpressionProblem(_why_not(node))
    text = "".join(str(part.literal) for part in parts)
    return Compiled(literals.text_sql(text), "text", literal=text)


def _boolean(_: Compiler, node: exp.Boolean, __: Walk) -> Compiled:
    return Compiled("TRUE" if node.this else "FALSE", "boolean")


def _null(_: Compiler, __: exp.Null, ___: Walk) -> Compiled:
    return Compiled("NULL", "any")


def _column(compiler: Compiler, node: exp.Column, _: Walk) -> Compiled:
    if node.table:
        raise ExpressionProblem(f"'{_source(node)}' names a table: write the column name only")
    name = node.name
    if not isinstance(node.this, exp.Identifier):
        raise ExpressionProblem(_why_not(node.this))
    if compiler.known is not None and name not in compiler.known:
        raise ExpressionProblem(f"there is no column '{name}': {nearest(name, compiler.known)}")
    if name.lower() in _CLOCK_COLUMNS:
        raise ExpressionProblem(f"the function '{name}' is not allowed: it depends on the clock or on who asks")
    kind: Kind = compiler.known[name] if compiler.known is not None else "any"
    sql = compiler.replaced.get(name, _identifier(name))
    return Compiled(sql, kind, columns=frozenset({name}), loose=name)


def _logic(compiler: Compiler, node: exp.Connector, walk: Walk) -> Compiled:
    word = "AND" if isinstance(node, exp.And) else "OR"
    sides = [compiler._as(walk(side), "boolean", word) for side in node.flatten()]
    return _join(f"({f' {word} '.join(side.sql for side in sides)})", "boolean", sides)


def _not(compiler: Compiler, node: exp.Not, walk: Walk) -> Compiled:
    value = compiler._as(walk(node.this), "boolean", "NOT")
    return _join(f"(NOT {value.sql})", "boolean", [value])


def _comparison(compiler: Compiler, node: exp.Binary, walk: Walk) -> Compiled:
    if isinstance(node.this, exp.Null) or isinstance(node.expression, exp.Null):
        raise ExpressionProblem(f"'{_source(node)}' is never true: write IS NULL or IS NOT NULL")
    sign = _COMPARISONS[type(node)]
    sides, _ = compiler._alike([walk(node.this), walk(node.expression)], f"'{_source(node)}'")
    return _join(f"({sides[0].sql} {sign} {sides[1].sql})", "boolean", sides)


def _between(compiler: Compiler, node: exp.Between, walk: Walk) -> Compiled:
    parts = [walk(node.this), walk(node.args["low"]), walk(node.args["high"])]
    parts, _ = compiler._alike(parts, "BETWEEN")
    return _join(f"({parts[0].sql} BETWEEN {parts[1].sql} AND {parts[2].sql})", "boolean", parts)


def _in(compiler: Compiler, node: exp.In, walk: Walk) -> Compiled:
    if not node.expressions or {key for key, value in node.args.items() if value} - {"this", "expressions"}:
        raise ExpressionProblem(f"'{_source(node)}' is not allowed: list the values, as in kind IN ('a', 'b')")
    parts, _ = compiler._alike([walk(node.this), *map(walk, node.expressions)], "IN")
    return _join(f"({parts[0].sql} IN ({', '.join(part.sql for part in parts[1:])}))", "boolean", parts)


def _is(compiler: Compiler, node: exp.Is, walk: Walk) -> Compiled:
    value, word = walk(node.this), walk(node.expression)
    if word.sql not in ("NULL", "TRUE", "FALSE") or not isinstance(node.expression, (exp.Null, exp.Boolean)):
        raise ExpressionProblem(_why_not(node.expression))
    if word.sql != "NULL":
        value = compiler._as(value, "boolean", f"IS {word.sql}")
    return _join(f"({value.sql} IS {word.sql})", "boolean", [value])


def _like(compiler: Compiler, node: exp.Binary, walk: Walk) -> Compiled:
    word = {exp.Like: "LIKE", exp.ILike: "ILIKE", exp.RegexpLike: "RLIKE"}[type(node)]
    text, pattern = compiler._as(walk(node.this), "text", word), walk(node.expression)
    if not isinstance(pattern.literal, str):
        raise ExpressionProblem(f"{word} needs a pattern in quotes, but found '{pattern.source}'")
    literals.check_pattern(pattern.literal) if word == "RLIKE" else literals.check_like(pattern.literal)
    return _join(f"({text.sql} {word} {pattern.sql})", "boolean", [text])


def _arithmetic(compiler: Compiler, node: exp.Binary, walk: Walk) -> Compiled:
    left, right = walk(node.this), walk(node.expression)
    function, what = _FORGIVING[type(node)], f"'{_source(node)}'"
    if right.kind == "interval" and isinstance(node, (exp.Add, exp.Sub)) and left.kind in ("date", "timestamp", "any"):
        return _join(f"{function}({left.sql}, {right.sql})", "timestamp", [left, right])
    sides = [compiler._as(side, "number", what) for side in (left, right)]
    return _join(f"{function}({sides[0].sql}, {sides[1].sql})", "number", sides)


def _negative(compiler: Compiler, node: exp.Neg, walk: Walk) -> Compiled:
    value = compiler._as(walk(node.this), "number", "'-'")
    if isinstance(value.literal, float):
        return replace(value, sql=f"(-{value.sql})", literal=-value.literal)
    return _join(f"try_multiply({value.sql}, -1)", "number", [value])


def _joined_texts(compiler: Compiler, node: exp.Expression, walk: Walk) -> Compiled:
    parts = [walk(node.this), walk(node.expression)]
    return _join(f"concat({parts[0].sql}, {parts[1].sql})", "text", parts)


def _interval(_: Compiler, node: exp.Interval, __: Walk) -> Compiled:
    unit = node.unit.name.upper().removesuffix("S") if node.unit is not None else ""
    number = node.this.this if isinstance(node.this, exp.Literal) else ""
    if unit not in _UNITS or not number.isdigit() or len(number) > 6:
        raise ExpressionProblem(f"'{_source(node)}' is not allowed: write a whole number of {', '.join(_UNITS)}")
    return Compiled(f"INTERVAL '{number}' {unit}", "interval")


def _case(compiler: Compiler, node: exp.Case, walk: Walk) -> Compiled:
    subject = walk(node.this) if node.this is not None else None
    tests, parts = [], []
    for branch in node.args["ifs"]:
        test = walk(branch.this)
        if subject is None:
            test = compiler._as(test, "boolean", "WHEN")
        else:
            (left, right), _ = compiler._alike([subject, test], "CASE")
            test = _join(f"({left.sql} = {right.sql})", "boolean", [left, right])
        tests.append(test)
        parts.append(walk(branch.args["true"]))
    if (default := node.args.get("default")) is not None:
        parts.append(walk(default))
    parts, kind = compiler._alike(parts, "CASE")
    branches = " ".join(f"WHEN {test.sql} THEN {part.sql}" for test, part in zip(tests, parts, strict=False))
    rest = f" ELSE {parts[-1].sql}" if default is not None else ""
    return _join(f"(CASE {branches}{rest} END)", kind, [*tests, *parts])


def _if(compiler: Compiler, node: exp.If, walk: Walk) -> Compiled:
    if node.args.get("false") is None:
        raise ExpressionProblem(f"'{_source(node)}' lacks the value otherwise: write if(condition, value, NULL)")
    test = compiler._as(walk(node.this), "boolean", "if")
    parts, kind = compiler._alike([walk(node.args["true"]), walk(node.args["false"])], "if")
    return _join(f"if({test.sql}, {parts[0].sql}, {parts[1].sql})", kind, [test, *parts])


def _cast(_: Compiler, node: exp.Cast, walk: Walk) -> Compiled:
    spark_type, kind = _TYPES.get(node.to.this, ("", "any"))
    if not spark_type or {key for key, value in node.args.items() if value} - {"this", "to", "safe"}:
        raise ExpressionProblem(f"'{_source(node)}' is not allowed: cast to a number, text, boolean, date or timestamp")
    value = walk(node.this)
    if kind in ("date", "timestamp") and isinstance(value.literal, str):
        return Compiled(literals.time_sql(value.literal, spark_type), kind)
    if spark_type == "DECIMAL":
        spark_type += _decimal_digits(node)
    return _join(f"TRY_CAST({value.sql} AS {spark_type})", kind, [value])


def _decimal_digits(node: exp.Cast) -> str:
    digits = [str(part.this) for part in node.to.expressions]
    if not digits:
        return "(10, 0)"
    if not all(part.isdigit() for part in digits) or int(digits[0]) > 38 or int(digits[-1]) > int(digits[0]):
        raise ExpressionProblem(f"'{_source(node)}' is not allowed: a decimal has at most 38 digits")
    return f"({', '.join(digits)})"


def _call(compiler: Compiler, node: exp.Anonymous, walk: Walk) -> Compiled:
    name = node.this.lower() if isinstance(node.this, str) else ""
    if name in AGGREGATES and compiler.known is not None:
        return _aggregate(compiler, name, node, walk)
    function = FUNCTIONS.get(name)
    if function is None and name != "size":
        known = [*FUNCTIONS, *(AGGREGATES if compiler.guard else ())]
        raise ExpressionProblem(
            f"the function '{_source(node).split('(')[0].lower()}' is not allowed: {nearest(name, known)}"
        )
    if function is None:
        return _size(compiler, node, walk)
    values = _arguments(compiler, name, function, [walk(argument) for argument in node.expressions])
    if function.result is None:
        values, kind = compiler._alike(values, name)
    else:
        kind = function.result
    _check_constants(name, [value.literal for value in values])
    sql = [value.sql for value in values]
    return _join(function.form.format(*sql) if function.form else f"{name}({', '.join(sql)})", kind, values)


def _arguments(compiler: Compiler, name: str, function: SqlFunction, values: list[Compiled]) -> list[Compiled]:
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
    return [compiler._as(value, function.argument(place) or "any", name) for place, value in enumerate(values)]


def _check_constants(name: str, values: Sequence[Any]) -> None:
    """Check literals that would end the job, or fill the memory, when Spark meets them."""
    places = {"left": 1, "right": 1, "lpad": 1, "rpad": 1, "substring": 1}
    if name in places:
        for value in (value for value in values[1:3] if isinstance(value, float)):
            literals.whole_number(value, -literals.MAX_LENGTH, literals.MAX_LENGTH, f"the length of {name}")
    if name == "round" and len(values) > 1:
        literals.whole_number(values[1], -9, 9, "the digits of round")
    if name == "width_bucket":
        literals.whole_number(values[3], 1, 1_000_000, "the number of buckets")
    if name == "split_part":
        literals.whole_number(abs(values[2]), 1, literals.MAX_LENGTH, "the part of split_part, counted from 1,")
    if name in ("regexp_extract", "regexp_replace"):
        groups = literals.check_pattern(str(values[1]))
        if name == "regexp_replace":
            literals.check_replacement(str(values[2]), groups)
        else:
            literals.whole_number(values[2] if len(values) > 2 else 1.0, 0, groups, "the group of regexp_extract")


def _size(compiler: Compiler, node: exp.Anonymous, walk: Walk) -> Compiled:
    inner = node.expressions[0] if len(node.expressions) == 1 else None
    if compiler.guard is None or not isinstance(inner, exp.Anonymous) or str(inner.this).lower() != "collect_set":
        raise ExpressionProblem("'size' counts a set: write size(collect_set(x))")
    values = walk(inner)
    return replace(values, sql=f"size({values.sql})", kind="number")


def _aggregate(compiler: Compiler, name: str, node: exp.Anonymous, walk: Walk) -> Compiled:
    if compiler.guard is None:
        raise ExpressionProblem(
            f"'{name}' is an aggregate, but a filter tests one fact at a time: move it into the measure"
        )
    guard = _identifier(compiler.guard)
    if name == "count" and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Star):
        return Compiled(f"count(*) FILTER (WHERE {guard})", "number", aggregates=(name,))
    for argument in node.expressions:
        if type(argument) in (exp.Distinct, exp.Order):
            raise ExpressionProblem(_why_not(argument))
    [value] = _arguments(compiler, name, AGGREGATES[name], [walk(argument) for argument in node.expressions])
    if value.aggregates:
        raise ExpressionProblem(f"'{value.aggregates[0]}' is inside '{name}': aggregates cannot be nested")
    if name == "collect_set" and not _is_sized(node):
        raise ExpressionProblem("collect_set returns a set, but a value is a number: write size(collect_set(x))")
    kind = AGGREGATES[name].result or value.kind
    return Compiled(_aggregate_sql(name, value.sql, guard), kind, columns=value.columns, aggregates=(name,))


def _is_sized(node: exp.Anonymous) -> bool:
    return isinstance(node.parent, exp.Anonymous) and str(node.parent.this).lower() == "size"


def _aggregate_sql(name: str, value: str, guard: str) -> str:
    rows = f"FILTER (WHERE {guard})"
    total = f"CAST(sum(TRY_CAST({value} AS {EXACT})) {rows} AS DOUBLE)"
    if name == "sum":
        return total
    if name == "avg":
        return f"try_divide({total}, count({value}) {rows})"
    if name == "entropy":
        return _ENTROPY.format(v=f"collect_list({value}) {rows}")
    return f"{name}({value}) {rows}"


_HANDLERS: Mapping[type[exp.Expression], Callable[[Compiler, Any, Walk], Compiled]] = {
    exp.Paren: _paren,
    exp.Literal: _literal,
    exp.RawString: _raw_text,
    exp.Concat: _adjacent_texts,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Column: _column,
    exp.And: _logic,
    exp.Or: _logic,
    exp.Not: _not,
    **dict.fromkeys(_COMPARISONS, _comparison),
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is,
    **dict.fromkeys((exp.Like, exp.ILike, exp.RegexpLike), _like),
    **dict.fromkeys(_FORGIVING, _arithmetic),
    exp.Neg: _negative,
    exp.DPipe: _joined_texts,
    exp.Interval: _interval,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Anonymous: _call,
}
"""All kinds of nodes that an expression may have."""
