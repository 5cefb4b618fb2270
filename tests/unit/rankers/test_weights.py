"""Weights of training rows: worked numbers, and their effect on what rankers learn, which can be turned off."""

import numpy as np
import pandas as pd
import pytest

from longplay.errors import InputError
from rankers.config import config_hash, parse_config
from rankers.dataset.ranking_data import RankingData
from rankers.dataset.weights import effective_rows, group_weights, row_weights
from rankers.models.base import TrainedRanker
from rankers.train import train
from tests.unit.rankers.ranking_world import WorldSize, ranking_frames
from tests.unit.rankers.test_rankers_learn import LEARNED, SMALL


@pytest.fixture(scope="module")
def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    return ranking_frames(WorldSize(users=40), seed=3)


@pytest.fixture(scope="module")
def shared(frames: tuple[pd.DataFrame, pd.DataFrame]) -> RankingData:
    """A log in which ten exposures share each outcome for one half of the items."""
    frame, sequences = frames
    often = frame["item_id"] < "i0015"
    return RankingData.from_frames(frame.assign(weight_click=np.where(often, 0.1, 1.0)), sequences)


def test_rows_weigh_one_on_average_and_only_where_they_are_mature(shared: RankingData) -> None:
    weights = row_weights(shared, "click", weighted=True)
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    assert set(np.round(weights / weights.min(), 4)) == {1.0, 10.0}
    assert set(row_weights(shared, "click", weighted=False)) == {1.0}
    back = row_weights(shared, "return_to_item_14d", weighted=True)
    assert ((back > 0) == shared.mature("return_to_item_14d")).all()


def test_a_request_weighs_what_its_positives_do() -> None:
    """Request 0 has a positive of a third and one of 1, so 2/3; request 1 one of a half, half as good: 1/2."""
    rows = np.array([1 / 3, 1, 1, 0.5, 1], np.float32)
    gains = np.array([1, 1, 0, 0.5, 0], np.float32)
    weights = group_weights(rows, gains, np.array([0, 0, 0, 4, 4]))
    assert weights == pytest.approx(np.array([2 / 3, 1 / 2]) / np.mean([2 / 3, 1 / 2]))


def test_the_effective_number_of_rows_by_hand() -> None:
    """Three exposures of one outcome and one of its own: (3/3 + 1)^2 / (3/9 + 1) = 3."""
    assert effective_rows(np.array([1 / 3, 1 / 3, 1 / 3, 1], np.float32)) == pytest.approx(3)
    assert effective_rows(np.ones(7, np.float32)) == pytest.approx(7)
    assert effective_rows(np.zeros(7, np.float32)) == 0


def fitted(family: str, data: RankingData, weighted: bool) -> TrainedRanker:
    return train(family, "click", data, parse_config(family, SMALL.get(family, {}) | {"weighted": weighted}), 1)


@pytest.mark.parametrize("family", LEARNED)
def test_weights_change_what_is_learned_and_can_be_turned_off(
    frames: tuple[pd.DataFrame, pd.DataFrame], shared: RankingData, family: str
) -> None:
    plain = RankingData.from_frames(*frames)
    on, off, even = fitted(family, shared, True), fitted(family, shared, False), fitted(family, plain, True)
    scores = {name: ranker.score(plain) for name, ranker in (("on", on), ("off", off), ("even", even))}
    assert np.abs(scores["on"] - scores["off"]).max() > 0.01
    assert np.array_equal(scores["off"], scores["even"])  # turned off is the same as all equal
    assert on.notes["effective_rows"] < 0.8 * off.notes["effective_rows"]
    assert off.notes["effective_rows"] == pytest.approx(off.notes["train_rows"])
    assert config_hash(on.config) != config_hash(off.config)  # so runs of the two are never confused


def test_a_frame_without_weights_is_refused(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match="lacks columns") as caught:
        RankingData.from_frames(frames[0].drop(columns="weight_click"), frames[1])
    assert caught.value.where == "weight_click"
