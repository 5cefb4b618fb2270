"""Aggregates of a group's facts: values at maturity (or by now, if they are open), and their changes by late facts.

One pass adds up what was known in time, for all signals of the group at once. A second pass looks only at anchors with
late facts, and adds up again at each moment at which one of them became known. So any aggregate can be revised, and
what was known at any T can be read off.
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
    in_baseline,
    in_window,
    is_credit_click,
    join_attributed_outcomes,
    join_facts,
)
from signals.anchors import anchor_hash
from signals.maturity import Knowledge, MaturityColumns
from signals.outage_voids import OutageVoids
from signals.signal_groups import SignalGroup, select_facts

KEY = ["user_id", "anchor_id"]
"""An anchor. The user is part of the key because rows are partitioned by user."""
DISPROVABLE = ("discovery", "session")
"""Kinds of anchors that late facts can invalidate."""
_OF_ANCHOR = [*KEY, "a_item_id", "t0", "anchor_known_ts", "superseded_ts"]


@dataclass(frozen=True, eq=False)
class GroupInputs:
    """What the values of a group are computed from.

    Attributes:
        group: the signals.
        anchors: the anchors to compute values for. Grain: anchor_id.
        competitors: all anchors that may have earned a share of credit. Grain: anchor_id.
        events: as known at T, partitioned by user. Grain: event_id.
        knowledge: T and what is known by then.
        episodes: releases as known at T, for sources that have any. Grain: item_id, episode.
    """

    group: SignalGroup
    anchors: DataFrame
    competitors: DataFrame
    events: DataFrame
    knowledge: Knowledge
    episodes: DataFrame | None = None

    @cached_property
    def maturity(self) -> Mapping[str, MaturityColumns]:
        """Maturity of each signal by its pinned name; computed once, since building columns takes time."""
        return {d.ref: MaturityColumns.from_definitions([d], self.knowledge) for d in self.group.definitions}

    def is_known_in_time(self, definition: Definition) -> Column:
        """Whether a fact was known by the cut. Nothing matures before ``matures_at``, which is cheaper to compute."""
        maturity = self.maturity[definition.ref]
        return (F.col("known_ts") <= maturity.matures_at) | (F.col("known_ts") <= maturity.cut)

    def facts(self) -> DataFrame:
        """The facts that the signals read."""
        return select_facts(self.group, self.events, self.episodes)

    def pairs(self, facts: DataFrame, anchors: DataFrame, how: str = "left") -> DataFrame:
        """Anchors with facts. Grain: anchor and fact."""
        if self.group.splits_credit:
            pairs = join_attributed_outcomes(self.group, anchors, self.competitors, facts, self.events)
            return pairs if how == "left" else pairs.where(F.col("known_ts").isNotNull())
        return join_facts(self.group, anchors, facts, how)


def compute_first_values(inputs: GroupInputs, anchors: DataFrame | None = None) -> DataFrame:
    """Values of each signal at maturity, or by now where they are open.

    Args:
        inputs: the signals and their facts.
        anchors: a subset of its anchors; None: all.

    Returns:
        Grain: anchor_id; its columns (``a_item_id`` is its item), and ``firsts``, one value a signal in their order.
    """
    pairs = inputs.pairs(inputs.facts(), inputs.anchors if anchors is None else anchors)
    values = aggregate_pairs(inputs.group, pairs, inputs.is_known_in_time, _OF_ANCHOR)
    firsts = F.array(*[value_column(number) for number in range(len(inputs.group.definitions))])
    return values.select(*_OF_ANCHOR, _cluster_id(inputs.group.shared).alias("cluster_id"), firsts.alias("firsts"))


def _cluster_id(definition: Definition) -> Column:
    """One id for all anchors whose windows hold the same facts: those of a user (and item) and UTC day."""
    day = F.to_date("t0").cast("string")
    return anchor_hash("user_id", day) if definition.keys == "user" else anchor_hash("user_id", "a_item_id", day)


def compute_revisions(inputs: GroupInputs) -> DataFrame:
    """Anchors that late facts may have changed after maturity, or disproved, with the steps of their values.

    Grain: anchor_id; the columns of ``compute_first_values``, and ``steps``: one array<struct<k, v>> a signal, the
    moments at which its value changed and the new values.
    """
    changed = inputs.anchors.join(_find_changed_anchors(inputs), KEY, "left_semi")
    late_values = _compute_late_values(inputs, changed)
    values = compute_first_values(inputs, changed).join(late_values, KEY, "left")
    steps = [_steps(number, inputs.maturity[d.ref].cut) for number, d in enumerate(inputs.group.definitions)]
    return values.withColumn("steps", F.array(*steps)).drop("_late")


def value_column(number: int) -> str:
    """Name of the column with the values of the signal with this number in its group."""
    return f"_first_{number}"


def aggregate_pairs(
    group: SignalGroup, pairs: DataFrame, is_known: Callable[[Definition], Column], by: Sequence[str]
) -> DataFrame:
    """One value a signal over the pairs that are known, in columns named by ``value_column``. Grain: ``by``."""
    guards: dict[str, Column] = {}
    for number, definition in enumerate(group.definitions):
        is_known_fact = is_known(definition)
        guards[f"_in_{number}"] = F.coalesce(in_window(definition) & is_known_fact, F.lit(False))
        if definition.baseline is not None:
            guards[f"_before_{number}"] = F.coalesce(in_baseline(definition) & is_known_fact, F.lit(False))
        if _needs_click(definition):
            guards[f"_click_{number}"] = F.coalesce(is_credit_click(definition) & is_known_fact, F.lit(False))
    values = [_value(number, d).alias(value_column(number)) for number, d in enumerate(group.definitions)]
    return pairs.withColumns(guards).groupBy(*by).agg(*values)


def _value(number: int, definition: Definition) -> Column:
    baseline = f"_before_{number}" if definition.baseline is not None else None
    value = measure_columns.aggregate_value(definition, f"_in_{number}", baseline)
    if not _needs_click(definition):
        return value
    is_earned = F.coalesce(F.max(f"_click_{number}"), F.lit(False))
    return F.when(is_earned, value).otherwise(F.lit(definition.measure.uncredited_value))


def _needs_click(definition: Definition) -> bool:
    """Whether an anchor earns its value by a response of its own, not by a share."""
    return definition.credit is not None and not definition.credit.is_split


def _is_late(inputs: GroupInputs) -> Column:
    """Whether a fact may change the value of any signal after its maturity."""

    def is_late_for(definition: Definition) -> Column:
        counts = in_window(definition)
        if definition.baseline is not None:
            counts |= in_baseline(definition)
        if _needs_click(definition):
            counts |= is_credit_click(definition)
        return counts & (F.col("known_ts") > inputs.maturity[definition.ref].cut)

    return F.coalesce(reduce(or_, [is_late_for(d) for d in inputs.group.definitions]), F.lit(False))


def _find_changed_anchors(inputs: GroupInputs) -> DataFrame:
    """Anchors with a fact or an outage that may change a mature value, and disproved ones. Grain: anchor_id."""
    allowance = min(d.lateness for d in inputs.group.definitions)
    micros = int(allowance.total_seconds() * 1_000_000)
    # No window ends before its facts, so no value matures before the lateness allowance after a fact is over.
    overdue = inputs.facts().where(F.unix_micros("known_ts") > F.unix_micros("event_ts") + micros)
    changed = inputs.pairs(overdue, inputs.anchors, "inner").where(_is_late(inputs)).select(*KEY)
    if inputs.knowledge.flags:
        changed = changed.unionByName(inputs.anchors.where(_may_change_by_outage(inputs)).select(*KEY))
    if inputs.group.shared.anchor in DISPROVABLE:
        changed = changed.unionByName(inputs.anchors.where(F.col("superseded_ts").isNotNull()).select(*KEY))
    return changed.distinct()


def _may_change_by_outage(inputs: GroupInputs) -> Column:
    """Whether an outage began or ceased to count when a value may have been mature."""
    outages = [OutageVoids(maturity, inputs.knowledge) for maturity in inputs.maturity.values()]
    return reduce(or_, [voids.may_change_mature_value() for voids in outages])


def _compute_late_values(inputs: GroupInputs, anchors: DataFrame) -> DataFrame:
    """Values at each moment after maturity at which a fact became known, in ``_late``.

    Grain: anchor_id, of the anchors that have such facts.
    """
    late_ts = F.collect_set(F.when(_is_late(inputs), F.col("known_ts"))).over(Window.partitionBy(*KEY))
    pairs = inputs.pairs(inputs.facts(), anchors, "inner").withColumn("_moments", late_ts)
    moments = F.filter("_moments", lambda moment: moment >= F.col("known_ts"))
    pairs_at = pairs.withColumn("_m", F.explode(moments)).drop("_moments")
    values = aggregate_pairs(inputs.group, pairs_at, lambda _: F.lit(True), [*KEY, "_m"])
    names = [value_column(number) for number in range(len(inputs.group.definitions))]
    return values.groupBy(*KEY).agg(F.array_sort(F.collect_list(F.struct("_m", *names))).alias("_late"))


def _steps(number: int, cut: Column) -> Column:
    """Moments after maturity at which the value changed, with the new values. array<struct<k, v>>."""
    own, mature = value_column(number), F.get("firsts", F.lit(number))
    pairs = F.transform("_late", lambda at: F.struct(at["_m"].alias("k"), at[own].alias("v")))
    after = F.filter(pairs, lambda step: (step["k"] > cut) & step["v"].isNotNull())
    # A step must differ from the one before it, the first step from the mature value.
    before = F.concat(F.array(mature), F.transform(after, lambda step: step["v"]))
    changed = F.filter(after, lambda step, n: ~step["v"].eqNullSafe(F.get(before, n)))
    return F.coalesce(changed, F.array().cast("array<struct<k:timestamp,v:double>>"))
