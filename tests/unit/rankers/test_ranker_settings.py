"""Settings of rankers are closed: the error on an unknown key suggests the nearest one."""

import pytest

from longplay.errors import ConfigError
from rankers.config import config_hash, parse_config
from rankers.models.families import FAMILIES
from rankers.models.xgboost_config import XGBoostConfig


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_defaults_and_refuses_unknown_keys(family: str) -> None:
    assert parse_config(family) == parse_config(family, {})
    with pytest.raises(ConfigError, match="leaning_rate"):
        parse_config(family, {"leaning_rate": 0.1})


def test_a_misspelt_key_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        parse_config("xgboost", {"leaning_rate": 0.1})


def test_a_value_out_of_range_names_its_key() -> None:
    with pytest.raises(ConfigError, match="settings of transformer, key length"):
        parse_config("transformer", {"length": 0})


def test_an_unknown_family_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'xgboost'"):
        parse_config("xgbost")


def test_the_hash_follows_the_values_not_how_they_were_given() -> None:
    assert config_hash(parse_config("xgboost", {"rounds": XGBoostConfig().rounds})) == config_hash(XGBoostConfig())
    assert config_hash(XGBoostConfig(rounds=3)) != config_hash(XGBoostConfig(rounds=4))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="heads"):
        parse_config("transformer", {"width": 32, "heads": 3})
