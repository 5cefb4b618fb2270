"""Counts how many corruptions of good data are caught, and how many good days raise an alarm.

    python -m tests.chaos.corruptions --data world --out corruptions --days 30

The real ingest delivers a simulated world day by day into a warehouse, and every tenth day all derived tables are
built. Any alarm there is a false alarm. Then each corruption of the catalogue is applied to a copy of that warehouse:
in the next day's delivery, or in the rows that a real step is about to publish. A corruption without an alarm is
missed. Controls deliver the same day without a fault, in every way in which a corruption can come. Results are stored
in OUT, and a further run continues from there.
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
from tests.chaos.corruptions.bugs import BuggyStore, RecordingStore, write_corrupted
from tests.chaos.corruptions.catalogue import Corruption, everything
from tests.chaos.corruptions.deliveries import Deliveries
from tests.chaos.corruptions.history import STEP_BY_TABLE, STEPS, History
from tests.chaos.corruptions.signs import Signs, watch_run
from tests.conftest import INTERPRETED
from worlds.spec import WorldSpec

USERS, FIRST_DELIVERY_DAYS = 1_000, 42
TABLES = ("exposure_features", "item_features", "signal_values", "training_set")


def run(history: History, corruption: Corruption) -> Signs:
    """Apply one corruption to a copy of the warehouse."""
    out = history.out / "work" / corruption.name
    if corruption.kind == "table":
        return _in_a_step(history, corruption)
    root = history.copy(f"{corruption.name}/warehouse")
    try:
        data = history.days.deliver(out / "data", history.target, corruption, corruption.text)
        return watch_run(
            history.open_run(root, corruption.text), corruption.name, lambda context: ingest(context, data)
        )
    finally:
        shutil.rmtree(out)


def _in_a_step(history: History, corruption: Corruption) -> Signs:
    out, states = history.out / "work" / corruption.name, history.out / "states"
    root = history.copy(f"{corruption.name}/warehouse", states / f"before-{_step(corruption.table)}")
    replacements = {name: states / "records" / name for name in TABLES if (states / "records" / name).exists()}
    replacements[corruption.table] = write_corrupted(corruption, replacements[corruption.table], out / "rows")
    context = history.open_run(root)
    context.__dict__["store"] = BuggyStore(context.store, history.spark, replacements)
    try:
        return watch_run(context, corruption.name, STEP_BY_TABLE[corruption.table])
    finally:
        shutil.rmtree(out)


def _step(table: str) -> int:
    return STEPS.index(STEP_BY_TABLE[table])


def controls(history: History) -> list[Signs]:
    """Deliver the target day without a fault, as Parquet and as CSV, and run every step; record what steps publish."""
    signs, states = [], history.out / "states"
    for text in (True, False):
        root = history.copy(f"control-{'csv' if text else 'parquet'}")
        data = history.days.deliver(history.out / "today-good", history.target, None, text)
        context = history.open_run(root, text)
        signs.append(
            watch_run(
                context, f"control: {'CSV' if text else 'Parquet'}", lambda context, data=data: ingest(context, data)
            )
        )
        shutil.rmtree(data)
    for number, step in enumerate(STEPS):
        shutil.rmtree(states / f"before-{number}", ignore_errors=True)
        shutil.move(history.copy(f"before-{number}", root), states / f"before-{number}")
        context = history.open_run(root)
        context.__dict__["store"] = RecordingStore(context.store, history.spark, states / "records")
        signs.append(watch_run(context, f"control: {step.__name__.strip('_')}", step))
    return signs


def report(clean: list[Signs], control: list[Signs], results: dict[str, Signs], out: Path) -> int:
    """Print missed corruptions and false alarms; write everything as JSON."""
    catalogue = everything()
    missed = [name for name, signs in results.items() if not signs.caught]
    alarms = [signs for signs in [*clean, *control] if signs.caught]
    share = 1 - len(missed) / max(len(results), 1)
    print(f"\n{len(results) - len(missed)} of {len(results)} corruptions caught ({share:.1%})")
    for how in ("error", "warning", "crash"):
        print(f"  by {how}: {sum(signs.how == how for signs in results.values())}")
    for name in missed:
        print(f"  missed: {name}: {catalogue[name].about} (expected from: {catalogue[name].caught_by})")
    print(f"{len(clean)} clean deliveries and {len(control)} controls, {len(alarms)} of them with an alarm")
    for signs in alarms:
        print(f"  false alarm: {signs.line()}")
    summary = {
        "caught": len(results) - len(missed),
        "corruptions": [vars(catalogue[n]) | {"mutate": n} | vars(s) for n, s in results.items()],
        "missed": missed,
        "clean": [vars(signs) for signs in clean],
        "control": [vars(signs) for signs in control],
        "false_alarms": [signs.name for signs in alarms],
    }
    (out / "report.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return 1 if share < 0.95 or alarms else 0


def load_signs(file: Path) -> list[Signs]:
    """Load the signs of an earlier run."""
    return [Signs(**entry) for entry in json.loads(file.read_text("utf-8"))] if file.exists() else []


def main() -> None:
    """Grow the warehouse, apply corruptions, count alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("world"), help="folder of the world, simulated if missing")
    parser.add_argument("--out", type=Path, default=Path("corruptions"), help="folder of warehouses and results")
    parser.add_argument("--seed", type=int, default=7, help="seed of the world")
    parser.add_argument("--days", type=int, default=30, help="clean days, each delivered by itself")
    parser.add_argument("--build-every", type=int, default=10, help="days between builds of the derived tables")
    parser.add_argument("--only", nargs="*", default=[], help="corruptions to run, even if they have run before")
    parser.add_argument("--anew", action="store_true", help="run every corruption again on the existing history")
    parser.add_argument("--list", action="store_true", help="print the catalogue and stop")
    parser.add_argument(
        "--minutes", type=float, default=600.0, help="start nothing after so long; run again to continue"
    )
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{c.name}: {c.about} Expected from: {c.caught_by}." for c in everything().values()))
        return
    until = time.monotonic() + 60 * args.minutes
    spec = WorldSpec.from_size("small", seed=args.seed, users=USERS, days=FIRST_DELIVERY_DAYS + args.days + 4)
    out, wanted = args.out.absolute(), args.only or list(everything())
    # A day has some thousand rows: one partition is fastest.
    settings = SparkSettings(
        master="local[2]", shuffle_partitions=1, snapshot_partitions=1, driver_memory="2g", log_level="ERROR"
    )
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")  # small queries: fast compilation is best
    spark = start(settings, "corruptions")
    for key, value in INTERPRETED.items():
        spark.conf.set(key, value)
    out.mkdir(parents=True, exist_ok=True)
    history = History(spark, Deliveries(spec, args.data), out, FIRST_DELIVERY_DAYS, args.days)
    clean = history.grow(args.build_every, until)
    if len(clean) < args.days + 1:
        sys.exit(f"{len(clean)} of {args.days + 1} clean deliveries are done; run again to continue")
    control = load_signs(out / "control.json")
    if not control:
        control = controls(history)
        save_signs(control, out / "control.json")
        print("\n".join(signs.line() for signs in control), flush=True)
    results = {} if args.anew else {signs.name: signs for signs in load_signs(out / "results.json")}
    for name in wanted:
        if (name not in results or args.only) and time.monotonic() < until:
            results[name] = run(history, everything()[name])
            print(results[name].line(), flush=True)
            save_signs(list(results.values()), out / "results.json")
    remaining = [name for name in everything() if name not in results]
    code = report(clean, control, results, out)
    sys.exit(f"{len(remaining)} corruptions have not run yet" if remaining else code)


def save_signs(signs: list[Signs], file: Path) -> None:
    """Save signs as JSON."""
    file.write_text(json.dumps([vars(entry) for entry in signs], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
