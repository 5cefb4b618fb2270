"""Windows, maturity and void reasons as columns. Only ``signals`` may read what happened after an anchor.

A value is mature when ``W(T) >= window_end + lateness``, and open before that. It is void if it will never be known. An
open value is null, never 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Self

from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.config.duration import DAY, DAY_US
from longplay.definitions.signal import Definition
from signals.definition_columns import DefinitionColumns


@dataclass(frozen=True)
class OutageFlag:
    """An outage that was detected, or declared in the settings, after ingest had begun.

    Attributes:
        start: start of the outage, inclusive (UTC).
        end: end of the outage, exclusive.
        known_ts: when the outage became known.
        withdrawn_ts: when it became known that there was no outage; None: the flag stands.
    """

    start: datetime
    end: datetime
    known_ts: datetime
    withdrawn_ts: datetime | None = None


@dataclass(frozen=True)
class Knowledge:
    """What is known at a moment.

    Attributes:
        known_at: T, the as-of time (UTC).
        watermark: W(T).
        log_start: start of the delivered log (UTC).
        outages: outages ``[start, end)`` UTC that the source file declares: known from the beginning, never withdrawn.
        history: the watermark's history, pairs (when this watermark was first known, the watermark), both increasing;
            empty: everything was delivered on time.
        flags: outages that became known after the log began.
    """

    known_at: datetime
    watermark: datetime
    log_start: datetime
    outages: Sequence[tuple[datetime, datetime]] = ()
    history: Sequence[tuple[datetime, datetime]] = ()
    flags: Sequence[OutageFlag] = ()


@dataclass(frozen=True)
class MaturityColumns:
    """The window of a definition around ``t0``, and the maturity of its value, as columns.

    Attributes:
        definition: the definition.
        window_start: start of the window, inclusive.
        window_end: end of the window, exclusive.
        matures_at: the watermark at which the value is mature.
        is_mature: whether the watermark has reached ``matures_at``.
        matured_ts: when the value first counted as mature: the later of the time at which the watermark was known to
            have reached ``matures_at``, and the time at which the anchor became known.
        cut: latest known time at which a fact still counts: ``matured_ts``, or T while the value is open.
        elapsed_share: share of the window that the watermark has passed, in [0, 1].
        void_reason: why the value will never be known, or null. For ``outage``, an event may still decide the value if
            the definition settles early.
        reads_from: start of the facts that decide the value, inclusive. They include the baseline before the anchor and
            the time within which the anchor earns credit.
        reads_to: their end, exclusive.
    """

    definition: DefinitionColumns
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

    @classmethod
    def from_definition(cls, definition: Definition, knowledge: Knowledge) -> Self:
        """The columns of one definition."""
        return cls.from_columns(DefinitionColumns.from_definition(definition), knowledge)

    @classmethod
    def from_columns(cls, definition: DefinitionColumns, knowledge: Knowledge) -> Self:
        """The columns of the definition whose fields are given as columns."""
        day = F.unix_date(F.to_date("t0")).cast("bigint") * DAY_US
        base = F.when(definition.is_calendar, day).otherwise(F.unix_micros("t0"))
        start_us, end_us = base + definition.start_us, base + definition.end_us
        passed = (F.unix_micros(F.lit(knowledge.watermark)) - start_us) / (end_us - start_us)
        matures_at = F.timestamp_micros(end_us + definition.lateness_us)
        is_mature = F.lit(knowledge.watermark) >= matures_at
        matured_ts = F.greatest(watermark_reached_ts(matures_at, knowledge.history), "anchor_known_ts")
        reads_from, reads_to = _read_interval(definition, start_us, end_us)
        return cls(
            definition=definition,
            window_start=F.timestamp_micros(start_us),
            window_end=F.timestamp_micros(end_us),
            matures_at=matures_at,
            is_mature=is_mature,
            matured_ts=matured_ts,
            cut=F.when(is_mature, matured_ts).otherwise(F.lit(knowledge.known_at)),
            elapsed_share=F.greatest(F.lit(0.0), F.least(F.lit(1.0), passed)),
            void_reason=_void_reason(definition, knowledge, reads_from, reads_to),
            reads_from=reads_from,
            reads_to=reads_to,
        )


def _read_interval(definition: DefinitionColumns, start_us: Column, end_us: Column) -> tuple[Column, Column]:
    """``[from, to)`` of the facts that decide a value, given its window in microseconds.

    A click lost within the credit window, or a gap in the baseline, spoils a value as an outage in its window does. The
    look-back of discoveries is left out: otherwise one outage would void every discovery for the length of the
    look-back.
    """
    t0 = F.unix_micros("t0")
    credit_start = F.when(definition.credit_us.isNotNull(), t0)
    first = F.least(start_us, credit_start, t0 - definition.baseline_us)
    return F.timestamp_micros(first), F.timestamp_micros(F.greatest(end_us, t0 + definition.credit_us))


def _void_reason(definition: DefinitionColumns, knowledge: Knowledge, reads_from: Column, reads_to: Column) -> Column:
    log_start = F.unix_micros(F.lit(knowledge.log_start))
    is_truncated = F.coalesce(F.unix_micros("t0") - definition.look_back_us < log_start, F.lit(False))
    has_outage = F.lit(False)
    for start, end in knowledge.outages:
        has_outage = has_outage | ((reads_from < F.lit(end)) & (F.lit(start) < reads_to))
    return F.when(is_truncated, F.lit("left_truncated")).when(definition.outage & has_outage, F.lit("outage"))


def interval_literal(seconds: float) -> Column:
    """An interval of ``seconds`` seconds."""
    return F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), F.lit(seconds).cast("decimal(18,6)"))


def watermark_reached_ts(moment: Column, history: Sequence[tuple[datetime, datetime]]) -> Column:
    """The first T at which W(T) was at or after ``moment``.

    Moments up to the first observed watermark count as delivered on time: T is the moment itself. For later ones T is
    the time of the observation that moved the watermark to or past them. A moment not yet reached is returned
    unchanged.
    """
    steps = [(low, high, at) for (_, low), (at, high) in pairwise(history)]
    daily = [step for step in steps if _is_daily(*step)]
    reached = moment
    if other := [step for step in steps if step not in daily]:
        ends = F.array(*[F.struct(F.lit(high).alias("upto"), F.lit(at).alias("at")) for _, high, at in other])
        first = F.try_element_at(F.filter(ends, lambda end: end["upto"] >= moment), F.lit(1))
        reached = F.when(moment > F.lit(other[0][0]), F.coalesce(first["at"], moment)).otherwise(moment)
    for low, high in _merge_daily_steps(daily):
        midnight = F.date_add(F.to_date(moment - F.expr("INTERVAL 1 MICROSECOND")), 1).cast("timestamp")
        reached = F.when((moment > F.lit(low)) & (moment <= F.lit(high)), midnight).otherwise(reached)
    return reached


def _is_daily(low: datetime, high: datetime, at: datetime) -> bool:
    """Whether a step is the ordinary one: at midnight, the preceding day became complete."""
    return at == high == low + DAY and (high.hour, high.minute, high.second, high.microsecond) == (0,) * 4


def _merge_daily_steps(steps: Sequence[tuple[datetime, datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Consecutive daily steps merged into intervals ``(low, high]``."""
    intervals: list[tuple[datetime, datetime]] = []
    for low, high, _ in steps:
        if intervals and intervals[-1][1] == low:
            intervals[-1] = (intervals[-1][0], high)
        else:
            intervals.append((low, high))
    return intervals
