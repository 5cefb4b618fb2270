"""XGBoost: gradient-boosted trees with a listwise objective. The family's record; `xgboost_training` has the code."""

from pathlib import Path
from typing import TYPE_CHECKING

from rankers.dataset.histories import Vocabulary
from rankers.dataset.ranking_data import RankingData
from rankers.models.base import Report, TrainedRanker
from rankers.models.family import RankerFamily
from rankers.models.xgboost_config import XGBoostConfig

if TYPE_CHECKING:
    from rankers.models.xgboost_training import XGBoostScorer

TREES_FILE = "trees.ubj"


def _fit(label: str, data: RankingData, config: XGBoostConfig, seed: int, report: Report) -> TrainedRanker:
    from rankers.models.xgboost_training import fit_xgboost

    return fit_xgboost(label, data, config, seed, report)


def _save(scorer: "XGBoostScorer", folder: Path) -> None:
    scorer.booster.save_model(folder / TREES_FILE)


def _load(
    folder: Path, config: XGBoostConfig, vocabulary: Vocabulary, feature_names: tuple[str, ...]
) -> "XGBoostScorer":
    from rankers.models.xgboost_training import XGBoostScorer

    return XGBoostScorer.from_file(folder / TREES_FILE)


XGBOOST = RankerFamily(
    name="xgboost",
    title="XGBoost",
    is_learned=True,
    config=XGBoostConfig,
    fit=_fit,
    save_scorer=_save,
    load_scorer=_load,
    requirements=("xgboost==3.2.0",),
    line_style="-",
    marker="o",
)
