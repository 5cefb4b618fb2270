"""Cohorts of anchors by the week of t0, and the ages at which their values are observed. No Spark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow

WEEK = 7 * DAY
LAST_DAILY_AGE = 7
"""Ages are daily up to this one, then day 10, then weekly."""


@dataclass(frozen=True)
class Cohort:
    """The anchors of a signal in one week: ``[week, week + 7 d)`` of t0, UTC; ``week`` is a Monday."""

    definition: Definition
    week: date


def list_due_cohorts(
    definitions: Sequence[Definition], log_start: datetime, watermark: datetime, before: datetime | None = None
) -> list[Cohort]:
    """The cohorts whose last possible anchor has matured.

    Args:
        definitions: the signals.
        log_start: start of the delivered log (UTC); its week is the first cohort.
        watermark: W(T).
        before: an earlier watermark; cohorts that had matured by then are left out.
    """
    first = log_start.astimezone(UTC).date()
    monday = first - timedelta(days=first.weekday())
    weeks = [monday + n * WEEK for n in range(max(0, (watermark.date() - monday).days // 7))]
    return [
        Cohort(definition, week)
        for definition in definitions
        for week in weeks
        if cohort_matures_at(definition, week) <= watermark
        and (before is None or cohort_matures_at(definition, week) > before)
    ]


def cohort_matures_at(definition: Definition, week: date) -> datetime:
    """The watermark at which every anchor of a week is mature or void (UTC)."""
    last = datetime.combine(week, time(), UTC) + WEEK - timedelta(microseconds=1)
    return definition.matures_at(last)


def observation_ages(definition: Definition) -> tuple[int, ...]:
    """The ages at which a signal's values are observed, in days; the last one is maturity.

    Daily for a week, then day 10, then weekly. By the last age every value is mature, whatever the hour of t0.
    """
    window = definition.window
    span = (window.last + 1) * DAY if isinstance(window, CalendarWindow) else window.end
    last = -(-(span + definition.lateness) // DAY)
    grid = [*range(1, LAST_DAILY_AGE + 1), 10, *range(14, last, 7)]
    return (*(age for age in grid if age < last), last)
