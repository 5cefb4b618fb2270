"""Candidates for logs without exposures: a sampler whose probabilities are stored, and which knows no future.

Every moment at which a user clicked becomes a request. Its items are positives; to them come ``per_request`` draws
with replacement from a mixture that knows only the days before: with probability ``uniform_share`` an item drawn
uniformly from those seen before the request's day, else the item of a uniformly drawn earlier click, that is, by
popularity. A candidate's stored propensity is the probability of one draw,
``q(i) = s / items_before + (1 - s) * clicks_before(i) / clicks_before``. They are marked ``sampled``: they are not
impressions and must never be read as logged ones.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import as_of_join
from features.view import Feature, View
from ingest.source import Candidates
from tables.facts import EXPOSURES

_POPULARITY = View(
    "candidate_popularity", ("item_id",), "day", (Feature("clicks_before", "count", "clicks", None, "clicks"),)
)

_ROW = ["request_id", "user_id", "event_ts", "request_known_ts", "item_id"]


def sample(events: DataFrame, settings: Candidates, batch_id: str) -> DataFrame:
    """Requests with positives and sampled candidates, in the form of exposures. Grain: exposure_id."""
    clicks = events.where("is_click").select("event_id", "user_id", "item_id", "topic", "event_ts", "known_ts")
    requests = _requests(clicks)
    positives = requests.join(clicks, ["user_id", "event_ts"]).select(
        *_ROW, "topic", F.lit(None).cast("double").alias("q")
    )
    drawn = _draws(requests, clicks, settings).join(
        positives.select("request_id", "item_id"), ["request_id", "item_id"], "left_anti"
    )
    # Draws may repeat, and a basket may hold an item twice: one row an item, the probability is the same.
    # The topic is that of the clicks drawn: a topic that an item is given later is not known yet.
    rows = positives.unionByName(drawn).groupBy(*_ROW).agg(F.max("topic").alias("topic"), F.max("q").alias("q"))
    return rows.select(
        _hash("request_id", "item_id").alias("exposure_id"),
        "request_id",
        "user_id",
        "item_id",
        "topic",
        F.col("event_ts").alias("as_of"),
        F.col("request_known_ts").alias("known_ts"),
        F.lit("sampled").alias("surface"),
        F.lit(None).cast("int").alias("position"),
        F.lit("sampled").alias("policy"),
        F.col("q").alias("propensity"),
        F.lit(True).alias("sampled"),
        F.lit(batch_id).alias("batch_id"),
    ).select(*EXPOSURES.column_names())


def _requests(clicks: DataFrame) -> DataFrame:
    """Grain: user_id, event_ts. All of a user's clicks of one moment are one request."""
    moments = clicks.groupBy("user_id", "event_ts").agg(F.max("known_ts").alias("request_known_ts"))
    return moments.select(
        _hash("user_id", F.unix_micros("event_ts").cast("string")).alias("request_id"),
        "*",
        F.to_date("event_ts").alias("day"),
    )


def _draws(requests: DataFrame, clicks: DataFrame, settings: Candidates) -> DataFrame:
    """Grain: request_id, draw. Each draw with its item and probability q."""
    days = _days(clicks)
    dated = clicks.select("item_id", "topic", F.to_date("event_ts").alias("day"), "event_id")
    seen = clicks.groupBy("item_id").agg(
        F.to_date(F.min("event_ts")).alias("day"), F.min_by("topic", F.struct("event_ts", "event_id")).alias("topic")
    )
    by_click = _numbered(dated, "event_id", days.select("day", F.col("clicks").alias("before")))
    by_item = _numbered(seen, "item_id", days.select("day", F.col("items").alias("before")))
    known = requests.join(days.where("clicks > 0"), "day")
    slots = known.select("*", F.explode(F.sequence(F.lit(1), F.lit(settings.per_request))).alias("draw"))
    chosen = slots.select(
        "*",
        _is_uniform(settings).alias("is_uniform"),
        F.floor(
            _uniform("at", settings.seed) * F.when(_is_uniform(settings), F.col("items")).otherwise(F.col("clicks"))
        )
        .cast("bigint")
        .alias("at"),
    )
    index = by_click.withColumn("is_uniform", F.lit(False)).unionByName(by_item.withColumn("is_uniform", F.lit(True)))
    return _with_probability(chosen.join(index, ["is_uniform", "at"]), clicks, settings)


def _is_uniform(settings: Candidates) -> Column:
    return _uniform("mix", settings.seed) < settings.uniform_share


def _with_probability(drawn: DataFrame, clicks: DataFrame, settings: Candidates) -> DataFrame:
    """Adds q, with each item's clicks before the request's day by the point-in-time operator."""
    facts = clicks.select(
        "item_id",
        F.lit(1).cast("bigint").alias("clicks"),
        F.col("event_ts"),
        (F.date_add(F.to_date("event_ts"), 1).cast("timestamp") - F.expr("INTERVAL 1 MICROSECOND")).alias("visible_ts"),
    )
    days = drawn.select("item_id", F.col("day").cast("timestamp").alias("as_of")).distinct()
    popularity = as_of_join([_POPULARITY], facts.withColumn("consumed", F.lit(True)), days).select(
        "item_id", F.to_date("as_of").alias("day"), "clicks_before"
    )
    share = settings.uniform_share
    q = share / F.col("items") + (1 - share) * F.col("clicks_before") / F.col("clicks")
    return drawn.join(popularity, ["item_id", "day"]).select(*_ROW, "topic", q.alias("q"))


def _numbered(rows: DataFrame, order: str, offsets: DataFrame) -> DataFrame:
    """Rows numbered 0, 1, ... in order of day: within days in parallel, then offset by the days before."""
    place = F.row_number().over(Window.partitionBy("day").orderBy(order))
    numbered = rows.withColumn("_place", place).join(offsets, "day")
    return numbered.select("item_id", "topic", (F.col("before") + F.col("_place") - 1).alias("at"))


def _days(clicks: DataFrame) -> DataFrame:
    """Clicks, and items seen, before each day. Grain: day; a log has hundreds, so one partition orders them."""
    first = clicks.groupBy("item_id").agg(F.to_date(F.min("event_ts")).alias("day"))
    new = first.groupBy("day").agg(F.count("*").alias("new_items"))
    days = clicks.groupBy(F.to_date("event_ts").alias("day")).agg(F.count("*").alias("new_clicks"))
    earlier = Window.orderBy("day").rowsBetween(Window.unboundedPreceding, -1)
    return days.join(new, "day", "left").select(
        "day",
        F.coalesce(F.sum("new_clicks").over(earlier), F.lit(0)).alias("clicks"),
        F.coalesce(F.sum("new_items").over(earlier), F.lit(0)).alias("items"),
    )


def _uniform(salt: str, seed: int) -> Column:
    """A number in [0, 1) that depends on request, draw, salt and seed alone."""
    mixed = F.xxhash64("request_id", "draw", F.lit(salt), F.lit(seed))
    return F.pmod(mixed, F.lit(1 << 52)) / F.lit(float(1 << 52))


def _hash(*parts: str | Column) -> Column:
    # JSON keeps the parts apart: ("a|b", "c") is not ("a", "b|c").
    return F.substring(F.sha2(F.to_json(F.array(*parts)), 256), 1, 32)
