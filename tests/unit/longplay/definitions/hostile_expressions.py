"""Expressions of somebody who wants more than a value: native code, files, the clock, a full memory, or an hour."""

import itertools
from collections.abc import Iterator

import numpy as np

SMUGGLED = (
    "reflect('java.lang.System', 'exit', 1)", "java_method('java.lang.Runtime', 'getRuntime')", "try_reflect('a', 'b')",
    "(SELECT 1)", "(SELECT value FROM text.`/etc/passwd`)", "input_file_name()", "current_user()", "now()", "uuid()",
    "raise_error('no')", "assert_true(false)", "rand()", "monotonically_increasing_id()", "spark_partition_id()",
    "session_user()", "version()", "from_csv('1', 'a INT')", "read_files('/etc')", "repeat('a', 1000000000)",
    "sequence(1, 1000000000)", "explode(array(1))", "shuffle(array(1))", "xpath('<a/>', 'a')", "secret('a', 'b')",
)  # fmt: skip
"""Calls and queries that no expression may hold."""
WRAPPERS = (
    "{x}", " || {x} || ",
    "' OR {x} OR '", "'||{x}||'", "\\' OR {x} -- ", "'/*' || {x} || '*/", "`{x}`", "__entropy_0__ {x}",
    "' + {x} + '", "\\\\' + {x} + '", "'' + {x} + ''", "\n{x}\n", "${{{x}}}", "{{0}} {x}", "{{v}} {x}", "%s {x}",
    "\\u0027 OR {x} OR \\u0027", "\\047 OR {x} --", "\\x27 OR {x} --", "' ESCAPE '\\' OR {x} OR '",
)  # fmt: skip
"""Ways out of a literal, or into what a program writes in its place."""
QUOTES = ("'{p}'", '"{p}"', "r'{p}'", 'R"{p}"', "X'{p}'", "'a' '{p}'", "concat('{p}', 'a')", "`{p}`", "date '{p}'")
MEASURES = (
    # A program that writes the entropy in place of its mark, by text, opens the literal around the mark.
    "count_if(topic = '__entropy_0__') + entropy({l})", "count_if(topic = 'a __entropy_0__') + entropy(topic || {l})",
    "count_if(topic = {l}) + entropy(kind)", "entropy({l})", "entropy(topic || {l}) + entropy({l})",
    "count_if(kind LIKE {l})", "count_if(kind IN ({l}, 'a'))", "size(collect_set({l}))", "max(length({l}))",
    "sum(CASE WHEN kind = {l} THEN 1 ELSE 0 END) + entropy(item_id)", "count_if(kind RLIKE {l})",
    "count_if(regexp_replace(kind, 'a', {l}) = 'b')", "sum({l})", "avg(cast({l} AS double))", "count({l})",
)  # fmt: skip
CALLS = (
    "sum({x})", "count_if({x} = 1)", "{x}", "sum(amount) + {x}", "sum(amount) FILTER (WHERE {x} = 1)", "-{x}",
    "sum(amount) OVER (ORDER BY {x})", "sum(if(is_click, {x}, 0))", "count_if(kind IN ({x}))", "transform({x}, v -> v)",
    "sum(amount) /* {x} */ + {x}", "sum(amount); {x}", "sum(amount) AS a, {x}", "sum(amount[{x}])",
    "sum(interval {x} day)", "sum(cast({x} AS array<int>))", "sum(:p + {x})", "sum(@v) + {x}", "count(DISTINCT {x})",
)  # fmt: skip
LOOKALIKES = (
    "ｒeflect('a')", "reﬂect('a')", "REFLECT('a')", "`reflect`('a')", "a.reflect('a')", "system.builtin.reflect('a')",
    "ѕum(amount)", "sum (amount) \u202e", "sum(amount)\x00", "sum(\x1b[31mamount)", "current_date", "CURRENT_TIMESTAMP",
    "timestamp 'now'", "date 'today'", "cast('tomorrow' AS date)", "`current_user`", "count_if(event_ts < 'now')",
)  # fmt: skip
LARGE = (
    "(" * 200 + "sum(amount)" + ")" * 200, "sum(" + "(" * 40 + "amount" + ")" * 40 + ")",
    "sum(" + "-" * 3_000 + "amount)",
    "count_if(" + "NOT " * 990 + "is_click)", "count_if(" + " OR ".join(["day = 1"] * 16_000) + ")",
    "count_if(" + " OR ".join(["is_click"] * 450) + ")", "sum(" + " + ".join(["amount"] * 450) + ")",
    "sum(" + "CASE WHEN is_click THEN " * 100 + "1" + " END" * 100 + ")", "sum(1e400)", "sum(1e-99999)",
    "sum(" + "9" * 5_000 + ")", "sum(" + "9" * 60 + ")", "sum(amount) + " * 600 + "1",
    "count_if(kind IN (" + "'a'," * 900 + "'b'))",
    "max(length(lpad(kind, 1000000000, 'a')))", "sum(width_bucket(amount, 0, 1, 99999999999))",
    "sum(round(amount, 999999999))",
    "count_if(kind RLIKE '(a+)+$(')", "count_if(kind RLIKE '" + "(" * 90 + "')", "entropy(" * 50 + "topic" + ")" * 50,
    "sum(abs(" * 30 + "amount" + "))" * 30, "sum(if(is_click, " * 20 + "1" + ", 0))" * 20,
    "sum(pow(pow(pow(amount, 99), 99), 99))",
    "sum(amount) " + "/* " * 900 + "*/" * 900, "sum(amount)" + " " * 3_980, "sum(interval 999999999999 days)",
    "[" * 100 + "1" + "]" * 100, "sum(amount" + "[0]" * 300 + ")", "count_if(kind = '" + "a" * 3_900 + "')",
)  # fmt: skip


def literals() -> Iterator[str]:
    """Each injection in each kind of quotes."""
    for payload, wrapper, quote in itertools.product(SMUGGLED, WRAPPERS, QUOTES):
        yield quote.format(p=wrapper.format(x=payload))


def hostile_measures(number: int, seed: int = 1) -> list[str]:
    """So many measures: each large one, each lookalike, and a random choice of injections."""
    rng = np.random.default_rng(seed)
    calls = [call.format(x=payload) for call, payload in itertools.product(CALLS, SMUGGLED)]
    every = [place.replace("{l}", literal) for place in MEASURES for literal in literals()]
    chosen = rng.choice(len(every), number - len(LARGE) - len(LOOKALIKES) - len(calls) // 2, replace=False)
    some_calls = rng.choice(len(calls), len(calls) // 2, replace=False)
    return [*LARGE, *LOOKALIKES, *(calls[n] for n in some_calls), *(every[n] for n in chosen)]
