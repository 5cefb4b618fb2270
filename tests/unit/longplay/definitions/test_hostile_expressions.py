"""What Spark is given holds functions of the tables alone, and every literal as data, whatever an expression says."""

import re
import time

import pytest

from longplay.definitions.expression import (
    check_measure,
    check_row_expression,
    compile_measure,
    compile_row_expression,
)
from longplay.definitions.sql_functions import AGGREGATES, FUNCTIONS
from tests.unit.longplay.definitions.hostile_expressions import LARGE, hostile_measures, literals

WRITTEN = {
    *("aggregate", "array_distinct", "array_sort", "cast", "collect_list", "concat", "decimal", "filter", "if", "in"),
    "interval",
    *(
        "ln",
        "size",
        "then",
        "transform",
        "try_add",
        "try_cast",
        "try_divide",
        "try_mod",
        "try_multiply",
        "try_subtract",
    ),
    *("when", "where", "and", "or", "not", "else", "between", "case"),
}
"""What stands before a bracket in the forms that the compiler itself writes."""
PLAIN_TEXT = re.compile(r"X?'[^'\\]*'|`[^`]*`")
SECONDS = 2.0


def names_before_brackets(sql: str) -> set[str]:
    return {name.lower() for name in re.findall(r"(\w+)\s*\(", PLAIN_TEXT.sub(" t ", sql))}


def check_sql(sql: str, functions: set[str]) -> None:
    bare = PLAIN_TEXT.sub(" t ", sql)
    assert names_before_brackets(sql) <= functions | WRITTEN, sql
    assert not re.search(r"['\"`;:@$\\{}\[\]]|--|/\*|\bselect\b|\bfrom\b|[^\x20-\x7e]", bare, re.IGNORECASE), sql


def test_a_thousand_hostile_measures() -> None:
    refused = 0
    for text in hostile_measures(1_000):
        began = time.perf_counter()
        problem = check_measure(text)
        assert time.perf_counter() - began < SECONDS, text[:80]
        refused += problem is not None
        if problem is None:
            check_sql(compile_measure(text, "counts").sql, {*AGGREGATES, *FUNCTIONS})
    assert 600 < refused < 990, refused


def test_hostile_literals_of_source_files() -> None:
    accepted = 0
    for literal, _ in list(literals())[::4]:
        text = f"concat(who, {literal})"
        if check_row_expression(text) is None:
            accepted += 1
            check_sql(compile_row_expression(text, ["who"]).sql, set(FUNCTIONS))
    assert accepted > 200


def test_large_expressions_end_soon() -> None:
    for text in LARGE:
        began = time.perf_counter()
        check_row_expression(text)
        check_measure(text)
        assert time.perf_counter() - began < SECONDS, text[:80]


@pytest.mark.parametrize(
    ("literal", "sql"),
    [
        ("'plain text, 7%'", "'plain text, 7%'"),
        ("'it\\'s'", "CAST(X'69742773' AS STRING)"),
        ("'it''s'", "'its'"),  # as Spark reads it: two texts side by side
        ("r'a\\d'", "CAST(X'615C64' AS STRING)"),
        ("'é'", "CAST(X'C3A9' AS STRING)"),
        ("'__entropy_0__'", "'__entropy_0__'"),
    ],
)
def test_literals_are_data(literal: str, sql: str) -> None:
    assert compile_measure(f"count_if(kind = {literal})", "counts").sql == (
        f"count_if((`kind` = {sql})) FILTER (WHERE `counts`)"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("count_if(item_id = 5)", "'item_id' is of type text and '5' is of type number"),
        ("count_if(kind in (1, 2))", "IN needs values of one type"),
        ("sum(amount + item_id)", "needs a number, but 'item_id' is of type text"),
        ("max(hour(item_id))", "hour needs a timestamp"),
        ("max(amount, day)", "'max' takes 1 arguments, not 2"),
        ("count()", "'count' needs an argument"),
        ("entropy(*)", "'*' is not allowed"),
        ("sum(if(is_click, 1))", "write if(condition, value, NULL)"),
        ("sum(amount div 0)", "write floor(a / b)"),
        ("sum(1e400)", "no number that a double can hold"),
        ("sum(amount ORDER BY day)", "is not allowed"),
        ("sum(transform(amount, v -> v))", "is not allowed"),
        ("sum(amount[0])", "is not allowed"),
        ("sum(:p)", "is not allowed"),
        ("count_if(event_ts < timestamp 'now')", "nothing may depend on the clock"),
        ("count_if(event_day > '2026-02-30')", "is no date"),
        ("count_if(kind like 'a\\\\b')", "a backslash stands before none of"),
        ("count_if(kind rlike topic)", "RLIKE needs a pattern in quotes"),
        ("count_if(kind rlike '(')", "is no regular expression"),
        ("sum(round(amount, day))", "argument 2 of round must be a literal"),
        ("count_if(is_click and amount)", "AND needs a condition, but 'amount' is of type number"),
        ("sum(case when is_click then 1 else 'a' end)", "CASE needs values of one type"),
        ("sum(cast(kind as array<int>))", "cast to a number, text, boolean, date or timestamp"),
        ("count_if(kind = 'a' or)", "this is not Spark SQL"),
    ],
)
def test_what_could_only_fail_in_spark_is_refused(text: str, problem: str) -> None:
    assert problem in (check_measure(text) or "accepted")


@pytest.mark.parametrize(
    "text",
    [
        "max(datediff(event_day, date '2026-05-03'))",
        "max(date_diff(event_ts, t0))",
        "size(collect_set(dayofweek(event_day)))",
        "min(unix_timestamp(event_ts) - unix_seconds(t0))",
        "count_if(event_ts >= t0 + interval 2 hours)",
        "count_if(event_day > '2026-05-03')",
        "sum(coalesce(amount, 0)) / count_if(topic is not null)",
        "avg(CASE kind WHEN 'play' THEN 1 WHEN 'tap' THEN 0.5 END)",
    ],
)
def test_functions_that_a_parser_renames_are_allowed(text: str) -> None:
    assert check_measure(text) is None
