"""From a definition to values: what happened in the window after each anchor, as far as it is known.

Values are functions of what was known: the mature value counts facts known by the moment of maturity, and every fact
known later that changes it appends a revision under its own ``known_ts``. So a value goes open to mature once, and a
mature value as known at T never changes (time contract, Maturity).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from longplay.definition import CalendarWindow, DaysMeasure, Definition, ElapsedWindow, RegretMeasure, WeeksMeasure
from signals import measures
from signals.anchors import anchors_of
from signals.horizons import Horizon, Knowledge, horizon, seconds, with_horizon
from tables.learning import SIGNAL_VALUES

_MATURE, _NOW, _LATE = "mature", "now", "late"
_SUPERSEDED = "superseded"
_OWN = ("user_id", "anchor_id")
"""An anchor; its user is named too, because rows are dealt by user."""
VALUE_COLUMNS = [name for name in SIGNAL_VALUES.column_names() if name not in SIGNAL_VALUES.audit]
_FLAGS = {"consumption": "is_consumption", "click": "is_click", "negative": "is_negative"}


@dataclass(frozen=True)
class Renewal:
    """What a computation adds to values that are there.

    Attributes:
        frontier: the watermark up to which they are there (UTC).
        keep: picks the anchors whose values may have changed since. Grain of the anchors.
    """

    frontier: datetime
    keep: Callable[[DataFrame], DataFrame]


def signal_values(
    definitions: Sequence[Definition],
    events: DataFrame,
    exposures: DataFrame,
    knowledge: Knowledge,
    renewal: Renewal | None = None,
) -> DataFrame:
    """Values of signals as known at ``knowledge.known_at``; those that share anchors share their rows.

    Args:
        definitions: what to compute, at least one.
        events: grain: event_id. Everything the log ever said; facts not yet known at T are left out here.
        exposures: grain: exposure_id.
        knowledge: T, W(T), the log's start, its outages and the watermark's history.
        renewal: None: all values. Else every open one, and of the settled ones those that were not settled before.

    Returns:
        Grain: signal, anchor_id, revision; the columns of the table ``signal_values`` but ``batch``.
    """
    at = F.lit(knowledge.known_at)
    known, shown = events.where(F.col("known_ts") <= at), exposures.where(F.col("known_ts") <= at)
    groups: dict[tuple[str, timedelta | None], list[Definition]] = {}
    for definition in definitions:
        look_back = definition.void.look_back if definition.anchor == "discovery" else None
        groups.setdefault((definition.anchor, look_back), []).append(definition)
    return reduce(DataFrame.unionByName, [_group(g, known, shown, knowledge, renewal) for g in groups.values()])


def _group(
    group: list[Definition], events: DataFrame, exposures: DataFrame, knowledge: Knowledge, renewal: Renewal | None
) -> DataFrame:
    """Values of signals with the same anchors, which are joined with what was observed once for all signals.

    Anchors and facts are dealt by user; all that follows has the user among its keys and deals nothing again.
    """
    anchors = anchors_of(group[0], events, exposures)
    if renewal is not None:
        anchors = renewal.keep(anchors)
    anchors, events = anchors.repartition("user_id"), events.repartition("user_id")
    credits = {d.credit.within: _clicked(anchors, events, d.credit.within) for d in group if d.credit}
    observed = [_observe(anchors, credits, events, d, knowledge).withColumn("_signal", F.lit(d.ref)) for d in group]
    found = reduce(DataFrame.unionByName, observed)
    seen = F.struct(_MATURE, _NOW, _LATE)
    wide = found.groupBy(*_OWN).agg(
        *[F.first(F.when(F.col("_signal") == d.ref, seen), ignorenulls=True).alias(d.ref) for d in group]
    )
    joined = anchors.join(wide, list(_OWN), "left")
    rows = F.concat(*[_rows(definition, knowledge, renewal) for definition in group])
    found = joined.select(
        "anchor_id", "user_id", "item_id", "t0", F.to_date("t0").alias("t0_day"), F.explode(rows).alias("_row")
    )
    return found.select("*", "_row.*").where("is_new").select(*VALUE_COLUMNS)


def _clicked(anchors: DataFrame, events: DataFrame, within: timedelta) -> DataFrame:
    """Anchors that were clicked in ``[t0, t0 + within)``, with the time that was known. Grain: anchor_id."""
    clicks = events.where("is_click").select(
        "user_id",
        "item_id",
        "event_ts",
        F.col("known_ts").alias("_click_known_ts"),
        F.col("request_id").alias("_r"),
    )
    inside = (F.col("event_ts") >= F.col("t0")) & (F.col("event_ts") < F.col("t0") + seconds(within.total_seconds()))
    pairs = anchors.join(clicks, ["user_id", "item_id"]).where(inside & _same_request())
    return pairs.groupBy(*anchors.columns).agg(F.min("_click_known_ts").alias("credit_known_ts"))


def _same_request() -> Column:
    """An event that answers a request belongs to that request's exposures alone; an organic one to any."""
    return F.col("_r").isNull() | F.col("request_id").isNull() | (F.col("_r") == F.col("request_id"))


def _responds(definition: Definition) -> Column:
    """What begins with the exposure itself reads responses to it; later windows count whatever happened."""
    window = definition.window
    at_once = isinstance(window, ElapsedWindow) and window.start == timedelta(0)
    return _same_request() if at_once and definition.keys == "user_item" else F.lit(True)


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


def _observe(
    anchors: DataFrame,
    credits: Mapping[timedelta, DataFrame],
    events: DataFrame,
    definition: Definition,
    knowledge: Knowledge,
) -> DataFrame:
    """What the measure came to by maturity, by now, and ``late``: at each moment at which it changed in between.

    Facts are added up moment by moment of knowing, so what was known at any T can be read off. All that was known by
    the moment of maturity is one moment. Grain: anchor_id, those with facts.
    """
    keys = ["user_id", "item_id"] if definition.keys == "user_item" else ["user_id"]
    eligible = credits[definition.credit.within] if definition.credit else anchors
    framed = with_horizon(eligible, definition, knowledge)
    credit = "credit_known_ts" if definition.credit else "anchor_known_ts"
    times = ("window_start", "window_end", "matured_ts")
    left = framed.select("anchor_id", "request_id", *times, credit, *keys)
    match = (F.col("fact_ts") >= F.col("window_start")) & (F.col("fact_ts") < F.col("window_end"))
    facts = left.join(_outcomes(events, definition), keys).where(match & _responds(definition))
    # What is credited by a click counts from when the click was known, too.
    facts = facts.withColumn("k", F.greatest("fact_known_ts", credit, "matured_ts"))
    parts = measures.parts(definition)
    daily = _once_a_day(facts, definition)
    of = (*_OWN, "matured_ts", "k")
    moments = daily.groupBy(*of).agg(*[part.of.alias(name) for name, part in parts.items()])
    by_moment = Window.partitionBy(*_OWN).orderBy("k")
    so_far = by_moment.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    running = moments.select(*of, *[p.running(name).over(so_far).alias(name) for name, p in parts.items()])
    valued = running.select(*of, measures.value(definition).alias("v"))
    before = F.lag("v").over(by_moment)
    stepped = valued.withColumn("_before", F.coalesce(before, F.lit(0.0)))
    is_late = F.col("k") > F.col("matured_ts")
    return stepped.groupBy(*_OWN).agg(
        F.coalesce(F.max(F.when(~is_late, F.col("v"))), F.lit(0.0)).alias(_MATURE),
        F.max_by("v", "k").alias(_NOW),
        F.array_sort(F.collect_list(F.when(is_late & (F.col("v") != F.col("_before")), F.struct("k", "v")))).alias(
            _LATE
        ),
    )


def _once_a_day(facts: DataFrame, definition: Definition) -> DataFrame:
    """Facts of measures in days, one an anchor and UTC day, from when the day was first known to count."""
    if not isinstance(definition.measure, DaysMeasure | WeeksMeasure) or isinstance(definition.window, CalendarWindow):
        return facts  # outcomes of calendar windows are days already
    return facts.groupBy(*_OWN, "matured_ts", "event_day", "window_start").agg(F.min("k").alias("k"))


@dataclass(frozen=True)
class _Verdict:
    """What is known of one signal of one anchor, as columns: its first row, and whether that row is new."""

    state: Column
    reason: Column
    value: Column
    known_ts: Column
    is_new: Column


def _first(definition: Definition, knowledge: Knowledge, frame: Horizon, renewal: Renewal | None) -> _Verdict:
    """The row with which a signal of an anchor begins: open, mature or void."""
    value = F.coalesce(F.col(f"`{definition.ref}`")[_MATURE], F.lit(0.0))
    is_mature = F.lit(knowledge.watermark) >= frame.matures_at
    reason, void_ts, waits = frame.void_reason, F.col("anchor_known_ts"), F.lit(False)
    if definition.void.settles == "early":
        # An event that was seen settles it all the same, and may be seen until the value would be mature.
        waits = reason.eqNullSafe("outage")
        reason = F.when(~waits | (is_mature & (value == 0)), reason)
        void_ts = F.when(waits, frame.matured_ts).otherwise(void_ts)
    state = F.when(reason.isNotNull(), "void").when(is_mature, "mature").otherwise("open")
    # What is superseded before it is mature never becomes so.
    superseded = F.col("superseded_ts")
    spoilt = superseded.isNotNull() & (state != "void") & (superseded <= frame.matured_ts)
    known_ts = (
        F.when(spoilt, superseded)
        .when(state == "mature", frame.matured_ts)
        .when(state == "open", F.lit(knowledge.known_at))
        .otherwise(void_ts)
    )
    is_new = F.lit(True)
    if renewal is not None:
        since = F.lit(renewal.frontier)
        settles = ((state == "mature") | waits) & (frame.matures_at > since)
        is_new = F.when(spoilt, superseded >= since).otherwise(
            (state == "open") | settles | (F.col("anchor_known_ts") >= since)
        )
    return _Verdict(
        F.when(spoilt, "void").otherwise(state), F.when(spoilt, _SUPERSEDED).otherwise(reason), value, known_ts, is_new
    )


def _rows(definition: Definition, knowledge: Knowledge, renewal: Renewal | None) -> Column:
    """One anchor's rows of one signal as an array: its state and value, then a revision whenever that changed."""
    frame = horizon(definition, knowledge)
    seen = F.col(f"`{definition.ref}`")
    first = _first(definition, knowledge, frame, renewal)

    def is_new(moment: Column) -> Column:
        return F.lit(True) if renewal is None else moment >= F.lit(renewal.frontier)

    def row(told: _Verdict, revision: Column) -> Column:
        share = F.when(told.state == "open", frame.elapsed_share).when(told.state == "mature", 1.0).otherwise(0.0)
        return F.struct(
            F.lit(definition.ref).alias("signal"),
            F.lit(definition.hash).alias("definition_hash"),
            frame.window_end.alias("window_end"),
            frame.matures_at.alias("matures_at"),
            told.state.alias("state"),
            told.reason.alias("void_reason"),
            F.when(told.state == "mature", told.value).alias("value"),
            F.when(told.state == "open", F.coalesce(seen[_NOW], F.lit(0.0))).alias("prefix"),
            share.alias("elapsed_share"),
            told.known_ts.alias("known_ts"),
            revision.alias("revision"),
            (told.state != "open").alias("settled"),
            told.is_new.alias("is_new"),
        )

    mature, no_reason, superseded = F.lit("mature"), F.lit(None).cast("string"), F.col("superseded_ts")
    late = F.coalesce(seen[_LATE], F.array().cast("array<struct<k:timestamp,v:double>>"))
    steps = F.filter(late, lambda step: superseded.isNull() | (step["k"] < superseded))
    later = F.transform(
        steps, lambda step, at: row(_Verdict(mature, no_reason, step["v"], step["k"], is_new(step["k"])), at + 1)
    )
    rows = F.concat(F.array(row(first, F.lit(0))), later)
    if definition.anchor == "discovery":
        end = _Verdict(F.lit("void"), F.lit(_SUPERSEDED), first.value, superseded, is_new(superseded))
        ends = F.array(row(end, F.size(steps) + 1))
        rows = F.when(superseded.isNotNull(), F.concat(rows, ends)).otherwise(rows)
    return F.when(first.state == "mature", rows).otherwise(F.array(row(first, F.lit(0))))


def as_known_at(values: DataFrame, known_at: Column) -> DataFrame:
    """The latest row of each value known at ``known_at``. Grain: signal, anchor_id."""
    seen = values.where(F.col("known_ts") <= known_at)
    columns = [c for c in values.columns if c not in ("signal", "anchor_id")]
    newest = F.max_by(F.struct(*columns), F.struct("known_ts", "revision")).alias("_row")
    return seen.groupBy("signal", "anchor_id").agg(newest).select("signal", "anchor_id", "_row.*")
