"""Trained rankers as policies of a deployment: they observe events as they happen and score candidates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.online import ItemView, OnlineFeatures
from features.packed_order import Flags
from features.timelines import Timelines, microseconds
from longplay.config.duration import DAY_US
from longplay.errors import ConfigError, nearest
from rankers.dataset.histories import PAD, HistoryWindow
from rankers.models.base import TrainedRanker
from worlds.policy import KINDS, EventBatch, Floats, Ints, SlateContext, Times

MIN_CONSUMPTION_SECONDS = 30.0
"""The shortest play that the world's source file counts as a consumption."""

_PARTS_OF_NON_COUNTS = ("_age_", "_rate_", "_per_")


@dataclass(frozen=True)
class EventFlags:
    """The kinds of each event of a batch, [m] each."""

    consumption: Flags
    click: Flags
    negative: Flags

    @classmethod
    def from_events(cls, events: EventBatch) -> "EventFlags":
        """The flags that ingest would give to these events."""
        kind = events.kind
        return cls(
            consumption=(kind == KINDS["play"]) & (events.seconds >= MIN_CONSUMPTION_SECONDS),
            click=kind == KINDS["click"],
            negative=(kind == KINDS["skip"]) | (kind == KINDS["hide"]),
        )


def frozen_item_view(item_ids: Sequence[str], topics: Sequence[str], features: pd.DataFrame) -> ItemView:
    """The item features of one release, in a deployment's item order.

    Args:
        item_ids: id of each item, in dense order.
        topics: topic of each item.
        features: one row an item: item_id and ``f_item_*`` columns. An item without a row is new: its counts are 0,
            its age and rates unknown.

    Raises:
        ConfigError: an item has two rows.
    """
    if features["item_id"].duplicated().any():
        repeated = features["item_id"][features["item_id"].duplicated()].iloc[0]
        raise ConfigError("The item view has two rows for an item.", got=str(repeated), fix="pass a single day of it")
    names = [str(name) for name in features.columns if str(name).startswith("f_item_")]
    rows = features.set_index("item_id")[names].reindex(list(item_ids))
    values = rows.to_numpy(dtype=np.float64, na_value=np.nan)
    is_new = ~np.isin(np.asarray(item_ids, object), features["item_id"].to_numpy(object))
    is_count = np.array([not any(part in name for part in _PARTS_OF_NON_COUNTS) for name in names], bool)
    values[np.ix_(is_new, is_count)] = 0.0
    return ItemView(pd.factorize(np.asarray(topics, object))[0].astype(np.int64), tuple(names), values)


class StaticPolicy:
    """Gives each item a fixed score, the same for all users at all times.

    Args:
        name: the policy's name.
        item_scores: score of each item, [items].
    """

    def __init__(self, name: str, item_scores: NDArray[np.float64]) -> None:
        self._name, self._scores = name, np.nan_to_num(item_scores, nan=0.0)

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    def scores(self, context: SlateContext) -> Floats:
        """Scores of the candidates, [n, C]."""
        return np.asarray(self._scores[context.candidates], np.float64)

    def observe(self, events: EventBatch) -> None:
        """Ignores the events."""


def popularity_policy(
    items: ItemView, name: str = "popularity", column: str = "f_item_consumptions_28d"
) -> StaticPolicy:
    """A policy that ranks by how often items were consumed before the release.

    Raises:
        ConfigError: the item view has no such column.
    """
    if column not in items.names:
        raise ConfigError(
            "The item view lacks the feature that popularity counts.", got=column, fix=nearest(column, items.names)
        )
    return StaticPolicy(name, items.values[:, items.names.index(column)])


class RecentHistory:
    """The latest consumptions of each user, as a sequential ranker reads them.

    Args:
        users: number of users.
        codes: the ranker's code of each item, [items].
        length: L, consumptions in a window.
    """

    def __init__(self, users: int, codes: Ints, length: int) -> None:
        self._codes, self._length = codes, length
        self._consumed = Timelines(users)

    def add(self, users: Ints, items: Ints, event_ts: Times) -> None:
        """Add consumptions, [m] each."""
        if len(users):
            self._consumed.insert(users, items, microseconds(event_ts), np.ones(len(users), np.uint8))

    def before(self, users: Ints, as_of: Times) -> HistoryWindow:
        """The last L consumptions strictly before ``as_of`` [n]: codes [n, L], ages in days [n, L]."""
        as_of_us = microseconds(as_of)
        items, times_us, is_real = self._consumed.last_before(users, as_of_us, self._length)
        age_days = np.where(is_real, (as_of_us[:, None] - times_us) / DAY_US, 0.0)
        return HistoryWindow(np.where(is_real, self._codes[items], PAD), age_days.astype(np.float32))


class RankerPolicy:
    """A trained ranker in service, which updates features and histories event by event.

    Args:
        name: the policy's name.
        ranker: the ranker, which scores every candidate at position 1.
        item_ids: string id of each item, in the deployment's dense order.
        items: the frozen item view, in the same order.
        users: number of users of the deployment.

    Raises:
        ConfigError: the ranker reads a feature that is not served online.
    """

    def __init__(self, name: str, ranker: TrainedRanker, item_ids: Sequence[str], items: ItemView, users: int) -> None:
        self._name, self._ranker = name, ranker
        self._codes = ranker.vocabulary.encode(list(item_ids))
        self._features = OnlineFeatures(users, items, ranker.feature_names) if ranker.config.reads_features else None
        length = ranker.history_length
        self._history = RecentHistory(users, self._codes, length) if length else None

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    def scores(self, context: SlateContext) -> Floats:
        """Scores of the candidates, [n, C]."""
        history = self._history.before(context.users, context.as_of) if self._history else None
        return self._ranker.score_candidates(self._codes[context.candidates], self._features_of(context), history)

    def observe(self, events: EventBatch) -> None:
        """Update features and histories."""
        flags = EventFlags.from_events(events)
        if self._features:
            self._features.add(
                events.users, events.items, events.event_ts, flags.consumption, flags.click, flags.negative
            )
        if self._history:
            consumed = flags.consumption
            self._history.add(events.users[consumed], events.items[consumed], events.event_ts[consumed])

    def _features_of(self, context: SlateContext) -> NDArray[np.float32]:
        if self._features:
            return self._features.features(context.users, context.as_of, context.candidates)
        shape = (*context.candidates.shape, len(self._ranker.feature_names))
        return np.broadcast_to(np.float32(np.nan), shape)
