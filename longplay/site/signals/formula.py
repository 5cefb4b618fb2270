"""A definition as formulas: MathML, which browsers draw themselves, each with the same in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup

from longplay.config.duration import format_duration
from longplay.definitions.measures import FlagMeasure
from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow
from longplay.site.mathml import quote, render_formula
from longplay.site.signals.plain_language import KEYS, credit_sentence


@dataclass(frozen=True)
class Formula:
    """One line: the formula as MathML, and what it says in words."""

    math: Markup
    words: str


def formulas(definition: Definition) -> Iterator[Formula]:
    """The value, its window, its maturity and its credit."""
    for notation, words in _notations(definition):
        yield Formula(render_formula(notation), words)


def _notations(definition: Definition) -> Iterator[tuple[str, str]]:
    measure, whose = definition.measure, KEYS[definition.keys]
    yield f"y = {measure.formula()}", measure.sentence(whose)
    if isinstance(measure, FlagMeasure):
        yield f"{measure.events} = {{ e : {quote(whose)} }}", f"The events of {whose} as the anchor's."
    yield _window(definition)
    yield _maturity(definition)
    yield from _credit(definition)


def _window(definition: Definition) -> tuple[str, str]:
    window = definition.window
    if isinstance(window, CalendarWindow):
        start, end = _midnight(window.first), _midnight(window.last + 1)
        anchor = "D0 is the UTC day of t0."
    else:
        start, end = _after_anchor(window.start), _after_anchor(window.end)
        anchor = "t0 is the moment of the anchor."
    return f"w = [ {start} , ~ {end} )", f"{anchor} The left edge is in, the right edge is out."


def _maturity(definition: Definition) -> tuple[str, str]:
    lateness = f" + {_quoted(definition.lateness)}" if definition.lateness else ""
    notation = f'"mature at" ~ T ⟺ W ( T ) ≥ "end" ( w ){lateness}'
    return notation, "W(T) is the watermark at T: the log is complete before it."


def _credit(definition: Definition) -> Iterator[tuple[str, str]]:
    credit = definition.credit
    if credit is None:
        return
    words = f"Credit: {credit_sentence(credit, definition.measure.uncredited_value)}."
    if credit.is_split:
        yield 'y ← "credit" ( y )', words
    else:
        within = f"[ t_0 , ~ t_0 + {_quoted(credit.within)} )"
        yield f"y ← y · 1[ c ∈ {within} ]", f"{words} c is a {credit.earned_by} in answer to the exposure."


def _after_anchor(duration: timedelta) -> str:
    return f"t_0 + {_quoted(duration)}" if duration else "t_0"


def _midnight(days: int) -> str:
    return f'"midnight" ( D_0 + "{days} d" )'


def _quoted(duration: timedelta) -> str:
    return quote(format_duration(duration))
