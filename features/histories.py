"""Histories from events: daily tiles and sequences. Pure transforms.

A tile sums the facts of one ``event_day``, ``known_day`` and delivery. A late fact makes a tile of its own: what was
known on an earlier day never changes, and a new delivery only adds rows.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tables.catalog import SEQUENCES

_TILE = ("event_day", "known_day", "batch")
_SUMS = ("events", "consumptions", "clicks", "negatives", "exposures")


def build_daily_tiles(events: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Additive partial aggregates. Grain: keys, event_day, known_day, batch."""
    consumed_amount = F.when(F.col("is_consumption"), F.col("amount")).otherwise(0.0)
    tiles = events.groupBy(*keys, *_TILE).agg(
        F.count("*").alias("events"),
        F.count_if("is_consumption").alias("consumptions"),
        F.count_if("is_click").alias("clicks"),
        F.count_if("is_negative").alias("negatives"),
        # Sums of decimals do not depend on the order of rows; sums of doubles do.
        F.coalesce(F.sum(consumed_amount.cast("decimal(28,6)")), F.lit(0)).cast("double").alias("amount"),
        F.min("event_ts").alias("first_event_ts"),
        F.max("event_ts").alias("last_event_ts"),
    )
    return tiles.select(*[name for name in tiles.columns if name != "batch"], "batch")


def build_exposure_tiles(exposures: DataFrame) -> DataFrame:
    """Logged exposures per item and day. Grain: item_id, event_day, known_day, batch."""
    days = exposures.where(~F.col("sampled")).select(
        "item_id", F.to_date("as_of").alias("event_day"), F.to_date("known_ts").alias("known_day"), "batch"
    )
    tiles = days.groupBy("item_id", *_TILE).agg(F.count("*").alias("exposures"))
    return tiles.select("item_id", "event_day", "known_day", "exposures", "batch")


def merge_tiles(tiles: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Tiles summed over deliveries, so that stores filled in different orders can be compared.

    Grain: keys, event_day, known_day.
    """
    sums = [F.sum(name).alias(name) for name in _SUMS if name in tiles.columns]
    if "amount" in tiles.columns:
        sums.append(F.sum(F.col("amount").cast("decimal(28,6)")).cast("double").alias("amount"))
        sums += [F.min("first_event_ts").alias("first_event_ts"), F.max("last_event_ts").alias("last_event_ts")]
    return tiles.groupBy(*keys, "event_day", "known_day").agg(*sums)


def select_consumptions(events: DataFrame) -> DataFrame:
    """The rows of ``sequences``: one per consumption. Grain: event_id.

    Readers order them by user_id, event_ts, event_id.
    """
    consumed = events.where("is_consumption")
    # visible_ts equals known_ts, which is never before event_ts.
    return consumed.withColumn("visible_ts", F.greatest("event_ts", "known_ts")).select(*SEQUENCES.column_names())
