"""Races three layouts of a table of events: writing, adding a day, and reading.

    python -m bench.layout

Events of ``bench.training_set``, 5 million over 180 days, as one delivery, then ten single days, each a delivery of its
own. ``sorted``: as the store writes them, sorted by day within a task, in files of at most 250,000 rows. ``by day``: a
folder for each day. ``clustered``: Delta's liquid clustering by day and user, with an OPTIMIZE after the base and after
the ten days. Each runs in a warm process of its own, in turn.
"""

import json
import sys

from bench.race import Contender, arguments, race, scratch, table
from bench.training_set import write

LAYOUTS = ("sorted", "by day", "clustered")
ADDED = 10
READS = ("a day", "28 days", "a user", "all")


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--millions", type=float, default=5)
    args = parser.parse_args()
    folder = scratch("layout")
    write(folder / "log", int(args.millions * 1_000_000))
    chosen = [
        Contender(name, [sys.executable, "-m", "bench.layout_spark", name, str(folder)], args.limit, folder / "log.txt")
        for name in LAYOUTS
    ]
    rows = race(chosen, {"write": {"do": "base"}}, args.runs, stop=False)
    rows += race(chosen, {"add a day": {"do": "add"}}, ADDED - 1, stop=False)
    race(chosen, {"keep house": {"do": "optimise"}}, 1, warmups=0, stop=False)
    rows += race(chosen, {f"read {what}": {"do": what} for what in READS}, args.runs)
    print(table(rows, LAYOUTS[0]))
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
