"""What Spark is given holds functions of the tables alone, and every literal as data, whatever an expression says."""

import re
import time

import pytest

from longplay.definitions.expression import (
    check_measure,
    check_row_expression,
    check_row_filter,
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
    for literal in list(literals())[::4]:
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
        f"count(CASE WHEN (`kind` = {sql}) THEN 1 END) FILTER (WHERE `counts`)"
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
        ("sum(1e400)", "not a number that a double can hold"),
        ("sum(amount ORDER BY day)", "is not allowed"),
        ("sum(transform(amount, v -> v))", "is not allowed"),
        ("sum(amount[0])", "is not allowed"),
        ("sum(:p)", "is not allowed"),
        ("count_if(event_ts < timestamp 'now')", "nothing may depend on the clock"),
        ("count_if(event_day > '2026-02-30')", "is not a date"),
        ("count_if(kind like 'a\\\\b')", "a backslash stands before none of"),
        ("count_if(kind rlike topic)", "RLIKE needs a pattern in quotes"),
        ("count_if(kind rlike '(')", "is not a regular expression"),
        ("sum(round(amount, day))", "argument 2 of round must be a literal"),
        ("count_if(is_click and amount)", "AND needs a condition, but 'amount' is of type number"),
        ("sum(case when is_click then 1 else 'a' end)", "CASE needs values of one type"),
        ("sum(cast(kind as array<int>))", "cast to a number, text, boolean, date or timestamp"),
        ("count_if(kind = 'a' or)", "this is not Spark SQL"),
        ("sum(amount) -- all", "comments are not allowed"),
        ("count_if(kind = '\ud800')", "control character"),
        ("sum(cast(amount as array<array<array<int>>>))", "cast to a number, text"),
        ("count_if(amount between symmetric 100 and 1)", "is not allowed"),
        ("count_if(event_ts < t0 + interval '1' day to hour)", "write a whole number of DAY"),
        ("count_if(event_ts < t0 + interval '٣' day)", "write a whole number of DAY"),
        ("count(cast(amount as date))", "casts a number to a date"),
        ("count(cast(is_click as timestamp))", "casts a boolean to a timestamp"),
        ("max(cast(day as decimal(5, 2, 1)))", "at most 38 digits"),
        ("max(cast(day as decimal(٣, 1)))", "at most 38 digits"),
        ("count(cast(kind as string(3)))", "cast to a number, text"),
        ("max(12345678901234567890.5)", "not a number that a double can hold"),
        ("max(round(day, -1))", "must be a whole number from 0 to 9"),
        ("max(length(lpad(kind, 10000, 'a')))", "must be a whole number from -1000 to 1,000"),
        ("max(length(replace(kind, 'a', topic)))", "argument 3 of replace must be a literal"),
        ("sum(" + "CASE " * 20 + "day" + " WHEN 1 THEN 1 WHEN 2 THEN 2 END" * 20 + ")", "characters of SQL"),
        ("count_if(kind rlike '(a|b)*c')", "a group is repeated"),
        ("count_if(kind rlike '(a+)+$')", "a group is repeated"),
        ("count_if(kind rlike '(?P<n>a)')", "is not allowed here"),
        ("count_if(kind rlike '[[a]')", "is not allowed here"),
        ("count_if(kind rlike 'a{x}')", "is not allowed here"),
        ("count_if(kind rlike 'a{,3}')", "is not allowed here"),
        ("count_if(kind rlike r'\\0')", "is not allowed here"),
        ("count_if(kind rlike '[a&&b]')", "is not allowed here"),
        ("count_if(regexp_replace(kind, '(a)', '$2') = 'b')", "names a group"),
        ("count_if(regexp_replace(kind, '(a)', r'$\\1') = 'b')", "belongs to nothing"),
        ("count_if(regexp_extract(kind, '(a)', 2) = 'b')", "from 0 to 1"),
    ],
)
def test_what_could_only_fail_in_spark_is_refused(text: str, problem: str) -> None:
    assert problem in (check_measure(text) or "accepted")


def test_ordinary_patterns_are_allowed() -> None:
    for pattern in (
        r"^[a-z0-9._-]+@[a-z]+\\.com$",
        r"^day ([0-9-]+)$",
        r"(ab)?c{2,3}",
        r"\\d+-\\d{4}",
        "(a|b)c",
        "[^,;]+",
    ):
        assert check_row_expression(f"who rlike '{pattern}'") is None, pattern


@pytest.mark.parametrize(
    "name", ["current_date", "Current_Timestamp", "current_tımestamp", "current_uſer", "_metadata"]
)
def test_names_that_spark_reads_as_functions_are_refused(name: str) -> None:
    assert "is not allowed" in (check_row_expression(name) or "accepted")
    assert "is not allowed" in (check_row_filter(f"`{name}` IS NULL") or "accepted")


def test_text_of_a_raw_row_is_read_as_what_is_needed() -> None:
    texts = ["a", "Views"]
    for text, sql in {
        "hour(a)": "hour(TRY_CAST(TRY_CAST(`a` AS TIMESTAMP) AS TIMESTAMP))",
        "a > timestamp '2026-01-01'": "(TRY_CAST(`a` AS TIMESTAMP) > CAST('2026-01-01' AS TIMESTAMP))",
        "not a": "(NOT TRY_CAST(`a` AS BOOLEAN))",
        "coalesce(a, n) + 1": "try_add(TRY_CAST(coalesce(`a`, `n`) AS DECIMAL(30, 9)), 1)",
        "VIEWS > 5": "(TRY_CAST(`VIEWS` AS DECIMAL(30, 9)) > 5)",
        "n > 5": "(`n` > 5)",
    }.items():
        assert compile_row_expression(text, texts).sql == sql


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
