"""Anchors, where signals begin: exposures, discoveries, active days and ends of sessions. Pure transforms."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition

ANCHOR = ["anchor_id", "user_id", "item_id", "t0", "anchor_known_ts", "request_id", "position", "superseded_ts"]
"""``superseded_ts``: when a fact became known that disproves the anchor; null: never."""


def find_anchors(definition: Definition, events: DataFrame, exposures: DataFrame) -> DataFrame:
    """The anchors of a definition. Grain: anchor_id."""
    if definition.anchor == "exposure":
        return anchors_from_exposures(exposures)
    if definition.anchor == "active_day":
        return anchors_from_active_days(events)
    if definition.anchor == "session":
        assert definition.session_gap is not None
        return anchors_from_session_ends(events, definition.session_gap)
    assert definition.void.look_back is not None
    return anchors_from_discoveries(events, definition.void.look_back)


def anchors_from_exposures(exposures: DataFrame) -> DataFrame:
    """Every exposure, at the moment of its impression."""
    return exposures.select(
        F.col("exposure_id").alias("anchor_id"),
        "user_id",
        "item_id",
        F.col("as_of").alias("t0"),
        F.col("known_ts").alias("anchor_known_ts"),
        F.when(F.col("sampled"), F.lit(None)).otherwise(F.col("request_id")).cast("string").alias("request_id"),
        "position",
        _never(),
    )


def anchors_from_active_days(events: DataFrame) -> DataFrame:
    """Every day on which a user consumed something, at the consumption that first became known."""
    days = events.where("is_consumption").groupBy("user_id", "event_day")
    first = days.agg(F.min(F.struct("known_ts", "event_ts")).alias("_first"))
    return _without_item(
        first.select(
            "user_id",
            "event_day",
            F.col("_first.event_ts").alias("t0"),
            F.col("_first.known_ts").alias("anchor_known_ts"),
            _never(),
        ),
        anchor_hash("user_id", F.col("event_day").cast("string")),
    )


def anchors_from_discoveries(events: DataFrame, look_back: timedelta) -> DataFrame:
    """Consumptions of an item by a user with none in ``[t0 - look_back, t0)``, as far as known at the time.

    A consumption in the look-back that becomes known after the anchor supersedes it from then on.
    """
    consumed = (
        events.where("is_consumption").groupBy("user_id", "item_id", "event_ts").agg(F.min("known_ts").alias("k"))
    )
    micros = int(look_back.total_seconds() * 1_000_000)
    order = Window.partitionBy("user_id", "item_id").orderBy(F.unix_micros("event_ts")).rangeBetween(-micros, -1)
    candidates = consumed.withColumn("superseded_ts", F.min("k").over(order))
    discoveries = candidates.where(F.col("superseded_ts").isNull() | (F.col("superseded_ts") > F.col("k")))
    return discoveries.select(
        anchor_hash("user_id", "item_id", F.unix_micros("event_ts").cast("string")).alias("anchor_id"),
        "user_id",
        "item_id",
        F.col("event_ts").alias("t0"),
        F.col("k").alias("anchor_known_ts"),
        F.lit(None).cast("string").alias("request_id"),
        F.lit(None).cast("int").alias("position"),
        "superseded_ts",
    )


def anchors_from_session_ends(events: DataFrame, gap: timedelta) -> DataFrame:
    """The last consumption of every session: none follows in ``(t0, t0 + gap]``.

    The end becomes known when the gap is over. A consumption in the gap that becomes known later supersedes it from
    then on.
    """
    consumed = events.where("is_consumption").groupBy("user_id", "event_ts").agg(F.min("known_ts").alias("k"))
    micros = int(gap.total_seconds() * 1_000_000)
    order = Window.partitionBy("user_id").orderBy(F.unix_micros("event_ts")).rangeBetween(1, micros)
    gap_known = F.greatest("k", F.timestamp_micros(F.unix_micros("event_ts") + micros))
    candidates = consumed.withColumn("superseded_ts", F.min("k").over(order)).withColumn("anchor_known_ts", gap_known)
    is_end = F.col("superseded_ts").isNull() | (F.col("superseded_ts") > F.col("anchor_known_ts"))
    return _without_item(
        candidates.where(is_end).select("user_id", F.col("event_ts").alias("t0"), "anchor_known_ts", "superseded_ts"),
        anchor_hash(F.lit("session"), "user_id", F.unix_micros("t0").cast("string")),
    )


def anchor_hash(*parts: str | Column) -> Column:
    """A stable id of an anchor. JSON keeps the parts apart."""
    return F.substring(F.sha2(F.to_json(F.array(*parts)), 256), 1, 32)


def _without_item(moments: DataFrame, anchor_id: Column) -> DataFrame:
    return moments.select(
        anchor_id.alias("anchor_id"),
        "user_id",
        F.lit(None).cast("string").alias("item_id"),
        "t0",
        "anchor_known_ts",
        F.lit(None).cast("string").alias("request_id"),
        F.lit(None).cast("int").alias("position"),
        "superseded_ts",
    )


def answers_request(event_request: str, anchor_request: str) -> Column:
    """Whether an event may respond to an anchor: one with a request belongs to that request's exposures only."""
    event, anchor = F.col(event_request), F.col(anchor_request)
    return event.isNull() | anchor.isNull() | (event == anchor)


def _never() -> Column:
    return F.lit(None).cast("timestamp").alias("superseded_ts")
