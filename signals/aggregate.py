"""What the signals of a group came to: at maturity (or by now, if they are open), and whenever late facts changed it.

One pass adds up what was known in time, for all signals side by side. A second one looks at anchors with late facts
alone, and adds up anew at each moment at which one of them became known: so any aggregate can be revised, and what was
known at any T can be read off.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition
from signals import measure_columns
from signals.anchor_facts import (
    SignalGroup,
    in_baseline,
    in_window,
    is_credit_click,
    join_attributed_outcomes,
    join_facts,
    select_facts,
)
from signals.anchors import anchor_hash
from signals.definition_columns import terms_of
from signals.maturity import Knowledge, MaturityColumns, horizon
from signals.outage_voids import OutageVoids

KEY = ["user_id", "anchor_id"]
"""An anchor; its user is named too, because rows are dealt by user."""
DISPROVABLE = ("discovery", "session")
"""Anchors of which a fact that becomes known later may show that they were none."""
_OF_ANCHOR = [*KEY, "a_item_id", "t0", "anchor_known_ts", "superseded_ts"]


@dataclass(frozen=True, eq=False)
class GroupInputs:
    """How the pairs of a group's anchors and facts are made.

    Attributes:
        group: the signals.
        anchors: whose values are wanted. Grain: anchor_id.
        competitors: all anchors that may have earned a share of credit. Grain: anchor_id.
        events: as known at T, dealt by user. Grain: event_id.
        knowledge: what is known, and how far.
        episodes: releases as known at T, where a source has any. Grain: item_id, episode.
    """

    group: SignalGroup
    anchors: DataFrame
    competitors: DataFrame
    events: DataFrame
    knowledge: Knowledge
    episodes: DataFrame | None = None

    @cached_property
    def frames(self) -> Mapping[str, MaturityColumns]:
        """The horizon of each signal, by its pinned name: made once, since making columns takes time."""
        return {d.ref: horizon(terms_of([d]), self.knowledge) for d in self.group.definitions}

    def in_time(self, definition: Definition) -> Column:
        """Whether a fact was known by the cut. Nothing matures before ``matures_at``, which is told at less cost."""
        frame = self.frames[definition.ref]
        return (F.col("known_ts") <= frame.matures_at) | (F.col("known_ts") <= frame.cut)

    def facts(self) -> DataFrame:
        """What the signals read."""
        return select_facts(self.group, self.events, self.episodes)

    def pairs(self, facts: DataFrame, anchors: DataFrame, how: str = "left") -> DataFrame:
        """Some anchors with some facts. Grain: anchor and fact."""
        if self.group.deals:
            found = join_attributed_outcomes(self.group, anchors, self.competitors, facts, self.events)
            return found if how == "left" else found.where(F.col("known_ts").isNotNull())
        return join_facts(self.group, anchors, facts, how)


def compute_first_values(read: GroupInputs, anchors: DataFrame | None = None) -> DataFrame:
    """Anchors with what each signal came to by maturity, or by now where it is open.

    Args:
        read: the signals and facts.
        anchors: some of its anchors; None: all.

    Returns:
        Grain: anchor_id; its columns (``a_item_id`` is its item), and ``firsts``, a value a signal, in their order.
    """
    pairs = read.pairs(read.facts(), read.anchors if anchors is None else anchors)
    found = aggregate_pairs(read.group, pairs, read.in_time, _OF_ANCHOR)
    firsts = F.array(*[value_column(number) for number in range(len(read.group.definitions))])
    return found.select(*_OF_ANCHOR, _cluster(read.group.one).alias("cluster_id"), firsts.alias("firsts"))


def _cluster(definition: Definition) -> Column:
    """One id for all anchors whose windows hold the same facts: those of a user (with an item) and UTC day."""
    day = F.to_date("t0").cast("string")
    return anchor_hash("user_id", day) if definition.keys == "user" else anchor_hash("user_id", "a_item_id", day)


def compute_revisions(read: GroupInputs) -> DataFrame:
    """Anchors that late facts may have changed after maturity, or disproved, with each step of their values.

    Grain: anchor_id; as ``compute_first_values``, and ``steps``: a signal an array (k, v), what its value became when.
    """
    again = read.anchors.join(_touched(read), KEY, "left_semi")
    late = _late(read, again)
    found = compute_first_values(read, again).join(late, KEY, "left")
    steps = F.array(*[_steps(n, read.frames[d.ref].cut) for n, d in enumerate(read.group.definitions)])
    return found.withColumn("steps", steps).drop("_late")


def value_column(number: int) -> str:
    """Column of the value of the signal of that place in its group."""
    return f"_first_{number}"


def aggregate_pairs(
    group: SignalGroup, pairs: DataFrame, known: Callable[[Definition], Column], by: Sequence[str]
) -> DataFrame:
    """One value a signal over the pairs that are known, in columns named by ``value_column``. Grain: ``by``."""
    guards: dict[str, Column] = {}
    for number, definition in enumerate(group.definitions):
        in_time = known(definition)
        guards[f"_in_{number}"] = F.coalesce(in_window(definition) & in_time, F.lit(False))
        if definition.baseline is not None:
            guards[f"_before_{number}"] = F.coalesce(in_baseline(definition) & in_time, F.lit(False))
        if _is_clicked(definition):
            guards[f"_click_{number}"] = F.coalesce(is_credit_click(definition) & in_time, F.lit(False))
    values = [_value(number, d).alias(value_column(number)) for number, d in enumerate(group.definitions)]
    return pairs.withColumns(guards).groupBy(*by).agg(*values)


def _value(number: int, definition: Definition) -> Column:
    baseline = f"_before_{number}" if definition.baseline is not None else None
    found = measure_columns.aggregate_value(definition, f"_in_{number}", baseline)
    if _is_clicked(definition):
        earned = F.coalesce(F.max(f"_click_{number}"), F.lit(False))
        found = F.when(earned, found).otherwise(F.lit(definition.measure.uncredited_value))
    return found


def _is_clicked(definition: Definition) -> bool:
    return definition.credit is not None and not definition.credit.is_split


def _is_late(read: GroupInputs) -> Column:
    """Whether a fact may change a value after its maturity."""

    def one(definition: Definition) -> Column:
        counts = in_window(definition)
        if definition.baseline is not None:
            counts |= in_baseline(definition)
        if _is_clicked(definition):
            counts |= is_credit_click(definition)
        return counts & (F.col("known_ts") > read.frames[definition.ref].cut)

    return F.coalesce(reduce(or_, [one(d) for d in read.group.definitions]), F.lit(False))


def _touched(read: GroupInputs) -> DataFrame:
    """Anchors with a fact that may change a mature value, or shows that they were none. Grain: anchor_id."""
    allowance = min(d.lateness for d in read.group.definitions)
    micros = int(allowance.total_seconds() * 1_000_000)
    # No window ends before its facts, so none matures before the allowance after a fact is over.
    overdue = read.facts().where(F.unix_micros("known_ts") > F.unix_micros("event_ts") + micros)
    late = read.pairs(overdue, read.anchors, "inner").where(_is_late(read)).select(*KEY)
    if read.knowledge.flags:
        late = late.unionByName(read.anchors.where(_may_turn(read)).select(*KEY))
    if read.group.one.anchor in DISPROVABLE:
        late = late.unionByName(read.anchors.where(F.col("superseded_ts").isNotNull()).select(*KEY))
    return late.distinct()


def _may_turn(read: GroupInputs) -> Column:
    """Whether an outage began or ceased to count when a value may have been mature."""
    flags = [OutageVoids(terms_of([d]), read.frames[d.ref], read.knowledge) for d in read.group.definitions]
    return reduce(or_, [one.may_turn() for one in flags])


def _late(read: GroupInputs, anchors: DataFrame) -> DataFrame:
    """Values at every moment after maturity at which a fact became known. Grain: anchor_id, those with such facts."""
    whole = Window.partitionBy(*KEY)
    is_late = _is_late(read)
    moments = F.collect_set(F.when(is_late, F.col("known_ts"))).over(whole)
    told = read.pairs(read.facts(), anchors, "inner").withColumn("_moments", moments)
    at = told.withColumn("_m", F.explode(F.filter("_moments", lambda m: m >= F.col("known_ts")))).drop("_moments")
    values = aggregate_pairs(read.group, at, lambda _: F.lit(True), [*KEY, "_m"])
    names = [value_column(number) for number in range(len(read.group.definitions))]
    return values.groupBy(*KEY).agg(F.array_sort(F.collect_list(F.struct("_m", *names))).alias("_late"))


def _steps(number: int, cut: Column) -> Column:
    """Moments after maturity at which the value became another, with what it became. array<struct<k, v>>."""
    own, mature = value_column(number), F.get("firsts", F.lit(number))
    pairs = F.transform("_late", lambda at: F.struct(at["_m"].alias("k"), at[own].alias("v")))
    after = F.filter(pairs, lambda step: (step["k"] > cut) & step["v"].isNotNull())
    # A step is one if it differs from the one before, the first from the mature value.
    before = F.concat(F.array(mature), F.transform(after, lambda step: step["v"]))
    changed = F.filter(after, lambda step, n: ~step["v"].eqNullSafe(F.get(before, n)))
    return F.coalesce(changed, F.array().cast("array<struct<k:timestamp,v:double>>"))
