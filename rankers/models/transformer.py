"""The sequential transformer: the family's record; `transformer_model` and `transformer_training` have the code."""

from pathlib import Path
from typing import TYPE_CHECKING

from rankers.dataset.histories import Vocabulary
from rankers.dataset.ranking_data import RankingData
from rankers.models.base import Report, TrainedRanker
from rankers.models.family import RankerFamily
from rankers.models.transformer_config import TransformerConfig

if TYPE_CHECKING:
    from rankers.models.transformer_model import TransformerScorer

WEIGHTS_FILE = "weights.pt"


def _fit(label: str, data: RankingData, config: TransformerConfig, seed: int, report: Report) -> TrainedRanker:
    from rankers.models.transformer_training import fit_transformer

    return fit_transformer(label, data, config, seed, report)


def _save(scorer: "TransformerScorer", folder: Path) -> None:
    scorer.save_weights(folder / WEIGHTS_FILE)


def _load(
    folder: Path, config: TransformerConfig, vocabulary: Vocabulary, feature_names: tuple[str, ...]
) -> "TransformerScorer":
    from rankers.models.transformer_model import Shape, TransformerScorer

    shape = Shape(items=vocabulary.size, features=len(feature_names))
    return TransformerScorer.from_file(folder / WEIGHTS_FILE, config, shape)


TRANSFORMER = RankerFamily(
    name="transformer",
    title="The transformer",
    is_learned=True,
    config=TransformerConfig,
    fit=_fit,
    save_scorer=_save,
    load_scorer=_load,
    requirements=("torch==2.13.0",),
    line_style="--",
    marker="s",
)
