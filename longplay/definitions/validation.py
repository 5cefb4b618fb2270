"""Rules across the fields of a definition. Each rule names the key to change."""

from datetime import timedelta
from typing import get_args

from longplay.definitions.expression import reads_episodes
from longplay.definitions.measures import MEASURES, KeyProblem
from longplay.definitions.signal_fields import SignalFields
from longplay.definitions.windows import CalendarWindow

Problem = KeyProblem | None


def find_problem(fields: SignalFields) -> Problem:
    """Find the first rule that a definition breaks. Returns ``(key, what is wrong)``, or None."""
    rules = (
        _anchor_problem,
        _window_problem,
        _void_problem,
        _credit_problem,
        _discount_problem,
        _baseline_problem,
        _filter_problem,
        _cap_problem,
        _episodes_problem,
        _text_problem,
    )
    return next((problem for rule in rules if (problem := rule(fields))), None)


def _anchor_problem(fields: SignalFields) -> Problem:
    if fields.anchor == "discovery" and fields.void.look_back is None:
        return (
            "void.look_back",
            "a discovery anchor needs void.look_back, the length of absence that makes it a discovery",
        )
    if fields.anchor in ("active_day", "session") and fields.keys != "user":
        return "keys", f"an anchor '{fields.anchor}' has no item, so keys must be 'user'"
    if (fields.anchor == "session") != (fields.session_gap is not None):
        return (
            "session_gap",
            "session_gap, the silence that ends a session, is required for a session anchor and allowed with no other",
        )
    if fields.session_gap is not None and fields.session_gap <= timedelta(0):
        return "session_gap", "must be longer than 0 s"
    return None


def _window_problem(fields: SignalFields) -> Problem:
    if fields.lateness < timedelta(0):
        return "lateness", "must be 0 s or longer"
    if fields.measure.needs_calendar_window and not isinstance(fields.window, CalendarWindow):
        return "window.kind", f"a measure of kind {fields.measure.kind} needs a calendar window"
    return fields.measure.window_problem(fields.window.day_count)


def _void_problem(fields: SignalFields) -> Problem:
    void, measure = fields.void, fields.measure
    if void.settles == "early" and not measure.settles_early:
        return (
            "void.settles",
            f"only a measure of {_kinds_with('settles_early')} can settle early; others need the whole window",
        )
    if void.look_back is not None and void.look_back <= timedelta(0):
        return "void.look_back", "must be longer than 0 s"
    if void.at_least is not None and not measure.is_expression:
        return (
            "void.at_least",
            f"only a measure of {_kinds_with('is_expression')} takes at_least; others are defined even without facts",
        )
    return None


def _credit_problem(fields: SignalFields) -> Problem:
    credit = fields.credit
    if credit is None:
        return None
    if fields.anchor != "exposure":
        return "credit", "credit needs anchor 'exposure'"
    if credit.is_split and not (fields.measure.counts_days and fields.keys == "user_item"):
        return (
            "credit.rule",
            f"{credit.rule} splits days of a user with an item: it needs a measure of {_kinds_with('counts_days')} and "
            "keys 'user_item'",
        )
    if credit.is_split and not isinstance(fields.window, CalendarWindow):
        return "window.kind", f"{credit.rule} splits whole days: it needs a calendar window"
    return None


def _discount_problem(fields: SignalFields) -> Problem:
    if fields.discount is None:
        return None
    if not fields.measure.counts_days:
        return "discount", f"a discount weights days: it needs a measure of {_kinds_with('counts_days')}"
    if fields.discount.normalise and _splits_credit(fields):
        return "discount.normalise", "split credit sums over several windows, so one window cannot normalise it"
    return None


def _baseline_problem(fields: SignalFields) -> Problem:
    if fields.baseline is None:
        return None
    if not fields.measure.is_expression:
        return "baseline", f"a baseline needs a measure of {_kinds_with('is_expression')}"
    if fields.baseline <= timedelta(0):
        return "baseline", "must be longer than 0 s"
    if fields.credit is not None:
        return (
            "baseline",
            "a baseline cannot be combined with credit: facts before an exposure cannot be credited to it",
        )
    return None


def _filter_problem(fields: SignalFields) -> Problem:
    if fields.filter is None:
        return None
    if _splits_credit(fields):
        return "filter", "a filter cannot be combined with split credit"
    if not fields.measure.takes_filter:
        return "filter", f"{fields.measure.kind} reads clicks, plays and rejections together: it takes no filter"
    return None


def _cap_problem(fields: SignalFields) -> Problem:
    if fields.cap is not None and fields.measure.is_binary:
        return "cap", f"a measure of kind {fields.measure.kind} is always 0 or 1: remove the cap"
    return None


def _episodes_problem(fields: SignalFields) -> Problem:
    reads = fields.measure.reads_episodes or (fields.filter is not None and reads_episodes(fields.filter))
    if reads and not fields.needs.episodes:
        return (
            "needs.episodes",
            "the definition reads episodes, which not every source has: add needs: {episodes: true}",
        )
    if fields.needs.episodes and not fields.measure.may_read_episodes:
        return "needs.episodes", f"a measure of kind {fields.measure.kind} reads no episodes: use 'season' or 'sql'"
    if fields.needs.episodes and fields.keys != "user_item":
        return "keys", "episodes belong to the anchor's item, so keys must be 'user_item'"
    return None


def _text_problem(fields: SignalFields) -> Problem:
    bounds = fields.quality.bounds
    if bounds is not None and bounds[0] >= bounds[1]:
        return "quality.bounds", f"the lowest value ({bounds[0]}) must be below the highest ({bounds[1]})"
    if fields.name in {guardrail.split("@")[0] for guardrail in fields.guardrails}:
        return "guardrails", "a signal cannot be its own guardrail"
    if (fields.replaced_by or fields.deprecated_on) and fields.status != "deprecated":
        return "status", "only a deprecated signal may have replaced_by or deprecated_on"
    if fields.replaced_by == f"{fields.name}@{fields.version}":
        return "replaced_by", "a signal cannot replace itself"
    return None


def _splits_credit(fields: SignalFields) -> bool:
    return fields.credit is not None and fields.credit.is_split


def _kinds_with(constant: str) -> str:
    names = [get_args(kind.model_fields["kind"].annotation)[0] for kind in MEASURES if getattr(kind, constant)]
    return "kind " + " or ".join(f"'{name}'" for name in names)
