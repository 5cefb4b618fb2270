"""The record that describes one family of rankers; `rankers.models.families` lists them all."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from rankers.dataset.histories import Vocabulary
from rankers.dataset.ranking_data import RankingData
from rankers.models.base import RankerConfig, Report, Scorer, TrainedRanker

ConfigT = TypeVar("ConfigT", bound=RankerConfig)
ScorerT = TypeVar("ScorerT", bound=Scorer)


LineStyle = str | tuple[float, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class RankerFamily(Generic[ConfigT, ScorerT]):
    """Everything that settings, training, tracking and reports need from a family.

    The module that defines a record must import quickly: its functions import torch, XGBoost and the like when called.
    So a learned family usually has a second module, with its training and its scorer, and a third for its settings.

    Attributes:
        name: the family in settings, tags and file names.
        title: the family at the beginning of a sentence.
        is_learned: whether it learns from labels. A learned family is trained once for each label, a baseline once.
        config: its settings. A family with at least one setting has its own section ``rankers.<name>``. Learned
            families have the setting ``weighted``.
        fit: trains a ranker from a label, data, settings and seed, and passes each step's metrics to the report, among
            them ``valid_ndcg_at_10`` if there are valid rows. Labels are floats in [0, 1], graded ones too. It learns
            only from mature rows of the split ``train``, and stops early by ``valid``. The position shown must not
            change a score: every candidate is served at position 1. Equal seeds give equal scores, different seeds
            different ones. The vocabulary is ``Vocabulary(())`` if items are not read. Raises InputError, which names
            the label, if no training row has a positive label.
        save_scorer: writes what it learned into an existing folder.
        load_scorer: reads that again, given the settings, the vocabulary and the names of the features.
        requirements: pip requirements of a logged model, beyond those that all rankers share.
        line_style: of its survival curves: a code of matplotlib's, or a dash pattern, ``(0, (5, 1))``. Learned families
            differ; ``-.`` is the random arm's.
        marker: matplotlib code of its marks.
    """

    name: str
    title: str
    is_learned: bool
    config: type[ConfigT]
    fit: Callable[[str, RankingData, ConfigT, int, Report], TrainedRanker]
    save_scorer: Callable[[ScorerT, Path], None]
    load_scorer: Callable[[Path, ConfigT, Vocabulary, tuple[str, ...]], ScorerT]
    requirements: tuple[str, ...]
    line_style: LineStyle
    marker: str
