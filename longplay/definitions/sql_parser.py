"""Parses one expression of Spark SQL, within limits. Imports sqlglot, so import it where an expression is read."""

import re
from typing import ClassVar

from sqlglot import exp, parse
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError

from longplay.errors import ConfigError

MAX_LENGTH, MAX_BRACKETS, MAX_WORDS, MAX_DEPTH = 4_000, 24, 1_000, 80
"""The longest expression (characters), its deepest brackets, its most words and signs, and its deepest tree."""
_TEXTS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`", re.DOTALL)
_WORDS = re.compile(r"\w+|[^\w\s]")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NESTED_TYPES = re.compile(r"(\w+\s*<\s*){3}")


class ExpressionProblem(ConfigError):
    """What is wrong with an expression."""


_PARSERS, _PARSERS_WITHOUT_BRACKETS = Spark.Parser.FUNCTION_PARSERS, Spark.Parser.NO_PAREN_FUNCTION_PARSERS


class PlainSpark(Spark):  # type: ignore[misc]
    """Spark SQL in which every function keeps its name and arguments: sqlglot rewrites many that it knows."""

    class Parser(Spark.Parser):  # type: ignore[misc]
        """Knows no function but those with a syntax of their own."""

        FUNCTIONS: ClassVar[dict[str, object]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, object]] = {name: _PARSERS[name] for name in ("CAST", "TRY_CAST")}
        NO_PAREN_FUNCTIONS: ClassVar[dict[str, object]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, object]] = {
            name: _PARSERS_WITHOUT_BRACKETS[name] for name in ("CASE", "IF")
        }


def parse_expression(text: str) -> exp.Expression:
    """The tree of a single expression.

    Raises:
        ExpressionProblem: when the text is none, or exceeds a limit.
    """
    _check_limits(text)
    try:
        trees = parse(text, dialect=PlainSpark)
    except SqlglotError as error:
        raise ExpressionProblem(f"this is not Spark SQL: {_COLOURS.sub('', str(error).splitlines()[0])}") from error
    except RecursionError as error:
        raise ExpressionProblem("the expression is nested too deeply: split it") from error
    if len(trees) != 1 or trees[0] is None:
        raise ExpressionProblem("write a single expression, without ';'")
    if _depth(trees[0]) > MAX_DEPTH:
        raise ExpressionProblem(
            f"the expression is nested more than {MAX_DEPTH} deep: split it, or list values with IN"
        )
    return trees[0]


def _depth(tree: exp.Expression) -> int:
    """How deep a tree is, by a loop, because a deep one would exhaust the stack."""
    deepest, nodes = 0, [(tree, 1)]
    while nodes:
        node, depth = nodes.pop()
        deepest = max(deepest, depth)
        nodes += [(child, depth + 1) for child in node.iter_expressions()]
    return deepest


def _check_limits(text: str) -> None:
    if not text.strip():
        raise ExpressionProblem("the expression is empty")
    if len(text) > MAX_LENGTH:
        raise ExpressionProblem(f"the expression has {len(text):,} characters, and at most {MAX_LENGTH:,} are allowed")
    if control := _CONTROL.search(text):
        raise ExpressionProblem(f"the expression holds the control character {control[0]!r}")
    bare = _TEXTS.sub("''", text)
    if "--" in bare or "/*" in bare:
        raise ExpressionProblem("comments are not allowed in an expression: write them beside it")
    if _NESTED_TYPES.search(bare):
        raise ExpressionProblem("cast to a number, text, boolean, date or timestamp")
    tokens = _WORDS.findall(bare)
    if len(tokens) > MAX_WORDS:
        raise ExpressionProblem(
            f"the expression has {len(tokens):,} words and signs, and at most {MAX_WORDS:,} are allowed"
        )
    depth = deepest = 0
    for token in tokens:
        depth += (token in "([") - (token in ")]")
        deepest = max(deepest, depth)
    if deepest > MAX_BRACKETS:
        raise ExpressionProblem(f"brackets are {deepest} deep, and at most {MAX_BRACKETS} are allowed")
