"""Errors of estimates from open traces, and coverage of their intervals, on shows that the prior has not seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.synthetic_traces import DAYS, Show, Traces
from signals.progressive.filter import RewardBeliefs, TraceFilter, TraceSums, infer_rewards, sum_traces
from signals.progressive.prior import Floats

COUNTS = (50, 1000)
"""Numbers of traces behind an estimate."""
AGES = (0, 5, 10, 20, 30, 60)
"""Days since the traces began."""


@dataclass(frozen=True)
class ValidationShows:
    """Shows for validation.

    Attributes:
        whitened: the filter.
        y: by number of traces, whitened sums over that many traces of each show, [shows, DAYS].
        others: mean reward of each show's traces outside all estimates, [shows].
        mean: the expected reward of each show, [shows].
    """

    whitened: TraceFilter
    y: Mapping[int, Floats]
    others: Floats
    mean: Floats

    def infer(self, age: int, traces: int) -> RewardBeliefs:
        """Infer rewards from some traces of each show, all of one age in days."""
        is_seen = np.arange(DAYS) < age
        n: Floats = np.broadcast_to(is_seen * float(traces), self.y[traces].shape)
        return infer_rewards(self.whitened, TraceSums(n, np.where(is_seen, self.y[traces], 0.0)))


def sum_validation_traces(
    whitened: TraceFilter, shows: Iterable[tuple[Show, Traces]], rng: np.random.Generator
) -> ValidationShows:
    """Shuffle the traces of each show in place, and sum them, one show at a time."""
    y: dict[int, list[Floats]] = {count: [] for count in COUNTS}
    others, mean = [], []
    for show, traces in shows:
        rng.shuffle(traces)
        for count in COUNTS:
            full_ages = np.full(count, DAYS)
            y[count].append(sum_traces(whitened, np.zeros_like(full_ages), traces[:count], full_ages, 1).s[0])
        others.append(traces[max(COUNTS) :].sum(axis=1).mean())
        mean.append(show.mean.sum())
    return ValidationShows(
        whitened, {count: np.array(sums) for count, sums in y.items()}, np.array(others), np.array(mean)
    )


def errors(validation: ValidationShows, traces: int) -> dict[int, float]:
    """Compute the mean absolute error by age."""
    return {age: float(np.abs(validation.infer(age, traces).mean - validation.others).mean()) for age in AGES}


def coverage(validation: ValidationShows, traces: int) -> dict[int, float]:
    """Compute the share of shows whose true mean lies in the 95% interval, by age."""
    ends = {age: validation.infer(age, traces).interval(0.95) for age in AGES}
    return {
        age: float(np.mean((low <= validation.mean) & (validation.mean <= high))) for age, (low, high) in ends.items()
    }
