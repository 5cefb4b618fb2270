"""Lets steps fail in every way that a machine offers, and shows what a user sees and what the next run makes of it.

    python -m tests.chaos.failing_steps --out failing

Every step runs as a process on a copy of the store as it was before that step. A fault is injected: SIGTERM, SIGINT,
a killed Java process, a killed Python worker of Spark, a limit on the size of files (a full disk), a store that cannot
be written, a Java whose memory runs out, and one that cannot start. Faults of Spark spare ``release``, which has none.
A step passes if it ends within ten seconds of the fault with an exit code above zero and without a traceback, leaves no
process behind, and if the next run gives the tables of an undisturbed one. Root ignores permissions, so the step runs
without that capability (``setpriv``, Linux). Takes about 20 minutes on two cores.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from tests.unit.ingest.small_logs import HEADER, SHOP

STEPS = ("ingest", "build-histories", "build-features", "build-signals", "build-delays", "release")
SETTINGS = ("spark.master=local[2]", "spark.shuffle_partitions=1", "spark.driver_memory=1g", "training.labels=[]",
            "signals.shipped=[click,active_days_28d]", "quality.outages.enabled=false")  # fmt: skip
WITHOUT_SPARK, WITH_WORKERS = frozenset({"release"}), frozenset({"build-features"})
FAULTS_OF_SPARK = frozenset({"Java killed", "out of memory", "bad memory setting"})
FILE_LIMIT = 2_000
"""Bytes: smaller than every data file, larger than a lock."""
END_WITHIN_S, STRIKE_AFTER_S = 10.0, 5.0
"""Seconds from the strike to the end, and from when Spark's Java runs to the strike."""
WORKER_WITHIN_S = 120.0
GRACE_S = 5.0
"""Java needs some time to end after its Python process."""
WITHOUT_PRIVILEGE = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", "--inh-caps", "-all")


@dataclass(frozen=True)
class Fault:
    """A fault of the machine.

    Attributes:
        settings: settings of the step that bring it about.
        java_options: options of Java that bring it about.
        limit: runs in the child before the step starts.
        read_only: whether the store cannot be written.
        strike: what happens to the running step; None: nothing.
    """

    settings: Sequence[str] = ()
    java_options: str = ""
    limit: Callable[[], None] | None = None
    read_only: bool = False
    strike: Callable[[int], None] | None = None


def kill_java(pid: int) -> None:
    """Kill the Java process among a process's children."""
    for child in descendants(pid):
        if Path(f"/proc/{child}/comm").read_text(encoding="utf-8").strip() == "java":
            os.kill(child, signal.SIGKILL)


def kill_worker(pid: int) -> None:
    """Kill the first Python worker of Spark that starts."""
    deadline = time.monotonic() + WORKER_WITHIN_S
    while time.monotonic() < deadline:
        for child in descendants(pid):
            with suppress(OSError):  # it has ended
                if "pyspark.daemon" in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8"):
                    os.kill(child, signal.SIGKILL)
                    return
        time.sleep(0.05)


FAULTS: Mapping[str, Fault] = {
    "SIGTERM": Fault(strike=lambda pid: os.kill(pid, signal.SIGTERM)),
    "SIGINT": Fault(strike=lambda pid: os.kill(pid, signal.SIGINT)),
    "Java killed": Fault(strike=kill_java),
    "worker killed": Fault(strike=kill_worker),
    "out of memory": Fault(java_options="-XX:MaxMetaspaceSize=96m"),
    "disk full": Fault(limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))),
    "store not writable": Fault(read_only=True),
    "bad memory setting": Fault(settings=("spark.driver_memory=1g999",)),
}


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, directly or not."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        return []
    direct = [int(child) for child in children.read_text(encoding="utf-8").split()]
    return [*direct, *(grandchild for child in direct for grandchild in descendants(child))]


@dataclass(frozen=True)
class Outcome:
    """What a user saw of a failed step, and what the next run made of it."""

    step: str
    fault: str
    exit_code: int
    seconds: float
    left_running: int
    message: str
    has_traceback: bool
    same_tables: bool

    @property
    def passed(self) -> bool:
        """Whether the step failed well."""
        is_clean = not self.has_traceback and not self.left_running and self.same_tables
        return is_clean and self.exit_code > 0 and self.seconds <= END_WITHIN_S

    def line(self) -> str:
        """The outcome as a row of a table."""
        marks = f"{self.exit_code:>4} {self.seconds:5.1f} s {self.left_running} left"
        tables = "equal" if self.same_tables else "DIFFER"
        return f"{'ok ' if self.passed else 'BAD'} {self.step:16} {self.fault:18} {marks} {tables:6} {self.message}"


@dataclass(frozen=True)
class Bench:
    """The folder of the stores, the raw log and its source file."""

    folder: Path

    def write_log(self) -> None:
        """Two months of plays and taps of 40 users."""
        rng = np.random.default_rng(5)
        days = np.datetime64("2026-03-01") + rng.integers(0, 60, 2_000)
        rows = [
            f"u{user},i{item},{day} {hour:02}:00:00,{kind},60"
            for user, item, day, hour, kind in zip(
                rng.integers(0, 40, 2_000), rng.integers(0, 15, 2_000), days, rng.integers(0, 24, 2_000),
                rng.choice(["play", "tap"], 2_000), strict=True,
            )
        ]  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "plays.csv").write_text("\n".join([",".join(HEADER), *rows]) + "\n", encoding="utf-8")
        (self.folder / "shop.yaml").write_text(yaml.safe_dump(SHOP), encoding="utf-8")

    def command(self, step: str, store: Path, settings: Sequence[str] = ()) -> list[str]:
        """The command line of a step."""
        options = [f"--set={setting}" for setting in (*SETTINGS, *settings)]
        data = ["--data", str(self.folder / "plays.csv"), "--observed-at", "2026-05-10"] if step == "ingest" else []
        program = str(Path(sys.executable).parent / "longplay")
        return [program, step, "--source", str(self.folder / "shop.yaml"), "--store", str(store), *data, *options]

    def prepare(self) -> None:
        """Run every step undisturbed; keep a copy of the store before each, and the final tables."""
        self.write_log()
        store = self.folder / "undisturbed"
        store.mkdir(exist_ok=True)
        for step in STEPS:
            shutil.copytree(store, self.folder / f"before-{step}")
            subprocess.run(self.command(step, store), check=True, capture_output=True)
            shutil.copytree(store, self.folder / f"after-{step}")

    def fail(self, step: str, name: str) -> Outcome:
        """Let a step fail on a copy of the store, and run it again."""
        fault, store = FAULTS[name], self.folder / "trial"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(self.folder / f"before-{step}", store)
        if fault.read_only:
            set_writable(store, writable=False)
        process = subprocess.Popen(
            [*(WITHOUT_PRIVILEGE if fault.read_only else ()), *self.command(step, store, fault.settings)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=fault.limit,
            env={**os.environ, "JAVA_TOOL_OPTIONS": fault.java_options},
        )  # fmt: skip
        lines, started = read_until_working(process, step), time.monotonic()
        processes = descendants(process.pid)
        if fault.strike is not None:
            time.sleep(STRIKE_AFTER_S if step not in WITHOUT_SPARK and name != "worker killed" else 0.0)
            processes, started = descendants(process.pid), time.monotonic()
            fault.strike(process.pid)
        output = [*lines, *finish(process)]
        seconds = time.monotonic() - started if fault.strike is not None else 0.0
        left_running = count_running(processes)
        set_writable(store, writable=True)
        again = subprocess.run(self.command(step, store), capture_output=True, text=True, check=False)
        same = again.returncode == 0 and contents(store) == contents(self.folder / f"after-{step}")
        return Outcome(step, name, process.returncode, seconds, left_running, last_error(output), "Traceback" in
                       "\n".join(output), same)  # fmt: skip


def can_have(step: str, fault: str) -> bool:
    """Whether a step starts the process that a fault is about."""
    if fault == "worker killed":
        return step in WITH_WORKERS
    return step not in WITHOUT_SPARK or fault not in FAULTS_OF_SPARK


def count_running(processes: Sequence[int]) -> int:
    """How many processes still run, a few seconds later."""
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in processes):
        time.sleep(0.1)
    return sum(Path(f"/proc/{pid}").exists() for pid in processes)


def read_until_working(process: subprocess.Popen[str], step: str) -> list[str]:
    """The lines that a step prints until Spark has started, or until a step without Spark begins."""
    sign = f"{step} ..." if step in WITHOUT_SPARK else "adjust logging level"
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if sign in line:
            break
    return lines


def finish(process: subprocess.Popen[str]) -> list[str]:
    """The remaining lines; a process that does not end within five minutes is killed."""
    timer = threading.Timer(300.0, process.kill)
    timer.start()
    output, _ = process.communicate()
    timer.cancel()
    return output.splitlines()


def last_error(lines: Sequence[str]) -> str:
    """The message that a user sees: from the last line that begins with 'error' or 'Ended'."""
    starts = [n for n, line in enumerate(lines) if line.startswith(("error:", "Ended"))]
    return " | ".join(line.strip() for line in lines[starts[-1] :][:4]) if starts else "no message"


def set_writable(store: Path, *, writable: bool) -> None:
    """Give or take the right to write below a folder."""
    for path in [store, *store.rglob("*")]:
        path.chmod(0o755 if writable else 0o555)


def contents(store: Path) -> dict[str, str]:
    """The checksum of every table, from the newest audited commit."""
    sums = {}
    for log in sorted(store.glob("shop/*/_delta_log")):
        commits = sorted(log.glob("*.json"), reverse=True)
        infos = (json.loads(line) for commit in commits for line in commit.read_text(encoding="utf-8").splitlines())
        metadata = (
            json.loads(info["commitInfo"].get("userMetadata") or "{}") for info in infos if "commitInfo" in info
        )
        sums[log.parent.name] = next((m["audit"].get("checksum", "") for m in metadata if "audit" in m), "")
    return {table: checksum for table, checksum in sums.items() if table not in ("releases", "deliveries")}


def main() -> None:
    """Run every step with every fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("failing"), help="folder of the stores, which are used again")
    parser.add_argument("--steps", nargs="*", default=STEPS, help="steps that fail")
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), help="faults that are injected")
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets its background processes ignore Ctrl-C
    bench = Bench(args.out.absolute())
    if not (args.out / f"after-{STEPS[-1]}").exists():
        shutil.rmtree(args.out, ignore_errors=True)
        bench.prepare()
    print("the undisturbed run is done", flush=True)
    outcomes = []
    for step in args.steps:
        for fault in args.faults:
            if not can_have(step, fault):
                continue
            outcomes.append(bench.fail(step, fault))
            print(outcomes[-1].line(), flush=True)
    print(f"{sum(outcome.passed for outcome in outcomes)} of {len(outcomes)} failed well")
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


if __name__ == "__main__":
    main()
