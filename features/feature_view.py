"""Feature views as data: a named set of features of one grain, each with its window and unit."""

from dataclasses import dataclass
from typing import Literal

from longplay.errors import ConfigError

Kind = Literal["count", "rate", "sum", "mean", "distinct", "entropy", "last", "recency", "age", "ratio"]
AMOUNTS = frozenset({"sum", "mean", "last"})
"""Kinds that read an amount."""
CODED = frozenset({"distinct", "entropy"})
"""Kinds that tell values apart."""
DERIVED = frozenset({"ratio"})
"""Kinds that are made from other features."""
OF_EVENTS = frozenset({"mean", "last", "entropy"})
"""Kinds that weigh single events, which daily tiles have added up."""


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: column name, ``f_`` first.
        kind: ``count`` sums ``of`` over the window, ``rate`` divides that by the window's days; ``sum`` and ``mean``
            are of the consumed amount (the mean is an event's); ``distinct`` counts the values of ``of`` that were
            consumed, ``entropy`` says how evenly, in nats; ``last`` is the newest consumed amount; ``recency`` is the
            time since the last row with ``of``, ``age`` since the first; ``ratio`` divides a feature of the same view
            by the sum of others (null where that is 0).
        of: column of the facts (for ``ratio``: name of the numerator).
        window: days w of ``[as_of - w d, as_of)``; None is all of the past.
        unit: unit of the values.
        per: for ``ratio``, names of the divisor's summands.
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

    ``about`` says in plain words what the view tells, ``owner`` who answers for it.
    ``resolution`` says from where windows are cut: ``event`` from the moment ``as_of``, ``day`` from midnight
    UTC of its day. Facts count when ``visible_ts < as_of`` (strict), or were known on an earlier day.
    """

    name: str
    keys: tuple[str, ...]
    resolution: Literal["event", "day"]
    features: tuple[Feature, ...]
    about: str = ""
    owner: str = "longplay"

    def __post_init__(self) -> None:
        """See that every feature can be told at the view's resolution.

        Raises:
            ConfigError: naming the first that cannot.
        """
        wrong = [f for f in self.features if f.kind in OF_EVENTS and self.resolution == "day"]
        if wrong:
            raise ConfigError(
                f"'{wrong[0].name}' cannot be told of whole days.",
                where=f"view {self.name}",
                got=f"kind {wrong[0].kind}, which weighs single events",
                fix="make the view's resolution 'event'; a mean is the ratio of a sum and a count",
            )

    def names(self) -> list[str]:
        """Feature columns, in order."""
        return [feature.name for feature in self.features]


def count_features(prefix: str, of: str, windows: tuple[int, ...]) -> tuple[Feature, ...]:
    """Counts of one flag over several windows: a line a view."""
    return tuple(Feature(f"{prefix}_{of}_{w}d", "count", of, w) for w in windows)
