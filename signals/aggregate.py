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
from signals.signal_groups import SignalGroup, select_facts

KEY = ["user_id", "anchor_id"]
"""An anchor. The user is part of the key because rows are partitioned by user."""
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
        return {d.ref: MaturityColumns.from_definition(d, self.knowledge) for d in self.group.definitions}

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


def compute_values(inputs: GroupInputs) -> DataFrame:
    """Values of each signal at maturity (or by now where they are open), and at each later moment of a late fact.

    Returns:
        Grain: anchor_id; its columns (``a_item_id`` is its item); ``firsts``, one value per signal in their order; and
        ``late``: array<struct<moment, values>>, the values at each moment at which a late fact became known, by
        moment; null where no fact was late for any signal.
    """
    pairs = inputs.pairs(inputs.facts(), inputs.anchors)
    values = aggregate_pairs(inputs.group, pairs, inputs.is_known_in_time, _OF_ANCHOR)
    cluster_id = _cluster_id(inputs.group.shared).alias("cluster_id")
    firsts = values.select(*_OF_ANCHOR, cluster_id, _values_of(inputs.group).alias("firsts"))
    return firsts.join(_compute_late_values(inputs), KEY, "left")


def _cluster_id(definition: Definition) -> Column:
    """One id for all anchors whose windows hold the same facts: those of a user (and item) and UTC day."""
    day = F.to_date("t0").cast("string")
    return anchor_hash("user_id", day) if definition.keys == "user" else anchor_hash("user_id", "a_item_id", day)


def value_column(number: int) -> str:
    """Name of the column with the values of the signal with this number in its group."""
    return f"_first_{number}"


def aggregate_pairs(
    group: SignalGroup, pairs: DataFrame, is_known: Callable[[Definition], Column], by: Sequence[str]
) -> DataFrame:
    """One value per signal over the pairs that are known, in columns named by ``value_column``. Grain: ``by``."""
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


def _find_late_anchors(inputs: GroupInputs) -> DataFrame:
    """Anchors with a fact that may change a mature value. Columns: ``KEY``; distinct."""
    allowance = min(d.lateness for d in inputs.group.definitions)
    micros = int(allowance.total_seconds() * 1_000_000)
    # No window ends before its facts, so no value matures before the lateness allowance after a fact is over.
    overdue = inputs.facts().where(F.unix_micros("known_ts") > F.unix_micros("event_ts") + micros)
    return inputs.pairs(overdue, inputs.anchors, "inner").where(_is_late(inputs)).select(*KEY).distinct()


def _compute_late_values(inputs: GroupInputs) -> DataFrame:
    """Values at each moment after maturity at which a fact became known, in ``late``.

    Grain: anchor_id, of the anchors that have such facts.
    """
    anchors = inputs.anchors.join(_find_late_anchors(inputs), KEY, "left_semi")
    late_ts = F.collect_set(F.when(_is_late(inputs), F.col("known_ts"))).over(Window.partitionBy(*KEY))
    pairs = inputs.pairs(inputs.facts(), anchors, "inner").withColumn("_moments", late_ts)
    moments = F.filter("_moments", lambda moment: moment >= F.col("known_ts"))
    pairs_at = pairs.withColumn("moment", F.explode(moments)).drop("_moments")
    values = aggregate_pairs(inputs.group, pairs_at, lambda _: F.lit(True), [*KEY, "moment"])
    at_moment = F.struct("moment", _values_of(inputs.group).alias("values"))
    return values.groupBy(*KEY).agg(F.array_sort(F.collect_list(at_moment)).alias("late"))


def _values_of(group: SignalGroup) -> Column:
    """The values of all signals of a group, in their order. array<double>."""
    return F.array(*[value_column(number) for number in range(len(group.definitions))])
