"""The ranker families by name. Settings, jobs, tracking, reports and tests iterate over ``FAMILIES``."""

from collections.abc import Mapping
from typing import Any

from longplay.errors import ConfigError, nearest
from rankers.models.family import RankerFamily
from rankers.models.popularity import POPULARITY, POPULARITY_7D
from rankers.models.transformer import TRANSFORMER
from rankers.models.xgboost_ranker import XGBOOST

FAMILIES: Mapping[str, RankerFamily[Any, Any]] = {
    family.name: family for family in (POPULARITY, POPULARITY_7D, XGBOOST, TRANSFORMER)
}


def get_family(name: str) -> RankerFamily[Any, Any]:
    """The family of that name.

    Raises:
        ConfigError: there is none; the message suggests the nearest name.
    """
    if name not in FAMILIES:
        raise ConfigError(f"There is no ranker family '{name}'.", where="rankers.families", fix=nearest(name, FAMILIES))
    return FAMILIES[name]
