"""The ``rankers`` section of the settings: which families are trained, on which seed, and the settings of each."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from longplay.config.strict_model import StrictModel, validate_model
from rankers.models.base import RankerConfig
from rankers.models.families import FAMILIES, get_family


class _CommonSettings(StrictModel):
    """Which families are trained, on which seed, and how each is set."""

    families: tuple[str, ...]
    seed: int

    def get_config(self, family: str) -> RankerConfig:
        """The settings of a family.

        Raises:
            ConfigError: there is no such family.
        """
        has_section = family in FAMILIES and family in type(self).model_fields
        config: RankerConfig = getattr(self, family) if has_section else get_family(family).config()
        return config


if TYPE_CHECKING:
    RankerSettings = _CommonSettings
else:  # with a section for each family that has settings
    _SECTIONS = {name: (family.config, ...) for name, family in FAMILIES.items() if family.config.model_fields}
    RankerSettings = create_model(
        "RankerSettings", __base__=_CommonSettings, __doc__=_CommonSettings.__doc__, __module__=__name__, **_SECTIONS
    )


def parse_config(family: str, settings: Mapping[str, Any] | None = None) -> RankerConfig:
    """The settings of a family, defaults filled in.

    Raises:
        ConfigError: the family is unknown, a key is unknown, or a value is out of range.
    """
    config: RankerConfig = validate_model(get_family(family).config, dict(settings or {}), f"settings of {family}")
    return config


def config_hash(config: RankerConfig) -> str:
    """16 hexadecimal digits that identify the settings."""
    text = json.dumps(config.model_dump(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
