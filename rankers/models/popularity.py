"""The baselines nobody may lose to: what everybody consumed most, lately."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longplay.errors import InputError
from rankers.config import Family, PopularityConfig
from rankers.dataset.histories import Vocabulary
from rankers.dataset.ranking_data import RankingData, RowBatch
from rankers.models.base import TrainedRanker

COUNTS: dict[str, str] = {
    "popularity": "f_item_consumptions_28d",
    "popularity_7d": "f_item_consumptions_7d",
}


@dataclass(frozen=True)
class PopularityScorer:
    """Scores an item by one count.

    Attributes:
        column: position of the count among the features.
        history_length: 0, it reads no history.
    """

    column: int
    history_length: int = 0

    def score(self, rows: RowBatch) -> NDArray[np.float64]:
        """[m] consumptions of the item in the window; an unknown count scores 0."""
        return np.nan_to_num(rows.features[:, self.column].astype(np.float64), nan=0.0)


def popularity_scorer(family: str, feature_names: tuple[str, ...]) -> PopularityScorer:
    """The scorer of a popularity family.

    Raises:
        InputError: its count is not among the features.
    """
    if COUNTS[family] not in feature_names:
        raise InputError(
            "popularity has nothing to count",
            where=f"ranker {family}",
            got=f"{len(feature_names)} features",
            fix=f"add the feature {COUNTS[family]} to the training set",
        )
    return PopularityScorer(feature_names.index(COUNTS[family]))


def fit_popularity(family: Family, label: str, data: RankingData, config: PopularityConfig) -> TrainedRanker:
    """Nothing is learned: the label is kept as a name only, so that runs compare."""
    return TrainedRanker(
        family=family,
        label=label,
        config=config,
        seed=0,
        feature_names=data.feature_names,
        vocabulary=Vocabulary(()),
        scorer=popularity_scorer(family, data.feature_names),
        notes={"mature_train_rows": float((data.in_split("train") & data.mature(label)).sum())},
    )
