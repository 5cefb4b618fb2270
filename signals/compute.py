"""Values of signals: what happened in the window after each anchor, as far as it is known.

A value becomes mature once, and then counts the facts known by the moment of maturity. A fact that becomes known later
and changes the value appends a revision with its own ``known_ts``. So the mature value as known at T never changes.
"""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition
from signals.aggregate import DISPROVABLE, GroupInputs, compute_first_values, compute_revisions
from signals.anchors import find_anchors
from signals.maturity import Knowledge, MaturityColumns
from signals.signal_groups import SignalFacts, SignalGroup, group_definitions
from signals.value_states import RecomputeScope, ValueStates
from tables.catalog import SIGNAL_VALUES

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
    states = ValueStates(MaturityColumns.from_definitions(group.definitions, knowledge, F.col("n")), knowledge, scope)
    first = _explode_signals(compute_first_values(inputs), states).withColumn("_row", states.first_row())
    steps = _explode_signals(compute_revisions(inputs), states).withColumn("steps", F.get("steps", F.col("n")))
    if states.outages:
        steps = states.outages.add_outage_steps(steps)
    rows = states.later_rows(is_disprovable=group.shared.anchor in DISPROVABLE)
    later = steps.select("*", F.explode(rows).alias("_row"))
    return _select_new_rows(first, scope).unionByName(_select_new_rows(later, scope))


def _explode_signals(values: DataFrame, states: ValueStates) -> DataFrame:
    """One row per signal and anchor: ``n``, the number of the signal in its group, and its ``value``."""
    exploded = values.select("*", F.posexplode("firsts").alias("n", "value"))
    return states.outages.add_columns(exploded)


def _select_new_rows(values: DataFrame, scope: RecomputeScope | None) -> DataFrame:
    """Values in the columns of the table; with a scope, only new rows."""
    own = [F.col("a_item_id").alias("item_id"), F.to_date("t0").alias("t0_day")]
    rows = values.select("anchor_id", "user_id", *own, "t0", "cluster_id", "_row.*")
    return (rows if scope is None else rows.where("is_new")).select(*VALUE_COLUMNS)


def select_values_known_at(values: DataFrame, known_at: Column) -> DataFrame:
    """The latest row of each value known at ``known_at``. Grain: signal, anchor_id."""
    known_values = values.where(F.col("known_ts") <= known_at)
    columns = [c for c in values.columns if c not in ("signal", "anchor_id")]
    newest = F.max_by(F.struct(*columns), F.struct("known_ts", "revision")).alias("_row")
    return known_values.groupBy("signal", "anchor_id").agg(newest).select("signal", "anchor_id", "_row.*")
