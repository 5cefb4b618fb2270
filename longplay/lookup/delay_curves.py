"""Delay curves for readers: how soon the final values of a signal become visible. Reads Delta without Spark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longplay.paths import SourcePaths

if TYPE_CHECKING:
    from longplay.definitions.signal import Definition

DELAYS_TABLE = "signal_delays"
MAX_COHORTS = 8
"""Maximum number of cohorts in a curve: the newest ones."""
_COLUMNS = ("cohort", "age_day", "anchors", "sampled", "whole", "missing", "seen", "usual", "tolerance", "drifted")


@dataclass(frozen=True)
class CurveDrift:
    """One cohort's drift: at ``age_day``, the visible share of its final values differed from the baseline."""

    cohort: date
    age_day: int
    seen_share: float
    baseline_share: float

    @property
    def size(self) -> float:
        """Distance from the baseline."""
        return abs(self.seen_share - self.baseline_share)

    def plain(self) -> dict[str, Any]:
        """The drift as JSON data."""
        shares = {"seen": self.seen_share, "usual": self.baseline_share}
        return {"cohort": f"{self.cohort:%Y-%m-%d}", "age_day": self.age_day, **shares}


@dataclass(frozen=True)
class DelayCurve:
    """The delay curve of a signal in one source, over its newest mature cohorts.

    Attributes:
        cohorts: Mondays of the cohorts' weeks, oldest first.
        anchors: number of mature anchors in the cohorts.
        sampled: number of them that were followed day by day.
        points: age in days, and share of the final values visible by then, by age; the last age is maturity.
        drifts: the largest drift of each cohort that drifted.
    """

    cohorts: Sequence[date]
    anchors: int
    sampled: int
    points: Sequence[tuple[int, float]]
    drifts: Sequence[CurveDrift]

    def day_of(self, share: float) -> float | None:
        """The age in days at which a share becomes visible, interpolated linearly between (0, 0) and the points."""
        day: float | None = None
        for (age, reached), (next_age, next_reached) in zip([(0, 0.0), *self.points], self.points, strict=False):
            if reached < share <= next_reached:
                day = age + (next_age - age) * (share - reached) / (next_reached - reached)
        return day

    def plain(self) -> dict[str, Any]:
        """The curve as JSON data."""
        return {
            "cohorts": [f"{cohort:%Y-%m-%d}" for cohort in self.cohorts],
            "anchors": self.anchors,
            "sampled": self.sampled,
            "seen_by_day": {str(age): round(share, 4) for age, share in self.points},
            "day_50": self.day_of(0.5),
            "day_90": self.day_of(0.9),
            "drifts": [drift.plain() for drift in self.drifts],
        }


def load_delay_curve(folder: Path, definition: "Definition") -> DelayCurve | None:
    """Load the delay curve of a signal in one source; None if there is none yet.

    Args:
        folder: the source's tables.
        definition: the signal.

    Raises:
        StoreError: when the table of curves is corrupted.
    """
    paths = SourcePaths(folder)
    if not paths.has_log(DELAYS_TABLE):
        return None
    from longplay.delta import query_rows  # imported only when there is something to read

    condition = f"signal = '{definition.ref}' AND definition_hash = '{definition.hash}'"
    return build_delay_curve(
        query_rows(paths.table(DELAYS_TABLE), f"SELECT {', '.join(_COLUMNS)} FROM rows WHERE {condition}")
    )


def build_delay_curve(rows: Sequence[Mapping[str, Any]]) -> DelayCurve | None:
    """Build the curve over the newest cohorts of a signal; None if no cohort has a final value above 0.

    Args:
        rows: one signal's rows of ``signal_delays``. Grain: cohort, age_day.
    """
    non_empty = [row for row in rows if row["whole"] > 0]
    cohorts = sorted({row["cohort"] for row in non_empty})[-MAX_COHORTS:]
    if not cohorts:
        return None
    recent = [row for row in non_empty if row["cohort"] in cohorts]
    sums: dict[int, tuple[float, float]] = {}
    for row in recent:
        missing, total = sums.get(row["age_day"], (0.0, 0.0))
        sums[row["age_day"]] = missing + row["missing"], total + row["whole"]
    row_by_cohort = {row["cohort"]: row for row in recent}  # each row repeats its cohort's counts
    return DelayCurve(
        cohorts=tuple(cohorts),
        anchors=sum(row["anchors"] for row in row_by_cohort.values()),
        sampled=sum(row["sampled"] for row in row_by_cohort.values()),
        points=tuple((age, 1 - missing / total) for age, (missing, total) in sorted(sums.items())),
        drifts=tuple(_find_worst_drifts(recent)),
    )


def _find_worst_drifts(rows: Sequence[Mapping[str, Any]]) -> list[CurveDrift]:
    """Find the largest drift of each cohort that drifted, by cohort."""
    worst: dict[date, CurveDrift] = {}
    for row in rows:
        if row["drifted"]:
            drift = CurveDrift(row["cohort"], row["age_day"], row["seen"], row["usual"])
            if drift.cohort not in worst or drift.size > worst[drift.cohort].size:
                worst[drift.cohort] = drift
    return [worst[cohort] for cohort in sorted(worst)]


def format_delay_curve(curve: DelayCurve) -> list[str]:
    """Format a curve as lines of text: the ages of 50% and 90% visibility, a bar for each age, and drift warnings."""
    days = (f"{share:.0%} by day {day:.1f}" for share in (0.5, 0.9) if (day := curve.day_of(share)) is not None)
    weeks = f"{len(curve.cohorts)} weeks up to that of {curve.cohorts[-1]:%Y-%m-%d}"
    lines = [f"seen: {', '.join(days) or 'at maturity'} ({curve.sampled:,} of {curve.anchors:,} anchors of {weeks})"]
    lines += [f"  day {age:>3}  {'#' * max(0, round(20 * share)):<20}  {share:.0%}" for age, share in curve.points]
    lines += [
        f"warning: in the week of {drift.cohort:%Y-%m-%d}, {drift.seen_share:.0%} was seen by day {drift.age_day}; "
        f"the baseline is {drift.baseline_share:.0%}"
        for drift in curve.drifts
    ]
    return lines
