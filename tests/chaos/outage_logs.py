"""Outages in simulated logs: days found and days found wrongly, by what is counted.

``python -m tests.chaos.outage_logs --seeds 20`` prints a table. Cohort logs have no outage: all users join in the first
weeks, and thin out. The others have one hole, in a log with a weekly rhythm, growth and noise. All is in memory.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

import click
import numpy as np

from ingest.watermark import midnight
from longplay.config.duration import DAY
from quality.monitoring.outage_detection import CountedMetric, DailyCounts, OutageSearch, detect_outages

FIRST_DAY = date(2024, 1, 1)
WEEK = np.array([1.0, 1.0, 1.0, 1.05, 1.2, 1.35, 1.1])
METRICS: tuple[CountedMetric, ...] = ("users", "returning_users")
HOLES = (1, 3, 13, 30, 271)


@dataclass(frozen=True)
class SimulatedLog:
    """Which users were active on which of ``days`` days: a day after their first is one of returning users."""

    days: int
    active_days: Mapping[int, np.ndarray]
    hole: range = range(0)

    def counts(self, metric: CountedMetric) -> DailyCounts:
        """Counts of each day outside the hole, all known on the day."""
        totals = np.zeros(self.days)
        for active in self.active_days.values():
            seen = active[~np.isin(active, self.hole)]
            totals[seen if metric == "users" else seen[1:]] += 1
        return DailyCounts({day_of(n): {day_of(n): float(total)} for n, total in enumerate(totals) if total})

    def find(self, metric: CountedMetric) -> tuple[int, int]:
        """Days of the hole that were found, and other days that were."""
        watermark = midnight(day_of(self.days + 1))
        parts = detect_outages(self.counts(metric), FIRST_DAY, watermark, OutageSearch(metric))
        found = {(part.day - FIRST_DAY).days for part in parts}
        return len(found & set(self.hole)), len(found - set(self.hole))


def day_of(number: int) -> date:
    return FIRST_DAY + number * DAY


def cohort_log(seed: int, lifetime: float, rate: float, join_days: int = 84, users: int = 8_000) -> SimulatedLog:
    """All users join in the first weeks, then thin out over 15 months; rates differ between users."""
    rng = np.random.default_rng(seed)
    rates, days = rng.gamma(0.6, rate / 0.6, users), join_days + 456
    ends = rng.exponential(lifetime, users)
    joins = rng.integers(0, join_days, users)
    return SimulatedLog(days, dict(enumerate(_activity(rng, joins, np.minimum(joins + 1 + ends, days), rates))))


def steady_log(seed: int, hole_days: int, users: int = 1_500) -> SimulatedLog:
    """Users come and go, a few more come than go, and days differ by chance; one hole."""
    rng = np.random.default_rng(seed)
    days = 700 if hole_days > 100 else 450
    joins = np.concatenate([np.zeros(users, int), rng.integers(0, days, int(0.001 * users * days))])
    ends = np.minimum(joins + 1 + rng.exponential(400, len(joins)), days)
    noise = np.exp(rng.normal(0, 0.08, days))
    start = 200 + int(rng.integers(0, 7))
    active = _activity(rng, joins, ends, rng.beta(2, 6, len(joins)), noise)
    return SimulatedLog(days, dict(enumerate(active)), range(start, start + hole_days))


def _activity(
    rng: np.random.Generator, joins: np.ndarray, ends: np.ndarray, rates: np.ndarray, noise: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """The days on which each user is active: the first, and others by their rate and the day's weekday."""
    for join, end, rate in zip(joins, ends.astype(int), rates, strict=True):
        days = np.arange(join, max(end, join + 1))
        chance = rate * WEEK[days % 7] * (1.0 if noise is None else noise[days])
        is_active = rng.random(len(days)) < chance
        is_active[0] = True
        yield days[is_active]


LOGS: Mapping[str, Callable[[int], SimulatedLog]] = {
    "cohort, 5 months": partial(cohort_log, lifetime=150, rate=0.01, users=20_000),
    "cohort, 40 days": partial(cohort_log, lifetime=40, rate=0.05),
    "cohort of 3 weeks": partial(cohort_log, lifetime=60, rate=0.05, join_days=21),
    **{f"hole of {n} d": partial(steady_log, hole_days=n) for n in HOLES},
}


@click.command()
@click.option("--seeds", default=20, show_default=True, help="Logs of each kind.")
def main(seeds: int) -> None:
    """Print days found of those that are missing, and days found wrongly, for each kind of log."""
    click.echo("log | missing days | " + " | ".join(f"{metric}: found, false" for metric in METRICS))
    for name, simulate in LOGS.items():
        logs = [simulate(seed) for seed in range(seeds)]
        cells = []
        for metric in METRICS:
            outcomes = [log.find(metric) for log in logs]
            cells.append(f"{sum(found for found, _ in outcomes):,}, {sum(false for _, false in outcomes):,}")
        click.echo(f"{name} | {sum(len(log.hole) for log in logs):,} | {' | '.join(cells)}")


if __name__ == "__main__":
    main()
