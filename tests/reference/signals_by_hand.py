"""Signal values in plain Python: the words of the time contract and of the definitions, one anchor at a time.

Slow on purpose. Nothing here is shared with the Spark code but the typed definition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from longplay.definition import (
    AnyMeasure,
    CalendarWindow,
    DaysMeasure,
    Definition,
    ElapsedWindow,
    RegretMeasure,
    WeeksMeasure,
)
from signals.horizons import Knowledge
from tests.reference.records import DAY, Event, Exposure, midnight


@dataclass(frozen=True)
class Anchor:
    """Where a signal begins. ``request_id`` is there for logged exposures alone.

    ``superseded_ts`` is when a fact became known that shows that it was no anchor.
    """

    user_id: str
    item_id: str | None
    t0: datetime
    known_ts: datetime
    exposure_id: str | None = None
    request_id: str | None = None
    superseded_ts: datetime | None = None


@dataclass(frozen=True)
class Value:
    """One row of ``signal_values``, but for what is the same for every row of a definition."""

    signal: str
    user_id: str
    item_id: str | None
    t0: datetime
    exposure_id: str | None
    window_end: datetime
    matures_at: datetime
    state: str
    void_reason: str | None
    value: float | None
    prefix: float | None
    elapsed_share: float
    known_ts: datetime
    revision: int


def values_by_hand(
    definition: Definition, events: Sequence[Event], exposures: Sequence[Exposure], knowledge: Knowledge
) -> list[Value]:
    """Every row of one signal as known at ``knowledge.known_at``."""
    known = [e for e in events if e.known_ts <= knowledge.known_at]
    shown = [e for e in exposures if e.known_ts <= knowledge.known_at]
    return [row for a in anchors(definition, known, shown) for row in rows(definition, a, known, knowledge)]


def anchors(definition: Definition, events: Sequence[Event], exposures: Sequence[Exposure]) -> Iterator[Anchor]:
    """Exposures, the first known consumption of each active day, or consumptions after a long absence of the item."""
    if definition.anchor == "exposure":
        for e in exposures:
            request = None if e.sampled else e.request_id
            yield Anchor(e.user_id, e.item_id, e.as_of, e.known_ts, e.exposure_id, request)
        return
    consumed = [e for e in events if e.is_consumption]
    if definition.anchor == "active_day":
        for user, day in sorted({(e.user_id, e.event_ts.date()) for e in consumed}):
            today = [e for e in consumed if e.user_id == user and e.event_ts.date() == day]
            first = min(today, key=lambda e: (e.known_ts, e.event_ts))
            yield Anchor(user, None, first.event_ts, first.known_ts)
        return
    look_back = definition.void.look_back
    assert look_back is not None
    for user, item, t0 in sorted({(e.user_id, e.item_id, e.event_ts) for e in consumed}):
        pair = [e for e in consumed if (e.user_id, e.item_id) == (user, item)]
        known = min(e.known_ts for e in pair if e.event_ts == t0)
        before = [e.known_ts for e in pair if t0 - look_back <= e.event_ts < t0]
        if not before or min(before) > known:
            yield Anchor(user, item, t0, known, superseded_ts=min(before, default=None))


def rows(definition: Definition, anchor: Anchor, events: Sequence[Event], knowledge: Knowledge) -> Iterator[Value]:
    """The state of one anchor, its value, and a revision for every moment at which late facts changed it."""
    start, end = window(definition, anchor.t0)
    matures_at = end + definition.lateness
    is_mature = knowledge.watermark >= matures_at
    # A value is first known when the watermark was known to have passed it and its anchor is known.
    matured = max(reached(matures_at, knowledge), anchor.known_ts)
    own = [e for e in events if e.user_id == anchor.user_id]

    def measured(known_by: datetime) -> float:
        return measure(definition, anchor, [e for e in own if e.known_ts <= known_by])

    reason, void_since = void_reason(definition, anchor, knowledge), anchor.known_ts
    if reason == "outage" and definition.void.settles == "early":
        # An event that was seen settles it all the same, and may be seen until the value would be mature.
        reason, void_since = ("outage" if is_mature and measured(matured) == 0 else None), matured

    spoilt = anchor.superseded_ts

    def row(state: str, known_ts: datetime, value: float | None, prefix: float | None, revision: int) -> Value:
        share = {"mature": 1.0, "void": 0.0}.get(state, (knowledge.watermark - start) / (end - start))
        return Value(
            definition.ref, anchor.user_id, anchor.item_id, anchor.t0, anchor.exposure_id, end, matures_at, state,
            (reason or "superseded") if state == "void" else None, value, prefix, min(1.0, max(0.0, share)), known_ts,
            revision,
        )  # fmt: skip

    if reason is not None:
        yield row("void", void_since, None, None, 0)
    elif spoilt is not None and spoilt <= matured:
        yield row("void", spoilt, None, None, 0)
    elif not is_mature:
        yield row("open", knowledge.known_at, None, measured(knowledge.known_at), 0)
    else:
        value, revision = measured(matured), 0
        yield row("mature", matured, value, None, 0)
        for moment in sorted({e.known_ts for e in own if e.known_ts > matured}):
            if measured(moment) != value and (spoilt is None or moment < spoilt):
                value, revision = measured(moment), revision + 1
                yield row("mature", moment, value, None, revision)
        if spoilt is not None:
            yield row("void", spoilt, None, None, revision + 1)


def reached(moment: datetime, knowledge: Knowledge) -> datetime:
    """The first T with W(T) >= moment: the moment itself as far as the first observation, then the observation's."""
    if not knowledge.history or moment <= knowledge.history[0][1]:
        return moment
    return next((at for at, reach in knowledge.history if reach >= moment), moment)


def window(definition: Definition, t0: datetime) -> tuple[datetime, datetime]:
    """``[start, end)``: durations from t0, or whole UTC days after its day, the last one inclusive."""
    if isinstance(definition.window, ElapsedWindow):
        return t0 + definition.window.start, t0 + definition.window.end
    assert isinstance(definition.window, CalendarWindow)
    return midnight(t0) + definition.window.first * DAY, midnight(t0) + (definition.window.last + 1) * DAY


def void_reason(definition: Definition, anchor: Anchor, knowledge: Knowledge) -> str | None:
    """Left-truncated if the log begins after the look-back does; outage if one overlaps the window."""
    look_back = definition.void.look_back
    if look_back is not None and anchor.t0 - look_back < knowledge.log_start:
        return "left_truncated"
    start, end = window(definition, anchor.t0)
    overlaps = any(start < outage_end and outage_start < end for outage_start, outage_end in knowledge.outages)
    return "outage" if definition.void.outage and overlaps else None


def measure(definition: Definition, anchor: Anchor, events: Sequence[Event]) -> float:
    """The measure over the facts of the window that are credited to the anchor."""
    if definition.credit is not None and not clicked(anchor, events, definition.credit.within):
        return 0.0
    start, end = window(definition, anchor.t0)
    facts = [e for e in events if start <= e.event_ts < end]
    if definition.keys == "user_item":
        facts = [e for e in facts if e.item_id == anchor.item_id]
        if isinstance(definition.window, ElapsedWindow) and definition.window.start == timedelta(0):
            facts = [e for e in facts if answers(e, anchor)]  # what follows at once is a response to one request
    rule = definition.measure
    if isinstance(rule, RegretMeasure):
        return float(regretted(facts, rule.below))
    days = {e.event_ts.date() for e in facts if getattr(e, f"is_{rule.of}")}
    if isinstance(rule, AnyMeasure):
        return float(bool(days))
    if isinstance(rule, DaysMeasure):
        return float(len(days))
    assert isinstance(rule, WeeksMeasure)
    first = start.date()
    whole_weeks = (end - start).days // 7
    active = [len([d for d in days if (d - first).days // 7 == week]) for week in range(whole_weeks)]
    return float(len([n for n in active if n >= rule.days]) >= rule.weeks)


def clicked(anchor: Anchor, events: Sequence[Event], within: timedelta) -> bool:
    """Whether the item shown was clicked, in answer to it, within ``within`` of being shown."""
    return any(
        e.is_click and e.item_id == anchor.item_id and anchor.t0 <= e.event_ts < anchor.t0 + within
        for e in events
        if answers(e, anchor)
    )


def answers(event: Event, anchor: Anchor) -> bool:
    """An event that answers a request belongs to that request's exposures alone, an organic one to any."""
    return event.request_id is None or anchor.request_id is None or event.request_id == anchor.request_id


def regretted(facts: Sequence[Event], below: float) -> bool:
    """Clicked, and then rejected, or nothing consumed for ``below`` or longer."""
    clicks = [e.event_ts for e in facts if e.is_click]
    if not clicks:
        return False
    then = [e for e in facts if e.event_ts >= min(clicks)]
    stayed = any(e.amount is not None and e.amount >= below for e in then)
    return any(e.is_negative for e in then) or not stayed
