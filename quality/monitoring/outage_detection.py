"""Outages: days for which a log has far too little data, detected from daily counts. Pure Python, no Spark.

Each day is checked once, when the watermark has passed its end plus a wait. Its count as known then is compared with
earlier days as known after the same wait. So daily runs and one backlog run detect the same outages at the same
watermarks. Late facts can withdraw an outage, and so can a dismissal in the settings.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, Self

from ingest.watermark import midnight
from longplay.config.duration import DAY
from quality.monitoring.anomaly_detection import ExpectedRange, Seasonal

MIN_EXPECTED_COUNT = 5.0
"""With fewer expected, a day is inconclusive: an outage of the day before continues."""
DEVIATIONS = 4.5
"""A low day lies further below what is expected. At 4, one of 30,000 ordinary days of 30 users was low by chance."""
MIN_EXPECTED_OF_EMPTY = 10.0
"""With this many expected, a day without any is low: chance leaves out one such day in 20,000."""
CountedMetric = Literal["returning_users", "users", "events"]


@dataclass(frozen=True)
class StatedOutage:
    """An interval that a person stated in the settings, ``[start, end)`` UTC.

    Attributes:
        known_at: from when on the statement counts.
        dismissed: the interval is not an outage: people did behave so. It withdraws what was detected there.
    """

    start: datetime
    end: datetime
    known_at: datetime
    reason: str
    dismissed: bool = False

    def overlaps(self, day: date) -> bool:
        """Whether the interval contains a part of a day."""
        return self.start < midnight(day + DAY) and midnight(day) < self.end


@dataclass(frozen=True)
class OutagePart:
    """A part of an outage, ``[start, end)`` UTC: a detected day, or a stated interval.

    Attributes:
        outage: start of the unbroken outage that the part belongs to.
        judged_at: the watermark from which on it counts.
        withdrawn_at: the watermark from which on it no longer counts; None: it still does.
    """

    outage: datetime
    start: datetime
    end: datetime
    found_by: Literal["counts", "settings"]
    judged_at: datetime
    metric: CountedMetric | None = None
    expected: float | None = None
    observed: float | None = None
    withdrawn_at: datetime | None = None
    dismissed: bool = False
    reason: str | None = None

    @property
    def day(self) -> date:
        """The day on which it starts."""
        return self.start.date()

    def counts_at(self, watermark: datetime) -> bool:
        """Whether it has not been withdrawn by a watermark."""
        return self.withdrawn_at is None or self.withdrawn_at > watermark

    def as_row(self) -> dict[str, Any]:
        """Its columns in the table ``outages``."""
        row = asdict(self)
        row["found"] = row.pop("observed")
        return row


@dataclass(frozen=True)
class DailyCounts:
    """Counts of each day by when they became known: event day, known day, how many more."""

    by_day: Mapping[date, Mapping[date, float]]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, date | int]], metric: CountedMetric) -> Self:
        """Take one metric from rows of the table ``day_counts``."""
        by_day: dict[date, dict[date, float]] = defaultdict(dict)
        for row in rows:
            event_day, known_day, count = row["event_day"], row["known_day"], row[metric]
            assert isinstance(event_day, date)
            assert isinstance(known_day, date)
            assert isinstance(count, int)
            by_day[event_day][known_day] = float(count)
        return cls(by_day)

    def count_known(self, day: date, by: datetime) -> float:
        """Count what was known of a day before a midnight."""
        return sum(count for known_day, count in self.by_day.get(day, {}).items() if known_day < by.date())

    def find_midnight_reaching(self, day: date, count: float, after: datetime) -> datetime | None:
        """Find the first midnight after a moment by which this many of a day were known; None: never."""
        midnights = sorted(midnight(known_day + DAY) for known_day in self.by_day.get(day, {}))
        return next((end for end in midnights if end > after and self.count_known(day, end) >= count), None)


@dataclass(frozen=True)
class OutageSearch:
    """How outages are detected.

    Attributes:
        metric: what is counted.
        threshold: a day below this share of its expected count is low.
        weeks: size of the baseline: this many normal days of the same weekday.
        wait_days: a day is checked this many days after its end.
    """

    metric: CountedMetric = "users"
    threshold: float = 0.5
    weeks: int = 6
    wait_days: int = 1

    def judged_at(self, day: date) -> datetime:
        """The watermark at which a day is checked."""
        return midnight(day + (1 + self.wait_days) * DAY)


def detect_outages(
    counts: DailyCounts,
    first_day: date,
    watermark: datetime,
    search: OutageSearch | None,
    stated_outages: Sequence[StatedOutage] = (),
) -> list[OutagePart]:
    """Find every part of an outage that has counted by a watermark: detected ones by day, then stated ones.

    Args:
        counts: daily counts by known day.
        first_day: the first day of the log.
        watermark: up to when the log is complete.
        search: how to detect outages; None: use only the stated ones.
        stated_outages: outages and dismissals from the settings.
    """
    effective = [stated for stated in stated_outages if stated.known_at <= watermark]
    dismissals = [stated for stated in effective if stated.dismissed]
    detected = _detect(counts, first_day, watermark, search, dismissals) if search else []
    return [*detected, *(_stated_part(stated) for stated in effective if not stated.dismissed)]


def _stated_part(stated: StatedOutage) -> OutagePart:
    return OutagePart(stated.start, stated.start, stated.end, "settings", stated.known_at, reason=stated.reason)


def _detect(
    counts: DailyCounts, first_day: date, watermark: datetime, search: OutageSearch, dismissals: Sequence[StatedOutage]
) -> list[OutagePart]:
    rule = Seasonal(weeks=search.weeks, share=search.threshold, deviations=DEVIATIONS)
    baseline: dict[date, float] = {}
    parts: list[OutagePart] = []
    day = first_day
    while (judged_at := search.judged_at(day)) <= watermark:
        # A withdrawn day is normal like any other.
        withdrawn = [part.day for part in parts if not part.counts_at(judged_at)]
        baseline |= {low_day: counts.count_known(low_day, judged_at) for low_day in withdrawn}
        count, previous = counts.count_known(day, judged_at), _continued_part(parts, day, judged_at)
        expected = rule.predict_range(baseline, day)
        is_dismissed = any(stated.known_at <= judged_at and stated.overlaps(day) for stated in dismissals)
        if is_dismissed or not _is_low(count, expected, search, previous):
            baseline[day] = count
        else:
            part = _detected_part(day, count, expected, previous, search)
            parts.append(_with_withdrawal(part, previous, counts, watermark, dismissals, search))
        day += DAY
    return parts


def _continued_part(parts: Sequence[OutagePart], day: date, judged_at: datetime) -> OutagePart | None:
    """The part of the day before, if it still counts."""
    last = parts[-1] if parts else None
    return last if last is not None and last.end == midnight(day) and last.counts_at(judged_at) else None


def _is_low(count: float, expected: ExpectedRange | None, search: OutageSearch, previous: OutagePart | None) -> bool:
    """An outage begins on a day that is low beyond chance, and continues while days are low, empty or inconclusive.

    Where an outage has lasted so long that no normal day is left to compare with, it continues while days are empty.
    """
    if expected is None:
        return previous is not None and count == 0
    assert expected.centre is not None
    assert expected.low is not None
    if previous is None:
        return count < expected.low or (count == 0 and expected.centre >= MIN_EXPECTED_OF_EMPTY)
    return expected.centre < MIN_EXPECTED_COUNT or count < search.threshold * expected.centre


def _detected_part(
    day: date, count: float, expected: ExpectedRange | None, previous: OutagePart | None, search: OutageSearch
) -> OutagePart:
    start, centre = midnight(day), expected.centre if expected is not None else None
    return OutagePart(
        outage=previous.outage if previous else start,
        start=start,
        end=start + DAY,
        found_by="counts",
        judged_at=search.judged_at(day),
        metric=search.metric,
        expected=centre if centre is not None and centre >= MIN_EXPECTED_COUNT else None,
        observed=count,
    )


def _with_withdrawal(
    part: OutagePart,
    previous: OutagePart | None,
    counts: DailyCounts,
    watermark: datetime,
    dismissals: Sequence[StatedOutage],
    search: OutageSearch,
) -> OutagePart:
    """Add when and why a part is withdrawn, if that happens by the watermark; the earliest reason counts."""
    if part.expected is not None:
        filled_at = counts.find_midnight_reaching(part.day, search.threshold * part.expected, part.judged_at)
    else:  # an inconclusive day is withdrawn with the day before it
        filled_at = previous.withdrawn_at if previous is not None and not previous.dismissed else None
    reasons = [(filled_at, False, "enough of it became known later")] if filled_at is not None else []
    reasons += [
        (stated.known_at, True, stated.reason)
        for stated in dismissals
        if stated.overlaps(part.day) and stated.known_at > part.judged_at
    ]
    at, dismissed, reason = min(reasons, default=(None, False, None), key=lambda entry: (entry[0], entry[1]))
    if at is None or at > watermark:
        return part
    return replace(part, withdrawn_at=at, dismissed=dismissed, reason=reason)
