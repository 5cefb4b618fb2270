"""A bandit that recommends shows and learns the value of 59 days of a listener: progressively, at once, or late.

Thompson sampling over shows of unknown value, with a fixed number of actions per day. An action's trace begins on its
day, and each day of it is known the next morning. The regret of a day is the value of the best show, less the mean
value of the shows that were shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.synthetic_traces import DAYS, Traces
from signals.progressive.filter import (
    RewardBeliefs,
    TraceFilter,
    TraceSums,
    choose_by_thompson,
    infer_rewards,
    infer_rewards_from_totals,
)
from signals.progressive.prior import Floats, Prior

Policy = Literal["progressive", "oracle", "delayed", "day-2"]
POLICIES: tuple[Policy, ...] = ("progressive", "oracle", "delayed", "day-2")


@dataclass(frozen=True)
class Task:
    """The problem that every policy faces.

    Attributes:
        pool: traces that listeners are drawn from, with replacement, [shows, traces, DAYS].
        prior: learnt from other shows.
        days: number of days.
        actions: per day.
    """

    pool: Traces
    prior: Prior
    days: int
    actions: int

    @property
    def worth(self) -> Floats:
        """Mean reward of each show, [shows]."""
        worth: Floats = self.pool.sum(axis=2).mean(axis=1)
        return worth

    def draw(self, chosen: np.ndarray, rng: np.random.Generator) -> Floats:
        """Draw a trace for each action, [actions, DAYS]."""
        traces: Floats = self.pool[chosen, rng.integers(self.pool.shape[1], size=len(chosen))].astype(np.float64)
        return traces


def regrets(task: Task, policy: Policy, rng: np.random.Generator) -> Floats:
    """Regret of each day, [days]."""
    worth = task.worth
    agent = _progressive(task, rng) if policy == "progressive" else _by_one_number(task, policy, rng)
    return np.array([worth.max() - worth[chosen].mean() for _, chosen in zip(range(task.days), agent, strict=False)])


def _progressive(task: Task, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Learn from every day of every open trace, from the next morning on."""
    whitened = TraceFilter.from_prior(task.prior, np.ones(DAYS))
    sums = TraceSums.zeros(len(task.pool), DAYS)
    running: list[tuple[np.ndarray, Floats]] = []
    while True:
        for age, (shown, y) in enumerate(reversed(running)):
            np.add.at(sums.n[:, age], shown, 1.0)
            np.add.at(sums.s[:, age], shown, y[:, age])
        chosen = choose_by_thompson(infer_rewards(whitened, sums), task.actions, rng)
        running = [*running, (chosen, task.draw(chosen, rng) @ whitened.whitener.T)][-DAYS:]
        yield chosen


def _by_one_number(task: Task, policy: Policy, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Learn from the complete reward the next morning (oracle) or at its end (delayed), or from day one (day-2)."""
    prior, late = task.prior, DAYS - 1 if policy == "delayed" else 0
    part = slice(0, 1) if policy == "day-2" else slice(0, DAYS)
    mean, variance, noise = prior.mean[part].sum(), prior.between[part, part].sum(), prior.within[part, part].sum()
    n, total = np.zeros(len(task.pool)), np.zeros(len(task.pool))
    waiting: list[tuple[np.ndarray, Floats]] = []
    while True:
        if len(waiting) > late:
            shown, numbers = waiting.pop(0)
            np.add.at(n, shown, 1.0)
            np.add.at(total, shown, numbers)
        believed: RewardBeliefs = infer_rewards_from_totals(mean, variance, noise, n, total)
        chosen = choose_by_thompson(believed, task.actions, rng)
        waiting.append((chosen, task.draw(chosen, rng)[:, part].sum(axis=1)))
        yield chosen
