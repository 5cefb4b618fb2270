"""A trained ranker: one face for every family, for offline rows and for deployed candidates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from longplay.errors import InputError
from rankers.config import Family, RankerConfig
from rankers.dataset.histories import PAD, HistoryWindow, Vocabulary
from rankers.dataset.ranking_data import RankingData, RowBatch

Report = Callable[[int, Mapping[str, float]], None]
"""Called after each boosting round or epoch with the step and its metrics."""


def silent(step: int, metrics: Mapping[str, float]) -> None:
    """A report that drops everything."""


class Scorer(Protocol):
    """What a family must offer once trained."""

    @property
    def history_length(self) -> int:
        """L, consumptions of history it reads; 0 when none."""
        ...

    def score(self, rows: RowBatch) -> NDArray[np.float64]:
        """[m] scores, higher is better; only comparable within a context."""
        ...


@dataclass(frozen=True)
class TrainedRanker:
    """A ranker ready to score; it reads features, item codes and histories, never positions or labels.

    Attributes:
        family: popularity, popularity_7d, xgboost or transformer.
        label: name of the label it was trained on.
        config: its settings.
        seed: seed it was trained with.
        feature_names: order in which it expects features.
        vocabulary: codes in which it expects items.
        scorer: the family's model.
        notes: numbers about the training (best step, seconds, rows).
    """

    family: Family
    label: str
    config: RankerConfig
    seed: int
    feature_names: tuple[str, ...]
    vocabulary: Vocabulary
    scorer: Scorer
    notes: Mapping[str, float] = field(default_factory=dict)

    @property
    def history_length(self) -> int:
        """L, consumptions of history it reads; 0 when none."""
        return self.scorer.history_length

    def score(self, data: RankingData) -> NDArray[np.float64]:
        """[rows] one score for each row of the frame, in its order."""
        return self.scorer.score(rows_of(data, self.vocabulary, self.feature_names, self.history_length))

    def score_candidates(
        self,
        candidates: NDArray[np.int64],
        features: NDArray[np.floating],
        history: HistoryWindow | None = None,
    ) -> NDArray[np.float64]:
        """Scores of C candidates for each of n contexts, [n, C].

        Args:
            candidates: [n, C] item codes, from ``vocabulary.encode``.
            features: [n, C, F] in the order of ``feature_names``; NaN is unknown.
            history: [n, L] item codes and ages in days, oldest first, right-padded with 0; only the last
                ``history_length`` real ones should be given. Needed by the transformer alone.

        Raises:
            InputError: the shapes do not fit, or a history is needed and missing.
        """
        n, size = candidates.shape
        if features.shape != (n, size, len(self.feature_names)):
            raise InputError(
                "features do not fit the candidates",
                where=f"ranker {self.family}",
                got=str(features.shape),
                fix=f"expected {(n, size, len(self.feature_names))}",
            )
        rows = RowBatch(
            candidates.reshape(-1),
            np.ascontiguousarray(features, dtype=np.float32).reshape(n * size, -1),
            np.repeat(np.arange(n), size),
            _history_or_empty(history, n, self.history_length),
        )
        return self.scorer.score(rows).reshape(n, size)


def rows_of(data: RankingData, vocabulary: Vocabulary, feature_names: tuple[str, ...], history_length: int) -> RowBatch:
    """The rows of the data in a ranker's codes and feature order; each distinct context's history once."""
    features = data.features
    if feature_names != data.feature_names:
        features = data.frame[list(feature_names)].to_numpy(dtype=np.float32, na_value=np.nan)
    items = vocabulary.encode(data.frame["item_id"])
    if history_length == 0:
        return RowBatch(items, features, np.zeros(len(items), np.int64), empty_history(1))
    window = data.histories(history_length)
    table = data.sequences.vocabulary.translation(vocabulary)
    return RowBatch(items, features, data.contexts[1], HistoryWindow(table[window.items], window.age_days))


def empty_history(contexts: int) -> HistoryWindow:
    """[contexts, 0]: for rankers that read none."""
    return HistoryWindow(np.zeros((contexts, 0), np.int64), np.zeros((contexts, 0), np.float32))


def _history_or_empty(history: HistoryWindow | None, contexts: int, length: int) -> HistoryWindow:
    if length == 0:
        return empty_history(contexts)
    if history is None:
        raise InputError("this ranker needs histories", where="score_candidates", fix="pass history=")
    if history.items.shape[1] <= length:
        return history
    # Longer windows than the ranker was trained on: keep each row's last `length` real entries.
    count = (history.items != PAD).sum(axis=1)
    columns = np.maximum(count - length, 0)[:, None] + np.arange(length)
    return HistoryWindow(
        np.take_along_axis(history.items, columns, 1), np.take_along_axis(history.age_days, columns, 1)
    )
