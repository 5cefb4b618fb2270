"""The one entrance to training: a family, a label, the data, settings and a seed give a trained ranker."""

from longplay.errors import ConfigError
from rankers.config import Family, PopularityConfig, RankerConfig, TransformerConfig, XGBoostConfig
from rankers.dataset.ranking_data import RankingData
from rankers.models.base import Report, TrainedRanker, silent

__all__ = ["Report", "TrainedRanker", "train"]


def train(
    family: Family,
    label: str,
    data: RankingData,
    config: RankerConfig,
    seed: int,
    report: Report = silent,
) -> TrainedRanker:
    """Train one ranker on split == train, choosing when to stop on split == valid.

    Only rows whose label is mature are read; the same seed, data and threads give the same scores
    (unless the transformer's ``max_seconds`` cut it short).

    Raises:
        ConfigError: the settings belong to another family.
        InputError: there is no mature training row with a positive label.
    """
    if family in ("popularity", "popularity_7d") and isinstance(config, PopularityConfig):
        from rankers.models.popularity import fit_popularity

        return fit_popularity(family, label, data, config)
    if family == "xgboost" and isinstance(config, XGBoostConfig):
        from rankers.models.xgboost_ranker import fit_xgboost

        return fit_xgboost(label, data, config, seed, report)
    if family == "transformer" and isinstance(config, TransformerConfig):
        from rankers.models.transformer_training import fit_transformer

        return fit_transformer(label, data, config, seed, report)
    raise ConfigError(
        "settings belong to another family",
        where=f"family '{family}'",
        got=type(config).__name__,
        fix="make them with rankers.config.parse_config(family, settings)",
    )
