"""Publishing is killed between stage, audit and commit, again and again: no reader sees a row that was not audited.

    python -m tests.chaos.killed_publishes --kills 30 --seed 1

A process publishes versions of three tables, one a mode of the store, step by step. Every third step has one bad row
among its good ones, which the gate must refuse. The process is killed (SIGKILL, its JVM with it): half of the times by
itself at a hook exactly between two steps of publishing, half of the times from outside at a random moment; and it is
started again on what it left. Meanwhile another process reads all the time: every version through the client's
readers, and as any Delta reader would, past the store. In the end every table must hold what a run that nobody
disturbs publishes. Takes about ten minutes on two cores; what is done is kept in OUT, and a further run goes on there.
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
from tables.spec import Rule, TableSpec, columns
from tests.chaos.killed_runs import job
from tests.conftest import INTERPRETED

STEPS, ROWS = 12, 300
COLUMNS = columns("""
    id    | string  | names the row
    step  | int     | the step that made it
    good  | boolean | whether it may be published
""")
TABLES = {
    mode: TableSpec(
        name=f"kept_{mode}",
        about="Rows that say whether they may be published.",
        grain=("id",),
        columns=COLUMNS,
        rules=(Rule("is_good", "NOT good", "a bad row"),),
        mode=mode,
    )
    for mode in ("replace", "append", "increment")
}
HOOKS = ("before stage", "staged", "audited", "refused", "before commit", "committed")


def is_bad(step: int) -> bool:
    """Whether the gate must refuse a step."""
    return step % 3 == 2


class Hooked(WritableStore):
    """The store, with a hook between any two of its steps."""

    step, mode, kill_at = 0, "", ""

    def hook(self, name: str) -> None:
        """Die here, JVM and all, where this is the place."""
        if self.kill_at == f"{name}/{self.mode}/{self.step}":
            os.killpg(os.getpgid(0), signal.SIGKILL)

    def _stage(self, frame: DataFrame, folder: Path) -> DataFrame:
        self.hook("before stage")
        staged = super()._stage(frame, folder)
        self.hook("staged")
        return staged

    def _commit(self, *of: Any) -> PublishedVersion:
        self.hook("before commit")
        done = super()._commit(*of)
        self.hook("committed")
        return done


def work(root: Path, kill_at: str, ready: Path) -> None:
    """Publish every step that is not there yet."""
    one = job(root)
    for key, value in INTERPRETED.items():
        one.spark.conf.set(key, value)
    store = Hooked(one.root, "kept", one.spark)
    store.kill_at = kill_at
    one.__dict__["store"] = store  # what the gate looks up, it looks up here

    def gate(frame: DataFrame, spec: TableSpec) -> Mapping[str, Any]:
        try:
            audit = one.gate(frame, spec)
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
                ready.touch()  # Spark and great-expectations are there: what follows is publishing


def _publish(store: Hooked, gate: Any, spec: TableSpec, step: int) -> None:
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
    """Reads every version of every table, once through the client's reader and once past it."""

    folder: Path
    polls: int = 0
    versions: set[tuple[str, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def poll(self) -> None:
        """Look at whatever is there now."""
        for spec in TABLES.values():
            path = self.folder / spec.name
            if DeltaTable.is_deltatable(str(path)):
                self.polls += 1
                self.look(path, "the client's reader", lambda path=path: read_arrow(path))
                self.look(path, "Delta", lambda path=path: DeltaTable(str(path)).to_pyarrow_table())
                self.every_version(path)

    def every_version(self, path: Path) -> None:
        """Versions that were not looked at yet: none may be missed because the next came at once."""
        newest = DeltaTable(str(path)).version()
        for version in range(newest + 1):
            if (path.name, version) not in self.versions:
                self.look(path, f"version {version}", lambda v=version: read_arrow(path, version=v))
                told = [entry for entry in DeltaTable(str(path)).history() if entry.get("version") == version]
                if "audit" not in json.loads(told[0].get("userMetadata") or "{}"):
                    self.wrong.append(f"{path.name} {version}: its commit tells of no audit")
                self.versions.add((path.name, version))

    def look(self, path: Path, how: str, read: Any) -> None:
        """Rows must be good, and of whole steps."""
        try:
            faults = faults_of(read())
        except (LongplayError, OSError, pa.ArrowException) as error:
            faults = [f"cannot be read: {error}"]
        self.wrong += [f"{path.name} through {how}: {fault}" for fault in faults]


def faults_of(rows: pa.Table) -> list[str]:
    """What is wrong with rows that a reader sees."""
    counts = rows.group_by("step").aggregate([("id", "count")]).to_pydict()
    faults = [
        f"{n} of {ROWS} rows of step {s}" for s, n in zip(counts["step"], counts["id_count"], strict=True) if n != ROWS
    ]
    faults += [f"step {step}, which must be refused" for step in counts["step"] if is_bad(step)]
    bad = pc.sum(pc.invert(rows["good"])).as_py()
    return [*faults, *([f"{bad} bad rows"] if bad else [])]


def read_all_the_time(folder: Path, stop: Path) -> None:
    """Poll until told to stop, then say what was seen."""
    reader = Reader(folder)
    while not stop.exists():
        reader.poll()
        time.sleep(0.01)
    reader.poll()
    print(json.dumps({"polls": reader.polls, "versions": len(reader.versions), "wrong": reader.wrong[:20]}))


@dataclass
class Killings:
    """Starts the work, kills it, and starts it again.

    Attributes:
        folder: of everything that is made.
        log: what the processes say.
        dice: for moments.
    """

    folder: Path
    log: TextIO
    dice: random.Random

    def start(self, name: str, kill_at: str = "") -> subprocess.Popen[bytes]:
        """A process, in a group of its own so that its JVM dies with it."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.chaos.killed_publishes", "--work", str(self.folder / name), kill_at]
        # A JVM that lives for seconds: what it would gain by compiling well, it does not live to see.
        quick = os.environ | {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
        return subprocess.Popen([*command, str(ready)], stderr=self.log, start_new_session=True, env=quick)

    def finish(self, name: str) -> None:
        """Let one come to its end."""
        if self.start(name).wait():
            sys.exit(f"the work in '{name}' failed: {self.log.name}")

    def at_hook(self, name: str, hook: str) -> bool:
        """Let it die at a hook; False where it came to its end first."""
        code = self.start(name, hook).wait()
        if code not in (0, -signal.SIGKILL):
            sys.exit(f"the work in '{name}' failed: {self.log.name}")
        return code != 0

    def at_random(self, name: str) -> bool:
        """Kill it from outside while it publishes; False where it came to its end first."""
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
    """The first step that none of the tables has yet; STEPS where there is none."""
    done = [-1]
    for path in (folder / spec.name for spec in TABLES.values()):
        if DeltaTable.is_deltatable(str(path)):
            done.append(pc.max(read_arrow(path, ["step"])["step"]).as_py())
    return min(step for step in range(max(done) + 1, STEPS + 3) if not is_bad(step) or step > STEPS)


def undisturbed() -> dict[str, list[dict[str, Any]]]:
    """The rows of every table after all steps, had nobody disturbed them."""
    good = [step for step in range(STEPS) if not is_bad(step)]
    found = {}
    for mode, spec in TABLES.items():
        steps = good[-1:] if mode == "replace" else good
        rows = [{"id": f"{step}-{n}", "step": step, "good": True} for step in steps for n in range(ROWS)]
        found[spec.name] = sorted(rows, key=lambda row: row["id"])
    return found


def differing(folder: Path) -> list[str]:
    """Tables that are not as they would be had nobody disturbed them."""
    expected = undisturbed()
    return [name for name in expected if read_arrow(folder / name).sort_by("id").to_pylist() != expected[name]]


def main() -> None:
    """Kill, look, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder of everything that is made [a new one]")
    parser.add_argument("--minutes", type=float, default=600.0, help="kill nothing after so long; run again to go on")
    parser.add_argument("--work", nargs=3, metavar=("ROOT", "HOOK", "READY"), help="publish (what is killed)")
    parser.add_argument("--read", nargs=2, metavar=("FOLDER", "STOP"), help="read until the file STOP is there")
    args = parser.parse_args()
    if args.work:
        work(Path(args.work[0]), args.work[1], Path(args.work[2]))
    elif args.read:
        read_all_the_time(Path(args.read[0]), Path(args.read[1]))
    else:
        folder = (args.out or Path(tempfile.mkdtemp(prefix="killed-publishes-"))).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        sys.exit(race(folder, args.kills, args.seed, time.monotonic() + 60 * args.minutes))


def race(folder: Path, kills: int, seed: int, until: float) -> int:
    """Kill so often while another process reads; the exit code."""
    file = folder / "kills.json"
    told = json.loads(file.read_text("utf-8")) if file.exists() else {"kills": [], "warehouses": 1, "seen": []}
    with (folder / "log.txt").open("a") as log:
        killings = Killings(folder, log, random.Random(seed + len(told["kills"])))
        while len(told["kills"]) < kills and time.monotonic() < until:
            _round(killings, told, kills, until)
            file.write_text(json.dumps(told, indent=1), encoding="utf-8")
    faults = [fault for seen in told["seen"] for fault in seen["wrong"]]
    looks, versions = (sum(seen[key] for seen in told["seen"]) for key in ("polls", "versions"))
    print(f"{len(told['kills'])} of {kills} kills in {told['warehouses']} warehouses")
    print(f"{looks} looks at {versions} versions of tables")
    print(f"{len(faults)} faults {faults[:5] or ''}")
    return 1 if faults or len(told["kills"]) < kills else 0


def _round(killings: Killings, told: dict[str, Any], kills: int, until: float) -> None:
    """Kill the work in one warehouse until it comes to its end or there were enough, a reader looking on."""
    name, ended = f"killed-{told['warehouses']}", False
    kept = killings.folder / name / "kept"
    reader = watch(killings.folder, name)
    while len(told["kills"]) < kills and time.monotonic() < until and not ended:
        where = strike(killings, name, next_step(kept), len(told["kills"]))
        ended = not where
        told["kills"] += [where] if where else []
    if len(told["kills"]) >= kills and not ended:
        killings.finish(name)
        ended = True
    (killings.folder / f"stop-{name}").touch()
    seen = json.loads(reader.communicate()[0])
    if ended:
        seen["wrong"] += [f"{name}: {table} is not as undisturbed" for table in differing(kept)]
        told["warehouses"] += len(told["kills"]) < kills
    told["seen"].append(seen)
    left = len(list((kept / "rejected").glob("*")))
    print(f"{name}: {seen['polls']} looks, faults: {seen['wrong'] or 'none'}; {left} refused versions kept", flush=True)


def strike(killings: Killings, name: str, step: int, number: int) -> str:
    """One kill, by turns at a hook and at a random moment: where; empty: it came to its end first."""
    if number % 2:
        killed, where = killings.at_random(name), "at a random moment"
    else:
        turn = number // 2
        hook, mode = HOOKS[turn % len(HOOKS)], list(TABLES)[(turn + turn // len(HOOKS)) % len(TABLES)]
        where = f"{hook}/{mode}/{step + 2 - step % 3 if hook == 'refused' else step}"
        killed = killings.at_hook(name, where)
    print(f"'{name}' {'killed' if killed else 'came to its end'}: {where}", flush=True)
    return where if killed else ""


def watch(folder: Path, name: str) -> "subprocess.Popen[str]":
    """A process that reads a warehouse all the time."""
    kept, stop = folder / name / "kept", folder / f"stop-{name}"
    stop.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.chaos.killed_publishes", "--read", str(kept), str(stop)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    main()
