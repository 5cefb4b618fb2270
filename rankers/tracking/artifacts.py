"""A trained ranker as a folder of plain files. Nothing is pickled, so loading one runs no code from the folder."""

import json
from pathlib import Path

from longplay.errors import StoreError
from rankers.config import parse_config
from rankers.dataset.histories import Vocabulary
from rankers.models.base import TrainedRanker
from rankers.models.families import get_family

CARD_FILE = "ranker.json"


def save_ranker(ranker: TrainedRanker, folder: Path) -> None:
    """Write the ranker into a folder, which is made if missing; files of the same names are replaced."""
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
    (folder / CARD_FILE).write_text(json.dumps(card, indent=1))
    get_family(ranker.family).save_scorer(ranker.scorer, folder)


def load_saved_ranker(folder: Path) -> TrainedRanker:
    """Read a ranker that `save_ranker` wrote; it scores exactly as before.

    Raises:
        StoreError: the folder holds no ranker.
    """
    file = folder / CARD_FILE
    if not file.is_file():
        raise StoreError("There is no ranker in this folder.", where=str(folder), fix="train and log it again")
    card = json.loads(file.read_text())
    family, vocabulary, feature_names = card["family"], Vocabulary(tuple(card["vocabulary"])), card["feature_names"]
    config = parse_config(family, card["config"])
    scorer = get_family(family).load_scorer(folder, config, vocabulary, tuple(feature_names))
    return TrainedRanker(
        family, card["label"], config, card["seed"], tuple(feature_names), vocabulary, scorer, card["notes"]
    )
