"""Popularity: ranks items by how often everybody consumed them in the last days. A baseline that learns nothing."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longplay.errors import InputError
from rankers.dataset.histories import Vocabulary
from rankers.dataset.ranking_data import RankingData, RowBatch
from rankers.models.base import RankerConfig, Report, TrainedRanker
from rankers.models.family import RankerFamily


class PopularityConfig(RankerConfig):
    """Popularity has no settings."""


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


def popularity_family(
    name: str, title: str, count: str, marker: str
) -> RankerFamily[PopularityConfig, PopularityScorer]:
    """A family that ranks by one feature.

    Args:
        name: the family's name.
        title: the family at the beginning of a sentence.
        count: the feature that counts consumptions.
        marker: matplotlib code of its marks.
    """
    return RankerFamily(
        name=name,
        title=title,
        is_learned=False,
        config=PopularityConfig,
        fit=partial(_fit, name, count),
        save_scorer=_save,
        load_scorer=partial(_load, name, count),
        requirements=(),
        line_style=":",
        marker=marker,
    )


def _fit(
    family: str, count: str, label: str, data: RankingData, config: PopularityConfig, seed: int, report: Report
) -> TrainedRanker:
    """A ranker that learned nothing: the label only makes its run comparable with those of learned rankers."""
    return TrainedRanker(
        family=family,
        label=label,
        config=config,
        seed=0,
        feature_names=data.feature_names,
        vocabulary=Vocabulary(()),
        scorer=_scorer(family, count, data.feature_names),
        notes={"mature_train_rows": float((data.in_split("train") & data.mature(label)).sum())},
    )


def _save(scorer: PopularityScorer, folder: Path) -> None:
    """Write nothing, because nothing was learned."""


def _load(
    family: str,
    count: str,
    folder: Path,
    config: PopularityConfig,
    vocabulary: Vocabulary,
    feature_names: tuple[str, ...],
) -> PopularityScorer:
    return _scorer(family, count, feature_names)


def _scorer(family: str, count: str, feature_names: tuple[str, ...]) -> PopularityScorer:
    """The scorer of a family.

    Raises:
        InputError: its count is not among the features.
    """
    if count not in feature_names:
        raise InputError(
            "The training set lacks the feature that popularity counts.",
            where=f"ranker {family}",
            got=f"{len(feature_names)} features",
            fix=f"add the feature {count} to the training set",
        )
    return PopularityScorer(feature_names.index(count))


POPULARITY = popularity_family("popularity", "Popularity", "f_item_consumptions_28d", "^")
POPULARITY_7D = popularity_family("popularity_7d", "Weekly popularity", "f_item_consumptions_7d", "v")
