"""Windows, maturity and states as columns: the one door to the future opens here.

Follows the time contract: a value is mature when ``W(T) >= window_end + lateness``, open before that, and void if it
never will be. An open value is never a 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definition import CalendarWindow, Definition


@dataclass(frozen=True)
class Knowledge:
    """What is known, and how far.

    Attributes:
        known_at: T, the moment from which we look back (UTC).
        watermark: W(T).
        log_start: first delivered day of the log (UTC midnight).
        outages: flagged outages, ``[start, end)`` UTC.
    """

    known_at: datetime
    watermark: datetime
    log_start: datetime
    outages: Sequence[tuple[datetime, datetime]] = ()


def window_bounds(definition: Definition, t0: Column) -> tuple[Column, Column]:
    """``[start, end)`` of the window as timestamps, for an anchor at ``t0``."""
    window = definition.window
    if isinstance(window, CalendarWindow):
        day = F.to_date(t0)
        return F.date_add(day, window.first).cast("timestamp"), F.date_add(day, window.last + 1).cast("timestamp")
    return t0 + seconds(window.start.total_seconds()), t0 + seconds(window.end.total_seconds())


def seconds(number: float) -> Column:
    """A literal interval."""
    return F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), F.lit(number).cast("decimal(18,6)"))


@dataclass(frozen=True)
class Horizon:
    """The window of a definition around ``t0`` as columns.

    ``matured_ts`` is when the mature value was first known: at ``matures_at``, or with the anchor if that came later.
    """

    window_start: Column
    window_end: Column
    matures_at: Column
    matured_ts: Column
    elapsed_share: Column
    void_reason: Column


def horizon(definition: Definition, knowledge: Knowledge) -> Horizon:
    """Window, maturity, elapsed share and void reason of an anchor at the column ``t0``."""
    start, end = window_bounds(definition, F.col("t0"))
    passed = (F.unix_micros(F.lit(knowledge.watermark)) - F.unix_micros(start)) / (
        F.unix_micros(end) - F.unix_micros(start)
    )
    matures_at = end + seconds(definition.lateness.total_seconds())
    return Horizon(
        start,
        end,
        matures_at,
        F.greatest(matures_at, "anchor_known_ts"),
        F.greatest(F.lit(0.0), F.least(F.lit(1.0), passed)),
        void_reason(definition, knowledge, start, end),
    )


def with_horizon(anchors: DataFrame, definition: Definition, knowledge: Knowledge) -> DataFrame:
    """Adds window_start, window_end and matured_ts. Grain of the anchors."""
    frame = horizon(definition, knowledge)
    return anchors.withColumns(
        {"window_start": frame.window_start, "window_end": frame.window_end, "matured_ts": frame.matured_ts}
    )


def void_reason(definition: Definition, knowledge: Knowledge, window_start: Column, window_end: Column) -> Column:
    """Why a value will never be known, or null. An ``outage`` may still be settled by an event, if it settles early."""
    reason = F.lit(None).cast("string")
    if definition.void.outage:
        for start, end in knowledge.outages:
            hit = (window_start < F.lit(end)) & (F.lit(start) < window_end)
            reason = F.coalesce(reason, F.when(hit, F.lit("outage")))
    if definition.void.look_back is not None:
        cut = F.col("t0") - seconds(definition.void.look_back.total_seconds()) < F.lit(knowledge.log_start)
        reason = F.coalesce(F.when(cut, F.lit("left_truncated")), reason)
    return reason
