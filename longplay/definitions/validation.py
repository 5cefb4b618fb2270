"""Which parts of a definition go together. Each rule names the key that has to change."""

from datetime import timedelta
from typing import TYPE_CHECKING

from longplay.definitions.expression import reads_episodes
from longplay.definitions.measures import (
    AnyMeasure,
    DaysMeasure,
    InactivityMeasure,
    RegretMeasure,
    SeasonMeasure,
    SqlMeasure,
    WeeksMeasure,
)
from longplay.definitions.windows import CalendarWindow

if TYPE_CHECKING:
    from longplay.definitions.signal import Definition

Fault = tuple[str, str] | None


def fault(one: "Definition") -> Fault:
    """The first rule that a definition breaks, as ``(key, what is wrong)``; None where it breaks none."""
    for rule in (_anchor, _window, _void, _credit, _value, _episodes, _words):
        if found := rule(one):
            return found
    return None


def _anchor(one: "Definition") -> Fault:
    if one.anchor == "discovery" and one.void.look_back is None:
        return "void.look_back", "a discovery anchor needs void.look_back (the absence that makes it a discovery)"
    if one.anchor in ("active_day", "session") and one.keys != "user":
        return "keys", f"an anchor of kind {one.anchor} has no item, so keys must be 'user'"
    if (one.anchor == "session") != (one.session_gap is not None):
        return "session_gap", "a session anchor, and no other, needs session_gap (the silence that ends a session)"
    if one.session_gap is not None and one.session_gap <= timedelta(0):
        return "session_gap", "a session ends after some silence: more than 0 s"
    return None


def _window(one: "Definition") -> Fault:
    if one.lateness < timedelta(0):
        return "lateness", "facts cannot be late by less than 0 s"
    if isinstance(one.measure, WeeksMeasure | InactivityMeasure) and not isinstance(one.window, CalendarWindow):
        return "window.kind", f"a measure of kind {one.measure.kind} needs a calendar window"
    length = one.window.days()[1] - one.window.days()[0] + 1
    if isinstance(one.measure, WeeksMeasure) and length // 7 < one.measure.weeks:
        return "measure.weeks", f"the window has {length // 7} whole weeks, fewer than {one.measure.weeks}"
    if isinstance(one.measure, InactivityMeasure) and length < one.measure.gap:
        return "measure.gap", f"the window has {length} days, fewer than the gap of {one.measure.gap}"
    return None


def _void(one: "Definition") -> Fault:
    void = one.void
    if void.settles == "early" and not isinstance(one.measure, AnyMeasure):
        return "void.settles", "only a measure of kind 'any' can settle early: others count on until the window ends"
    if void.look_back is not None and void.look_back <= timedelta(0):
        return "void.look_back", "a look-back is more than 0 s long"
    if void.at_least is not None and not isinstance(one.measure, SqlMeasure):
        return "void.at_least", "only a measure of kind 'sql' can have too few facts: others are defined without any"
    return None


def _credit(one: "Definition") -> Fault:
    if one.credit is None:
        return None
    if one.anchor != "exposure":
        return "credit", "credit by click needs anchor 'exposure'"
    if one.credit.deals and not (isinstance(one.measure, DaysMeasure) and one.keys == "user_item"):
        return "credit.rule", f"{one.credit.rule} deals days with an item out: measure 'days', keys 'user_item'"
    if one.credit.deals and not isinstance(one.window, CalendarWindow):
        return "window.kind", f"{one.credit.rule} deals whole days out: it needs a calendar window"
    return None


def _value(one: "Definition") -> Fault:
    if one.discount is not None and not isinstance(one.measure, DaysMeasure):
        return "discount", "days are discounted: it needs a measure of kind 'days'"
    if one.discount is not None and one.credit is not None and one.credit.deals and one.discount.normalise:
        return "discount.normalise", "shares of credit sum over exposures and are not normalised by one window"
    if one.baseline is not None:
        if not isinstance(one.measure, SqlMeasure):
            return "baseline", "a change against a baseline needs a measure of kind 'sql'"
        if one.baseline <= timedelta(0):
            return "baseline", "a baseline is more than 0 s long"
        if one.credit is not None:
            return "baseline", "what lies before an exposure cannot be credited to it"
    if one.filter is not None and one.credit is not None and one.credit.deals:
        return "filter", f"{one.credit.rule} deals days with an item out: a filter on facts has nothing to judge"
    if one.filter is not None and isinstance(one.measure, RegretMeasure):
        return "filter", "regret reads clicks, plays and rejections together: a filter would tear them apart"
    if one.cap is not None and isinstance(one.measure, AnyMeasure | WeeksMeasure | RegretMeasure | SeasonMeasure):
        return "cap", f"a measure of kind {one.measure.kind} is 0 or 1: a cap changes nothing"
    return None


def _episodes(one: "Definition") -> Fault:
    measure, texts = one.measure, [one.filter] if one.filter else []
    if isinstance(measure, SqlMeasure):
        texts.append(measure.expression)
    reads = isinstance(measure, SeasonMeasure) or any(map(reads_episodes, texts))
    if reads and not one.needs.episodes:
        return "needs.episodes", "it reads episodes, which not every source has: say needs: {episodes: true}"
    if one.needs.episodes and not isinstance(measure, SeasonMeasure | SqlMeasure):
        return "needs.episodes", f"a measure of kind {measure.kind} knows no episodes: use 'season' or 'sql'"
    if one.needs.episodes and one.keys != "user_item":
        return "keys", "episodes are those of the anchor's item, so keys must be 'user_item'"
    return None


def _words(one: "Definition") -> Fault:
    bounds = one.quality.bounds
    if bounds is not None and bounds[0] >= bounds[1]:
        return "quality.bounds", f"the lowest value ({bounds[0]}) is not below the highest ({bounds[1]})"
    if one.name in {guardrail.split("@")[0] for guardrail in one.guardrails}:
        return "guardrails", "a signal is no guardrail of itself"
    if (one.replaced_by or one.deprecated_on) and one.status != "deprecated":
        return "status", "only a deprecated signal has replaced_by and deprecated_on"
    if one.replaced_by == one.ref:
        return "replaced_by", "a signal cannot replace itself"
    return None
