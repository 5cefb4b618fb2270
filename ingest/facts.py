"""From judged rows to events, exposures and quarantine. Pure transforms."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.judge import reasons_of
from ingest.source import Counts, EventsLog, Log
from tables.facts import EVENTS, EXPOSURES, QUARANTINE


def events(judged: DataFrame, log: EventsLog, batch_id: str) -> DataFrame:
    """The clean rows as events. Grain: event_id."""
    clean = judged.where(F.col("reason").isNull())
    return clean.select(
        F.col("key").alias("event_id"),
        "user_id",
        "item_id",
        F.col("topic_").alias("topic"),
        F.col("kind_").alias("kind"),
        "event_ts",
        "known_ts",
        F.to_date("event_ts").alias("event_day"),
        F.to_date("known_ts").alias("known_day"),
        F.col("amount_").alias("amount"),
        _counts(log.consumption).alias("is_consumption"),
        _counts(log.click).alias("is_click"),
        _counts(log.negative).alias("is_negative"),
        "request_id",
        F.col("surface_").alias("surface"),
        (F.col("_known") < F.col("event_ts")).alias("clock_skew"),
        F.lit(batch_id).alias("batch_id"),
    ).select(*EVENTS.column_names())


def exposures(judged: DataFrame, batch_id: str) -> DataFrame:
    """The clean rows of an exposures log. Grain: exposure_id."""
    clean = judged.where(F.col("reason").isNull())
    return clean.select(
        F.col("key").alias("exposure_id"),
        "request_id",
        "user_id",
        "item_id",
        F.col("topic_").alias("topic"),
        F.col("event_ts").alias("as_of"),
        "known_ts",
        F.col("surface_").alias("surface"),
        F.col("position_").alias("position"),
        F.col("policy_").alias("policy"),
        F.least("propensity_", F.lit(1.0)).alias("propensity"),
        F.lit(False).alias("sampled"),
        F.lit(batch_id).alias("batch_id"),
    ).select(*EXPOSURES.column_names())


def quarantine(judged: DataFrame, name: str, batch_id: str) -> DataFrame:
    """The rows set aside, each with its reason. Grain: row_id."""
    bad = judged.where(F.col("reason").isNotNull())
    return bad.withColumns({"log": F.lit(name), "batch_id": F.lit(batch_id)}).select(*QUARANTINE.column_names())


def count_reasons(judged: DataFrame, log: Log) -> dict[str, int]:
    """Rows read, clean, and per reason both raw (may overlap) and exclusive (they add up)."""
    aggregates: list[Column] = [F.count("*").alias("read"), F.count_if(F.col("reason").isNull()).alias("clean")]
    for reason in reasons_of(log):
        aggregates.append(F.count_if(F.array_contains("reasons", reason)).alias(f"raw:{reason}"))
        aggregates.append(F.count_if(F.col("reason").eqNullSafe(reason)).alias(f"exclusive:{reason}"))
    row = judged.agg(*aggregates).first()
    return {} if row is None else {name: int(row[name]) for name in row.asDict()}


def _counts(rule: Counts) -> Column:
    hit = F.col("kind_").isin(*rule.kinds) if rule.kinds else F.lit(False)
    if rule.min_amount is not None:
        hit = hit & F.coalesce(F.col("amount_") >= rule.min_amount, F.lit(False))
    return hit
