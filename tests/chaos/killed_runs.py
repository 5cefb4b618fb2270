"""Runs that are killed at random moments, again and again, come to what an undisturbed run comes to.

    python -m tests.chaos.killed_runs --kills 20 --seed 1

A process ingests three deliveries with real lateness and brings every table up to date after each. It is killed
(SIGKILL, its JVM and Python workers with it) after a random time, and started again on what it left, so many times;
then it may finish. Every table must equal that of a run which nobody disturbed. Takes about 20 minutes.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ingest.source import Source
from jobs.context import Job
from jobs.ingest_log import ingest
from jobs.progress import Progress
from jobs.session import start
from jobs.settings import load_settings
from longplay.closed import build
from longplay.registry import default_registry
from tests.e2e.test_increments import SOURCE, bring_up, contents, deliveries, late_log


def job(root: Path) -> Job:
    """A job with a session of its own."""
    overrides = ("spark.master=local[2]", "spark.shuffle_partitions=2", "spark.driver_memory=2g")
    one = Job(load_settings(overrides=overrides), build(Source, SOURCE, "killed runs"), default_registry(), root)
    one.__dict__["spark"] = start(one.settings.spark, "killed runs")
    return one


def work(root: Path, data: Path) -> None:
    """The whole line of increments, as far as it is not done."""
    one = job(root)
    one.progress = Progress()
    for part in sorted(data.iterdir()):
        ingest(one, part)
        bring_up(one)


def main() -> None:
    """Kill, start again, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-most", type=float, default=60.0, help="longest time to a kill, in seconds")
    parser.add_argument("--work", nargs=2, metavar=("ROOT", "DATA"), help="do the line (what is started and killed)")
    args = parser.parse_args()
    if args.work:
        work(Path(args.work[0]), Path(args.work[1]))
        return
    folder, dice = Path(tempfile.mkdtemp(prefix="killed-")), random.Random(args.seed)
    deliveries(folder / "data", late_log())
    command = [sys.executable, "-m", "tests.chaos.killed_runs", "--work"]
    log = (folder / "log.txt").open("w")
    done = subprocess.run([*command, str(folder / "quiet"), str(folder / "data")], stderr=log, check=True)
    print(f"undisturbed run done ({done.returncode}); log: {folder}/log.txt", flush=True)
    for number in range(args.kills):
        process = subprocess.Popen(
            [*command, str(folder / "killed"), str(folder / "data")], stderr=log, start_new_session=True
        )
        wait = 8 + dice.random() * (args.at_most - 8)
        try:
            process.wait(wait)
            print(f"kill {number + 1}: it had finished before {wait:.1f} s", flush=True)
            continue
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.5)
        print(f"kill {number + 1}: after {wait:.1f} s", flush=True)
    subprocess.run([*command, str(folder / "killed"), str(folder / "data")], stderr=log, check=True)
    quiet, killed = (contents(job(folder / name)) for name in ("quiet", "killed"))
    differ = {table: (quiet[table], killed[table]) for table in quiet if quiet[table] != killed[table]}
    print(f"{len(quiet)} tables, {len(differ)} differ {differ or ''}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
