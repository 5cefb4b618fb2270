"""States of values, as columns: what is known of a value first, and the revisions that later knowledge appends.

A value is first known as open, mature or void. It is void from the beginning if its look-back reaches before the start
of the log (left-truncated) or an outage overlaps it; void at maturity if it is undefined or an outage has become known;
void as superseded if a late fact disproves its anchor. A mature value may be revised; a revision may also void it.

What several columns build on becomes columns of the frame first (``add_columns``): nested expressions would repeat it
each time, and Spark would take seconds to analyze them.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from signals.definition_columns import DefinitionColumns
from signals.maturity import Knowledge, MaturityColumns
from signals.outage_voids import OutageVoids, find_watermark_reached_at

CENSORING = "administrative"
"""The censoring model: values are cut off where the log ends, for all anchors of a moment alike and regardless of what
the user did. So the inverse-probability-of-censoring weight is 1 for a mature value and 0 for any other."""
_STATE_TYPE = "struct<state:string,void_reason:string,value:double,known_ts:timestamp,is_new:boolean,revision:int>"
Columns = TypeVar("Columns", MaturityColumns, "FirstOutcome", "ValueState")


@dataclass(frozen=True)
class RecomputeScope:
    """Limits a recomputation to what may have changed since an earlier one.

    Attributes:
        frontier: the watermark up to which values were computed (UTC).
        select_anchors: selects the anchors whose values may have changed since. Same grain.
    """

    frontier: datetime
    select_anchors: Callable[[DataFrame], DataFrame]


@dataclass(frozen=True)
class FirstOutcome:
    """The first state of a value as long as its anchor stands, as columns.

    Attributes:
        state: open, mature or void.
        void_reason: why it is void, or null.
        is_voided_at_maturity: whether it is void for a reason that is known only at maturity.
        is_voided_by_outage: whether it is void because of an outage flag that is known at maturity.
        settles_at_maturity: whether the state becomes known at maturity.
    """

    state: Column
    void_reason: Column
    is_voided_at_maturity: Column
    is_voided_by_outage: Column
    settles_at_maturity: Column


@dataclass(frozen=True)
class ValueState:
    """One state of a value, as columns: what it is, when it became known, and whether its row is new."""

    state: Column
    void_reason: Column
    value: Column
    known_ts: Column
    is_new: Column

    def as_struct(self, revision: Column) -> Column:
        """A struct of its columns and the number of its revision.

        Sail puts structs into one array only if the same of their fields may be null; the cast lets all of them.
        """
        own = [getattr(self, field.name).alias(field.name) for field in fields(self)]
        return F.struct(*own, revision.alias("revision")).cast(_STATE_TYPE)


def compute_value_rows(
    values: DataFrame, knowledge: Knowledge, scope: RecomputeScope | None, *, is_disprovable: bool
) -> DataFrame:
    """Every state that a value has had, or with a scope only new ones.

    Args:
        values: signals of anchors: ``definition`` (from ``definition_struct``), ``t0``, ``anchor_known_ts``,
            ``superseded_ts``, ``value`` (at maturity, or by now), and ``late_values``, array<struct<k, v>>: the values
            at the moments of late facts, by moment. Grain: signal, anchor_id.
        knowledge: T and what is known by then.
        scope: what an earlier computation has published; None: nothing.
        is_disprovable: whether late facts can disprove anchors of this kind.

    Returns:
        ``values`` with the columns of the table ``signal_values`` that describe a state. Grain: signal, anchor_id,
        revision.
    """
    maturity = MaturityColumns.from_columns(DefinitionColumns.from_struct("definition"), knowledge)
    values, maturity = add_columns(values, maturity, "_maturity_")
    outages = OutageVoids(maturity, knowledge)
    values = outages.add_hits(values.withColumn("steps", _value_steps(maturity)))
    values, outcome = add_columns(values, find_first_outcome(maturity, outages), "_outcome_")
    states = ValueStates(maturity, outcome, bool(outages), knowledge, scope)
    values, first = add_columns(values, states.first(), "_first_")
    if outages:
        values = outages.add_outage_steps(values)
    states_of_values = values.withColumn("_state", F.explode(states.every_state(first, is_disprovable=is_disprovable)))
    new = states_of_values if scope is None else states_of_values.where("_state.is_new")
    return new.withColumns(states.row())


def add_columns(frame: DataFrame, columns: Columns, prefix: str) -> tuple[DataFrame, Columns]:
    """Make the expressions of a dataclass columns of a frame, and give references to them."""
    expressions = {field.name: getattr(columns, field.name) for field in fields(columns)}
    named = {name: column for name, column in expressions.items() if isinstance(column, Column)}
    added = frame.withColumns({f"{prefix}{name}": column for name, column in named.items()})
    references: dict[str, Any] = {name: F.col(f"{prefix}{name}") for name in named}
    return added, replace(columns, **references)


def _value_steps(maturity: MaturityColumns) -> Column:
    """Moments after maturity at which late facts changed the value, with the new values. array<struct<k, v>>."""
    after = F.filter("late_values", lambda step: (step["k"] > maturity.cut) & step["v"].isNotNull())
    # A step must differ from the one before it, the first step from the mature value.
    before = F.concat(F.array("value"), F.transform(after, lambda step: step["v"]))
    changed = F.filter(after, lambda step, n: ~step["v"].eqNullSafe(F.get(before, n)))
    no_steps = F.array().cast("array<struct<k:timestamp,v:double>>")
    return F.when(F.col("late_values").isNull(), no_steps).otherwise(changed)


def find_first_outcome(maturity: MaturityColumns, outages: OutageVoids) -> FirstOutcome:
    """The first state of ``value`` as long as its anchor stands."""
    definition, is_mature, value = maturity.definition, maturity.is_mature, F.col("value")
    # An event in the window can override an outage.
    awaits_event = definition.settles_early & maturity.void_reason.eqNullSafe("outage")
    log_reason = F.when(~awaits_event | (is_mature & (value == 0)), maturity.void_reason)
    is_undefined = log_reason.isNull() & is_mature & value.isNull()
    reason = F.when(is_undefined, definition.undefined).otherwise(log_reason)
    is_voided_by_outage = F.lit(False)
    if outages:
        is_voided_by_outage = reason.isNull() & is_mature & outages.is_void_at(maturity.matured_ts, value)
        reason = F.when(is_voided_by_outage, "outage").otherwise(reason)
    state = F.when(reason.isNotNull(), "void").when(is_mature, "mature").otherwise("open")
    is_voided_at_maturity = is_undefined | is_voided_by_outage
    settles = (state == "mature") | awaits_event | is_voided_at_maturity
    return FirstOutcome(state, reason, is_voided_at_maturity, is_voided_by_outage, settles)


@dataclass(frozen=True, eq=False)
class ValueStates:
    """The states of the values of an anchor's signals.

    Reads the columns of anchors, ``value`` (at maturity, or by now), and the structs of ``steps``: known time ``k`` and
    value ``v``, and with outage flags ``hit``, whether an outage voids the value, and ``turn``, whether an outage
    changed.

    Attributes:
        maturity: window and maturity of the row's signal.
        outcome: the first state as long as the anchor stands.
        has_outage_flags: whether outages are known that were not declared in the source file.
        knowledge: T and what is known by then.
        scope: None: every row is new.
    """

    maturity: MaturityColumns
    outcome: FirstOutcome
    has_outage_flags: bool
    knowledge: Knowledge
    scope: RecomputeScope | None

    @cached_property
    def is_superseded(self) -> Column:
        """Whether the anchor was disproved before or when the value would have matured; it then never matures."""
        superseded = F.col("superseded_ts")
        is_undecided = (self.outcome.state != "void") | self.outcome.is_voided_at_maturity
        return superseded.isNotNull() & is_undecided & (superseded <= self.maturity.matured_ts)

    def first(self) -> ValueState:
        """What is known of the value first."""
        state = F.when(self.is_superseded, "void").otherwise(self.outcome.state)
        reason = F.when(self.is_superseded, "superseded").otherwise(self.outcome.void_reason)
        return ValueState(state, reason, F.col("value"), self._first_known_ts(), self._is_first_new())

    def _first_known_ts(self) -> Column:
        """When the first state became known."""
        return (
            F.when(self.is_superseded, F.col("superseded_ts"))
            .when(self.outcome.state == "open", F.lit(self.knowledge.known_at))
            .when(self.outcome.settles_at_maturity, self.maturity.matured_ts)
            .otherwise(F.col("anchor_known_ts"))
        )

    def _is_first_new(self) -> Column:
        """Whether the first state is new since the earlier computation; open ones are always computed again."""
        if self.scope is None:
            return F.lit(True)
        frontier = F.lit(self.scope.frontier)
        settles = self.outcome.settles_at_maturity & (self.maturity.matures_at > frontier)
        is_new = (self.outcome.state == "open") | settles | (F.col("anchor_known_ts") >= frontier)
        return F.when(self.is_superseded, F.col("superseded_ts") >= frontier).otherwise(is_new)

    def every_state(self, first: ValueState, *, is_disprovable: bool) -> Column:
        """The first state of a value, and its revisions. array<struct>, as ``_STATE_TYPE``.

        Args:
            first: the first state.
            is_disprovable: whether late facts can disprove anchors of this kind.
        """
        first_state = F.array(first.as_struct(F.lit(0)))
        later_states = self._later_states(is_disprovable=is_disprovable)
        # Few values are revised: the others are spared the cost of functions over arrays.
        has_later_states = F.size("steps") > 0
        if is_disprovable:
            has_later_states |= F.col("superseded_ts").isNotNull()
        is_revised = has_later_states & self._may_be_revised(first)
        return F.when(is_revised, F.concat(first_state, later_states)).otherwise(first_state)

    def _may_be_revised(self, first: ValueState) -> Column:
        """Whether revisions may follow: the value is mature, or would be without an outage flag."""
        return (first.state == "mature") | (self.outcome.is_voided_by_outage & ~self.is_superseded)

    def _later_states(self, *, is_disprovable: bool) -> Column:
        """States after the ``steps`` of a mature value, and the one that ends it if its anchor is disproved."""
        superseded = F.col("superseded_ts")
        steps = F.filter("steps", lambda step: superseded.isNull() | (step["k"] < superseded))

        def state_after(step: Column, number: Column) -> Column:
            return self._revised(step).as_struct(number + 1)

        states = F.transform(steps, state_after)
        if not is_disprovable:
            return states
        end = F.array(self._superseded().as_struct(F.size(steps) + 1))
        return F.when(superseded.isNotNull(), F.concat(states, end)).otherwise(states)

    def _revised(self, step: Column) -> ValueState:
        """A mature value after a later step: another value, or void by an outage."""
        if not self.has_outage_flags:
            no_reason = F.lit(None).cast("string")
            return ValueState(F.lit("mature"), no_reason, step["v"], step["k"], self._is_new_at(step["k"]))
        state, reason = F.when(step["hit"], "void").otherwise("mature"), F.when(step["hit"], "outage")
        is_new = F.when(step["turn"], self._is_new_outage_change(step["k"])).otherwise(self._is_new_at(step["k"]))
        return ValueState(state, reason, step["v"], step["k"], is_new)

    def _superseded(self) -> ValueState:
        """A mature value after its anchor was disproved."""
        superseded = F.col("superseded_ts")
        reason = F.lit("superseded").cast("string")
        return ValueState(F.lit("void"), reason, F.col("value"), superseded, self._is_new_at(superseded))

    def _is_new_at(self, moment: Column) -> Column:
        """Whether what became known at a moment is new since the earlier computation."""
        return F.lit(True) if self.scope is None else moment >= F.lit(self.scope.frontier)

    def _is_new_outage_change(self, moment: Column) -> Column:
        """Whether an outage began or ceased to count since the earlier computation.

        An outage takes effect when the watermark reaches it. A change at the earlier computation's own watermark was
        already included there, hence ``>`` and not ``>=``.
        """
        if self.scope is None:
            return F.lit(True)
        return moment > F.lit(find_watermark_reached_at(self.scope.frontier, self.knowledge.history))

    def row(self) -> dict[str, Column]:
        """The columns of the table ``signal_values`` that describe the state in ``_state``."""
        state = ValueState(**{field.name: F.col(f"_state.{field.name}") for field in fields(ValueState)})
        maturity = self.maturity
        is_open, is_mature = state.state == "open", state.state == "mature"
        return {
            "signal": maturity.definition.signal,
            "definition_hash": maturity.definition.definition_hash,
            "window_end": maturity.window_end,
            "matures_at": maturity.matures_at,
            "state": state.state,
            "void_reason": state.void_reason,
            "value": F.when(is_mature, state.value),
            "prefix": F.when(is_open, state.value),
            "elapsed_share": F.when(is_open, maturity.elapsed_share).when(is_mature, 1.0).otherwise(0.0),
            "event_observed": F.when(is_open | is_mature, self._is_event_observed(state.value)),
            "ipc_weight": F.when(is_mature, 1.0).otherwise(0.0),
            "censoring": F.lit(CENSORING),
            "known_ts": state.known_ts,
            "revision": F.col("_state.revision"),
            "settled": ~is_open,
        }

    def _is_event_observed(self, value: Column) -> Column:
        """Whether the awaited event was observed; null where the measure awaits none."""
        definition = self.maturity.definition
        last_observed = definition.observed_upto
        return F.when(last_observed.isNotNull(), value <= last_observed).when(definition.undefined.isNull(), value > 0)
