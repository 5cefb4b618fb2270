"""Settings of the sequential transformer."""

from pydantic import Field, ValidationInfo, field_validator

from rankers.models.base import RankerConfig


class TransformerConfig(RankerConfig):
    """Sequential transformer.

    Attributes:
        length: consumptions of history that it reads, at most.
        width: size of a state, d.
        heads: attention heads; must divide ``width``.
        blocks: transformer blocks.
        feature_tower: add a small network over the features that the trees read.
        tower_width: hidden units of that network.
        unknown_share: share of item ids replaced by the unknown item during training.
        epochs: most passes over the training requests.
        patience: epochs without a better valid NDCG@10 before training stops.
        max_seconds: time limit of training, which then stops at the end of a batch (and cannot be reproduced).
        batch: contexts a step; on a CPU small batches buy more steps for the same time.
        learning_rate: Adam's peak step, after warm-up and before cosine decay.
        weight_decay: decoupled L2 penalty.
        weighted: let exposures that share an outcome share its weight; otherwise each counts in full.
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

    @property
    def reads_features(self) -> bool:
        """Whether scores depend on features: only through the tower."""
        return self.feature_tower

    @field_validator("heads")
    @classmethod
    def _heads_divide_width(cls, heads: int, info: ValidationInfo) -> int:
        width = info.data.get("width", heads)
        if width % heads:
            raise ValueError(f"heads must divide width ({width})")
        return heads
