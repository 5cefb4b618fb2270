"""How many corruptions of good data are caught, and how many good days raise an alarm.

    python -m tests.chaos.corruptions --data world --out corruptions --days 30

A simulated world is delivered day by day into a warehouse by the real ingest, every tenth day all derived tables are
built: what is seen there are false alarms. Then each corruption of the catalogue comes into a copy of that warehouse,
in the next day's delivery or in the rows that a real step is about to publish; what is not seen there is missed. The
same day without a fault is delivered as a control in every way in which a corruption comes. What is done is kept in
OUT, and a further run goes on from there.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from jobs.ingest_log import ingest
from jobs.runtime.settings import SparkSettings
from jobs.runtime.spark_session import start
from tests.chaos.corruptions.bugs import Buggy, Recording, corrupted
from tests.chaos.corruptions.catalogue import Corruption, everything
from tests.chaos.corruptions.deliveries import Deliveries
from tests.chaos.corruptions.history import LINE, STEP_OF, History
from tests.chaos.corruptions.signs import Signs, watched
from tests.conftest import INTERPRETED
from worlds.spec import WorldSpec

USERS, BEFORE = 1_000, 42
TABLES = ("exposure_features", "item_features", "signal_values", "training_set")


def run(history: History, corruption: Corruption) -> Signs:
    """One corruption in a copy of the warehouse."""
    out = history.out / "work" / corruption.name
    if corruption.kind == "table":
        return _in_a_step(history, corruption)
    root = history.copy(f"{corruption.name}/warehouse")
    try:
        data = history.days.deliver(out / "data", history.target, corruption, corruption.text)
        return watched(history.job(root, corruption.text), corruption.name, lambda one: ingest(one, data))
    finally:
        shutil.rmtree(out)


def _in_a_step(history: History, corruption: Corruption) -> Signs:
    out, states = history.out / "work" / corruption.name, history.out / "states"
    root = history.copy(f"{corruption.name}/warehouse", states / f"before-{_step(corruption.table)}")
    instead = {name: states / "records" / name for name in TABLES if (states / "records" / name).exists()}
    instead[corruption.table] = corrupted(corruption, instead[corruption.table], out / "rows")
    one = history.job(root)
    one.__dict__["store"] = Buggy(one.store, history.spark, instead)
    try:
        return watched(one, corruption.name, STEP_OF[corruption.table])
    finally:
        shutil.rmtree(out)


def _step(table: str) -> int:
    return LINE.index(STEP_OF[table])


def controls(history: History) -> list[Signs]:
    """The target day without a fault, as Parquet and as CSV, and every step on it; what the steps publish is kept."""
    found, states = [], history.out / "states"
    for text in (True, False):
        root = history.copy(f"control-{'csv' if text else 'parquet'}")
        data = history.days.deliver(history.out / "today-good", history.target, None, text)
        one = history.job(root, text)
        found.append(watched(one, f"control: {'CSV' if text else 'Parquet'}", lambda one, data=data: ingest(one, data)))
        shutil.rmtree(data)
    for number, step in enumerate(LINE):
        shutil.rmtree(states / f"before-{number}", ignore_errors=True)
        shutil.move(history.copy(f"before-{number}", root), states / f"before-{number}")
        one = history.job(root)
        one.__dict__["store"] = Recording(one.store, history.spark, states / "records")
        found.append(watched(one, f"control: {step.__name__.strip('_')}", step))
    return found


def report(clean: list[Signs], control: list[Signs], results: dict[str, Signs], out: Path) -> int:
    """Say what was missed and what was a false alarm; write all of it as JSON."""
    catalogue = everything()
    missed = [name for name, signs in results.items() if not signs.caught]
    alarms = [signs for signs in [*clean, *control] if signs.caught]
    share = 1 - len(missed) / max(len(results), 1)
    print(f"\n{len(results) - len(missed)} of {len(results)} corruptions caught ({share:.1%})")
    for how in ("error", "warning", "crash"):
        print(f"  by {how}: {sum(signs.how == how for signs in results.values())}")
    for name in missed:
        print(f"  missed: {name}: {catalogue[name].about} (should be seen by: {catalogue[name].caught_by})")
    print(f"{len(clean)} clean deliveries and {len(control)} controls, {len(alarms)} of them raised an alarm")
    for signs in alarms:
        print(f"  false alarm: {signs.line()}")
    told = {
        "caught": len(results) - len(missed),
        "corruptions": [vars(catalogue[n]) | {"mutate": n} | vars(s) for n, s in results.items()],
        "missed": missed,
        "clean": [vars(signs) for signs in clean],
        "control": [vars(signs) for signs in control],
        "false_alarms": [signs.name for signs in alarms],
    }
    (out / "report.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return 1 if share < 0.95 or alarms else 0


def load(file: Path) -> list[Signs]:
    """What an earlier run saw."""
    return [Signs(**one) for one in json.loads(file.read_text("utf-8"))] if file.exists() else []


def main() -> None:
    """Grow, corrupt, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("world"), help="folder of the world; simulated if missing")
    parser.add_argument("--out", type=Path, default=Path("corruptions"), help="where everything is made")
    parser.add_argument("--seed", type=int, default=7, help="of the world")
    parser.add_argument("--days", type=int, default=30, help="clean days that are delivered one by one")
    parser.add_argument("--build-every", type=int, default=10, help="derived tables are built every so many days")
    parser.add_argument("--only", nargs="*", default=[], help="names of corruptions to run, again if they were run")
    parser.add_argument("--anew", action="store_true", help="run every corruption again on the history that is there")
    parser.add_argument("--list", action="store_true", help="say what is in the catalogue, and do nothing")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin nothing after so long; run again to go on")
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{c.name}: {c.about} Should be seen by: {c.caught_by}." for c in everything().values()))
        return
    until = time.monotonic() + 60 * args.minutes
    spec = WorldSpec.from_size("small", seed=args.seed, users=USERS, days=BEFORE + args.days + 4)
    out, wanted = args.out.absolute(), args.only or list(everything())
    # A day has some thousand rows: one part is fastest.
    settings = SparkSettings(
        master="local[2]", shuffle_partitions=1, snapshot_partitions=1, driver_memory="2g", log_level="ERROR"
    )
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")  # small queries: quickly compiled is best
    spark = start(settings, "corruptions")
    for key, value in INTERPRETED.items():
        spark.conf.set(key, value)
    out.mkdir(parents=True, exist_ok=True)
    history = History(spark, Deliveries(spec, args.data), out, BEFORE, args.days)
    clean = history.grow(args.build_every, until)
    if len(clean) < args.days + 1:
        sys.exit(f"{len(clean)} of {args.days + 1} clean deliveries are done; run it again to go on")
    control = load(out / "control.json")
    if not control:
        control = controls(history)
        keep(control, out / "control.json")
        print("\n".join(signs.line() for signs in control), flush=True)
    results = {} if args.anew else {signs.name: signs for signs in load(out / "results.json")}
    for name in wanted:
        if (name not in results or args.only) and time.monotonic() < until:
            results[name] = run(history, everything()[name])
            print(results[name].line(), flush=True)
            keep(list(results.values()), out / "results.json")
    left = [name for name in everything() if name not in results]
    code = report(clean, control, results, out)
    sys.exit(f"{len(left)} corruptions were not run yet" if left else code)


def keep(signs: list[Signs], file: Path) -> None:
    """Keep what was seen."""
    file.write_text(json.dumps([vars(one) for one in signs], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
