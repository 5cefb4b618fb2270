"""Values of signals: what happened in the window after each anchor, as far as it is known.

A value becomes mature once, and then counts the facts known by the moment of maturity. A fact that becomes known later
and changes the value appends a revision with its own ``known_ts``. So the mature value as known at T never changes.
"""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition
from signals.aggregate import GroupInputs, compute_values
from signals.anchors import find_anchors
from signals.definition_columns import definition_struct
from signals.maturity import Knowledge
from signals.signal_groups import SignalFacts, SignalGroup, group_definitions
from signals.value_states import RecomputeScope, compute_value_rows
from tables.catalog import SIGNAL_VALUES

DISPROVABLE = ("discovery", "session")
"""Kinds of anchors that late facts can invalidate."""
VALUE_COLUMNS = [name for name in SIGNAL_VALUES.column_names() if name not in SIGNAL_VALUES.audit]


def compute_signal_values(
    definitions: Sequence[Definition],
    events: DataFrame,
    exposures: DataFrame,
    knowledge: Knowledge,
    scope: RecomputeScope | None = None,
    episodes: DataFrame | None = None,
) -> DataFrame:
    """Values of signals as known at ``knowledge.known_at``.

    Args:
        definitions: the signals, at least one. Those with the same anchors and keys are computed in one pass.
        events: all events of the log; facts that are not yet known at T are ignored. Grain: event_id.
        exposures: all exposures of the log, likewise. Grain: exposure_id.
        knowledge: T, W(T), the log's start, its outages and the watermark's history.
        scope: limits the result to values that are open, or have settled or changed since; None: all values.
        episodes: releases of episodes, for definitions that need them. Grain: item_id, episode.

    Returns:
        Grain: signal, anchor_id, revision; the columns of the table ``signal_values`` except ``batch``.

    Raises:
        InputError: when a definition needs episodes and there are none.
    """
    facts = SignalFacts(events, exposures, episodes).known_at(knowledge.known_at)
    groups = group_definitions(definitions)
    return reduce(DataFrame.unionByName, [_compute_group(group, facts, knowledge, scope) for group in groups])


def _compute_group(
    group: SignalGroup, facts: SignalFacts, knowledge: Knowledge, scope: RecomputeScope | None
) -> DataFrame:
    """Values of the signals of a group.

    Anchors and facts are partitioned by user. All further keys include the user, so nothing is shuffled again.
    """
    # Facts known by T may have anchors that are not: a session is known only some time after its last event.
    is_known = F.col("anchor_known_ts") <= F.lit(knowledge.known_at)
    competitors = find_anchors(group.shared, facts.events, facts.exposures).where(is_known).repartition("user_id")
    anchors = competitors if scope is None else scope.select_anchors(competitors)
    inputs = GroupInputs(group, anchors, competitors, facts.events.repartition("user_id"), knowledge, facts.episodes)
    values = _explode_signals(compute_values(inputs), group)
    is_disprovable = group.shared.anchor in DISPROVABLE
    rows = compute_value_rows(values, knowledge, scope, is_disprovable=is_disprovable)
    return rows.withColumns({"item_id": F.col("a_item_id"), "t0_day": F.to_date("t0")}).select(*VALUE_COLUMNS)


def _explode_signals(values: DataFrame, group: SignalGroup) -> DataFrame:
    """One row per signal and anchor, with the columns that ``compute_value_rows`` reads."""
    exploded = values.select("*", F.posexplode("firsts").alias("n", "value"))

    def value_at(moment: Column) -> Column:
        return F.struct(moment["moment"].alias("k"), F.get(moment["values"], F.col("n")).alias("v"))

    columns = {
        "definition": definition_struct(group.definitions, F.col("n")),
        "late_values": F.transform("late", value_at),
    }
    return exploded.withColumns(columns).drop("firsts", "late", "n")


def select_values_known_at(values: DataFrame, known_at: Column) -> DataFrame:
    """The latest row of each value known at ``known_at``. Grain: signal, anchor_id."""
    known_values = values.where(F.col("known_ts") <= known_at)
    columns = [c for c in values.columns if c not in ("signal", "anchor_id")]
    newest = F.max_by(F.struct(*columns), F.struct("known_ts", "revision")).alias("_row")
    return known_values.groupBy("signal", "anchor_id").agg(newest).select("signal", "anchor_id", "_row.*")
