"""Groups of signals that are computed in one pass, and the facts that a group reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Self

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.expression import EPISODE_COLUMNS, columns_of
from longplay.definitions.measures import FLAG_COLUMNS
from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow
from longplay.errors import InputError
from signals.attribution import find_outcomes
from signals.episodes import add_releases

_DERIVED = {"t0", "day", "elapsed_s", "same_item", *EPISODE_COLUMNS}
"""Columns of expressions that facts gain when they are joined to anchors."""


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
        return find_outcomes(events, group.shared)
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
