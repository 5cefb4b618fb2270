"""The facts of anchors, and which of them lie in a definition's window.

A fact's distance from the anchor is its ``day`` (whole UTC days from the anchor's day) and ``elapsed_s`` (seconds from
t0). Signals with one kind of anchor and the same keys read the same pairs of anchor and fact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Self

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.expression import EPISODE_COLUMNS, columns_of
from longplay.definitions.measures import FLAG_COLUMNS
from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow, ElapsedWindow
from longplay.errors import InputError
from signals import attribution
from signals.anchors import answers_request
from signals.episodes import add_releases
from signals.sql_measure import condition_sql

_MICROS = 1_000_000
_DERIVED = {"t0", "day", "elapsed_s", "same_item", *EPISODE_COLUMNS}
_OF_ANCHOR = {"item_id": "a_item_id", "request_id": "a_request_id", "position": "a_position"}
"""Names of an anchor's columns next to a fact's."""


@dataclass(frozen=True)
class SignalFacts:
    """The facts that signals read.

    Attributes:
        events: grain: event_id.
        exposures: grain: exposure_id.
        episodes: None if no signal reads releases. Grain: item_id, episode.
    """

    events: DataFrame
    exposures: DataFrame
    episodes: DataFrame | None = None

    def known_at(self, known_at: datetime) -> Self:
        """The facts known at a moment."""

        def select(facts: DataFrame) -> DataFrame:
            return facts.where(F.col("known_ts") <= F.lit(known_at))

        episodes = None if self.episodes is None else select(self.episodes)
        return replace(self, events=select(self.events), exposures=select(self.exposures), episodes=episodes)


@dataclass(frozen=True)
class SignalGroup:
    """Definitions with the same anchors and keys, which are computed in one pass.

    Definitions that split credit share a pass only with others of the same rule.
    """

    definitions: tuple[Definition, ...]

    @property
    def shared(self) -> Definition:
        """Any of the definitions, for the fields that all of them share."""
        return self.definitions[0]

    @property
    def splits_credit(self) -> bool:
        """Whether outcomes are split among exposures."""
        return self.shared.credit is not None and self.shared.credit.is_split

    @property
    def reads_episodes(self) -> bool:
        """Whether releases of episodes are among the facts."""
        return self.shared.needs.episodes

    @property
    def by_day(self) -> bool:
        """Whether the signals need no more than days, so that a user's events can be aggregated to days first."""
        return self.shared.keys == "user" and all(
            d.measure.depends_on_days_alone
            and isinstance(d.window, CalendarWindow)
            and d.credit is None
            and d.filter is None
            for d in self.definitions
        )

    def days(self) -> tuple[int, int]:
        """First and last day of the facts that any signal reads, counted from the anchor's day."""
        spans = [definition.window.days() for definition in self.definitions]
        spans += [(0, -(-d.credit.within // DAY)) for d in self.definitions if d.credit]
        spans += [(-d.baseline // DAY, 0) for d in self.definitions if d.baseline]
        return min(low for low, _ in spans), max(high for _, high in spans)


def group_definitions(definitions: Sequence[Definition]) -> list[SignalGroup]:
    """Definitions in groups that share one pass."""
    groups: dict[object, list[Definition]] = {}
    for d in definitions:
        look_back = d.void.look_back if d.anchor == "discovery" else None
        credit_rule = d.credit.model_dump_json() + repr(d.window) if d.credit and d.credit.is_split else None
        pass_key = (d.anchor, look_back, d.session_gap, d.keys, credit_rule, d.needs.episodes)
        groups.setdefault(pass_key, []).append(d)
    return [SignalGroup(tuple(members)) for members in groups.values()]


def select_facts(group: SignalGroup, events: DataFrame, episodes: DataFrame | None = None) -> DataFrame:
    """The facts that a group reads. Grain: event; or keys, UTC day (and flags) for groups ``by_day``.

    Raises:
        InputError: when the group reads episodes and there are none.
    """
    if group.splits_credit:
        return attribution.find_outcomes(events, group.shared)
    if group.by_day:
        flags = sorted(set().union(*(d.measure.fact_columns() for d in group.definitions)))
        counted = events.where(reduce(or_, [F.col(flag) for flag in flags]))
        days = counted.groupBy("user_id", "event_day", *flags).agg(F.min("known_ts").alias("known_ts"))
        return days.withColumn("event_ts", F.col("event_day").cast("timestamp"))
    if group.reads_episodes:
        if episodes is None:
            raise InputError("A signal reads episodes, but no episode is known.", where=group.shared.ref)
        return add_releases(events.select(*sorted(_columns(group)), "episode"), episodes)
    return events.select(*sorted(_columns(group)))


def _columns(group: SignalGroup) -> set[str]:
    """Columns of events that a group's pass needs."""
    needed = {"user_id", "item_id", "request_id", "event_ts", "event_day", "known_ts"}
    for definition in group.definitions:
        needed |= definition.measure.fact_columns()
        if definition.credit is not None:
            needed.add(FLAG_COLUMNS[definition.credit.earned_by])
        if definition.filter is not None:
            needed |= columns_of(definition.filter)
    return needed - _DERIVED


def join_facts(group: SignalGroup, anchors: DataFrame, facts: DataFrame, how: str = "left") -> DataFrame:
    """Anchors with the facts that any signal of the group may read. Grain: anchor and fact.

    Args:
        group: the signals.
        anchors: grain: anchor_id.
        facts: from ``select_facts``.
        how: ``left`` keeps anchors without facts, ``inner`` drops them.
    """
    of_anchor = anchors.withColumnsRenamed(_OF_ANCHOR)
    of_fact = facts.withColumnRenamed("user_id", "_user")
    after = F.datediff("event_day", F.to_date("t0"))
    of_user = (F.col("user_id") == F.col("_user")) & after.between(*group.days())
    of_item = F.col("a_item_id") == F.col("item_id")
    if group.shared.keys == "user_item":
        of_user &= of_item
    if not group.reads_episodes:
        return _add_distances(of_anchor.join(of_fact, of_user, how).drop("_user"))
    # A release has no user: it is a fact of every anchor of its item.
    consumed = of_anchor.join(of_fact.where(~F.col("is_release")), of_user, how)
    released = of_anchor.join(of_fact.where("is_release"), of_item & after.between(*group.days()), "inner")
    return _add_distances(consumed.unionByName(released).drop("_user"))


def join_attributed_outcomes(
    group: SignalGroup, anchors: DataFrame, competitors: DataFrame, facts: DataFrame, events: DataFrame
) -> DataFrame:
    """Anchors with the outcomes attributed to them, and the ``share`` of each. Grain: anchor and outcome.

    Args:
        group: signals that split credit by one rule.
        anchors: the anchors to compute values for. Grain: anchor_id.
        competitors: all anchors that may have earned a share. Grain: anchor_id.
        facts: the outcomes, from ``select_facts``.
        events: source of the responses. Grain: event_id.
    """
    assert group.shared.credit is not None
    touches = attribution.find_touches(competitors, events, group.shared.credit)
    credited = attribution.split_outcomes(facts, touches, group.shared).drop("item_id").withColumnsRenamed(
        {"user_id": "_user", "anchor_id": "_anchor"}
    )  # fmt: skip
    of_anchor = anchors.withColumnsRenamed(_OF_ANCHOR)
    match = (F.col("user_id") == F.col("_user")) & (F.col("anchor_id") == F.col("_anchor"))
    return _add_distances(of_anchor.join(credited, match, "left").drop("_user", "_anchor"))


def _add_distances(pairs: DataFrame) -> DataFrame:
    """Adds the columns that an expression may read in addition to a fact's own."""
    micros = F.unix_micros("event_ts") - F.unix_micros("t0")
    same = F.col("a_item_id") == F.col("item_id") if "item_id" in pairs.columns else F.lit(True)
    distances = {
        "day": F.datediff("event_day", F.to_date("t0")),
        "elapsed_us": micros,
        "elapsed_s": micros / _MICROS,
        "same_item": same,
    }
    if "released_ts" in pairs.columns:
        released = F.unix_micros("released_ts")
        distances["release_s"] = (released - F.unix_micros("t0")) / _MICROS
        distances["since_release_s"] = (F.unix_micros("event_ts") - released) / _MICROS
    return pairs.withColumns(distances)


def in_window(definition: Definition) -> Column:
    """Whether a fact lies in the window and counts for the signal, whenever it became known."""
    window = definition.window
    if isinstance(window, CalendarWindow):
        counts = F.col("day").between(window.first, window.last)
    else:
        counts = _is_elapsed(window.start, window.end) & _is_response(definition)
    return counts & _counts(definition)


def in_baseline(definition: Definition) -> Column:
    """Whether a fact lies in ``[t0 - baseline, t0)`` and counts."""
    assert definition.baseline is not None
    return _is_elapsed(-definition.baseline, timedelta(0)) & _counts(definition)


def is_credit_click(definition: Definition) -> Column:
    """Whether a fact is a response to the exposure in ``[t0, t0 + within)``, which earns credit."""
    assert definition.credit is not None
    is_response = F.col(FLAG_COLUMNS[definition.credit.earned_by]) & answers_request("request_id", "a_request_id")
    return is_response & F.col("same_item") & _is_elapsed(timedelta(0), definition.credit.within)


def _counts(definition: Definition) -> Column:
    counts, flag = F.lit(True), definition.measure.flag
    if flag is not None and not (definition.credit and definition.credit.is_split):
        counts = F.col(FLAG_COLUMNS[flag])
    if definition.filter is not None:
        counts &= F.coalesce(F.expr(condition_sql(definition.filter)), F.lit(False))
    return counts


def _is_elapsed(start: timedelta, end: timedelta) -> Column:
    micros = F.col("elapsed_us")
    return (micros >= start // timedelta(microseconds=1)) & (micros < end // timedelta(microseconds=1))


def _is_response(definition: Definition) -> Column:
    """Whether a fact responds to the anchor. Windows that do not start at t0 count any fact."""
    window = definition.window
    starts_at_anchor = isinstance(window, ElapsedWindow) and window.start == timedelta(0)
    return (
        answers_request("request_id", "a_request_id")
        if starts_at_anchor and definition.keys == "user_item"
        else F.lit(True)
    )
