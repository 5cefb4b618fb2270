"""Literals of expressions, written so that Spark can only read them as data, and checks of those that can fail."""

import math
import re
from collections.abc import Iterable
from datetime import datetime

from longplay.definitions.sql_parser import ExpressionProblem

MAX_CHARACTERS = 1_000
"""The most characters that a function may take or fill up to."""
_PLAIN = re.compile(r"[A-Za-z0-9 _.,:;/%+*=<>()\[\]{}^$|?!#@&~-]*")
_NUMBER = re.compile(r"[0-9]{1,19}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?")
_REFERENCE = re.compile(r"\\.|\$([0-9])")
_CLASS = re.compile(r"\[\^?(?:[^\[\]\\&]|\\[\\\]\[^.$|?*+(){}/dDsSwW-])+\]")
_ESCAPE = re.compile(r"\\[\\\[\].$|?*+(){}^/\-dDsSwWbBtnr]")
_REPEAT = re.compile(r"\{([0-9]{1,4})(,([0-9]{1,4})?)?\}")
_HARD_GROUP = re.compile(r"\((?:\?:)?[^()]*(?:[|*+]|u)[^()]*\)[*+]|\([^()]*\([^()]*\)[^()]*\)[*+]")


def text_sql(text: str) -> str:
    """Text as Spark SQL: in quotes if it is plain, else as the bytes of its UTF-8."""
    return f"'{text}'" if _PLAIN.fullmatch(text) else f"CAST(X'{text.encode().hex().upper()}' AS STRING)"


def texts_sql(texts: Iterable[str]) -> str:
    """Texts as Spark SQL, sorted and separated by commas, as ``IN`` takes them."""
    return ", ".join(map(text_sql, sorted(texts)))


def number_sql(digits: str) -> str:
    """A number as Spark SQL.

    Raises:
        ExpressionProblem: when it is none that a double can hold.
    """
    if not _NUMBER.fullmatch(digits) or not math.isfinite(float(digits)):
        raise ExpressionProblem(f"'{digits[:40]}' is not a number that a double can hold")
    return digits


def time_sql(text: str, spark_type: str) -> str:
    """A date or time (UTC) as Spark SQL.

    Args:
        text: in ISO 8601.
        spark_type: ``DATE`` or ``TIMESTAMP``.

    Raises:
        ExpressionProblem: when it is not a date or time; words such as 'now' depend on the clock.
    """
    try:
        if not _TIME.fullmatch(text):
            raise ValueError(text)
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ExpressionProblem(
            f"{text!r} is not a {spark_type.lower()}: write it as 2026-05-03 or 2026-05-03 10:00:00; nothing may "
            "depend on the clock"
        ) from error
    return f"CAST('{text}' AS {spark_type})"


def check_pattern(pattern: str) -> int:
    """Check a regular expression; returns how many groups it has.

    It may hold what Python and Java read alike, and nothing that exhausts the stack or goes back over text for hours.

    Raises:
        ExpressionProblem: when it is none, or holds more.
    """
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ExpressionProblem(f"{pattern!r} is not a regular expression: {error}") from error
    bare = _CLASS.sub("a", _ESCAPE.sub(lambda escape: escape[0] if escape[0] in (r"\[", r"\]") else "a", pattern))
    bare = bare.replace(r"\[", "a").replace(r"\]", "a")
    bare = _REPEAT.sub(lambda repeat: "u" if (repeat[2] or int(repeat[1]) > 1) else "", bare)
    if extra := re.search(r"\\|[\[\]{}]|\(\?(?!:)", bare):
        raise ExpressionProblem(
            f"{pattern!r} holds {extra[0]!r}, which is not allowed here: write classes, groups, escapes and {{n,m}} "
            "in their plain forms"
        )
    if _HARD_GROUP.search(bare):
        raise ExpressionProblem(f"in {pattern!r}, a group is repeated that itself holds a repeat or alternatives")
    return groups


def check_replacement(replacement: str, groups: int) -> None:
    """Check that a replacement names only groups of its regular expression.

    Raises:
        ExpressionProblem: when it names another.
    """
    for reference in _REFERENCE.finditer(replacement):
        if reference[1] and int(reference[1]) > groups:
            raise ExpressionProblem(f"the replacement {replacement!r} names a group that the expression does not have")
    if re.search(r"[$\\]", _REFERENCE.sub("x", replacement)):
        raise ExpressionProblem(f"in the replacement {replacement!r}, a $ or backslash belongs to nothing")


def check_like(pattern: str) -> None:
    r"""Check a pattern of LIKE: a backslash may only stand before %, _ or itself.

    Raises:
        ExpressionProblem: for another.
    """
    if re.search(r"\\(?![%_\\])", re.sub(r"\\\\", "", pattern)):
        raise ExpressionProblem(f"in the pattern {pattern!r}, a backslash stands before none of %, _ and itself")


def check_whole_number(value: object, low: int, high: int, what: str) -> None:
    """Check that a literal is a whole number in ``[low, high]``.

    Raises:
        ExpressionProblem: when it is not.
    """
    if not isinstance(value, float) or not value.is_integer() or not low <= value <= high:
        raise ExpressionProblem(f"{what} must be a whole number from {low} to {high:,}")
