"""Strict typed configuration: an unknown key is an error that names the nearest key, the file and the line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from longplay.config.redaction import redact
from longplay.errors import ConfigError, first_line, nearest

ModelT = TypeVar("ModelT", bound=BaseModel)

UNKNOWN_KEY = "unknown_key"
"""Pydantic's ``type`` of the error on a key that a model does not have."""
_MAX_GOT_LENGTH = 200


class KeyedError(ValueError):
    """The error of one key, raised by a validator that reads several. ``a.b`` is key b of key a."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


class StrictModel(BaseModel):
    """A frozen pydantic model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        keys = cls.yaml_keys()
        accepted = keys | set(cls.model_fields) if cls.model_config.get("populate_by_name") else keys
        errors: list[InitErrorDetails] = [
            {"type": _unknown_key_error(str(key), accepted), "loc": (str(key),), "input": value}
            for key, value in data.items()
            if key not in accepted
        ]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return data

    @classmethod
    def yaml_keys(cls) -> set[str]:
        """The keys of the model, as YAML spells them."""
        return {field.alias or name for name, field in cls.model_fields.items()}

    def updated(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return type(self).model_validate({**self.model_dump(by_alias=True), **changes})


def _unknown_key_error(key: str, accepted: set[str]) -> PydanticCustomError:
    context = {"key": key, "hint": nearest(key, accepted)}
    return PydanticCustomError(UNKNOWN_KEY, "unknown key '{key}': {hint}", context)


class _UniqueKeyLoader(yaml.CSafeLoader):
    """Refuses a repeated key, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' appears twice", key_node.start_mark
                )
            keys.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping.

    Raises:
        ConfigError: when the file is missing, is not YAML, repeats a key or holds no mapping.
    """
    if not path.is_file():
        raise ConfigError("No such file.", where=str(path), fix="check the path; it must be a YAML file")
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError("This file is not YAML.", where=f"{path}{line}", got=str(error.problem)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("This file is not YAML.", where=str(path), got=first_line(error)) from error
    if not isinstance(data, dict):
        raise ConfigError("This file holds no keys.", where=str(path), got=type(data).__name__)
    return data


def validate_model(model: type[ModelT], data: Mapping[str, Any], where: str) -> ModelT:
    """Validate ``data`` as ``model``.

    Args:
        model: the pydantic model.
        data: keys and values, as read from YAML.
        where: the file that the error names.

    Raises:
        ConfigError: naming file, line and key of the first error.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first.get("ctx", {}).get("error")
        key_path = [*_keys_of(data, first["loc"]), *(reason.key.split(".") if isinstance(reason, KeyedError) else [])]
        key = ".".join(key_path) or "(top level)"
        message = first["msg"].removeprefix("Value error, ")
        got = redact(repr(_value_at(data, key_path, first["input"])), key)
        raise ConfigError(
            message if first["type"] == UNKNOWN_KEY else f"Wrong value for '{key}': {redact(message)}.",
            where=f"{redact(where)}{_line_of(Path(where), key_path)}, key {key}",
            got=got if len(got) < _MAX_GOT_LENGTH else got[:_MAX_GOT_LENGTH] + "...",
            fix="correct the key; every key is described in docs/reference/ (sources, signals, rewards, settings)",
        ) from error


def _keys_of(data: Any, loc: Sequence[int | str]) -> list[str]:
    """The keys in the data that lead to an error: its location, less the variants that pydantic names by their kind."""
    keys: list[str] = []
    previous_is_variant = False
    for part in loc:
        if isinstance(data, dict) and part in (data.get("kind"), data.get("type")) and not previous_is_variant:
            previous_is_variant = True
            continue
        keys.append(str(part))
        has_part = isinstance(data, dict) and part in data
        data = data[part] if has_part or (isinstance(data, list) and isinstance(part, int)) else None
        previous_is_variant = False
    return keys


def _value_at(data: Any, keys: Sequence[str], default: Any) -> Any:
    """The value at a path of keys. Where there is none: ``default``, or "nothing" where that is a whole mapping."""
    for key in keys:
        if isinstance(data, dict) and key in data:
            data = data[key]
        elif isinstance(data, list | tuple) and key.isdigit() and int(key) < len(data):
            data = data[int(key)]
        else:
            return default if not isinstance(default, dict) else "nothing"
    return data


def _line_of(path: Path, keys: Sequence[str]) -> str:
    """``, line N`` of the deepest key of a path that the file has; empty where there is no file."""
    if not path.is_file():
        return ""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == key), None)
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            pair = (node.value[int(key)], node.value[int(key)])
        else:
            pair = None
        if pair is None:
            break
        line, node = pair[0].start_mark.line + 1, pair[1]
    return f", line {line}"
