"""What became of values after they were mature: how many were revised, how late, and how."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from longplay.site.signals.scan import newest, same_anchor

STEPS_D = (1, 2, 4, 8, 15, 29)
"""Ages after maturity at which a new group of revisions begins, in whole days."""


@dataclass(frozen=True)
class Revisions:
    """What became of mature values.

    Attributes:
        matured: anchors that became mature at any time.
        changed: anchors among them that were revised, once or more.
        at_maturity: mean value of the changed as they were at maturity; None without any.
        now: mean value of those of the changed that are mature now; None without any.
        by_age: revisions by whole days since maturity (groups of :data:`STEPS_D`): raised, lowered, made void, void no
            more.
    """

    matured: int
    changed: int
    at_maturity: float | None
    now: float | None
    by_age: Sequence[tuple[int, Mapping[str, int]]]


def revisions_of(rows: pa.Table, mature: int) -> Revisions:
    """Count the revisions of one signal.

    Args:
        rows: all rows of revised anchors, sorted by anchor and revision; some anchors have one row only.
        mature: number of anchors that are mature now.
    """
    if not rows.num_rows:
        return Revisions(mature, 0, None, None, ())
    follows = same_anchor(rows)
    before = pa.chunked_array([pa.array([None], pa.float64()), *rows["value"][:-1].chunks])
    late = rows.append_column("before", before).filter(follows)
    first = rows.filter(pc.invert(follows))
    touched = pc.unique(late["anchor_id"])
    first, last = (t.filter(pc.is_in(t["anchor_id"], value_set=touched)) for t in (first, newest(rows)))
    was_mature = pc.is_in(last["anchor_id"], value_set=rows.filter(pc.field("state") == "mature")["anchor_id"])
    lost = last.filter(pc.and_(pc.equal(last["state"], "void"), was_mature)).num_rows
    at_maturity, now = (pc.mean(one["value"]).as_py() for one in (first, last))
    return Revisions(mature + lost, first.num_rows, at_maturity, now, tuple(_by_age(late)))


def _by_age(late: pa.Table) -> Iterator[tuple[int, Mapping[str, int]]]:
    elapsed = pc.subtract(late["known_ts"].cast(pa.int64()), late["matures_at"].cast(pa.int64()))
    days = pc.divide(elapsed, 86_400_000_000)
    rose = pc.greater(late["value"], late["before"])
    # Where there was no value before, an outage voided it until it was withdrawn.
    moved = pc.if_else(pc.is_null(late["before"]), "restored", pc.if_else(rose, "raised", "lowered"))
    turn = pc.if_else(pc.equal(late["state"], "void"), "void", moved)
    counted = pa.table({"days": days, "turn": turn}).group_by(["days", "turn"]).aggregate([([], "count_all")])
    found: dict[int, Counter[str]] = {}
    for row in counted.to_pylist():
        step = max((at for at in STEPS_D if at <= row["days"]), default=0)
        found.setdefault(step, Counter())[row["turn"]] += row["count_all"]
    yield from sorted((step, dict(sorted(turns.items()))) for step, turns in found.items())
