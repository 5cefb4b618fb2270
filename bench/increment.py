"""Races a day's increment on a history against one on ten times that history: cost, and bytes read.

    python -m bench.increment

Days have equal size, and a tenth of their events become known up to three days late. Each contender is the whole
pipeline (ingest, histories, features, signals) with a warehouse of its own. It takes a base in one delivery, then day
after day, in turn with the other. The shorter history exceeds every look-back (59 days of maturing, after 180 days
without events), so both read equally far back. Each of the last days carries one event from three months ago: a late
event should cost only its own days.
"""

import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.race import Contender, arguments, race, scratch, table
from longplay.config.duration import DAY, DAY_US

BEGIN = datetime(2022, 1, 1, tzinfo=UTC)


def events(first: int, last: int, per_day: int, seed: int) -> pa.Table:
    """Events that happened in the days ``[first, last)`` since ``BEGIN``."""
    rng = np.random.default_rng(seed)
    rows = (last - first) * per_day
    start = int(BEGIN.timestamp()) * 1_000_000
    when = start + first * DAY_US + rng.integers(0, (last - first) * DAY_US, rows)
    late = np.where(rng.random(rows) < 0.1, rng.integers(0, 3 * DAY_US, rows), 0)
    kind = np.array(["play", "tap", "skip"])[rng.choice(3, rows, p=[0.65, 0.2, 0.15])]
    what = (per_day // 10 * rng.random(rows) ** 2).astype(int)
    return pa.table(
        {
            "event_id": [f"{seed}-{n}" for n in range(rows)],
            "user_id": [f"user-{n:06d}" for n in rng.integers(per_day // 2, size=rows).tolist()],
            "item_id": [f"item-{n:06d}" for n in what.tolist()],
            "topic": [f"topic-{n % 20}" for n in what.tolist()],
            "event_ts": pa.array(when).cast(pa.timestamp("us", "UTC")),
            "known_ts": pa.array(when + late).cast(pa.timestamp("us", "UTC")),
            "kind": kind,
            "amount": rng.integers(1, 600, rows).astype(float),
        }
    )


def deliver(folder: Path, first: int, last: int, rows: pa.Table) -> None:
    """Write a delivery: the rows that became known in ``[first, last)``, and a heartbeat."""
    folder.mkdir(parents=True)
    pq.write_table(rows, folder / "events.parquet")
    start, end = BEGIN + first * DAY, BEGIN + last * DAY
    heartbeat = {"complete_from": start, "complete_until": end, "observed_at": end}
    (folder / "beat.json").write_text(json.dumps({k: v.isoformat() for k, v in heartbeat.items()}), encoding="utf-8")


def write(folder: Path, days: int, per_day: int, more: int) -> None:
    """Write a base and single days after it; each of the last three has an event from three months ago."""
    all_events = events(0, days + more, per_day, seed=days)
    start = int(BEGIN.timestamp()) * 1_000_000
    known_days = (all_events["known_ts"].cast(pa.int64()).to_numpy() - start) // DAY_US
    borders = [0, *range(days, days + more + 1)]
    for number, (first, last) in enumerate(itertools.pairwise(borders)):
        rows = all_events.filter(pa.array((known_days >= first) & (known_days < last)))
        if number > more - 3:
            old = events(last - 90, last - 89, per_day, seed=10**6 + number).slice(0, 1)
            moment = pa.array([start + last * DAY_US - 1]).cast(pa.timestamp("us", "UTC"))
            rows = pa.concat_tables([rows, old.set_column(old.schema.get_field_index("known_ts"), "known_ts", moment)])
        deliver(folder / f"{number:03d}", first, last, rows)


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--days", type=int, default=260, help="days of the shorter history, longer than any look-back")
    parser.add_argument("--times", type=int, default=10, help="length of the other history as a multiple")
    parser.add_argument("--events", type=int, default=500, help="events per day")
    args = parser.parse_args()
    folder = scratch("increment")
    chosen = []
    for days in (args.days, args.days * args.times):
        name = f"{days} days"
        write(folder / name, days, args.events, 2 + args.runs + 3)
        command = [sys.executable, "-m", "bench.increment_longplay", str(folder / name), str(folder / f"{name} tables")]
        chosen.append(Contender(name, command, args.limit, folder / f"{name}.log"))
    rows = race(chosen, {"a day": {}}, args.runs, warmups=3, stop=False)
    rows += race(chosen, {"a day and an event of three months ago": {}}, 3, warmups=0)
    print(table(rows, f"{args.days} days"))
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
