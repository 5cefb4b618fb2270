"""Facts for the point-in-time join, built from events and tiles. Pure transforms."""

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.point_in_time_join import union_facts

_FLAGS = {"is_consumption": "consumptions", "is_click": "clicks", "is_negative": "negatives"}
_SUMS = ["events", *_FLAGS.values()]


def select_known_facts(facts: DataFrame, known_at: datetime) -> DataFrame:
    """Facts known at or before ``known_at`` (UTC)."""
    return facts.where(F.col("known_ts") <= F.lit(known_at))


def build_user_facts(events: DataFrame, first_seen: DataFrame) -> DataFrame:
    """Events with their flags as numbers, and the first event of each user. Grain: fact.

    Rows of ``first_seen`` serve tenure alone (``firsts``) and add to no other sum. No other feature needs the full
    past, so ``events`` may be cut to the longest window.
    """
    facts = events.select(
        "user_id",
        "item_id",
        "topic",
        "event_day",
        "event_ts",
        F.greatest("event_ts", "known_ts").alias("visible_ts"),
        F.col("is_consumption").alias("consumed"),
        F.when(F.col("is_consumption"), F.col("amount")).alias("amount"),
        F.lit(1).cast("bigint").alias("events"),
        *[F.col(flag).cast("bigint").alias(name) for flag, name in _FLAGS.items()],
    )
    firsts = _firsts(first_seen, "user").select(F.col("key").alias("user_id"), "event_ts", "visible_ts", "firsts")
    return union_facts([facts, firsts], [*_SUMS, "firsts"]).fillna({"consumed": False})


def build_item_day_facts(
    item_days: DataFrame, user_item_days: DataFrame, exposure_days: DataFrame, first_seen: DataFrame
) -> DataFrame:
    """Tiles as facts of the item view: each lies on its event day and is visible from the end of its known day.

    Grain: tile. Rows of ``user_item_days`` serve only the distinct count of users, rows of ``first_seen`` only the age.
    """
    users = user_item_days.where("consumptions > 0").select("item_id", "user_id", "event_day", "known_day")
    firsts = _firsts(first_seen, "item").select(
        F.col("key").alias("item_id"),
        F.to_date("event_ts").alias("event_day"),
        F.to_date("visible_ts").alias("known_day"),
        "firsts",
    )
    tiles = union_facts(
        [
            item_days.select("item_id", "event_day", "known_day", "amount", *_SUMS),
            users.withColumn("consumed", F.lit(True)),
            exposure_days.select("item_id", "event_day", "known_day", "exposures"),
            firsts,
        ],
        [*_SUMS, "exposures", "firsts"],
    )
    return tiles.withColumns(
        {"event_ts": F.col("event_day").cast("timestamp"), "visible_ts": end_of_day(F.col("known_day"))}
    ).fillna({"consumed": False})


def end_of_day(day: Column) -> Column:
    """The last microsecond of a UTC day."""
    return F.date_add(day, 1).cast("timestamp") - F.expr("INTERVAL 1 MICROSECOND")


def _firsts(first_seen: DataFrame, kind: str) -> DataFrame:
    return first_seen.where(F.col("kind") == kind).withColumn("firsts", F.lit(1).cast("bigint"))
