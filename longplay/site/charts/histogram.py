"""How mature values spread: value by value where they are few, else in ranges of one width."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from longplay.site.signals.scan import Gathered, values_of
from longplay.site.signals.statistics import Standing

FEW = 12
"""Distinct values up to which each has a line of its own."""
MOST_COLUMNS, RANGES = 120, 40


@dataclass(frozen=True)
class Slot:
    """Values in ``[low, high)``, or the single value ``low`` where ``high`` is None; the last range takes all above."""

    low: float
    high: float | None
    anchors: int


@dataclass(frozen=True)
class Distribution:
    """Mature anchors by value.

    Attributes:
        slots: in order of value; whole numbers in between that no anchor has are there with 0.
        median: the smallest value that at least half of the anchors do not exceed.
        exact: each slot is one value.
    """

    slots: Sequence[Slot]
    median: float
    exact: bool


def distribution(found: Standing, gathered: Gathered, signal: str, definition_hash: str) -> Distribution | None:
    """The spread of the mature values of one signal in one source; None without any."""
    if not found.mature:
        return None
    if found.levels:
        return _of_levels(found.levels)
    values = values_of(gathered, signal, definition_hash)
    median = float(pc.quantile(values, q=0.5, interpolation="lower")[0].as_py())
    array = values.to_numpy()
    return Distribution(_ranges(array, np.ones_like(array)), median, False)


def _of_levels(levels: Sequence[tuple[float, int]]) -> Distribution:
    values = np.array([value for value, _ in levels])
    anchors = np.array([number for _, number in levels])
    median = float(values[np.searchsorted(np.cumsum(anchors), anchors.sum() / 2)])
    if len(levels) <= FEW:
        return Distribution([Slot(value, None, number) for value, number in levels], median, True)
    if np.all(values == np.round(values)) and values[-1] - values[0] < MOST_COLUMNS:
        held = dict(levels)
        whole = range(int(values[0]), int(values[-1]) + 1)
        return Distribution([Slot(float(v), None, held.get(float(v), 0)) for v in whole], median, True)
    return Distribution(_ranges(values, anchors.astype(float)), median, False)


def _ranges(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> list[Slot]:
    """Ranges of one width up to the 99th percentile, and one for all above it."""
    order = np.argsort(values, kind="stable")
    heavy = np.cumsum(weights[order])
    low, high = float(values[order[0]]), float(values[order[-1]])
    end = float(values[order[np.searchsorted(heavy, 0.99 * heavy[-1])]])
    end = end if end > low else high
    edges = np.linspace(low, end, RANGES + 1)
    edges[-1] = np.nextafter(end, np.inf)
    held, _ = np.histogram(values, bins=edges, weights=weights)
    slots = [Slot(float(edges[i]), float(edges[i + 1]), round(float(held[i]))) for i in range(RANGES)]
    above = round(float(weights[values >= edges[-1]].sum()))
    return [*slots, *([Slot(end, high, above)] if above else [])]
