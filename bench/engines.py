"""Races the same transforms on Spark and on pysail.

    python -m bench.engines --sail /path/to/sail --millions 2

Facts and spine of ``bench.last_value`` (100 facts per user) and events of ``bench.training_set``. ``last value``: the
point-in-time join to the last fact. ``tiles``: a history of users, items and days. ``checksum``: the checksum that the
gate computes for a table. Each engine runs in a warm process of its own, in turn. pysail is a server with two threads,
reached over Spark Connect; its CPU-seconds count together with the client's.
"""

import json
import sys

from bench import last_value, training_set
from bench.race import Contender, arguments, race, scratch, table

CASES = ("last value", "tiles", "checksum")


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--sail", required=True, help="the program of pysail, such as .venv/bin/sail")
    parser.add_argument("--millions", type=float, default=2)
    args = parser.parse_args()
    folder = scratch("engines")
    rows = int(args.millions * 1_000_000)
    last_value.write(folder / "last value", rows, rows // 10, 100)
    training_set.write(folder / "log", rows)
    chosen = [
        Contender(name, [sys.executable, "-m", "bench.engines_longplay", program], args.limit, folder / f"{name}.log")
        for name, program in (("spark", ""), ("pysail", args.sail))
    ]
    results = race(chosen, {case: {"case": case, "folder": str(folder)} for case in CASES}, args.runs)
    print(table(results, "spark"))
    print(json.dumps(results), file=sys.stderr)


if __name__ == "__main__":
    main()
