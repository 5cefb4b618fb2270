"""The entrance to training: a family, a label, the data, settings and a seed give a trained ranker."""

from longplay.errors import ConfigError
from rankers.dataset.ranking_data import RankingData
from rankers.models.base import RankerConfig, Report, TrainedRanker, ignore_progress
from rankers.models.families import get_family

__all__ = ["Report", "TrainedRanker", "train"]


def train(
    family: str,
    label: str,
    data: RankingData,
    config: RankerConfig,
    seed: int,
    report: Report = ignore_progress,
) -> TrainedRanker:
    """Train one ranker on split == train, and stop early by split == valid.

    Only rows whose label is mature are read. The same seed, data and threads give the same scores, unless
    the transformer's ``max_seconds`` cuts training short.

    Raises:
        ConfigError: there is no such family, or the settings belong to another one.
        InputError: no mature training row has a positive label.
    """
    record = get_family(family)
    if not isinstance(config, record.config):
        raise ConfigError(
            "These settings belong to another ranker family.",
            where=f"family '{family}'",
            got=type(config).__name__,
            fix="make them with rankers.config.parse_config(family, settings)",
        )
    return record.fit(label, data, config, seed, report)
