"""Erases people from logged models: example rows that earlier versions took from data, and items nobody else has."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longplay.config.atomic_files import write_atomically
from rankers.tracking.artifacts import CARD_FILE
from rankers.tracking.scoring_frame import HISTORY_ITEMS, example_frame

EXAMPLE_FILE, SERVING_EXAMPLE_FILE = "input_example.json", "serving_input_example.json"
ERASED_ITEM = "erased item"


@dataclass(frozen=True)
class ModelErasure:
    """What an erasure changed in logged models.

    Attributes:
        models: number of models that were searched.
        examples: models whose example rows came from data and were replaced by made-up ones.
        vocabularies: models whose vocabulary named items that nobody has any more.
    """

    models: int = 0
    examples: int = 0
    vocabularies: int = 0


def erase_from_models(folder: Path, items: Collection[str]) -> ModelErasure:
    """Erase what the models below a folder hold of people. Their scores stay the same.

    Args:
        folder: of an experiment's artefacts.
        items: ids of all items that facts still name; others lose their id, not their place in the vocabulary.
    """
    cards = sorted(folder.rglob(CARD_FILE))
    examples = sum(_replace_example(card.parents[2], json.loads(card.read_text())) for card in cards)
    return ModelErasure(len(cards), examples, sum(_rename_items(card, items) for card in cards))


def _replace_example(model: Path, card: dict[str, Any]) -> bool:
    """Replace the example rows of a model unless they are made up."""
    file = model / EXAMPLE_FILE
    if not file.is_file():
        return False
    logged = json.loads(file.read_text(encoding="utf-8"))
    frame = example_frame(card["feature_names"], has_history=HISTORY_ITEMS in logged["columns"])
    example = {"columns": list(frame.columns), "data": frame.to_numpy(dtype=object).tolist()}
    if logged == example:
        return False
    write_atomically(file, json.dumps(example))
    if (model / SERVING_EXAMPLE_FILE).is_file():
        write_atomically(model / SERVING_EXAMPLE_FILE, json.dumps({"dataframe_split": example}))
    return True


def _rename_items(file: Path, items: Collection[str]) -> bool:
    """Replace the ids of items that are gone in the vocabulary of a ranker."""
    card = json.loads(file.read_text(encoding="utf-8"))
    known = [*card["vocabulary"]]
    renamed = [
        item if item in items or item.startswith(ERASED_ITEM) else f"{ERASED_ITEM} {n}" for n, item in enumerate(known)
    ]
    if renamed != known:
        write_atomically(file, json.dumps({**card, "vocabulary": renamed}, indent=1))
    return renamed != known
