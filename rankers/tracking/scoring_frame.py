"""The input of a logged ranker: a DataFrame of item, features and, as JSON, the history."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rankers.dataset.histories import PAD, HistoryWindow, Vocabulary
from rankers.dataset.ranking_data import RankingData, RowBatch
from rankers.models.base import TrainedRanker, empty_history

HISTORY_ITEMS = "history_items"
HISTORY_AGES = "history_ages"
EXAMPLE_ROWS = 5


def scoring_frame(ranker: TrainedRanker, data: RankingData) -> pd.DataFrame:
    """The data's rows in the form that a logged ranker reads.

    Columns: item_id; the features as float64; for a ranker that reads histories, ``history_items`` (JSON list
    of item ids, oldest first) and ``history_ages`` (JSON list of days since each).
    """
    frame = data.frame[["item_id", *ranker.feature_names]].copy()
    frame["item_id"] = frame["item_id"].astype(object)
    frame[list(ranker.feature_names)] = frame[list(ranker.feature_names)].astype("float64")
    if ranker.history_length:
        window, context = data.histories(ranker.history_length), data.contexts[1]
        names = np.asarray(["", "", *data.sequences.vocabulary.items], dtype=object)
        lengths = (window.items != PAD).sum(axis=1)
        items = [json.dumps(names[row[:n]].tolist()) for row, n in zip(window.items, lengths, strict=True)]
        ages = [json.dumps(row[:n].tolist()) for row, n in zip(window.age_days, lengths, strict=True)]
        frame[HISTORY_ITEMS] = np.asarray(items, dtype=object)[context]
        frame[HISTORY_AGES] = np.asarray(ages, dtype=object)[context]
    return frame


def example_frame(feature_names: Sequence[str], *, has_history: bool) -> pd.DataFrame:
    """Rows of made-up values in the form of ``scoring_frame``, from names alone: a logged model shows nobody's data.

    Args:
        feature_names: columns of features; their values are small whole numbers.
        has_history: whether the ranker reads histories; the first row's is empty.
    """
    rows = range(EXAMPLE_ROWS)
    frame = pd.DataFrame({"item_id": np.asarray([f"item-{row}" for row in rows], dtype=object)})
    values = {name: np.arange(EXAMPLE_ROWS, dtype=np.float64) + n for n, name in enumerate(feature_names)}
    frame = frame.assign(**values)
    if has_history:
        frame[HISTORY_ITEMS] = [json.dumps([f"item-{n}" for n in range(row)]) for row in rows]
        frame[HISTORY_AGES] = [json.dumps([float(row - n) for n in range(row)]) for row in rows]
    return frame


def score_frame(ranker: TrainedRanker, frame: pd.DataFrame) -> NDArray[np.float64]:
    """[rows] scores of a scoring frame, higher is better within a request."""
    length = ranker.history_length
    history = empty_history(1)
    if length:
        history = parse_histories(frame[HISTORY_ITEMS], frame[HISTORY_AGES], ranker.vocabulary, length)
    rows = RowBatch(
        items=ranker.vocabulary.encode(frame["item_id"]),
        features=frame[list(ranker.feature_names)].to_numpy(dtype=np.float32, na_value=np.nan),
        context=np.arange(len(frame)) if length else np.zeros(len(frame), np.int64),
        history=history,
    )
    return ranker.scorer.score(rows)


def parse_histories(items: pd.Series, ages: pd.Series, vocabulary: Vocabulary, length: int) -> HistoryWindow:
    """JSON lists to a padded window with the last ``length`` entries of each."""
    shape = (len(items), length)
    window = HistoryWindow(np.zeros(shape, np.int64), np.zeros(shape, np.float32))
    for row, (ids, days) in enumerate(zip(items, ages, strict=True)):
        last_ids = json.loads(ids)[-length:]
        window.items[row, : len(last_ids)] = vocabulary.encode(last_ids)
        window.age_days[row, : len(last_ids)] = json.loads(days)[-length:]
    return window
