"""Windows, maturity and states as columns: the one door to the future opens here.

Follows the time contract: a value is mature when ``W(T) >= window_end + lateness``, open before that, and void if it
never will be. An open value is never a 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.config.duration import DAY_US
from signals.definition_columns import DefinitionColumns


@dataclass(frozen=True)
class OutageFlag:
    """An outage that was found, or told, while the log went on.

    Attributes:
        start: from when on the log holds too little, inclusive (UTC).
        end: until when, exclusive.
        known_ts: from when on that is known.
        withdrawn_ts: from when on it is known to have been none; None: it stands.
    """

    start: datetime
    end: datetime
    known_ts: datetime
    withdrawn_ts: datetime | None = None


@dataclass(frozen=True)
class Knowledge:
    """What is known, and how far.

    Attributes:
        known_at: T, the moment from which we look back (UTC).
        watermark: W(T).
        log_start: since when the log is delivered (UTC).
        outages: outages that the source file names, ``[start, end)`` UTC: known from the beginning, and for good.
        history: the watermark's history, (from when on, how far), both rising; empty: all was delivered on time.
        flags: outages that became known later.
    """

    known_at: datetime
    watermark: datetime
    log_start: datetime
    outages: Sequence[tuple[datetime, datetime]] = ()
    history: Sequence[tuple[datetime, datetime]] = ()
    flags: Sequence[OutageFlag] = ()


@dataclass(frozen=True)
class MaturityColumns:
    """The window of a definition around ``t0`` as columns.

    ``matured_ts`` is when the mature value was first known: when the watermark was first known to have reached
    ``matures_at``, or with the anchor if that came later. ``cut`` is until when a fact must be known to count: that
    moment, or now if the value is open. Facts are read in ``[reads_from, reads_to)``: the window, the baseline before
    the anchor, and the time within which the anchor is answered.
    """

    window_start: Column
    window_end: Column
    matures_at: Column
    is_mature: Column
    matured_ts: Column
    cut: Column
    elapsed_share: Column
    void_reason: Column
    reads_from: Column
    reads_to: Column


def horizon(terms: DefinitionColumns, knowledge: Knowledge) -> MaturityColumns:
    """Window, maturity, elapsed share and void reason of an anchor at the column ``t0``."""
    day = F.unix_date(F.to_date("t0")).cast("bigint") * DAY_US
    base = F.when(terms.is_calendar, day).otherwise(F.unix_micros("t0"))
    start_us, end_us = base + terms.start_us, base + terms.end_us
    start, end = F.timestamp_micros(start_us), F.timestamp_micros(end_us)
    passed = (F.unix_micros(F.lit(knowledge.watermark)) - start_us) / (end_us - start_us)
    matures_at = F.timestamp_micros(end_us + terms.lateness_us)
    is_mature = F.lit(knowledge.watermark) >= matures_at
    matured_ts = F.greatest(watermark_reached_ts(matures_at, knowledge.history), "anchor_known_ts")
    reads_from, reads_to = read_interval(terms, start_us, end_us)
    return MaturityColumns(
        start,
        end,
        matures_at,
        is_mature,
        matured_ts,
        F.when(is_mature, matured_ts).otherwise(F.lit(knowledge.known_at)),
        F.greatest(F.lit(0.0), F.least(F.lit(1.0), passed)),
        void_reason(terms, knowledge, reads_from, reads_to),
        reads_from,
        reads_to,
    )


def read_interval(terms: DefinitionColumns, start_us: Column, end_us: Column) -> tuple[Column, Column]:
    """``[from, to)`` of the facts that a value rests on, given its window in microseconds.

    A click that a log has lost within the time of credit, or a baseline with a hole in it, spoils a value as an outage
    in its window does. How far discoveries look back is left out: one outage would leave half a year without any.
    """
    t0 = F.unix_micros("t0")
    answered = F.when(terms.credit_us.isNotNull(), t0)
    first = F.least(start_us, answered, t0 - terms.baseline_us)
    return F.timestamp_micros(first), F.timestamp_micros(F.greatest(end_us, t0 + terms.credit_us))


def seconds(number: float) -> Column:
    """A literal interval."""
    return F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), F.lit(number).cast("decimal(18,6)"))


def watermark_reached_ts(moment: Column, history: Sequence[tuple[datetime, datetime]]) -> Column:
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


def void_reason(terms: DefinitionColumns, knowledge: Knowledge, reads_from: Column, reads_to: Column) -> Column:
    """Why a value will never be known, or null. An ``outage`` may still be settled by an event, if it settles early."""
    began = F.unix_micros(F.lit(knowledge.log_start))
    is_cut = F.coalesce(F.unix_micros("t0") - terms.look_back_us < began, F.lit(False))
    is_hit = F.lit(False)
    for start, end in knowledge.outages:
        is_hit = is_hit | ((reads_from < F.lit(end)) & (F.lit(start) < reads_to))
    return F.when(is_cut, F.lit("left_truncated")).when(terms.outage & is_hit, F.lit("outage"))
