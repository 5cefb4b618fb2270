"""Definitions that do not ship, for the parts of the language that no shipped one uses, and what their SQL means."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry
from tests.reference.records import Event
from tests.reference.signals_by_hand import Anchor, Fact, Meaning, entropy

ELAPSED_WEEK = {"kind": "elapsed", "from": "0 s", "to": "7 d"}
WEEK = {"kind": "calendar", "from": 1, "to": 7}
MONTH = {"kind": "calendar", "from": 1, "to": 28}
DAYS = {"kind": "days", "of": "consumption"}


def other(name: str, **fields: Any) -> Definition:
    """A definition with defaults for what does not matter."""
    base = {
        "name": name, "version": 1, "title": "t", "description": "d", "owner": "o", "status": "published",
        "direction": "higher_is_better", "unit": "u", "anchor": "exposure", "keys": "user_item", "lateness": "1 d",
        "window": WEEK, "measure": DAYS,
    }  # fmt: skip
    return Definition.model_validate(base | fields)


def sql(expression: str, **more: Any) -> dict[str, Any]:
    return {"kind": "sql", "expression": expression, **more}


BEYOND = [
    other("elapsed_return", window={"kind": "elapsed", "from": "1 d", "to": "7 d"}, lateness="6 h",
          measure={"kind": "any", "of": "consumption"}),
    other("elapsed_days_of_user", keys="user", window=ELAPSED_WEEK, credit={"rule": "clicked", "within": "1 h"},
          void={"outage": False}),
    other("days_after_a_short_absence", anchor="discovery", void={"look_back": "5 d"}),
    other("rejected_later", window={"kind": "calendar", "from": 2, "to": 8}, measure={"kind": "any", "of": "negative"},
          lateness="0 s"),
    other("amount_of_item", window=MONTH, measure=sql("sum(amount)", empty=0), cap={"high": 300}),
    other("amount_of_user", keys="user", measure=sql("avg(amount) - min(elapsed_s) / 86400"), lateness="2 d"),
    other("mix", keys="user", window=MONTH, measure=sql("size(collect_set(topic)) + count_if(same_item)"),
          filter="is_consumption and amount >= 10", credit={"rule": "clicked", "within": "7 d"}),
    other("quality", keys="user", window=ELAPSED_WEEK, void={"at_least": 2},
          measure=sql("count_if(is_consumption and not is_negative) / count_if(is_consumption)")),
    other("gap", anchor="session", session_gap="30 min", keys="user", filter="is_consumption",
          window={"kind": "elapsed", "from": "30 min", "to": "10 d"},
          measure=sql("-min(elapsed_s) / 86400", empty=-10)),
    other("back_by_night", anchor="session", session_gap="30 min", keys="user", measure={"kind": "any", "of": "click"},
          filter="hour(event_ts) < 7 or hour(event_ts) >= 22"),
    other("stops", anchor="active_day", keys="user", window={"kind": "calendar", "from": 1, "to": 90},
          measure={"kind": "inactivity", "of": "consumption", "gap": 9}),
    other("strength", anchor="active_day", keys="user", window={"kind": "calendar", "from": 1, "to": 70},
          discount={"gamma": 0.9, "toward": "end", "normalise": True}),
    other("fading", window=MONTH, discount={"gamma": 0.8}, credit={"rule": "clicked", "within": "1 d"}),
    other("a_season", window=ELAPSED_WEEK, measure={"kind": "season", "of": "consumption"}, needs={"episodes": True}),
    other("a_season_to_its_end", window=MONTH, measure={"kind": "season", "of": "click"}, needs={"episodes": True},
          filter="kind = 'complete'", credit={"rule": "clicked", "within": "7 d"}),
    other("prompt", anchor="discovery", void={"look_back": "5 d", "at_least": 2}, window=MONTH,
          needs={"episodes": True},
          measure=sql("avg(since_release_s) / 3600 + count_if(is_release) * 1000"
                      " + count_if(season_episodes > 2) * 100000 + count_if(release_s < 0) * 10000000")),
    other("dealt_to_listens", window=MONTH,
          credit={"rule": "time_decayed", "within": "1 d", "tau": "7 d", "response": "consumption"}),
    *(
        other(f"dealt_{rule}", window=MONTH, discount=discount, cap=cap, credit={"rule": rule, "within": "1 d", **more})
        for rule, more, discount, cap in (
            ("last_touch", {}, None, None),
            ("first_touch", {}, {"gamma": 0.9, "toward": "end"}, None),
            ("position_corrected", {"examination": 0.7}, None, {"low": 0.25, "high": 1.5}),
        )
    ),
]  # fmt: skip
DEFINITIONS = [*default_registry().newest(), *BEYOND]


def _numbers(facts: Sequence[Event]) -> list[float]:
    return [e.amount for e in facts if e.amount is not None]


def _elapsed(anchor: Anchor, event: Event) -> float:
    return (event.event_ts - anchor.t0) / timedelta(seconds=1)


def _exact(values: Sequence[float]) -> float:
    return math.fsum(round(v, 9) for v in values)


def _mean_less_delay(anchor: Anchor, facts: Sequence[Event]) -> float | None:
    amounts = _numbers(facts)
    return _exact(amounts) / len(amounts) - min(_elapsed(anchor, e) for e in facts) / 86400 if amounts else None


def _quality(_: Anchor, facts: Sequence[Event]) -> float | None:
    consumed = [e for e in facts if e.is_consumption]
    return sum(not e.is_negative for e in consumed) / len(consumed) if consumed else None


def _satisfied(_: Anchor, facts: Sequence[Event]) -> float | None:
    either = [e for e in facts if e.is_consumption or e.is_negative]
    return sum(e.is_consumption and not e.is_negative for e in facts) / len(either) if either else None


def _completed(_: Anchor, facts: Sequence[Event]) -> float | None:
    completions = [e.event_ts for e in facts if e.kind == "complete"]
    rejected = [e.event_ts for e in facts if e.is_negative]
    return float(bool(completions) and not (rejected and max(rejected) >= min(completions)))


def _long_term(_: Anchor, facts: Sequence[Event]) -> float:
    return 1.0 + len({e.event_ts.date() for e in facts})


def _regularity(_: Anchor, facts: Sequence[Event]) -> float | None:
    spread = entropy([e.event_ts.weekday() * 4 + e.event_ts.hour // 6 for e in facts])
    return None if spread is None else 1 - spread / math.log(28)


def _released(facts: Sequence[Event]) -> list[Fact]:
    return [e for e in facts if isinstance(e, Fact) and e.release]


def _since_release(fact: Fact) -> float:
    assert fact.release is not None
    return (fact.event_ts - fact.release.released_ts) / timedelta(seconds=1)


def _followed(anchor: Anchor, facts: Sequence[Event]) -> float | None:
    new = [e for e in _released(facts) if timedelta(0) <= e.release.released_ts - anchor.t0 < timedelta(days=28)]
    out = {e.episode for e in new if e.is_release}
    heard = {e.episode for e in new if e.is_consumption and _since_release(e) < 7 * 86400}
    return len(heard) / len(out) if len(out) >= 2 else None


def _prompt(anchor: Anchor, facts: Sequence[Event]) -> float | None:
    released = _released(facts)
    if not released:
        return None
    mean = _exact([_since_release(e) for e in released]) / len(released)
    sized = sum((e.release.season_episodes or 0) > 2 for e in released)
    early = sum(e.release.released_ts < anchor.t0 for e in released)
    return mean / 3600 + sum(e.is_release for e in released) * 1000 + sized * 100000 + early * 10000000


MEANINGS = {
    "follow_through_28d": Meaning(_followed),
    "a_season_to_its_end": Meaning(keeps=lambda _, e: e.kind == "complete"),
    "prompt": Meaning(_prompt),
    "amount_of_item": Meaning(lambda _, facts: _exact(_numbers(facts)) if _numbers(facts) else None),
    "amount_of_user": Meaning(_mean_less_delay),
    "mix": Meaning(
        lambda a, facts: float(len({e.topic for e in facts} - {None}) + sum(e.item_id == a.item_id for e in facts)),
        lambda _, e: e.is_consumption and e.amount is not None and e.amount >= 10,
    ),
    "quality": Meaning(_quality),
    "diversity_gain_14d": Meaning(lambda _, facts: entropy([e.topic for e in facts]), lambda _, e: e.is_consumption),
    "regularity_28d": Meaning(_regularity, lambda _, e: e.is_consumption),
    "long_term_q_59d": Meaning(_long_term, lambda _, e: e.is_consumption),
    "return_gap_10d": Meaning(
        lambda a, facts: -min(_elapsed(a, e) for e in facts) / 86400 if facts else None, lambda _, e: e.is_consumption
    ),
    "quality_ratio_14d": Meaning(_satisfied),
    "satisfied_completion_7d": Meaning(_completed),
    "gap": Meaning(
        lambda a, facts: -min(_elapsed(a, e) for e in facts) / 86400 if facts else None, lambda _, e: e.is_consumption
    ),
    "back_by_night": Meaning(keeps=lambda _, e: e.event_ts.hour < 7 or e.event_ts.hour >= 22),
}
