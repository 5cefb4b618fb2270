"""Literals of expressions, written so that Spark can only read them as data, and checks of those that can fail."""

import math
import re
from datetime import datetime

from longplay.definitions.sql_parser import ExpressionProblem

MAX_LENGTH = 10_000
_PLAIN = re.compile(r"[A-Za-z0-9 _.,:;/%+*=<>()\[\]{}^$|?!#@&~-]*")
_NUMBER = re.compile(r"\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")
_REFERENCE = re.compile(r"\\.|\$(\d+|\{)")


def text_sql(text: str) -> str:
    """Text as Spark SQL: in quotes if it is plain, else as the bytes of its UTF-8."""
    return f"'{text}'" if _PLAIN.fullmatch(text) else f"CAST(X'{text.encode().hex().upper()}' AS STRING)"


def number_sql(digits: str) -> str:
    """A number as Spark SQL.

    Raises:
        ExpressionProblem: when it is none that a double can hold.
    """
    if not _NUMBER.fullmatch(digits) or not math.isfinite(float(digits)):
        raise ExpressionProblem(f"'{digits[:40]}' is no number that a double can hold")
    return digits


def time_sql(text: str, spark_type: str) -> str:
    """A date or time (UTC) as Spark SQL.

    Args:
        text: in ISO 8601.
        spark_type: ``DATE`` or ``TIMESTAMP``.

    Raises:
        ExpressionProblem: when it is no date or time; words such as 'now' depend on the clock.
    """
    try:
        if not _TIME.fullmatch(text):
            raise ValueError(text)
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ExpressionProblem(
            f"{text!r} is no {spark_type.lower()}: write it as 2026-05-03 or 2026-05-03 10:00:00; nothing may depend "
            "on the clock"
        ) from error
    return f"CAST('{text}' AS {spark_type})"


def check_pattern(pattern: str) -> int:
    """Check a regular expression; returns how many groups it has.

    Raises:
        ExpressionProblem: when it is none.
    """
    try:
        return re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ExpressionProblem(f"{pattern!r} is no regular expression: {error}") from error


def check_replacement(replacement: str, groups: int) -> None:
    """Check that a replacement names only groups of its regular expression.

    Raises:
        ExpressionProblem: when it names another.
    """
    for reference in _REFERENCE.finditer(replacement):
        if reference[1] == "{" or (reference[1] and int(reference[1][0]) > groups):
            raise ExpressionProblem(f"the replacement {replacement!r} names a group that the expression does not have")
    if re.search(r"\$(?!\d)", _REFERENCE.sub("", replacement)) or re.search(r"(?<!\\)(\\\\)*\\$", replacement):
        raise ExpressionProblem(f"the replacement {replacement!r} ends in a sign that needs a group or character")


def check_like(pattern: str) -> None:
    r"""Check a pattern of LIKE: a backslash may only stand before %, _ or itself.

    Raises:
        ExpressionProblem: for another.
    """
    if re.search(r"\\(?![%_\\])", re.sub(r"\\\\", "", pattern)):
        raise ExpressionProblem(rf"in the pattern {pattern!r}, a backslash stands before none of %, _ and \\")


def whole_number(value: object, low: int, high: int, what: str) -> None:
    """Check that a literal is a whole number in ``[low, high]``.

    Raises:
        ExpressionProblem: when it is not.
    """
    if not isinstance(value, float) or not value.is_integer() or not low <= value <= high:
        raise ExpressionProblem(f"{what} must be a whole number from {low} to {high:,}")
