"""Lets two processes bring the same tables up to date at once: one must wait, and nothing be doubled or lost.

    python -m tests.chaos.two_writers --rounds 3

In each round two processes ingest the same deliveries into the same warehouse and build every table. Afterwards every
table must equal that of a single process. Takes about two minutes a round on two cores.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.killed_runs import Runs, open_run
from tests.e2e.test_increments import contents, deliveries, late_log


def main() -> None:
    """Race and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    folder, wrong = Path(tempfile.mkdtemp(prefix="two-writers-")), 0
    deliveries(folder / "data", late_log())
    names = [f"both-{number + 1}" for number in range(args.rounds)]
    with (folder / "log.txt").open("w") as log:
        runs = Runs(folder, log)
        runs.finish("alone")
        for name in names:
            codes = [process.wait() for process in [runs.start(name), runs.start(name)]]
            print(f"{name}: exit codes {codes}", flush=True)
            wrong += any(codes)
    waited = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").count("waiting for it")
    print(f"{waited} processes waited for another; log: {folder}/log.txt")
    expected = contents(open_run(folder / "alone"))
    for name in names:
        context = open_run(folder / name)
        actual = contents(context)
        differ = [table for table in expected if expected[table] != actual[table]]
        wrong += len(differ)
        count = len(context.log.deliveries())
        print(f"{name}: {count} deliveries, {len(actual)} tables, {len(differ)} differ {differ or ''}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
