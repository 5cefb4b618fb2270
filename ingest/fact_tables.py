"""Builds events, exposures, episodes and quarantine from validated rows, and first_seen from events.

Also counts the reasons of rejected rows. Pure transforms.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ingest.log_mapping import EventCondition, EventsLog, LogMapping
from ingest.row_validation import ORIGIN, list_reasons
from tables.catalog import EPISODES, EVENTS, EXPOSURES, FIRST_SEEN, QUARANTINE


def build_events(validated: DataFrame, log: EventsLog, batch: int) -> DataFrame:
    """The clean rows as events. Grain: event_id."""
    clean = validated.where(F.col("reason").isNull())
    return clean.select(
        fact_id("event_ts").alias("event_id"),
        "user_id",
        "item_id",
        F.col("topic_").alias("topic"),
        F.col("kind_").alias("kind"),
        "event_ts",
        "known_ts",
        F.to_date("event_ts").alias("event_day"),
        F.to_date("known_ts").alias("known_day"),
        F.col("amount_").alias("amount"),
        _meets(log.consumption).alias("is_consumption"),
        _meets(log.click).alias("is_click"),
        _meets(log.negative).alias("is_negative"),
        "request_id",
        F.col("surface_").alias("surface"),
        F.col("episode_").alias("episode"),
        (F.col("_known") < F.col("event_ts")).alias("clock_skew"),
        F.lit(batch).cast("bigint").alias("batch"),
    ).select(*EVENTS.column_names())


def build_exposures(validated: DataFrame, batch: int) -> DataFrame:
    """The clean rows of an exposures log. Grain: exposure_id."""
    clean = validated.where(F.col("reason").isNull())
    return clean.select(
        fact_id("event_ts").alias("exposure_id"),
        "request_id",
        "user_id",
        "item_id",
        F.col("topic_").alias("topic"),
        F.col("event_ts").alias("as_of"),
        F.to_date("event_ts").alias("as_of_day"),
        "known_ts",
        F.col("surface_").alias("surface"),
        F.col("position_").alias("position"),
        F.col("policy_").alias("policy"),
        F.least("propensity_", F.lit(1.0)).alias("propensity"),
        F.lit(False).alias("sampled"),
        F.lit(batch).cast("bigint").alias("batch"),
    ).select(*EXPOSURES.column_names())


def build_episodes(validated: DataFrame, batch: int) -> DataFrame:
    """The clean rows of a log of released episodes. Grain: item_id, episode."""
    clean = validated.where(F.col("reason").isNull())
    return clean.select(
        "item_id",
        F.col("episode_").alias("episode"),
        F.col("season_").alias("season"),
        F.col("season_episodes_").alias("season_episodes"),
        F.col("event_ts").alias("released_ts"),
        "known_ts",
        F.lit(batch).cast("bigint").alias("batch"),
    ).select(*EPISODES.column_names())


def build_quarantine(validated: DataFrame, name: str, batch: int, run_id: str) -> DataFrame:
    """The rejected rows, each with its reason, the run that rejected it, and all that is needed to reprocess it.

    Args:
        validated: from :func:`ingest.row_validation.validate_rows`. Rows with ``_origin`` are repaired rows.
        name: which raw log: events, exposures or episodes.
        batch: number of the delivery.
        run_id: names the run.

    Returns:
        Grain: row_id.
    """
    rejected = validated.where(F.col("reason").isNotNull())
    provenance = {
        "log": F.lit(name),
        "run_id": F.lit(run_id),
        "repaired_from": F.col(ORIGIN) if ORIGIN in validated.columns else F.lit(None).cast("string"),
        "event_day": F.to_date("event_ts"),
        "batch": F.lit(batch).cast("bigint"),
    }
    return rejected.withColumns(provenance).select(*QUARANTINE.column_names())


def count_reasons(validated: DataFrame, log: LogMapping) -> dict[str, int]:
    """Count rows read and clean rows; and, for each reason, the rows that have it.

    ``raw:REASON`` counts the rows that have the reason at all, ``exclusive:REASON`` those whose first reason it is.
    """
    aggregates: list[Column] = [F.count("*").alias("read"), F.count_if(F.col("reason").isNull()).alias("clean")]
    for reason in list_reasons(log):
        aggregates.append(F.count_if(F.array_contains("reasons", reason)).alias(f"raw:{reason}"))
        aggregates.append(F.count_if(F.col("reason").eqNullSafe(reason)).alias(f"exclusive:{reason}"))
    row = validated.agg(*aggregates).first()
    return {} if row is None else {name: int(row[name]) for name in row.asDict()}


def build_first_seen(events: DataFrame, published: DataFrame | None = None) -> DataFrame:
    """Events that, when they became visible, were the earliest known of their user, item or clicks on their item.

    Args:
        events: new events. Grain: event_id.
        published: what the table holds already; rows that add nothing to it are left out.

    Returns:
        Grain: kind, key, visible_ts. The features of tenure and age need no other events of the past.
    """
    facts = _facts_by_key(events)
    # A fact visible as soon as it happened can be the earliest only if nothing of its key was visible before. Any other
    # candidate became visible late (visible_ts > event_ts).
    order = F.min(F.struct("visible_ts", "event_ts", "batch", "topic")).alias("_first")
    first_visible = facts.groupBy("kind", "key").agg(order).select("kind", "key", "_first.*")
    candidates = first_visible.unionByName(facts.where("visible_ts > event_ts"))
    # Of rows that became visible at one moment, the earliest counts; batch and topic break ties.
    by_moment = candidates.groupBy("kind", "key", "visible_ts").agg(
        F.min(F.struct("event_ts", "batch", "topic")).alias("_first")
    )
    earliest = keep_earliest(by_moment.select("kind", "key", "visible_ts", "_first.*"))
    if published is not None:
        earliest = _drop_covered_rows(published, earliest)
    return earliest.select(*FIRST_SEEN.column_names())


def _facts_by_key(events: DataFrame) -> DataFrame:
    """Up to three rows per event: one each for its user, its item and, if it is a click, its clicked item."""
    columns = {
        "event_ts": F.col("event_ts"),
        "visible_ts": F.greatest("event_ts", "known_ts"),  # equals known_ts, which is never before event_ts
        "topic": F.col("topic"),
        "batch": F.col("batch"),
    }
    clicked = F.when(F.col("is_click"), F.col("item_id"))
    keys = {"user": F.col("user_id"), "item": F.col("item_id"), "clicked_item": clicked}
    exploded = F.explode(
        F.array(*[F.struct(F.lit(kind).alias("kind"), key.alias("key")) for kind, key in keys.items()])
    )
    facts = events.select(exploded.alias("_who"), *[c.alias(n) for n, c in columns.items()]).select("_who.*", *columns)
    return facts.where(F.col("key").isNotNull())


def _drop_covered_rows(published: DataFrame, rows: DataFrame) -> DataFrame:
    """Drop rows that add nothing: a published row of their key is as early, and became visible as early."""
    old = published.select("kind", "key", F.col("event_ts").alias("_event"), F.col("visible_ts").alias("_visible"))
    is_as_early = (F.col("_event") <= F.col("event_ts")) & (F.col("_visible") <= F.col("visible_ts"))
    is_same_key = (F.col("n.kind") == F.col("o.kind")) & (F.col("n.key") == F.col("o.key"))
    return rows.alias("n").join(old.alias("o"), is_same_key & is_as_early, "left_anti")


def keep_earliest(rows: DataFrame) -> DataFrame:
    """Keep the rows of ``first_seen`` that are earlier than all rows of their key that became visible before them."""
    before = Window.partitionBy("kind", "key").orderBy("visible_ts").rowsBetween(Window.unboundedPreceding, -1)
    marked = rows.withColumn("_earliest", F.min("event_ts").over(before))
    return marked.where(F.col("_earliest").isNull() | (F.col("event_ts") < F.col("_earliest"))).drop("_earliest")


def fact_id(time: str) -> Column:
    """The id of a fact: its key and its UTC day, so that duplicates need to be looked for only on that day."""
    return F.substring(F.sha2(F.concat_ws("/", "key", F.to_date(time).cast("string")), 256), 1, 32)


def _meets(condition: EventCondition) -> Column:
    meets = F.col("kind_").isin(*condition.kinds) if condition.kinds else F.lit(False)
    if condition.min_amount is not None:
        meets = meets & F.coalesce(F.col("amount_") >= condition.min_amount, F.lit(False))
    return meets
