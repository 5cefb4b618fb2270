"""Kills runs at random moments, again and again: they must end up like an undisturbed run.

    python -m tests.chaos.killed_runs --kills 20 --seed 1

A process ingests three deliveries with real lateness and brings every table up to date after each. It is killed
(SIGKILL, with its JVM and Python workers) after a random time and started again on what it left, a given number of
times. If it finishes first, the next process starts in a new warehouse. At the end every table of every warehouse must
equal that of an undisturbed run. Takes about 20 minutes on two cores.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ingest.source_config import Source
from jobs.ingest_log import ingest
from jobs.runtime.progress import Progress
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from jobs.runtime.spark_session import start
from longplay.config.strict_model import validate_model
from longplay.registry.registry import default_registry
from tests.e2e.test_increments import SOURCE, bring_up, contents, deliveries, late_log


def open_run(root: Path) -> RunContext:
    """Open a run context with a session of its own."""
    overrides = ("spark.master=local[2]", "spark.shuffle_partitions=2", "spark.driver_memory=2g")
    source = validate_model(Source, SOURCE, "killed runs")
    context = RunContext(load_settings(overrides=overrides), source, default_registry(), root)
    context.session = start(context.settings.spark, "killed runs")
    return context


def work(root: Path, data: Path) -> None:
    """Run the remaining increments of the pipeline, end to end."""
    context = open_run(root)
    context.progress = Progress()
    with context.exclusive():
        for part in sorted(data.iterdir()):
            ingest(context, part)
            bring_up(context)


def main() -> None:
    """Kill, start again, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-most", type=float, default=60.0, help="longest time to a kill, in seconds")
    parser.add_argument("--work", nargs=2, metavar=("ROOT", "DATA"), help="run the pipeline (the process to kill)")
    args = parser.parse_args()
    if args.work:
        work(Path(args.work[0]), Path(args.work[1]))
        return
    folder, dice = Path(tempfile.mkdtemp(prefix="killed-")), random.Random(args.seed)
    deliveries(folder / "data", late_log())
    with (folder / "log.txt").open("w") as log:
        runs = Runs(folder, log)
        runs.finish("quiet")
        print(f"undisturbed run done; log: {folder}/log.txt", flush=True)
        names = runs.kill(args.kills, dice, args.at_most)
    quiet, wrong = contents(open_run(folder / "quiet")), 0
    for name in names:
        killed = contents(open_run(folder / name))
        differ = {table: (quiet[table], killed[table]) for table in quiet if quiet[table] != killed[table]}
        wrong += len(differ)
        print(f"{name}: {len(quiet)} tables, {len(differ)} differ {differ or ''}")
    sys.exit(1 if wrong else 0)


@dataclass
class Runs:
    """Processes that do the work in named warehouses."""

    folder: Path
    log: TextIO

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a process in its own group, so that its JVM and workers die with it."""
        command = [sys.executable, "-m", "tests.chaos.killed_runs", "--work"]
        arguments = [*command, str(self.folder / name), str(self.folder / "data")]
        return subprocess.Popen(arguments, stderr=self.log, start_new_session=True)

    def finish(self, name: str) -> None:
        """Run a process to its end."""
        if self.start(name).wait():
            sys.exit(f"the work in '{name}' failed: {self.log.name}")

    def kill(self, kills: int, dice: random.Random, at_most: float) -> list[str]:
        """Kill so many processes; if one finishes first, the next starts in a new warehouse."""
        kill_count, name, names = 0, "killed-1", ["killed-1"]
        while kill_count < kills:
            process, wait = self.start(name), 8 + dice.random() * (at_most - 8)
            try:
                if process.wait(wait):
                    sys.exit(f"the work in '{name}' failed: {self.log.name}")
                name = f"killed-{len(names) + 1}"
                names.append(name)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                time.sleep(0.5)
                kill_count += 1
                print(f"kill {kill_count}: '{name}' after {wait:.1f} s, last line: {self.last_line()}", flush=True)
        self.finish(name)
        return names

    def last_line(self) -> str:
        """The last line of progress that a process printed."""
        lines = Path(self.log.name).read_text(encoding="utf-8", errors="replace").splitlines()
        progress = [line for line in lines if line.endswith(" ...") or line.startswith("  ")]
        return progress[-1].strip() if progress else "its start"


if __name__ == "__main__":
    main()
