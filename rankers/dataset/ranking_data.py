"""The input of every ranker: exposures with features as of their moment, mature labels, and histories."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from longplay.errors import InputError
from rankers.dataset.histories import Histories, HistoryWindow, to_micros

FEATURE_PREFIX = "f_"
KEYS = ("exposure_id", "request_id", "user_id", "item_id", "as_of", "position", "split")
SPLITS = ("train", "valid", "test", "purged")
MATURE = "mature"


@dataclass(frozen=True)
class RowBatch:
    """Rows to score: m (context, item) pairs over n contexts, in the codes of the ranker's vocabulary.

    Attributes:
        items: [m] item codes.
        features: [m, F] in the order of the ranker's feature names; NaN is unknown.
        context: [m] which row of ``history`` belongs to the pair.
        history: [n, L] past consumptions of the context's user; L = 0 if the ranker reads no history.
    """

    items: NDArray[np.int64]
    features: NDArray[np.float32]
    context: NDArray[np.int64]
    history: HistoryWindow


@dataclass(frozen=True, eq=False)
class RankingData:
    """A training set in memory.

    Attributes:
        frame: one row an exposure: `KEYS`, and columns ``f_*``, ``label_*``, ``state_*`` and ``weight_*``.
        feature_names: the ``f_*`` columns that rankers read, in order.
        sequences: consumption histories of the users.
    """

    frame: pd.DataFrame
    feature_names: tuple[str, ...]
    sequences: Histories

    @classmethod
    def from_frames(
        cls, frame: pd.DataFrame, sequences: pd.DataFrame, feature_names: Iterable[str] | None = None
    ) -> "RankingData":
        """Check the columns and build. By default the features are all ``f_*`` columns, in frame order.

        Raises:
            InputError: a key, label state or feature column is missing, or a split is unknown.
        """
        names = tuple(feature_names or (c for c in frame.columns if str(c).startswith(FEATURE_PREFIX)))
        _check_columns(frame, names)
        return cls(frame.reset_index(drop=True), names, Histories.from_frame(sequences))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, without the ``label_`` prefix."""
        return tuple(str(c).removeprefix("label_") for c in self.frame.columns if str(c).startswith("label_"))

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """[rows, F] feature matrix; NaN is unknown."""
        return self.frame[list(self.feature_names)].to_numpy(dtype=np.float32, na_value=np.nan)

    @cached_property
    def as_of(self) -> NDArray[np.int64]:
        """[rows] the instant of each row, microseconds UTC."""
        return to_micros(self.frame["as_of"])

    @cached_property
    def positions(self) -> NDArray[np.float32]:
        """[rows] position on the slate from 1; NaN where the candidates were sampled."""
        return self.frame["position"].to_numpy(dtype=np.float32, na_value=np.nan)

    @cached_property
    def requests(self) -> NDArray[np.int64]:
        """[rows] dense code of the request, in order of first appearance."""
        return pd.factorize(self.frame["request_id"].to_numpy(dtype=object))[0].astype(np.int64)

    @cached_property
    def contexts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Distinct (user, as_of): the first row of each [n], and each row's context number [rows]."""
        users = pd.factorize(self.frame["user_id"].to_numpy(dtype=object))[0]
        pairs = np.stack([users.astype(np.int64), self.as_of], axis=1)
        _, first, inverse = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        return first.astype(np.int64), inverse.reshape(-1).astype(np.int64)

    def mature(self, label: str) -> NDArray[np.bool_]:
        """[rows] whether the label is mature; open and void rows must not reach a model or a metric.

        Raises:
            InputError: the frame has no such label.
        """
        if label not in self.labels:
            raise InputError(
                "The training set has no such label.",
                where=f"label '{label}'",
                got=", ".join(self.labels),
                fix="build the training set with that label, or train on one of these",
            )
        state = self.frame[f"state_{label}"].astype(object).to_numpy()
        return np.asarray(state == MATURE, dtype=np.bool_)

    def values(self, label: str) -> NDArray[np.float32]:
        """[rows] label values (0 to 1), NaN wherever the label is not mature."""
        raw = self.frame[f"label_{label}"].to_numpy(dtype=np.float32, na_value=np.nan)
        return np.where(self.mature(label), raw, np.float32(np.nan)).astype(np.float32)

    def weights(self, label: str) -> NDArray[np.float32]:
        """[rows] weight of each label, 0 unless mature; exposures that share an outcome share its weight."""
        raw = self.frame[f"weight_{label}"].to_numpy(dtype=np.float32, na_value=0.0)
        return np.where(self.mature(label), raw, np.float32(0)).astype(np.float32)

    def in_split(self, split: str) -> NDArray[np.bool_]:
        """[rows] membership of train, valid, test or purged."""
        return np.asarray(self.frame["split"].astype(object).to_numpy() == split, dtype=np.bool_)

    def subset(self, rows: NDArray[np.bool_]) -> "RankingData":
        """The same data with only these rows; histories are shared, not copied."""
        return replace(self, frame=self.frame.loc[rows].reset_index(drop=True))

    def histories(self, length: int) -> HistoryWindow:
        """[contexts, length] windows of `contexts`, in codes of ``sequences.vocabulary``."""
        first, _ = self.contexts
        users = self.frame["user_id"].to_numpy(dtype=object)[first]
        return self.sequences.before(users, self.as_of[first], length)


def _check_columns(frame: pd.DataFrame, features: tuple[str, ...]) -> None:
    labels = [str(c).removeprefix("label_") for c in frame.columns if str(c).startswith("label_")]
    needed = [*KEYS, *features, *(f"{part}_{label}" for label in labels for part in ("state", "weight"))]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(
            "The training frame lacks columns.",
            where=", ".join(missing),
            got=f"{len(frame.columns)} columns",
            fix="run 'longplay build-training-set' again",
        )
    unknown = sorted(set(frame["split"].astype(str)) - set(SPLITS))
    if unknown:
        raise InputError(
            "The training frame has an unknown split.",
            where="column 'split'",
            got=", ".join(unknown),
            fix=f"use {', '.join(SPLITS)}",
        )
