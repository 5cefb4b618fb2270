"""The shipped feature views in plain Python: the words of the feature list, one row at a time. Slow on purpose."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from longplay.config.duration import DAY
from tests.reference.records import Event, Exposure, midnight

Row = dict[str, float | None]
WINDOWS = (1, 7, 28, 90)


def visible(events: Sequence[Event], as_of: datetime) -> list[Event]:
    """Strictly before ``as_of``, in both what happened and what was known."""
    return [e for e in events if e.event_ts < as_of and e.known_ts < as_of]


def within(events: Sequence[Event], as_of: datetime, days: int) -> list[Event]:
    """Those in ``[as_of - days, as_of)``."""
    return [e for e in events if as_of - days * DAY <= e.event_ts < as_of]


def in_days(span: timedelta) -> float:
    """Fractional days, from whole microseconds."""
    return (span // timedelta(microseconds=1)) / 86_400_000_000


def consumed(events: Sequence[Event]) -> list[Event]:
    return [e for e in events if e.is_consumption]


def _counts(prefix: str, past: Sequence[Event], as_of: datetime, windows: Sequence[int]) -> Row:
    return {f"{prefix}_consumptions_{w}d": float(len(consumed(within(past, as_of, w)))) for w in windows}


def _reactions(prefix: str, month: Sequence[Event]) -> Row:
    return {
        f"{prefix}_clicks_28d": float(len([e for e in month if e.is_click])),
        f"{prefix}_negatives_28d": float(len([e for e in month if e.is_negative])),
    }


def _since_consumption(past: Sequence[Event], as_of: datetime) -> float | None:
    times = [e.event_ts for e in consumed(within(past, as_of, 90))]
    return in_days(as_of - max(times)) if times else None


def user_row(events: Sequence[Event], user: str, as_of: datetime) -> Row:
    """Everything about one user."""
    past = visible([e for e in events if e.user_id == user], as_of)
    month = within(past, as_of, 28)
    return {
        **_counts("f_user", past, as_of, WINDOWS),
        **_reactions("f_user", month),
        "f_user_distinct_items_28d": float(len({e.item_id for e in consumed(month)})),
        "f_user_active_days_28d": float(len({e.event_ts.date() for e in consumed(month)})),
        "f_user_days_since_consumption": _since_consumption(past, as_of),
        "f_user_tenure_days": in_days(as_of - min(e.event_ts for e in past)) if past else None,
    }


def user_item_row(events: Sequence[Event], user: str, item: str, as_of: datetime) -> Row:
    """One user and one item."""
    past = visible([e for e in events if (e.user_id, e.item_id) == (user, item)], as_of)
    return {
        **_counts("f_user_item", past, as_of, WINDOWS),
        **_reactions("f_user_item", within(past, as_of, 28)),
        "f_user_item_days_since_consumption": _since_consumption(past, as_of),
    }


def user_topic_row(events: Sequence[Event], user: str, topic: str, as_of: datetime) -> Row:
    """One user and one topic."""
    past = visible([e for e in events if (e.user_id, e.topic) == (user, topic)], as_of)
    negatives = [e for e in within(past, as_of, 28) if e.is_negative]
    return {
        **_counts("f_user_topic", past, as_of, (28, 90)),
        "f_user_topic_negatives_28d": float(len(negatives)),
    }


def item_row(events: Sequence[Event], exposures: Sequence[Exposure], item: str, as_of: datetime) -> Row:
    """One item, by whole days: what happened and was known on days before the day of ``as_of``."""
    today = midnight(as_of)
    past = visible([e for e in events if e.item_id == item], today)
    month = within(past, today, 28)
    shown = [
        e
        for e in exposures
        if e.item_id == item and not e.sampled and e.known_ts < today and today - 28 * DAY <= e.as_of < today
    ]
    listened, users = consumed(month), {e.user_id for e in consumed(month)}
    reactions = _reactions("f_item", month)
    clicks, negatives = reactions["f_item_clicks_28d"], reactions["f_item_negatives_28d"]
    assert clicks is not None
    assert negatives is not None
    first = min((e.event_ts for e in past), default=None)
    return {
        **_counts("f_item", past, today, WINDOWS),
        **reactions,
        "f_item_distinct_users_28d": float(len(users)),
        "f_item_exposures_28d": float(len(shown)),
        "f_item_age_days": None if first is None else float((today - midnight(first)).days),
        "f_item_click_rate_28d": _ratio(clicks, len(shown)),
        "f_item_consumptions_per_user_28d": _ratio(len(listened), len(users)),
        "f_item_negative_rate_28d": _ratio(negatives, negatives + len(listened)),
    }


def _ratio(part: float, total: float) -> float | None:
    return part / total if total else None


EVENT_VIEWS: dict[str, Callable[..., Row]] = {
    "user_features": user_row,
    "user_item_features": user_item_row,
    "user_topic_features": user_topic_row,
}
