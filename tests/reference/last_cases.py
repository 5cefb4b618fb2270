"""Hard cases of the last value as of a moment: small tables in which a join that is nearly right shows.

Times are whole minutes after 1 January 2025, but where a case is about single microseconds. A case has one difficulty
and none of the others, so that a wrong row says why it is wrong.
"""

import random
from collections.abc import Iterator

from tests.reference.last_by_hand import Case, Fact, Key, SpineRow

EPOCH = 1_735_689_600_000_000
MINUTE = 60_000_000
USER = ("user_id",)
PAIR = ("user_id", "item_id")


def at(minute: float) -> int:
    """A moment in microseconds."""
    return EPOCH + round(minute * MINUTE)


def fact(number: int, key: str, event: float, known_minute: float | None = None) -> Fact:
    """A fact of a key written as ``user`` or ``user/item``, known at once unless said otherwise; minutes."""
    return Fact(number, key_of(key), at(event), at(event if known_minute is None else known_minute))


def asks(*rows: tuple[str, float]) -> tuple[SpineRow, ...]:
    """Asking rows, from keys and minutes."""
    return tuple((key_of(key), at(minute)) for key, minute in rows)


def key_of(text: str) -> Key:
    """The key that ``user`` or ``user/item`` stands for; ``-`` is null."""
    return tuple(None if part == "-" else part for part in text.split("/"))


def ties() -> Case:
    """Facts of a key with the same two times: two, three, and two that are not the newest."""
    same = [fact(2, "a", 10), fact(1, "a", 10), fact(3, "b", 10), fact(5, "b", 10), fact(4, "b", 10)]
    older = [fact(7, "c", 10), fact(6, "c", 10), fact(8, "c", 20)]
    return Case("ties", USER, (*same, *older), asks(("a", 30), ("b", 30), ("c", 30), ("c", 15), ("a", 5)))


def glued_keys() -> Case:
    """Keys of two columns that read alike when they are glued together."""
    facts = (fact(1, "1/23", 10), fact(2, "12/3", 11), fact(3, "123/", 12), fact(4, "x/y", 13))
    return Case("glued keys", PAIR, facts, asks(("1/23", 30), ("12/3", 30), ("123/", 30), ("/123", 30), ("x/y", 30)))


def late() -> Case:
    """Facts that happened before ``as_of`` and were known only after it."""
    facts = (fact(1, "a", 10), fact(2, "a", 20, 40), fact(3, "b", 20, 40), fact(4, "c", 10), fact(5, "c", 20, 21))
    return Case("late facts", USER, facts, asks(("a", 30), ("a", 50), ("b", 30), ("b", 50), ("c", 30)))


def restated() -> Case:
    """Facts that were told anew: at the same ``event_ts``, and of an older one after a newer was known."""
    twice = (fact(2, "a", 10, 30), fact(1, "a", 10, 11), fact(3, "a", 10, 50))
    older = (fact(5, "b", 20), fact(4, "b", 10), fact(6, "b", 10, 40))
    rows = asks(("a", 20), ("a", 40), ("a", 60), ("b", 15), ("b", 30), ("b", 60))
    return Case("restated facts", USER, (*twice, *older), rows)


def boundary() -> Case:
    """Facts a microsecond before ``as_of``, exactly at it, and a microsecond after it."""
    here = at(30)
    times = {"a": (here - 1, here - 1), "b": (here, here), "c": (here + 1, here + 1), "d": (here, here - MINUTE)}
    first = tuple(fact(n, key, 10) for n, key in enumerate(times, start=1))
    second = tuple(Fact(n, (key,), *both) for n, (key, both) in enumerate(times.items(), start=5))
    return Case("exactly at as_of", USER, (*first, *second), asks(*((key, 30) for key in times)))


def hot_key(facts: int = 25_000, hot: int = 20_000, spine: int = 300) -> Case:
    """Most facts in one user, who also asks most often."""
    rng = random.Random(6)
    users = ["hot"] * hot + [f"u{n % 500}" for n in range(facts - hot)]
    rng.shuffle(users)
    minutes = rng.sample(range(500_000), facts)
    rows = asks(*((rng.choice(["hot", f"u{rng.randrange(500)}"]), rng.randrange(500_000) + 0.5) for _ in range(spine)))
    fact_rows = tuple(fact(n, user, minute) for n, (user, minute) in enumerate(zip(users, minutes, strict=True)))
    return Case("hot key", USER, fact_rows, rows)


def wide(columns: int = 150) -> Case:
    """Many payload columns with nulls in rows that differ by column."""
    rng = random.Random(7)
    nulls = [frozenset(rng.sample(range(1, columns), columns // 2)) for _ in range(30)]
    facts = [Fact(n, (f"u{n % 6}",), at(10 * n), at(10 * n), nulls[n]) for n in range(30)]
    rng.shuffle(facts)
    rows = asks(*((f"u{n % 6}", 25 + 13.0 * n) for n in range(24)))
    return Case(f"{columns} columns with nulls", USER, tuple(facts), rows, columns)


def repeated_rows() -> Case:
    """Asking rows that are equal in every column, and keys of which nothing was ever known."""
    facts = (fact(1, "a", 10), fact(2, "a", 20), fact(3, "b", 10))
    rows = asks(*[("a", 30)] * 3, *[("nobody", 30)] * 2, *[("b", 5)] * 2, ("a", 15), ("else", 30))
    return Case("repeated rows, no facts", USER, facts, rows)


def null_keys() -> Case:
    """Keys with a null in one column or in both, in facts and in asking rows: a null is no key."""
    facts = (fact(1, "a/x", 10), fact(2, "-/x", 11), fact(3, "a/-", 12), fact(4, "-/-", 13), fact(5, "b/-", 14))
    return Case("null keys", PAIR, facts, asks(("a/x", 30), ("-/x", 30), ("a/-", 30), ("-/-", 30), ("b/y", 30)))


def randomly(seed: int, facts: int = 400, spine: int = 200, users: int = 20) -> Case:
    """Facts of which three in ten are known late, one in ten is told anew, and some have the times of another."""
    rng = random.Random(seed)
    fact_rows: list[Fact] = []
    while len(fact_rows) < facts:
        event, key = rng.randrange(10_000), f"u{rng.randrange(users)}"
        known_minute = event + (rng.randrange(1, 4_000) if rng.random() < 0.3 else 0)
        fact_rows.append(fact(len(fact_rows), key, event, known_minute))
        if rng.random() < 0.1:
            fact_rows.append(fact(len(fact_rows), key, event, known_minute + rng.randrange(1, 4_000)))
        if rng.random() < 0.1:
            fact_rows.append(fact(len(fact_rows), key, event, known_minute))
    rng.shuffle(fact_rows)
    rows = asks(*((f"u{rng.randrange(users + 2)}", rng.randrange(11_000) + 0.5) for _ in range(spine)))
    return Case(f"random, seed {seed}", USER, tuple(fact_rows), rows)


def all_cases() -> Iterator[Case]:
    """Every case, in the order in which they are reported."""
    small = (ties, glued_keys, late, restated, boundary, hot_key, wide, repeated_rows, null_keys)
    yield from (make() for make in small)
    yield from (randomly(seed) for seed in (1, 2, 3))
