"""The facts of anchors: which lie in a definition's window, and which of those were known in time.

A fact is told from the anchor by ``day`` (whole UTC days from the anchor's day) and ``elapsed_s`` (seconds from t0).
Signals with one kind of anchor and the same keys read the same pairs of anchor and fact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_

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
"""Names of an anchor's columns beside a fact's."""


@dataclass(frozen=True)
class SignalGroup:
    """Definitions whose anchors and keys are the same, and which are computed in one pass.

    Those that deal credit out pass alone with others of the same rule.
    """

    definitions: tuple[Definition, ...]

    @property
    def one(self) -> Definition:
        """Any of them: for what they share."""
        return self.definitions[0]

    @property
    def deals(self) -> bool:
        """Whether outcomes are dealt out among exposures."""
        return self.one.credit is not None and self.one.credit.is_split

    @property
    def reads_episodes(self) -> bool:
        """Whether releases of episodes are among the facts."""
        return self.one.needs.episodes

    @property
    def by_day(self) -> bool:
        """Whether whole days suffice: then a user's events are added up to days first."""
        return self.one.keys == "user" and all(
            d.measure.depends_on_days_alone
            and isinstance(d.window, CalendarWindow)
            and d.credit is None
            and d.filter is None
            for d in self.definitions
        )

    def days(self) -> tuple[int, int]:
        """First and last day, from the anchor's, on which a fact may lie that any of them reads."""
        spans = [definition.window.days() for definition in self.definitions]
        spans += [(0, -(-d.credit.within // DAY)) for d in self.definitions if d.credit]
        spans += [(-d.baseline // DAY, 0) for d in self.definitions if d.baseline]
        return min(low for low, _ in spans), max(high for _, high in spans)


def group_definitions(definitions: Sequence[Definition]) -> list[SignalGroup]:
    """Definitions by what they share."""
    groups: dict[object, list[Definition]] = {}
    for one in definitions:
        look_back = one.void.look_back if one.anchor == "discovery" else None
        dealt = one.credit.model_dump_json() + repr(one.window) if one.credit and one.credit.is_split else None
        groups.setdefault((one.anchor, look_back, one.session_gap, one.keys, dealt, one.needs.episodes), []).append(one)
    return [SignalGroup(tuple(found)) for found in groups.values()]


def select_facts(group: SignalGroup, events: DataFrame, episodes: DataFrame | None = None) -> DataFrame:
    """What the signals of a group read. Grain: event; or keys, UTC day (and flags) where whole days suffice.

    Raises:
        InputError: when the group reads episodes and nothing is known of any.
    """
    if group.deals:
        return attribution.find_outcomes(events, group.one)
    if group.by_day:
        flags = sorted(set().union(*(d.measure.fact_columns() for d in group.definitions)))
        counted = events.where(reduce(or_, [F.col(flag) for flag in flags]))
        days = counted.groupBy("user_id", "event_day", *flags).agg(F.min("known_ts").alias("known_ts"))
        return days.withColumn("event_ts", F.col("event_day").cast("timestamp"))
    if group.reads_episodes:
        if episodes is None:
            raise InputError("A signal reads episodes, and none are known.", where=group.one.ref)
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
        facts: of ``select_facts``.
        how: ``left`` keeps anchors that have none, ``inner`` does not.
    """
    of_anchor = anchors.withColumnsRenamed(_OF_ANCHOR)
    told = facts.withColumnRenamed("user_id", "_user")
    after = F.datediff("event_day", F.to_date("t0"))
    of_user = (F.col("user_id") == F.col("_user")) & after.between(*group.days())
    of_item = F.col("a_item_id") == F.col("item_id")
    if group.one.keys == "user_item":
        of_user &= of_item
    if not group.reads_episodes:
        return _derived(of_anchor.join(told, of_user, how).drop("_user"))
    # A release is nobody's: it is a fact of every anchor of its item.
    heard = of_anchor.join(told.where(~F.col("is_release")), of_user, how)
    released = of_anchor.join(told.where("is_release"), of_item & after.between(*group.days()), "inner")
    return _derived(heard.unionByName(released).drop("_user"))


def join_attributed_outcomes(
    group: SignalGroup, anchors: DataFrame, competitors: DataFrame, facts: DataFrame, events: DataFrame
) -> DataFrame:
    """Anchors with the outcomes they are credited with, and the ``share`` of each. Grain: anchor and outcome.

    Args:
        group: signals that deal by one rule.
        anchors: whose values are wanted. Grain: anchor_id.
        competitors: all that may have earned a share. Grain: anchor_id.
        facts: of ``select_facts``: the outcomes.
        events: grain: event_id; for the clicks.
    """
    assert group.one.credit is not None
    touches = attribution.find_touches(competitors, events, group.one.credit)
    told = attribution.split_outcomes(facts, touches, group.one).drop("item_id").withColumnsRenamed(
        {"user_id": "_user", "anchor_id": "_anchor"}
    )  # fmt: skip
    of_anchor = anchors.withColumnsRenamed(_OF_ANCHOR)
    match = (F.col("user_id") == F.col("_user")) & (F.col("anchor_id") == F.col("_anchor"))
    return _derived(of_anchor.join(told, match, "left").drop("_user", "_anchor"))


def _derived(pairs: DataFrame) -> DataFrame:
    """Adds what an expression may read of a fact beside its own columns."""
    micros = F.unix_micros("event_ts") - F.unix_micros("t0")
    same = F.col("a_item_id") == F.col("item_id") if "item_id" in pairs.columns else F.lit(True)
    told = {
        "day": F.datediff("event_day", F.to_date("t0")),
        "elapsed_us": micros,
        "elapsed_s": micros / _MICROS,
        "same_item": same,
    }
    if "released_ts" in pairs.columns:
        released = F.unix_micros("released_ts")
        told["release_s"] = (released - F.unix_micros("t0")) / _MICROS
        told["since_release_s"] = (F.unix_micros("event_ts") - released) / _MICROS
    return pairs.withColumns(told)


def in_window(definition: Definition) -> Column:
    """Whether a fact lies in the window and counts for the signal, known or not."""
    window = definition.window
    if isinstance(window, CalendarWindow):
        counts = F.col("day").between(window.first, window.last)
    else:
        counts = _elapsed(window.start, window.end) & _responds(definition)
    return counts & _wanted(definition)


def in_baseline(definition: Definition) -> Column:
    """Whether a fact lies in ``[t0 - baseline, t0)`` and counts."""
    assert definition.baseline is not None
    return _elapsed(-definition.baseline, timedelta(0)) & _wanted(definition)


def is_credit_click(definition: Definition) -> Column:
    """Whether a fact is the response in ``[t0, t0 + within)`` that earns credit, in answer to the exposure."""
    assert definition.credit is not None
    responds = F.col(FLAG_COLUMNS[definition.credit.earned_by]) & answers_request("request_id", "a_request_id")
    return responds & F.col("same_item") & _elapsed(timedelta(0), definition.credit.within)


def _wanted(definition: Definition) -> Column:
    counts, flag = F.lit(True), definition.measure.flag
    if flag is not None and not (definition.credit and definition.credit.is_split):
        counts = F.col(FLAG_COLUMNS[flag])
    if definition.filter is not None:
        counts &= F.coalesce(F.expr(condition_sql(definition.filter)), F.lit(False))
    return counts


def _elapsed(start: timedelta, end: timedelta) -> Column:
    micros = F.col("elapsed_us")
    return (micros >= start // timedelta(microseconds=1)) & (micros < end // timedelta(microseconds=1))


def _responds(definition: Definition) -> Column:
    """What begins with the exposure itself reads responses to it; later windows count whatever happened."""
    window = definition.window
    at_once = isinstance(window, ElapsedWindow) and window.start == timedelta(0)
    return answers_request("request_id", "a_request_id") if at_once and definition.keys == "user_item" else F.lit(True)
