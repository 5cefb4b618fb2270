"""What values of a signal can be, told from its definition: bounds by type, and which signal it must not exceed."""

from collections.abc import Sequence
from dataclasses import dataclass

from longplay.definitions.measures import DaysMeasure, InactivityMeasure, RegretMeasure, SqlMeasure
from longplay.definitions.signal import Definition
from signals.measure_columns import length


@dataclass(frozen=True)
class Bounds:
    """What a value can be: from ``low`` to ``high`` (None: without end), whole numbers only where ``whole``."""

    low: float | None
    high: float | None
    whole: bool

    def text(self) -> str:
        """The bounds in words."""
        low, high = ("-" if end is None else f"{end:g}" for end in (self.low, self.high))
        return f"[{low}, {high}]" + (", whole numbers" if self.whole else "")


def bounds_of(definition: Definition) -> Bounds:
    """The bounds of a signal's values by its measure, discount, credit and cap."""
    found, cap = _measured(definition), definition.cap
    if cap is None:
        return found
    lows = [end for end in (found.low, cap.low) if end is not None]
    highs = [end for end in (found.high, cap.high) if end is not None]
    return Bounds(max(lows, default=None), min(highs, default=None), False)


def _measured(definition: Definition) -> Bounds:
    measure = definition.measure
    if isinstance(measure, SqlMeasure):
        return Bounds(None, None, False)
    if isinstance(measure, InactivityMeasure):
        unearned = definition.credit is not None and not definition.credit.deals
        return Bounds(0.0 if unearned else 1.0, float(length(definition) - measure.gap + 2), True)
    if not isinstance(measure, DaysMeasure):
        return Bounds(0.0, 1.0, True)
    discount, days = definition.discount, length(definition)
    dealt = definition.credit is not None and definition.credit.deals
    if discount is None:
        return Bounds(0.0, float(days), not dealt)
    return Bounds(0.0, 1.0 if discount.normalise else sum(discount.gamma**n for n in range(days)), False)


def nested(definitions: Sequence[Definition]) -> list[tuple[Definition, Definition]]:
    """Pairs of signals of which the first never exceeds the second: one measure, and a window that goes on longer.

    Such as the return within 14 days and within 28. Each signal is held against the next longer one alone.
    """
    found = []
    for short in definitions:
        longer = [one for one in definitions if _goes_on(short, one)]
        if longer:
            found.append((short, min(longer, key=lambda one: one.window.days()[1])))
    return found


def _goes_on(short: Definition, long: Definition) -> bool:
    """Whether a value of ``long`` counts all that one of ``short`` does, and more facts can only add to it."""
    if isinstance(short.measure, SqlMeasure | RegretMeasure) or short.discount is not None:
        return False
    same = ("anchor", "keys", "measure", "filter", "session_gap", "credit", "cap", "discount", "baseline")
    if any(getattr(short, name) != getattr(long, name) for name in same):
        return False
    a, b = (one.window.model_dump() for one in (short, long))
    begins, ends = ("first", "last") if a["kind"] == "calendar" else ("start", "end")
    return a["kind"] == b["kind"] and a[begins] == b[begins] and a[ends] < b[ends] and long.horizon >= short.horizon
