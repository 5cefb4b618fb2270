"""From a definition to values: what happened in the window after each anchor, as far as it is known.

Values are functions of what was known: the mature value counts facts known by the moment of maturity, and every fact
known later that changes it appends a revision under its own ``known_ts``. So a value goes open to mature once, and a
mature value as known at T never changes (time contract, Maturity).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition
from signals.aggregate import DISPROVABLE, GroupInputs, compute_first_values, compute_revisions
from signals.anchor_facts import SignalGroup, group_definitions
from signals.anchors import find_anchors
from signals.definition_columns import DefinitionColumns, terms_of
from signals.maturity import Knowledge, MaturityColumns, horizon
from signals.outage_voids import OutageVoids, find_watermark_reached_at
from tables.catalog import SIGNAL_VALUES

_SUPERSEDED = "superseded"
CENSORING = "administrative"
"""The censoring model: a value is cut off by where the log ends, for all anchors of a moment alike, and by nothing that
the listener did. So a value that can be told weighs 1 and any other 0 (inverse probability of censoring)."""
VALUE_COLUMNS = [name for name in SIGNAL_VALUES.column_names() if name not in SIGNAL_VALUES.audit]


@dataclass(frozen=True)
class RecomputeScope:
    """What a computation adds to values that are there.

    Attributes:
        frontier: the watermark up to which they are there (UTC).
        keep: picks the anchors whose values may have changed since. Grain of the anchors.
    """

    frontier: datetime
    keep: Callable[[DataFrame], DataFrame]


def compute_signal_values(
    definitions: Sequence[Definition],
    events: DataFrame,
    exposures: DataFrame,
    knowledge: Knowledge,
    renewal: RecomputeScope | None = None,
    episodes: DataFrame | None = None,
) -> DataFrame:
    """Values of signals as known at ``knowledge.known_at``; those that share anchors and keys share their pass.

    Args:
        definitions: what to compute, at least one.
        events: grain: event_id. Everything the log ever said; facts not yet known at T are left out here.
        exposures: grain: exposure_id.
        knowledge: T, W(T), the log's start, its outages and the watermark's history.
        renewal: None: all values. Else every open one, and of the settled ones those that were not settled before.
        episodes: grain: item_id, episode. When each was released; asked for by definitions that need episodes.

    Returns:
        Grain: signal, anchor_id, revision; the columns of the table ``compute_signal_values`` but ``batch``.

    Raises:
        InputError: when a definition needs episodes and there are none.
    """
    at = F.lit(knowledge.known_at)
    known, shown = events.where(F.col("known_ts") <= at), exposures.where(F.col("known_ts") <= at)
    released = None if episodes is None else episodes.where(F.col("known_ts") <= at)
    groups = group_definitions(definitions)
    return reduce(DataFrame.unionByName, [_group(g, (known, shown, released), knowledge, renewal) for g in groups])


def _group(
    group: SignalGroup,
    facts: tuple[DataFrame, DataFrame, DataFrame | None],
    knowledge: Knowledge,
    renewal: RecomputeScope | None,
) -> DataFrame:
    """Values of the signals of a group.

    Anchors and facts are dealt by user; all that follows has the user among its keys and deals nothing again.
    """
    # That a session has ended is known some time after its last event.
    events, exposures, episodes = facts
    is_known = F.col("anchor_known_ts") <= F.lit(knowledge.known_at)
    competitors = find_anchors(group.one, events, exposures).where(is_known).repartition("user_id")
    anchors = competitors if renewal is None else renewal.keep(competitors)
    read = GroupInputs(group, anchors, competitors, events.repartition("user_id"), knowledge, episodes)
    terms = terms_of(group.definitions, F.col("n"))
    states = _States(terms, horizon(terms, knowledge), knowledge, renewal)
    exploded = F.posexplode("firsts").alias("n", "value")
    first, later = (
        states.flags.marked(told(read).select("*", exploded)) for told in (compute_first_values, compute_revisions)
    )
    of_all = _rows(first.withColumn("_row", states.first_row()), renewal)
    steps = later.withColumn("steps", F.get("steps", F.col("n")))
    steps = states.flags.turned(steps) if states.flags else steps
    return of_all.unionByName(_rows(steps.select("*", F.explode(states.later_rows(group.one)).alias("_row")), renewal))


def _rows(told: DataFrame, renewal: RecomputeScope | None) -> DataFrame:
    """Rows of the table, those that are new."""
    own = [F.col("a_item_id").alias("item_id"), F.to_date("t0").alias("t0_day")]
    found = told.select("anchor_id", "user_id", *own, "t0", "cluster_id", "_row.*")
    return (found if renewal is None else found.where("is_new")).select(*VALUE_COLUMNS)


@dataclass(frozen=True)
class _Verdict:
    """What is known of one signal of one anchor, as columns: a row, if it is new, and if others may follow."""

    state: Column
    reason: Column
    value: Column
    known_ts: Column
    is_new: Column
    goes_on: Column


@dataclass(frozen=True)
class _States:
    """The rows of an anchor's signals, told from the columns ``n`` (which signal), ``value`` and ``steps``."""

    terms: DefinitionColumns
    frame: MaturityColumns
    knowledge: Knowledge
    renewal: RecomputeScope | None

    @property
    def flags(self) -> OutageVoids:
        """Outages that became known later."""
        return OutageVoids(self.terms, self.frame, self.knowledge)

    def first(self) -> _Verdict:
        """What is known first: open, mature or void."""
        frame, terms, value, superseded = self.frame, self.terms, F.col("value"), F.col("superseded_ts")
        # An event that was seen settles it in spite of an outage, and may be seen until the value would be mature.
        waits = terms.settles_early & frame.void_reason.eqNullSafe("outage")
        reason = F.when(~waits | (frame.is_mature & (value == 0)), frame.void_reason)
        # There was nothing to measure, and that is known with what would have been the value.
        nothing = reason.isNull() & frame.is_mature & value.isNull()
        reason = F.when(nothing, terms.undefined).otherwise(reason)
        hit = None
        if self.flags:  # known by the time at which it would have been mature
            hit = reason.isNull() & frame.is_mature & self.flags.spoil(F.col("matured_ts"), value)
            reason = F.when(hit, "outage").otherwise(reason)
        state = F.when(reason.isNotNull(), "void").when(frame.is_mature, "mature").otherwise("open")
        would_be = nothing if hit is None else nothing | hit
        # What is superseded before it is mature never becomes so.
        spoilt = superseded.isNotNull() & ((state != "void") | would_be) & (superseded <= frame.matured_ts)
        at_end = (state == "mature") | waits | would_be
        known_ts = (
            F.when(spoilt, superseded)
            .when(state == "open", F.lit(self.knowledge.known_at))
            .when(at_end, frame.matured_ts)
            .otherwise(F.col("anchor_known_ts"))
        )
        is_new = F.lit(True)
        if self.renewal is not None:
            since = F.lit(self.renewal.frontier)
            settles = at_end & (frame.matures_at > since)
            is_new = F.when(spoilt, superseded >= since).otherwise(
                (state == "open") | settles | (F.col("anchor_known_ts") >= since)
            )
        told, why = F.when(spoilt, "void").otherwise(state), F.when(spoilt, _SUPERSEDED).otherwise(reason)
        goes_on = told == "mature" if hit is None else (told == "mature") | (hit & ~spoilt)
        return _Verdict(told, why, value, known_ts, is_new, goes_on)

    def first_row(self) -> Column:
        """The row with which a signal of an anchor begins."""
        return self.row(self.first(), F.lit(0))

    def later_rows(self, definition: Definition) -> Column:
        """A further row whenever a mature value changed, and one that ends it if the anchor was none."""
        superseded, first = F.col("superseded_ts"), self.first()
        steps = F.filter("steps", lambda step: superseded.isNull() | (step["k"] < superseded))

        def revised(step: Column, at: Column) -> Column:
            return self.row(self.step(step), at + 1)

        rows = F.transform(steps, revised)
        if definition.anchor in DISPROVABLE:
            end = self.told("void", _SUPERSEDED, first.value, superseded)
            ends = F.array(self.row(end, F.size(steps) + 1))
            rows = F.when(superseded.isNotNull(), F.concat(rows, ends)).otherwise(rows)
        return F.when(first.goes_on, rows)

    def step(self, step: Column) -> _Verdict:
        """What a later moment made of a mature value: another one, or void by an outage."""
        if not self.flags:
            return self.told("mature", None, step["v"], step["k"])
        state, reason = F.when(step["hit"], "void").otherwise("mature"), F.when(step["hit"], "outage")
        is_new = F.when(step["turn"], self.is_after_turn(step["k"])).otherwise(self.is_after(step["k"]))
        return _Verdict(state, reason, step["v"], step["k"], is_new, F.lit(True))

    def told(self, state: str, reason: str | None, value: Column, known_ts: Column) -> _Verdict:
        """A later row whose state is plain."""
        why = F.lit(reason).cast("string")
        return _Verdict(F.lit(state), why, value, known_ts, self.is_after(known_ts), F.lit(True))

    def is_after_turn(self, moment: Column) -> Column:
        """Whether an outage's turn is new: it comes with the watermark, and counted already if that was there."""
        if self.renewal is None:
            return F.lit(True)
        return moment > F.lit(find_watermark_reached_at(self.renewal.frontier, self.knowledge.history))

    def is_after(self, moment: Column) -> Column:
        """Whether what became known then is new."""
        return F.lit(True) if self.renewal is None else moment >= F.lit(self.renewal.frontier)

    def row(self, told: _Verdict, revision: Column) -> Column:
        """A row of the table, and whether it is new."""
        is_open, is_mature, frame = told.state == "open", told.state == "mature", self.frame
        upto = self.terms.observed_upto
        seen = F.when(upto.isNotNull(), told.value <= upto).when(self.terms.undefined.isNull(), told.value > 0)
        return F.struct(
            self.terms.signal.alias("signal"),
            self.terms.definition_hash.alias("definition_hash"),
            frame.window_end.alias("window_end"),
            frame.matures_at.alias("matures_at"),
            told.state.alias("state"),
            told.reason.alias("void_reason"),
            F.when(is_mature, told.value).alias("value"),
            F.when(is_open, told.value).alias("prefix"),
            F.when(is_open, frame.elapsed_share).when(is_mature, 1.0).otherwise(0.0).alias("elapsed_share"),
            F.when(is_open | is_mature, seen).alias("event_observed"),
            F.when(is_mature, 1.0).otherwise(0.0).alias("ipc_weight"),
            F.lit(CENSORING).alias("censoring"),
            told.known_ts.alias("known_ts"),
            revision.cast("int").alias("revision"),
            (~is_open).alias("settled"),
            told.is_new.alias("is_new"),
        )


def select_values_known_at(values: DataFrame, known_at: Column) -> DataFrame:
    """The latest row of each value known at ``known_at``. Grain: signal, anchor_id."""
    seen = values.where(F.col("known_ts") <= known_at)
    columns = [c for c in values.columns if c not in ("signal", "anchor_id")]
    newest = F.max_by(F.struct(*columns), F.struct("known_ts", "revision")).alias("_row")
    return seen.groupBy("signal", "anchor_id").agg(newest).select("signal", "anchor_id", "_row.*")
