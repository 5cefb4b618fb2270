"""Definitions as plain data: their fields, their YAML, and the differences between two versions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition

MAX_LINE_CHARS = 80
"""Longer texts are folded over several lines."""


class _FoldingDumper(yaml.SafeDumper):
    """Folds long texts over several lines."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=">" if len(text) > MAX_LINE_CHARS else None)


_FoldingDumper.add_representer(str, _represent_text)


@dataclass(frozen=True)
class FieldChange:
    """A field that differs between two versions, as YAML; an absent field is an empty text."""

    field: str
    before: str
    after: str


def dump_definition(definition: Definition | Reward) -> dict[str, Any]:
    """Convert a definition to JSON data, with defaults included."""
    return definition.model_dump(mode="json", by_alias=True)


def format_yaml(definition: Definition | Reward) -> str:
    """Format a definition as YAML, with the keys of its file in the order of the reference."""
    fields = definition.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return yaml.dump(fields, Dumper=_FoldingDumper, sort_keys=False, allow_unicode=True, width=88)


def flatten_fields(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every field as its dotted path and its value as YAML; a list is one field."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from flatten_fields(child, f"{path}.{key}" if path else str(key))
    else:
        yield path, format_scalar(value)


def format_scalar(value: object) -> str:
    """Format a value on one line: ``true``, ``14``, ``[a, b]``; an unset value is an empty text."""
    if value is None or value in ([], {}, ""):
        return ""
    if isinstance(value, str):
        return value.strip()
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).removesuffix("...\n").strip()


def compare_versions(before: Definition | Reward, after: Definition | Reward) -> Sequence[FieldChange]:
    """List the fields in which a version differs from the previous one, in the order of the later version."""
    old, new = (dict(flatten_fields(dump_definition(definition))) for definition in (before, after))
    paths = [*new, *(path for path in old if path not in new)]
    fields = [FieldChange(path, old.get(path, ""), new.get(path, "")) for path in paths if path != "version"]
    return [field for field in fields if field.before != field.after]
