"""Estimates open labels before maturity: error by day, coverage, and a bandit that does not wait.

    python -m bench.progressive

The data are synthetic traces as in McDonald et al. 2023, Impatient Bandits, KDD: 59 days, 200 shows to fit the prior
and 200 for validation, 10,000 traces each, generated show by show, so that memory stays below 1 GiB. Seed 42, and seed
0 to select traces, reproduce the published data; further seeds show how much depends on them. Prints these figures next
to the published ones:

1. Mean absolute error of a show's mean reward, without data and with 1,000 traces of one age. The truth is the mean of
   the show's other 9,000 traces, as published.
2. How often the 95% interval contains the show's expected reward, at the same ages, with 1,000 and 50 traces.
3. Average regret of days 1 to 180, with 200 shows and 200 actions per day, for policies that learn as days come
   (progressive), from the complete reward at once (oracle) or at its end (delayed), and from the first day (day-2).

Takes about 2 minutes on one core. --quick takes a few seconds, with fewer traces, shows, days and repetitions, and
other figures. Exit status 1: a figure of seed 42 is outside its tolerance.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from time import perf_counter

import numpy as np

from bench.progressive_bandit import POLICIES, Policy, Task, regrets
from bench.progressive_error import AGES, COUNTS, ValidationShows, coverage, errors, sum_validation_traces
from bench.synthetic_traces import DAYS, Traces, world
from signals.progressive.filter import TraceFilter
from signals.progressive.prior import Floats, Prior, TraceMoments, fit_prior

MAE = {0: 0.68, 5: 0.43, 10: 0.242, 20: 0.203, 30: 0.173, 60: 0.167}
REGRET: dict[Policy, float] = {"progressive": 0.84, "oracle": 0.71, "delayed": 1.48, "day-2": 1.92}
NEAR_MAE, NEAR_REGRET = 0.02, 0.15
SHUFFLE = 0
"""Seed that selects the traces behind estimates, as published."""


@dataclass(frozen=True)
class Size:
    """Size of the experiment."""

    prior_shows: int
    validation_shows: int
    traces: int
    worlds: int
    bandit_shows: int
    days: int
    actions: int
    trials: int


FULL = Size(
    prior_shows=200, validation_shows=200, traces=10_000, worlds=4, bandit_shows=200, days=180, actions=200, trials=20
)
QUICK = Size(prior_shows=60, validation_shows=60, traces=2000, worlds=2, bandit_shows=30, days=90, actions=50, trials=2)


def simulate_world(size: Size, seed: int) -> tuple[ValidationShows, Prior, Traces]:
    """Simulate validation shows, the prior from the others, and the bandit's traces, [shows, traces, DAYS]."""
    shows = world(size.prior_shows + size.validation_shows, size.traces, np.random.default_rng(seed))
    prior = fit_prior(TraceMoments.from_traces(traces for _, traces in islice(shows, size.prior_shows)))
    whitened, training = TraceFilter.from_prior(prior, np.ones(DAYS)), list(islice(shows, size.bandit_shows))
    validation = sum_validation_traces(whitened, chain(training, shows), np.random.default_rng(SHUFFLE))
    return validation, prior, np.array([traces for _, traces in training])


def bandit(task: Task, trials: int, seed: int) -> dict[Policy, Floats]:
    """Average regret over all days, by policy and trial."""
    return {
        policy: np.array([regrets(task, policy, np.random.default_rng([seed, n, t])).mean() for t in range(trials)])
        for n, policy in enumerate(POLICIES)
    }


def table(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first row is the head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"\n{title}\n", lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def spread(values: Sequence[float]) -> str:
    """Least to most."""
    return f"{min(values):.3f} to {max(values):.3f}"


def main() -> None:
    """Simulate traces, compute the figures, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version, in a few seconds")
    parser.add_argument("--seed", type=int, default=42, help="of the first world; the bandit is put to it alone")
    args = parser.parse_args()
    size, begin = QUICK if args.quick else FULL, perf_counter()
    first, prior, pool = simulate_world(size, args.seed)
    others = [simulate_world(size, args.seed + n)[0] for n in range(1, size.worlds)]
    mae, further = errors(first, max(COUNTS)), [errors(validation, max(COUNTS)) for validation in others]
    rows = [[str(a), f"{mae[a]:.3f}", spread([by_age[a] for by_age in further]), f"{MAE[a]:g}"] for a in AGES]
    shows = size.validation_shows
    title = f"Mean absolute error of the mean reward, {max(COUNTS):,} traces of one age, {shows} shows per seed"
    print(table(title, [["day", f"seed {args.seed}", f"{len(others)} further seeds", "published"], *rows]))
    coverages = [[coverage(validation, count) for validation in (first, *others)] for count in COUNTS]
    rows = [[str(a), *[f"{np.mean([by_age[a] for by_age in of]):.3f}" for of in coverages]] for a in AGES]
    title = f"Share of {shows} shows, mean of {size.worlds} seeds, whose expected reward lies in the 95% interval"
    print(table(title, [["day", *[f"{count:,} traces" for count in COUNTS]], *rows]))
    last = bandit(Task(pool, prior, size.days, size.actions), size.trials, args.seed)
    rows = [[p, f"{v.mean():.2f}", f"{v.std(ddof=1) / len(v) ** 0.5:.2f}", f"{REGRET[p]:g}"] for p, v in last.items()]
    title = f"Average regret over {size.days} days: {size.bandit_shows} shows, {size.actions} actions per day, "
    print(table(f"{title}{size.trials} repetitions", [["policy", "here", "standard error", "published"], *rows]))
    print(f"\n{perf_counter() - begin:.0f} s", file=sys.stderr)
    sys.exit(not args.quick and not _near(mae, {policy: float(v.mean()) for policy, v in last.items()}))


def _near(mae: dict[int, float], regret: dict[Policy, float]) -> bool:
    """Whether all figures are within tolerance of the published ones, with policies in the same order."""
    close = all(abs(mae[age] - MAE[age]) <= NEAR_MAE for age in AGES)
    close &= all(abs(regret[policy] - REGRET[policy]) <= NEAR_REGRET for policy in POLICIES)
    return close and sorted(regret, key=lambda p: regret[p]) == sorted(REGRET, key=lambda p: REGRET[p])


if __name__ == "__main__":
    main()
