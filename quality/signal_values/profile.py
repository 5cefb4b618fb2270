"""The profile of a publication of signal values, counted in one pass.

One Spark aggregate counts everything by signal and by bin of the value. A second one compares the anchors of nested
signals, if there are any. ``findings.py`` draws the conclusions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.config.duration import DAY_US
from longplay.definitions.measures import ValueBounds
from longplay.definitions.signal import Definition
from longplay.lookup.revision_bands import BAND_ENDS_D, BAND_NAMES
from quality.gate_errors import build_gate_error

NestedPair = tuple[Definition, Definition]
"""A signal, and a longer one that it must not exceed."""
VALUE_TOLERANCE = 1e-9
"""Values are exact to nine decimals."""
MAX_WHOLE_NUMBER_BINS, INTERVAL_BINS = 32, 10
"""A bounded signal has one bin per whole number, up to 32 of them; otherwise ten bins of equal width."""
MAX_COMPARED_ROWS = 1_000_000
"""Nested signals are compared in at most about this many rows; beyond that, on anchors sampled by their hash."""


@dataclass(frozen=True)
class SignalProfile:
    """The counts of one signal in a publication. The gate's verdicts store them with these names.

    Attributes:
        definition: the signal.
        rows: rows of any state and revision.
        open: open values.
        mature: mature values at maturity, without revisions.
        void: anchors that were void from the start.
        overdue: open values whose maturity the watermark has passed.
        early: mature values whose maturity the watermark has not reached.
        beyond_type: mature values that the measure cannot give, with revisions.
        beyond_owner: mature values outside the owner's bounds, with revisions.
        total: sum of the values at maturity.
        bins: values at maturity by bin.
        revisions: revisions by how late after maturity they became known.
        ended: mature anchors that a later fact disproved.
        outage: values that an outage voids, from the start, at maturity or by a revision.
        since: earliest day of t0 of an open value or a value at maturity; None without any.
        newest: newest day of t0; None without rows.
    """

    definition: Definition
    rows: int = 0
    open: int = 0
    mature: int = 0
    void: int = 0
    overdue: int = 0
    early: int = 0
    beyond_type: int = 0
    beyond_owner: int = 0
    total: float = 0.0
    bins: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    ended: int = 0
    outage: int = 0
    since: date | None = None
    newest: date | None = None

    @property
    def coverage(self) -> float | None:
        """Share of the settled values that are mature, not void; None where none is settled."""
        return self.mature / (self.mature + self.void) if self.mature + self.void else None

    @property
    def mean(self) -> float | None:
        """Mean value at maturity; None where none is mature."""
        return self.total / self.mature if self.mature else None


_COUNTS = ("rows", "open", "mature", "void", "overdue", "early", "beyond_type", "beyond_owner", "ended", "outage")


def profile_signals(
    values: DataFrame, definitions: Sequence[Definition], watermark: datetime
) -> dict[str, SignalProfile]:
    """Count a publication, by pinned name, in one Spark job.

    Args:
        values: rows of ``signal_values``. Grain: signal, anchor_id, revision.
        definitions: the signals.
        watermark: W(T).

    Raises:
        QualityError: when rows are of another signal.
    """
    state = F.col("state")
    at_maturity = (state == "mature") & (F.col("revision") == 0)
    conditions = {**_state_conditions(), **violation_conditions(definitions, watermark), **_revision_conditions()}
    aggregates = [F.count_if(condition).alias(name) for name, condition in conditions.items()]
    aggregates += [
        F.sum(F.when(at_maturity, F.col("value"))).alias("total"),
        F.min(F.when((state == "open") | at_maturity, F.col("t0_day"))).alias("since"),
        F.max("t0_day").alias("newest"),
    ]
    by_bin = values.groupBy("signal", F.when(at_maturity, _bin_column(definitions)).alias("bin")).agg(*aggregates)
    rows_by_signal: dict[str, list[dict[str, Any]]] = {definition.ref: [] for definition in definitions}
    others: Counter[str] = Counter()
    for row in by_bin.collect():
        if row["signal"] in rows_by_signal:
            rows_by_signal[row["signal"]].append(row.asDict())
        else:
            others[row["signal"]] += row["rows"]
    if others:
        lines = [f"{signal}: {rows:,} rows of a signal that was not computed" for signal, rows in others.items()]
        raise build_gate_error("signal_values", lines)
    return {definition.ref: _merge_bins(definition, rows_by_signal[definition.ref]) for definition in definitions}


def _state_conditions() -> dict[str, Column]:
    """The rows that count as each state."""
    state, reason, is_first = F.col("state"), F.col("void_reason"), F.col("revision") == 0
    return {
        "rows": F.lit(True),
        "open": state == "open",
        "mature": (state == "mature") & is_first,
        "void": (state == "void") & is_first,
        "ended": (state == "void") & ~is_first & reason.eqNullSafe("superseded"),
        "outage": (state == "void") & reason.eqNullSafe("outage"),
    }


def _revision_conditions() -> dict[str, Column]:
    """The revisions of each band of ages after maturity."""
    is_revision = (F.col("state") == "mature") & (F.col("revision") != 0)
    age_us = F.unix_micros("known_ts") - F.unix_micros("matures_at")
    ends_us = [end * DAY_US for end in BAND_ENDS_D]
    lower = [F.lit(True), *(age_us >= end for end in ends_us)]
    upper = [*(age_us < end for end in ends_us), F.lit(True)]
    return {name: is_revision & low & high for name, low, high in zip(BAND_NAMES, lower, upper, strict=True)}


def _merge_bins(definition: Definition, rows: Sequence[Mapping[str, Any]]) -> SignalProfile:
    counts = {name: sum(row[name] for row in rows) for name in _COUNTS}
    bins = sorted((row for row in rows if row["bin"] is not None), key=lambda row: str(row["bin"]))
    return SignalProfile(
        definition,
        **counts,
        total=sum(row["total"] for row in bins),
        bins={row["bin"]: row["mature"] for row in bins},
        revisions={name: count for name in BAND_NAMES if (count := sum(row[name] for row in rows))},
        since=min((row["since"] for row in rows if row["since"]), default=None),
        newest=max((row["newest"] for row in rows if row["newest"]), default=None),
    )


def violation_conditions(definitions: Sequence[Definition], watermark: datetime) -> dict[str, Column]:
    """Conditions that no row may meet, by the name of their count in a ``SignalProfile``."""
    state, is_due = F.col("state"), F.lit(watermark) >= F.col("matures_at")
    owner_bounds = {d.ref: ValueBounds(*d.quality.bounds, is_whole=False) for d in definitions if d.quality.bounds}
    measure_bounds = {d.ref: d.value_bounds for d in definitions}
    return {
        "overdue": (state == "open") & is_due,
        "early": (state == "mature") & ~is_due,
        "beyond_type": (state == "mature") & _is_outside(measure_bounds),
        "beyond_owner": (state == "mature") & _is_outside(owner_bounds),
    }


def _is_outside(bounds_by_signal: Mapping[str, ValueBounds]) -> Column:
    """Whether a value lies outside the bounds of its signal."""
    value, conditions = F.col("value"), []
    for ref, bounds in bounds_by_signal.items():
        outside = [value < bounds.low - VALUE_TOLERANCE] if bounds.low is not None else []
        outside += [value > bounds.high + VALUE_TOLERANCE] if bounds.high is not None else []
        outside += [F.abs(value - F.rint(value)) > VALUE_TOLERANCE] if bounds.is_whole else []
        conditions += [(F.col("signal") == ref) & reduce(or_, outside)] if outside else []
    return F.coalesce(reduce(or_, conditions, F.lit(False)), F.lit(False))


def _bin_column(definitions: Sequence[Definition]) -> Column:
    """The bin of a value, by which distributions are compared."""
    column = F.lit(None).cast("string")
    for definition in definitions:
        column = F.when(F.col("signal") == definition.ref, _bin_of_signal(definition)).otherwise(column)
    return column


def _bin_of_signal(definition: Definition) -> Column:
    value, bounds = F.col("value"), definition.value_bounds
    low, high = definition.quality.bounds or (bounds.low, bounds.high)
    if low is None or high is None:
        # Two bins per doubling on either side of 0, which suit unbounded values of any scale.
        return (F.signum(value) * F.floor(2 * F.log2(1 + F.abs(value)))).cast("int").cast("string")
    if bounds.is_whole and high - low <= MAX_WHOLE_NUMBER_BINS:
        return F.bround(value).cast("int").cast("string")  # as rint, which rounds halves away from 0 in Sail
    number = F.floor((value - low) / (high - low) * INTERVAL_BINS).cast("int")
    return F.greatest(F.lit(0), F.least(F.lit(INTERVAL_BINS - 1), number)).cast("string")


def count_crossings(values: DataFrame, pairs: Sequence[NestedPair], rows: int) -> dict[str, tuple[int, int]]:
    """Count the anchors whose value exceeds that of the longer signal, and the compared anchors, in one Spark job.

    Args:
        values: rows of ``signal_values`` with both signals of the pairs. Grain: signal, anchor_id, revision.
        pairs: from ``find_nested_pairs``.
        rows: approximate number of rows; above ``MAX_COMPARED_ROWS`` only some anchors are compared.

    Returns:
        By ``short <= long``.
    """
    side_by_side, column_of = _pivot_by_anchor(values, pairs, max(1, rows // MAX_COMPARED_ROWS))
    counts = []
    for n, (short, long) in enumerate(pairs):
        a, b = F.col(column_of[short.ref]), F.col(column_of[long.ref])
        counts += [F.count_if(a > b + VALUE_TOLERANCE).alias(f"exceeding_{n}"), F.count(a + b).alias(f"compared_{n}")]
    row = side_by_side.agg(*counts).first()
    assert row is not None
    return {
        f"{short.ref} <= {long.ref}": (int(row[f"exceeding_{n}"]), int(row[f"compared_{n}"]))
        for n, (short, long) in enumerate(pairs)
    }


def _pivot_by_anchor(
    values: DataFrame, pairs: Sequence[NestedPair], one_in: int
) -> tuple[DataFrame, Mapping[str, str]]:
    """One row per anchor with the first value of each signal, and the column of each. Grain out: user_id, anchor_id."""
    refs = list(dict.fromkeys(definition.ref for pair in pairs for definition in pair))
    column_of = {ref: f"_{n}" for n, ref in enumerate(refs)}
    is_drawn = F.pmod(F.xxhash64("anchor_id"), F.lit(one_in)) == 0
    first_values = values.where(
        F.col("signal").isin(refs) & (F.col("revision") == 0) & (F.col("state") != "void") & is_drawn
    )
    # An open value is the sum so far. The longer window has at least as much, whatever the states.
    value = F.coalesce("value", "prefix")
    columns = [F.max(F.when(F.col("signal") == ref, value)).alias(name) for ref, name in column_of.items()]
    return first_values.groupBy("user_id", "anchor_id").agg(*columns), column_of
