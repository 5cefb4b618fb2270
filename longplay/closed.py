"""Closed typed configuration: an unknown key is an error that names the nearest known one."""

from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from longplay.errors import ConfigError, nearest

ModelT = TypeVar("ModelT", bound=BaseModel)


class Closed(BaseModel):
    """A pydantic model that is frozen and refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = {f.alias or name for name, f in cls.model_fields.items()} | set(cls.model_fields)
            for key in data:
                if key not in known:
                    raise ValueError(f"unknown key '{key}': {nearest(str(key), known)}")
        return data

    def updated(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return type(self).model_validate({**self.model_dump(by_alias=True), **changes})


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping.

    Raises:
        ConfigError: when the file is missing, is not YAML or holds no mapping.
    """
    if not path.is_file():
        raise ConfigError("No such file.", where=str(path), fix="check the path; it must be a YAML file")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError("This file is not YAML.", where=str(path), got=str(error)) from error
    if not isinstance(data, dict):
        raise ConfigError("This file holds no keys.", where=str(path), got=type(data).__name__)
    return data


def build(model: type[ModelT], data: dict[str, Any], where: str) -> ModelT:
    """Validate ``data`` as ``model``.

    Raises:
        ConfigError: naming the file and the key of the first fault.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        message = first["msg"].removeprefix("Value error, ")
        got = repr(first["input"])
        raise ConfigError(
            f"Wrong value for '{key}': {message}." if not message.startswith("unknown key") else f"{message}",
            where=f"{where}, key {key}",
            got=got if len(got) < 200 else got[:200] + "...",
            fix="correct the key; every key is described in docs/reference/ (sources, signals, settings)",
        ) from error
