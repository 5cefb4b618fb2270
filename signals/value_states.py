"""States of values, as columns: what is known of a value first, and the revisions that later knowledge appends.

A value is first known as open, mature or void. It is void from the beginning if its look-back reaches before the start
of the log (left-truncated) or an outage overlaps it; void at maturity if it is undefined or an outage has become known;
void as superseded if a late fact disproves its anchor. A mature value may be revised; a revision may also void it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from signals.maturity import Knowledge, MaturityColumns
from signals.outage_voids import OutageVoids, find_watermark_reached_at

CENSORING = "administrative"
"""The censoring model: values are cut off where the log ends, for all anchors of a moment alike and regardless of what
the user did. So the inverse-probability-of-censoring weight is 1 for a mature value and 0 for any other."""


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
class ValueState:
    """One state of a value, as columns: what it is, when it became known, and whether its row is new."""

    state: Column
    void_reason: Column
    value: Column
    known_ts: Column
    is_new: Column


@dataclass(frozen=True, eq=False)
class ValueStates:
    """The states of the values of an anchor's signals.

    Reads the columns of anchors and ``value`` (at maturity, or by now); ``hits`` and ``matured_ts`` if there are outage
    flags; and, in ``later_rows``, the structs of ``steps``: known time ``k`` and value ``v``, and with outage flags
    ``hit``, whether an outage voids the value, and ``turn``, whether an outage changed.

    Attributes:
        maturity: window and maturity of the row's signal.
        knowledge: T and what is known by then.
        scope: None: every row is new.
    """

    maturity: MaturityColumns
    knowledge: Knowledge
    scope: RecomputeScope | None

    @cached_property
    def outages(self) -> OutageVoids:
        """Outage flags: outages that were not declared in the source file."""
        return OutageVoids(self.maturity, self.knowledge)

    @cached_property
    def awaits_event(self) -> Column:
        """Whether the value has an outage that an event in its window can override."""
        return self.maturity.definition.settles_early & self.maturity.void_reason.eqNullSafe("outage")

    @cached_property
    def log_void_reason(self) -> Column:
        """Reason if the log itself voids the value: it is left-truncated, or has an outage that no event overrode."""
        is_unsettled = self.maturity.is_mature & (F.col("value") == 0)
        return F.when(~self.awaits_event | is_unsettled, self.maturity.void_reason)

    @cached_property
    def is_undefined(self) -> Column:
        """Whether there is nothing to measure at maturity."""
        return self.log_void_reason.isNull() & self.maturity.is_mature & F.col("value").isNull()

    @cached_property
    def log_or_undefined_void_reason(self) -> Column:
        """Reason if the log voids the value or it is undefined."""
        return F.when(self.is_undefined, self.maturity.definition.undefined).otherwise(self.log_void_reason)

    @cached_property
    def is_voided_by_later_outage(self) -> Column:
        """Whether an outage flag that is known at maturity voids the value."""
        is_hit = self.outages.is_void_at(F.col("matured_ts"), F.col("value"))
        return self.log_or_undefined_void_reason.isNull() & self.maturity.is_mature & is_hit

    @cached_property
    def void_reason_unless_superseded(self) -> Column:
        """Reason if anything but a superseded anchor voids the value."""
        if not self.outages:
            return self.log_or_undefined_void_reason
        return F.when(self.is_voided_by_later_outage, "outage").otherwise(self.log_or_undefined_void_reason)

    @cached_property
    def state_unless_superseded(self) -> Column:
        """Open, mature or void, as long as the anchor stands."""
        is_void = self.void_reason_unless_superseded.isNotNull()
        return F.when(is_void, "void").when(self.maturity.is_mature, "mature").otherwise("open")

    @cached_property
    def is_voided_at_maturity(self) -> Column:
        """Whether the value is void for a reason that is known only at maturity."""
        return self.is_undefined | self.is_voided_by_later_outage if self.outages else self.is_undefined

    @cached_property
    def is_superseded(self) -> Column:
        """Whether the anchor was disproved before or when the value would have matured; it then never matures."""
        superseded, state = F.col("superseded_ts"), self.state_unless_superseded
        is_undecided = (state != "void") | self.is_voided_at_maturity
        return superseded.isNotNull() & is_undecided & (superseded <= self.maturity.matured_ts)

    @cached_property
    def settles_at_maturity(self) -> Column:
        """Whether the first state becomes known at maturity."""
        return (self.state_unless_superseded == "mature") | self.awaits_event | self.is_voided_at_maturity

    @cached_property
    def first_known_ts(self) -> Column:
        """When the first state became known."""
        return (
            F.when(self.is_superseded, F.col("superseded_ts"))
            .when(self.state_unless_superseded == "open", F.lit(self.knowledge.known_at))
            .when(self.settles_at_maturity, self.maturity.matured_ts)
            .otherwise(F.col("anchor_known_ts"))
        )

    @cached_property
    def is_first_new(self) -> Column:
        """Whether the first state is new since the earlier computation; open ones are always computed again."""
        if self.scope is None:
            return F.lit(True)
        frontier = F.lit(self.scope.frontier)
        settles = self.settles_at_maturity & (self.maturity.matures_at > frontier)
        is_open, is_new_anchor = self.state_unless_superseded == "open", F.col("anchor_known_ts") >= frontier
        return F.when(self.is_superseded, F.col("superseded_ts") >= frontier).otherwise(
            is_open | settles | is_new_anchor
        )

    @cached_property
    def first(self) -> ValueState:
        """What is known of the value first."""
        state = F.when(self.is_superseded, "void").otherwise(self.state_unless_superseded)
        reason = F.when(self.is_superseded, "superseded").otherwise(self.void_reason_unless_superseded)
        return ValueState(state, reason, F.col("value"), self.first_known_ts, self.is_first_new)

    @cached_property
    def may_be_revised(self) -> Column:
        """Whether revisions may follow: the value is mature, or would be without an outage flag."""
        is_mature = self.first.state == "mature"
        return is_mature | (self.is_voided_by_later_outage & ~self.is_superseded) if self.outages else is_mature

    def first_row(self) -> Column:
        """The first row of a value."""
        return self._row(self.first, F.lit(0))

    def later_rows(self, *, is_disprovable: bool) -> Column:
        """Rows of the ``steps`` of a mature value, and the row that ends it if its anchor is disproved. array<struct>.

        Args:
            is_disprovable: whether late facts can disprove anchors of this kind.
        """
        superseded = F.col("superseded_ts")
        steps = F.filter("steps", lambda step: superseded.isNull() | (step["k"] < superseded))

        def row_of(step: Column, number: Column) -> Column:
            return self._row(self._revised(step), number + 1)

        rows = F.transform(steps, row_of)
        if is_disprovable:
            end = F.array(self._row(self._superseded(), F.size(steps) + 1))
            rows = F.when(superseded.isNotNull(), F.concat(rows, end)).otherwise(rows)
        return F.when(self.may_be_revised, rows)

    def _revised(self, step: Column) -> ValueState:
        """A mature value after a later step: another value, or void by an outage."""
        if not self.outages:
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

    def _row(self, state: ValueState, revision: Column) -> Column:
        """A row of the table ``signal_values``, and whether it is new."""
        is_open, is_mature, maturity = state.state == "open", state.state == "mature", self.maturity
        return F.struct(
            maturity.definition.signal.alias("signal"),
            maturity.definition.definition_hash.alias("definition_hash"),
            maturity.window_end.alias("window_end"),
            maturity.matures_at.alias("matures_at"),
            state.state.alias("state"),
            state.void_reason.alias("void_reason"),
            F.when(is_mature, state.value).alias("value"),
            F.when(is_open, state.value).alias("prefix"),
            F.when(is_open, maturity.elapsed_share).when(is_mature, 1.0).otherwise(0.0).alias("elapsed_share"),
            F.when(is_open | is_mature, self._is_event_observed(state.value)).alias("event_observed"),
            F.when(is_mature, 1.0).otherwise(0.0).alias("ipc_weight"),
            F.lit(CENSORING).alias("censoring"),
            state.known_ts.alias("known_ts"),
            revision.cast("int").alias("revision"),
            (~is_open).alias("settled"),
            state.is_new.alias("is_new"),
        )

    def _is_event_observed(self, value: Column) -> Column:
        """Whether the awaited event was observed; null where the measure awaits none."""
        definition = self.maturity.definition
        last_observed = definition.observed_upto
        return F.when(last_observed.isNotNull(), value <= last_observed).when(definition.undefined.isNull(), value > 0)
