"""Errors of estimates from open traces, and how often their intervals hold the truth, on shows new to the prior."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.synthetic_traces import DAYS, Show, Traces
from signals.progressive.filter import RewardBeliefs, TraceFilter, TraceSums, infer_rewards, sum_traces
from signals.progressive.prior import Floats

COUNTS = (50, 1000)
"""Numbers of traces that estimates are made from."""
AGES = (0, 5, 10, 20, 30, 60)
"""Days since the traces began."""


@dataclass(frozen=True)
class Judged:
    """Shows to judge by.

    Attributes:
        whitened: the filter.
        y: by number of traces, whitened sums over that many traces of each show, [shows, DAYS].
        others: mean reward of each show's traces that no estimate has seen, [shows].
        mean: the expected reward of each show, [shows].
    """

    whitened: TraceFilter
    y: Mapping[int, Floats]
    others: Floats
    mean: Floats

    def believed(self, age: int, traces: int) -> RewardBeliefs:
        """What some traces of each show say when all are of one age, in days."""
        known = np.arange(DAYS) < age
        n: Floats = np.broadcast_to(known * float(traces), self.y[traces].shape)
        return infer_rewards(self.whitened, TraceSums(n, np.where(known, self.y[traces], 0.0)))


def judged(whitened: TraceFilter, of: Iterable[tuple[Show, Traces]], rng: np.random.Generator) -> Judged:
    """Add up the traces of some shows, one show at a time; they are shuffled in place first."""
    y: dict[int, list[Floats]] = {count: [] for count in COUNTS}
    others, mean = [], []
    for show, traces in of:
        rng.shuffle(traces)
        for count in COUNTS:
            whole = np.full(count, DAYS)
            y[count].append(sum_traces(whitened, np.zeros_like(whole), traces[:count], whole, 1).s[0])
        others.append(traces[max(COUNTS) :].sum(axis=1).mean())
        mean.append(show.mean.sum())
    return Judged(whitened, {count: np.array(sums) for count, sums in y.items()}, np.array(others), np.array(mean))


def errors(found: Judged, traces: int) -> dict[int, float]:
    """Mean absolute error by age."""
    return {age: float(np.abs(found.believed(age, traces).mean - found.others).mean()) for age in AGES}


def coverage(found: Judged, traces: int) -> dict[int, float]:
    """Share of shows whose true mean lies in the 95% interval, by age."""
    ends = {age: found.believed(age, traces).interval(0.95) for age in AGES}
    return {age: float(np.mean((low <= found.mean) & (found.mean <= high))) for age, (low, high) in ends.items()}
