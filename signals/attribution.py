"""Attribution: the exposures that an outcome is credited to, and their shares.

An outcome is a day on which a user consumed an item. When it becomes known, it is split once among the exposures whose
click was known by then, so a share as known at T never changes. An outcome without such an exposure is organic.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from longplay.definitions.measures import FLAG_COLUMNS
from longplay.definitions.signal import Definition
from longplay.definitions.signal_fields import Credit
from signals.anchors import answers_request
from signals.measure_columns import EXACT

ORGANIC = "organic"
_OUTCOME = ("user_id", "item_id", "event_day")


def find_outcomes(events: DataFrame, definition: Definition) -> DataFrame:
    """Days with the item, and when each was first known. Grain: user_id, item_id, event_day."""
    assert definition.measure.flag is not None, "only days of a flag are split"
    days = events.where(F.col(FLAG_COLUMNS[definition.measure.flag])).groupBy(*_OUTCOME)
    outcomes = days.agg(F.min("known_ts").alias("known_ts"))
    return outcomes.withColumn("event_ts", F.col("event_day").cast("timestamp"))


def find_touches(anchors: DataFrame, events: DataFrame, credit: Credit) -> DataFrame:
    """Exposures with a response in time, and when both were known. Grain: anchor_id."""
    clicks = events.where(F.col(FLAG_COLUMNS[credit.earned_by])).select(
        "user_id", "item_id", F.col("event_ts").alias("_click_ts"), F.col("known_ts").alias("_k"), "request_id"
    )
    shown = anchors.select("anchor_id", "user_id", "item_id", "t0", "anchor_known_ts", "position", "request_id")
    shown = shown.withColumnRenamed("request_id", "_r")
    micros = F.unix_micros("_click_ts") - F.unix_micros("t0")
    inside = (micros >= 0) & (micros < int(credit.within.total_seconds() * 1_000_000))
    pairs = shown.join(clicks, ["user_id", "item_id"]).where(inside & answers_request("request_id", "_r"))
    by_anchor = pairs.groupBy("anchor_id", "user_id", "item_id", "t0", "anchor_known_ts", "position")
    return by_anchor.agg(F.greatest(F.min("_k"), F.first("anchor_known_ts")).alias("touch_known_ts"))


def split_outcomes(outcomes: DataFrame, touches: DataFrame, definition: Definition) -> DataFrame:
    """Every outcome, split among the touches that could have earned it.

    Args:
        outcomes: grain: user_id, item_id, event_day.
        touches: grain: anchor_id.
        definition: its window says how far an outcome may lie from a touch.

    Returns:
        Grain: outcome and anchor_id; ``share`` adds up to one over an outcome. An outcome that no touch earned is one
        row with anchor_id ``organic``.
    """
    assert definition.credit is not None
    earned = _join_touches(outcomes, touches, definition)
    of_outcome = Window.partitionBy(*_OUTCOME)
    weighted = earned.withColumn("_weight", _weight(definition.credit, of_outcome))
    total = F.sum(F.col("_weight").cast(EXACT)).over(of_outcome).cast("double")
    return weighted.select(
        *_OUTCOME,
        "event_ts",
        "known_ts",
        F.coalesce("anchor_id", F.lit(ORGANIC)).alias("anchor_id"),
        F.when(F.col("anchor_id").isNull(), 1.0).otherwise(F.col("_weight") / total).alias("share"),
    ).where("share > 0")


def _join_touches(outcomes: DataFrame, touches: DataFrame, definition: Definition) -> DataFrame:
    """Outcomes with the touches known by then whose window they lie in. Grain: outcome and touch, or outcome alone."""
    first, last = definition.window.days()
    after = F.datediff("event_day", F.to_date("t0"))
    of_touch = touches.withColumnRenamed("user_id", "_u").withColumnRenamed("item_id", "_i")
    is_earned = (
        (F.col("user_id") == F.col("_u"))
        & (F.col("item_id") == F.col("_i"))
        & after.between(first, last)
        & (F.col("touch_known_ts") <= F.col("known_ts"))
    )
    return outcomes.join(of_touch, is_earned, "left")


def _weight(credit: Credit, of_outcome: WindowSpec) -> Column:
    """Weight of a touch, before normalisation."""
    if credit.rule in ("last_touch", "first_touch"):
        touch = F.struct("t0", "anchor_id")
        chosen = F.max(touch) if credit.rule == "last_touch" else F.min(touch)
        return F.when(chosen.over(of_outcome)["anchor_id"] == F.col("anchor_id"), 1.0).otherwise(0.0)
    if credit.rule == "time_decayed":
        assert credit.tau is not None
        age = (F.unix_micros(F.col("event_day").cast("timestamp")) - F.unix_micros("t0")) / 1_000_000
        return F.exp(-age / F.lit(credit.tau.total_seconds()))
    return F.pow(F.coalesce(F.col("position"), F.lit(1)).cast("double"), F.lit(credit.examination))
