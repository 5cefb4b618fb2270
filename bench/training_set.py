"""Races a complete training set from facts, at growing sizes: Longplay and hand-written DuckDB.

    python -m bench.training_set --peers /path/to/peers/bin/python

1, 5 and 20 million events over 180 days, 100 per user, and an exposure for every twelve of them. The exposures of 105
days are the rows of the set, each with every shipped feature and two labels (click, return_to_item_14d). Each contender
reads the same Parquet files and writes the set as Parquet. Facts are known at once, so that a script without known
times answers the same question; Longplay's plan is the one that is also exact for late facts.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bench.race import Contender, arguments, race, scratch, table
from features.packed_order import Longs
from features.shipped_views import feature_names

DAYS, US = 180, 86_400_000_000
EPOCH = 1_735_689_600_000_000  # 1 January 2025
SPAN = (60, 165)
"""Days of the set's rows, from the first on, before the second."""
LABELS = ("click", "return_to_item_14d")
EVENTS_PER_USER, EVENTS_PER_EXPOSURE, ROWS_PER_ITEM = 100, 12, 2_000
CHUNK = 1_000_000
COLUMNS = [*(f"label_{name}" for name in LABELS), *feature_names()]


def write(folder: Path, events: int) -> None:
    """Write events and exposures like Longplay's fact tables, in files of a million rows.

    One event in twenty answers an exposure within the hour; as many return to its item within 14 days.
    """
    rng = np.random.default_rng(events)
    users, items = events // EVENTS_PER_USER, max(events // ROWS_PER_ITEM, 50)
    span = (EPOCH, EPOCH + DAYS * US)
    shown = draw(rng, events // EVENTS_PER_EXPOSURE, users, items, span)
    done = draw(rng, events, users, items, span)
    respond(rng, done, shown, span[1])
    for name, drawn in (("events", done), ("exposures", shown)):
        (folder / name).mkdir(parents=True)
        order = np.argsort(drawn[0])
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            part = _part(rng, name, rows, [column[rows] for column in drawn])
            pq.write_table(part, folder / name / f"part-{start // CHUNK:03d}.parquet", row_group_size=250_000)


def draw(rng: np.random.Generator, rows: int, users: int, items: int, span: tuple[int, int]) -> list[Longs]:
    """Draw times (microseconds) within a span, users and items; a few items take the largest share."""
    what = (items * rng.random(rows) ** 3).astype(np.int64)
    return [rng.integers(*span, rows), rng.integers(users, size=rows), what]


def respond(rng: np.random.Generator, done: list[Longs], shown: list[Longs], end: int) -> None:
    """Let one event in twenty answer an exposure within the hour, and another return to its item within 14 days."""
    for share, reach in ((0.05, US // 24), (0.05, 14 * US)):
        rows = rng.random(len(done[0])) < share
        of = rng.integers(len(shown[0]), size=int(rows.sum()))
        done[0][rows] = np.minimum(shown[0][of] + rng.integers(1, reach, len(of)), end - 1)
        done[1][rows], done[2][rows] = shown[1][of], shown[2][of]


def _part(rng: np.random.Generator, name: str, ids: Longs, drawn: list[Longs]) -> pa.Table:
    rows = len(ids)
    when, who, what = drawn
    ts = pa.array(when, pa.int64()).cast(pa.timestamp("us", "UTC"))
    shared = {
        "user_id": _ids("user", who),
        "item_id": _ids("item", what),
        "topic": _ids("topic", what % 20),
        "known_ts": ts,
        "batch": pa.array(np.zeros(rows, np.int64)),
        "request_id": pa.nulls(rows, pa.string()),
    }
    if name == "exposures":
        own = {"exposure_id": _ids("x", ids), "as_of": ts, "as_of_day": ts.cast(pa.date32())}
        made = {
            "surface": pa.array(["home"] * rows),
            "position": pa.array(rng.integers(1, 10, rows).astype(np.int32)),
            "policy": pa.array(["p"] * rows),
            "propensity": pa.array(np.full(rows, 0.1)),
            "sampled": pa.array(np.zeros(rows, bool)),
        }
        return pa.table({**own, **shared, **made})
    kind = rng.random(rows)
    return pa.table(
        {
            "event_id": _ids("e", ids),
            "event_ts": ts,
            "event_day": ts.cast(pa.date32()),
            "known_day": ts.cast(pa.date32()),
            "amount": pa.array(rng.integers(30, 3600, rows).astype(np.float64)),
            "is_consumption": pa.array(kind < 0.6),
            "is_click": pa.array((kind > 0.5) & (kind < 0.9)),
            "is_negative": pa.array(kind > 0.9),
            **shared,
        }
    )


def _ids(prefix: str, numbers: Longs) -> pa.Array:
    return pa.array([f"{prefix}-{n:09d}" for n in numbers.tolist()])


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--millions", nargs="*", type=float, default=[1, 5, 20])
    args = parser.parse_args()
    folder = scratch("training-set")
    requests: dict[str, dict[str, Any]] = {}
    for millions in args.millions:
        name = f"{millions:g} M"
        write(folder / name, int(millions * 1_000_000))
        requests[name] = {"folder": str(folder / name), "span": SPAN, "buckets": buckets(int(millions * 1_000_000))}
    commands = {"longplay": [sys.executable, "-m", "bench.training_set_longplay"]}
    if args.peers:
        commands["duckdb"] = [args.peers, "-m", "bench.peers.training_set_duckdb"]
    chosen = [Contender(name, command, args.limit, folder / f"{name}.log") for name, command in commands.items()]
    rows = race(chosen, requests, args.runs)
    for row in rows:
        row.update(sums(Path(row["out"])) if "out" in row else {})
    for row in rows:
        row["wrong"] = wrong(row, next(r for r in rows if r["case"] == row["case"]))
    print(table(rows, "longplay"))
    print(growth(rows))
    print(json.dumps(rows), file=sys.stderr)


def buckets(events: int) -> int:
    """The number of buckets that the store chooses, with at most 250,000 rows each."""
    return max(8, -(-events * (EVENTS_PER_EXPOSURE + 1) // EVENTS_PER_EXPOSURE // 250_000))


def sums(out: Path) -> dict[str, float]:
    """Count the rows of a written set, and sum every label and feature."""
    dataset = ds.dataset(out, format="parquet")
    total: dict[str, float] = {"rows": dataset.count_rows()}
    for name in COLUMNS:
        total[name] = float(pc.sum(dataset.to_table(columns=[name])[name]).as_py() or 0.0)
    return total


def wrong(row: dict[str, Any], first: dict[str, Any]) -> str:
    """List the columns whose sum differs from the first contender's."""
    names = ["rows", *COLUMNS]
    differs = [n for n in names if "failed" in row or abs(row[n] - first[n]) > 1e-6 * max(1.0, abs(first[n]))]
    return ", ".join(differs) or "nothing"


def growth(rows: list[dict[str, Any]]) -> str:
    """CPU-seconds per further million events, from size to size."""
    lines = []
    for name in dict.fromkeys(row["contender"] for row in rows):
        own = [(float(r["case"].split()[0]), r["cpu"]) for r in rows if r["contender"] == name and "cpu" in r]
        steps = [
            f"{(cpu - before) / (size - smaller):.2f} from {smaller:g} to {size:g} M"
            for (smaller, before), (size, cpu) in itertools.pairwise(own)
        ]
        lines.append(f"{name}: CPU-s per further million events: {', '.join(steps)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
