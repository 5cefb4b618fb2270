"""The functions that an expression may call: one table, with argument types, results and their form in Spark."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["number", "boolean", "text", "timestamp", "date", "interval", "any"]
"""The type of an expression; ``any`` where it is not known, as of null or of a raw log's column."""


def folded(name: str) -> str:
    """Equal for names that Spark takes for the same: it compares them in upper and in lower case."""
    return name.upper().lower()


@dataclass(frozen=True)
class SqlFunction:
    """A function of a row, or of aggregates.

    Attributes:
        arguments: the types of its arguments; the last one repeats if it is variadic.
        result: the type of its value; None: that of its arguments, which must agree.
        about: for the reference.
        optional: how many of the last arguments may be left out.
        variadic: whether more arguments may follow.
        constant: the arguments that must be literals, by their place.
        form: its call in Spark, given its arguments; default: by its own name.
    """

    arguments: tuple[Kind, ...]
    result: Kind | None
    about: str
    optional: int = 0
    variadic: bool = False
    constant: tuple[int, ...] = ()
    form: str | None = None

    def argument(self, place: int) -> Kind | None:
        """The type of an argument; None: it has none at that place."""
        if place < len(self.arguments):
            return self.arguments[place]
        return self.arguments[-1] if self.variadic else None


_NUMBER = SqlFunction(("number",), "number", "")
_TEXT = SqlFunction(("text",), "text", "")
_DATE = SqlFunction(("date",), "number", "")
_DAYS = SqlFunction(
    ("date", "date"),
    "number",
    "Days from the second date to the first.",
    form="date_diff(TRY_CAST({0} AS DATE), TRY_CAST({1} AS DATE))",
)
_SECONDS = SqlFunction(("timestamp",), "number", "Seconds since 1970.", form="unix_seconds(TRY_CAST({0} AS TIMESTAMP))")
FUNCTIONS: Mapping[str, SqlFunction] = {
    # As a double, because the smallest whole number has no absolute value.
    "abs": replace(_NUMBER, about="The absolute value.", form="abs(TRY_CAST({0} AS DOUBLE))"),
    "ceil": replace(_NUMBER, about="The least whole number that is not less."),
    "coalesce": SqlFunction(("any",), None, "The first value that is not null.", variadic=True),
    "date_diff": _DAYS,
    "datediff": _DAYS,
    "dayofweek": replace(_DATE, about="1 (Sunday) to 7 (Saturday).", form="dayofweek(TRY_CAST({0} AS DATE))"),
    "exp": replace(_NUMBER, about="e to that power."),
    "floor": replace(_NUMBER, about="The greatest whole number that is not greater."),
    "greatest": SqlFunction(("any", "any"), None, "The greatest value that is not null.", variadic=True),
    "hour": SqlFunction(("timestamp",), "number", "The hour (UTC), 0 to 23.", form="hour(TRY_CAST({0} AS TIMESTAMP))"),
    "least": SqlFunction(("any", "any"), None, "The least value that is not null.", variadic=True),
    "ln": replace(_NUMBER, about="The natural logarithm; null for what is not positive."),
    "lower": replace(_TEXT, about="In lower case."),
    "nullif": SqlFunction(("any", "any"), None, "Null where both are equal, else the first."),
    "pow": SqlFunction(("number", "number"), "number", "The first to the power of the second."),
    "power": SqlFunction(("number", "number"), "number", "The first to the power of the second."),
    "round": SqlFunction(("number", "number"), "number", "Rounded to this many digits.", optional=1, constant=(1,)),
    "sign": replace(_NUMBER, about="-1, 0 or 1."),
    "sqrt": replace(_NUMBER, about="The square root."),
    "unix_seconds": _SECONDS,
    "unix_timestamp": _SECONDS,
    "upper": replace(_TEXT, about="In upper case."),
    "weekday": replace(_DATE, about="0 (Monday) to 6 (Sunday).", form="weekday(TRY_CAST({0} AS DATE))"),
    "width_bucket": SqlFunction(
        ("number", "number", "number", "number"), "number", "The number of the bucket of a histogram.", constant=(3,)
    ),
    "concat": SqlFunction(("any",), "text", "All texts together.", variadic=True),
    "concat_ws": SqlFunction(("text", "any"), "text", "All texts together, separated by the first.", variadic=True),
    "contains": SqlFunction(("text", "text"), "boolean", "Whether the second is in the first."),
    "endswith": SqlFunction(("text", "text"), "boolean", "Whether the first ends with the second."),
    "get_json_object": SqlFunction(("text", "text"), "text", "A field of JSON text by its path.", constant=(1,)),
    "initcap": replace(_TEXT, about="With a capital at the start of each word."),
    "left": SqlFunction(("text", "number"), "text", "The first n characters.", constant=(1,)),
    "length": SqlFunction(("text",), "number", "The number of characters."),
    "lpad": SqlFunction(("text", "number", "text"), "text", "Filled up at the start.", optional=1, constant=(1, 2)),
    "ltrim": replace(_TEXT, about="Without spaces at the start."),
    "regexp_extract": SqlFunction(
        ("text", "text", "number"), "text", "A group of a regular expression.", optional=1, constant=(1, 2)
    ),
    "regexp_replace": SqlFunction(
        ("text", "text", "text"), "text", "With each match of a regular expression replaced.", constant=(1, 2)
    ),
    "replace": SqlFunction(
        ("text", "text", "text"), "text", "With the second replaced by the third.", optional=1, constant=(1, 2)
    ),
    "right": SqlFunction(("text", "number"), "text", "The last n characters.", constant=(1,)),
    "rpad": SqlFunction(("text", "number", "text"), "text", "Filled up at the end.", optional=1, constant=(1, 2)),
    "rtrim": replace(_TEXT, about="Without spaces at the end."),
    "split_part": SqlFunction(
        ("text", "text", "number"), "text", "A part of text that the second separates, counted from 1.", constant=(2,)
    ),
    "startswith": SqlFunction(("text", "text"), "boolean", "Whether the first begins with the second."),
    "substring": SqlFunction(
        ("text", "number", "number"), "text", "Characters from a place on.", optional=1, constant=(1, 2)
    ),
    "timestamp_micros": SqlFunction(
        ("number",),
        "timestamp",
        "The time of a Unix time in microseconds.",
        form="timestamp_micros(CAST(TRY_CAST({0} AS DECIMAL(18, 0)) AS BIGINT))"
    ),
    "timestamp_millis": SqlFunction(
        ("number",),
        "timestamp",
        "The time of a Unix time in milliseconds.",
        form="timestamp_millis(CAST(TRY_CAST({0} AS DECIMAL(15, 0)) AS BIGINT))"
    ),
    "timestamp_seconds": SqlFunction(
        ("number",),
        "timestamp",
        "The time of a Unix time in seconds.",
        # Sail's timestamp_seconds drops the fraction.
        form="timestamp_micros(CAST(TRY_CAST({0} AS DECIMAL(17, 6)) * 1000000 AS BIGINT))",
    ),
    "translate": SqlFunction(("text", "text", "text"), "text", "With characters replaced one by one."),
    "trim": replace(_TEXT, about="Without spaces around it."),
}  # fmt: skip
"""Functions of a fact or a raw row, or of aggregates."""
AGGREGATES: Mapping[str, SqlFunction] = {
    "count": SqlFunction(("any",), "number", "How many facts have a value; count(*): how many there are."),
    "count_if": SqlFunction(("boolean",), "number", "How many facts meet a condition."),
    "sum": SqlFunction(("number",), "number", "The sum, exact to nine decimals; null without facts."),
    "avg": SqlFunction(("number",), "number", "The mean; null without facts."),
    "min": SqlFunction(("any",), None, "The least value."),
    "max": SqlFunction(("any",), None, "The greatest value."),
    "bool_or": SqlFunction(("boolean",), "boolean", "Whether any fact meets a condition."),
    "bool_and": SqlFunction(("boolean",), "boolean", "Whether all facts do."),
    "collect_set": SqlFunction(("any",), "any", "The different values, within size(...), which counts them."),
    "entropy": SqlFunction(("any",), "number", "Shannon entropy of the values that are not null, in nats."),
}
"""Functions of the facts in a window."""
