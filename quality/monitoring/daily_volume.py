"""Daily volume: users and events of each day, by the day on which they became known."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.monitoring.metric import Metric
from tables.catalog import DAY_COUNTS

VOLUME_METRICS = ("users", "events")


def compute_day_counts(events: DataFrame) -> DataFrame:
    """Count the users and events of each day by the day on which they first became known.

    A user counts once per event day, on the day when the first of their events became known. The users of a day as
    known by any later day are therefore a sum over known days.

    Args:
        events: grain: event_id.

    Returns:
        Grain: event_day, known_day; the columns of ``day_counts``.
    """
    per_user = events.groupBy("event_day", "user_id", "known_day").agg(F.count("*").alias("events"))
    firsts = per_user.groupBy("event_day", "user_id").agg(F.min("known_day").alias("known_day"))
    users = firsts.groupBy("event_day", "known_day").agg(F.count("*").alias("users"))
    counts = per_user.groupBy("event_day", "known_day").agg(F.sum("events").alias("events"))
    both = counts.join(users, ["event_day", "known_day"], "left").withColumn("users", F.coalesce("users", F.lit(0)))
    return both.select(*DAY_COUNTS.column_names())


def daily_volumes(day_counts: Sequence[Mapping[str, Any]], end: date) -> list[Metric]:
    """Sum users and events of each day before ``end`` over all known days, as metrics of the table ``events``.

    Args:
        day_counts: rows of the table. Grain: event_day, known_day.
        end: the first day to leave out.
    """
    totals: dict[tuple[str, date], float] = defaultdict(float)
    for row in day_counts:
        for name in VOLUME_METRICS:
            if row["event_day"] < end:
                totals[name, row["event_day"]] += row[name]
    return [Metric("events", name, value, day=day) for (name, day), value in sorted(totals.items())]
