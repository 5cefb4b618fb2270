"""Rankers on a small synthetic log: they learn, they read nothing of the future, and they repeat."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from longplay.errors import ConfigError, InputError, StoreError
from rankers.config import parse_config
from rankers.dataset.histories import HistoryWindow
from rankers.dataset.ranking_data import RankingData
from rankers.evaluation.evaluate import evaluate
from rankers.models.base import TrainedRanker
from rankers.models.families import FAMILIES
from rankers.tracking.artifacts import load_saved_ranker, save_ranker
from rankers.train import train
from tests.unit.rankers.ranking_world import WorldSize, ranking_frames

SMALL = {
    "xgboost": {"rounds": 30, "max_depth": 3, "early_stopping": 10},
    "transformer": {"length": 12, "width": 16, "tower_width": 16, "batch": 32, "learning_rate": 0.01},
}
SHORT = {"xgboost": ({"rounds": 3}, 3), "transformer": ({"width": 4, "length": 2, "epochs": 2}, 2)}
"""Settings of a training that ends soon, and the number of its steps."""
LEARNED = [family.name for family in FAMILIES.values() if family.is_learned]
RETURN = "return_to_item_14d"


def fitted(family: str, label: str, data: RankingData, seed: int = 1) -> TrainedRanker:
    return train(family, label, data, parse_config(family, SMALL.get(family)), seed)


@pytest.fixture(scope="module")
def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    return ranking_frames(WorldSize(), seed=7)


@pytest.fixture(scope="module")
def data(frames: tuple[pd.DataFrame, pd.DataFrame]) -> RankingData:
    return RankingData.from_frames(*frames)


@pytest.fixture(scope="module")
def trained(data: RankingData) -> Callable[[str], TrainedRanker]:
    rankers = {family: fitted(family, "click", data) for family in FAMILIES}
    return rankers.__getitem__


@pytest.mark.parametrize("family", LEARNED)
def test_learned_rankers_beat_popularity(
    data: RankingData, trained: Callable[[str], TrainedRanker], family: str
) -> None:
    learned, popular = evaluate(trained(family), data), evaluate(trained("popularity"), data)
    assert learned["ndcg_at_10_click"] > popular["ndcg_at_10_click"] + 0.1
    assert learned["ndcg_at_10_click_lo"] > popular["ndcg_at_10_click_hi"]
    assert learned.keys() == popular.keys()


@pytest.mark.parametrize("family", LEARNED)
def test_a_graded_label_is_learned(frames: tuple[pd.DataFrame, pd.DataFrame], family: str) -> None:
    """A reward of 0.25 for a click and 0.75 for a return: an order that neither has."""
    frame, sequences = frames
    back = frame["label_return_to_item_14d"]
    reward = 0.25 * frame["label_click"] + 0.75 * back
    graded = frame.assign(
        label_reward=reward, state_reward=frame["state_" + RETURN], weight_reward=frame["weight_" + RETURN]
    )
    data = RankingData.from_frames(graded, sequences)
    assert set(data.values("reward")[data.mature("reward")]) == {0.0, 0.25, 0.75, 1.0}
    learned, popular = (evaluate(fitted(name, "reward", data), data) for name in (family, "popularity"))
    assert learned["ndcg_at_10_reward"] > popular["ndcg_at_10_reward"] + 0.05


def test_only_the_transformer_reads_the_taste_in_the_history(
    data: RankingData, trained: Callable[[str], TrainedRanker]
) -> None:
    trees, sequence = evaluate(trained("xgboost"), data), evaluate(trained("transformer"), data)
    assert sequence["ndcg_at_10_click"] > trees["ndcg_at_10_click"] + 0.01


@pytest.mark.parametrize(("family", "column"), [("popularity", 28), ("popularity_7d", 7)])
def test_popularity_is_a_count(
    data: RankingData, trained: Callable[[str], TrainedRanker], family: str, column: int
) -> None:
    assert trained(family).score(data).tolist() == data.frame[f"f_item_consumptions_{column}d"].tolist()


@pytest.mark.parametrize("family", LEARNED)
def test_consumption_at_or_after_as_of_changes_no_score(
    frames: tuple[pd.DataFrame, pd.DataFrame], trained: Callable[[str], TrainedRanker], family: str
) -> None:
    frame, sequences = frames
    slate = frame[frame["request_id"] == frame["request_id"].iloc[-1]]
    as_of, user = slate["as_of"].iloc[0], slate["user_id"].iloc[0]
    future = pd.DataFrame(
        {
            "user_id": user,
            "item_id": ["i0001", "i0002", "i0003"],
            "event_ts": [as_of, as_of + pd.Timedelta("1h"), as_of - pd.Timedelta("1h")],
            "visible_ts": [as_of, as_of + pd.Timedelta("1h"), as_of],  # the last one was known too late
        }
    )
    past = future.iloc[:1].assign(event_ts=as_of - pd.Timedelta("1us"), visible_ts=as_of - pd.Timedelta("1us"))
    before = trained(family).score(RankingData.from_frames(slate, sequences))
    after = trained(family).score(RankingData.from_frames(slate, pd.concat([sequences, future])))
    moved = trained(family).score(RankingData.from_frames(slate, pd.concat([sequences, past])))
    assert after.tolist() == before.tolist()
    assert (moved.tolist() != before.tolist()) == (trained(family).history_length > 0)


@pytest.mark.parametrize("family", LEARNED)
def test_labels_that_are_not_mature_reach_no_model(
    frames: tuple[pd.DataFrame, pd.DataFrame], data: RankingData, family: str
) -> None:
    frame = frames[0].copy()
    unfinished = frame[f"state_{RETURN}"] != "mature"
    frame.loc[unfinished, f"label_{RETURN}"] = 1.0
    garbage = RankingData.from_frames(frame, frames[1])
    clean = fitted(family, RETURN, data)
    assert unfinished.sum() > 500
    assert fitted(family, RETURN, garbage).score(data).tolist() == clean.score(data).tolist()
    assert evaluate(clean, garbage) == evaluate(clean, data)


@pytest.mark.parametrize("family", LEARNED)
def test_the_seed_decides(data: RankingData, trained: Callable[[str], TrainedRanker], family: str) -> None:
    again, other = fitted(family, "click", data), fitted(family, "click", data, seed=2)
    assert again.score(data).tolist() == trained(family).score(data).tolist()
    assert other.score(data).tolist() != again.score(data).tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_ranker_scores_as_before(
    data: RankingData, trained: Callable[[str], TrainedRanker], family: str, tmp_path: Path
) -> None:
    save_ranker(trained(family), tmp_path)
    loaded = load_saved_ranker(tmp_path)
    assert loaded.score(data).tolist() == trained(family).score(data).tolist()
    assert (loaded.config, loaded.notes) == (trained(family).config, trained(family).notes)


@pytest.mark.parametrize("family", FAMILIES)
def test_candidates_score_as_their_rows_do(
    data: RankingData, trained: Callable[[str], TrainedRanker], family: str
) -> None:
    ranker = trained(family)
    slates, size = len(data.frame) // 6, 6
    window = data.histories(20)  # longer than the ranker reads: its last entries count
    first = data.contexts[1].reshape(slates, size)[:, 0]
    table = data.sequences.vocabulary.translation(ranker.vocabulary)
    scores = ranker.score_candidates(
        ranker.vocabulary.encode(data.frame["item_id"]).reshape(slates, size),
        data.features.reshape(slates, size, -1),
        HistoryWindow(table[window.items[first]], window.age_days[first]),
    )
    assert scores == pytest.approx(ranker.score(data).reshape(slates, size), abs=1e-4)


@pytest.mark.parametrize("family", LEARNED)
def test_the_position_shown_changes_no_score(
    frames: tuple[pd.DataFrame, pd.DataFrame],
    data: RankingData,
    trained: Callable[[str], TrainedRanker],
    family: str,
) -> None:
    reversed_slates = RankingData.from_frames(frames[0].assign(position=7 - frames[0]["position"]), frames[1])
    assert trained(family).score(reversed_slates).tolist() == trained(family).score(data).tolist()


def test_an_item_never_seen_in_training_is_scored_as_unknown(
    frames: tuple[pd.DataFrame, pd.DataFrame], trained: Callable[[str], TrainedRanker]
) -> None:
    last_rows = frames[0].tail(2)
    new = RankingData.from_frames(last_rows.assign(item_id=["new one", "another"], f_appeal=0.0), frames[1])
    new.frame[list(new.feature_names)] = 1.0
    scores = trained("transformer").score(new)
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)  # rows of a batch may be added up in another order


@pytest.mark.parametrize("family", LEARNED)
def test_progress_is_reported_step_by_step(data: RankingData, family: str) -> None:
    settings, steps = SHORT.get(family, (SMALL.get(family), None))
    metrics_by_step: dict[int, Mapping[str, float]] = {}
    train(
        family,
        "click",
        data,
        parse_config(family, settings),
        0,
        lambda step, metrics: metrics_by_step.update({step: metrics}),
    )
    assert list(metrics_by_step) == list(range(1, (steps or len(metrics_by_step)) + 1))
    assert metrics_by_step
    assert all(0 < metrics["valid_ndcg_at_10"] < 1 for metrics in metrics_by_step.values())
    assert all(0 < value < 2 for metrics in metrics_by_step.values() for value in metrics.values())


@pytest.mark.parametrize("family", LEARNED)
def test_a_label_without_positives_is_refused(frames: tuple[pd.DataFrame, pd.DataFrame], family: str) -> None:
    nothing = RankingData.from_frames(frames[0].assign(label_click=0.0), frames[1])
    with pytest.raises(InputError, match="label 'click'"):
        fitted(family, "click", nothing)


def test_wrong_names_are_refused(data: RankingData, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such label"):
        fitted("xgboost", "purchase", data)
    with pytest.raises(ConfigError, match="another ranker family"):
        train("xgboost", "click", data, parse_config("popularity"), 0)
    with pytest.raises(StoreError, match="no ranker in this folder"):
        load_saved_ranker(tmp_path)
