"""A feature of any kind is one line in any view: on random logs it equals the plain-Python reference."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from pyspark.sql import SparkSession

from features.feature_view import Feature, View
from longplay.config.duration import DAY
from longplay.errors import ConfigError
from tests.generative.random_logs import Log, random_logs
from tests.generative.shipped_views import known_features
from tests.reference.kinds_by_hand import Fact, view_by_hand
from tests.reference.records import TICK, Event, at, midnight

OF_DAYS = (
    Feature("f_count", "count", "clicks", 28),
    Feature("f_rate", "rate", "clicks", 7),
    Feature("f_sum", "sum", "amount", 28, "s"),
    Feature("f_recency", "recency", "clicks", 28, "days"),
    Feature("f_mean", "ratio", "f_sum", 28, "s per click", ("f_count",)),
)
OF_EVENTS = (
    *OF_DAYS,
    Feature("f_distinct", "distinct", "item_id", 28, "items"),
    Feature("f_entropy", "entropy", "item_id", 7, "nats"),
    Feature("f_last", "last", "amount", 28, "s"),
    Feature("f_last_ever", "last", "amount", None, "s"),
)
MEANS = (
    Feature("f_plays", "count", "consumptions", 28),
    Feature("f_mean_play", "mean", "amount", 28, "s"),
    Feature("f_recent_play", "recency", "consumptions", None, "days"),
)


def microseconds(moment: datetime) -> int:
    return (moment - at("1 Jan")) // TICK


def fact(event: Event, key: tuple[str, ...], n: int, *, by_day: bool) -> Fact:
    """An event as the reference has it; of a tile it is at its day's beginning, seen when the day it was known ends."""
    visible_ts = max(event.event_ts, event.known_ts)
    happened = midnight(event.event_ts) if by_day else event.event_ts
    visible = midnight(visible_ts) + DAY - TICK if by_day else visible_ts
    amount = round((event.amount or 0.0) * 1e6) if event.is_consumption else 0
    times = microseconds(happened), microseconds(visible)
    return Fact(key, *times, event.is_consumption, n, amount, event.item_id)


def compared(spark: SparkSession, log: Log, view: View, of: str) -> Sequence[dict[str, float | None]]:
    """Rows of a view, each held against the reference."""
    (rows,) = known_features(spark, log, [view]).values()
    by_day = view.resolution == "day"
    facts = [
        fact(e, tuple(getattr(e, key) for key in view.keys), int(getattr(e, of)), by_day=by_day) for e in log.events
    ]
    for (*key, as_of), row in rows.items():
        own = [f for f in facts if f.key == tuple(key)]
        assert row == pytest.approx(view_by_hand(view, own, tuple(key), microseconds(as_of)), abs=1e-9), (
            key,
            as_of,
        )
    return list(rows.values())


@pytest.fixture(scope="module")
def log() -> Log:
    """Only plays have amounts, as ingest leaves them; clicks come between them."""
    log = random_logs(range(3))
    return replace(log, events=tuple(replace(e, amount=e.amount if e.is_consumption else None) for e in log.events))


@pytest.mark.spark
@pytest.mark.parametrize(
    ("keys", "resolution", "features", "of"),
    [
        (("user_id",), "event", OF_EVENTS, "is_click"),
        (("user_id",), "event", MEANS, "is_consumption"),
        (("user_id", "item_id"), "event", OF_EVENTS, "is_click"),
        (("item_id",), "day", OF_DAYS, "is_click"),
    ],
)
def test_it_equals_the_reference(spark: SparkSession, log: Log, keys, resolution, features, of) -> None:
    rows = compared(spark, log, View("any", keys, resolution, features), of)
    for feature in features:
        assert len({row[feature.name] for row in rows}) >= 2, feature.name


@pytest.mark.parametrize("kind", ["mean", "last", "entropy"])
def test_what_weighs_single_events_is_refused_of_whole_days(kind) -> None:
    with pytest.raises(ConfigError, match="'f_x' cannot be computed from whole days") as caught:
        View("items", ("item_id",), "day", (*OF_DAYS, Feature("f_x", kind, "amount", 28)))
    assert "a mean as the ratio of a sum and a count" in caught.value.fix
