"""Feature views as data: a named set of features of one grain, each with its window and unit."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["count", "distinct", "recency", "age", "ratio"]


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: column name, ``f_`` first.
        kind: ``count`` sums ``of`` over the window; ``distinct`` counts the values of ``of`` that were consumed
            in it; ``recency`` is the time since the last row with ``of``; ``age`` since the first of any;
            ``ratio`` divides two counts of the same view (null where the divisor is 0).
        of: column of the facts (for ``ratio``: names of the numerator and of the divisor's summands).
        window: days w of ``[as_of - w d, as_of)``; None is all of the past.
        unit: unit of the values.
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

    ``resolution`` says from where windows are cut: ``event`` from the moment ``as_of``, ``day`` from midnight
    UTC of its day. Facts count when ``visible_ts < as_of`` (strict), or were known on an earlier day.
    """

    name: str
    keys: tuple[str, ...]
    resolution: Literal["event", "day"]
    features: tuple[Feature, ...]

    def names(self) -> list[str]:
        """Feature columns, in order."""
        return [feature.name for feature in self.features]


def counts(prefix: str, of: str, windows: tuple[int, ...]) -> tuple[Feature, ...]:
    """Counts of one flag over several windows: a line a view."""
    return tuple(Feature(f"{prefix}_{of}_{w}d", "count", of, w) for w in windows)
