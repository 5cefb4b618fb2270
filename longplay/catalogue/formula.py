"""A definition as formulas: MathML, which browsers draw themselves, each with the same in words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from longplay.catalogue import words
from longplay.duration import parse_duration


@dataclass(frozen=True)
class Formula:
    """One line: the formula as MathML, and what it says in words."""

    math: Markup
    words: str


def formulas(plain: Mapping[str, Any]) -> Iterator[Formula]:
    """The value, its window, its credit and its maturity. Parts without symbols are told in words by ``words``."""
    told = plain.get("measure") or {}
    draw = _MEASURES.get(str(told.get("kind")))
    if draw:
        yield Formula(_row(_i("y"), _o("="), draw(told)), words.measure(plain))
    elif told:
        text = ", ".join(f"{name} = {value}" for name, value in told.items() if name != "kind")
        yield Formula(_row(_i("y"), _o("="), _text(f"{told.get('kind')}({text})")), words.measure(plain))
    if plain.get("keys"):
        yield Formula(_row(_i("E"), _o("="), _text("events")), f"The events of {words.whose(plain)} as the anchor's.")
    yield from _window(plain.get("window") or {}, plain)
    credit = plain.get("credit") or {}
    if credit.get("rule") == "clicked" and set(credit) <= {"rule", "within"}:
        spent = _row(_i("c"), _o("∈"), _interval(_t0(), _row(_t0(), _o("+"), _text(credit["within"]))))
        yield Formula(_row(_i("y"), _o("←"), _i("y"), _o("·"), _one(spent)), f"Credit: {words.credit(credit)}. c is a click on the exposure.")
    elif credit:
        yield Formula(_row(_i("y"), _o("←"), _text("credit"), _o("("), _i("y"), _o(")")), f"Credit: {words.credit(credit)}.")


def _window(window: Mapping[str, Any], plain: Mapping[str, Any]) -> Iterator[Formula]:
    if window.get("kind") == "calendar":
        start, end = (_midnight(days) for days in (window["from"], window["to"] + 1))
        note = "D0 is the UTC day of t0. The left edge is in, the right edge is out."
    elif window.get("kind") == "elapsed":
        start, end = (_after(text) for text in (window["from"], window["to"]))
        note = "t0 is the moment of the anchor. The left edge is in, the right edge is out."
    else:
        return
    yield Formula(_row(_i("w"), _o("="), _interval(start, end)), note)
    late = plain.get("lateness", "0 s")
    ripe = _row(end, _o("+"), _text(late)) if parse_duration(late) else end
    watermark = _row(_i("W"), _o("("), _i("T"), _o(")"))
    yield Formula(_row(_text("mature at"), _i("T"), _o("⟺"), watermark, _o("≥"), ripe), "W(T) is the watermark at T: the log is complete before it.")


def _any(told: Mapping[str, Any]) -> Markup:
    return _one(_row(_o("∃"), _i("e"), _o("∈"), _events(told), _o(":"), _inside()))


def _days(told: Mapping[str, Any]) -> Markup:
    held = _row(_text("day"), _o("("), _time(), _o(")"), _o(":"), _i("e"), _o("∈"), _events(told), _o(","), _inside())
    return _row(_o("|"), _o("{"), held, _o("}"), _o("|"))


def _weeks(told: Mapping[str, Any]) -> Markup:
    days = _sub(_i("d"), _i("k"))
    enough = _row(_sub(_o("∑"), _i("k")), _one(_row(days, _o("≥"), _n(told["days"]))), _o("≥"), _n(told["weeks"]))
    return _row(_one(enough), _o(","), days, _o("="), _text(f"days of week k in w with a {words.FLAGS.get(told['of'], told['of'])}"))


def _regret(told: Mapping[str, Any]) -> Markup:
    left = _row(_text("longest"), _o("<"), _n(f"{told['below']:g}"), _text(f" {told['unit']}"))
    return _one(_row(_text("clicked"), _o("∧"), _o("("), _text("rejected"), _o("∨"), left, _o(")")))


_MEASURES: Mapping[str, Callable[[Mapping[str, Any]], Markup]] = {
    "any": _any,
    "days": _days,
    "weeks": _weeks,
    "regret": _regret,
}


def _events(told: Mapping[str, Any]) -> Markup:
    """The events of the flag that a measure reads."""
    return _sub(_i("E"), _text(words.FLAGS.get(told["of"], told["of"])))


def _inside() -> Markup:
    return _row(_time(), _o("∈"), _i("w"))


def _time() -> Markup:
    return _sub(_i("t"), _i("e"))


def _t0() -> Markup:
    return _sub(_i("t"), _n(0))


def _after(duration: str) -> Markup:
    return _row(_t0(), _o("+"), _text(duration)) if parse_duration(duration) else _t0()


def _midnight(days: int) -> Markup:
    return _row(_text("midnight"), _o("("), _sub(_i("D"), _n(0)), _o("+"), _text(f"{days} d"), _o(")"))


def _interval(start: Markup, end: Markup) -> Markup:
    return _row(_o("["), start, _o(","), end, _o(")"))


def _one(condition: Markup) -> Markup:
    """1 where a condition holds, else 0."""
    return _row(_n(1), _o("["), condition, _o("]"))


def _row(*parts: Markup) -> Markup:
    return Markup("<mrow>{}</mrow>").format(Markup("").join(parts))


def _sub(base: Markup, index: Markup) -> Markup:
    return Markup("<msub>{}{}</msub>").format(base, index)


def _i(name: str) -> Markup:
    return Markup("<mi>{}</mi>").format(name)


def _n(number: object) -> Markup:
    return Markup("<mn>{}</mn>").format(number)


def _o(sign: str) -> Markup:
    return Markup('<mo stretchy="false">{}</mo>').format(sign)


def _text(text: str) -> Markup:
    return Markup("<mtext>{}</mtext>").format(text)
