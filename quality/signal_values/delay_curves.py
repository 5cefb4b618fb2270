"""Delay curves as rows of their table: compared with the cohorts before them, with an alarm for every shift."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from quality.signal_values.delay_drift import CohortDelayCurve, CurveBaseline, fit_baseline

CurveRow = dict[str, Any]
CurveRows = Sequence[CurveRow]
"""Rows of ``signal_delays``. Grain: signal, cohort, age_day."""


def curves_from_rows(rows: CurveRows) -> dict[tuple[str, str], list[CohortDelayCurve]]:
    """Group rows into curves by signal and hash, oldest first; cohorts with nothing to observe have none."""
    by_cohort: dict[tuple[str, str, date], list[CurveRow]] = {}
    for row in sorted(rows, key=lambda row: (row["cohort"], row["age_day"])):
        if row["whole"] > 0:
            by_cohort.setdefault((row["signal"], row["definition_hash"], row["cohort"]), []).append(row)
    curves: dict[tuple[str, str], list[CohortDelayCurve]] = {}
    for (signal, definition_hash, cohort), points in by_cohort.items():
        ages = tuple(row["age_day"] for row in points)
        missing, error = (np.array([row[name] for row in points], dtype=float) for name in ("missing", "std_error"))
        curve = CohortDelayCurve(cohort, ages, points[0]["whole"], missing, error)
        curves.setdefault((signal, definition_hash), []).append(curve)
    return curves


def compare_with_baselines(rows: CurveRows, earlier: Mapping[tuple[str, str], Sequence[CohortDelayCurve]]) -> CurveRows:
    """Add to each row the baseline of its curve: earlier curves, and those among the rows themselves.

    Args:
        rows: of new cohorts, without the columns ``usual``, ``tolerance`` and ``drifted``.
        earlier: curves of earlier cohorts by signal and hash, oldest first.
    """
    compared: dict[tuple[str, date], tuple[CohortDelayCurve, CurveBaseline | None]] = {}
    for key, curves in curves_from_rows(rows).items():
        before = list(earlier.get(key, []))
        for curve in curves:
            compared[key[0], curve.cohort] = curve, fit_baseline(curve, before)
            before.append(curve)
    return [{**row, **_baseline_columns(row, compared.get((row["signal"], row["cohort"])))} for row in rows]


def _baseline_columns(row: CurveRow, compared: tuple[CohortDelayCurve, CurveBaseline | None] | None) -> CurveRow:
    curve, baseline = compared or (None, None)
    if curve is None or baseline is None:
        return {"usual": None, "tolerance": None, "drifted": False}
    n = curve.ages.index(row["age_day"])
    return {
        "usual": round(float(baseline.share[n]), 9),
        "tolerance": round(float(baseline.tolerance[n]), 9),
        "drifted": bool(baseline.has_drifted(curve)[n]),
    }


def describe_shifts(rows: CurveRows) -> Iterator[str]:
    """Describe every shifted curve in a line: its cohort, the age with the largest shift, and its baseline."""
    worst: dict[tuple[date, str], CurveRow] = {}
    for row in rows:
        key = row["cohort"], row["signal"]
        if row["drifted"] and abs(row["seen"] - row["usual"]) > _shift(worst.get(key)):
            worst[key] = row
    for (week, signal), row in sorted(worst.items()):
        yield (
            f"{signal}: the delay curve of the week of {week:%Y-%m-%d} has shifted: by day {row['age_day']} "
            f"{row['seen']:.0%} of the final values had been seen, usually {row['usual']:.0%} (give or take "
            f"{row['tolerance']:.0%}; {row['sampled']:,} of {row['anchors']:,} anchors followed). "
            f"Look for facts that arrive later or earlier than before; table 'signal_delays' has the curve"
        )


def _shift(row: CurveRow | None) -> float:
    return abs(row["seen"] - row["usual"]) if row else 0.0
