"""Random accepted expressions, over facts and over their aggregates, have the values that plain Python gives them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from longplay.definitions.expression import COLUMNS, compile_measure
from longplay.definitions.sql_compiler import compile_expression
from longplay.definitions.sql_functions import Kind
from longplay.definitions.sql_parts import Scope
from tests.reference.signals_by_hand import entropy

pytestmark = pytest.mark.spark

ROWS, AT_ONCE, DEPTH = 40, 150, 3
START = datetime(2026, 5, 1, tzinfo=UTC)
LETTERS = "aBé'\\\"%_ x"
SCHEMA = (
    "amount double, elapsed_s double, topic string, kind string, event_ts timestamp, event_day date, "
    "is_click boolean, same_item boolean, counts boolean, g int"
)
CLIPPED = "greatest(-1e6, least(1e6, {0}))"
Fact = dict[str, Any]


@dataclass(frozen=True)
class Random:
    """An expression, and its value for a fact."""

    sql: str
    value: Callable[[Fact], Any]


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Null where an argument is."""
    return lambda *values: None if None in values else function(*values)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def random_text(rng: np.random.Generator) -> str:
    return "".join(LETTERS[n] for n in rng.integers(0, len(LETTERS), rng.integers(1, 4)))


def both(left: bool | None, right: bool | None) -> bool | None:
    return False if False in (left, right) else None if None in (left, right) else True


def either(left: bool | None, right: bool | None) -> bool | None:
    return True if True in (left, right) else None if None in (left, right) else False


def rounded(number: float, digits: int) -> float:
    return float(Decimal(repr(number)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def made(form: str, function: Callable[..., Any], *parts: Random) -> Random:
    """An expression of others; ``{0}`` is the first."""
    return Random(form.format(*(part.sql for part in parts)), lambda fact: function(*(p.value(fact) for p in parts)))


def double(sql: str, value: Callable[[Fact], float]) -> Random:
    """A whole number as a double, so that its products are no larger than those of Python."""
    return Random(f"({sql} * 1e0)", value)


def clipped(number: float | None) -> float:
    return 1e6 if number is None else max(-1e6, min(1e6, number))


def number(rng: np.random.Generator, depth: int) -> Random:
    if depth == 0 or rng.random() < 0.2:
        literal = float(rng.integers(0, 40)) / 4
        return [
            Random("amount", lambda fact: fact["amount"]),
            Random("elapsed_s", lambda fact: fact["elapsed_s"]),
            Random(f"{literal}e0", lambda _: literal),
        ][rng.integers(3)]
    a, b, c = (number(rng, depth - 1) for _ in range(3))
    digits = int(rng.integers(0, 3))
    choices = [
        lambda: made("({0} + {1})", strict(lambda x, y: x + y), a, b),
        lambda: made("({0} - {1})", strict(lambda x, y: x - y), a, b),
        lambda: made("({0} * {1})", strict(lambda x, y: x * y), a, b),
        lambda: made("({0} / {1})", strict(lambda x, y: x / y if y else None), a, b),
        lambda: made("({0} % {1})", strict(lambda x, y: math.fmod(x, y) if y else None), a, b),
        lambda: made("(-{0})", strict(lambda x: -x), a),
        lambda: made("abs({0})", strict(abs), a),
        lambda: made(f"(floor({CLIPPED}) * 1e0)", lambda x: float(math.floor(clipped(x))), a),
        lambda: made(f"(ceil({CLIPPED}) * 1e0)", lambda x: float(math.ceil(clipped(x))), a),
        lambda: made("sqrt(abs({0}))", strict(lambda x: math.sqrt(abs(x))), a),
        lambda: made("ln(abs({0}) + 1e0)", strict(lambda x: math.log(abs(x) + 1)), a),
        lambda: made("sign({0})", strict(lambda x: float((x > 0) - (x < 0))), a),
        lambda: made(f"round({CLIPPED}, {digits})", lambda x: rounded(clipped(x), digits), a),
        lambda: made("coalesce({0}, {1})", lambda x, y: y if x is None else x, a, b),
        lambda: made("nullif({0}, {1})", lambda x, y: None if x is not None and x == y else x, a, b),
        lambda: made("if({0}, {1}, {2})", lambda t, x, y: x if t else y, boolean(rng, depth - 1), a, b),
        lambda: made("CASE WHEN {0} THEN {1} WHEN {2} THEN {3} END",
                     lambda s, x, t, y: x if s else y if t else None, boolean(rng, depth - 1), a, boolean(rng, 0), c),
        lambda: made("(length({0}) * 1e0)", strict(lambda t: float(len(t))), text(rng, depth - 1)),
        lambda: double("hour(event_ts)", lambda f: f["event_ts"].hour),
        lambda: double("dayofweek(event_day)", lambda f: f["event_day"].isoweekday() % 7 + 1),
        lambda: double("weekday(event_ts)", lambda f: f["event_ts"].weekday()),
        lambda: double("datediff(event_day, date '2026-05-03')", lambda f: (f["event_day"] - date(2026, 5, 3)).days),
        lambda: double("unix_timestamp(event_ts)", lambda f: math.floor(f["event_ts"].timestamp())),
    ]  # fmt: skip
    return choices[rng.integers(len(choices))]()


def boolean(rng: np.random.Generator, depth: int) -> Random:
    if depth == 0 or rng.random() < 0.1:
        name = ("is_click", "same_item")[rng.integers(2)]
        return Random(name, lambda fact: fact[name])
    a, b = (boolean(rng, depth - 1) for _ in range(2))
    x, y, z = (number(rng, depth - 1) for _ in range(3))
    s, t = (text(rng, depth - 1) for _ in range(2))
    literal, start = random_text(rng), random_text(rng)
    pattern = start.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    choices = [
        lambda: made("({0} AND {1})", both, a, b),
        lambda: made("({0} OR {1})", either, a, b),
        lambda: made("(NOT {0})", strict(lambda v: not v), a),
        lambda: made("({0} < {1})", strict(lambda v, w: v < w), x, y),
        lambda: made("({0} >= {1})", strict(lambda v, w: v >= w), x, y),
        lambda: made("({0} <> {1})", strict(lambda v, w: v != w), x, y),
        lambda: made("({0} <=> {1})", lambda v, w: v == w, x, y),
        lambda: made("({0} BETWEEN {1} AND {2})",
                     lambda v, low, high: both(None if None in (v, low) else v >= low,
                                               None if None in (v, high) else v <= high), x, y, z),
        lambda: made("({0} IS NULL)", lambda v: v is None, x),
        lambda: made("({0} IS NOT TRUE)", lambda v: v is not True, a),
        lambda: made("({0} = {1})", strict(lambda v, w: v == w), s, t),
        lambda: made(f"({{0}} IN ({quoted(literal)}, 'play'))", strict(lambda v: v in (literal, "play")), s),
        lambda: Random(f"(topic LIKE {quoted(pattern)})", lambda f: strict(lambda v: v.startswith(start))(f["topic"])),
        lambda: Random(f"contains(topic, {quoted(literal)})", lambda f: strict(lambda v: literal in v)(f["topic"])),
        lambda: Random("(kind RLIKE '^[pt]a?')", lambda f: strict(lambda v: v[:1] in ("p", "t"))(f["kind"])),
        lambda: Random("(event_ts >= timestamp '2026-05-02 12:00:00')",
                       lambda f: f["event_ts"] >= datetime(2026, 5, 2, 12, tzinfo=UTC)),
        lambda: Random("(event_day > '2026-05-02')", lambda f: f["event_day"] > date(2026, 5, 2)),
    ]  # fmt: skip
    return choices[rng.integers(len(choices))]()


def text(rng: np.random.Generator, depth: int) -> Random:
    literal = random_text(rng)
    if depth == 0 or rng.random() < 0.2:
        return [
            Random("topic", lambda fact: fact["topic"]),
            Random("kind", lambda fact: fact["kind"]),
            Random(quoted(literal), lambda _: literal),
        ][rng.integers(3)]
    a, b = (text(rng, depth - 1) for _ in range(2))
    n, m = int(rng.integers(1, 4)), int(rng.integers(0, 5))
    other = random_text(rng)
    choices = [
        lambda: made("lower({0})", strict(str.lower), a),
        lambda: made("upper({0})", strict(str.upper), a),
        lambda: made("concat({0}, {1})", strict(lambda v, w: v + w), a, b),
        lambda: made("({0} || {1})", strict(lambda v, w: v + w), a, b),
        lambda: made(f"substring({{0}}, {n}, {m})", strict(lambda v: v[n - 1 : n - 1 + m]), a),
        lambda: made(f"left({{0}}, {m})", strict(lambda v: v[:m]), a),
        lambda: made(f"replace({{0}}, {quoted(literal)}, {quoted(other)})",
                     strict(lambda v: v.replace(literal, other)), a),
        lambda: made("trim({0})", strict(lambda v: v.strip(" ")), a),
        lambda: made("if({0}, {1}, {2})", lambda c, v, w: v if c else w, boolean(rng, depth - 1), a, b),
    ]  # fmt: skip
    return choices[rng.integers(len(choices))]()


@dataclass(frozen=True)
class RandomMeasure:
    """An aggregate expression, and its value for facts."""

    sql: str
    value: Callable[[list[Fact]], Any]


def measure(rng: np.random.Generator, depth: int = 2) -> RandomMeasure:
    if depth and rng.random() < 0.5:
        a, b = measure(rng, depth - 1), measure(rng, depth - 1)
        sign, function = [
            ("+", lambda x, y: x + y),
            ("-", lambda x, y: x - y),
            ("/", lambda x, y: x / y if y else None),
        ][rng.integers(3)]
        return RandomMeasure(
            f"({a.sql} {sign} {b.sql})", lambda facts: strict(function)(a.value(facts), b.value(facts))
        )
    sql, aggregate, of = aggregates(rng)[rng.integers(9)]

    def value(facts: list[Fact]) -> Any:
        values = [of.value(fact) for fact in facts]
        return aggregate([v for v in values if v is not None])

    return RandomMeasure(sql.format(of.sql), value)


def aggregates(rng: np.random.Generator) -> list[tuple[str, Callable[[list[Any]], Any], Random]]:
    """Forms, their values from all values that are not null, and what they are of."""
    of, test, words = number(rng, 1), boolean(rng, 2), text(rng, 1)
    amounts = made("if({0}, greatest(-1e6, least(1e6, {1})), NULL)", lambda t, x: clipped(x) if t else None, test, of)
    return [
        ("sum({0})", lambda values: math.fsum(round(v, 9) for v in values) if values else None, amounts),
        ("avg({0})", lambda values: math.fsum(round(v, 9) for v in values) / len(values) if values else None, amounts),
        ("min({0})", lambda values: min(values, default=None), amounts),
        ("max({0})", lambda values: max(values, default=None), amounts),
        ("count({0})", len, amounts),
        ("count_if({0})", sum, test),
        ("size(collect_set({0}))", lambda values: len(set(values)), words),
        ("entropy({0})", lambda values: entropy(values) if values else None, words),
        (
            "max({0})",
            lambda values: max(values, default=None),
            made("if({0}, 1e0, 0e0)", lambda t: float(t is True), test),
        ),
    ]


def facts(seed: int) -> list[Fact]:
    rng = np.random.default_rng(seed)

    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.15 else value

    rows = []
    for n in range(ROWS):
        moment = START + timedelta(seconds=int(rng.integers(0, 4 * 86_400)))
        rows.append(
            {
                "amount": maybe(float(rng.integers(-40, 400)) / 8),
                "elapsed_s": maybe(float(rng.integers(0, 90_000))),
                "topic": maybe(random_text(rng)),
                "kind": maybe(["play", "tap", "skip"][rng.integers(3)]),
                "event_ts": moment,
                "event_day": moment.date(),
                "is_click": maybe(bool(rng.integers(2))),
                "same_item": bool(rng.integers(2)),
                "counts": bool(rng.random() < 0.8),
                "g": n % 5,
            }
        )
    return rows


def equal(got: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(got, (int, float)):
        return math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-7)
    return bool(got == expected)


@pytest.mark.parametrize("part", range(8))
def test_values_of_facts(spark: SparkSession, part: int) -> None:
    rng, rows = np.random.default_rng(100 + part), facts(part)
    kinds: list[tuple[Callable[..., Random], Kind]] = [(number, "number"), (boolean, "boolean"), (text, "text")]
    expressions = [kinds[n % 3][0](rng, DEPTH) for n in range(AT_ONCE)]
    compiled = [compile_expression(expression.sql, Scope(COLUMNS)) for expression in expressions]
    assert all(c.kind in (kinds[n % 3][1], "any") for n, c in enumerate(compiled))
    frame = spark.createDataFrame([tuple(row.values()) for row in rows], SCHEMA).coalesce(1)
    values = frame.select(*[F.expr(c.sql).alias(str(n)) for n, c in enumerate(compiled)]).collect()
    different = [
        (e.sql, row, got[n], e.value(row))
        for row, got in zip(rows, values, strict=True)
        for n, e in enumerate(expressions)
        if not equal(got[n], e.value(row))
    ]
    assert not different, (len(different), different[:3])


@pytest.mark.parametrize("part", range(4))
def test_values_of_measures(spark: SparkSession, part: int) -> None:
    rng, rows = np.random.default_rng(200 + part), facts(20 + part)
    measures = [measure(rng) for _ in range(AT_ONCE // 2)]
    sql = [compile_measure(m.sql, "counts").sql for m in measures]
    frame = spark.createDataFrame([tuple(row.values()) for row in rows], SCHEMA)
    aggregated = frame.groupBy("g").agg(*[F.expr(s).cast("double").alias(str(n)) for n, s in enumerate(sql)])
    for row in aggregated.collect():
        counted = [fact for fact in rows if fact["g"] == row["g"] and fact["counts"]]
        different = [
            (m.sql, row[str(n)], m.value(counted))
            for n, m in enumerate(measures)
            if not equal(row[str(n)], m.value(counted))
        ]
        assert not different, (len(different), different[:3])
