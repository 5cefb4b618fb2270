"""Measures as Spark aggregates: one value from the facts of an anchor that a guard lets through.

The days of a window are bits of whole numbers, 63 days (nine weeks) each, so distinct days need no set of dates.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import assert_never

from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.definitions.expression import compile_measure
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

WORD_DAYS = 63
"""Days in a word: all bits of a bigint except its sign, which are nine weeks."""
EXACT = "decimal(28,12)"
"""Type of sums of credit shares, which must not depend on the order of rows."""


def aggregate_value(definition: Definition, guard: str, baseline: str | None = None) -> Column:
    """The value over the facts that ``guard`` lets through, a double; null where it is not defined.

    Args:
        definition: what to measure.
        guard: name of a boolean column of the facts: whether a fact lies in the window, has the measure's flag, passes
            the filter and was known in time.
        baseline: the same for the facts before the anchor, if the definition has a baseline.
    """
    value = _aggregate_measure(definition, guard)
    if definition.measure.is_expression:
        if baseline is not None:
            value = value - _aggregate_measure(definition, baseline)
        if definition.void.at_least is not None:
            value = F.when(F.count_if(guard) >= definition.void.at_least, value)
        value = F.when(~F.isnan(value) & (F.abs(value) < F.lit(float("inf"))), value)
    return _cap(definition, value)


def _aggregate_measure(definition: Definition, guard: str) -> Column:
    """The measure alone, without baseline and cap: one case a kind. The guard has already selected the facts."""
    measure, counts = definition.measure, F.col(guard)
    match measure:
        case AnyMeasure():
            return F.coalesce(F.max(F.when(counts, 1.0)), F.lit(0.0))
        case DaysMeasure():
            return _days(definition, counts)
        case WeeksMeasure():
            return _weeks(measure, _day_words(definition, counts), definition.window.day_count)
        case InactivityMeasure():
            return _inactivity(measure, _active_days(definition, counts), definition.window.day_count)
        case RegretMeasure():
            return _regret(measure, counts)
        case SeasonMeasure():
            return _season(counts)
        case SqlMeasure():
            return _sql(measure, guard)
        case _:
            assert_never(measure)


def _sql(measure: SqlMeasure, guard: str) -> Column:
    value = F.expr(compile_measure(measure.expression, guard).sql).cast("double")
    if measure.empty is None:
        return value
    return F.when(F.count_if(guard) > 0, value).otherwise(F.lit(measure.empty))


def _days(definition: Definition, counts: Column) -> Column:
    if definition.credit is not None and definition.credit.is_split:
        return _credited_days(definition, counts)
    if definition.discount is None:
        return reduce(add, [F.bit_count(word) for word in _day_words(definition, counts)]).cast("double")
    weights = F.transform(_active_days(definition, counts), lambda day: _day_weight(definition, day))
    return F.aggregate(weights, F.lit(0.0), lambda total, weight: total + weight)


def _day_words(definition: Definition, counts: Column) -> list[Column]:
    """Bit n of word w: something counted on day ``first + 63 w + n`` after the anchor's."""
    offset = F.col("day") - definition.window.days()[0]
    day_words = []
    for start in range(0, definition.window.day_count, WORD_DAYS):
        inside = counts & (offset >= start) & (offset < start + WORD_DAYS)
        bit = F.call_function("shiftleft", F.lit(1).cast("bigint"), (offset - start).cast("int"))
        day_words.append(F.coalesce(F.bit_or(F.when(inside, bit)), F.lit(0).cast("bigint")))
    return day_words


def _active_days(definition: Definition, counts: Column) -> Column:
    """The days that counted as offsets from the window's first, rising. array<int>."""
    days = definition.window.day_count

    def days_of_word(word: Column, start: int) -> Column:
        bits = F.sequence(F.lit(0), F.lit(min(WORD_DAYS, days - start) - 1))
        set_bits = F.filter(bits, lambda n: F.call_function("getbit", word, n) == 1)
        return F.transform(set_bits, lambda n: n + start)

    day_words = _day_words(definition, counts)
    return F.concat(*[days_of_word(word, number * WORD_DAYS) for number, word in enumerate(day_words)])


def _weeks(measure: WeeksMeasure, day_words: Sequence[Column], days: int) -> Column:
    """Nine weeks are a word, so no week lies in two."""
    active_weeks = []
    for week in range(days // 7):
        mask = 0x7F << (7 * week % WORD_DAYS)
        active_days = F.bit_count(day_words[7 * week // WORD_DAYS].bitwiseAND(F.lit(mask)))
        active_weeks.append(F.when(active_days >= measure.days, 1).otherwise(0))
    return F.when(reduce(add, active_weeks) >= measure.weeks, 1.0).otherwise(0.0)


def _inactivity(measure: InactivityMeasure, active_days: Column, days: int) -> Column:
    """The first day that starts a gap: the window's first, or one after a day that counted."""
    starts = F.concat(F.array(F.lit(0)), F.transform(active_days, lambda day: day + 1))

    def is_quiet(start: Column) -> Column:
        return ~F.exists(active_days, lambda day: (day >= start) & (day < start + measure.gap))

    quiet = F.filter(starts, lambda start: (start + measure.gap <= days) & is_quiet(start))
    return F.coalesce(F.array_min(quiet) + 1, F.lit(days - measure.gap + 2)).cast("double")


def _regret(measure: RegretMeasure, counts: Column) -> Column:
    """Clicked, and from the first click on rejected or never stayed with."""
    clicked = F.min(F.when(counts & F.col("is_click"), F.col("event_ts")))
    rejected = F.max(F.when(counts & F.col("is_negative"), F.col("event_ts")))
    stayed = F.max(F.when(counts & (F.col("amount") >= measure.below), F.col("event_ts")))
    was_rejected, has_stayed = (F.coalesce(last >= clicked, F.lit(False)) for last in (rejected, stayed))
    return F.when(clicked.isNotNull() & (was_rejected | ~has_stayed), 1.0).otherwise(0.0)


def _season(counts: Column) -> Column:
    """Whether as many episodes of some season counted as it has, by the greatest number that was announced."""
    is_named = F.col("season_episodes").isNotNull() & F.col("season").isNotNull()
    episodes = F.collect_set(F.when(counts & is_named, F.struct("season", "episode", "season_episodes")))

    def is_complete(episode: Column) -> Column:
        of_season = F.filter(episodes, lambda other: other["season"] == episode["season"])
        return F.size(of_season) >= F.array_max(F.transform(of_season, lambda other: other["season_episodes"]))

    return F.when(F.exists(episodes, is_complete), 1.0).otherwise(0.0)


def _credited_days(definition: Definition, counts: Column) -> Column:
    """Shares of credit added up: ``G = sum over days d of gamma^d L(t + d) kappa`` (one share a day and anchor)."""
    share = F.col("share")
    if definition.discount is not None:
        share = share * _day_weight(definition, F.col("day") - definition.window.days()[0])
    return F.coalesce(F.sum(F.when(counts, share).cast(EXACT)), F.lit(0)).cast("double")


def _day_weight(definition: Definition, offset: Column) -> Column:
    """What a day counts for, by its offset from the window's first."""
    discount, days = definition.discount, definition.window.day_count
    assert discount is not None
    divisor = sum(discount.gamma**n for n in range(days)) if discount.normalise else 1.0
    distance = offset if discount.toward == "anchor" else F.lit(days - 1) - offset
    return F.pow(F.lit(discount.gamma), distance) / F.lit(divisor)


def _cap(definition: Definition, value: Column) -> Column:
    cap = definition.cap
    if cap is None:
        return value
    if cap.high is not None:
        value = F.when(value > cap.high, F.lit(cap.high)).otherwise(value)
    if cap.low is not None:
        value = F.when(value < cap.low, F.lit(cap.low)).otherwise(value)
    return value
