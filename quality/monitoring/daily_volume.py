"""Daily volume: users and events of each day, by the day on which they became known."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.monitoring.metric import Metric
from tables.catalog import DAY_COUNTS
from tables.frame_union import union_by_name

VOLUME_METRICS = ("users", "events")


def compute_day_counts(events: DataFrame, first_seen: DataFrame) -> DataFrame:
    """Count the users and events of each day by the day on which they first became known.

    A user counts once per event day, on the day when the first of their events became known. A returning user, who was
    seen on an earlier day, counts on the day when both were known. The users of a day as known by any later day are
    therefore a sum over known days.

    Args:
        events: grain: event_id.
        first_seen: of users, each event that was the earliest when it became visible. Grain: kind, key, visible_ts.

    Returns:
        Grain: event_day, known_day; the columns of ``day_counts``.
    """
    per_user = events.groupBy("event_day", "user_id", "known_day").agg(F.count("*").alias("events"))
    users = per_user.groupBy("event_day", "user_id").agg(F.min("known_day").alias("known_day"))
    counted = [
        per_user.groupBy("event_day", "known_day").agg(F.sum("events").alias("events")),
        users.groupBy("event_day", "known_day").agg(F.count("*").alias("users")),
        _find_returning(users, first_seen).groupBy("event_day", "known_day").agg(F.count("*").alias("returning_users")),
    ]
    names = ("users", "returning_users", "events")
    rows = union_by_name(counted)
    sums = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in names]
    return rows.groupBy("event_day", "known_day").agg(*sums).select(*DAY_COUNTS.column_names())


def _find_returning(users: DataFrame, first_seen: DataFrame) -> DataFrame:
    """Users of a day who were seen before, from the day on which that was known. Grain: event_day, user_id."""
    firsts = first_seen.where("kind = 'user'").select(
        F.col("key").alias("user_id"),
        F.to_date("event_ts").alias("_first_day"),
        F.to_date("visible_ts").alias("_known_day"),
    )
    before = users.join(firsts, "user_id").where("_first_day < event_day")
    known_day = F.greatest(F.min("_known_day"), F.min("known_day")).alias("known_day")
    return before.groupBy("event_day", "user_id").agg(known_day)


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
