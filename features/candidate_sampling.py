"""Candidates for logs without exposures: a sampler whose probabilities are stored, and which knows no future.

Every moment at which a user clicked becomes a request. Its items are positives; to them come ``per_request`` draws
with replacement from a mixture that knows only what was visible before the request's day: with probability
``uniform_share`` an item drawn uniformly from those clicked before, else the item of a uniformly drawn click of the
``popularity_days`` before, that is, by popularity (uniformly as well where there was none). A candidate's stored
propensity is the probability of one draw, ``q(i) = s / items_before + (1 - s) * clicks(i) / clicks``. They are marked
``sampled``: they are not impressions and must never be read as logged ones.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.feature_view import Feature, View
from features.point_in_time_join import as_of_join
from ingest.source_config import CandidateSampler
from tables.catalog import EXPOSURES

_ROW = ["request_id", "user_id", "event_ts", "item_id"]


def sample_candidates(
    new: DataFrame, events: DataFrame, seen: DataFrame, settings: CandidateSampler, batch: int
) -> DataFrame:
    """Requests with positives and sampled candidates, in the form of exposures.

    Args:
        new: events whose clicks make requests. Grain: event_id.
        events: what popularity is read from: clicks visible in the ``popularity_days`` before each request's day.
        seen: rows of ``first_seen``; since when items are known by their clicks.
        settings: the sampler's.
        batch: number of the delivery that the rows come with.

    Returns:
        Grain: exposure_id.
    """
    clicks = new.where("is_click").select("user_id", "item_id", "topic", "event_ts", "known_ts")
    requests = _requests(clicks)
    positives = requests.join(clicks, ["user_id", "event_ts"]).select(
        *_ROW, "topic", F.lit(None).cast("double").alias("q"), "known_ts"
    )
    # A candidate is known with its request; a click of the request that becomes known later finds it drawn already.
    drawn = _draws(requests, events, seen, settings).select(
        *_ROW, "topic", "q", F.col("request_known_ts").alias("known_ts")
    )
    # Draws may repeat, and a basket may hold an item twice: one row an item. What was known first counts, a click
    # before a draw. The topic is that of the clicks drawn: one that an item is given later is not known yet.
    rows = positives.unionByName(drawn).groupBy(*_ROW)
    first = rows.agg(F.min(F.struct("known_ts", F.col("q").isNotNull().alias("is_draw"), "q", "topic")).alias("_first"))
    return first.select(
        _hash("request_id", "item_id").alias("exposure_id"),
        "request_id",
        "user_id",
        "item_id",
        F.col("_first.topic").alias("topic"),
        F.col("event_ts").alias("as_of"),
        F.to_date("event_ts").alias("as_of_day"),
        F.col("_first.known_ts").alias("known_ts"),
        F.lit("sampled").alias("surface"),
        F.lit(None).cast("int").alias("position"),
        F.lit("sampled").alias("policy"),
        F.col("_first.q").alias("propensity"),
        F.lit(True).alias("sampled"),
        F.lit(batch).cast("bigint").alias("batch"),
    ).select(*EXPOSURES.column_names())


def _requests(clicks: DataFrame) -> DataFrame:
    """Grain: user_id, event_ts. All of a user's clicks of one moment are one request, known with the first."""
    moments = clicks.groupBy("user_id", "event_ts").agg(F.min("known_ts").alias("request_known_ts"))
    return moments.select(
        _hash("user_id", F.unix_micros("event_ts").cast("string")).alias("request_id"),
        "*",
        F.to_date("event_ts").alias("day"),
    )


def _draws(requests: DataFrame, events: DataFrame, seen: DataFrame, settings: CandidateSampler) -> DataFrame:
    """Grain: request_id, draw. Each draw with its item and probability q."""
    clicks = events.where("is_click").select("event_id", "item_id", "topic", _day_visible("event_ts", "known_ts"))
    items = (
        seen.where("kind = 'clicked_item'")
        .groupBy(F.col("key").alias("item_id"))
        .agg(F.min(F.struct("visible_ts", "event_ts", "topic")).alias("_first"))
    ).select("item_id", "_first.topic", F.to_date("_first.visible_ts").alias("day"))
    days = _days(requests, clicks, items, settings)
    known = requests.join(days.where("items > 0"), "day")
    slots = known.select("*", F.explode(F.sequence(F.lit(1), F.lit(settings.per_request))).alias("draw"))
    is_uniform = (_uniform("mix", settings.seed) < settings.uniform_share) | (F.col("clicks") == 0)
    place = _uniform("at", settings.seed)
    chosen = slots.withColumn("is_uniform", is_uniform).withColumn(
        "at",
        F.when(F.col("is_uniform"), F.floor(place * F.col("items")))
        .otherwise(F.col("clicks_to") - F.col("clicks") + F.floor(place * F.col("clicks")))
        .cast("bigint"),
    )
    by_click = _numbered(clicks, "event_id", days.select("day", F.col("clicks_to").alias("before")))
    by_item = _numbered(items, "item_id", days.select("day", F.col("items").alias("before")))
    index = by_click.withColumn("is_uniform", F.lit(False)).unionByName(by_item.withColumn("is_uniform", F.lit(True)))
    return _with_probability(chosen.join(index, ["is_uniform", "at"]), clicks, settings)


def _with_probability(drawn: DataFrame, clicks: DataFrame, settings: CandidateSampler) -> DataFrame:
    """Adds q, with each item's clicks before the request's day by the point-in-time operator."""
    popularity = View(
        "candidate_popularity",
        ("item_id",),
        "day",
        (Feature("clicks_of_item", "count", "clicks", settings.popularity_days, "clicks"),),
    )
    facts = clicks.select(
        "item_id",
        F.lit(1).cast("bigint").alias("clicks"),
        F.lit(True).alias("consumed"),
        F.col("day").cast("timestamp").alias("event_ts"),
        (F.date_add("day", 1).cast("timestamp") - F.expr("INTERVAL 1 MICROSECOND")).alias("visible_ts"),
    )
    days = drawn.select("item_id", "day", F.col("day").cast("timestamp").alias("as_of")).distinct()
    found = as_of_join([popularity], facts, days).drop("as_of")
    share = settings.uniform_share
    mixed = share / F.col("items") + (1 - share) * F.col("clicks_of_item") / F.col("clicks")
    q = F.when(F.col("clicks") > 0, mixed).otherwise(1 / F.col("items"))
    return drawn.join(found, ["item_id", "day"]).select(*_ROW, "topic", "request_known_ts", q.alias("q"))


def _numbered(rows: DataFrame, order: str, offsets: DataFrame) -> DataFrame:
    """Rows numbered 0, 1, ... in order of day: within days in parallel, then offset by the days before."""
    place = F.row_number().over(Window.partitionBy("day").orderBy(order))
    numbered = rows.withColumn("_place", place).join(offsets, "day")
    return numbered.select("item_id", "topic", (F.col("before") + F.col("_place") - 1).alias("at"))


def _days(requests: DataFrame, clicks: DataFrame, items: DataFrame, settings: CandidateSampler) -> DataFrame:
    """What was visible before each day: ``clicks_to`` of all given, ``clicks`` of the window, ``items`` ever clicked.

    Grain: day; a log has hundreds or thousands, so one partition orders them.
    """
    zero, one = F.lit(0).cast("bigint"), F.lit(1).cast("bigint")
    counted = [
        requests.select("day", zero.alias("n_clicks"), zero.alias("n_items")).distinct(),
        clicks.select("day", one.alias("n_clicks"), zero.alias("n_items")),
        items.select("day", zero.alias("n_clicks"), one.alias("n_items")),
    ]
    new = counted[0].unionByName(counted[1]).unionByName(counted[2])
    by_day = new.groupBy("day").agg(F.sum("n_clicks").alias("n_clicks"), F.sum("n_items").alias("n_items"))
    number = F.datediff("day", F.lit("1970-01-01").cast("date"))
    earlier = Window.orderBy("_n").rangeBetween(Window.unboundedPreceding, -1)
    recent = Window.orderBy("_n").rangeBetween(-settings.popularity_days, -1)
    return by_day.withColumn("_n", number).select(
        "day",
        F.coalesce(F.sum("n_clicks").over(earlier), zero).alias("clicks_to"),
        F.coalesce(F.sum("n_clicks").over(recent), zero).alias("clicks"),
        F.coalesce(F.sum("n_items").over(earlier), zero).alias("items"),
    )


def _day_visible(event: str, known: str) -> Column:
    return F.to_date(F.greatest(event, known)).alias("day")


def _uniform(salt: str, seed: int) -> Column:
    """A number in [0, 1) that depends on request, draw, salt and seed alone."""
    mixed = F.xxhash64("request_id", "draw", F.lit(salt), F.lit(seed))
    return F.pmod(mixed, F.lit(1 << 52)) / F.lit(float(1 << 52))


def _hash(*parts: str | Column) -> Column:
    # JSON keeps the parts apart: ("a|b", "c") is not ("a", "b|c").
    return F.substring(F.sha2(F.to_json(F.array(*parts)), 256), 1, 32)
