"""Windows, maturity and states as columns: the one door to the future opens here.

Follows the time contract: a value is mature when ``W(T) >= window_end + lateness``, open before that, and void if it
never will be. An open value is never a 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definition import CalendarWindow, Definition


@dataclass(frozen=True)
class Knowledge:
    """What is known, and how far.

    Attributes:
        known_at: T, the moment from which we look back (UTC).
        watermark: W(T).
        log_start: since when the log is delivered (UTC).
        outages: flagged outages, ``[start, end)`` UTC.
        history: the watermark's history, (from when on, how far), both rising; empty: all was delivered on time.
    """

    known_at: datetime
    watermark: datetime
    log_start: datetime
    outages: Sequence[tuple[datetime, datetime]] = ()
    history: Sequence[tuple[datetime, datetime]] = ()


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

    ``matured_ts`` is when the mature value was first known: when the watermark was first known to have reached
    ``matures_at``, or with the anchor if that came later.
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
        F.greatest(reached_at(matures_at, knowledge.history), "anchor_known_ts"),
        F.greatest(F.lit(0.0), F.least(F.lit(1.0), passed)),
        void_reason(definition, knowledge, start, end),
    )


def reached_at(moment: Column, history: Sequence[tuple[datetime, datetime]]) -> Column:
    """The first T at which W(T) was at or after ``moment``.

    What the first observation found had been delivered on time, so there T is the moment itself. Later it is the moment
    of the observation that brought the watermark past it.
    """
    steps = [(low, high, at) for (_, low), (at, high) in pairwise(history)]
    daily = [step for step in steps if _is_daily(*step)]
    found = moment
    if other := [step for step in steps if step not in daily]:
        ends = F.array(*[F.struct(F.lit(high).alias("upto"), F.lit(at).alias("at")) for _, high, at in other])
        first = F.try_element_at(F.filter(ends, lambda end: end["upto"] >= moment), F.lit(1))
        found = F.when(moment > F.lit(other[0][0]), F.coalesce(first["at"], moment)).otherwise(moment)
    for low, high in _runs(daily):
        ceiling = F.date_add(F.to_date(moment - F.expr("INTERVAL 1 MICROSECOND")), 1).cast("timestamp")
        found = F.when((moment > F.lit(low)) & (moment <= F.lit(high)), ceiling).otherwise(found)
    return found


def _is_daily(low: datetime, high: datetime, at: datetime) -> bool:
    """Whether a step is the plain one: at midnight the day before became complete."""
    return at == high == low + timedelta(days=1) and (high.hour, high.minute, high.second, high.microsecond) == (0,) * 4


def _runs(daily: Sequence[tuple[datetime, datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Daily steps that follow each other as one interval ``(low, high]`` each."""
    runs: list[tuple[datetime, datetime]] = []
    for low, high, _ in daily:
        if runs and runs[-1][1] == low:
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    return runs


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
