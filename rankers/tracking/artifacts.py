"""A trained ranker as a folder of plain files: no pickles, so that loading one runs no code of its own."""

import json
from pathlib import Path

from longplay.errors import StoreError
from rankers.config import TransformerConfig, parse_config
from rankers.dataset.histories import Vocabulary
from rankers.models.base import Scorer, TrainedRanker

CARD = "ranker.json"
TREES = "trees.ubj"
WEIGHTS = "weights.pt"


def save_ranker(ranker: TrainedRanker, folder: Path) -> None:
    """Write the ranker into an existing or new folder; what is there under the same names is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    card = {
        "family": ranker.family,
        "label": ranker.label,
        "config": ranker.config.model_dump(),
        "seed": ranker.seed,
        "feature_names": ranker.feature_names,
        "vocabulary": ranker.vocabulary.items,
        "notes": dict(ranker.notes),
    }
    (folder / CARD).write_text(json.dumps(card, indent=1))
    if ranker.family == "xgboost":
        from rankers.models.xgboost_ranker import XGBoostScorer

        assert isinstance(ranker.scorer, XGBoostScorer)
        ranker.scorer.booster.save_model(folder / TREES)
    if ranker.family == "transformer":
        import torch

        from rankers.models.transformer import TransformerScorer

        assert isinstance(ranker.scorer, TransformerScorer)
        torch.save(ranker.scorer.model.state_dict(), folder / WEIGHTS)


def load_saved_ranker(folder: Path) -> TrainedRanker:
    """Read what `save_ranker` wrote; it scores exactly as the ranker that was saved.

    Raises:
        StoreError: the folder holds no ranker.
    """
    if not (folder / CARD).is_file():
        raise StoreError("no ranker in this folder", where=str(folder), fix="train and log it again")
    card = json.loads((folder / CARD).read_text())
    vocabulary, names = Vocabulary(tuple(card["vocabulary"])), tuple(card["feature_names"])
    config = parse_config(card["family"], card["config"])
    if isinstance(config, TransformerConfig):
        scorer = _transformer(folder, config, vocabulary.size, len(names))
    elif card["family"] == "xgboost":
        scorer = _trees(folder)
    else:
        from rankers.models.popularity import popularity_scorer

        scorer = popularity_scorer(card["family"], names)
    return TrainedRanker(card["family"], card["label"], config, card["seed"], names, vocabulary, scorer, card["notes"])


def _transformer(folder: Path, config: TransformerConfig, items: int, features: int) -> Scorer:
    import torch

    from rankers.models.transformer import SequenceModel, Shape, TransformerScorer

    model = SequenceModel(config, Shape(items, features))
    model.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))
    return TransformerScorer(model, config.length, config.threads)


def _trees(folder: Path) -> Scorer:
    import xgboost as xgb

    from rankers.models.xgboost_ranker import XGBoostScorer

    booster = xgb.Booster()
    booster.load_model(folder / TREES)
    return XGBoostScorer(booster)
