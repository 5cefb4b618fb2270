"""Traces of calendar signals: the days of its window on which an anchor's user came back. Pure transforms.

A day of a trace is seen once the watermark has passed its end and the lateness allowance, by the same rule by which a
value matures, so the last day is seen when the value is mature. Void anchors have no trace; one that a fact known later
supersedes has none from then on.
"""

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow
from longplay.errors import ConfigError
from signals.anchors import find_anchors
from signals.attribution import find_outcomes
from signals.definition_columns import terms_of
from signals.maturity import Knowledge, horizon, seconds, watermark_reached_ts

TRACE = ["anchor_id", "user_id", "item_id", "day0", "anchor_day", "superseded_day"]
"""``day0``: UTC date of t0; ``anchor_day``, ``superseded_day``: by the end of which day that was known."""


def has_traces(definition: Definition) -> bool:
    """Whether a signal counts the days of a calendar window on which its user came back to its item."""
    calendar, days = isinstance(definition.window, CalendarWindow), definition.measure.counts_days
    is_plain = definition.credit is None and definition.filter is None and definition.discount is None
    return calendar and days and definition.keys == "user_item" and is_plain and definition.cap is None


def trace_length(definition: Definition) -> int:
    """K, the number of days of a trace."""
    window = _window(definition)
    return window.last - window.first + 1


def find_traces(definition: Definition, events: DataFrame, exposures: DataFrame, knowledge: Knowledge) -> DataFrame:
    """The anchors of a signal that are not void.

    Args:
        definition: the signal; ``has_traces`` holds for it.
        events: grain: event_id. Facts not yet known at T are left out here.
        exposures: grain: exposure_id, the same.
        knowledge: what is known, and how far.

    Returns:
        Grain: anchor_id; the columns ``TRACE``. Superseded ones are there too.
    """
    events, exposures = (_known(frame, knowledge) for frame in (events, exposures))
    anchors = find_anchors(definition, events, exposures)
    anchors = anchors.where(horizon(terms_of([definition]), knowledge).void_reason.isNull())
    return anchors.select(
        "anchor_id",
        "user_id",
        "item_id",
        F.to_date("t0").alias("day0"),
        day_of("anchor_known_ts").alias("anchor_day"),
        day_of("superseded_ts").alias("superseded_day"),
    )


def find_active_days(definition: Definition, anchors: DataFrame, events: DataFrame, knowledge: Knowledge) -> DataFrame:
    """Days of traces on which the user came back.

    Returns:
        Grain: anchor_id, day_offset; the anchors' columns, ``day_offset`` (days after day0, from the window's first to
        its last) and ``fact_day``, by the end of which day it was known. Days that are not seen yet are there too.
    """
    window = _window(definition)
    days = find_outcomes(_known(events, knowledge), definition).withColumnRenamed("known_ts", "fact_known_ts")
    offset = F.datediff("event_day", "day0")
    found = anchors.join(days, ["user_id", "item_id"]).where(offset.between(window.first, window.last))
    return found.select(*anchors.columns, offset.alias("day_offset"), day_of("fact_known_ts").alias("fact_day"))


def observed_day(definition: Definition, knowledge: Knowledge, offset: Column) -> Column:
    """By the end of which UTC day a day of a trace was seen; null where it is not seen yet at T.

    Reads ``day0`` and ``anchor_day`` of the trace; ``offset`` is the day's.
    """
    over = F.date_add(F.date_add("day0", offset), 1).cast("timestamp")
    due = over + seconds(definition.lateness.total_seconds())
    reached = day_of(watermark_reached_ts(due, knowledge.history))
    return F.when(F.lit(knowledge.watermark) >= due, F.greatest(reached, "anchor_day"))


def day_of(moment: str | Column) -> Column:
    """The UTC day by whose end, midnight included, something was known; null stays null."""
    column = F.col(moment) if isinstance(moment, str) else moment
    return F.to_date(column - seconds(timedelta(microseconds=1).total_seconds()))


def _known(frame: DataFrame, knowledge: Knowledge) -> DataFrame:
    return frame.where(F.col("known_ts") <= F.lit(knowledge.known_at))


def _window(definition: Definition) -> CalendarWindow:
    if not has_traces(definition) or not isinstance(definition.window, CalendarWindow):
        raise ConfigError(
            f"The signal '{definition.ref}' has no daily traces.",
            got=f"window {definition.window.kind}, measure {definition.measure.kind}, keys {definition.keys}",
            fix="estimates are for plain days (no credit, filter, discount or cap) of user_item in calendar windows",
        )
    return definition.window
