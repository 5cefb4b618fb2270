"""Races a day's build on histories of growing size: Longplay and hand-written DuckDB.

    python -m bench.daily_build --peers /path/to/peers/bin/python

1, 5 and 20 million events over 150 days, 100 per user, and an exposure for every twelve of them; then single days of
the same volume. Each contender first takes the 150 days in one delivery, then day after day, in turn with the other.
For each day it adds the rows, computes the features of the day's exposures and of their items, and brings two labels up
to date (click, return_to_item_14d: those of 16 days are open). Facts are known at once, so that a script without known
times answers the same question. At the end the contents of both are compared, column by column.

Longplay does more in its time: it validates rows and tables before publishing, quarantines bad rows, and records when
each fact became known.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.increment import BEGIN, deliver
from bench.race import Contender, arguments, race, scratch, table
from bench.training_set import EVENTS_PER_EXPOSURE, EVENTS_PER_USER, ROWS_PER_ITEM, US, draw, growth, respond
from features.packed_order import Longs

BASE = 150
"""Days of the first delivery: longer than any look-back of features and labels."""
WARM = 3


def write(folder: Path, events: int, days: int) -> None:
    """Write a base and single days after it; one event in ten answers an exposure or returns to its item."""
    rng = np.random.default_rng(events)
    users, items = events // EVENTS_PER_USER, max(events // ROWS_PER_ITEM, 50)
    for number in range(days + 1):
        first, last = (0, BASE) if number == 0 else (BASE + number - 1, BASE + number)
        rows = events * (last - first) // BASE
        span = (first * US, last * US)
        shown = draw(rng, rows // EVENTS_PER_EXPOSURE, users, items, span)
        done = draw(rng, rows, users, items, span)
        respond(rng, done, shown, span[1])
        part = folder / f"{number:03d}"
        deliver(part, first, last, event_rows(rng, done, number))
        pq.write_table(exposure_rows(shown, number), part / "exposures.parquet")


def event_rows(rng: np.random.Generator, drawn: list[Longs], number: int) -> pa.Table:
    """Raw events, one per row."""
    rows = len(drawn[0])
    kinds = np.array(["play", "tap", "skip"])[rng.choice(3, rows, p=[0.6, 0.3, 0.1])]
    ids = [f"e-{number}-{n}" for n in range(rows)]
    own = {"event_id": ids, "kind": kinds, "amount": rng.integers(1, 600, rows).astype(float)}
    return pa.table({**own, "event_ts": times(drawn[0]), **keys(drawn)})


def exposure_rows(drawn: list[Longs], number: int) -> pa.Table:
    """Raw exposures, one per row."""
    rows = len(drawn[0])
    ids = [f"x-{number}-{n}" for n in range(rows)]
    shown = {"surface": ["home"] * rows, "position": pa.array(np.ones(rows, np.int32)), "policy": ["p"] * rows}
    return pa.table(
        {"request_id": ids, "as_of": times(drawn[0]), "propensity": np.full(rows, 0.1), **shown, **keys(drawn)}
    )


def keys(drawn: list[Longs]) -> dict[str, list[str]]:
    """Columns of users, items and topics."""
    _, who, what = drawn
    return {
        "user_id": [f"user-{n:07d}" for n in who.tolist()],
        "item_id": [f"item-{n:06d}" for n in what.tolist()],
        "topic": [f"topic-{n % 20}" for n in what.tolist()],
    }


def times(moments: Longs) -> pa.Array:
    """Timestamps (UTC) from microseconds since the start."""
    return pa.array(int(BEGIN.timestamp()) * 1_000_000 + moments).cast(pa.timestamp("us", "UTC"))


def spans(days: int) -> dict[str, str]:
    """Limits (UTC, ISO) of the single days, whose features are compared, and of the labels settled since."""
    end = BASE + days
    days_by_name = {"first": BASE, "end": end, "labels": BASE - 16, "settled": end - 15}
    return {name: f"{BEGIN + timedelta(days=n):%Y-%m-%d}" for name, n in days_by_name.items()}


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--millions", nargs="*", type=float, default=[1, 5, 20])
    args = parser.parse_args()
    scratched, days, rows = scratch("daily-build"), WARM + args.runs, list[dict[str, Any]]()
    for millions in args.millions:
        name, folder = f"{millions:g} M", scratched / f"{millions:g}"
        write(folder / "log", int(millions * 1_000_000), days)
        commands = {"longplay": [sys.executable, "-m", "bench.daily_build_longplay", str(folder)]}
        if args.peers:
            commands["duckdb"] = [args.peers, "-m", "bench.peers.daily_build_duckdb", str(folder)]
        chosen = [Contender(who, what, args.limit, folder / f"{who}.log") for who, what in commands.items()]
        results = race(chosen, {name: {"do": "day"}}, args.runs, warmups=1 + WARM, stop=False)
        contents = [contender.ask({"do": "compare", **spans(days)}) for contender in chosen]
        for row, sums in zip(results, contents, strict=True):
            row["wrong"] = wrong(sums, contents[0])
        for contender in chosen:
            contender.stop()
        rows += results
    print(table(rows, "duckdb" if args.peers else "longplay"))
    print(growth(rows))
    print(json.dumps(rows), file=sys.stderr)


def wrong(sums: dict[str, Any], first: dict[str, Any]) -> str:
    """List the row counts and column sums that differ from the first contender's."""
    names = sorted((set(sums) | set(first)) - {"cpu", "wall"})
    both = sums.keys() & first.keys()
    differs = [n for n in names if n not in both or abs(sums[n] - first[n]) > 1e-6 * max(1, abs(first[n]))]
    return ", ".join(differs) or "nothing"


if __name__ == "__main__":
    main()
