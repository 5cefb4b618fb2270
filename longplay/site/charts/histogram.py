"""The distribution of mature values: by single value, or in ranges of equal width where there are many values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from longplay.site.signals.scan import SourceAggregates, read_mature_values
from longplay.site.signals.statistics import SignalStatistics

MAX_VALUE_BARS = 12
"""Up to this many distinct values, each has a bar in a table."""
MAX_VALUE_COLUMNS, RANGES = 120, 40


@dataclass(frozen=True)
class ValueRange:
    """Anchors with values in ``[low, high)``, or with the value ``low`` if ``high`` is None.

    The last range includes its upper end.
    """

    low: float
    high: float | None
    anchors: int


@dataclass(frozen=True)
class ValueDistribution:
    """Mature anchors by value.

    Attributes:
        ranges: in order of value; whole numbers without anchors between others have a range with 0.
        median: the smallest value that at least half of the anchors do not exceed.
        exact: each range is a single value.
    """

    ranges: Sequence[ValueRange]
    median: float
    exact: bool


def compute_distribution(
    statistics: SignalStatistics, aggregates: SourceAggregates, signal: str, definition_hash: str
) -> ValueDistribution | None:
    """Compute the distribution of the mature values of a signal in a source; None without mature values."""
    if not statistics.mature:
        return None
    if statistics.value_counts:
        return _distribute_counts(statistics.value_counts)
    values = read_mature_values(aggregates, signal, definition_hash)
    median = float(pc.quantile(values, q=0.5, interpolation="lower")[0].as_py())
    array = values.to_numpy()
    return ValueDistribution(_split_into_ranges(array, np.ones_like(array)), median, False)


def _distribute_counts(value_counts: Sequence[tuple[float, int]]) -> ValueDistribution:
    values = np.array([value for value, _ in value_counts])
    anchors = np.array([count for _, count in value_counts])
    median = float(values[np.searchsorted(np.cumsum(anchors), anchors.sum() / 2)])
    if len(value_counts) <= MAX_VALUE_BARS:
        return ValueDistribution([ValueRange(value, None, count) for value, count in value_counts], median, True)
    if np.all(values == np.round(values)) and values[-1] - values[0] < MAX_VALUE_COLUMNS:
        anchors_by_value = dict(value_counts)
        integers = map(float, range(int(values[0]), int(values[-1]) + 1))
        ranges = [ValueRange(value, None, anchors_by_value.get(value, 0)) for value in integers]
        return ValueDistribution(ranges, median, True)
    return ValueDistribution(_split_into_ranges(values, anchors.astype(float)), median, False)


def _split_into_ranges(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> list[ValueRange]:
    """Ranges of equal width up to the 99th percentile, and one for everything above it."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    low, high = float(values[order[0]]), float(values[order[-1]])
    end = float(values[order[np.searchsorted(cumulated, 0.99 * cumulated[-1])]])
    end = end if end > low else high
    edges = np.linspace(low, end, RANGES + 1)
    edges[-1] = np.nextafter(end, np.inf)
    counts, _ = np.histogram(values, bins=edges, weights=weights)
    ranges = [ValueRange(float(edges[i]), float(edges[i + 1]), round(float(counts[i]))) for i in range(RANGES)]
    above = round(float(weights[values >= edges[-1]].sum()))
    return [*ranges, *([ValueRange(end, high, above)] if above else [])]
