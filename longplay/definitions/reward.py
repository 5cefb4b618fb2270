"""Rewards: named, versioned combinations of signals into one number, identified by a hash."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pydantic import Field, model_validator

from longplay.config.strict_model import KeyedError, StrictModel
from longplay.definitions.signal import Definition
from longplay.definitions.signal_fields import NAME, Anchor, DefinitionStatus

PINNED = r"^[a-z][a-z0-9_]{2,62}@[1-9][0-9]*$"
_HASHED_FIELDS = ("kind", "anchor", "parts", "bounds")


class PartTransform(StrictModel):
    """How a signal's value is transformed before it is weighted. The steps apply in this order.

    Attributes:
        low: lower values are raised to this one.
        high: higher values are lowered to this one.
        log1p: take the logarithm of 1 + value.
        scale: multiply by this factor.
    """

    low: float | None = None
    high: float | None = None
    log1p: bool = False
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check_domain(self) -> "PartTransform":
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise KeyedError("high", f"high ({self.high}) must be above low ({self.low})")
        if self.log1p and (self.low is None or self.low < 0):
            raise KeyedError("log1p", "a logarithm needs 'low' of 0 or more; otherwise it may be undefined")
        return self


class RewardPart(StrictModel):
    """A signal in a reward.

    Attributes:
        signal: pinned name, such as ``return_to_item_14d@1``.
        weight: factor of its value; negative if its direction is opposite to the reward's.
        transform: how its value is transformed before weighting.
    """

    signal: str = Field(pattern=PINNED)
    weight: float = Field(allow_inf_nan=False)
    transform: PartTransform = PartTransform()

    @model_validator(mode="after")
    def _check_weight(self) -> "RewardPart":
        if self.weight == 0:
            raise KeyedError("weight", "a part with weight 0 has no effect: remove it")
        return self


def format_part(part: RewardPart) -> str:
    """Format a part of a reward as a formula: ``0.9 * 0.37 * log1p(clip(long_term_q_59d@1, 0, 14))``."""
    text, t = part.signal, part.transform
    if t.low is not None or t.high is not None:
        low, high = (("-" if end is None else f"{end:g}") for end in (t.low, t.high))
        text = f"clip({text}, {low}, {high})"
    text = f"log1p({text})" if t.log1p else text
    text = f"{t.scale:g} * {text}" if t.scale != 1 else text
    return f"{part.weight:g} * {text}"


class Reward(StrictModel):
    """One version of one reward: the weighted sum of its parts, clipped to its bounds.

    Attributes:
        bounds: lowest and highest value; the sum is clipped to them.
    """

    kind: Literal["reward"]
    name: str = Field(pattern=NAME)
    version: int = Field(ge=1)
    title: str = Field(min_length=1, max_length=120)
    description: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    status: DefinitionStatus
    direction: Literal["higher_is_better", "lower_is_better"]
    unit: str
    anchor: Anchor
    parts: tuple[RewardPart, ...] = Field(min_length=1)
    bounds: tuple[float, float]
    guardrails: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    source: str = ""
    replaced_by: str = ""
    deprecated_on: date | None = None

    @model_validator(mode="after")
    def _check_consistency(self) -> "Reward":
        low, high = self.bounds
        if not low < high or abs(low) == float("inf") or abs(high) == float("inf"):
            raise KeyedError("bounds", f"write two finite numbers, the lower one first; got [{low}, {high}]")
        signals = [part.signal for part in self.parts]
        for number, signal in enumerate(signals):
            if signal in signals[:number]:
                raise KeyedError(f"parts.{number}.signal", f"'{signal}' appears twice: combine the two parts into one")
        if (self.replaced_by or self.deprecated_on) and self.status != "deprecated":
            raise KeyedError("status", "only a deprecated reward may have replaced_by or deprecated_on")
        if self.replaced_by == self.ref:
            raise KeyedError("replaced_by", "a reward cannot replace itself")
        return self

    @property
    def ref(self) -> str:
        """The pinned name, ``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def hash(self) -> str:
        """First 16 hex digits of SHA-256 over the fields that affect data (texts are excluded)."""
        meaning = self.model_dump(mode="json", include=set(_HASHED_FIELDS))
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


def find_part_problem(reward: Reward, find: Callable[[str], Definition | None]) -> tuple[str, str] | None:
    """Check a reward against its signals. Returns ``(key, what is wrong)``, or None.

    Args:
        reward: the reward.
        find: returns the definition of a pinned name, or None.
    """
    for number, part in enumerate(reward.parts):
        key, signal = f"parts.{number}.signal", find(part.signal)
        if signal is None:
            return key, f"there is no signal '{part.signal}'"
        if signal.anchor != reward.anchor:
            return key, f"'{part.signal}' is anchored at {signal.anchor}, the reward at {reward.anchor}"
        if signal.status == "draft" and reward.status != "draft":
            return key, f"'{part.signal}' is a draft, so its meaning may still change"
        if (signal.direction == reward.direction) != (part.weight > 0):
            sign = "positive" if signal.direction == reward.direction else "negative"
            return (
                f"parts.{number}.weight",
                f"'{part.signal}' is {signal.direction}, the reward {reward.direction}: its weight must be {sign}",
            )
    return None


@dataclass(frozen=True)
class Composite:
    """A reward with the definitions of its signals, in the order of its parts."""

    reward: Reward
    signals: tuple[Definition, ...]

    @property
    def name(self) -> str:
        """The reward's name."""
        return self.reward.name

    @property
    def ref(self) -> str:
        """The reward's pinned name."""
        return self.reward.ref

    @property
    def hash(self) -> str:
        """The reward's hash."""
        return self.reward.hash

    @property
    def anchor(self) -> str:
        """The anchor, which all of its signals share."""
        return self.reward.anchor

    @property
    def horizon(self) -> timedelta:
        """Longest time from the start of an anchor's day to its maturity: that of its slowest signal."""
        return max(signal.horizon for signal in self.signals)


Label = Definition | Composite
"""What a ranker learns: a signal, or a reward with its signals."""


def list_label_signals(labels: Sequence[Label]) -> list[Definition]:
    """List the distinct signals that some labels consist of."""
    groups = [label.signals if isinstance(label, Composite) else (label,) for label in labels]
    return list({d.ref: d for signals in groups for d in signals}.values())
