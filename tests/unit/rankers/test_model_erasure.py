"""Logged models of earlier versions lose the rows of real people, and the names of items that nobody has any more."""

import json
from pathlib import Path

from rankers.tracking.model_erasure import ModelErasure, erase_from_models
from rankers.tracking.scoring_frame import HISTORY_ITEMS, example_frame


def write_model(folder: Path, vocabulary: list[str], history: str) -> Path:
    ranker = folder / "artifacts" / "ranker"
    ranker.mkdir(parents=True)
    card = {"family": "transformer", "feature_names": ["f_a"], "vocabulary": vocabulary}
    (ranker / "ranker.json").write_text(json.dumps(card, indent=1), encoding="utf-8")
    example = {"columns": ["item_id", "f_a", HISTORY_ITEMS, "history_ages"], "data": [["i1", 3.5, history, "[2.0]"]]}
    (folder / "input_example.json").write_text(json.dumps(example), encoding="utf-8")
    (folder / "serving_input_example.json").write_text(json.dumps({"dataframe_split": example}), encoding="utf-8")
    return folder


def test_examples_become_made_up_and_items_of_nobody_lose_their_names(tmp_path: Path) -> None:
    own = write_model(tmp_path / "m-1" / "artifacts", ["i1", "own", "i2"], '["own"]')
    write_model(tmp_path / "m-2" / "artifacts", ["i1"], '["i1"]')
    assert erase_from_models(tmp_path, {"i1", "i2", "i9"}) == ModelErasure(models=2, examples=2, vocabularies=1)
    assert not [file for file in tmp_path.rglob("*.json") if "own" in file.read_text(encoding="utf-8")]
    card = json.loads((own / "artifacts" / "ranker" / "ranker.json").read_text(encoding="utf-8"))
    assert card == {"family": "transformer", "feature_names": ["f_a"], "vocabulary": ["i1", "erased item 1", "i2"]}
    example = json.loads((own / "input_example.json").read_text(encoding="utf-8"))
    frame = example_frame(["f_a"], has_history=True)
    assert example == {"columns": list(frame.columns), "data": frame.to_numpy(dtype=object).tolist()}
    serving = json.loads((own / "serving_input_example.json").read_text(encoding="utf-8"))
    assert serving == {"dataframe_split": example}
    assert erase_from_models(tmp_path, {"i1", "i2"}) == ModelErasure(models=2)


def test_a_folder_without_models_is_passed_over(tmp_path: Path) -> None:
    assert erase_from_models(tmp_path / "nothing", set()) == ModelErasure()
