"""Kills publishing between stage, audit and commit, again and again: no reader may see a row without an audit.

    python -m tests.chaos.killed_publishes --kills 30 --seed 1

A process publishes versions of three tables, one for each mode of the store, step by step. Every third step has one bad
row among its good ones, which the gate must refuse. The process is killed (SIGKILL, with its JVM): half of the times by
itself, at a hook exactly between two steps of publishing, and half of the times from outside, at a random moment. Then
it is started again on what it left. Meanwhile another process reads every version all the time, through the client's
reader and, past the store, as any Delta reader would. At the end every table must equal that of an undisturbed run.
Takes about ten minutes on two cores. Results are stored in OUT, and a further run continues from there.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.delta import read_arrow
from longplay.errors import LongplayError, QualityError
from tables.publish import Lineage, PublishedVersion, WritableStore
from tables.spec import RowRule, TableSpec, columns
from tables.staging import StagedRows
from tests.chaos.killed_runs import open_run
from tests.conftest import INTERPRETED

STEPS, ROWS = 12, 300
COLUMNS = columns("""
    id    | string  | identifies the row
    step  | int     | the step that wrote it
    good  | boolean | whether it may be published
""")
TABLES = {
    mode: TableSpec(
        name=f"kept_{mode}",
        about="Rows that may or may not be published.",
        grain=("id",),
        columns=COLUMNS,
        rules=(RowRule("is_good", "NOT good", "a bad row"),),
        mode=mode,
    )
    for mode in ("replace", "append", "increment")
}
HOOKS = ("before stage", "staged", "audited", "refused", "before commit", "committed")


def is_bad(step: int) -> bool:
    """Whether the gate must refuse a step."""
    return step % 3 == 2


class HookedStore(WritableStore):
    """The store, with a hook between any two steps of publishing."""

    step, mode, kill_at = 0, "", ""

    def hook(self, name: str) -> None:
        """Kill this process and its JVM, if it is to die here."""
        if self.kill_at == f"{name}/{self.mode}/{self.step}":
            os.killpg(os.getpgid(0), signal.SIGKILL)

    def _stage(self, frame: DataFrame, folder: Path) -> StagedRows:
        self.hook("before stage")
        staged = super()._stage(frame, folder)
        self.hook("staged")
        return staged

    def _commit(self, *args: Any) -> PublishedVersion:
        self.hook("before commit")
        published = super()._commit(*args)
        self.hook("committed")
        return published


def work(root: Path, kill_at: str, ready: Path) -> None:
    """Publish the steps that are still missing."""
    context = open_run(root)
    for key, value in INTERPRETED.items():
        context.spark.conf.set(key, value)
    store = HookedStore(context.root, "kept", lambda: context.spark)
    store.kill_at = kill_at
    context.__dict__["store"] = store  # for the gate, too

    def gate(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
        try:
            audit = context.gate(frame, spec)
        except QualityError:
            store.hook("refused")
            raise
        store.hook("audited")
        return audit

    first = {
        mode: int(store.commit_metadata(spec.name).get("facts", {}).get("step", -1)) + 1
        for mode, spec in TABLES.items()
    }
    for step in range(min(first.values()), STEPS):
        store.step = step
        for mode, spec in TABLES.items():
            if step >= first[mode]:
                store.mode = mode
                _publish(store, gate, spec, step)
                ready.touch()  # Spark and great-expectations have started; only publishing follows


def _publish(store: HookedStore, gate: Any, spec: TableSpec, step: int) -> None:
    number = F.col("id")
    frame = store.spark.range(ROWS).select(
        F.format_string("%d-%d", F.lit(step), number).alias("id"),
        F.lit(step).cast("int").alias("step"),
        (~(F.lit(is_bad(step)) & (number == ROWS // 2))).alias("good"),
    )
    lineage = Lineage(f"run-{os.getpid()}-{step}", f"step-{step}", {}, {"step": step})
    replace = f"step = {step}" if spec.mode == "increment" and store.exists(spec.name) else None
    try:
        store.publish(frame, spec, lineage, gate, replace)
    except QualityError:
        if not is_bad(step):
            raise
    else:
        if is_bad(step):
            raise AssertionError(f"the gate let step {step} into '{spec.name}'")


@dataclass
class Reader:
    """Reads every version of every table, through the client's reader and past it."""

    folder: Path
    polls: int = 0
    versions: set[tuple[str, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def poll(self) -> None:
        """Read the current versions and those that are new."""
        for spec in TABLES.values():
            path = self.folder / spec.name
            if DeltaTable.is_deltatable(str(path)):
                self.polls += 1
                self.check_rows(path, "the client's reader", lambda path=path: read_arrow(path))
                self.check_rows(path, "Delta", lambda path=path: DeltaTable(str(path)).to_pyarrow_table())
                self.read_new_versions(path)

    def read_new_versions(self, path: Path) -> None:
        """Read versions that have not been read yet, even if the next one followed at once."""
        newest = DeltaTable(str(path)).version()
        for version in range(newest + 1):
            if (path.name, version) not in self.versions:
                self.check_rows(path, f"version {version}", lambda v=version: read_arrow(path, version=v))
                entries = [entry for entry in DeltaTable(str(path)).history() if entry.get("version") == version]
                if "audit" not in json.loads(entries[0].get("userMetadata") or "{}"):
                    self.wrong.append(f"{path.name} {version}: its commit has no audit")
                self.versions.add((path.name, version))

    def check_rows(self, path: Path, how: str, read: Any) -> None:
        """Check that rows are good and steps complete."""
        try:
            faults = faults_of(read())
        except (LongplayError, OSError, pa.ArrowException) as error:
            faults = [f"cannot be read: {error}"]
        self.wrong += [f"{path.name} through {how}: {fault}" for fault in faults]


def faults_of(rows: pa.Table) -> list[str]:
    """List what is wrong with rows that a reader sees."""
    counts = rows.group_by("step").aggregate([("id", "count")]).to_pydict()
    faults = [
        f"{n} of {ROWS} rows of step {s}" for s, n in zip(counts["step"], counts["id_count"], strict=True) if n != ROWS
    ]
    faults += [f"step {step}, which must be refused" for step in counts["step"] if is_bad(step)]
    bad = pc.sum(pc.invert(rows["good"])).as_py()
    return [*faults, *([f"{bad} bad rows"] if bad else [])]


def read_until_stopped(folder: Path, stop: Path) -> None:
    """Poll until the stop file exists, then print the outcome as JSON."""
    reader = Reader(folder)
    while not stop.exists():
        reader.poll()
        time.sleep(0.01)
    reader.poll()
    print(json.dumps({"polls": reader.polls, "versions": len(reader.versions), "wrong": reader.wrong[:20]}))


@dataclass
class Killer:
    """Starts the work, kills it, and starts it again.

    Attributes:
        folder: of warehouses and results.
        log: output of the processes.
        dice: for random moments.
    """

    folder: Path
    log: TextIO
    dice: random.Random

    def start(self, name: str, kill_at: str = "") -> subprocess.Popen[bytes]:
        """Start a process in its own group, so that its JVM dies with it."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.chaos.killed_publishes", "--work", str(self.folder / name), kill_at]
        # A JVM that lives for seconds gains nothing from optimised compilation.
        quick = os.environ | {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
        return subprocess.Popen([*command, str(ready)], stderr=self.log, start_new_session=True, env=quick)

    def finish(self, name: str) -> None:
        """Run a process to its end."""
        if self.start(name).wait():
            sys.exit(f"the work in '{name}' failed: {self.log.name}")

    def kill_at_hook(self, name: str, hook: str) -> bool:
        """Let a process die at a hook; False if it finished first."""
        code = self.start(name, hook).wait()
        if code not in (0, -signal.SIGKILL):
            sys.exit(f"the work in '{name}' failed: {self.log.name}")
        return code != 0

    def kill_at_random(self, name: str) -> bool:
        """Kill a process from outside while it publishes; False if it finished first."""
        process = self.start(name)
        while not (self.folder / "ready").exists() and process.poll() is None:
            time.sleep(0.02)
        try:
            if process.wait(self.dice.random() * 4):
                sys.exit(f"the work in '{name}' failed: {self.log.name}")
            return False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True


def next_step(folder: Path) -> int:
    """The first step that no table contains yet; STEPS if there is none."""
    published_steps = [-1]
    for path in (folder / spec.name for spec in TABLES.values()):
        if DeltaTable.is_deltatable(str(path)):
            published_steps.append(pc.max(read_arrow(path, ["step"])["step"]).as_py())
    return min(step for step in range(max(published_steps) + 1, STEPS + 3) if not is_bad(step) or step > STEPS)


def undisturbed() -> dict[str, list[dict[str, Any]]]:
    """The rows of every table after an undisturbed run."""
    good = [step for step in range(STEPS) if not is_bad(step)]
    rows_by_table = {}
    for mode, spec in TABLES.items():
        steps = good[-1:] if mode == "replace" else good
        rows = [{"id": f"{step}-{n}", "step": step, "good": True} for step in steps for n in range(ROWS)]
        rows_by_table[spec.name] = sorted(rows, key=lambda row: row["id"])
    return rows_by_table


def differing(folder: Path) -> list[str]:
    """List the tables that differ from an undisturbed run."""
    expected = undisturbed()
    return [name for name in expected if read_arrow(folder / name).sort_by("id").to_pylist() != expected[name]]


def main() -> None:
    """Kill, read, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder of warehouses and results [a new one]")
    parser.add_argument(
        "--minutes", type=float, default=600.0, help="kill nothing after so long; run again to continue"
    )
    parser.add_argument("--work", nargs=3, metavar=("ROOT", "HOOK", "READY"), help="publish (the process to kill)")
    parser.add_argument("--read", nargs=2, metavar=("FOLDER", "STOP"), help="read until the file STOP exists")
    args = parser.parse_args()
    if args.work:
        work(Path(args.work[0]), args.work[1], Path(args.work[2]))
    elif args.read:
        read_until_stopped(Path(args.read[0]), Path(args.read[1]))
    else:
        folder = (args.out or Path(tempfile.mkdtemp(prefix="killed-publishes-"))).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        sys.exit(race(folder, args.kills, args.seed, time.monotonic() + 60 * args.minutes))


def race(folder: Path, kills: int, seed: int, until: float) -> int:
    """Kill so often while another process reads; return the exit code."""
    file = folder / "kills.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {"kills": [], "warehouses": 1, "reports": []}
    with (folder / "log.txt").open("a") as log:
        killer = Killer(folder, log, random.Random(seed + len(results["kills"])))
        while len(results["kills"]) < kills and time.monotonic() < until:
            _round(killer, results, kills, until)
            file.write_text(json.dumps(results, indent=1), encoding="utf-8")
    faults = [fault for report in results["reports"] for fault in report["wrong"]]
    looks, versions = (sum(report[key] for report in results["reports"]) for key in ("polls", "versions"))
    print(f"{len(results['kills'])} of {kills} kills in {results['warehouses']} warehouses")
    print(f"{looks} looks at {versions} versions of tables")
    print(f"{len(faults)} faults {faults[:5] or ''}")
    return 1 if faults or len(results["kills"]) < kills else 0


def _round(killer: Killer, results: dict[str, Any], kills: int, until: float) -> None:
    """Kill the work in one warehouse until it finishes or there are enough kills, while a reader reads."""
    name, ended = f"killed-{results['warehouses']}", False
    store = killer.folder / name / "kept"
    reader = watch(killer.folder, name)
    while len(results["kills"]) < kills and time.monotonic() < until and not ended:
        where = strike(killer, name, next_step(store), len(results["kills"]))
        ended = not where
        results["kills"] += [where] if where else []
    if len(results["kills"]) >= kills and not ended:
        killer.finish(name)
        ended = True
    (killer.folder / f"stop-{name}").touch()
    report = json.loads(reader.communicate()[0])
    if ended:
        report["wrong"] += [f"{name}: {table} differs from an undisturbed run" for table in differing(store)]
        results["warehouses"] += len(results["kills"]) < kills
    results["reports"].append(report)
    refused = len(list((store / "rejected").glob("*")))
    print(
        f"{name}: {report['polls']} looks, faults: {report['wrong'] or 'none'}; {refused} refused versions",
        flush=True,
    )


def strike(killer: Killer, name: str, step: int, number: int) -> str:
    """Kill once, in turn at a hook and at a random moment; return where, or nothing if the work finished first."""
    if number % 2:
        killed, where = killer.kill_at_random(name), "at a random moment"
    else:
        turn = number // 2
        hook, mode = HOOKS[turn % len(HOOKS)], list(TABLES)[(turn + turn // len(HOOKS)) % len(TABLES)]
        where = f"{hook}/{mode}/{step + 2 - step % 3 if hook == 'refused' else step}"
        killed = killer.kill_at_hook(name, where)
    print(f"'{name}' {'killed' if killed else 'finished'}: {where}", flush=True)
    return where if killed else ""


def watch(folder: Path, name: str) -> "subprocess.Popen[str]":
    """Start a process that reads a warehouse all the time."""
    store, stop = folder / name / "kept", folder / f"stop-{name}"
    stop.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.chaos.killed_publishes", "--read", str(store), str(stop)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    main()
