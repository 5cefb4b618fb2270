"""Settings of each family of rankers: typed, frozen, closed (an unknown key is an error)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from longplay.config.strict_model import StrictModel, validate_model
from longplay.errors import ConfigError, nearest

Family = Literal["popularity", "popularity_7d", "xgboost", "transformer"]
FAMILIES: tuple[Family, ...] = get_args(Family)


class PopularityConfig(StrictModel):
    """Popularity has nothing to set."""


class XGBoostConfig(StrictModel):
    """Gradient-boosted trees with a listwise objective.

    Attributes:
        rounds: most boosting rounds.
        early_stopping: rounds without a better valid NDCG@10 before it stops.
        learning_rate: shrinkage of each tree.
        max_depth: depth of a tree.
        min_child_weight: least sum of hessians in a leaf.
        subsample: share of rows a tree sees.
        colsample_bytree: share of features a tree sees.
        reg_lambda: L2 penalty on leaf values.
        weighted: let exposures that share an outcome share its weight; else each counts in full.
        threads: CPU threads. On small data two threads that share busy cores take three times as long as
            one, because trees synchronise at every level.
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


class TransformerConfig(StrictModel):
    """Sequential transformer.

    Attributes:
        length: consumptions of history read, at most.
        width: size of a state, d.
        heads: attention heads; must divide ``width``.
        blocks: transformer blocks.
        feature_tower: add a small network over the same features the trees see.
        tower_width: its hidden units.
        unknown_share: share of item ids replaced by the unknown item while training.
        epochs: most passes over the training requests.
        patience: epochs without a better valid NDCG@10 before it stops.
        max_seconds: training is cut after this long, at the end of a batch (then not reproducible).
        batch: contexts a step; on a CPU small batches buy more steps for the same time.
        learning_rate: Adam's peak step, after warm-up and before cosine decay.
        weight_decay: decoupled L2 penalty.
        weighted: let exposures that share an outcome share its weight; else each counts in full.
        threads: CPU threads.
    """

    length: int = Field(50, ge=1)
    width: int = Field(32, ge=2)
    heads: int = Field(2, ge=1)
    blocks: int = Field(2, ge=1)
    feature_tower: bool = True
    tower_width: int = Field(32, ge=1)
    unknown_share: float = Field(0.02, ge=0, lt=1)
    epochs: int = Field(4, ge=1)
    patience: int = Field(2, ge=1)
    max_seconds: float = Field(45.0, gt=0)
    batch: int = Field(64, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    weighted: bool = True
    threads: int = Field(1, ge=1)

    @field_validator("heads")
    @classmethod
    def _heads_divide_width(cls, heads: int, info: ValidationInfo) -> int:
        width = info.data.get("width", heads)
        if width % heads:
            raise ValueError(f"heads must divide width ({width})")
        return heads


RankerConfig = PopularityConfig | XGBoostConfig | TransformerConfig
_CONFIGS: dict[str, type[PopularityConfig] | type[XGBoostConfig] | type[TransformerConfig]] = {
    "popularity": PopularityConfig,
    "popularity_7d": PopularityConfig,
    "xgboost": XGBoostConfig,
    "transformer": TransformerConfig,
}


def parse_config(family: str, settings: Mapping[str, Any] | None = None) -> RankerConfig:
    """The settings of a family, defaults filled in.

    Raises:
        ConfigError: the family is unknown, a key is unknown, or a value is out of range.
    """
    if family not in _CONFIGS:
        raise ConfigError("unknown family of rankers", where="family", got=family, fix=nearest(family, _CONFIGS))
    return validate_model(_CONFIGS[family], settings or {}, f"settings of {family}")


def config_hash(config: RankerConfig) -> str:
    """16 hexadecimal digits that identify the settings."""
    text = json.dumps(config.model_dump(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
