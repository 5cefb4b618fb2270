"""What a publication of signal values holds, counted in one pass.

One Spark aggregate counts everything by signal and by bin of the value. Only where a signal must not exceed another one
is there a second, over the anchors of these two. What follows from the counts, ``findings.py`` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.measures import ValueBounds
from longplay.definitions.signal import Definition
from longplay.lookup.revision_bands import ENDS, NAMES

Pair = tuple[Definition, Definition]
TINY = 1e-9
"""Values are exact to nine decimals."""
FEW, PARTS = 32, 10
"""So many whole numbers have a bin each; other bounded values have so many bins of one width."""
COMPARED = 1_000_000
"""Rows in which nested signals are compared, about: of more, some anchors are taken by their hashes."""


@dataclass(frozen=True)
class Profile:
    """The counts of one signal in the rows of a publication.

    Attributes:
        definition: the signal.
        rows: of any state and revision.
        open: open values.
        mature: values that are mature, as they were at maturity.
        void: anchors that were void from the beginning.
        overdue: values that are open though the watermark has passed their maturity.
        early: values that are mature though it has not.
        beyond_type: mature values that the measure cannot give, revisions too.
        beyond_owner: mature values beyond the owner's bounds, revisions too.
        total: sum of the values at maturity.
        bins: values at maturity by bin.
        revisions: revisions by how late after maturity they were known.
        ended: anchors that were mature, and that a fact known later showed to be none.
        since: earliest day of t0 of a value that is open or was mature first; None without any.
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


_COUNTS = ("rows", "open", "mature", "void", "overdue", "early", "beyond_type", "beyond_owner", "ended")


def profiles(values: DataFrame, definitions: Sequence[Definition], watermark: datetime) -> dict[str, Profile]:
    """Count what a publication holds, by pinned name; one Spark job.

    Args:
        values: rows of ``signal_values``. Grain: signal, anchor_id, revision.
        definitions: the signals.
        watermark: W(T).
    """
    state, first = F.col("state"), F.col("revision") == 0
    age = F.unix_micros("known_ts") - F.unix_micros("matures_at")
    ends = [end * 86_400e6 for end in ENDS]
    bands = [F.lit(True), *(age >= end for end in ends)]
    outer = [*(age < end for end in ends), F.lit(True)]
    counted = {
        "rows": F.lit(True),
        "open": state == "open",
        "mature": (state == "mature") & first,
        "void": (state == "void") & first,
        **broken(definitions, watermark),
        "ended": (state == "void") & ~first,
        **{
            name: (state == "mature") & ~first & low & high for name, low, high in zip(NAMES, bands, outer, strict=True)
        },
    }
    at_maturity = (state == "mature") & first
    told = [F.count_if(condition).alias(name) for name, condition in counted.items()]
    told.append(F.sum(F.when(at_maturity, F.col("value"))).alias("total"))
    told.append(F.min(F.when((state == "open") | at_maturity, F.col("t0_day"))).alias("since"))
    told.append(F.max("t0_day").alias("newest"))
    by = values.groupBy("signal", F.when(at_maturity, _bin(definitions)).alias("bin")).agg(*told)
    found: dict[str, list[dict[str, Any]]] = {d.ref: [] for d in definitions}
    for row in by.collect():
        found[row["signal"]].append(row.asDict())
    return {d.ref: _profile(d, found[d.ref]) for d in definitions}


def _profile(definition: Definition, rows: Sequence[Mapping[str, Any]]) -> Profile:
    counts = {name: sum(row[name] for row in rows) for name in _COUNTS}
    ordered = sorted((row for row in rows if row["bin"] is not None), key=lambda row: str(row["bin"]))
    return Profile(
        definition,
        **counts,
        total=sum(row["total"] for row in ordered),
        bins={row["bin"]: row["mature"] for row in ordered},
        revisions={name: n for name in NAMES if (n := sum(row[name] for row in rows))},
        since=min((row["since"] for row in rows if row["since"]), default=None),
        newest=max((row["newest"] for row in rows if row["newest"]), default=None),
    )


def broken(definitions: Sequence[Definition], watermark: datetime) -> dict[str, Column]:
    """Conditions that no row may meet, by the name of what they count in a ``Profile``."""
    state, reached = F.col("state"), F.lit(watermark) >= F.col("matures_at")
    owners = {d.ref: ValueBounds(*d.quality.bounds, is_whole=False) for d in definitions if d.quality.bounds}
    types = {d.ref: d.value_bounds for d in definitions}
    return {
        "overdue": (state == "open") & reached,
        "early": (state == "mature") & ~reached,
        "beyond_type": (state == "mature") & _beyond(types),
        "beyond_owner": (state == "mature") & _beyond(owners),
    }


def _beyond(bounds: Mapping[str, ValueBounds]) -> Column:
    """Whether a value lies beyond the bounds of its signal."""
    value, found = F.col("value"), []
    for ref, one in bounds.items():
        outside = [value < one.low - TINY] if one.low is not None else []
        outside += [value > one.high + TINY] if one.high is not None else []
        outside += [F.abs(value - F.rint(value)) > TINY] if one.is_whole else []
        found += [(F.col("signal") == ref) & reduce(or_, outside)] if outside else []
    return F.coalesce(reduce(or_, found, F.lit(False)), F.lit(False))


def _bin(definitions: Sequence[Definition]) -> Column:
    """The bin of a value, by which distributions are compared."""
    column = F.lit(None).cast("string")
    for definition in definitions:
        column = F.when(F.col("signal") == definition.ref, _bin_of(definition)).otherwise(column)
    return column


def _bin_of(definition: Definition) -> Column:
    value, known = F.col("value"), definition.value_bounds
    owner = definition.quality.bounds
    low, high = owner or (known.low, known.high)
    if low is None or high is None:
        # Two bins for each doubling, on either side of 0: they need no knowledge of the values.
        return (F.signum(value) * F.floor(2 * F.log2(1 + F.abs(value)))).cast("int").cast("string")
    if known.is_whole and high - low <= FEW:
        return F.rint(value).cast("int").cast("string")
    place = F.floor((value - low) / (high - low) * PARTS).cast("int")
    return F.greatest(F.lit(0), F.least(F.lit(PARTS - 1), place)).cast("string")


def crossings(
    values: DataFrame, pairs: Sequence[tuple[Definition, Definition]], rows: int
) -> dict[str, tuple[int, int]]:
    """How often a signal exceeds the one that it must not exceed, and among how many anchors; one Spark job.

    Args:
        values: rows of ``signal_values`` with both signals of the pairs. Grain: signal, anchor_id, revision.
        pairs: of ``signal_rules.nested``.
        rows: about how many rows there are; of more than ``COMPARED`` some anchors are taken.

    Returns:
        By ``short <= long``.
    """
    refs = {d.ref: n for n, d in enumerate({d.ref: d for pair in pairs for d in pair}.values())}
    some = F.pmod(F.xxhash64("anchor_id"), F.lit(max(1, rows // COMPARED))) == 0
    first = values.where(
        F.col("signal").isin(list(refs)) & (F.col("revision") == 0) & (F.col("state") != "void") & some
    )
    # An open value is what was seen so far. The longer window saw as much, whatever their states.
    told = F.coalesce("value", "prefix")
    columns = [F.max(F.when(F.col("signal") == ref, told)).alias(f"_{n}") for ref, n in refs.items()]
    side_by_side = first.groupBy("user_id", "anchor_id").agg(*columns)
    counts = []
    for number, (short, long) in enumerate(pairs):
        a, b = F.col(f"_{refs[short.ref]}"), F.col(f"_{refs[long.ref]}")
        counts += [F.count_if(a > b + TINY).alias(f"over_{number}"), F.count(a + b).alias(f"both_{number}")]
    found = side_by_side.agg(*counts).first()
    assert found is not None
    return {
        f"{short.ref} <= {long.ref}": (int(found[f"over_{n}"]), int(found[f"both_{n}"]))
        for n, (short, long) in enumerate(pairs)
    }
