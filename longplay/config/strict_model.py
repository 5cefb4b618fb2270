"""Closed typed configuration: an unknown key is an error that names the nearest known one, its file and line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from longplay.errors import ConfigError, first_line, nearest

ModelT = TypeVar("ModelT", bound=BaseModel)


class KeyedError(ValueError):
    """What is wrong with one key, told by a rule that looks at several. ``a.b`` is key b of key a."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


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
                    raise KeyedError(str(key), f"unknown key '{key}': {nearest(str(key), known)}")
        return data

    def updated(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return type(self).model_validate({**self.model_dump(by_alias=True), **changes})


class _Loader(yaml.CSafeLoader):
    """Refuses a key that is there twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping.

    Raises:
        ConfigError: when the file is missing, is not YAML, has a key twice or holds no mapping.
    """
    if not path.is_file():
        raise ConfigError("No such file.", where=str(path), fix="check the path; it must be a YAML file")
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError("This file is not YAML.", where=f"{path}{line}", got=str(error.problem)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("This file is not YAML.", where=str(path), got=first_line(error)) from error
    if not isinstance(data, dict):
        raise ConfigError("This file holds no keys.", where=str(path), got=type(data).__name__)
    return data


def build(model: type[ModelT], data: dict[str, Any], where: str) -> ModelT:
    """Validate ``data`` as ``model``.

    Raises:
        ConfigError: naming file, line and key of the first fault.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first.get("ctx", {}).get("error")
        key_path = [*_keys(data, first["loc"]), *(reason.key.split(".") if isinstance(reason, KeyedError) else [])]
        key = ".".join(key_path) or "(top level)"
        message = first["msg"].removeprefix("Value error, ")
        got = repr(_at(data, key_path, first["input"]))
        raise ConfigError(
            message if message.startswith("unknown key") else f"Wrong value for '{key}': {message}.",
            where=f"{where}{_line(Path(where), key_path)}, key {key}",
            got=got if len(got) < 200 else got[:200] + "...",
            fix="correct the key; every key is described in docs/reference/ (sources, signals, rewards, settings)",
        ) from error


def _keys(data: Any, loc: Sequence[int | str]) -> list[str]:
    """The keys of the data on the way to an error; pydantic also names the variant chosen by 'kind' or 'type'."""
    keys: list[str] = []
    is_told = False
    for part in loc:
        if isinstance(data, dict) and part in (data.get("kind"), data.get("type")) and not is_told:
            is_told = True
            continue
        keys.append(str(part))
        inside = isinstance(data, dict) and part in data
        data = data[part] if inside or (isinstance(data, list) and isinstance(part, int)) else None
        is_told = False
    return keys


def _at(data: Any, keys: Sequence[str], otherwise: Any) -> Any:
    """What the data have at a path of keys; what was found wrong where they have nothing there."""
    for key in keys:
        if isinstance(data, dict) and key in data:
            data = data[key]
        elif isinstance(data, list | tuple) and key.isdigit() and int(key) < len(data):
            data = data[int(key)]
        else:
            return otherwise if not isinstance(otherwise, dict) else "nothing"
    return data


def _line(path: Path, keys: Sequence[str]) -> str:
    """``, line N`` of a path of keys in a file: of the deepest key that is there."""
    if not path.is_file():
        return ""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == key), None)
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            found = (node.value[int(key)], node.value[int(key)])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return f", line {line}"
