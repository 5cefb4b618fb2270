"""From a definition to values: what happened in the window after each anchor, as far as it is known.

Values are functions of what was known: the mature value counts facts known by the moment of maturity, and facts known
later append a revision under their own ``known_ts``. So a value goes open to mature once, and a mature value as known
at T never changes (time contract, Maturity).
"""

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definition import (
    AnyMeasure,
    CalendarWindow,
    DaysMeasure,
    Definition,
    RegretMeasure,
    WeeksMeasure,
)
from signals.anchors import anchors_of
from signals.horizons import Knowledge, seconds, with_horizon
from tables.learning import SIGNAL_VALUES

_FLAGS = {"consumption": "is_consumption", "click": "is_click", "negative": "is_negative"}
_MATURE, _NOW = "mature", "now"


def signal_values(
    definition: Definition, events: DataFrame, exposures: DataFrame, knowledge: Knowledge
) -> DataFrame:
    """Values of one signal as known at ``knowledge.known_at``.

    Args:
        definition: what to compute.
        events: grain: event_id. Everything the log ever said; facts not yet known at T are left out here.
        exposures: grain: exposure_id.
        knowledge: T, W(T), the log's start and its outages.

    Returns:
        Grain: signal, anchor_id, revision; the columns of the table ``signal_values``.
    """
    known = events.where(F.col("known_ts") <= F.lit(knowledge.known_at))
    shown = exposures.where((F.col("known_ts") <= F.lit(knowledge.known_at)))
    anchors = anchors_of(definition, known, shown).where(F.col("anchor_known_ts") <= F.lit(knowledge.known_at))
    framed = with_horizon(anchors, definition, knowledge)
    if definition.credit is not None:
        framed = framed.join(_clicked(framed, known, definition.credit.within), "anchor_id", "left")
    observed = _observe(framed, _outcomes(known, definition), definition)
    return _states(observed, definition, knowledge)


def _clicked(anchors: DataFrame, events: DataFrame, within: timedelta) -> DataFrame:
    """Exposures that were clicked in ``[t0, t0 + within)``, with the time that was known. Grain: anchor_id."""
    clicks = events.where("is_click").select(
        F.col("user_id").alias("_u"), F.col("item_id").alias("_i"), "event_ts", "known_ts", F.col("request_id").alias("_r")
    )
    hit = (
        (F.col("user_id") == F.col("_u"))
        & (F.col("item_id") == F.col("_i"))
        & (F.col("event_ts") >= F.col("t0"))
        & (F.col("event_ts") < F.col("t0") + seconds(within.total_seconds()))
        & _same_request()
    )
    pairs = anchors.select("anchor_id", "user_id", "item_id", "t0", "request_id").join(clicks, hit)
    return pairs.groupBy("anchor_id").agg(F.min("known_ts").alias("credit_known_ts"))


def _same_request() -> Column:
    """An event that answers a request belongs to that request's exposures alone; an organic one to any."""
    return F.col("_r").isNull() | F.col("request_id").isNull() | (F.col("_r") == F.col("request_id"))


def _outcomes(events: DataFrame, definition: Definition) -> DataFrame:
    """The facts a measure reads. Grain: keys and UTC day where whole days suffice, else event."""
    keys = ["user_id", "item_id"] if definition.keys == "user_item" else ["user_id"]
    measure = definition.measure
    if isinstance(definition.window, CalendarWindow) and not isinstance(measure, RegretMeasure):
        days = events.where(F.col(_FLAGS[measure.of])).groupBy(*keys, "event_day")
        facts = days.agg(F.min("known_ts").alias("fact_known_ts"))
        return facts.withColumn("fact_ts", F.col("event_day").cast("timestamp")).withColumn(
            "_r", F.lit(None).cast("string")
        )
    wanted = events if isinstance(measure, RegretMeasure) else events.where(F.col(_FLAGS[measure.of]))
    return wanted.select(
        *keys,
        "event_day",
        F.col("known_ts").alias("fact_known_ts"),
        F.col("event_ts").alias("fact_ts"),
        F.col("request_id").alias("_r"),
        "amount",
        *_FLAGS.values(),
    )


def _observe(framed: DataFrame, outcomes: DataFrame, definition: Definition) -> DataFrame:
    """The measure over each anchor's window, twice: by maturity and by now. Grain: anchor_id."""
    keys = ["user_id", "item_id"] if definition.keys == "user_item" else ["user_id"]
    eligible = framed.where(F.col("credit_known_ts").isNotNull()) if definition.credit else framed
    left = eligible.select("anchor_id", "request_id", "window_start", "window_end", "matures_at", *keys)
    match = (F.col("fact_ts") >= F.col("window_start")) & (F.col("fact_ts") < F.col("window_end"))
    if "_r" in outcomes.columns:
        match = match & _same_request()
    facts = left.join(outcomes, keys).where(match)
    in_time = F.col("fact_known_ts") <= F.col("matures_at")
    observed = facts.groupBy("anchor_id").agg(
        measure_of(definition, in_time).alias(_MATURE),
        measure_of(definition, F.lit(True)).alias(_NOW),
        F.max("fact_known_ts").alias("last_known_ts"),
    )
    joined = framed.join(observed, "anchor_id", "left").fillna(0.0, subset=[_MATURE, _NOW])
    if definition.credit is not None:
        # A click that became known only after maturity credits nothing by then.
        credited = F.col("credit_known_ts") <= F.col("matures_at")
        joined = joined.withColumn(_MATURE, F.when(credited, F.col(_MATURE)).otherwise(0.0)).withColumn(
            "last_known_ts", F.greatest("last_known_ts", "credit_known_ts")
        )
    return joined


def measure_of(definition: Definition, counted: Column) -> Column:
    """The aggregate of a measure over the facts for which ``counted`` holds, as a double."""
    measure = definition.measure
    if isinstance(measure, AnyMeasure):
        return F.coalesce(F.max(F.when(counted, 1.0)), F.lit(0.0))
    if isinstance(measure, DaysMeasure):
        return F.size(F.collect_set(F.when(counted, F.col("event_day")))).cast("double")
    if isinstance(measure, WeeksMeasure):
        return _weeks(definition, measure, counted)
    clicked = F.max(F.when(counted & F.col("is_click"), 1.0))
    rejected = F.max(F.when(counted & F.col("is_negative"), 1.0))
    longest = F.max(F.when(counted & F.col("amount").isNotNull(), F.col("amount")))
    left_early = F.coalesce(longest < measure.below, F.lit(True))
    return F.when((clicked == 1.0) & (rejected.isNotNull() | left_early), 1.0).otherwise(0.0)


def _weeks(definition: Definition, measure: WeeksMeasure, counted: Column) -> Column:
    assert isinstance(definition.window, CalendarWindow)
    whole = (definition.window.last - definition.window.first + 1) // 7
    week = F.floor(F.datediff("event_day", F.to_date("window_start")) / 7)
    days = [F.size(F.collect_set(F.when(counted & (week == w), F.col("event_day")))) for w in range(whole)]
    habits = [F.when(d >= measure.days, 1).otherwise(0) for d in days]
    total = habits[0]
    for habit in habits[1:]:
        total = total + habit
    return F.when(total >= measure.weeks, 1.0).otherwise(0.0)


def _states(observed: DataFrame, definition: Definition, knowledge: Knowledge) -> DataFrame:
    """States and revisions. Grain: anchor_id, revision."""
    settled = F.lit(definition.void.settles == "early") & F.col("void_reason").eqNullSafe("outage") & (F.col(_MATURE) > 0)
    reason = F.when(settled, F.lit(None)).otherwise(F.col("void_reason")).cast("string")
    mature = F.lit(knowledge.watermark) >= F.col("matures_at")
    state = F.when(reason.isNotNull(), "void").when(mature, "mature").otherwise("open")
    stated = observed.withColumns({"void_reason": reason, "state": state})
    revised = (F.col("state") == "mature") & (F.col(_MATURE) != F.col(_NOW))
    first = F.struct(F.lit(0).alias("revision"), F.col(_MATURE).alias("v"), _first_known(knowledge).alias("k"))
    later = F.struct(F.lit(1).alias("revision"), F.col(_NOW).alias("v"), F.col("last_known_ts").alias("k"))
    rows = stated.withColumn("_row", F.explode(F.array_compact(F.array(first, F.when(revised, later)))))
    return rows.select(
        F.lit(definition.ref).alias("signal"),
        F.lit(definition.hash).alias("definition_hash"),
        "anchor_id",
        "user_id",
        "item_id",
        "t0",
        "window_end",
        "matures_at",
        "state",
        "void_reason",
        F.when(F.col("state") == "mature", F.col("_row.v")).alias("value"),
        F.when(F.col("state") == "open", F.col(_NOW)).alias("prefix"),
        "elapsed_share",
        F.col("_row.k").alias("known_ts"),
        F.col("_row.revision").alias("revision"),
    ).select(*SIGNAL_VALUES.column_names())


def _first_known(knowledge: Knowledge) -> Column:
    """From when on the row is what was known: its maturity, T while open, the anchor's own time if void."""
    mature = F.greatest("matures_at", "anchor_known_ts")
    return F.when(F.col("state") == "mature", mature).when(
        F.col("state") == "open", F.lit(knowledge.known_at)
    ).otherwise(F.col("anchor_known_ts"))


def as_known_at(values: DataFrame, known_at: Column) -> DataFrame:
    """The latest row of each value known at ``known_at``. Grain: signal, anchor_id."""
    seen = values.where(F.col("known_ts") <= known_at)
    columns = [c for c in values.columns if c not in ("signal", "anchor_id")]
    newest = F.max_by(F.struct(*columns), F.struct("known_ts", "revision")).alias("_row")
    return seen.groupBy("signal", "anchor_id").agg(newest).select("signal", "anchor_id", "_row.*")
