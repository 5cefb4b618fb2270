"""A definition as formulas: MathML, which browsers draw themselves, each with the same in words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from longplay.config.duration import parse_duration
from longplay.site import mathml as m
from longplay.site.signals import plain_language as words


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
        yield Formula(m.row(m.name("y"), m.sign("="), draw(told)), words.measure(plain))
    elif told:
        text = ", ".join(f"{name} = {value}" for name, value in told.items() if name != "kind")
        yield Formula(m.row(m.name("y"), m.sign("="), m.text(f"{told.get('kind')}({text})")), words.measure(plain))
    if "of" in told:
        own = m.row(m.sign("{"), m.name("e"), m.sign(":"), m.text(words.whose(plain)), m.sign("}"))
        yield Formula(m.row(_events(told), m.sign("="), own), f"The events of {words.whose(plain)} as the anchor's.")
    yield from _window(plain.get("window") or {}, plain)
    credit = plain.get("credit") or {}
    if credit.get("rule") == "clicked" and set(credit) <= {"rule", "within"}:
        spent = m.row(m.name("c"), m.sign("∈"), _interval(_t0(), m.row(_t0(), m.sign("+"), m.text(credit["within"]))))
        yield Formula(
            m.row(m.name("y"), m.sign("←"), m.name("y"), m.sign("·"), m.one(spent)),
            f"Credit: {words.credit(credit)}. c is a click on the exposure.",
        )
    elif credit:
        yield Formula(
            m.row(m.name("y"), m.sign("←"), m.text("credit"), m.sign("("), m.name("y"), m.sign(")")),
            f"Credit: {words.credit(credit)}.",
        )


def _window(window: Mapping[str, Any], plain: Mapping[str, Any]) -> Iterator[Formula]:
    if window.get("kind") == "calendar":
        start, end = (_midnight(days) for days in (window["from"], window["to"] + 1))
        note = "D0 is the UTC day of t0. The left edge is in, the right edge is out."
    elif window.get("kind") == "elapsed":
        start, end = (_after(text) for text in (window["from"], window["to"]))
        note = "t0 is the moment of the anchor. The left edge is in, the right edge is out."
    else:
        return
    yield Formula(m.row(m.name("w"), m.sign("="), _interval(start, end)), note)
    late = plain.get("lateness", "0 s")
    end = m.row(m.text("end"), m.sign("("), m.name("w"), m.sign(")"))
    ripe = m.row(end, m.sign("+"), m.text(late)) if parse_duration(late) else end
    watermark = m.row(m.name("W"), m.sign("("), m.name("T"), m.sign(")"))
    yield Formula(
        m.row(m.text("mature at"), m.gap(), m.name("T"), m.sign("⟺"), watermark, m.sign("≥"), ripe),
        "W(T) is the watermark at T: the log is complete before it.",
    )


def _any(told: Mapping[str, Any]) -> Markup:
    return m.one(m.row(m.sign("∃"), m.name("e"), m.sign("∈"), _events(told), m.sign(":"), _inside()))


def _days(told: Mapping[str, Any]) -> Markup:
    held = m.row(
        m.text("day"),
        m.sign("("),
        _time(),
        m.sign(")"),
        m.sign(":"),
        m.name("e"),
        m.sign("∈"),
        _events(told),
        m.sign(","),
        _inside(),
    )
    return m.row(m.sign("|"), m.sign("{"), held, m.sign("}"), m.sign("|"))


def _weeks(told: Mapping[str, Any]) -> Markup:
    days = m.sub(m.name("d"), m.name("k"))
    enough = m.row(
        m.sub(m.sign("∑"), m.name("k")),
        m.one(m.row(days, m.sign("≥"), m.number(told["days"]))),
        m.sign("≥"),
        m.number(told["weeks"]),
    )
    return m.row(
        m.one(enough),
        m.sign(","),
        days,
        m.sign("="),
        m.text(f"days of week k in w with a {words.FLAGS.get(told['of'], told['of'])}"),
    )


def _regret(told: Mapping[str, Any]) -> Markup:
    left = m.row(m.text("longest"), m.sign("<"), m.number(f"{told['below']:g}"), m.text(f" {told['unit']}"))
    return m.one(
        m.row(
            m.text("clicked in"),
            m.gap(),
            m.name("w"),
            m.sign("∧"),
            m.sign("("),
            m.text("rejected"),
            m.sign("∨"),
            left,
            m.sign(")"),
        )
    )


_MEASURES: Mapping[str, Callable[[Mapping[str, Any]], Markup]] = {
    "any": _any,
    "days": _days,
    "weeks": _weeks,
    "regret": _regret,
}


def _events(told: Mapping[str, Any]) -> Markup:
    """The events of the flag that a measure reads."""
    return m.sub(m.name("E"), m.text(words.FLAGS.get(told["of"], told["of"])))


def _inside() -> Markup:
    return m.row(_time(), m.sign("∈"), m.name("w"))


def _time() -> Markup:
    return m.sub(m.name("t"), m.name("e"))


def _t0() -> Markup:
    return m.sub(m.name("t"), m.number(0))


def _after(duration: str) -> Markup:
    return m.row(_t0(), m.sign("+"), m.text(duration)) if parse_duration(duration) else _t0()


def _midnight(days: int) -> Markup:
    return m.row(
        m.text("midnight"), m.sign("("), m.sub(m.name("D"), m.number(0)), m.sign("+"), m.text(f"{days} d"), m.sign(")")
    )


def _interval(start: Markup, end: Markup) -> Markup:
    return m.row(m.sign("["), start, m.sign(","), m.gap(), end, m.sign(")"))
