"""The same transforms on Spark and on pysail: what each costs.

    python -m bench.engines --sail /path/to/sail --millions 2

Facts and spine of ``bench.last_value`` (100 facts a user) and events of ``bench.training_set``. ``last value``: the
point-in-time join to the last fact. ``tiles``: a history of users, items and days. ``checksum``: the content of a table
in one number, as the gate takes it. Each engine in a process of its own that stays warm, in turn; pysail is a server of
two threads that is asked over Spark Connect, and its CPU-seconds count with those of who asks.
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
    found = race(chosen, {case: {"case": case, "folder": str(folder)} for case in CASES}, args.runs)
    print(table(found, "spark"))
    print(json.dumps(found), file=sys.stderr)


if __name__ == "__main__":
    main()
