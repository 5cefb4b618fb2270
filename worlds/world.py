"""A world: a public catalogue, and the hidden truth about its items."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from worlds.policy import Floats, Ints
from worlds.spec import WorldSpec

DIMENSIONS = 8
_TOPIC_WORDS = ("indie", "news", "jazz", "crime", "techno", "history", "folk", "comedy")
_ITEMS_STREAM, _PERIODS = 1, (3, 7, 14)


@dataclass(frozen=True)
class Catalogue:
    """What anyone may know of the items, one row an item.

    Attributes:
        item_ids: string ids, [items].
        topic_index: index into `topic_names`, int64 [items].
        topic_names: names of the topics.
        is_show: True for a show that releases episodes, False for a track, [items].
        released_day: day of release, may be negative (before the log), int64 [items].
        period: days between episodes, int64 [items]; 1 for a track.
    """

    item_ids: NDArray[np.str_]
    topic_index: Ints
    topic_names: tuple[str, ...]
    is_show: NDArray[np.bool_]
    released_day: Ints
    period: Ints

    def episodes(self, day: int) -> Ints:
        """Number of the newest episode out on `day`, int64 [items]; 0 for tracks and the unreleased."""
        number = (day - self.released_day) // self.period + 1
        return np.where(self.is_show & (number > 0), number, 0)


@dataclass(frozen=True)
class ItemTruth:
    """What no policy may read, one row an item.

    Attributes:
        vectors: unit taste vectors, [items, DIMENSIONS].
        quality: stickiness q, standard normal, [items].
        clickbait: c, standard normal with corr(q, c) = spec.corr_qc, [items].
        fame: what draws clicks and the log's policies but adds no utility, standard normal, [items].
        seconds: full length, [items].
        centres: unit vectors of the topics, [topics, DIMENSIONS].
    """

    vectors: Floats
    quality: Floats
    clickbait: Floats
    fame: Floats
    seconds: Floats
    centres: Floats


@dataclass(frozen=True)
class World:
    """A spec, its catalogue (public) and its truth (for the user model, the log's policies and oracles)."""

    spec: WorldSpec
    catalogue: Catalogue
    truth: ItemTruth

    @property
    def item_ids(self) -> list[str]:
        """String ids in dense order."""
        return cast(list[str], self.catalogue.item_ids.tolist())

    @property
    def topics(self) -> list[str]:
        """Topic of each item, in dense order."""
        return [self.catalogue.topic_names[index] for index in self.catalogue.topic_index]


def build_world(spec: WorldSpec) -> World:
    """The world of a spec; the same spec gives the same world."""
    rng = np.random.default_rng(np.random.SeedSequence([spec.seed, _ITEMS_STREAM]))
    catalogue = _catalogue(spec, rng)
    return World(spec, catalogue, _truth(spec, catalogue, rng))


def _catalogue(spec: WorldSpec, rng: np.random.Generator) -> Catalogue:
    n = spec.items
    is_show = rng.random(n) < spec.show_share
    new = rng.random(n) < 0.2
    new[:40] = False  # a slate's 40 candidates must exist on day 0
    released = np.where(new, rng.integers(1, max(2, int(0.6 * spec.days)), n), -rng.integers(1, 700, n))
    period = np.where(is_show, rng.choice(_PERIODS, n), 1)
    return Catalogue(
        item_ids=np.array([f"i{j:04d}" for j in range(n)]),
        topic_index=rng.integers(0, spec.topics, n),
        topic_names=tuple(_topic_name(t) for t in range(spec.topics)),
        is_show=is_show,
        released_day=released,
        period=period,
    )


def _topic_name(index: int) -> str:
    lap, word = divmod(index, len(_TOPIC_WORDS))
    return _TOPIC_WORDS[word] + (f"-{lap + 1}" if lap else "")


def _truth(spec: WorldSpec, catalogue: Catalogue, rng: np.random.Generator) -> ItemTruth:
    n = spec.items
    centres = _unit(rng.normal(size=(spec.topics, DIMENSIONS)))
    spread = rng.normal(size=(n, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    quality, free = rng.normal(size=n), rng.normal(size=n)
    clickbait = spec.corr_qc * quality + np.sqrt(1.0 - spec.corr_qc**2) * free
    length = np.where(catalogue.is_show, rng.uniform(600, 1200, n), rng.uniform(150, 300, n))
    return ItemTruth(
        vectors=_unit(centres[catalogue.topic_index] + 0.8 * spread),
        quality=quality,
        clickbait=clickbait,
        fame=rng.normal(size=n),
        seconds=np.floor(length),
        centres=centres,
    )


def _unit(rows: Floats) -> Floats:
    return cast(Floats, rows / np.linalg.norm(rows, axis=1, keepdims=True))
