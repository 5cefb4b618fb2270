"""Looks at a year of a log with real lateness again and again: what was known at T must not change afterwards.

    python -m tests.chaos.watermark_year --data events.parquet --users 0.05 --every 7

Reads the log of the source ``git_contrib``. The watermark moves to each midnight of a year when that midnight comes.
Every ``--every`` days all signals are computed from what was known then. These values are compared with values computed
at the end, as of that moment: each must be open, mature or void alike, with the same number, and an open value must
later have become mature or void, once and for good. Prints how many values were revised after maturity, by how long
after. Exit code 1 if a value differs.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.runtime.settings import load_settings
from jobs.runtime.spark_session import start
from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry
from signals.compute import compute_signal_values, select_values_known_at
from signals.maturity import Knowledge
from tables.catalog import EXPOSURES
from tests.chaos.real_lateness import AGES, say, sliced
from tests.conftest import INTERPRETED

LOG_START = datetime(2004, 11, 24, tzinfo=UTC)
SIGNALS = (
    "active_days_28d", "return_d7", "return_d28_34", "habit_formed_28d", "habit_strength_28d", "regularity_28d",
    "days_to_inactivity_90d", "return_gap_10d", "stickiness_59d", "discovery_to_habit_28d",
)  # fmt: skip
COMPARED_COLUMNS = ("state", "void_reason", "value", "known_ts", "revision")


def events_of(spark: SparkSession, path: Path, share: float, project: str | None) -> DataFrame:
    """Read the log as the table ``events``, with the columns that signals of users and discoveries read."""
    log = spark.createDataFrame(
        sliced(path, share, project)[["user", "item", "project", "event_ts", "ingest_ts", "n_files"]]
    )
    event_ts, ingest_ts = (F.timestamp_seconds(F.col(name)) for name in ("event_ts", "ingest_ts"))
    rows = log.select(
        F.col("user").alias("user_id"),
        F.col("item").alias("item_id"),
        F.col("project").alias("topic"),
        F.lit("commit").alias("kind"),
        event_ts.alias("event_ts"),
        F.greatest(event_ts, ingest_ts).alias("known_ts"),
        F.to_date(event_ts).alias("event_day"),
        F.col("n_files").cast("double").alias("amount"),
        F.lit(True).alias("is_consumption"),
        F.lit(True).alias("is_click"),
        F.lit(False).alias("is_negative"),
        F.lit(None).cast("string").alias("request_id"),
        F.lit(None).cast("string").alias("surface"),
    )
    return rows.where(F.col("event_ts") >= F.lit(LOG_START))


def knowledge_at(moment: datetime) -> Knowledge:
    """The knowledge at a midnight: the log up to it."""
    return Knowledge(moment, moment, LOG_START)


def values_at(events: DataFrame, definitions: Sequence[Definition], moment: datetime, first: datetime) -> DataFrame:
    """Compute the values of the year's anchors as known at a moment."""
    none = events.sparkSession.createDataFrame([], ", ".join(f"{c.name} {c.type}" for c in EXPOSURES.columns))
    values = compute_signal_values(definitions, events, none, knowledge_at(moment))
    return values.where(F.col("t0") >= F.lit(first))


def differing(then: DataFrame, now: DataFrame) -> DataFrame:
    """Select values that differ between then and now, as of the same moment. Grain: signal, anchor_id."""
    left = then.select("signal", "anchor_id", F.struct(*_compared_columns()).alias("then"))
    right = now.select("signal", "anchor_id", F.struct(*_compared_columns()).alias("now"))
    both = left.join(right, ["signal", "anchor_id"], "full")
    was_open = F.col("then.state").eqNullSafe("open") & (F.col("now.state").isNull())
    return both.where(~F.col("then").eqNullSafe(F.col("now")) & ~was_open)


def _compared_columns() -> list[Column]:
    return [F.round(name, 9).alias(name) if name == "value" else F.col(name) for name in COMPARED_COLUMNS]


def main() -> None:
    """Step through the year and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="events.parquet of git_contrib")
    parser.add_argument("--users", type=float, default=0.05, help="share of the users")
    parser.add_argument("--project", help="only one project")
    parser.add_argument("--year", type=int, default=2020)
    parser.add_argument("--every", type=int, default=7, help="days between comparisons")
    args = parser.parse_args()
    settings = load_settings().spark
    spark = start(settings, "watermark year")
    for key, value in INTERPRETED.items():
        spark.conf.set(key, value)
    first, end = datetime(args.year, 1, 1, tzinfo=UTC), datetime(args.year + 1, 7, 1, tzinfo=UTC)
    folder = Path("warehouse") / "watermark-year"
    events_of(spark, args.data, args.users, args.project).write.mode("overwrite").parquet(str(folder / "events"))
    events = spark.read.parquet(str(folder / "events")).where(F.col("event_ts") >= F.lit(first - 200 * DAY))
    definitions = [default_registry().get(name) for name in SIGNALS]
    values_at(events, definitions, end, first).write.mode("overwrite").parquet(str(folder / "values"))
    values = spark.read.parquet(str(folder / "values"))
    say(f"{events.count():,} events; values by state and revision:")
    values.groupBy("state", (F.col("revision") > 0).alias("is_revision")).count().show()
    wrong = 0
    for number in range(0, 365 + 1, args.every):
        moment = first + number * DAY
        then = select_values_known_at(values_at(events, definitions, moment, first), F.lit(moment))
        rows = differing(then, select_values_known_at(values, F.lit(moment)))
        count = rows.count()
        wrong += count
        say(f"{moment:%d %b}: {count} values differ")
        if count:
            rows.show(5, truncate=False)
    say(f"revisions after maturity by age: {revisions(values)}")
    sys.exit(1 if wrong else 0)


def revisions(values: DataFrame) -> dict[str, int]:
    """Count the values revised after maturity, by how long after."""
    late = values.where("revision > 0 AND state = 'mature'").select(
        ((F.unix_micros("known_ts") - F.unix_micros("matures_at")) / (DAY / timedelta(microseconds=1))).alias("days")
    )
    ages = [row["days"] for row in late.collect()]
    low, counts = 0.0, {}
    for name, high in AGES.items():
        counts[name] = len([a for a in ages if low <= a < high])
        low = high
    return counts


if __name__ == "__main__":
    main()
