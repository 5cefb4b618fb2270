"""Expectations: measured numbers of a publication, and the interval in which its contract wants each. No Spark."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from quality.baselines import (
    BLOCKING_FACTOR,
    MAX_DEVIATIONS,
    MIN_PUBLICATIONS,
    MIN_ROWS_FOR_AGGREGATES,
    MIN_ROWS_FOR_VOLUME_CHECK,
    Interval,
    predict_day_interval,
    predict_shape_interval,
    robust_deviation,
)
from quality.measure.profile import UNDATED, PublicationProfile
from quality.measure.sample import Shapes
from quality.publication_history import PublicationHistory, weighted_mean
from tables.checks import GRAIN, Bounded, Check, Leak, Query, Reference, Sampled, Severity, Steady
from tables.spec import TableSpec

HAS_ROWS = "has_rows"
VOLUME = "COUNT(*)"


@dataclass(frozen=True)
class Expectation:
    """A measured number of a check, and the interval in which it must lie.

    Attributes:
        check: name of the check.
        column: of the number in the frame that great-expectations validates.
        value: the measured number.
        low: lowest valid value; None: no limit.
        high: highest valid value; None: no limit.
        severity: whether a failure blocks or warns.
        message: what a failure means.
        day: the day that the number describes; empty: all rows.
    """

    check: str
    column: str
    value: float
    low: float | None
    high: float | None
    severity: Severity
    message: str
    day: str = ""

    def describe(self) -> str:
        """Describe the measured value and the expected interval in one line."""
        on_day = f" on {self.day}" if self.day else ""
        low, high = (f"{bound:,.4g}" if bound is not None else None for bound in (self.low, self.high))
        interval = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
        return f"{self.check}: {self.message}: {self.value:,.4g}{on_day}, expected {interval}"


def expect_valid_rows(spec: TableSpec, row_counts: Mapping[str, int]) -> Iterator[Expectation]:
    """Expect rows, none of which violates a rule or repeats a grain.

    Args:
        spec: of the table.
        row_counts: ``rows``, violations by rule, and repeated rows.
    """
    min_rows = 0 if spec.allow_empty or spec.mode != "replace" else 1
    yield Expectation(HAS_ROWS, "rows", row_counts["rows"], min_rows, None, "error", "the table would be empty")
    rules = {rule.name: rule for rule in spec.all_rules()}
    for name, rule in rules.items():
        yield Expectation(name, name, row_counts[name], 0, 0, rule.severity, rule.message)
    yield Expectation(GRAIN, GRAIN, row_counts[GRAIN], 0, 0, "error", f"rows repeat ({', '.join(spec.grain)})")


def expect_measures(spec: TableSpec, profile: PublicationProfile, history: PublicationHistory) -> Iterator[Expectation]:
    """Expect aggregates within their bounds, and days and publications close to their baselines."""
    for check in spec.checks:
        if isinstance(check, Bounded):
            for day, measures in profile.days.items():
                value = measures.get(check.name)
                if value is not None:
                    yield _expectation(check, value, (check.low, check.high), "" if day == UNDATED else day)
        elif isinstance(check, Steady) and check.per == "day":
            yield from _expect_steady_days(check, profile, history)
        elif isinstance(check, Steady):
            yield from _expect_steady_publication(check, profile, history)


def _expect_steady_days(
    check: Steady, profile: PublicationProfile, history: PublicationHistory
) -> Iterator[Expectation]:
    is_volume = check.measure == VOLUME
    min_rows = 0 if is_volume else MIN_ROWS_FOR_AGGREGATES
    baseline = history.values_by_day(check.name, min_rows)
    busiest_day = max(profile.days, key=lambda day: profile.days[day]["rows"] or 0, default="")
    for day, measures in profile.days.items():
        value, rows = measures.get(check.name), float(measures["rows"] or 0)
        has_late_rows_only = rows <= history.rows_of(day)
        if value is None or day == UNDATED or has_late_rows_only or rows < min_rows:
            continue
        passing = predict_day_interval(check, date.fromisoformat(day), baseline)
        nonblocking = predict_day_interval(check, date.fromisoformat(day), baseline, BLOCKING_FACTOR)
        if passing is None or nonblocking is None:
            continue
        if is_volume and (passing[1] or 0) < MIN_ROWS_FOR_VOLUME_CHECK:
            continue
        if is_volume and day > busiest_day:  # a day that has only begun has no lower limit
            passing, nonblocking = (None, passing[1]), (None, nonblocking[1])
        yield _warn_within(_expectation(check, value, passing, day), nonblocking)


def _expect_steady_publication(
    check: Steady, profile: PublicationProfile, history: PublicationHistory
) -> Iterator[Expectation]:
    """Compare the mean over all rows with that of earlier publications."""
    baseline = sorted(history.means(check.name, MIN_ROWS_FOR_VOLUME_CHECK))
    value = weighted_mean(profile.days, check.name)
    if value is None or profile.rows < MIN_ROWS_FOR_VOLUME_CHECK or len(baseline) < MIN_PUBLICATIONS:
        return
    centre = baseline[len(baseline) // 2]
    always_allowed = check.within * (abs(centre) if check.by == "ratio" else 1.0)
    allowed = max(always_allowed, MAX_DEVIATIONS * robust_deviation(baseline))
    nonblocking = (centre - BLOCKING_FACTOR * allowed, centre + BLOCKING_FACTOR * allowed)
    yield _warn_within(_expectation(check, value, (centre - allowed, centre + allowed)), nonblocking)


def expect_shapes(spec: TableSpec, shapes: Shapes, history: PublicationHistory) -> Iterator[Expectation]:
    """Expect shapes of the sample close to those of earlier publications."""
    for check in spec.checks:
        if isinstance(check, Sampled) and check.name in shapes.numbers and shapes.rows >= MIN_ROWS_FOR_VOLUME_CHECK:
            baseline = [numbers[check.name] for numbers in history.numbers if check.name in numbers]
            passing = predict_shape_interval(check, baseline)
            nonblocking = predict_shape_interval(check, baseline, BLOCKING_FACTOR)
            if passing is not None and nonblocking is not None:
                expectation = _warn_within(_expectation(check, shapes.numbers[check.name], passing), nonblocking)
                # A mix has an interval before its normal variation is known: until then it only warns.
                has_baseline = len(baseline) >= MIN_PUBLICATIONS
                yield expectation if has_baseline else replace(expectation, severity="warning")


def expect_query_results(spec: TableSpec, query_results: Mapping[str, float]) -> Iterator[Expectation]:
    """Expect query results within their bounds, no unresolved reference, and no leak."""
    for check in spec.checks:
        if check.name not in query_results:
            continue
        if isinstance(check, Query):
            yield _expectation(check, query_results[check.name], (check.low, check.high))
        elif isinstance(check, Reference):
            yield _expectation(check, query_results[check.name], (None, 0))
        elif isinstance(check, Leak):
            yield _expectation(check, query_results[check.name], (None, check.within))


def _warn_within(expectation: Expectation, nonblocking: Interval) -> Expectation:
    """Reduce the severity to a warning if the number lies within a wider interval."""
    low, high = nonblocking
    is_close = (low is None or expectation.value >= low) and (high is None or expectation.value <= high)
    return replace(expectation, severity="warning") if is_close else expectation


def _expectation(check: Check, value: float, interval: Interval, day: str = "") -> Expectation:
    column = f"{check.name}[{day}]" if day else check.name
    return Expectation(check.name, column, value, *interval, check.severity, check.message, day)
