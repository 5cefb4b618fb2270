"""A day's increment on a history, and on ten times that history: what it costs, and what it reads.

    python -m bench.increment

Days of equal size, a tenth of their events known up to three days late. Each contender is the whole line (ingest,
histories, features, signals) with a warehouse of its own: it takes a base in one delivery, then day after day, in turn
with the other. The shorter history is longer than what any definition looks back on (59 days of maturing, after 180
days in which there was nothing), so both read as far back. The last days carry one event of three months ago each: a
late event costs its own days only.
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


def events(first: int, last: int, a_day: int, seed: int) -> pa.Table:
    """Events of the days ``[first, last)`` since ``BEGIN``, by the day on which they happened."""
    rng = np.random.default_rng(seed)
    rows = (last - first) * a_day
    start = int(BEGIN.timestamp()) * 1_000_000
    when = start + first * DAY_US + rng.integers(0, (last - first) * DAY_US, rows)
    late = np.where(rng.random(rows) < 0.1, rng.integers(0, 3 * DAY_US, rows), 0)
    kind = np.array(["play", "tap", "skip"])[rng.choice(3, rows, p=[0.65, 0.2, 0.15])]
    what = (a_day // 10 * rng.random(rows) ** 2).astype(int)
    return pa.table(
        {
            "event_id": [f"{seed}-{n}" for n in range(rows)],
            "user_id": [f"user-{n:06d}" for n in rng.integers(a_day // 2, size=rows).tolist()],
            "item_id": [f"item-{n:06d}" for n in what.tolist()],
            "topic": [f"topic-{n % 20}" for n in what.tolist()],
            "event_ts": pa.array(when).cast(pa.timestamp("us", "UTC")),
            "known_ts": pa.array(when + late).cast(pa.timestamp("us", "UTC")),
            "kind": kind,
            "amount": rng.integers(1, 600, rows).astype(float),
        }
    )


def deliver(folder: Path, first: int, last: int, rows: pa.Table) -> None:
    """A delivery: rows that became known in ``[first, last)``, and its word that these are all."""
    folder.mkdir(parents=True)
    pq.write_table(rows, folder / "events.parquet")
    start, end = BEGIN + first * DAY, BEGIN + last * DAY
    beat = {"complete_from": start, "complete_until": end, "observed_at": end}
    (folder / "beat.json").write_text(json.dumps({k: v.isoformat() for k, v in beat.items()}), encoding="utf-8")


def write(folder: Path, days: int, a_day: int, more: int) -> None:
    """A base of so many days and single days after it; the last three of them with an event of three months ago."""
    whole = events(0, days + more, a_day, seed=days)
    start = int(BEGIN.timestamp()) * 1_000_000
    known = (whole["known_ts"].cast(pa.int64()).to_numpy() - start) // DAY_US
    borders = [0, *range(days, days + more + 1)]
    for number, (first, last) in enumerate(itertools.pairwise(borders)):
        rows = whole.filter(pa.array((known >= first) & (known < last)))
        if number > more - 3:
            old = events(last - 90, last - 89, a_day, seed=10**6 + number).slice(0, 1)
            moment = pa.array([start + last * DAY_US - 1]).cast(pa.timestamp("us", "UTC"))
            rows = pa.concat_tables([rows, old.set_column(old.schema.get_field_index("known_ts"), "known_ts", moment)])
        deliver(folder / f"{number:03d}", first, last, rows)


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--days", type=int, default=260, help="days of the shorter history, above any look-back")
    parser.add_argument("--times", type=int, default=10, help="how many times longer the other is")
    parser.add_argument("--events", type=int, default=500, help="events a day")
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
