"""Every kind of feature in plain Python, one asking moment at a time: what the kernel must agree with."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from features.feature_view import Feature, View
from longplay.config.duration import DAY_US


@dataclass(frozen=True)
class Fact:
    """One fact; times in microseconds, the amount in millionths."""

    key: tuple[str | None, ...]
    event: int
    visible: int
    consumed: bool
    n: int
    amount: int
    value: str | None


def feature_by_hand(feature: Feature, facts: Sequence[Fact], key: tuple[str | None, ...], at: int) -> float | None:
    """One feature of one key at one moment."""
    past = [f for f in facts if f.key == key and f.visible < at]
    inside = [f for f in past if feature.window is None or f.event >= at - feature.window * DAY_US]
    values = Counter(f.value for f in inside if f.consumed and f.value is not None)
    count, amount = sum(f.n for f in inside), sum(f.amount for f in inside)
    match feature.kind:
        case "count":
            return float(count)
        case "rate":
            assert feature.window is not None
            return count / feature.window
        case "sum":
            return amount / 1e6
        case "mean":
            return amount / 1e6 / count if count else None
        case "distinct":
            return float(len(values))
        case "entropy":
            total = sum(values.values())
            return -sum(c / total * math.log(c / total) for c in values.values()) if total else None
        case "last":
            newest = max((f for f in inside if f.consumed), key=lambda f: (f.event, f.visible, f.amount), default=None)
            return newest.amount / 1e6 if newest else None
        case "recency":
            times = [f.event for f in inside if f.n > 0]
            return (at - max(times)) / DAY_US if times else None
        case "age":
            times = [f.event for f in past if f.n > 0]
            return (at - min(times)) / DAY_US if times else None
        case "ratio":
            raise AssertionError("made from other features")


def view_by_hand(view: View, facts: Sequence[Fact], key: tuple[str | None, ...], at: int) -> dict[str, float | None]:
    """Every feature of one key at one moment."""
    row: dict[str, float | None] = {}
    for feature in view.features:
        if feature.kind == "ratio":
            divisor = sum(row[name] or 0.0 for name in feature.per)
            row[feature.name] = (row[feature.of] or 0.0) / divisor if divisor else None
        else:
            row[feature.name] = feature_by_hand(feature, facts, key, at)
    return row
