"""How much of each day was known by when: what outages are told from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.monitoring.metric import Metric
from tables.catalog import DAY_COUNTS


def day_counts(events: DataFrame) -> DataFrame:
    """Users and events of each day, by the day on which they were first known.

    A user counts once a day, on the known day of the first of their events of that day to become known: so the users
    of a day as known by the end of some day are a sum over known days.

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


def volumes(counts: Sequence[Mapping[str, Any]], end: date) -> list[Metric]:
    """Users and events of each day before ``end``, whenever they became known, as metrics of the table ``events``."""
    found: dict[tuple[str, date], float] = defaultdict(float)
    for row in counts:
        for name in ("users", "events"):
            if row["event_day"] < end:
                found[name, row["event_day"]] += row[name]
    return [Metric("events", name, value, day=day) for (name, day), value in sorted(found.items())]
