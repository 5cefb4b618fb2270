"""Parts of an expression that were checked, and what they may read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from longplay.definitions import sql_literals as literals
from longplay.definitions.sql_functions import Kind, folded
from longplay.definitions.sql_parser import ExpressionProblem, PlainSpark

_OF_TEXT: Mapping[Kind, str] = {
    "number": "DECIMAL(30, 9)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
"""As what text is read where another type is needed."""
_MAX_SQL = 50_000
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
        node: its tree; None while it is being compiled.
        literal: the value of a literal: text, a number, or None.
        loose: the first column outside an aggregate.
        aggregates: the aggregates in it.
    """

    sql: str
    kind: Kind
    node: exp.Expression | None = None
    literal: str | float | None = None
    loose: str | None = None
    aggregates: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """How it was written, for messages."""
        return source_of(self.node) if self.node is not None else self.sql


Walk = Callable[[exp.Expression], Compiled]


@dataclass(frozen=True)
class Scope:
    """What an expression may read.

    Attributes:
        types: the types of the columns; None: any name may be one, of any type.
        guard: the boolean column whose rows aggregates read; None: aggregates are not allowed.
        texts: columns that hold text; where a number is needed, they are read as one.
        replaced: Spark SQL in place of columns.
    """

    types: Mapping[str, Kind] | None
    guard: str | None = None
    texts: frozenset[str] = frozenset()
    replaced: Mapping[str, str] = field(default_factory=dict)

    def expect(self, value: Compiled, kind: Kind, what: str) -> Compiled:
        """A value where a type is needed.

        Raises:
            ExpressionProblem: when it has another.
        """
        if value.kind == "any" and kind in _OF_TEXT and self._may_be_text(value):
            return replace(value, sql=f"TRY_CAST({value.sql} AS {_OF_TEXT[kind]})", kind=kind)
        fits = value.kind == kind or "any" in (kind, value.kind) or {kind, value.kind} == {"date", "timestamp"}
        if fits:
            return value
        needed = {"boolean": "condition"}.get(kind, kind)
        raise ExpressionProblem(f"{what} needs a {needed}, but '{value.source}' is of type {value.kind}")

    def _may_be_text(self, value: Compiled) -> bool:
        """Whether a value of unknown type is null, a column that holds text, or made of columns of a raw row."""
        if value.sql == "NULL":
            return True
        if self.types is not None or value.loose is None:
            return False
        is_column = value.sql == as_identifier(value.loose)
        return not is_column or folded(value.loose) in {folded(name) for name in self.texts}

    def agree(self, values: Sequence[Compiled], what: str) -> tuple[list[Compiled], Kind]:
        """Values of one type, and that type.

        Raises:
            ExpressionProblem: when their types differ.
        """
        kinds = {value.kind for value in values} - {"any"}
        if time := next((kind for kind in ("timestamp", "date") if kind in kinds), None):
            values = [as_time(value, time) for value in values]
            kinds = {value.kind for value in values} - {"any"}
        if kinds == {"date", "timestamp"}:
            values = [_from_date(value) for value in values]
            kinds = {"timestamp"}
        if len(kinds) == 1:
            [kind] = kinds
            values = [self.expect(value, kind, what) if value.kind == "any" else value for value in values]
        if len(kinds) > 1:
            listed = " and ".join(f"'{value.source}' is of type {value.kind}" for value in values)
            raise ExpressionProblem(f"{what} needs values of one type, but {listed}")
        return list(values), next(iter(kinds), "any")


def source_of(node: exp.Expression) -> str:
    """How an expression is written, for messages."""
    text: str = node.sql(dialect=PlainSpark, comments=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def why_not(node: exp.Expression) -> str:
    """Why a node is not allowed."""
    if isinstance(node, (exp.Query, exp.DDL, exp.DML, exp.Command, exp.Subquery)):
        return "write an expression over facts, not a query or a command"
    if isinstance(node, exp.Alias):
        return f"remove the alias '{node.alias}': the value has a name already"
    return _REASONS.get(type(node), f"'{source_of(node)}' is not allowed in an expression")


def as_identifier(name: str) -> str:
    """A name that Spark reads as nothing but a name."""
    return "`" + name.replace("`", "``") + "`"


def _from_date(value: Compiled) -> Compiled:
    if value.kind == "date":
        return replace(value, sql=f"TRY_CAST({value.sql} AS TIMESTAMP)", kind="timestamp")
    return value


def join(sql: str, kind: Kind, parts: Sequence[Compiled]) -> Compiled:
    """An expression made of others.

    Raises:
        ExpressionProblem: when it grew too long, as nested CASE does.
    """
    if len(sql) > _MAX_SQL:
        raise ExpressionProblem(f"the expression becomes more than {_MAX_SQL:,} characters of SQL: split it")
    return Compiled(
        sql,
        kind,
        loose=next((part.loose for part in parts if part.loose), None),
        aggregates=tuple(name for part in parts for name in part.aggregates),
    )


def as_time(value: Compiled, kind: str) -> Compiled:
    """A literal as the time that it is compared with; other values as they are."""
    if value.kind == "text" and isinstance(value.literal, str):
        spark_type = "DATE" if kind == "date" and len(value.literal) == len("2026-05-03") else "TIMESTAMP"
        sql = literals.time_sql(value.literal, spark_type)
        return replace(value, sql=sql, kind="date" if spark_type == "DATE" else "timestamp", literal=None)
    return value
