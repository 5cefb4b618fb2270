"""Delay curves as rows of their table, held against those of the cohorts before them, and the alarms of that."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from quality.signal_values.delay_drift import Curve, Usual, usual

Row = dict[str, Any]
Rows = Sequence[Row]
"""Rows of ``signal_delays``. Grain: signal, cohort, age_day."""


def curves(rows: Rows) -> dict[tuple[str, str], list[Curve]]:
    """Curves by signal and hash, oldest first; cohorts in which nothing was to be seen have none."""
    by_cohort: dict[tuple[str, str, date], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["cohort"], row["age_day"])):
        if row["whole"] > 0:
            by_cohort.setdefault((row["signal"], row["definition_hash"], row["cohort"]), []).append(row)
    found: dict[tuple[str, str], list[Curve]] = {}
    for (signal, identity, cohort), own in by_cohort.items():
        ages = tuple(row["age_day"] for row in own)
        missing, error = (np.array([row[name] for row in own], dtype=float) for name in ("missing", "std_error"))
        found.setdefault((signal, identity), []).append(Curve(cohort, ages, own[0]["whole"], missing, error))
    return found


def judged(rows: Rows, earlier: Mapping[tuple[str, str], Sequence[Curve]]) -> Rows:
    """The rows with what they are held against: the curves of the cohorts before, which come from both."""
    told: dict[tuple[str, date], tuple[Curve, Usual | None]] = {}
    for key, new in curves(rows).items():
        before = list(earlier.get(key, []))
        for curve in new:
            told[key[0], curve.cohort] = curve, usual(curve, before)
            before.append(curve)
    return [{**row, **_held(row, told.get((row["signal"], row["cohort"])))} for row in rows]


def _held(row: Row, told: tuple[Curve, Usual | None] | None) -> Row:
    curve, held = told or (None, None)
    if curve is None or held is None:
        return {"usual": None, "tolerance": None, "drifted": False}
    at = curve.ages.index(row["age_day"])
    return {
        "usual": round(float(held.seen[at]), 9),
        "tolerance": round(float(held.tolerance[at]), 9),
        "drifted": bool(held.left_by(curve)[at]),
    }


def alarms(rows: Rows) -> Iterator[str]:
    """A line for every curve that has shifted: where, by how much at its worst age, and what would have been usual."""
    worst: dict[tuple[date, str], Row] = {}
    for row in rows:
        key = row["cohort"], row["signal"]
        if row["drifted"] and abs(row["seen"] - row["usual"]) > _distance(worst.get(key)):
            worst[key] = row
    for (week, signal), row in sorted(worst.items()):
        yield (
            f"{signal}: the delay curve of the week of {week:%Y-%m-%d} has shifted: by day {row['age_day']} "
            f"{row['seen']:.0%} of the final values was seen, usually {row['usual']:.0%} (give or take "
            f"{row['tolerance']:.0%}; {row['sampled']:,} of {row['anchors']:,} anchors followed). "
            f"Look for facts that come later or earlier than they did; the curve is in table 'signal_delays'"
        )


def _distance(row: Row | None) -> float:
    return abs(row["seen"] - row["usual"]) if row else 0.0
