"""What the HTTP API answers with. Every answer of values names its release, and every value its state."""

import math
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from longplay.lookup.query import ValueState

_NonFinite = Literal["Infinity", "-Infinity", "NaN"]


def _encode_number(number: float) -> float | _NonFinite:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


Number = Annotated[float, PlainSerializer(_encode_number, return_type=float | _NonFinite)]
"""A number. JSON has none that are not finite, so those are strings, as in the JSON of protocol buffers."""


class Row(BaseModel):
    """A value as it was known. Grain: anchor_id."""

    signal: str = Field(description="pinned name, name@version")
    definition_hash: str
    anchor_id: str
    user_id: str
    item_id: str | None
    t0: datetime
    window_end: datetime
    matures_at: datetime
    state: ValueState
    void_reason: str | None = Field(description="why it will never be known; null unless void")
    value: Number | None = Field(description="in the definition's unit; null unless mature")
    prefix: Number | None = Field(description="what was seen so far; null unless open. It is not a value")
    elapsed_share: float
    known_ts: datetime
    revision: int


class FailureAnswer(BaseModel):
    """Why values are stale: their signal could not be computed."""

    signal: str
    definition_hash: str
    owner: str
    reason: str
    failed_at: datetime = Field(description="logical date of the first of the runs that failed in a row")
    watermark: datetime | None = Field(description="the values are those of this watermark; null: there are none")


class ValueAnswer(Row):
    """One value."""

    release_id: str
    known_at: datetime = Field(description="it is what was known at this moment (UTC)")
    failure: FailureAnswer | None = Field(description="why the value is stale; null unless its signal failed")


class ValuesAnswer(BaseModel):
    """A page of values, ordered by t0, then anchor_id; all of one release."""

    signal: str
    release_id: str
    known_at: datetime = Field(description="they are what was known at this moment (UTC)")
    failure: FailureAnswer | None = Field(description="why the values are stale; null unless their signal failed")
    rows: list[Row]
    more: bool = Field(description="whether rows may follow")
    next: str | None = Field(description="give it as 'after' for the rows that follow")


class InWords(BaseModel):
    """What signals and rewards say alike; further keys are those that 'longplay signals show --json' prints."""

    model_config = ConfigDict(extra="allow")

    title: str
    description: str
    hash: str = Field(description="the identity of what affects data")
    matures: str
    unit: str
    owner: str
    status: str


class DefinitionAnswer(InWords):
    """A definition in words: these, and the further keys that 'longplay signals show --json' prints."""

    signal: str = Field(description="pinned name, name@version")
    window: str


class RewardAnswer(InWords):
    """A reward in words: these, and the further keys that 'longplay signals show --json' prints."""

    reward: str = Field(description="pinned name, name@version")
    anchor: str
    parts: str = Field(description="its signals, each pinned, with what becomes of it and its weight")
    bounds: str


class RewardsAnswer(BaseModel):
    """Rewards by name, newest versions."""

    rewards: list[RewardAnswer]
    total: int
    more: bool


class SignalsAnswer(BaseModel):
    """Definitions by name, newest versions."""

    signals: list[DefinitionAnswer]
    total: int
    more: bool


class ReleaseAnswer(BaseModel):
    """A release."""

    release_id: str
    known_at: datetime
    watermark: datetime
    batch: int
    versions: dict[str, int]
    definition_hashes: dict[str, str]
    fingerprint: str
    served: bool = Field(description="whether values of it can be asked for here")


class ReleasesAnswer(BaseModel):
    """Releases, newest first."""

    releases: list[ReleaseAnswer]
    total: int
    more: bool


class HealthAnswer(BaseModel):
    """The process runs."""

    status: Literal["ok"]


class ReadyAnswer(BaseModel):
    """Values can be asked for."""

    status: Literal["ready"]
    release_id: str
    problem: str | None = Field(description="why a newer release is not served")
