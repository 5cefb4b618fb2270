"""Policies: what a ranker is given in service is what it was given in training."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from experiments.simulation.policies import EventFlags, RankerPolicy, RecentHistory, frozen_item_view, popularity_policy
from longplay.config.duration import DAY_US
from longplay.errors import ConfigError
from rankers.dataset.histories import PAD, UNKNOWN, Histories, Vocabulary
from rankers.dataset.ranking_data import RowBatch
from rankers.models.base import TrainedRanker
from rankers.models.popularity import PopularityConfig
from rankers.models.transformer_config import TransformerConfig
from worlds.policy import KINDS, EventBatch, SlateContext

NOW = 20_000 * DAY_US
ITEMS = ["i0", "i1", "i2"]
NAMES = ("f_user_consumptions_7d", "f_user_item_clicks_28d", "f_item_consumptions_28d")


@dataclass
class RecordingScorer:
    """A scorer that records the batches it gets, and scores by item code."""

    history_length: int = 0
    batches: list[RowBatch] = field(default_factory=list)

    def score(self, rows: RowBatch) -> np.ndarray:
        self.batches.append(rows)
        return rows.items.astype(np.float64)


def ranker(scorer: RecordingScorer, config=None) -> TrainedRanker:
    return TrainedRanker(
        family="xgboost",
        label="click",
        config=config or PopularityConfig(),
        seed=0,
        feature_names=NAMES,
        vocabulary=Vocabulary(("i0", "i2")),
        scorer=scorer,
    )


def item_view():
    rows = pd.DataFrame({"item_id": ["i2", "i0"], "f_item_consumptions_28d": [20.0, 5.0], "f_item_age_days": [9, 3]})
    return frozen_item_view(ITEMS, ["jazz", "news", "jazz"], rows)


def at(*moments: int) -> np.ndarray:
    return np.array(moments).astype("datetime64[us]")


def batch(*events: tuple[int, int, int, str, float]) -> EventBatch:
    users, items, moments, kinds, seconds = (np.array(column) for column in zip(*events, strict=True))
    codes = np.array([KINDS[kind] for kind in kinds], np.uint8)
    return EventBatch(users, items, at(*moments), codes, seconds.astype(float))


def test_flags_are_those_of_the_source():
    flags = EventFlags.from_events(
        batch(
            (0, 0, NOW, "click", np.nan),
            (0, 0, NOW, "play", 30.0),
            (0, 0, NOW, "play", 29.9),
            (0, 0, NOW, "complete", 300.0),
            (0, 0, NOW, "skip", np.nan),
            (0, 0, NOW, "hide", np.nan),
        )
    )
    assert flags.consumption.tolist() == [False, True, False, False, False, False]
    assert flags.click.tolist() == [True, False, False, False, False, False]
    assert flags.negative.tolist() == [False, False, False, False, True, True]


def test_item_view_follows_the_deployments_order_and_fills_what_was_never_seen():
    view = item_view()
    assert view.topics.tolist() == [0, 1, 0]
    consumptions, age = view.values.T
    np.testing.assert_array_equal(consumptions, [5.0, 0.0, 20.0])
    np.testing.assert_array_equal(age, [3.0, np.nan, 9.0])


def test_item_view_refuses_two_rows_of_one_item():
    rows = pd.DataFrame({"item_id": ["i0", "i0"], "f_item_consumptions_28d": [1.0, 2.0]})
    with pytest.raises(ConfigError, match="two rows"):
        frozen_item_view(ITEMS, ["a", "a", "a"], rows)


def test_popularity_is_the_same_for_everybody():
    context = SlateContext(np.array([0, 1]), at(NOW, NOW), "home", np.array([[2, 1], [0, 2]]))
    np.testing.assert_array_equal(popularity_policy(item_view()).scores(context), [[20.0, 0.0], [5.0, 20.0]])


def test_popularity_needs_its_count():
    with pytest.raises(ConfigError, match="lacks the feature"):
        popularity_policy(item_view(), column="f_item_consumptions_29d")


def test_ranker_gets_codes_and_features_of_events_strictly_before_the_request():
    scorer = RecordingScorer()
    policy = RankerPolicy("arm", ranker(scorer), ITEMS, item_view(), users=2)
    policy.observe(batch((1, 2, NOW - 5, "click", np.nan), (1, 2, NOW - 4, "play", 40.0), (1, 0, NOW, "play", 40.0)))
    scores = policy.scores(SlateContext(np.array([1]), at(NOW), "home", np.array([[2, 1, 0]])))
    np.testing.assert_array_equal(scores, [[3.0, UNKNOWN, 2.0]])
    np.testing.assert_array_equal(scorer.batches[0].features, [[1, 1, 20], [1, 0, 0], [1, 0, 5]])
    assert scorer.batches[0].history.items.shape == (1, 0)


def test_transformer_without_a_tower_is_spared_the_features():
    scorer = RecordingScorer(history_length=2)
    config = TransformerConfig(feature_tower=False)
    policy = RankerPolicy("arm", ranker(scorer, config), ITEMS, item_view(), users=2)
    policy.observe(batch(*((0, item, NOW - back, "play", 60.0) for item, back in ((0, 9), (1, 6), (2, 3)))))
    policy.scores(SlateContext(np.array([0, 1]), at(NOW, NOW), "browse", np.array([[0], [2]])))
    rows = scorer.batches[0]
    assert np.isnan(rows.features).all()
    np.testing.assert_array_equal(rows.history.items, [[UNKNOWN, 3], [PAD, PAD]])


def test_history_in_service_equals_history_in_training():
    rng = np.random.default_rng(5)
    users, items = rng.integers(0, 4, 200), rng.integers(0, 3, 200)
    times = np.sort(NOW + rng.integers(0, 40, 200) * (DAY_US // 8))
    stamps = pd.to_datetime(pd.Series(times), unit="us", utc=True)
    frame = pd.DataFrame(
        {
            "user_id": [f"u{user}" for user in users],
            "item_id": [ITEMS[item] for item in items],
            "event_ts": stamps,
            "visible_ts": stamps,
        }
    )
    trained = Histories.from_frame(frame)
    recent = RecentHistory(4, trained.vocabulary.encode(ITEMS), length=7)
    for part in np.array_split(np.arange(200), 9):
        recent.add(users[part], items[part], times[part].astype("datetime64[us]"))
    as_of = NOW + np.array([0, 10, 40, 41]) * (DAY_US // 8)
    served = recent.before(np.arange(4), as_of.astype("datetime64[us]"))
    expected = trained.before(["u0", "u1", "u2", "u3"], as_of, 7)
    np.testing.assert_array_equal(served.items, expected.items)
    np.testing.assert_array_equal(served.age_days, expected.age_days)
    assert (served.items != PAD).sum(axis=1).tolist()[0] == 0
    assert (served.items != PAD).sum(axis=1).max() == 7
