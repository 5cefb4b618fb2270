"""Delivers a real log with real lateness in three ways: day by day, as a backfill, and in shuffled order.

    python -m tests.chaos.real_lateness --data events.parquet --count 12 --days 1 --users 0.05

Reads the log of the source ``git_contrib`` and cuts it by the time at which rows became known: one delivery with
everything up to a day, then ``--count`` deliveries of ``--days`` days each. Each delivery has a heartbeat, was made six
hours after its end, and repeats what became known in the six hours before its start. Tables are brought up to date
after every delivery; in a second warehouse, once after all of them; in a third, after every third delivery of a
shuffled order in which the large first one comes in the middle. Every table must have the same content in all three.
Exit code 1 if one differs.

``--users`` takes a share of the users by their hash, ``--project`` one project. A run that is repeated with the same
``--out`` continues where it stopped.
"""

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import functions as F

from ingest.source_config import load_source
from jobs.ingest_log import ingest
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from jobs.runtime.spark_session import start
from longplay.config.duration import DAY
from longplay.registry.registry import default_registry
from tests.conftest import INTERPRETED
from tests.e2e.test_increments import bring_up, contents

DELIVERY_DELAY = timedelta(hours=6)
MIN_ROWS_FOR_CODEGEN = 100_000
"""With fewer rows, compiling a query costs more than running it."""
AGES = {
    "under 1 day": 1,
    "1 to 7 days": 7,
    "7 to 30 days": 30,
    "30 to 90 days": 90,
    "90 to 365 days": 365,
    "older": 1e9,
}
Order = list[Path | None]


def say(text: str) -> None:
    print(text, flush=True)


def sliced(path: Path, share: float, project: str | None) -> pd.DataFrame:
    """Read the log, or a share of its users, or one project."""
    log = pd.read_parquet(path)
    if project:
        log = log[log["project"] == project]
    hash_share = log["user"].str.slice(0, 8).map(lambda text: int(text, 16) / 2**32)
    return log[hash_share < share].reset_index(drop=True)


def cut(folder: Path, log: pd.DataFrame, begins: date, borders: list[datetime]) -> list[Path]:
    """Cut the log into deliveries by known time, each with a heartbeat."""
    first = datetime.combine(begins, datetime.min.time(), UTC)
    parts, late = [], pd.Series(dtype=float)
    for number, (low, high) in enumerate(itertools.pairwise([first, *borders])):
        known_ts = log["ingest_ts"]
        start = low if number == 0 else low - DELIVERY_DELAY
        rows = log[(known_ts >= start.timestamp()) & (known_ts < high.timestamp())]
        part = folder / f"part-{number:03d}"
        part.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(part / "events.parquet", index=False)
        heartbeat = {"complete_from": low, "complete_until": high, "observed_at": high + DELIVERY_DELAY}
        text = json.dumps({name: moment.isoformat() for name, moment in heartbeat.items()})
        (part / "_delivery.json").write_text(text, encoding="utf-8")
        parts.append(part)
        own = rows[rows["ingest_ts"] >= low.timestamp()]
        ages = (own["ingest_ts"] - own["event_ts"]) / 86_400
        when = f"known {low:%Y-%m-%d} to {high:%Y-%m-%d}"
        say(f"{part.name}: {when}, {len(rows):,} rows, {(ages > 1).sum():,} late by a day")
        late = pd.concat([late, ages[ages != 0]]) if number else late
    say(f"rows after the first delivery, by how late they were: {describe_ages(late)}")
    return parts


def describe_ages(days: pd.Series) -> str:
    """Describe counts by age."""
    edges = [0, *AGES.values()]
    counts = np.histogram(days[days > 0], edges)[0]
    bands = [f"{name} {count:,}" for name, count in zip(AGES, counts, strict=True)]
    return ", ".join([f"known before they happened {(days < 0).sum():,}", *bands])


def orders(parts: list[Path], seed: int) -> dict[str, Order]:
    """The orders of delivery; None stands for bringing the tables up to date."""
    mixed = parts[1:]
    random.Random(seed).shuffle(mixed)
    mixed.insert(len(mixed) // 2, parts[0])
    shuffled: Order = []
    for number, part in enumerate(mixed, 1):
        shuffled += [part, None] if number % 3 == 0 or number == len(mixed) else [part]
    return {
        "day by day": [step for part in parts for step in (part, None)],
        "backfill": [*parts, None],
        "shuffled": shuffled,
    }


def deliver_all(context: RunContext, order: Order) -> None:
    """Deliver into a warehouse, and print how long each step took."""
    for step in order:
        begun = time.monotonic()
        if step is None:
            bring_up(context)
        else:
            ingest(context, step)
        say(f"  {'tables brought up to date' if step is None else step.name}: {time.monotonic() - begun:.0f} s")


def report_revisions(context: RunContext) -> None:
    """Print how many signal values changed after maturity, by how long after."""
    values = context.store.read("signal_values").where("revision > 0")
    age = (F.unix_seconds("known_ts") - F.unix_seconds("matures_at")) / 86_400
    rows = values.select("signal", "state", age.alias("age")).toPandas()
    for (signal, state), revisions in rows.groupby(["signal", "state"]):
        what = "values changed after maturity" if state == "mature" else "discoveries superseded after maturity"
        say(f"  {signal}: {len(revisions):,} {what}: {describe_ages(revisions['age'])}")
    states = context.store.read("signal_values").where("revision = 0").groupBy("state", "void_reason").count().collect()
    say("  " + ", ".join(f"{row[0]}{f' ({row[1]})' if row[1] else ''} {row[2]:,}" for row in sorted(states, key=str)))


def main() -> None:
    """Deliver, build, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="events.parquet of git_contrib")
    parser.add_argument("--count", type=int, default=12, help="deliveries after the first")
    parser.add_argument("--days", type=int, default=1, help="days in each of them")
    parser.add_argument("--until", type=date.fromisoformat, default=date(2026, 8, 22), help="end of the last one")
    parser.add_argument("--users", type=float, default=1.0, help="share of the users")
    parser.add_argument("--project", help="only one project")
    parser.add_argument("--seed", type=int, default=1, help="seed of the shuffled order")
    parser.add_argument("--out", type=Path, help="folder of deliveries and warehouses [a temporary one]")
    parser.add_argument("--accept", default="", help="checks of the gate that may fail, as in quality.accept")
    parser.add_argument("--memory", default="3g", help="memory of Spark's driver")
    args = parser.parse_args()
    folder = args.out or Path(tempfile.mkdtemp(prefix="real-lateness-"))
    source = load_source("git_contrib")
    assert source.completeness.begins is not None
    end = datetime.combine(args.until, datetime.min.time(), UTC)
    borders = [end - n * args.days * DAY for n in range(args.count, -1, -1)]
    log = sliced(args.data, args.users, args.project)
    say(f"{len(log):,} rows; tables and deliveries under {folder}")
    parts = cut(folder / "data", log, source.completeness.begins, borders)
    settings = load_settings(
        overrides=(
            "spark.master=local[2]",
            "spark.shuffle_partitions=4",
            f"spark.driver_memory={args.memory}",
            f"quality.accept=[{args.accept}]",
        )
    )
    spark, contents_by_way = start(settings.spark, "real lateness"), {}
    for key, value in INTERPRETED.items() if len(log) < MIN_ROWS_FOR_CODEGEN else ():
        spark.conf.set(key, value)
    for number, (way, order) in enumerate(orders(parts, args.seed).items()):
        context = RunContext(settings, source, default_registry(), folder / f"warehouse-{number}")
        context.session = spark
        say(f"{way}: {' '.join('build' if step is None else step.name for step in order)}")
        begun = time.monotonic()
        deliver_all(context, order)
        late_lines = [
            line for lines in context.progress.notes.values() for line in lines if "behind the watermark" in line
        ]
        took = f"{time.monotonic() - begun:.0f} s in all"
        say(f"  {took}; complete until {context.log.frontier:%Y-%m-%d}")
        say(f"  {late_lines or 'no row came behind the watermark'}")
        contents_by_way[way] = contents(context)
        if number == 0:
            report_revisions(context)
    differ = 0
    for table, first in contents_by_way["day by day"].items():
        same = all(tables[table] == first for tables in contents_by_way.values())
        differ += not same
        say(
            f"{table:20s} {'same  ' if same else 'DIFFER'} "
            + "  ".join(tables[table] for tables in contents_by_way.values())
        )
    say(f"{len(contents_by_way['day by day'])} tables, {differ} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
