"""Expressions in definitions and source files: checked before any data is read, and without Spark.

One walk over the parsed tree infers types, refuses whatever is not listed here, and writes the Spark SQL that is run.
So Spark is only ever given what was checked: nothing may depend on the order of rows, the clock, chance or another
table, and text stays data. Where Spark would end the job, as for a division by zero, the value is null.
"""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from longplay.definitions.sql_functions import Kind

if TYPE_CHECKING:
    from longplay.definitions.sql_parts import Compiled

COLUMNS: Mapping[str, Kind] = {
    "item_id": "text",
    "topic": "text",
    "kind": "text",
    "surface": "text",
    "event_ts": "timestamp",
    "event_day": "date",
    "amount": "number",
    "is_consumption": "boolean",
    "is_click": "boolean",
    "is_negative": "boolean",
    "t0": "timestamp",
    "day": "number",
    "elapsed_s": "number",
    "same_item": "boolean",
    "episode": "text",
    "season": "text",
    "season_episodes": "number",
    "is_release": "boolean",
    "release_s": "number",
    "since_release_s": "number",
}
"""Columns that an expression may read, with their types.

Besides the fact's own columns: the anchor's time ``t0``, the fact's UTC day counted from the anchor's (``day``),
seconds since ``t0`` (``elapsed_s``) and whether the fact is about the anchor's item (``same_item``). The last six
describe episodes: the fact's episode, its season, the number of episodes in the season, whether the fact is the release
itself, seconds from ``t0`` to the release, and seconds from the release to the fact.
"""
EPISODE_COLUMNS = ("episode", "season", "season_episodes", "is_release", "release_s", "since_release_s")
"""Columns that require ``needs.episodes``."""


def check_measure(text: str) -> str | None:
    """Return what is wrong with an aggregate expression, or None."""
    return _problem_of(lambda: compile_measure(text, "counts"))


def check_filter(text: str) -> str | None:
    """Return what is wrong with a condition on a fact, or None."""
    return _problem_of(lambda: compile_filter(text))


def check_row_expression(text: str) -> str | None:
    """Return what is wrong with an expression over the columns of a raw row, whose names are not known yet, or None."""
    return _problem_of(lambda: compile_row_expression(text, ()))


def check_row_filter(text: str) -> str | None:
    """Return what is wrong with a condition on a raw row, whose columns are not known yet, or None."""
    return _problem_of(lambda: compile_row_filter(text, ()))


@lru_cache(1_000)
def compile_measure(text: str, guard: str) -> "Compiled":
    """An aggregate expression in which every aggregate reads only rows where the boolean column ``guard`` is true.

    Raises:
        ExpressionProblem: for one that is not allowed.
    """
    from longplay.definitions.sql_compiler import compile_expression, require_measure
    from longplay.definitions.sql_parts import Scope

    return require_measure(compile_expression(text, Scope(COLUMNS, guard)), text)


@lru_cache(1_000)
def compile_filter(text: str) -> "Compiled":
    """A condition on a fact; null where it is undefined.

    Raises:
        ExpressionProblem: for one that is not allowed.
    """
    from longplay.definitions.sql_compiler import compile_expression, require_condition
    from longplay.definitions.sql_parts import Scope

    return require_condition(compile_expression(text, Scope(COLUMNS)), text)


def compile_row_expression(text: str, texts: Collection[str], replaced: Mapping[str, str] | None = None) -> "Compiled":
    """An expression over the columns of a raw row; null where it is undefined.

    Args:
        text: the expression.
        texts: columns that hold text; where a number is needed, they are read as one.
        replaced: Spark SQL in place of columns that Longplay provides.

    Raises:
        ExpressionProblem: for one that is not allowed.
    """
    from longplay.definitions.sql_compiler import compile_expression
    from longplay.definitions.sql_parts import Scope

    return compile_expression(text, Scope(None, None, frozenset(texts), replaced or {}))


def compile_row_filter(text: str, texts: Collection[str]) -> "Compiled":
    """A condition on a raw row; null where it is undefined. Its arguments are those of ``compile_row_expression``.

    Raises:
        ExpressionProblem: for one that is not allowed.
    """
    from longplay.definitions.sql_compiler import require_condition

    return require_condition(compile_row_expression(text, texts), text)


def columns_of(text: str) -> frozenset[str]:
    """The columns that a checked expression reads."""
    from longplay.definitions.sql_compiler import columns_in

    return columns_in(text)


def reads_episodes(text: str) -> bool:
    """Whether a checked expression reads a column of episodes."""
    mentions = any(name in text for name in EPISODE_COLUMNS)  # saves parsing most expressions
    return mentions and not columns_of(text).isdisjoint(EPISODE_COLUMNS)


def _problem_of(build: Callable[[], object]) -> str | None:
    from longplay.definitions.sql_parser import ExpressionProblem

    try:
        build()
    except ExpressionProblem as problem:
        return problem.what
    return None
