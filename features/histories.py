"""Histories from events: daily tiles and ordered sequences. Pure transforms; all rows are kept, none is summed away.

A tile holds what happened on ``event_day`` and was known on ``known_day``: a fact that comes in late makes a tile
of its own, so what was known on an earlier day never changes.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tables.histories import SEQUENCES


def daily_tiles(events: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Additive partial aggregates. Grain: keys, event_day, known_day."""
    consumed_amount = F.when(F.col("is_consumption"), F.col("amount")).otherwise(0.0)
    return events.groupBy(*keys, "event_day", "known_day").agg(
        F.count("*").alias("events"),
        F.count_if("is_consumption").alias("consumptions"),
        F.count_if("is_click").alias("clicks"),
        F.count_if("is_negative").alias("negatives"),
        # A decimal sum does not depend on the order of rows, a sum of doubles does.
        F.coalesce(F.sum(consumed_amount.cast("decimal(28,6)")), F.lit(0)).cast("double").alias("amount"),
        F.min("event_ts").alias("first_event_ts"),
        F.max("event_ts").alias("last_event_ts"),
    )


def exposure_tiles(exposures: DataFrame) -> DataFrame:
    """Logged exposures per item and day. Grain: item_id, event_day, known_day."""
    days = exposures.where(~F.col("sampled")).select(
        "item_id", F.to_date("as_of").alias("event_day"), F.to_date("known_ts").alias("known_day")
    )
    return days.groupBy("item_id", "event_day", "known_day").agg(F.count("*").alias("exposures"))


def sequences(events: DataFrame) -> DataFrame:
    """Consumptions of each user in order of event_ts, then event_id. Grain: user_id, seq."""
    order = Window.partitionBy("user_id").orderBy("event_ts", "event_id")
    consumed = events.where("is_consumption").withColumns(
        {"seq": F.row_number().over(order).cast("bigint"), "visible_ts": F.greatest("event_ts", "known_ts")}
    )
    return consumed.select(*SEQUENCES.column_names())
