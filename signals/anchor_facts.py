"""The facts of anchors, and which of them lie in a definition's window.

A fact's distance from the anchor is its ``day`` (whole UTC days from the anchor's day) and ``elapsed_s`` (seconds from
t0). Signals with one kind of anchor and the same keys read the same pairs of anchor and fact.
"""

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.expression import compile_filter
from longplay.definitions.measures import FLAG_COLUMNS
from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow, ElapsedWindow
from signals.anchors import answers_request
from signals.attribution import find_touches, split_outcomes
from signals.signal_groups import SignalGroup

_MICROS = 1_000_000
_OF_ANCHOR = {"item_id": "a_item_id", "request_id": "a_request_id", "position": "a_position"}
"""Names of an anchor's columns next to a fact's."""


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
    touches = find_touches(competitors, events, group.shared.credit)
    credited = split_outcomes(facts, touches, group.shared).drop("item_id").withColumnsRenamed(
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
        "day": F.datediff("event_day", F.to_date("t0")).cast("int"),  # a bigint in Sail
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
        counts &= F.coalesce(F.expr(compile_filter(definition.filter).sql), F.lit(False))
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
