"""From judged rows to events, exposures and quarantine. Pure transforms."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ingest.row_validation import ORIGIN, list_reasons
from ingest.source_config import EventCondition, EventsLog, LogMapping
from tables.catalog import EPISODES, EVENTS, EXPOSURES, FIRST_SEEN, QUARANTINE


def build_events(judged: DataFrame, log: EventsLog, batch: int) -> DataFrame:
    """The clean rows as events. Grain: event_id."""
    clean = judged.where(F.col("reason").isNull())
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
        _counts(log.consumption).alias("is_consumption"),
        _counts(log.click).alias("is_click"),
        _counts(log.negative).alias("is_negative"),
        "request_id",
        F.col("surface_").alias("surface"),
        F.col("episode_").alias("episode"),
        (F.col("_known") < F.col("event_ts")).alias("clock_skew"),
        F.lit(batch).cast("bigint").alias("batch"),
    ).select(*EVENTS.column_names())


def build_exposures(judged: DataFrame, batch: int) -> DataFrame:
    """The clean rows of an exposures log. Grain: exposure_id."""
    clean = judged.where(F.col("reason").isNull())
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


def build_episodes(judged: DataFrame, batch: int) -> DataFrame:
    """The clean rows of a log of released episodes. Grain: item_id, episode."""
    clean = judged.where(F.col("reason").isNull())
    return clean.select(
        "item_id",
        F.col("episode_").alias("episode"),
        F.col("season_").alias("season"),
        F.col("season_episodes_").alias("season_episodes"),
        F.col("event_ts").alias("released_ts"),
        "known_ts",
        F.lit(batch).cast("bigint").alias("batch"),
    ).select(*EPISODES.column_names())


def build_quarantine(judged: DataFrame, name: str, batch: int, run_id: str) -> DataFrame:
    """The rows set aside, each with its reason, the run that set it aside, and all it takes to read it again.

    Args:
        judged: from :func:`ingest.row_validation.validate_rows`; with
            ``_origin``, repaired rows that failed again.
        name: which raw log: events, exposures or episodes.
        batch: number of the delivery.
        run_id: names the run.

    Returns:
        Grain: row_id.
    """
    bad = judged.where(F.col("reason").isNotNull())
    told = {
        "log": F.lit(name),
        "run_id": F.lit(run_id),
        "repaired_from": F.col(ORIGIN) if ORIGIN in judged.columns else F.lit(None).cast("string"),
        "event_day": F.to_date("event_ts"),
        "batch": F.lit(batch).cast("bigint"),
    }
    return bad.withColumns(told).select(*QUARANTINE.column_names())


def count_reasons(judged: DataFrame, log: LogMapping) -> dict[str, int]:
    """Rows read, clean, and per reason both raw (may overlap) and exclusive (they add up)."""
    aggregates: list[Column] = [F.count("*").alias("read"), F.count_if(F.col("reason").isNull()).alias("clean")]
    for reason in list_reasons(log):
        aggregates.append(F.count_if(F.array_contains("reasons", reason)).alias(f"raw:{reason}"))
        aggregates.append(F.count_if(F.col("reason").eqNullSafe(reason)).alias(f"exclusive:{reason}"))
    row = judged.agg(*aggregates).first()
    return {} if row is None else {name: int(row[name]) for name in row.asDict()}


def build_first_seen(events: DataFrame, known: DataFrame | None = None) -> DataFrame:
    """Events that were the earliest of their user or item when they were seen, and an item's earliest clicks.

    Args:
        events: new events. Grain: event_id.
        known: what the table holds already; rows that tell nothing new are left out.

    Returns:
        Grain: kind, key, visible_ts. Tenure and age need nothing else of all the past.
    """
    columns = {
        "event_ts": F.col("event_ts"),
        "visible_ts": F.greatest("event_ts", "known_ts"),
        "topic": F.col("topic"),
        "batch": F.col("batch"),
    }
    clicked = F.when(F.col("is_click"), F.col("item_id"))
    kinds = {"user": F.col("user_id"), "item": F.col("item_id"), "clicked_item": clicked}
    keys = F.explode(F.array(*[F.struct(F.lit(kind).alias("kind"), of.alias("key")) for kind, of in kinds.items()]))
    facts = events.select(keys.alias("_who"), *[c.alias(n) for n, c in columns.items()]).select("_who.*", *columns)
    facts = facts.where(F.col("key").isNotNull())
    # What was known at once is the earliest only if it was the first to be seen; so of all the past these few matter.
    order = F.min(F.struct("visible_ts", "event_ts", "batch", "topic")).alias("_first")
    first = facts.groupBy("kind", "key").agg(order).select("kind", "key", "_first.*")
    some = first.unionByName(facts.where("visible_ts > event_ts"))
    # Of what became visible at one moment the earliest counts, and of that the smallest batch and topic.
    moments = some.groupBy("kind", "key", "visible_ts").agg(
        F.min(F.struct("event_ts", "batch", "topic")).alias("_first")
    )
    found = keep_earliest(moments.select("kind", "key", "visible_ts", "_first.*"))
    if known is None:
        return found.select(*FIRST_SEEN.column_names())
    old = known.select("kind", "key", F.col("event_ts").alias("_event"), F.col("visible_ts").alias("_visible"))
    told = (F.col("_event") <= F.col("event_ts")) & (F.col("_visible") <= F.col("visible_ts"))
    same = (F.col("n.kind") == F.col("o.kind")) & (F.col("n.key") == F.col("o.key"))
    return found.alias("n").join(old.alias("o"), same & told, "left_anti").select(*FIRST_SEEN.column_names())


def keep_earliest(rows: DataFrame) -> DataFrame:
    """Rows of ``first_seen`` that were the earliest of their key when they became visible: its canonical form."""
    before = Window.partitionBy("kind", "key").orderBy("visible_ts").rowsBetween(Window.unboundedPreceding, -1)
    marked = rows.withColumn("_earliest", F.min("event_ts").over(before))
    return marked.where(F.col("_earliest").isNull() | (F.col("event_ts") < F.col("_earliest"))).drop("_earliest")


def fact_id(time: str) -> Column:
    """A key is one event of one UTC day, so that a known one is looked for on its own day alone."""
    return F.substring(F.sha2(F.concat_ws("/", "key", F.to_date(time).cast("string")), 256), 1, 32)


def _counts(rule: EventCondition) -> Column:
    hit = F.col("kind_").isin(*rule.kinds) if rule.kinds else F.lit(False)
    if rule.min_amount is not None:
        hit = hit & F.coalesce(F.col("amount_") >= rule.min_amount, F.lit(False))
    return hit
