"""Nested signals: pairs of which one must never exceed the other, because its window is shorter."""

from collections.abc import Sequence

from longplay.definitions.signal import Definition

SAME_FIELDS = ("anchor", "keys", "measure", "filter", "session_gap", "credit", "cap", "discount", "baseline")
"""Fields that nested signals share; only their windows differ."""


def find_nested_pairs(definitions: Sequence[Definition]) -> list[tuple[Definition, Definition]]:
    """Find pairs of signals of which the first can never exceed the second: the same measure over a longer window.

    An example is the return within 14 days and within 28. Each signal is paired with the next longer one only.
    """
    pairs = []
    for short in definitions:
        longer = [definition for definition in definitions if _extends(short, definition)]
        if longer:
            pairs.append((short, min(longer, key=lambda definition: definition.window.days()[1])))
    return pairs


def _extends(short: Definition, long: Definition) -> bool:
    """Whether ``long`` counts all facts that ``short`` counts, and more facts can only raise its value."""
    if not short.measure.only_grows or short.discount is not None:
        return False
    if any(getattr(short, name) != getattr(long, name) for name in SAME_FIELDS):
        return False
    a, b = (definition.window.model_dump() for definition in (short, long))
    start, end = ("first", "last") if a["kind"] == "calendar" else ("start", "end")
    return a["kind"] == b["kind"] and a[start] == b[start] and a[end] < b[end] and long.horizon >= short.horizon
