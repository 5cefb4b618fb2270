"""Signal values in plain Python, one anchor at a time, as docs/explanation/signals.md and the definitions say.

Slow on purpose. Only the typed definition is shared with the Spark code.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import assert_never

from longplay.config.duration import DAY
from longplay.definitions.measures import (
    AnyMeasure,
    DaysMeasure,
    InactivityMeasure,
    RegretMeasure,
    SeasonMeasure,
    SqlMeasure,
    WeeksMeasure,
)
from longplay.definitions.signal import Definition
from longplay.definitions.signal_fields import Credit
from longplay.definitions.windows import CalendarWindow, ElapsedWindow
from signals.maturity import Knowledge, OutageFlag
from tests.reference.records import Episode, Event, Exposure, midnight


@dataclass(frozen=True)
class Anchor:
    """Where a signal begins. Only logged exposures have a ``request_id``.

    ``superseded_ts`` is when a fact became known that disproves the anchor.
    """

    user_id: str
    item_id: str | None
    t0: datetime
    known_ts: datetime
    exposure_id: str | None = None
    request_id: str | None = None
    superseded_ts: datetime | None = None
    position: int | None = None


@dataclass(frozen=True)
class Fact(Event):
    """Consumption of an episode whose release is known, or (``is_release``) the release itself."""

    release: Episode | None = None
    is_release: bool = False


Formula = Callable[["Anchor", Sequence[Event]], float | None]
"""What a SQL expression or filter means, in Python."""


@dataclass(frozen=True)
class Meaning:
    """The Python twin of a definition's SQL.

    Attributes:
        measure: the expression over facts.
        keeps: the filter on one fact.
    """

    measure: Formula | None = None
    keeps: Callable[["Anchor", Event], bool] = lambda _anchor, _event: True


@dataclass(frozen=True)
class Value:
    """One row of ``signal_values``, without the columns that are the same for all rows of a definition."""

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
    event_observed: bool | None
    ipc_weight: float
    known_ts: datetime
    revision: int


def values_by_hand(
    definition: Definition,
    events: Sequence[Event],
    exposures: Sequence[Exposure],
    knowledge: Knowledge,
    meaning: Meaning | None = None,
    episodes: Sequence[Episode] = (),
) -> list[Value]:
    """Every row of one signal as known at ``knowledge.known_at``."""
    known_events = [e for e in events if e.known_ts <= knowledge.known_at]
    shown = [e for e in exposures if e.known_ts <= knowledge.known_at]
    known_anchors = [a for a in anchors(definition, known_events, shown) if a.known_ts <= knowledge.known_at]
    of = Measured(definition, meaning or Meaning(), known_anchors, known_events)
    facts = add_releases_by_hand(known_events, [e for e in episodes if e.known_ts <= knowledge.known_at])
    read = facts if definition.needs.episodes else known_events
    return [row for a in known_anchors for row in rows(of, a, read, knowledge)]


def add_releases_by_hand(events: Sequence[Event], episodes: Sequence[Episode]) -> list[Event]:
    """Events and releases as facts. An event of an episode counts once its release is known, and never without one."""
    released = {(episode.item_id, episode.episode): episode for episode in episodes}
    facts: list[Event] = [e for e in events if e.episode is None]
    for e in events:
        if e.episode is not None and (episode := released.get((e.item_id, e.episode))):
            known_ts = max(e.known_ts, episode.known_ts)
            facts.append(Fact(**asdict(replace(e, known_ts=known_ts)), release=episode))
    for episode in episodes:
        name, at = f"release of {episode.episode}", episode.released_ts
        facts.append(
            Fact(
                name,
                "",
                episode.item_id,
                at,
                episode.known_ts,
                None,
                episode=episode.episode,
                release=episode,
                is_release=True,
            )
        )
    return facts


def anchors(definition: Definition, events: Sequence[Event], exposures: Sequence[Exposure]) -> Iterator[Anchor]:
    """Exposures, the first known consumption of each active day, or consumptions after a long absence of the item."""
    if definition.anchor == "exposure":
        for e in exposures:
            request = None if e.sampled else e.request_id
            position = None if e.sampled else e.position
            yield Anchor(e.user_id, e.item_id, e.as_of, e.known_ts, e.exposure_id, request, position=position)
        return
    consumed = [e for e in events if e.is_consumption]
    if definition.anchor == "active_day":
        for user, day in sorted({(e.user_id, e.event_ts.date()) for e in consumed}):
            today = [e for e in consumed if e.user_id == user and e.event_ts.date() == day]
            first = min(today, key=lambda e: (e.known_ts, e.event_ts))
            yield Anchor(user, None, first.event_ts, first.known_ts)
        return
    if definition.anchor == "session":
        gap = definition.session_gap
        assert gap is not None
        for user, t0 in sorted({(e.user_id, e.event_ts) for e in consumed}):
            own = [e for e in consumed if e.user_id == user]
            known_ts = max(min(e.known_ts for e in own if e.event_ts == t0), t0 + gap)
            after = [e.known_ts for e in own if t0 < e.event_ts <= t0 + gap]
            if not after or min(after) > known_ts:
                yield Anchor(user, None, t0, known_ts, superseded_ts=min(after, default=None))
        return
    look_back = definition.void.look_back
    assert look_back is not None
    for user, item, t0 in sorted({(e.user_id, e.item_id, e.event_ts) for e in consumed}):
        pair = [e for e in consumed if (e.user_id, e.item_id) == (user, item)]
        known_ts = min(e.known_ts for e in pair if e.event_ts == t0)
        before = [e.known_ts for e in pair if t0 - look_back <= e.event_ts < t0]
        if not before or min(before) > known_ts:
            yield Anchor(user, item, t0, known_ts, superseded_ts=min(before, default=None))


def rows(of: "Measured", anchor: Anchor, events: Sequence[Event], knowledge: Knowledge) -> Iterator[Value]:
    """The state of one anchor, its value, and a revision for every moment at which late facts changed it."""
    definition = of.definition
    start, end = window(definition, anchor.t0)
    matures_at = end + definition.lateness
    is_mature = knowledge.watermark >= matures_at
    # A value is first known when its anchor is known and the watermark is known to have passed its maturity.
    matured = max(reached(matures_at, knowledge), anchor.known_ts)
    own = [e for e in events if e.user_id == anchor.user_id or getattr(e, "is_release", False)]

    def measured(known_by: datetime) -> float | None:
        return of.value(anchor, [e for e in own if e.known_ts <= known_by])

    reason, void_since = void_reason(definition, anchor, knowledge), anchor.known_ts
    if reason == "outage" and definition.void.settles == "early":
        # An observed event settles the value in spite of the outage, until the value would be mature.
        reason, void_since = ("outage" if is_mature and measured(matured) == 0 else None), matured

    superseded = anchor.superseded_ts
    is_nothing = reason is None and is_mature and measured(matured) is None

    def row(state: str, known_ts: datetime, value: float | None, prefix: float | None, revision: int) -> Value:
        share = {"mature": 1.0, "void": 0.0}.get(state, (knowledge.watermark - start) / (end - start))
        shown_value = {"mature": value, "open": prefix}.get(state)
        is_observed = None if shown_value is None else of.is_observed(shown_value)
        return Value(
            definition.ref, anchor.user_id, anchor.item_id, anchor.t0, anchor.exposure_id, end, matures_at, state,
            (reason or "superseded") if state == "void" else None, value, prefix, min(1.0, max(0.0, share)),
            is_observed, float(state == "mature"), known_ts, revision,
        )  # fmt: skip

    if reason is not None:
        yield row("void", void_since, None, None, 0)
    elif superseded is not None and superseded <= matured:
        yield row("void", superseded, None, None, 0)
    elif is_nothing:
        reason = "undefined" if definition.void.at_least is None else "too_few_facts"
        yield row("void", matured, None, None, 0)
    elif not is_mature:
        yield row("open", knowledge.known_at, None, measured(knowledge.known_at), 0)
    else:
        value, revision = measured(matured), 0
        hits = flags_that_hit(definition, anchor, knowledge)

        def state_at(moment: datetime, value: float | None) -> tuple[str, float | None]:
            counts = any(f.known_ts <= moment and (f.withdrawn_ts is None or moment < f.withdrawn_ts) for f in hits)
            settled = definition.void.settles == "early" and value is not None and value > 0
            return ("void", None) if counts and not settled else ("mature", value)

        last = state_at(matured, value)
        reason = "outage" if last[0] == "void" else None
        yield row(last[0], matured, last[1], None, 0)
        # At one moment a change of an outage comes before a fact.
        facts = {(e.known_ts, 1) for e in own if e.known_ts > matured}
        turns = {(m, 0) for f in hits for m in (f.known_ts, f.withdrawn_ts) if m is not None and m > matured}
        for moment, order in sorted(facts | {turn for turn in turns if turn[0] <= knowledge.known_at}):
            if superseded is not None and moment >= superseded:
                break
            now = measured(moment) if order else value
            value = value if now is None else now
            if state_at(moment, value) != last:
                last, revision = state_at(moment, value), revision + 1
                reason = "outage" if last[0] == "void" else None
                yield row(last[0], moment, last[1], None, revision)
        if superseded is not None:
            reason = None
            yield row("void", superseded, None, None, revision + 1)


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
    """Left-truncated if the log begins after the look-back does; outage if one overlaps what is read."""
    look_back = definition.void.look_back
    if look_back is not None and anchor.t0 - look_back < knowledge.log_start:
        return "left_truncated"
    start, end = read(definition, anchor.t0)
    overlaps = any(start < outage_end and outage_start < end for outage_start, outage_end in knowledge.outages)
    return "outage" if definition.void.outage and overlaps else None


def read(definition: Definition, t0: datetime) -> tuple[datetime, datetime]:
    """``[start, end)`` of the facts behind a value: window, baseline before it, time in which credit is earned."""
    start, end = window(definition, t0)
    if definition.credit is not None:
        start, end = min(start, t0), max(end, t0 + definition.credit.within)
    return (start if definition.baseline is None else t0 - definition.baseline), end


def flags_that_hit(definition: Definition, anchor: Anchor, knowledge: Knowledge) -> list[OutageFlag]:
    """Outages that became known later and overlap the facts behind a value, if they void it."""
    start, end = read(definition, anchor.t0)
    return [f for f in knowledge.flags if definition.void.outage and start < f.end and f.start < end]


@dataclass(frozen=True)
class Measured:
    """What a definition measures, among all its anchors and everything known at T."""

    definition: Definition
    meaning: Meaning
    anchors: Sequence[Anchor]
    known_events: Sequence[Event]

    def value(self, anchor: Anchor, events: Sequence[Event]) -> float | None:
        """The value over the user's events that were known by some moment; None where it is not defined."""
        definition, credit = self.definition, self.definition.credit
        if credit is not None and credit.rule == "clicked" and not answered(anchor, events, credit):
            empty = definition.measure.empty if isinstance(definition.measure, SqlMeasure) else None
            return 0.0 if empty is None else empty
        if credit is not None and credit.rule != "clicked":
            value: float | None = self.attributed(anchor, events)
        else:
            value = self.over(anchor, events)
        cap = definition.cap
        if cap is not None and value is not None:
            value = min(value, math.inf if cap.high is None else cap.high)
            value = max(value, -math.inf if cap.low is None else cap.low)
        return value

    def over(self, anchor: Anchor, events: Sequence[Event]) -> float | None:
        """The measure over the facts of the window, less that over those of the baseline."""
        definition = self.definition
        start, end = window(definition, anchor.t0)
        facts = self.wanted(anchor, [e for e in events if start <= e.event_ts < end])
        value = self.measured(anchor, facts)
        if definition.baseline is not None:
            before = [e for e in events if anchor.t0 - definition.baseline <= e.event_ts < anchor.t0]
            earlier = self.measured(anchor, self.wanted(anchor, before))
            value = None if value is None or earlier is None else value - earlier
        too_few = definition.void.at_least is not None and len(facts) < definition.void.at_least
        return None if too_few else value

    def measured(self, anchor: Anchor, facts: Sequence[Event]) -> float | None:
        """The measure over some facts: one case a kind."""
        measure = self.definition.measure
        match measure:
            case AnyMeasure():
                return float(any(getattr(e, f"is_{measure.of}") for e in facts))
            case DaysMeasure():
                days, length = self.active_days(anchor, facts)
                return self.discounted(days, length) if self.definition.discount else float(len(days))
            case WeeksMeasure():
                days, length = self.active_days(anchor, facts)
                active = [len([n for n in days if n // 7 == week]) for week in range(length // 7)]
                return float(len([n for n in active if n >= measure.days]) >= measure.weeks)
            case InactivityMeasure():
                days, length = self.active_days(anchor, facts)
                starts = range(length - measure.gap + 1)
                quiet = (d for d in starts if not {*range(d, d + measure.gap)} & {*days})
                return float(next(quiet, length - measure.gap + 1) + 1)
            case RegretMeasure():
                return float(regretted(facts, measure.below))
            case SeasonMeasure():
                heard = [e.release for e in facts if getattr(e, f"is_{measure.of}") and isinstance(e, Fact)]
                episodes = {episode for episode in heard if episode}
                return float(any(finished(season, episodes) for season in {episode.season for episode in episodes}))
            case SqlMeasure():
                return self.formula(anchor, facts)
            case _:
                assert_never(measure)

    def active_days(self, anchor: Anchor, facts: Sequence[Event]) -> tuple[list[int], int]:
        """Days with a fact of the flag, counted from the window's first, and how many days the window reaches."""
        start, end = window(self.definition, anchor.t0)
        days = {e.event_ts.date() for e in facts if getattr(e, f"is_{self.definition.measure.flag}")}
        return sorted((day - start.date()).days for day in days), -(-(end - midnight(start)) // DAY)

    def is_observed(self, value: float) -> bool | None:
        """Whether the event of the signal happened; None for signals without one."""
        rule = self.definition.measure
        if isinstance(rule, InactivityMeasure):
            first, last = self.definition.window.days()
            return value <= last - first + 1 - rule.gap + 1
        return None if isinstance(rule, SqlMeasure) else value > 0

    def formula(self, anchor: Anchor, facts: Sequence[Event]) -> float | None:
        rule = self.definition.measure
        assert isinstance(rule, SqlMeasure)
        assert self.meaning.measure is not None
        return rule.empty if not facts and rule.empty is not None else self.meaning.measure(anchor, facts)

    def wanted(self, anchor: Anchor, facts: Sequence[Event]) -> list[Event]:
        definition = self.definition
        if definition.keys == "user_item":
            facts = [e for e in facts if e.item_id == anchor.item_id]
            if isinstance(definition.window, ElapsedWindow) and definition.window.start == timedelta(0):
                facts = [e for e in facts if answers(e, anchor)]  # what follows at once is a response to one request
        return [e for e in facts if self.meaning.keeps(anchor, e)]

    def discounted(self, offsets: Sequence[int], length: int) -> float:
        discount = self.definition.discount
        assert discount is not None
        distances = {n: n if discount.toward == "anchor" else length - 1 - n for n in range(length)}
        total = sum(discount.gamma**d for d in distances.values()) if discount.normalise else 1.0
        return sum(discount.gamma ** distances[n] for n in offsets) / total

    def attributed(self, anchor: Anchor, events: Sequence[Event]) -> float:
        """Shares of the days with the item, split among exposures when each day was first known."""
        assert isinstance(self.definition.measure, DaysMeasure)
        flag, total = f"is_{self.definition.measure.of}", 0.0
        for day in sorted({e.event_ts.date() for e in events if getattr(e, flag) and e.item_id == anchor.item_id}):
            day_known_ts = min(
                e.known_ts
                for e in events
                if getattr(e, flag) and e.item_id == anchor.item_id and e.event_ts.date() == day
            )
            weights = {id(a): self.weight(a, day) for a in self.rivals(anchor, day, day_known_ts)}
            if id(anchor) in weights:
                weights = self.chosen(weights, anchor, day, day_known_ts)
                discount, offset = (
                    self.definition.discount,
                    (day - anchor.t0.date()).days - self.definition.window.days()[0],
                )
                last = self.definition.window.days()[1] - self.definition.window.days()[0]
                far = offset if discount is None or discount.toward == "anchor" else last - offset
                total += weights[id(anchor)] / sum(weights.values()) * (discount.gamma**far if discount else 1.0)
        return total

    def rivals(self, anchor: Anchor, day: date, day_known_ts: datetime) -> list[Anchor]:
        """Anchors that could have earned a day: clicked in time, near enough, and both known when the day was."""
        credit, (first, last) = self.definition.credit, self.definition.window.days()
        assert credit is not None
        earlier_events = [e for e in self.known_events if e.known_ts <= day_known_ts and e.user_id == anchor.user_id]
        own = [a for a in self.anchors if (a.user_id, a.item_id) == (anchor.user_id, anchor.item_id)]
        near = [a for a in own if first <= (day - a.t0.date()).days <= last and a.known_ts <= day_known_ts]
        return [a for a in near if answered(a, earlier_events, credit)]

    def weight(self, anchor: Anchor, day: date) -> float:
        credit = self.definition.credit
        assert credit is not None
        if credit.rule == "time_decayed":
            assert credit.tau is not None
            return math.exp(-((datetime(day.year, day.month, day.day, tzinfo=UTC) - anchor.t0) / credit.tau))
        if credit.rule == "position_corrected":
            assert credit.examination is not None
            return float((anchor.position or 1) ** credit.examination)
        return 1.0

    def chosen(
        self, weights: Mapping[int, float], anchor: Anchor, day: date, day_known_ts: datetime
    ) -> dict[int, float]:
        """The weights of the touches, with all weight on one of them if the rule says so."""
        rule = self.definition.credit.rule if self.definition.credit else ""
        if rule not in ("first_touch", "last_touch"):
            return dict(weights)
        order = sorted(self.rivals(anchor, day, day_known_ts), key=lambda a: (a.t0, a.exposure_id or ""))
        taker = order[-1] if rule == "last_touch" else order[0]
        return {key: float(key == id(taker)) for key in weights}


def entropy(values: Sequence[object]) -> float | None:
    """Shannon entropy of values that are not None, in nats; None where there are none."""
    counts = Counter(v for v in values if v is not None)
    n = sum(counts.values())
    return math.log(n) - sum(c * math.log(c) for c in counts.values()) / n if n else None


def finished(season: str | None, heard: set[Episode]) -> bool:
    """Whether all episodes of a season were consumed; a season without name or size never counts."""
    own = [episode for episode in heard if season is not None and episode.season == season and episode.season_episodes]
    return bool(own) and len(own) >= max(episode.season_episodes or 0 for episode in own)


def answered(anchor: Anchor, events: Sequence[Event], credit: Credit) -> bool:
    """Whether the item shown was clicked (or consumed), in answer to it, within ``within`` of being shown."""
    return any(
        getattr(e, f"is_{credit.earned_by}")
        and e.item_id == anchor.item_id
        and anchor.t0 <= e.event_ts < anchor.t0 + credit.within
        for e in events
        if answers(e, anchor)
    )


def answers(event: Event, anchor: Anchor) -> bool:
    """Whether an event may respond to an anchor: one with a request belongs to that request's exposures only."""
    return event.request_id is None or anchor.request_id is None or event.request_id == anchor.request_id


def regretted(facts: Sequence[Event], below: float) -> bool:
    """Clicked, and then rejected, or nothing consumed for ``below`` or longer."""
    clicks = [e.event_ts for e in facts if e.is_click]
    if not clicks:
        return False
    then = [e for e in facts if e.event_ts >= min(clicks)]
    stayed = any(e.amount is not None and e.amount >= below for e in then)
    return any(e.is_negative for e in then) or not stayed
