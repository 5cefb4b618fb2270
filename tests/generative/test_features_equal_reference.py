"""On random logs Spark's features are those of the plain-Python reference: every view, every column, exactly."""

from datetime import datetime

import numpy as np
import pytest
from pyspark.sql import SparkSession

from features.online import ItemView, OnlineFeatures
from features.shipped_views import ITEM, USER, USER_ITEM, USER_TOPIC, VIEWS
from longplay.config.duration import DAY
from tests.generative.random_logs import ITEMS, TOPICS, Log, random_logs
from tests.generative.shipped_views import Features, known_features
from tests.reference.features_by_hand import EVENT_VIEWS, Row, item_row
from tests.reference.records import TICK, Event, Exposure, midnight

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def log() -> Log:
    return random_logs(range(4))


@pytest.fixture(scope="module")
def features(spark: SparkSession, log: Log) -> Features:
    return known_features(spark, log)


def by_hand(log: Log, view: str, key: tuple, as_of: datetime) -> Row:
    if view == ITEM.name:
        return item_row(log.events, log.exposures, *key, as_of)
    return EVENT_VIEWS[view]([e for e in log.events if e.user_id == key[0]], *key, as_of)


def expected_keys(log: Log, view: str) -> set[tuple]:
    """A row a key and moment at which something was shown; topics that are not known make no row."""
    keys: dict[str, set[tuple]] = {
        USER.name: {(e.user_id, e.as_of) for e in log.exposures},
        USER_ITEM.name: {(e.user_id, e.item_id, e.as_of) for e in log.exposures},
        USER_TOPIC.name: {(e.user_id, e.topic, e.as_of) for e in log.exposures if e.topic is not None},
        ITEM.name: {(e.item_id, midnight(e.as_of)) for e in log.exposures},
    }
    return keys[view]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_equals_the_reference(features: Features, log: Log, view) -> None:
    rows = features[view.name]
    assert rows.keys() == expected_keys(log, view.name)
    for (*key, as_of), row in rows.items():
        assert row == by_hand(log, view.name, tuple(key), as_of), (view.name, key, as_of)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_logs_reach_every_feature(features: Features, view) -> None:
    """Without this the comparison could be one of zeros and nulls."""
    for name in view.names():
        assert len({row[name] for row in features[view.name].values()}) >= 3, name


def test_online_features_are_the_views_of_spark(spark: SparkSession) -> None:
    """A live service knows an event when it happens; so does this log."""
    log = live_log(seed=11)
    features = known_features(spark, log, [USER, USER_ITEM, USER_TOPIC])
    users, topics = sorted({e.user_id for e in log.exposures}), sorted(set(TOPICS.values()), key=str)
    names = [name for view in (USER, USER_ITEM, USER_TOPIC) for name in view.names()]
    view = ItemView(np.array([topics.index(TOPICS[item]) for item in ITEMS]), (), np.zeros((len(ITEMS), 0)))
    online = OnlineFeatures(len(users), view, names, dtype=np.float64)
    online.add(
        np.array([users.index(e.user_id) for e in log.events]),
        np.array([ITEMS.index(e.item_id) for e in log.events]),
        np.array([np.datetime64(e.event_ts.replace(tzinfo=None), "us") for e in log.events]),
        np.array([e.is_consumption for e in log.events]),
        np.array([e.is_click for e in log.events]),
        np.array([e.is_negative for e in log.events]),
    )
    compared = 0
    for shown in sorted(log.exposures, key=lambda e: e.as_of):
        moment = np.array([np.datetime64(shown.as_of.replace(tzinfo=None), "us")])
        item = np.array([[ITEMS.index(shown.item_id)]])
        answer = online.features(np.array([users.index(shown.user_id)]), moment, item)[0, 0]
        expected = {
            **features[USER.name][shown.user_id, shown.as_of],
            **features[USER_ITEM.name][shown.user_id, shown.item_id, shown.as_of],
            **features[USER_TOPIC.name].get((shown.user_id, shown.topic, shown.as_of), {}),
        }
        served = {name: None if np.isnan(x) else x for name, x in zip(names, answer.tolist(), strict=True)}
        # Where a source does not know the topic, Spark has no row; online, "no topic" is a topic like any other.
        assert {name: served[name] for name in expected} == expected, shown
        compared += len(expected)
    assert compared > 3000


def live_log(seed: int) -> Log:
    """Three users, four items, times on a grid of eighths of a day; every event is flagged, as a service's are."""
    rng = np.random.default_rng(seed)
    grid, events, exposures = DAY / 8, [], []
    start = midnight(random_logs([0]).events[0].event_ts)
    for n in range(600):
        user, item = f"u{rng.integers(3)}", ITEMS[int(rng.integers(4))]
        when = start + int(rng.integers(8 * 120)) * grid + int(rng.integers(-1, 2)) * TICK
        flags = [bool(x) for x in np.eye(3)[rng.integers(3)]]
        events.append(Event(f"e{n}", user, item, when, when, TOPICS[item], *flags))
    for n in range(180):
        user, item = f"u{rng.integers(3)}", ITEMS[int(rng.integers(4))]
        when = start + int(rng.integers(8 * 130)) * grid
        exposures.append(Exposure(f"x{n}", f"r{n}", user, item, when, when, TOPICS[item]))
    return Log(tuple(events), tuple(exposures))
