"""Which column of a raw log is the user, the item, the time: guessed from its name and its values. Starts no Spark."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.draft.evidence import ColumnEvidence

_WORDS: Mapping[str, str] = {
    "time": "timestamp time ts datetime date when at started created played occurred day clock utc ms epoch",
    "known": "ingest ingested received loaded arrived processed inserted server",
    "user": "user userid customer listener member viewer visitor account client person uid subscriber player reader "
    "profile author who cookie device session",
    "item": "item itemid track song stock product article sku asin video movie show episode book content poi venue "
    "place game listing title project repo artist iid mid what location id url page",
    "kind": "kind event action type verb interaction behavior behaviour how",
    "amount": "amount quantity qty seconds duration ms minutes listened watched rating stars count n played much "
    "length price value",
    "topic": "topic genre category topics genres section department language country",
    "request": "request slate impression invoice order session basket query",
    "surface": "surface page screen placement app platform channel",
}
"""Words that name a column by what it holds, the surest first."""
_ATTRIBUTES = frozenset({"feature", "type", "group", "segment", "age", "gender", "count", "affinity"})
"""Words in the name of a column that describes a user or an item and does not identify one."""
_CONSUMED = ["play", "listen", "watch", "view", "consume", "purchase", "buy", "read", "complete", "stream"]
_CLICKED = ["click", "tap", "open", "select", "cart", "start", *_CONSUMED]
_REJECTED = ["skip", "hide", "dislike", "dismiss", "remove", "refund", "return", "ban", "block"]
UNITS: Mapping[str, str] = {
    "seconds": "s",
    "duration": "s",
    "ms": "ms",
    "minutes": "min",
    "quantity": "pieces",
    "rating": "stars",
}


@dataclass(frozen=True)
class Guess:
    """A role and the column that seems to play it.

    Attributes:
        column: the column.
        why: the evidence, in words.
        score: how much speaks for it, from 0.
    """

    column: ColumnEvidence
    why: str
    score: float


def guess_roles(columns: Sequence[ColumnEvidence]) -> dict[str, Guess]:
    """The roles for which a column was guessed. A column plays at most one role."""
    guesses: dict[str, Guess] = {}
    for role in _WORDS:
        free = [column for column in columns if column not in [guess.column for guess in guesses.values()]]
        candidates = [candidate for column in free if (candidate := _weigh(role, column)) is not None]
        if candidates:
            guesses[role] = max(candidates, key=lambda candidate: candidate.score)
    return guesses


def words_of(name: str) -> list[str]:
    """The words of a column's name, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def _weigh(role: str, column: ColumnEvidence) -> Guess | None:
    """How much speaks for a column in a role; None: it cannot play it."""
    score, why = _weigh_name(role, column)
    fits, evidence = _weigh_values(role, column)
    if fits is None or score + fits < 1:
        return None
    return Guess(column, ", ".join(filter(None, [why, evidence])), score + fits)


def _weigh_name(role: str, column: ColumnEvidence) -> tuple[float, str]:
    own, role_words = words_of(column.name), _WORDS[role].split()
    hits = [role_words.index(word) for word in [*own, "".join(own)] if word in role_words]
    if not hits or (role in ("user", "item") and _ATTRIBUTES.intersection(own)):
        return 0.0, ""
    is_id = role in ("user", "item") and ("id" in own[1:] or own[-1:] == ["code"])
    return 1.0 + (1 - min(hits) / len(role_words)) + 0.5 * is_id, "its name"


def _weigh_values(role: str, column: ColumnEvidence) -> tuple[float | None, str]:
    """What the values of a column say for a role, and in words; None: they speak against it."""
    if column.rows == 0:
        return None, ""
    if role in ("time", "known"):
        return (float(role == "time"), f"its values are times ({column.examples[0]})") if column.form else (None, "")
    if role in ("user", "item", "request"):
        return _weigh_ids(role, column)
    if role == "kind":
        kinds = f"{column.distinct} different texts"
        return (0.0, kinds) if column.has_few_kinds else (None, "")
    if role == "amount":
        is_measure = column.numbers > 0.9 and not column.form
        return (0.0, f"numbers ({', '.join(column.examples)})") if is_measure else (None, "")
    return (0.0, f"{column.distinct} different values") if column.distinct < column.rows else (None, "")


def _weigh_ids(role: str, column: ColumnEvidence) -> tuple[float | None, str]:
    if column.form and column.form != "yyyyMMdd" and not column.form.startswith("unix"):
        return None, ""
    names_role = any(role in words_of(example) for example in column.examples)
    repeats = f"{column.distinct:,} different values in {column.rows:,} rows"
    if column.is_unique and column.rows > 20 and role != "request":
        return None, ""  # an id of the row
    return (1.0 if names_role else 0.0), repeats


def find_key(columns: Sequence[ColumnEvidence]) -> ColumnEvidence | None:
    """A column whose values identify the rows: filled, unique, and named as an id."""
    for column in columns:
        own = words_of(column.name)
        if column.is_unique and column.filled == 1 and column.rows > 20 and not column.form and "id" in own:
            return column
    return None


def sort_kinds(kinds: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The kinds that sound like consumption, like a click, and like a rejection."""
    return _matching(kinds, _CONSUMED), _matching(kinds, _CLICKED), _matching(kinds, _REJECTED)


def _matching(kinds: Sequence[str], stems: Sequence[str]) -> list[str]:
    return [kind for kind in kinds if any(stem in kind.lower() for stem in stems)]
