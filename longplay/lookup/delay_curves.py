"""Delay curves as readers see them: how soon the final values of a signal are seen. Reads Delta without Spark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longplay.paths import SourcePaths

if TYPE_CHECKING:
    from longplay.definitions.signal import Definition

DELAYS = "signal_delays"
RECENT = 8
"""Cohorts that a curve is made of at most: the newest."""
_COLUMNS = ("cohort", "age_day", "anchors", "sampled", "whole", "missing", "seen", "usual", "tolerance", "drifted")


@dataclass(frozen=True)
class Drift:
    """An alarm: by ``age_day``, a cohort had ``seen`` another share than was usual."""

    cohort: date
    age_day: int
    seen: float
    usual: float


@dataclass(frozen=True)
class Delay:
    """The curve of a signal in one source, over its newest mature cohorts.

    Attributes:
        cohorts: Mondays of the weeks that it is made of, oldest first.
        anchors: their mature anchors.
        sampled: of these, those that were followed.
        points: age in days and share of the final values seen by then, rising in age; the last is maturity.
        drifts: the worst age of every cohort among them whose curve had shifted.
    """

    cohorts: Sequence[date]
    anchors: int
    sampled: int
    points: Sequence[tuple[int, float]]
    drifts: Sequence[Drift]

    def day_of(self, share: float) -> float | None:
        """By which age, in days, a share was seen for good, read off the line through the points from (0, 0) on."""
        day: float | None = None
        for (age, seen), (later, then) in zip([(0, 0.0), *self.points], self.points, strict=False):
            if seen < share <= then:
                day = age + (later - age) * (share - seen) / (then - seen)
        return day

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "cohorts": [f"{one:%Y-%m-%d}" for one in self.cohorts],
            "anchors": self.anchors,
            "sampled": self.sampled,
            "seen_by_day": {str(age): round(seen, 4) for age, seen in self.points},
            "day_50": self.day_of(0.5),
            "day_90": self.day_of(0.9),
            "drifts": [vars(one) | {"cohort": f"{one.cohort:%Y-%m-%d}"} for one in self.drifts],
        }


def delay_of(folder: Path, definition: "Definition") -> Delay | None:
    """The curve of a signal in one source; None where there is none yet.

    Args:
        folder: the source's tables.
        definition: the signal.

    Raises:
        StoreError: when the table of curves is corrupted.
    """
    paths = SourcePaths(folder)
    if not paths.has_log(DELAYS):
        return None
    from longplay.delta import query  # only when there is something to read

    own = f"signal = '{definition.ref}' AND definition_hash = '{definition.hash}'"
    return delay_from(query(paths.table(DELAYS), f"SELECT {', '.join(_COLUMNS)} FROM rows WHERE {own}"))


def delay_from(rows: Sequence[Mapping[str, Any]]) -> Delay | None:
    """The curve over the newest of a signal's cohorts; None where there was nothing to see in any."""
    told = [row for row in rows if row["whole"] > 0]
    weeks = sorted({row["cohort"] for row in told})[-RECENT:]
    if not weeks:
        return None
    kept = [row for row in told if row["cohort"] in weeks]
    sums: dict[int, tuple[float, float]] = {}
    for row in kept:
        missing, whole = sums.get(row["age_day"], (0.0, 0.0))
        sums[row["age_day"]] = missing + row["missing"], whole + row["whole"]
    first = {row["cohort"]: row for row in kept}.values()  # any row of a cohort: its counts are those of all
    return Delay(
        cohorts=tuple(weeks),
        anchors=sum(row["anchors"] for row in first),
        sampled=sum(row["sampled"] for row in first),
        points=tuple((age, 1 - missing / whole) for age, (missing, whole) in sorted(sums.items())),
        drifts=tuple(_drifts(kept)),
    )


def _drifts(rows: Sequence[Mapping[str, Any]]) -> list[Drift]:
    worst: dict[date, Drift] = {}
    for row in rows:
        if row["drifted"]:
            found = Drift(row["cohort"], row["age_day"], row["seen"], row["usual"])
            there = worst.get(found.cohort)
            if there is None or abs(found.seen - found.usual) > abs(there.seen - there.usual):
                worst[found.cohort] = found
    return [worst[week] for week in sorted(worst)]


def as_text(delay: Delay) -> list[str]:
    """A curve as a few lines: when half and nine tenths are seen, bars by age, and what has shifted."""
    days = (f"{share:.0%} by day {day:.1f}" for share in (0.5, 0.9) if (day := delay.day_of(share)) is not None)
    weeks = f"{len(delay.cohorts)} weeks up to that of {delay.cohorts[-1]:%Y-%m-%d}"
    lines = [f"seen: {', '.join(days) or 'at maturity'} ({delay.sampled:,} of {delay.anchors:,} anchors of {weeks})"]
    lines += [f"  day {age:>3}  {'#' * max(0, round(20 * seen)):<20}  {seen:.0%}" for age, seen in delay.points]
    lines += [
        f"warning: in the week of {one.cohort:%Y-%m-%d} {one.seen:.0%} was seen by day {one.age_day}, "
        f"usually {one.usual:.0%}"
        for one in delay.drifts
    ]
    return lines
