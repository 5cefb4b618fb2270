"""Training of gradient-boosted trees: XGBoost's LambdaMART with NDCG as its target (Burges, MSR-TR-2010-82)."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from longplay.errors import InputError
from rankers.dataset.histories import Vocabulary
from rankers.dataset.ranking_data import RankingData, RowBatch
from rankers.dataset.request_rows import SERVED_POSITION, usable_rows, with_position
from rankers.dataset.weights import Weights, effective_rows, group_weights, row_weights
from rankers.models.base import Report, TrainedRanker
from rankers.models.xgboost_config import XGBoostConfig

METRIC = "ndcg@10"


@dataclass(frozen=True)
class XGBoostScorer:
    """A booster over the features and the position.

    In training the position of the logged exposure is a feature, so that trees do not attribute the effect of the
    position to the item. Serving puts every candidate at position 1.

    Attributes:
        booster: trained trees.
        history_length: 0, it reads no history.
    """

    booster: xgb.Booster
    history_length: int = 0

    @classmethod
    def from_file(cls, file: Path) -> "XGBoostScorer":
        """Read trees that `xgboost.Booster.save_model` wrote."""
        booster = xgb.Booster()
        booster.load_model(file)
        return cls(booster)

    def score(self, rows: RowBatch) -> NDArray[np.float64]:
        """[m] margins of the rows."""
        return self.score_matrix(rows.features)

    def score_matrix(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """[m] margins of a [m, F] feature matrix (NaN is unknown)."""
        served = with_position(features, np.full(len(features), SERVED_POSITION, np.float32))
        return np.asarray(self.booster.inplace_predict(served), dtype=np.float64)


class _Reporter(xgb.callback.TrainingCallback):  # type: ignore[misc]  # xgboost ships no types
    """Hands each round's metrics to the caller's report."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: dict[str, Any]) -> bool:
        """Report the round; never stop training."""
        self.report(epoch + 1, {f"{part}_ndcg_at_10": log[METRIC][-1] for part, log in evals_log.items()})
        return False


def fit_xgboost(label: str, data: RankingData, config: XGBoostConfig, seed: int, report: Report) -> TrainedRanker:
    """Train on the train split's mature rows; stop early by NDCG@10 on the valid split's.

    Raises:
        InputError: no training request has a positive.
    """
    started = time.monotonic()
    train, valid = usable_rows(data, label, "train"), usable_rows(data, label, "valid")
    if not train.any():
        raise InputError("No mature training row has a positive label.", where=f"label '{label}', split 'train'")
    weights = row_weights(data, label, config.weighted)
    # Only the valid split is evaluated: scoring the training rows each round would double the cost.
    valid_matrix = _matrix(data, valid, label) if valid.any() else None
    booster, best_round = _boost(_matrix(data, train, label, weights), valid_matrix, config, seed, report)
    return TrainedRanker(
        family="xgboost",
        label=label,
        config=config,
        seed=seed,
        feature_names=data.feature_names,
        vocabulary=Vocabulary(()),
        scorer=XGBoostScorer(booster[:best_round]),
        notes={
            "best_step": float(best_round),
            "train_rows": float(train.sum()),
            "effective_rows": effective_rows(weights[train]),
            "seconds": time.monotonic() - started,
        },
    )


def _boost(
    train: xgb.DMatrix, valid: xgb.DMatrix | None, config: XGBoostConfig, seed: int, report: Report
) -> tuple[xgb.Booster, int]:
    """The trees and the best round, counted from 1; without valid rows that is the last one."""
    booster = xgb.train(
        _parameters(config, seed),
        train,
        num_boost_round=config.rounds,
        evals=[] if valid is None else [(valid, "valid")],
        early_stopping_rounds=None if valid is None else config.early_stopping,
        callbacks=[_Reporter(report)],
        verbose_eval=False,
    )
    return booster, config.rounds if valid is None else int(booster.best_iteration) + 1


def _matrix(data: RankingData, rows: NDArray[np.bool_], label: str, weights: Weights | None = None) -> xgb.DMatrix:
    """Rows by request: to train on at the positions shown if ``weights`` are given, else to evaluate as served."""
    index = np.flatnonzero(rows)
    index = index[np.argsort(data.requests[index], kind="stable")]
    served = np.full(len(index), SERVED_POSITION, np.float32)
    gains, requests = data.values(label)[index], data.requests[index]
    return xgb.DMatrix(
        with_position(data.features[index], served if weights is None else data.positions[index]),
        label=gains,
        weight=None if weights is None else group_weights(weights[index], gains, requests),
        qid=requests,
        feature_names=[*data.feature_names, "position"],
    )


def _parameters(config: XGBoostConfig, seed: int) -> dict[str, Any]:
    return {
        "objective": "rank:ndcg",
        "eval_metric": METRIC,
        # A gain is the label itself, as in our metrics; 2^label - 1 is the same for 0 and 1.
        "ndcg_exp_gain": False,
        "tree_method": "hist",
        "learning_rate": config.learning_rate,
        "max_depth": config.max_depth,
        "min_child_weight": config.min_child_weight,
        "subsample": config.subsample,
        "colsample_bytree": config.colsample_bytree,
        "reg_lambda": config.reg_lambda,
        "nthread": config.threads,
        "seed": seed,
    }
