"""Statistics of revisions after maturity: how many values changed, how late, and in which direction."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from longplay.config.duration import DAY_US
from longplay.site.signals.scan import mark_repeated_anchors, select_newest_rows

AGE_GROUP_STARTS_D = (1, 2, 4, 8, 15, 29)
"""Whole days after maturity at which a group of revisions begins."""


@dataclass(frozen=True)
class RevisionStatistics:
    """Revisions of mature values.

    Attributes:
        matured: anchors that were mature at any time.
        changed: anchors among them that were revised at least once.
        mean_at_maturity: mean of the changed values at maturity; None without any.
        current_mean: mean of the changed values that are mature now; None without any.
        by_age: revisions by whole days since maturity (groups of :data:`AGE_GROUP_STARTS_D`) and by effect:
            ``raised``, ``lowered``, ``void`` or ``restored``.
    """

    matured: int
    changed: int
    mean_at_maturity: float | None
    current_mean: float | None
    by_age: Sequence[tuple[int, Mapping[str, int]]]


def compute_revision_statistics(rows: pa.Table, mature: int) -> RevisionStatistics:
    """Compute the revision statistics of one signal.

    Args:
        rows: all rows of revised anchors, sorted by anchor and revision; some anchors have one row only.
        mature: number of anchors that are mature now.
    """
    if not rows.num_rows:
        return RevisionStatistics(mature, 0, None, None, ())
    is_revision = mark_repeated_anchors(rows)
    value_before = pa.chunked_array([pa.array([None], pa.float64()), *rows["value"][:-1].chunks])
    revisions = rows.append_column("value_before", value_before).filter(is_revision)
    revised_anchors = pc.unique(revisions["anchor_id"])
    first, last = (
        part.filter(pc.is_in(part["anchor_id"], value_set=revised_anchors))
        for part in (rows.filter(pc.invert(is_revision)), select_newest_rows(rows))
    )
    was_mature = pc.is_in(last["anchor_id"], value_set=rows.filter(pc.field("state") == "mature")["anchor_id"])
    voided = last.filter(pc.and_(pc.equal(last["state"], "void"), was_mature)).num_rows
    mean_at_maturity, current_mean = (pc.mean(part["value"]).as_py() for part in (first, last))
    by_age = tuple(_count_by_age(revisions))
    return RevisionStatistics(mature + voided, first.num_rows, mean_at_maturity, current_mean, by_age)


def _count_by_age(revisions: pa.Table) -> Iterator[tuple[int, Mapping[str, int]]]:
    elapsed_us = pc.subtract(revisions["known_ts"].cast(pa.int64()), revisions["matures_at"].cast(pa.int64()))
    ages = pa.table({"days": pc.divide(elapsed_us, DAY_US), "effect": _classify_effects(revisions)})
    counts: dict[int, Counter[str]] = {}
    for row in ages.group_by(["days", "effect"]).aggregate([([], "count_all")]).to_pylist():
        start = max((start for start in AGE_GROUP_STARTS_D if start <= row["days"]), default=0)
        counts.setdefault(start, Counter())[row["effect"]] += row["count_all"]
    yield from sorted((start, dict(sorted(effects.items()))) for start, effects in counts.items())


def _classify_effects(revisions: pa.Table) -> pa.Array:
    """The effect of each revision. A value without one before it was void until its outage was withdrawn."""
    direction = pc.if_else(pc.greater(revisions["value"], revisions["value_before"]), "raised", "lowered")
    effect = pc.if_else(pc.is_null(revisions["value_before"]), "restored", direction)
    return pc.if_else(pc.equal(revisions["state"], "void"), "void", effect)
