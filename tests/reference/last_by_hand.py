"""The last value as of a moment in plain Python, one asking row at a time: what every join must agree with."""

from collections.abc import Sequence
from dataclasses import dataclass

Key = tuple[str | None, ...]
Values = tuple[float | None, ...]
SpineRow = tuple[Key, int]


@dataclass(frozen=True)
class Fact:
    """One fact; times in microseconds.

    Its payload says whose it is: column ``n`` holds ``1000 * number + n``, so a value that was taken from another fact
    shows. Column 0 is never null and decides between facts with equal times: the largest number wins.
    """

    number: int
    key: Key
    event: int
    known_us: int
    nulls: frozenset[int] = frozenset()

    @property
    def visible(self) -> int:
        """When it could first be seen."""
        return max(self.event, self.known_us)

    def values(self, columns: int) -> Values:
        """Its payload [columns]."""
        return tuple(None if n in self.nulls else self.number * 1000.0 + n for n in range(columns))


@dataclass(frozen=True)
class Case:
    """Facts, and the rows that ask about them.

    Attributes:
        name: what is hard about it.
        keys: names of the key columns.
        facts: in the order in which they are written.
        spine: (key, ``as_of``) of each row that asks.
        columns: how wide the payload is.
    """

    name: str
    keys: tuple[str, ...]
    facts: tuple[Fact, ...]
    spine: tuple[SpineRow, ...]
    columns: int = 3


def last_by_hand(facts: Sequence[Fact], key: Key, at: int, *, inclusive: bool = False) -> Fact | None:
    """The newest fact of a key as known before ``at``, or also at it; a key with a null in it has none."""
    if None in key:
        return None
    visible_facts = [f for f in facts if f.key == key and (f.visible < at or (inclusive and f.visible == at))]
    return max(visible_facts, key=lambda f: (f.event, f.known_us, f.number), default=None)


def answers(case: Case, *, inclusive: bool = False) -> list[Values]:
    """The payload that each row of a case's spine must get [spine]."""
    of: dict[Key, list[Fact]] = {}
    for fact in case.facts:
        of.setdefault(fact.key, []).append(fact)
    newest = [last_by_hand(of.get(key, []), key, at, inclusive=inclusive) for key, at in case.spine]
    return [fact.values(case.columns) if fact else (None,) * case.columns for fact in newest]
