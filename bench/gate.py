"""Races the gate of events against the build that it guards and great-expectations' own Spark engine.

    python -m bench.gate --millions 1 5
    python -m bench.gate --millions 0.2 --days 1 50 150 --only gate

The input is a raw log like the simulated world's, of one day or as many as ``--days`` says. ``build`` is ingest's
work without a gate: read, validate, count the reasons, stage, commit. ``gate`` validates the staged rows against the
contract of events, as ``publish`` does. ``own engine`` validates the same suite on great-expectations' Spark engine:
nulls, row rules, grain, number of rows, aggregates and shapes (of all rows, where the gate uses a sample), except
shapes that rest on earlier publications. ``check by check`` runs these expectations one by one; a suite answers some
of them together. Each runs in a warm process of its own, in turn. The uncounted first round pays for starting Spark
and importing great-expectations.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.race import Contender, arguments, race, scratch, table

US_A_DAY, EPOCH = 86_400_000_000, 1_735_689_600_000_000  # 1 January 2025
KINDS = ("click", "play", "complete", "skip", "hide")
CONTENDERS = ("build", "gate", "check by check", "own engine")
FILES = 4


def write(folder: Path, rows: int, days: int = 1) -> None:
    """Write days of the raw log, and its events as staged."""
    rng = np.random.default_rng(rows)
    when = np.sort(EPOCH + rng.integers(0, days * US_A_DAY, rows))
    kind = rng.choice(len(KINDS), rows, p=[0.35, 0.4, 0.1, 0.1, 0.05])
    item = (2_000 * rng.random(rows) ** 3).astype(np.int64)
    names = pa.array(KINDS).take(pa.array(kind))
    raw = {
        "event_id": _ids("e", np.arange(rows)),
        "user": _ids("u", rng.integers(max(rows // 20, 1), size=rows)),
        "item": _ids("i", item),
        "topic": _ids("t", item % 20),
        "kind": names,
        "ts": _times(when),
        "ingest_ts": _times(when + rng.integers(0, US_A_DAY // 24, rows)),
        "seconds": pa.array(rng.integers(1, 3600, rows).astype(float), mask=(kind != 1) & (kind != 2)),
        "request": pc.if_else(pa.array(rng.random(rows) < 0.6), _ids("r", rng.integers(rows, size=rows)), None),
        "surface": pa.array(["home", "search", "radio"]).take(pa.array(rng.integers(3, size=rows))),
        "episode": pa.nulls(rows, pa.string()),
    }
    _save(folder / "log" / "events.parquet", raw)
    day = _times(when).cast(pa.date32())
    known_ts = raw["ingest_ts"]
    hex_ids = rng.bytes(16 * rows).hex()
    staged = {
        "event_id": pa.array([hex_ids[32 * n : 32 * n + 32] for n in range(rows)]),
        "user_id": raw["user"],
        "item_id": raw["item"],
        "topic": raw["topic"],
        "kind": names,
        "event_ts": raw["ts"],
        "known_ts": known_ts,
        "event_day": day,
        "known_day": known_ts.cast(pa.date32()),
        "amount": raw["seconds"],
        "is_consumption": pa.array(kind == 1),
        "is_click": pa.array(kind == 0),
        "is_negative": pa.array(kind > 2),
        "request_id": raw["request"],
        "surface": raw["surface"],
        "episode": raw["episode"],
        "clock_skew": pa.array(np.zeros(rows, bool)),
        "batch": pa.array(np.ones(rows, np.int64)),
    }
    _save(folder / "staged", staged)


def _ids(prefix: str, numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pa.Array:
    return pa.array([f"{prefix}{n:08d}" for n in numbers.tolist()])


def _times(micros: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pa.Array:
    return pa.array(micros, pa.int64()).cast(pa.timestamp("us", "UTC"))


def _save(folder: Path, columns: dict[str, pa.Array]) -> None:
    rows = pa.table(columns)
    folder.mkdir(parents=True)
    step = -(-len(rows) // FILES)
    for number in range(FILES):
        pq.write_table(rows.slice(number * step, step), folder / f"part-{number}.parquet", coerce_timestamps="us")


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--millions", nargs="*", type=float, default=[1, 5])
    parser.add_argument("--days", nargs="*", type=int, default=[1], help="days over which the rows are spread")
    parser.add_argument(
        "--only", nargs="*", choices=CONTENDERS, default=list(CONTENDERS), help="contenders that take part"
    )
    args = parser.parse_args()
    folder = scratch("gate")
    sizes = {f"{millions:g} M, {days} d": (millions, days) for millions in args.millions for days in args.days}
    requests = {case: {"case": case} for case in sizes}
    for case, (millions, days) in sizes.items():
        write(folder / case, int(millions * 1_000_000), days)
    chosen = [
        Contender(
            name, [sys.executable, "-m", "bench.gate_longplay", name, str(folder)], args.limit, folder / f"{name}.log"
        )
        for name in args.only
    ]
    rows = race(chosen, requests, args.runs)
    print(table(rows, args.only[0]))
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
