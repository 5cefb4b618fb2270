"""Facts as the point-in-time operator wants them, made from events and tiles. Pure transforms."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import union_facts

_FLAGS = {"is_consumption": "consumptions", "is_click": "clicks", "is_negative": "negatives"}


def known_by(facts: DataFrame, known_at: datetime) -> DataFrame:
    """Facts known at or before ``known_at`` (UTC)."""
    return facts.where(F.col("known_ts") <= F.lit(known_at))


def event_facts(events: DataFrame) -> DataFrame:
    """Events with their flags as numbers. Grain: event."""
    return events.select(
        "user_id",
        "item_id",
        "topic",
        "event_day",
        "event_ts",
        F.greatest("event_ts", "known_ts").alias("visible_ts"),
        F.col("is_consumption").alias("consumed"),
        F.lit(1).cast("bigint").alias("events"),
        *[F.col(flag).cast("bigint").alias(name) for flag, name in _FLAGS.items()],
    )


def item_day_facts(item_days: DataFrame, user_item_days: DataFrame, exposure_days: DataFrame) -> DataFrame:
    """Tiles as facts of the item view: placed at their day, visible once the day on which they were known is over.

    Grain: tile. Rows from ``user_item_days`` serve the distinct count of users alone and add to no sum.
    """
    sums = ["events", "consumptions", "clicks", "negatives"]
    users = user_item_days.where("consumptions > 0").select("item_id", "user_id", "event_day", "known_day")
    tiles = union_facts(
        [
            item_days.select("item_id", "event_day", "known_day", *sums),
            users.withColumn("consumed", F.lit(True)),
            exposure_days.select("item_id", "event_day", "known_day", "exposures"),
        ],
        [*sums, "exposures"],
    )
    end_of_known_day = F.date_add("known_day", 1).cast("timestamp") - F.expr("INTERVAL 1 MICROSECOND")
    return tiles.withColumns({"event_ts": F.col("event_day").cast("timestamp"), "visible_ts": end_of_known_day}).fillna(
        {"consumed": False}
    )
