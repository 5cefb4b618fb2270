"""Which signals must never exceed which: pairs of one measure, over a window and over a longer one."""

from collections.abc import Sequence

from longplay.definitions.signal import Definition

_SHARED = ("anchor", "keys", "measure", "filter", "session_gap", "credit", "cap", "discount", "baseline")
"""Fields in which such a pair agrees."""


def nested(definitions: Sequence[Definition]) -> list[tuple[Definition, Definition]]:
    """Pairs of signals of which the first never exceeds the second: one measure, and a window that ends later.

    Such as the return within 14 days and within 28. Each signal is paired with the next longer one alone.
    """
    pairs = []
    for short in definitions:
        longer = [definition for definition in definitions if _contains(definition, short)]
        if longer:
            pairs.append((short, min(longer, key=lambda definition: definition.window.days()[1])))
    return pairs


def _contains(long: Definition, short: Definition) -> bool:
    """Whether a value of ``long`` counts all that one of ``short`` does, and more facts can only add to it."""
    if not short.measure.only_grows or short.discount is not None:
        return False
    if any(getattr(short, name) != getattr(long, name) for name in _SHARED):
        return False
    a, b = (definition.window.model_dump() for definition in (short, long))
    begins, ends = ("first", "last") if a["kind"] == "calendar" else ("start", "end")
    return a["kind"] == b["kind"] and a[begins] == b[begins] and a[ends] < b[ends] and long.horizon >= short.horizon
