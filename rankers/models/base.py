"""A trained ranker: one interface for every family, for offline rows and for deployed candidates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from longplay.config.strict_model import StrictModel
from longplay.errors import InputError
from rankers.dataset.histories import PAD, HistoryWindow, Vocabulary
from rankers.dataset.ranking_data import RankingData, RowBatch

Report = Callable[[int, Mapping[str, float]], None]
"""Called after each boosting round or epoch with the step and its metrics."""


def ignore_progress(step: int, metrics: Mapping[str, float]) -> None:
    """A report that does nothing."""


class RankerConfig(StrictModel):
    """Settings of one ranker; each family has its own subclass."""

    @property
    def reads_features(self) -> bool:
        """Whether scores depend on features."""
        return True


class Scorer(Protocol):
    """The trained part of a ranker."""

    @property
    def history_length(self) -> int:
        """L, the consumptions of history that it reads; 0 if none."""
        ...

    def score(self, rows: RowBatch) -> NDArray[np.float64]:
        """[m] scores, higher is better; comparable only within a context."""
        ...


@dataclass(frozen=True)
class TrainedRanker:
    """A ranker ready to score. It reads features, item codes and histories, never positions or labels.

    Attributes:
        family: name of its family, see `rankers.models.families.FAMILIES`.
        label: name of the label it was trained on.
        config: its settings.
        seed: seed it was trained with.
        feature_names: order in which it expects features.
        vocabulary: codes in which it expects items.
        scorer: the trained model.
        notes: numbers about the training, such as the best step and the seconds; each is logged as ``training_NAME``.
            Learned rankers report ``train_rows`` and ``effective_rows``.
    """

    family: str
    label: str
    config: RankerConfig
    seed: int
    feature_names: tuple[str, ...]
    vocabulary: Vocabulary
    scorer: Scorer
    notes: Mapping[str, float] = field(default_factory=dict)

    @property
    def history_length(self) -> int:
        """L, the consumptions of history that it reads; 0 if none."""
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
            history: [n, L] item codes and ages in days, oldest first, right-padded with 0. Of a longer history the
                last ``history_length`` entries count. Rankers that read no history ignore it.

        Raises:
            InputError: the shapes do not fit, or the ranker needs a history and got none.
        """
        n, size = candidates.shape
        self._check_shape(features.shape, (n, size, len(self.feature_names)))
        rows = RowBatch(
            candidates.reshape(-1),
            np.ascontiguousarray(features, dtype=np.float32).reshape(n * size, -1),
            np.repeat(np.arange(n), size),
            _history_or_empty(history, n, self.history_length),
        )
        return self.scorer.score(rows).reshape(n, size)

    def _check_shape(self, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if shape != expected:
            raise InputError(
                "The features do not fit the candidates.",
                where=f"ranker {self.family}",
                got=f"shape {shape}",
                fix=f"pass features of shape {expected}",
            )


def rows_of(data: RankingData, vocabulary: Vocabulary, feature_names: tuple[str, ...], history_length: int) -> RowBatch:
    """The rows of the data in a ranker's codes and feature order, with one history for each distinct context."""
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
    """[contexts, 0]: the history for rankers that read none."""
    return HistoryWindow(np.zeros((contexts, 0), np.int64), np.zeros((contexts, 0), np.float32))


def _history_or_empty(history: HistoryWindow | None, contexts: int, length: int) -> HistoryWindow:
    if length == 0:
        return empty_history(contexts)
    if history is None:
        raise InputError("This ranker needs histories.", where="score_candidates", fix="pass history=...")
    if history.items.shape[1] <= length:
        return history
    # The window is longer than the ranker was trained on: take each row's last `length` real entries.
    count = (history.items != PAD).sum(axis=1)
    columns = np.maximum(count - length, 0)[:, None] + np.arange(length)
    return HistoryWindow(
        np.take_along_axis(history.items, columns, 1), np.take_along_axis(history.age_days, columns, 1)
    )
