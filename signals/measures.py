"""Measures in parts: what is added up over facts, and the value that comes of it.

A part is aggregated over the facts of one moment of knowing and then carried along (summed, or the largest kept), so
that the value is known at every moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from longplay.definition import AnyMeasure, CalendarWindow, DaysMeasure, Definition, WeeksMeasure


@dataclass(frozen=True)
class Part:
    """One aggregate of a measure: over the facts of one moment, and how moments add up."""

    of: Column
    running: Callable[[str], Column]


def parts(definition: Definition) -> dict[str, Part]:
    """The parts of a measure, by name. Facts of measures in days are one a UTC day."""
    measure = definition.measure
    if isinstance(measure, AnyMeasure | DaysMeasure):
        return {"n": Part(F.count("*"), F.sum)}
    if isinstance(measure, WeeksMeasure):
        week = F.floor(F.datediff("event_day", F.to_date("window_start")) / 7)
        return {f"week_{w}": Part(F.count_if(week == w), F.sum) for w in range(whole_weeks(definition))}
    return {
        "clicked": Part(F.min(F.when(F.col("is_click"), F.col("fact_ts"))), F.min),
        "rejected": Part(F.max(F.when(F.col("is_negative"), F.col("fact_ts"))), F.max),
        "stayed": Part(F.max(F.when(F.col("amount") >= measure.below, F.col("fact_ts"))), F.max),
    }


def value(definition: Definition) -> Column:
    """The measure's value from its running parts, a double."""
    measure = definition.measure
    if isinstance(measure, AnyMeasure):
        return F.when(F.col("n") > 0, 1.0).otherwise(0.0)
    if isinstance(measure, DaysMeasure):
        return F.col("n").cast("double")
    if isinstance(measure, WeeksMeasure):
        habits = [F.when(F.col(f"week_{w}") >= measure.days, 1).otherwise(0) for w in range(whole_weeks(definition))]
        return F.when(reduce(lambda a, b: a + b, habits) >= measure.weeks, 1.0).otherwise(0.0)
    # Clicked, and from the first click on rejected or never stayed with.
    rejected, stayed = (F.coalesce(F.col(last) >= F.col("clicked"), F.lit(False)) for last in ("rejected", "stayed"))
    regretted = F.col("clicked").isNotNull() & (rejected | ~stayed)
    return F.when(regretted, 1.0).otherwise(0.0)


def whole_weeks(definition: Definition) -> int:
    """Whole weeks of a calendar window."""
    assert isinstance(definition.window, CalendarWindow)
    return (definition.window.last - definition.window.first + 1) // 7
