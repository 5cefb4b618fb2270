"""Traces of calendar signals: the days of the window on which an anchor's user came back. Pure transforms.

A day of a trace is observed once the watermark has passed its end and the lateness allowance. Values mature by the same
rule, so the last day is observed when the value is mature. Void anchors have no trace, and superseded ones have none
from then on.
"""

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow
from longplay.errors import ConfigError
from signals.anchors import find_anchors
from signals.attribution import find_outcomes
from signals.maturity import Knowledge, MaturityColumns, interval_literal, watermark_reached_ts

TRACE = ["anchor_id", "user_id", "item_id", "day0", "anchor_day", "superseded_day"]
"""``day0``: UTC date of t0; ``anchor_day``, ``superseded_day``: the day by whose end that became known."""


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
        events: facts that are not yet known at T are ignored. Grain: event_id.
        exposures: likewise. Grain: exposure_id.
        knowledge: T and what is known by then.

    Returns:
        Grain: anchor_id; the columns ``TRACE``. Superseded anchors are included.
    """
    events, exposures = (_select_known(facts, knowledge) for facts in (events, exposures))
    anchors = find_anchors(definition, events, exposures)
    anchors = anchors.where(MaturityColumns.from_definition(definition, knowledge).void_reason.isNull())
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
        its last) and ``fact_day`` (the day by whose end it was known). Days that are not observed yet are included.
    """
    window = _window(definition)
    days = find_outcomes(_select_known(events, knowledge), definition).withColumnRenamed("known_ts", "fact_known_ts")
    offset = F.datediff("event_day", "day0")
    trace_days = anchors.join(days, ["user_id", "item_id"]).where(offset.between(window.first, window.last))
    return trace_days.select(*anchors.columns, offset.alias("day_offset"), day_of("fact_known_ts").alias("fact_day"))


def observed_day(definition: Definition, knowledge: Knowledge, offset: Column) -> Column:
    """The UTC day by whose end a day of a trace was observed; null if that is after T.

    Reads ``day0`` and ``anchor_day`` of the trace; ``offset`` is that of the day.
    """
    end = F.date_add(F.date_add("day0", offset), 1).cast("timestamp")
    due = end + interval_literal(definition.lateness.total_seconds())
    reached = day_of(watermark_reached_ts(due, knowledge.history))
    return F.when(F.lit(knowledge.watermark) >= due, F.greatest(reached, "anchor_day"))


def day_of(moment: str | Column) -> Column:
    """The UTC day by whose end, midnight included, something became known; null stays null."""
    column = F.col(moment) if isinstance(moment, str) else moment
    return F.to_date(column - interval_literal(timedelta(microseconds=1).total_seconds()))


def _select_known(facts: DataFrame, knowledge: Knowledge) -> DataFrame:
    return facts.where(F.col("known_ts") <= F.lit(knowledge.known_at))


def _window(definition: Definition) -> CalendarWindow:
    if not has_traces(definition) or not isinstance(definition.window, CalendarWindow):
        raise ConfigError(
            f"The signal '{definition.ref}' has no daily traces.",
            got=f"window {definition.window.kind}, measure {definition.measure.kind}, keys {definition.keys}",
            fix="use plain days (no credit, filter, discount or cap) of user_item in a calendar window",
        )
    return definition.window
