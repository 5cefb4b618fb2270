"""Candidates for logs without exposures: a sampler that stores its probabilities and sees no future.

Each moment at which a user clicked becomes a request. Its clicked items are the positives. The sampler adds
``per_request`` draws with replacement from a mixture of what was visible before the request's day:

- with probability ``uniform_share``, an item drawn uniformly from the items clicked so far;
- otherwise the item of a uniformly drawn click of the last ``popularity_days``, that is, by popularity. If there was no
  such click, the draw is uniform as well.

The stored propensity of a candidate is the probability of one draw,
``q(i) = s / items_before + (1 - s) * clicks(i) / clicks``. The rows are marked ``sampled``: they are not impressions,
so never read them as logged ones.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.feature_facts import end_of_day
from features.feature_view import Feature, View
from features.point_in_time_join import as_of_join
from ingest.source_config import CandidateSampler
from tables.catalog import EXPOSURES

_ROW = ["request_id", "user_id", "event_ts", "item_id"]
_HASH_RANGE = 1 << 52
"""Doubles hold every whole number below this one."""


def sample_candidates(
    new_events: DataFrame, events: DataFrame, first_seen: DataFrame, settings: CandidateSampler, batch: int
) -> DataFrame:
    """Requests with positives and sampled candidates, as exposures.

    Args:
        new_events: events whose clicks make requests. Grain: event_id.
        events: source of popularity: clicks visible in the ``popularity_days`` before each request's day.
        first_seen: rows of the table ``first_seen``, which date the first click of each item.
        settings: the sampler's settings.
        batch: number of the delivery that the rows belong to.

    Returns:
        Grain: exposure_id.
    """
    clicks = new_events.where("is_click").select("user_id", "item_id", "topic", "event_ts", "known_ts")
    requests = _find_requests(clicks)
    positives = requests.join(clicks, ["user_id", "event_ts"]).select(
        *_ROW, "topic", F.lit(None).cast("double").alias("q"), "known_ts"
    )
    # A candidate becomes known with its request. A click of the request that becomes known later finds it drawn.
    drawn = _draw_candidates(requests, events, first_seen, settings).select(
        *_ROW, "topic", "q", F.col("request_known_ts").alias("known_ts")
    )
    return _format_exposures(_keep_first_known(positives.unionByName(drawn)), batch)


def _keep_first_known(rows: DataFrame) -> DataFrame:
    """One row an item of a request, in ``_first``. Grain: request_id, item_id.

    Draws may repeat, and a basket may hold an item twice. The row known first counts, and a click counts before a draw.
    The topic is that of the chosen row, because a topic that the item receives later is not known yet.
    """
    first = F.min(F.struct("known_ts", F.col("q").isNotNull().alias("is_draw"), "q", "topic"))
    return rows.groupBy(*_ROW).agg(first.alias("_first"))


def _format_exposures(rows: DataFrame, batch: int) -> DataFrame:
    """Rows of the table ``exposures``. Grain: exposure_id."""
    return rows.select(
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


def _find_requests(clicks: DataFrame) -> DataFrame:
    """Grain: user_id, event_ts. A user's clicks at one moment form one request, known with the first of them."""
    moments = clicks.groupBy("user_id", "event_ts").agg(F.min("known_ts").alias("request_known_ts"))
    return moments.select(
        _hash("user_id", F.unix_micros("event_ts").cast("string")).alias("request_id"),
        "*",
        F.to_date("event_ts").alias("day"),
    )


def _draw_candidates(
    requests: DataFrame, events: DataFrame, first_seen: DataFrame, settings: CandidateSampler
) -> DataFrame:
    """Grain: request_id, draw. Each draw with its item and probability q."""
    clicks = events.where("is_click").select("event_id", "item_id", "topic", _visible_day("event_ts", "known_ts"))
    items = _find_clicked_items(first_seen)
    days = _count_by_day(requests, clicks, items, settings)
    slots = requests.join(days.where("items > 0"), "day").select(
        "*", F.explode(F.sequence(F.lit(1), F.lit(settings.per_request))).alias("draw")
    )
    drawn = _draw_positions(slots, settings).join(_index_rows(clicks, items, days), ["is_uniform", "at"])
    return _add_probability(drawn, clicks, settings)


def _find_clicked_items(first_seen: DataFrame) -> DataFrame:
    """Items with the topic and UTC day of their first visible click. Grain: item_id."""
    items = first_seen.where("kind = 'clicked_item'").groupBy(F.col("key").alias("item_id"))
    first = items.agg(F.min(F.struct("visible_ts", "event_ts", "topic")).alias("_first"))
    return first.select("item_id", "_first.topic", F.to_date("_first.visible_ts").alias("day"))


def _draw_positions(slots: DataFrame, settings: CandidateSampler) -> DataFrame:
    """Adds ``is_uniform`` and ``at``, the number of the drawn item or click, to each draw."""
    is_uniform = (_uniform("mix", settings.seed) < settings.uniform_share) | (F.col("clicks") == 0)
    place = _uniform("at", settings.seed)
    of_items = F.floor(place * F.col("items"))
    of_clicks = F.col("clicks_to") - F.col("clicks") + F.floor(place * F.col("clicks"))
    at = F.when(F.col("is_uniform"), of_items).otherwise(of_clicks).cast("bigint")
    return slots.withColumn("is_uniform", is_uniform).withColumn("at", at)


def _index_rows(clicks: DataFrame, items: DataFrame, days: DataFrame) -> DataFrame:
    """What can be drawn, by number. Grain: is_uniform, at."""
    by_click = _number_rows(clicks, "event_id", days.select("day", F.col("clicks_to").alias("before")))
    by_item = _number_rows(items, "item_id", days.select("day", F.col("items").alias("before")))
    return by_click.withColumn("is_uniform", F.lit(False)).unionByName(by_item.withColumn("is_uniform", F.lit(True)))


def _add_probability(drawn: DataFrame, clicks: DataFrame, settings: CandidateSampler) -> DataFrame:
    """Adds q. The point-in-time join counts each item's clicks before the request's day."""
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
        end_of_day(F.col("day")).alias("visible_ts"),
    )
    item_days = drawn.select("item_id", "day", F.col("day").cast("timestamp").alias("as_of")).distinct()
    item_clicks = as_of_join([popularity], facts, item_days).drop("as_of")
    share = settings.uniform_share
    mixed = share / F.col("items") + (1 - share) * F.col("clicks_of_item") / F.col("clicks")
    q = F.when(F.col("clicks") > 0, mixed).otherwise(1 / F.col("items"))
    return drawn.join(item_clicks, ["item_id", "day"]).select(*_ROW, "topic", "request_known_ts", q.alias("q"))


def _number_rows(rows: DataFrame, order: str, offsets: DataFrame) -> DataFrame:
    """Rows numbered 0, 1, ... in order of day: in parallel within days, then offset by the days before."""
    place = F.row_number().over(Window.partitionBy("day").orderBy(order))
    numbered = rows.withColumn("_place", place).join(offsets, "day")
    return numbered.select("item_id", "topic", (F.col("before") + F.col("_place") - 1).alias("at"))


def _count_by_day(requests: DataFrame, clicks: DataFrame, items: DataFrame, settings: CandidateSampler) -> DataFrame:
    """What was visible before each day: ``clicks_to`` of all clicks, ``clicks`` of the window, ``items`` ever clicked.

    Grain: day. A log has hundreds or thousands of days, so one partition orders them.
    """
    none, single = F.lit(0).cast("bigint"), F.lit(1).cast("bigint")
    counted = [
        requests.select("day", none.alias("n_clicks"), none.alias("n_items")).distinct(),
        clicks.select("day", single.alias("n_clicks"), none.alias("n_items")),
        items.select("day", none.alias("n_clicks"), single.alias("n_items")),
    ]
    new = counted[0].unionByName(counted[1]).unionByName(counted[2])
    by_day = new.groupBy("day").agg(F.sum("n_clicks").alias("n_clicks"), F.sum("n_items").alias("n_items"))
    number = F.datediff("day", F.lit("1970-01-01").cast("date"))
    earlier = Window.orderBy("_n").rangeBetween(Window.unboundedPreceding, -1)
    recent = Window.orderBy("_n").rangeBetween(-settings.popularity_days, -1)
    return by_day.withColumn("_n", number).select(
        "day",
        F.coalesce(F.sum("n_clicks").over(earlier), none).alias("clicks_to"),
        F.coalesce(F.sum("n_clicks").over(recent), none).alias("clicks"),
        F.coalesce(F.sum("n_items").over(earlier), none).alias("items"),
    )


def _visible_day(event_ts: str, known_ts: str) -> Column:
    return F.to_date(F.greatest(event_ts, known_ts)).alias("day")


def _uniform(salt: str, seed: int) -> Column:
    """A number in [0, 1) that depends on nothing but request, draw, salt and seed."""
    mixed = F.xxhash64("request_id", "draw", F.lit(salt), F.lit(seed))
    return F.pmod(mixed, F.lit(_HASH_RANGE)) / F.lit(float(_HASH_RANGE))


def _hash(*parts: str | Column) -> Column:
    # JSON keeps the parts apart: ("a|b", "c") is not ("a", "b|c").
    return F.substring(F.sha2(F.to_json(F.array(*parts)), 256), 1, 32)
