"""Races trailing sums over 7, 30 and 90 days as of a moment: Longplay, Spark's RANGE windows, hand-written DuckDB.

    python -m bench.windowed_sums --peers /path/to/peers/bin/python

2,000,000 facts, 200,000 spine rows, 100 and 1,000 facts per user, generated as in ``bench.last_value``.
Longplay's sums are exact for facts that were known late; RANGE windows order by one time and cannot be.
"""

import json
import sys
from typing import Any

from bench.last_value import write
from bench.race import Contender, arguments, race, scratch, table

WINDOWS = (7, 30, 90)
TOLERANCE_PER_ROW = 1e-7
"""Longplay sums amounts as whole numbers of a small unit, so that their order does not matter."""


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--facts", type=int, default=2_000_000)
    parser.add_argument("--spine", type=int, default=200_000)
    parser.add_argument("--shapes", nargs="*", type=int, default=[100, 1000])
    args = parser.parse_args()
    folder = scratch("windowed-sums")
    requests: dict[str, dict[str, Any]] = {}
    for shape in args.shapes:
        write(folder / str(shape), args.facts, args.spine, shape, columns=1)
        requests[str(shape)] = {"folder": str(folder / str(shape))}
    commands = {
        "longplay": [sys.executable, "-m", "bench.windowed_sums_spark", "longplay"],
        "range windows": [sys.executable, "-m", "bench.windowed_sums_spark", "range"],
    }
    if args.peers:
        commands["duckdb"] = [args.peers, "-m", "bench.peers.windowed_sums_duckdb"]
    chosen = [Contender(name, command, args.limit, folder / f"{name}.log") for name, command in commands.items()]
    rows = race(chosen, requests, args.runs)
    for row in rows:
        expected = next(r for r in rows if r["case"] == row["case"] and r["contender"] == "longplay")
        same = [abs(row[f"s{w}"] - expected[f"s{w}"]) < TOLERANCE_PER_ROW * args.spine for w in WINDOWS]
        row["wrong"] = "nothing" if all(same) else "sums"
    print(table(rows, "longplay"))
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
