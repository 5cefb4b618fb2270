"""Settings of the XGBoost ranker."""

from pydantic import Field

from rankers.models.base import RankerConfig


class XGBoostConfig(RankerConfig):
    """Gradient-boosted trees with a listwise objective.

    Attributes:
        rounds: most boosting rounds.
        early_stopping: rounds without a better valid NDCG@10 before training stops.
        learning_rate: shrinkage of each tree.
        max_depth: depth of a tree.
        min_child_weight: least sum of hessians in a leaf.
        subsample: share of rows that a tree reads.
        colsample_bytree: share of features that a tree reads.
        reg_lambda: L2 penalty on leaf values.
        weighted: let exposures that share an outcome share its weight; otherwise each counts in full.
        threads: CPU threads. On small data two threads on busy cores take three times as long as one, because
            trees synchronise at every level.
    """

    rounds: int = Field(200, ge=1)
    early_stopping: int = Field(25, ge=1)
    learning_rate: float = Field(0.1, gt=0, le=1)
    max_depth: int = Field(5, ge=1, le=16)
    min_child_weight: float = Field(1.0, ge=0)
    subsample: float = Field(0.8, gt=0, le=1)
    colsample_bytree: float = Field(0.8, gt=0, le=1)
    reg_lambda: float = Field(1.0, ge=0)
    weighted: bool = True
    threads: int = Field(1, ge=1)
