"""Open labels, estimated before they are mature: error by day, coverage, and a bandit that does not wait.

    python -m bench.progressive

Synthetic traces of McDonald et al. 2023, Impatient Bandits, KDD: 59 days, 200 shows to learn the prior from and 200 to
judge by, 10,000 traces each, made show by show; memory stays below 1 GiB. Seed 42, and 0 for which traces are taken,
give the published data; further seeds say how much depends on that. Printed beside the published figures:

1. Mean absolute error of a show's mean reward, without data and with 1,000 traces of one age. Truth is the mean of the
   show's other 9,000 traces, as published.
2. How often the 95% interval holds the show's expected reward, at the same ages, with 1,000 and 50 traces.
3. Average regret of days 1 to 180: 200 shows, 200 actions a day, for policies that learn as days come (progressive),
   from the whole reward at once (oracle) or when it is there (delayed), and from the first day alone (day-2).

The whole takes about 2 minutes on one core; --quick a few seconds, with fewer traces, shows, days and repetitions,
so that its figures are not those. Exit status 1: a figure of seed 42 is not within its tolerance.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from time import perf_counter

import numpy as np

from bench.progressive_bandit import POLICIES, Policy, Task, regrets
from bench.progressive_error import AGES, COUNTS, Judged, coverage, errors, judged
from bench.synthetic_traces import DAYS, Traces, world
from signals.progressive.filter import TraceFilter
from signals.progressive.prior import Floats, Prior, TraceMoments, fit_prior

MAE = {0: 0.68, 5: 0.43, 10: 0.242, 20: 0.203, 30: 0.173, 60: 0.167}
REGRET: dict[Policy, float] = {"progressive": 0.84, "oracle": 0.71, "delayed": 1.48, "day-2": 1.92}
NEAR_MAE, NEAR_REGRET = 0.02, 0.15
SHUFFLE = 0
"""Seed that picks the traces which estimates are made from, as published."""


@dataclass(frozen=True)
class Size:
    """How much is done."""

    past: int
    judged: int
    traces: int
    worlds: int
    bandit_shows: int
    days: int
    actions: int
    trials: int


WHOLE = Size(past=200, judged=200, traces=10_000, worlds=4, bandit_shows=200, days=180, actions=200, trials=20)
QUICK = Size(past=60, judged=60, traces=2000, worlds=2, bandit_shows=30, days=90, actions=50, trials=2)


def one_world(size: Size, seed: int) -> tuple[Judged, Prior, Traces]:
    """Shows to judge by, the prior from the others, and the bandit's traces, [shows, traces, DAYS]."""
    shows = world(size.past + size.judged, size.traces, np.random.default_rng(seed))
    prior = fit_prior(TraceMoments.from_traces(traces for _, traces in islice(shows, size.past)))
    whitened, kept = TraceFilter.from_prior(prior, np.ones(DAYS)), list(islice(shows, size.bandit_shows))
    found = judged(whitened, chain(kept, shows), np.random.default_rng(SHUFFLE))
    return found, prior, np.array([traces for _, traces in kept])


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
    """Make the traces, judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version, in a few seconds")
    parser.add_argument("--seed", type=int, default=42, help="of the first world; the bandit is put to it alone")
    args = parser.parse_args()
    size, begin = QUICK if args.quick else WHOLE, perf_counter()
    first, prior, pool = one_world(size, args.seed)
    others = [one_world(size, args.seed + n)[0] for n in range(1, size.worlds)]
    mae, further = errors(first, max(COUNTS)), [errors(found, max(COUNTS)) for found in others]
    rows = [[str(a), f"{mae[a]:.3f}", spread([one[a] for one in further]), f"{MAE[a]:g}"] for a in AGES]
    title = f"Mean absolute error of the mean reward, {max(COUNTS):,} traces of one age, {size.judged} shows a seed"
    print(table(title, [["day", f"seed {args.seed}", f"{len(others)} further seeds", "published"], *rows]))
    held = [[coverage(found, count) for found in (first, *others)] for count in COUNTS]
    rows = [[str(a), *[f"{np.mean([one[a] for one in of]):.3f}" for of in held]] for a in AGES]
    title = f"Share of {size.judged} shows, mean of {size.worlds} seeds, whose expected reward the 95% interval holds"
    print(table(title, [["day", *[f"{count:,} traces" for count in COUNTS]], *rows]))
    last = bandit(Task(pool, prior, size.days, size.actions), size.trials, args.seed)
    rows = [[p, f"{v.mean():.2f}", f"{v.std(ddof=1) / len(v) ** 0.5:.2f}", f"{REGRET[p]:g}"] for p, v in last.items()]
    title = f"Average regret over {size.days} days: {size.bandit_shows} shows, {size.actions} actions a day, "
    print(table(f"{title}{size.trials} repetitions", [["policy", "here", "standard error", "published"], *rows]))
    print(f"\n{perf_counter() - begin:.0f} s", file=sys.stderr)
    sys.exit(not args.quick and not _near(mae, {policy: float(v.mean()) for policy, v in last.items()}))


def _near(mae: dict[int, float], regret: dict[Policy, float]) -> bool:
    """Whether all is within tolerance of what was published, and the policies in the same order."""
    close = all(abs(mae[age] - MAE[age]) <= NEAR_MAE for age in AGES)
    close &= all(abs(regret[policy] - REGRET[policy]) <= NEAR_REGRET for policy in POLICIES)
    return close and sorted(regret, key=lambda p: regret[p]) == sorted(REGRET, key=lambda p: REGRET[p])


if __name__ == "__main__":
    main()
