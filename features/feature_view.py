"""Feature views as data: a named set of features of one grain, each with its window and unit."""

from dataclasses import dataclass
from typing import Literal

from longplay.errors import ConfigError

Kind = Literal["count", "rate", "sum", "mean", "distinct", "entropy", "last", "recency", "age", "ratio"]
AMOUNTS = frozenset({"sum", "mean", "last"})
"""Kinds that read an amount."""
CODED = frozenset({"distinct", "entropy"})
"""Kinds that distinguish values."""
DERIVED = frozenset({"ratio"})
"""Kinds that are computed from other features."""
OF_EVENTS = frozenset({"mean", "last", "entropy"})
"""Kinds that need single events; daily tiles hold sums only."""


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: column name, ``f_`` first.
        kind: ``count`` sums ``of`` over the window; ``rate`` divides that by the window's days. ``sum`` and ``mean``
            aggregate the consumed amount, ``mean`` per event. ``distinct`` counts the consumed values of ``of``;
            ``entropy`` measures how evenly they are consumed, in nats. ``last`` is the newest consumed amount.
            ``recency`` is the time since the last row with ``of``, ``age`` the time since the first. ``ratio`` divides
            a feature of the same view by the sum of others (null where that is 0).
        of: column of the facts (for ``ratio``: name of the numerator).
        window: days w of ``[as_of - w d, as_of)``; None for the full past.
        unit: unit of the values.
        per: for ``ratio``, names of the features whose sum is the divisor.
    """

    name: str
    kind: Kind
    of: str
    window: int | None = None
    unit: str = "events"
    per: tuple[str, ...] = ()

    def interval(self, resolution: str) -> str:
        """The window as an interval with units."""
        edge = "as_of" if resolution == "event" else "day(as_of)"
        return f"[{edge} - {self.window} d, {edge})" if self.window else f"(-inf, {edge})"


@dataclass(frozen=True)
class View:
    """A set of features of one grain.

    Attributes:
        name: name of the view.
        keys: columns of the grain.
        resolution: where windows end: ``event`` at the moment ``as_of``, ``day`` at midnight UTC of its day. Facts
            count when ``visible_ts < as_of`` (strict), or when they were known on an earlier day.
        features: the features, in order.
        about: description in plain words.
        owner: who answers for the view.
    """

    name: str
    keys: tuple[str, ...]
    resolution: Literal["event", "day"]
    features: tuple[Feature, ...]
    about: str = ""
    owner: str = "longplay"

    def __post_init__(self) -> None:
        """Check that every feature can be computed at the view's resolution.

        Raises:
            ConfigError: naming the first feature that cannot.
        """
        unsupported = [f for f in self.features if f.kind in OF_EVENTS and self.resolution == "day"]
        if unsupported:
            raise ConfigError(
                f"'{unsupported[0].name}' cannot be computed from whole days.",
                where=f"view {self.name}",
                got=f"kind {unsupported[0].kind}, which needs single events",
                fix="set the view's resolution to 'event', or write a mean as the ratio of a sum and a count",
            )

    def names(self) -> list[str]:
        """Feature columns, in order."""
        return [feature.name for feature in self.features]


def count_features(prefix: str, of: str, windows: tuple[int, ...]) -> tuple[Feature, ...]:
    """Counts of one flag over several windows."""
    return tuple(Feature(f"{prefix}_{of}_{w}d", "count", of, w) for w in windows)
