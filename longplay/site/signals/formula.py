"""Definitions as formulas in MathML, which browsers render natively, each with a description."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup

from longplay.config.duration import format_duration
from longplay.definitions.measures import FlagMeasure
from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow
from longplay.site.mathml import quote, render_formula
from longplay.site.signals.plain_language import KEY_DESCRIPTIONS, describe_credit


@dataclass(frozen=True)
class Formula:
    """A formula in MathML and its description."""

    math: Markup
    description: str


def render_formulas(definition: Definition) -> Iterator[Formula]:
    """Render the formulas of the value, its window, its maturity and its credit."""
    for notation, description in _list_notations(definition):
        yield Formula(render_formula(notation), description)


def _list_notations(definition: Definition) -> Iterator[tuple[str, str]]:
    measure, owner = definition.measure, KEY_DESCRIPTIONS[definition.keys]
    yield f"y = {measure.formula()}", measure.sentence(owner)
    if isinstance(measure, FlagMeasure):
        yield f"{measure.events} = {{ e : {quote(owner)} }}", f"The events of {owner} as the anchor's."
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
    return f"w = [ {start} , ~ {end} )", f"{anchor} The window includes its left edge and excludes its right edge."


def _maturity(definition: Definition) -> tuple[str, str]:
    lateness = f" + {_quote_duration(definition.lateness)}" if definition.lateness else ""
    notation = f'"mature at" ~ T ⟺ W ( T ) ≥ "end" ( w ){lateness}'
    return notation, "W(T) is the watermark at T: the log is complete before it."


def _credit(definition: Definition) -> Iterator[tuple[str, str]]:
    credit = definition.credit
    if credit is None:
        return
    description = f"Credit: {describe_credit(credit, definition.measure.uncredited_value)}."
    if credit.is_split:
        yield 'y ← "credit" ( y )', description
    else:
        within = f"[ t_0 , ~ t_0 + {_quote_duration(credit.within)} )"
        yield f"y ← y · 1[ c ∈ {within} ]", f"{description} c is a {credit.earned_by} in response to the exposure."


def _after_anchor(duration: timedelta) -> str:
    return f"t_0 + {_quote_duration(duration)}" if duration else "t_0"


def _midnight(days: int) -> str:
    return f'"midnight" ( D_0 + "{days} d" )'


def _quote_duration(duration: timedelta) -> str:
    return quote(format_duration(duration))
