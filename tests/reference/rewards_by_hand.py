"""Values of rewards in plain Python, one anchor at a time, from rows of ``signal_values`` as known at a moment."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from longplay.definitions.reward import Composite, RewardPart

SignalRow = Mapping[str, Any]
"""A row of ``signal_values``."""


@dataclass(frozen=True)
class RewardValue:
    """One value of a reward as known at a moment."""

    anchor_id: str
    state: str
    void_reason: str | None
    value: float | None
    known_ts: datetime
    revision: int


def rewards_by_hand(composite: Composite, rows: Sequence[SignalRow], known_at: datetime) -> dict[str, RewardValue]:
    """Every value of a reward by anchor."""
    values = {}
    for anchor in {row["anchor_id"] for row in rows}:
        newest = []
        for signal in composite.signals:
            own = [
                row
                for row in rows
                if (row["anchor_id"], row["signal"], row["definition_hash"]) == (anchor, signal.ref, signal.hash)
                and row["known_ts"] <= known_at
            ]
            newest.append(max(own, key=lambda row: (row["known_ts"], row["revision"])) if own else None)
        if any(newest):
            values[anchor] = value_of(composite, anchor, newest)
    return values


def value_of(composite: Composite, anchor: str, newest: Sequence[SignalRow | None]) -> RewardValue:
    """Void if a part is void, mature if all are mature, else open; a part that is not there yet is open."""
    present = [row for row in newest if row is not None]
    void = sorted((row["known_ts"], row["void_reason"]) for row in present if row["state"] == "void")
    revision = sum(row["revision"] for row in present)
    if void:
        return RewardValue(anchor, "void", void[0][1], None, void[0][0], revision)
    last = max(row["known_ts"] for row in present)
    if len(present) < len(newest) or any(row["state"] == "open" for row in present):
        return RewardValue(anchor, "open", None, None, last, revision)
    total = 0.0
    for part, row in zip(composite.reward.parts, present, strict=True):
        total += part.weight * transformed(part, row["value"])
    low, high = composite.reward.bounds
    return RewardValue(anchor, "mature", None, round(min(max(total, low), high), 9), last, revision)


def transformed(part: RewardPart, value: float) -> float:
    """Clipped, then its logarithm, then scaled."""
    if part.transform.low is not None:
        value = max(value, part.transform.low)
    if part.transform.high is not None:
        value = min(value, part.transform.high)
    if part.transform.log1p:
        value = math.log(1 + value)
    return value * part.transform.scale
