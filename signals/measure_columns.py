"""Measures as aggregates: one value from the facts of an anchor that a guard lets through.

Days of a window are bits of whole numbers, 63 (nine weeks) each: telling days apart needs no set of dates.
"""

from functools import reduce
from operator import add

from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.definitions.measures import (
    AnyMeasure,
    DaysMeasure,
    InactivityMeasure,
    RegretMeasure,
    SeasonMeasure,
    SqlMeasure,
    WeeksMeasure,
)
from longplay.definitions.signal import Definition
from signals.sql_measure import guarded_sql

FLAGS = {"consumption": "is_consumption", "click": "is_click", "negative": "is_negative"}
WORD = 63
EXACT = "decimal(28,12)"
"""Type in which shares of credit are added up: the order of rows must not matter."""


def value(definition: Definition, guard: str, baseline: str | None = None) -> Column:
    """The value over the facts that ``guard`` lets through, a double; null where it is not defined.

    Args:
        definition: what to measure.
        guard: name of a boolean column of the facts.
        baseline: name of the guard of the facts before the anchor, if the definition has a baseline.
    """
    measure = definition.measure
    if isinstance(measure, SqlMeasure):
        found = _sql(measure, guard)
        if baseline is not None:
            found = found - _sql(measure, baseline)
        if definition.void.at_least is not None:
            found = F.when(F.count_if(guard) >= definition.void.at_least, found)
        found = F.when(~F.isnan(found) & (F.abs(found) < F.lit(float("inf"))), found)
    else:
        found = _counted(definition, guard)
    return _capped(definition, found)


def uncredited(definition: Definition) -> float:
    """The value of an anchor that earned no credit."""
    empty = definition.measure.empty if isinstance(definition.measure, SqlMeasure) else None
    return 0.0 if empty is None else empty


def _sql(measure: SqlMeasure, guard: str) -> Column:
    found = F.expr(guarded_sql(measure.expression, guard)).cast("double")
    if measure.empty is None:
        return found
    return F.when(F.count_if(guard) > 0, found).otherwise(F.lit(measure.empty))


def _counted(definition: Definition, guard: str) -> Column:
    measure, counts = definition.measure, F.col(guard)
    if isinstance(measure, AnyMeasure):
        return F.coalesce(F.max(F.when(counts, 1.0)), F.lit(0.0))
    if isinstance(measure, RegretMeasure):
        return _regret(measure, counts)
    if isinstance(measure, SeasonMeasure):
        return _season(counts)
    if definition.credit is not None and definition.credit.deals:
        return _dealt(definition, counts)
    words = _words(definition, counts)
    if isinstance(measure, WeeksMeasure):
        return _weeks(measure, words, length(definition))
    if isinstance(measure, InactivityMeasure):
        return _inactivity(measure, _offsets(words, length(definition)), length(definition))
    assert isinstance(measure, DaysMeasure)
    if definition.discount is None:
        return reduce(add, [F.bit_count(word) for word in words]).cast("double")
    weights = F.transform(_offsets(words, length(definition)), lambda d: _weight(definition, d))
    return F.aggregate(weights, F.lit(0.0), lambda total, weight: total + weight)


def length(definition: Definition) -> int:
    """Days that a window can reach."""
    first, last = definition.window.days()
    return last - first + 1


def _words(definition: Definition, counts: Column) -> list[Column]:
    """Bit n of word w: something counted on day ``first + 63 w + n`` after the anchor's."""
    since = F.col("day") - definition.window.days()[0]
    words = []
    for start in range(0, length(definition), WORD):
        inside = counts & (since >= start) & (since < start + WORD)
        bit = F.call_function("shiftleft", F.lit(1).cast("bigint"), (since - start).cast("int"))
        words.append(F.coalesce(F.bit_or(F.when(inside, bit)), F.lit(0).cast("bigint")))
    return words


def _offsets(words: list[Column], days: int) -> Column:
    """The days counted as offsets from the window's first, rising. array<int>."""

    def of_word(word: Column, start: int) -> Column:
        here = F.sequence(F.lit(0), F.lit(min(WORD, days - start) - 1))
        set_bits = F.filter(here, lambda n: F.call_function("getbit", word, n) == 1)
        return F.transform(set_bits, lambda n: n + start)

    return F.concat(*[of_word(word, number * WORD) for number, word in enumerate(words)])


def _weeks(measure: WeeksMeasure, words: list[Column], days: int) -> Column:
    """Nine weeks are a word, so no week lies in two."""
    formed = []
    for week in range(days // 7):
        mask = 0x7F << (7 * week % WORD)
        active = F.bit_count(words[7 * week // WORD].bitwiseAND(F.lit(mask)))
        formed.append(F.when(active >= measure.days, 1).otherwise(0))
    return F.when(reduce(add, formed) >= measure.weeks, 1.0).otherwise(0.0)


def _inactivity(measure: InactivityMeasure, offsets: Column, days: int) -> Column:
    """The first day that begins a whole gap: the window's first, or one after a day that counted."""
    starts = F.concat(F.array(F.lit(0)), F.transform(offsets, lambda d: d + 1))

    def is_quiet(start: Column) -> Column:
        return ~F.exists(offsets, lambda d: (d >= start) & (d < start + measure.gap))

    quiet = F.filter(starts, lambda start: (start + measure.gap <= days) & is_quiet(start))
    return F.coalesce(F.array_min(quiet) + 1, F.lit(days - measure.gap + 2)).cast("double")


def _regret(measure: RegretMeasure, counts: Column) -> Column:
    """Clicked, and from the first click on rejected or never stayed with."""
    clicked = F.min(F.when(counts & F.col("is_click"), F.col("event_ts")))
    rejected = F.max(F.when(counts & F.col("is_negative"), F.col("event_ts")))
    stayed = F.max(F.when(counts & (F.col("amount") >= measure.below), F.col("event_ts")))
    since_then = (F.coalesce(last >= clicked, F.lit(False)) for last in (rejected, stayed))
    was_rejected, was_kept = since_then
    return F.when(clicked.isNotNull() & (was_rejected | ~was_kept), 1.0).otherwise(0.0)


def _season(counts: Column) -> Column:
    """Whether as many episodes of some season counted as it has, by the greatest number that was announced."""
    named = F.col("season_episodes").isNotNull() & F.col("season").isNotNull()
    seen = F.collect_set(F.when(counts & named, F.struct("season", "episode", "season_episodes")))

    def is_whole(one: Column) -> Column:
        of_season = F.filter(seen, lambda other: other["season"] == one["season"])
        return F.size(of_season) >= F.array_max(F.transform(of_season, lambda other: other["season_episodes"]))

    return F.when(F.exists(seen, is_whole), 1.0).otherwise(0.0)


def _dealt(definition: Definition, counts: Column) -> Column:
    """Shares of credit added up: ``G = sum over days d of gamma^d L(t + d) kappa`` (one share a day and anchor)."""
    share = F.col("share")
    if definition.discount is not None:
        share = share * _weight(definition, F.col("day") - definition.window.days()[0])
    return F.coalesce(F.sum(F.when(counts, share).cast(EXACT)), F.lit(0)).cast("double")


def _weight(definition: Definition, offset: Column) -> Column:
    """What a day counts for, by its offset from the window's first."""
    discount, days = definition.discount, length(definition)
    assert discount is not None
    whole = sum(discount.gamma**n for n in range(days)) if discount.normalise else 1.0
    distance = offset if discount.toward == "anchor" else F.lit(days - 1) - offset
    return F.pow(F.lit(discount.gamma), distance) / F.lit(whole)


def _capped(definition: Definition, found: Column) -> Column:
    cap = definition.cap
    if cap is None:
        return found
    if cap.high is not None:
        found = F.when(found > cap.high, F.lit(cap.high)).otherwise(found)
    if cap.low is not None:
        found = F.when(found < cap.low, F.lit(cap.low)).otherwise(found)
    return found
