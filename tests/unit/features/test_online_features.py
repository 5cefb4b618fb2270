"""OnlineFeatures equals a plain-Python reading of the feature list, also at the edges of its windows."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.online import ItemView, OnlineFeatures
from longplay.config.duration import DAY_US
from longplay.errors import ConfigError, InputError

USERS, ITEMS = 3, 4
TOPICS = [0, 1, 0, 1]
ITEM_NAMES = ("f_item_consumptions_7d", "f_item_age_days")
ITEM_VALUES = np.array([[1.0, 5.0], [2.0, np.nan], [3.0, 7.0], [0.0, 8.0]])
NAMES = (
    *(f"f_user_consumptions_{w}d" for w in (1, 7, 28, 90)),
    "f_user_clicks_28d",
    "f_user_negatives_28d",
    "f_user_distinct_items_28d",
    "f_user_active_days_28d",
    "f_user_days_since_consumption",
    "f_user_tenure_days",
    *(f"f_user_item_consumptions_{w}d" for w in (1, 7, 28, 90)),
    "f_user_item_clicks_28d",
    "f_user_item_negatives_28d",
    "f_user_item_days_since_consumption",
    "f_user_topic_consumptions_28d",
    "f_user_topic_consumptions_90d",
    "f_user_topic_negatives_28d",
    *ITEM_NAMES,
)


@dataclass(frozen=True)
class Event:
    user: int
    item: int
    ts: int
    consumption: bool
    click: bool
    negative: bool


def make() -> OnlineFeatures:
    view = ItemView(np.array(TOPICS), ITEM_NAMES, ITEM_VALUES)
    return OnlineFeatures(USERS, view, NAMES, dtype=np.float64)


def add(state: OnlineFeatures, events: list[Event]) -> None:
    state.add(
        np.array([e.user for e in events], np.int64),
        np.array([e.item for e in events], np.int64),
        np.array([e.ts for e in events], np.int64).astype("datetime64[us]"),
        np.array([e.consumption for e in events], bool),
        np.array([e.click for e in events], bool),
        np.array([e.negative for e in events], bool),
    )


def ask(state: OnlineFeatures, users: list[int], moments: list[int]) -> np.ndarray:
    candidates = np.tile(np.arange(ITEMS), (len(users), 1))
    return state.features(np.array(users), np.array(moments).astype("datetime64[us]"), candidates)


def by_hand(events: list[Event], user: int, item: int, as_of: int) -> dict[str, float]:
    """The feature list, word by word."""
    visible = [e for e in events if e.user == user and e.ts < as_of]

    def inside(days: int) -> list[Event]:
        return [e for e in visible if as_of - days * DAY_US <= e.ts]

    def since(rows: list[Event]) -> float:
        return (as_of - max(e.ts for e in rows)) / DAY_US if rows else math.nan

    consumed = [e for e in visible if e.consumption]
    month = inside(28)
    features: dict[str, float] = {}
    for w in (1, 7, 28, 90):
        rows = [e for e in inside(w) if e.consumption]
        features[f"f_user_consumptions_{w}d"] = len(rows)
        features[f"f_user_item_consumptions_{w}d"] = len([e for e in rows if e.item == item])
        features[f"f_user_topic_consumptions_{w}d"] = len([e for e in rows if TOPICS[e.item] == TOPICS[item]])
    features["f_user_clicks_28d"] = sum(e.click for e in month)
    features["f_user_negatives_28d"] = sum(e.negative for e in month)
    features["f_user_item_clicks_28d"] = sum(e.click for e in month if e.item == item)
    features["f_user_item_negatives_28d"] = sum(e.negative for e in month if e.item == item)
    features["f_user_topic_negatives_28d"] = sum(e.negative for e in month if TOPICS[e.item] == TOPICS[item])
    features["f_user_distinct_items_28d"] = len({e.item for e in month if e.consumption})
    features["f_user_active_days_28d"] = len({e.ts // DAY_US for e in month if e.consumption})
    recent = [e for e in consumed if as_of - 90 * DAY_US <= e.ts]
    features["f_user_days_since_consumption"] = since(recent)
    features["f_user_item_days_since_consumption"] = since([e for e in recent if e.item == item])
    features["f_user_tenure_days"] = (as_of - min(e.ts for e in visible)) / DAY_US if visible else math.nan
    return features | dict(zip(ITEM_NAMES, ITEM_VALUES[item], strict=True))


def expect(events: list[Event], users: list[int], moments: list[int]) -> np.ndarray:
    return np.array(
        [
            [[by_hand(events, user, item, moment)[name] for name in NAMES] for item in range(ITEMS)]
            for user, moment in zip(users, moments, strict=True)
        ]
    )


# Quarter days make events meet as_of and the edges of windows exactly; one microsecond steps beside them.
instants = st.builds(
    lambda quarter, nudge: 20_000 * DAY_US + quarter * (DAY_US // 4) + nudge,
    st.integers(0, 130 * 4),
    st.sampled_from([-1, 0, 0, 0, 1]),
)
events_strategy = st.lists(
    st.builds(
        Event,
        st.integers(0, USERS - 1),
        st.integers(0, ITEMS - 1),
        instants,
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
)
steps_strategy = st.lists(st.tuples(events_strategy, st.lists(instants, min_size=USERS, max_size=USERS)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(steps_strategy)
def test_equals_the_words_whatever_the_order_of_events_and_queries(steps):
    state, added = make(), []
    last_moments = [0] * USERS
    for number, (events, moments) in enumerate(steps):
        add(state, events)
        added += events
        users = [u for u in range(USERS) if (u + number) % 3 != 2]
        for user in users:
            last_moments[user] = max(last_moments[user], moments[user])
        np.testing.assert_array_equal(
            ask(state, users, [last_moments[u] for u in users]), expect(added, users, [last_moments[u] for u in users])
        )


def play(user: int, item: int, ts: int) -> Event:
    return Event(user, item, ts, consumption=True, click=False, negative=False)


@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, 0), (1, 0), (-1, 1), (-DAY_US, 1), (-DAY_US - 1, 0)],
    ids=["at as_of", "after", "just before", "exactly as_of - 1 d", "just outside"],
)
def test_window_is_closed_on_the_left_and_open_on_the_right(offset, count):
    state, as_of = make(), 20_000 * DAY_US + 7
    add(state, [play(0, 1, as_of + offset)])
    assert ask(state, [0], [as_of])[0, 1, NAMES.index("f_user_item_consumptions_1d")] == count


def test_a_pending_event_counts_once_its_time_has_come():
    state, now = make(), 20_000 * DAY_US
    add(state, [play(0, 1, now)])
    column = NAMES.index("f_user_consumptions_90d")
    counts = [
        ask(state, [0], [moment])[0, 0, column] for moment in (now, now + 1, now + 90 * DAY_US, now + 90 * DAY_US + 1)
    ]
    assert counts == [0, 1, 1, 0]


def test_unknown_past_is_nan_but_its_counts_are_zero():
    values = dict(zip(NAMES, ask(make(), [2], [20_000 * DAY_US])[0, 0], strict=True))
    assert math.isnan(values["f_user_tenure_days"])
    assert math.isnan(values["f_user_item_days_since_consumption"])
    assert values["f_user_consumptions_28d"] == 0


def test_an_unflagged_event_starts_the_tenure_and_nothing_else():
    state, now = make(), 20_000 * DAY_US
    add(state, [Event(0, 0, now, consumption=False, click=False, negative=False)])
    values = dict(zip(NAMES, ask(state, [0], [now + DAY_US // 2])[0, 0], strict=True))
    assert values["f_user_tenure_days"] == 0.5
    assert values["f_user_consumptions_90d"] == 0


def test_rows_grow_beyond_their_first_capacity():
    state, now = make(), 20_000 * DAY_US
    add(state, [play(1, 2, now + second) for second in range(100)])
    assert ask(state, [1], [now + 60])[0, 2, NAMES.index("f_user_item_consumptions_7d")] == 60


def test_only_the_columns_asked_for_come_in_their_order():
    view = ItemView(np.array(TOPICS), ITEM_NAMES, ITEM_VALUES)
    state = OnlineFeatures(USERS, view, ["f_item_age_days", "f_user_clicks_28d"])
    answer = state.features(np.array([0]), np.array([20_000 * DAY_US]).astype("datetime64[us]"), np.array([[3, 0]]))
    np.testing.assert_array_equal(answer, [[[8.0, 0.0], [5.0, 0.0]]])
    assert answer.dtype == np.float32


def test_unknown_feature_names_the_nearest_one():
    view = ItemView(np.array(TOPICS), ITEM_NAMES, ITEM_VALUES)
    with pytest.raises(ConfigError, match="f_user_clicks_28d"):
        OnlineFeatures(USERS, view, ["f_user_clicks_29d"])


def test_going_back_in_time_is_refused():
    state = make()
    ask(state, [0], [20_000 * DAY_US])
    with pytest.raises(InputError, match="goes back"):
        ask(state, [0], [20_000 * DAY_US - 1])


def test_a_user_twice_in_one_query_is_refused():
    with pytest.raises(InputError, match="twice"):
        ask(make(), [1, 1], [20_000 * DAY_US, 20_001 * DAY_US])


def test_indices_outside_the_state_are_refused():
    with pytest.raises(InputError, match="item index"):
        add(make(), [play(0, ITEMS, 20_000 * DAY_US)])


def test_an_item_view_of_another_shape_is_refused():
    with pytest.raises(ConfigError, match="does not fit"):
        ItemView(np.array(TOPICS), ITEM_NAMES, ITEM_VALUES[:2])
